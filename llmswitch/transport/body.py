"""Bodies of HTTP/1.1 responses: where they end, and what their compression hides. Pure: no socket, no clock."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from llmswitch.transport.base import ProtocolError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmswitch.transport.wire import Head

_LINE_LIMIT: Final = 16 * 1024  # a chunk's size with its extensions, or one trailer
_PIECE: Final = 1024 * 1024  # decompressed at a time


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
        at, size = 0, len(data)
        if self._left:
            at = self._take(data, 0, parts)
        elif self._line:
            data, self._line = self._line + data, b""
            size = len(data)
        while at < size and not self.done:
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
            length = _chunk_size(line)
            if not length:
                self._trailers = True
            elif data[at + length : at + length + 2] == b"\r\n":  # it is all here, as most are
                parts.append(data[at : at + length])
                at += length + 2
            else:
                self._left = length + 2
                at = self._take(data, at, parts)
        self.excess = self.excess or (self.done and at < size)
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
    try:
        if line.isalnum():  # int() would also take signs and underscores
            return int(line, 16)
        digits = line.partition(b";")[0].strip()
        if digits.isalnum():
            return int(digits, 16)
    except ValueError:
        pass
    raise ProtocolError(f"not a chunk's size: {line[:32]!r}", phase="body")


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
