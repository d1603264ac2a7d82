"""Idle connections, kept for the next request to the same origin."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.transport.wire import Origin

IDLE_LIMIT: Final = 100  # kept per origin
IDLE_SECONDS: Final = 60.0


class Poolable(Protocol):
    """What a pool asks of a connection."""

    origin: Origin
    idle_since: float

    @abstractmethod
    def stale(self) -> bool:
        """Whether the other side has closed it, or sent something that nobody asked for."""

    @abstractmethod
    def close(self) -> None:
        """Free it at once."""


C = TypeVar("C", bound=Poolable)


class Pool(Generic[C]):
    """The last used first. Every step is O(1) and atomic: neither threads nor forks need a lock."""

    def __init__(self) -> None:
        self._idle: dict[Origin, deque[C]] = {}

    def take(self, origin: Origin) -> C | None:
        """An idle connection that is still good, or None."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        oldest = time.monotonic() - IDLE_SECONDS
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return None
            if connection.idle_since >= oldest and not connection.stale():
                return connection
            connection.close()

    def give(self, connection: C) -> None:
        """Keep `connection` for the next request."""
        connection.idle_since = now = time.monotonic()
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle.setdefault(connection.origin, deque())
        idle.append(connection)
        try:
            while len(idle) > IDLE_LIMIT or idle[0].idle_since < now - IDLE_SECONDS:
                idle.popleft().close()
        except IndexError:  # another thread took the last one
            pass

    def drain(self) -> Iterator[C]:
        """Take out all."""
        for idle in list(self._idle.values()):
            while True:
                try:
                    yield idle.pop()
                except IndexError:
                    break
