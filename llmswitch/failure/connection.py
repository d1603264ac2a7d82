"""Failures in which the vendor said nothing: from an exception and its causes, or from the text somebody made of one.

Nothing is imported to be compared with: our transports, the standard library, httpx, httpx2, httpcore, aiohttp, requests, urllib3, openai
and node are known by class name and wording.
"""

from __future__ import annotations

import errno
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from llmswitch.failure.rule import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator


class Verdict(NamedTuple):
    """A kind, and whether a byte of the request may have reached the vendor."""

    kind: Kind
    sent: bool


_NOT_SENT: Final = Verdict(Kind.UNREACHABLE, sent=False)
_CUT: Final = Verdict(Kind.UNREACHABLE, sent=True)
_UNTRUSTED: Final = Verdict(Kind.TLS_VERIFY, sent=False)
_LATE: Final = Verdict(Kind.TIMEOUT, sent=True)
_BROKEN_OFF: Final = Verdict(Kind.STREAM_INTERRUPTED, sent=True)
_GARBLED: Final = Verdict(Kind.BAD_PAYLOAD, sent=True)

# A certificate of another host means that another host answered: a poisoned name, not a broken trust store.
_OTHER_HOST: Final = (
    "hostname mismatch", "doesn't match either of", "doesn't match '", "hostname/ip does not match certificate", "err_tls_cert_altname",
    "certificate is valid for", "no alternative certificate subject name matches", "certificate subject name",
)  # fmt: skip

# From the most telling to the least: the first row of which any class occurs among an exception and its causes decides.
_CLASSES: Final[tuple[tuple[frozenset[str], Verdict], ...]] = (
    (frozenset({"TLSVerifyError", "SSLCertVerificationError", "CertificateError", "ClientConnectorCertificateError"}), _UNTRUSTED),
    (frozenset({"gaierror", "herror", "NameResolutionError", "ClientConnectorDNSError"}), _NOT_SENT),
    (frozenset({"ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError", "PoolTimeout"}), _NOT_SENT),
    (frozenset({"ConnectionRefusedError", "ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError",
      "ProxyConnectionError"}), _NOT_SENT),
    (frozenset({"ReadTimeout", "ReadTimeoutError", "WriteTimeout", "ServerTimeoutError", "SocketTimeoutError"}), _LATE),
    (frozenset({"IncompleteRead", "ClientPayloadError", "ChunkedEncodingError", "TransferEncodingError", "ContentLengthError",
      "InvalidChunkLength"}), _BROKEN_OFF),
    (frozenset({"RemoteDisconnected", "ServerDisconnectedError", "ConnectionResetError", "BrokenPipeError",
      "ConnectionAbortedError", "ReadError", "WriteError", "LocalProtocolError", "CloseError", "ClientConnectionResetError"}),
      _CUT),
    (frozenset({"TLSError", "SSLError", "SSLEOFError", "SSLZeroReturnError", "SSLSyscallError", "ClientConnectorSSLError"}), _NOT_SENT),
    (frozenset({"ConnectError", "NewConnectionError", "ClientConnectorError", "InvalidProxyURL", "UnsupportedProtocol"}), _NOT_SENT),
    (frozenset({"JSONDecodeError", "ContentTypeError", "DecodingError", "APIResponseValidationError", "UnicodeDecodeError",
      "ProtocolError", "RemoteProtocolError", "BadStatusLine", "LineTooLong", "HTTPException", "ContentDecodingError"}),
      _GARBLED),
    (frozenset({"TimeoutError", "TimeoutException", "APITimeoutError", "Timeout"}), _LATE),
    (frozenset({"APIConnectionError", "ClientOSError", "ConnectionError", "ClientConnectionError", "NetworkError",
      "TransportError", "MaxRetryError"}), _CUT),
)  # fmt: skip

# The same from words, lower case. They are also what tells a generic class apart, hence before the classes above.
_WORDS: Final[tuple[tuple[tuple[str, ...], Verdict], ...]] = (
    (_OTHER_HOST, _NOT_SENT),
    (("certificate verify failed", "certificate_verify_failed", "self signed certificate", "self-signed certificate",
      "unable to verify the first certificate", "unable to get local issuer", "unable_to_verify_leaf_signature",
      "certificate has expired", "cert_has_expired", "depth_zero_self_signed", "x509: certificate signed by unknown authority",
      "x509: certificate has expired", "pkix path building failed", "certificate is not trusted", "unknown ca"), _UNTRUSTED),
    (("getaddrinfo", "name or service not known", "nodename nor servname", "temporary failure in name resolution", "enotfound",
      "eai_again", "no such host", "failed to resolve", "name resolution", "no address associated", "could not resolve host",
      "unknownhostexception", "unable to resolve host", "err_name_not_resolved", "dns lookup failed", "dns error",
      "getaddrinfow"), _NOT_SENT),
    (("connect timeout", "connecttimeout", "etimedout", "connect timed out", "connection timed out", "und_err_connect",
      "dial tcp", "winerror 10060", "err_connection_timed_out", "timed out while connecting", "connection timeout"), _NOT_SENT),
    (("tunnel connection failed", "cannot connect to proxy", "proxy authentication required", "proxyerror", "proxyconnect",
      "socks"), _NOT_SENT),
    (("connection refused", "econnrefused", "winerror 10061", "actively refused", "network is unreachable", "no route to host",
      "ehostunreach", "enetunreach", "err_internet_disconnected", "cannot connect to host", "failed to connect to",
      "could not connect to", "failed to establish a new connection", "cannot assign requested address", "err_connection_refused",
      "all connection attempts failed"), _NOT_SENT),
    (("read timed out", "read timeout", "readtimeout", "read operation timed out", "timeout on reading",
      "timeout awaiting response headers", "client.timeout exceeded", "context deadline exceeded", "i/o timeout", "sockettimeout",
      "headers timeout", "body timeout"), _LATE),
    (("incompleteread", "incomplete chunked read", "without sending complete message body", "payload is not completed",
      "prematurely closed", "premature close", "invalidchunklength", "invalid chunk length", "not enough data for satisfy",
      "unexpected end of stream", "err_incomplete_chunked_encoding", "stream ended without", "stream closed before",
      "stream interrupted", "stream disconnected before completion", "connection closed mid-stream"), _BROKEN_OFF),
    (("eof occurred in violation", "unexpected_eof", "ssleoferror", "wrong_version_number", "wrong version number", "sslv3_alert",
      "ssl_error_syscall", "tls handshake", "handshake failure", "handshake timed out",
      "before secure tls connection was established", "tlsv1 alert", "ssl handshake", "ssl routines", "err_ssl"), _NOT_SENT),
    (("connection reset", "connectionreset", "econnreset", "forcibly closed", "connection aborted", "remote end closed",
      "server disconnected", "without sending a response", "socket hang up", "broken pipe", "epipe", "econnaborted",
      "err_connection_reset", "err_connection_closed", "connection closed", "connection was closed", "远程主机强迫关闭",
      "peer closed connection", "unexpected eof", "other side closed"), _CUT),
    (("apitimeouterror: request timed out",), _CUT),
    (("request timed out", "timed out", "timeouterror", "timeout exceeded", "请求超时"), _LATE),
    (("connection error", "apiconnectionerror", "fetch failed", "failed to fetch", "network error", "networkerror", "err_network",
      "error communicating with", "网络错误", "网络异常", "连接失败", "无法连接", "connect error", "error sending request"), _CUT),
)  # fmt: skip


# The kernel's own numbers, Windows' among them.
_NO_WAY: Final = frozenset(
    {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, 10060, 10061, 10065}
)
_GONE: Final = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, 10053, 10054})


def of_exception(exception: BaseException) -> Verdict | None:
    """What an exception and its causes mean for the connection; None where they say nothing about one."""
    chain = list(islice(causes(exception), 16))
    ours = next((error for error in chain if isinstance(attribute(error, "phase"), str)), None)
    names = {base.__name__ for error in chain for base in type(error).__mro__}
    text = "\n".join(words(error) for error in chain).lower()
    verdict: Verdict | None = None
    for classes, meaning in _CLASSES:
        if classes & names:
            verdict = meaning
            break
    if verdict is None:
        return _of_number(chain)
    if verdict is _UNTRUSTED and any(phrase in text for phrase in _OTHER_HOST):
        return _NOT_SENT
    if ours is not None:
        return _of_phase(ours, verdict)
    if verdict in (_CUT, _LATE, _GARBLED, _NOT_SENT):
        return _of_number(chain) or _refined(verdict, text, names)
    return verdict


def of_text(text: str) -> Verdict | None:
    """What an exception's text says of the connection; `text` is in lower case."""
    for phrases, meaning in _WORDS:
        if any(phrase in text for phrase in phrases):
            return meaning
    return None


def causes(exception: BaseException) -> Iterator[BaseException]:
    """The exception, what caused it, and what those causes carry: `__cause__`, `__context__`, urllib3's `reason`, groups."""
    seen: set[int] = set()
    queue: deque[object] = deque([exception])
    while queue:
        error = queue.popleft()
        if not isinstance(error, BaseException) or id(error) in seen:
            continue
        seen.add(id(error))
        yield error
        queue.append(error.__cause__)
        if not error.__suppress_context__:
            queue.append(error.__context__)
        queue.append(attribute(error, "reason"))
        queue.extend(islice(error.args, 4))
        if isinstance(error, BaseExceptionGroup):
            queue.extend(islice(error.exceptions, 8))


def words(exception: BaseException) -> str:
    """`str(exception)`, or its class's name where it is empty or cannot be made."""
    try:
        return (str(exception) or type(exception).__name__)[:4096]
    except Exception:  # noqa: BLE001 - a foreign class's own fault must not hide the failure it stands for
        return type(exception).__name__


def _of_phase(error: BaseException, verdict: Verdict) -> Verdict:
    """One of our own transports' exceptions: it knows how far it had come."""
    phase = attribute(error, "phase")
    sent = attribute(error, "sent") is not False
    if verdict.kind is Kind.TLS_VERIFY:
        return Verdict(Kind.TLS_VERIFY, sent)
    if verdict.kind is Kind.TIMEOUT:
        return Verdict(Kind.TIMEOUT if sent else Kind.UNREACHABLE, sent)
    if type(error).__name__ == "ProtocolError":
        return Verdict(Kind.BAD_PAYLOAD, sent)
    return Verdict(Kind.STREAM_INTERRUPTED if phase == "body" else Kind.UNREACHABLE, sent)


def _of_number(chain: list[BaseException]) -> Verdict | None:
    """The kernel's ETIMEDOUT is a connection that never came about, whatever Python calls the class."""
    for error in chain:
        if not isinstance(error, OSError):
            continue
        if error.errno in _NO_WAY:
            return _NOT_SENT
        if error.errno in _GONE:
            return _CUT
    return None


def _refined(verdict: Verdict, text: str, names: set[str]) -> Verdict:
    """A generic class made precise by its words."""
    if "RemoteProtocolError" in names and "without sending a response" in text:
        return _CUT
    if verdict is _LATE and {"ReadTimeout", "WriteTimeout", "ReadTimeoutError"} & names:
        return verdict
    found = of_text(text)
    if found is None or (verdict is _NOT_SENT and found.kind is not Kind.TLS_VERIFY):
        return verdict
    if verdict is _LATE and (found.sent or found.kind not in {Kind.UNREACHABLE, Kind.TLS_VERIFY}):
        return verdict  # "Request timed out." says nothing new
    return found


def attribute(value: object, name: str) -> object:
    """`value.name`, None where there is none or it cannot be read."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - a foreign property may raise anything
        return None
