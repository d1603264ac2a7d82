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

from llmswitch._judge import MAPPED, Candidate, Exclusion, Judge
from llmswitch._need import Need, need
from llmswitch._options import Options

if TYPE_CHECKING:
    import datetime

    from llmswitch._cutover import Cutover
    from llmswitch._judge import Judged
    from llmswitch.config import Config, Endpoint

__all__ = ["Candidate", "Exclusion", "Need", "Options", "Plan", "Router", "candidates", "need"]

_STATELESS: Final = MAPPED | {"models"}  # everything else leaves something at the vendor, or reads it from there
_CACHE: Final = 1024
_ANY: Final = 2**63


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
        return Judge(self._config, need, today).judge(endpoint)

    def _case(self, need: Need, now: datetime.datetime) -> _Case:
        if (day := now.toordinal()) != self._day or len(self._cases) >= _CACHE:
            self._day, self._cases = day, {}
        key = (need.operation, need.model, need.requires, need.dimensions, need.options)
        case = self._cases.get(key)
        if case is None:
            case = self._cases[key] = self._new_case(need, now)
        return case

    def _new_case(self, need: Need, now: datetime.datetime) -> _Case:
        judge = Judge(self._config, need, now.date())
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
            excluded += [Exclusion.at(c.endpoint, reason, "the caller", model=c.model) for c in inside[1:]]
            del inside[1:]
        return Plan(
            candidates=tuple(inside),
            excluded=tuple(excluded),
            region=case.region,
            user_region=case.user_region,
            options=case.options,
            retired=case.retired,
        )


def _cut_over(endpoint: Endpoint, out: tuple[Cutover, ...]) -> Exclusion | None:
    for cutover in out:
        if cutover.provider in (endpoint.provider, endpoint.name):
            places = "everywhere" if "*" in cutover.regions else f"for {', '.join(sorted(cutover.regions))}"
            return Exclusion.at(endpoint, f"cutover: out {places} from {cutover.at.isoformat()}", cutover.source)
    return None


def _too_small(candidate: Candidate, need: Need) -> Exclusion | None:
    if candidate.context is None or need.tokens <= candidate.context:
        return None
    facts = candidate.endpoint.adapter.model(candidate.model)
    reason = f"{candidate.model} takes {candidate.context} input tokens, this call has at least {need.tokens}"
    return Exclusion.by_fact(candidate.endpoint, reason, facts.fact if facts else candidate.fact, model=candidate.model)


def _alone(options: Options, need: Need) -> str:
    """Why only one candidate may be asked; "" where several may."""
    if options.failover is False:
        return "failover=False: only the first candidate is asked"
    if need.operation not in _STATELESS:
        return f"{need.operation} leaves its data with one vendor: no failover"
    return ""
