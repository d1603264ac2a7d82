"""Spark's wire format: what its server says, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import llmswitch
from llmswitch import errors
from tests.servers import Server, answer, chunked

ASKED = {"role": "user", "content": "weather?"}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
TOP = {"code": 0, "message": "Success", "sid": "cha000b0001@dx1"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def spark(monkeypatch: pytest.MonkeyPatch, server: Server, **params: Any) -> Any:
    monkeypatch.setenv("SPARK_API_PASSWORD", "a-password")
    monkeypatch.setenv("LLMSWITCH_SPARK_CN_BASE_URL", f"{server.url}/v1")
    with llmswitch.Switch(region="CN", max_retries=0) as switch:
        reply = switch.chat.completions.create(model="gpt-4o", messages=[ASKED], **params)
        return list(reply) if params.get("stream") else reply


def events(*chunks: Any, done: bool = True) -> bytes:
    lines = [f"data:{json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, *(["data:[DONE]\n\n"] if done else [])]).encode()


EVENT_STREAM = ("Content-Type: text/event-stream",)


def test_sparks_answer_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {**TOP, "choices": [{"message": {"role": "assistant", "content": "hi"}}], "usage": USAGE}
    with Server(answer(200, json.dumps(body).encode())) as server:
        reply = spark(monkeypatch, server)
    assert reply.pop("created") > 0
    assert reply == {
        "id": "cha000b0001@dx1",
        "object": "chat.completion",
        "model": "",
        "sid": "cha000b0001@dx1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_sparks_one_tool_call_becomes_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    body = {**TOP, "choices": [{"index": 0, "message": {"role": "assistant", "content": "", "tool_calls": call}}]}
    with Server(answer(200, json.dumps(body).encode())) as server:
        choice = spark(monkeypatch, server, tools=[TOOL])["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [{"index": 0, "id": "call_cha000b0001@dx1", **call}]


@pytest.mark.parametrize(
    ("code", "kind"), [(10013, "content_filter"), (11202, "rate_limited"), (10907, "context_length")]
)
@pytest.mark.parametrize("choices", [None, [{"index": 0, "message": {"role": "assistant", "content": ""}}]])
def test_sparks_error_with_status_200_is_one(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: str, choices: list[Any] | None
) -> None:
    body = {"code": code, "message": "no", "sid": "s", **({"choices": choices} if choices else {})}
    with Server(answer(200, json.dumps(body).encode())) as server, pytest.raises(errors.CallError) as raised:
        spark(monkeypatch, server)
    assert raised.value.attempts[-1].kind == kind


def delta(content: str, **more: Any) -> Any:
    return {**TOP, "choices": [{"delta": {"role": "assistant", "content": content}, "index": 0}], **more}


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize(("limit", "reason"), [(100, "stop"), (2, "length")])
def test_sparks_stream_ends_with_its_usage(
    monkeypatch: pytest.MonkeyPatch, done: bool, limit: int, reason: str
) -> None:
    stream = events(delta("h"), delta("i"), delta("", usage=USAGE), done=done)
    with Server(chunked(stream, headers=EVENT_STREAM)) as server:
        chunks = spark(monkeypatch, server, stream=True, max_tokens=limit)
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "hi"
    assert [chunk["choices"][0].get("finish_reason") for chunk in chunks] == [None, None, reason]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert not any("code" in chunk or "message" in chunk for chunk in chunks)
    assert chunks[-1]["usage"] == USAGE


def test_sparks_stream_that_just_ends_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = events(delta("h"), delta("i"), done=False)
    with (
        Server(chunked(stream, headers=EVENT_STREAM)) as server,
        pytest.raises(errors.StreamInterruptedError) as raised,
    ):
        spark(monkeypatch, server, stream=True)
    assert raised.value.partial == "hi"


def test_sparks_stream_calls_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    call: Any = {"type": "function", "id": "c9", "function": {"name": "weather", "arguments": "{}"}}
    first: Any = {**TOP, "choices": [{"delta": {"role": "assistant", "content": "", "tool_calls": call}, "index": 0}]}
    with Server(chunked(events(first, delta("", usage=USAGE)), headers=EVENT_STREAM)) as server:
        chunks = spark(monkeypatch, server, stream=True, tools=[TOOL])
    assert chunks[0]["choices"][0]["delta"]["tool_calls"] == [{"index": 0, **call}]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("choices", [None, [{"index": 0, "delta": {"content": ""}}]])
@pytest.mark.parametrize("begun", [False, True])
def test_sparks_error_in_a_stream_is_one(
    monkeypatch: pytest.MonkeyPatch, begun: bool, choices: list[Any] | None
) -> None:
    bad: Any = {"code": 10014, "message": "sensitive", "sid": "s", **({"choices": choices} if choices else {})}
    stream = events(*([delta("h")] if begun else []), bad)
    with Server(chunked(stream, headers=EVENT_STREAM)) as server, pytest.raises(errors.CallError) as raised:
        spark(monkeypatch, server, stream=True)
    assert raised.value.attempts[-1].kind == "content_filter"


def test_sparks_stream_that_counts_nothing_yet_is_not_over(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = events(delta("h", usage=None), delta("i", usage=None), done=False)
    with (
        Server(chunked(stream, headers=EVENT_STREAM)) as server,
        pytest.raises(errors.StreamInterruptedError) as raised,
    ):
        spark(monkeypatch, server, stream=True)
    assert raised.value.partial == "hi"
