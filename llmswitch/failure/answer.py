"""The HTTP answer that another library's exception carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from llmswitch.failure.connection import attribute, causes

Body = bytes | str | Mapping[str, object] | list[object] | None

_STATUS_NAMES: Final = ("status_code", "status", "code", "http_status")
_STATUSES: Final = range(100, 600)


class Answer(NamedTuple):
    """What is known of an answer; headers with lower-case names."""

    status: int | None
    headers: Mapping[str, str]
    body: Body


def answer(status: int | None, headers: object, body: Body, exception: BaseException | None) -> Answer:
    """What the caller knows, completed from the exception: openai's, httpx's, requests', aiohttp's and botocore's are read."""
    errors = () if exception is None else tuple(causes(exception))
    for error in errors:
        response = attribute(error, "response")
        if status is None:
            status = _status(response) or _status(error)
        if headers is None:
            headers = attribute(response, "headers") or attribute(error, "headers")
        if body is None:
            body = _body(attribute(error, "body")) or _body(response) or _body(attribute(response, "text"))
    return Answer(status, _lower(headers), body)


def _status(holder: object) -> int | None:
    values = (attribute(holder, name) for name in _STATUS_NAMES)
    return next((value for value in values if type(value) is int and value in _STATUSES), None)


def _body(value: object) -> Body:
    return value if isinstance(value, (bytes, str, Mapping, list)) else None


def _lower(headers: object) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        return {}
    try:
        return {str(name).lower(): str(value).strip() for name, value in headers.items()}
    except Exception:  # noqa: BLE001 - another library's mapping may raise anything
        return {}
