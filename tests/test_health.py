from __future__ import annotations

import math
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llmswitch import health as module
from llmswitch.failure import Failure, Kind
from llmswitch.health import Admission, Budget, Health, Key, Transition

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
KEY = Key("qwen@cn", "CN", "qwen-plus", "k1")
ELSEWHERE = Key("zhipu@cn", "CN", "glm-4", "k2")
CALLERS = (Kind.CONTENT_FILTER, Kind.CONTEXT_LENGTH, Kind.BAD_REQUEST)


class Bench:
    """A Health on a clock that stands still until told."""

    def __init__(self, random: float = 0.5) -> None:
        self.now = 1_000.0
        self.random = random
        self.health = Health(clock=lambda: self.now, wall=lambda: self.now + 1e9, random=lambda: self.random)

    def call(self, kind: Kind | None = None, key: Key = KEY, took: float = 0.1, **about: Any) -> tuple[Transition, ...]:
        """Admit (or bypass), take some time, report."""
        self.health.admit(key)
        started = self.now
        self.now += took
        failure = None if kind is None else replace(Failure(kind=kind), **about)
        return self.health.record(key, failure, started=started)

    def state(self, key: Key = KEY) -> str:
        return self.health.peek(key).state


@pytest.fixture
def bench() -> Bench:
    return Bench()


def other(**parts: str) -> Key:
    return KEY._replace(**parts)


# --- holds ---------------------------------------------------------------------------------------------------------------

ENDPOINT, ENDPOINT_MODEL, CREDENTIAL, CREDENTIAL_MODEL = "endpoint", "endpoint model", "credential", "credential model"
HOLDS: list[tuple[Kind, dict[str, Any], str, float | None]] = [
    (Kind.REGION_BLOCKED, {}, ENDPOINT, DAY),
    (Kind.REGION_BLOCKED, {"model_scoped": True}, ENDPOINT_MODEL, DAY),
    (Kind.TLS_VERIFY, {"sent": False}, ENDPOINT, 10 * MINUTE),
    (Kind.MODEL_NOT_FOUND, {}, ENDPOINT_MODEL, 10 * MINUTE),
    (Kind.QUOTA_EXHAUSTED, {}, CREDENTIAL, 15 * MINUTE),
    (Kind.QUOTA_EXHAUSTED, {"model_scoped": True}, CREDENTIAL_MODEL, 15 * MINUTE),
    (Kind.AUTH, {}, CREDENTIAL, None),
    (Kind.KEY_SITE_MISMATCH, {}, CREDENTIAL, None),
    (Kind.PERMISSION, {}, CREDENTIAL_MODEL, 10 * MINUTE),
    (Kind.RATE_LIMITED, {}, CREDENTIAL_MODEL, 1.0),
    (Kind.RATE_LIMITED, {"retry_after": 7.0}, CREDENTIAL_MODEL, 7.0),
    (Kind.RATE_LIMITED, {"retry_after": 0.0}, CREDENTIAL_MODEL, 0.1),
    (Kind.RATE_LIMITED, {"retry_after": 1e9}, CREDENTIAL_MODEL, 10 * MINUTE),
    (Kind.RATE_LIMITED, {"retry_after": math.nan}, CREDENTIAL_MODEL, 0.1),
]


@pytest.mark.parametrize(("kind", "about", "level", "seconds"), HOLDS)
def test_each_kind_holds_its_level_for_its_time(
    bench: Bench, kind: Kind, about: dict[str, Any], level: str, seconds: float | None
) -> None:
    changes = bench.call(kind, message="the vendor's words", **about)
    assert changes == (Transition("block", kind, hard=True, hold=seconds),)
    held = bench.health.admit(KEY)
    assert (held.state, held.kind, held.message) == ("hard", kind, "the vendor's words")
    assert held.until == (None if seconds is None else pytest.approx(bench.now + seconds))
    (block,) = bench.health.blocks()
    assert block.until == (None if seconds is None else pytest.approx(seconds))
    assert block.since == bench.now + 1e9
    # what shares the level is held with it, nothing else is
    assert (bench.state(other(egress="HK")) == "hard") == (level in (CREDENTIAL, CREDENTIAL_MODEL))
    assert (bench.state(other(model="qwen-max")) == "hard") == (level in (ENDPOINT, CREDENTIAL))
    assert (bench.state(other(credential="k9")) == "hard") == (level in (ENDPOINT, ENDPOINT_MODEL))
    assert bench.state(other(endpoint="qwen@intl")) == "closed"
    if seconds is not None:
        bench.now += seconds - 0.01
        if seconds < 6 * HOUR:
            assert bench.state() == "hard"
        bench.now += 0.02
        assert bench.state() == ("closed" if kind is Kind.RATE_LIMITED else "probe")


@pytest.mark.parametrize("kind", CALLERS)
def test_the_callers_own_faults_count_as_nothing(bench: Bench, kind: Kind) -> None:
    for _ in range(100):
        assert bench.call(kind) == ()
    assert bench.state() == "closed"
    for _ in range(4):
        bench.call(Kind.SERVER_ERROR)
    for _ in range(100):
        bench.call(kind)
    assert bench.state() == "closed"
    bench.call(Kind.SERVER_ERROR)  # the fifth in a row: those between were no successes
    assert bench.state() == "soft_open"


def test_the_callers_own_faults_do_not_dilute_the_share(bench: Bench) -> None:
    bench.call()
    for _ in range(39):
        bench.call(Kind.SERVER_ERROR, took=0.01)
        bench.call(Kind.BAD_REQUEST, took=0.01)
        bench.call(Kind.BAD_REQUEST, took=0.01)
    assert bench.state() == "soft_open"


@pytest.mark.parametrize(
    ("kind", "every"), [(Kind.REGION_BLOCKED, 6 * HOUR), (Kind.AUTH, HOUR), (Kind.KEY_SITE_MISMATCH, HOUR)]
)
def test_long_holds_let_one_probe_through_now_and_then(bench: Bench, kind: Kind, every: float) -> None:
    bench.call(kind)
    for _ in range(3):
        bench.now += every - 1
        assert bench.health.admit(KEY).state == "hard"
        bench.now += 1
        assert bench.health.admit(KEY).state == "probe"
        assert bench.health.admit(KEY).state == "hard"
        bench.health.record(KEY, Failure(kind=kind), started=bench.now)
        assert bench.health.admit(KEY).state == "hard"
    bench.now += every
    bench.call()
    assert bench.health.admit(KEY).state == "closed"
    assert bench.health.blocks() == ()


@pytest.mark.parametrize("kind", CALLERS)
def test_a_probe_without_a_verdict_waits_for_the_next_turn(bench: Bench, kind: Kind) -> None:
    bench.call(Kind.REGION_BLOCKED)
    bench.now += 6 * HOUR
    bench.call(kind)
    assert bench.health.admit(KEY).state == "hard"
    bench.now += 6 * HOUR
    assert bench.health.admit(KEY).state == "probe"


def test_a_lost_probe_gives_way_after_a_minute(bench: Bench) -> None:
    bench.call(Kind.QUOTA_EXHAUSTED)
    bench.now += 15 * MINUTE
    assert bench.health.admit(KEY).state == "probe"
    bench.now += 59
    assert bench.health.admit(KEY).state == "hard"
    bench.now += 1
    assert bench.health.admit(KEY).state == "probe"


def test_an_old_call_does_not_give_the_probes_slot_back(bench: Bench) -> None:
    old = bench.now
    bench.now += 1
    bench.call(Kind.QUOTA_EXHAUSTED)
    bench.now += 15 * MINUTE
    assert bench.health.admit(KEY).state == "probe"
    bench.health.record(KEY, Failure(kind=Kind.BAD_REQUEST), started=old)
    assert bench.health.admit(KEY).state == "hard"


def test_a_released_probe_gives_way_at_once(bench: Bench) -> None:
    bench.call(Kind.QUOTA_EXHAUSTED)
    bench.now += 15 * MINUTE
    assert bench.health.admit(KEY).state == "probe"
    bench.health.release(KEY)
    assert bench.health.admit(KEY).state == "probe"


def test_peek_takes_nothing(bench: Bench) -> None:
    bench.call(Kind.QUOTA_EXHAUSTED)
    bench.now += 15 * MINUTE
    for _ in range(3):
        assert bench.health.peek(KEY).state == "probe"
    assert bench.health.admit(KEY).state == "probe"
    assert bench.health.peek(KEY).state == "hard"


def test_quota_doubles_up_to_six_hours_and_a_success_forgets_it(bench: Bench) -> None:
    holds = []
    for _ in range(7):
        (change,) = bench.call(Kind.QUOTA_EXHAUSTED)
        assert change.hold is not None
        holds.append(change.hold / MINUTE)
        bench.now += change.hold
    assert holds == [15, 30, 60, 120, 240, 360, 360]
    assert bench.call() == (Transition("recovery", Kind.QUOTA_EXHAUSTED, hard=True),)
    assert bench.call(Kind.QUOTA_EXHAUSTED)[0].hold == 15 * MINUTE


def test_quota_waits_for_the_reset_that_the_body_names(bench: Bench) -> None:
    (change,) = bench.call(Kind.QUOTA_EXHAUSTED, reset_at=bench.now + 0.1 + 1e9 + 3 * HOUR)
    assert change.hold == pytest.approx(3 * HOUR)
    bench.health.clear()
    (change,) = bench.call(Kind.QUOTA_EXHAUSTED, reset_at=1.0)  # long past: a wrong clock somewhere
    assert change.hold == 15 * MINUTE
    bench.health.clear()
    (change,) = bench.call(Kind.QUOTA_EXHAUSTED, reset_at=1e18)
    assert change.hold == 31 * DAY


def test_rate_limits_without_a_time_double_to_a_minute_with_jitter(bench: Bench) -> None:
    holds = []
    for bench.random in (0.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5):
        (change,) = bench.call(Kind.RATE_LIMITED)
        assert change.hold is not None
        holds.append(change.hold)
        bench.now += change.hold
    assert holds == pytest.approx([0.8, 2.4, 4, 8, 16, 32, 60, 60])
    bench.now += 10 * MINUTE  # quiet for long: it starts small again
    assert bench.call(Kind.RATE_LIMITED)[0].hold == pytest.approx(1)


def test_failures_in_flight_together_are_one_lesson(bench: Bench) -> None:
    started = bench.now
    for _ in range(20):
        bench.now += 0.01
        bench.health.record(KEY, Failure(kind=Kind.QUOTA_EXHAUSTED), started=started)
    (block,) = bench.health.blocks()
    assert block.until == pytest.approx(15 * MINUTE - 0.19)


def test_a_success_begun_before_a_hold_does_not_lift_it_one_begun_after_does(bench: Bench) -> None:
    started = bench.now
    bench.call(Kind.AUTH)
    bench.now += 5
    assert bench.health.record(KEY, None, started=started) == ()
    assert bench.state() == "hard"
    assert bench.call() == (Transition("recovery", Kind.AUTH, hard=True),)  # the only candidate is sent to all the same
    assert bench.state() == "closed"


def test_clear_forgets_one_endpoint_or_all(bench: Bench) -> None:
    bench.call(Kind.AUTH)
    bench.call(Kind.AUTH, key=ELSEWHERE)
    assert [block.endpoint for block in bench.health.blocks()] == [KEY.endpoint, ELSEWHERE.endpoint]
    assert [block.endpoint for block in bench.health.blocks(KEY.endpoint)] == [KEY.endpoint]
    bench.health.clear(KEY.endpoint)
    assert (bench.state(), bench.state(ELSEWHERE)) == ("closed", "hard")
    bench.health.clear()
    assert bench.health.blocks() == ()


# --- a path that is cut ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.EDGE_BLOCKED, Kind.BAD_PAYLOAD])
def test_three_in_a_minute_while_others_work_is_a_cut_path(bench: Bench, kind: Kind) -> None:
    for _ in range(3):
        assert bench.state() != "hard"
        bench.call(kind)
        bench.call(key=ELSEWHERE)
    bench.call(kind)
    (block,) = bench.health.blocks()
    assert (block.endpoint, block.model, block.credential_id, block.kind) == (KEY.endpoint, "", "", kind)
    assert block.until == pytest.approx(10 * MINUTE, abs=1)
    for minutes in (20, 40, 80, 160, 320, 360, 360):
        bench.now += (bench.health.blocks()[0].until or 0) + 1
        assert bench.state() == "probe"
        bench.call(kind)
        assert bench.health.blocks()[0].until == pytest.approx(minutes * MINUTE)
    bench.now += 6 * HOUR
    bench.call()
    assert bench.health.blocks() == ()


@pytest.mark.parametrize("between", ["success", "a minute", "nothing else works", "one blip"])
def test_no_cut_path(bench: Bench, between: str) -> None:
    started = bench.now
    for _ in range(6):
        bench.call(Kind.UNREACHABLE, sent=False)
        if between == "one blip":
            bench.health.record(KEY, Failure(kind=Kind.UNREACHABLE), started=started)
        if between != "nothing else works":
            bench.call(key=ELSEWHERE)
        if between == "success":
            bench.call()
        if between in ("a minute", "one blip"):
            bench.now += 31
    assert bench.health.blocks() == ()


def test_what_the_vendor_said_outweighs_what_is_inferred(bench: Bench) -> None:
    bench.call(Kind.REGION_BLOCKED)
    for _ in range(5):
        bench.call(Kind.UNREACHABLE)
        bench.call(key=ELSEWHERE)
    (block,) = bench.health.blocks()
    assert block.kind is Kind.REGION_BLOCKED


# --- the soft breaker --------------------------------------------------------------------------------------------------------

SOFT = {
    Kind.OVERLOADED: True,
    Kind.TIMEOUT: True,
    Kind.SERVER_ERROR: False,
    Kind.UNREACHABLE: False,
    Kind.EDGE_BLOCKED: False,
    Kind.BAD_PAYLOAD: False,
    Kind.STREAM_INTERRUPTED: False,
    Kind.UNKNOWN: False,
}


def test_every_kind_has_its_place() -> None:
    assert {kind for kind, *_ in HOLDS} | set(SOFT) | set(CALLERS) == set(Kind)


@pytest.mark.parametrize(("kind", "about_model"), SOFT.items())
def test_five_in_a_row_open_it_where_nothing_ever_worked(bench: Bench, kind: Kind, *, about_model: bool) -> None:
    for _ in range(4):
        assert bench.call(kind) == ()
        assert bench.state() == "closed"
    assert bench.call(kind) == (Transition("block", kind, hard=False, hold=5.0),)
    held = bench.health.admit(KEY)
    assert (held.state, held.kind, held.until) == ("soft_open", kind, bench.now + 5)
    assert bench.state(other(credential="k9")) == "soft_open"
    assert bench.state(other(model="qwen-max")) == ("closed" if about_model else "soft_open")
    assert bench.state(other(egress="HK")) == "closed"
    assert bench.health.blocks() == ()


def test_a_refused_connection_weighs_three(bench: Bench) -> None:
    bench.call(Kind.UNREACHABLE, sent=False)
    assert bench.state() == "closed"
    bench.call(Kind.UNREACHABLE, sent=False)
    assert bench.state() == "soft_open"


def test_after_a_success_five_in_a_row_need_ten_seconds(bench: Bench) -> None:
    bench.call()
    for _ in range(30):
        bench.call(Kind.SERVER_ERROR)
    assert bench.state() == "closed"
    bench.now += 8
    bench.call(Kind.SERVER_ERROR)
    assert bench.state() == "soft_open"


def test_a_success_ends_the_row(bench: Bench) -> None:
    for _ in range(4):
        bench.call(Kind.SERVER_ERROR)
    bench.call()
    bench.now += 11
    for _ in range(4):
        bench.call(Kind.SERVER_ERROR)
    assert bench.state() == "closed"
    bench.call(Kind.SERVER_ERROR)
    assert bench.state() == "soft_open"


def trip(bench: Bench) -> None:
    for _ in range(5):
        bench.call(Kind.SERVER_ERROR)
    assert bench.state() == "soft_open"
    bench.now += 0.001  # what begins in the same instant is taken to have begun before


def test_it_opens_longer_each_time_up_to_a_minute_with_jitter(bench: Bench) -> None:
    trip(bench)
    holds = []
    for bench.random in (0.5, 0.5, 0.5, 0.5, 0.0, 1.0):
        bench.now = (bench.health.peek(KEY).until or 0) + 0.001
        changes: tuple[Transition, ...] = ()
        while not changes:
            assert bench.health.admit(KEY).state == "probe"
            changes = bench.health.record(KEY, Failure(kind=Kind.SERVER_ERROR), started=bench.now)
        holds.append(changes[0].hold)
    assert holds == pytest.approx([10, 20, 40, 60, 48, 72])


def test_half_open_admits_one_then_one_more_than_have_succeeded_and_closes_after_three(bench: Bench) -> None:
    trip(bench)
    bench.now += 5
    assert [bench.health.admit(KEY).state for _ in range(2)] == ["probe", "soft_open"]
    assert bench.health.record(KEY, None, started=bench.now) == ()
    assert [bench.health.admit(KEY).state for _ in range(3)] == ["probe", "probe", "soft_open"]
    assert bench.health.record(KEY, None, started=bench.now) == ()
    assert bench.health.record(KEY, None, started=bench.now) == (Transition("recovery", Kind.SERVER_ERROR, hard=False),)
    assert bench.health.admit(KEY).state == "closed"


def test_half_open_takes_three_failures_the_first_time_then_one(bench: Bench) -> None:
    trip(bench)
    bench.now += 5
    assert [len(bench.call(Kind.SERVER_ERROR)) for _ in range(3)] == [0, 0, 1]
    bench.now += 10
    assert bench.health.admit(KEY).state == "probe"
    assert len(bench.health.record(KEY, Failure(kind=Kind.SERVER_ERROR), started=bench.now)) == 1


@pytest.mark.parametrize("lost", [True, False])
def test_a_soft_probe_that_says_nothing_frees_its_slot(bench: Bench, *, lost: bool) -> None:
    trip(bench)
    bench.now += 5
    bench.health.admit(KEY)
    assert bench.state() == "soft_open"
    if lost:
        bench.now += 60
    else:
        bench.health.record(KEY, Failure(kind=Kind.RATE_LIMITED, retry_after=0.1), started=bench.now)
        bench.now += 0.11
    assert bench.health.admit(KEY).state == "probe"
    bench.health.release(KEY, started=bench.now)
    assert bench.state() == "probe"


def test_late_results_say_nothing_about_what_came_after(bench: Bench) -> None:
    old = bench.now
    bench.now += 1
    trip(bench)
    for result in (None, Failure(kind=Kind.SERVER_ERROR)):
        assert bench.health.record(KEY, result, started=old) == ()
    assert bench.state() == "soft_open"
    bench.now += 5
    bench.health.admit(KEY)
    for _ in range(10):
        assert bench.health.record(KEY, Failure(kind=Kind.SERVER_ERROR), started=old) == ()
        assert bench.health.record(KEY, None, started=old) == ()
    assert bench.state() == "soft_open"  # half open, its one slot taken
    for _ in range(3):
        bench.health.admit(KEY)
        bench.health.record(KEY, None, started=bench.now)
    assert bench.state() == "closed"
    bench.now += 30
    for _ in range(100):
        assert bench.health.record(KEY, Failure(kind=Kind.SERVER_ERROR), started=old) == ()
    assert bench.state() == "closed"


def test_a_bypassing_call_that_gets_through_shortens_the_wait(bench: Bench) -> None:
    trip(bench)
    bench.call()
    assert bench.state() == "probe"
    bench.call()
    assert bench.call() == (Transition("recovery", Kind.SERVER_ERROR, hard=False),)


def test_once_closed_it_lets_others_go_first_for_ten_seconds(bench: Bench) -> None:
    trip(bench)
    for _ in range(3):
        bench.call(took=1e-6)
    shares = []
    for _ in range(11):
        later = []
        for bench.random in (step / 100 for step in range(100)):
            assert bench.state() == "closed"
            later.append(bench.health.peek(KEY).later)
        shares.append(1 - sum(later) / 100)
        bench.now += 1
    assert shares[0] == pytest.approx(0.1, abs=0.02)
    assert shares[5] == pytest.approx(0.55, abs=0.02)
    assert shares[10] == 1
    assert shares == sorted(shares)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 4, 11]), st.booleans(), st.integers(1, 25)), max_size=30))
def test_it_opens_exactly_when_the_rule_says(events: list[tuple[int, bool, int]]) -> None:
    bench = Bench()
    done: list[tuple[float, bool]] = []
    row, worked = 0, -math.inf
    for wait, ok, times in events:
        bench.now += wait
        for _ in range(times):
            bench.call(None if ok else Kind.SERVER_ERROR, took=0)
            done.append((bench.now, ok))
            row, worked = (0, bench.now) if ok else (row + 1, worked)
            recent = [result for at, result in done if at > bench.now - 10]
            often = not ok and len(recent) >= 40 and recent.count(False) * 2 >= len(recent)
            long = not ok and row >= 5 and bench.now - worked >= 10
            assert (bench.state() == "soft_open") == (often or long)
            if often or long:
                return


# --- whom to bypass to ---------------------------------------------------------------------------------------------------------


def test_the_least_bad_is_soft_before_hard_and_takes_turns(bench: Bench) -> None:
    keys = [Key(name, "CN", "m", name) for name in ("region", "quota", "limited", "soft", "soft too")]
    for key, kind in zip(keys, (Kind.REGION_BLOCKED, Kind.QUOTA_EXHAUSTED, Kind.RATE_LIMITED), strict=False):
        bench.call(kind, key=key, took=0)
    for key in keys[3:]:
        for _ in range(5):
            bench.call(Kind.OVERLOADED, key=key, took=0)
    assert sorted(bench.health.least_bad(keys) for _ in range(10)) == [3] * 5 + [4] * 5
    assert [bench.health.least_bad(keys[:3]) for _ in range(3)] == [2, 2, 2]
    assert [bench.health.least_bad(keys[:2]) for _ in range(3)] == [1, 1, 1]
    assert bench.health.least_bad(keys[:1]) == 0
    bench.now += 0.01
    bench.call(key=keys[4])
    bench.health.admit(keys[4])
    bench.health.admit(keys[4])
    assert {bench.health.least_bad(keys) for _ in range(4)} == {4}  # it has begun to work again


# --- what it costs -----------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_what_is_used_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY", 100)
    bench.call(Kind.REGION_BLOCKED)
    for index in range(1_000):
        bench.call(Kind.MODEL_NOT_FOUND, key=ELSEWHERE._replace(model=f"made-up-{index}"))
        assert bench.state() == "hard"
    assert len(bench.health.blocks()) <= 100


def test_admit_and_record_cost_little() -> None:
    health = Health()
    best = math.inf
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(500):
            health.admit(KEY)
            health.record(KEY, None, started=time.monotonic())
        best = min(best, (time.perf_counter() - begun) / 500)
    assert best < 5e-6


def test_threads_raise_nothing_and_leave_nothing_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY", 20)
    health = Health()
    kinds = [None, None, None, *Kind]

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for turn in range(1_500):
            key = KEY._replace(model=f"m{chance.randrange(30)}", credential=f"k{chance.randrange(3)}")
            health.admit(key)
            kind = chance.choice(kinds)
            health.record(key, kind and Failure(kind=kind, retry_after=0.0), started=time.monotonic())
            if turn % 50 == 0:
                health.blocks()
                health.least_bad([key, KEY])
                health.clear(KEY.endpoint)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    finally:
        sys.setswitchinterval(interval)
    health.clear()
    assert health.admit(KEY).state == "closed"


def test_calls_sent_past_a_hold_do_not_spoil_the_share(bench: Bench) -> None:
    bench.call()
    for _ in range(100):
        bench.call(Kind.AUTH, took=0.01)
    bench.call(took=0.01)
    for _ in range(39):
        bench.call(Kind.SERVER_ERROR, took=0.01)
    assert bench.state() == "closed"
    bench.call(Kind.SERVER_ERROR, took=0.01)
    assert bench.state() == "soft_open"


def test_a_clock_that_steps_back_wedges_nothing(bench: Bench) -> None:
    trip(bench)
    bench.call(Kind.QUOTA_EXHAUSTED)
    bench.now -= 500
    bench.call(Kind.SERVER_ERROR)
    bench.call()
    bench.now += 500 + HOUR
    for _ in range(4):
        bench.call()
    assert bench.health.admit(KEY).state == "closed"


def test_the_budget_pays_for_a_tenth_and_a_floor() -> None:
    budget = Budget()
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(10):
        assert not budget.take()
        budget.earn()
    assert budget.take()
    assert not budget.take()
    for _ in range(1_000):
        budget.earn()
    assert sum(budget.take() for _ in range(100)) == 10


# --- anything, in any order ------------------------------------------------------------------------------------------------------

KEYS = [Key(e, "CN", m, f"{e}{c}") for e in ("a@x", "b@x") for m in ("m", "n") for c in "12"]
SHORTEST = {kind: min(s or HOUR for k, _, _, s in HOLDS if k is kind) for kind in {kind for kind, *_ in HOLDS}}
SHORTEST |= {Kind.REGION_BLOCKED: 6 * HOUR, Kind.RATE_LIMITED: 0.1}


@dataclass
class Open:
    key: Key
    started: float
    probing: frozenset[tuple[str, str, str, str, float]]


class Anything(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.calls: list[Open] = []
        self.held: dict[Key, tuple[float, float]] = {}  # when it was told, for how long nothing but success may end it

    def blocks_of(self, key: Key) -> frozenset[tuple[str, str, str, str, float]]:
        return frozenset(
            (b.endpoint, b.egress, b.model, b.credential_id, b.since)
            for b in self.bench.health.blocks(key.endpoint)
            if b.egress in ("", key.egress) and b.model in ("", key.model) and b.credential_id in ("", key.credential)
        )

    @rule(key=st.sampled_from(KEYS))
    def send(self, key: Key) -> None:
        peeked = self.bench.health.peek(key)
        blocks = self.blocks_of(key)
        admission: Admission = self.bench.health.admit(key)
        assert replace(admission, later=False) == replace(peeked, later=False)
        if key in self.held:
            at, seconds = self.held[key]
            if self.bench.now < at + seconds:
                assert admission.state == "hard"
        if blocks:
            assert admission.state in ("hard", "probe", "soft_open")
        if admission.state in ("closed", "probe"):
            # one probe at a time: nobody young is out for any of the same holds
            young = [call for call in self.calls if self.bench.now < call.started + 60]
            assert not any(call.probing & blocks for call in young)
            self.calls.append(Open(key, self.bench.now, blocks))

    @rule(seconds=st.one_of(st.floats(0, 3), st.floats(0, 100), st.sampled_from([600.0, HOUR, 7 * HOUR, DAY])))
    def wait(self, seconds: float) -> None:
        self.bench.now += seconds

    @precondition(lambda self: self.calls)
    @rule(
        data=st.data(),
        kind=st.sampled_from([None, None, *Kind]),
        scoped=st.booleans(),
        after=st.none() | st.floats(0, 20),
    )
    def finish(self, data: st.DataObject, kind: Kind | None, *, scoped: bool, after: float | None) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        failure = None if kind is None else Failure(kind=kind, model_scoped=scoped, retry_after=after)
        changes = self.bench.health.record(call.key, failure, started=call.started)
        if kind is None:
            # which of the holds a success lifts is the table's matter: the model forgets all it could
            self.held = {key: told for key, told in self.held.items() if key.endpoint != call.key.endpoint}
        elif any(change.name == "block" and change.hard and change.kind in SHORTEST for change in changes):
            self.held[call.key] = self.bench.now, SHORTEST[kind]

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        self.bench.health.release(call.key, started=call.started)

    @precondition(lambda self: self.calls)
    @rule()
    def lose(self) -> None:
        self.calls.pop()

    @rule()
    def burst(self) -> None:
        for _ in range(5):
            self.bench.call(Kind.SERVER_ERROR, key=KEYS[0], took=0.01)

    @invariant()
    def times_make_sense(self) -> None:
        for block in self.bench.health.blocks():
            assert block.until is None or 0 <= block.until <= 31 * DAY

    def teardown(self) -> None:
        """Everything comes back by itself once it works: nothing is held for ever."""
        for key in KEYS:
            for _ in range(100):
                self.bench.now += HOUR
                state = self.bench.health.admit(key).state
                if state == "closed":
                    break
                if state == "probe":
                    self.bench.health.record(key, None, started=self.bench.now)
            assert self.bench.health.admit(key).state == "closed"


Anything.TestCase.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAnything = Anything.TestCase
