"""Whose turn it is among the candidates of one call: as health has them, then who is worth a second attempt. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from llmswitch import wording
from llmswitch.failure import Failure, Kind
from llmswitch.health import Key
from llmswitch.report import Attempt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmswitch import errors
    from llmswitch.call import Call
    from llmswitch.engine import Engine
    from llmswitch.health import Admission
    from llmswitch.routing import Candidate, Plan

MAX_ATTEMPTS: Final = 3
# Worth one more try at the same endpoint: the vendor was busy, or nothing reached it.
_AGAIN = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.UNREACHABLE, Kind.UNKNOWN})


class Tried(NamedTuple):
    """An attempt that failed: what the vendor answered, and the exception where there was one."""

    candidate: Candidate
    attempt: Attempt
    failure: Failure
    reply: errors.Reply | None
    cause: BaseException | None


class Turns:
    """The candidates of one call. `held_back`: those whom health keeps out, and why."""

    def __init__(self, engine: Engine, call: Call, plan: Plan) -> None:
        self._engine, self._call, self._plan = engine, call, plan
        self._lone = len(plan.candidates) == 1
        self._bypassing = False  # every candidate is held back: the least bad one is tried, once
        self._keys: dict[Candidate, Key] = {}
        self.held_back: list[Attempt] = []

    def attempts(self) -> int:
        """How many there may be."""
        if self._lone:
            return 1 + max(0, self._call.max_retries)
        return MAX_ATTEMPTS if not self._bypassing else 1

    def queue(self) -> list[Candidate]:
        """The admitted candidates, else the least bad one: soft-open before hard, the soonest to end first."""
        candidates = list(self._plan.candidates)
        if self._lone:
            return candidates
        keys = [self.key(candidate) for candidate in candidates]
        admissions = [self._engine.health.peek(key) for key in keys]
        open_ = [index for index, admission in enumerate(admissions) if admission.state in ("closed", "probe")]
        if not open_:
            self._bypassing = True
            open_ = [self._engine.health.least_bad(keys)]
        self.held_back = [
            self._untried(candidate, admissions[index])
            for index, candidate in enumerate(candidates)
            if index not in open_
        ]
        # One that is back only just goes behind the others until it has proved itself.
        open_.sort(key=lambda index: admissions[index].later)
        return [candidates[index] for index in open_]

    def admit(self, candidate: Candidate, tried: Sequence[Tried], *, others: bool) -> bool:
        """Count the attempt, unless another call took the endpoint's only probe since we looked and there is somebody else."""
        admission = self._engine.health.admit(self.key(candidate))
        if self._lone or self._bypassing or admission.state in ("closed", "probe"):
            return True
        if not others and not tried:
            self._bypassing = True
            return True
        if all(candidate is not one.candidate for one in tried):
            self.held_back.append(self._untried(candidate, admission))
        return False

    def key(self, candidate: Candidate) -> Key:
        """What health is learned about."""
        key = self._keys.get(candidate)
        if key is not None:
            return key
        endpoint = candidate.endpoint
        credential = (endpoint.first and self._call.credential) or endpoint.credential
        # "" would stand for every model: what is learned about a call without one is about that alone.
        model = candidate.model or f"({self._call.operation})"
        key = self._keys[candidate] = Key(endpoint.identity, self._plan.region or "", model, credential)
        return key

    def again(self, tried: Sequence[Tried], left: float | None) -> tuple[Candidate, float] | None:
        """Who is worth a second attempt, and after how many seconds; None when nobody is. `left`: seconds for further attempts."""
        if self._lone:
            return self._lone_again(tried)
        if self._bypassing:
            return None
        for candidate, failure in ((one.candidate, one.failure) for one in tried):
            if sum(one.candidate is candidate for one in tried) > 1 or failure.no_retry:
                continue
            if failure.kind is Kind.RATE_LIMITED:
                wait = failure.retry_after
                if wait is None or wait > min(2.0, left or 2.0):
                    continue
            elif failure.kind in _AGAIN:
                wait = 0.2 * self._engine.random()
            else:
                continue
            if self._engine.budget.take():
                return candidate, wait
        return None

    def _lone_again(self, tried: Sequence[Tried]) -> tuple[Candidate, float] | None:
        """Openai's own rules (`_base_client.py` `_should_retry`): 408, 409, 429, 5xx, connection and timeout; 0.5 to 8 s."""
        candidate, failure, retried = tried[-1].candidate, tried[-1].failure, len(tried) - 1
        if failure.no_retry and failure.retry_after is None:
            return None
        if failure.status is not None and failure.status not in (408, 409, 429) and failure.status < 500:  # noqa: PLR2004
            return None
        if failure.retry_after is not None and 0 < failure.retry_after <= 120:  # noqa: PLR2004 - openai's ceiling
            return candidate, failure.retry_after
        return candidate, min(0.5 * 2**retried, 8.0) * (1 - 0.25 * self._engine.random())

    def _untried(self, candidate: Candidate, admission: Admission) -> Attempt:
        seconds = None if admission.until is None else max(0.0, admission.until - self._engine.clock())
        endpoint = candidate.endpoint
        return Attempt(endpoint.provider, endpoint.site.name, candidate.model, kind=str(admission.kind or Kind.UNKNOWN),
                       message=wording.held_back(seconds, admission.message))  # fmt: skip
