"""openai's streams, let go when they are dropped.

openai's `Stream` and its generator hold each other, so one that is dropped half-read keeps its connection until the garbage collector comes
by. These stand outside that cycle: when the caller drops one, the connection is freed at once.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import openai
from openai.types.chat import ChatCompletionChunk

from llmswitch import errors
from llmswitch._leaving import close_at_exit
from llmswitch._openai_models import constructor
from llmswitch._openai_transport import opened
from llmswitch._openai_wire import abandon
from llmswitch.failover import LoneFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from llmswitch._httpx import httpx
    from llmswitch.exchange import AsyncExchange, Exchange

_T = TypeVar("_T")


class Stream(openai.Stream[_T]):
    """`openai.Stream`, iterating over another one."""

    def __init__(self, **arguments: Any) -> None:
        self._inner: openai.Stream[_T] = openai.Stream(**arguments)
        vars(self).update(vars(self._inner))
        close_at_exit(self)

    def _leave(self) -> None:
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


class DirectStream(openai.Stream[ChatCompletionChunk]):
    """`openai.Stream` fed by the engine: httpx's response, which few ask for, is made when it is asked for."""

    def __init__(self, exchange: Exchange, client: Any, request: Callable[[], httpx.Request]) -> None:
        self._exchange, self._client, self._request = exchange, client, request
        self._cast_to = ChatCompletionChunk
        self._iterator = _chunks(exchange)

    if not TYPE_CHECKING:  # attributes of openai's

        @cached_property
        def response(self) -> httpx.Response:
            """The response's head; its body is what the stream has not read yet."""
            return opened(self._request(), self._exchange)

        @cached_property
        def _decoder(self) -> Any:
            return self._client._make_sse_decoder()  # noqa: SLF001 - openai's own

    def close(self) -> None:
        """Stop, and free the connection."""
        self._exchange.close()
        if "response" in vars(self):
            self.response.close()


def _chunks(exchange: Exchange) -> Iterator[ChatCompletionChunk]:
    construct = constructor(ChatCompletionChunk)
    ready = exchange.ready
    try:
        more = True
        while more:
            report = exchange.report
            while ready:
                chunk: Any = construct(ready.popleft()[0])
                # Past pydantic: in no dump, no comparison and not among the fields that were set.
                chunk.__dict__["llmswitch"] = report
                yield chunk
            more = exchange.advance()
    except LoneFailure as lone:
        raise errors.build(errors.ProviderError, lone.case) from lone.case.cause
    finally:
        exchange.close()


class AsyncDirectStream(openai.AsyncStream[ChatCompletionChunk]):
    """As `DirectStream`."""

    def __init__(self, exchange: AsyncExchange, client: Any, request: Callable[[], httpx.Request]) -> None:
        self._exchange, self._client, self._request = exchange, client, request
        self._cast_to = ChatCompletionChunk
        self._iterator = _AsyncChunks(exchange)

    if not TYPE_CHECKING:  # attributes of openai's

        @cached_property
        def response(self) -> httpx.Response:
            """As `DirectStream.response`."""
            return opened(self._request(), self._exchange)

        @cached_property
        def _decoder(self) -> Any:
            return self._client._make_sse_decoder()  # noqa: SLF001 - openai's own

    async def close(self) -> None:
        """Stop, and free the connection."""
        await self._exchange.aclose()
        if "response" in vars(self):
            await self.response.aclose()


class _AsyncChunks:
    """No async generator: a loop wants to close those itself, and a dropped one needs the loop to be closed."""

    __slots__ = ("_construct", "_exchange", "_ready")

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange, self._ready = exchange, exchange.ready
        self._construct = constructor(ChatCompletionChunk)

    def __aiter__(self) -> _AsyncChunks:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        ready = self._ready
        while not ready:
            await self._advance()
        chunk: Any = self._construct(ready.popleft()[0])
        chunk.__dict__["llmswitch"] = self._exchange.report
        return chunk  # type: ignore[no-any-return] # openai's class, by its constructor

    async def _advance(self) -> None:
        exchange = self._exchange
        try:
            if await exchange.advance():
                return
        except LoneFailure as lone:
            await exchange.aclose()
            raise errors.build(errors.ProviderError, lone.case) from lone.case.cause
        except BaseException:
            await exchange.aclose()
            raise
        await exchange.aclose()
        raise StopAsyncIteration
