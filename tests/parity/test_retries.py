"""Retries: a lone provider's are openai's own, counts and headers included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import calls, shapes
from tests.parity.clients import BUSY, LATER, OK, OMIT, made
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench
    from tests.parity.case import Case

CASES: list[Case] = [
    made("max_retries 2", max_retries=2, answers=(BUSY, BUSY, OK)),
    made("max_retries 1 and never", "InternalServerError", max_retries=1, answers=(BUSY,)),
    made("max_retries 0", "InternalServerError", max_retries=0, answers=(BUSY,)),
    made(
        "max_retries of a copy",
        max_retries=0,
        answers=(BUSY, OK),
        call=lambda client: calls.chat(client.with_options(max_retries=1)),
    ),
    *[
        made(f"{status} is tried again", (), max_retries=1, answers=(answer(shapes.error(), status, LATER), OK))
        for status in (408, 409, 429, 500, 502, 529)
    ],
    *[
        made(f"{status} is not", name, max_retries=1, answers=(answer(shapes.error(), status, LATER), OK))
        for status, name in {
            400: "BadRequestError",
            401: "AuthenticationError",
            404: "NotFoundError",
            422: "UnprocessableEntityError",
        }.items()
    ],
    made(
        "x-should-retry: true",
        max_retries=1,
        answers=(answer(shapes.error(), 400, LATER, ("x-should-retry", "true")), OK),
    ),
    made(
        "x-should-retry: false",
        "RateLimitError",
        max_retries=1,
        answers=(answer(shapes.error(), 429, LATER, ("x-should-retry", "false")), OK),
    ),
    made(
        "no quota is tried again",
        max_retries=1,
        answers=(answer(shapes.error(code="insufficient_quota"), 429, LATER), OK),
    ),
    made("a reset is tried again", max_retries=1, answers=(Answer(status=0, then="reset", framing="close"), OK)),
    made("a stream is tried again", max_retries=1, answers=(BUSY, events(*shapes.CHUNKS)), call=calls.stream),
    made("embeddings are tried again", max_retries=1, answers=(BUSY, answer(shapes.EMBEDDING)), call=calls.embed),
    made("another resource is tried again", max_retries=1, answers=(BUSY, answer({"data": []})), call=calls.files),
    made("retries as a raw response tells them", max_retries=2, answers=(BUSY, BUSY, OK), call=calls.raw),
    made(
        "a retry count of our own",
        max_retries=1,
        answers=(BUSY, OK),
        call=calls.chat_with(extra_headers={"x-stainless-retry-count": "42"}),
    ),
    made(
        "no retry count",
        max_retries=1,
        answers=(BUSY, OK),
        call=calls.chat_with(extra_headers={"x-stainless-retry-count": OMIT}),
    ),
    made("max_retries is None", "TypeError", max_retries=None),
    made("max_retries is text", ("TypeError", "ValueError"), max_retries="2"),
    made("max_retries is negative", ("ValueError", "AssertionError", "UnboundLocalError"), max_retries=-1),
]


def test_retries_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
