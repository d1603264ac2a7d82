"""What every transport takes, gives and raises.

A transport sends one `Request` and gives a `Response` as soon as its head is there; the body is read afterwards. It never
follows a redirect, keeps a cookie or logs anything. Two shapes, sync and async, and two of each: `sync.Transport` and
`async_.AsyncTransport` over sockets; `httpx.HttpxTransport` and `httpx.AsyncHttpxTransport` over an httpx client, for
proxies, SOCKS and a caller's own.

    TransportError                 phase, sent
    ├── ConnectError               DNS found nothing, refused, unreachable, the proxy said no
    ├── ConnectTimeout             no connection within `connect_timeout`, TLS included
    ├── TLSError                   the handshake was cut or cannot be agreed on
    │   └── TLSVerifyError         the certificate is not trusted, expired or another host's
    ├── WriteError                 the connection went away while the request was written
    ├── WriteTimeout               the other side took no bytes for `write_timeout`, or `total` ran out meanwhile
    ├── ReadTimeout                no byte for `read_timeout`, or no head within `total`
    ├── ReadError                  reset, or ended before the response was complete
    └── ProtocolError              what came is not HTTP/1.1, or too large, or cannot be decompressed

The original exception is each one's `__cause__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

Phase = Literal["dns", "connect", "tls", "write", "head", "body"]

# A decompressed body read in one piece: larger ones are taken for a bomb.
DECODED_LIMIT: Final = 64 * 1024 * 1024


class TransportError(Exception):
    """An exchange that failed.

    Attributes:
        phase: how far it had come.
        sent: False where no byte of the request can have reached the vendor, so that repeating is safe.
        begun: the status, the headers and the part of the body that a broken `read` had come to.
    """

    def __init__(self, message: str, *, phase: Phase) -> None:
        super().__init__(message)
        self.phase = phase
        self.begun: tuple[int, list[tuple[str, str]], bytes] | None = None
        self.sent = phase in ("write", "head", "body")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.phase)


def _rebuild(kind: type[TransportError], message: str, phase: Phase) -> TransportError:
    return kind(message, phase=phase)


class ConnectError(TransportError):
    """No connection: `phase` is "dns" or "connect"."""


class ConnectTimeout(TransportError):  # noqa: N818 - the name httpx and openai's users know
    """No connection within `connect_timeout` or `total`."""


class TLSError(TransportError):
    """The TLS handshake failed."""


class TLSVerifyError(TLSError):
    """The certificate did not verify."""


class WriteError(TransportError):
    """The request could not be written to its end."""


class WriteTimeout(TransportError):  # noqa: N818
    """The request was not taken in time."""


class ReadTimeout(TransportError):  # noqa: N818
    """The response, or its next byte, did not come in time."""


class ReadError(TransportError):
    """The response broke off."""


class ProtocolError(TransportError):
    """The response cannot be understood."""


class Headers(list[tuple[str, str]]):
    """Name and value pairs; one is a key, so their names are all that shows. What is sent twice is written once (`wire.head`)."""

    __slots__ = ("written",)

    written: tuple[object, bytes] | None

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self]})"

    def without(self, name: str) -> Headers:
        """A copy that lacks this one, given in lower case."""
        return Headers((named, value) for named, value in self if named.lower() != name)


class Veiled(str):
    """An address or a path; a credential may stand in its query, so what comes before is all that shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        path, asks, _ = self.partition("?")
        return repr(f"{path}?…" if asks else path)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request. Times are seconds; None means without end.

    `Host`, `Content-Length` and, where absent, `Accept-Encoding: gzip, deflate` are added; nothing else is.

    Attributes:
        url: absolute, http or https.
        headers: as sent, in order. One that cannot stand in a header raises ValueError before anything is sent.
        connect_timeout: name lookup, TCP and TLS together.
        read_timeout: the longest gap between two arrivals of bytes.
        write_timeout: the longest the other side may take no bytes.
        total: everything until the response's head, connecting included.
        decode: False leaves a compressed body as it came.
    """

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    connect_timeout: float | None = None
    read_timeout: float | None = None
    write_timeout: float | None = None
    total: float | None = None
    decode: bool = True


class _Head:
    """What both kinds of response have: the status line and the headers, as they came."""

    __slots__ = ("_index", "headers", "http_version", "reason", "status")

    def __init__(self, status: int, reason: str, headers: list[tuple[str, str]], http_version: str) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.http_version = http_version
        self._index: dict[str, str] | None = None

    def header(self, name: str) -> str | None:
        """The first value of the header `name`, in any case, or None."""
        if self._index is None:
            self._index = {key.lower(): value for key, value in reversed(self.headers)}
        return self._index.get(name.lower())


class Response(_Head, ABC):
    """A response whose body is read once, by `read` or by `chunks`.

    Attributes:
        headers: as they came, `Content-Encoding` included although the body is decoded.
        http_version: "1.1" or "1.0" (or what the caller's httpx client spoke).
    """

    __slots__ = ()

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """The body's bytes as they arrive, never empty ones.

        Raises:
            ReadTimeout: the gap grew past `read_timeout`.
            ReadError: broken off before the body's end, or closed meanwhile.
            ProtocolError: its framing or its compression is broken.
        """

    @abstractmethod
    def set_read_timeout(self, seconds: float | None) -> None:
        """From the next read on, another `read_timeout` than the request's."""

    @abstractmethod
    def close(self) -> None:
        """Free the connection at once, from any thread; a reader blocked in `chunks` gets `ReadError`. May be repeated."""

    def read(self, limit: int | None = None) -> bytes:
        """The whole body, or its first `limit` bytes: then the rest is dropped and the connection closed.

        Raises:
            TransportError: as `chunks`; `ProtocolError` also for a compressed body of more than 64 MiB.
        """
        parts: list[bytes] = []
        size = 0
        bomb = DECODED_LIMIT if self.header("content-encoding") else None
        try:
            for chunk in self.chunks():
                parts.append(chunk)
                size += len(chunk)
                if limit is not None and size >= limit:
                    self.close()
                    return b"".join(parts)[:limit]
                if bomb is not None and size > bomb:
                    self.close()
                    raise ProtocolError("the compressed body holds more than 64 MiB", phase="body")
        except TransportError as error:
            error.begun = self.status, self.headers, b"".join(parts)
            raise
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncResponse(_Head, ABC):
    """`Response` for an event loop: it belongs to the loop that sent the request."""

    __slots__ = ()

    @abstractmethod
    def chunks(self) -> AsyncIterator[bytes]:
        """As `Response.chunks`; cancelling the reader frees the connection."""

    @abstractmethod
    def set_read_timeout(self, seconds: float | None) -> None:
        """From the next read on, another `read_timeout` than the request's."""

    @abstractmethod
    async def aclose(self) -> None:
        """Free the connection at once. May be repeated."""

    @abstractmethod
    def abandon(self) -> None:
        """Free the connection from where nothing can be awaited: any thread, a finalizer, after the loop's end."""

    async def read(self, limit: int | None = None) -> bytes:
        """As `Response.read`."""
        parts: list[bytes] = []
        size = 0
        bomb = DECODED_LIMIT if self.header("content-encoding") else None
        try:
            async for chunk in self.chunks():
                parts.append(chunk)
                size += len(chunk)
                if limit is not None and size >= limit:
                    await self.aclose()
                    return b"".join(parts)[:limit]
                if bomb is not None and size > bomb:
                    await self.aclose()
                    raise ProtocolError("the compressed body holds more than 64 MiB", phase="body")
        except TransportError as error:
            error.begun = self.status, self.headers, b"".join(parts)
            raise
        return b"".join(parts)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


class Sender(Protocol):
    """A transport for threads."""

    @abstractmethod
    def send(self, request: Request) -> Response:
        """Send, and return when the response's head is there."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection, those in use too. Sending afterwards raises RuntimeError."""


class AsyncSender(Protocol):
    """A transport for event loops."""

    @abstractmethod
    async def send(self, request: Request) -> AsyncResponse:
        """Send, and return when the response's head is there; cancelling frees the connection at once."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close every connection, those in use too. Sending afterwards raises RuntimeError."""
