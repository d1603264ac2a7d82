"""What is sent: request line, headers, body; and what cannot be sent."""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import pickle
from collections import OrderedDict, UserDict, UserList
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypedDict

import openai
import pydantic
import pytest

from llmswitch._httpx import httpx
from tests.parity import calls, shapes
from tests.parity.case import Case, Each
from tests.parity.upstream import answer, events
from tests.parity.ways import OPENAI, OURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.bench import Bench

OK = answer(shapes.CHAT)
OLD = openai.__version__.startswith("1.")
OLD_HTTPX = httpx.__name__ == "httpx"
OMIT: Any = getattr(openai, "omit", openai.NOT_GIVEN)


# A program finds its exception where it looked for it.
UNENCODABLE: dict[str, Any] = {
    "NaN": ValueError,
    "infinity": ValueError,
    "a huge number": ValueError,
    "too deep a message": (RecursionError, ValueError),
    "a lone surrogate": ValueError,
    "content is a surrogate": ValueError,
    "temperature is a Decimal": TypeError,
    "bytes": TypeError,
    "a set": TypeError,
    "an object": TypeError,
    "a function": TypeError,
    "a class": TypeError,
    "keys that are tuples": TypeError,
    "another enum": TypeError,
    "a date": TypeError,
    **({"a time": TypeError} if OLD else {}),
    "an object with to_dict": TypeError,
    "omit deep inside": TypeError,
}


class Model(enum.StrEnum):
    GPT = "gpt-4o"


class Text(str):
    __slots__ = ()


class Plain(enum.Enum):
    GPT = "gpt-4o"


class Number(int):
    pass


class Message(TypedDict):
    role: str
    content: str


class Pydantic(pydantic.BaseModel):
    role: str = "user"
    content: str = "hi"
    name: str | None = None


class WithToDict:
    def to_dict(self) -> dict[str, str]:
        return {"role": "user", "content": "hi"}


def asked(name: str, make: Callable[[], dict[str, Any]], *, fails: str | tuple[str, ...] = (), **more: Any) -> Case:
    """A chat call with these arguments, made anew for every way: generators are used up."""
    differs = (
        ("unencodable",)
        if name in UNENCODABLE
        else ("wrong-timeout",)
        if name == "timeout is text" and not OLD_HTTPX
        else ()
    )
    return Case(
        name, lambda client: client.chat.completions.create(**make()), (OK,), fails=fails, differs=differs, **more
    )


def with_(name: str, fails: str | tuple[str, ...] = (), /, **arguments: Any) -> Case:
    return asked(name, lambda: {**shapes.CALL, **arguments}, fails=fails)


def said(name: str, make: Callable[[], Any], fails: str | tuple[str, ...] = ()) -> Case:
    return asked(name, lambda: {"model": "gpt-4o", "messages": make()}, fails=fails)


USER: Any = {"role": "user", "content": "hi"}
TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
EVERYTHING: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "max_completion_tokens": 5,
    "max_tokens": 6,
    "metadata": {"a": "b"},
    "modalities": ["text"],
    "n": 2,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": -1,
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "seed": 7,
    "service_tier": "auto",
    "stop": ["a", "b"],
    "store": False,
    "temperature": 0,
    "tool_choice": "auto",
    "tools": [TOOL],
    "top_logprobs": 3,
    "top_p": 1.0,
    "user": "u",
    "audio": {"voice": "alloy", "format": "wav"},
    "functions": [{"name": "f"}],
    "function_call": "none",
    "web_search_options": {},
}


def after_an_answer(client: Any) -> Any:
    first = yield client.chat.completions.create(**shapes.CALL)
    history = [*shapes.MESSAGES, first.choices[0].message, USER]
    yield client.chat.completions.create(model="gpt-4o", messages=history)
    yield client.chat.completions.create(model="gpt-4o", messages=[first.choices[0].message.model_dump(), USER])


def nothing_is_changed(client: Any) -> Any:
    arguments: Any = {
        **copy.deepcopy(shapes.CALL),
        "tools": [copy.deepcopy(TOOL)],
        "extra_body": {"a": {"b": 1}},
        "stop": ["x"],
    }
    before = copy.deepcopy(arguments)
    yield client.chat.completions.create(**arguments)
    assert arguments == before


CASES = [
    with_("every parameter", **EVERYTHING),
    *[
        with_(f"{name} is None", **{name: None})
        for name in ("temperature", "tools", "stop", "stream", "stream_options", "user", "metadata")
    ],
    *[
        with_(f"{name} is NOT_GIVEN", **{name: openai.NOT_GIVEN})
        for name in ("temperature", "tools", "stream", "timeout", "max_tokens")
    ],
    *[with_(f"{name} is omitted", **{name: OMIT}) for name in ("temperature", "tools", "stream", "max_tokens")],
    with_(
        "NOT_GIVEN deep inside",
        tools=[{"type": "function", "function": {"name": "f", "description": openai.NOT_GIVEN}}],
    ),
    with_("omit deep inside", "TypeError", metadata={"a": OMIT, "b": "c"}),
    with_("NOT_GIVEN in extra_body", extra_body={"a": openai.NOT_GIVEN}),
    with_("an empty extra_body", extra_body={}),
    with_("extra_body", extra_body={"top_k": 5, "temperature": 1, "nested": {"a": [1, None]}}),
    with_("extra_body goes deep", metadata={"a": "1"}, extra_body={"metadata": {"b": "2"}}),
    with_("extra_body replaces the messages", extra_body={"messages": []}),
    with_("extra_body is a list", "TypeError", extra_body=[1]),
    with_("extra_body is text", ("TypeError", "ValueError"), extra_body="abc"),
    with_("extra_query", extra_query={"a": "1", "b": ["x", "y"], "c": None, "d": True, "e": {"f": 1}}),
    with_("extra_query in Chinese", extra_query={"问": "答 &="}),
    with_("extra_headers", extra_headers={"X-Own": "1", "x-own-too": "2"}),
    with_(
        "extra_headers replace",
        extra_headers={"Authorization": "Bearer other", "user-agent": "mine", "Content-Type": "application/json; x=1"},
    ),
    with_("extra_headers take away", extra_headers={"X-Stainless-Lang": OMIT, "Accept": OMIT}),
    with_("no authorization", extra_headers={"Authorization": OMIT}),
    with_("a header that is NOT_GIVEN", extra_headers={"X-Stainless-Lang": openai.NOT_GIVEN}),
    with_("a header that is None", ("TypeError", "AttributeError"), extra_headers={"X-Own": None}),
    with_("a header in another alphabet", "UnicodeEncodeError", extra_headers={"X-Own": "caf\xe9"}),
    with_("an idempotency key", extra_headers={"Idempotency-Key": "k1"}),
    with_("the organization per call", extra_headers={"OpenAI-Organization": "org-call"}),
    *[
        with_(f"timeout {value!r}", timeout=value)
        for value in (5, 2.5, None, httpx.Timeout(3), httpx.Timeout(9, connect=1), openai.Timeout(7))
    ],
    with_("timeout is text", ("TypeError", "APIConnectionError"), timeout="5"),
    with_("timeout is a tuple", (), timeout=(1, 2, 3, 4)),
    *[with_(f"stream={value!r}", stream=value) for value in (False, 0, None, "")],
    with_("a raw header of our own", extra_headers={"X-Stainless-Raw-Response": "true"}),
    with_("stream_options without stream", stream_options={"include_usage": True}),
    with_("response_format", response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}),
    with_("response_format is a class", "TypeError", response_format=Pydantic),
    with_("an unknown argument", "TypeError", no_such="x"),
    with_("n is text", (), n="2"),
    with_("temperature is a Decimal", "TypeError", temperature=decimal.Decimal("0.5")),
    with_("a date", "TypeError", metadata={"at": datetime.date(2026, 11, 23)}),
    with_(
        "a time", "TypeError" if OLD else (), metadata={"at": datetime.datetime(2026, 11, 23, 10, tzinfo=datetime.UTC)}
    ),
    with_("bytes", "TypeError", user=b"abc"),
    with_("a set", "TypeError", stop={"a"}),
    with_("a tuple", stop=("a", "b")),
    with_("an object", "TypeError", user=object()),
    with_("a function", "TypeError", user=len),
    with_("a class", "TypeError", metadata={"a": int}),
    with_("NaN", "ValueError", temperature=float("nan")),
    with_("infinity", "ValueError", temperature=float("inf")),
    with_("a lone surrogate", "UnicodeEncodeError", user="\ud800"),
    with_("a big number", (), seed=2**70),
    with_("a huge number", "ValueError", seed=10**5000),
    with_("a small number", (), temperature=1e-320),
    with_("numbers and their kinds", temperature=1.0, top_p=1, seed=Number(3), n=True),
    with_("keys that are numbers", (), logit_bias={50256: -100}),
    with_("keys that are None", (), metadata={None: "a"}),
    with_("keys that are tuples", "TypeError", metadata={(1, 2): "a"}),
    with_("an enum", (), model=Model.GPT),
    with_("another enum", "TypeError", model=Plain.GPT),
    with_("a str of our own", model=Text("gpt-4o")),
    with_("model is None", (), model=None),
    with_("model is a number", (), model=4),
    with_("model is empty", model=""),
    with_("a model with a slash", model="org/model:free"),
    with_("model in Chinese", model="模型"),
    asked("no messages", lambda: {"model": "gpt-4o"}, fails="TypeError"),
    asked("no model", lambda: {"messages": shapes.MESSAGES}, fails="TypeError"),
    asked("nothing", dict, fails="TypeError"),
    Case("positional", lambda client: client.chat.completions.create("gpt-4o"), (OK,), fails="TypeError"),
    said("no message", list),
    said("a generator", lambda: (dict(USER) for _ in range(2))),
    said("an iterator", lambda: iter([USER])),
    said("a map", lambda: map(dict, [USER])),
    said("a tuple of messages", lambda: (USER, USER)),
    said("a dict's values", {1: USER}.values),
    said("messages that are None", lambda: None),
    said("messages that are text", lambda: "hello"),
    said("messages that are a dict", lambda: {"role": "user"}),
    said("messages that are a number", lambda: 1, ()),
    said("a UserList", lambda: UserList([USER]), ()),
    said("a UserDict", lambda: [UserDict(USER)], ()),
    said("an OrderedDict", lambda: [OrderedDict(USER)]),
    said("a mapping", lambda: [MappingProxyType(USER)], ()),
    said("a TypedDict", lambda: [Message(role="user", content="hi")]),
    said("a model", lambda: [Pydantic()], ()),
    said("an object with to_dict", lambda: [WithToDict()], "TypeError"),
    said("a message that is None", lambda: [None]),
    said("content is None", lambda: [{"role": "user", "content": None}]),
    said(
        "content is a generator",
        lambda: [{"role": "user", "content": ({"type": "text", "text": "a"} for _ in range(1))}],
    ),
    said(
        "content is parts",
        lambda: [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                ],
            }
        ],
    ),
    said("content is bytes", lambda: [{"role": "user", "content": b"abc"}]),
    said("content is a surrogate", lambda: [{"role": "user", "content": "a\udc00"}], "UnicodeEncodeError"),
    said("content is unicode", lambda: [{"role": "user", "content": "你好\u2028\x00\U0001f600"}]),
    said("unknown roles", lambda: [{"role": "critic", "content": "hi", "extra": 1}]),
    said("deep copies and pickles", lambda: pickle.loads(pickle.dumps(copy.deepcopy([USER])))),
    said("a thousand messages", lambda: [USER] * 1000),
    said("a deep message", lambda: [_deep(60)]),
    said("too deep a message", lambda: [_deep(100_000)], ("RecursionError", "ValueError")),
    Case(
        "its own answers",
        after_an_answer,
        (answer(shapes.message(content=None, tool_calls=[shapes.TOOL_CALL], x_more=1)),),
    ),
    Case("arguments stay as they are", nothing_is_changed, (OK,)),
    asked("tools as an iterator", lambda: {**shapes.CALL, "tools": iter([TOOL])}),
    *[
        Case(f"a stream with stream={value!r}", calls.chat_with(stream=value), (events(*shapes.CHUNKS),))
        for value in (True, 1, "yes", [1])
    ],
    Case(
        "a stream with its options",
        calls.chat_with(stream=True, stream_options={"include_usage": True}, timeout=9),
        (events(*shapes.CHUNKS, shapes.USAGE_CHUNK),),
    ),
    Case(
        "models",
        lambda client: client.models.list(extra_query={"a": 1}, extra_headers={"X-Own": "1"}, timeout=3),
        (answer(shapes.MODELS),),
    ),
    Case("model", lambda client: client.models.retrieve("gpt 4/o?x#y", timeout=3), (answer(shapes.MODELS["data"][0]),)),
    Case("model without a name", lambda client: client.models.retrieve(""), (OK,), fails="ValueError"),
    Case("models, one by one", lambda client: Each(client.models.list()), (answer(shapes.MODELS),)),
]


def _deep(depth: int) -> Any:
    value: Any = {"role": "user", "content": "hi"}
    for _ in range(depth):
        value = {"role": "user", "content": [value]}
    return value


def test_requests_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)


@pytest.mark.parametrize("name", UNENCODABLE)
def test_what_cannot_be_sent_is_caught_where_it_was(bench: Bench, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    for way in (OPENAI, *OURS):
        assert isinstance(bench.outcome(case, "sync", way).steps[-1], UNENCODABLE[name])
