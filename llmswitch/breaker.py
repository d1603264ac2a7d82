"""The soft breaker: too many failures lately, so leave it alone for some seconds, then let a few calls find out.

Closed, it opens when at least half of at least 40 calls within 10 s failed, or after 5 failures in a row with no
success for 10 s (never having succeeded counts as that). Open for 5 s, doubling to 60 s, +-20 %. Half open, it lets in
one probe, then as many at once as have succeeded and one more; three successes close it, three failures open it again
(one, where it had opened again before). Closed again, it takes a tenth of the calls at first and all after 10 s, so
that a vendor just back is not run over.

Calls are counted when they go: errors come back sooner than answers, so that a share of what came back would be too
high whenever traffic grows. A result of a call begun before the last transition is ignored. A textbook breaker (5
failures in a row, fail fast) drops success to 42-61 % when every vendor errs at 30 %; these figures keep 95 %.

Pure: every method takes the time in seconds of a monotonic clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from llmswitch.failure import Kind

WINDOW: Final = 10  # seconds, in buckets of one
MINIMUM_CALLS: Final = 40
FAILING_SHARE: Final = 0.5
CONSECUTIVE: Final = 5
OPEN_FIRST: Final = 5.0
OPEN_MOST: Final = 60.0
JITTER: Final = 0.2
SUCCESSES_TO_CLOSE: Final = 3
FAILURES_TO_REOPEN: Final = 3
RAMP: Final = 10.0
RAMP_FROM: Final = 0.1
LEASE: Final = 60.0  # a probe that never reports holds its slot no longer than this


class Breaker:
    """One breaker, counting from the first call on.

    Attributes:
        kind: the last failure's.
        since: unix time of the first opening.
        until: until when it is open.
        ramp_until: until when, closed again, it takes less than its share.
        worked: when a success last came.
        used: when anything last came.
    """

    __slots__ = (
        "_calls",
        "_changed",
        "_consecutive",
        "_failed",
        "_failures",
        "_opened",
        "_opened_at",
        "_probes",
        "_successes",
        "_tick",
        "_total",
        "_total_failed",
        "kind",
        "ramp_until",
        "since",
        "state",
        "until",
        "used",
        "worked",
    )

    def __init__(self, now: float) -> None:
        self.kind: Kind | None = None
        self.since = 0.0
        self.used = now
        self._tick = int(now)
        self.ramp_until = self._changed = self._opened_at = self.worked = -math.inf
        self._close()

    def _close(self) -> None:
        self.state: Literal["closed", "open", "half_open"] = "closed"
        self.until = -math.inf
        self._opened = 0  # how often in a row
        self._consecutive = 0
        self._successes = self._failures = 0  # while half open
        self._probes: tuple[float, ...] = ()  # when each was let in
        self._calls, self._failed = [0] * WINDOW, [0] * WINDOW
        self._total = self._total_failed = 0

    def ask(self, now: float) -> Literal["closed", "probe", "soft_open"]:
        """Whether a call may go; takes no slot."""
        if self.state == "closed":
            return "closed"
        if self.state == "open":
            return "soft_open" if now < self.until else "probe"
        out = sum(now < since + LEASE for since in self._probes)
        return "probe" if out < 1 + self._successes else "soft_open"

    def yields(self, now: float, random: float) -> bool:
        """Whether, closed again, it leaves this call to others if there are any; `random` is 0..1."""
        return now < self.ramp_until and random >= 1 - (1 - RAMP_FROM) * (self.ramp_until - now) / RAMP

    def take(self, now: float) -> None:
        """A call goes: count it, and take the slot of the probe that `ask` granted."""
        self.used = now
        if self.state == "closed":
            self._count(now, calls=1)
            return
        if self.state == "open":
            self._half_open(now)
        self._probes = (*(since for since in self._probes if now < since + LEASE), now)

    def forget(self, now: float, started: float) -> None:
        """A call begun at `started` is over and says nothing about this breaker: it is as if it had not been."""
        if self.state != "closed":
            self._release(started)
        elif started >= self._changed and self._total > 0:  # 0: it was sent all the same, past a hold
            self._count(now, calls=-1)

    def success(self, now: float, started: float) -> bool:
        """A call succeeded; True where that closed the breaker."""
        if started <= self._opened_at:
            return False
        self.worked = now
        if self.state == "closed":
            self._consecutive = 0
            return False
        if self.state == "open":
            self._half_open(now)  # a call past the breaker got through: no need to wait for the first probe
        self._release(started)
        self._successes += 1
        # "And at least half of them" holds by itself: as many failures would have opened it again.
        if self._successes < SUCCESSES_TO_CLOSE:
            return False
        self._close()
        self._changed = now
        self.ramp_until = now + RAMP
        return True

    def failure(self, kind: Kind, now: float, started: float, weight: int = 1) -> bool:
        """A call failed; True where the breaker should `open`. `weight` is what it counts for in a row."""
        if started < self._changed or self.state == "open":
            return False
        self.kind = kind
        if self.state == "half_open":
            self._release(started)
            self._failures += 1
            return self._failures >= (FAILURES_TO_REOPEN if self._opened == 1 else 1)
        self._count(now, failed=1)
        self._consecutive += weight
        if self._total >= MINIMUM_CALLS and self._total_failed >= FAILING_SHARE * self._total:
            return True
        return self._consecutive >= CONSECUTIVE and now - self.worked >= WINDOW

    def open(self, now: float, since: float, random: float) -> float:
        """Open it, longer each time; returns for how many seconds. `since` is unix time, `random` 0..1."""
        if self.state == "closed":
            self.since = since
        self.state, self._changed = "open", now
        self._opened_at = now
        seconds = min(OPEN_MOST, OPEN_FIRST * 2.0**self._opened) * (1 - JITTER + 2 * JITTER * random)
        self._opened = min(self._opened + 1, 10)
        self.until = now + seconds
        return seconds

    @property
    def reviving(self) -> bool:
        """Whether a success came since it opened."""
        return self.state == "half_open" and self._successes > 0

    def _half_open(self, now: float) -> None:
        self.state, self._changed = "half_open", now
        self._successes = self._failures = 0
        self._probes = ()

    def _release(self, started: float) -> None:
        # A call begun after a probe went out is taken for it: at worst one more goes out.
        probes = self._probes
        if probes and started >= probes[0]:
            self._probes = probes[1:]

    def _count(self, now: float, *, calls: int = 0, failed: int = 0) -> None:
        tick = int(now)
        if tick > self._tick:
            for second in range(max(self._tick, tick - WINDOW) + 1, tick + 1):
                slot = second % WINDOW
                self._total -= self._calls[slot]
                self._total_failed -= self._failed[slot]
                self._calls[slot] = self._failed[slot] = 0
            self._tick = tick
        slot = self._tick % WINDOW
        self._calls[slot] += calls
        self._total += calls
        self._failed[slot] += failed
        self._total_failed += failed
