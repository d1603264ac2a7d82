"""The sandbox's Anthropic, Gemini, Mistral, xAI, OpenRouter and a server of one's own, over real sockets."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import adapter
from llmswitch.sandbox import Sandbox
from llmswitch.sandbox.providers import providers

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
COMPATIBLE = {
    "gemini": "gemini-3.8-flash",
    "mistral": "mistral-large-latest",
    "xai": "grok-4.6",
    "openrouter": "openai/gpt-4o",
    "compatible": "whatever-was-loaded",
}
MODELS = {"anthropic": "claude-sonnet-5-5", **COMPATIBLE}
WHO = "llmswitch sandbox, not a model"
SCHEMA: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CLOCK: Any = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
TOOLS: Any = [{"name": "weather", "input_schema": SCHEMA}, {"name": "clock", "input_schema": {"type": "object"}}]
OLD = "claude-haiku-4-5"
BUDGET = {"type": "enabled", "budget_tokens": 1024}


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(providers=MODELS) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    served.reset()
    return served


def post(url: str, body: object, headers: dict[str, str]) -> tuple[int, Any, str]:
    """Status, body (parsed where it is JSON) and content type."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            status, kind, raw = response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, kind, raw = error.code, error.headers["Content-Type"], error.read()
    return status, json.loads(raw) if "json" in kind else raw.decode(), kind


def chat(sandbox: Sandbox, name: str, **body: Any) -> tuple[int, Any, str]:
    asked = {"model": MODELS[name], "messages": HELLO, **body}
    return post(f"{sandbox.url(name)}/chat/completions", asked, {"Authorization": f"Bearer {sandbox.key(name)}"})


def claude(sandbox: Sandbox, **body: Any) -> tuple[int, Any, str]:
    asked = {"model": MODELS["anthropic"], "messages": HELLO, "max_tokens": 2000, **body}
    asked = {name: value for name, value in asked.items() if value is not ...}
    key = {"x-api-key": sandbox.key("anthropic"), "anthropic-version": "2023-06-01"}
    return post(f"{sandbox.native_url('anthropic')}/v1/messages", asked, key)


def native(sandbox: Sandbox, method: str = "generateContent", **body: Any) -> tuple[int, Any, str]:
    asked = {"contents": [{"parts": [{"text": "hello"}]}], **body}
    url = f"{sandbox.native_url('gemini')}/v1/models/{MODELS['gemini']}:{method}"
    return post(url, asked, {"x-goog-api-key": sandbox.key("gemini")})


def events(raw: str) -> list[Any]:
    return [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]


def connect(sandbox: Sandbox, name: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=sandbox.url(name), api_key=sandbox.key(name), max_retries=0)


# All of them.


@pytest.mark.parametrize(("name", "model"), COMPATIBLE.items())
def test_openais_sdk_reads_every_compatible_endpoint(sandbox: Sandbox, name: str, model: str) -> None:
    with connect(sandbox, name) as client:
        whole = client.chat.completions.create(model=model, messages=HELLO, temperature=0.5)
        assert whole.choices[0].message.content is not None
        assert WHO in whole.choices[0].message.content
        assert whole.usage is not None
        spent = whole.usage.completion_tokens_details
        reasoning = spent.reasoning_tokens if name == "xai" and spent else 0
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens + (reasoning or 0)
        chunks = list(
            client.chat.completions.create(
                model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
        )
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert said == whole.choices[0].message.content
        assert chunks[-1].usage == whole.usage
        assert len(list(client.models.list())) >= 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("name", "model"), COMPATIBLE.items())
def test_tools_are_called_and_their_results_answered(sandbox: Sandbox, name: str, model: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "the weather and the clock, both please"}]
    with connect(sandbox, name) as client:
        asked: Any = {"model": model, "messages": messages, "tools": [WEATHER, CLOCK]}
        if stream:
            with client.chat.completions.stream(**asked) as events_:
                message = events_.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**asked).choices[0].message
        assert message.tool_calls is not None
        assert [one.function.name for one in message.tool_calls] == ["weather", "clock"]
        results = [{"role": "tool", "tool_call_id": one.id, "content": "21"} for one in message.tool_calls]
        calls = [
            {key: value for key, value in one.items() if key not in ("index", "parsed_arguments")}
            for one in message.model_dump(exclude_none=True)["tool_calls"]
        ]
        for one in calls:
            one["function"].pop("parsed_arguments", None)
        messages += [{"role": "assistant", "content": None, "tool_calls": calls}, *results]
        said = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
    assert "The tools returned: 21; 21." in (said or "")


ERRORS: list[tuple[str, str, dict[str, Any], int, dict[str, Any]]] = [
    ("gemini", "region_block", {}, 400, {"code": 400, "status": "FAILED_PRECONDITION"}),
    ("gemini", "auth", {}, 400, {"code": 400, "status": "INVALID_ARGUMENT"}),
    ("gemini", "overload", {}, 503, {"code": 503, "status": "UNAVAILABLE"}),
    ("gemini", "model_not_found", {}, 404, {"code": 404, "status": "NOT_FOUND"}),
    ("gemini", "permission", {"code": "CONSUMER_SUSPENDED"}, 403, {"status": "PERMISSION_DENIED"}),
    ("gemini", "arrears", {}, 429, {"status": "RESOURCE_EXHAUSTED"}),
    ("openrouter", "arrears", {}, 402, {"code": 402}),
    ("openrouter", "region_block", {}, 403, {"code": 403, "message": "Provider returned error"}),
    ("openrouter", "refusal", {}, 403, {"code": 403}),
    ("openrouter", "model_not_found", {"code": "404"}, 404, {"message": "No endpoints found for openai/gpt-4o."}),
    ("compatible", "overload", {}, 503, {"message": "Loading model", "code": 503}),
]


@pytest.mark.parametrize(("name", "kind", "options", "status", "error"), ERRORS)
def test_an_error_is_the_vendors_own(
    sandbox: Sandbox, name: str, kind: str, options: dict[str, Any], status: int, error: dict[str, Any]
) -> None:
    sandbox.fault(name, kind, **options)
    for stream in (False, True):
        found, answer, _ = chat(sandbox, name, stream=stream)
        assert found == status
        body = answer[0] if name == "gemini" else answer
        assert body["error"].items() >= error.items()


@pytest.mark.parametrize("name", MODELS)
def test_every_error_that_a_vendor_states_can_be_had(sandbox: Sandbox, name: str) -> None:
    (provider,) = [one for one in providers() if one.name == name]
    for dialect in provider.dialects:
        for kind, variants in dialect.errors.items():
            for variant in variants:
                sandbox.reset()
                sandbox.fault(name, kind, code=variant.known_as, status=variant.status, form="http")
                if name == "anthropic":
                    status, answer, _ = claude(sandbox)
                elif dialect is provider.dialects[-1] and len(provider.dialects) > 1:
                    status, answer, _ = native(sandbox)
                else:
                    status, answer, _ = chat(sandbox, name)
                assert status == variant.status
                wanted = variant.message.replace("{model}", MODELS[name])
                assert json.dumps(wanted)[1:-1] in json.dumps(answer)


def test_every_model_that_an_adapter_names_is_served(sandbox: Sandbox) -> None:
    for name in set(MODELS) & set(adapter.adapters()):
        for model in adapter.get(name).models.values():
            if "chat" in model.capabilities and model.retired is None:
                asked: Any = {"model": model.name, "stream": True}
                status, answer, _ = claude(sandbox, **asked) if name == "anthropic" else chat(sandbox, name, **asked)
                assert status == 200, (name, model.name, answer)


@pytest.mark.parametrize("name", [name for name in COMPATIBLE if name != "compatible"])
def test_each_takes_only_its_own_key(sandbox: Sandbox, name: str) -> None:
    url = f"{sandbox.url(name)}/chat/completions"
    for headers in ({"Authorization": "Bearer sk-of-somebody-else"}, {}):
        status, answer, _ = post(url, {"model": MODELS[name], "messages": HELLO}, headers)
        assert status == (400 if name == "gemini" or (name == "xai" and headers) else 401)
        assert "somebody" not in json.dumps(answer)


# Anthropic.


def test_claude_takes_its_key_either_way_and_wants_a_version(sandbox: Sandbox) -> None:
    url, key = f"{sandbox.native_url('anthropic')}/v1/messages", sandbox.key("anthropic")
    body = {"model": MODELS["anthropic"], "messages": HELLO, "max_tokens": 9}
    version = {"anthropic-version": "2023-06-01"}
    for headers in ({"x-api-key": key}, {"Authorization": f"Bearer {key}"}):
        assert post(url, body, {**headers, **version})[0] == 200
        assert post(url, body, headers)[1]["error"]["message"] == "anthropic-version: header is required"
    for headers, said in (({}, "x-api-key header is required"), ({"x-api-key": "no"}, "invalid x-api-key")):
        status, answer, _ = post(url, body, {**headers, **version})
        assert (status, answer["error"]) == (401, {"type": "authentication_error", "message": said})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"model": ...}, "model: Field required"),
        ({"frequency_penalty": 1}, "frequency_penalty: Extra inputs are not permitted"),
        ({"max_tokens": 128_001}, "max_tokens: 128001 > 128000"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": "hello"}, "messages: Input should be a valid list"),
        ({"messages": [{"role": "system", "content": "x"}, *HELLO]}, 'messages: Unexpected role "system"'),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0: all messages must have non-empty content"),
        ({"messages": [{**HELLO[0], "name": "me"}]}, "messages.0.name: Extra inputs are not permitted"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "I"}]}, "does not support assistant message prefill"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "Input tag 'image_url' found using 'type'",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t.",
        ),
        (
            {
                "messages": [
                    *HELLO,
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "clock", "input": {}}]},
                    *HELLO,
                ]
            },
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t.",
        ),
        ({"temperature": 0.2}, "`temperature` is deprecated for this model."),
        ({"model": OLD, "temperature": 1.2}, "temperature: range: 0..1"),
        ({"model": OLD, "temperature": 1, "top_p": 0.5}, "cannot both be specified"),
        ({"model": OLD, "max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
        ({"stop_sequences": [" "]}, "must contain non-whitespace"),
        ({"tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
        ({"tools": TOOLS, "tool_choice": {"type": "required"}}, "Input tag 'required' found using 'type'"),
        ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "moon"}}, "Tool 'moon' not found in provided tools"),
        ({"tools": TOOLS, "tool_choice": {"type": "any"}, "thinking": BUDGET}, "when tool_choice forces tool use"),
        ({"tools": [WEATHER]}, "tools.0: Input tag 'function' found using 'type'"),
        ({"tools": [{"name": "clock"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "tools: Tool names must be unique."),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "greater than or equal to 1024"),
        ({"thinking": BUDGET, "max_tokens": 1024}, "must be greater than `thinking.budget_tokens`"),
        (
            {"thinking": BUDGET},
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and',
        ),
        ({"thinking": {"type": "disabled"}}, 'Use "thinking.type.between_tools" for the lowest thinking setting'),
        (
            {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
            '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive" and',
        ),
        (
            {"model": "claude-opus-5-5", "thinking": {"type": "between_tools"}},
            '"thinking.type.between_tools" is not supported for this model.',
        ),
        ({"model": OLD, "thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
        ({"model": OLD, "output_config": {"effort": "low"}}, "does not support the effort parameter"),
        ({"tools": TOOLS, "tool_choice": {"type": "any"}}, 'type "tool" and "any" are not supported for this model.'),
        ({"output_config": {"effort": "minimal"}}, "output_config.effort: Input should be 'low', 'medium'"),
        ({"metadata": {"user": "x"}}, "metadata.user: Extra inputs are not permitted"),
    ],
)
def test_what_claude_rejects(sandbox: Sandbox, body: dict[str, Any], said: str) -> None:
    status, answer, _ = claude(sandbox, **body)
    assert (status, answer["type"], answer["error"]["type"]) == (400, "error", "invalid_request_error")
    assert said in answer["error"]["message"]
    assert answer["request_id"].startswith("req_")


def test_claude_joins_neighbours_and_reads_blocks(sandbox: Sandbox) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    link = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    messages = [*HELLO, {"role": "user", "content": [picture, link, {"type": "text", "text": "and this"}]}]
    status, answer, _ = claude(sandbox, messages=messages, system=[{"type": "text", "text": "be brief"}])
    assert status == 200
    assert "hello and this" in answer["content"][0]["text"]
    assert "Images received: 2." in answer["content"][0]["text"]
    assert (answer["role"], answer["stop_reason"], answer["stop_sequence"]) == ("assistant", "end_turn", None)


def test_claude_says_why_it_stopped(sandbox: Sandbox) -> None:
    counting = [{"role": "user", "content": "count to 9"}]
    _, answer, _ = claude(sandbox, messages=counting, stop_sequences=["7", "4 "])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "4 ")
    assert answer["content"][0]["text"] == "1 2 3 "
    _, answer, _ = claude(sandbox, messages=counting, max_tokens=2)
    assert (answer["stop_reason"], answer["usage"]["output_tokens"]) == ("max_tokens", 2)
    _, answer, _ = claude(sandbox, messages=counting, max_tokens=0)
    assert (answer["stop_reason"], answer["content"]) == ("max_tokens", [])
    sandbox.fault("anthropic", "refusal")
    _, answer, _ = claude(sandbox)
    assert (answer["stop_reason"], answer["stop_details"]["type"]) == ("refusal", "refusal")


def test_claude_streams_named_events(sandbox: Sandbox) -> None:
    both = [{"role": "user", "content": "both please"}]
    asked: Any = {"messages": both, "tools": TOOLS, "thinking": {"type": "adaptive", "display": "summarized"}}
    _, raw, kind = claude(sandbox, **asked, stream=True)
    assert kind.startswith("text/event-stream")
    names = [line[7:] for line in raw.splitlines() if line.startswith("event: ")]
    found = events(raw)
    assert names == [event["type"] for event in found]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-2:] == ["message_delta", "message_stop"]
    assert "[DONE]" not in raw
    assert [event["content_block"]["type"] for event in found if event["type"] == "content_block_start"] == [
        "thinking",
        "tool_use",
        "tool_use",
    ]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    _, whole, _ = claude(sandbox, **asked)
    thought = "".join(delta.get("thinking", "") for delta in deltas)
    assert {"type": "thinking", "thinking": thought, "signature": whole["content"][0]["signature"]} == whole["content"][
        0
    ]
    assert [delta["signature"] for delta in deltas if "signature" in delta] == [whole["content"][0]["signature"]]
    parts = [delta["partial_json"] for delta in deltas if "partial_json" in delta]
    assert json.loads("".join(parts[: parts.index("", 1)])) == whole["content"][1]["input"] == {"city": "sandbox"}
    assert found[-2]["delta"]["stop_reason"] == whole["stop_reason"] == "tool_use"
    assert found[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_claudes_tools_are_chosen(sandbox: Sandbox) -> None:
    both = [{"role": "user", "content": "both please"}]
    for choice, wanted in (
        ({"type": "auto"}, ["weather", "clock"]),
        ({"type": "any", "disable_parallel_tool_use": True}, ["weather"]),
        ({"type": "tool", "name": "clock"}, ["clock"]),
        ({"type": "none"}, []),
    ):
        _, answer, _ = claude(sandbox, model=OLD, messages=both, tools=TOOLS, tool_choice=choice)
        assert [block["name"] for block in answer["content"] if block["type"] == "tool_use"] == wanted


def test_claudes_thinking_comes_back_as_it_was(sandbox: Sandbox) -> None:
    asked: Any = {"model": OLD, "tools": TOOLS, "thinking": BUDGET}
    _, answer, _ = claude(sandbox, **asked)
    thought, call = answer["content"]
    result: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "21"}]}

    def again(*blocks: Any) -> tuple[int, Any, str]:
        return claude(sandbox, messages=[*HELLO, {"role": "assistant", "content": list(blocks)}, result], **asked)

    status, said, _ = again(thought, call)
    assert status == 200
    assert "The tools returned: 21." in said["content"][-1]["text"]
    assert "Expected `thinking` or `redacted_thinking`, but found `tool_use`" in again(call)[1]["error"]["message"]
    changed = {**thought, "thinking": "something else"}
    assert again(changed, call)[1]["error"]["message"].endswith("Invalid `signature` in `thinking` block")
    for name, shown in ((MODELS["anthropic"], False), ("claude-opus-4-6", True)):
        _, answer, _ = claude(sandbox, model=name, thinking={"type": "adaptive"})
        assert bool(answer["content"][0]["thinking"]) is shown
        assert answer["usage"]["output_tokens_details"]["thinking_tokens"] > 0
    between: Any = {"thinking": {"type": "between_tools"}, "tools": TOOLS}
    _, answer, _ = claude(sandbox, **between)
    assert [block["type"] for block in answer["content"]] == ["tool_use"]
    result["content"][0]["tool_use_id"] = answer["content"][0]["id"]
    history = [*HELLO, {"role": "assistant", "content": answer["content"]}, result]
    _, answer, _ = claude(sandbox, messages=history, **between)
    assert [block["type"] for block in answer["content"]] == ["thinking", "text"]


def test_claudes_cache_is_written_once_and_read_from_then_on(sandbox: Sandbox) -> None:
    system = [{"type": "text", "text": "a long text " * 40, "cache_control": {"type": "ephemeral"}}]
    first, second = (claude(sandbox, system=system)[1]["usage"] for _ in range(2))
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 100
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert first["input_tokens"] == second["input_tokens"] == claude(sandbox)[1]["usage"]["input_tokens"]


def test_claudes_errors(sandbox: Sandbox) -> None:
    sandbox.fault("anthropic", "region_block")
    assert claude(sandbox)[:2] == (403, {"error": {"type": "forbidden", "message": "Request not allowed"}})
    for kind, code, status, error in (
        ("overload", None, 529, "overloaded_error"),
        ("arrears", None, 400, "invalid_request_error"),
        ("bad_request", "request_too_large", 413, "request_too_large"),
    ):
        sandbox.reset()
        sandbox.fault("anthropic", kind, code=code)
        found, answer, _ = claude(sandbox)
        assert (found, answer["type"], answer["error"]["type"]) == (status, "error", error)
        assert "details" not in answer["error"]
    sandbox.fault("anthropic", "permission", code="organization_on_hold")
    assert claude(sandbox)[1]["error"]["details"] == {"error_code": "organization_on_hold"}
    sandbox.reset()
    sandbox.fault("anthropic", "in_band_error", error="overload", after=2)
    _, raw, _ = claude(sandbox, stream=True)
    assert raw.count("content_block_delta") == 4
    assert "\nevent: error\n" in raw
    assert events(raw)[-1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    sandbox.reset()
    long = [{"role": "user", "content": "word " * 200_001}]
    said = claude(sandbox, model=OLD, messages=long)[1]["error"]["message"]
    assert re.fullmatch(r"prompt is too long: 2000\d\d tokens > 200000 maximum", said)


# Gemini.


def test_geminis_errors_stand_in_a_list_with_details(sandbox: Sandbox) -> None:
    sandbox.fault("gemini", "region_block")
    answer = chat(sandbox, "gemini")[1]
    message = "User location is not supported for the API use."
    assert answer == [{"error": {"code": 400, "message": message, "status": "FAILED_PRECONDITION"}}]
    assert native(sandbox)[1] == answer[0]
    sandbox.reset()
    sandbox.fault("gemini", "quota")
    failure, _, retry = chat(sandbox, "gemini")[1][0]["error"]["details"]
    assert "PerDay" in failure["violations"][0]["quotaId"]
    assert failure["violations"][0]["quotaDimensions"]["model"] == "gemini-3.8-flash"
    assert retry == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "48s"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"store": False, "seed": 1},
            'Unknown name "store": Cannot find field.\nInvalid JSON payload received. Unknown',
        ),
        ({"reasoning_effort": "minimal"}, "Valid values are: high, low, medium, none."),
        ({"temperature": 2.5}, "temperature: must be in the range [0, 2]"),
        ({"messages": [{"role": "system", "content": "x"}]}, "contents is not specified"),
    ],
)
def test_what_gemini_rejects(sandbox: Sandbox, body: dict[str, Any], said: str) -> None:
    status, answer, _ = chat(sandbox, "gemini", **body)
    assert (status, answer[0]["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert said in answer[0]["error"]["message"]


def test_geminis_first_call_must_come_back_signed(sandbox: Sandbox) -> None:
    both: list[Any] = [{"role": "user", "content": "both please"}]
    _, answer, _ = chat(sandbox, "gemini", messages=both, tools=[WEATHER, CLOCK])
    message = answer["choices"][0]["message"]
    assert ["extra_content" in call for call in message["tool_calls"]] == [True, False]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "21"} for call in message["tool_calls"]]
    assert chat(sandbox, "gemini", messages=[*both, message, *results])[0] == 200
    signed = message["tool_calls"][0].pop("extra_content")
    status, answer, _ = chat(sandbox, "gemini", messages=[*both, message, *results])
    assert status == 400
    assert "Function call is missing a thought_signature" in answer[0]["error"]["message"]
    assert "`default_api:weather` , position 2." in answer[0]["error"]["message"]
    # Of earlier turns it is not asked, nor of the second generation.
    assert chat(sandbox, "gemini", messages=[*both, message, *results, *HELLO])[0] == 200
    assert chat(sandbox, "gemini", model="gemini-2.5-flash", messages=[*both, message, *results])[0] == 200
    signed["google"]["thought_signature"] = "something else"
    message["tool_calls"][0]["extra_content"] = signed
    _, answer, _ = chat(sandbox, "gemini", messages=[*both, message, *results])
    assert answer[0]["error"]["message"] == "Corrupted thought signature."


def test_geminis_own_protocol(sandbox: Sandbox) -> None:
    _, whole, _ = native(sandbox, generationConfig={"thinkingConfig": {"include_thoughts": True}})
    thought, said = whole["candidates"][0]["content"]["parts"]
    assert thought["thought"] is True
    assert WHO in said["text"]
    usage = whole["usageMetadata"]
    assert usage["totalTokenCount"] == (
        usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
    )
    _, raw, _ = native(sandbox, "streamGenerateContent?alt=sse", generationConfig={"maxOutputTokens": 3})
    found = events(raw)
    assert "".join(event["candidates"][0]["content"]["parts"][0]["text"] for event in found) == "This is the"
    assert [event["candidates"][0].get("finishReason") for event in found] == [None, None, None, "MAX_TOKENS"]
    assert "[DONE]" not in raw
    (record,) = sandbox.requests("gemini")[-1:]
    assert (record.model, record.stream, record.completed) == ("gemini-3.8-flash", True, True)
    for body, said_ in (
        ({"messages": []}, 'Unknown name "messages": Cannot find field.'),
        ({"generationConfig": {"store": 1}}, "Unknown name \"store\" at 'generation_config': Cannot find field."),
        ({"contents": []}, "contents is not specified"),
    ):
        status, answer, _ = native(sandbox, **body)
        assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
        assert said_ in answer["error"]["message"]
    sandbox.fault("gemini", "refusal", form="http")
    assert native(sandbox)[1]["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}


def test_geminis_embeddings(sandbox: Sandbox) -> None:
    with connect(sandbox, "gemini") as client:
        made = client.embeddings.create(model="gemini-embedding-001", input=["one", "two"], dimensions=768)
        assert [len(one.embedding) for one in made.data] == [768, 768]
        with pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="gemini-embedding-001", input=["one"] * 101)
        assert "should not be larger than 100" in caught.value.response.text
        assert len(client.embeddings.create(model="gemini-embedding-001", input="one").data[0].embedding) == 3072


# Mistral.


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"role": "assistant", "content": "I"}], "3230"),
        ([*HELLO, {"role": "assistant", "content": "I"}], "3230"),
        (
            [
                *HELLO,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "x"},
            ],
            "3280",
        ),
    ],
)
def test_mistrals_messages_have_an_order_and_calls_short_ids(sandbox: Sandbox, messages: list[Any], code: str) -> None:
    status, answer, _ = chat(sandbox, "mistral", messages=messages)
    assert (status, answer["object"], answer["code"]) == (400, "error", code)


def test_mistral_refuses_what_it_does_not_know(sandbox: Sandbox) -> None:
    message = {**HELLO[0], "name": "me"}
    status, answer, _ = chat(sandbox, "mistral", max_completion_tokens=9, messages=[message], temperature=2)
    assert status == 422
    assert [one["loc"] for one in answer["message"]["detail"]] == [
        ["body", "max_completion_tokens"],
        ["body", "messages", 0, "user", "name"],
        ["body", "temperature"],
    ]
    kinds = [one["type"] for one in answer["message"]["detail"]]
    assert kinds == ["extra_forbidden", "extra_forbidden", "less_than_equal"]
    sandbox.fault("mistral", "auth")
    assert chat(sandbox, "mistral")[:2] == (401, {"detail": "Unauthorized"})


def test_mistrals_reasoning_is_a_part_of_the_content(sandbox: Sandbox) -> None:
    _, whole, _ = chat(sandbox, "mistral", model="magistral-medium-latest")
    thought, said = whole["choices"][0]["message"]["content"]
    assert (thought["type"], said["type"]) == ("thinking", "text")
    _, raw, _ = chat(sandbox, "mistral", model="magistral-medium-latest", stream=True)
    contents = [event["choices"][0]["delta"].get("content") for event in events(raw)]
    parts = [part["thinking"][0]["text"] for content in contents if isinstance(content, list) for part in content]
    assert "".join(parts) == thought["thinking"][0]["text"]
    assert "".join(content for content in contents if isinstance(content, str)) == said["text"]
    assert events(raw)[-1]["usage"] == whole["usage"]


# xAI.


def test_xais_errors_are_sentences_and_its_region_block_a_page(sandbox: Sandbox) -> None:
    sandbox.fault("xai", "region_block")
    status, page, kind = chat(sandbox, "xai")
    assert (status, kind) == (403, "text/html; charset=utf-8")
    assert "<p>This service is not available in your region.</p>" in page
    sandbox.reset()
    status, answer, _ = chat(sandbox, "xai", stop=["."])
    assert (status, answer["error"]) == (400, "Model grok-4.6 does not support parameter stop.")
    assert chat(sandbox, "xai", model="grok-4.20-non-reasoning", stop=["."])[0] == 200
    status, answer, _ = chat(sandbox, "xai", model="grok-4.20-non-reasoning", reasoning_effort="low")
    assert answer["error"] == "Model grok-4.20-non-reasoning does not support parameter reasoningEffort."
    status, answer, _ = chat(sandbox, "xai", model="gpt-4o")
    assert (status, answer["code"]) == (404, "Some requested entity was not found")


# OpenRouter.


def test_openrouters_streams_have_comments_reasoning_and_errors_of_their_own(sandbox: Sandbox) -> None:
    _, raw, _ = chat(sandbox, "openrouter", stream=True, reasoning={"effort": "low"})
    assert raw.startswith(": OPENROUTER PROCESSING\n\n")
    deltas = [event["choices"][0]["delta"] for event in events(raw) if event["choices"]]
    reasoning = "".join(delta.get("reasoning", "") for delta in deltas)
    _, whole, _ = chat(sandbox, "openrouter", reasoning={"effort": "low"})
    assert reasoning == whole["choices"][0]["message"]["reasoning"] != ""
    assert whole["choices"][0]["native_finish_reason"] == "stop"
    assert whole["provider"] == "Openai"
    assert "reasoning" not in chat(sandbox, "openrouter")[1]["choices"][0]["message"]
    sandbox.fault("openrouter", "in_band_error", after=2)
    _, raw, _ = chat(sandbox, "openrouter", stream=True)
    last = events(raw)[-1]
    assert last["error"]["code"] == 502
    assert last["error"]["metadata"]["provider_name"] == "OpenAI"
    assert last["choices"][0]["finish_reason"] == "error"


def test_openrouter_hands_on_what_a_vendor_said(sandbox: Sandbox) -> None:
    sandbox.fault("openrouter", "region_block")
    raw = chat(sandbox, "openrouter")[1]["error"]["metadata"]["raw"]
    assert json.loads(raw)["error"]["code"] == "unsupported_country_region_territory"
    sandbox.reset()
    assert chat(sandbox, "openrouter", model="gpt-4o")[1]["error"] == {
        "message": "gpt-4o is not a valid model ID",
        "code": 400,
    }
    assert chat(sandbox, "openrouter", model="openai/not-in-the-list")[0] == 200


# A server of one's own.


def test_a_server_of_ones_own_takes_what_it_is_sent(sandbox: Sandbox) -> None:
    asked = {"model": "any", "messages": HELLO, "chat_template_kwargs": {"x": 1}, "temperature": 9}
    assert post(f"{sandbox.url('compatible')}/chat/completions", asked, {})[0] == 200
    with connect(sandbox, "compatible") as client:
        assert len(client.embeddings.create(model="any-embedding", input="one").data[0].embedding) == 768
