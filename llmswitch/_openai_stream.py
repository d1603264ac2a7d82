"""openai's streams, let go when they are dropped.

openai's `Stream` and its generator hold each other, so one that is dropped half-read keeps its connection until the garbage collector comes
by. These stand outside that cycle: when the caller drops one, the connection is freed at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import openai

from llmswitch._leaving import close_at_exit
from llmswitch._openai_transport import abandon

if TYPE_CHECKING:
    from collections.abc import Generator

_T = TypeVar("_T")


class Stream(openai.Stream[_T]):
    """`openai.Stream`, iterating over another one."""

    def __init__(self, **arguments: Any) -> None:
        self._inner: openai.Stream[_T] = openai.Stream(**arguments)
        vars(self).update(vars(self._inner))
        close_at_exit(self)

    def leave(self) -> None:
        """At the interpreter's exit: end openai's generator, too, which later could no longer import what it wants at its end."""
        with suppress(ValueError):  # another thread is reading
            cast("Generator[_T, None, None]", self._iterator).close()
            self.close()

    def __del__(self) -> None:
        if "_inner" in vars(self):
            abandon(self._inner.response)


class AsyncStream(openai.AsyncStream[_T]):
    """`openai.AsyncStream`, iterating over another one."""

    def __init__(self, **arguments: Any) -> None:
        self._inner: openai.AsyncStream[_T] = openai.AsyncStream(**arguments)
        vars(self).update(vars(self._inner))

    def __del__(self) -> None:
        if "_inner" in vars(self):
            abandon(self._inner.response)


def ours(stream_cls: Any) -> Any:
    """Our class in place of openai's own; a caller's subclass stays."""
    origin = get_origin(stream_cls)
    if origin is openai.Stream:
        return Stream[get_args(stream_cls)[0]]  # type: ignore[misc]
    if origin is openai.AsyncStream:
        return AsyncStream[get_args(stream_cls)[0]]  # type: ignore[misc]
    return stream_cls
