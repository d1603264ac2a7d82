"""Openai's httpx requests as the engine's calls, and the engine's answers as httpx responses.

Whatever the engine found out travels in a response's extensions, which httpx leaves alone; openai's hooks in our clients read it there.
"""

from __future__ import annotations

import contextlib
import functools
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import openai
from openai._constants import RAW_RESPONSE_HEADER
from pydantic import BaseModel

from llmswitch import _openai_errors, errors
from llmswitch._httpx import family
from llmswitch._json import loads
from llmswitch.call import Call, Timeouts
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failure import Kind
from llmswitch.secret import CHANGING, Secret
from llmswitch.transport.base import Headers, ReadError, Request, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from llmswitch._httpx import httpx
    from llmswitch.call import Answer
    from llmswitch.engine import Engine
    from llmswitch.failover import LoneFailure

# What stands for an argument that was not given.
NOT_GIVEN: Final = (openai.NotGiven, openai.Omit)
# Under these keys a request carries its engine, and a response what happened; httpx leaves unknown extensions alone.
ENGINE: Final = "llmswitch.engine"
EXTRA: Final = "llmswitch.extra"
OPTIONS: Final = "llmswitch.options"
PATH: Final = "llmswitch.path"
HAPPENED: Final = "llmswitch.happened"
FINAL: Final = "llmswitch.final"
CASE: Final = "llmswitch.case"
RAISES: Final = "llmswitch.raises"

# The body is decoded already, and httpx would keep cookies: those of one vendor must not reach another.
_HIDDEN: Final = frozenset({"content-encoding", "set-cookie"})
_FRAMING: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_NO_OBJECT: Final = 'extra_body={"llmswitch": ...} takes an object of options'
_OPERATIONS: Final = {
    ("POST", "/chat/completions"): "chat",
    ("POST", "/embeddings"): "embeddings",
    ("GET", "/models"): "models",
}


def take_options(options: Any) -> object:
    """Take llmswitch's own options out of a call that openai alone makes: no vendor knows them."""
    extra = options.extra_json
    if not isinstance(extra, dict) or "llmswitch" not in extra:
        return None
    if operation_of(options.method.upper(), options.url) is not None:  # `read_call` takes them
        return None
    options.extra_json = {name: value for name, value in extra.items() if name != "llmswitch"} or None
    return extra["llmswitch"]


def resource_options(request: httpx.Request) -> dict[str, object]:
    """Those that `take_options` took.

    Raises:
        InvalidRequestError: they are no object.
    """
    options = request.extensions.get(OPTIONS)
    if options is not None and not isinstance(options, dict):
        raise errors.InvalidRequestError(_NO_OBJECT)
    return options or {}


@dataclass(slots=True)
class _Embedding:
    """One call of openai's `embeddings.create`, whose retries are requests of their own.

    `numbers`: base64 is openai's own idea, which takes numbers as well; `call`: the last of the engine's.
    """

    numbers: bool
    call: Call | None


_embedding: Final[ContextVar[_Embedding | None]] = ContextVar("llmswitch.embedding", default=None)


@contextlib.contextmanager
def embedding(params: Mapping[str, object], call: Call | None = None) -> Iterator[None]:
    """Meanwhile openai's `embeddings.create` runs with these arguments; rows that `call` has got already are not asked for again."""
    numbers = isinstance(params.get("encoding_format", openai.NOT_GIVEN), NOT_GIVEN)
    token = _embedding.set(_Embedding(numbers, call))
    try:
        yield
    finally:
        _embedding.reset(token)


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


def read_call(engine: Engine, request: httpx.Request, operation: str, body: bytes) -> Call:
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
            raise errors.InvalidRequestError(_NO_OBJECT)
        body = b""
    extra = request.extensions.get(EXTRA) or {}
    query = request.url.query.decode()
    call = engine.call(
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
    if (embedded := _embedding.get()) is not None:
        call.numbers = embedded.numbers
        call.rows = embedded.call.rows if embedded.call else None
        embedded.call = call
    return call


def _response(
    request: httpx.Request, status: int, headers: Headers, content: bytes, extensions: dict[str, object]
) -> httpx.Response:
    # A stream, although it is all there: httpx times and counts what it reads.
    kind = family(request)
    stream = kind.ByteStream(content)
    response: httpx.Response = kind.Response(
        status, headers=shown(headers), stream=stream, request=request, extensions=extensions
    )
    return response


def answered(request: httpx.Request, answer: Answer) -> httpx.Response:
    return _response(request, answer.status, answer.headers, answer.body, {HAPPENED: answer})


def lone_answer(request: httpx.Request, lone: LoneFailure) -> httpx.Response:
    """What openai would have seen: the vendor's answer, or the failed connection.

    Raises:
        httpx.TransportError: nothing was answered.
    """
    case = lone.case
    extensions: dict[str, object] = {CASE: case, FINAL: not lone.exact}
    if case.reply is not None and not 200 <= case.reply.status < 300:  # noqa: PLR2004
        return _response(request, case.reply.status, Headers(case.reply.headers), case.reply.body, extensions)
    if case.reply is None and isinstance(case.cause, TransportError) and lone.exact:
        return _begun(request, case.cause) or fail(request, case.cause)
    error = errors.build(errors.ProviderError, case)
    if case.reply is not None and case.failure is not None and case.failure.kind is Kind.BAD_PAYLOAD:
        body = loads(request.content)
        if isinstance(body, dict) and body.get("stream"):  # its head was good enough: what is wrong shows as it is read
            return _breaking(request, (case.reply.status, list(case.reply.headers), b""), error, case.cause)
    return raising(error, request)


# httpx's names for failed connections.
_NAMES: Final = {
    "ConnectTimeout": "ConnectTimeout",
    "ReadTimeout": "ReadTimeout",
    "WriteTimeout": "WriteTimeout",
    "ConnectError": "ConnectError",
    "TLSError": "ConnectError",
    "TLSVerifyError": "ConnectError",
    "WriteError": "WriteError",
    "ReadError": "ReadError",
    "ProtocolError": "RemoteProtocolError",
}


def fail(request: httpx.Request, error: TransportError) -> NoReturn:
    """Raise what httpx raises for this; where httpx has raised it, that itself.

    Raises:
        httpx.TransportError: always.
    """
    known, cause = as_httpx(request, error)
    raise known from cause


def as_httpx(request: httpx.Request, error: TransportError) -> tuple[BaseException, BaseException | None]:
    """The exception of httpx's for this, and its cause."""
    kind, cause = family(request), error.__cause__
    if cause is not None and isinstance(cause, kind.TransportError):
        return cause, cause.__cause__
    name = _NAMES.get(type(error).__name__, "ReadError")
    if isinstance(error, ReadError) and cause is None:
        name = "RemoteProtocolError"  # as httpx calls it where the server ended too early, and nothing broke
    return getattr(kind, name)(str(error), request=request), error


def _begun(request: httpx.Request, error: TransportError) -> httpx.Response | None:
    """The beginning of an answer that the caller wants to read piece by piece: the rest fails as it is read."""
    if error.begun is None or request.headers.get(RAW_RESPONSE_HEADER) != "stream":
        return None
    return _breaking(request, error.begun, *as_httpx(request, error))


def _breaking(
    request: httpx.Request,
    begun: tuple[int, list[tuple[str, str]], bytes],
    error: BaseException,
    cause: BaseException | None,
) -> httpx.Response:
    """A response whose body breaks off with this error."""
    status, headers, part = begun
    kind: Any = family(request)

    class Broken(kind.ByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            yield part
            raise error from cause

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield part
            raise error from cause

    response: httpx.Response = kind.Response(status, headers=shown(headers), stream=Broken(part), request=request)
    return response


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A response's headers as openai's client may see them."""
    return [(name, value) for name, value in headers if name.lower() not in _HIDDEN]


def raising(error: errors.LLMSwitchError, request: httpx.Request) -> httpx.Response:
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
    extensions = {RAISES: (raises, error.__cause__), FINAL: True}
    response: httpx.Response = family(request).Response(500, request=request, extensions=extensions)
    return response


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
    shown: httpx.Request = family(request).Request(
        request.method, request.url, headers=headers, content=request.content
    )
    return shown


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


def resource_request(request: httpx.Request, body: bytes) -> Request:
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
