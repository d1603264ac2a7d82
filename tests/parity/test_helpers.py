"""openai's helpers: parsing, the stream helper with its events, raw and streaming responses, tool runners."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pydantic

from tests.parity import shapes
from tests.parity.case import Case, Each, Program, Within
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

PLAN_TEXT = '{"steps": [{"text": "a", "number": 1}], "final": true}'


class Step(pydantic.BaseModel):
    text: str
    number: int


class Plan(pydantic.BaseModel):
    steps: list[Step]
    final: bool


class Weather(pydantic.BaseModel):
    """Tell the weather."""

    city: str


TOOL: Any = openai.pydantic_function_tool(Weather)
WEATHER_CALL = {"id": "c", "type": "function", "function": {"name": "Weather", "arguments": '{"city": "Paris"}'}}
CHUNKS: list[Any] = [
    shapes.chunk({"role": "assistant", "content": ""}),
    *[shapes.chunk({"content": PLAN_TEXT[at : at + 9]}) for at in range(0, len(PLAN_TEXT), 9)],
    shapes.chunk({}, finish="stop"),
    shapes.USAGE_CHUNK,
]
WEATHER_CHUNKS: list[Any] = [
    shapes.chunk({"role": "assistant", "tool_calls": [
        {"index": 0, "id": "c", "type": "function", "function": {"name": "Weather", "arguments": ""}}]}),
    shapes.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
    shapes.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
    shapes.chunk({}, finish="tool_calls"),
]  # fmt: skip
LOGPROB_CHUNKS: list[Any] = [
    shapes.chunk(choices=[{"index": 0, "delta": {"content": "Hi", "role": "assistant"}, "logprobs": shapes.LOGPROBS, "finish_reason": None}]),
    shapes.chunk(choices=[{"index": 0, "delta": {"refusal": "No"}, "logprobs": {"content": None, "refusal": shapes.LOGPROBS["content"]}, "finish_reason": None}]),
    shapes.chunk({}, finish="stop"),
]  # fmt: skip


# --- parse ------------------------------------------------------------------------------------------------------------


def parsed(name: str, body: dict[str, Any], fails: str | tuple[str, ...] = (), **arguments: Any) -> Case:
    call: Program = lambda client: client.chat.completions.parse(**shapes.CALL, **arguments)  # noqa: E731
    return Case(f"parse, {name}", call, (answer(body),), fails=fails)


PARSED = [
    parsed("a class", shapes.message(content=PLAN_TEXT), response_format=Plan),
    parsed("a dict", shapes.message(content=PLAN_TEXT), response_format={"type": "json_object"}),
    parsed("nothing", shapes.CHAT),
    parsed("tools", shapes.message(content=None, tool_calls=[WEATHER_CALL]), tools=[TOOL]),
    parsed("a tool that is not there", shapes.message(content=None, tool_calls=[shapes.TOOL_CALL]), tools=[TOOL]),
    parsed("a refusal", shapes.message(content=None, refusal="No"), response_format=Plan),
    parsed("no content", shapes.message(content=None), response_format=Plan),
    parsed("another shape", shapes.message(content='{"a": 1}'), "ValidationError", response_format=Plan),
    parsed("no JSON", shapes.message(content="hello"), "ValidationError", response_format=Plan),
    parsed("too long", shapes.choice(finish_reason="length"), "LengthFinishReasonError", response_format=Plan),
    parsed("filtered", shapes.choice(finish_reason="content_filter"), "ContentFilterFinishReasonError", response_format=Plan),
    parsed("a tool that is not strict", shapes.CHAT, "ValueError", tools=[{"type": "function", "function": {"name": "f"}}]),
    parsed("not a class", shapes.CHAT, "TypeError", response_format=int),
    parsed("more", shapes.message(content=PLAN_TEXT, x_more={"a": 1}), response_format=Plan),
    Case("parse, stream=True", lambda client: client.chat.completions.parse(**shapes.CALL, stream=True), (answer(shapes.CHAT),), fails="TypeError"),
    Case("parse, raw", lambda client: _parse_raw(client), (answer(shapes.message(content=PLAN_TEXT)),)),
    Case("parse, its answer goes on", lambda client: _parse_goes_on(client), (answer(shapes.message(content=PLAN_TEXT)),)),
    Case("parse, an error", lambda client: client.chat.completions.parse(**shapes.CALL), (answer(shapes.error(), 400),), fails="BadRequestError"),
]  # fmt: skip


def _parse_raw(client: Any) -> Any:
    raw = yield client.chat.completions.with_raw_response.parse(**shapes.CALL, response_format=Plan)
    yield raw.parse()


def _parse_goes_on(client: Any) -> Any:
    first = yield client.chat.completions.parse(**shapes.CALL, response_format=Plan)
    yield client.chat.completions.parse(model="gpt-4o", messages=[first.choices[0].message], response_format=Plan)


# --- stream() ---------------------------------------------------------------------------------------------------------


def _events(stream: Any) -> Any:
    yield Each(stream)
    yield stream.get_final_completion()
    yield stream.current_completion_snapshot


def _until_done(stream: Any) -> Any:
    yield stream.until_done()
    yield stream.get_final_completion()


def _some(stream: Any) -> Any:
    yield Each(stream, most=2)
    yield stream.current_completion_snapshot
    yield stream.close()


def helped(
    name: str, chunks: list[Any], inside: Program = _events, *, how: dict[str, Any] | None = None, **arguments: Any
) -> Case:
    call: Program = lambda client: Within(client.chat.completions.stream(**shapes.CALL, **arguments), inside)  # noqa: E731
    return Case(f"stream(), {name}", lambda client: _one(call(client)), (events(*chunks),), **(how or {}))


def _one(value: Any) -> Any:
    yield value


STREAMED = [
    helped("plain", shapes.CHUNKS),
    helped("usage", [*shapes.CHUNKS, shapes.USAGE_CHUNK], stream_options={"include_usage": True}),
    helped("a class", CHUNKS, response_format=Plan),
    helped("tools", WEATHER_CHUNKS, tools=[TOOL]),
    helped("loose tools", shapes.TOOL_CHUNKS),
    helped("logprobs", LOGPROB_CHUNKS, logprobs=True),
    helped("until it is done", shapes.CHUNKS, _until_done),
    helped("left early", shapes.CHUNKS, _some),
    helped("a class and half an answer", CHUNKS[:3] + [shapes.chunk({}, finish="length")], response_format=Plan, how={"fails": "LengthFinishReasonError"}),
    helped("several choices", [shapes.chunk(choices=[{**c["choices"][0], "index": i}]) for c in shapes.CHUNKS for i in (0, 1)]),
    Case("stream(), an error", lambda client: _one(Within(client.chat.completions.stream(**shapes.CALL), _events)), (answer(shapes.error(), 401),), fails="AuthenticationError"),
]  # fmt: skip


# --- raw and streaming responses --------------------------------------------------------------------------------------


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
RAW = [
    Case("raw", _raw, (WHOLE,)),
    Case("raw, a stream", _raw_stream, (SSE,)),
    Case("raw, a stream's head", _raw_stream_headers, (SSE,)),
    Case("raw, embeddings", lambda client: client.embeddings.with_raw_response.create(**shapes.EMBED), (answer(shapes.EMBEDDING),)),
    Case("raw, models", lambda client: client.models.with_raw_response.list(), (answer(shapes.MODELS),)),
    Case("raw, client-wide", lambda client: client.with_raw_response.chat.completions.create(**shapes.CALL), (WHOLE,)),
    Case("raw, an error", lambda client: client.chat.completions.with_raw_response.create(**shapes.CALL), (answer(shapes.error(), 404),), fails="NotFoundError"),
    *[opened(f"{kind}: {name}", reply, inside) for kind, reply in (("whole", WHOLE),) for name, inside in {
        "head": _head, "read": _reading("read"), "json": _reading("json"), "text": _reading("text"),
        "bytes": _joined, "lines": _iterating("iter_lines"), "parse": _parse_within}.items()],
    opened("events: head", SSE, _head),
    opened("events: parse", SSE, _parse_stream_within),
    *[opened(f"events: {name}", SSE, _iterating(name)) for name in ("iter_lines", "iter_text", "iter_bytes")],
    opened("events: read", SSE, _reading("read")),
    opened("odd events: parse", ODD, _parse_stream_within),
    opened("odd events: read", ODD, _reading("read"), differs=("rewritten-events",)),
    opened("odd events: iter_lines", ODD, _iterating("iter_lines"), differs=("rewritten-events",)),
    opened("an error", answer(shapes.error(), 500), _head, fails="InternalServerError"),
    Case("verbs", _verbs, (WHOLE,)),
]  # fmt: skip


# --- other resources --------------------------------------------------------------------------------------------------

RESPONSE: dict[str, Any] = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed", "output": [
        {"type": "message", "id": "m", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": PLAN_TEXT, "annotations": []}]}],
    "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
}  # fmt: skip
RESPONSE_EVENTS: list[bytes] = [
    f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    for event in (
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**RESPONSE, "status": "in_progress", "output": []},
        },
        {
            "type": "response.output_item.added",
            "sequence_number": 1,
            "output_index": 0,
            "item": {**RESPONSE["output"][0], "content": []},
        },
        {
            "type": "response.content_part.added",
            "sequence_number": 2,
            "output_index": 0,
            "content_index": 0,
            "item_id": "m",
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {
            "type": "response.output_text.delta",
            "sequence_number": 3,
            "output_index": 0,
            "content_index": 0,
            "item_id": "m",
            "delta": PLAN_TEXT,
            "logprobs": [],
        },
        {"type": "response.completed", "sequence_number": 4, "response": RESPONSE},
    )
]
ASSISTANT_EVENTS: list[bytes] = [
    b'event: thread.message.delta\ndata: {"id": "m", "object": "thread.message.delta", "delta": {"content": []}}\n\n',
    b"event: done\ndata: [DONE]\n\n",
]
FILE = {
    "id": "file-1",
    "object": "file",
    "bytes": 3,
    "created_at": 1,
    "filename": "a.txt",
    "purpose": "batch",
    "status": "processed",
}


def _uploaded(client: Any) -> Any:
    yield client.files.create(file=("a.txt", b"abc"), purpose="batch")


def _spoken(client: Any) -> Any:
    speech = yield client.audio.speech.create(model="tts-1", voice="alloy", input="hi")
    yield speech.content
    yield speech.read()


def _responses_streamed(client: Any) -> Any:
    def inside(stream: Any) -> Any:
        yield Each(stream)
        yield stream.get_final_response()

    yield Within(client.responses.stream(model="gpt-4o", input="hi", text_format=Plan), inside)


OTHERS = [
    Case("responses", lambda client: client.responses.create(model="gpt-4o", input="hi"), (answer(RESPONSE),)),
    Case("responses, streamed", lambda client: client.responses.create(model="gpt-4o", input="hi", stream=True), (events(*RESPONSE_EVENTS, done=False),)),
    Case("responses, parse", lambda client: client.responses.parse(model="gpt-4o", input="hi", text_format=Plan), (answer(RESPONSE),)),
    Case("responses, stream()", _responses_streamed, (events(*RESPONSE_EVENTS, done=False),)),
    Case("completions", lambda client: client.completions.create(model="m", prompt="hi"), (answer({"id": "1", "choices": [{"text": "a", "index": 0}]}),)),
    Case("completions, streamed", lambda client: client.completions.create(model="m", prompt="hi", stream=True), (events({"id": "1", "choices": [{"text": "a"}]}),)),
    Case("files", lambda client: Each(client.files.list()), (answer({"data": [FILE], "has_more": True}), answer({"data": [], "has_more": False}))),
    Case("files, a page", lambda client: client.files.list(limit=2, order="asc"), (answer({"data": [FILE], "has_more": True}),)),
    Case("files, content", lambda client: client.files.content("file-1"), (answer(b"abc", kind="application/octet-stream"),)),
    Case("files, deleted", lambda client: client.files.delete("file-1"), (answer({"id": "file-1", "object": "file", "deleted": True}),)),
    Case("files, uploaded", _uploaded, (answer(FILE),), differs=("boundary",)),
    Case("speech", _spoken, (answer(b"\x00\x01\xff", kind="audio/mpeg"),)),
    Case("moderations", lambda client: client.moderations.create(input="hi"), (answer({"id": "m", "model": "x", "results": []}),)),
    Case("stored completions", lambda client: client.chat.completions.list(), (answer({"data": [shapes.CHAT], "has_more": False}),)),
    Case("a stored completion", lambda client: client.chat.completions.retrieve("chatcmpl-1"), (answer(shapes.CHAT),)),
    Case("a model, deleted", lambda client: client.models.delete("m"), (answer({"id": "m", "deleted": True}),)),
    Case("images", lambda client: client.images.generate(prompt="a"), (answer({"created": 1, "data": [{"url": "u"}]}),)),
    Case("an error elsewhere", lambda client: client.images.generate(prompt="a"), (answer(shapes.error(), 400),), fails="BadRequestError"),
    Case("batches", lambda client: client.batches.retrieve("b"), (answer({"id": "b", "object": "batch", "status": "done"}),)),
    Case("no content", lambda client: client.post("/anything", cast_to=type(None)), (Answer(status=204),)),
]  # fmt: skip

CASES = [*PARSED, *STREAMED, *RAW, *OTHERS]
if hasattr(openai.OpenAI(api_key="k").beta, "chat") and hasattr(
    openai.OpenAI(api_key="k").beta.chat.completions, "parse"
):
    CASES += [
        Case("beta.parse", lambda client: client.beta.chat.completions.parse(**shapes.CALL, response_format=Plan), (answer(shapes.message(content=PLAN_TEXT)),)),
        Case("beta.stream()", lambda client: _one(Within(client.beta.chat.completions.stream(**shapes.CALL), _events)), (SSE,)),
    ]  # fmt: skip


def test_helpers_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
