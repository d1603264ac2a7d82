"""The transport under openai's httpx client: an httpx request in, the engine's answer out.

Chat, embeddings and models calls go to the engine; every other resource lives at OpenAI (or at the endpoint that `base_url` names) and goes
there, while it serves the region.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, cast

import openai
from openai._constants import DEFAULT_CONNECTION_LIMITS
from pydantic import BaseModel

from llmswitch import _openai_errors, errors
from llmswitch._httpx import httpx
from llmswitch._json import dumps, loads
from llmswitch._patched import transports_patched
from llmswitch.call import Call, Timeouts
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failover import LoneFailure
from llmswitch.secret import CHANGING, Secret
from llmswitch.transport.base import Headers, ReadError, Request, TransportError
from llmswitch.transport.httpx import AsyncHttpxTransport, HttpxTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmswitch.call import Answer
    from llmswitch.engine import Engine
    from llmswitch.transport.base import AsyncResponse, AsyncSender, Response, Sender

    Outcome: TypeAlias = LoneFailure | errors.LLMSwitchError | Answer

# Under these keys a request carries its engine, and a response what happened; httpx leaves unknown extensions alone.
ENGINE: Final = "llmswitch.engine"
EXTRA: Final = "llmswitch.extra"
PATH: Final = "llmswitch.path"
HAPPENED: Final = "llmswitch.happened"
FINAL: Final = "llmswitch.final"
CASE: Final = "llmswitch.case"
RAISES: Final = "llmswitch.raises"

# The body is decoded already, and httpx would keep cookies: those of one vendor must not reach another.
_HIDDEN: Final = frozenset({"content-encoding", "set-cookie"})
_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_OPERATIONS: Final = {
    ("POST", "/chat/completions"): "chat",
    ("POST", "/embeddings"): "embeddings",
    ("GET", "/models"): "models",
}


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
        return _lone(request, outcome)
    if isinstance(outcome, errors.LLMSwitchError):
        return _raising(outcome, request)
    return _answered(request, outcome)


def mark(request: httpx.Request, engine: Engine, options: object) -> httpx.Request:
    """Put into a request what the transport needs to know of it."""
    request.extensions[ENGINE] = engine
    request.extensions[EXTRA] = getattr(options, "extra_json", None)
    return request


def operation_of(method: str, path: str) -> str | None:
    """The engine's operation behind this request, None where it is OpenAI's alone."""
    for (verb, suffix), operation in _OPERATIONS.items():
        if method == verb and path.endswith(suffix):
            return operation
    return None


def headers_of(request: httpx.Request) -> Headers:
    """A request's own headers, without what every transport adds itself."""
    # `raw` keeps the case of names and the bytes of values; latin-1 gives both back as they were.
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    return Headers((name, value) for name, value in raw if name.lower() not in _FRAMING)


_CHANGING: Final = Secret(CHANGING).id


def _credential(engine: Engine, request: httpx.Request) -> str:
    """Whose key the request shows, where the engine does not know it: what is learned about a token must not outlive it."""
    if engine.first.key is None or engine.first.key.id != _CHANGING:
        return ""
    return Secret(request.headers.get("authorization") or request.headers.get("api-key") or "").id


def timeouts_of(request: httpx.Request) -> Timeouts:
    """Httpx's four, as openai set them for this call."""
    given = cast("dict[str, float | None]", request.extensions.get("timeout") or {})
    return Timeouts(connect=given.get("connect"), read=given.get("read"), write=given.get("write"))


def _read_call(engine: Engine, request: httpx.Request, operation: str, body: bytes) -> Call:
    """The call behind openai's request.

    Raises:
        InvalidRequestError: llmswitch's own options in `extra_body` are wrong.
    """
    params = loads(body) if body else {}
    if not isinstance(params, dict):
        raise errors.InvalidRequestError("the request's body is not a JSON object")
    options = params.pop("llmswitch", None)
    if options is not None:
        if not isinstance(options, dict):
            raise errors.InvalidRequestError('extra_body={"llmswitch": ...} takes an object of options')
        body = b""
    extra = request.extensions.get(EXTRA) or {}
    query = request.url.query.decode()
    return engine.call(
        operation=operation,
        params=params,
        body=body or None,
        path=request.extensions.get(PATH, ""),
        headers=headers_of(request),
        credential=_credential(engine, request),
        query=f"?{query}" if query else "",
        extra={name: value for name, value in extra.items() if name in params},
        options=options or {},
        timeouts=timeouts_of(request),
    )


def _response(
    request: httpx.Request, status: int, headers: Headers, content: bytes, extensions: dict[str, object]
) -> httpx.Response:
    kept = [(name, value) for name, value in headers if name.lower() not in _HIDDEN]
    # A stream, although it is all there: httpx times and counts what it reads.
    stream = httpx.ByteStream(content)
    return httpx.Response(status, headers=kept, stream=stream, request=request, extensions=extensions)


def opened(request: httpx.Request, exchange: Exchange | AsyncExchange) -> httpx.Response:
    """An open stream; who answers may still change before its first content."""
    head = exchange.answered
    kept = [(name, value) for name, value in head.headers if name.lower() not in _HIDDEN]
    stream = _Events(exchange, request) if isinstance(exchange, Exchange) else _AsyncEvents(exchange, request)
    return httpx.Response(head.status, headers=kept, stream=stream, request=request, extensions={HAPPENED: exchange})


def _answered(request: httpx.Request, answer: Answer) -> httpx.Response:
    return _response(request, answer.status, answer.headers, answer.body, {HAPPENED: answer})


def _lone(request: httpx.Request, lone: LoneFailure) -> httpx.Response:
    """What openai would have seen: the vendor's answer, or the failed connection.

    Raises:
        httpx.TransportError: nothing was answered.
    """
    case = lone.case
    extensions: dict[str, object] = {CASE: case, FINAL: not lone.exact}
    if case.reply is not None and not 200 <= case.reply.status < 300:  # noqa: PLR2004
        return _response(request, case.reply.status, Headers(case.reply.headers), case.reply.body, extensions)
    if case.reply is None and isinstance(case.cause, TransportError) and lone.exact:
        raise _as_httpx(case.cause, request) from case.cause
    return _raising(errors.build(errors.ProviderError, case), request)


_CLASSES: Final = {
    "ConnectTimeout": httpx.ConnectTimeout,
    "ReadTimeout": httpx.ReadTimeout,
    "WriteTimeout": httpx.WriteTimeout,
    "ConnectError": httpx.ConnectError,
    "TLSError": httpx.ConnectError,
    "TLSVerifyError": httpx.ConnectError,
    "WriteError": httpx.WriteError,
    "ReadError": httpx.ReadError,
    "ProtocolError": httpx.RemoteProtocolError,
}


def _as_httpx(error: TransportError, request: httpx.Request) -> httpx.TransportError:
    cls = _CLASSES.get(type(error).__name__, httpx.ReadError)
    if isinstance(error, ReadError) and error.__cause__ is None:
        cls = httpx.RemoteProtocolError  # as httpx calls it where the server ended too early, and nothing broke
    return cls(str(error), request=request)


def _raising(error: errors.LLMSwitchError, request: httpx.Request) -> httpx.Response:
    """An error as a response that makes openai's client raise it.

    Raised here, older clients would take it for a broken connection, retry it and wrap it.
    """
    raises: Exception = error
    if not isinstance(error, openai.OpenAIError):
        ours = isinstance(error, errors.InvalidRequestError)
        raises = (
            _openai_errors.InvalidRequestError(str(error), request=request)
            if ours
            else _openai_errors.ConfigError(str(error))
        )
    return httpx.Response(500, request=request, extensions={RAISES: (raises, error.__cause__), FINAL: True})


def raised_by(response: httpx.Response) -> Exception | None:
    """The error that this response stands for, its cause within reach."""
    found = response.extensions.get(RAISES)
    if found is None:
        return None
    error, cause = found
    error.cause = cause
    return cast("Exception", error)


def attach(value: object, response: httpx.Response) -> None:
    """Give a parsed object its `.llmswitch`, past pydantic: in no dump, no comparison and not among the fields that were set."""
    happened = response.extensions.get(HAPPENED)
    if happened is not None and isinstance(value, BaseModel):
        object.__setattr__(value, "llmswitch", happened.report)


def carrying(options: Any) -> Any:
    """Let what `parse()` makes of an answer keep the answer's `.llmswitch`."""
    parser = getattr(options, "post_parser", None)
    if not callable(parser):
        return options

    @functools.wraps(parser)  # openai logs its name
    def parse(value: object) -> object:
        parsed = parser(value)
        if isinstance(parsed, BaseModel) and (report := vars(value).get("llmswitch")) is not None:
            object.__setattr__(parsed, "llmswitch", report)
        return parsed

    options.post_parser = parse
    return options


def abandon(response: httpx.Response) -> None:
    """Free the connection of a response whose reader is gone, from wherever the garbage collector runs."""
    happened = response.extensions.get(HAPPENED)
    if isinstance(happened, Exchange | AsyncExchange):
        happened.abandon()


_KEYS: Final = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"})


def _without_key(request: httpx.Request) -> httpx.Request:
    """The request as an error may show it, log it and pickle it."""
    headers = [
        (name, value if name.lower() not in _KEYS else "[redacted]") for name, value in request.headers.multi_items()
    ]
    return httpx.Request(request.method, request.url, headers=headers, content=request.content)


def describe(error: openai.APIStatusError) -> openai.APIStatusError:
    """Openai's own error with every attempt on it, and of our class where the vendor blocks the region or the account is empty."""
    case = error.response.extensions.get(CASE)
    if not isinstance(case, errors.Case):
        return error
    error.request = error.response.request = _without_key(error.request)
    cls = _openai_errors.openai_class(case.failure, error.status_code)
    if issubclass(cls, errors.CallError) and not isinstance(error, cls):
        own = cast("openai.APIStatusError", cls.__new__(cls))
        Exception.__init__(own, *error.args)
        own.__dict__.update(error.__dict__)
        error = own
    _openai_errors.note(error, case)
    return error


def _resource_request(request: httpx.Request, body: bytes) -> Request:
    """A call that only OpenAI (or the endpoint named by `base_url`) can take."""
    timeouts = timeouts_of(request)
    return Request(
        method=request.method,
        url=str(request.url),
        headers=headers_of(request),
        body=body or None,
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        write_timeout=timeouts.write,
    )


class RoutingTransport(httpx.HTTPTransport):
    """Under `OpenAI`: sends what the engine wants sent by `sender`, over our `own` sockets or a caller's client.

    It also is httpx's own transport, and sends as that where others have patched httpx, so that mocks and instrumentation see every
    request.
    """

    def __init__(self, sender: Sender, *, own: bool = False) -> None:
        self.sender = sender
        self.direct = sender if own else None  # what the fast path sends with
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
            return httpx.HTTPTransport.handle_request(self, request)
        seen = self.direct is not None and transports_patched(asynchronous=False)
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                engine.check_resource(request.url.path)
                return httpx.HTTPTransport.handle_request(self, request) if seen else self._resource(request)
            call = _read_call(engine, request, operation, request.read())
            sender = HttpxTransport(_Plain(self)) if seen else self.sender
            exchange = Exchange(engine, call, engine.failover(call), sender)
            answer = exchange.open()
        except LoneFailure as lone:
            return _lone(request, lone)
        except errors.LLMSwitchError as error:
            return _raising(error, request)
        if answer is not None:
            return _answered(request, answer)
        return opened(request, exchange)

    def _resource(self, request: httpx.Request) -> httpx.Response:
        sent = _resource_request(request, request.read())
        try:
            response = self.sender.send(sent)
        except TransportError as error:
            raise _as_httpx(error, request) from error
        kept = [(name, value) for name, value in response.headers if name.lower() not in _HIDDEN]
        return httpx.Response(response.status, headers=kept, stream=_Body(response, request), request=request)

    def close(self) -> None:
        """Close every connection."""
        self.sender.close()
        if "_pool" in vars(self):
            super().close()


class _Plain:
    """A routing transport as the client that `HttpxTransport` sends through: httpx's own transport, whatever it has been patched with."""

    def __init__(self, transport: RoutingTransport | AsyncRoutingTransport) -> None:
        self._transport = transport

    def build_request(self, method: str, url: str, *, timeout: Any, **parts: Any) -> httpx.Request:
        """As httpx's clients, which ask to keep the connection."""
        timeouts = httpx.Timeout(timeout).as_dict()
        request = httpx.Request(method, url, extensions={"timeout": timeouts}, **parts)
        request.headers.setdefault("connection", "keep-alive")
        return request

    def send(self, request: httpx.Request, **_: object) -> Any:
        """As httpx's clients, the body left to be read; of an asynchronous transport to be awaited."""
        if isinstance(self._transport, httpx.HTTPTransport):
            return httpx.HTTPTransport.handle_request(self._transport, request)
        return httpx.AsyncHTTPTransport.handle_async_request(self._transport, request)


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
            raise _as_httpx(error, self._request) from error

    def close(self) -> None:
        self._response.close()


def event(data: bytes, value: object) -> bytes:
    """One server-sent event; data of several lines is written anew."""
    return b"data: " + (data if b"\n" not in data and b"\r" not in data else dumps(value)) + b"\n\n"


class AsyncRoutingTransport(httpx.AsyncHTTPTransport):
    """Under `AsyncOpenAI`; as `RoutingTransport`."""

    def __init__(self, sender: AsyncSender, *, own: bool = False) -> None:
        self.sender = sender
        self.direct = sender if own else None
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
            return await httpx.AsyncHTTPTransport.handle_async_request(self, request)
        seen = self.direct is not None and transports_patched(asynchronous=True)
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                engine.check_resource(request.url.path)
                if seen:
                    return await httpx.AsyncHTTPTransport.handle_async_request(self, request)
                return await self._resource(request)
            call = _read_call(engine, request, operation, await request.aread())
            sender = AsyncHttpxTransport(_Plain(self)) if seen else self.sender
            exchange = AsyncExchange(engine, call, engine.failover(call), sender)
            answer = await exchange.open()
        except LoneFailure as lone:
            return _lone(request, lone)
        except errors.LLMSwitchError as error:
            return _raising(error, request)
        if answer is not None:
            return _answered(request, answer)
        return opened(request, exchange)

    async def _resource(self, request: httpx.Request) -> httpx.Response:
        sent = _resource_request(request, await request.aread())
        try:
            response = await self.sender.send(sent)
        except TransportError as error:
            raise _as_httpx(error, request) from error
        kept = [(name, value) for name, value in response.headers if name.lower() not in _HIDDEN]
        return httpx.Response(response.status, headers=kept, stream=_AsyncBody(response, request), request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.sender.aclose()
        if "_pool" in vars(self):
            await super().aclose()


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
            raise _as_httpx(error, self._request) from error

    async def aclose(self) -> None:
        await self._response.aclose()
