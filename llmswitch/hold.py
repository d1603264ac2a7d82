"""The hard hold: the vendor said something that stays true for a while, so nobody asks again before it can have changed.

What each kind holds and for how long is `RULES`; after its end, and for long holds now and then before it, one probe at a
time finds out. Pure: every method takes the time in seconds of a monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from llmswitch.breaker import JITTER, LEASE
from llmswitch.failure import Kind

if TYPE_CHECKING:
    from llmswitch.failure import Failure

RETRY_AFTER_LEAST: Final = 0.1
RETRY_AFTER_MOST: Final = 600.0
RESET_MOST: Final = 31 * 86_400.0  # a quota's reset lies within a month; anything later is a wrong clock

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind holds, and for how long. `model`: whether only for that model; "as_said" by the failure itself."""

    of: Literal["endpoint", "credential"]
    model: Literal["never", "always", "as_said"]
    first: float
    most: float
    probe: float = math.inf  # seconds between probes before the end; after it, one probe at a time
    lapses: bool = False  # at the end all calls go again instead

    def about_model(self, failure: Failure) -> bool:
        """Whether only the model that failed is held."""
        return self.model == "always" or (self.model == "as_said" and failure.model_scoped)

    def seconds(self, failure: Failure, strikes: int, *, wall: float, random: float) -> float:
        """How long to hold after so many holds in a row before; `wall` is unix time, `random` 0..1."""
        seconds = min(self.most, self.first * 2.0 ** min(strikes, 20))
        if failure.kind is Kind.RATE_LIMITED:
            if failure.retry_after is None:
                return seconds * (1 - JITTER + 2 * JITTER * random)
            return min(RETRY_AFTER_MOST, max(RETRY_AFTER_LEAST, failure.retry_after))
        if failure.kind is Kind.QUOTA_EXHAUSTED and failure.reset_at is not None and failure.reset_at > wall:
            return min(RESET_MOST, failure.reset_at - wall)
        return seconds


# A region list changes rarely; an account is topped up any time; a key is only ever replaced: by another level.
RULES: Final = {
    Kind.REGION_BLOCKED: Rule("endpoint", "as_said", 24 * _HOUR, 24 * _HOUR, probe=6 * _HOUR),
    Kind.TLS_VERIFY: Rule("endpoint", "never", 10 * _MINUTE, 10 * _MINUTE),
    Kind.MODEL_NOT_FOUND: Rule("endpoint", "always", 10 * _MINUTE, 10 * _MINUTE),
    Kind.QUOTA_EXHAUSTED: Rule("credential", "as_said", 15 * _MINUTE, 6 * _HOUR, probe=6 * _HOUR),
    Kind.AUTH: Rule("credential", "never", math.inf, math.inf, probe=_HOUR),
    Kind.KEY_SITE_MISMATCH: Rule("credential", "never", math.inf, math.inf, probe=_HOUR),
    Kind.PERMISSION: Rule("credential", "always", 10 * _MINUTE, 10 * _MINUTE),
    Kind.RATE_LIMITED: Rule("credential", "always", 1.0, _MINUTE, lapses=True),
}
# Not said by anybody: inferred from a path that fails again and again.
SUSPECT: Final = Rule("endpoint", "never", 10 * _MINUTE, 6 * _HOUR)


class Hold:
    """A hold on one level.

    Attributes:
        failure: what set it.
        until: its end, infinite where only a new key helps.
        changed: when it was set or renewed; results of calls begun before say nothing new.
        strikes: how many holds in a row came before.
        since: unix time of the first of them.
        used: when it was last asked.
    """

    __slots__ = ("_probe_at", "_probing", "changed", "failure", "rule", "since", "strikes", "until", "used")

    def __init__(self, rule: Rule, failure: Failure, *, now: float, seconds: float, strikes: int, since: float) -> None:
        self.rule, self.failure, self.strikes, self.since = rule, failure, strikes, since
        self.changed = self.used = now
        self.until = now + seconds
        self._probe_at = now + rule.probe
        self._probing = -math.inf  # when the probe that is out went out

    def ask(self, now: float) -> Literal["closed", "probe", "hard"]:
        """Whether a call may go; takes no slot."""
        self.used = now
        if now < self.until and now < self._probe_at:
            return "hard"
        if self.rule.lapses:
            return "closed"
        return "hard" if now < self._probing + LEASE else "probe"

    def take(self, now: float) -> None:
        """The probe that `ask` granted goes."""
        self._probing = now

    def release(self, now: float, started: float) -> None:
        """A call without a verdict on this hold is over; begun after the probe went out, it is taken for the probe."""
        if started >= self._probing > -math.inf:
            self._probing = -math.inf
            self._probe_at = now + self.rule.probe

    def left(self, now: float) -> float | None:
        """Seconds left: 0.0 where a probe is due, None where it has no end."""
        return None if self.until == math.inf else max(0.0, self.until - now)

    def strikes_for(self, rule: Rule, now: float) -> int:
        """How many holds in a row one by `rule` would follow; long after the end it starts again."""
        return self.strikes + 1 if self.rule is rule and now < self.until + rule.most else 0
