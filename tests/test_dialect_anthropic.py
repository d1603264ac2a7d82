"""OpenAI's requests through the Messages API and back, over real sockets, against a server that refuses what the vendor refuses."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, OpenAI, Switch
from tests.messages_api import MessagesAPI, error, event, text, thinking, use
from tests.servers import Server, answer, chunked, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.report import Change
    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("server")

REQUEST, RATE = "invalid_request_error", "rate_limit_error"
HI: list[Any] = [{"role": "user", "content": "Hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def api() -> MessagesAPI:
    return MessagesAPI()


@pytest.fixture
def server(api: MessagesAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Anthropic alone, on loopback, seen from the United States."""
    with Server(api) as running:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
        monkeypatch.setenv("LLMSWITCH_ANTHROPIC_BASE_URL", f"{running.url}/v1")
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", "anthropic")
        monkeypatch.setenv("LLMSWITCH_REGION", "US")
        yield running


@pytest.fixture
def both(server: Server, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """OpenAI, too."""
    assert server.port
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "anthropic,openai")
    return sandbox


def sent(server: Server, index: int = -1) -> Any:
    return json.loads(server.requests[index].body)


def changes(response: Any) -> dict[str, Change]:
    return {change.parameter: change for change in response.llmswitch.changes}


# --- whole answers ---


def test_a_call_for_an_openai_model_is_a_message(server: Server) -> None:
    response = OpenAI().chat.completions.create(
        model="gpt-4o", messages=HI, max_completion_tokens=50, stop=["END", "\n"], user="u-1", n=1, store=False
    )
    assert response.choices[0].message.content == "Hi"
    assert (response.choices[0].finish_reason, response.model, response.object) == (
        "stop",
        "claude-sonnet-5-5",
        "chat.completion",
    )
    assert sent(server) == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
    }
    assert server.requests[-1].path == "/v1/messages"
    assert server.requests[-1].headers["x-api-key"] == "sk-ant-1"
    assert "authorization" not in server.requests[-1].headers
    report: Any = response
    assert (report.llmswitch.provider, set(changes(response))) == (
        "anthropic",
        {"model", "max_completion_tokens", "stop"},
    )


def test_max_tokens_is_added_where_it_is_not_asked_for(server: Server) -> None:
    response = OpenAI().chat.completions.create(model="claude-haiku-4-5", messages=HI)
    assert sent(server)["max_tokens"] == 64_000
    assert (changes(response)["max_tokens"].action, changes(response)["max_tokens"].after) == ("added", 64_000)
    unknown = OpenAI().chat.completions.create(model="claude-of-tomorrow", messages=HI, max_tokens=9)
    assert (sent(server)["model"], sent(server)["max_tokens"]) == ("claude-of-tomorrow", 9)
    assert "max_tokens" not in changes(unknown)


def test_usage_counts_the_cache_as_openai_does(api: MessagesAPI) -> None:
    api.usage = {
        "input_tokens": 5,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 20,
        "output_tokens": 30,
        "output_tokens_details": {"thinking_tokens": 12},
    }
    usage = OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=HI).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (125, 30, 155)
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 100
    assert usage.completion_tokens_details.reasoning_tokens == 12


def test_what_the_cache_keeps_for_an_hour_costs_more(api: MessagesAPI) -> None:
    written = {"input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 1000, "output_tokens": 0}
    costs = []
    for kept in (0, 400, 1000):
        api.usage = {
            **written,
            "cache_creation": {"ephemeral_5m_input_tokens": 1000 - kept, "ephemeral_1h_input_tokens": kept},
        }
        report: Any = OpenAI().chat.completions.create(model="anthropic/claude-sonnet-4-5", messages=HI)
        assert report.llmswitch.usage.cache_write_tokens == 1000
        costs.append(str(report.llmswitch.cost))
    assert costs == ["0.00375 USD", "0.00465 USD", "0.006 USD"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_stop_reasons_are_finish_reasons(api: MessagesAPI, theirs: str, ours: str) -> None:
    api.stop_reason = theirs
    client = OpenAI()
    assert client.chat.completions.create(model="claude-haiku-5-5", messages=HI).choices[0].finish_reason == ours
    stream = client.chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in stream][-1] == ours


def test_a_refusal_is_an_answer_that_says_why(api: MessagesAPI) -> None:
    api.content, api.stop_reason = [], "refusal"
    api.stop_details = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
    client = OpenAI()
    choice = client.chat.completions.create(model="claude-haiku-5-5", messages=HI).choices[0]
    assert (choice.finish_reason, choice.message.content, choice.message.refusal) == (
        "content_filter",
        None,
        "Not that.",
    )
    *_, last = client.chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True)
    assert (last.choices[0].finish_reason, last.choices[0].delta.refusal) == ("content_filter", "Not that.")


# --- messages ---


def test_instructions_stand_in_front_and_turns_alternate(server: Server) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "assistant", "content": "Welcome!"},
        {"role": "user", "content": "One"},
        {"role": "user", "content": [{"type": "text", "text": "Two"}, {"type": "text", "text": " "}]},
        {"role": "assistant", "content": ""},
        {"role": "system", "content": "In French."},
        {"role": "user", "content": "Three"},
        {"role": "assistant", "content": "Trois, "},
    ]
    response = OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=messages)
    body = sent(server)
    assert body["system"] == "Be brief.\nBe kind.\nIn French."
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]] == [
        ("user", ["Continue."]),
        ("assistant", ["Welcome!"]),
        ("user", ["One", "Two", "Three"]),
        ("assistant", ["Trois, "]),
        ("user", ["Continue."]),
    ]
    assert {"messages", "messages[6]"} <= changes(response).keys()


def test_pictures_and_files_are_blocks(server: Server) -> None:
    parts = [
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0=", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    OpenAI().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": parts}])  # type: ignore[misc, list-item]
    assert sent(server)["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
    ]


def test_what_has_no_form_there_is_the_vendors_to_refuse() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    with pytest.raises(openai.BadRequestError, match="input_audio"):
        OpenAI().chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": [audio]}])  # type: ignore[misc, list-item]


# --- tools ---


def test_a_tool_loop_goes_round(api: MessagesAPI, server: Server) -> None:
    api.content = [
        text("Let me see."),
        use("weather", {"city": "Oslo"}, "toolu_1"),
        use("weather", {"city": "Rome"}, "toolu_2"),
    ]
    api.stop_reason = "tool_use"
    client, messages = OpenAI(), list(HI)
    first = client.chat.completions.create(
        model="claude-sonnet-5", messages=messages, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
    )
    choice = first.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Let me see.")
    calls: Any = choice.message.tool_calls
    assert [(call.id, call.type, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("toolu_1", "function", "weather", {"city": "Oslo"}),
        ("toolu_2", "function", "weather", {"city": "Rome"}),
    ]
    body = sent(server)
    function = WEATHER["function"]
    assert body["tools"] == [
        {"name": "weather", "description": function["description"], "input_schema": function["parameters"]}
    ]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}

    messages += [choice.message, {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"}]
    messages += [{"role": "tool", "tool_call_id": "toolu_2", "content": [{"type": "text", "text": "sun"}]}]
    messages += [{"role": "user", "content": "Well?"}]
    api.content, api.stop_reason = [text("Rain and sun.")], "end_turn"
    second = client.chat.completions.create(model="claude-sonnet-5", messages=messages)
    assert second.choices[0].message.content == "Rain and sun."
    body = sent(server)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][1]["content"] == [
        text("Let me see."),
        use("weather", {"city": "Oslo"}, "toolu_1"),
        use("weather", {"city": "Rome"}, "toolu_2"),
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": [text("sun")]},
        text("Well?"),
    ]
    assert (body["tool_choice"], changes(second)["tools"].after) == ({"type": "none"}, ["weather"])


def test_another_vendors_calls_are_understood(server: Server) -> None:
    call = {
        "id": "functions.weather:0",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Os'},
    }
    messages: list[Any] = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.weather:0", "content": ""},
    ]
    OpenAI().chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER])
    turns = sent(server)["messages"]
    assert turns[1]["content"] == [use("weather", {"arguments": '{"city": "Os'}, "functions_weather_0")]
    assert turns[2]["content"] == [{"type": "tool_result", "tool_use_id": "functions_weather_0"}]


def test_models_that_cannot_be_forced_are_not(server: Server) -> None:
    named: Any = {"type": "function", "function": {"name": "weather"}}
    response = OpenAI().chat.completions.create(model="gpt-4o", messages=HI, tools=[WEATHER], tool_choice=named)
    assert sent(server)["tool_choice"] == {"type": "auto"}
    assert changes(response)["tool_choice"].loss
    OpenAI().chat.completions.create(model="gpt-4o-mini", messages=HI, tools=[WEATHER], tool_choice=named)
    assert sent(server)["tool_choice"] == {"type": "tool", "name": "weather"}


# --- JSON ---

PERSON: Any = {"type": "object", "properties": {"name": {"type": "string", "minLength": 1}}, "required": ["name"]}


def test_a_schema_is_enforced_and_closed(server: Server) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}
    response = OpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=HI, response_format=form, reasoning_effort="low"
    )
    assert sent(server)["output_config"] == {
        "effort": "low",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"name": {"type": "string", "description": '{"minLength":1}'}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
    }
    assert changes(response)["response_format"].action == "converted"


def test_json_alone_is_asked_for_in_words(server: Server) -> None:
    response = OpenAI().chat.completions.create(model="gpt-4o", messages=HI, response_format={"type": "json_object"})
    assert "JSON object" in sent(server)["system"]
    assert "output_config" not in sent(server)
    assert changes(response)["response_format"].loss


def test_parse_gives_the_object(api: MessagesAPI) -> None:
    from pydantic import BaseModel  # noqa: PLC0415

    class Person(BaseModel):
        name: str

    api.content = [text('{"name": "Ada"}')]
    parsed = OpenAI().chat.completions.parse(model="gpt-4o", messages=HI, response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ada")


# --- parameters ---


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-opus-5-5", "none", {"output_config": {"effort": "low"}}),
        ("claude-sonnet-5-5", "none", {"thinking": {"type": "between_tools"}}),
        ("claude-haiku-5-5", "none", {"thinking": {"type": "disabled"}}),
        (
            "claude-opus-5-5",
            "xhigh",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}},
        ),
        ("claude-opus-4-6", "minimal", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("claude-haiku-4-5", "none", {}),
        ("claude-haiku-4-5", "high", {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
    ],
)
def test_effort_is_said_as_the_model_understands_it(
    server: Server, model: str, effort: Any, expected: dict[str, Any]
) -> None:
    response = OpenAI().chat.completions.create(model=model, messages=HI, reasoning_effort=effort)
    assert {name: sent(server)[name] for name in ("thinking", "output_config") if name in sent(server)} == expected
    assert changes(response)["reasoning_effort"].action == ("converted" if expected else "dropped")


def test_a_budget_stays_below_max_tokens_and_temperature_gives_way(server: Server) -> None:
    client = OpenAI()
    response = client.chat.completions.create(
        model="claude-haiku-4-5", messages=HI, reasoning_effort="high", max_tokens=4000, temperature=0.2
    )
    assert sent(server)["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    assert {"thinking.budget_tokens", "temperature"} <= changes(response).keys()
    response = client.chat.completions.create(
        model="claude-haiku-4-5", messages=HI, reasoning_effort="high", max_tokens=900
    )
    assert "thinking" not in sent(server)
    assert changes(response)["thinking"].loss


def test_sampling_is_left_out_where_it_is_refused_and_clamped_elsewhere(server: Server) -> None:
    client = OpenAI()
    response = client.chat.completions.create(model="claude-opus-5-5", messages=HI, temperature=0.5, top_p=0.5)
    assert {"temperature", "top_p"} <= changes(response).keys()
    response = client.chat.completions.create(model="claude-haiku-4-5", messages=HI, temperature=1.5, top_p=0.5)
    assert (sent(server)["temperature"], changes(response)["temperature"].after) == (1, 1)
    assert changes(response)["top_p"].action == "dropped"


def test_what_there_is_no_place_for_is_dropped_and_reported(server: Server) -> None:
    response = OpenAI().chat.completions.create(
        model="claude-haiku-5-5", messages=HI, seed=7, logprobs=True, n=2, frequency_penalty=0, metadata={"a": "b"},
        service_tier="flex", verbosity="low",
    )  # fmt: skip
    assert sent(server).keys() == {"model", "max_tokens", "messages"}
    dropped = {name for name, change in changes(response).items() if change.action == "dropped"}
    assert dropped == {"seed", "logprobs", "n", "metadata", "service_tier", "verbosity"}


def test_strict_raises_before_anything_is_sent(server: Server) -> None:
    client = OpenAI(strict=True)
    for parameters in ({"seed": 7}, {"temperature": 0.5}, {"response_format": {"type": "json_object"}}):
        with pytest.raises(llmswitch.InvalidRequestError, match=next(iter(parameters))):
            client.chat.completions.create(model="gpt-4o", messages=HI, **parameters)
    assert not server.requests
    client.chat.completions.create(model="gpt-4o", messages=HI, max_tokens=5, prompt_cache_key="k", n=1)


def test_the_vendors_own_parameters_pass(server: Server) -> None:
    more = {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1500}}
    OpenAI().chat.completions.create(model="claude-haiku-4-5", messages=HI, extra_body=more)
    assert {name: sent(server)[name] for name in more} == more


# --- streams ---


def test_a_stream_is_chunks(api: MessagesAPI) -> None:
    api.content = [thinking("A thought"), text("Hello"), use("weather", {"city": "Oslo"}), use("now", {}, "toolu_2")]
    api.stop_reason = "tool_use"
    stream = OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True, tools=[WEATHER])
    chunks = list(stream)
    assert {(chunk.id, chunk.model, chunk.object) for chunk in chunks} == {
        ("msg_1", "claude-haiku-5-5", "chat.completion.chunk")
    }
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "Hello"
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "A thought"
    arguments = {0: "", 1: ""}
    names: dict[int, Any] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            arguments[call.index] += call.function.arguments or ""
            names |= {call.index: (call.id, call.function.name)} if call.id else {}
    assert names == {0: ("toolu_1", "weather"), 1: ("toolu_2", "now")}
    assert {index: json.loads(written) for index, written in arguments.items()} == {0: {"city": "Oslo"}, 1: {}}
    last = chunks[-1]
    assert last.choices[0].finish_reason == "tool_calls"
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (5, 3)


def test_usage_comes_in_a_chunk_of_its_own_where_it_is_asked_for() -> None:
    chunks = list(
        OpenAI().chat.completions.create(
            model="claude-haiku-5-5", messages=HI, stream=True, stream_options={"include_usage": True}
        )
    )
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (chunks[-1].choices, chunks[-2].choices[0].finish_reason) == ([], "stop")


def test_asynchronous_calls_are_the_same() -> None:
    async def run() -> list[str]:
        client = AsyncOpenAI()
        whole = await client.chat.completions.create(model="claude-haiku-5-5", messages=HI)
        stream = await client.chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return [whole.choices[0].message.content or "", "".join(parts)]

    assert asyncio.run(run()) == ["Hi", "Hi"]


def test_plain_dicts_are_the_same() -> None:
    switch = Switch()
    whole = switch.chat.completions.create(model="claude-haiku-5-5", messages=HI)
    assert whole["choices"][0]["message"]["content"] == "Hi"
    chunks = list(switch.chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True))
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == "Hi"


def test_the_models_are_listed() -> None:
    models = list(OpenAI().models.list())
    assert [(model.id, model.created, model.owned_by) for model in models] == [("claude-x", 1791331200, "anthropic")]


# --- thinking ---


def test_thinking_comes_and_goes_back_where_it_stood(api: MessagesAPI, server: Server) -> None:
    api.content = [thinking("One", "s1"), text("Text"), thinking("Two", "s2"), use("weather", {"city": "Oslo"})]
    api.stop_reason = "tool_use"
    client = OpenAI()
    message: Any = (
        client.chat.completions.create(model="claude-haiku-4-5", messages=HI, tools=[WEATHER]).choices[0].message
    )
    assert (message.reasoning_content, message.content) == ("OneTwo", "Text")
    result: Any = {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"}
    client.chat.completions.create(
        model="claude-haiku-4-5",
        messages=[*HI, message, result],
        tools=[WEATHER],
        reasoning_effort="low",
    )
    assert sent(server)["messages"][1]["content"] == api.content
    assert sent(server)["thinking"]["type"] == "enabled"


def test_streamed_thinking_goes_back_as_well(api: MessagesAPI, server: Server) -> None:
    api.content = [thinking("Hm", "s1"), text("Text"), use("weather", {"city": "Oslo"})]
    api.stop_reason = "tool_use"
    client = OpenAI()
    with client.chat.completions.stream(model="claude-haiku-4-5", messages=HI, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        message: Any = stream.get_final_completion().choices[0].message
    assert message.reasoning_content == "Hm"
    result: Any = {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"}
    client.chat.completions.create(model="claude-haiku-4-5", messages=[*HI, message, result], tools=[WEATHER])
    assert sent(server)["messages"][1]["content"] == api.content


def test_thinking_is_left_out_where_the_calls_came_from_elsewhere() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages: list[Any] = [
        *HI,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    response = OpenAI().chat.completions.create(
        model="claude-haiku-4-5", messages=messages, tools=[WEATHER], reasoning_effort="high"
    )
    assert changes(response)["thinking"].action == "dropped"


def test_thinking_is_kept_from_other_vendors(api: MessagesAPI, server: Server, both: Sandbox) -> None:
    api.content = [thinking("Hm"), text("Text")]
    client = OpenAI(order=["anthropic"])
    message: Any = client.chat.completions.create(model="gpt-4o", messages=HI).choices[0].message
    assert message.thinking_blocks
    server.behaviour = answer(529, error("overloaded_error", "Overloaded"))
    response: Any = client.chat.completions.create(model="gpt-4o", messages=[*HI, message, *HI])
    assert response.llmswitch.provider == "openai"
    assert "thinking_blocks" not in json.dumps(both.requests("openai")[-1].body)


# --- failures ---


@pytest.mark.parametrize(
    ("status", "body", "kind", "raised"),
    [
        (400, error(REQUEST, "max_tokens: Field required"), "bad_request", openai.BadRequestError),
        (400, error(REQUEST, "prompt is too long: 250000 tokens > 200000 maximum"), "context_length",
         openai.BadRequestError),
        (400, error(REQUEST, "Your credit balance is too low to access the Anthropic API."), "quota_exhausted",
         openai.BadRequestError),
        (400, error(REQUEST, "This organization has been disabled.", details={"error_code": "organization_on_hold"}), "permission",
         openai.BadRequestError),
        (401, error("authentication_error", "invalid x-api-key"), "auth", openai.AuthenticationError),
        (402, error("billing_error", "x"), "quota_exhausted", openai.APIStatusError),
        (403, error("permission_error", "Your API key does not have permission to use it."), "permission",
         openai.PermissionDeniedError),
        (403, b'{"error":{"type":"forbidden","message":"Request not allowed"}}', "region_blocked", openai.PermissionDeniedError),
        (404, error("not_found_error", "model: claude-x"), "model_not_found", openai.NotFoundError),
        (413, error("request_too_large", "Request exceeds the maximum size"), "bad_request", openai.APIStatusError),
        (429, error(RATE, "This request would exceed your organization's rate limit"), "rate_limited", openai.RateLimitError),
        (429, error(RATE, "x", details={"error_code": "ramp_limit_exceeded"}), "rate_limited", openai.RateLimitError),
        (429, error(RATE, "x", details={"error_code": "enforced_spend_limit_reached"}), "quota_exhausted", openai.RateLimitError),
        (500, error("api_error", "Internal server error"), "server_error", openai.InternalServerError),
        (504, error("timeout_error", "x"), "timeout", openai.InternalServerError),
        (529, error("overloaded_error", "Overloaded"), "overloaded", openai.InternalServerError),
    ],
)  # fmt: skip
def test_every_error_is_openais_exception_and_what_it_means(
    server: Server, status: int, body: bytes, kind: str, raised: type[Exception]
) -> None:
    server.behaviour = answer(status, body, "Content-Type: application/json", "request-id: req_1")
    with pytest.raises(raised) as caught:
        OpenAI(max_retries=0).chat.completions.create(model="claude-haiku-5-5", messages=HI)
    assert llmswitch.failure.classify(provider="anthropic", status=status, body=body).kind == kind
    assert "sk-ant" not in str(caught.value)


@pytest.mark.usefixtures("both")
def test_an_error_at_the_start_of_a_stream_goes_to_the_next(server: Server) -> None:
    start = event("message_start", {"message": {"id": "msg_1", "model": "m", "usage": {}}})
    broken = event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
    server.behaviour = chunked(start, broken, headers=("Content-Type: text/event-stream",))
    stream = OpenAI(order=["anthropic"]).chat.completions.create(model="gpt-4o", messages=HI, stream=True)
    chunks: list[Any] = list(stream)
    assert chunks[-1].llmswitch.provider == "openai"
    assert chunks[-1].llmswitch.attempts[0].kind == "overloaded"


@pytest.mark.parametrize("cleanly", [True, False])
@pytest.mark.parametrize("cut", [4, 5, 6])
def test_a_stream_that_just_ends_is_no_answer(api: MessagesAPI, cut: int, *, cleanly: bool) -> None:
    api.content, api.cut, api.cleanly = [text("Hello there")], cut, cleanly
    received: list[str] = []
    stream = OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True)
    with pytest.raises(llmswitch.StreamInterruptedError) as caught:
        received.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(received) == caught.value.partial
    assert caught.value.partial == ("Hello" if cut == 4 else "Hello there")


def test_a_stream_is_whole_with_its_stop_reason(api: MessagesAPI) -> None:
    api.cut, api.cleanly = 7, True  # before message_stop
    chunks = list(OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=HI, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("client", [OpenAI, llmswitch.Switch])
def test_tuples_are_lists(server: Server, client: Any) -> None:
    asked: Any = {
        "messages": ({"role": "user", "content": ({"type": "text", "text": "Hi"},)},),
        "stop": ("END",),
        "tools": ({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},),
    }
    with client() as one:
        one.chat.completions.create(model="claude-haiku-5-5", **asked)
    body = sent(server)
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]
    assert body["stop_sequences"] == ["END"]
    assert [tool["name"] for tool in body["tools"]] == ["f"]


@pytest.mark.usefixtures("server")
def test_a_format_that_is_none_is_reported() -> None:
    odd: Any = {"response_format": "json"}
    with pytest.raises(llmswitch.InvalidRequestError, match="response_format"):
        OpenAI(strict=True).chat.completions.create(model="claude-haiku-5-5", messages=HI, **odd)


def test_the_older_form_of_a_call_is_not_lost_without_a_word(server: Server) -> None:
    history: list[Any] = [
        *HI,
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "rain"},
    ]
    response = OpenAI().chat.completions.create(model="claude-haiku-5-5", messages=history)
    assert changes(response)["messages[1].function_call"].loss
    seen = len(server.requests)
    with pytest.raises(llmswitch.InvalidRequestError, match="function_call"):
        OpenAI(strict=True).chat.completions.create(model="claude-haiku-5-5", messages=history)
    assert len(server.requests) == seen


@pytest.mark.usefixtures("both")
def test_no_message_is_no_answer(server: Server) -> None:
    server.behaviour = in_turn(
        answer(200, b'{"type": "message"}'), answer(200, error("overloaded_error", "Overloaded"))
    )
    client = OpenAI(order=["anthropic"])
    for kind in ("bad_payload", "overloaded"):
        response: Any = client.chat.completions.create(model="gpt-4o", messages=HI)
        assert (response.llmswitch.provider, response.llmswitch.attempts[0].kind) == ("openai", kind)


def test_a_tool_loop_that_began_elsewhere_goes_on(server: Server, both: Sandbox) -> None:
    both.fault("openai", "overload")
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages: list[Any] = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    response: Any = OpenAI().chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])
    assert response.llmswitch.provider == "anthropic"
    assert sent(server)["messages"][1]["content"] == [use("weather", {"city": "Oslo"}, "call_1")]
