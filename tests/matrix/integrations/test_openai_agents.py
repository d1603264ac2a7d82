"""The OpenAI Agents SDK over our async client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import agents
import pytest
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix


class Plan(BaseModel):
    title: str
    steps: list[str]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"it rains in {city}"


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    agents.set_tracing_disabled(True)
    yield
    agents.set_default_openai_api("responses")


def agent_over(client: Any, **more: Any) -> agents.Agent:
    return agents.Agent(name="helper", model=OpenAIChatCompletionsModel("gpt-4o", client), **more)


def plain(result: Any) -> object:
    usage = result.context_wrapper.usage
    return [
        result.final_output,
        [item.type for item in result.new_items],
        (usage.requests, usage.input_tokens, usage.output_tokens, usage.total_tokens),
    ]


async def text(_: Any, client: Any) -> object:
    return plain(await agents.Runner.run(agent_over(client), "hello there"))


async def stream(_: Any, client: Any) -> object:
    result = agents.Runner.run_streamed(agent_over(client), "hello there")
    kinds = [getattr(getattr(event, "data", event), "type", None) async for event in result.stream_events()]
    return [plain(result), kinds]


async def tools(_: Any, client: Any) -> object:
    agent = agent_over(client, tools=[agents.function_tool(weather)])
    result = await agents.Runner.run(agent, "the weather in Paris")
    assert "tool_call_output_item" in [item.type for item in result.new_items]
    streamed = agents.Runner.run_streamed(agent, "the weather in Paris")
    async for _event in streamed.stream_events():
        pass
    return [plain(result), plain(streamed)]


async def structured(_: Any, client: Any) -> object:
    result = await agents.Runner.run(agent_over(client, output_type=Plan), "plan my day")
    assert isinstance(result.final_output, Plan)
    return plain(result)


async def handoff(_: Any, client: Any) -> object:
    expert = agent_over(client, handoff_description="knows everything")
    result = await agents.Runner.run(agent_over(client, handoffs=[expert]), "please transfer to helper")
    return [plain(result), result.last_agent.name]


async def by_default(_: Any, client: Any) -> object:
    agents.set_default_openai_client(client, use_for_tracing=False)
    agents.set_default_openai_api("chat_completions")
    return plain(await agents.Runner.run(agents.Agent(name="helper", model="gpt-4o"), "hello there"))


async def by_responses(_: Any, client: Any) -> object:
    """The SDK's default, which only OpenAI serves."""
    agents.set_default_openai_client(client, use_for_tracing=False)
    agents.set_default_openai_api("responses")
    result = agents.Runner.run_streamed(agents.Agent(name="helper", model="gpt-4o"), "hello there")
    kinds = [getattr(getattr(event, "data", event), "type", None) async for event in result.stream_events()]
    return [plain(await agents.Runner.run(agents.Agent(name="helper", model="gpt-4o"), "hello")), plain(result), kinds]


@pytest.mark.parametrize("program", [text, stream, tools, structured, handoff, by_default, by_responses])
def test_over_our_client_it_does_what_it_does_over_openais(alike: Callable[..., Any], program: Any) -> None:
    alike(program)


@pytest.mark.parametrize("program", [text, stream, tools, structured, by_default])
def test_it_survives_the_block(survives: Callable[..., Any], program: Any) -> None:
    async def twice(client: Any, async_client: Any) -> object:
        return [await program(client, async_client), await program(client, async_client)]

    assert "gpt-4o" not in str(survives(twice))


def test_errors_reach_it_as_openais(lone: Sandbox, alike: Callable[..., Any]) -> None:
    lone.fault("openai", "context_length")

    async def fail(_: Any, client: Any) -> object:
        with pytest.raises(Exception, match="context") as caught:
            await agents.Runner.run(agent_over(client), "hello")
        return [type(caught.value).__name__, str(caught.value)]

    alike(fail)
