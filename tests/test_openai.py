"""The drop-in: what a program written for openai does, with its import line swapped."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import inspect
import json
import math
import pickle
from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

import llmswitch
from llmswitch import AsyncOpenAI, OpenAI
from llmswitch._httpx import httpx
from tests.servers import Server, answer

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

MESSAGES: list[Any] = [{"role": "user", "content": "say hello"}]
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CLOCK: Any = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

DEEP: list[Any] = functools.reduce(lambda inner, _: [inner], range(20_000), [])


class Step(BaseModel):
    text: str
    number: int


class Plan(BaseModel):
    steps: list[Step]
    final: bool


@pytest.fixture(params=["openai", "qwen"])
def answered_by(request: pytest.FixtureRequest, pair: Sandbox) -> str:
    """Each test runs twice: OpenAI answers, or Qwen does because OpenAI is blocked."""
    if request.param == "qwen":
        pair.fault("openai", "region_block")
    return str(request.param)


def test_it_is_openais_client(pair: Sandbox) -> None:
    with OpenAI() as client:
        assert isinstance(client, openai.OpenAI)
        assert OpenAI is not openai.OpenAI
        assert client.api_key == pair.key("openai@global")
    assert client.is_closed()


def test_an_answer_is_openais_object(answered_by: str) -> None:
    with OpenAI() as client:
        answer = client.chat.completions.create(**CALL)
    assert type(answer) is openai.types.chat.ChatCompletion
    report = answer.llmswitch  # type: ignore[attr-defined]
    assert report.provider == answered_by
    assert report.attempts[-1].milliseconds > 0
    assert "llmswitch" not in answer.model_dump()
    assert '"llmswitch":' not in answer.model_dump_json()
    assert "llmswitch" not in answer.model_fields_set
    assert "llmswitch" not in answer.to_dict()
    bare = openai.types.chat.ChatCompletion.construct(**answer.model_dump())
    assert answer.model_dump() == bare.model_dump()
    assert copy.deepcopy(answer) == answer
    again = pickle.loads(pickle.dumps(answer))
    assert again == answer
    assert again.llmswitch == report


def test_chunks_carry_the_report(answered_by: str) -> None:
    with OpenAI() as client:
        stream = client.chat.completions.create(**CALL, stream=True, stream_options={"include_usage": True})
        assert isinstance(stream, openai.Stream)
        chunks = list(stream)
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert chunks[-1].llmswitch.provider == answered_by
    assert "llmswitch" not in chunks[-1].model_dump()


def test_the_stream_helper(answered_by: str) -> None:
    with OpenAI() as client, client.chat.completions.stream(**CALL) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].message.content
    assert answered_by


def test_parse(answered_by: str) -> None:
    with OpenAI() as client:
        answer = client.chat.completions.parse(**CALL, response_format=Plan)
    assert isinstance(answer.choices[0].message.parsed, Plan)
    assert answer.llmswitch.provider == answered_by  # type: ignore[attr-defined]


def test_json_object(answered_by: str) -> None:
    asked: Any = [{"role": "user", "content": "answer in json"}]
    with OpenAI() as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=asked, response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)
    assert answered_by


def test_tools_and_parallel_tools(answered_by: str) -> None:
    asked: Any = [{"role": "user", "content": "both the weather and the clock"}]
    with OpenAI() as client:
        answer = client.chat.completions.create(
            model="gpt-4o", messages=asked, tools=[WEATHER, CLOCK], parallel_tool_calls=True
        )
        calls = answer.choices[0].message.tool_calls or []
        assert {call.function.name for call in calls} == {"weather", "clock"}  # type: ignore[union-attr]
        replies = [{"role": "tool", "tool_call_id": call.id, "content": "1"} for call in calls]
        history: Any = [*asked, answer.choices[0].message, *replies]
        assert (
            client.chat.completions.create(model="gpt-4o", messages=history, tools=[WEATHER, CLOCK])
            .choices[0]
            .message.content
        )
        names: dict[int, str] = {}
        for chunk in client.chat.completions.create(
            model="gpt-4o", messages=asked, tools=[WEATHER, CLOCK], parallel_tool_calls=True, stream=True
        ):
            for part in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
                if part.function and part.function.name:
                    names[part.index] = part.function.name
        assert set(names.values()) == {"weather", "clock"}
    assert answered_by


def test_pictures(answered_by: str, pair: Sandbox) -> None:
    parts: Any = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    with OpenAI() as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content
    body: Any = pair.requests(answered_by)[-1].body
    assert body["messages"][0]["content"] == parts


def test_raw_and_streaming_responses(answered_by: str) -> None:
    with OpenAI() as client:
        raw = client.chat.completions.with_raw_response.create(**CALL)
        assert raw.http_response.status_code == 200
        assert raw.headers["content-type"].startswith("application/json")
        assert raw.parse().llmswitch.provider == answered_by
        with client.chat.completions.with_streaming_response.create(**CALL) as response:
            assert json.loads(response.read())["choices"]
        with client.chat.completions.with_streaming_response.create(**CALL, stream=True) as response:
            assert any("[DONE]" in line for line in response.iter_lines())


def test_options_and_copies(pair: Sandbox) -> None:
    with OpenAI(max_retries=5) as client:
        other = client.with_options(timeout=7, max_retries=1)
        assert isinstance(other, OpenAI)
        assert (other.max_retries, other.timeout) == (1, 7)
        assert other.chat.completions.create(**CALL).choices
        there = client.with_options(region="CN")
        assert there.chat.completions.create(**CALL).llmswitch.provider == "qwen"
        assert client.chat.completions.create(**CALL).llmswitch.provider == "openai"
        assert there.copy(max_retries=0).chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert pair.hits("openai") == 2


def test_a_providers_address_may_have_no_path(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    del sandbox
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn")
    with Server(answer(200, b'{"object": "list", "data": [{"id": "theirs", "object": "model"}]}')) as server:
        monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", server.url)
        with OpenAI() as client:
            assert str(client.base_url) == server.url
            models: Any = client.models.list()
    assert models.llmswitch.endpoint == "qwen@cn"
    assert models.data[0].id == "theirs"


def test_embeddings_as_openai_gives_them(pair: Sandbox) -> None:
    with OpenAI() as client:
        answer = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [len(row.embedding) for row in answer.data] == [1536, 1536]
    assert isinstance(answer.data[0].embedding[0], float)
    assert pair.requests("openai")[-1].body["encoding_format"] == "base64"
    assert answer.llmswitch.provider == "openai"  # type: ignore[attr-defined]


def test_the_async_client(answered_by: str) -> None:
    async def go() -> None:
        async with AsyncOpenAI() as client:
            assert isinstance(client, openai.AsyncOpenAI)
            answer = await client.chat.completions.create(**CALL)
            assert answer.llmswitch.provider == answered_by
            stream = await client.chat.completions.create(**CALL, stream=True)
            assert isinstance(stream, openai.AsyncStream)
            assert [chunk async for chunk in stream][-1].llmswitch.provider == answered_by
            async with client.chat.completions.stream(**CALL) as events:
                assert [event async for event in events]
            parsed = await client.chat.completions.parse(**CALL, response_format=Plan)
            assert parsed.choices[0].message.parsed
            assert [model async for model in client.models.list()]
            raw = await client.chat.completions.with_raw_response.create(**CALL)
            assert raw.parse().choices

    asyncio.run(go())


def test_one_async_client_serves_several_loops(pair: Sandbox) -> None:
    client = AsyncOpenAI()
    for _ in range(3):
        assert asyncio.run(client.chat.completions.create(**CALL)).choices
    asyncio.run(client.close())
    assert pair.hits("openai") == 3


def test_dropping_an_async_stream_frees_the_connection(pair: Sandbox) -> None:
    others = pair.open_connections("openai")
    pair.fault("openai", "stall", after=2)

    async def go() -> None:
        async with AsyncOpenAI() as client:
            stream = await client.chat.completions.create(**CALL, stream=True)
            await anext(stream.__aiter__())
            del stream
            gc.collect()
            for _ in range(100):
                if pair.open_connections("openai") <= others:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("still open after a second")

    asyncio.run(go())


def test_without_openais_key_another_vendors_is_enough(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with OpenAI() as client:
        assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"
        with pytest.raises(llmswitch.NoProviderError, match="OPENAI_API_KEY"):
            client.files.list()
    assert pair.hits("openai") == 0


def test_no_key_at_all_is_openais_error_with_the_names_of_the_keys() -> None:
    for client in (OpenAI, AsyncOpenAI):
        with pytest.raises(openai.OpenAIError, match=r"OPENAI_API_KEY.*DASHSCOPE_API_KEY"):
            client()


def test_a_base_url_names_its_vendor_by_its_host(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAI(base_url="https://dashscope.aliyuncs.com/compatible-mode/v1", api_key="sk-mine") as client:
        assert client._beneath.engine.first.name == "qwen@cn"
        assert str(client.base_url) == "https://dashscope.aliyuncs.com/compatible-mode/v1/"
        assert client.api_key == "sk-mine"
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai,qwen,compatible")
    url = pair.url("openai@global")
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("LLMSWITCH_REGION", "CN")
    with OpenAI() as client:  # an unknown host is nobody's: no region list applies, and loopback is not left unasked
        assert client._beneath.engine.first.name.startswith("compatible@")
        assert client.chat.completions.create(**CALL).llmswitch.provider == "compatible"
        pair.fault("openai", "server_error")
        with pytest.raises(openai.InternalServerError):
            client.with_options(max_retries=0).chat.completions.create(**CALL)
        assert pair.hits("qwen") == 0
    with OpenAI(failover=True) as client:
        assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"


def test_a_base_url_set_later_is_followed(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai,qwen,compatible")
    with OpenAI() as client:
        client.base_url = pair.url("zhipu@cn")
        client.api_key = pair.key("zhipu@cn")
        copied = client.with_options(timeout=5)
        answer: Any = client.chat.completions.create(model="glm-5.3", messages=MESSAGES)
        assert answer.llmswitch.provider == "compatible"
        assert copied.chat.completions.create(model="glm-5.3", messages=MESSAGES).choices
    assert (pair.hits("openai"), pair.hits("qwen"), pair.hits("zhipu")) == (0, 0, 2)


def test_resources_of_openais_own_go_to_openai_while_it_serves_the_region(
    pair: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAI() as client:
        client.files.list()
        assert pair.requests("openai")[-1].path.startswith("/v1/files")
    monkeypatch.setenv("LLMSWITCH_REGION", "HK")
    with OpenAI() as client:
        for ask in (
            client.files.list,
            client.batches.list,
            lambda: client.responses.create(model="gpt-4o", input="hi"),
        ):
            with pytest.raises(openai.PermissionDeniedError, match="does not serve HK") as caught:
                ask()
            assert isinstance(caught.value, llmswitch.RegionBlockedError)
            assert " Use " in str(caught.value)
    assert pair.hits() == 1


def test_a_custom_http_client_carries_every_call(pair: Sandbox) -> None:
    seen: list[str] = []
    with httpx.Client(
        event_hooks={"request": [lambda request: seen.append(request.url.path)]}, timeout=11
    ) as http_client:
        client = OpenAI(http_client=http_client)
        assert client.chat.completions.create(**CALL).choices
        assert client.timeout == httpx.Timeout(11)
        pair.fault("openai", "quota")
        assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"
        assert len(list(client.chat.completions.create(**CALL, stream=True))) > 1
    assert seen == ["/v1/chat/completions", "/v1/chat/completions", *["/compatible-mode/v1/chat/completions"] * 2]


@pytest.mark.skipif(
    "Callable" not in str(inspect.signature(openai.OpenAI).parameters["api_key"]), reason="came after openai 1.99"
)
def test_a_function_gives_the_key_for_every_request(pair: Sandbox) -> None:
    asked = []

    def key() -> str:
        asked.append(1)
        return pair.key("openai@global")

    with OpenAI(api_key=key) as client:
        client.chat.completions.create(**CALL)
        client.chat.completions.create(**CALL)
    assert len(asked) == 2


@pytest.mark.parametrize(
    "fault", ["auth", "rate_limit", "server_error", "model_not_found", "bad_request", "refusal", "permission"]
)
def test_a_lone_providers_errors_are_openais_own(pair: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai")
    pair.fault("openai", fault, **({"form": "http"} if fault == "refusal" else {}))
    errors = []
    for client in (
        openai.OpenAI(base_url=pair.url("openai@global"), max_retries=0),
        OpenAI(max_retries=0),
    ):
        with client, pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(**CALL)
        errors.append(caught.value)
    theirs, ours = errors
    assert type(ours) is type(theirs)
    for name in ("message", "status_code", "code", "param", "type", "body"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert str(ours) == str(theirs)
    assert ours.response.status_code == theirs.response.status_code
    assert ours.attempts[0].provider == "openai"  # type: ignore[attr-defined]


def test_a_refused_connection_is_openais_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("LLMSWITCH_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with OpenAI(max_retries=0) as client, pytest.raises(openai.APIConnectionError, match="Connection error"):
        client.chat.completions.create(**CALL)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"temperature": math.nan}, "temperature"),
        ({"messages": [{"role": "user", "content": "half \ud83d"}]}, r"messages\[0\]\.content"),
        ({"extra_body": {"x": object()}}, "x"),
        ({"metadata": {"a": DEEP}}, "nested too deeply"),
    ],
    ids=["nan", "half a character", "an object", "deep"],
)
def test_what_has_no_json_form_is_rejected_before_sending(
    pair: Sandbox, body: dict[str, Any], place: str, kind: str, streamed: bool
) -> None:
    with pytest.raises(llmswitch.InvalidRequestError, match=place) as caught:
        if kind == "sync":
            with OpenAI() as client:
                client.chat.completions.create(**{**CALL, **body}, stream=streamed)
        else:

            async def go() -> None:
                async with AsyncOpenAI() as client:
                    await client.chat.completions.create(**{**CALL, **body}, stream=streamed)

            asyncio.run(go())
    assert isinstance(caught.value, openai.BadRequestError)
    assert isinstance(caught.value, ValueError)
    assert pair.hits() == 0


@pytest.mark.parametrize(
    "messages",
    [[], [{"role": "wizard", "content": "x"}], [{"role": "user", "content": 7}], [{"role": "user"}], [None], "text"],
)
def test_what_the_vendor_must_judge_is_sent_as_openai_would_send_it(pair: Sandbox, messages: Any) -> None:
    with OpenAI() as client:
        try:
            client.chat.completions.create(model="gpt-4o", messages=messages)
        except openai.BadRequestError:
            pass
        except TypeError:  # openai's own, before sending
            with openai.OpenAI(base_url=pair.url("openai@global")) as plain, pytest.raises(TypeError):
                plain.chat.completions.create(model="gpt-4o", messages=messages)
            return
    assert pair.requests("openai")[-1].body == {"model": "gpt-4o", "messages": messages}
    assert pair.hits("qwen") == 0


def test_ten_megabytes_go_through(pair: Sandbox) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10 * 1024 * 1024}}]
    with OpenAI() as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": parts}])
    assert pair.hits() == 1


@pytest.mark.parametrize("key", ["sk-line\n", "sk-\r\nX-Evil: 1", " sk-x", "sk-中"])
def test_a_key_that_cannot_stand_in_a_header(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(openai.OpenAIError) as caught:
        OpenAI(api_key=key)
    assert "api_key" in str(caught.value)
    assert "sk-" not in str(caught.value)
    monkeypatch.setenv("DASHSCOPE_API_KEY", key)
    with pytest.raises(openai.OpenAIError, match="DASHSCOPE_API_KEY"):
        OpenAI()


def test_options_that_do_not_exist(pair: Sandbox) -> None:
    with OpenAI() as client:
        with pytest.raises(llmswitch.InvalidRequestError, match="provider"):
            client.chat.completions.create(**CALL, extra_body={"llmswitch": {"provider": "qwen"}})
        with pytest.raises(llmswitch.InvalidRequestError):
            client.chat.completions.create(**CALL, extra_body={"llmswitch": 7})
    with pytest.raises(openai.OpenAIError, match="ISO"):
        OpenAI(region="Atlantis")
    assert pair.hits() == 0


def test_allow_lists_are_hard_filters(pair: Sandbox) -> None:
    with OpenAI() as client:
        only: Any = {"extra_body": {"llmswitch": {"providers": ["qwen"]}}}
        assert client.chat.completions.create(**CALL, **only).llmswitch.provider == "qwen"
        pair.fault("qwen", "server_error")
        with pytest.raises(openai.InternalServerError):
            client.with_options(max_retries=0).chat.completions.create(**CALL, **only)
        nowhere: Any = {"extra_body": {"llmswitch": {"providers": []}}}
        with pytest.raises(llmswitch.NoProviderError):
            client.chat.completions.create(**CALL, **nowhere)
    assert pair.hits("openai") == 0


def test_errors_survive_pickling(pair: Sandbox) -> None:
    pair.fault("openai", "region_block")
    pair.fault("qwen", "arrears")
    with OpenAI() as client, pytest.raises(llmswitch.AllProvidersFailedError) as caught:
        client.chat.completions.create(**CALL)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)
    assert again.attempts == caught.value.attempts
    assert isinstance(again, openai.PermissionDeniedError)
    assert again.status_code == 403
    with pytest.raises(llmswitch.RegionBlockedError):
        raise again


def test_import_llmswitch_as_openai(pair: Sandbox) -> None:
    import llmswitch as openai_  # noqa: PLC0415

    assert openai_.OpenAI is OpenAI
    assert openai_.RateLimitError is openai.RateLimitError
    assert openai_.types is openai.types
    assert openai_.NOT_GIVEN is openai.NOT_GIVEN
    with pytest.raises(AttributeError):
        _ = openai_.no_such_name
    with openai_.OpenAI() as client:
        assert client.chat.completions.create(**CALL).choices
    assert pair.hits("openai") == 1


def test_module_level_calls_switch_too(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    import llmswitch as openai_  # noqa: PLC0415

    monkeypatch.setattr(openai_, "api_key", pair.key("openai@global"), raising=False)
    assert openai_.chat.completions.create(**CALL).llmswitch.provider == "openai"
    pair.fault("openai", "region_block")
    assert openai_.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    monkeypatch.setattr(openai_, "max_retries", 0, raising=False)
    assert openai_.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert pair.hits("openai") == 2


@pytest.mark.usefixtures("pair")
def test_a_call_without_a_model_takes_out_no_other() -> None:
    with OpenAI() as client:
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="", messages=MESSAGES)
        assert client.chat.completions.create(**CALL).llmswitch.provider == "openai"
        assert "gpt-4o" in [model.id for model in client.models.list()]


def test_a_header_that_cannot_be_sent(pair: Sandbox) -> None:
    with OpenAI() as client, pytest.raises(llmswitch.InvalidRequestError, match="line break"):
        client.chat.completions.create(**CALL, extra_headers={"X-A": "a\nb"})
    assert pair.hits() == 0


def test_cutover_switches_by_itself(pair: Sandbox) -> None:
    cutover = {"provider": "openai", "regions": ["US"], "at": "2024-07-09T00:00:00+08:00"}
    later = {**cutover, "at": "2999-01-01T00:00:00Z"}
    for cutovers, provider in (([cutover], "qwen"), ([later], "openai")):
        with OpenAI(cutovers=cutovers) as client:
            assert client.chat.completions.create(**CALL).llmswitch.provider == provider
    assert pair.hits("openai") == 1
