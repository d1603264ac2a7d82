"""What nobody thought of: generated answers, chunks, events, errors and arguments.

Each starts from a real shape, bent in a few places. Where llmswitch judges (an answer without choices, a chunk that is an error) it may
raise instead; whether it may is decided here, from the input alone.
"""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import openai
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmswitch.errors import InvalidRequestError, LLMSwitchError
from tests.parity import calls, shapes
from tests.parity.bench import check
from tests.parity.case import Case, Outcome, Stopped
from tests.parity.upstream import Answer, answer, events
from tests.parity.ways import OPENAI, OURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.bench import Bench

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "200"))
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PARITY_EXAMPLES" not in os.environ,  # more examples are other examples
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.sampled_from(
    [
        "id",
        "object",
        "model",
        "created",
        "choices",
        "usage",
        "content",
        "role",
        "index",
        "message",
        "delta",
        "finish_reason",
        "logprobs",
        "tool_calls",
        "function",
        "arguments",
        "reasoning_content",
        "data",
        "embedding",
        "x_extra",
        "",
        "_request_id",
        "model_config",
        "copy",
        "self",
        "name",
        "type",
        "service_tier",
        "output",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["stop", "assistant", "", "12", "1.5", "null", "auto", "text"]),
    st.text(max_size=8),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def bent(draw: st.DrawFn, shapes_: list[Any], most: int = 3) -> Any:
    """One of the shapes with up to `most` changes: a value replaced, taken away, added, twice in a list."""
    value = copy.deepcopy(draw(st.sampled_from(shapes_)))
    for _ in range(draw(st.integers(0, most))):
        place = draw(st.sampled_from([place for place in places(value) if place]))
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        kind = draw(st.sampled_from(["replace", "remove", "add", "double"]))
        if kind == "remove":
            del holder[place[-1]]
        elif kind == "add" and isinstance(holder, dict):
            holder[draw(NAMES)] = draw(JSON)
        elif kind == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[place[-1]]))
        else:
            holder[place[-1]] = draw(JSON)
        if not value:
            break
    return value


def compare(bench: Bench, case: Case, mode: str, judged: Callable[[Outcome, Outcome], bool]) -> None:
    """As `Bench.compare`, unless `judged` says that ours may differ so."""
    expected = bench.outcome(case, mode, OPENAI)
    for way in OURS:
        found = bench.outcome(case, mode, way)
        if not judged(expected, found):
            check(expected, found, (), f"{mode}, by {way.name}")


def error_of(outcome: Outcome) -> object:
    """What the last step ended with."""
    last = outcome.steps[-1]
    return last.error if isinstance(last, Stopped) else last


modes = st.sampled_from(["sync", "async"])

# --- answers ----------------------------------------------------------------------------------------------------------

CHATS = [
    shapes.CHAT,
    shapes.message(content=None, tool_calls=[shapes.TOOL_CALL, shapes.TOOL_CALL]),
    shapes.choice(logprobs=shapes.LOGPROBS),
    shapes.chat(choices=[shapes.CHOICE, {**shapes.CHOICE, "index": 1}]),
]


def is_answer(body: Any) -> bool:
    """Whether llmswitch must take this for an answer to a chat."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        return False
    return all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices)


@bounded
@given(body=bent(CHATS), mode=modes)
def test_answers(bench: Bench, body: Any, mode: str) -> None:
    body.setdefault("object", "chat.completion")  # a missing one is a known bug
    case = Case("answer", calls.chat, (answer(body),))
    compare(bench, case, mode, lambda _, found: isinstance(error_of(found), LLMSwitchError) and not is_answer(body))


@bounded
@given(body=bent([shapes.EMBEDDING]), mode=modes)
def test_embeddings(bench: Bench, body: Any, mode: str) -> None:
    case = Case("embedding", calls.embed, (answer(body),))
    whole = isinstance(body.get("data"), list) and bool(body["data"])
    compare(bench, case, mode, lambda _, found: isinstance(error_of(found), LLMSwitchError) and not whole)


@bounded
@given(body=bent([shapes.MODELS]), mode=modes)
def test_models(bench: Bench, body: Any, mode: str) -> None:
    case = Case("models", calls.models, (answer(body),))
    whole = isinstance(body.get("data"), list)
    compare(bench, case, mode, lambda _, found: isinstance(error_of(found), LLMSwitchError) and not whole)


# --- streams ----------------------------------------------------------------------------------------------------------

STREAMS = [[*shapes.CHUNKS, shapes.USAGE_CHUNK], shapes.TOOL_CHUNKS]


def untouched(chunk: Any) -> bool:
    """Whether this chunk is none of those that a known bug changes."""
    if not isinstance(chunk, dict):
        return True
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        if not isinstance(choice.get("finish_reason"), str | int | float | None) or choice.get("finish_reason") in (
            "",
            "null",
        ):
            return False
        calls = (choice.get("delta") or {}).get("tool_calls") if isinstance(choice.get("delta"), dict) else None
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(call, dict) and call.get("id") == "":
                return False
            if isinstance(function, dict) and "name" in function and not function["name"]:
                return False
    return "object" in chunk


def is_chunk(chunk: Any) -> bool:
    """Whether llmswitch must take this for a chunk, and no error."""
    return isinstance(chunk, dict) and not chunk.get("error")


@bounded
@given(chunks=bent(STREAMS), done=st.booleans(), mode=modes)
def test_streams(bench: Bench, chunks: Any, done: bool, mode: str) -> None:
    chunks = [chunk for chunk in chunks if untouched(chunk)] if isinstance(chunks, list) else []
    case = Case(
        "stream",
        calls.stream,
        (events(*chunks, done=done),),
    )
    whole = done and bool(chunks) and all(map(is_chunk, chunks))

    def judged(expected: Outcome, found: Outcome) -> bool:
        mine, theirs = found.steps[-1], expected.steps[-1]
        assert isinstance(mine, Stopped)
        assert isinstance(theirs, Stopped)
        # What was delivered is a prefix of what openai gives; chunks that were held when the stream failed are missing.
        return isinstance(mine.error, LLMSwitchError) and not whole and theirs.items[: len(mine.items)] == mine.items

    compare(bench, case, mode, judged)


LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, ...]:
    """The usual chunks as events, written and cut in some way."""
    end = draw(LINE_ENDS)
    text = ""
    for data in [*map(json.dumps, shapes.CHUNKS), "[DONE]"]:
        for line in draw(
            st.lists(st.sampled_from([":", ": hi", "id: 1", "retry: 3", "event: message", "x: y", "z"]), max_size=2)
        ):
            text += line + end
        if draw(st.booleans()) and data.startswith('{"id": "chatcmpl-1", '):
            head, rest = data[:20], data[20:]
            text += f"data: {head}{end}data:{rest}{end}"
        else:
            text += draw(st.sampled_from(["data: ", "data:"])) + data + end
        text += end
    whole = text.encode()
    cuts = sorted(draw(st.lists(st.integers(1, len(whole) - 1), max_size=6, unique=True)))
    return tuple(whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True))


@bounded
@given(pieces=written(), framing=st.sampled_from(["chunked", "length", "close"]), mode=modes)
def test_events(bench: Bench, pieces: tuple[bytes, ...], framing: Any, mode: str) -> None:
    reply = Answer(headers=(("Content-Type", "text/event-stream"),), pieces=pieces, framing=framing)
    case = Case("events", calls.stream, (reply,))
    compare(bench, case, mode, lambda *_: False)


# --- errors -----------------------------------------------------------------------------------------------------------


@bounded
@given(
    status=st.sampled_from([400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 529]),
    body=st.one_of(bent([shapes.error(code="c", param="p"), {"detail": [{"msg": "m"}]}]), JSON),
    mode=modes,
)
def test_errors(bench: Bench, status: int, body: Any, mode: str) -> None:
    case = Case("error", calls.chat, (answer(body, status),))
    # Texts and codes of regions and quotas may come about; their own classes are tested by name.
    compare(bench, case, mode, lambda _, found: isinstance(error_of(found), LLMSwitchError) and status in (403, 429))


# --- arguments --------------------------------------------------------------------------------------------------------

ODD = st.sampled_from(
    [openai.NOT_GIVEN, getattr(openai, "omit", openai.NOT_GIVEN), b"abc", ("a", "b"), 1.0, float("nan"), {"a"}]
)
VALUES = st.one_of(JSON, ODD)
MESSAGES = st.one_of(
    st.lists(
        bent(
            [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "tool_calls": [shapes.TOOL_CALL]},
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
            ],
            2,
        ),
        max_size=3,
    ),
    VALUES,
)
PARAMETERS = [
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "user",
    "metadata",
    "tools",
    "tool_choice",
    "response_format",
    "logit_bias",
    "max_tokens",
    "max_completion_tokens",
    "logprobs",
    "top_logprobs",
    "service_tier",
    "store",
    "stream_options",
    "parallel_tool_calls",
    "reasoning_effort",
    "modalities",
    "prediction",
    "no_such",
]
ARGUMENTS = st.fixed_dictionaries(
    {"model": st.one_of(st.just("gpt-4o"), VALUES), "messages": MESSAGES},
    optional={
        **dict.fromkeys(PARAMETERS, VALUES),
        "extra_body": st.dictionaries(NAMES, VALUES, max_size=2),
        "extra_query": st.dictionaries(st.sampled_from(["a", "b", ""]), SCALARS, max_size=2),
        "extra_headers": st.dictionaries(
            st.sampled_from(["X-A", "accept", "User-Agent"]), st.sampled_from(["1", "", "a b"]), max_size=2
        ),
    },
)


@bounded
@given(arguments=ARGUMENTS, mode=modes)
def test_arguments(bench: Bench, arguments: dict[str, Any], mode: str) -> None:
    case = Case(
        "arguments", lambda client: client.chat.completions.create(**copy.deepcopy(arguments)), (answer(shapes.CHAT),)
    )

    def judged(expected: Outcome, found: Outcome) -> bool:
        theirs = error_of(expected)
        if not isinstance(error_of(found), InvalidRequestError):
            return False
        assert isinstance(theirs, ValueError | TypeError)
        assert not expected.sent
        assert not found.sent
        return isinstance(error_of(found), TypeError if isinstance(theirs, TypeError) else ValueError)

    compare(bench, case, mode, judged)
