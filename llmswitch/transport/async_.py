"""The transport for asyncio: each event loop has its own connections, made when it first sends."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from llmswitch.transport import wire
from llmswitch.transport.base import AsyncResponse, AsyncSender, ReadError, WriteError
from llmswitch.transport.body import Reader
from llmswitch.transport.exchange import STALE_SECONDS, exchange, reading, remaining
from llmswitch.transport.pool import Pool
from llmswitch.transport.streams import Connection, connect
from llmswitch.transport.trust import default_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from llmswitch.transport.base import Request
    from llmswitch.transport.exchange import Steps


class AsyncTransport(AsyncSender):
    """Sends from any event loop, in any thread, also in a forked child; a loop's connections close with the loop.

    A kept connection that turns out dead before any byte of an answer is replaced by a fresh one, once.
    `verify` is the TLS context; by default the system's trust (with `SSL_CERT_FILE`, `SSL_CERT_DIR`), read at the first
    https request.
    """

    def __init__(self, *, verify: ssl.SSLContext | None = None) -> None:
        self._context = verify
        self._closed = False
        self._inherited: list[_Home] = []
        self._start()
        _alive.add(self)

    def _start(self) -> None:
        self._homes: dict[asyncio.AbstractEventLoop, _Home] = {}
        self._context_lock = threading.Lock()

    async def send(self, request: Request) -> AsyncResponse:
        """Send `request`; returns when the response's head is there. Cancelling frees the connection.

        Raises:
            ValueError: the URL or a header cannot be sent.
            RuntimeError: `aclose` was called.
            TransportError: its subclasses, as `llmswitch.transport.base` lists them.
        """
        target = wire.target(request.url)
        head = wire.head(request, target)
        self._check_open()
        started = time.monotonic()
        deadline = None if request.total is None else started + request.total
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop) or await self._settle(loop)
        connection = home.pool.take(target.origin)
        if connection is not None:
            try:
                return await _exchange(home, connection, request, head, deadline)
            except (ReadError, WriteError):
                if self._closed or connection.heard or time.monotonic() - started > STALE_SECONDS:
                    raise
        connection = await self._open(target.origin, request, deadline)
        return await _exchange(home, connection, request, head, deadline)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the transport is closed")

    async def aclose(self) -> None:
        """Close every connection; streams being read end with `ReadError`. Other loops' connections close in their loops."""
        self._closed = True
        loop = None
        with suppress(RuntimeError):  # not asyncio's: then every home is another loop's
            loop = asyncio.get_running_loop()
        for owner, home in list(self._homes.items()):
            self._homes.pop(owner, None)
            if owner is loop:
                await home.keeper.aclose()
            elif not owner.is_closed():
                with suppress(RuntimeError):  # closed just now
                    owner.call_soon_threadsafe(home.close)
        for _ in range(2 if loop is not None else 0):  # asyncio closes a socket one turn after it is told to
            await asyncio.sleep(0)

    async def _settle(self, loop: asyncio.AbstractEventLoop) -> _Home:
        for dead in [owner for owner in list(self._homes) if owner.is_closed()]:
            self._homes.pop(dead, None)
        home = self._homes[loop] = _Home()
        home.keeper = self._keep(loop, home)
        await anext(home.keeper)
        return home

    async def _keep(self, loop: asyncio.AbstractEventLoop, home: _Home) -> AsyncGenerator[None, None]:
        """Lasts as long as the loop: `asyncio.run` ends all generators, and this one takes the connections along."""
        try:
            yield
        finally:
            self._homes.pop(loop, None)
            home.close()

    async def _open(self, origin: wire.Origin, request: Request, deadline: float | None) -> Connection:
        context = None
        if origin.scheme == "https":
            with self._context_lock:
                context = self._context = default_context() if self._context is None else self._context
        return await connect(origin, context, remaining(request.connect_timeout, deadline))

    def leave_parent(self) -> None:
        """In a forked child: let go of the parent's sockets, keep its objects untouched, and start anew."""
        inherited = list(self._homes.values())
        self._start()
        for home in inherited:
            for connection in [*home.pool.drain(), *home.active]:
                connection.forget()
        # Kept, for their finalizers would reach into the parent's loop.
        self._inherited += inherited


_alive: weakref.WeakSet[AsyncTransport] = weakref.WeakSet()


def _after_fork() -> None:
    for transport in list(_alive):
        transport.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Home:
    """One event loop's connections."""

    keeper: AsyncGenerator[None, None]

    def __init__(self) -> None:
        self.pool: Pool[Connection] = Pool()
        self.active: set[Connection] = set()
        self.closed = False

    def release(self, connection: Connection, *, keep: bool) -> None:
        """Take back a connection: to `keep` it, or to close it. In the loop's own thread."""
        self.active.discard(connection)
        if keep and not self.closed and not connection.stale():
            self.pool.give(connection)
        else:
            connection.close()

    def close(self) -> None:
        self.closed = True
        for connection in [*self.pool.drain(), *self.active]:
            connection.close()
        self.active.clear()


async def _exchange(
    home: _Home, connection: Connection, request: Request, head: bytes, deadline: float | None
) -> AsyncResponse:
    connection.heard = False
    if home.closed:  # while we connected
        connection.close()
        raise ReadError("the transport was closed meanwhile", phase="head")
    home.active.add(connection)
    try:
        answer, rest = await _drive(connection, exchange(request, head, deadline))
        reader = Reader(answer, request.method, decode=request.decode)
        return _StreamResponse(home, connection, request, answer, reader, rest)
    except BaseException:
        home.release(connection, keep=False)
        raise


async def _drive(connection: Connection, steps: Steps) -> tuple[wire.Head, bytes]:
    try:
        step = next(steps)
        while True:
            try:
                data = b""
                if step.data is None:
                    data = await connection.receive(step.limit)
                else:
                    await connection.send(step.data, step.limit)
            except OSError as error:
                step = steps.throw(error)
            else:
                step = steps.send(data)
    except StopIteration as stop:
        answer: tuple[wire.Head, bytes] = stop.value
        return answer


class _StreamResponse(AsyncResponse):
    """A response whose connection goes back to its loop's pool when its body has been read."""

    __slots__ = ("_connection", "_home", "_pieces", "_read_timeout", "_reader", "_rest")

    def __init__(
        self, home: _Home, connection: Connection, request: Request, answer: wire.Head, reader: Reader, rest: bytes
    ) -> None:
        super().__init__(answer.status, answer.reason, answer.headers, answer.version)
        self._home = home
        self._connection: Connection | None = connection
        self._reader = reader
        self._rest = rest
        self._pieces: Iterator[bytes] = iter(())
        self._read_timeout = request.read_timeout
        if self._reader.done:
            self._reader.without_body(rest)
            self._release()

    def chunks(self) -> AsyncIterator[bytes]:
        # No async generator: a loop wants to close those itself, and a dropped one needs the loop to be closed.
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        reader = self._reader
        try:
            while True:
                for piece in self._pieces:
                    return piece
                if reader.done:
                    raise StopAsyncIteration  # noqa: TRY301 - also where there was no body
                data, self._rest = self._rest, b""
                self._pieces = iter(reader.feed(data or await self._receive()))
                if reader.done:  # before the last piece is given out: who stops there has read everything
                    self._release()
        except BaseException:
            self._release()
            raise

    async def _receive(self) -> bytes:
        if self._connection is None:
            raise ReadError("the response is closed", phase="body")
        try:
            return await self._connection.receive(self._read_timeout)
        except OSError as error:
            raise reading(error, "body") from error

    def set_read_timeout(self, seconds: float | None) -> None:
        self._read_timeout = seconds

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._home.release(connection, keep=self._reader.reusable)

    async def aclose(self) -> None:
        self._release()

    def abandon(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.closed or connection.loop.is_closed():
            return
        with suppress(RuntimeError):  # the loop was closed just now
            connection.loop.call_soon_threadsafe(partial(self._home.release, connection, keep=False))

    def __del__(self) -> None:
        self.abandon()
