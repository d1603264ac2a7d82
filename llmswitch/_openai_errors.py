"""The exception tree of `errors`, each class derived from openai's own as well, so that `except openai.RateLimitError` still catches.

Where the class follows from the answer (`AllProvidersFailedError` is also the class of the first provider's error)
it is made once and kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import openai

from llmswitch import errors
from llmswitch._httpx import httpx
from llmswitch._json import loads
from llmswitch.failure import Kind

if TYPE_CHECKING:
    from llmswitch.errors import Case
    from llmswitch.failure import Failure


class ConfigError(errors.ConfigError, openai.OpenAIError):
    """A file, a variable or an argument is wrong; the message names where, what was found and what is allowed."""


class InvalidRequestError(errors.InvalidRequestError, openai.BadRequestError):
    """Not sent: the request has no JSON form, or `strict=True` forbids the change it would need. `.response` is made up here."""

    def __init__(self, message: str, *, request: httpx.Request | None = None) -> None:
        openai.BadRequestError.__init__(self, message, response=not_sent(400, request), body=None)

    def __reduce__(self) -> tuple[type[InvalidRequestError], tuple[str]]:
        return type(self), (str(self),)


class InvalidRequestTypeError(InvalidRequestError, TypeError):
    """The same for a value of a type that JSON has no form for: openai raises TypeError there."""


class InvalidRequestRecursionError(InvalidRequestError, RecursionError):
    """The same for a value that is nested too deeply: openai raises RecursionError there."""


class NoProviderError(errors.NoProviderError, openai.APIError):
    """No candidate may take this call, so nothing was sent."""


class AllProvidersFailedError(errors.AllProvidersFailedError, openai.APIError):
    """Every candidate failed or is held back; also an instance of the class of the first one's error."""


class ProviderError(errors.ProviderError, openai.APIError):
    """The only candidate failed, and openai has no class for how."""


class RegionBlockedError(errors.RegionBlockedError, openai.PermissionDeniedError):
    """The provider does not serve this region."""


class QuotaExhaustedError(errors.QuotaExhaustedError, openai.RateLimitError):
    """No balance or quota left: final until it is topped up or resets."""


class StreamInterruptedError(errors.StreamInterruptedError, openai.APIConnectionError):
    """A stream broke after content had been delivered; `.partial` is the text that was."""


_DERIVED: Final[dict[type[errors.CallError], type[openai.APIError]]] = {
    errors.NoProviderError: NoProviderError,
    errors.AllProvidersFailedError: AllProvidersFailedError,
    errors.ProviderError: ProviderError,
    errors.RegionBlockedError: RegionBlockedError,
    errors.QuotaExhaustedError: QuotaExhaustedError,
    errors.StreamInterruptedError: StreamInterruptedError,
}
_BY_STATUS: Final[dict[int, type[openai.APIError]]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
# Where no HTTP status speaks: an error inside a 200, an event in a stream, a failed connection.
_BY_KIND: Final[dict[Kind, type[openai.APIError]]] = {
    Kind.AUTH: openai.AuthenticationError,
    Kind.KEY_SITE_MISMATCH: openai.AuthenticationError,
    Kind.PERMISSION: openai.PermissionDeniedError,
    Kind.EDGE_BLOCKED: openai.PermissionDeniedError,
    Kind.RATE_LIMITED: openai.RateLimitError,
    Kind.OVERLOADED: openai.InternalServerError,
    Kind.SERVER_ERROR: openai.InternalServerError,
    Kind.CONTENT_FILTER: openai.BadRequestError,
    Kind.CONTEXT_LENGTH: openai.BadRequestError,
    Kind.BAD_REQUEST: openai.BadRequestError,
    Kind.MODEL_NOT_FOUND: openai.NotFoundError,
    Kind.TIMEOUT: openai.APITimeoutError,
    Kind.BAD_PAYLOAD: openai.APIResponseValidationError,
}
_OWN: Final[dict[Kind, type[openai.APIError]]] = {
    Kind.REGION_BLOCKED: RegionBlockedError,
    Kind.QUOTA_EXHAUSTED: QuotaExhaustedError,
}
_STATUS_OF: Final[dict[type[openai.APIError], int]] = {cls: status for status, cls in _BY_STATUS.items()}


def openai_class(failure: Failure | None, status: int | None) -> type[openai.APIError]:
    """The class a caller of openai would catch for this failure, refined for regions and quotas.

    A Qwen account in arrears answers 400: its error is a `QuotaExhaustedError` (a `RateLimitError`) and a `BadRequestError`.
    """
    base: type[openai.APIError]
    kind = failure.kind if failure is not None else Kind.UNKNOWN
    if status is not None and status >= 500:  # noqa: PLR2004 - HTTP's own number
        base = openai.InternalServerError
    elif status is not None and status >= 400:  # noqa: PLR2004
        base = _BY_STATUS.get(status, openai.APIStatusError)
    else:
        base = _BY_KIND.get(kind, openai.APIConnectionError)
        return _OWN.get(kind, base)
    own = _OWN.get(kind)
    return base if own is None else combined(own, base)


_combined: Final[dict[tuple[type, type], type[openai.APIError]]] = {}


def combined(own: type[openai.APIError], base: type[openai.APIError]) -> type[openai.APIError]:
    """One class that is both, named like the first; the same one every time."""
    if issubclass(own, base):
        return own
    if issubclass(base, own):
        return base
    if (own, base) not in _combined:
        _combined[own, base] = _both(own, base)
    return _combined[own, base]


def _both(own: type[openai.APIError], base: type[openai.APIError]) -> type[openai.APIError]:
    return cast(
        "type[openai.APIError]", type(own.__name__, (own, base), {"__module__": own.__module__, "__doc__": own.__doc__})
    )


def invalid_like(raised: Exception) -> type[InvalidRequestError]:
    """The class that those catch, too, who catch what openai has raised."""
    if isinstance(raised, TypeError):
        return InvalidRequestTypeError
    return InvalidRequestRecursionError if isinstance(raised, RecursionError) else InvalidRequestError


def not_sent(status: int, request: httpx.Request | None = None) -> httpx.Response:
    """A response for an error that was raised before anything was sent; says so in its header."""
    request = request or httpx.Request("POST", "https://llmswitch.invalid/")
    return httpx.Response(status, headers={"x-llmswitch": "not sent"}, request=request)


def build(cls: type[errors.CallError], case: Case) -> errors.CallError:
    """Make the derived error; `errors.build` comes here once this module is imported."""
    wanted: type[openai.APIError] = _DERIVED[cls]
    status = case.reply.status if case.reply else case.failure.status if case.failure else None
    if cls in (errors.ProviderError, errors.AllProvidersFailedError) or (
        cls is errors.NoProviderError and case.failure is not None
    ):
        base = openai_class(case.failure, status)
        wanted = base if issubclass(base, errors.CallError) and cls is errors.ProviderError else combined(wanted, base)
    error = wanted.__new__(wanted)
    fill(error, case, status)
    return errors.complete(cast("errors.CallError", error), case)


def note(error: openai.APIError, case: Case) -> None:
    """Leave on an error of openai's own what ours carry: `attempts` and `failure`; its text stays, a traceback shows the next step."""
    vars(error).update(attempts=case.attempts, failure=case.failure, reply=case.reply)
    hint = case.failure.hint if case.failure is not None else None
    if hint and hint not in str(error):
        error.add_note(f"llmswitch: {hint}")


def fill(error: openai.APIError, case: Case, status: int | None) -> None:
    """Give an error openai's attributes and ours; the request it shows holds no key."""
    request = httpx.Request("POST", case.url or "https://llmswitch.invalid/")
    body = _body(case)
    Exception.__init__(error, case.message)
    # Not openai's constructors: in a combined class each would call the other's with arguments it does not take.
    error.message, error.request, error.body = case.message, request, body
    detail = body if isinstance(body, dict) else {}
    code, param, kind = detail.get("code"), detail.get("param"), detail.get("type")
    known = case.failure.code if case.failure is not None and body is None else None
    error.code = str(code) if code is not None else known
    error.param = param if isinstance(param, str) else None
    error.type = kind if isinstance(kind, str) else None
    if isinstance(error, openai.APIStatusError | openai.APIResponseValidationError):
        made = status or next((_STATUS_OF[c] for c in type(error).__mro__ if c in _STATUS_OF), 500)
        reply = case.reply
        headers = (
            [(k, v) for k, v in reply.headers if k.lower() not in _ENCODING] if reply else [("x-llmswitch", "not sent")]
        )
        error.response = httpx.Response(made, headers=headers, content=reply.body if reply else b"", request=request)
        error.status_code = made
        if isinstance(error, openai.APIStatusError):
            error.request_id = error.response.headers.get("x-request-id")
    note(error, case)


_ENCODING: Final = frozenset({"content-encoding", "content-length", "transfer-encoding", "set-cookie"})


def _body(case: Case) -> object:
    """The body as openai's errors give it: the inner `error` object where there is one."""
    if case.reply is None:
        return None
    try:
        value = loads(case.reply.body)
    except (ValueError, RecursionError):
        return case.reply.body.decode(errors="replace") or None
    return value.get("error", value) if isinstance(value, dict) else value


errors.refine(build)
