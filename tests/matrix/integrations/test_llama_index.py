"""LlamaIndex: its OpenAI model and embeddings over our clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

import llmswitch

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix

ASKED = [ChatMessage(role="system", content="be brief"), ChatMessage(role="user", content="hello there")]


class Plan(BaseModel):
    title: str
    steps: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"it rains in {city}"


def model_of(client: Any, async_client: Any) -> OpenAI:
    return OpenAI(model="gpt-4o", openai_client=client, async_openai_client=async_client, max_retries=0)


def plain(response: Any) -> object:
    kept = {name: value for name, value in response.additional_kwargs.items() if name != "id"}
    return [response.message.content, kept, response.delta]


async def text(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client)
    chats = [plain(model.chat(ASKED)), plain(await model.achat(ASKED))]
    return [*chats, model.complete("hello").text, (await model.acomplete("hello")).text]


async def stream(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client)
    chunks = [plain(chunk) for chunk in model.stream_chat(ASKED)]
    return [chunks, [plain(chunk) async for chunk in await model.astream_chat(ASKED)]]


async def tools(client: Any, async_client: Any) -> object:
    model, tool = model_of(client, async_client), FunctionTool.from_defaults(weather)
    found = []
    for answer in (
        model.chat_with_tools([tool], "the weather in Paris"),
        await model.achat_with_tools([tool], "the weather in Paris"),
        list(model.stream_chat_with_tools([tool], "the weather in Paris"))[-1],
    ):
        calls = model.get_tool_calls_from_response(answer)
        found.append([(call.tool_name, call.tool_kwargs) for call in calls])
    called = model.predict_and_call([tool], "the weather in Paris")
    assert found[0]
    return [found, called.response]


async def structured(client: Any, async_client: Any) -> object:
    planner = model_of(client, async_client).as_structured_llm(Plan)
    found = [planner.chat(ASKED).raw, (await planner.achat(ASKED)).raw]
    assert all(isinstance(plan, Plan) for plan in found)
    return found


async def embeddings(client: Any, async_client: Any) -> object:
    embedder = OpenAIEmbedding(model="text-embedding-3-small", max_retries=1)
    embedder._client, embedder._aclient = client, async_client
    batch = embedder.get_text_embedding_batch(["one", "two"])
    assert [len(vector) for vector in batch] == [1536, 1536]
    return [batch, embedder.get_query_embedding("one"), await embedder.aget_text_embedding("three")]


@pytest.mark.parametrize("program", [text, stream, tools, structured, embeddings])
def test_over_our_client_it_does_what_it_does_over_openais(alike: Callable[..., Any], program: Any) -> None:
    alike(program)


@pytest.mark.parametrize("program", [text, stream, tools, structured])
def test_it_survives_the_block(survives: Callable[..., Any], program: Any) -> None:
    assert "gpt-4o" not in str(survives(program))


def test_our_classes_in_place_of_those_it_imports(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama_index.llms.openai.base.SyncOpenAI", llmswitch.OpenAI)
    monkeypatch.setenv("OPENAI_API_BASE", pair.url("openai@global"))
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "compatible,qwen")
    model = OpenAI(model="gpt-4o", max_retries=0)
    assert "hello" in model.complete("hello").text
    assert pair.hits() == pair.hits("openai") == 1
