"""Why a call would go where it goes: every known endpoint, in or out, with reason, source and date. Sends nothing."""

from __future__ import annotations

import datetime
import pkgutil
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from llmswitch import _endpoints, adapter
from llmswitch._table import nearest
from llmswitch.errors import ConfigError
from llmswitch.region import Region, detect, normalise
from llmswitch.routing import Need, Router, need

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmswitch._cutover import Cutover
    from llmswitch._json import Json
    from llmswitch.config import Absent, Config
    from llmswitch.routing import Candidate, Exclusion, Plan

__all__ = ["Explanation", "Row", "explain"]

_ALWAYS: Final = 1.0  # a draw that no ramp takes
_ROUTED: Final = ("chat", "embeddings", "models")
_BETA: Final = frozenset({"assistants", "threads"})  # of `client.beta`


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One endpoint. `rank` is 1 for the one asked first, None for those out; `model` the name on the wire, or ""."""

    provider: str
    site: str
    rank: int | None
    model: str
    reason: str
    source: str
    as_of: str

    @property
    def included(self) -> bool:
        """Whether it would be asked."""
        return self.rank is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What `explain` found; print it, or take `to_dict()`."""

    model: str
    operation: str
    region: Region
    user_region: Region
    rows: tuple[Row, ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> Json:
        """Plain data, for `json.dumps`."""
        return {
            "model": self.model,
            "operation": self.operation,
            "region": {"code": self.region.code, "source": self.region.source},
            "user_region": {"code": self.user_region.code, "source": self.user_region.source},
            "rows": [{**asdict(row), "included": row.included} for row in self.rows],
            "warnings": list(self.warnings),
        }

    def __str__(self) -> str:
        head = f"{self.model or self.operation} · region {self.region} · users {self.user_region}"
        table = [("", "provider", "model", "reason", "source")]
        for row in self.rows:
            source = f"{row.source} ({row.as_of})" if row.as_of else row.source
            table.append((str(row.rank or "-"), f"{row.provider}@{row.site}", row.model or "-", row.reason, source))
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]) - 1)]
        lines = ["  ".join((*map(str.ljust, line[:-1], widths), line[-1])).rstrip() for line in table]
        return "\n".join((head, *lines, *self.warnings))


def explain(
    model: str | None = None,
    region: str | None = None,
    user_region: str | None = None,
    *,
    config: Config | None = None,
    environ: Mapping[str, str] | None = None,
    operation: str = "chat",
    requires: Iterable[str] = (),
    tokens: int = 0,
    options: Mapping[str, object] | None = None,
    now: datetime.datetime | None = None,
) -> Explanation:
    """Who could serve a call, in order, and why the others could not.

    Args:
        model: as the app names it; None asks about places alone.
        region: where the call leaves from (ISO 3166-1 alpha-2); default: as configured.
        user_region: where the users are; default: as configured.
        config: a client's; default: read from the environment and llmswitch.toml, with these regions in place of
            theirs.
        environ: default `os.environ`.
        operation: "chat", "embeddings", "models", or a resource that only OpenAI has, such as "files".
        requires: capabilities the call uses: "tools", "vision", "json_object", "json_schema", "stream", "logprobs".
        tokens: how many input tokens it has, at least.
        options: as `extra_body={"llmswitch": ...}` of a call.
        now: the moment asked about, with its offset; default: now.

    Raises:
        ConfigError: a region is no country, there is no such operation or capability, or the configuration is wrong.
        InvalidRequestError: `options` are wrong.
    """
    _check("operation", operation, _operations())
    wanted = frozenset([requires] if isinstance(requires, str) else requires)
    for capability in wanted:
        _check("requires", capability, adapter.CAPABILITIES)
    config = _configured(environ, region, user_region) if config is None else _moved(config, region, user_region)
    if model is None and operation == "chat":
        operation = "models"
    asked = need(operation, {"model": model or ""}, options)
    asked = replace(asked, requires=asked.requires | wanted, tokens=tokens)
    moment = now or datetime.datetime.now(datetime.UTC)
    router = Router(config)
    plan = router.candidates(asked, moment, _ALWAYS)
    ahead = tuple(c for c in config.cutovers if c.covers(plan.region, plan.user_region) and c.at > moment)
    rows = [_in(candidate, rank, ahead) for rank, candidate in enumerate(plan.candidates, 1)]
    rows += map(_out, plan.excluded)
    absent = sorted(config.absent, key=lambda one: _endpoints.rank(one.endpoint, plan.region, config.order))
    rows += [_absent(router, one, asked, moment.date()) for one in absent]
    return Explanation(
        model=model or "",
        operation=operation,
        region=_region(config.region, plan, "region"),
        user_region=_region(config.user_region, plan, "user_region"),
        rows=tuple(rows),
        warnings=config.warnings,
    )


def _operations() -> tuple[str, ...]:
    """What routing knows, then whatever else the installed openai has: its modules' names, without importing it."""
    spec = find_spec("openai")
    places = [f"{place}/resources" for place in (spec.submodule_search_locations or () if spec else ())]
    resources = {module.name for module in pkgutil.iter_modules(places)} | _BETA
    return (*_ROUTED, *sorted(resources.difference(_ROUTED, ("beta",))))


def _check(name: str, found: object, allowed: tuple[str, ...]) -> None:
    if found in allowed:
        return
    close = nearest(found.lower().partition(".")[0], allowed) if isinstance(found, str) else ""
    raise ConfigError(f"argument {name}: found {found!r}; allowed: {', '.join(allowed)}{close or '.'}")


def _configured(environ: Mapping[str, str] | None, region: str | None, user_region: str | None) -> Config:
    import os  # noqa: PLC0415 - only where the caller gives no environment

    from llmswitch.config import load  # noqa: PLC0415 - reads files; a given Config needs none of it

    return load(environ=os.environ if environ is None else environ, region=region, user_region=user_region)


def _moved(config: Config, region: str | None, user_region: str | None) -> Config:
    """The same configuration, seen from elsewhere; its endpoints stay."""
    if region is not None:
        config = replace(config, region=detect(region, {}))
    if user_region is not None:
        config = replace(
            config, user_region=Region(normalise(user_region, where="user_region"), "argument user_region")
        )
    return config


def _region(configured: Region, plan: Plan, name: str) -> Region:
    """The region that counted, and who said so: an option of the call stands above the client's."""
    code = plan.region if name == "region" else plan.user_region
    return configured if code == configured.code else Region(code, f"{name} of the call")


def _in(candidate: Candidate, rank: int, ahead: tuple[Cutover, ...]) -> Row:
    endpoint = candidate.endpoint
    reason = candidate.reason
    for cutover in ahead:
        if cutover.provider in (endpoint.provider, endpoint.name):
            ramp = f", ramping for {cutover.ramp:.0f} s before" if cutover.ramp else ""
            reason += f"; out from {cutover.at.isoformat()}{ramp} ({cutover.source})"
    fact = candidate.fact
    return Row(
        provider=endpoint.provider,
        site=endpoint.site.name,
        rank=rank,
        model=candidate.model,
        reason=reason,
        source=fact.source,
        as_of=fact.as_of,
    )


def _out(exclusion: Exclusion) -> Row:
    return Row(
        provider=exclusion.provider,
        site=exclusion.site,
        rank=None,
        model=exclusion.model,
        reason=exclusion.reason,
        source=exclusion.source,
        as_of=exclusion.as_of,
    )


def _absent(router: Router, absent: Absent, asked: Need, today: datetime.date) -> Row:
    """What keeps it out, and what else would: a key does not help where the vendor does not serve."""
    endpoint = absent.endpoint
    judged = router.judge(endpoint, asked, today)
    fact, candidate = endpoint.site.fact, judged.candidate
    reason = absent.reason
    source, as_of = fact.source, fact.as_of
    if absent.objection is not None:
        _, source, as_of = absent.objection
    elif judged.exclusion is not None and judged.exclusion.kind == "region_blocked":
        reason = f"{judged.exclusion.reason}; {reason}"
    elif judged.exclusion is not None:  # a key alone would not help
        reason = f"{reason}; {judged.exclusion.reason}"
        source, as_of = judged.exclusion.source, judged.exclusion.as_of
    elif candidate is not None:
        reason = f"{reason}; {candidate.reason.partition('; ')[0]}"
    return Row(
        provider=endpoint.provider,
        site=endpoint.site.name,
        rank=None,
        model=candidate.model if candidate else "",
        reason=reason,
        source=source,
        as_of=as_of,
    )
