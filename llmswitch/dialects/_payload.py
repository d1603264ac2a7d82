"""What to say of a body that came with a status of success and is no answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmswitch._json import loads
from llmswitch.errors import PayloadError

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.failure import Failure


def json_object(adapter: Adapter, body: bytes) -> Json:
    """The JSON object that a body holds.

    Raises:
        PayloadError: it holds none.
    """
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        raise no_answer(adapter, body, _not_json(body)) from None
    if not isinstance(value, dict):
        raise no_answer(adapter, body, "the answer is no JSON object")
    return value


def _not_json(body: bytes) -> str:
    start = body[:512].lstrip().lower()
    if not start:
        return "the answer is empty"
    return (
        "the answer is an HTML page"
        if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml"))
        else "the answer is not JSON"
    )


def no_answer(adapter: Adapter, body: bytes, what: str, usage: JsonValue = None) -> PayloadError:
    """What the body says went wrong, else that it is no answer; `usage`: what it counts all the same."""
    from llmswitch.failure import Kind, classify  # noqa: PLC0415 - failure reads the adapters, which name their dialects

    failure = classify(provider=adapter.name, status=200, body=body)
    if failure.kind is Kind.UNKNOWN or (failure.kind is Kind.BAD_PAYLOAD and failure.code is None):
        message = f"{what}: {failure.message}" if failure.message else what
        failure = replace(failure, kind=Kind.BAD_PAYLOAD, message=message[:512])
    return PayloadError(failure, {"usage": usage})


def broke_off(adapter: Adapter, reason: str, usage: JsonValue = None) -> PayloadError:
    """The vendor's own word for an answer that it could not finish; `usage`: what it counts for it."""
    from llmswitch.failure import Failure, Kind  # noqa: PLC0415 - as above

    message = f"the answer broke off: finish_reason {reason!r}"
    return PayloadError(
        Failure(kind=Kind.SERVER_ERROR, provider=adapter.name, status=200, code=reason, message=message, source="code"),
        {"usage": usage, "finish_reason": reason},
    )


# With one of these on top and no choices, a body tells of an error, whatever its status.
_ERROR_FIELDS: Final = frozenset(
    {"error", "errors", "error_code", "error_msg", "detail", "message", "msg", "base_resp"}
)


def tells_of_no_error(failure: Failure, body: bytes) -> bool:
    """Whether openai's SDK would hand this body to a lone caller: empty, or a JSON object that tells of no error."""
    from llmswitch.failure import Kind  # noqa: PLC0415 - failure reads the adapters, which name their dialects

    if failure.kind is not Kind.BAD_PAYLOAD or failure.code in ("not_json", "wrong_rows"):  # `vectors.WRONG_ROWS`
        return False
    if not body or body.lstrip()[:1] != b"{":
        return not body
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        return True
    return not (isinstance(value, dict) and _ERROR_FIELDS & value.keys() and not value.get("choices"))
