"""HTTP/1.1 as bytes: requests out, responses in. Pure: no socket, no clock.

The standard library's reader (http.client) spends 17 us on three headers and 47 us on the two dozen that vendors send, in
its e-mail parser; this one 1 and 5 us. `tests/test_transport_wire.py` holds it against the library's, cut at random places.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from llmswitch.transport.base import Headers, ProtocolError, Veiled

if TYPE_CHECKING:
    from llmswitch.transport.base import Request

HEAD_LIMIT: Final = 256 * 1024
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~"
_QUERY_SAFE: Final = _PATH_SAFE + "?[]"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
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
        path = Veiled(f"{path}?{quote(parts.query, safe=_QUERY_SAFE)}")
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


def _checked(request: Request, to: Target) -> list[tuple[str, str]]:
    """The request's headers, checked and completed but for the body's length.

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
    return found


def headers(request: Request, to: Target) -> list[tuple[str, str]]:
    """All of the request's headers, checked and completed, as `head` writes them.

    Raises:
        ValueError: as `head`.
    """
    found = _checked(request, to)
    if request.body is not None:
        found.append(("Content-Length", str(len(request.body))))
    elif request.method not in _WITHOUT_BODY:
        found.append(("Content-Length", "0"))
    return found


def _lines(request: Request, to: Target) -> bytes:
    """The request's first line and headers, but for the body's length."""
    lines = [f"{name}: {value}\r\n" for name, value in _checked(request, to)]
    return _Veiled(f"{request.method} {to.path} HTTP/1.1\r\n{''.join(lines)}".encode("latin-1"))


def head(request: Request, to: Target) -> bytes:
    """The request's head. That of `Headers` is written once, and kept with them.

    Raises:
        ValueError: a header, or the method, cannot be sent. The message names it and keeps its value to itself.
    """
    _lowered(request.method)
    kept, headers = (request.method, to), request.headers
    written = getattr(headers, "written", None)
    if written is not None and written[0] == kept:
        lines = written[1]
    else:
        lines = _lines(request, to)
        if isinstance(headers, Headers):
            headers.written = kept, lines
    if request.body is not None:
        return _Veiled(b"%sContent-Length: %d\r\n\r\n" % (lines, len(request.body)))
    return _Veiled(lines + (b"\r\n" if request.method in _WITHOUT_BODY else b"Content-Length: 0\r\n\r\n"))


class _Veiled(bytes):
    """Bytes with a key in them: a traceback that shows local variables shows their length."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


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
