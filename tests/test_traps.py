"""The places where an app written for OpenAI goes wrong at Qwen, ERNIE and GLM: fifteen each, numbered, and what comes of each here.

Everything goes through the public API to the sandbox, which refuses what the vendor refuses.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import AsyncOpenAI, OpenAI, Switch
from llmswitch import errors as switch_errors
from llmswitch.adapter import get
from llmswitch.failure import Kind, classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

USER: Any = {"role": "user", "content": "say hello"}
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": [USER]}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def only(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Sandbox]:
    """Nobody but these takes part."""

    def select(names: str) -> Sandbox:
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", names)
        return sandbox

    return select


@pytest.fixture
def qwen(only: Callable[[str], Sandbox]) -> Sandbox:
    return only("qwen@cn")


@pytest.fixture
def ernie(only: Callable[[str], Sandbox]) -> Sandbox:
    return only("ernie")


@pytest.fixture
def zhipu(only: Callable[[str], Sandbox]) -> Sandbox:
    return only("zhipu@cn")


def ask(**more: Any) -> Any:
    with OpenAI(max_retries=0) as client:
        return client.chat.completions.create(**{**CALL, **more})


def fails(**more: Any) -> Any:
    """What a call raises, and beside it the attempts."""
    with pytest.raises(openai.APIError) as caught:
        ask(**more)
    return caught.value


def told(error: Any) -> str:
    """What a traceback shows: the vendor's words, and the next step below them."""
    return "\n".join((str(error), *getattr(error, "__notes__", ())))


def kind(provider: str, status: int | None, body: Any) -> Kind:
    return classify(provider=provider, status=status, body=body).kind


def changes(answer: Any) -> dict[str, tuple[str, Any, Any]]:
    """Parameter -> what was done, before and after."""
    return {change.parameter: (change.action, change.before, change.after) for change in answer.llmswitch.changes}


def last(sandbox: Sandbox) -> Any:
    """The body that came last."""
    return sandbox.requests()[-1].body


def attempt(error: Any) -> Any:
    return error.attempts[0]


# --- Qwen -----------------------------------------------------------------------------------------------------------------------


def test_qwen_01_a_key_of_another_site_is_named(qwen: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_QWEN_CN_API_KEY", qwen.key("qwen@intl"))
    error = fails()
    assert isinstance(error, openai.AuthenticationError)
    assert "intl" in told(error)
    assert "INTL_API_KEY" in told(error)
    assert qwen.hits("qwen@intl") == 0


@pytest.mark.parametrize("model", ["qwen3-32b", "qwen3.7-plus", "qwq-plus"])
def test_qwen_02_a_call_that_is_not_streamed_is_never_refused_for_thinking(qwen: Sandbox, model: str) -> None:
    assert ask(model=f"qwen/{model}").choices[0].message.content
    assert ask(model=f"qwen/{model}", reasoning_effort="high").choices[0].message.reasoning_content
    assert qwen.hits() == 2


@pytest.mark.parametrize(("fault", "status"), [("arrears", 400), ("quota", 403)])
def test_qwen_03_no_money_is_no_bad_request_and_no_lack_of_rights(qwen: Sandbox, fault: str, status: int) -> None:
    qwen.fault("qwen", fault)
    error = fails()
    assert (attempt(error).status, attempt(error).kind) == (status, "quota_exhausted")


def test_qwen_04_insufficient_quota_is_throttling_here_and_final_at_openai() -> None:
    body = {
        "error": {
            "code": "insufficient_quota",
            "type": "insufficient_quota",
            "message": "You exceeded your current quota",
        }
    }
    assert kind("qwen", 429, body) is Kind.RATE_LIMITED
    assert kind("openai", 429, body) is Kind.QUOTA_EXHAUSTED


def test_qwen_05_the_content_filter_is_an_answer_before_and_inside_a_stream(
    only: Callable[[str], Sandbox],
) -> None:
    sandbox = only("qwen@cn,zhipu@cn")
    words = "<400> InternalError.Algo.DataInspectionFailed: Input data may contain inappropriate content."
    sandbox.fault("qwen", "refusal", message=words)
    error = fails()
    assert isinstance(error, openai.BadRequestError)
    assert (attempt(error).kind, sandbox.hits("qwen"), sandbox.hits("zhipu")) == ("content_filter", 1, 0)
    sandbox.reset()
    sandbox.fault("qwen", "in_band_error", error="refusal", after=2)
    with OpenAI() as client, pytest.raises(switch_errors.StreamInterruptedError) as caught:
        list(client.chat.completions.create(**CALL, stream=True))
    assert attempt(caught.value).kind == "content_filter"
    assert caught.value.partial
    assert sandbox.hits("zhipu") == 0


def test_qwen_06_a_limit_goes_out_under_the_name_the_caller_gave_it(qwen: Sandbox) -> None:
    """Which of the two counts the reasoning depends on the model there: one is never made into the other."""
    for name in ("max_tokens", "max_completion_tokens"):
        ask(**{name: 77})
        body = last(qwen)
        assert body[name] == 77
        assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1


def test_qwen_07_ranges(qwen: Sandbox) -> None:
    said = changes(ask(temperature=2, top_p=0, n=9))
    assert said["temperature"] == ("clamped", 2, 1.99)
    assert said["top_p"][:2] == ("clamped", 0)
    assert said["n"] == ("clamped", 9, 4)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        ask(temperature=2, extra_body={"llmswitch": {"strict": True}})
    assert qwen.hits() == 1


@pytest.mark.usefixtures("qwen")
def test_qwen_08_json_mode_mentions_json() -> None:
    answer = ask(response_format={"type": "json_object"})
    assert answer.choices[0].message.content.startswith("{")
    assert changes(answer)["messages"] == ("added", None, "Answer in JSON.")


def test_qwen_09_a_schema_goes_to_a_model_that_has_it_and_never_meets_thinking(qwen: Sandbox) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {}}}}
    answer = ask(response_format=form, reasoning_effort="high")
    assert "json_schema" in get("qwen").models[answer.llmswitch.model].capabilities
    body = last(qwen)
    assert (body["response_format"], body["enable_thinking"]) == (form, False)
    assert changes(answer)["reasoning_effort"] == ("converted", "high", {"enable_thinking": False})


def test_qwen_10_tools_in_parallel_and_by_force(qwen: Sandbox) -> None:
    both: Any = {"role": "user", "content": "both, please"}
    answer = ask(messages=[both], tools=[TOOL, {**TOOL, "function": {**TOOL["function"], "name": "g"}}])
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["f", "g"]
    assert changes(answer)["parallel_tool_calls"] == ("added", None, True)
    answer = ask(model="qwen/qwen-max", tools=[TOOL], tool_choice="required")
    assert changes(answer)["tool_choice"] == ("converted", "required", "auto")
    ask(tools=[TOOL], tool_choice="required")
    assert last(qwen)["tool_choice"] == "required"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "only a system message"}],
        [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {}}]},
            USER,
        ],
    ],
)
def test_qwen_11_messages_it_refuses_are_the_callers_to_mend(only: Callable[[str], Sandbox], messages: Any) -> None:
    sandbox = only("qwen@cn,zhipu@cn")
    error = fails(messages=messages)
    assert isinstance(error, openai.BadRequestError)
    assert (sandbox.hits("qwen"), sandbox.hits("zhipu")) == (1, 0)


def test_qwen_12_what_is_openais_own_is_dropped_and_said(qwen: Sandbox) -> None:
    answer = ask(
        messages=[{"role": "developer", "content": "be brief"}, USER],
        store=True,
        logit_bias={"1": 1},
        service_tier="flex",
        frequency_penalty=1,
    )
    said = changes(answer)
    assert said["messages[0].role"] == ("converted", "developer", "system")
    assert {name for name, (action, *_) in said.items() if action == "dropped"} == {
        "store",
        "logit_bias",
        "service_tier",
        "frequency_penalty",
    }
    assert said.keys() - {"model", "enable_thinking", "messages[0].role"} <= {
        "store",
        "logit_bias",
        "service_tier",
        "frequency_penalty",
    }
    assert not {"store", "logit_bias", "service_tier", "frequency_penalty"} & last(qwen).keys()


def test_qwen_13_the_native_protocols_errors_are_errors_whatever_their_status() -> None:
    native = {"code": "Arrearage", "message": "Access denied", "request_id": "1"}
    assert kind("qwen", 200, native) is Kind.QUOTA_EXHAUSTED
    event = (
        b'event:error\ndata:{"code":"DataInspectionFailed","message":"Output data may contain inappropriate content."}'
    )
    assert kind("qwen", None, event) is Kind.CONTENT_FILTER
    assert (
        kind("qwen", 429, {"code": "Throttling.AllocationQuota", "message": "Allocated quota exceeded"})
        is Kind.RATE_LIMITED
    )


def test_qwen_14_a_long_prompt_never_goes_to_a_small_model(qwen: Sandbox) -> None:
    assert get("qwen").models["qwen3.7-plus"].context == 991_808
    long: Any = {"role": "user", "content": "word " * 250_000}
    assert ask(messages=[long]).llmswitch.model == "qwen3.7-plus"
    body = {
        "error": {
            "code": "invalid_parameter_error",
            "message": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
        }
    }
    assert kind("qwen", 400, body) is Kind.CONTEXT_LENGTH
    error = fails(model="qwen/qwen-max", messages=[long])
    assert attempt(error).kind == "context_length"
    assert qwen.hits() == 2


def test_qwen_15_embeddings_stay_in_their_space(only: Callable[[str], Sandbox]) -> None:
    sandbox = only("openai,qwen@cn")
    sandbox.fault("openai", "region_block")
    with OpenAI(max_retries=0) as client:
        with pytest.raises(openai.PermissionDeniedError):
            client.embeddings.create(model="text-embedding-3-small", input="x")
        assert sandbox.hits("qwen") == 0
        many = client.embeddings.create(model="qwen/text-embedding-v4", input=[f"text {n}" for n in range(25)])
        small = client.embeddings.create(model="qwen/text-embedding-v4", input="x", dimensions=512)
    assert [row.index for row in many.data] == list(range(25))
    assert len(many.data[0].embedding) == 1024
    assert len(small.data[0].embedding) == 512
    bodies: list[Any] = [request.body for request in sandbox.requests("qwen")]
    assert all(body["encoding_format"] == "float" and len(body["input"]) <= 10 for body in bodies)


# --- ERNIE ----------------------------------------------------------------------------------------------------------------------


def test_ernie_01_another_kind_of_credential_is_told(ernie: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANFAN_API_KEY", "an-app-key-of-v1")
    error = fails()
    assert isinstance(error, openai.AuthenticationError)
    assert "bce-v3/" in told(error)
    assert "an-app-key-of-v1" not in told(error)
    assert ernie.hits() == 1


def test_ernie_02_an_unknown_model_is_no_bad_key(ernie: Sandbox) -> None:
    error = fails(model="ernie/no-such-model")
    assert (attempt(error).status, attempt(error).kind) == (401, "model_not_found")
    assert ask().choices[0].message.content  # the key goes on being used
    assert ernie.hits() == 2


@pytest.mark.parametrize(
    ("fault", "code", "expected"),
    [("arrears", "account_overdue", "quota_exhausted"), ("model_not_found", "model_offline", "model_not_found")],
)
def test_ernie_03_a_403_is_neither_the_region_nor_a_lack_of_rights(
    ernie: Sandbox, fault: str, code: str, expected: str
) -> None:
    ernie.fault("ernie", fault, code=code)
    error = fails()
    assert (attempt(error).status, attempt(error).kind) == (403, expected)


def test_ernie_04_both_forms_of_the_content_filter(only: Callable[[str], Sandbox]) -> None:
    sandbox = only("ernie,qwen@cn")
    sandbox.fault("ernie", "refusal", form="finish")
    answer = ask(extra_body={"llmswitch": {"order": ["ernie"]}})
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].flag == 4
    sandbox.reset()
    for code in ("system_unsafe", "user_setting_unsafe", "functions_unsafe", "image_url_unsafe"):
        sandbox.clear()
        sandbox.fault("ernie", "refusal", form="http", code=code)
        error = fails(extra_body={"llmswitch": {"order": ["ernie"]}})
        assert attempt(error).kind == "content_filter"
    assert sandbox.hits("qwen") == 0


@pytest.mark.usefixtures("ernie")
def test_ernie_05_temperature() -> None:
    assert changes(ask(temperature=0))["temperature"] == ("clamped", 0, 0.01)
    assert changes(ask(temperature=1.5))["temperature"] == ("clamped", 1.5, 1)


@pytest.mark.usefixtures("ernie")
def test_ernie_06_messages_take_turns_with_one_system_in_front() -> None:
    call: Any = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = ask(
        messages=[
            {"role": "system", "content": "a"},
            USER,
            USER,
            {"role": "assistant", "content": ""},
            {"role": "developer", "content": "b"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": ""},
        ],
        tools=[TOOL],
    )
    assert answer.choices[0].message.content
    said = [change for change in answer.llmswitch.changes if change.parameter.startswith("messages")]
    assert [change.action for change in said] == ["converted", "added", "dropped", "converted", "converted"]


def test_ernie_07_penalties_have_another_scale(ernie: Sandbox) -> None:
    said = changes(ask(frequency_penalty=0.5, presence_penalty=0.5))
    assert said["frequency_penalty"] == ("dropped", 0.5, None)
    assert said["presence_penalty"] == ("dropped", 0.5, None)
    assert "penalty_score" not in last(ernie)


def test_ernie_08_what_it_does_not_know_is_dropped_and_a_missing_right_is_the_models(ernie: Sandbox) -> None:
    said = changes(ask(n=3, logprobs=True, logit_bias={"1": 1}))
    assert {name for name, (action, *_) in said.items() if action == "dropped"} == {"n", "logprobs", "logit_bias"}
    ernie.fault("ernie", "permission")
    assert attempt(fails()).kind == "permission"  # 401, and yet no bad key


def test_ernie_09_an_answer_is_not_cut_after_2048_tokens(ernie: Sandbox) -> None:
    assert changes(ask())["max_completion_tokens"] == ("added", None, 12_288)
    assert changes(ask(max_tokens=16_384))["max_tokens"] == ("clamped", 16_384, 12_288)
    ask(max_tokens=50)
    assert "max_completion_tokens" not in last(ernie)


@pytest.mark.parametrize("code", ["tokens_too_long", "characters_too_long"])
def test_ernie_10_both_words_for_too_long(ernie: Sandbox, code: str) -> None:
    ernie.fault("ernie", "context_length", code=code)
    assert attempt(fails()).kind == "context_length"


@pytest.mark.parametrize(
    "code",
    [
        "rpm_rate_limit_exceeded",
        "tpm_rate_limit_exceeded",
        "input_tpm_rate_limit_exceeded",
        "output_tpm_rate_limit_exceeded",
        "user_rate_limit_exceeded",
        "cluster_rate_limit_exceeded",
        "cluster_rpm_rate_limit_exceeded",
        "preemptible_rate_limit_exceeded",
        "Offline_batch_reasoning_refused",
        "coding_plan_rate_limit_exceeded",
    ],
)
def test_ernie_11_ten_words_for_too_much(code: str) -> None:
    assert (
        kind("ernie", 429, {"error": {"code": code, "type": "rate_limit_exceeded", "message": ""}}) is Kind.RATE_LIMITED
    )


def test_ernie_12_no_key_in_any_text_and_one_request_a_try(ernie: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """The vendor's own SDK writes the key into its exceptions and its log, and never retries what V2 calls throttling."""
    ernie.fault("ernie", "rate_limit")
    error = fails()
    secret = ernie.key("ernie@cn")
    assert secret not in f"{error!r}{error}{caplog.text}{error.__dict__}"
    assert ernie.hits() == 1
    with OpenAI(max_retries=2) as client, pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**CALL)
    assert ernie.hits() == 4


def test_ernie_13_v1s_errors_come_with_a_status_of_success() -> None:
    for number, expected in (
        (17, Kind.QUOTA_EXHAUSTED),
        (18, Kind.RATE_LIMITED),
        (110, Kind.AUTH),
        (336103, Kind.CONTEXT_LENGTH),
    ):
        assert kind("ernie", 200, {"error_code": number, "error_msg": "…"}) is expected


@pytest.mark.usefixtures("ernie")
def test_ernie_14_files_and_fine_tuning_say_where_they_are() -> None:
    with OpenAI() as client:
        for use in (client.files.list, client.fine_tuning.jobs.list):
            with pytest.raises(openai.OpenAIError, match="the provider's own"):
                use()


def test_ernie_15_an_identity_that_is_missing_is_a_right_not_the_region() -> None:
    body = {"code": "QualifyNotPass", "message": "qualify not pass"}
    assert kind("ernie", 403, body) is Kind.PERMISSION
    assert get("ernie").models["embedding-v1"].dimensions == (384,)
    assert [site.name for site in get("ernie").sites] == ["cn"]


# --- GLM ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1113", "quota_exhausted"),
        ("1308", "quota_exhausted"),
        ("1310", "quota_exhausted"),
        ("1112", "permission"),
        ("1302", "rate_limited"),
        ("1303", "rate_limited"),
        ("1305", "overloaded"),
        ("1312", "overloaded"),
    ],
)
def test_zhipu_01_one_status_for_five_things(code: str, expected: str) -> None:
    failure = classify(provider="zhipu", status=429, body={"error": {"code": code, "message": ""}})
    assert failure.kind == expected


def test_zhipu_01_a_quota_is_asked_once(only: Callable[[str], Sandbox]) -> None:
    sandbox = only("zhipu@cn,qwen@cn")
    sandbox.fault("zhipu", "arrears")
    with OpenAI(order=["zhipu"]) as client:
        for _ in range(3):
            assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert sandbox.hits("zhipu") == 1


def test_zhipu_02_codes_are_digits_in_a_text_and_there_is_no_type(zhipu: Sandbox) -> None:
    zhipu.fault("zhipu", "rate_limit")
    error = fails()
    assert isinstance(error, openai.RateLimitError)
    assert (error.code, error.type, attempt(error).kind) == ("1302", None, "rate_limited")


def test_zhipu_03_finish_reasons_are_openais(zhipu: Sandbox) -> None:
    zhipu.fault("zhipu", "refusal", form="finish")
    assert ask().choices[0].finish_reason == "content_filter"
    with OpenAI() as client:
        chunks = list(client.chat.completions.create(**CALL, stream=True))
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    assert get("zhipu").finish_reasons["model_context_window_exceeded"] == "length"
    assert get("zhipu").failing_finish_reasons == {"network_error"}


def test_zhipu_04_an_error_inside_a_stream_has_its_kind(only: Callable[[str], Sandbox]) -> None:
    sandbox = only("zhipu@cn,qwen@cn")
    sandbox.fault("zhipu", "in_band_error", error="rate_limit", after=0, count=1)
    with OpenAI(order=["zhipu"]) as client:
        chunks = list(client.chat.completions.create(**CALL, stream=True))
        assert chunks[-1].llmswitch.attempts[0].kind == "rate_limited"  # nothing was said yet: another one answers
        sandbox.reset()
        sandbox.fault("zhipu", "in_band_error", error="server_error", after=3)
        with pytest.raises(switch_errors.StreamInterruptedError) as caught:
            list(client.chat.completions.create(model="zhipu/glm-5.1", messages=[USER], stream=True))
    assert "Internal Error" in str(caught.value) or "内部错误" in str(caught.value)


def test_zhipu_05_and_06_sampling_is_never_rewritten_in_silence(zhipu: Sandbox) -> None:
    said = changes(ask(temperature=1.5, top_p=0))
    assert said["temperature"] == ("clamped", 1.5, 1.0)
    assert said["top_p"] == ("clamped", 0, 0.01)
    ask(temperature=1, top_p=1)
    assert {name: last(zhipu)[name] for name in ("temperature", "top_p")} == {
        "temperature": 1,
        "top_p": 1,
    }
    ask(temperature=0)
    assert last(zhipu)["temperature"] == 0
    assert "do_sample" not in last(zhipu)


@pytest.mark.usefixtures("zhipu")
def test_zhipu_07_what_it_ignores_is_dropped_and_said() -> None:
    said = changes(
        ask(presence_penalty=1, frequency_penalty=1, n=2, logprobs=True, user="user-1", parallel_tool_calls=False)
    )
    assert {name for name, (action, *_) in said.items() if action == "dropped"} == {
        "presence_penalty",
        "frequency_penalty",
        "n",
        "logprobs",
        "parallel_tool_calls",
    }
    assert said["user"] == ("renamed", "user", "user_id")


def test_zhipu_08_it_thinks_only_when_asked(zhipu: Sandbox) -> None:
    answer = ask()
    assert not hasattr(answer.choices[0].message, "reasoning_content")
    assert changes(answer)["thinking"] == ("added", None, {"type": "disabled"})
    assert ask(reasoning_effort="high").choices[0].message.reasoning_content
    assert "thinking" not in last(zhipu)
    assert not hasattr(ask(reasoning_effort="none").choices[0].message, "reasoning_content")


@pytest.mark.usefixtures("zhipu")
def test_zhipu_09_tool_choice_is_auto_and_said() -> None:
    for wanted in ("required", {"type": "function", "function": {"name": "f"}}):
        assert changes(ask(tools=[TOOL], tool_choice=wanted))["tool_choice"] == ("converted", wanted, "auto")
    with pytest.raises(openai.BadRequestError, match="tool_choice"):
        ask(tools=[TOOL], tool_choice="required", extra_body={"llmswitch": {"strict": True}})
    with OpenAI() as client:
        chunks = list(client.chat.completions.create(**CALL, tools=[TOOL], stream=True))
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert calls[0].function.name == "f"
    assert "".join(call.function.arguments or "" for call in calls) == "{}"


def test_zhipu_10_a_plans_key_at_the_general_address_is_explained(zhipu: Sandbox) -> None:
    zhipu.fault("zhipu", "arrears")
    assert "/api/coding/paas/v4" in told(fails())


def test_zhipu_11_an_unknown_model_is_a_400(zhipu: Sandbox) -> None:
    error = fails(model="zhipu/no-such-model")
    assert (attempt(error).status, attempt(error).code, attempt(error).kind) == (400, "1211", "model_not_found")
    assert zhipu.hits() == 1


def test_zhipu_12_no_request_id_of_ours_can_be_used_twice(zhipu: Sandbox) -> None:
    ask()
    ask()
    assert all("request_id" not in request.body for request in zhipu.requests())
    assert kind("zhipu", 400, {"error": {"code": "1231", "message": "您已有请求"}}) is Kind.BAD_REQUEST


def test_zhipu_13_the_callers_messages_stay_his(zhipu: Sandbox) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages: list[Any] = [
        {"role": "developer", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "what?"}, picture]},
    ]
    before = copy.deepcopy(messages)
    ask(messages=messages)
    assert messages == before
    assert last(zhipu)["messages"][1] == before[1]
    assert "response_format" not in last(zhipu)


@pytest.mark.usefixtures("zhipu")
def test_zhipu_14_there_is_an_async_client() -> None:
    async def go() -> list[Any]:
        async with AsyncOpenAI() as client:
            return await asyncio.gather(*(client.chat.completions.create(**CALL) for _ in range(8)))

    assert len(asyncio.run(go())) == 8


def test_zhipu_15_a_schema_is_told_in_words_and_two_400s_are_told_apart(zhipu: Sandbox) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "required": ["a"]}}}
    answer = ask(response_format=form)
    assert changes(answer)["response_format"] == (
        "converted",
        "json_schema",
        {"response_format": {"type": "json_object"}},
    )
    sent = last(zhipu)
    assert sent["response_format"] == {"type": "json_object"}
    assert '"required":["a"]' in sent["messages"][0]["content"]
    with Switch() as switch, pytest.raises(switch_errors.InvalidRequestError, match="response_format"):
        switch.chat.completions.create(**CALL, response_format=form, llmswitch={"strict": True})
    for fault, expected in (
        ("context_length", "context_length"),
        ("refusal", "content_filter"),
        ("bad_request", "bad_request"),
    ):
        zhipu.clear()
        zhipu.fault("zhipu", fault, **({"form": "http"} if fault == "refusal" else {}))
        error = fails()
        assert (attempt(error).status, attempt(error).kind) == (400, expected)
