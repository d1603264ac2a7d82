"""Each vendor of the sandbox as its pages, SDKs and users report it: errors, strictness and streams, over real sockets."""

from __future__ import annotations

import itertools
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import adapter, config
from llmswitch.sandbox import Sandbox
from llmswitch.sandbox.faults import ERRORS
from llmswitch.sandbox.providers import providers
from tests.test_sandbox import CLOCK, HELLO, WEATHER, http

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

MODELS = {
    "baichuan@cn": "Baichuan4-Turbo",
    "deepseek@global": "deepseek-v4-flash",
    "doubao@cn": "doubao-seed-2-1-pro-260915",
    "doubao@intl": "seed-2-0-lite-260228",
    "hunyuan@cn": "hy3",
    "hunyuan@intl": "deepseek-v4-flash",
    "minimax@cn": "MiniMax-M3",
    "minimax@io": "MiniMax-M2.7",
    "moonshot@cn": "kimi-k2.6",
    "moonshot@ai": "kimi-k3",
    "qwen@us": "qwen-plus",
    "qwen@hk": "qwen-plus",
    "qwen@eu": "qwen-plus",
    "qwen@jp": "qwen-plus",
    "qwen@coding": "qwen3-coder-plus",
    "qwen@coding-intl": "qwen3-coder-plus",
    "qwen@token": "qwen3.7-max",
    "sensenova@cn": "sensenova-6.7-flash-lite",
    "siliconflow@cn": "Qwen/Qwen3-32B",
    "siliconflow@com": "deepseek-ai/DeepSeek-V4-Flash",
    "spark@cn": "4.0Ultra",
    "spark@x1": "x1",
    "spark@x2": "spark-x",
    "stepfun@cn": "step-3.7-flash",
    "stepfun@ai": "step-3.5-flash",
    "yi@cn": "yi-lightning",
    "zhipu@coding": "glm-4.6",
    "zhipu@coding-intl": "glm-4.6",
}
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
ROUND: list[Json] = [
    *HELLO,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
]
"""A tool call of another vendor: nobody thought."""
THOUGHT = [ROUND[0], {**ROUND[1], "reasoning_content": "I look."}, ROUND[2]]


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    served.reset()
    return served


def ask(sandbox: Sandbox, name: str, body: Json | None = None, key: str | None = None) -> tuple[int, Any]:
    """The status and body of a chat call, as they came."""
    asked = {"model": MODELS[name], "messages": HELLO, **(body or {})}
    status, _, answer = http("POST", f"{sandbox.url(name)}/chat/completions", asked, key or sandbox.key(name))
    return status, answer


def stream(sandbox: Sandbox, name: str, body: Json | None = None) -> list[str]:
    """The lines of a streamed chat call, those between events left out."""
    asked = {"model": MODELS[name], "messages": HELLO, "stream": True, **(body or {})}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {sandbox.key(name)}"}
    request = urllib.request.Request(f"{sandbox.url(name)}/chat/completions", json.dumps(asked).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return [line for line in response.read().decode().split("\n") if line]


def chunks(lines: list[str]) -> list[Json]:
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def holds(found: object, expected: object) -> bool:
    """Whether what is expected is there: fields of objects, a text or its part."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(found.get(name), one) for name, one in expected.items())
    if isinstance(expected, str) and isinstance(found, str):
        return expected in found
    return type(found) is type(expected) and found == expected


# Answers.


def test_each_site_is_one_of_its_adapters() -> None:
    """Where there is a TOML, it knows the sandbox's sites, and with them the variables that move them."""
    known = [provider for provider in providers() if provider.name in adapter.adapters()]
    assert {"openai", "qwen", "ernie", "zhipu", "azure"} <= {provider.name for provider in known}
    apart = {
        f"{provider.name}@{site.name}"
        for provider in known
        for site in provider.sites
        if site.name not in {one.name for one in adapter.get(provider.name).sites}
    }
    assert not apart


@pytest.mark.parametrize("name", MODELS)
def test_every_endpoint_answers_openais_sdk_whole_and_streamed(sandbox: Sandbox, name: str) -> None:
    with openai.OpenAI(base_url=sandbox.url(name), api_key=sandbox.key(name), max_retries=0) as client:
        whole = client.chat.completions.create(model=MODELS[name], messages=HELLO)
        pieces = client.chat.completions.create(model=MODELS[name], messages=HELLO, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
    assert "llmswitch sandbox, not a model" in said
    assert name in said
    assert whole.choices[0].message.content == said
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    assert sandbox.hits(name) == 2


@pytest.mark.parametrize("name", MODELS)
def test_models_are_listed_where_there_is_a_list(sandbox: Sandbox, name: str) -> None:
    status, _, answer = http("GET", f"{sandbox.url(name)}/models", key=sandbox.key(name))
    if name.startswith("spark"):
        assert (status, answer) == (404, "404 page not found")
    else:
        assert status == 200
        assert MODELS[name] in [model["id"] for model in answer["data"]]


def test_llmswitch_reads_every_variable_of_the_environment(sandbox: Sandbox) -> None:
    assert config.load(environ=sandbox.environment).warnings == ()
    assert len({name.partition("@")[0] for name in sandbox.endpoints}) >= 15


# Keys: each site takes its own, and refuses its twin's as the vendor does.

KEYS = [
    ("baichuan@cn", None, 401, {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided"}}),
    ("deepseek@global", None, 401, {"error": {"message": "****-key is invalid", "type": "authentication_error"}}),
    ("doubao@cn", "doubao@intl", 401, {"error": {"code": "AuthenticationError", "type": "Unauthorized"}}),
    (
        "hunyuan@cn",
        "hunyuan@intl",
        401,
        {"error": {"code": "401002", "type": "gateway_error", "message_zh": "API Key"}},
    ),
    ("minimax@cn", "minimax@io", 200, {"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}),
    ("minimax@io", "minimax@cn", 200, {"base_resp": {"status_code": 2049}, "choices": None}),
    ("moonshot@ai", "moonshot@cn", 401, {"error": {"type": "invalid_authentication_error"}}),
    ("qwen@us", "qwen@cn", 401, {"error": {"code": "invalid_api_key"}}),
    ("qwen@coding", "qwen@cn", 401, {"error": {"message": "invalid access token or token expired"}}),
    ("qwen@token", "qwen@coding", 401, {"error": {"message": "invalid access token or token expired"}}),
    ("sensenova@cn", None, 401, {"error": {"type": "authentication_error"}}),
    ("siliconflow@cn", "siliconflow@com", 401, {"code": 30014, "message": "Token is invalid.", "data": None}),
    ("spark@cn", "spark@x2", 401, {"message": "HMAC secret key does not match"}),
    ("stepfun@ai", "stepfun@cn", 401, {"error": {"type": "invalid_api_key"}}),
    ("yi@cn", None, 401, {"error": {"type": "authentication_error"}}),
    ("zhipu@cn", "zhipu@coding", 429, {"error": {"code": "1113"}}),
    ("zhipu@intl", "zhipu@coding-intl", 429, {"error": {"code": "1113", "message": "Insufficient balance"}}),
    ("zhipu@cn", "zhipu@coding-intl", 401, {"error": {"code": "401"}}),
    ("zhipu@coding", "zhipu@cn", 401, {"error": {"code": "401"}}),
]


@pytest.mark.parametrize(("name", "other", "status", "body"), KEYS)
def test_another_key_is_refused_as_the_vendor_refuses_it(
    sandbox: Sandbox, name: str, other: str | None, status: int, body: Json
) -> None:
    key = sandbox.key(other) if other else "sk-somebody-elses-key"
    asked = {} if name in MODELS else {"model": "glm-4.6"}
    found, answer = ask_any(sandbox, name, asked, key)
    assert (found, holds(answer, body)) == (status, True), answer
    assert key not in json.dumps(answer)


def ask_any(sandbox: Sandbox, name: str, body: Json, key: str) -> tuple[int, Any]:
    asked = {"model": MODELS.get(name), "messages": HELLO, **body}
    status, _, answer = http("POST", f"{sandbox.url(name)}/chat/completions", asked, key)
    return status, answer


def test_a_missing_key_at_minimax_is_told_from_a_wrong_one(sandbox: Sandbox) -> None:
    status, _, answer = http("POST", f"{sandbox.url('minimax')}/chat/completions", {"model": "MiniMax-M3"})
    assert status == 401
    assert holds(answer, {"type": "error", "error": {"type": "authorized_error", "message": "request header (1004)"}})


# Errors.

VARIANTS = [
    (provider.name, kind, variant)
    for provider in providers()
    if f"{provider.name}@{provider.sites[0].name}" in MODELS
    for kind, variants in provider.dialects[0].errors.items()
    for variant in variants
]


@pytest.mark.parametrize(
    ("name", "kind", "variant"),
    VARIANTS,
    ids=[f"{name}-{kind}-{one.status}-{one.known_as}" for name, kind, one in VARIANTS],
)
def test_every_error_can_be_asked_for_by_code_and_status(sandbox: Sandbox, name: str, kind: str, variant: Any) -> None:
    sandbox.fault(name, kind, code=variant.known_as, status=variant.status)
    endpoint = next(one for one in MODELS if one.startswith(f"{name}@"))
    status, answer = ask(sandbox, endpoint)
    assert status == variant.status
    said = json.dumps(answer, ensure_ascii=False)
    assert str(variant.code if variant.code is not None else variant.message.partition("{")[0]) in said
    assert "{model}" not in said


def test_vendors_have_no_errors_that_nobody_knows() -> None:
    for provider in providers():
        for dialect in provider.dialects:
            assert set(dialect.errors) <= set(ERRORS)
            assert set(dialect.finishes) <= set(ERRORS)


FAULTS = [
    ("baichuan@cn", "arrears", {}, 429, {"error": {"code": "insufficient_quota", "message": "please recharge"}}),
    ("baichuan@cn", "rate_limit", {}, 429, {"error": {"message": "Rate limit reached for requests"}}),
    ("deepseek@global", "arrears", {}, 402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}}),
    ("deepseek@global", "overload", {}, 503, {"error": {"message": "Service is too busy"}}),
    ("deepseek@global", "refusal", {}, 400, {"error": {"message": "Content Exists Risk", "param": None}}),
    ("deepseek@global", "model_not_found", {}, 400, {"error": {"message": "Model Not Exist"}}),
    ("doubao@cn", "arrears", {}, 403, {"error": {"code": "AccountOverdueError", "type": "Forbidden", "param": ""}}),
    ("doubao@cn", "permission", {}, 403, {"error": {"code": "AccessDenied", "message": "Request id: 02"}}),
    (
        "doubao@cn",
        "quota",
        {"code": "SetLimitExceeded"},
        429,
        {"error": {"message": "has reached the set inference limit"}},
    ),
    ("doubao@intl", "overload", {}, 429, {"error": {"code": "ServerOverloaded", "type": "TooManyRequests"}}),
    ("doubao@intl", "refusal", {}, 400, {"error": {"code": "SensitiveContentDetected", "type": "BadRequest"}}),
    ("hunyuan@cn", "arrears", {}, 402, {"error": {"code": "403004", "message_zh": "欠费"}}),
    ("hunyuan@cn", "quota", {"code": "401007"}, 402, {"error": {"code": "401007"}}),
    ("hunyuan@cn", "rate_limit", {}, 429, {"error": {"code": 429001, "type": None, "message": "model hy3 limit 60"}}),
    ("hunyuan@intl", "refusal", {}, 451, {"error": {"code": "451001"}}),
    ("hunyuan@intl", "server_error", {"code": "502001"}, 502, {"error": {"type": "upstream_error"}}),
    ("minimax@cn", "arrears", {}, 500, {"error": {"type": "api_error", "message": "insufficient balance (1008)"}}),
    (
        "minimax@cn",
        "arrears",
        {"status": 402},
        402,
        {"error": {"type": "insufficient_balance_error", "http_code": "402"}},
    ),
    ("minimax@cn", "arrears", {"wire": "200"}, 200, {"base_resp": {"status_code": 1008}, "choices": None}),
    ("minimax@io", "rate_limit", {}, 429, {"error": {"message": "rate limit exceeded(RPM) (1002)"}}),
    (
        "minimax@io",
        "refusal",
        {"code": "1027"},
        200,
        {"base_resp": {"status_code": 1027, "status_msg": "new_sensitive"}},
    ),
    ("minimax@io", "context_length", {}, 400, {"error": {"message": "context window exceeds limit (2013)"}}),
    ("moonshot@cn", "arrears", {}, 429, {"error": {"type": "exceeded_current_quota_error", "code": None}}),
    ("moonshot@cn", "arrears", {"status": 403}, 403, {"error": {"type": "exceeded_current_quota_error"}}),
    ("moonshot@cn", "rate_limit", {}, 429, {"error": {"type": "rate_limit_reached_error"}}),
    ("moonshot@ai", "overload", {}, 429, {"error": {"type": "engine_overloaded_error"}}),
    ("moonshot@ai", "refusal", {}, 400, {"error": {"type": "content_filter", "message": "considered high risk"}}),
    ("sensenova@cn", "rate_limit", {}, 429, {"error": {"code": "ModelAccountTpmRateLimitExceeded"}}),
    ("sensenova@cn", "bad_request", {}, 400, {"error": {"code": "3", "message": "Errors in message queue response"}}),
    ("siliconflow@cn", "arrears", {}, 403, {"code": 30001, "data": None}),
    ("siliconflow@cn", "arrears", {"status": 402}, 402, {"code": 30001}),
    ("siliconflow@cn", "rate_limit", {}, 429, {"code": None, "message": "Details:TPM limit reached."}),
    ("siliconflow@cn", "permission", {}, 403, "Forbidden"),
    ("siliconflow@cn", "auth", {"code": "missing"}, 401, "Invalid token"),
    ("siliconflow@com", "overload", {}, 503, {"code": 50505}),
    ("spark@cn", "permission", {}, 500, {"error": {"code": "11200", "message": "AppIdNoAuthError (sid: cha000"}}),
    ("spark@cn", "rate_limit", {}, 500, {"error": {"code": "11202", "type": "api_error"}}),
    ("spark@cn", "rate_limit", {"code": "10007"}, 200, {"code": 10007, "sid": "cha000", "error": None}),
    ("spark@cn", "refusal", {}, 200, {"code": 10013, "choices": None}),
    ("spark@cn", "rate_limit", {"wire": "200"}, 200, {"code": 10007}),
    ("stepfun@cn", "arrears", {}, 402, {"error": {"message": "Insufficient balance", "code": None}}),
    ("stepfun@ai", "refusal", {}, 451, {"error": {"type": "censorship_blocked"}}),
    ("yi@cn", "overload", {}, 529, {"error": {"message": "System busy"}}),
]


@pytest.mark.parametrize(("name", "kind", "options", "status", "body"), FAULTS)
def test_errors_are_the_vendors_own(
    sandbox: Sandbox, name: str, kind: str, options: Json, status: int, body: object
) -> None:
    sandbox.fault(name, kind, **options)
    found, answer = ask(sandbox, name)
    assert (found, holds(answer, body)) == (status, True), answer


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [
        ("minimax@cn", "server_error", {"base_resp": {"status_code": 1000}}),
        ("spark@cn", "rate_limit", {"code": 11202, "sid": "cha000"}),
        ("deepseek@global", "server_error", {"error": {"type": "internal_error"}}),
        ("hunyuan@cn", "rate_limit", {"error": {"code": 429001}}),
        ("siliconflow@cn", "overload", {"code": 50505}),
    ],
)
def test_an_error_inside_a_stream_has_the_vendors_shape(sandbox: Sandbox, name: str, kind: str, body: Json) -> None:
    sandbox.fault(name, "in_band_error", error=kind)
    lines = stream(sandbox, name)
    assert lines[-1] != "data: [DONE]"
    assert holds(chunks(lines)[-1], body), lines[-1]


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        ("baichuan@cn", "refusal", "content_filter"),
        ("deepseek@global", "overload", "insufficient_system_resource"),
        ("doubao@cn", "refusal", "content_filter"),
        ("stepfun@cn", "refusal", "content_filter"),
    ],
)
def test_an_answer_can_end_with_the_vendors_word(sandbox: Sandbox, name: str, kind: str, word: str) -> None:
    sandbox.fault(name, kind, form="finish")
    status, answer = ask(sandbox, name)
    assert (status, answer["choices"][0]["finish_reason"]) == (200, word)
    assert word in [one["finish_reason"] for chunk in chunks(stream(sandbox, name)) for one in chunk["choices"]]
    with pytest.raises(ValueError, match="no finish reason for arrears"):
        sandbox.fault(name, "arrears", form="finish")


# Strictness: what is refused, and beside it what just passes.

REFUSED: list[tuple[str, Json, int, object]] = [
    ("baichuan@cn", {"temperature": 1.2}, 400, {"error": {"message": "temperature"}}),
    ("baichuan@cn", {"top_p": 1}, 400, {"error": {"message": "[0, 1)"}}),
    ("baichuan@cn", {"model": "Baichuan5"}, 400, {"error": {"message": "Baichuan5"}}),
    (
        "deepseek@global",
        {"messages": [{"role": "developer", "content": "x"}]},
        400,
        {"error": {"message": "`latest_reminder`"}},
    ),
    ("deepseek@global", {"messages": ROUND}, 400, {"error": {"message": "must be passed back to the API"}}),
    (
        "deepseek@global",
        {"max_tokens": 400_000},
        400,
        {"error": {"message": "the valid range of max_tokens is [1, 393216]"}},
    ),
    ("deepseek@global", {"response_format": {"type": "json_schema"}}, 400, {"error": {"message": "unavailable now"}}),
    ("deepseek@global", {"response_format": {"type": "json_object"}}, 400, {"error": {"message": "the word 'json'"}}),
    ("deepseek@global", {"tools": [{"type": "web_search"}]}, 400, {"error": {"message": "variant `web_search`"}}),
    ("deepseek@global", {"model": "deepseek-chat"}, 400, {"error": {"message": "Model Not Exist"}}),
    ("doubao@cn", {"max_tokens": 9, "max_completion_tokens": 9}, 400, {"error": {"code": "InvalidParameter"}}),
    ("doubao@cn", {"stop": "x"}, 400, {"error": {"message": "`stop` is not supported while thinking"}}),
    (
        "doubao@cn",
        {"reasoning_effort": "high", "thinking": {"type": "disabled"}},
        400,
        {"error": {"message": "conflicts"}},
    ),
    ("doubao@cn", {"max_completion_tokens": 65_537}, 400, {"error": {"message": "[0, 65536]"}}),
    ("doubao@cn", {"presence_penalty": -3}, 400, {"error": {"code": "InvalidParameter"}}),
    ("doubao@cn", {"model": "seed-2-0-lite-260228"}, 404, {"error": {"code": "InvalidEndpointOrModel.NotFound"}}),
    ("doubao@intl", {"model": "doubao-seed-2-1-pro-260915"}, 404, {"error": {"type": "NotFound"}}),
    ("hunyuan@cn", {"temperature": 2.5}, 400, {"error": {"message": "temperature must be [0.0, 2.0]"}}),
    (
        "hunyuan@cn",
        {"model": "hunyuan-turbos-latest"},
        400,
        {"error": {"code": "400004", "message": "hunyuan-turbos-latest"}},
    ),
    ("hunyuan@cn", {"model": "minimax-m3", "thinking": {"type": "enabled"}}, 400, {"error": {"message": "adaptive"}}),
    ("hunyuan@intl", {"messages": ROUND}, 400, {"error": {"message": "must be passed back"}}),
    ("minimax@cn", {"temperature": 0}, 400, {"error": {"message": "(2013)"}}),
    ("minimax@cn", {"temperature": 1.1}, 400, {"error": {"message": "(2013)"}}),
    ("minimax@io", {"stream_options": {"include_usage": True}}, 400, {"error": {"message": "stream_options (2013)"}}),
    ("minimax@cn", {"parallel_tool_calls": True}, 400, {"error": {"message": "parallel_tool_calls (2013)"}}),
    (
        "minimax@cn",
        {"messages": [*HELLO, {"role": "system", "content": "x"}, *HELLO]},
        400,
        {"error": {"message": "system"}},
    ),
    (
        "minimax@cn",
        {"messages": [ROUND[0], {**ROUND[1], "content": None}, ROUND[2]]},
        400,
        {"error": {"message": "content is empty"}},
    ),
    (
        "minimax@cn",
        {"tools": [{**WEATHER, "function": {**WEATHER["function"], "strict": None}}]},
        400,
        {"error": {"message": "2013"}},
    ),
    (
        "minimax@cn",
        {"tools": [{"type": "function", "function": {"name": "x"}}]},
        400,
        {"error": {"message": "parameters is empty"}},
    ),
    ("minimax@cn", {"model": "gpt-4o"}, 400, {"error": {"message": "unknown model 'gpt-4o' (2013)"}}),
    ("moonshot@cn", {"temperature": 0.7}, 400, {"error": {"message": "invalid temperature: only 1 is allowed"}}),
    ("moonshot@ai", {"top_p": 1}, 400, {"error": {"message": "invalid top_p: only 0.95 is allowed"}}),
    ("moonshot@ai", {"n": 2}, 400, {"error": {"message": "invalid n"}}),
    ("moonshot@ai", {"frequency_penalty": 0.5}, 400, {"error": {"message": "invalid frequency_penalty"}}),
    ("moonshot@ai", {"reasoning_effort": "none"}, 400, {"error": {"type": "invalid_request_error"}}),
    ("moonshot@cn", {"messages": ROUND}, 400, {"error": {"message": "tool call message at index 1"}}),
    (
        "moonshot@cn",
        {"tools": [WEATHER], "tool_choice": "required"},
        400,
        {"error": {"message": "incompatible with thinking"}},
    ),
    ("moonshot@cn", {"tools": [WEATHER, WEATHER]}, 400, {"error": {"message": "is duplicated"}}),
    ("moonshot@cn", {"stop": ["a"] * 6}, 400, {"error": {"message": "stop"}}),
    ("moonshot@cn", {"model": "moonshot-v1-8k"}, 404, {"error": {"type": "resource_not_found_error"}}),
    (
        "moonshot@cn",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]},
        400,
        {"error": {"message": "unsupported image url"}},
    ),
    (
        "sensenova@cn",
        {"response_format": {"type": "json_object"}},
        400,
        {"error": {"message": "message queue", "code": "3"}},
    ),
    ("sensenova@cn", {"max_completion_tokens": 5}, 400, {"error": {"code": "3", "type": "invalid_request_error"}}),
    ("sensenova@cn", {"thinking": {"type": "disabled"}}, 400, {"error": {"code": "3"}}),
    ("sensenova@cn", {"messages": THOUGHT}, 400, {"error": {"message": "message queue"}}),
    (
        "sensenova@cn",
        {"tools": [{**WEATHER, "function": {**WEATHER["function"], "strict": True}}]},
        400,
        {"error": {"code": "3"}},
    ),
    ("sensenova@cn", {"temperature": 3}, 400, {"error": {"message": "invalid temperature, should in [0,2]."}}),
    ("sensenova@cn", {"max_tokens": 65_537}, 400, {"error": {"message": "[1,65536]"}}),
    (
        "siliconflow@com",
        {"enable_thinking": False},
        400,
        {"code": 20015, "message": "does not support parameter `enable_thinking"},
    ),
    ("siliconflow@com", {"messages": ROUND}, 400, {"code": 20015, "message": "must be passed back"}),
    ("siliconflow@cn", {"model": "gpt-4o"}, 400, {"code": 20012, "message": "Model does not exist", "data": None}),
    (
        "spark@cn",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        400,
        {"error": {"code": "10163"}},
    ),
    (
        "spark@cn",
        {"model": "spark-x"},
        400,
        {"error": {"code": "10005", "message": "invalid param model:spark-x (sid: "}},
    ),
    ("spark@x2", {"model": "4.0Ultra"}, 400, {"error": {"code": "10005"}}),
    ("spark@cn", {"max_tokens": 8193}, 400, {"error": {"code": "10163", "message": "[1, 8192]"}}),
    ("spark@cn", {"top_k": 7}, 400, {"error": {"message": "top_k"}}),
    (
        "stepfun@cn",
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}, *HELLO]},
        400,
        {"error": {"message": "system"}},
    ),
    ("stepfun@cn", {"model": "gpt-4o"}, 400, {"error": {"type": "request_params_invalid"}}),
    ("yi@cn", {"model": "gpt-4o"}, 404, {"error": {"message": "gpt-4o"}}),
    ("yi@cn", {"top_p": 2}, 400, {"error": {"type": "invalid_request_error"}}),
    ("yi@cn", {"messages": []}, 400, {"error": {"type": "invalid_request_error"}}),
]


@pytest.mark.parametrize(("name", "body", "status", "expected"), REFUSED)
def test_what_the_vendor_refuses_is_refused(
    sandbox: Sandbox, name: str, body: Json, status: int, expected: object
) -> None:
    found, answer = ask(sandbox, name, body)
    assert (found, holds(answer, expected)) == (status, True), answer


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("baichuan@cn", {"temperature": 1, "top_p": 0}),
        ("deepseek@global", {"messages": ROUND, "thinking": {"type": "disabled"}}),
        ("deepseek@global", {"messages": THOUGHT, "n": 3, "max_tokens": 393_216}),
        ("doubao@cn", {"stop": "x", "thinking": {"type": "disabled"}}),
        ("doubao@cn", {"model": "ep-20260101-abcde", "max_completion_tokens": 65_536}),
        ("hunyuan@cn", {"model": "minimax-m3", "thinking": {"type": "adaptive"}, "no_such_field": 1}),
        ("minimax@cn", {"temperature": 1, "stream_options": {"include_usage": True}}),
        ("minimax@io", {"messages": [{"role": "system", "content": "x"}, *ROUND]}),
        ("moonshot@cn", {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0}),
        ("moonshot@cn", {"messages": ROUND, "thinking": {"type": "disabled"}}),
        ("moonshot@ai", {"messages": THOUGHT, "reasoning_effort": "low"}),
        ("sensenova@cn", {"temperature": 2, "seed": 1, "top_k": 4, "messages": ROUND, "reasoning_effort": "low"}),
        ("siliconflow@cn", {"enable_thinking": False, "messages": ROUND}),
        ("spark@x2", {"max_tokens": 64_000}),
        ("stepfun@cn", {"max_tokens": 2_000_000_000}),
    ],
)
def test_what_the_vendor_takes_is_taken(sandbox: Sandbox, name: str, body: Json) -> None:
    status, answer = ask(sandbox, name, body)
    assert (status, answer["choices"][0]["message"]["role"]) == (200, "assistant"), answer


def test_too_long_a_prompt_is_refused_in_the_vendors_words(sandbox: Sandbox) -> None:
    long: Json = {"messages": [{"role": "user", "content": "word " * 33_000}]}
    for name, words in (("baichuan@cn", "too long"), ("yi@cn", "longer than the context"), ("spark@cn", "tokens")):
        status, answer = ask(sandbox, name, long)
        assert status == (200 if name == "spark@cn" else 400)
        assert words in json.dumps(answer)
    longer: Json = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "word " * 270_000}]}
    status, answer = ask(sandbox, "moonshot@cn", longer)
    assert (status, "exceeded model token limit: 262144 (requested: 2" in answer["error"]["message"]) == (400, True)


# Reasoning: on or off, and the field it arrives in.

THINKING: list[tuple[str, Json, str | None]] = [
    ("baichuan@cn", {}, None),
    ("baichuan@cn", {"model": "Baichuan-M3"}, "reasoning_content"),
    ("deepseek@global", {}, "reasoning_content"),
    ("deepseek@global", {"thinking": {"type": "disabled"}}, None),
    ("doubao@cn", {}, "reasoning_content"),
    ("doubao@cn", {"reasoning_effort": "minimal"}, None),
    ("doubao@intl", {"thinking": {"type": "disabled"}}, None),
    ("hunyuan@cn", {}, None),
    ("hunyuan@cn", {"thinking": {"type": "enabled"}}, "reasoning_content"),
    ("hunyuan@intl", {}, "reasoning_content"),
    ("minimax@cn", {"reasoning_split": True}, "reasoning_details"),
    ("minimax@cn", {"thinking": {"type": "disabled"}}, None),
    ("minimax@io", {"thinking": {"type": "disabled"}, "reasoning_split": True}, "reasoning_details"),
    ("moonshot@cn", {}, "reasoning_content"),
    ("moonshot@cn", {"thinking": {"type": "disabled"}}, None),
    ("moonshot@ai", {"thinking": {"type": "disabled"}}, "reasoning_content"),
    ("sensenova@cn", {}, "reasoning"),
    ("sensenova@cn", {"reasoning_effort": "none"}, None),
    ("siliconflow@cn", {}, "reasoning_content"),
    ("siliconflow@cn", {"enable_thinking": False}, None),
    ("spark@x2", {}, "reasoning_content"),
    ("spark@x2", {"thinking": {"type": "disabled"}}, None),
    ("spark@cn", {"thinking": {"type": "enabled"}}, None),
    ("stepfun@cn", {}, "reasoning"),
    ("stepfun@cn", {"reasoning_format": "deepseek-style"}, "reasoning_content"),
    ("yi@cn", {}, None),
]


@pytest.mark.parametrize(("name", "body", "field"), THINKING)
def test_reasoning_arrives_where_the_vendor_puts_it(sandbox: Sandbox, name: str, body: Json, field: str | None) -> None:
    message = ask(sandbox, name, body)[1]["choices"][0]["message"]
    deltas = [one["delta"] for chunk in chunks(stream(sandbox, name, body)) for one in chunk["choices"]]
    fields = {"reasoning", "reasoning_content", "reasoning_details"}
    assert fields & set(message) == fields & set(itertools.chain(*deltas)) == ({field} if field else set())
    assert "<think>" not in message["content"]
    if field:
        thought = message[field] if isinstance(message[field], str) else message[field][0]["text"]
        assert "does not think" in thought


def test_minimax_thinks_inside_the_text_unless_told_to_split(sandbox: Sandbox) -> None:
    message = ask(sandbox, "minimax@io")[1]["choices"][0]["message"]
    assert message["content"].startswith("<think>\nThe llmswitch sandbox does not think")
    assert "</think>\n\nThis is the llmswitch sandbox" in message["content"]
    streamed = "".join(
        one["delta"].get("content") or "" for chunk in chunks(stream(sandbox, "minimax@io")) for one in chunk["choices"]
    )
    assert streamed == message["content"]


# Streams and usage.


def test_deepseek_keeps_the_connection_alive_and_counts_its_cache(sandbox: Sandbox) -> None:
    lines = stream(sandbox, "deepseek@global", {"stream_options": {"include_usage": True}})
    assert lines[0] == ": keep-alive"
    assert lines[-1] == "data: [DONE]"
    usage = chunks(lines)[-1]["usage"]
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    for base in ("", "/v1", "/beta"):
        url = f"{sandbox.url('deepseek')}{base}/chat/completions"
        request = urllib.request.Request(url, json.dumps({"model": "deepseek-flash", "messages": HELLO}).encode())
        request.add_header("Authorization", f"Bearer {sandbox.key('deepseek')}")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.read().startswith(b'\n\n\n{"id"')


def test_kimi_puts_the_usage_into_the_choice(sandbox: Sandbox) -> None:
    found = chunks(stream(sandbox, "moonshot@cn"))
    assert all("usage" not in chunk for chunk in found)
    assert [chunk["choices"][0].get("usage") for chunk in found[:-1]] == [None] * (len(found) - 1)
    assert found[-1]["choices"][0]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("name", ["baichuan@cn", "minimax@cn", "spark@cn"])
def test_usage_comes_with_the_last_chunk(sandbox: Sandbox, name: str) -> None:
    found = chunks(stream(sandbox, name))
    assert all("usage" not in chunk for chunk in found[:-1])
    assert found[-1]["usage"]["total_tokens"] > 0
    assert found[-1]["choices"]


def test_sensenova_always_counts_and_has_an_empty_word_for_unfinished(sandbox: Sandbox) -> None:
    found = chunks(stream(sandbox, "sensenova@cn"))
    assert (found[-1]["choices"], found[-1]["usage"]["total_tokens"] > 0) == ([], True)
    assert [chunk["choices"][0]["finish_reason"] for chunk in found[:-1]] == [""] * (len(found) - 2) + ["stop"]
    assert all(chunk["request_id"] for chunk in found)


def test_sparks_answers_have_a_code_on_top_and_little_else(sandbox: Sandbox) -> None:
    _, answer = ask(sandbox, "spark@cn")
    assert set(answer) == {"code", "message", "sid", "choices", "usage"}
    assert (answer["code"], answer["message"], set(answer["choices"][0])) == (0, "Success", {"index", "message"})
    lines = stream(sandbox, "spark@cn")
    assert lines[-1] == "data: [DONE]"
    assert all(chunk["code"] == 0 and "id" not in chunk and "model" not in chunk for chunk in chunks(lines))
    assert ask(sandbox, "spark@cn", {"max_tokens": 2})[1]["choices"][0]["finish_reason"] == "length"


def test_sparks_tool_calls_are_an_object_unless_switched(sandbox: Sandbox) -> None:
    tools: Json = {"tools": [WEATHER, CLOCK], "messages": [{"role": "user", "content": "both"}]}
    single = ask(sandbox, "spark@cn", tools)[1]["choices"][0]["message"]["tool_calls"]
    listed = ask(sandbox, "spark@cn", {**tools, "tool_calls_switch": True})[1]["choices"][0]["message"]["tool_calls"]
    assert single["function"]["name"] == "weather"
    assert [one["function"]["name"] for one in listed] == ["weather", "clock"]
    streamed = [
        delta["tool_calls"]
        for chunk in chunks(stream(sandbox, "spark@cn", {**tools, "tool_calls_switch": True}))
        for delta in (one["delta"] for one in chunk["choices"])
        if "tool_calls" in delta
    ]
    assert [[one["index"] for one in calls] for calls in streamed] == [[0, 1]]
    # A model without tools answers with text.
    assert ask(sandbox, "spark@cn", {**tools, "model": "lite"})[1]["choices"][0]["message"]["content"]


def test_minimax_says_how_it_went_and_hunyuan_says_it_twice(sandbox: Sandbox) -> None:
    _, answer = ask(sandbox, "minimax@cn")
    assert answer["base_resp"] == {"status_code": 0, "status_msg": ""}
    assert answer["input_sensitive"] is answer["output_sensitive"] is False
    status, found = ask(sandbox, "hunyuan@cn", {"model": "no-such"})
    assert status == 400
    assert found["error"]["message"].startswith("The model or service ID no-such does not exist")
    assert found["error"]["message_zh"].startswith("请求中的模型或服务")


# Embeddings.


@pytest.mark.parametrize(
    ("name", "model", "most", "size", "words"),
    [
        ("baichuan@cn", "Baichuan-Text-Embedding", 16, 1024, "16"),
        ("siliconflow@cn", "Qwen/Qwen3-Embedding-8B", 32, 4096, "input batch size 33 > maximum allowed batch size 32"),
    ],
)
def test_embeddings_have_their_limit(sandbox: Sandbox, name: str, model: str, most: int, size: int, words: str) -> None:
    url, key = f"{sandbox.url(name)}/embeddings", sandbox.key(name)
    status, _, answer = http("POST", url, {"model": model, "input": ["x"] * most, "encoding_format": "float"}, key)
    assert (status, len(answer["data"]), len(answer["data"][0]["embedding"])) == (200, most, size)
    status, _, answer = http("POST", url, {"model": model, "input": ["x"] * (most + 1)}, key)
    assert (status, words in json.dumps(answer)) == (400, True)


def test_embeddings_of_several_sizes_and_of_none(sandbox: Sandbox) -> None:
    def embed(name: str, model: str, size: int | None = None) -> tuple[int, Any]:
        body = {"model": model, "input": "x", "encoding_format": "float", **({"dimensions": size} if size else {})}
        status, _, answer = http("POST", f"{sandbox.url(name)}/embeddings", body, sandbox.key(name))
        return status, len(answer["data"][0]["embedding"]) if status == 200 else answer

    assert embed("doubao@cn", "doubao-embedding-large-text-250515") == (200, 2048)
    assert embed("doubao@cn", "doubao-embedding-large-text-250515", 256) == (200, 256)
    assert embed("doubao@cn", "doubao-embedding-large-text-250515", 300)[0] == 400
    assert embed("hunyuan@cn", "kinfra-text-embedding-4b") == (200, 2560)
    for name in ("deepseek@global", "moonshot@cn", "stepfun@cn", "spark@cn", "yi@cn"):
        assert embed(name, "text-embedding-3-small")[0] == 404
