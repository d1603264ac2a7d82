"""Vendors that speak OpenAI's wire format but for a few things of their own: Gemini, Mistral, xAI, OpenRouter."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import OpenAI, adapter
from llmswitch.adapter import adapters
from tests.servers import Server, answer, chunked

if TYPE_CHECKING:
    from collections.abc import Iterator

HI: list[Any] = [{"role": "user", "content": "Hi"}]
CALL: Any = {"id": "call_abc-1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
LOOP: list[Any] = [
    *HI,
    {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call_abc-2"}]},
    {"role": "tool", "tool_call_id": "call_abc-1", "content": "12:00"},
    {"role": "tool", "tool_call_id": "call_abc-2", "content": "12:00"},
]


def completion(message: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", **more}
    return json.dumps(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


@contextmanager
def vendor(name: str, monkeypatch: pytest.MonkeyPatch, body: bytes | None = None) -> Iterator[Server]:
    """This vendor alone, on loopback."""
    with Server(answer(200, body or completion({"content": "Hi"}), "Content-Type: application/json")) as server:
        monkeypatch.setenv(f"LLMSWITCH_{name.upper()}_API_KEY", "k-1")
        monkeypatch.setenv(f"LLMSWITCH_{name.upper()}_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", name)
        monkeypatch.setenv("LLMSWITCH_REGION", "US")
        yield server


def sent(server: Server) -> Any:
    return json.loads(server.requests[-1].body)


def create(**parameters: Any) -> Any:
    return OpenAI(max_retries=0).chat.completions.create(**{"model": "gpt-4o", "messages": HI, **parameters})


# --- Gemini ---


def test_gemini_gets_a_signature_with_calls_it_did_not_make(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("gemini", monkeypatch) as server:
        create(messages=LOOP)
        first, second = sent(server)["messages"][1]["tool_calls"]
        assert first["extra_content"] == {"google": {"thought_signature": "skip_thought_signature_validator"}}
        assert second == {**CALL, "id": "call_abc-2"}
        create(model="gemini-2.5-flash", messages=LOOP)
        assert sent(server)["messages"] == LOOP


def test_geminis_own_signatures_go_back_to_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "abc"}}}
    with vendor("gemini", monkeypatch, completion({"content": None, "tool_calls": [signed]})) as server:
        message = create().choices[0].message
        create(messages=[*HI, message, *LOOP[2:3]])
        assert sent(server)["messages"][1]["tool_calls"][0]["extra_content"] == signed["extra_content"]
    with vendor("xai", monkeypatch) as server:
        create(messages=[*HI, message, *LOOP[2:3]])
        assert sent(server)["messages"][1]["tool_calls"][0] == CALL


def test_an_address_that_nobody_knows_gets_what_it_is_given() -> None:
    thought: Any = {"role": "assistant", "content": "A", "thinking_blocks": [{"type": "thinking", "thinking": "Hm"}]}
    with Server(answer(200, completion({"content": "Hi"}), "Content-Type: application/json")) as server:
        client = OpenAI(base_url=f"{server.url}/v1", api_key="k", providers=["compatible"])
        client.chat.completions.create(model="m", messages=[*HI, thought, *HI])
        assert sent(server)["messages"][1] == thought


def test_gemini_gets_only_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("gemini", monkeypatch) as server:
        said = {"role": "assistant", "content": "A", "reasoning_content": "Hm"}
        messages = [*HI, said, *HI]
        response = create(
            messages=messages, seed=1, presence_penalty=0, user="u", reasoning_effort="minimal", max_completion_tokens=9
        )
        assert sent(server)["messages"][1] == {"role": "assistant", "content": "A"}
        assert sent(server).keys() == {"model", "messages", "reasoning_effort", "max_tokens"}
        assert sent(server)["reasoning_effort"] == "low"
        losses = {change.parameter for change in response.llmswitch.changes if change.loss}
        assert losses == {"seed"}


def test_gemini_words_for_the_end_are_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("gemini", monkeypatch, completion({"content": "x"}, finish_reason="PROHIBITED_CONTENT")):
        assert create().choices[0].finish_reason == "content_filter"


def test_gemini_embeds_in_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(
        {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5] * 768}], "model": "m"}
    )
    with vendor("gemini", monkeypatch, body.encode()) as server:
        found = OpenAI().embeddings.create(model="gemini-embedding-001", input="x", dimensions=768)
        assert found.data[0].embedding == [0.5] * 768
        assert (sent(server)["encoding_format"], sent(server)["dimensions"]) == ("float", 768)


# --- Mistral ---


def test_mistral_gets_ids_in_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("mistral", monkeypatch) as server:
        create(messages=LOOP)
        _, called, *answered = sent(server)["messages"]
        ids = [call["id"] for call in called["tool_calls"]]
        assert [message["tool_call_id"] for message in answered] == ids
        assert len(set(ids)) == 2
        assert all(len(one) == 9 and one.isalnum() for one in ids)
        own = json.loads(json.dumps(LOOP).replace("call_abc-1", "aB3456789").replace("call_abc-2", "aB3456780"))
        create(messages=own)
        assert sent(server)["messages"] == own


def test_mistrals_order_of_roles_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said: Any = {"role": "assistant", "content": "A", "refusal": None, "annotations": []}
    with vendor("mistral", monkeypatch) as server:
        response = create(messages=[said, said, *LOOP, *HI, said])
        roles = [message["role"] for message in sent(server)["messages"]]
        assert roles == [
            "user",
            "assistant",
            "user",
            "assistant",
            "tool",
            "tool",
            "assistant",
            "user",
            "assistant",
            "user",
        ]
        assert {key for message in sent(server)["messages"] for key in message} == {
            "role", "content", "tool_calls", "tool_call_id",
        }  # fmt: skip
        assert {"messages[6]", "messages"} <= {change.parameter for change in response.llmswitch.changes}


PARTS: Any = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
    {"type": "text", "text": "He"},
    {"type": "text", "text": "llo"},
]


def test_mistrals_parts_are_text_and_reasoning(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("mistral", monkeypatch, completion({"content": PARTS})) as server:
        message = create().choices[0].message
        assert (message.content, message.reasoning_content) == ("Hello", "Hm")
        chunks = [
            {"index": 0, "delta": {"role": "assistant", "content": PARTS[:1]}, "finish_reason": None},
            {"index": 0, "delta": {"content": "Hello"}, "finish_reason": "model_length"},
        ]
        events = [json.dumps({"id": "1", "created": 1, "model": "m", "choices": [choice]}) for choice in chunks]
        stream = b"".join(f"data: {event}\n\n".encode() for event in [*events, "[DONE]"])
        server.behaviour = chunked(stream, headers=("Content-Type: text/event-stream",))
        thought, said = [chunk.choices[0] for chunk in create(stream=True)]
        assert (thought.delta.content, thought.delta.reasoning_content) == ("", "Hm")
        assert (said.delta.content, said.finish_reason) == ("Hello", "length")


def test_mistral_gets_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with vendor("mistral", monkeypatch) as server:
        response = create(seed=1, max_completion_tokens=9, store=True, stream_options=None, user="u")
        assert sent(server).keys() == {"model", "messages", "random_seed", "max_tokens"}
        assert {change.parameter for change in response.llmswitch.changes if change.loss} == {"store"}


# --- xAI ---


@pytest.mark.parametrize(
    ("model", "asked", "expected"),
    [
        ("grok-4.7", "none", "low"),
        ("grok-4.7", "xhigh", "xhigh"),
        ("grok-4.5", "xhigh", "high"),
        ("grok-4.3", "none", "none"),
        ("grok-4.3", "minimal", "low"),
        ("grok-4.20-reasoning", "high", None),
        ("grok-4.20-non-reasoning", "none", None),
    ],
)
def test_xai_gets_an_effort_it_knows(
    monkeypatch: pytest.MonkeyPatch, model: str, asked: str, expected: str | None
) -> None:
    with vendor("xai", monkeypatch) as server:
        create(model=model, reasoning_effort=asked, presence_penalty=0, stop="x")
        assert sent(server).get("reasoning_effort") == expected
        assert "presence_penalty" not in sent(server)
        assert ("stop" in sent(server)) is ("non-reasoning" in model)


# --- OpenRouter ---


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("openai/gpt-4.1", "openai/gpt-4.1"),
        ("meta-llama/llama-4", "meta-llama/llama-4"),
        ("openrouter/auto", "openrouter/auto"),
        ("openrouter/google/gemini-3.8-flash", "google/gemini-3.8-flash"),
        ("gpt-4o", "openai/gpt-4.1"),
    ],
)
def test_a_relay_keeps_others_names(monkeypatch: pytest.MonkeyPatch, asked: str, expected: str) -> None:
    with vendor("openrouter", monkeypatch, completion({"content": "Hi", "reasoning": "Hm"})) as server:
        response = create(model=asked)
        assert sent(server)["model"] == expected
        assert response.choices[0].message.reasoning_content == "Hm"


# --- facts ---


@pytest.mark.parametrize("name", ["anthropic", "gemini", "mistral", "xai", "openrouter"])
def test_regions_are_as_the_vendor_states_them(name: str) -> None:
    site = adapter.get(name).home_site()
    assert name in adapters()
    mainland = {"anthropic": "not_served", "gemini": "not_served", "xai": "not_served", "mistral": "served"}
    assert site.verdict("CN") == mainland.get(name, "unknown")
    assert site.verdict("DE") == site.verdict("US") == "served"
    assert (site.verdict("IR") == "not_served") is (name in ("anthropic", "gemini"))


def test_whose_terms_bind_end_users() -> None:
    bound = {name for name in ("anthropic", "gemini", "xai") if "end_user" in adapter.get(name).home_site().binds}
    assert bound == {"anthropic", "gemini"}
    assert len(adapter.get("anthropic").home_site().regions) == 175
    assert len(adapter.get("gemini").home_site().regions) == 223
