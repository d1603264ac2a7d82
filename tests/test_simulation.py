"""The figures that health and the failover policy promise, on a virtual clock: same seed, same result."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import pytest

from llmswitch.failure import Failure, Kind
from llmswitch.health import Budget, Health, Key

FAST_ERROR, ANSWER = 0.2, 2.0  # seconds
AGAIN = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.UNREACHABLE})

Fault = Callable[[float, random.Random], "Kind | None"]
Send = Callable[[Key], "Generator[float, None, Failure | None]"]


@dataclass
class Call:
    arrived: float
    attempts: list[tuple[float, str]] = field(default_factory=list)
    succeeded: bool | None = None


class ReferencePolicy:
    """The failover policy in few lines: who is tried, how often, in which order.

    At most three attempts, each endpoint once, then one of them again out of the budget; where nobody is admitted,
    exactly one attempt.
    """

    MAX_ATTEMPTS = 3

    def __init__(self, health: Health, budget: Budget, rng: random.Random) -> None:
        self.health, self.budget, self.rng = health, budget, rng

    def run(self, keys: list[Key], send: Send) -> Generator[float, None, bool]:
        self.budget.earn()
        tried: list[tuple[Key, Failure]] = []
        for key in sorted(keys, key=lambda key: self.health.peek(key).later):
            if len(tried) == self.MAX_ATTEMPTS:
                return False
            if self.health.admit(key).state in ("closed", "probe"):
                failure = yield from send(key)
                if failure is None:
                    return True
                tried.append((key, failure))
        if not tried:
            return (yield from send(keys[self.health.least_bad(keys)])) is None
        for key, failure in tried:
            closed = self.health.peek(key).state == "closed"
            if closed and failure.kind in AGAIN and len(tried) < self.MAX_ATTEMPTS and self.budget.take():
                yield 0.2 * self.rng.random()
                return (yield from send(key)) is None
        return False


class World:
    """Providers that fail as told, calls that arrive at a constant rate, and a clock that jumps from event to event."""

    def __init__(self, faults: dict[str, Fault], *, seed: int, rotate: bool = False) -> None:
        self.now = 1_000.0
        self.rng = random.Random(seed)
        self.faults = faults
        self.keys = [Key(f"{name}@home", "CN", "m", name) for name in faults]
        self.health = Health(clock=lambda: self.now, wall=lambda: self.now, random=self.rng.random)
        self.policy = ReferencePolicy(self.health, Budget(), self.rng)
        self.rotate = rotate
        self.calls: list[Call] = []

    def run(self, seconds: float, rate: float) -> list[Call]:
        """Calls of `seconds` at `rate` a second, times from 0."""
        start, order = self.now, itertools.count()
        queue: list[tuple[float, int, Generator[float, None, None]]] = []
        for index in range(int(seconds * rate)):
            at = start + (index + self.rng.random()) / rate
            heapq.heappush(queue, (at, next(order), self._call(at - start, start, index)))
        while queue:
            self.now, _, step = heapq.heappop(queue)
            wait = next(step, None)
            if wait is not None:
                heapq.heappush(queue, (self.now + wait, next(order), step))
        return self.calls

    def _call(self, arrived: float, start: float, index: int) -> Generator[float, None, None]:
        call = Call(arrived)
        self.calls.append(call)

        def send(key: Key) -> Generator[float, None, Failure | None]:
            provider, begun = key.credential, self.now
            call.attempts.append((begun - start, provider))
            kind = self.faults[provider](begun - start, self.rng)
            yield ANSWER if kind is None else FAST_ERROR
            failure = None if kind is None else Failure(kind=kind, sent=kind is not Kind.UNREACHABLE)
            self.health.record(key, failure, started=begun)
            return failure

        turn = index % len(self.keys) if self.rotate else 0
        call.succeeded = yield from self.policy.run(self.keys[turn:] + self.keys[:turn], send)


def fine(_: float, __: random.Random) -> None:
    return None


def down(kind: Kind, since: float = 0.0, until: float = float("inf")) -> Fault:
    return lambda at, _: kind if since <= at < until else None


def flaky(share: float, kind: Kind = Kind.SERVER_ERROR) -> Fault:
    return lambda _, rng: kind if rng.random() < share else None


def amplification(calls: list[Call], since: float, until: float, window: float = 60.0) -> float:
    """The worst ratio of attempts to calls over any window between two times, stepping by a second."""
    worst = 0.0
    start = since
    while start + window <= until:
        arrived = [call for call in calls if start <= call.arrived < start + window]
        assert len(arrived) >= 500
        sent = sum(start <= at < start + window for call in calls for at, _ in call.attempts)
        worst = max(worst, sent / len(arrived))
        start += 5
    return worst


def success(calls: list[Call], since: float = 0.0, until: float = float("inf")) -> float:
    chosen = [call for call in calls if since <= call.arrived < until]
    return sum(bool(call.succeeded) for call in chosen) / len(chosen)


@pytest.mark.parametrize("rotate", [False, True], ids=["ordered", "rotating"])
@pytest.mark.parametrize("onset", [0.0, 30.0], ids=["from-the-start", "in-mid-traffic"])
@pytest.mark.parametrize(
    ("kind", "rate"), [(Kind.SERVER_ERROR, 10), (Kind.OVERLOADED, 10), (Kind.TIMEOUT, 10), (Kind.UNREACHABLE, 50)]
)
def test_a_full_outage_costs_ten_percent_and_ends_at_once(
    kind: Kind, rate: float, onset: float, *, rotate: bool
) -> None:
    world = World({name: down(kind, onset, onset + 70) for name in "abc"}, seed=1, rotate=rotate)
    calls = world.run(onset + 90, rate)
    assert amplification(calls, onset, onset + 70) <= 1.10
    assert max(len(call.attempts) for call in calls) <= 3
    assert success(calls, onset, onset + 70) == 0
    assert success(calls, onset + 70) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rate", [2, 10, 50, 100])
def test_thirty_percent_errors_everywhere_still_answer(rate: float, seed: int) -> None:
    calls = World({name: flaky(0.3) for name in "abc"}, seed=seed).run(3_000 / rate if rate > 25 else 120, rate)
    assert success(calls, 15) >= 0.95
    assert max(len(call.attempts) for call in calls) <= 3


@pytest.mark.parametrize("rate", [10, 50])
def test_the_first_to_recover_is_found_while_the_others_stay_dead(rate: float) -> None:
    faults = {"a": down(Kind.SERVER_ERROR), "b": down(Kind.SERVER_ERROR, 0, 70), "c": down(Kind.OVERLOADED)}
    calls = World(faults, seed=1).run(100, rate)
    assert success(calls, 80) >= 0.99


@pytest.mark.parametrize(
    ("kind", "hits"), [(Kind.SERVER_ERROR, 30), (Kind.UNREACHABLE, 20), (Kind.QUOTA_EXHAUSTED, 10), (Kind.AUTH, 10)]
)
def test_a_dead_first_choice_is_learned_and_nobody_notices(kind: Kind, hits: int) -> None:
    calls = World({"a": down(kind), "b": fine}, seed=1).run(60, 50)
    assert success(calls) == 1
    # At 50 calls a second ten are in flight before the first answer; after that only probes.
    assert sum(provider == "a" for call in calls for _, provider in call.attempts) <= hits


def test_a_region_block_is_hit_once() -> None:
    calls = World({"a": down(Kind.REGION_BLOCKED), "b": fine}, seed=1).run(3_600, 0.5)
    assert success(calls) == 1
    assert sum(provider == "a" for call in calls for _, provider in call.attempts) == 1


def test_a_recovered_first_choice_gets_its_traffic_back_gradually() -> None:
    calls = World({"a": down(Kind.OVERLOADED, 10, 20), "b": fine}, seed=1).run(120, 50)
    assert success(calls) == 1

    def share(since: float) -> float:
        attempts = [p for call in calls for at, p in call.attempts if since <= at < since + 5]
        return attempts.count("a") / len(attempts)

    shares = [share(since) for since in range(20, 120, 5)]
    back = next(index for index, value in enumerate(shares) if value > 0.1)
    assert shares[back] < 0.75
    assert shares[back + 4] == 1
