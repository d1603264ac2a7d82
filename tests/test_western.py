"""Anthropic, Gemini, Mistral, xAI and OpenRouter through the public API, judged by the sandbox, which refuses what they refuse."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import AsyncOpenAI, OpenAI
from llmswitch.failure import classify
from llmswitch.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = {
    "anthropic": "claude-sonnet-5-5",
    "gemini": "gemini-3.8-flash",
    "mistral": "mistral-large-latest",
    "xai": "grok-4.6",
    "openrouter": "openai/gpt-4.1",
}
FIVE = pytest.mark.parametrize("name", MODELS)
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}},
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
]
HI: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
PICTURE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
WHO = "the llmswitch sandbox, not a model"


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(providers=MODELS) as sandbox:
        yield sandbox


@pytest.fixture
def five(served: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    served.reset()
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LLMSWITCH_REGION", "US")
    return served


@pytest.fixture
def alone(five: Sandbox, name: str, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", name)
    return five


def create(name: str, **parameters: Any) -> Any:
    model = f"{name}/{MODELS[name]}"
    return OpenAI(max_retries=0).chat.completions.create(**{"model": model, "messages": HI, **parameters})


@FIVE
@pytest.mark.usefixtures("alone")
def test_whole_and_streamed_answers_say_the_same(name: str) -> None:
    whole = create(name)
    chunks = list(create(name, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert WHO in text
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usage = next(chunk.usage for chunk in reversed(chunks) if chunk.usage)
    assert usage.total_tokens == whole.usage.total_tokens > 0


@FIVE
@pytest.mark.usefixtures("alone")
def test_asynchronous_calls_work(name: str) -> None:
    async def run() -> str:
        async with AsyncOpenAI(max_retries=0) as client:
            stream = await client.chat.completions.create(model=f"{name}/{MODELS[name]}", messages=HI, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert WHO in asyncio.run(run())


@FIVE
@pytest.mark.usefixtures("alone")
def test_pictures_schemas_and_json_are_taken(name: str) -> None:
    assert create(name, messages=[{"role": "user", "content": [{"type": "text", "text": "What?"}, PICTURE]}])
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    assert json.loads(create(name, response_format=form).choices[0].message.content).keys() == {"city"}
    assert create(name, response_format={"type": "json_object"}, messages=[{"role": "user", "content": "As JSON"}])


@FIVE
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_every_effort_is_taken(name: str, effort: str) -> None:
    assert create(name, reasoning_effort=effort).choices[0].finish_reason == "stop"


@FIVE
@pytest.mark.usefixtures("alone")
def test_reasoning_arrives_under_one_name(name: str) -> None:
    if name == "gemini":
        pytest.skip("its compatible endpoint gives no reasoning")
    assert create(name, reasoning_effort="high").choices[0].message.reasoning_content
    chunks = create(name, reasoning_effort="high", stream=True)
    assert "".join(
        getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks if chunk.choices
    )


@FIVE
@pytest.mark.usefixtures("alone")
def test_everything_at_once_is_fitted(name: str) -> None:
    response = create(
        name, temperature=1.9, top_p=0.5, stop=["zzz"], seed=1, user="u-1", presence_penalty=0.5, frequency_penalty=0, n=1, logit_bias={},
        max_completion_tokens=50, store=False, metadata={"a": "b"}, parallel_tool_calls=True, tools=TOOLS, tool_choice="auto",
    )  # fmt: skip
    assert response.choices[0].finish_reason


def test_a_conversation_goes_from_vendor_to_vendor(five: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on with what the others answered: their ids, their thinking, their signatures."""
    messages = list(HI)
    for name in [*MODELS, *reversed(MODELS)]:
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", name)
        asked = create(name, messages=messages, tools=TOOLS, tool_choice="required", reasoning_effort="low")
        message = asked.choices[0].message
        if not message.tool_calls:  # a model that cannot be forced
            message = (
                create(name, messages=[*messages, {"role": "user", "content": "call weather"}], tools=TOOLS)
                .choices[0]
                .message
            )
        results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in message.tool_calls]
        answered = create(name, messages=[*messages, message, *results], tools=TOOLS)
        assert WHO in answered.choices[0].message.content
        messages += [
            message,
            *results,
            answered.choices[0].message,
            {"role": "user", "content": f"And now, after {name}?"},
        ]
    assert five.hits() >= 2 * 2 * len(MODELS)


KINDS = {
    "region_block": "region_blocked",
    "quota": "quota_exhausted",
    "arrears": "quota_exhausted",
    "rate_limit": "rate_limited",
    "overload": "overloaded",
    "server_error": "server_error",
    "auth": "auth",
    "model_not_found": "model_not_found",
    "context_length": "context_length",
    "bad_request": "bad_request",
}


@FIVE
@pytest.mark.parametrize("fault", KINDS)
def test_every_error_means_what_it_means(alone: Sandbox, name: str, fault: str) -> None:
    try:
        alone.fault(name, fault)
    except ValueError:
        pytest.skip("this vendor is not known to give it")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - openai's class hangs on the vendor's status
        create(name)
    response = caught.value.response  # type: ignore[attr-defined]
    found = classify(provider=name, status=response.status_code, headers=dict(response.headers), body=response.content)
    assert found.kind == KINDS[fault], response.text


@FIVE
def test_a_refusal_is_no_outage(alone: Sandbox, name: str) -> None:
    if name not in ("anthropic", "gemini"):
        pytest.skip("it refuses with an error")
    alone.fault(name, "refusal")
    assert create(name).choices[0].finish_reason == "content_filter"


@FIVE
@pytest.mark.parametrize("fault", ["cut", "clean_eof"])
def test_a_stream_that_breaks_says_so(alone: Sandbox, name: str, fault: str) -> None:
    alone.fault(name, fault, after=4)
    with pytest.raises(Exception, match="stream") as caught:
        list(create(name, stream=True))
    assert caught.value.partial in f"This is {WHO}"  # type: ignore[attr-defined]
