"""openai's helpers: parsing, and the stream helper with its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pydantic

from tests.parity import shapes
from tests.parity.case import Case, Each, Program, Within
from tests.parity.upstream import answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

PLAN_TEXT = '{"steps": [{"text": "a", "number": 1}], "final": true}'


class Step(pydantic.BaseModel):
    text: str
    number: int


class Plan(pydantic.BaseModel):
    steps: list[Step]
    final: bool


class Weather(pydantic.BaseModel):
    """Tell the weather."""

    city: str


TOOL: Any = openai.pydantic_function_tool(Weather)
WEATHER_CALL = {"id": "c", "type": "function", "function": {"name": "Weather", "arguments": '{"city": "Paris"}'}}
CHUNKS: list[Any] = [
    shapes.chunk({"role": "assistant", "content": ""}),
    *[shapes.chunk({"content": PLAN_TEXT[at : at + 9]}) for at in range(0, len(PLAN_TEXT), 9)],
    shapes.chunk({}, finish="stop"),
    shapes.USAGE_CHUNK,
]
WEATHER_CHUNKS: list[Any] = [
    shapes.chunk(
        {
            "role": "assistant",
            "tool_calls": [
                {"index": 0, "id": "c", "type": "function", "function": {"name": "Weather", "arguments": ""}}
            ],
        }
    ),
    shapes.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
    shapes.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
    shapes.chunk({}, finish="tool_calls"),
]
LOGPROB_CHUNKS: list[Any] = [
    shapes.chunk(
        choices=[
            {
                "index": 0,
                "delta": {"content": "Hi", "role": "assistant"},
                "logprobs": shapes.LOGPROBS,
                "finish_reason": None,
            }
        ]
    ),
    shapes.chunk(
        choices=[
            {
                "index": 0,
                "delta": {"refusal": "No"},
                "logprobs": {"content": None, "refusal": shapes.LOGPROBS["content"]},
                "finish_reason": None,
            }
        ]
    ),
    shapes.chunk({}, finish="stop"),
]


# --- parse ------------------------------------------------------------------------------------------------------------


def parsed(name: str, body: dict[str, Any], fails: str | tuple[str, ...] = (), **arguments: Any) -> Case:
    call: Program = lambda client: client.chat.completions.parse(**shapes.CALL, **arguments)  # noqa: E731
    return Case(f"parse, {name}", call, (answer(body),), fails=fails)


def _parse_raw(client: Any) -> Any:
    raw = yield client.chat.completions.with_raw_response.parse(**shapes.CALL, response_format=Plan)
    yield raw.parse()


def _parse_goes_on(client: Any) -> Any:
    first = yield client.chat.completions.parse(**shapes.CALL, response_format=Plan)
    yield client.chat.completions.parse(model="gpt-4o", messages=[first.choices[0].message], response_format=Plan)


PARSED = [
    parsed("a class", shapes.message(content=PLAN_TEXT), response_format=Plan),
    parsed("a dict", shapes.message(content=PLAN_TEXT), response_format={"type": "json_object"}),
    parsed("nothing", shapes.CHAT),
    parsed("tools", shapes.message(content=None, tool_calls=[WEATHER_CALL]), tools=[TOOL]),
    parsed("a tool that is not there", shapes.message(content=None, tool_calls=[shapes.TOOL_CALL]), tools=[TOOL]),
    parsed("a refusal", shapes.message(content=None, refusal="No"), response_format=Plan),
    parsed("no content", shapes.message(content=None), response_format=Plan),
    parsed("another shape", shapes.message(content='{"a": 1}'), "ValidationError", response_format=Plan),
    parsed("no JSON", shapes.message(content="hello"), "ValidationError", response_format=Plan),
    parsed("too long", shapes.choice(finish_reason="length"), "LengthFinishReasonError", response_format=Plan),
    parsed(
        "filtered",
        shapes.choice(finish_reason="content_filter"),
        "ContentFilterFinishReasonError",
        response_format=Plan,
    ),
    parsed(
        "a tool that is not strict", shapes.CHAT, "ValueError", tools=[{"type": "function", "function": {"name": "f"}}]
    ),
    parsed("not a class", shapes.CHAT, "TypeError", response_format=int),
    parsed("more", shapes.message(content=PLAN_TEXT, x_more={"a": 1}), response_format=Plan),
    Case(
        "parse, stream=True",
        lambda client: client.chat.completions.parse(**shapes.CALL, stream=True),
        (answer(shapes.CHAT),),
        fails="TypeError",
    ),
    Case("parse, raw", _parse_raw, (answer(shapes.message(content=PLAN_TEXT)),)),
    Case("parse, its answer goes on", _parse_goes_on, (answer(shapes.message(content=PLAN_TEXT)),)),
    Case(
        "parse, an error",
        lambda client: client.chat.completions.parse(**shapes.CALL),
        (answer(shapes.error(), 400),),
        fails="BadRequestError",
    ),
]


# --- stream() ---------------------------------------------------------------------------------------------------------


def _events(stream: Any) -> Any:
    yield Each(stream)
    yield stream.get_final_completion()
    yield stream.current_completion_snapshot


def _until_done(stream: Any) -> Any:
    yield stream.until_done()
    yield stream.get_final_completion()


def _some(stream: Any) -> Any:
    yield Each(stream, most=2)
    yield stream.current_completion_snapshot
    yield stream.close()


def helped(
    name: str, chunks: list[Any], inside: Program = _events, *, how: dict[str, Any] | None = None, **arguments: Any
) -> Case:
    call: Program = lambda client: Within(client.chat.completions.stream(**shapes.CALL, **arguments), inside)  # noqa: E731
    return Case(f"stream(), {name}", lambda client: _one(call(client)), (events(*chunks),), **(how or {}))


def _one(value: Any) -> Any:
    yield value


STREAMED = [
    helped("plain", shapes.CHUNKS),
    helped("usage", [*shapes.CHUNKS, shapes.USAGE_CHUNK], stream_options={"include_usage": True}),
    helped("a class", CHUNKS, response_format=Plan),
    helped("tools", WEATHER_CHUNKS, tools=[TOOL]),
    helped("loose tools", shapes.TOOL_CHUNKS),
    helped("logprobs", LOGPROB_CHUNKS, logprobs=True),
    helped("until it is done", shapes.CHUNKS, _until_done),
    helped("left early", shapes.CHUNKS, _some),
    helped(
        "a class and half an answer",
        [*CHUNKS[:3], shapes.chunk({}, finish="length")],
        response_format=Plan,
        how={"fails": "LengthFinishReasonError"},
    ),
    helped(
        "several choices",
        [shapes.chunk(choices=[{**c["choices"][0], "index": i}]) for c in shapes.CHUNKS for i in (0, 1)],
    ),
    Case(
        "stream(), an error",
        lambda client: _one(Within(client.chat.completions.stream(**shapes.CALL), _events)),
        (answer(shapes.error(), 401),),
        fails="AuthenticationError",
    ),
]


CASES = [*PARSED, *STREAMED]
if hasattr(openai.OpenAI(api_key="k").beta, "chat") and hasattr(
    openai.OpenAI(api_key="k").beta.chat.completions, "parse"
):
    CASES += [
        Case(
            "beta.parse",
            lambda client: client.beta.chat.completions.parse(**shapes.CALL, response_format=Plan),
            (answer(shapes.message(content=PLAN_TEXT)),),
        ),
        Case(
            "beta.stream()",
            lambda client: _one(Within(client.beta.chat.completions.stream(**shapes.CALL), _events)),
            (events(*shapes.CHUNKS),),
        ),
    ]


def test_helpers_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
