"""The sandbox over real sockets: the openai SDK and plain HTTP as its clients, each vendor's shapes, each fault."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest
from pydantic import BaseModel

from llmswitch import adapter
from llmswitch.sandbox import KINDS, Prompt, Sandbox, run
from tests.conftest import FIVE
from tests.servers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
MODELS = {
    "openai@global": "gpt-4o",
    "qwen@cn": "qwen-plus",
    "qwen@intl": "qwen3.7-plus",
    "ernie@cn": "ernie-4.5-turbo-128k",
    "zhipu@cn": "glm-4.6",
    "zhipu@intl": "glm-4.6",
}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK: Any = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    served.reset()
    return served


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[openai.OpenAI]:
    with connect(sandbox, "openai") as found:
        yield found


def connect(sandbox: Sandbox, name: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=sandbox.url(name), api_key=sandbox.key(name), **{"max_retries": 0, **options})


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def http(
    method: str, url: str, body: object = None, key: str | None = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    for name, value in {"Content-Type": "application/json", **headers}.items():
        request.add_header(name.replace("_", "-"), value)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            status, found, raw = response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, found, raw = error.code, dict(error.headers), error.read()
    try:
        return status, found, json.loads(raw)
    except ValueError:
        return status, found, raw.decode()


def chat(sandbox: Sandbox, name: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
    asked = {"model": MODELS[name], "messages": HELLO, **(body or {})}
    status, _, answer = http("POST", f"{sandbox.url(name)}/chat/completions", asked, sandbox.key(name), **headers)
    return status, answer


# Answers.


@pytest.mark.parametrize("name", MODELS)
def test_every_endpoint_answers_and_says_what_it_is(sandbox: Sandbox, name: str) -> None:
    with connect(sandbox, name) as client:
        whole = client.chat.completions.create(model=MODELS[name], messages=HELLO)
        again = client.chat.completions.create(model=MODELS[name], messages=HELLO)
        streamed = client.chat.completions.create(model=MODELS[name], messages=HELLO, stream=True)
        said = whole.choices[0].message.content
        assert said is not None
        assert "llmswitch sandbox, not a model" in said
        assert name in said
        assert again.choices[0].message.content == text_of(streamed) == said
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        assert MODELS[name] in [model.id for model in client.models.list()]
    assert sandbox.hits(name) == len(sandbox.requests(name)) == 4


@pytest.mark.parametrize("name", MODELS)
def test_each_endpoint_takes_only_its_own_key(sandbox: Sandbox, name: str) -> None:
    for other in MODELS:
        if other != name:
            with (
                openai.OpenAI(base_url=sandbox.url(name), api_key=sandbox.key(other), max_retries=0) as client,
                pytest.raises(openai.AuthenticationError),
            ):
                client.chat.completions.create(model=MODELS[name], messages=HELLO)


def test_a_stream_of_openai_ends_with_usage_when_asked(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=HELLO, n=2, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert {chunk.choices[0].index for chunk in chunks[:-1]} == {0, 1}
    finishes = [(chunk.choices[0].index, chunk.choices[0].finish_reason) for chunk in chunks[:-1]]
    assert sorted(one for one in finishes if one[1]) == [(0, "stop"), (1, "stop")]


def test_usage_comes_with_the_last_chunk_at_zhipu_and_ernie(sandbox: Sandbox) -> None:
    for name in ("zhipu@cn", "ernie@cn"):
        with connect(sandbox, name) as client:
            chunks = list(client.chat.completions.create(model=MODELS[name], messages=HELLO, stream=True))
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert chunks[-1].usage is not None


def test_max_tokens_and_stop_cut_the_answer(client: openai.OpenAI) -> None:
    short = client.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=2)
    assert (short.choices[0].message.content, short.choices[0].finish_reason) == ("This is", "length")
    counted: Any = [{"role": "user", "content": "count to 50"}]
    stopped = client.chat.completions.create(model="gpt-4o", messages=counted, stop=[" 4"])
    assert stopped.choices[0].message.content == "1 2 3"


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_their_results_answered(client: openai.OpenAI, stream: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": "both, please"}]
    if stream:
        with client.chat.completions.stream(model="gpt-4o", messages=asked, tools=[WEATHER, CLOCK]) as events:
            message: Any = events.get_final_completion().choices[0].message
    else:
        message = (
            client.chat.completions.create(model="gpt-4o", messages=asked, tools=[WEATHER, CLOCK]).choices[0].message
        )
    assert [call.function.name for call in message.tool_calls] == ["weather", "clock"]
    assert json.loads(message.tool_calls[0].function.arguments) == {"city": "sandbox"}
    results = [{"role": "tool", "tool_call_id": call.id, "content": f"sunny {call.id}"} for call in message.tool_calls]
    asked += [message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}), *results]
    said = client.chat.completions.create(model="gpt-4o", messages=asked, tools=[WEATHER, CLOCK])
    assert message.tool_calls[1].id in str(said.choices[0].message.content)
    with pytest.raises(openai.BadRequestError, match="must be followed by tool messages"):
        client.chat.completions.create(model="gpt-4o", messages=asked[:-1])


def test_one_tool_unless_several_are_asked_for_and_none_when_none(client: openai.OpenAI) -> None:
    def called(**options: Any) -> list[str]:
        made = client.chat.completions.create(model="gpt-4o", messages=HELLO, tools=[WEATHER, CLOCK], **options)
        return [call.function.name for call in made.choices[0].message.tool_calls or []]

    assert called() == ["weather"]
    assert called(tool_choice={"type": "function", "function": {"name": "clock"}}) == ["clock"]
    assert called(tool_choice="none") == []


class Leaf(BaseModel):
    kind: str
    weight: float


class Tree(BaseModel):
    name: str
    leaves: list[Leaf]
    parent: Tree | None


def test_json_modes_give_valid_json(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=Tree)
    tree = parsed.choices[0].message.parsed
    assert tree is not None
    assert tree.leaves[0].weight == 1.0
    asked: Any = [{"role": "user", "content": "answer in json"}]
    plain = client.chat.completions.create(model="gpt-4o", messages=asked, response_format={"type": "json_object"})
    assert json.loads(plain.choices[0].message.content or "")["sandbox"] is True
    with pytest.raises(openai.BadRequestError, match="'json' in some form"):
        client.chat.completions.create(model="gpt-4o", messages=HELLO, response_format={"type": "json_object"})


def test_images_logprobs_embeddings_and_small_resources(client: openai.OpenAI) -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    seen: Any = [{"role": "user", "content": [{"type": "text", "text": "look"}, part]}]
    answered = client.chat.completions.create(model="gpt-4o", messages=seen, logprobs=True, top_logprobs=2)
    assert "Images received: 1" in str(answered.choices[0].message.content)
    assert answered.choices[0].logprobs is not None
    assert len((answered.choices[0].logprobs.content or [])[0].top_logprobs) == 2
    packed = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=256)
    plain = client.embeddings.create(model="text-embedding-3-small", input="b", dimensions=256, encoding_format="float")
    assert packed.data[1].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert packed.data[0].embedding != packed.data[1].embedding
    assert client.responses.create(model="gpt-4o", input="hi").output_text.startswith("This is the llmswitch sandbox")
    assert client.files.list().data == []
    assert client.moderations.create(input="x").results[0].flagged is False
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.fine_tuning.jobs.list()
    with pytest.raises(openai.NotFoundError, match=r"gpt-3\.5-turbo"):
        client.chat.completions.create(model="gpt-3.5-turbo", messages=HELLO)


def test_a_generator_of_ones_own_writes_the_text() -> None:
    class Parrot:
        blocking = True

        def text(self, prompt: Prompt) -> Iterator[str]:
            return iter([prompt.model, "!", " again"])

    with Sandbox(generator=Parrot()) as sandbox, connect(sandbox, "qwen@cn") as client:
        assert (
            text_of(client.chat.completions.create(model="qwen-plus", messages=HELLO, stream=True))
            == "qwen-plus! again"
        )


# What each vendor rejects, in its own words.


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("openai@global", {"temperature": 3}, 400, "decimal_above_max_value"),
        ("openai@global", {"messages": []}, 400, "empty_array"),
        ("openai@global", {"messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value"),
        ("openai@global", {"model": "o3", "max_tokens": 5}, 400, "unsupported_parameter"),
        (
            "openai@global",
            {"messages": [{"role": "user", "content": "word " * 130_000}]},
            400,
            "context_length_exceeded",
        ),
        ("qwen@cn", {"temperature": 2}, 400, "invalid_parameter_error"),
        ("qwen@cn", {"top_p": 0}, 400, "invalid_parameter_error"),
        ("qwen@cn", {"messages": [{"role": "system", "content": "x"}]}, 400, "invalid_parameter_error"),
        ("qwen@cn", {"enable_thinking": True}, 400, "invalid_parameter_error"),
        ("qwen@cn", {"model": "gpt-4o"}, 404, "model_not_found"),
        ("ernie@cn", {"temperature": 0}, 400, "invalid_argument"),
        ("ernie@cn", {"messages": [*HELLO, *HELLO]}, 400, "invalid_messages"),
        ("ernie@cn", {"model": "gpt-4o"}, 401, "invalid_model"),
        ("ernie@cn", {"model": None}, 400, "invalid_model"),
        ("zhipu@cn", {"temperature": 1.5}, 400, "1210"),
        ("zhipu@cn", {"messages": [{"role": "user", "content": ""}]}, 400, "1213"),
        ("zhipu@cn", {"model": "gpt-4o"}, 400, "1211"),
    ],
)
def test_what_a_vendor_rejects(sandbox: Sandbox, name: str, body: dict[str, Any], status: int, code: str) -> None:
    found, answer = chat(sandbox, name, body)
    assert (found, answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("body", [b"{not json", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[1]", b""])
def test_a_body_that_is_no_json_object_is_a_bad_request(sandbox: Sandbox, name: str, body: bytes) -> None:
    url = f"{sandbox.url(name)}/chat/completions"
    status, _, answer = http("POST", url, body, sandbox.key(name))
    assert status in (400, 404), answer
    assert "error" in answer


def test_zhipu_speaks_the_callers_language_and_remembers_request_ids(sandbox: Sandbox) -> None:
    sandbox.fault("zhipu", "quota")
    assert "5 小时" in chat(sandbox, "zhipu@cn")[1]["error"]["message"]
    english = chat(sandbox, "zhipu@cn", Accept_Language="en-US,en")[1]["error"]["message"]
    reset = dt.datetime.strptime(english.rpartition(" at ")[2] + "+0800", "%Y-%m-%d %H:%M:%S%z")
    assert 17_900 < reset.timestamp() - time.time() < 18_100
    sandbox.clear()
    assert chat(sandbox, "zhipu@cn", {"request_id": "once"})[0] == 200
    assert chat(sandbox, "zhipu@cn", {"request_id": "once"})[1]["error"]["code"] == "1231"


def test_qwens_native_protocol_is_cumulative_and_has_no_done(sandbox: Sandbox) -> None:
    url = f"{sandbox.native_url('qwen@cn')}/services/aigc/text-generation/generation"
    body = {"model": "qwen-plus", "input": {"messages": HELLO}, "parameters": {"result_format": "message"}}
    _, _, raw = http("POST", url, body, sandbox.key("qwen@cn"), X_DashScope_SSE="enable")
    events = raw.strip().split("\n\n")
    assert events[0].split("\n")[:3] == ["id:1", "event:result", ":HTTP_STATUS/200"]
    outputs = [json.loads(one.rpartition("\ndata:")[2])["output"]["choices"][0] for one in events]
    assert outputs[0]["finish_reason"] == "null"
    assert outputs[-1]["finish_reason"] == "stop"
    assert outputs[-1]["message"]["content"].startswith(outputs[3]["message"]["content"])
    sandbox.fault("qwen", "rate_limit", code="Throttling.AllocationQuota")
    status, _, error = http("POST", url, body, sandbox.key("qwen@cn"))
    assert (status, error["code"]) == (429, "Throttling.AllocationQuota")


def test_ernies_first_api_errs_with_http_200(sandbox: Sandbox) -> None:
    origin, url = sandbox.url("ernie").removesuffix("/v2"), f"{sandbox.native_url('ernie')}/chat/completions_pro"
    keys = sandbox.sdk_environment
    granted = f"?grant_type=client_credentials&client_id={keys['QIANFAN_AK']}&client_secret={keys['QIANFAN_SK']}"
    token = http("POST", f"{origin}/oauth/2.0/token{granted}")[2]["access_token"]
    status, _, error = http("POST", url, {"messages": HELLO})
    assert (status, error["error_code"]) == (200, 110)
    assert "sandbox" in http("POST", f"{url}?access_token={token}", {"messages": HELLO})[2]["result"]
    even = http("POST", f"{url}?access_token={token}", {"messages": [*HELLO, {"role": "assistant", "content": "x"}]})
    assert even[2]["error_code"] == 336003
    sandbox.fault("ernie", "quota")
    assert http("POST", url, {"messages": HELLO})[2]["error_code"] == 17


# Faults.


@pytest.mark.parametrize(
    ("name", "kind", "options", "status", "code"),
    [
        ("openai", "region_block", {}, 403, "unsupported_country_region_territory"),
        ("openai", "quota", {}, 429, "insufficient_quota"),
        ("openai", "arrears", {}, 429, "billing_not_active"),
        ("openai", "auth", {"code": "account_deactivated"}, 401, "account_deactivated"),
        ("openai", "overload", {}, 503, "server_is_overloaded"),
        ("openai", "refusal", {"form": "http"}, 400, "content_policy_violation"),
        ("qwen", "quota", {}, 403, "AllocationQuota.FreeTierOnly"),
        ("qwen", "arrears", {}, 400, "Arrearage"),
        ("qwen", "rate_limit", {"code": "insufficient_quota"}, 429, "insufficient_quota"),
        ("qwen", "refusal", {}, 400, "data_inspection_failed"),
        ("ernie", "arrears", {}, 403, "account_overdue"),
        ("ernie", "rate_limit", {}, 429, "rpm_rate_limit_exceeded"),
        ("ernie", "refusal", {"form": "http"}, 403, "system_unsafe"),
        ("zhipu", "arrears", {}, 429, "1113"),
        ("zhipu", "quota", {}, 429, "1308"),
        ("zhipu", "overload", {}, 429, "1312"),
        ("zhipu", "refusal", {"form": "http"}, 400, "1301"),
        ("zhipu", "context_length", {}, 400, "1261"),
    ],
)
def test_an_error_is_the_vendors_own(
    sandbox: Sandbox, name: str, kind: str, options: dict[str, Any], status: int, code: str
) -> None:
    sandbox.fault(name, kind, **options)
    endpoint = next(one for one in MODELS if one.startswith(name))
    for body in ({}, {"stream": True}):
        found, answer = chat(sandbox, endpoint, body)
        assert (found, answer["error"]["code"]) == (status, code)
    assert [record.fault for record in sandbox.requests(name)] == [kind, kind]


@pytest.mark.parametrize(
    ("name", "reason"), [("openai", "content_filter"), ("ernie", "content_filter"), ("zhipu", "sensitive")]
)
def test_a_refusal_can_be_a_finish_reason(sandbox: Sandbox, name: str, reason: str) -> None:
    sandbox.fault(name, "refusal")
    endpoint = next(one for one in MODELS if one.startswith(name))
    assert chat(sandbox, endpoint)[1]["choices"][0]["finish_reason"] == reason


def test_retry_after_is_sent(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.fault("openai", "rate_limit", retry_after="0.5", count=1)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.response.headers["retry-after"] == "0.5"
    assert client.chat.completions.create(model="gpt-4o", messages=HELLO).choices


def test_a_block_takes_effect_at_its_moment(sandbox: Sandbox, client: openai.OpenAI) -> None:
    sandbox.fault("openai", "region_block", at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.5))
    assert client.chat.completions.create(model="gpt-4o", messages=HELLO).choices
    time.sleep(0.6)
    with pytest.raises(openai.PermissionDeniedError):
        client.models.list()


STREAM_FAULTS: list[tuple[str, dict[str, Any], str, type[Exception] | None]] = [
    ("cut", {}, "This is the", openai.APIConnectionError),
    ("cut", {"after": 0}, "", openai.APIConnectionError),
    ("cut", {"close": "reset"}, "This is the", openai.APIConnectionError),
    ("clean_eof", {"after": 5}, "This is the llmswitch sandbox", None),
    ("in_band_error", {"error": "overload"}, "This is the", openai.APIError),
    ("region_block", {"wire": "sse"}, "", openai.APIError),
    ("garbage", {}, "This is the", json.JSONDecodeError),
    ("stall", {}, "This is the", openai.APITimeoutError),
    ("slow_first_token", {"seconds": 30}, "", openai.APITimeoutError),
]


@pytest.mark.parametrize(("kind", "options", "delivered", "error"), STREAM_FAULTS)
def test_faults_strike_a_stream_where_asked(
    sandbox: Sandbox, kind: str, options: dict[str, Any], delivered: str, error: type[Exception] | None
) -> None:
    sandbox.fault("openai", kind, **options)
    seen: list[Any] = []
    with (
        connect(sandbox, "openai", timeout=0.5) as client,
        contextlib.nullcontext() if error is None else pytest.raises(error),
    ):
        for chunk in client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True):
            seen.append(chunk)  # noqa: PERF402 - what came before the error counts
    assert text_of(seen) == delivered
    assert not any(chunk.choices[0].finish_reason for chunk in seen)


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("reset", {}, openai.APIConnectionError),
        ("cut", {}, openai.APIConnectionError),
        ("stall", {}, openai.APITimeoutError),
        ("slow_head", {"seconds": 30}, openai.APITimeoutError),
        ("garbage", {}, json.JSONDecodeError),
        ("empty", {}, json.JSONDecodeError),
        ("html", {"status": 403}, openai.PermissionDeniedError),
        ("error_rate", {"p": 1.0}, openai.InternalServerError),
    ],
)
def test_faults_strike_a_whole_answer(
    sandbox: Sandbox, kind: str, options: dict[str, Any], error: type[Exception]
) -> None:
    sandbox.fault("openai", kind, **options)
    with connect(sandbox, "openai", timeout=0.5) as client, pytest.raises(error):
        client.chat.completions.create(model="gpt-4o", messages=HELLO)


def test_pages_and_objects_that_pose_as_answers(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "html")
    assert "Guest network" in chat(sandbox, "openai@global")[1]
    sandbox.fault("openai", "in_band_error")
    status, answer = chat(sandbox, "openai@global")
    assert (status, answer["error"]["type"]) == (200, "server_error")
    sandbox.fault("openai", "no_done")
    _, raw = chat(sandbox, "openai@global", {"stream": True})
    assert '"finish_reason":"stop"' in raw
    assert "[DONE]" not in raw


def test_error_rate_meets_its_share(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "error_rate", p=0.3)
    served = [chat(sandbox, "openai@global")[0] for _ in range(200)]
    assert 35 < served.count(500) < 85


def test_a_fault_may_concern_one_model_path_or_site(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "server_error", path="/embeddings")
    sandbox.fault("openai", "overload", model="gpt-4.1")
    sandbox.fault("qwen@intl", "server_error")
    assert chat(sandbox, "openai@global")[0] == 200
    assert chat(sandbox, "openai@global", {"model": "gpt-4.1"})[0] == 503
    assert (chat(sandbox, "qwen@cn")[0], chat(sandbox, "qwen@intl")[0]) == (200, 500)
    sandbox.clear("qwen@intl")
    assert chat(sandbox, "qwen@intl")[0] == 200
    assert chat(sandbox, "openai@global", {"model": "gpt-4.1"})[0] == 503


@pytest.mark.parametrize(
    ("name", "kind", "options", "words"),
    [
        ("qwen", "region_block", {}, "not known to answer with region block"),
        ("bedrock", "quota", {}, "has no 'bedrock'"),
        ("openai", "meteor", {}, "no fault is called 'meteor'"),
        ("openai", "quota", {"colour": 1}, "no option 'colour'"),
        ("openai", "cut", {"after": "x"}, "expected a whole number"),
        ("openai", "cut", {"after": -2}, "expected a whole number from -1"),
        ("openai", "quota", {"count": 0}, "expected a whole number from 1"),
        ("openai", "quota", {"status": 9999}, "expected a whole number from 200 to 599"),
        ("openai", "error_rate", {"p": 2}, "expected a number from 0 to 1"),
        ("openai", "stall", {"seconds": -1}, "expected a number from 0"),
        ("openai", "stall", {"seconds": float("nan")}, "expected a number from 0"),
        ("openai", "cut", {"close": "gently"}, "fin, reset"),
        ("openai", "quota", {"code": "1113"}, "insufficient_quota"),
        ("openai", "quota", {"at": dt.datetime(2026, 7, 9)}, "offset from UTC"),  # noqa: DTZ001
        ("openai", "quota", {"at": "soon"}, "at='soon': expected unix time"),
        ("qwen", "refusal", {"form": "finish"}, "no finish reason"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    sandbox: Sandbox, name: str, kind: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        sandbox.fault(name, kind, **options)
    assert sandbox.faults() == []


# The sandbox itself.


def test_a_client_that_leaves_is_noticed_within_a_second(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "stall")
    with connect(sandbox, "openai") as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
        next(stream)
        assert sandbox.open_connections("openai") == 1
        stream.close()
    deadline = time.time() + 1
    while sandbox.open_connections("openai") and time.time() < deadline:
        time.sleep(0.01)
    assert sandbox.open_connections("openai") == 0
    assert sandbox.requests("openai")[-1].completed is False


def test_requests_are_kept_without_keys(sandbox: Sandbox) -> None:
    chat(sandbox, "openai@global", {"stream": True})
    (record,) = sandbox.requests("openai")
    assert (record.method, record.path, record.status, record.model) == ("POST", "/v1/chat/completions", 200, "gpt-4o")
    assert record.stream
    assert record.completed
    assert record.body["messages"] == HELLO
    assert "Authorization" in record.headers
    assert sandbox.key("openai") not in repr(record)


@pytest.mark.parametrize("body", [{"stream": True}, {}], ids=["streamed", "whole"])
def test_whoever_has_read_an_answer_finds_its_request_completed(sandbox: Sandbox, body: dict[str, Any]) -> None:
    for _ in range(100):
        chat(sandbox, "openai@global", body)
        assert sandbox.requests("openai")[-1].completed


@pytest.mark.parametrize(
    ("kind", "options", "completed"),
    [
        ("cut", {}, False),
        ("cut", {"close": "reset"}, False),
        ("clean_eof", {}, False),
        ("in_band_error", {}, False),
        ("reset", {}, False),
        ("no_done", {}, True),
        ("stall", {"seconds": 0}, True),
        ("quota", {}, True),
    ],
)
def test_an_answer_that_a_fault_breaks_off_is_not_completed(
    sandbox: Sandbox, kind: str, options: dict[str, Any], completed: bool
) -> None:
    sandbox.fault("openai", kind, **options)
    with contextlib.suppress(OSError, HTTPException):
        chat(sandbox, "openai@global", {"stream": True})
    wait_until(lambda: sandbox.open_connections("openai") == 0)
    assert sandbox.requests("openai")[-1].completed is completed


def test_the_admin_api_has_the_same_verbs(sandbox: Sandbox) -> None:
    admin = sandbox.admin_url
    fault = {"provider": "qwen", "site": "cn", "kind": "quota", "count": 1, "options": {"stream_only": False}}
    assert http("POST", f"{admin}/faults", fault)[0] == 201
    assert [chat(sandbox, "qwen@cn")[0] for _ in range(2)] == [403, 200]
    listed = http("GET", f"{admin}/requests?provider=qwen")[2]
    assert listed["hits"] == 2
    assert [one["status"] for one in listed["requests"]] == [403, 200]
    assert http("POST", f"{admin}/faults", {"provider": "qwen", "kind": "region_block"})[0] == 400
    assert http("DELETE", f"{admin}/faults/qwen")[0] == 200
    assert sandbox.faults() == []
    assert http("GET", f"{admin}/endpoints")[2] == sandbox.endpoints
    assert http("GET", f"{admin}/environment")[2] == sandbox.environment
    assert http("GET", f"{admin}/health")[2] == {"status": "ok"}
    assert http("GET", f"{admin}/health", None, None, Host="evil.example")[0] == 403
    assert http("GET", f"{admin}/nothing")[0] == 404


def test_it_serves_loopback_only_and_frees_its_ports() -> None:
    for host in ("0.0.0.0", "192.0.2.1", "example.com"):
        with pytest.raises(ValueError, match="this machine only"):
            Sandbox(host=host)
    for port in (0, -1, 65_534, 80_000):
        with pytest.raises(ValueError, match="from 1 to 6552"):
            Sandbox(providers=FIVE, port_base=port)
    with Sandbox() as first:
        taken = int(first.admin_url.rpartition(":")[2])
        with pytest.raises(OSError, match=rf"port {taken} .* in use"):
            Sandbox(providers=FIVE, port_base=taken).start()
    first.close()
    # The ports after it may be somebody else's; below 32 768 the system gives none away by itself.
    for base in (taken, *range(20_011, 32_000, 40)):
        try:
            second = Sandbox(providers=FIVE, port_base=base).start()
        except OSError:
            continue
        assert second.admin_url.endswith(f":{base}")
        second.close()
        break
    else:
        raise AssertionError("no seven ports in a row were free")
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox().endpoints


def test_it_serves_whom_it_is_asked_to_serve() -> None:
    everybody = Sandbox()
    with Sandbox(providers=["zhipu", "qwen@intl"]) as some:
        assert {"qwen@intl", "zhipu@cn", "zhipu@intl"} <= set(some.endpoints)
        assert {name for name in some.endpoints if not name.startswith("zhipu")} == {"qwen@intl"}
        assert all("QWEN_INTL" in name or "ZHIPU" in name or name.endswith("_KEY") for name in some.environment)
        with pytest.raises(ValueError, match="no 'qwen@cn'"):
            some.fault("qwen@cn", "quota")
    with everybody:
        order = list(dict.fromkeys(name.partition("@")[0] for name in everybody.endpoints))
    assert order[:5] == ["openai", "qwen", "ernie", "zhipu", "azure"]
    assert order[5:] == sorted(order[5:])
    for nobody in (["quen"], ["qwen", "qwen@mars"], []):
        with pytest.raises(ValueError, match=r"does not serve .*; it serves: openai@global, "):
            Sandbox(providers=nobody)


async def _asynchronously() -> str:
    async with (
        Sandbox() as sandbox,
        openai.AsyncOpenAI(base_url=sandbox.url("qwen"), api_key=sandbox.key("qwen")) as client,
    ):
        answered = await client.chat.completions.create(
            model="qwen-plus", messages=[{"role": "user", "content": "你好"}]
        )
        return str(answered.choices[0].message.content)


def test_it_runs_beside_an_event_loop() -> None:
    import asyncio  # noqa: PLC0415

    assert "llmswitch 沙箱" in asyncio.run(_asynchronously())


def test_the_description_can_be_pasted_into_a_shell(sandbox: Sandbox) -> None:
    described = sandbox.describe()
    for name, value in sandbox.environment.items():
        assert f"export {name}={value}" in described
    assert len(KINDS) == len(set(KINDS))


def test_run_serves_until_it_is_told_to_end() -> None:
    code = "from llmswitch.sandbox import run; run(on_ready=lambda sandbox: print(sandbox.admin_url, flush=True))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        admin = process.stdout.readline().decode().strip()
        assert http("GET", f"{admin}/health")[0] == 200
        process.terminate()
        assert process.wait(10) == 0
    assert callable(run)


@pytest.mark.parametrize("served", [None, ("openai", "qwen@cn")])
def test_the_fixture_points_llmswitch_at_a_clean_sandbox(tmp_path: Path, served: tuple[str, ...] | None) -> None:
    if served:
        (tmp_path / "conftest.py").write_text(
            "import pytest\n"
            "@pytest.fixture(scope='session')\n"
            "def llmswitch_sandbox_providers():\n"
            f"    return {served!r}\n"
        )
    (tmp_path / "test_app.py").write_text(
        "import os, llmswitch\n"
        "def test_whom_it_serves(llmswitch_sandbox):\n"
        "    served = {name.partition('@')[0] for name in llmswitch_sandbox.endpoints}\n"
        f"    assert (served == {{'openai', 'qwen'}}) is {served is not None}\n"
        f"    assert len(served) > 15 or {served is not None}\n"
        "    llmswitch_sandbox.fault('openai', 'region_block')\n"
        "    done = llmswitch.OpenAI().chat.completions.create(\n"
        "        model='gpt-4o', messages=[{'role': 'user', 'content': 'hello'}])\n"
        "    assert 'llmswitch sandbox' in done.choices[0].message.content\n"
        "    assert done.llmswitch.provider != 'openai'\n"
        "def test_first(llmswitch_sandbox):\n"
        "    assert os.environ['LLMSWITCH_OPENAI_BASE_URL'] == llmswitch_sandbox.url('openai')\n"
        "    llmswitch_sandbox.fault('openai', 'region_block')\n"
        "def test_second(llmswitch_sandbox):\n"
        "    assert llmswitch_sandbox.faults() == []\n"
        "def test_third():\n"
        "    assert 'LLMSWITCH_OPENAI_BASE_URL' not in os.environ\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:llmswitch",
        "-p",
        "llmswitch.testing",
    ]
    ended = subprocess.run(
        [*command, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in ended.stdout, ended.stdout + ended.stderr


def test_the_plugin_costs_nothing_to_read() -> None:
    code = "import sys, llmswitch.testing; print([name for name in ('aiohttp', 'openai', 'asyncio') if name in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "aiohttp" not in ended.stdout
    assert "openai" not in ended.stdout


@pytest.mark.parametrize("name", ["openai@global", "qwen@cn", "ernie@cn", "zhipu@cn"])
def test_every_model_that_an_adapter_names_is_served(sandbox: Sandbox, name: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    for model in adapter.get(name.partition("@")[0]).models.values():
        if "chat" in model.capabilities and (model.retired is None or model.retired > today):
            assert chat(sandbox, name, {"model": model.name, "stream": True})[0] == 200, model.name


def test_models_that_are_gone_are_not_served(sandbox: Sandbox) -> None:
    for model in ("gpt-3.5-turbo", "gpt-4", "gpt-4o-2024-05-13", "o1", "gpt-4.1-nano"):
        status, answer = chat(sandbox, "openai@global", {"model": model})
        assert (status, answer["error"]["code"]) == (404, "model_not_found"), model


def test_zhipu_ignores_tool_choice_and_schemas_and_sends_calls_whole(sandbox: Sandbox) -> None:
    asked = {"tools": [WEATHER], "tool_choice": "none", "stream": True}
    _, raw = chat(sandbox, "zhipu@cn", asked)
    deltas = [json.loads(line[6:])["choices"][0]["delta"] for line in raw.split("\n\n") if line.startswith("data: {")]
    (called,) = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert json.loads(called[0]["function"]["arguments"]) == {"city": "sandbox"}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    _, answer = chat(sandbox, "zhipu@cn", {"response_format": wanted})
    assert "sandbox" in answer["choices"][0]["message"]["content"]
    assert "object" not in answer
