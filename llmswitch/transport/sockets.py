"""Blocking sockets: opening one, sending, receiving, and closing it from another thread."""

from __future__ import annotations

import select
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from llmswitch.transport.base import ConnectError, ConnectTimeout
from llmswitch.transport.causes import connecting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmswitch.transport.wire import Origin

    _Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]

_RECEIVE: Final = 64 * 1024
_ABORTED: Final = "closed by another thread meanwhile"
_FAMILY_SHARE: Final = 2.0  # seconds that each address gets at least, where a name has several


class _Socket(socket.socket):
    """Closes quietly when it is collected: of a dropped client, the garbage collector may come to the socket before its connection."""

    def __del__(self) -> None:
        self.close()


class Connection:
    """A socket that one exchange at a time uses.

    `close` may come from any thread and wakes a blocked call; `heard` says whether any byte came since it was taken into use.
    """

    __slots__ = ("_busy", "_timeout", "closed", "heard", "idle_since", "origin", "socket")

    def __init__(self, connected: socket.socket, origin: Origin) -> None:
        self.socket = connected
        self.origin = origin
        self.closed = False
        self.heard = False
        self.idle_since = 0.0
        self._busy = False
        self._timeout = connected.gettimeout()

    def send(self, data: bytes | memoryview, timeout: float | None) -> None:
        """Send all of `data`.

        Raises:
            OSError: it did not work out, or `close` was called; TimeoutError where it was not taken in time.
        """
        self._begin(timeout)
        try:
            self.socket.sendall(data)
        except ValueError as error:  # ssl's word for a socket closed meanwhile
            raise ConnectionAbortedError(_ABORTED) from error
        finally:
            self._end()

    def receive(self, timeout: float | None) -> bytes:
        """The next bytes, or none at the connection's end.

        Raises:
            OSError: it broke, or `close` was called; TimeoutError where none came in time.
        """
        self._begin(timeout)
        try:
            data = self.socket.recv(_RECEIVE)
        except ValueError:  # ssl's word for a socket closed meanwhile
            data = b""
        finally:
            self._end()
        if self.closed:
            raise ConnectionAbortedError(_ABORTED)
        self.heard = self.heard or bool(data)
        return data

    def _begin(self, timeout: float | None) -> None:
        self._busy = True
        if self.closed:
            self._end()
            raise ConnectionAbortedError(_ABORTED)
        if timeout != self._timeout:
            self.socket.settimeout(timeout)
            self._timeout = timeout

    def _end(self) -> None:
        self._busy = False
        if self.closed:
            self.socket.close()

    def stale(self) -> bool:
        """Whether the other side has closed it, or sent something that nobody asked for."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Free the connection without a farewell, so that it takes no time."""
        self.closed = True
        with suppress(OSError):
            # Past ssl's own shutdown, which would pull the session from under a blocked call.
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        if not self._busy:  # else the blocked call closes it: its number must not be given away under it
            self.socket.close()

    def forget(self) -> None:
        """In a forked child: close this copy of the socket and leave the parent's connection alone."""
        self.closed = True
        self.socket.close()

    def __del__(self) -> None:
        self.socket.close()


def connect(origin: Origin, context: ssl.SSLContext | None, timeout: float | None) -> Connection:
    """Open a connection; `context` for https. `timeout` bounds TCP and TLS: the system's name lookup cannot be.

    Raises:
        ConnectError, ConnectTimeout, TLSError, TLSVerifyError: nothing was sent.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    where = f"{origin.host}:{origin.port}"
    opened: socket.socket | None = None
    try:
        addresses = socket.getaddrinfo(origin.host, origin.port, 0, socket.SOCK_STREAM)
        opened = _reach(addresses, deadline)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            opened.settimeout(_left(deadline))
            opened = context.wrap_socket(opened, server_hostname=origin.host)
        return Connection(opened, origin)
    except UnicodeError as error:  # a label that is empty or too long
        raise ConnectError(f"{where}: not a host's name", phase="dns") from error
    except (OSError, ssl.CertificateError) as error:
        failure = connecting(error, where, tls=context is not None and opened is not None)
        if isinstance(failure, ConnectTimeout) and opened is not None:
            failure.phase = "tls"
        raise failure from error
    finally:
        # wrap_socket detaches the plain socket, also where it fails
        if opened is not None and not isinstance(opened, ssl.SSLSocket) and context is not None:
            opened.close()


def _reach(addresses: Sequence[_Address], deadline: float | None) -> socket.socket:
    """A socket connected to the first address that answers."""
    error: OSError = OSError("the name has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        opened = _Socket(family, kind, protocol)
        try:
            left = _left(deadline)
            others = len(addresses) - index - 1
            # A dead first address (often IPv6) must not use up the time of those that work.
            if left is not None and others:
                left = max(left / (others + 1), min(left, _FAMILY_SHARE))
            opened.settimeout(left)
            opened.connect(address)
        except OSError as failed:
            opened.close()
            error = failed
        except BaseException:
            opened.close()
            raise
        else:
            return opened
    raise error


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no connection in time")
    return left
