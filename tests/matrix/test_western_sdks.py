"""anthropic, google-genai and mistralai, unmodified and pointed at the sandbox, judge it: answers, streams, tools, every error.

An SDK that is not installed is skipped; the dependency group `judges` has them.
"""

from __future__ import annotations

import asyncio
import gc
import json
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

WHO = "llmswitch sandbox, not a model"
CLAUDE, GEMINI = "claude-sonnet-5-5", "gemini-3.8-flash"
HELLO: list[Any] = [{"role": "user", "content": "hello there"}]
BOTH: list[Any] = [{"role": "user", "content": "the weather and the clock, both please"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: list[Any] = [
    {"name": "weather", "description": "the weather of a city", "input_schema": SCHEMA},
    {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
]
# A fault, and what the SDK makes of it: its exception, the HTTP status, `type` and `error_code`.
CLAUDES: list[tuple[str, dict[str, Any], str, int, str, str | None]] = [
    ("region_block", {}, "PermissionDeniedError", 403, "forbidden", None),
    ("quota", {}, "BadRequestError", 400, "invalid_request_error", None),
    ("arrears", {}, "BadRequestError", 400, "invalid_request_error", None),
    ("arrears", {"code": "billing_error"}, "PaymentRequiredError", 402, "billing_error", None),
    ("rate_limit", {}, "RateLimitError", 429, "rate_limit_error", None),
    ("refusal", {"form": "http"}, "BadRequestError", 400, "invalid_request_error", None),
    ("overload", {}, "OverloadedError", 529, "overloaded_error", None),
    ("server_error", {}, "InternalServerError", 500, "api_error", None),
    ("server_error", {"code": "timeout_error"}, "GatewayTimeoutError", 504, "timeout_error", None),
    ("auth", {}, "AuthenticationError", 401, "authentication_error", None),
    ("permission", {}, "PermissionDeniedError", 403, "permission_error", None),
    (
        "permission",
        {"code": "organization_on_hold"},
        "OrganizationOnHoldError",
        400,
        "invalid_request_error",
        "organization_on_hold",
    ),
    ("model_not_found", {}, "NotFoundError", 404, "not_found_error", None),
    ("context_length", {}, "BadRequestError", 400, "invalid_request_error", None),
    ("bad_request", {"code": "request_too_large"}, "ContentTooLargeError", 413, "request_too_large", None),
    ("bad_request", {}, "BadRequestError", 400, "invalid_request_error", None),
]
GEMINIS: list[tuple[str, dict[str, Any], str, int, str]] = [
    ("region_block", {}, "ClientError", 400, "FAILED_PRECONDITION"),
    ("quota", {}, "ClientError", 429, "RESOURCE_EXHAUSTED"),
    ("arrears", {}, "ClientError", 429, "RESOURCE_EXHAUSTED"),
    ("rate_limit", {}, "ClientError", 429, "RESOURCE_EXHAUSTED"),
    ("overload", {}, "ServerError", 503, "UNAVAILABLE"),
    ("server_error", {}, "ServerError", 500, "INTERNAL"),
    ("auth", {}, "ClientError", 400, "INVALID_ARGUMENT"),
    ("permission", {}, "ClientError", 403, "PERMISSION_DENIED"),
    ("model_not_found", {}, "ClientError", 404, "NOT_FOUND"),
    ("context_length", {}, "ClientError", 400, "INVALID_ARGUMENT"),
]


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(providers=["anthropic", "gemini", "mistral"]) as sandbox:
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


@pytest.fixture
def anthropic() -> Any:
    return pytest.importorskip("anthropic", exc_type=ImportError)


@pytest.fixture
def genai() -> Any:
    return pytest.importorskip("google.genai", exc_type=ImportError)


@pytest.fixture
def claude(sandbox: Sandbox, anthropic: Any) -> Iterator[Any]:
    where = {"base_url": sandbox.native_url("anthropic"), "api_key": sandbox.key("anthropic")}
    with anthropic.Anthropic(**where, max_retries=0) as client:
        yield client


@pytest.fixture
def gemini(sandbox: Sandbox, genai: Any) -> Iterator[Any]:
    options = {"base_url": sandbox.native_url("gemini")}
    with genai.Client(api_key=sandbox.key("gemini"), http_options=options) as client:
        yield client


# anthropic.


def test_anthropic_reads_its_variables(sandbox: Sandbox, anthropic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sandbox.sdk_environment.items():
        monkeypatch.setenv(name, value)
    with anthropic.Anthropic(max_retries=0) as client:
        answered = client.messages.create(model=CLAUDE, max_tokens=99, messages=HELLO, system="be brief")
    (block,) = answered.content
    assert WHO in block.text
    assert answered.stop_reason == "end_turn"
    assert answered.usage.input_tokens > 0 < answered.usage.output_tokens


def test_anthropic_streams(claude: Any) -> None:
    asked = {"model": CLAUDE, "max_tokens": 99, "messages": HELLO}
    whole = claude.messages.create(**asked)
    names = [event.type for event in claude.messages.create(**asked, stream=True)]
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    with claude.messages.stream(**asked) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == whole.content[0].text == final.content[0].text
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_anthropic_works_asynchronously(sandbox: Sandbox, anthropic: Any) -> None:
    async def chat() -> tuple[str, str]:
        where = {"base_url": sandbox.native_url("anthropic"), "api_key": sandbox.key("anthropic")}
        asked: Any = {"model": CLAUDE, "max_tokens": 99, "messages": HELLO}
        async with anthropic.AsyncAnthropic(**where, max_retries=0) as client:
            whole = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                said = "".join([piece async for piece in stream.text_stream])
        return whole.content[0].text, said

    whole, said = asyncio.run(chat())
    assert WHO in whole
    assert said == whole


@pytest.mark.parametrize(
    "thinking",
    [
        {"model": CLAUDE, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 1024}},
    ],
)
def test_anthropic_thinks_calls_tools_and_hands_both_back(claude: Any, thinking: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"max_tokens": 2000, "tools": TOOLS, **thinking}
    whole = claude.messages.create(messages=BOTH, **asked)
    with claude.messages.stream(messages=BOTH, **asked) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "tool_use", "tool_use"]
        assert [block.input for block in message.content[1:]] == [{"city": "sandbox"}, {}]
        assert message.stop_reason == "tool_use"
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "21"}
            for block in message.content
            if block.type == "tool_use"
        ]
        answered = claude.messages.create(
            messages=[*BOTH, message.to_param(), {"role": "user", "content": results}], **asked
        )
        assert "The tools returned: 21; 21." in answered.content[-1].text
    assert whole.content[0] == streamed.content[0]
    assert whole.usage.output_tokens_details.thinking_tokens > 0


def test_anthropic_counts_parses_and_lists(claude: Any) -> None:
    counted = claude.messages.count_tokens(model=CLAUDE, messages=HELLO).input_tokens
    assert counted == claude.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO).usage.input_tokens
    shaped = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answered = claude.messages.create(model=CLAUDE, max_tokens=99, messages=HELLO, output_config=shaped)
    assert answered.content[0].text == '{"city":"sandbox"}'
    models = list(claude.models.list(limit=5))
    assert len(models) == len({model.id for model in models}) > 10
    assert claude.models.retrieve(CLAUDE).max_input_tokens == 1_000_000


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "options", "exception", "status", "type_", "code"), CLAUDES)
def test_anthropic_meets_each_error(
    sandbox: Sandbox,
    anthropic: Any,
    claude: Any,
    kind: str,
    options: dict[str, Any],
    exception: str,
    status: int,
    type_: str,
    code: str | None,
    stream: bool,
) -> None:
    sandbox.fault("anthropic", kind, **options)
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(model=CLAUDE, max_tokens=9, messages=HELLO, stream=stream)
    error = caught.value
    assert (type(error).__name__, error.status_code, error.type, error.error_code) == (exception, status, type_, code)
    assert (error.request_id is None) == (kind == "region_block")


def test_anthropic_meets_an_error_inside_a_stream_and_a_refusal(sandbox: Sandbox, anthropic: Any, claude: Any) -> None:
    sandbox.fault("anthropic", "in_band_error", error="overload")
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(claude.messages.create(model=CLAUDE, max_tokens=99, messages=HELLO, stream=True))
    assert caught.value.type == "overloaded_error"
    sandbox.fault("anthropic", "refusal")
    with claude.messages.stream(model=CLAUDE, max_tokens=99, messages=HELLO) as stream:
        refused = stream.get_final_message()
    assert (refused.stop_reason, refused.stop_details.type) == ("refusal", "refusal")


# google-genai.


def test_genai_chats_and_streams(gemini: Any) -> None:
    whole = gemini.models.generate_content(model=GEMINI, contents="hello there")
    assert WHO in whole.text
    assert whole.candidates[0].finish_reason.name == "STOP"
    assert whole.usage_metadata.total_token_count > whole.usage_metadata.candidates_token_count > 0
    steps = list(gemini.models.generate_content_stream(model=GEMINI, contents="hello there"))
    assert "".join(step.text or "" for step in steps) == whole.text
    assert steps[-1].usage_metadata.total_token_count == whole.usage_metadata.total_token_count


def test_genai_works_asynchronously(gemini: Any) -> None:
    async def chat() -> tuple[str, str]:
        whole = await gemini.aio.models.generate_content(model=GEMINI, contents="hello there")
        stream = await gemini.aio.models.generate_content_stream(model=GEMINI, contents="hello there")
        said = "".join([step.text or "" async for step in stream])
        await gemini.aio.aclose()
        return whole.text, said

    whole, said = asyncio.run(chat())
    assert WHO in whole
    assert said == whole


def test_genai_calls_a_function_of_python_and_brings_signatures_back(gemini: Any) -> None:
    def add(first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    session = gemini.chats.create(model=GEMINI, config={"tools": [add], "thinking_config": {"include_thoughts": True}})
    answered = session.send_message("add, please")
    assert 'The tools returned: {"result":2}.' in answered.text


def test_genai_is_told_when_a_signature_is_missing(genai: Any, gemini: Any) -> None:
    types = genai.types
    clock = types.FunctionDeclaration(name="clock", parameters={"type": "OBJECT", "properties": {}})
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[clock])])
    asked = types.Content(role="user", parts=[types.Part(text="what time is it")])
    called = gemini.models.generate_content(model=GEMINI, contents=[asked], config=config).candidates[0].content
    result = types.Part.from_function_response(name="clock", response={"result": "noon"})
    history = [asked, called, types.Content(role="user", parts=[result])]
    assert "noon" in gemini.models.generate_content(model=GEMINI, contents=history, config=config).text
    called.parts[0].thought_signature = None
    with pytest.raises(genai.errors.ClientError, match="missing a thought_signature"):
        gemini.models.generate_content(model=GEMINI, contents=history, config=config)


def test_genai_embeds_counts_lists_and_shapes(gemini: Any) -> None:
    options = {"output_dimensionality": 256}
    embedded = gemini.models.embed_content(model="gemini-embedding-001", contents=["one", "two"], config=options)
    assert [len(one.values) for one in embedded.embeddings] == [256, 256]
    assert gemini.models.count_tokens(model=GEMINI, contents="hello there").total_tokens > 0
    assert f"models/{GEMINI}" in [model.name for model in gemini.models.list()]
    shaped = {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
    assert gemini.models.generate_content(model=GEMINI, contents="x", config=shaped).parsed == {"city": "sandbox"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "options", "exception", "code", "status"), GEMINIS)
def test_genai_meets_each_error(
    sandbox: Sandbox,
    genai: Any,
    gemini: Any,
    kind: str,
    options: dict[str, Any],
    exception: str,
    code: int,
    status: str,
    stream: bool,
) -> None:
    sandbox.fault("gemini", kind, **options)
    with pytest.raises(genai.errors.APIError) as caught:
        if stream:
            list(gemini.models.generate_content_stream(model=GEMINI, contents="x"))
        else:
            gemini.models.generate_content(model=GEMINI, contents="x")
    assert (type(caught.value).__name__, caught.value.code, caught.value.status) == (exception, code, status)


def test_genai_meets_a_blocked_prompt_and_a_filtered_answer(sandbox: Sandbox, gemini: Any) -> None:
    sandbox.fault("gemini", "refusal", form="http")
    blocked = gemini.models.generate_content(model=GEMINI, contents="x")
    assert (blocked.candidates, blocked.prompt_feedback.block_reason.name) == (None, "PROHIBITED_CONTENT")
    sandbox.fault("gemini", "refusal")
    filtered = gemini.models.generate_content(model=GEMINI, contents="x")
    assert filtered.candidates[0].finish_reason.name == "SAFETY"


# mistralai.


@pytest.fixture
def mistral(sandbox: Sandbox) -> Iterator[Any]:
    client = pytest.importorskip("mistralai.client", exc_type=ImportError)
    where = sandbox.url("mistral").removesuffix("/v1")
    with client.Mistral(api_key=sandbox.key("mistral"), server_url=where) as found:
        yield found


def test_mistralai_chats_streams_reasons_and_embeds(mistral: Any) -> None:
    whole = mistral.chat.complete(model="mistral-large-latest", messages=HELLO)
    assert WHO in whole.choices[0].message.content
    steps = [step.data for step in mistral.chat.stream(model="mistral-large-latest", messages=HELLO)]
    assert "".join(step.choices[0].delta.content or "" for step in steps) == whole.choices[0].message.content
    assert steps[-1].usage.total_tokens == whole.usage.total_tokens
    thought, said = mistral.chat.complete(model="magistral-medium-latest", messages=HELLO).choices[0].message.content
    assert (thought.type, said.type) == ("thinking", "text")
    assert len(mistral.embeddings.create(model="mistral-embed", inputs=["one", "two"]).data) == 2
    assert "mistral-embed" in [model.id for model in mistral.models.list().data]


def test_mistralai_calls_tools_and_answers_their_results(mistral: Any) -> None:
    functions = [{"name": tool["name"], "parameters": tool["input_schema"]} for tool in TOOLS]
    asked: dict[str, Any] = {
        "model": "mistral-large-latest",
        "tools": [{"type": "function", "function": function} for function in functions],
    }
    called = mistral.chat.complete(messages=BOTH, **asked).choices[0].message
    results = [{"role": "tool", "tool_call_id": one.id, "content": "21"} for one in called.tool_calls]
    answered = mistral.chat.complete(messages=[*BOTH, called, *results], **asked)
    assert "The tools returned: 21; 21." in answered.choices[0].message.content


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("auth", 401, None), ("rate_limit", 429, "1300"), ("overload", 429, "3505"), ("model_not_found", 400, "1500")],
)
def test_mistralai_meets_each_error(sandbox: Sandbox, mistral: Any, kind: str, status: int, code: str | None) -> None:
    sandbox.fault("mistral", kind)
    with pytest.raises(Exception, match=f"Status {status}") as caught:
        mistral.chat.complete(model="mistral-large-latest", messages=HELLO)
    assert type(caught.value).__name__ == "SDKError"
    assert json.loads(getattr(caught.value, "body", "")).get("code") == code
