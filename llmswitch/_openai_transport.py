"""The transport under openai's httpx client: an httpx request in, the engine's answer out.

Chat, embeddings and models calls go to the engine; every other resource lives at OpenAI (or at the endpoint that `base_url` names) and goes
there, while it serves the region.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final, cast

import openai
from pydantic import BaseModel

from llmswitch import _openai_errors, errors
from llmswitch._httpx import httpx
from llmswitch._json import dumps, loads
from llmswitch.call import Call, Headers, Timeouts
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failover import LoneFailure
from llmswitch.transport.base import ReadError, Request, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmswitch.call import Answer
    from llmswitch.engine import Engine
    from llmswitch.transport.base import AsyncResponse, AsyncSender, Response, Sender

# Under these keys a request carries its engine, and a response what happened; httpx leaves unknown extensions alone.
ENGINE: Final = "llmswitch.engine"
EXTRA: Final = "llmswitch.extra"
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


def _headers(request: httpx.Request) -> Headers:
    # `raw` keeps the case of names and the bytes of values; latin-1 gives both back as they were.
    raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    return Headers((name, value) for name, value in raw if name.lower() not in _FRAMING)


def _timeouts(request: httpx.Request) -> Timeouts:
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
        headers=_headers(request),
        query=f"?{query}" if query else "",
        extra={name: value for name, value in extra.items() if name in params},
        options=options or {},
        timeouts=_timeouts(request),
    )


def _response(
    request: httpx.Request, status: int, headers: Headers, content: bytes, extensions: dict[str, object]
) -> httpx.Response:
    kept = [(name, value) for name, value in headers if name.lower() not in _HIDDEN]
    # A stream, although it is all there: httpx times and counts what it reads.
    stream = httpx.ByteStream(content)
    return httpx.Response(status, headers=kept, stream=stream, request=request, extensions=extensions)


def _opened(
    request: httpx.Request, exchange: Exchange | AsyncExchange, stream: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    """An open stream; who answers may still change before its first content."""
    head = exchange.answered
    kept = [(name, value) for name, value in head.headers if name.lower() not in _HIDDEN]
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


def _resource_request(engine: Engine, request: httpx.Request, body: bytes) -> Request:
    """A call that only OpenAI (or the endpoint named by `base_url`) can take.

    Raises:
        RegionBlockedError: it does not serve the region.
        NoProviderError: there is no such endpoint.
    """
    engine.check_resource(request.url.path)
    timeouts = _timeouts(request)
    return Request(
        method=request.method,
        url=str(request.url),
        headers=_headers(request),
        body=body or None,
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        write_timeout=timeouts.write,
    )


class RoutingTransport(httpx.BaseTransport):
    """Under `OpenAI`."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send by way of the engine that the client put into the request."""
        engine: Engine = request.extensions[ENGINE]
        body = request.read()
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                return self._resource(engine, request, body)
            call = _read_call(engine, request, operation, body)
            exchange = Exchange(engine, call, engine.failover(call), self.sender)
            answer = exchange.open()
        except LoneFailure as lone:
            return _lone(request, lone)
        except errors.LLMSwitchError as error:
            return _raising(error, request)
        if answer is not None:
            return _answered(request, answer)
        return _opened(request, exchange, _Events(exchange, request))

    def _resource(self, engine: Engine, request: httpx.Request, body: bytes) -> httpx.Response:
        sent = _resource_request(engine, request, body)
        try:
            response = self.sender.send(sent)
        except TransportError as error:
            raise _as_httpx(error, request) from error
        kept = [(name, value) for name, value in response.headers if name.lower() not in _HIDDEN]
        return httpx.Response(response.status, headers=kept, stream=_Body(response, request), request=request)

    def close(self) -> None:
        """Close every connection."""
        self.sender.close()


class _Events(httpx.SyncByteStream):
    """The engine's chunks as the event stream that openai's SDK reads."""

    def __init__(self, exchange: Exchange, request: httpx.Request) -> None:
        self._exchange, self._request = exchange, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._exchange:
                yield event(chunk.data, chunk.value)
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


class AsyncRoutingTransport(httpx.AsyncBaseTransport):
    """Under `AsyncOpenAI`."""

    def __init__(self, sender: AsyncSender) -> None:
        self.sender = sender

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As `RoutingTransport.handle_request`."""
        engine: Engine = request.extensions[ENGINE]
        body = await request.aread()
        operation = operation_of(request.method, request.url.path)
        try:
            if operation is None:
                return await self._resource(engine, request, body)
            call = _read_call(engine, request, operation, body)
            exchange = AsyncExchange(engine, call, engine.failover(call), self.sender)
            answer = await exchange.open()
        except LoneFailure as lone:
            return _lone(request, lone)
        except errors.LLMSwitchError as error:
            return _raising(error, request)
        if answer is not None:
            return _answered(request, answer)
        return _opened(request, exchange, _AsyncEvents(exchange, request))

    async def _resource(self, engine: Engine, request: httpx.Request, body: bytes) -> httpx.Response:
        sent = _resource_request(engine, request, body)
        try:
            response = await self.sender.send(sent)
        except TransportError as error:
            raise _as_httpx(error, request) from error
        kept = [(name, value) for name, value in response.headers if name.lower() not in _HIDDEN]
        return httpx.Response(response.status, headers=kept, stream=_AsyncBody(response, request), request=request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.sender.aclose()


class _AsyncEvents(httpx.AsyncByteStream):
    def __init__(self, exchange: AsyncExchange, request: httpx.Request) -> None:
        self._exchange, self._request = exchange, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._exchange:
                yield event(chunk.data, chunk.value)
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
