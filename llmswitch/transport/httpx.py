"""The transport over an httpx client: a caller's own, or one made for proxies, SOCKS and event loops that are not asyncio.

Works with httpx and httpx2 alike: nothing of either is imported before a client has to be made, and errors are known by
their names. What httpx cannot do stays undone: in threads `total` bounds each wait before the response's head, not their sum.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from llmswitch._leaving import Leaving, close_at_exit
from llmswitch.transport import wire
from llmswitch.transport.base import (
    AsyncResponse,
    AsyncSender,
    ConnectError,
    ConnectTimeout,
    ProtocolError,
    ReadError,
    ReadTimeout,
    Response,
    Sender,
    TransportError,
    WriteError,
    WriteTimeout,
)
from llmswitch.transport.causes import connecting
from llmswitch.transport.trust import default_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Mapping

    from llmswitch.transport.base import Phase, Request

_Seconds = float | None


class _Headers(Protocol):
    @property
    def raw(self) -> list[tuple[bytes, bytes]]: ...


class _Given(Protocol):
    """What is used of an httpx response."""

    status_code: int
    extensions: Mapping[str, Any]

    @property
    def reason_phrase(self) -> str: ...
    @property
    def http_version(self) -> str: ...
    @property
    def headers(self) -> _Headers: ...
    def iter_raw(self) -> Iterator[bytes]: ...
    def iter_bytes(self) -> Iterator[bytes]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    def aiter_bytes(self) -> AsyncIterator[bytes]: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...


class Client(Protocol):
    """What is used of an httpx client."""

    def build_request(
        self,
        method: str,
        url: str,
        *,
        headers: list[tuple[bytes, bytes]],
        content: bytes | None,
        timeout: tuple[_Seconds, _Seconds, _Seconds, _Seconds],
    ) -> object:
        """An httpx request, with the client's own defaults in it."""
        ...

    # Sync clients answer at once, async ones with an awaitable.
    def send(self, request: Any, *, stream: bool, follow_redirects: bool) -> Any:  # noqa: ANN401 - httpx's or httpx2's
        """Send; with `stream` the body is left to be read."""
        ...


def client(*, asynchronous: bool, verify: ssl.SSLContext | None = None) -> Client:
    """A client of whichever httpx is installed: proxies from the environment, no redirects, no cookies.

    Raises:
        ImportError: neither httpx2 nor httpx is there, or the proxy is SOCKS and the package that httpx needs for it is not.
    """
    module = import_module("httpx2" if find_spec("httpx2") else "httpx")
    made = module.AsyncClient if asynchronous else module.Client
    limits = module.Limits(max_connections=None, max_keepalive_connections=100)
    cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
    trust = verify if verify is not None else default_context()
    return cast("Client", made(verify=trust, trust_env=True, follow_redirects=False, cookies=cookies, limits=limits))


class HttpxTransport(Sender):
    """Sends through an httpx `Client`, which is closed with it."""

    def __init__(self, client: object) -> None:
        self._client = cast("Client", client)
        self._closed = False

    def send(self, request: Request) -> Response:
        """As `sync.Transport.send`; redirects off, the client's own headers, authentication and hooks on."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        built = _build(self._client, request)
        try:
            given = self._client.send(built, stream=True, follow_redirects=False)
        except Exception as error:
            raise _translated(error, request, "head") from error
        return _HttpxResponse(given, request)

    def close(self) -> None:
        """Close the client."""
        self._closed = True
        cast("Any", self._client).close()


class AsyncHttpxTransport(AsyncSender):
    """Sends through an httpx `AsyncClient`, which is closed with it; under asyncio and trio."""

    def __init__(self, client: object) -> None:
        self._client = cast("Client", client)
        self._closed = False

    async def send(self, request: Request) -> AsyncResponse:
        """As `async_.AsyncTransport.send`; redirects off, the client's own headers, authentication and hooks on."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        built = _build(self._client, request)
        try:
            async with _within(request.total):
                given = await self._client.send(built, stream=True, follow_redirects=False)
        except Exception as error:
            raise _translated(error, request, "head") from error
        return _AsyncHttpxResponse(given, request)

    async def aclose(self) -> None:
        """Close the client."""
        self._closed = True
        await cast("Any", self._client).aclose()


def _build(client: Client, request: Request) -> object:
    fields = wire.headers(request, wire.target(request.url))
    connect, read, write = (
        request.total if limit is None else limit if request.total is None else min(limit, request.total)
        for limit in (request.connect_timeout, request.read_timeout, request.write_timeout)
    )
    return client.build_request(
        request.method,
        request.url,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
        content=request.body,
        timeout=(connect, read, write, connect),
    )


@asynccontextmanager
async def _within(seconds: float | None) -> AsyncIterator[None]:
    if seconds is None:
        yield
        return
    import anyio  # noqa: PLC0415 - httpx brings it; it knows trio, too

    with anyio.fail_after(seconds):
        yield


class _HttpxResponse(Response, Leaving):
    """An httpx response read in threads."""

    __slots__ = ("__weakref__", "_closed", "_given", "_limit", "_reading", "_request")

    def __init__(self, given: _Given, request: Request) -> None:
        super().__init__(
            given.status_code, given.reason_phrase, _headers(given), given.http_version.removeprefix("HTTP/")
        )
        self._given = given
        self._request = request
        self._limit = request.read_timeout
        self._reading = False
        self._closed = False
        close_at_exit(self)

    def chunks(self) -> Iterator[bytes]:
        if self._closed:
            raise ReadError("the response is closed", phase="body")
        pieces = self._given.iter_bytes() if self._request.decode else self._given.iter_raw()
        try:
            while True:
                piece = self._next(pieces)
                if piece is None:
                    return
                if piece:
                    yield piece
        finally:
            self.close()

    def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        late = threading.Event()
        timer: threading.Timer | None = None
        if _shorter(self._limit, self._request.read_timeout) and self._socket() is not None:
            # httpx settles its read timeout when a body begins; a shorter one later is enforced by cutting the connection.
            timer = threading.Timer(max(self._limit or 0, 0), self._shut, (late,))
            timer.daemon = True
            timer.start()
        self._reading = True
        try:
            return next(pieces, None)
        except Exception as error:
            if late.is_set():
                raise ReadTimeout("the server sent nothing in time", phase="body") from error
            raise _translated(error, self._request, "body") from error
        finally:
            self._reading = False
            if timer is not None:
                timer.cancel()
                timer.join()
            if self._closed:
                self._given.close()

    def _socket(self) -> socket.socket | None:
        """The connection's socket, where it is this response's alone."""
        stream = self._given.extensions.get("network_stream")
        if stream is None or self.http_version.startswith("2"):
            return None
        return cast("socket.socket | None", stream.get_extra_info("socket"))

    def _shut(self, said: threading.Event | None = None) -> None:
        """Wake a reader blocked in another thread, having `said` so."""
        if said is not None:
            said.set()
        connected = self._socket()
        if connected is not None:
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def set_read_timeout(self, seconds: float | None) -> None:
        self._limit = seconds

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._reading:
            self._shut()  # the reader closes it
        else:
            self._given.close()

    def __del__(self) -> None:
        self.close()

    def _leave(self) -> None:
        if not self._reading:
            self.close()


class _AsyncHttpxResponse(AsyncResponse):
    """An httpx response read in an event loop."""

    __slots__ = ("_closed", "_ended", "_given", "_limit", "_loop", "_pieces", "_request")

    def __init__(self, given: _Given, request: Request) -> None:
        super().__init__(
            given.status_code, given.reason_phrase, _headers(given), given.http_version.removeprefix("HTTP/")
        )
        self._given = given
        self._request = request
        self._limit = request.read_timeout
        self._pieces: AsyncIterator[bytes] | None = None
        self._ended = False
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):  # not asyncio
            self._loop = asyncio.get_running_loop()

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._closed:
            if self._ended:
                raise StopAsyncIteration
            raise ReadError("the response is closed", phase="body")
        if self._pieces is None:
            self._pieces = self._given.aiter_bytes() if self._request.decode else self._given.aiter_raw()
        try:
            while True:
                async with _within(self._limit if _shorter(self._limit, self._request.read_timeout) else None):
                    if piece := await anext(self._pieces):
                        return piece
        except StopAsyncIteration:
            self._ended = True
            await self.aclose()
            raise
        except Exception as error:
            await self.aclose()
            raise _translated(error, self._request, "body") from error

    def set_read_timeout(self, seconds: float | None) -> None:
        self._limit = seconds

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await self._given.aclose()

    def abandon(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # closed just now
                self._loop.call_soon_threadsafe(_spawn_close, self._given, self._loop)

    def __del__(self) -> None:
        self.abandon()


_closing: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


def _spawn_close(given: _Given, loop: asyncio.AbstractEventLoop) -> None:
    task = loop.create_task(_close_quietly(given))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _close_quietly(given: _Given) -> None:
    with suppress(Exception):
        await given.aclose()


def _shorter(limit: float | None, own: float | None) -> bool:
    return limit is not None and (own is None or limit < own)


def _headers(given: _Given) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in given.headers.raw]


def _translated(error: Exception, request: Request, phase: Phase) -> Exception:
    """Our error for one of httpx's; what is none of httpx's comes back as it is."""
    names = {cls.__name__ for cls in type(error).__mro__}
    text = str(error) or type(error).__name__
    origin = wire.target(request.url).origin
    where = f"{origin.host}:{origin.port}"
    if "ConnectError" in names:
        return connecting(error, where, tls=origin.scheme == "https")
    for known, kind, own_phase, told in _KNOWN:
        if known in names:
            # httpx counts an early end among protocol errors
            early = kind is ProtocolError and any(words in text for words in _ENDED)
            return (ReadError if early else kind)(told.format(where=where, text=text), phase=own_phase or phase)
    return error


_KNOWN: Final[tuple[tuple[str, type[TransportError], Phase | None, str], ...]] = (
    ("ConnectTimeout", ConnectTimeout, "connect", "{where}: no connection in time"),
    ("PoolTimeout", ConnectTimeout, "connect", "{where}: no connection of the client's was free in time"),
    ("ProxyError", ConnectError, "connect", "{where}: the proxy did not connect ({text})"),
    ("WriteTimeout", WriteTimeout, "write", "the request was not taken in time"),
    ("WriteError", WriteError, "write", "the connection broke while the request was written ({text})"),
    ("TimeoutException", ReadTimeout, None, "the server sent nothing in time"),
    ("TimeoutError", ReadTimeout, None, "the server sent nothing in time"),
    ("UnicodeError", ConnectError, "dns", "{where}: not a host's name"),
    ("RemoteProtocolError", ProtocolError, None, "the answer is not HTTP/1.1: {text}"),
    ("DecodingError", ProtocolError, None, "the body is damaged: {text}"),
    ("RequestError", ReadError, None, "the connection broke ({text})"),
    ("StreamError", ReadError, None, "the connection broke ({text})"),
)
_ENDED: Final = ("closed connection", "disconnected", "without sending", "incomplete")
