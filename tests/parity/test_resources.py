"""What only OpenAI has: every other resource of its SDK."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import openai
import pydantic

from tests.parity import shapes
from tests.parity.case import Case, Each, Within
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

PLAN_TEXT = '{"final": true}'


class Plan(pydantic.BaseModel):
    final: bool


RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": PLAN_TEXT, "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
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


def _assisted(client: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield client.beta.threads.runs.create(thread_id="t", assistant_id="a", stream=True)


def _assisted_events(client: Any) -> Any:
    def inside(stream: Any) -> Any:
        yield Each(stream)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield Within(client.beta.threads.runs.stream(thread_id="t", assistant_id="a"), inside)


def _tool_runner(client: Any) -> Any:
    """openai 3's loop: the model calls a function, its answer goes back, the model answers."""
    from openai.lib import responses_tool_runner as runners  # noqa: PLC0415

    tool = {"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": False}

    def add(arguments: dict[str, object]) -> str:
        return f"sum of {arguments}"

    async def add_too(arguments: dict[str, object]) -> str:
        return add(arguments)

    params = {"model": "gpt-4o", "input": "1 + 1"}
    if isinstance(client, openai.OpenAI):
        yield runners.ResponsesToolRunner(functions=[runners.RegisteredFunction(tool, add)]).run(client, params)  # type: ignore[arg-type]
    else:
        runner = runners.AsyncResponsesToolRunner(functions=[runners.AsyncRegisteredFunction(tool, add_too)])  # type: ignore[arg-type]
        yield runner.run(client, params)  # type: ignore[arg-type]


CALL = {
    "type": "function_call",
    "id": "fc",
    "call_id": "c",
    "name": "add",
    "arguments": '{"a": 1}',
    "status": "completed",
}
THREAD_EVENTS = [
    (
        b'event: thread.message.delta\ndata: {"id": "m", "object": "thread.message.delta", "delta": {"content": [{"index": 0, '
        b'"type": "text", "text": {"value": "hi"}}]}}\n\n'
    ),
    b'event: thread.run.completed\ndata: {"id": "r", "object": "thread.run", "status": "completed"}\n\n',
    b"event: done\ndata: [DONE]\n\n",
]

CASES = [
    Case("a run, streamed", _assisted, (events(*THREAD_EVENTS, done=False),)),
    Case("a run with its events", _assisted_events, (events(*THREAD_EVENTS, done=False),), fails=("RuntimeError",)),
    Case("responses", lambda client: client.responses.create(model="gpt-4o", input="hi"), (answer(RESPONSE),)),
    Case(
        "responses, streamed",
        lambda client: client.responses.create(model="gpt-4o", input="hi", stream=True),
        (events(*RESPONSE_EVENTS, done=False),),
    ),
    Case(
        "responses, parse",
        lambda client: client.responses.parse(model="gpt-4o", input="hi", text_format=Plan),
        (answer(RESPONSE),),
    ),
    Case("responses, stream()", _responses_streamed, (events(*RESPONSE_EVENTS, done=False),)),
    Case(
        "completions",
        lambda client: client.completions.create(model="m", prompt="hi"),
        (answer({"id": "1", "choices": [{"text": "a", "index": 0}]}),),
    ),
    Case(
        "completions, streamed",
        lambda client: client.completions.create(model="m", prompt="hi", stream=True),
        (events({"id": "1", "choices": [{"text": "a"}]}),),
    ),
    Case(
        "files",
        lambda client: Each(client.files.list()),
        (answer({"data": [FILE], "has_more": True}), answer({"data": [], "has_more": False})),
    ),
    Case(
        "files, a page",
        lambda client: client.files.list(limit=2, order="asc"),
        (answer({"data": [FILE], "has_more": True}),),
    ),
    Case(
        "files, content",
        lambda client: client.files.content("file-1"),
        (answer(b"abc", kind="application/octet-stream"),),
    ),
    Case(
        "files, deleted",
        lambda client: client.files.delete("file-1"),
        (answer({"id": "file-1", "object": "file", "deleted": True}),),
    ),
    Case("files, uploaded", _uploaded, (answer(FILE),), differs=("boundary",)),
    Case("speech", _spoken, (answer(b"\x00\x01\xff", kind="audio/mpeg"),)),
    Case(
        "moderations",
        lambda client: client.moderations.create(input="hi"),
        (answer({"id": "m", "model": "x", "results": []}),),
    ),
    Case(
        "stored completions",
        lambda client: client.chat.completions.list(),
        (answer({"data": [shapes.CHAT], "has_more": False}),),
    ),
    Case("a stored completion", lambda client: client.chat.completions.retrieve("chatcmpl-1"), (answer(shapes.CHAT),)),
    Case("a model, deleted", lambda client: client.models.delete("m"), (answer({"id": "m", "deleted": True}),)),
    Case(
        "images", lambda client: client.images.generate(prompt="a"), (answer({"created": 1, "data": [{"url": "u"}]}),)
    ),
    Case(
        "an error elsewhere",
        lambda client: client.images.generate(prompt="a"),
        (answer(shapes.error(), 400),),
        fails="BadRequestError",
    ),
    Case(
        "batches",
        lambda client: client.batches.retrieve("b"),
        (answer({"id": "b", "object": "batch", "status": "done"}),),
    ),
    Case("no content", lambda client: client.post("/anything", cast_to=type(None)), (Answer(status=204),)),
]

if find_spec("openai.lib.responses_tool_runner"):
    CASES += [Case("a tool runner", _tool_runner, (answer({**RESPONSE, "output": [CALL]}), answer(RESPONSE)))]


def test_resources_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
