"""A request, the regions, the configuration -> the candidates in order, and why everyone else is out. No I/O, no clock.

    need(operation, params, options)  what a request asks for, read from the request itself
    Router(config).candidates(need, now, draw)  -> Plan

What excludes an endpoint, in this order: the caller's filters, the region list, the resource, the model mapping; then
cutovers; then what is certain about the model (retired, lacks a capability, too small a context). Certain facts about a
model never stop the only one left: the vendor judges, as it would for openai. Health is not looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmswitch import _endpoints, _override
from llmswitch import adapter as adapters
from llmswitch._need import Need, need
from llmswitch._options import Options
from llmswitch.report import Change
from llmswitch.retirement import retirement

if TYPE_CHECKING:
    import datetime

    from llmswitch._cutover import Cutover
    from llmswitch._override import Override
    from llmswitch.adapter import Adapter, Fact, Model
    from llmswitch.config import Config, Endpoint

__all__ = ["Candidate", "Exclusion", "Need", "Options", "Plan", "Router", "candidates", "need"]

_MAPPED: Final = frozenset({"chat", "embeddings"})  # operations whose model may be another one elsewhere
_STATELESS: Final = _MAPPED | {"models"}  # everything else leaves something at the vendor, or reads it from there
_CACHE: Final = 1024
_ANY: Final = 2**63


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who may serve a call, in order, and who may not.

    `options` are the call's, completed by the client's; `retired` is what is said of the model asked for where its vendor has
    retired it.
    """

    candidates: tuple[Candidate, ...]
    excluded: tuple[Exclusion, ...]
    region: str | None
    user_region: str | None
    options: Options
    retired: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One endpoint's case: a candidate, or excluded; or both, where only a fact about the model speaks against it."""

    endpoint: Endpoint
    candidate: Candidate | None = None
    exclusion: Exclusion | None = None
    key: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Case:
    """What holds for all requests alike that ask the same."""

    judged: tuple[Judged, ...]
    region: str | None
    user_region: str | None
    options: Options
    cutovers: tuple[Cutover, ...]
    context: int  # the smallest context among the candidates
    retired: str
    plans: dict[tuple[Cutover, ...], Plan]


@dataclass(frozen=True, slots=True)
class _Target:
    model: str
    why: str
    place: int = 0
    native: bool = False


def candidates(config: Config, need: Need, now: datetime.datetime, draw: float = 0.0) -> Plan:
    """`Router(config).candidates(...)` for one call. A client keeps its Router, which remembers."""
    return Router(config).candidates(need, now, draw)


class Router:
    """Answers `candidates` for one configuration and remembers what does not change. Threads may share it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._day = 0
        self._cases: dict[tuple[str, str, frozenset[str], int | None, Options | None], _Case] = {}

    def candidates(self, need: Need, now: datetime.datetime, draw: float = 0.0) -> Plan:
        """Who may serve this.

        Args:
            need: what the request asks for.
            now: with its offset; decides cutovers and retirements.
            draw: 0 <= draw < 1, drawn anew for each call: during a ramp, a provider is out for the draws below its share.
        """
        case = self._case(need, now)
        out: tuple[Cutover, ...] = ()
        if case.cutovers:
            moment = now.timestamp()
            out = tuple(cutover for cutover in case.cutovers if draw < cutover.share(moment))
        if need.tokens > case.context:
            return self._plan(case, out, need)
        plan = case.plans.get(out)
        if plan is None:
            plan = case.plans[out] = self._plan(case, out, need)
        return plan

    def judge(self, endpoint: Endpoint, need: Need, today: datetime.date) -> Judged:
        """One endpoint's case, whether it takes part or not; without cutovers and the context's size."""
        return _Judge(self._config, need, today).judge(endpoint)

    def _case(self, need: Need, now: datetime.datetime) -> _Case:
        if (day := now.toordinal()) != self._day or len(self._cases) >= _CACHE:
            self._day, self._cases = day, {}
        key = (need.operation, need.model, need.requires, need.dimensions, need.options)
        case = self._cases.get(key)
        if case is None:
            case = self._cases[key] = self._new_case(need, now)
        return case

    def _new_case(self, need: Need, now: datetime.datetime) -> _Case:
        judge = _Judge(self._config, need, now.date())
        judged = sorted(map(judge.judge, self._config.endpoints), key=lambda one: one.key)
        sizes = [one.candidate.context for one in judged if one.candidate and one.candidate.context is not None]
        return _Case(
            judged=tuple(judged),
            region=judge.region,
            user_region=judge.user_region,
            options=self._completed(need.options or Options()),
            cutovers=tuple(c for c in self._config.cutovers if c.covers(judge.region, judge.user_region)),
            context=min(sizes, default=_ANY),
            retired=judge.retired,
            plans={},
        )

    def _completed(self, options: Options) -> Options:
        config = self._config
        return replace(
            options,
            strict=config.strict if options.strict is None else options.strict,
            deadline=config.deadline if options.deadline is None else options.deadline,
            on_content_filter=options.on_content_filter or config.on_content_filter,
            on_interrupt=options.on_interrupt or config.on_interrupt,
            failover=config.failover if options.failover is None else options.failover,
        )

    def _plan(self, case: _Case, out: tuple[Cutover, ...], need: Need) -> Plan:
        inside: list[Candidate] = []
        spare: list[tuple[Candidate, Exclusion]] = []  # out for a fact about the model alone
        excluded: list[Exclusion] = []
        for one in case.judged:
            exclusion = _cut_over(one.endpoint, out)
            candidate = one.candidate
            if exclusion is not None or candidate is None:
                excluded += [found for found in (one.exclusion or exclusion,) if found is not None]
                continue
            too_small = one.exclusion or _too_small(candidate, need)
            if too_small is not None:
                spare.append((candidate, too_small))
            else:
                inside.append(candidate)
        if not inside and spare:
            inside.append(spare.pop(0)[0])
        excluded += [exclusion for _, exclusion in spare]
        if reason := _alone(case.options, need):
            excluded += [_exclusion(c.endpoint, reason, "the caller", model=c.model) for c in inside[1:]]
            del inside[1:]
        return Plan(
            candidates=tuple(inside),
            excluded=tuple(excluded),
            region=case.region,
            user_region=case.user_region,
            options=case.options,
            retired=case.retired,
        )


class _Judge:
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
                _dated(endpoint, target, fact) if fact else _exclusion(endpoint, target, "no adapter lists the model")
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
            return _exclusion(
                endpoint, "base_url is a private address, which calls leave only with failover=True", "base_url"
            )
        if options.providers is not None and names.isdisjoint(options.providers):
            return _exclusion(
                endpoint, f"this call allows only {', '.join(options.providers) or 'nobody'}", "providers of the call"
            )
        objection = options.policy.objection(endpoint, self.region, "this call")
        return _exclusion(endpoint, objection.reason, objection.source, as_of=objection.as_of) if objection else None

    def _region(self, endpoint: Endpoint) -> Exclusion | None:
        site = endpoint.site
        places = [(self.region, "where the call leaves from")]
        if "end_user" in site.binds:
            places.append((self.user_region, "where the users are"))
        for code, who in places:
            if code is not None and code not in endpoint.serves_also and site.verdict(code) == "not_served":
                return _dated(endpoint, f"does not serve {code}, {who}", site.fact, kind="region_blocked")
        return None

    def _resource(self, endpoint: Endpoint) -> Exclusion | None:
        operation, resources = self._need.operation, endpoint.adapter.resources
        if "*" in resources or operation in resources:
            return None
        return _exclusion(endpoint, f"has no {operation}", f"adapter {endpoint.provider}")

    # --- with which model ---

    def _target(self, endpoint: Endpoint) -> _Target | str:  # noqa: PLR0911 - a case each
        """The model on the wire; or, in words, why there is none."""
        if self._need.operation not in _MAPPED:
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
            return _dated(
                candidate.endpoint, candidate.retired, facts.fact, model=candidate.model, kind="model_not_found"
            )
        if missing := sorted(self._need.requires & facts.lacks):
            reason = f"{candidate.model} has no {', '.join(missing)}"
            return _dated(candidate.endpoint, reason, facts.fact, model=candidate.model)
        asked = self._need.dimensions
        if asked is not None and facts.lacks_dimensions(asked):
            reason = f"{candidate.model} makes no vectors of {asked} dimensions, but of {facts.sizes}"
            return _dated(candidate.endpoint, reason, facts.fact, model=candidate.model)
        return None


# --- parts ---


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


def _exclusion(
    endpoint: Endpoint, reason: str, source: str, *, as_of: str = "", model: str = "", kind: str | None = None
) -> Exclusion:
    name = endpoint.site.name
    return Exclusion(
        provider=endpoint.provider, site=name, reason=reason, source=source, as_of=as_of, model=model, kind=kind
    )


def _dated(endpoint: Endpoint, reason: str, fact: Fact, *, model: str = "", kind: str | None = None) -> Exclusion:
    return _exclusion(endpoint, reason, fact.source, as_of=fact.as_of, model=model, kind=kind)


def _cut_over(endpoint: Endpoint, out: tuple[Cutover, ...]) -> Exclusion | None:
    for cutover in out:
        if cutover.provider in (endpoint.provider, endpoint.name):
            places = "everywhere" if "*" in cutover.regions else f"for {', '.join(sorted(cutover.regions))}"
            return _exclusion(endpoint, f"cutover: out {places} from {cutover.at.isoformat()}", cutover.source)
    return None


def _too_small(candidate: Candidate, need: Need) -> Exclusion | None:
    if candidate.context is None or need.tokens <= candidate.context:
        return None
    facts = candidate.endpoint.adapter.model(candidate.model)
    reason = f"{candidate.model} takes {candidate.context} input tokens, this call has at least {need.tokens}"
    return _dated(candidate.endpoint, reason, facts.fact if facts else candidate.fact, model=candidate.model)


def _alone(options: Options, need: Need) -> str:
    """Why only one candidate may be asked; "" where several may."""
    if options.failover is False:
        return "failover=False: only the first candidate is asked"
    if need.operation not in _STATELESS:
        return f"{need.operation} leaves its data with one vendor: no failover"
    return ""
