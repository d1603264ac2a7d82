"""How long each part of a call may take. Pure: seconds in, seconds out; None is no limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmswitch.call import Timeouts

# Seconds until the first content of a stream while another candidate is left; reasoning models may stay silent for longer.
FIRST_CONTENT: Final = 60.0
FIRST_CONTENT_REASONING: Final = 120.0
# Seconds kept back for the next candidate out of a long timeout; of a short one it is half.
RESERVE: Final = 60.0
CONNECT: Final = 3.0
SHORTEST_ATTEMPT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one attempt: until the connection stands, until the response's head, until the first content, for each gap after that."""

    connect: float | None
    head: float | None
    content: float | None
    gap: float | None


@dataclass(frozen=True, slots=True)
class Patience:
    """Of one call. A lone candidate gets openai's own timeouts; where there is a choice, one budget covers all attempts."""

    timeouts: Timeouts
    lone: bool

    def after(self, passed: float) -> Patience:
        """This patience from now on, something having come after so many seconds: the deadline goes on, the wait begins anew."""
        deadline = self.timeouts.deadline
        return self if deadline is None else replace(self, timeouts=replace(self.timeouts, deadline=deadline - passed))

    def deadline_left(self, passed: float) -> float | None:
        """Seconds left of the deadline after so many have passed; zero or less when it is over."""
        return None if self.timeouts.deadline is None else self.timeouts.deadline - passed

    def left(self, passed: float) -> float | None:
        """Seconds left for further attempts: of the deadline, and where there is a choice of the time until the first content."""
        whole = self._whole()
        return None if whole is None else max(0.001, whole - passed)

    def worth_another(self, passed: float) -> bool:
        """Whether another attempt makes sense: a second is left, or a tenth of a budget that was shorter than ten."""
        whole = self._whole()
        return whole is None or whole - passed >= min(SHORTEST_ATTEMPT, whole / 10)

    def limits(self, passed: float, *, last: bool, stream: bool, reasoning: bool) -> Limits:
        """For an attempt that begins now; `last` means that nobody is left to go to after it."""
        gap, head, connect = self.timeouts.read, self.left(passed), self.timeouts.connect
        if self.lone:
            return Limits(connect, head, head, gap)
        connect = CONNECT if connect is None else min(connect, CONNECT)
        if last:
            return Limits(connect, head, head, gap)
        if head is not None:
            head -= min(RESERVE, head / 2)
        if stream:
            silence = FIRST_CONTENT_REASONING if reasoning else FIRST_CONTENT
            head = silence if head is None else min(head, silence)
        return Limits(connect, head, head, gap)

    def _whole(self) -> float | None:
        bounds = (self.timeouts.deadline, None if self.lone else self.timeouts.read)
        return min((bound for bound in bounds if bound is not None), default=None)
