"""Connections of an event loop: opening one, sending, receiving with a timer that is armed once, not per read."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from llmswitch.transport.base import ConnectError, ConnectTimeout
from llmswitch.transport.causes import connecting
from llmswitch.transport.race import reach

if TYPE_CHECKING:
    import ssl

    from llmswitch.transport.wire import Origin

_BUFFER: Final = 256 * 1024  # bytes that may wait for a slow reader before the socket is left alone
_PARTS: Final = 16  # of the time to connect; a turn of the loop uses up one at most


class Connection(asyncio.Protocol):
    """A connection that one exchange at a time uses, in the loop that opened it.

    Bytes received before it broke are given out before the error is. `heard` says whether any came since it was taken.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, origin: Origin) -> None:
        self.origin = origin
        self.loop = loop
        self.idle_since = 0.0
        self.heard = False
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._reading_paused = False
        self._writing_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop: connected, TLS included."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: bytes came."""
        self.heard = True
        self._received.append(data)
        self._size += len(data)
        if self._size > _BUFFER and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Called by the loop: the other side sends no more."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: closed, or broken by `exc`."""
        self._ended = True
        self._error = self._error or exc
        self._transport = None
        self._stop_timer()
        self._wake()

    def pause_writing(self) -> None:
        """Called by the loop: the other side takes bytes slower than we write."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Called by the loop: it has caught up."""
        self._writing_paused = False
        self._wake()

    async def send(self, data: bytes | memoryview, limit: float | None) -> None:
        """Send `data`; returns when most of it is on its way.

        Raises:
            OSError: the connection is gone; TimeoutError where the other side did not take it in time.
        """
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
            while self._writing_paused and not transport.is_closing():
                await self._wait(limit)
        if transport is None or transport.is_closing():
            raise self._error or ConnectionResetError("the connection was closed")

    async def receive(self, limit: float | None) -> bytes:
        """The next bytes, or none at the connection's end.

        Raises:
            OSError: it broke, or `close` was called; TimeoutError where none came in time.
        """
        while not self._received:
            if self.closed:
                raise ConnectionAbortedError("the response was closed while it was read")
            if self._ended:
                if self._error is not None:
                    raise self._error
                return b""
            await self._wait(limit)
        data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
        self._received.clear()
        self._size = 0
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    async def _wait(self, limit: float | None) -> None:
        self._waiter = waiter = self.loop.create_future()
        if limit is not None:
            self._deadline = self.loop.time() + limit
            if self._timer is None:
                self._timer = self.loop.call_at(self._deadline, self._tick)
            elif self._timer.when() > self._deadline:
                self._timer.cancel()
                self._timer = self.loop.call_at(self._deadline, self._tick)
        else:
            self._deadline = float("inf")
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _tick(self) -> None:
        """The timer went off: for the current wait, or for one long past, which put the deadline further out."""
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._deadline == float("inf"):
            return
        if self.loop.time() >= self._deadline:
            self._waiter.set_exception(TimeoutError("no bytes in time"))
        else:
            self._timer = self.loop.call_at(self._deadline, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stale(self) -> bool:
        """Whether the other side has closed it, or sent something that nobody asked for."""
        return self._ended or bool(self._received)

    def close(self) -> None:
        """Free the connection without a farewell, so that it takes no time. In the loop's own thread."""
        self.closed = True
        if self.loop.is_closed():
            return
        self._stop_timer()
        self._wake()
        if self._transport is not None:
            self._transport.abort()

    def forget(self) -> None:
        """In a forked child: let go of the socket, without touching the connection or the loop that the parent goes on using."""
        self.closed = True
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is not None:
            with suppress(OSError):
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, sock.fileno())
                os.close(null)


class _Countdown:
    """Ends `bound` after `limit` seconds.

    In parts, for connecting takes several turns of the loop: where each takes long because a thousand calls begin at once, or
    the program computes, that is not the vendor's silence.
    """

    def __init__(self, bound: asyncio.Timeout, loop: asyncio.AbstractEventLoop, limit: float | None) -> None:
        self._bound, self._loop = bound, loop
        self._left = 1 if limit is None or limit <= 0 else _PARTS
        self._part = 0.0 if limit is None else limit / self._left
        self._timer = None if limit is None else loop.call_later(self._part, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        if self._left > 0:
            self._timer = self._loop.call_later(self._part, self._tick)
        else:
            self._bound.reschedule(self._loop.time())

    def cancel(self) -> None:
        """It is over, one way or the other."""
        if self._timer is not None:
            self._timer.cancel()


async def connect(origin: Origin, context: ssl.SSLContext | None, limit: float | None) -> Connection:
    """Open a connection in the running loop; `context` for https. `limit` bounds name lookup, TCP and TLS.

    Raises:
        ConnectError, ConnectTimeout, TLSError, TLSVerifyError: nothing was sent.
    """
    loop = asyncio.get_running_loop()
    where = f"{origin.host}:{origin.port}"
    reached = False  # TCP stands: asyncio asks for the protocol before it begins TLS

    def protocol() -> Connection:
        nonlocal reached
        reached = True
        return Connection(loop, origin)

    try:
        async with asyncio.timeout(None) as bound:
            countdown = _Countdown(bound, loop, limit)
            try:
                opened = await reach(loop, origin.host, origin.port)
                name = origin.host if context is not None else None
                _, connection = await loop.create_connection(protocol, sock=opened, ssl=context, server_hostname=name)
            finally:
                countdown.cancel()
    except UnicodeError as error:  # a label that is empty or too long
        raise ConnectError(f"{where}: not a host's name", phase="dns") from error
    except (OSError, ExceptionGroup) as error:
        failure = connecting(error, where, tls=context is not None and reached)
        if isinstance(failure, ConnectTimeout) and reached:
            failure.phase = "tls"
        raise failure from error
    return connection
