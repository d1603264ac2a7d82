"""Exceptions: class, text, attributes, response and request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import shapes
from tests.parity.case import Case
from tests.parity.upstream import answer

if TYPE_CHECKING:
    from tests.parity.bench import Bench

STATUSES = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
            409: "ConflictError", 422: "UnprocessableEntityError", 429: "RateLimitError", 500: "InternalServerError",
            503: "InternalServerError", 418: "APIStatusError"}  # fmt: skip

CASES = [
    Case(
        f"{status}",
        lambda client: client.chat.completions.create(**shapes.CALL),
        (answer(shapes.error(code="some_code", param="messages"), status),),
        fails=name,
    )
    for status, name in STATUSES.items()
]


def test_errors_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
