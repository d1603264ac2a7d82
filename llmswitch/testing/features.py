"""What every vendor's answers have in common, whatever its wire format: one check for each feature.

A check passes, raises `AssertionError` with what is wrong, or `Absent` with why the vendor does not have what it is about.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llmswitch.testing.bench import Absent, expect, given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmswitch.testing.bench import Case

_PICTURE: Final = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}


def _tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


WEATHER: Final = _tool("weather")
CLOCK: Final = _tool("clock")


async def chat(case: Case) -> None:
    """A whole answer, and who gave it."""
    answer = await case.chat()
    (choice,) = answer.choices
    expect(choice.message.content, "the answer has no text")
    expect(choice.message.role == "assistant", f"the answer's role is {choice.message.role!r}")
    expect(choice.finish_reason == "stop", f"finish_reason is {choice.finish_reason!r}, not 'stop'")
    expect(answer.object == "chat.completion", f"object is {answer.object!r}")
    report = answer.llmswitch
    expect(report.endpoint == case.endpoint, f"{report.endpoint} answered, not {case.endpoint}")
    expect(report.model == case.model, f"the report names the model {report.model!r}")


async def stream(case: Case) -> None:
    """The same answer in pieces."""
    whole = (await case.chat()).choices[0].message.content
    chunks = await case.chat(stream=True)
    text = _text(chunks)
    expect(text == whole, f"the pieces make {text!r}, the whole answer is {whole!r}")
    # Chunks of who has OpenAI's whole API come as they are: Azure's first one has no object.
    objects = {chunk.object for chunk in chunks} - ({""} if "*" in case.bench.adapter.resources else set())
    expect(objects == {"chat.completion.chunk"}, f"objects of the chunks: {objects}")
    reasons = _reasons(chunks)
    expect(reasons == ["stop"], f"finish reasons of the stream: {reasons}")
    expect(chunks[-1].llmswitch.endpoint == case.endpoint, "the last chunk names another endpoint")


async def developer(case: Case) -> None:
    """The role `developer`, and several system messages."""
    roles = ("developer", "system", "user")
    answer = await case.chat(messages=[{"role": role, "content": f"I am the {role}"} for role in roles])
    expect(answer.choices[0].message.content, "the answer has no text")


async def max_tokens(case: Case) -> None:
    """`max_completion_tokens`, OpenAI's newer word."""
    answer = await case.chat("count to 500", max_completion_tokens=16)
    reason = answer.choices[0].finish_reason
    expect(reason == "length", f"finish_reason is {reason!r} after max_completion_tokens, not 'length'")


async def tools(case: Case) -> None:
    """A tool is called, whole and streamed; its result goes back."""
    answer = await case.chat("weather in Paris?", tools=[WEATHER])
    (choice,) = answer.choices
    expect(choice.finish_reason == "tool_calls", f"finish_reason is {choice.finish_reason!r}, not 'tool_calls'")
    (call,) = choice.message.tool_calls
    expect(call.id and call.type == "function" and call.function.name == "weather", f"the call is {call!r}")
    expect("city" in json.loads(call.function.arguments), f"the arguments are {call.function.arguments!r}")
    chunks = await case.chat("weather in Paris?", tools=[WEATHER], stream=True)
    (streamed,) = _calls(chunks)
    expect(streamed[1:] == ("weather", call.function.arguments), f"the streamed call is {streamed!r}")
    expect(streamed[0], "the streamed call has no id")
    expect(_reasons(chunks) == ["tool_calls"], f"finish reasons of the stream: {_reasons(chunks)}")
    history = [
        {"role": "user", "content": "weather in Paris?"},
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"},
    ]
    after = await case.chat(messages=history, tools=[WEATHER])
    expect(after.choices[0].message.content, "no text after the tool's result")


async def parallel(case: Case) -> None:
    """Two tools at once."""
    asked = {"tools": [WEATHER, CLOCK], "parallel_tool_calls": True}
    answer = await case.chat("both in parallel", **asked)
    calls = answer.choices[0].message.tool_calls or []
    if len(calls) == 1:
        raise Absent("one call at a time")
    expect([call.function.name for call in calls] == ["weather", "clock"], f"the calls are {calls!r}")
    expect(len({call.id for call in calls}) == len(calls), "the calls share an id")
    chunks = await case.chat("both in parallel", stream=True, **asked)
    names = [name for _, name, _ in _calls(chunks)]
    expect(names == ["weather", "clock"], f"the streamed calls are {names}")


async def vision(case: Case) -> None:
    """A picture beside the text."""
    picture = {"type": "image_url", "image_url": {"url": _PICTURE}}
    answer = await case.chat([{"type": "text", "text": "what is it?"}, picture])
    said = answer.choices[0].message.content
    expect(said and "Images received: 1" in said, f"the picture did not arrive: {said!r}")


async def json_object(case: Case) -> None:
    """JSON mode, though no message mentions JSON; who gets openai's own body must mention it, as at OpenAI."""
    asked = "say hello in JSON" if "*" in case.bench.adapter.resources else "say hello"
    answer = await case.chat(asked, response_format={"type": "json_object"})
    said = answer.choices[0].message.content
    expect(isinstance(json.loads(said), dict), f"the answer is no JSON object: {said!r}")


async def json_schema(case: Case) -> None:
    """JSON by a schema."""
    wanted = {"name": "weather", "schema": _SCHEMA, "strict": True}
    form = {"type": "json_schema", "json_schema": wanted}
    answer = await case.chat("weather in Paris?", response_format=form)
    said = answer.choices[0].message.content
    expect(json.loads(said).keys() == {"city", "degrees"}, f"the answer is not of the schema: {said!r}")


async def reasoning(case: Case) -> None:
    """Thinking on: its text is `reasoning_content`, whole and streamed, and survives a history with tools."""
    answer = await case.chat(reasoning_effort="high")
    message = answer.choices[0].message
    thought = getattr(message, "reasoning_content", None)
    if not thought:
        raise Absent("the vendor keeps its reasoning to itself")
    expect(message.content, "there is reasoning and no answer")
    chunks = await case.chat(reasoning_effort="high", stream=True)
    streamed = "".join(getattr(one.delta, "reasoning_content", None) or "" for one in _choices(chunks))
    expect(streamed == thought, f"the streamed reasoning is {streamed!r}, the whole one {thought!r}")
    expect(_text(chunks) == message.content, "the streamed text is another one beside reasoning")
    off = await case.chat(reasoning_effort="none")
    if getattr(off.choices[0].message, "reasoning_content", None):
        told = any(change.parameter.startswith("reasoning") for change in off.llmswitch.changes)
        expect(told, "reasoning_effort='none' was ignored without a word in the report")


async def reasoning_history(case: Case) -> None:
    """A history with tool calls: the vendor's own with its reasoning, another vendor's without."""
    asked: dict[str, Any] = {"tools": [WEATHER], "reasoning_effort": "high"}
    answer = await case.chat("weather in Paris?", **asked)
    message = answer.choices[0].message
    calls = message.tool_calls or []
    expect(calls, "no tool was called")
    own = message.model_dump(exclude_none=True)
    foreign = {name: value for name, value in own.items() if not name.startswith("reasoning")}
    for spoken in (own, foreign):
        results = [{"role": "tool", "tool_call_id": call.id, "content": "18 degrees"} for call in calls]
        history = [{"role": "user", "content": "weather in Paris?"}, spoken, *results]
        after = await case.chat(messages=history, **asked)
        expect(after.choices[0].message.content, "no text after the tool's result")


async def usage(case: Case) -> None:
    """Tokens, of whole answers and of streams."""
    answer = await case.chat()
    _counted(answer.usage, "the answer")
    chunks = await case.chat(stream=True, stream_options={"include_usage": True})
    counts = [chunk.usage for chunk in chunks if chunk.usage is not None]
    if not counts and any(change.parameter == "stream_options" for change in chunks[-1].llmswitch.changes):
        raise Absent("streams do not say how many tokens they took")
    expect(counts, "the stream does not say how many tokens it took")
    _counted(counts[-1], "the stream")


async def embeddings(case: Case) -> None:
    """Vectors: of one text, and of more than the vendor takes at once, in order."""
    bench = case.bench
    (row,) = (await case.embed("one text")).data
    expect(row.embedding and isinstance(row.embedding[0], float), "the vector holds no numbers")
    most = bench.adapter.batch(case.model) or 8
    texts = [f"text {number}" for number in range(min(most, 100) * 2 + 1)] if most <= 100 else ["a", "b"]  # noqa: PLR2004
    many = await case.embed(texts)
    expect([row.index for row in many.data] == list(range(len(texts))), "the rows are not in order")
    again = (await case.embed(texts[-1])).data[0].embedding
    expect(many.data[-1].embedding == again, "the last row is not the last text's")
    expect(many.llmswitch.space, "the answer names no space")


async def models(case: Case) -> None:
    """The list of models."""
    if not {"*", "models"} & case.bench.adapter.resources:
        raise Absent("it has no list of models")
    page = await given(case.client.models.list())
    expect(page.data and all(model.id for model in page.data), "the list of models is empty")


def _text(chunks: Iterable[Any]) -> str:
    return "".join(choice.delta.content or "" for choice in _choices(chunks))


def _choices(chunks: Iterable[Any]) -> list[Any]:
    return [choice for chunk in chunks for choice in chunk.choices]


def _reasons(chunks: Iterable[Any]) -> list[str]:
    return [choice.finish_reason for choice in _choices(chunks) if choice.finish_reason]


def _calls(chunks: Iterable[Any]) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the calls, put together as openai's own helpers do."""
    made: dict[int, list[str]] = {}
    for choice in _choices(chunks):
        for part in choice.delta.tool_calls or ():
            call = made.setdefault(part.index, ["", "", ""])
            call[0] = part.id or call[0]
            if part.function is not None:
                call[1] = part.function.name or call[1]
                call[2] += part.function.arguments or ""
    return [(call[0], call[1], call[2]) for _, call in sorted(made.items())]


def _counted(counts: Any, whose: str) -> None:
    expect(counts is not None, f"{whose} does not say how many tokens it took")
    expect(counts.prompt_tokens > 0 and counts.completion_tokens > 0, f"{whose} counts {counts!r}")
    expect(counts.total_tokens >= counts.prompt_tokens + counts.completion_tokens, f"{whose} counts {counts!r}")
