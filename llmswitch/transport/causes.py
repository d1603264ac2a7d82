"""Why no connection came about: the same answer whichever transport asks."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from llmswitch.transport.base import ConnectError, ConnectTimeout, TLSError, TLSVerifyError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator


def connecting(error: BaseException, where: str, *, tls: bool) -> TransportError:
    """The transport error for `error`, raised while connecting to `where`; `tls` says whether TLS was to be spoken."""
    for cause in _chain(error):
        if isinstance(cause, socket.gaierror):
            return ConnectError(f"{where}: the name was not found ({cause.strerror or cause})", phase="dns")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TLSVerifyError(f"{where}: {cause.verify_message or cause}", phase="tls")
        if isinstance(cause, ssl.CertificateError):
            return TLSVerifyError(f"{where}: {cause}", phase="tls")
        if isinstance(cause, ssl.SSLError):
            return TLSError(f"{where}: the TLS handshake failed ({cause.reason or cause})", phase="tls")
        if isinstance(cause, TimeoutError):
            return ConnectTimeout(f"{where}: no connection in time", phase="connect")
        # TCP refuses with ECONNREFUSED: a reset comes after it, in the handshake.
        if tls and isinstance(cause, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
            return TLSError(f"{where}: the connection was cut during the TLS handshake", phase="tls")
        if isinstance(cause, OSError) and cause.errno is not None:
            return ConnectError(f"{where}: {cause.strerror or cause}", phase="connect")
    return ConnectError(f"{where}: {str(error) or type(error).__name__}", phase="connect")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what caused it, the innermost first; exception groups with all their members."""
    seen: list[BaseException] = []
    pending = [error]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.append(current)
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        # aiohttp keeps the original here, too
        pending.extend(
            link
            for link in (current.__cause__, current.__context__, getattr(current, "os_error", None))
            if isinstance(link, BaseException)
        )
    return reversed(seen)
