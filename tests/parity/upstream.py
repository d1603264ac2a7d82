"""A vendor over real sockets: it plays what a test says and keeps exactly what came.

upstream.play(Answer(200, body=b"{}"), Answer(429))   # in turn, the last one for ever
upstream.take()                                       # the requests since the last time
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Self

from llmswitch._httpx import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a real vendor's front end sends along; two of them come twice or with odd case.
HEADERS: Final = (
    ("Date", "Mon, 23 Nov 2026 10:00:00 GMT"),
    ("x-request-id", "req_0123456789abcdef"),
    ("openai-processing-ms", "41"),
    ("X-RateLimit-Remaining-Requests", "9999"),
    ("Via", "1.1 one"),
    ("Via", "1.1 two"),
)
_JSON: Final = (("Content-Type", "application/json"),)
_EVENTS: Final = (("Content-Type", "text/event-stream; charset=utf-8"),)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One response, byte for byte.

    Attributes:
        status: 0 for no head at all.
        pieces: the body; each piece is one write, and one chunk where it is sent chunked.
        framing: how the body's end is told: its length, chunks, or the connection's end.
        then: what becomes of the connection: kept, closed, reset, closed without the body's end, or nothing more is said.
    """

    status: int = 200
    reason: str | None = None  # by default HTTP's own for the status
    headers: Sequence[tuple[str, str]] = HEADERS + _JSON
    pieces: Sequence[bytes] = (b"",)
    framing: Literal["length", "chunked", "close"] = "length"
    then: Literal["keep", "close", "reset", "cut", "stall"] = "keep"
    pause: float = 0.0  # seconds before the head, and before each piece


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes


def answer(body: object, status: int = 200, *more: tuple[str, str], kind: str = "application/json") -> Answer:
    """A whole answer; what is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers=(*HEADERS, ("Content-Type", kind), *more), pieces=(data,))


def events(*values: object, done: bool = True, **how: object) -> Answer:
    """A stream; what is not bytes becomes the data of one event."""
    pieces = [
        value if isinstance(value, bytes) else b"data: " + json.dumps(value).encode() + b"\n\n" for value in values
    ]
    if done:
        pieces.append(b"data: [DONE]\n\n")
    given = {"headers": HEADERS + _EVENTS, "framing": "chunked", "pieces": tuple(pieces), **how}
    return Answer(**given)  # type: ignore[arg-type]


@dataclass
class _Script:
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)


class Upstream:
    """The server: a thread that listens and one for each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._script = _Script()
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._closed = False

    @property
    def url(self) -> str:
        """What goes into `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        """How many are open now."""
        with self._lock:
            return len(self._connections)

    def play(self, *answers: Answer) -> None:
        """Answer with these in turn from now on, with the last one for ever; forgets what came."""
        with self._lock:
            self._script = _Script(list(answers))

    def take(self) -> list[Received]:
        """The requests since `play`, or since the last time."""
        with self._lock:
            taken, self._script.received = self._script.received, []
            return taken

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, name="upstream", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="upstream connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        try:
            while True:
                received, buffer = _read(connection, buffer)
                with self._lock:
                    script = self._script
                    script.received.append(received)
                    reply = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if not _reply(connection, reply):
                    return
        except OSError:
            return
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


def _read(connection: socket.socket, buffer: bytes) -> tuple[Received, bytes]:
    """One request, and what came after it.

    Raises:
        ConnectionError: there is no further one.
    """
    while b"\r\n\r\n" not in buffer:
        buffer += _more(connection)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (each.partition(": ") for each in lines)]
    named = {name.lower(): value for name, value in headers}
    if named.get("transfer-encoding") == "chunked":
        while not rest.endswith(b"0\r\n\r\n"):
            rest += _more(connection)
        return Received(line, headers, rest), b""
    length = int(named.get("content-length", 0))
    while len(rest) < length:
        rest += _more(connection)
    return Received(line, headers, rest[:length]), rest[length:]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError
    return data


def _reply(connection: socket.socket, reply: Answer) -> bool:
    """Play one answer; whether the connection goes on."""
    if reply.pause:
        time.sleep(reply.pause)
    reason = httpx.codes.get_reason_phrase(reply.status) if reply.reason is None else reply.reason
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in reply.headers)]
    if reply.framing == "length":
        size = sum(map(len, reply.pieces)) + (100 if reply.then in ("reset", "cut", "stall") else 0)
        lines.append(f"Content-Length: {size}")
    elif reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    data = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
    data = data if reply.status else b""
    for piece in reply.pieces:
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if reply.framing == "chunked" and piece else piece
        if reply.pause:
            connection.sendall(data)
            time.sleep(reply.pause)
            data = b""
        data += framed
    if reply.framing == "chunked" and reply.then in ("keep", "close"):
        data += b"0\r\n\r\n"
    connection.sendall(data)
    if reply.then == "stall":
        while connection.recv(65536):
            pass
    if reply.then == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return reply.then == "keep" and reply.framing != "close"
