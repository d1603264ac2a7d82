"""What each provider's rules make of a request, and that nothing else is touched."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmswitch import dialects
from llmswitch.adapter import Interval, Rule, adapters, get
from llmswitch.parameters import fit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.report import Change

USER: Json = {"role": "user", "content": "你好"}
STANDARD = {name: get(name).tiers["standard"] for name in ("openai", "qwen", "ernie", "zhipu")}


def fitted(provider: str, asked: Mapping[str, Any], model: str | None = None) -> tuple[Json, list[Change]]:
    """The chat request and its changes, without those that every call there gets (thinking off)."""
    params: Json = {"model": "gpt-4o", "messages": [USER], **asked}
    sent, changes = fit(params, get(provider), model or STANDARD[provider], stream=False)
    return sent, [change for change in changes if change.action != "added"]


def told(changes: list[Change]) -> list[tuple[str, str, JsonValue, JsonValue]]:
    return [(change.parameter, change.action, change.before, change.after) for change in changes]


# --- ranges --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "name", "before", "after"),
    [
        ("qwen", "temperature", 2, 1.99),
        ("qwen", "temperature", 2.0, 1.99),
        ("qwen", "temperature", -1, 0),
        ("qwen", "top_p", 0, 0.01),
        ("qwen", "top_p", 1.5, 1.0),
        ("qwen", "presence_penalty", 3, 2),
        ("qwen", "n", 8, 4),
        ("qwen", "n", 0, 1),
        ("qwen", "max_tokens", 100_000, 65_536),
        ("qwen", "max_completion_tokens", 100_000, 65_536),
        ("ernie", "temperature", 0, 0.01),
        ("ernie", "temperature", 0.0, 0.01),
        ("ernie", "temperature", 1.2, 1.0),
        ("ernie", "temperature", 2, 1),
        ("ernie", "max_tokens", 1, 2),
        ("ernie", "max_tokens", 16_384, 12_288),
        ("zhipu", "temperature", 1.7, 1.0),
        ("zhipu", "top_p", 0, 0.01),
        ("zhipu", "max_tokens", 200_000, 128_000),
    ],
)
def test_clamped(provider: str, name: str, before: float, after: float) -> None:
    sent, changes = fitted(provider, {name: before})
    assert sent[name] == after
    assert told(changes) == [(name, "clamped", before, after)]
    assert changes[0].reason
    assert isinstance(sent[name], int) or not isinstance(before, int) or not isinstance(after, int)


@pytest.mark.parametrize(
    ("provider", "name", "value"),
    [
        ("qwen", "temperature", 0),
        ("qwen", "temperature", 1.99),
        ("qwen", "temperature", 1.995),
        ("qwen", "top_p", 1),
        ("qwen", "n", 4),
        ("qwen", "max_tokens", 65_536),
        ("ernie", "temperature", 0.01),
        ("ernie", "temperature", 1),
        ("ernie", "top_p", 0),
        ("zhipu", "temperature", 0),
        ("zhipu", "temperature", 1),
        ("zhipu", "top_p", 1),
        # Not numbers: the vendor's to judge, or the encoder's.
        ("qwen", "temperature", "2"),
        ("qwen", "temperature", True),
        ("qwen", "temperature", None),
        ("qwen", "temperature", math.inf),
        ("ernie", "temperature", -math.inf),
    ],
)
def test_inside_the_range_or_no_number(provider: str, name: str, value: JsonValue) -> None:
    sent, changes = fitted(provider, {name: value})
    assert sent[name] is value
    assert changes == []


def test_nan_is_left_to_the_encoder() -> None:
    value = math.nan
    assert fitted("ernie", {"temperature": value})[0]["temperature"] is value


def test_ranges_of_ernie_are_for_its_own_models_only() -> None:
    assert fitted("ernie", {"temperature": 1.5, "presence_penalty": 1}, "deepseek-v3.2") == (
        {"model": "gpt-4o", "messages": [USER], "temperature": 1.5, "presence_penalty": 1},
        [],
    )
    # 5.x documents frequency_penalty, the others do not.
    assert "frequency_penalty" in fitted("ernie", {"frequency_penalty": 1}, "ernie-5.1")[0]
    assert "frequency_penalty" not in fitted("ernie", {"frequency_penalty": 1})[0]


def test_a_model_without_a_known_limit_keeps_max_tokens() -> None:
    assert fitted("qwen", {"max_tokens": 10**9}, "a-new-model")[1] == []


# --- renamed, dropped, converted -----------------------------------------------------------------------------------------------


def test_zhipu_renames() -> None:
    sent, changes = fitted("zhipu", {"max_completion_tokens": 100, "user": "user-123"})
    assert sent["max_tokens"] == 100
    assert sent["user_id"] == "user-123"
    assert not {"max_completion_tokens", "user"} & sent.keys()
    assert told(changes) == [
        ("max_completion_tokens", "renamed", "max_completion_tokens", "max_tokens"),
        ("user", "renamed", "user", "user_id"),
    ]


@pytest.mark.parametrize("user", ["u1", "x" * 129])
def test_a_user_that_does_not_fit_is_dropped(user: str) -> None:
    sent, changes = fitted("zhipu", {"user": user})
    assert not {"user", "user_id"} & sent.keys()
    assert told(changes) == [("user", "dropped", user, None)]


def test_a_rename_never_overwrites() -> None:
    sent, changes = fitted("zhipu", {"max_completion_tokens": 100, "max_tokens": 50})
    assert sent["max_tokens"] == 50
    assert told(changes) == [("max_completion_tokens", "dropped", 100, None)]


@pytest.mark.parametrize("provider", ["zhipu", "deepseek", "gemini", "mistral"])
def test_a_rename_takes_the_place_of_null(provider: str) -> None:
    params: Json = {"messages": [USER], "max_tokens": None, "max_completion_tokens": 100}
    sent, changes = fit(params, get(provider), get(provider).tiers["standard"], stream=False)
    assert sent["max_tokens"] == 100
    assert not any(change.loss for change in changes)


def test_a_renamed_value_is_clamped_by_the_rules_after_it() -> None:
    sent, changes = fitted("zhipu", {"max_completion_tokens": 10**6})
    assert sent["max_tokens"] == 128_000
    assert [change.action for change in changes] == ["renamed", "clamped"]


@pytest.mark.parametrize(
    ("provider", "names"),
    [
        (
            "qwen",
            "frequency_penalty logit_bias metadata prediction safety_identifier store verbosity web_search_options",
        ),
        (
            "ernie",
            "frequency_penalty presence_penalty n logit_bias logprobs top_logprobs store prediction reasoning_effort",
        ),
        (
            "zhipu",
            "frequency_penalty presence_penalty n logit_bias logprobs top_logprobs store metadata prediction verbosity",
        ),
    ],
)
def test_dropped(provider: str, names: str) -> None:
    for name in names.split():
        sent, changes = fitted(provider, {name: 2})
        assert name not in sent
        assert told(changes) == [(name, "dropped", 2, None)]


@pytest.mark.parametrize(
    ("provider", "given"),
    [
        ("qwen", {"frequency_penalty": 0, "store": False, "service_tier": "auto", "logit_bias": {}}),
        ("ernie", {"n": 1, "presence_penalty": 0.0, "logprobs": False, "store": None}),
        ("zhipu", {"n": 1, "parallel_tool_calls": True, "logprobs": None, "max_completion_tokens": None}),
    ],
)
def test_what_asks_for_nothing_goes_without_a_word(provider: str, given: Json) -> None:
    sent, changes = fitted(provider, given)
    assert not given.keys() & sent.keys()
    assert changes == []


@pytest.mark.parametrize("provider", adapters())
@pytest.mark.parametrize("name", ["functions", "logit_bias", "metadata", "modalities", "stop", "tools"])
def test_what_is_empty_is_no_loss(provider: str, name: str) -> None:
    adapter = get(provider)
    for value in cast("tuple[JsonValue, ...]", ([], {}, None)):
        params: Json = {"model": "m", "messages": [USER], name: value}
        wire = dialects.get(adapter.dialect).encode("chat", params, adapter, adapter.tiers.get("standard", "m"))
        assert not any(change.loss for change in wire.changes)


def test_openais_own_default_is_no_loss() -> None:
    for provider in ("qwen", "zhipu", "deepseek", "moonshot", "doubao", "yi"):
        _, changes = fitted(provider, {"verbosity": "medium"}, get(provider).tiers["standard"])
        assert not any(change.loss for change in changes)


def test_zhipu_honours_only_tool_choice_auto() -> None:
    for choice in ("required", {"type": "function", "function": {"name": "f"}}):
        sent, changes = fitted("zhipu", {"tool_choice": choice})
        assert sent["tool_choice"] == "auto"
        assert told(changes) == [("tool_choice", "converted", choice, "auto")]
    for keep in ("auto", "none"):
        assert fitted("zhipu", {"tool_choice": keep})[1] == []
    assert fitted("qwen", {"tool_choice": "required"})[1] == []


@pytest.mark.parametrize("provider", ["qwen", "ernie", "zhipu"])
def test_embeddings_come_as_numbers(provider: str) -> None:
    params: Json = {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "base64"}
    adapter = get(provider)
    sent, changes = fit(params, adapter, adapter.tiers["embedding"], stream=False)
    assert sent == {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "float"}
    assert told(list(changes)) == [("encoding_format", "converted", "base64", "float")]
    assert fit(sent, adapter, adapter.tiers["embedding"], stream=False) == (sent, ())


@pytest.mark.parametrize("provider", adapters())
def test_no_text_of_the_callers_is_kept(provider: str) -> None:
    text = "the capital of France"
    part: Json = {"type": "text", "text": text}
    function: Json = {"name": "f", "description": text, "strict": True}
    messages: list[JsonValue] = [
        {"role": "developer", "content": text},
        {"role": "system", "content": [part]},
        {"role": "user", "content": [part], "name": text},
        {"role": "user", "content": text},
        {"role": "assistant", "content": None, "reasoning_content": text, "refusal": text},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": text},
    ]
    params: Json = {
        "model": "gpt-4o",
        "messages": messages,
        "prediction": {"type": "content", "content": text},
        "functions": [function],
        "tools": [{"type": "function", "function": function}, {"type": "custom", "custom": function}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": {"description": text}}},
        "metadata": {"title": text},
        "web_search_options": {"user_location": text},
        "suffix": text,
    }
    before = copy.deepcopy(params)
    adapter = get(provider)
    for model in [*adapter.tiers.values()][:3] or ["m"]:
        wire = dialects.get(adapter.dialect).encode("chat", params, adapter, model)
        assert text not in str(wire.changes)
    assert params == before


@pytest.mark.parametrize("provider", adapters())
@pytest.mark.parametrize("role", [["user"], {"a": 1}, None, 5])
def test_a_role_that_is_none_is_the_vendors_to_judge(provider: str, role: JsonValue) -> None:
    adapter = get(provider)
    params: Json = {"model": "m", "messages": [{"role": role, "content": "x"}, USER]}
    dialects.get(adapter.dialect).encode("chat", params, adapter, adapter.tiers.get("standard", "m"))


@pytest.mark.parametrize("provider", ["moonshot", "minimax", "hunyuan", "anthropic", "zhipu"])
def test_who_changes_a_report_changes_nothing_else(provider: str) -> None:
    adapter = get(provider)
    choice: Json = {"type": "function", "function": {"name": "f"}}
    params: Json = {
        "model": "m",
        "messages": [USER],
        "reasoning_effort": "high",
        "tool_choice": choice,
        "max_tokens": 9,
    }

    def encoded() -> dialects.base.WireRequest:
        return dialects.get(adapter.dialect).encode("chat", params, adapter, adapter.tiers["standard"])

    before = encoded()
    kept = copy.deepcopy((before.body, params))
    for change in before.changes:
        for value in (change.before, change.after):
            for inner in (value, *value.values()) if isinstance(value, dict) else ():
                if isinstance(inner, dict):
                    inner["mine"] = True
    assert (encoded().body, params) == kept


# --- messages ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["qwen", "ernie", "zhipu"])
def test_developer_becomes_system(provider: str) -> None:
    messages: list[JsonValue] = [{"role": "developer", "content": "secret", "name": "boss"}, USER]
    sent, changes = fitted(provider, {"messages": messages})
    assert sent["messages"] == [{"role": "system", "content": "secret", "name": "boss"}, USER]
    assert told(changes) == [("messages[0].role", "converted", "developer", "system")]
    assert messages[0] == {"role": "developer", "content": "secret", "name": "boss"}
    assert isinstance(sent["messages"], list)
    assert sent["messages"][1] is USER  # what did not change is shared


def test_ernie_takes_one_leading_system_message() -> None:
    roles = [("system", "one"), ("user", "你好"), ("developer", "two"), ("assistant", "x"), ("user", "你好")]
    sent, changes = fitted("ernie", {"messages": [{"role": role, "content": text} for role, text in roles]})
    assert sent["messages"] == [
        {"role": "system", "content": "one\n\ntwo"},
        USER,
        {"role": "assistant", "content": "x"},
        USER,
    ]
    assert [change.parameter for change in changes] == ["messages[2].role", "messages"]
    assert all(word not in str(changes) for word in ("one'", "two", "你好"))  # prompts are not kept


def test_ernie_merges_parts() -> None:
    image: Json = {"type": "image_url", "image_url": {"url": "data:,"}}
    sent, _ = fitted(
        "ernie", {"messages": [USER, {"role": "system", "content": "a"}, {"role": "system", "content": [image]}]}
    )
    assert sent["messages"] == [{"role": "system", "content": [{"type": "text", "text": "a"}, image]}, USER]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        None,
        "hello",
        [None, 1, "x", []],
        [{"content": "no role"}],
        [{"role": ["developer"], "content": "x"}],
    ],
)
@pytest.mark.parametrize("provider", ["qwen", "ernie", "zhipu"])
def test_wrong_messages_are_the_vendors_to_judge(provider: str, messages: JsonValue) -> None:
    sent, changes = fitted(provider, {"messages": messages})
    assert sent["messages"] == messages
    assert changes == []


def test_json_is_mentioned_to_qwen_only_where_nobody_did() -> None:
    form: Json = {"response_format": {"type": "json_object"}}
    sent, changes = fit({**form, "messages": [USER]}, get("qwen"), "qwen3.8-max", stream=True)
    assert sent["messages"] == [{"role": "system", "content": "Answer in JSON."}, USER]
    assert told(list(changes)) == [("messages", "added", None, "Answer in JSON.")]
    system: Json = {"role": "system", "content": "Be brief."}
    sent, _ = fit({**form, "messages": [system, USER]}, get("qwen"), "qwen3.8-max", stream=True)
    assert sent["messages"] == [{"role": "system", "content": "Be brief.\n\nAnswer in JSON."}, USER]
    parts: Json = {"role": "user", "content": [{"type": "text", "text": "as Json, please"}]}
    plain: Json = {"role": "user", "content": "JSON"}
    for said in (plain, parts):
        params: Json = {**form, "messages": [USER, said]}
        assert fit(params, get("qwen"), "qwen3.8-max", stream=True) == (params, ())
    params = {"response_format": {"type": "text"}, "messages": [USER]}
    assert fit(params, get("qwen"), "qwen3.8-max", stream=True)[0] is params


def test_ernie_takes_turns_and_nothing_empty() -> None:
    call: Json = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    result: Json = {"role": "tool", "tool_call_id": "1", "content": ""}
    say: Json = {"role": "assistant", "content": "so"}
    messages: list[JsonValue] = [
        USER,
        {"role": "assistant", "content": ""},
        USER,
        call,
        result,
        call,
        result,
        say,
        USER,
    ]
    sent, changes = fitted("ernie", {"messages": messages})
    joined: Json = {"role": "user", "content": "你好\n\n你好"}
    filled = {**result, "content": "(empty)"}
    assert sent["messages"] == [joined, call, filled, call, filled, say, USER]
    assert told(changes) == [
        ("messages", "dropped", "1 empty", None),
        ("messages", "converted", "8 messages", "7, their roles taking turns"),
    ]


def test_another_vendors_reasoning_never_reaches_openai() -> None:
    said: Json = {"role": "assistant", "content": "4", "reasoning_content": "2+2", "reasoning_details": []}
    sent, changes = fitted("openai", {"messages": [USER, said, USER, said]})
    assert sent["messages"] == [USER, {"role": "assistant", "content": "4"}] * 2
    assert told(changes) == [
        ("messages.reasoning_content", "dropped", "in 2 places", None),
        ("messages.reasoning_details", "dropped", "in 2 places", None),
    ]
    assert not any(change.loss for change in changes)


# --- thinking ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "stream", "given", "expected"),
    [
        ("qwen3.7-plus", False, {}, False),
        ("qwen3.7-plus", True, {}, False),
        ("qwen3.8-max", False, {}, False),
        ("qwen3.8-max", True, {}, None),
        ("qwen3-32b", False, {}, False),
        ("qwen3-32b", True, {}, None),
        ("qwen-max", False, {}, None),
        ("qwq-plus", True, {}, None),
        ("deepseek-v4", False, {}, None),
        ("qwen3.7-plus", False, {"enable_thinking": True}, True),
        ("qwen3.7-plus", False, {"thinking_budget": 100}, None),
        ("qwen3.7-plus", False, {"reasoning_effort": "high"}, True),
        ("qwen3.7-plus", False, {"reasoning_effort": "minimal"}, False),
        ("qwen3.7-plus", True, {"reasoning_effort": "low"}, True),
        ("qwen3-32b", True, {"reasoning_effort": "low"}, True),
        ("qwen3-32b", False, {"reasoning_effort": "low"}, True),
        ("qwen3.7-plus", True, {"reasoning_effort": "low", "response_format": {"type": "json_schema"}}, False),
    ],
)
def test_qwen_thinks_only_where_it_may(model: str, stream: bool, given: Json, expected: bool | None) -> None:
    params: Json = {"model": "gpt-4o", "messages": [USER], **given}
    sent, changes = fit(params, get("qwen"), model, stream=stream)
    assert sent.get("enable_thinking") is expected
    effort = given.get("reasoning_effort")
    assert "reasoning_effort" not in sent
    if effort:
        assert told(list(changes))[:1] == [("reasoning_effort", "converted", effort, {"enable_thinking": expected})]
        assert changes[0].loss is (expected is False and effort != "minimal")
        # Thinking needs a stream: one is asked for, and put together again.
        streamed = [("stream", True), ("stream_options", {"include_usage": True})] if expected and not stream else []
        assert [(change.parameter, change.after) for change in changes[1:]] == streamed
    elif expected is not True:
        assert told(list(changes)) == ([("enable_thinking", "added", None, False)] if expected is False else [])


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("glm-5.3-flash", {}, {"type": "disabled"}),
        ("glm-4.5-air", {}, {"type": "disabled"}),
        ("glm-5.3", {}, None),
        ("glm-5.3-flash", {"thinking": {"type": "enabled"}}, {"type": "enabled"}),
        ("glm-5.3-flash", {"reasoning_effort": "high"}, None),
        ("glm-4-plus", {}, None),
    ],
)
def test_zhipu_thinks_where_it_was_asked_for(model: str, given: Json, expected: JsonValue) -> None:
    params: Json = {"messages": [USER], **given}
    assert fit(params, get("zhipu"), model, stream=True)[0].get("thinking") == expected


# --- what is left alone --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["openai", "compatible", "local"])
def test_no_rules_no_change(provider: str) -> None:
    params: Json = {"messages": [{"role": "developer", "content": "x"}], "temperature": 9, "n": 99, "store": True}
    sent, changes = fit(params, get(provider), "anything", stream=False)
    assert sent is params
    assert changes == ()


@pytest.mark.parametrize(
    ("provider", "model"), [("qwen", "qwen3.8-max"), ("ernie", "ernie-4.5-turbo-128k"), ("zhipu", "glm-5.3")]
)
def test_a_call_that_fits_is_the_callers_own_object(provider: str, model: str) -> None:
    params: Json = {
        "model": model,
        "messages": [USER],
        "temperature": 0.5,
        "max_tokens": 100,
        "stream": True,
        "tools": [],
        "response_format": {"type": "json_object"},
    }
    params["messages"] = [USER, {"role": "assistant", "content": "JSON?"}, USER]
    sent, changes = fit(params, get(provider), model, stream=True)
    assert sent is params
    assert changes == ()


VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**6) | st.floats() | st.text(max_size=8) | st.just("base64"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MESSAGES: st.SearchStrategy[JsonValue] = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]), "content": VALUES}
    ),
    max_size=6,
)
PARAMS = st.dictionaries(
    st.sampled_from(
        sorted(
            {name for p in ("qwen", "ernie", "zhipu") for rule in get(p).parameters for name in rule.names} | {"stop"}
        )
    ),
    VALUES,
    max_size=8,
)


@given(provider=st.sampled_from(["qwen", "ernie", "zhipu"]), given=PARAMS, messages=MESSAGES, stream=st.booleans())
def test_never_mutates_always_settles(provider: str, given: Json, messages: JsonValue, stream: bool) -> None:
    params: Json = {**given, "model": "gpt-4o", "messages": messages}
    before = copy.deepcopy(params)
    sent, changes = fit(params, get(provider), STANDARD[provider], stream=stream)
    assert repr(params) == repr(before)  # repr: NaN is not equal to itself
    assert (sent is params) <= (not changes)
    again, _ = fit(sent, get(provider), STANDARD[provider], stream=stream)
    assert repr(again) == repr(sent)  # what was fitted fits
    for name, value in sent.items():
        if name in params and name not in {change.parameter for change in changes} and name != "messages":
            assert value is params[name]
    assert sent["model"] == "gpt-4o"


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_clamped_values_are_inside(value: float) -> None:
    after = fitted("ernie", {"temperature": value})[0]["temperature"]
    assert isinstance(after, (int, float))
    assert 0 < after <= 1
    after = fitted("qwen", {"temperature": value})[0]["temperature"]
    assert isinstance(after, (int, float))
    assert 0 <= after < 2


# --- rules of other people's adapters ------------------------------------------------------------------------------------------


def with_rules(*rules: Rule) -> Adapter:
    return dataclasses.replace(get("qwen"), parameters=rules)


def rule(**columns: object) -> Rule:
    values: dict[str, object] = {
        "names": ("x",),
        "action": "drop",
        "reason": "r",
        "fact": get("qwen").home_site().fact,
        **columns,
    }
    return Rule(**values)  # type: ignore[arg-type]


def test_conditions() -> None:
    drop_when = with_rules(rule(when="stream"))
    assert fit({"x": 1}, drop_when, "m", stream=True)[0] == {}
    assert fit({"x": 1}, drop_when, "m", stream=False)[0] == {"x": 1}
    needs = with_rules(rule(requires=frozenset({"y"}), unless=frozenset({"z"})))
    assert fit({"x": 1}, needs, "m", stream=False)[0] == {"x": 1}
    assert fit({"x": 1, "y": 1}, needs, "m", stream=False)[0] == {"y": 1}
    assert fit({"x": 1, "y": 1, "z": 1}, needs, "m", stream=False)[0] == {"x": 1, "y": 1, "z": 1}
    tier = with_rules(rule(tiers=frozenset({"fast"})))
    assert fit({"x": 1}, tier, "qwen-flash", stream=False)[0] == {}
    assert fit({"x": 1}, tier, "qwen-plus", stream=False)[0] == {"x": 1}
    assert fit({"x": 1}, tier, "unheard-of", stream=False)[0] == {"x": 1}
    values = with_rules(rule(values=("a", "b"), keeps=("b",)))
    assert [bool(fit({"x": x}, values, "m", stream=False)[0]) for x in ("a", "b", "c")] == [False, True, True]
    texts: list[JsonValue] = ["", "a", "ab", [1], 1]
    length = with_rules(rule(length=Interval(1, 2, high_open=True)))
    assert [bool(fit({"x": x}, length, "m", stream=False)[0]) for x in texts] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_two_adapters_of_one_name_keep_their_own_rules() -> None:
    first, second = with_rules(rule()), with_rules(rule(names=("y",)))
    assert fit({"x": 1, "y": 1}, first, "m", stream=False)[0] == {"y": 1}
    assert fit({"x": 1, "y": 1}, second, "m", stream=False)[0] == {"x": 1}
