"""LangChain: `ChatOpenAI` and `OpenAIEmbeddings` over our clients."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

import llmswitch

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix

ASKED = [SystemMessage("be brief"), HumanMessage("hello there")]


class Plan(BaseModel):
    title: str
    steps: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"it rains in {city}"


WEATHER = StructuredTool.from_function(weather)


def model_of(client: Any, async_client: Any, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model="gpt-4o",
        client=client.chat.completions,
        async_client=async_client.chat.completions,
        root_client=client,
        root_async_client=async_client,
        **more,
    )


def plain(message: Any) -> object:
    """A message without what is drawn anew for every answer."""
    kept = {name: value for name, value in message.response_metadata.items() if name != "id"}
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    return [message.text, calls, message.usage_metadata, kept]


async def text(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client, temperature=0.5, max_tokens=64)
    found = [model.invoke(ASKED), await model.ainvoke(ASKED), *await model.abatch([ASKED, ASKED])]
    return [plain(message) for message in found]


async def stream(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client, stream_usage=True)
    chunks = [plain(chunk) for chunk in model.stream(ASKED)]
    async_chunks = [plain(chunk) async for chunk in model.astream(ASKED)]
    kinds = [event["event"] async for event in model.astream_events(ASKED, version="v2")]
    streaming = model_of(client, async_client, streaming=True).invoke(ASKED)
    return [chunks, async_chunks, kinds, plain(streaming)]


async def tools(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client).bind_tools([WEATHER])
    asked = HumanMessage("the weather in Paris, please")
    called = model.invoke([asked])
    results = [
        ToolMessage(WEATHER.invoke(call["args"]), tool_call_id=f"call_{i}") for i, call in enumerate(called.tool_calls)
    ]
    for index, call in enumerate(called.tool_calls):
        call["id"] = f"call_{index}"
    answered = await model.ainvoke([asked, AIMessage("", tool_calls=called.tool_calls), *results])
    streamed = None
    async for chunk in model.astream([asked]):
        streamed = chunk if streamed is None else streamed + chunk
    assert called.tool_calls
    return [plain(called), plain(answered), plain(streamed)]


async def structured(client: Any, async_client: Any) -> object:
    model = model_of(client, async_client)
    found: list[object] = []
    for method in ("json_schema", "function_calling"):
        planner: Any = model.with_structured_output(Plan, method=method)
        found += [
            planner.invoke("plan my day"),
            await planner.ainvoke("plan my day"),
            list(planner.stream("plan my day")),
        ]
    assert all(isinstance(plan, Plan) for plan in found[:2])
    return found


async def embeddings(client: Any, async_client: Any) -> object:
    embedder = OpenAIEmbeddings(
        model="text-embedding-3-small",
        client=client.embeddings,
        async_client=async_client.embeddings,
        check_embedding_ctx_length=False,  # counting needs a vocabulary from the network
    )
    documents = embedder.embed_documents(["one", "two"])
    assert [len(vector) for vector in documents] == [1536, 1536]
    return [
        documents,
        embedder.embed_query("one"),
        await embedder.aembed_documents(["one"]),
        await embedder.aembed_query("two"),
    ]


@pytest.mark.parametrize("program", [text, stream, tools, structured, embeddings])
def test_over_our_client_it_does_what_it_does_over_openais(alike: Callable[..., Any], program: Any) -> None:
    alike(program)


@pytest.mark.parametrize("program", [text, stream, tools, structured])
def test_it_survives_the_block(survives: Callable[..., Any], program: Any) -> None:
    assert "gpt-4o" not in str(survives(program))


def test_our_module_in_place_of_the_one_it_imports(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `import llmswitch as openai` would have it; it brings an HTTP client of its own."""
    monkeypatch.setattr("langchain_openai.chat_models.base.openai", llmswitch)
    monkeypatch.setattr("langchain_openai.embeddings.base.openai", llmswitch)
    model = ChatOpenAI(model="gpt-4o")
    assert isinstance(model.root_client, llmswitch.OpenAI)
    assert "gpt-4o" in model.invoke(ASKED).text
    assert len(OpenAIEmbeddings(check_embedding_ctx_length=False).embed_query("one")) == 1536
    pair.fault("openai", "region_block")
    assert "qwen" in model.invoke(ASKED).text
    assert "qwen" in asyncio.run(model.ainvoke(ASKED)).text
    assert "qwen" in "".join(chunk.text for chunk in model.stream(ASKED))
    assert pair.hits("openai") == 3


def test_errors_reach_it_as_openais(lone: Sandbox, alike: Callable[..., Any]) -> None:
    lone.fault("openai", "context_length")

    async def fail(client: Any, async_client: Any) -> object:
        model = model_of(client, async_client)
        found: list[object] = []
        for ask in (model.invoke, model.stream):
            with pytest.raises(Exception, match="context") as caught:
                list(ask(ASKED))
            found += [type(caught.value).__name__, str(caught.value)]
        with pytest.raises(Exception, match="context") as caught:
            await model.ainvoke(ASKED)
        return [*found, type(caught.value).__name__]

    alike(fail)
