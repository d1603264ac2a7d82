"""HTTP/1.1 as bytes: requests out, responses in. Pure: no socket, no clock.

The standard library's reader (http.client) spends 17 us on three headers and 47 us on the two dozen that vendors send, in
its e-mail parser; this one 1 and 5 us. `tests/test_transport_wire.py` holds it against the library's, cut at random places.
"""

from __future__ import annotations

import re
import zlib
from abc import abstractmethod
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote, urlsplit

from llmswitch.transport.base import ProtocolError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmswitch.transport.base import Request

HEAD_LIMIT: Final = 256 * 1024
_LINE_LIMIT: Final = 16 * 1024  # a chunk's size with its extensions, or one trailer
_PIECE: Final = 1024 * 1024  # decompressed at a time
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~"
_QUERY_SAFE: Final = _PATH_SAFE + "?[]"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEXADECIMAL: Final = re.compile(rb"[0-9a-fA-F]+")
_PORTS: Final = {"http": 80, "https": 443}
_OURS: Final = frozenset({"content-length", "transfer-encoding"})
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class Origin(NamedTuple):
    """Where connections can be shared."""

    scheme: str
    host: str
    port: int


class Target(NamedTuple):
    """A URL taken apart: where to connect, what to ask for, and how to name the host."""

    origin: Origin
    path: str
    authority: str
    authorization: str | None


@lru_cache(maxsize=1024)
def target(url: str) -> Target:
    """Take `url` apart; a user and password in it become Basic authorization, as with httpx.

    Raises:
        ValueError: not an absolute http or https URL, or with characters that no URL has.
    """
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("the URL has a space or a control character in it")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"not an absolute http or https URL: scheme {parts.scheme!r}, host {parts.hostname!r}")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    port = parts.port or _PORTS[parts.scheme]
    authority = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        authority = f"{authority}:{port}"
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    if parts.query:
        path = f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}"
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(pair.encode()).decode()
    return Target(Origin(parts.scheme, host, port), path, authority, authorization)


@lru_cache(maxsize=1024)
def _lowered(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"not a header's name: {name[:64]!r}")
    return name.lower()


def headers(request: Request, to: Target) -> list[tuple[str, str]]:
    """The request's headers, checked and completed.

    Raises:
        ValueError: one of them cannot stand in a header. The message names it and keeps its value to itself.
    """
    found = []
    names = set()
    for name, value in request.headers:
        lowered = _lowered(name)
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the header {name} has a line break or a NUL in its value")
        if not value.isascii() and max(value) > "\xff":
            raise ValueError(f"the header {name} has a character in its value that HTTP cannot carry")
        if lowered in _OURS or (lowered == "authorization" and to.authorization):
            continue
        names.add(lowered)
        found.append((name, value))
    if "host" not in names:
        found.insert(0, ("Host", to.authority))
    if "accept-encoding" not in names:
        found.append(("Accept-Encoding", "gzip, deflate"))
    if to.authorization:
        found.append(("Authorization", to.authorization))
    if request.body is not None:
        found.append(("Content-Length", str(len(request.body))))
    elif request.method not in _WITHOUT_BODY:
        found.append(("Content-Length", "0"))
    return found


def head(request: Request, to: Target) -> bytes:
    """The request's head.

    Raises:
        ValueError: as `headers`.
    """
    _lowered(request.method)
    lines = [f"{name}: {value}\r\n" for name, value in headers(request, to)]
    return f"{request.method} {to.path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")


class Head(NamedTuple):
    """A response's head, and how many bytes of the input it took."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    version: str
    size: int


def parse_head(data: bytes) -> Head | None:
    """The head at the start of `data`, or None while it is incomplete.

    Raises:
        ProtocolError: it is not HTTP/1.x, or larger than 256 KiB.
    """
    end, skip = data.find(b"\r\n\r\n"), 4
    bare = data.find(b"\n\n", 0, end if end >= 0 else None)
    if bare >= 0:
        end, skip = bare, 2
    if end < 0:
        if data[:5] != b"HTTP/"[: len(data)]:
            raise _garbage(data)
        if len(data) > HEAD_LIMIT:
            raise ProtocolError("the response's headers are larger than 256 KiB", phase="head")
        return None
    lines = data[:end].decode("latin-1").replace("\r\n", "\n").split("\n")
    version, _, rest = lines[0].partition(" ")
    code, _, reason = rest.lstrip(" ").partition(" ")
    if version[:7] != "HTTP/1." or len(code) != 3 or not (code.isascii() and code.isdigit()):  # noqa: PLR2004
        raise _garbage(data)
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):  # a folded value, obsolete and still met
            if not fields:
                raise _garbage(data)
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip(_BLANK)}".strip(_BLANK))
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip(_BLANK)
        if not colon or not name:
            raise ProtocolError("a line among the response's headers has no name", phase="head")
        fields.append((name, value.strip(_BLANK)))
    return Head(int(code), reason.strip(), fields, version[5:], end + skip)


_BLANK: Final = " \t"


def _garbage(data: bytes) -> ProtocolError:
    return ProtocolError(f"the answer is not HTTP/1.1; it begins {data[:40]!r}", phase="head")


class _Body(Protocol):
    """Finds a body's end in the bytes after the head."""

    done: bool
    excess: bool  # more came than the body: the connection is out of step

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """The body's bytes among `data`.

        Raises:
            ProtocolError: the framing is broken.
        """

    @abstractmethod
    def end(self) -> None:
        """The connection ended.

        Raises:
            ReadError: before the body did.
        """


class _Sized(_Body):
    """A body of a stated length."""

    __slots__ = ("_length", "done", "excess", "left")

    def __init__(self, length: int) -> None:
        self._length = self.left = length
        self.done = length == 0
        self.excess = False

    def feed(self, data: bytes) -> bytes:
        if len(data) > self.left:
            data = data[: self.left]
            self.excess = True
        self.left -= len(data)
        self.done = self.left == 0
        return data

    def end(self) -> None:
        if not self.done:
            raise ReadError(f"the body ended after {self._length - self.left} of {self._length} bytes", phase="body")


class _Endless(_Body):
    """A body that lasts until the connection ends."""

    __slots__ = ("done", "excess")

    def __init__(self) -> None:
        self.done = self.excess = False

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> None:
        self.done = True


class _Chunked(_Body):
    """A body in chunks, each after its size; an empty one, then trailers, end it."""

    __slots__ = ("_left", "_line", "_trailers", "done", "excess")

    def __init__(self) -> None:
        self._left = 0  # bytes of the current chunk still to come, its line break included
        self._line = b""  # the start of a line whose end has not come
        self._trailers = False
        self.done = self.excess = False

    def feed(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        if self._left:
            at = self._take(data, 0, parts)
        elif self._line:
            data, self._line = self._line + data, b""
        while at < len(data) and not self.done:
            end = data.find(b"\n", at)
            if end < 0:
                self._line = data[at:]
                if len(self._line) > _LINE_LIMIT:
                    raise ProtocolError("the chunked body is out of step", phase="body")
                break
            line, at = data[at:end].strip(), end + 1
            if self._trailers:
                self.done = not line
                continue
            size = _chunk_size(line)
            if size:
                self._left = size + 2
                at = self._take(data, at, parts)
            else:
                self._trailers = True
        self.excess = self.excess or (self.done and at < len(data))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Take what `data` has of the current chunk; returns where the next line starts."""
        end = at + self._left
        if end - 2 > at:
            parts.append(data[at : end - 2])
        # The two bytes after a chunk, as far as they came: of \r\n, what has not been seen before.
        tail = data[max(at, end - 2) : end]
        if tail and tail != (b"\r\n" if self._left > 1 else b"\n")[: len(tail)]:
            raise ProtocolError("a chunk is longer than its stated size", phase="body")
        taken = min(end, len(data)) - at
        self._left -= taken
        return at + taken

    def end(self) -> None:
        if not self.done:
            raise ReadError("the chunked body ended before its last chunk", phase="body")


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEXADECIMAL.fullmatch(digits):  # int() would also take signs and underscores
        raise ProtocolError(f"not a chunk's size: {line[:32]!r}", phase="body")
    return int(digits, 16)


def _framing(answer: Head, method: str) -> tuple[_Body, bool]:
    """How the body ends, and whether the connection can be used again after it.

    Raises:
        ProtocolError: the headers contradict each other, or name a transfer coding other than chunked.
    """
    coding, connection = "", ""
    lengths: set[str] = set()
    for name, value in answer.headers:
        lowered = name.lower()
        if lowered == "content-length":
            lengths.update(part.strip() for part in value.split(","))
        elif lowered == "transfer-encoding":
            coding = value.strip().lower()
        elif lowered == "connection":
            connection += "," + value.lower()
    options = [option.strip() for option in connection.split(",")]
    keep = "close" not in options if answer.version != "1.0" else "keep-alive" in options
    if method == "HEAD" or answer.status in (101, 204, 304):
        return _Sized(0), keep and answer.status != 101  # noqa: PLR2004 - Switching Protocols, which nobody asked for
    if coding == "chunked":
        return _Chunked(), keep
    if coding and coding != "identity":
        raise ProtocolError(f"transfer coding {coding[:32]!r} is not understood", phase="head")
    if not lengths:
        return _Endless(), False
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise ProtocolError("the response's Content-Length is contradictory", phase="head")
    return _Sized(int(length)), keep


class _Decoder:
    """Undoes Content-Encoding gzip and deflate, in bounded pieces."""

    __slots__ = ("_encoding", "_held", "_inflate", "_started")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out itself whether it is gzip or zlib
        self._held = b""
        self._started = False

    def feed(self, data: bytes, *, last: bool) -> Iterator[bytes]:
        """What `data` decompresses to; with the `last` of it the compression has to end.

        Raises:
            ProtocolError: it is not what its header says.
            ReadError: it ended early.
        """
        if not self._started:
            data = self._held + data
            if len(data) < 2 and not last:  # noqa: PLR2004 - the frame's mark
                self._held = data
                return
            if not data:
                return  # an empty body, compressed or not
            self._start(data)
        yield from self._inflated(data)
        if last and not self._inflate.eof:
            raise ReadError(f"the {self._encoding} body ended early", phase="body")

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        full = False
        while data or full:
            if self._inflate.eof:
                if self._encoding == "deflate" or not data.strip(b"\0"):
                    return  # padding
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip may have several members
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error as error:
                raise ProtocolError(f"the {self._encoding} body is damaged: {error}", phase="body") from error
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            full = len(piece) == _PIECE and not self._inflate.eof
            if piece:
                yield piece

    def _start(self, data: bytes) -> None:
        self._started = True
        # Some servers send deflate without its two-byte frame (RFC 1950: the pair is a multiple of 31, the method is 8).
        if self._encoding == "deflate" and (int.from_bytes(data[:2]) % 31 or data[0] & 15 != zlib.DEFLATED):
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)


def _decoder(fields: list[tuple[str, str]]) -> _Decoder | None:
    """What undoes the Content-Encoding among `fields`; None where there is none.

    Raises:
        ProtocolError: one that we did not ask for and cannot undo.
    """
    for name, value in fields:
        if name.lower() == "content-encoding":
            encoding = value.strip().lower()
            if encoding in ("gzip", "x-gzip", "deflate"):
                return _Decoder(encoding)
            if encoding not in ("", "identity"):
                raise ProtocolError(f"Content-Encoding {encoding[:32]!r} was not asked for", phase="body")
    return None


class Reader:
    """Reads one response's body.

    Attributes:
        done: the body has come to its end.

    Raises:
        ProtocolError: the head's framing headers contradict each other.
    """

    __slots__ = ("_body", "_decoder", "_keep", "done")

    def __init__(self, answer: Head, method: str, *, decode: bool) -> None:
        self._body, self._keep = _framing(answer, method)
        self.done = self._body.done
        self._decoder = _decoder(answer.headers) if decode and not self.done else None

    @property
    def reusable(self) -> bool:
        """Whether the connection can serve another request now."""
        return self.done and self._keep and not self._body.excess

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The body's bytes among `data`, decoded; no data means that the connection has ended.

        Raises:
            ProtocolError: framing or compression is broken.
            ReadError: the connection ended before the body.
        """
        piece = b""
        if data:
            piece = self._body.feed(data)
        else:
            self._body.end()
        self.done = self._body.done
        if self._decoder is not None:
            return self._decoder.feed(piece, last=self.done)
        return (piece,) if piece else ()

    def without_body(self, rest: bytes) -> None:
        """Note what followed the head of a response that has no body."""
        self._body.excess = bool(rest)
