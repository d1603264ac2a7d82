"""Raw and streaming responses, and openai's plain verbs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai

from tests.parity import calls, shapes
from tests.parity.case import Case, Each, Program, Within
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench


def _one(value: Any) -> Any:
    yield value


def _raw(client: Any) -> Any:
    raw = yield client.chat.completions.with_raw_response.create(**shapes.CALL)
    yield raw.parse()
    yield raw.parse() is raw.parse()
    yield raw.parse(to=dict[str, Any])
    yield raw.parse(to=str)
    yield raw.http_response.read()
    yield raw.elapsed.total_seconds() > 0
    yield raw.request_id


def _raw_stream(client: Any) -> Any:
    raw = yield client.chat.completions.with_raw_response.create(**shapes.CALL, stream=True)
    yield Each(raw.parse())


def _raw_stream_headers(client: Any) -> Any:
    raw = yield client.chat.completions.with_raw_response.create(**shapes.CALL, stream=True)
    yield raw.status_code
    yield dict(raw.headers)
    yield raw.http_request.headers["x-stainless-raw-response"]
    yield raw.retries_taken
    yield raw.parse().close()


def opened(name: str, reply: Answer, inside: Program, **more: Any) -> Case:
    """A streaming response, whole or as events."""
    arguments = {**shapes.CALL, **({"stream": True} if reply.framing == "chunked" else {})}
    return Case(
        f"streaming response, {name}",
        lambda client: _one(Within(client.chat.completions.with_streaming_response.create(**arguments), inside)),
        (reply,),
        **more,
    )


def _head(response: Any) -> Any:
    yield response.status_code
    yield dict(response.headers)
    yield response.request_id
    yield response.http_version
    yield response.retries_taken
    yield response.is_closed
    yield repr(response)


def _reading(name: str) -> Program:
    def inside(response: Any) -> Any:
        yield getattr(response, name)()
        yield response.is_closed

    return inside


def _iterating(name: str) -> Program:
    def inside(response: Any) -> Any:
        yield Each(getattr(response, name)())
        yield response.is_closed

    return inside


def _parse_within(response: Any) -> Any:
    yield response.parse()


def _parse_stream_within(response: Any) -> Any:
    stream = yield response.parse()
    yield stream


def _joined(response: Any) -> Any:
    pieces = yield Each(response.iter_bytes())
    yield b"".join(pieces.items)


def _verbs(client: Any) -> Any:
    yield client.post("/chat/completions", body=shapes.CALL, cast_to=openai.types.chat.ChatCompletion)
    yield client.post("/chat/completions", body=shapes.CALL, cast_to=object)
    yield client.post("/chat/completions", body=shapes.CALL, cast_to=dict[str, Any])
    yield client.get("/models/x", cast_to=object, options={"headers": {"X-Own": "1"}, "params": {"a": 1}})
    yield client.delete("/models/x", cast_to=object)
    yield client.put("/anything", cast_to=object, body={"a": 1})
    yield client.patch("/anything", cast_to=object, body={"a": 1})


WHOLE = answer(shapes.CHAT)
SSE = events(*shapes.CHUNKS)
ODD = events(
    b": hello\n\n",
    *[b"id: 1\r\nevent: chunk\r\ndata:" + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in shapes.CHUNKS],
)
CASES = [
    Case("raw", _raw, (WHOLE,)),
    Case("raw, a stream", _raw_stream, (SSE,)),
    Case("raw, a stream's head", _raw_stream_headers, (SSE,)),
    Case(
        "raw, embeddings",
        lambda client: client.embeddings.with_raw_response.create(**shapes.EMBED),
        (answer(shapes.EMBEDDING),),
    ),
    Case("raw, models", lambda client: client.models.with_raw_response.list(), (answer(shapes.MODELS),)),
    Case("raw, client-wide", lambda client: client.with_raw_response.chat.completions.create(**shapes.CALL), (WHOLE,)),
    Case("raw, an error", calls.raw, (answer(shapes.error(), 404),), fails="NotFoundError"),
    *[
        opened(f"{kind}: {name}", reply, inside)
        for kind, reply in (("whole", WHOLE),)
        for name, inside in {
            "head": _head,
            "read": _reading("read"),
            "json": _reading("json"),
            "text": _reading("text"),
            "bytes": _joined,
            "lines": _iterating("iter_lines"),
            "parse": _parse_within,
        }.items()
    ],
    opened("events: head", SSE, _head),
    opened("events: parse", SSE, _parse_stream_within),
    *[opened(f"events: {name}", SSE, _iterating(name)) for name in ("iter_lines", "iter_text", "iter_bytes")],
    opened("events: read", SSE, _reading("read")),
    opened("odd events: parse", ODD, _parse_stream_within),
    opened("odd events: read", ODD, _reading("read"), differs=("rewritten-events",)),
    opened("odd events: iter_lines", ODD, _iterating("iter_lines"), differs=("rewritten-events",)),
    opened("an error", answer(shapes.error(), 500), _head, fails="InternalServerError"),
    Case("verbs", _verbs, (WHOLE,)),
]


def test_raw_responses_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
