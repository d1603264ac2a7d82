"""The transport for threads: blocking sockets in an O(1) pool, HTTP/1.1 from `wire`."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

from llmswitch.transport import wire
from llmswitch.transport.base import ReadError, Response, Sender, WriteError
from llmswitch.transport.body import Reader
from llmswitch.transport.exchange import STALE_SECONDS, exchange, reading, remaining
from llmswitch.transport.pool import Pool
from llmswitch.transport.sockets import Connection, connect
from llmswitch.transport.trust import default_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from llmswitch.transport.base import Request
    from llmswitch.transport.exchange import Steps


class Transport(Sender):
    """Sends from any number of threads, and goes on in a forked child with connections of its own.

    A kept connection that turns out dead before any byte of an answer is replaced by a fresh one, once.
    `verify` is the TLS context; by default the system's trust (with `SSL_CERT_FILE`, `SSL_CERT_DIR`), read at the first
    https request.
    """

    def __init__(self, *, verify: ssl.SSLContext | None = None) -> None:
        self._context = verify
        self._closed = False
        self._start()
        _alive.add(self)

    def _start(self) -> None:
        self._pool: Pool[Connection] = Pool()
        self._active: set[Connection] = set()
        self._context_lock = threading.Lock()

    def send(self, request: Request) -> Response:
        """Send `request`; returns when the response's head is there.

        Raises:
            ValueError: the URL or a header cannot be sent.
            RuntimeError: `close` was called.
            TransportError: its subclasses, as `llmswitch.transport.base` lists them.
        """
        target = wire.target(request.url)
        head = wire.head(request, target)
        self._check_open()
        started = time.monotonic()
        deadline = None if request.total is None else started + request.total
        connection = self._pool.take(target.origin)
        if connection is not None:
            try:
                return self._exchange(connection, request, head, deadline)
            except (ReadError, WriteError):
                if self._closed or connection.heard or time.monotonic() - started > STALE_SECONDS:
                    raise
        return self._exchange(self._open(target.origin, request, deadline), request, head, deadline)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the transport is closed")

    def close(self) -> None:
        """Close every connection; streams being read end with `ReadError`."""
        self._closed = True
        for connection in self._pool.drain():
            connection.close()
        while self._active:
            try:
                self._active.pop().close()
            except KeyError:  # another thread's exchange ended first
                break

    def _open(self, origin: wire.Origin, request: Request, deadline: float | None) -> Connection:
        context = None
        if origin.scheme == "https":
            with self._context_lock:
                context = self._context = default_context() if self._context is None else self._context
        return connect(origin, context, remaining(request.connect_timeout, deadline))

    def _exchange(self, connection: Connection, request: Request, head: bytes, deadline: float | None) -> Response:
        connection.heard = False
        self._active.add(connection)
        if self._closed:  # while we connected
            self.release(connection, keep=False)
            raise ReadError("the transport was closed meanwhile", phase="head")
        try:
            answer, rest = _drive(connection, exchange(request, head, deadline))
            reader = Reader(answer, request.method, decode=request.decode)
            return _SocketResponse(self, connection, request, answer, reader, rest)
        except BaseException:
            self.release(connection, keep=False)
            raise

    def release(self, connection: Connection, *, keep: bool) -> None:
        """Take back a connection from a response: to `keep` it, or to close it."""
        self._active.discard(connection)
        if keep and not connection.closed:
            self._pool.give(connection)
            if self._closed:
                self.close()
        else:
            connection.close()

    def leave_parent(self) -> None:
        """In a forked child: drop the parent's connections without touching them, and start anew."""
        inherited = [*self._pool.drain(), *self._active]
        self._start()
        for connection in inherited:
            connection.forget()


_alive: weakref.WeakSet[Transport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_alive):
        transport.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _drive(connection: Connection, steps: Steps) -> tuple[wire.Head, bytes]:
    try:
        step = next(steps)
        while True:
            try:
                data = b""
                if step.data is None:
                    data = connection.receive(step.limit)
                else:
                    connection.send(step.data, step.limit)
            except OSError as error:
                step = steps.throw(error)
            else:
                step = steps.send(data)
    except StopIteration as stop:
        answer: tuple[wire.Head, bytes] = stop.value
        return answer


class _SocketResponse(Response):
    """A response whose connection goes back to the transport when its body has been read."""

    __slots__ = ("_owned", "_read_timeout", "_reader", "_rest", "_transport")

    def __init__(
        self,
        transport: Transport,
        connection: Connection,
        request: Request,
        answer: wire.Head,
        reader: Reader,
        rest: bytes,
    ) -> None:
        super().__init__(answer.status, answer.reason, answer.headers, answer.version)
        self._transport = transport
        self._reader = reader
        self._rest = rest
        self._read_timeout = request.read_timeout
        # Who takes the connection out of this list decides what becomes of it: `pop` is atomic between threads.
        self._owned = [connection]
        if self._reader.done:
            self._reader.without_body(rest)
            self._release()

    def chunks(self) -> Iterator[bytes]:
        reader = self._reader
        if reader.done:
            return
        try:
            connection = self._owned[0]
        except IndexError:
            raise ReadError("the response is closed", phase="body") from None
        try:
            data, self._rest = self._rest, b""
            while not reader.done:
                pieces = reader.feed(data or self._receive(connection))
                data = b""
                if reader.done:  # before the last piece is given out: who stops there has read everything
                    self._release()
                yield from pieces
        finally:
            self.close()

    def _receive(self, connection: Connection) -> bytes:
        try:
            return connection.receive(self._read_timeout)
        except OSError as error:
            raise reading(error, "body") from error

    def set_read_timeout(self, seconds: float | None) -> None:
        self._read_timeout = seconds

    def _release(self) -> None:
        try:
            connection = self._owned.pop()
        except IndexError:  # the other thread was first
            return
        self._transport.release(connection, keep=self._reader.reusable)

    def close(self) -> None:
        self._release()

    def __del__(self) -> None:
        self._release()
