"""What the sandbox says: text, tool calls, JSON and vectors, the same for the same request.

The text says that it is the sandbox's and no model's. A `Generator` of one's own (a real local model) writes it
instead; tool calls, JSON modes and vectors stay the deterministic ones, so that what tests assert holds.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from llmswitch import _json
from llmswitch.sandbox.fields import images, last_user, spoken, table, tables, text
from llmswitch.sandbox.schema import instance
from llmswitch.sandbox.wire import identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmswitch._json import Json

# Lossless: joined, the pieces are the text again. A piece stands for a token: a word, a CJK character, a mark.
_PIECE = re.compile(r"\s*[⺀-鿿가-힯＀-￯]|\s*\w[A-Za-z0-9_']{0,15}|\s*\S|\s+")
_QUOTED = 200
_WEIGHED = 20_000
_COUNT_TO = re.compile(r"\bcount to (\d{1,5})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a generator is asked: the messages and the few parameters that bear on text."""

    endpoint: str
    model: str
    messages: list[Json]
    index: int = 0
    limit: int | None = None
    stop: tuple[str, ...] = ()
    temperature: float | None = None


class Generator(Protocol):
    """Writes the text of an answer, piece by piece (a piece is counted as one token).

    `blocking` says that `text` computes for long: the sandbox then runs it outside its event loop.
    """

    @property
    def blocking(self) -> bool:
        """Whether `text` must run in a thread."""
        ...

    def text(self, prompt: Prompt) -> Iterator[str]:
        """Yield the answer."""
        ...


class Deterministic:
    """The built-in generator: says that it is the sandbox, names the endpoint and model it stands in for, quotes you.

    "count to N" in the prompt gives the numbers 1 to N: a long answer, of known length.
    """

    blocking = False

    def text(self, prompt: Prompt) -> Iterator[str]:
        """Yield the same text for the same prompt."""
        said = self._said(prompt)
        cut = min((found for stop in prompt.stop if stop and (found := said.find(stop)) >= 0), default=len(said))
        return iter(pieces(said[:cut]))

    def _said(self, prompt: Prompt) -> str:
        asked = last_user(prompt.messages)
        if counting := _COUNT_TO.search(asked):
            return " ".join(str(number + 1) for number in range(int(counting.group(1))))
        quoted = asked if len(asked) <= _QUOTED else asked[:_QUOTED] + "…"
        results = [spoken(message) for message in prompt.messages if message.get("role") in ("tool", "function")]
        if any("一" <= mark <= "鿿" for mark in asked):
            said = f"这里是 llmswitch 沙箱，不是真正的模型：它扮演 {prompt.endpoint} 的 {prompt.model}。"
            said += f"你说的是：「{quoted}」。"
            said += f"收到图片 {count} 张。" if (count := images(prompt.messages)) else ""
            said += f"工具返回：{'；'.join(results)}。" if results else ""
        else:
            said = (
                f"This is the llmswitch sandbox, not a model: it stands in for {prompt.model} at {prompt.endpoint}. "
                f"You said: “{quoted}”."
            )
            said += f" Images received: {count}." if (count := images(prompt.messages)) else ""
            said += f" The tools returned: {'; '.join(results)}." if results else ""
        return said + (f" (choice {prompt.index + 1})" if prompt.index else "")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a function, its arguments as JSON text."""

    name: str
    arguments: str
    id: str = field(default_factory=lambda: identifier("call_"))

    def encoded(self, index: int | None = None) -> Json:
        """Return it as it stands in a message, with its index as in a stream."""
        place: Json = {} if index is None else {"index": index}
        return {
            **place,
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": self.arguments},
        }


@dataclass(slots=True, kw_only=True)
class Choice:
    """One answer: reasoning first, then text or tool calls. Iterate `reasoning` and `speak()` once each.

    After that `finish` is stop, length, tool_calls or content_filter (OpenAI's words) and `tokens` what was counted.
    """

    index: int = 0
    thoughts: tuple[str, ...] = ()
    source: Iterator[str] = field(default_factory=lambda: iter(()))
    tool_calls: tuple[ToolCall, ...] = ()
    limit: int | None = None
    filtered: bool = False
    ending: str | None = None  # the vendor's word for what cut it short
    finish: str = "stop"
    tokens: int = 0
    reasoning_tokens: int = 0
    stopped_by: str | None = None

    def until(self, stops: Iterable[str]) -> None:
        """End the text where the first of `stops` would begin, and keep which it was (`stopped_by`)."""
        said = "".join(self.source)
        found = min(((place, stop) for stop in stops if stop and (place := said.find(stop)) >= 0), default=None)
        if found is not None:
            said, self.stopped_by = said[: found[0]], found[1]
        self.source = iter(pieces(said))

    def think(self) -> Iterator[str]:
        """Yield the reasoning; it counts against the limit."""
        for piece in self.thoughts:
            if self.limit is not None and self.tokens >= self.limit:
                self.finish = "length"
                return
            self.tokens += 1
            self.reasoning_tokens += 1
            yield piece

    def speak(self) -> Iterator[str]:
        """Yield the text."""
        if self.tool_calls:
            self.finish = "tool_calls"
            self.tokens += sum(len(pieces(call.arguments)) + 4 for call in self.tool_calls)
            return
        for count, piece in enumerate(self.source):
            if self.filtered and count >= 3:
                self.finish = "content_filter"
                return
            if self.limit is not None and self.tokens >= self.limit:
                self.finish = "length"
                return
            self.tokens += 1
            yield piece


THOUGHTS = "The llmswitch sandbox does not think; this stands where a model's reasoning would."


def pieces(said: str) -> list[str]:
    """Split text into what is counted as tokens; joined, they are the text again."""
    return _PIECE.findall(said)


def weigh(said: str) -> int:
    """Return the tokens of a text; of a very long one, as its beginning lets expect."""
    sample = said[:_WEIGHED]
    counted = len(pieces(sample))
    return counted if len(said) <= _WEIGHED else counted * len(said) // _WEIGHED


def count(messages: Iterable[Json]) -> int:
    """Return the tokens of the messages, with four each for the frame around them."""
    return sum(weigh(spoken(message)) + 4 for message in messages)


def tool_calls(messages: list[Json], tools: list[Json], choice: object, *, parallel: bool) -> tuple[ToolCall, ...]:
    """Return the calls a model would make, or none.

    A user's turn is answered by the first tool, by the named one, or, when the prompt says "both" or "parallel" and
    it is allowed, by each. Arguments are the simplest that the tool's schema takes.
    """
    functions = [table(tool.get("function")) if "function" in tool else tool for tool in tools]
    functions = [function for function in functions if text(function.get("name"))]
    if not functions or choice == "none" or not messages or messages[-1].get("role") != "user":
        return ()
    asked = last_user(messages)
    if isinstance(choice, dict):
        wanted = table(choice.get("function")).get("name") or choice.get("name")
        functions = [function for function in functions if function.get("name") == wanted]
    elif not (parallel and re.search(r"\b(both|parallel)\b|同时", asked)):
        functions = functions[:1]
    return tuple(
        ToolCall(
            text(function.get("name")), _json.dumps(instance(function.get("parameters") or {"type": "object"})).decode()
        )
        for function in functions
    )


def json_text(wanted: Json, messages: list[Json]) -> str | None:
    """Return the JSON that `response_format` asks for; None when it asks for text."""
    match wanted.get("type"):
        case "json_object":
            note = "the llmswitch sandbox, not a model"
            return _json.dumps({"sandbox": True, "from": note, "you_said": last_user(messages)[:_QUOTED]}).decode()
        case "json_schema":
            return _json.dumps(instance(table(wanted.get("json_schema")).get("schema"))).decode()
        case _:
            return None


def vector(said: str, model: str, dimensions: int) -> list[float]:
    """Return a unit vector, the same for the same text and model."""
    seed = hashlib.sha256(f"{model}\0{said}".encode("utf-8", "surrogatepass")).digest()
    draw = random.Random(seed)
    values = [draw.gauss() for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


def messages_of(body: Json) -> list[Json]:
    """Return the messages of an OpenAI-shaped body."""
    return tables(body.get("messages"))
