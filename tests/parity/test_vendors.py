"""Answers that vendors bend come out as openai's lenient parser gives them."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from tests.parity import calls, shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import Answer, answer

if TYPE_CHECKING:
    from tests.parity.bench import Bench

EXTRA = {"x_extra": {"a": [1, {"b": None}]}}


def bent(name: str, body: object, **more: Any) -> Case:
    call: Program = calls.chat
    more = {"bug": BUGS.get(name), **HOW.get(name, {}), **more}
    return Case(name, call, (body if isinstance(body, Answer) else answer(body),), **more)


def within(where: str, **changes: Any) -> dict[str, Any]:
    """A chat answer with changes at this place."""
    if where == "answer":
        return shapes.chat(**changes)
    if where == "choice":
        return shapes.choice(**changes)
    if where == "message":
        return shapes.message(**changes)
    if where == "usage":
        return shapes.chat(usage=shapes.changed(shapes.USAGE, changes))
    if where == "tool call":
        return shapes.message(tool_calls=[shapes.changed(shapes.TOOL_CALL, changes)])
    if where == "function":
        function = shapes.changed(shapes.TOOL_CALL["function"], changes)
        return shapes.message(tool_calls=[{**shapes.TOOL_CALL, "function": function}])
    token = shapes.changed(shapes.LOGPROBS["content"][0], changes)
    return shapes.choice(logprobs={"content": [token], "refusal": None})


FIELDS: dict[str, list[str]] = {
    "answer": ["id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint"],
    "choice": ["index", "message", "logprobs", "finish_reason"],
    "message": ["role", "content", "refusal", "annotations"],
    "usage": ["prompt_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"],
    "tool call": ["id", "type", "function"],
    "function": ["name", "arguments"],
    "token": ["token", "logprob", "bytes", "top_logprobs"],
}
# One value of every type that JSON has; each of them is wrong somewhere.
VALUES: dict[str, object] = {
    "null": None,
    "text": "later",
    "empty text": "",
    "number as text": "12",
    "int": 12,
    "float": 12.0,
    "fraction": 12.5,
    "true": True,
    "list": [1],
    "empty list": [],
    "object": {"a": 1},
    "empty object": {},
    "list of objects": [{"a": 1}],
    "big": 2**70,
}
BUGS: dict[str, str] = {}
JSON = {"fails": "JSONDecodeError", "differs": ("no-answer",)}
HOW: dict[str, dict[str, Any]] = {
    "an empty body": {"fails": "JSONDecodeError"},
    "a blank": JSON,
    "not JSON": JSON,
    "a page": JSON,
    "half an object": {"fails": "JSONDecodeError"},
    "two objects": {"fails": "JSONDecodeError"},
    "not UTF-8": {"fails": "UnicodeDecodeError"},
    "too deep a value": {"fails": "RecursionError"},
    "a page as such": {"differs": ("no-answer",)},
    "null": {"differs": ("no-answer",)},
    "a list": {"differs": ("no-answer",)},
    "text": {"differs": ("no-answer",)},
    "a number": {"differs": ("no-answer",)},
    "an error in disguise": {"differs": ("no-answer",)},
    "a code and a message": {"differs": ("no-answer",)},
    "an error as text": {"differs": ("no-answer",)},
}

CASES = [bent(f"{where} with more", within(where, **EXTRA)) for where in FIELDS]
CASES += [
    bent(f"{where} without {name}", within(where, **{name: ...})) for where, names in FIELDS.items() for name in names
]
# Each with one of the clients, in turn.
_BOTH = itertools.cycle([("sync",), ("async",)])
CASES += [
    bent(f"{where}, {name} is {kind}", within(where, **{name: value}), modes=next(_BOTH))
    for where, names in FIELDS.items()
    for name in names
    for kind, value in VALUES.items()
]
BODIES: dict[str, bytes] = {
    "an empty body": b"",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[1, 2]",
    "text": b'"hello"',
    "a number": b"12",
    "a blank": b" ",
    "not JSON": b"hello",
    "a page": b"<!doctype html><html><body>Welcome</body></html>",
    "half an object": b'{"id": "chatcmpl-1", "choices": [{',
    "two objects": json.dumps(shapes.CHAT).encode() * 2,
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(shapes.CHAT).encode(),
    "UTF-16": json.dumps(shapes.CHAT).encode("utf-16"),
    "not UTF-8": json.dumps(shapes.CHAT).encode().replace(b"Hello", b"\xff\xfe"),
    "blanks around": b" \r\n\t" + json.dumps(shapes.CHAT, indent=2).encode() + b"\n\n",
    "a lone surrogate": json.dumps(shapes.CHAT).replace("Hello", r"\ud800").encode(),
    "NUL": json.dumps(shapes.CHAT).replace("Hello", r"\u0000").encode(),
    "NaN": json.dumps(shapes.chat(usage={"prompt_tokens": float("nan"), "total_tokens": float("inf")})).encode(),
    "a huge float": json.dumps(shapes.chat(created=1)).replace('"created": 1', '"created": 1e999').encode(),
    "a big number": json.dumps(shapes.chat(created=1)).replace('"created": 1', '"created": 1' + "0" * 400).encode(),
    "a twice named field": b'{"id": "a", "id": "b", "choices": [{"index": 0, "index": 1, "message": {"content": "c"}}]}',
    "a deep value": json.dumps(shapes.chat(deep=1)).replace('"deep": 1', '"deep": ' + "[" * 300 + "]" * 300).encode(),
    "too deep a value": json.dumps(shapes.chat(deep=1))
    .replace('"deep": 1', '"deep": ' + "[" * 100_000 + "]" * 100_000)
    .encode(),
    "another vendor's shape": b'{"output": {"text": "hi"}, "request_id": "r"}',
    "an error in disguise": b'{"error": {"message": "no", "code": "rate_limit_exceeded"}}',
    "an error as text": b'{"error": "no"}',
    "a code and a message": b'{"code": "InvalidParameter", "message": "no", "request_id": "r"}',
    "names of Python's": json.dumps(
        shapes.chat(model_config={"a": 1}, self=1, cls=2, copy=3, _id=4, __class__=5)
    ).encode(),
    "an empty name": json.dumps(
        shapes.chat(**{"": 1, "a b": 2, "_request_id": "mine", "model_fields_set": []})
    ).encode(),
    "llmswitch": json.dumps(shapes.chat(llmswitch="theirs")).encode(),
}
CASES += [bent(name, body) for name, body in BODIES.items()]
CASES += [bent("a page as such", answer(BODIES["a page"], kind="text/html"))]
CASES += [
    bent(f"finish_reason {reason}", shapes.choice(finish_reason=reason))
    for reason in (
        "length",
        "function_call",
        "eos",
        "",
        "null",
        "sensitive",
        "insufficient_system_resource",
        "network_error",
    )
]


def test_bent_answers_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
