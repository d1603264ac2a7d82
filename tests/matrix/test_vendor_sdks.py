"""The vendors' own SDKs, unmodified and pointed at the sandbox, judge it: a chat, a stream, and every error it can give.

An SDK that is not installed is skipped; `pip install "llmswitch[qwen,ernie,zhipu]"` brings all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.matrix,
    # What the SDKs warn about at import, and the sockets they leave open, are theirs to mend.
    pytest.mark.filterwarnings("ignore"),
]

HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
WHO = "llmswitch sandbox, not a model"
Errors = list[tuple[str, dict[str, Any], int, str]]

OPENAI: Errors = [
    ("region_block", {}, 403, "unsupported_country_region_territory"),
    ("quota", {}, 429, "insufficient_quota"),
    ("arrears", {}, 429, "billing_not_active"),
    ("rate_limit", {}, 429, "rate_limit_exceeded"),
    ("refusal", {"form": "http"}, 400, "content_policy_violation"),
    ("overload", {}, 503, "server_is_overloaded"),
    ("auth", {}, 401, "invalid_api_key"),
    ("auth", {"code": "account_deactivated"}, 401, "account_deactivated"),
    ("permission", {}, 403, "model_not_found"),
    ("model_not_found", {}, 404, "model_not_found"),
    ("context_length", {}, 400, "context_length_exceeded"),
]
QWEN: Errors = [
    ("quota", {}, 403, "AllocationQuota.FreeTierOnly"),
    ("arrears", {}, 400, "Arrearage"),
    ("rate_limit", {}, 429, "Throttling.RateQuota"),
    ("rate_limit", {"code": "Throttling.AllocationQuota"}, 429, "Throttling.AllocationQuota"),
    ("refusal", {}, 400, "DataInspectionFailed"),
    ("overload", {}, 503, "ServiceUnavailable"),
    ("server_error", {}, 500, "InternalError"),
    ("auth", {}, 401, "InvalidApiKey"),
    ("permission", {}, 403, "AccessDenied.Unpurchased"),
    ("model_not_found", {}, 404, "ModelNotFound"),
    ("context_length", {}, 400, "InvalidParameter"),
    ("bad_request", {}, 400, "InvalidParameter"),
]
ERNIE: Errors = [
    ("quota", {}, 429, "QUOTA_USER_DAILY_FREE"),
    ("arrears", {}, 403, "account_overdue"),
    ("rate_limit", {}, 429, "rpm_rate_limit_exceeded"),
    ("rate_limit", {"code": "tpm_rate_limit_exceeded"}, 429, "tpm_rate_limit_exceeded"),
    ("refusal", {"form": "http"}, 403, "system_unsafe"),
    ("overload", {}, 429, "cluster_rate_limit_exceeded"),
    ("server_error", {}, 500, "internal_error"),
    ("auth", {}, 401, "invalid_iam_token"),
    ("permission", {}, 401, "no_parameter_permission"),
    ("model_not_found", {}, 401, "invalid_model"),
    ("model_not_found", {"code": "model_offline"}, 403, "model_offline"),
    ("context_length", {}, 400, "tokens_too_long"),
    ("bad_request", {}, 400, "invalid_argument"),
]
ERNIE_V1: list[tuple[str, dict[str, Any], int]] = [
    ("quota", {}, 17),
    ("quota", {"code": "19"}, 19),
    ("rate_limit", {"code": "4"}, 4),
    ("auth", {"code": "14"}, 14),
    ("permission", {}, 6),
    ("model_not_found", {}, 3),
    ("context_length", {}, 336103),
    ("server_error", {}, 336000),
    ("bad_request", {}, 336003),
]
ZHIPU: Errors = [
    ("quota", {}, 429, "1308"),
    ("quota", {"code": "1310"}, 429, "1310"),
    ("arrears", {}, 429, "1113"),
    ("rate_limit", {}, 429, "1302"),
    ("refusal", {"form": "http"}, 400, "1301"),
    ("overload", {}, 429, "1312"),
    ("server_error", {}, 500, "500"),
    ("auth", {}, 401, "401"),
    ("permission", {}, 403, "1220"),
    ("model_not_found", {}, 400, "1211"),
    ("context_length", {}, 400, "1261"),
    ("bad_request", {}, 400, "1210"),
]


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    served.reset()
    return served


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    # What an SDK left open is found here, where its warnings are ignored, and not in the next test.
    gc.collect()


def installed(name: str) -> Any:
    """Import an SDK as it is, or skip."""
    return pytest.importorskip(name, exc_type=ImportError)


# openai, at every compatible endpoint.

COMPATIBLE = {
    "openai": "gpt-4o",
    "qwen": "qwen-plus",
    "ernie": "ernie-4.5-turbo-128k",
    "zhipu": "glm-4.6",
}


def openai_at(sandbox: Sandbox, name: str) -> Any:
    return installed("openai").OpenAI(base_url=sandbox.url(name), api_key=sandbox.key(name), max_retries=0)


@pytest.mark.parametrize(("name", "model"), COMPATIBLE.items())
def test_openai_chats_and_streams(sandbox: Sandbox, name: str, model: str) -> None:
    with openai_at(sandbox, name) as client:
        said = client.chat.completions.create(model=model, messages=HELLO).choices[0].message.content
        stream = client.chat.completions.create(model=model, messages=HELLO, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == said
    assert WHO in said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "options", "status", "code"), OPENAI)
def test_openai_meets_each_error(
    sandbox: Sandbox, kind: str, options: dict[str, Any], status: int, code: str, stream: bool
) -> None:
    openai = installed("openai")
    sandbox.fault("openai", kind, **options)
    with openai_at(sandbox, "openai") as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)


# dashscope: the module API of 1.x, which 2.x keeps, and the clients of 2.x.


def generated(sandbox: Sandbox, **options: Any) -> Any:
    generation = installed("dashscope").Generation
    return generation.call(
        model="qwen-plus",
        messages=HELLO,
        result_format="message",
        api_key=sandbox.key("qwen@cn"),
        base_address=sandbox.native_url("qwen@cn"),
        **options,
    )


def test_dashscope_chats_and_streams(sandbox: Sandbox) -> None:
    whole = generated(sandbox)
    assert whole.status_code == HTTPStatus.OK
    said = whole.output.choices[0].message.content
    assert WHO in said
    steps = [step.output.choices[0].message.content for step in generated(sandbox, stream=True)]
    assert steps[-1] == said
    assert all(after.startswith(before) for before, after in pairwise(steps))
    pieces = [
        step.output.choices[0].message.content for step in generated(sandbox, stream=True, incremental_output=True)
    ]
    assert "".join(pieces) == said


def test_dashscope_embeds_and_calls_tools(sandbox: Sandbox) -> None:
    dashscope = installed("dashscope")
    embedded = dashscope.TextEmbedding.call(
        model="text-embedding-v4",
        input=["one", "two"],
        dimension=64,
        api_key=sandbox.key("qwen@cn"),
        base_address=sandbox.native_url("qwen@cn"),
    )
    assert [len(one["embedding"]) for one in embedded.output["embeddings"]] == [64, 64]
    tool = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
    called = generated(sandbox, tools=[tool]).output.choices[0]
    assert called.finish_reason == "tool_calls"
    assert called.message.tool_calls[0]["function"]["name"] == "clock"


def test_dashscope_awaits(sandbox: Sandbox) -> None:
    generation = installed("dashscope").AioGeneration

    async def main() -> str:
        answered = await generation.call(
            model="qwen-plus",
            messages=HELLO,
            result_format="message",
            api_key=sandbox.key("qwen@intl"),
            base_address=sandbox.native_url("qwen@intl"),
        )
        return str(answered.output.choices[0].message.content)

    assert "qwen@intl" in asyncio.run(main())


@pytest.mark.parametrize(("kind", "options", "status", "code"), QWEN)
def test_dashscope_meets_each_error(
    sandbox: Sandbox, kind: str, options: dict[str, Any], status: int, code: str
) -> None:
    sandbox.fault("qwen", kind, **options)
    whole, streamed = generated(sandbox), list(generated(sandbox, stream=True))
    assert [(one.status_code, one.code) for one in (whole, *streamed)] == [(status, code)] * 2


def test_dashscope_meets_an_error_inside_a_stream(sandbox: Sandbox) -> None:
    sandbox.fault("qwen", "in_band_error", error="refusal", after=2)
    steps = list(generated(sandbox, stream=True, incremental_output=True))
    assert [step.status_code for step in steps] == [200, 200, 400]
    assert steps[-1].code == "DataInspectionFailed"


@pytest.mark.parametrize("protocol", ["native", "openai"])
def test_dashscope_2_chats_streams_and_meets_errors(sandbox: Sandbox, protocol: str) -> None:
    dashscope = installed("dashscope")
    if not hasattr(dashscope, "Client"):
        pytest.skip("dashscope 1.x has no Client")
    base = sandbox.native_url("qwen@cn") if protocol == "native" else sandbox.url("qwen@cn")
    client = dashscope.Client(
        base_url=base, api_key=sandbox.key("qwen@cn"), protocol=protocol, workspace="sandbox", max_retries=0
    )
    said = client.chat.completions.create(model="qwen-plus", messages=HELLO).choices[0].message.content
    assert WHO in said
    stream = client.chat.completions.create(model="qwen-plus", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == said
    for kind, status in (
        ("quota", 403),
        ("arrears", 400),
        ("refusal", 400),
        ("rate_limit", 429),
        ("server_error", 500),
    ):
        sandbox.fault("qwen", kind)
        with pytest.raises(Exception, match=r".") as caught:
            client.chat.completions.create(model="qwen-plus", messages=HELLO)
        assert caught.type.__module__.startswith("dashscope")
        assert getattr(caught.value, "status_code", None) == status
    client.close()


# qianfan.


@pytest.fixture
def qianfan(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.setenv("QIANFAN_DOT_ENV_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in sandbox.sdk_environment.items():
        if name.startswith("QIANFAN_") and name.endswith("_URL"):
            monkeypatch.setenv(name, value)
    found = installed("qianfan")
    for name in ("BASE_URL", "CONSOLE_API_BASE_URL", "IAM_BASE_URL"):
        # Its settings are read once, at import: a second sandbox needs them told.
        setattr(found.get_config(), name, sandbox.sdk_environment[f"QIANFAN_{name}"])
    logging.getLogger("qianfan").setLevel(logging.CRITICAL)
    return found


def test_qianfan_chats_and_streams(sandbox: Sandbox, qianfan: Any) -> None:
    client = qianfan.Qianfan(api_key=sandbox.key("ernie"))
    whole = client.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO)
    assert WHO in whole.choices[0].message.content
    stream = client.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content for chunk in stream) == whole.choices[0].message.content


def test_qianfan_exchanges_iam_keys_for_a_bearer(sandbox: Sandbox, qianfan: Any) -> None:
    keys = sandbox.iam_keys
    client = qianfan.Qianfan(access_key=keys[0], secret_key=keys[1])
    whole = client.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO)
    assert WHO in whole.choices[0].message.content
    forged = qianfan.Qianfan(access_key=keys[0], secret_key="wrong")
    with pytest.raises(qianfan.errors.RequestError, match="SignatureDoesNotMatch"):
        forged.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO)


@pytest.mark.parametrize(("kind", "options", "status", "code"), ERNIE)
def test_qianfan_meets_each_error(
    sandbox: Sandbox, qianfan: Any, kind: str, options: dict[str, Any], status: int, code: str
) -> None:
    sandbox.fault("ernie", kind, **options)
    client = qianfan.Qianfan(api_key=sandbox.key("ernie"))
    with pytest.raises(qianfan.errors.RequestError) as caught:
        client.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO)
    assert caught.value.status_code == status
    assert f'"code":"{code}"' in str(caught.value)
    with pytest.raises(qianfan.errors.APIError) as streamed:
        list(client.chat.completions.create(model="ernie-4.5-turbo-128k", messages=HELLO, stream=True))
    assert streamed.value.error_code == code


@pytest.fixture
def v1(sandbox: Sandbox, qianfan: Any) -> Any:
    keys = sandbox.sdk_environment
    return qianfan.ChatCompletion(ak=keys["QIANFAN_AK"], sk=keys["QIANFAN_SK"], retry_count=1)


def test_qianfan_v1_chats_and_streams(v1: Any) -> None:
    whole = v1.do(messages=HELLO, endpoint="completions_pro")
    assert WHO in whole["result"]
    steps = list(v1.do(messages=HELLO, endpoint="completions_pro", stream=True))
    assert "".join(step["result"] for step in steps) == whole["result"]
    assert steps[-1]["is_end"] is True


@pytest.mark.parametrize(("kind", "options", "code"), ERNIE_V1)
def test_qianfan_v1_meets_each_error(
    sandbox: Sandbox, qianfan: Any, v1: Any, kind: str, options: dict[str, Any], code: int
) -> None:
    v1.do(messages=HELLO, endpoint="completions_pro")
    sandbox.fault("ernie", kind, path="/chat/", **options)
    for stream in (False, True):
        with pytest.raises(qianfan.errors.APIError) as caught:
            list(v1.do(messages=HELLO, endpoint="completions_pro", stream=stream))
        assert caught.value.error_code == code


# zhipuai.


def glm(sandbox: Sandbox, **options: Any) -> Any:
    return installed("zhipuai").ZhipuAI(
        api_key=sandbox.key("zhipu@cn"), base_url=sandbox.url("zhipu@cn"), max_retries=0, **options
    )


# By default its key is sent as it is; with the token cache on, a JWT signed with the key's second half.
@pytest.mark.parametrize("options", [{}, {"disable_token_cache": False}])
def test_zhipuai_chats_and_streams(sandbox: Sandbox, options: dict[str, Any]) -> None:
    client = glm(sandbox, **options)
    whole = client.chat.completions.create(model="glm-4.6", messages=HELLO)
    assert WHO in whole.choices[0].message.content
    assert whole.request_id
    chunks = list(client.chat.completions.create(model="glm-4.6", messages=HELLO, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert len(client.embeddings.create(model="embedding-3", input="hi", dimensions=256).data[0].embedding) == 256


def test_zhipuai_with_a_token_of_another_key_is_not_let_in(sandbox: Sandbox) -> None:
    zhipuai = installed("zhipuai")
    client = zhipuai.ZhipuAI(
        api_key=sandbox.key("zhipu@intl"), base_url=sandbox.url("zhipu@cn"), max_retries=0, disable_token_cache=False
    )
    with pytest.raises(zhipuai.APIAuthenticationError) as caught:
        client.chat.completions.create(model="glm-4.6", messages=HELLO)
    assert caught.value.response.json()["error"]["code"] == "1000"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "options", "status", "code"), ZHIPU)
def test_zhipuai_meets_each_error(
    sandbox: Sandbox, kind: str, options: dict[str, Any], status: int, code: str, stream: bool
) -> None:
    zhipuai = installed("zhipuai")
    sandbox.fault("zhipu", kind, **options)
    with pytest.raises(zhipuai.APIStatusError) as caught:
        glm(sandbox).chat.completions.create(model="glm-4.6", messages=HELLO, stream=stream)
    assert caught.value.status_code == status
    assert json.loads(caught.value.response.text)["error"]["code"] == code


def test_zhipuai_meets_an_error_inside_a_stream_and_a_sensitive_answer(sandbox: Sandbox) -> None:
    zhipuai = installed("zhipuai")
    client = glm(sandbox)
    sandbox.fault("zhipu", "in_band_error", error="refusal")
    with pytest.raises(zhipuai.APIResponseError) as caught:
        list(client.chat.completions.create(model="glm-4.6", messages=HELLO, stream=True))
    assert caught.value.json_data["code"] == "1301"
    sandbox.fault("zhipu", "refusal")
    answered = client.chat.completions.create(model="glm-4.6", messages=HELLO)
    assert answered.choices[0].finish_reason == "sensitive"
