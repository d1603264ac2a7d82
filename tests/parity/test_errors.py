"""Exceptions: class, text, attributes, response and request."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from tests.parity import calls, shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import HEADERS, Answer, answer

if TYPE_CHECKING:
    from tests.parity.bench import Bench

CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    502: "InternalServerError",
    503: "InternalServerError",
    504: "InternalServerError",
    529: "InternalServerError",
    402: "APIStatusError",
    405: "APIStatusError",
    408: "APIStatusError",
    413: "APIStatusError",
    418: "APIStatusError",
}

CALLS: dict[str, Program] = {
    "chat": calls.chat,
    "stream": calls.stream,
    "embeddings": calls.embed,
    "models": calls.models,
    "files": calls.files,
    "raw": calls.raw,
}
BODIES: dict[str, bytes] = {
    "an error as OpenAI writes it": json.dumps(shapes.error(code="some_code", param="messages")).encode(),
    "nothing": b"",
    "a blank": b"  ",
    "text": b"upstream connect error",
    "a page": b"<html><body>502 Bad Gateway</body></html>",
    "a list": b'[{"error": {"message": "boom"}}]',
    "null": b"null",
    "a number": b"1",
    "an error as text": b'{"error": "boom"}',
    "an error that is null": b'{"error": null}',
    "an error that is a list": b'{"error": ["boom"]}',
    "an error that is empty": b'{"error": {}}',
    "no error": b'{"message": "boom", "code": "c", "type": "t", "param": "p"}',
    "a message alone": b'{"error": {"message": "boom"}}',
    "a number as its code": b'{"error": {"message": "boom", "code": 1214, "param": ["a"], "type": 3}}',
    "a message that is an object": b'{"error": {"message": {"a": 1}}}',
    "a message that is empty": b'{"error": {"message": "", "code": "c"}}',
    "more": b'{"error": {"message": "boom", "x": {"y": 1}}, "request_id": "r", "z": 1}',
    "FastAPI's": b'{"detail": [{"loc": ["body"], "msg": "field required"}]}',
    "in Chinese": '{"error": {"message": "\u6a21\u578b\u4e0d\u5b58\u5728", "code": "1211"}}'.encode(),
    "half": b'{"error": {"message": "bo',
    "not UTF-8": b'{"error": {"message": "\xff\xfe"}}',
    "a byte order mark": b"\xef\xbb\xbf" + b'{"error": {"message": "boom"}}',
    "large": json.dumps(shapes.error("x" * 100_000)).encode(),
}


def failing(name: str, reply: Answer, fails: str | tuple[str, ...], call: str = "chat", **more: Any) -> Case:
    return Case(name, CALLS[call], (reply,), fails=fails, **more)


ERROR = shapes.error(code="some_code", param="messages")
WITHOUT_CALL = ("files",)
CASES = [
    *[
        failing(f"{status}", answer(ERROR, status), name, differs=("finer-class",) * (status == 402))
        for status, name in CLASSES.items()
    ],
    *[
        failing(f"{status} of {call}", answer(ERROR, status), CLASSES[status], call)
        for status in (400, 401, 404, 429, 500)
        for call in CALLS
        if call != "chat"
    ],
    *[
        failing(f"{status} with {name}", answer(body, status), CLASSES[status])
        for status in (400, 403, 429, 500)
        for name, body in BODIES.items()
    ],
    failing("a page as such", answer(BODIES["a page"], 502, kind="text/html"), "InternalServerError"),
    failing(
        "gzip",
        answer(gzip.compress(BODIES["more"], mtime=0), 400, ("Content-Encoding", "gzip")),
        "BadRequestError",
        differs=("decoded",),
    ),
    failing("chunked", Answer(status=400, pieces=(b'{"err', b'or": "boom"}'), framing="chunked"), "BadRequestError"),
    failing(
        "until the connection ends",
        Answer(status=400, pieces=(b'{"error": "boom"}',), framing="close"),
        "BadRequestError",
    ),
    failing("no headers", Answer(status=400, pieces=(b'{"error": "boom"}',), headers=()), "BadRequestError"),
    failing("two request ids", Answer(status=400, headers=(*HEADERS, ("x-request-id", "two"))), "BadRequestError"),
    failing("Retry-After", answer(ERROR, 429, ("Retry-After", "0.01")), "RateLimitError"),
    failing(
        "a region is blocked",
        answer(
            shapes.error(
                "Country, region, or territory not supported",
                code="unsupported_country_region_territory",
                type="request_forbidden",
            ),
            403,
        ),
        "PermissionDeniedError",
        differs=("finer-class",),
    ),
    failing(
        "no quota",
        answer(
            shapes.error("You exceeded your current quota", code="insufficient_quota", type="insufficient_quota"), 429
        ),
        "RateLimitError",
        differs=("finer-class",),
    ),
    failing("context length", answer(shapes.error("too long", code="context_length_exceeded"), 400), "BadRequestError"),
    failing("no such model", answer(shapes.error("no such model", code="model_not_found"), 404), "NotFoundError"),
    failing("content filter", answer(shapes.error("filtered", code="content_filter"), 400), "BadRequestError"),
    failing(
        "wrong key",
        answer(shapes.error("Incorrect API key provided", code="invalid_api_key"), 401),
        "AuthenticationError",
    ),
    # Connections.
    failing(
        "reset before the head",
        Answer(status=0, framing="close", then="reset"),
        "APIConnectionError",
        client={"timeout": 60},
    ),
    failing(
        "cut before the head",
        Answer(status=0, framing="close", then="close"),
        "APIConnectionError",
        client={"timeout": 60},
    ),
    failing("reset in the body", Answer(pieces=(b'{"id": ',), then="reset"), "APIConnectionError"),
    failing("cut in the body", Answer(pieces=(b'{"id": ',), then="cut"), "APIConnectionError"),
    failing(
        "cut in an error's body",
        Answer(status=500, pieces=(b'{"id": ',), then="cut"),
        ("InternalServerError", "APIConnectionError"),
    ),
    failing("too slow", Answer(then="stall"), "APITimeoutError", client={"timeout": 0.2}),
    # Nowhere.
    *[
        failing(
            f"refused, {call}", answer({}), "APIConnectionError", call, client={"base_url": "http://127.0.0.1:9/v1"}
        )
        for call in CALLS
    ],
    failing("no such host", answer({}), "APIConnectionError", client={"base_url": "http://nowhere.invalid/v1"}),
]


def test_errors_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
