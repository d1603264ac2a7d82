"""The transport under openai's httpx client: an httpx request in, the engine's answer out.

Chat, embeddings and models calls go to the engine; every other resource lives at OpenAI (or at the endpoint that `base_url` names) and goes
there, while it serves the region.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from openai._constants import DEFAULT_CONNECTION_LIMITS

from llmswitch import errors
from llmswitch._httpx import family, httpx
from llmswitch._json import dumps
from llmswitch._openai_wire import (
    ENGINE,
    HAPPENED,
    answered,
    fail,
    lone_answer,
    operation_of,
    raising,
    read_call,
    resource_options,
    resource_request,
    shown,
    timeouts_of,
)
from llmswitch._patched import transports_patched
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failover import LoneFailure
from llmswitch.transport.base import TransportError
from llmswitch.transport.httpx import AsyncHttpxTransport, HttpxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from llmswitch.call import Answer
    from llmswitch.engine import Engine
    from llmswitch.transport.base import AsyncResponse, AsyncSender, Response, Sender

    Outcome: TypeAlias = LoneFailure | errors.LLMSwitchError | Answer

# What the fast path has met already, and openai's own code is to deal with: the next request is answered with it.
_replay: ContextVar[Outcome | None] = ContextVar("llmswitch.replay", default=None)


@contextlib.contextmanager
def replaying(outcome: Outcome) -> Iterator[None]:
    """Let the first request that openai makes meanwhile end as told, without sending it again."""
    token = _replay.set(outcome)
    try:
        yield
    finally:
        _replay.reset(token)


def _replayed(request: httpx.Request) -> httpx.Response | None:
    outcome = _replay.get()
    if outcome is None:
        return None
    _replay.set(None)
    if isinstance(outcome, LoneFailure):
        return lone_answer(request, outcome)
    if isinstance(outcome, errors.LLMSwitchError):
        return raising(outcome, request)
    return answered(request, outcome)


class RoutingTransport(httpx.HTTPTransport):
    """Under `OpenAI`: the engine's answers come by `sender`, over our own sockets, or by the caller's own client, `given`.

    It also is httpx's own transport, and sends as that where others have patched httpx, so that mocks and instrumentation see every
    request.

    Args:
        sender: over our own sockets, None with `given`.
        given: an httpx client, and the `options` of its `send`.
    """

    def __init__(self, sender: Sender | None, given: Any = None, **options: Any) -> None:
        self.direct = sender  # what the fast path sends with, too
        self._given, self._options = given, options
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        # httpx's connections are made when they are first needed: that takes 20 ms.
        if name != "_pool":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with self._lock:
            if name not in vars(self):
                super().__init__(limits=DEFAULT_CONNECTION_LIMITS)
        return vars(self)[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send by way of the engine that the client put into the request."""
        if (replayed := _replayed(request)) is not None:
            return replayed
        engine: Engine | None = request.extensions.get(ENGINE)
        if engine is None:  # not openai's: by its own hand the program uses the client beneath
            return self._send(request)
        own = self.direct is not None and not transports_patched(asynchronous=False)
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                engine.check_resource(request.url.path, resource_options(request))
                return self._resource(request) if own else self._send(request)
            call = read_call(engine, request, operation, request.read())
            sender = self.direct if self.direct and own else HttpxTransport(_Through(request, self._send))
            exchange = Exchange(engine, call, engine.failover(call), sender)
            answer = exchange.open()
        except LoneFailure as lone:
            return lone_answer(request, lone)
        except errors.LLMSwitchError as error:
            return raising(error, request)
        return opened(request, exchange) if answer is None else answered(request, answer)

    def _send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """By httpx, as it stands."""
        if self._given is None:
            return httpx.HTTPTransport.handle_request(self, request)
        response: httpx.Response = self._given.send(request, **_SEND | self._options | options)
        return response

    def _resource(self, request: httpx.Request) -> httpx.Response:
        assert self.direct is not None  # noqa: S101 - else it is sent by httpx
        try:
            response = self.direct.send(resource_request(request, request.read()))
        except TransportError as error:
            fail(request, error)
        headers = shown(response.headers)
        return httpx.Response(response.status, headers=headers, stream=_Body(response, request), request=request)

    def close(self) -> None:
        """Close every connection."""
        closed = self.direct or self._given
        closed.close()
        if "_pool" in vars(self):
            super().close()


class AsyncRoutingTransport(httpx.AsyncHTTPTransport):
    """Under `AsyncOpenAI`; as `RoutingTransport`."""

    def __init__(self, sender: AsyncSender | None, given: Any = None, **options: Any) -> None:
        self.direct = sender
        self._given, self._options = given, options
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name != "_pool":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with self._lock:
            if name not in vars(self):
                super().__init__(limits=DEFAULT_CONNECTION_LIMITS)
        return vars(self)[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As `RoutingTransport.handle_request`."""
        if (replayed := _replayed(request)) is not None:
            return replayed
        engine: Engine | None = request.extensions.get(ENGINE)
        if engine is None:
            return await self._send(request)
        own = self.direct is not None and not transports_patched(asynchronous=True)
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                engine.check_resource(request.url.path, resource_options(request))
                return await (self._resource(request) if own else self._send(request))
            call = read_call(engine, request, operation, await request.aread())
            sender = self.direct if self.direct and own else AsyncHttpxTransport(_Through(request, self._send))
            exchange = AsyncExchange(engine, call, engine.failover(call), sender)
            answer = await exchange.open()
        except LoneFailure as lone:
            return lone_answer(request, lone)
        except errors.LLMSwitchError as error:
            return raising(error, request)
        return opened(request, exchange) if answer is None else answered(request, answer)

    async def _send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        if self._given is None:
            return await httpx.AsyncHTTPTransport.handle_async_request(self, request)
        response: httpx.Response = await self._given.send(request, **_SEND | self._options | options)
        return response

    async def _resource(self, request: httpx.Request) -> httpx.Response:
        assert self.direct is not None  # noqa: S101
        try:
            response = await self.direct.send(resource_request(request, await request.aread()))
        except TransportError as error:
            fail(request, error)
        headers = shown(response.headers)
        return httpx.Response(response.status, headers=headers, stream=_AsyncBody(response, request), request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        await (self.direct.aclose() if self.direct is not None else self._given.aclose())
        if "_pool" in vars(self):
            await super().aclose()


# Redirects lead away from whom the routing has chosen.
_SEND: Final[dict[str, Any]] = {"stream": True, "follow_redirects": False}


class _Through:
    """What the engine's requests go through where httpx is to send them: openai's own goes as openai built it.

    Nothing that belongs to openai's request goes to another host: neither its extensions nor its client's authentication.
    """

    def __init__(self, openais: httpx.Request, send: Callable[..., Any]) -> None:
        self._openais, self._send = openais, send

    def build_request(
        self, method: str, url: str, *, headers: Any, content: bytes | None, timeout: Any
    ) -> httpx.Request:
        """As httpx's clients."""
        openais, kind = self._openais, family(self._openais)
        same = url == str(openais.url) and (content or b"") == openais.content
        if same and timeout[:2] == (timeouts_of(openais).connect, timeouts_of(openais).read):
            return openais
        request: httpx.Request = kind.Request(method, url, headers=headers, content=content)
        request.extensions["timeout"] = kind.Timeout(timeout).as_dict()
        for name in ("accept-encoding", "connection"):  # what httpx speaks
            if name in openais.headers:
                request.headers[name] = openais.headers[name]
        return request

    def send(self, request: httpx.Request, **_: object) -> Any:
        """As httpx's clients, the body left to be read; of asynchronous ones to be awaited."""
        if _origin(request) == _origin(self._openais):
            return self._send(request)
        return self._send(request, auth=None)


def _origin(request: httpx.Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port


def send_by(client: Any, request: httpx.Request, *, stream: bool, **options: Any) -> Any:
    """What a caller's httpx client makes of openai's request, by way of the engine; of an asynchronous one to be awaited."""
    if isinstance(client, family(client).AsyncClient):
        return _send_by(client, request, stream=stream, **options)
    started = time.perf_counter()
    response = RoutingTransport(None, client, **options).handle_request(request)
    response.request = request
    if not stream:
        response.read()
    response.elapsed = datetime.timedelta(seconds=time.perf_counter() - started)
    return response


async def _send_by(client: Any, request: httpx.Request, *, stream: bool, **options: Any) -> httpx.Response:
    started = time.perf_counter()
    response = await AsyncRoutingTransport(None, client, **options).handle_async_request(request)
    response.request = request
    if not stream:
        await response.aread()
    response.elapsed = datetime.timedelta(seconds=time.perf_counter() - started)
    return response


def opened(request: httpx.Request, exchange: Exchange | AsyncExchange) -> httpx.Response:
    """An open stream; who answers may still change before its first content."""
    head = exchange.answered
    kind = family(request)
    cls = _streaming(kind, _Events if isinstance(exchange, Exchange) else _AsyncEvents)
    response: httpx.Response = kind.Response(
        head.status,
        headers=shown(head.headers),
        stream=cls(exchange, request),
        request=request,
        extensions={HAPPENED: exchange},
    )
    return response


class _Events(httpx.SyncByteStream):
    """The engine's chunks as the event stream that openai's SDK reads."""

    def __init__(self, exchange: Exchange, request: httpx.Request) -> None:
        self._exchange, self._request = exchange, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            for value, data in self._exchange:
                yield event(data, value)
        except LoneFailure as lone:
            raise errors.build(errors.ProviderError, lone.case) from lone.case.cause
        yield b"data: [DONE]\n\n"

    def close(self) -> None:
        self._exchange.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: Response, request: httpx.Request) -> None:
        self._response, self._request = response, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.chunks()
        except TransportError as error:
            fail(self._request, error)

    def close(self) -> None:
        self._response.close()


@functools.cache
def _streaming(kind: Any, cls: Any) -> Any:
    """A stream's class as one of this httpx's."""
    base = kind.SyncByteStream if issubclass(cls, httpx.SyncByteStream) else kind.AsyncByteStream
    return cls if issubclass(cls, base) else type(cls.__name__, (cls, base), {})


def event(data: bytes, value: object) -> bytes:
    """One server-sent event; data of several lines is written anew."""
    return b"data: " + (data if b"\n" not in data and b"\r" not in data else dumps(value)) + b"\n\n"


class _AsyncEvents(httpx.AsyncByteStream):
    def __init__(self, exchange: AsyncExchange, request: httpx.Request) -> None:
        self._exchange, self._request = exchange, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for value, data in self._exchange:
                yield event(data, value)
        except LoneFailure as lone:
            raise errors.build(errors.ProviderError, lone.case) from lone.case.cause
        yield b"data: [DONE]\n\n"

    async def aclose(self) -> None:
        await self._exchange.aclose()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, response: AsyncResponse, request: httpx.Request) -> None:
        self._response, self._request = response, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._response.chunks():
                yield data
        except TransportError as error:
            fail(self._request, error)

    async def aclose(self) -> None:
        await self._response.aclose()
