"""`via = "sdk"`: Qwen, ERNIE and GLM through their own SDKs, unmodified, behind the same contract as over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, AsyncSwitch, OpenAI, Switch
from llmswitch.engine import Engine
from llmswitch.errors import CallError
from tests.servers import Server, answer, drip, in_turn
from tests.test_secrets import assert_clean, remains

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

pytestmark = [
    pytest.mark.matrix,
    # What the SDKs warn about when they are imported is theirs to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::SyntaxWarning"),
]

ROOT = Path(__file__).parents[2]
HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
CLOCK: Any = {
    "type": "function",
    "function": {"name": "clock", "description": "Tells the time", "parameters": {"type": "object", "properties": {}}},
}


@dataclass(frozen=True)
class Way:
    """One vendor and one kind of credentials."""

    provider: str
    model: str
    embedding: str
    module: str
    path: str  # of its chats
    variables: tuple[str, ...] = ()  # of a pair; empty: the ordinary key
    dimensions: int | None = None
    thinks: str = ""
    exchanges: int = 0  # requests for a token before the first call


WAYS = {
    "qwen": Way("qwen", "qwen-plus", "text-embedding-v4", "dashscope", "/generation", dimensions=64, thinks="qwen3-32b"),
    "zhipu": Way("zhipu", "glm-4.6", "embedding-3", "zhipuai", "/chat/completions", dimensions=256, thinks="glm-5.2"),
    "ernie": Way(
        "ernie", "ernie-4.5-turbo-128k", "embedding-v1", "qianfan", "/chat/completions", thinks="ernie-x1.1"
    ),
    "ernie-iam": Way(
        "ernie", "ernie-4.5-turbo-128k", "embedding-v1", "qianfan", "/chat/completions",
        ("QIANFAN_ACCESS_KEY", "QIANFAN_SECRET_KEY"), thinks="ernie-x1.1", exchanges=1,
    ),
    "ernie-app": Way(
        "ernie", "ernie-4.5-turbo-128k", "embedding-v1", "qianfan", "/chat/", ("QIANFAN_AK", "QIANFAN_SK"), exchanges=1
    ),
}  # fmt: skip
NATIVE = ("qwen", "ernie-app")  # these speak another protocol than OpenAI's


@pytest.fixture
def alone(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Way]:
    """Make one vendor the only one, called by its SDK (or over HTTP)."""

    def choose(name: str, *, via: str = "sdk") -> Way:
        way = WAYS[name]
        if find_spec(way.module) is None:
            pytest.skip(f"{way.module} is not installed")
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", f"{way.provider}@cn")
        monkeypatch.setenv("LLMSWITCH_REGION", "CN")
        monkeypatch.setenv(f"LLMSWITCH_{way.provider.upper()}_VIA", via)
        for variable in ("QIANFAN_ACCESS_KEY", "QIANFAN_SECRET_KEY", "QIANFAN_AK", "QIANFAN_SK"):
            monkeypatch.delenv(variable, raising=False)
        if way.variables:
            monkeypatch.delenv("QIANFAN_API_KEY", raising=False)
            for variable, value in pair(sandbox, way).items():
                monkeypatch.setenv(variable, value)
        forget()
        return way

    return choose


def forget() -> None:
    """No token of an earlier test."""
    if "llmswitch.sdk.qianfan" in sys.modules:
        sys.modules["llmswitch.sdk.qianfan"]._tokens.clear()


def pair(sandbox: Sandbox, way: Way) -> dict[str, str]:
    if way.variables[0] == "QIANFAN_ACCESS_KEY":
        return dict(zip(way.variables, sandbox.iam_keys, strict=True))
    return {name: sandbox.sdk_environment[name] for name in way.variables}


@dataclass
class Said:
    text: str
    reasoning: str
    tools: list[tuple[str, str]]
    finish: str | None
    usage: Any
    report: Any


def whole(completion: Any) -> Said:
    choice = completion.choices[0]
    message = choice.message
    tools = [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    reasoning = getattr(message, "reasoning_content", None) or ""
    return Said(message.content or "", reasoning, tools, choice.finish_reason, completion.usage, completion.llmswitch)


def joined(chunks: list[Any]) -> Said:
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    text = "".join(delta.content or "" for delta in deltas)
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    names: dict[int, list[str]] = {}
    for call in (call for delta in deltas for call in delta.tool_calls or ()):
        found = names.setdefault(call.index, ["", ""])
        found[0] += call.function.name or ""
        found[1] += call.function.arguments or ""
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    usage = next((chunk.usage for chunk in reversed(chunks) if chunk.usage), None)
    tools = [(name, arguments) for name, arguments in names.values()]
    return Said(text, reasoning, tools, finishes[-1] if finishes else None, usage, chunks[-1].llmswitch)


def ask(way: Way, *, stream: bool, asynchronous: bool, **params: Any) -> Said:
    given: dict[str, Any] = {"model": way.model, "messages": HELLO, "stream": stream, **params}
    if stream:
        given["stream_options"] = {"include_usage": True}
    if asynchronous:

        async def main() -> Said:
            async with AsyncOpenAI(max_retries=0) as client:
                answered: Any = await client.chat.completions.create(**given)
                return joined([chunk async for chunk in answered]) if stream else whole(answered)

        return asyncio.run(main())
    with OpenAI(max_retries=0) as client:
        answered = client.chat.completions.create(**given)
        return joined(list(answered)) if stream else whole(answered)


ways = pytest.mark.parametrize("name", WAYS)
modes = pytest.mark.parametrize(
    ("stream", "asynchronous"),
    [(False, False), (True, False), (False, True), (True, True)],
    ids=["whole", "stream", "async", "async-stream"],
)


# --- answers -------------------------------------------------------------------------------------------------------------------


@ways
@modes
def test_chats_as_over_http(sandbox: Sandbox, alone: Any, name: str, stream: bool, asynchronous: bool) -> None:
    way = alone(name)
    said = ask(way, stream=stream, asynchronous=asynchronous)
    assert "llmswitch sandbox, not a model" in said.text
    assert said.finish == "stop"
    assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens > 0
    assert (said.report.provider, said.report.model) == (way.provider, way.model)
    assert [request.status for request in sandbox.requests()][way.exchanges :] == [200]
    assert way.path in sandbox.requests()[-1].path

    if not way.variables:
        alone(name, via="http")
        over_http = ask(way, stream=stream, asynchronous=asynchronous)
        assert (said.text, said.finish, said.usage.total_tokens) == (
            over_http.text, over_http.finish, over_http.usage.total_tokens,
        )  # fmt: skip


@ways
@modes
def test_calls_tools(alone: Any, name: str, stream: bool, asynchronous: bool) -> None:
    way = alone(name)
    said = ask(way, stream=stream, asynchronous=asynchronous, tools=[CLOCK])
    assert [tool for tool, _ in said.tools] == ["clock"]
    assert isinstance(json.loads(said.tools[0][1]), dict)
    assert said.finish == "tool_calls"


@ways
def test_takes_the_result_of_a_tool(sandbox: Sandbox, alone: Any, name: str) -> None:
    way = alone(name)
    with OpenAI() as client:
        first = client.chat.completions.create(model=way.model, messages=HELLO, tools=[CLOCK])
        called: Any = first.choices[0].message
        history = [*HELLO, called, {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "noon"}]
        second = client.chat.completions.create(model=way.model, messages=history, tools=[CLOCK])
    assert second.choices[0].finish_reason == "stop"
    assert len(sandbox.requests()) == 2 + way.exchanges


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.thinks])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_reasoning_arrives_as_reasoning_content(alone: Any, name: str, asynchronous: bool) -> None:
    way = alone(name)
    thinking = {"thinking": {"type": "enabled"}} if name == "zhipu" else {"enable_thinking": True}
    said = ask(way, stream=True, asynchronous=asynchronous, extra_body=thinking, model=way.thinks)
    assert said.reasoning
    assert "llmswitch sandbox" in said.text


@ways
@pytest.mark.parametrize("asynchronous", [False, True])
def test_embeds_in_order(alone: Any, name: str, asynchronous: bool) -> None:
    way = alone(name)
    given: dict[str, Any] = {"model": way.embedding, "input": ["one", "two", "one"]}
    if way.dimensions:
        given["dimensions"] = way.dimensions

    async def main() -> Any:
        async with AsyncOpenAI() as client:
            return await client.embeddings.create(**given)

    if asynchronous:
        made = asyncio.run(main())
    else:
        with OpenAI() as client:
            made = client.embeddings.create(**given)
    assert [row.index for row in made.data] == [0, 1, 2]
    assert made.data[0].embedding == made.data[2].embedding != made.data[1].embedding
    assert way.dimensions in (None, len(made.data[0].embedding))
    assert made.usage.total_tokens > 0
    assert made.llmswitch.provider == way.provider


def test_pictures_go_to_the_multimodal_path_and_texts_are_never_taken_for_files(
    sandbox: Sandbox, alone: Any, tmp_path: Any
) -> None:
    alone("qwen")
    secret = tmp_path / "private.txt"
    secret.write_text("not yours")
    parts: Any = [
        {"type": "text", "text": str(secret)},  # the SDK would upload the file of this name
        {"type": "text", "text": secret.as_uri()},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}, "min_pixels": 64},
    ]
    with OpenAI() as client:
        answered = client.chat.completions.create(model="qwen3-vl-plus", messages=[{"role": "user", "content": parts}])
        with pytest.raises(ValueError, match="http, https, oss or data URL"):
            client.chat.completions.create(
                model="qwen3-vl-plus",
                messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": str(secret)}}]}],
            )
    assert "llmswitch sandbox" in (answered.choices[0].message.content or "")
    (request,) = sandbox.requests()
    assert request.path.endswith("/multimodal-generation/generation")
    sent: Any = request.body["input"]
    assert sent["messages"][0]["content"] == [
        {"text": str(secret)}, {"text": secret.as_uri()}, {"image": "data:image/png;base64,aGk=", "min_pixels": 64},
    ]  # fmt: skip


# --- what is sent --------------------------------------------------------------------------------------------------------------


@ways
def test_what_the_report_says_is_what_is_sent(sandbox: Sandbox, alone: Any, name: str) -> None:
    way = alone(name)
    messages: list[Any] = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "data:image/png;base64,aGk="}]},
    ]
    before = json.dumps(messages)
    with OpenAI() as client:
        answered: Any = client.chat.completions.create(
            model=way.model,
            messages=messages,
            temperature=1,
            top_p=1,
            max_completion_tokens=64,
            user="somebody",
            extra_body={"headers": {"a": "b"}, "session": "x", "retry_count": 3},  # names of the SDKs' own arguments
        )
    assert json.dumps(messages) == before
    sent: Any = sandbox.requests()[-1].body
    sent = sent.get("parameters", sent)
    assert (sent["temperature"], sent["top_p"]) == (1, 1)
    assert (sent["headers"], sent["session"], sent["retry_count"]) == ({"a": "b"}, "x", 3)
    assert "do_sample" not in sent
    assert "extra_parameters" not in sent
    assert None not in sent.values()
    changes = {change.parameter: change for change in answered.llmswitch.changes}
    limit = {"qwen": "max_tokens", "ernie-app": "max_output_tokens"}.get(name)
    if limit is not None:
        assert (changes["max_completion_tokens"].action, sent[limit]) == ("renamed", 64)
    if name == "qwen":
        assert changes["user"].action == "dropped"
        assert "user" not in sent
    if name == "ernie-app":
        assert (sent["system"], sent["user_id"]) == ("be brief", "somebody")


def test_the_callers_headers_go_along_and_openais_own_do_not(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    alone("qwen")
    body = json.dumps(
        {"output": {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]}}
    )
    with Server(answer(200, body.encode(), "Content-Type: application/json")) as server:
        monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", f"http://127.0.0.1:{server.port}/compatible-mode/v1")
        with OpenAI(default_headers={"X-DashScope-WorkSpace": "ws-1"}) as client:
            client.chat.completions.create(model="qwen-plus", messages=HELLO)
        (request,) = server.requests
    assert request.headers["x-dashscope-workspace"] == "ws-1"
    assert "dashscope" in request.headers["user-agent"]
    assert not any(name.startswith("x-stainless") for name in request.headers)
    assert request.path == "/api/v1/services/aigc/text-generation/generation"


def test_the_vendor_that_base_url_names_goes_through_its_sdk_too(
    sandbox: Sandbox, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone("qwen")
    monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", sandbox.url("qwen@cn"))
    with OpenAI(base_url="https://dashscope.aliyuncs.com/compatible-mode/v1", api_key=sandbox.key("qwen@cn")) as client:
        answered: Any = client.chat.completions.create(
            model="qwen-plus", messages=HELLO, temperature=1.5, max_completion_tokens=64, frequency_penalty=1
        )
    (request,) = sandbox.requests()
    sent: Any = request.body["parameters"]
    # What the caller wrote for this very vendor is left alone, but for the protocol's own names.
    assert (sent["frequency_penalty"], sent["max_tokens"]) == (1, 64)
    assert [(change.parameter, change.action) for change in answered.llmswitch.changes] == [
        ("max_completion_tokens", "renamed")
    ]


# --- errors --------------------------------------------------------------------------------------------------------------------

ERRORS = ["quota", "arrears", "rate_limit", "overload", "server_error", "auth", "permission", "model_not_found",
          "context_length", "bad_request"]  # fmt: skip


def failure(way: Way, *, stream: bool, asynchronous: bool) -> Any:
    """The error that plain dicts' client raises: it says what was tried."""
    given: dict[str, Any] = {"model": way.model, "messages": HELLO, "stream": stream}
    with pytest.raises(CallError) as caught:
        if asynchronous:

            async def main() -> None:
                async with AsyncSwitch(max_retries=0) as switch:
                    answered: Any = await switch.chat.completions.create(**given)
                    if stream:
                        _ = [chunk async for chunk in answered]

            asyncio.run(main())
        else:
            with Switch(max_retries=0) as switch:
                answered: Any = switch.chat.completions.create(**given)
                list(answered)
    return caught.value


@ways
@modes
@pytest.mark.parametrize("kind", ERRORS)
def test_each_error_means_what_it_means_over_http_and_is_met_once(
    sandbox: Sandbox, alone: Any, name: str, kind: str, stream: bool, asynchronous: bool
) -> None:
    way = alone(name)
    sandbox.fault(way.provider, kind, path=way.path if way.variables else None)
    error = failure(way, stream=stream, asynchronous=asynchronous)
    hits = [request for request in sandbox.requests() if way.path in request.path]
    assert len(hits) == 1
    assert error.attempts[-1].status == hits[0].status
    assert error.attempts[-1].code
    if not way.variables:  # the same vendor says the same over HTTP; native codes have other names
        alone(name, via="http")
        Engine.shared_health().clear()
        over_http = failure(way, stream=stream, asynchronous=asynchronous)
        assert error.attempts[-1].kind == over_http.attempts[-1].kind
    if name in ("zhipu", "ernie"):  # the same protocol
        assert error.attempts[-1].code == over_http.attempts[-1].code


@ways
@modes
def test_openais_own_exceptions_come_out(
    sandbox: Sandbox, alone: Any, name: str, stream: bool, asynchronous: bool
) -> None:
    way = alone(name)
    sandbox.fault(way.provider, "rate_limit", path=way.path)
    with pytest.raises(openai.RateLimitError):
        ask(way, stream=stream, asynchronous=asynchronous)


@ways
@modes
def test_a_refusal_is_the_callers(sandbox: Sandbox, alone: Any, name: str, stream: bool, asynchronous: bool) -> None:
    way = alone(name)
    if name == "ernie-app":  # V1 has no code for it: an answer, flagged
        sandbox.fault("ernie", "refusal", path=way.path, form="finish")
        assert ask(way, stream=stream, asynchronous=asynchronous).finish == "content_filter"
        return
    sandbox.fault(way.provider, "refusal", path=way.path, form="http")
    assert failure(way, stream=stream, asynchronous=asynchronous).attempts[-1].kind == "content_filter"


@ways
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("after", [0, 3])
def test_an_error_inside_a_stream_is_told_with_its_code(
    sandbox: Sandbox, alone: Any, name: str, asynchronous: bool, after: int
) -> None:
    way = alone(name)
    sandbox.fault(way.provider, "in_band_error", path=way.path, error="server_error", after=after)
    error = failure(way, stream=True, asynchronous=asynchronous)
    assert error.attempts[-1].kind == "server_error"
    assert error.attempts[-1].code
    assert bool(after) == isinstance(error, llmswitch.StreamInterruptedError)


@ways
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("kind", ["cut", "clean_eof", "garbage"])
def test_a_broken_stream_is_never_whole(sandbox: Sandbox, alone: Any, name: str, asynchronous: bool, kind: str) -> None:
    way = alone(name)
    sandbox.fault(way.provider, kind, path=way.path, after=3, stream_only=True)
    error = failure(way, stream=True, asynchronous=asynchronous)
    assert error.attempts[-1].kind in ("stream_interrupted", "bad_payload")


@ways
@modes
@pytest.mark.parametrize("kind", ["html", "reset"])
def test_what_is_no_answer_is_none(
    sandbox: Sandbox, alone: Any, name: str, kind: str, stream: bool, asynchronous: bool
) -> None:
    way = alone(name)
    sandbox.fault(way.provider, kind, path=way.path, after=0)
    failure(way, stream=stream, asynchronous=asynchronous)
    assert (
        len([request for request in sandbox.requests() if way.path in request.path]) <= 2
    )  # a stale connection is tried anew


def test_an_error_with_status_200_is_no_crash(sandbox: Sandbox, alone: Any) -> None:
    way = alone("qwen")
    sandbox.fault("qwen", "arrears", wire="200", path=way.path)
    error = failure(way, stream=False, asynchronous=False)
    assert (error.attempts[-1].kind, error.attempts[-1].code) == ("quota_exhausted", "Arrearage")


def test_retry_after_reaches_the_caller(sandbox: Sandbox, alone: Any) -> None:
    for name in ("qwen", "zhipu", "ernie"):
        way = alone(name)
        sandbox.fault(way.provider, "rate_limit", retry_after=7)
        error = failure(way, stream=False, asynchronous=False)
        assert dict(error.reply.headers)["Retry-After"] == "7"


# --- bytes that the sandbox does not send --------------------------------------------------------------------------------------


def events(*values: Any, name: str = "") -> bytes:
    return b"".join(
        (f"event:{name}\n" if name else "").encode() + b"data:" + json.dumps(value).encode() + b"\n\n"
        for value in values
    )


def choice(finish: str = "null", **message: Any) -> Any:
    return {
        "output": {"choices": [{"finish_reason": finish, "message": {"role": "assistant", **message}}]},
        "request_id": "r",
    }


def streamed(monkeypatch: pytest.MonkeyPatch, way: Way, body: bytes, *, asynchronous: bool) -> Said:
    """What comes of these bytes, sent one by one, as of a stream; for a pair the server gives a token first."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    token = answer(200, b'{"access_token":"24.x","expires_in":600}', "Content-Type: application/json")
    behaviour = drip(head + body, 0)
    with Server(in_turn(token, behaviour) if way.variables else behaviour) as server:
        for name in ("BASE_URL", "CN_BASE_URL"):
            variable = f"LLMSWITCH_{way.provider.upper()}_{name}"
            monkeypatch.setenv(variable, f"http://127.0.0.1:{server.port}/compatible-mode/v1")
        return ask(way, stream=True, asynchronous=asynchronous)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_usage_that_is_null_until_the_end_breaks_nothing(
    alone: Any, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    chunk = {"id": "1", "object": "chat.completion.chunk", "usage": None}
    body = events(
        {**chunk, "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    said = streamed(monkeypatch, alone("ernie"), body + b"data: [DONE]\n\n", asynchronous=asynchronous)
    assert (said.text, said.finish) == ("hi", "stop")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_pieces_of_a_tool_call_and_lists_of_content_are_put_together(
    alone: Any, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    def call(index: int, name: str, arguments: str) -> Any:
        return {
            "index": index,
            "id": f"c{index}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }

    body = events(
        choice(content=[{"text": "let me "}], reasoning_content=""),
        choice(content=[{"text": "see"}]),
        choice(content=[], tool_calls=[call(0, "clock", '{"zo')]),
        choice(content=[], tool_calls=[call(0, "", 'ne": 1}'), call(1, "date", "{}")]),
        {**choice("tool_calls", content=[]), "usage": {"input_tokens": 3, "output_tokens": 4}},
    )
    said = streamed(monkeypatch, alone("qwen"), body, asynchronous=asynchronous)
    assert said.text == "let me see"
    assert said.tools == [("clock", '{"zone": 1}'), ("date", "{}")]
    assert said.finish == "tool_calls"
    assert (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.total_tokens) == (3, 4, 7)


@pytest.mark.parametrize("event", [b"event:error", b"event: error"])
def test_an_error_event_is_one_with_or_without_a_space(
    alone: Any, monkeypatch: pytest.MonkeyPatch, event: bytes
) -> None:
    error = {"code": "DataInspectionFailed", "message": "inappropriate", "request_id": "r"}
    body = (
        events(choice(content="so far")) + event + b"\n:HTTP_STATUS/400\ndata:" + json.dumps(error).encode() + b"\n\n"
    )
    with pytest.raises(llmswitch.StreamInterruptedError) as caught:
        streamed(monkeypatch, alone("qwen"), body, asynchronous=False)
    assert caught.value.partial == "so far"
    assert caught.value.attempts[-1].kind == "content_filter"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("qwen", events(choice(content="so far"))),
        ("ernie-app", b'data: {"id":"as-1","result":"so far","is_end":false}\n\n'),
    ],
)
def test_a_stream_without_its_end_is_interrupted(
    alone: Any, monkeypatch: pytest.MonkeyPatch, name: str, body: bytes
) -> None:
    way = alone(name)
    with pytest.raises(llmswitch.StreamInterruptedError) as caught:
        streamed(monkeypatch, way, body, asynchronous=False)
    assert caught.value.partial == "so far"


def test_the_first_asynchronous_call_does_not_hold_up_the_loop_while_the_sdk_is_imported(
    sandbox: Sandbox, alone: Any
) -> None:
    alone("qwen")
    code = """
import asyncio, sys
from llmswitch import AsyncOpenAI
seen = []
async def watch():
    while True:
        spec = getattr(sys.modules.get("dashscope"), "__spec__", None)
        seen.append(spec is not None and spec._initializing)
        await asyncio.sleep(0)
async def main():
    task = asyncio.create_task(watch())
    async with AsyncOpenAI() as client:
        await client.chat.completions.create(model="qwen-plus", messages=[{"role": "user", "content": "hi"}])
    task.cancel()
asyncio.run(main())
print(any(seen))
"""
    assert python(code).splitlines()[-1] == "True"
    assert len(sandbox.requests()) == 1


# --- failover ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "other"), [("qwen", "zhipu"), ("zhipu", "qwen"), ("ernie-iam", "qwen"), ("ernie-app", "zhipu")]
)
@modes
def test_failover_leads_from_an_sdk_to_http_and_back(
    sandbox: Sandbox, alone: Any, monkeypatch: pytest.MonkeyPatch,
    broken: str, other: str, stream: bool, asynchronous: bool,
) -> None:  # fmt: skip
    way = alone(broken)
    second = WAYS[other].provider
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", f"{way.provider}@cn,{second}@cn")
    for first, last in ((way.provider, second), (second, way.provider)):
        monkeypatch.setenv("LLMSWITCH_ORDER", f"{first},{last}")
        Engine.shared_health().clear()
        sandbox.clear()
        sandbox.fault(first, "server_error")
        said = ask(way, stream=stream, asynchronous=asynchronous, model="gpt-4o")
        assert said.report.provider == last
        assert [attempt.provider for attempt in said.report.attempts] == [first, last]
        assert "llmswitch sandbox" in said.text


# --- credentials ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ernie-iam", "ernie-app"])
@modes
def test_a_token_is_fetched_once_and_again_when_it_is_good_no_more(
    sandbox: Sandbox, alone: Any, name: str, stream: bool, asynchronous: bool
) -> None:
    way = alone(name)
    for _ in range(3):
        ask(way, stream=stream, asynchronous=asynchronous)
    assert len(sandbox.requests()) == 4
    sandbox.reset()
    sandbox.fault("ernie", "auth", path=way.path, count=1)
    said = ask(way, stream=stream, asynchronous=asynchronous)
    assert said.finish == "stop"
    paths = [request.path for request in sandbox.requests()]
    assert [way.path in path for path in paths] == [True, False, True]
    # And when the new one is refused, too, that is the answer.
    sandbox.fault("ernie", "auth", path=way.path)
    assert failure(way, stream=stream, asynchronous=asynchronous).attempts[-1].kind == "auth"


@pytest.mark.parametrize("name", ["ernie-iam", "ernie-app"])
@modes
def test_a_refused_pair_is_an_authentication_error(
    alone: Any, monkeypatch: pytest.MonkeyPatch, name: str, stream: bool, asynchronous: bool
) -> None:
    way = alone(name)
    monkeypatch.setenv(way.variables[1], "canary55canary55canary55canary55")
    error = failure(way, stream=stream, asynchronous=asynchronous)
    assert error.attempts[-1].kind == "auth"


CANARIES = {
    "DASHSCOPE_API_KEY": "sk-canary111111111111111111111111",
    "ZHIPUAI_API_KEY": "canary33canary33canary33canary33.canary3333333333",
    "QIANFAN_API_KEY": "bce-v3/ALTAK-canary2222222222222/2222222222222222222222222222222222222222",
    "QIANFAN_ACCESS_KEY": "ALTAKcanary666666666666",
    "QIANFAN_SECRET_KEY": "canary77canary77canary77canary77",
    "QIANFAN_AK": "canary8888canary8888",
    "QIANFAN_SK": "canary99canary99canary99canary99",
}


@ways
@modes
@pytest.mark.parametrize("fault", [None, "server_error", "html", "reset", "refused"])
def test_keys_are_in_no_text_log_or_traceback(
    sandbox: Sandbox, alone: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str], name: str, fault: str | None, stream: bool, asynchronous: bool,
) -> None:  # fmt: skip
    way = alone(name)
    caplog.set_level(logging.DEBUG)
    known = {"qwen": ["DASHSCOPE_API_KEY"], "zhipu": ["ZHIPUAI_API_KEY"], "ernie": ["QIANFAN_API_KEY"]}
    keys = [CANARIES[variable] for variable in way.variables or known[name]]
    for variable in way.variables or known[name]:
        monkeypatch.setenv(variable, CANARIES[variable])
    if fault == "refused":
        monkeypatch.setenv(f"LLMSWITCH_{way.provider.upper()}_BASE_URL", "http://127.0.0.1:9/v2")
        monkeypatch.setenv(f"LLMSWITCH_{way.provider.upper()}_CN_BASE_URL", "http://127.0.0.1:9/v2")
    elif fault is not None:
        sandbox.fault(way.provider, fault)
    error = failure(way, stream=stream, asynchronous=asynchronous)
    mine = Path(__file__).name  # the frames of this file know the keys
    assert_clean(((where, text) for where, text in remains(error) if mine not in where), keys)
    printed = capsys.readouterr()
    assert_clean(iter([("log", caplog.text), ("output", printed.out), ("errors", printed.err)]), keys)
    for record in caplog.records:
        assert_clean(iter([("record", repr(vars(record)))]), keys)


# --- the SDKs themselves -------------------------------------------------------------------------------------------------------


def python(code: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_sdk_is_imported_by_the_first_call_that_goes_through_it(sandbox: Sandbox, alone: Any) -> None:
    alone("qwen", via="http")
    code = """
import os, sys
import llmswitch
from llmswitch import OpenAI
heavy = ("dashscope", "qianfan", "zhipuai", "llmswitch.sdk")
def ask():
    with OpenAI() as client:
        client.chat.completions.create(model="qwen-plus", messages=[{"role": "user", "content": "hi"}])
def loaded():
    return [name for name in heavy if name in sys.modules]
print(loaded())
ask()
print(loaded())
os.environ["LLMSWITCH_QWEN_VIA"] = "sdk"
with OpenAI():
    print(loaded())
ask()
print(loaded())
"""
    lines = python(code).splitlines()
    assert lines == ["[]", "[]", "[]", "['dashscope', 'llmswitch.sdk']"]
    assert len(sandbox.requests()) == 2


def test_the_users_own_use_of_the_sdks_is_left_alone(sandbox: Sandbox, alone: Any) -> None:
    for name in ("qwen", "zhipu", "ernie", "ernie-iam", "ernie-app"):
        way = alone(name)
        before = state()
        ask(way, stream=False, asynchronous=False)
        ask(way, stream=True, asynchronous=True)
        assert state() == before or before is None
    dashscope = pytest.importorskip("dashscope")
    with pytest.importorskip("requests").Session() as session:
        answered = dashscope.Generation.call(
            model="qwen-plus", messages=HELLO, result_format="message", session=session,
            api_key=sandbox.key("qwen@cn"), base_address=sandbox.native_url("qwen@cn"),
        )  # fmt: skip
    assert answered.status_code == 200


def state() -> Any:
    """The SDKs' module-wide settings, None before they are imported."""
    dashscope, qianfan = sys.modules.get("dashscope"), sys.modules.get("qianfan")
    if dashscope is None or qianfan is None:
        return None
    logger = logging.getLogger("qianfan")
    return (
        dashscope.api_key, dashscope.base_http_api_url, qianfan.get_config().dict(),
        logger.level, len(logger.filters), len(logger.handlers),
    )  # fmt: skip


def test_the_sdks_say_nothing_of_a_call(sandbox: Sandbox, alone: Any, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("qwen", "zhipu", "ernie", "ernie-iam", "ernie-app"):
        way = alone(name)
        ask(way, stream=False, asynchronous=False)
        caplog.clear()
        caplog.set_level(logging.INFO)
        sandbox.fault(way.provider, "server_error", path=way.path)
        failure(way, stream=False, asynchronous=False)
        sandbox.clear()
        assert [
            record for record in caplog.records if record.name.startswith(("dashscope", "qianfan", "zhipuai"))
        ] == []


# --- time and connections ------------------------------------------------------------------------------------------------------


@ways
@modes
def test_timeouts_hold(sandbox: Sandbox, alone: Any, name: str, stream: bool, asynchronous: bool) -> None:
    way = alone(name)
    ask(way, stream=False, asynchronous=False)  # a token is there, the SDK imported
    sandbox.fault(way.provider, "slow_head", seconds=30, path=way.path)
    with pytest.raises(openai.APITimeoutError):
        ask(way, stream=stream, asynchronous=asynchronous, timeout=0.3)
    sandbox.clear()
    sandbox.fault(way.provider, "stall", after=2, path=way.path)
    with pytest.raises((openai.APITimeoutError, openai.APIConnectionError)):
        ask(way, stream=stream, asynchronous=asynchronous, timeout=0.3)


@ways
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_stream_that_is_left_frees_its_connection(
    sandbox: Sandbox, alone: Any, name: str, asynchronous: bool
) -> None:
    way = alone(name)
    sandbox.fault(way.provider, "stall", after=2, path=way.path)

    async def main() -> None:
        client = AsyncOpenAI()
        stream = await client.chat.completions.create(model=way.model, messages=HELLO, stream=True)
        await anext(aiter(stream))
        await stream.close()
        await until_closed()
        await client.close()

    async def until_closed() -> None:
        for _ in range(200):
            if not sandbox.open_connections(way.provider):  # that of a token's exchange is the stream's, too
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the connection is still open")

    if asynchronous:
        asyncio.run(main())
        return
    client = OpenAI()
    stream = client.chat.completions.create(model=way.model, messages=HELLO, stream=True)
    next(iter(stream))
    stream.close()
    asyncio.run(until_closed())
    client.close()


@ways
def test_a_cancelled_call_frees_its_connection(sandbox: Sandbox, alone: Any, name: str) -> None:
    way = alone(name)
    ask(way, stream=False, asynchronous=False)
    sandbox.reset()
    sandbox.fault(way.provider, "slow_head", seconds=60, path=way.path)

    async def main() -> None:
        async with AsyncOpenAI() as client:
            task = asyncio.create_task(client.chat.completions.create(model=way.model, messages=HELLO))
            for _ in range(200):
                if sandbox.requests(way.provider):
                    break
                await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(200):
                if not sandbox.open_connections(way.provider):
                    break
                await asyncio.sleep(0.02)
            assert sandbox.open_connections(way.provider) == 0

    asyncio.run(main())


@ways
def test_ctrl_c_ends_a_call(sandbox: Sandbox, alone: Any, name: str) -> None:
    way = alone(name)
    ask(way, stream=False, asynchronous=False)
    sandbox.fault(way.provider, "slow_head", seconds=60, path=way.path)
    code = f"""
import signal, threading
from llmswitch import OpenAI
threading.Timer(1.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
try:
    OpenAI().chat.completions.create(model={way.model!r}, messages=[{{"role": "user", "content": "hi"}}])
except KeyboardInterrupt:
    print("ended")
"""
    assert python(code).splitlines()[-1] == "ended"


@ways
def test_threads_share_a_client(sandbox: Sandbox, alone: Any, name: str) -> None:
    way = alone(name)
    found: list[str] = []
    with Switch() as switch:
        switch.chat.completions.create(model=way.model, messages=HELLO)  # the token

        def call(number: int) -> None:
            messages = [{"role": "user", "content": f"number {number}"}]
            answered = switch.chat.completions.create(model=way.model, messages=messages)
            if f"number {number}" in answered["choices"][0]["message"]["content"]:
                found.append(str(number))

        threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 16
    assert len(sandbox.requests()) == 17 + way.exchanges


def test_a_client_keeps_its_connection(sandbox: Sandbox, alone: Any) -> None:
    way = alone("ernie-app")
    with OpenAI() as client:
        for _ in range(3):
            client.chat.completions.create(model=way.model, messages=HELLO)
            assert sandbox.open_connections("ernie") == 1
    for _ in range(200):
        if not sandbox.open_connections("ernie"):
            break
        time.sleep(0.02)
    assert sandbox.open_connections("ernie") == 0


@pytest.mark.parametrize("model", ["qwen/qwen3.8-max", "qwen/qwq-plus"])
def test_a_whole_answer_of_a_model_that_thinks_in_streams_only(alone: Callable[..., Way], model: str) -> None:
    alone("qwen")
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "count to 5"}]}
    if "qwq" not in model:
        asked["reasoning_effort"] = "low"
    with OpenAI(max_retries=0) as client:
        answer = client.chat.completions.create(**asked)
    assert answer.choices[0].message.content == "1 2 3 4 5"
    assert getattr(answer.choices[0].message, "reasoning_content", "")
