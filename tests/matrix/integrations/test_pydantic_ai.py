"""pydantic-ai over our async client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pydantic_ai
import pytest
from pydantic import BaseModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix


class Plan(BaseModel):
    title: str
    steps: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"it rains in {city}"


def agent_over(client: Any, **more: Any) -> Any:
    return pydantic_ai.Agent(OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client)), **more)


def plain(result: Any) -> object:
    usage = result.usage if not callable(result.usage) else result.usage()
    parts = [
        (part.part_kind, str(getattr(part, "content", "")))
        for message in result.all_messages()
        for part in message.parts
    ]
    return [parts, usage.requests, usage.input_tokens, usage.output_tokens]


async def text(_: Any, client: Any) -> object:
    result = await agent_over(client, system_prompt="be brief").run("hello there")
    return [result.output, plain(result)]


async def stream(_: Any, client: Any) -> object:
    async with agent_over(client).run_stream("hello there") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 1
    return [pieces, plain(result)]


async def tools(_: Any, client: Any) -> object:
    result = await agent_over(client, tools=[weather]).run("the weather in Paris")
    assert "it rains" in str(result.all_messages())
    return [result.output, plain(result)]


async def structured(_: Any, client: Any) -> object:
    found = []
    for output in (Plan, pydantic_ai.NativeOutput(Plan)):
        result = await agent_over(client, output_type=output).run("plan my day, in json")
        assert isinstance(result.output, Plan)
        found.append([result.output, plain(result)])
    return found


async def by_responses(_: Any, client: Any) -> object:
    """Which only OpenAI serves."""
    model = OpenAIResponsesModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
    result = await pydantic_ai.Agent(model).run("hello there")
    return [result.output, plain(result)]


@pytest.mark.parametrize("program", [text, stream, tools, structured, by_responses])
def test_over_our_client_it_does_what_it_does_over_openais(alike: Callable[..., Any], program: Any) -> None:
    alike(program)


@pytest.mark.parametrize("program", [text, stream, tools, structured])
def test_it_survives_the_block(survives: Callable[..., Any], program: Any) -> None:
    async def twice(client: Any, async_client: Any) -> object:
        return [await program(client, async_client), await program(client, async_client)]

    assert "gpt-4o" not in str(survives(twice))


def test_errors_reach_it_as_openais(lone: Sandbox, alike: Callable[..., Any]) -> None:
    lone.fault("openai", "context_length")

    async def fail(_: Any, client: Any) -> object:
        with pytest.raises(pydantic_ai.ModelHTTPError) as caught:
            await agent_over(client).run("hello")
        return [caught.value.status_code, caught.value.body]

    alike(fail)
