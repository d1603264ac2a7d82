"""Which endpoints are worth sending to: what each answer taught, forgotten when it can no longer be true.

Two mechanisms. A **hold** (`llmswitch.hold`) is hard and typed: a region block, an empty account, a wrong key, a rate
limit. It sits on one level of the key and is lifted by its end, by a probe, or by any success that began after it. A
**breaker** (`llmswitch.breaker`) is soft: too many failures lately.

Levels of a key: endpoint x egress (an endpoint as seen from one region), the same x model, credential (x endpoint),
credential x model. Times are seconds of the injected monotonic clock, except `since`, which is unix time, for people.

No lock: under the GIL each look-up and store is whole by itself, and what two threads can do to each other between them
is one miscounted sample or one probe too many. A lock could be inherited locked across `fork()`, and would then hang
the child.
"""

from __future__ import annotations

import math
import random as _random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from llmswitch.breaker import Breaker
from llmswitch.failure import Kind
from llmswitch.hold import RULES, SUSPECT, Hold, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmswitch.failure import Failure

__all__ = ["Admission", "Block", "Budget", "Health", "Key", "Transition"]

State = Literal["closed", "probe", "soft_open", "hard"]

UNSENT_WEIGHT: Final = 3  # a refused connection is plainer than an error: two of them make five in a row
SUSPECT_COUNT: Final = 3
SUSPECT_WINDOW: Final = 60.0
CAPACITY: Final = 10_000


class Key(NamedTuple):
    """Whom a call would go to: `qwen@cn`, the region it leaves from ("" unknown), model, credential's id ("" none).

    A named tuple, because one is built and hashed for every call.
    """

    endpoint: str
    egress: str
    model: str
    credential: str


_Level = tuple[str, str, str, str]  # a Key with "" for what the level does not look at


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether to send, and if not, why and until when.

    `probe` means: send, this call is the one that finds out. `until` is monotonic, None where it has no end.
    `later` means: closed, but back only just, so let others go first if there are any.
    """

    state: State
    until: float | None = None
    kind: Kind | None = None
    message: str = ""
    since: float | None = None
    later: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A hold in force; "" for what it does not depend on. `until`: seconds left, 0.0 a probe is due, None no end."""

    endpoint: str
    egress: str
    model: str
    credential_id: str
    kind: Kind
    until: float | None
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Transition:
    """What a result changed: a hold set or a breaker opened (`block`), lifted or closed (`recovery`).

    `hard` tells a hold from a breaker; `hold` is in seconds, None where it has no end.
    """

    name: Literal["block", "recovery"]
    kind: Kind | None
    hard: bool
    hold: float | None = None


_SUSPICIOUS: Final = frozenset({Kind.UNREACHABLE, Kind.EDGE_BLOCKED, Kind.BAD_PAYLOAD})
_ABOUT_MODEL: Final = frozenset({Kind.OVERLOADED, Kind.TIMEOUT})
_CALLERS: Final = frozenset({Kind.CONTENT_FILTER, Kind.CONTEXT_LENGTH, Kind.BAD_REQUEST})

_CLOSED: Final = Admission("closed")
_LATER: Final = Admission("closed", later=True)


class Health:
    """What is known about every endpoint, model and credential this process has used.

    `clock` is monotonic, `wall` is unix time (to read a quota's reset), both in seconds; `random` returns 0..1.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._clock, self._wall, self._random = clock, wall, random
        self._holds: dict[_Level, Hold] = {}
        self._breakers: dict[_Level, Breaker] = {}
        self._suspects: dict[_Level, tuple[float, ...]] = {}  # when each suspicious failure came, by endpoint x egress
        self._worked = -math.inf  # the last success anywhere
        self._turn = 0

    def admit(self, key: Key) -> Admission:
        """Ask to send. For `probe` the slot is taken: report with `record`, or give it back with `release`."""
        return self._judge(key, take=True)

    def peek(self, key: Key) -> Admission:
        """The same without taking a slot: for ordering, `explain` and `doctor`."""
        return self._judge(key, take=False)

    def record(self, key: Key, failure: Failure | None, *, started: float) -> tuple[Transition, ...]:
        """Learn from the result, None for success, of a call that was admitted (or sent all the same) at `started`.

        Returns:
            What it changed: holds set or lifted, breakers opened or closed. Mostly nothing.
        """
        now = self._clock()
        if failure is None:
            return self._success(key, now, started)
        changes: tuple[Transition, ...] = ()
        judged: _Level | None = None
        if (rule := RULES.get(failure.kind)) is not None:
            changes = self._hold(key, rule, failure, now, started)
        elif failure.kind not in _CALLERS:
            judged = (key.endpoint, key.egress, key.model if failure.kind in _ABOUT_MODEL else "", "")
            changes = self._soften(judged, failure, now, started)
            if failure.kind in _SUSPICIOUS:
                changes += self._suspect(key, failure, now, started)
        self._forget(key, now, started, but=judged)
        return changes

    def release(self, key: Key, *, started: float = math.inf) -> None:
        """A call ended without a verdict (cancelled): uncount it and give back the probe's slot it may have taken."""
        self._forget(key, self._clock(), started)

    def least_bad(self, keys: Sequence[Key]) -> int:
        """Which of several, none of them admitted, gets the one attempt past its breaker: the index.

        Soft-open (first those that have begun to work again) before rate-limited before other holds before region
        blocks; in turn among equals, so that the one that recovers is found while another stays dead.
        """
        ranks = [self._badness(key) for key in keys]
        pool = [index for index, rank in enumerate(ranks) if rank == min(ranks)]
        self._turn += 1
        return pool[self._turn % len(pool)]

    def blocks(self, endpoint: str | None = None) -> tuple[Block, ...]:
        """Every hold in force, oldest first; of one endpoint if named."""
        now = self._clock()
        found = [
            Block(*level, hold.failure.kind, hold.left(now), hold.failure.message, hold.since)
            for level, hold in list(self._holds.items())
            if endpoint in (None, level[0]) and not (hold.rule.lapses and now >= hold.until)
        ]
        return tuple(sorted(found, key=lambda block: block.since))

    def clear(self, endpoint: str | None = None) -> None:
        """Forget everything, or everything about one endpoint: its configuration changed, or a person knows better."""
        for store in (self._holds, self._breakers, self._suspects):
            for level in list(store):
                if endpoint in (None, level[0]):
                    store.pop(level, None)

    def _judge(self, key: Key, *, take: bool) -> Admission:
        now = self._clock()
        parts: list[Hold | Breaker] = []
        answer = self._ask_holds(key, now, parts) if self._holds else _CLOSED
        if answer.state == "hard":
            return answer
        endpoint, egress, model, _ = key
        for level in ((endpoint, egress, "", ""), (endpoint, egress, model, "")):
            breaker = self._breakers.get(level)
            if breaker is None:
                if not take:
                    continue
                breaker = self._new_breaker(level, now)
            parts.append(breaker)
            state = breaker.ask(now)
            if state == "closed":
                if now < breaker.ramp_until and answer is _CLOSED and breaker.yields(now, self._random()):
                    answer = _LATER
                continue
            reason = f"too many failures lately, the last one {breaker.kind or Kind.UNKNOWN}"
            answer = Admission(state, max(now, breaker.until), breaker.kind, reason, breaker.since)
            if state == "soft_open":
                return answer
        if take:
            for part in parts:
                part.take(now)
        return answer

    def _ask_holds(self, key: Key, now: float, parts: list[Hold | Breaker]) -> Admission:
        """What the holds say; those that want a probe are added to `parts`."""
        answer = _CLOSED
        for level in _levels(key):
            hold = self._holds.get(level)
            if hold is None or (state := hold.ask(now)) == "closed":
                continue
            until = None if hold.until == math.inf else hold.until
            answer = Admission(state, until, hold.failure.kind, hold.failure.message, hold.since)
            if state == "hard":
                break
            parts.append(hold)
        return answer

    def _success(self, key: Key, now: float, started: float) -> tuple[Transition, ...]:
        endpoint, egress, model, _ = key
        self._worked = now
        changes = self._lift(key, started) if self._holds else ()
        for level in ((endpoint, egress, "", ""), (endpoint, egress, model, "")):
            breaker = self._breakers.get(level)
            if breaker is not None and breaker.success(now, started):
                changes += (Transition("recovery", breaker.kind, hard=False),)
        return changes

    def _lift(self, key: Key, started: float) -> tuple[Transition, ...]:
        """A success that began after a hold contradicts it; one that began before says nothing."""
        changes: tuple[Transition, ...] = ()
        for level in _levels(key):
            hold = self._holds.get(level)
            if hold is not None and started > hold.changed:
                self._holds.pop(level, None)
                changes += (Transition("recovery", hold.failure.kind, hard=True),)
        return changes

    def _hold(self, key: Key, rule: Rule, failure: Failure, now: float, started: float) -> tuple[Transition, ...]:
        model = key.model if rule.about_model(failure) else ""
        endpoint_level = (key.endpoint, key.egress, model, "")
        level = endpoint_level if rule.of == "endpoint" else (key.endpoint, "", model, key.credential)
        before = self._holds.get(level)
        if before is not None and started <= before.changed:
            return ()  # already in flight when the hold was set: the same news once more
        wall = self._wall()
        strikes = 0 if before is None else before.strikes_for(rule, now)
        since = wall if before is None or not strikes else before.since
        seconds = rule.seconds(failure, strikes, wall=wall, random=self._random())
        _make_room(self._holds)
        self._holds[level] = Hold(rule, failure, now=now, seconds=seconds, strikes=strikes, since=since)
        return (Transition("block", failure.kind, hard=True, hold=None if seconds == math.inf else seconds),)

    def _soften(self, level: _Level, failure: Failure, now: float, started: float) -> tuple[Transition, ...]:
        breaker = self._breakers.get(level) or self._new_breaker(level, now)
        weight = UNSENT_WEIGHT if failure.kind is Kind.UNREACHABLE and not failure.sent else 1
        if not breaker.failure(failure.kind, now, started, weight):
            return ()
        seconds = breaker.open(now, self._wall(), self._random())
        return (Transition("block", failure.kind, hard=False, hold=seconds),)

    def _suspect(self, key: Key, failure: Failure, now: float, started: float) -> tuple[Transition, ...]:
        """Three in a minute, one after the other, while something else works: the path to this endpoint is cut.

        Failures of calls that were in flight together are one blip. Where nothing else works either it is the caller's
        own network.
        """
        level = (key.endpoint, key.egress, "", "")
        before = self._holds.get(level)
        if before is not None and now < before.until:
            return ()  # what the vendor said outweighs what we infer
        if before is None or before.rule is not SUSPECT:
            earlier = self._suspects.get(level, ())
            if earlier and started < earlier[-1]:
                return ()
            breaker = self._breakers.get(level)
            since = max(now - SUSPECT_WINDOW, -math.inf if breaker is None else breaker.worked)
            times = (*(at for at in earlier if at > since), now)[-SUSPECT_COUNT:]
            if len(self._suspects) >= CAPACITY:
                self._suspects.clear()
            self._suspects[level] = times
            if len(times) < SUSPECT_COUNT or self._worked < times[0]:
                return ()
        return self._hold(key, SUSPECT, failure, now, started)

    def _badness(self, key: Key) -> int:
        admission = self.peek(key)
        if admission.state == "hard":
            return {Kind.RATE_LIMITED: 3, Kind.REGION_BLOCKED: 5}.get(admission.kind or Kind.UNKNOWN, 4)
        breakers = [self._breakers.get(level) for level in _levels(key)[:2]]
        return 1 if any(breaker is not None and breaker.reviving for breaker in breakers) else 2

    def _forget(self, key: Key, now: float, started: float, *, but: _Level | None = None) -> None:
        for level in _levels(key):
            if (hold := self._holds.get(level)) is not None:
                hold.release(now, started)
            if level != but and (breaker := self._breakers.get(level)) is not None:
                breaker.forget(now, started)

    def _new_breaker(self, level: _Level, now: float) -> Breaker:
        _make_room(self._breakers)
        breaker = self._breakers[level] = Breaker(now)
        return breaker


class Budget:
    """How many second attempts at one endpoint there may be: a share of the calls, and a floor for a quiet client."""

    def __init__(self, *, ratio: float = 0.1, maximum: float = 10.0) -> None:
        self._ratio, self._maximum = ratio, maximum
        self._tokens = maximum

    def earn(self) -> None:
        """Count a call."""
        self._tokens = min(self._maximum, self._tokens + self._ratio)

    def take(self) -> bool:
        """Whether one more attempt is paid for; if so it is spent."""
        if self._tokens < 1 - 1e-9:  # ten tenths are a little less than one
            return False
        self._tokens -= 1
        return True


def _levels(key: Key) -> tuple[_Level, _Level, _Level, _Level]:
    endpoint, egress, model, credential = key
    return (
        (endpoint, egress, "", ""),
        (endpoint, egress, model, ""),
        (endpoint, "", "", credential),
        (endpoint, "", model, credential),
    )


def _make_room(store: dict[_Level, Hold] | dict[_Level, Breaker]) -> None:
    """Where the store is full, drop the tenth used longest ago: rare, so that no call need keep an order up to date."""
    if len(store) >= CAPACITY:
        for level, _ in sorted(store.items(), key=lambda item: item[1].used)[: CAPACITY // 10]:
            store.pop(level, None)
