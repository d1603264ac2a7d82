"""What becomes of an OpenAI call at each vendor: the bytes its server gets, and what the report says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import llmswitch
from llmswitch import adapter as adapters
from llmswitch import errors
from llmswitch.sandbox import Sandbox
from tests.servers import Server, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.switch import Reply

VENDORS = (
    *("deepseek", "moonshot", "doubao", "minimax", "hunyuan", "siliconflow"),
    *("stepfun", "sensenova", "baichuan", "spark", "yi"),
)
ABSENT = "(absent)"
TOOL: Json = {
    "type": "function",
    "function": {"name": "weather", "strict": True, "parameters": {"type": "object", "properties": {}}},
}
ASKED: Json = {"role": "user", "content": "weather?"}
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED: Json = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Json = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}
# What another vendor's turn leaves in the history, and what one that thinks leaves.
UNREASONED = [ASKED, CALLED, RESULT]
REASONED = [ASKED, {**CALLED, "reasoning_content": "They want the weather."}, RESULT]
TYPICAL: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Speak English."},
        {"role": "user", "content": "The weather, as a table."},
    ],
    "temperature": 2,
    "n": 2,
    "logit_bias": {"1": 1},
    "tools": [TOOL],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning_effort": "high",
    "user": "someone",
    "max_tokens": 64,
    "response_format": {"type": "json_object"},
}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.fixture(scope="module")
def _served() -> Iterator[Sandbox]:
    with Sandbox(providers=VENDORS) as sandbox:
        yield sandbox


@pytest.fixture
def vendors(_served: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The vendors on this machine, seen from mainland China."""
    _served.reset()
    for name, value in _served.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LLMSWITCH_REGION", "CN")
    return _served


def create(provider: str, **params: Any) -> Reply:
    params.setdefault("messages", [ASKED])
    params.setdefault("model", "gpt-4o")
    with llmswitch.Switch(providers=[provider], failover=False) as switch:
        reply: Reply = switch.chat.completions.create(**params)
        return reply


def stream(provider: str, **params: Any) -> list[Any]:
    """The chunks of a streamed call."""
    with llmswitch.Switch(providers=[provider], failover=False) as switch:
        return list(
            switch.chat.completions.create(**{"model": "gpt-4o", "messages": [ASKED], **params, "stream": True})
        )


def sent(sandbox: Sandbox) -> dict[str, Any]:
    return dict(sandbox.requests()[-1].body)


# --- a typical call ------------------------------------------------------------------------------------------------------------

SYSTEMS = [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Speak English."}]
MERGED = [{"role": "system", "content": "Be brief.\n\nSpeak English."}]
ROLE = ("messages[0].role", "converted")
ONE_SYSTEM = ("messages", "converted")
STRICT = ("tools.function.strict", "dropped")
LOST: dict[str, Any] = {"n": ABSENT, "logit_bias": ABSENT}

# Of each vendor: what differs from TYPICAL, what is said of it, its system messages, whether tools keep `strict`.
BECOMES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[Any], bool]] = {
    "deepseek": (
        {**LOST, "model": "deepseek-v4-flash", "user": ABSENT, "user_id": "someone", "temperature": ABSENT,
         "parallel_tool_calls": ABSENT},
        [ROLE, ("user", "renamed"), ("n", "dropped"), ("parallel_tool_calls", "dropped"), ("logit_bias", "dropped"), ("messages", "added"),
         ("temperature", "dropped")],
        [{"role": "system", "content": "Be brief.\n\nAnswer in JSON."}, SYSTEMS[1]],
        True,
    ),
    "moonshot": (
        {**LOST, "model": "kimi-k2.6", "max_tokens": ABSENT, "max_completion_tokens": 64, "temperature": ABSENT,
         "tool_choice": "auto", "reasoning_effort": ABSENT, "thinking": {"type": "enabled"}},
        [ROLE, ("max_tokens", "renamed"), ("temperature", "dropped"), ("n", "dropped"), ("tool_choice", "converted"),
         ("logit_bias", "dropped"), STRICT, ("reasoning_effort", "converted")],
        SYSTEMS,
        False,
    ),
    "doubao": (
        {**LOST, "model": "doubao-seed-2-1-turbo-260628"},
        [ROLE, ("n", "dropped"), ("logit_bias", "dropped")],
        SYSTEMS,
        True,
    ),
    "minimax": (
        {**LOST, "model": "MiniMax-M3", "temperature": 1, "parallel_tool_calls": ABSENT, "reasoning_effort": ABSENT,
         "thinking": {"type": "adaptive"}, "reasoning_split": True},
        [ROLE, ONE_SYSTEM, STRICT, ("temperature", "clamped"), ("n", "dropped"), ("logit_bias", "dropped"),
         ("parallel_tool_calls", "dropped"), ("reasoning_effort", "converted"), ("reasoning_split", "added")],
        MERGED,
        False,
    ),
    "hunyuan": (
        {**LOST, "model": "hy3", "reasoning_effort": ABSENT, "thinking": {"type": "enabled"}},
        [ROLE, ("n", "dropped"), ("logit_bias", "dropped"), ("reasoning_effort", "converted")],
        SYSTEMS,
        True,
    ),
    "siliconflow": (
        {"model": "deepseek-ai/DeepSeek-V3.2", "logit_bias": ABSENT, "parallel_tool_calls": ABSENT,
         "reasoning_effort": ABSENT, "enable_thinking": True},
        [ROLE, ("parallel_tool_calls", "dropped"), ("logit_bias", "dropped"), ("reasoning_effort", "converted")],
        SYSTEMS,
        True,
    ),
    "stepfun": (
        {"model": "step-3.7-flash", "logit_bias": ABSENT, "parallel_tool_calls": ABSENT},
        [ROLE, ("parallel_tool_calls", "dropped"), ("logit_bias", "dropped")],
        SYSTEMS,
        True,
    ),
    "sensenova": (
        {"model": "sensenova-6.7-flash-lite", "logit_bias": ABSENT, "user": ABSENT, "response_format": ABSENT},
        [ROLE, ONE_SYSTEM, STRICT, ("logit_bias", "dropped"), ("user", "dropped"), ("response_format", "dropped")],
        MERGED,
        False,
    ),
    "baichuan": (
        {**LOST, "model": "Baichuan4-Turbo", "temperature": 1, "tool_choice": "auto", "parallel_tool_calls": ABSENT,
         "reasoning_effort": ABSENT},
        [ROLE, ("temperature", "clamped"), ("tool_choice", "converted"), ("n", "dropped"),
         ("parallel_tool_calls", "dropped"), ("reasoning_effort", "dropped"), ("logit_bias", "dropped")],
        SYSTEMS,
        True,
    ),
    "spark": (
        {**LOST, "model": "4.0Ultra", "parallel_tool_calls": ABSENT, "reasoning_effort": ABSENT, "tool_calls_switch": True},
        [ROLE, ONE_SYSTEM, ("n", "dropped"), ("parallel_tool_calls", "dropped"), ("logit_bias", "dropped"),
         ("tool_calls_switch", "added"), ("reasoning_effort", "dropped")],
        MERGED,
        True,
    ),
    "yi": (
        {**LOST, "model": "yi-lightning", "parallel_tool_calls": ABSENT, "reasoning_effort": ABSENT,
         "response_format": ABSENT},
        [ROLE, ("n", "dropped"), ("reasoning_effort", "dropped"), ("parallel_tool_calls", "dropped"),
         ("logit_bias", "dropped"), ("response_format", "dropped")],
        SYSTEMS,
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("provider", VENDORS)
def test_a_typical_call_is_fitted_and_told(vendors: Sandbox, provider: str) -> None:
    reply = create(provider, **TYPICAL)
    differs, told, systems, strict = BECOMES[provider]
    body = sent(vendors)
    expected = {**TYPICAL, "messages": [*systems, TYPICAL["messages"][2]], **differs}
    if not strict:
        function = {name: value for name, value in TOOL["function"].items() if name != "strict"}  # type: ignore[union-attr]
        expected["tools"] = [{**TOOL, "function": function}]
    assert body == {name: value for name, value in expected.items() if value != ABSENT}
    changes = reply.llmswitch.changes
    assert [(change.parameter, change.action) for change in changes] == [("model", "converted"), *told]
    assert all(change.reason for change in changes)
    assert reply.llmswitch.provider == provider
    assert reply["choices"][0]["message"]["role"] == "assistant"


@pytest.mark.parametrize("provider", VENDORS)
def test_strict_refuses_before_anything_is_sent(vendors: Sandbox, provider: str) -> None:
    with pytest.raises(errors.InvalidRequestError) as raised:
        create(provider, **TYPICAL, extra_body={"llmswitch": {"strict": True}})
    assert vendors.requests() == []
    losses = [name for name, action in BECOMES[provider][1] if action == "dropped" or name in ("temperature", "tool_choice")]  # fmt: skip
    assert losses
    assert all(f"{name} would be " in str(raised.value) for name in losses)


@pytest.mark.parametrize("provider", VENDORS)
def test_strict_lets_through_what_loses_nothing(vendors: Sandbox, provider: str) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, ASKED]
    neutral = {"n": 1, "store": False, "frequency_penalty": 0, "presence_penalty": 0, "logit_bias": {}}
    strict = {"llmswitch": {"strict": True}}
    reply = create(provider, messages=messages, max_completion_tokens=64, **neutral, extra_body=strict)
    assert not [change for change in reply.llmswitch.changes if change.loss]
    assert len(vendors.requests()) == 1


# --- nothing silent ------------------------------------------------------------------------------------------------------------

ODD: dict[str, dict[str, Any]] = {
    "sampling": {"temperature": 1.7, "top_p": 0.0, "presence_penalty": 1.5, "frequency_penalty": -1.5, "seed": 1},
    "zeros": {"temperature": 0, "seed": 0, "logit_bias": {"1": 0}},
    "length": {"max_completion_tokens": 10_000_000},
    "openai's own": {"store": True, "metadata": {"a": "b"}, "service_tier": "flex", "verbosity": "low", "user": "u",
                     "prompt_cache_key": "k", "safety_identifier": "s"},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
    "turns": {"messages": [ASKED, {"role": "assistant", "content": ""}, {"role": "system", "content": "s"}, ASKED, ASKED]},
    "history": {"messages": UNREASONED, "tools": [TOOL]},
    "thoughts": {"messages": REASONED, "tools": [TOOL], "reasoning_effort": "low"},
    "efforts": {"reasoning_effort": "xhigh"},
    "no effort": {"reasoning_effort": "none", "stop": ["x"]},
    "json": {"response_format": {"type": "json_object"}},
    "probabilities": {"logprobs": True, "top_logprobs": 2},
}  # fmt: skip


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "gpt-5.5"])
@pytest.mark.parametrize("provider", VENDORS)
def test_every_difference_is_in_the_report(vendors: Sandbox, provider: str, model: str) -> None:
    for asked in ODD.values():
        explained(vendors, provider, {"model": model, "messages": [ASKED], **asked})


def explained(vendors: Sandbox, provider: str, params: dict[str, Any]) -> None:
    reply = create(provider, **params)
    body, told = sent(vendors), reply.llmswitch.changes
    named = {change.parameter.partition("[")[0].partition(".")[0] for change in told}
    for change in told:
        if change.action == "renamed":
            named.add(str(change.after))
        if change.action == "converted" and isinstance(change.after, dict):
            named |= change.after.keys()
    differing = {name for name in {*params, *body} if params.get(name, ABSENT) != body.get(name, ABSENT)}
    if params.get("reasoning_effort") == "none":  # what a model without thoughts does anyway
        differing.discard("reasoning_effort")
    assert differing <= named, (differing - named, told)
    # And nothing is said that did not happen.
    for change in told:
        if change.action in ("dropped", "renamed") and change.parameter in params and change.parameter != "messages":
            assert change.parameter not in body


@pytest.mark.parametrize("provider", VENDORS)
def test_the_vendors_take_what_is_made_of_it(vendors: Sandbox, provider: str) -> None:
    """The sandbox refuses what the vendors are known to refuse."""
    for params in ODD.values():
        answers: list[list[Any]] = [[create(provider, **params)], stream(provider, **params)]
        for chunks in answers:
            assert any(choice.get("finish_reason") for chunk in chunks for choice in chunk["choices"]), params
    assert {request.status for request in vendors.requests()} == {200}


# --- pictures ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("deepseek", "deepseek-v4-flash"),
        ("moonshot", "kimi-k2.6"),
        ("doubao", "doubao-seed-2-1-turbo-260628"),
        ("minimax", "MiniMax-M3"),
        ("hunyuan", "glm-5.3-flash"),
        ("siliconflow", "zai-org/GLM-4.5V"),
        ("stepfun", "step-3.7-flash"),
        ("sensenova", "sensenova-6.7-flash-lite"),
        ("yi", "yi-vision-v2"),
    ],
)
def test_a_picture_goes_to_a_model_that_sees(vendors: Sandbox, provider: str, model: str) -> None:
    content: list[Any] = [{"type": "text", "text": "What is this?"}, PICTURE]
    create(provider, messages=[{"role": "user", "content": content}])
    body = sent(vendors)
    assert body["model"] == model
    assert body["messages"] == [{"role": "user", "content": content}]


@pytest.mark.parametrize("provider", ["baichuan", "spark"])
def test_who_sees_nothing_is_no_candidate_beside_others(vendors: Sandbox, provider: str) -> None:
    with llmswitch.Switch(providers=[provider, "moonshot"]) as switch:
        reply = switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": [PICTURE]}])
    assert reply.llmswitch.provider == "moonshot"
    assert {request.endpoint for request in vendors.requests()} == {"moonshot@cn"}


def test_kimi_is_no_candidate_for_a_picture_that_it_would_have_to_fetch(vendors: Sandbox) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://images.example/1.png"}}
    with llmswitch.Switch(providers=["moonshot", "doubao"]) as switch:
        reply = switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": [picture]}])
    assert reply.llmswitch.provider == "doubao"
    assert {request.endpoint for request in vendors.requests()} == {"doubao@cn"}


# --- reasoning -----------------------------------------------------------------------------------------------------------------

# How much the caller asks for, and what says so at the vendor.
EFFORTS: list[tuple[str, str, str | None, Json]] = [
    ("deepseek", "gpt-4o", None, {"thinking": {"type": "disabled"}}),
    ("deepseek", "gpt-4o", "none", {"thinking": {"type": "disabled"}}),
    ("deepseek", "gpt-4o", "low", {"reasoning_effort": "high"}),
    ("deepseek", "gpt-4o", "xhigh", {"reasoning_effort": "max"}),
    ("deepseek", "gpt-5.5", None, {}),
    ("moonshot", "gpt-4o", None, {"thinking": {"type": "disabled"}}),
    ("moonshot", "gpt-4o", "minimal", {"thinking": {"type": "disabled"}}),
    ("moonshot", "gpt-4o", "medium", {"thinking": {"type": "enabled"}}),
    ("moonshot", "gpt-5.5", None, {}),
    ("moonshot", "gpt-5.5", "none", {"reasoning_effort": "low"}),
    ("moonshot", "gpt-5.5", "medium", {"reasoning_effort": "high"}),
    ("moonshot", "moonshot/kimi-k2.7-code", "high", {}),
    ("doubao", "gpt-4o", None, {"thinking": {"type": "disabled"}}),
    ("doubao", "gpt-4o", "low", {"reasoning_effort": "low"}),
    ("doubao", "gpt-5.5", "minimal", {"thinking": {"type": "disabled"}}),
    ("doubao", "doubao/deepseek-v3-2-251201", "low", {"reasoning_effort": "low", "thinking": {"type": "enabled"}}),
    ("minimax", "gpt-4o", None, {"thinking": {"type": "disabled"}}),
    ("minimax", "gpt-4o", "high", {"thinking": {"type": "adaptive"}}),
    ("minimax", "gpt-4o-mini", "high", {}),
    ("hunyuan", "gpt-4o", None, {"thinking": {"type": "disabled"}}),
    ("hunyuan", "hunyuan/minimax-m3", "high", {"thinking": {"type": "adaptive"}}),
    ("hunyuan", "hunyuan/kimi-k3", "high", {}),
    ("siliconflow", "gpt-4o", None, {"enable_thinking": False}),
    ("siliconflow", "gpt-4o", "high", {"enable_thinking": True}),
    ("siliconflow", "gpt-5.5", "medium", {"reasoning_effort": "high"}),
    ("siliconflow", "gpt-5.5", "none", {}),
    ("stepfun", "gpt-4o", "none", {"reasoning_effort": "low"}),
    ("stepfun", "gpt-4o", "xhigh", {"reasoning_effort": "high"}),
    ("sensenova", "gpt-4o", "high", {"reasoning_effort": "high"}),
    ("baichuan", "gpt-4o", "high", {}),
    ("spark", "gpt-4o", "high", {}),
    ("yi", "gpt-4o", "high", {}),
]


@pytest.mark.parametrize(("provider", "model", "effort", "expected"), EFFORTS)
def test_an_effort_is_the_vendors_own_switch(
    vendors: Sandbox, provider: str, model: str, effort: str | None, expected: Json
) -> None:
    create(provider, model=model, **({"reasoning_effort": effort} if effort else {}))
    body = sent(vendors)
    words = ("reasoning_effort", "thinking", "enable_thinking")
    assert {name: body[name] for name in words if name in body} == expected


def test_the_callers_own_switch_stays_his(vendors: Sandbox) -> None:
    for provider, own in [
        ("deepseek", "enabled"),
        ("moonshot", "enabled"),
        ("doubao", "auto"),
        ("minimax", "adaptive"),
    ]:
        reply = create(provider, extra_body={"thinking": {"type": own}})
        assert sent(vendors)["thinking"] == {"type": own}
        assert "thinking" not in [change.parameter for change in reply.llmswitch.changes]


@pytest.mark.parametrize(
    "provider", ["deepseek", "moonshot", "doubao", "minimax", "siliconflow", "stepfun", "sensenova"]
)
@pytest.mark.usefixtures("vendors")
def test_thoughts_arrive_under_one_name(provider: str) -> None:
    whole = create(provider, reasoning_effort="high")["choices"][0]["message"]
    assert whole["reasoning_content"]
    assert "reasoning" not in whole
    assert "<think>" not in whole["content"]
    chunks = stream(provider, reasoning_effort="high")
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas)
    assert not any("reasoning" in delta for delta in deltas)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("deepseek", "gpt-4o"), ("deepseek", "gpt-5.5"), ("moonshot", "gpt-4o"), ("moonshot", "gpt-5.5"),
     ("hunyuan", "hunyuan/deepseek-v4-pro"), ("hunyuan", "hunyuan/kimi-k3"), ("siliconflow", "gpt-5.5")],
)  # fmt: skip
def test_thoughts_go_back_where_they_are_wanted(vendors: Sandbox, provider: str, model: str) -> None:
    reply = create(provider, model=model, messages=REASONED, tools=[TOOL], reasoning_effort="high")
    assert sent(vendors)["messages"][1]["reasoning_content"] == "They want the weather."
    assert not [change for change in reply.llmswitch.changes if change.parameter.startswith("messages")]


def test_thoughts_are_withheld_where_they_are_forbidden(vendors: Sandbox) -> None:
    history = [ASKED, {"role": "assistant", "content": "Sunny.", "reasoning_content": "Hm.", "reasoning": "Hm."}, ASKED]
    reply = create("sensenova", messages=history, extra_body={"llmswitch": {"strict": True}})
    assert sent(vendors)["messages"][1] == {"role": "assistant", "content": "Sunny."}
    told = [(change.parameter, change.before, change.loss) for change in reply.llmswitch.changes[1:]]
    assert told == [
        ("messages.reasoning_content", "in 1 place", False),
        ("messages.reasoning", "in 1 place", False),
    ]


def test_minimaxs_own_form_of_thoughts_goes_back_to_it_alone(vendors: Sandbox) -> None:
    message = create("minimax", reasoning_effort="high")["choices"][0]["message"]
    assert message["reasoning_details"]
    history = [ASKED, message, ASKED]
    create("minimax", messages=history)
    assert sent(vendors)["messages"][1]["reasoning_details"] == message["reasoning_details"]
    create("deepseek", messages=history)
    assert "reasoning_details" not in sent(vendors)["messages"][1]


@pytest.mark.parametrize(
    ("provider", "model"),
    [("deepseek", "gpt-4o"), ("deepseek", "gpt-5.5"), ("moonshot", "gpt-4o"), ("hunyuan", "hunyuan/deepseek-v4-pro")],
)
@pytest.mark.parametrize("effort", [None, "none", "high"])
def test_a_history_without_thoughts_switches_thinking_off(
    vendors: Sandbox, provider: str, model: str, effort: str | None
) -> None:
    asked = {"reasoning_effort": effort} if effort else {}
    reply = create(provider, model=model, messages=UNREASONED, tools=[TOOL], **asked)
    body = sent(vendors)
    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body
    assert "reasoning_content" not in body["messages"][1]
    lost = [change.parameter for change in reply.llmswitch.changes if change.loss]
    assert ("reasoning_effort" in lost) is (effort == "high")


@pytest.mark.parametrize(
    ("provider", "model"), [("moonshot", "gpt-5.5"), ("hunyuan", "hunyuan/kimi-k3"), ("siliconflow", "gpt-5.5")]
)
def test_a_model_that_always_thinks_gets_a_placeholder(vendors: Sandbox, provider: str, model: str) -> None:
    reply = create(provider, model=model, messages=UNREASONED, tools=[TOOL])
    assert sent(vendors)["messages"][1]["reasoning_content"] == "(not recorded)"
    assert ("messages[1].reasoning_content", "added") in [
        (change.parameter, change.action) for change in reply.llmswitch.changes
    ]


# --- messages ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["minimax", "sensenova"])
def test_a_call_without_words_gets_an_empty_text(vendors: Sandbox, provider: str) -> None:
    create(provider, messages=UNREASONED, tools=[TOOL])
    assert sent(vendors)["messages"][1]["content"] == ""


def test_only_max_and_ultra_of_spark_hear_a_system(vendors: Sandbox) -> None:
    messages = [{"role": "system", "content": "Be brief."}, ASKED]
    create("spark", messages=messages)
    assert sent(vendors)["messages"] == messages
    create("spark", model="gpt-4o-mini", messages=messages)
    assert sent(vendors)["messages"] == [{"role": "user", "content": "Be brief."}, ASKED]


def test_json_is_mentioned_only_where_nobody_does(vendors: Sandbox) -> None:
    asked = [{"role": "user", "content": "Answer as JSON."}]
    create("deepseek", messages=asked, response_format={"type": "json_object"})
    assert sent(vendors)["messages"] == asked


# --- embeddings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "size"),
    [
        ("doubao", "doubao-embedding-large-text-250515", 2048),
        ("hunyuan", "kinfra-text-embedding-0.6b", 1024),
        ("siliconflow", "Qwen/Qwen3-Embedding-8B", 4096),
        ("baichuan", "Baichuan-Text-Embedding", 1024),
    ],
)
def test_embeddings_come_as_the_adapter_says(vendors: Sandbox, provider: str, model: str, size: int) -> None:
    openai = llmswitch.OpenAI(providers=[provider], failover=False)
    with openai as client:
        answer = client.embeddings.create(model=f"{provider}/{model}", input=["a", "b"])
    assert [len(row.embedding) for row in answer.data] == [size, size]
    assert adapters.get(provider).models[model].dimensions[0] == size
    assert len(vendors.requests()) == 1


# --- usage and errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", VENDORS)
def test_a_streams_usage_stands_where_openai_has_it(vendors: Sandbox, provider: str) -> None:
    chunks = stream(provider, stream_options={"include_usage": True})
    usages = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert usages[-1]["total_tokens"] > 0
    assert not any("usage" in choice for chunk in chunks for choice in chunk["choices"])
    assert len(vendors.requests()) == 1


@pytest.mark.parametrize(
    ("provider", "fault", "code", "kind"),
    [
        ("deepseek", "arrears", None, "quota_exhausted"),
        ("moonshot", "arrears", None, "quota_exhausted"),
        ("moonshot", "overload", None, "overloaded"),
        ("moonshot", "rate_limit", None, "rate_limited"),
        ("doubao", "arrears", None, "quota_exhausted"),
        ("doubao", "quota", "SetLimitExceeded", "quota_exhausted"),
        ("minimax", "refusal", "1027", "content_filter"),
        ("minimax", "arrears", "1008", "quota_exhausted"),
        ("hunyuan", "quota", "401008", "quota_exhausted"),
        ("siliconflow", "arrears", "30001", "quota_exhausted"),
        ("stepfun", "arrears", None, "quota_exhausted"),
        ("stepfun", "refusal", None, "content_filter"),
        ("baichuan", "arrears", None, "quota_exhausted"),
        ("baichuan", "rate_limit", None, "rate_limited"),
        ("spark", "refusal", "10013", "content_filter"),
        ("spark", "permission", "11200", "permission"),
        ("spark", "context_length", "10907", "context_length"),
    ],
)  # fmt: skip
def test_one_status_for_many_things_is_read_right(
    vendors: Sandbox, provider: str, fault: str, code: str | None, kind: str
) -> None:
    vendors.fault(provider, fault, code=code)
    with pytest.raises(errors.CallError) as raised:
        create(provider)
    assert raised.value.attempts[-1].kind == kind


# --- sites ---------------------------------------------------------------------------------------------------------------------

ANSWER = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
).encode()


@pytest.mark.parametrize(
    ("endpoint", "variable", "model"),
    [
        ("moonshot@coding", "KIMI_API_KEY", "kimi-for-coding"),
        ("doubao@intl", "BYTEPLUS_API_KEY", "seed-2-0-lite-260228"),
        ("doubao@coding", "LLMSWITCH_DOUBAO_CODING_API_KEY", "doubao-seed-2-1-turbo-260628"),
        ("hunyuan@intl", "TOKENHUB_INTL_API_KEY", "deepseek-v4-flash"),
        ("stepfun@plan", "STEP_PLAN_API_KEY", "step-router-v1"),
        ("spark@x2", "SPARK_X2_API_PASSWORD", "spark-x"),
        ("spark@x1", "SPARK_X1_API_PASSWORD", "x1"),
        ("sensenova@legacy", "LLMSWITCH_SENSENOVA_LEGACY_API_KEY", "SenseNova-V6-Pro"),
    ],
)
def test_a_site_has_keys_and_models_of_its_own(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, variable: str, model: str
) -> None:
    provider, _, site = endpoint.partition("@")
    with Server(answer(200, ANSWER)) as server:
        monkeypatch.setenv(variable, "a-key")
        monkeypatch.setenv(f"LLMSWITCH_{provider}_{site}_BASE_URL".upper(), f"{server.url}/v1")
        with llmswitch.Switch(region="CN") as switch:
            reply = switch.chat.completions.create(model="gpt-4o", messages=[ASKED])
    assert (reply.llmswitch.provider, reply.llmswitch.site) == (provider, site)
    assert [json.loads(request.body)["model"] for request in server.requests] == [model]
    assert server.requests[0].headers["authorization"] == "Bearer a-key"


def test_a_plan_takes_no_part_with_an_ordinary_key(vendors: Sandbox) -> None:
    plans = {"moonshot@coding", "doubao@coding", "stepfun@plan", "spark@x1", "spark@x2", "sensenova@legacy"}
    for provider in VENDORS:
        create(provider)
    assert not plans & {request.endpoint for request in vendors.requests()}
