"""One endpoint and one request: a candidate, with which model and in which place, or why not. Part of `routing`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from llmswitch import _endpoints, _override
from llmswitch import adapter as adapters
from llmswitch._options import Options
from llmswitch.report import Change
from llmswitch.retirement import retirement

if TYPE_CHECKING:
    import datetime

    from llmswitch._need import Need
    from llmswitch._override import Override
    from llmswitch.adapter import Adapter, Fact, Model
    from llmswitch.config import Config, Endpoint

MAPPED: Final = frozenset({"chat", "embeddings"})  # operations whose model may be another one elsewhere


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """An endpoint and the model it would serve this call with.

    Attributes:
        model: the name on the wire.
        tier: what the model is for, None where nobody knows.
        context: input tokens, None where not known.
        reason: why it is in, in words; `fact` is where the statement about its region comes from.
        discouraged: meant for other regions, though not refused.
        changes: what differs from the caller's request: the model's name.
        retired: what is said of its model where the vendor has retired it, "" where not.
    """

    endpoint: Endpoint
    model: str
    tier: str | None
    context: int | None
    reason: str
    fact: Fact
    discouraged: bool = False
    changes: tuple[Change, ...] = ()
    retired: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An endpoint that is out, why, who says so and since when (`as_of`, "" where it is no dated fact).

    `kind` is the failure's kind that this amounts to ("region_blocked", "model_not_found"), None where there is none; `asked`:
    the caller's own filter says so.
    """

    provider: str
    site: str
    reason: str
    source: str
    as_of: str = ""
    model: str = ""
    kind: str | None = None
    asked: bool = False

    def __str__(self) -> str:
        return f"{self.provider}@{self.site}: {self.reason}"

    @classmethod
    def at(
        cls, endpoint: Endpoint, reason: str, source: str, *, as_of: str = "", model: str = "", kind: str | None = None
    ) -> Self:
        """This endpoint's."""
        name = endpoint.site.name
        return cls(
            provider=endpoint.provider, site=name, reason=reason, source=source, as_of=as_of, model=model, kind=kind
        )

    @classmethod
    def by_fact(cls, endpoint: Endpoint, reason: str, fact: Fact, *, model: str = "", kind: str | None = None) -> Self:
        """This endpoint's, where a dated fact says so."""
        return cls.at(endpoint, reason, fact.source, as_of=fact.as_of, model=model, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One endpoint's case: a candidate, or excluded; or both, where only a fact about the model speaks against it."""

    endpoint: Endpoint
    candidate: Candidate | None = None
    exclusion: Exclusion | None = None
    key: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class _Target:
    model: str
    why: str
    place: int = 0
    native: bool = False


class Judge:
    """Decides about endpoints, one by one, for one kind of request."""

    def __init__(self, config: Config, need: Need, today: datetime.date) -> None:
        options = need.options or Options()
        self._config, self._need, self._options, self._today = config, need, options, today
        self.region = options.region or config.region.code
        self.user_region = options.user_region or config.user_region.code
        self._order = options.order if options.order is not None else config.order
        self._model, self._override = _override.follow(config.models, need.model)
        vendor = _vendor(self._model)
        self._known = vendor.model(self._model) if vendor else None
        self.retired = retirement(vendor, self._model, today) if vendor else ""

    def judge(self, endpoint: Endpoint) -> Judged:
        rank = _endpoints.rank(endpoint, self.region, self._order)
        exclusion = self._filtered(endpoint)
        if exclusion is not None:
            exclusion = replace(exclusion, asked=True)
        exclusion = exclusion or self._region(endpoint) or self._resource(endpoint)
        target = self._target(endpoint) if exclusion is None else None
        if isinstance(target, str):
            fact = self._known.fact if self._known else None
            exclusion = (
                Exclusion.by_fact(endpoint, target, fact)
                if fact
                else Exclusion.at(endpoint, target, "no adapter lists the model")
            )
        if exclusion is not None or target is None or isinstance(target, str):
            return Judged(endpoint=endpoint, exclusion=exclusion, key=(True, *rank))
        candidate = self._candidate(endpoint, target)
        # An order of the user's stands above what is meant for elsewhere; so does an endpoint the caller named.
        last = candidate.discouraged and not endpoint.explicit
        key = (False, rank[0], target.place, last, not endpoint.explicit, not target.native, *rank[1:])
        return Judged(endpoint=endpoint, candidate=candidate, exclusion=self._unfit(candidate), key=key)

    # --- who ---

    def _filtered(self, endpoint: Endpoint) -> Exclusion | None:
        """The caller's own filters: hard."""
        options, names = self._options, {endpoint.provider, endpoint.name}
        if self._config.stays and not endpoint.explicit and options.failover is not True:
            return Exclusion.at(
                endpoint, "base_url is a private address, which calls leave only with failover=True", "base_url"
            )
        if options.providers is not None and names.isdisjoint(options.providers):
            return Exclusion.at(
                endpoint, f"this call allows only {', '.join(options.providers) or 'nobody'}", "providers of the call"
            )
        objection = options.policy.objection(endpoint, self.region, "this call")
        return Exclusion.at(endpoint, objection.reason, objection.source, as_of=objection.as_of) if objection else None

    def _region(self, endpoint: Endpoint) -> Exclusion | None:
        site = endpoint.site
        places = [(self.region, "where the call leaves from")]
        if "end_user" in site.binds:
            places.append((self.user_region, "where the users are"))
        for code, who in places:
            if code is not None and code not in endpoint.serves_also and site.verdict(code) == "not_served":
                return Exclusion.by_fact(endpoint, f"does not serve {code}, {who}", site.fact, kind="region_blocked")
        return None

    def _resource(self, endpoint: Endpoint) -> Exclusion | None:
        operation, resources = self._need.operation, endpoint.adapter.resources
        if "*" in resources or operation in resources:
            return None
        return Exclusion.at(endpoint, f"has no {operation}", f"adapter {endpoint.provider}")

    # --- with which model ---

    def _target(self, endpoint: Endpoint) -> _Target | str:  # noqa: PLR0911 - a case each
        """The model on the wire; or, in words, why there is none."""
        if self._need.operation not in MAPPED:
            return _Target(self._need.model, "as it is")
        adapter, model = endpoint.adapter, self._model
        if self._override is not None and (overridden := _overridden(self._override, endpoint)) is not None:
            return overridden
        if endpoint.first and endpoint.site.serves == "anywhere" and not adapter.keyless:
            return _Target(model, "its host is no known vendor's: the model's name stays", native=True)
        prefix, slash, rest = model.partition("/")
        if endpoint.first and adapter.deployments:
            return _Target(self._need.model, "the account's own name for it stays", native=True)
        if endpoint.first and adapter.relay and slash and (prefix != endpoint.provider or "/" not in rest):
            return _Target(model, "a relay's own name for it stays", native=True)
        if slash and rest and prefix in adapters.adapters():
            if prefix == endpoint.provider:
                return _Target(rest, "named exactly", native=True)
            return f"the model's name asks for {prefix} exactly"
        if adapter.model(model) is not None:
            return _Target(model, "its own model", native=True)
        return self._by_tier(endpoint)

    def _by_tier(self, endpoint: Endpoint) -> _Target | str:
        model, known, adapter = self._model, self._known, endpoint.adapter
        advice = f'[models] "{model}" = {{ {endpoint.provider} = "…" }} says which to use'
        if known is None:
            if endpoint.first:
                return _Target(model, "unknown to llmswitch: the first endpoint gets it unchanged")
            return f"the model is unknown to llmswitch, so only the first endpoint gets it; {advice}"
        if "embeddings" in self._need.requires:
            return f"another embedding model is another space, equal dimension or not; {advice}"
        tiers = endpoint.site.tiers or adapter.tiers
        name = tiers.get(known.tier)
        if "vision" in self._need.requires and "vision" not in _capabilities(adapter.model(name or "")):
            vision = tiers.get("vision")
            if "vision" in _capabilities(adapter.model(vision or "")):
                name = vision
        if name is None:
            return f"has no model of the tier {known.tier}; {advice}"
        return _Target(name, f"tier {known.tier}")

    def _candidate(self, endpoint: Endpoint, target: _Target) -> Candidate:
        asked, site = self._need.model, endpoint.site
        facts = endpoint.adapter.model(target.model)
        changes: tuple[Change, ...] = ()
        if target.model != asked:
            changes = (Change("model", "converted", asked, target.model, target.why),)
        verdict = site.verdict(self.region) if self.region else None
        why = f"{asked} -> {target.model}: {target.why}" if changes else target.why
        return Candidate(
            endpoint=endpoint,
            model=target.model,
            tier=facts.tier if facts else self._known.tier if self._known else None,
            context=facts.context if facts else None,
            reason=f"{self._place(endpoint)}; {why}" if target.model else self._place(endpoint),
            fact=site.fact,
            discouraged=verdict == "discouraged" and self.region not in endpoint.serves_also,
            changes=changes,
            retired=retirement(endpoint.adapter, target.model, self._today),
        )

    def _place(self, endpoint: Endpoint) -> str:
        code = self.region
        if endpoint.site.serves == "anywhere":
            return "no region list applies"
        if code is None:
            return "region unknown, nothing is filtered"
        if code in endpoint.serves_also:
            return f"serves {code} (serves_also in your settings)"
        words = {"served": f"serves {code}", "unknown": f"nobody says whether it serves {code}"}
        return words.get(endpoint.site.verdict(code), f"meant for elsewhere, does not refuse {code}")

    def _unfit(self, candidate: Candidate) -> Exclusion | None:
        """What is certain about the model and speaks against it."""
        facts = candidate.endpoint.adapter.model(candidate.model)
        if facts is None:
            return None
        if candidate.retired:
            return Exclusion.by_fact(
                candidate.endpoint, candidate.retired, facts.fact, model=candidate.model, kind="model_not_found"
            )
        if missing := sorted(self._need.requires & facts.lacks):
            reason = f"{candidate.model} has no {', '.join(missing)}"
            return Exclusion.by_fact(candidate.endpoint, reason, facts.fact, model=candidate.model)
        asked = self._need.dimensions
        if asked is not None and facts.lacks_dimensions(asked):
            reason = f"{candidate.model} makes no vectors of {asked} dimensions, but of {facts.sizes}"
            return Exclusion.by_fact(candidate.endpoint, reason, facts.fact, model=candidate.model)
        return None


def _vendor(model: str) -> Adapter | None:
    """Who says anything about a name, the first in their order."""
    every = map(adapters.get, adapters.adapters() if model else ())
    return next((adapter for adapter in every if adapter.model(model)), None)


def _overridden(override: Override, endpoint: Endpoint) -> _Target | str | None:
    """What `[models]` says for this endpoint, None where it leaves it to the ordinary mapping."""
    for place, (provider, name) in enumerate(override.exact):
        if provider == endpoint.provider:
            return _Target(name, f"{override.source} says so", place)
    if override.exact:
        return f"{override.source} names others only"
    for key in (endpoint.name, endpoint.provider):
        if key in override.providers:
            return _Target(override.providers[key], f"{override.source} says so")
    return None


def _capabilities(model: Model | None) -> frozenset[str]:
    return model.capabilities if model else frozenset()
