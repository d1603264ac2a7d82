"""A call that is not streamed to a model that answers, or thinks, in streams only: what the caller gets is one whole answer."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import AsyncOpenAI, OpenAI, Switch
from tests.servers import Server, chunked, in_turn

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALLS: list[dict[str, Any]] = [
    {"model": "qwen/qwq-plus"},
    {"model": "qwen/qwq-plus", "stream": False},
    {"model": "qwen/qwen3.8-max", "reasoning_effort": "high"},
    {"model": "qwen/qwen3-32b", "reasoning_effort": "low", "stream": False},
]


@pytest.fixture
def qwen(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn")
    return sandbox


def ask(client: Any, call: dict[str, Any], said: str = "count to 5", **more: Any) -> Any:
    return client.chat.completions.create(messages=[{"role": "user", "content": said}], **call, **more)


@pytest.mark.parametrize("call", CALLS)
def test_the_answer_is_whole(qwen: Sandbox, call: dict[str, Any]) -> None:
    with OpenAI() as client:
        answer = ask(client, call)
    assert answer.object == "chat.completion"
    assert [choice.finish_reason for choice in answer.choices] == ["stop"]
    message = answer.choices[0].message
    assert (message.role, message.content) == ("assistant", "1 2 3 4 5")
    assert (
        message.reasoning_content
        == "The llmswitch sandbox does not think; this stands where a model's reasoning would."
    )
    assert answer.usage.completion_tokens == 5 + answer.usage.completion_tokens_details.reasoning_tokens
    assert answer.id.startswith("chatcmpl-")
    sent = qwen.requests()[-1]
    assert sent.body["stream"] is True
    changed = {change.parameter: change for change in answer.llmswitch.changes}
    assert changed["stream"].after is True
    assert not any(change.loss for change in changed.values())


@pytest.mark.usefixtures("qwen")
@pytest.mark.parametrize("call", CALLS)
def test_async_raw_and_plain_get_the_same(call: dict[str, Any]) -> None:
    async def go() -> Any:
        async with AsyncOpenAI() as client:
            return await ask(client, call)

    with OpenAI() as client, Switch() as switch:
        whole = ask(client, call)
        raw = ask(client, call, extra_headers={"x-own": "1"})
        response = client.chat.completions.with_raw_response.create(
            messages=[{"role": "user", "content": "count to 5"}], **call
        )
        plain = ask(switch, call)
    assert response.headers["content-type"] == "application/json"
    for other in (asyncio.run(go()), raw, response.parse()):
        assert other.choices == whole.choices
        assert other.usage == whole.usage
    assert plain["choices"][0]["message"]["content"] == "1 2 3 4 5"


@pytest.mark.usefixtures("qwen")
def test_tool_calls_are_put_together() -> None:
    with OpenAI() as client:
        answer = ask(client, CALLS[2], "both, please", tools=[TOOL, TOOL])
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["weather", "weather"]
    assert len({call.id for call in calls}) == 2
    assert all(call.function.arguments.startswith("{") for call in calls)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None


@pytest.mark.parametrize("fault", ["cut", "in_band_error", "garbage", "clean_eof"])
def test_a_stream_that_breaks_is_no_answer(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn")
    sandbox.fault("qwen", fault, after=2)
    with OpenAI(max_retries=0) as client, pytest.raises(openai.APIError):
        ask(client, CALLS[0])
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn,zhipu@cn")
    with OpenAI(order=["qwen"]) as client:
        answer = ask(client, {"model": "o3", "reasoning_effort": "high"})
    assert [attempt.provider for attempt in answer.llmswitch.attempts] == ["qwen", "zhipu"]


def test_done_is_not_needed_after_the_last_reason(qwen: Sandbox) -> None:
    qwen.fault("qwen", "no_done")
    with OpenAI(max_retries=0) as client:
        assert ask(client, CALLS[0]).choices[0].message.content == "1 2 3 4 5"


@pytest.mark.usefixtures("qwen")
def test_it_works_where_httpx_sends() -> None:
    with openai.DefaultHttpxClient() as http, OpenAI(http_client=http) as client:
        assert ask(client, CALLS[0]).choices[0].message.content == "1 2 3 4 5"


# --- odd streams ---------------------------------------------------------------------------------------------------------------


def said(*chunks: dict[str, Any]) -> Any:
    """A server's behaviour: these chunks, and that they were all."""
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return chunked("".join([*lines, "data: [DONE]\n\n"]).encode(), headers=("Content-Type: text/event-stream",))


def choice(delta: Any, reason: str | None = None) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def served(monkeypatch: pytest.MonkeyPatch, *behaviours: Any) -> Any:
    with Server(in_turn(*behaviours)) as server:
        monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", f"{server.url}/compatible-mode/v1")
        with OpenAI(max_retries=0) as client:
            return ask(client, CALLS[0])


@pytest.mark.usefixtures("qwen")
def test_tool_calls_may_be_null_before_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    more = {"index": 0, "function": {"arguments": "}"}}
    answer = served(
        monkeypatch,
        said(
            choice({"role": "assistant", "content": "", "tool_calls": None}),
            choice({"tool_calls": [begun]}),
            choice({"tool_calls": [more]}, "tool_calls"),
        ),
    )
    (call,) = answer.choices[0].message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("a", "f", "{}")


@pytest.mark.usefixtures("qwen")
@pytest.mark.parametrize(
    "chunk",
    [
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}},
        {"id": "c", "choices": [{"index": 0, "message": "hi", "finish_reason": "stop"}]},
    ],
)
def test_a_stream_without_a_message_is_no_answer(monkeypatch: pytest.MonkeyPatch, chunk: dict[str, Any]) -> None:
    with pytest.raises(openai.APIError) as raised:
        served(monkeypatch, said(chunk))
    assert raised.value.attempts[0].kind == "bad_payload"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("qwen")
def test_whole_messages_in_a_stream_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}, "?"]}  # fmt: skip
    answer = served(monkeypatch, said({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}))
    assert answer.choices[0].message.tool_calls[0].id == "a"
