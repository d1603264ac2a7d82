"""The models that are known, or that would serve in place of one, best first: limits, capabilities, retirement, price. Sends nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from llmswitch import adapter as adapters
from llmswitch import cost
from llmswitch._source import allowed_names, resolve
from llmswitch.errors import ConfigError
from llmswitch.explanation import explain
from llmswitch.routing import Router, need

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter, Model
    from llmswitch.config import Config, Endpoint
    from llmswitch.explanation import Row

__all__ = ["Entry", "known", "like"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model at one endpoint; None and empty where nobody says.

    Attributes:
        rank: 1 for the one asked first; None for those that would not be asked, and where no model was named to serve for.
        usable: whether it would be asked.
        model: the name on the wire, "" where none was found.
        capabilities: what it has; `lacks` what it certainly has not; what is in neither is not known.
        retired: the last day on which it answers, YYYY-MM-DD; `successor` is what the vendor names in its place.
        key: where its key comes from, None without one.
        why: why it would be asked, or why not; `source` and `as_of` are of that.
        facts: source, as_of and confidence of what is said of the model.
        prices: per million tokens, see `llmswitch.cost.listed`.
    """

    provider: str
    site: str
    model: str
    rank: int | None = None
    usable: bool = False
    tier: str | None = None
    context: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    retired: str | None = None
    successor: str | None = None
    key: str | None = None
    why: str = ""
    source: str = ""
    as_of: str = ""
    facts: Json = field(default_factory=dict)
    prices: tuple[Json, ...] = ()

    @property
    def endpoint(self) -> str:
        """`provider@site`."""
        return f"{self.provider}@{self.site}"

    def to_dict(self) -> Json:
        """Plain data, for `json.dumps`."""
        return {"endpoint": self.endpoint, **asdict(self)}


def like(
    config: Config,
    model: str,
    now: datetime.datetime,
    *,
    options: Mapping[str, object] | None = None,
    provider: str | None = None,
    tier: str | None = None,
) -> tuple[Entry, ...]:
    """What would serve a call for this model, in the order in which it would be asked; then what would not, and why.

    Args:
        config: says who has a key, where calls leave from, and `[models]`.
        model: as the app names it.
        now: decides cutovers and retirements.
        options: as `extra_body={"llmswitch": ...}` of a call.
        provider: only this one, `name` or `name@site`.
        tier: only models of this tier.

    Raises:
        ConfigError: there is no such provider.
        InvalidRequestError: `options` are wrong.
    """
    wanted = _provider(provider)
    operation = "embeddings" if _tier(model) == "embedding" else "chat"
    found = explain(model, config=config, operation=operation, options=options, now=now)
    endpoints = {endpoint.name: endpoint for endpoint in _endpoints(config)}
    entries = [_served(config, endpoints[f"{row.provider}@{row.site}"], row) for row in found.rows]
    return tuple(entry for entry in entries if _is_wanted(entry, wanted, tier))


def known(
    config: Config,
    now: datetime.datetime,
    *,
    options: Mapping[str, object] | None = None,
    provider: str | None = None,
    tier: str | None = None,
) -> tuple[Entry, ...]:
    """Every model that an adapter lists, each at the endpoint that a call for it would reach; arguments and errors as of `like`."""
    wanted = _provider(provider)
    names = adapters.adapters() if wanted is None else (wanted.partition("@")[0],)
    entries = (entry for name in names for entry in _of_vendor(config, adapters.get(name), wanted, now, options))
    return tuple(entry for entry in entries if _is_wanted(entry, wanted, tier))


def _of_vendor(
    config: Config, vendor: Adapter, wanted: str | None, now: datetime.datetime, options: Mapping[str, object] | None
) -> Iterator[Entry]:
    mine = [endpoint for endpoint in _endpoints(config) if endpoint.adapter is vendor]
    if wanted is not None and "@" in wanted:
        mine = [endpoint for endpoint in mine if endpoint.name == wanted]
    absent = {one.endpoint.name: one for one in config.absent}
    chosen = vendor.site_for(config.region.code)
    endpoint = min(mine, key=lambda one: (one.name in absent, one.site is not chosen))
    router = Router(config)
    for model in vendor.models.values():
        operation = "embeddings" if model.tier == "embedding" else "chat"
        asked = need(operation, {"model": f"{vendor.name}/{model.name}"}, options)
        judged = router.judge(endpoint, asked, now.date())
        out, missing, fact = judged.exclusion, absent.get(endpoint.name), endpoint.site.fact
        reasons = [out.reason] if out else []
        reasons += [missing.reason] if missing else []
        if not reasons and judged.candidate is not None:
            reasons = [judged.candidate.reason.partition("; ")[0]]
        said = (missing.objection if missing else None) or out or fact
        yield _entry(
            config,
            endpoint,
            model.name,
            usable=out is None and missing is None,
            why="; ".join(reasons),
            source=said.source,
            as_of=said.as_of,
        )


def _served(config: Config, endpoint: Endpoint, row: Row) -> Entry:
    return _entry(
        config,
        endpoint,
        row.model,
        rank=row.rank,
        usable=row.included,
        why=row.reason,
        source=row.source,
        as_of=row.as_of,
    )


def _entry(
    config: Config,
    endpoint: Endpoint,
    name: str,
    *,
    usable: bool,
    why: str,
    source: str,
    as_of: str,
    rank: int | None = None,
) -> Entry:
    model = endpoint.adapter.model(name)
    return Entry(
        provider=endpoint.provider,
        site=endpoint.site.name,
        model=name,
        rank=rank,
        usable=usable,
        tier=model.tier if model else None,
        context=model.context if model else None,
        max_output=model.max_output if model else None,
        capabilities=_sorted(model.capabilities) if model else (),
        lacks=_sorted(model.lacks) if model else (),
        retired=str(model.retired) if model and model.retired else None,
        successor=model.successor if model else None,
        key=endpoint.key_source or None,
        why=why,
        source=source,
        as_of=as_of,
        facts=_facts(model),
        prices=tuple(cost.listed(config.prices, endpoint.provider, endpoint.site.name, name)),
    )


def _facts(model: Model | None) -> Json:
    found: dict[str, JsonValue] = {**asdict(model.fact)} if model else {}
    return found


def _sorted(words: frozenset[str]) -> tuple[str, ...]:
    """Capabilities in the order in which they are listed."""
    return tuple(word for word in adapters.CAPABILITIES if word in words)


def _endpoints(config: Config) -> tuple[Endpoint, ...]:
    return (*config.endpoints, *(absent.endpoint for absent in config.absent))


def _tier(model: str) -> str | None:
    every = (adapters.get(name).model(model) for name in adapters.adapters())
    return next((found.tier for found in every if found is not None), None)


def _provider(name: str | None) -> str | None:
    if name is None:
        return None
    found = resolve(name)
    if found is None:
        raise ConfigError(f"provider: found {name!r}; allowed: {allowed_names(name)}.")
    return found


def _is_wanted(entry: Entry, provider: str | None, tier: str | None) -> bool:
    if provider not in (None, entry.provider, entry.endpoint):
        return False
    # A vendor's model may stand in for a tier that is not its own.
    return tier in (None, entry.tier) or adapters.get(entry.provider).tiers.get(tier or "") == entry.model
