"""What happens, as it happens: one event type, one protocol, and the standard log.

    def watch(event: Event) -> None:
        print(event.name, event.endpoint, event.kind)

Hooks are plain functions, called in the caller's thread or event loop, so they should be quick. Events hold names,
numbers and kinds: no prompt, no answer, no key, no vendor's words.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from types import CoroutineType
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Event", "Hook", "Name", "emit", "listening"]

logger: Final = logging.getLogger("llmswitch")

# Kinds whose hold only a person can end.
_LOUD: Final = frozenset({"auth", "key_site_mismatch", "tls_verify"})
_MOST_REMEMBERED: Final = 1_000

Name = Literal["attempt", "failover", "block", "recovery"]
_T = TypeVar("_T")

_crossings: Final[set[tuple[str, str]]] = set()
_broken: Final[set[str]] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a call or to an endpoint.

    Attributes:
        name: `attempt` (a request ended), `failover` (the call goes on at `to`), `block` (an endpoint, model or key is
            held back), `recovery` (it is used again).
        provider, site, model: where.
        kind: the failure's kind (`failure.Kind`); None for success.
        status: the HTTP status, None where no answer came.
        milliseconds: how long the attempt took.
        region: where the call left from, None if unknown.
        hold: seconds for which it is held back; None where no end is known, and for other events.
        to: the next endpoint, `provider@site`, on `failover`.
        call: the same for all events of one call.
        time: unix time in seconds.
    """

    name: Name
    provider: str
    site: str
    model: str = ""
    kind: str | None = None
    status: int | None = None
    milliseconds: float | None = None
    region: str | None = None
    hold: float | None = None
    to: str | None = None
    call: str = ""
    time: float = field(default_factory=time.time)

    @property
    def endpoint(self) -> str:
        """`provider@site`."""
        return f"{self.provider}@{self.site}"

    def __str__(self) -> str:
        """One line for people: `failover: openai@global gpt-4o: region_blocked (403), to qwen@cn`."""
        text = f"{self.name}: {self.endpoint} {self.model}".rstrip()
        if self.kind is not None:
            text += f": {self.kind}"
        elif self.name == "attempt":
            text += ": answered"
        if self.status is not None:
            text += f" ({self.status})"
        if self.milliseconds is not None:
            text += f" after {self.milliseconds:.0f} ms"
        if self.name == "block":
            text += ", held back" + ("" if self.hold is None else f" for {self.hold:.0f} s")
        return f"{text}, to {self.to}" if self.to else text


class Hook(Protocol):
    """Whoever wants to know: any callable of one event."""

    def __call__(self, event: Event, /) -> None:
        """Take note of the event; what it raises is logged once and never reaches the call."""
        ...


def listening(hooks: Sequence[Hook]) -> bool:
    """Whether anyone would see an event that the log shows at DEBUG only: saves building it."""
    return bool(hooks) or logger.isEnabledFor(logging.DEBUG)


def emit(hooks: Sequence[Hook], event: Event) -> None:
    """Write the event to the log "llmswitch" and tell every hook. Never raises what a hook raises."""
    level = _level(event)
    if logger.isEnabledFor(level):
        logger.log(level, "%s", event, extra={"llmswitch": event})
    for hook in hooks:
        try:
            result: object = hook(event)  # type: ignore[func-returns-value]  # a coroutine function passes for a hook
        except Exception as error:  # noqa: BLE001 - a hook's fault, whatever it is, is not the call's
            _complain(hook, error)
            continue
        if isinstance(result, CoroutineType):
            result.close()
            _complain(hook, TypeError("a hook is a plain function; start your own task for what takes time"))


def _level(event: Event) -> int:
    """WARNING for the first crossing between two endpoints and for what only a person can end; attempts at DEBUG."""
    if event.name == "attempt":
        return logging.DEBUG
    if event.name == "failover":
        pair = (event.endpoint, event.to or "")
        return logging.WARNING if _first(_crossings, pair) else logging.INFO
    return logging.WARNING if event.name == "block" and event.kind in _LOUD else logging.INFO


def _complain(hook: Hook, error: Exception) -> None:
    name = f"{getattr(hook, '__module__', '')}.{getattr(hook, '__qualname__', type(hook).__qualname__)}"
    if _first(_broken, name):
        logger.warning(
            "hook %s raised, which is logged once: %s: %s", name, type(error).__name__, error, exc_info=error
        )


def _first(seen: set[_T], item: _T) -> bool:
    if item in seen or len(seen) >= _MOST_REMEMBERED:
        return False
    seen.add(item)
    return True
