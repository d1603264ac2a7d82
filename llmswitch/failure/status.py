"""What an HTTP status means when neither a code nor words said more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch.failure.rule import Kind

if TYPE_CHECKING:
    from llmswitch.failure.evidence import Evidence

_OK: Final = range(200, 400)
_CLIENT: Final = range(400, 500)
_SERVER: Final = range(500, 600)

_KINDS: Final = {
    401: Kind.AUTH,
    402: Kind.QUOTA_EXHAUSTED,
    403: Kind.PERMISSION,
    404: Kind.MODEL_NOT_FOUND,
    407: Kind.UNREACHABLE,  # the caller's proxy wants a password
    408: Kind.TIMEOUT,
    409: Kind.SERVER_ERROR,  # a lock that was not got in time; openai's SDK retries it
    410: Kind.MODEL_NOT_FOUND,
    423: Kind.PERMISSION,
    425: Kind.RATE_LIMITED,
    429: Kind.RATE_LIMITED,
    434: Kind.PERMISSION,  # Zhipu: the account has no right to this API
    451: Kind.REGION_BLOCKED,  # unavailable for legal reasons
    498: Kind.AUTH,
    499: Kind.TIMEOUT,  # a relay's client gave up waiting
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    511: Kind.EDGE_BLOCKED,  # a captive portal
    524: Kind.TIMEOUT,  # Cloudflare: the origin took over 100 s
    529: Kind.OVERLOADED,
    598: Kind.TIMEOUT,
    599: Kind.TIMEOUT,
}
# Pages come from what stands before the vendor: a CDN, a firewall, a proxy, the wrong path.
_PAGES: Final = {403: Kind.EDGE_BLOCKED, 404: Kind.BAD_REQUEST, 405: Kind.EDGE_BLOCKED, 406: Kind.EDGE_BLOCKED}


def kind_of(status: int | None, evidence: Evidence) -> Kind:
    """The kind for a status, given whether the body is a page or an object that calls itself an error."""
    if status is None:
        if evidence.html:
            return Kind.BAD_PAYLOAD
        return Kind.UNKNOWN
    if status in _OK:
        return Kind.UNKNOWN if evidence.failed or (evidence.stated and evidence.texts) else Kind.BAD_PAYLOAD
    if evidence.html and status in _PAGES:
        return _PAGES[status]
    if status in _KINDS:
        return _KINDS[status]
    if status in _CLIENT:
        return Kind.BAD_REQUEST
    return Kind.SERVER_ERROR if status in _SERVER else Kind.UNKNOWN
