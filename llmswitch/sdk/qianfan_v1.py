"""ERNIE's first API: OpenAI's requests in its words, its answers in OpenAI's. Pure.

The system message is a field, tools are functions, one call at most is answered, the answer stands in `result`, errors come with HTTP 200.
Sources: qianfan 0.4.12.3 (resources/llm/chat_completion.py, resources/requestor/openapi_requestor.py), one-api's relay/adaptor/baidu.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.sdk import shape
from llmswitch.streaming import Events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue

_REASONS: Final = {"normal": "stop", "stop": "stop", "length": "length", "function_call": "tool_calls"}


def body(params: Json) -> Json:
    """The request in V1's shape.

    Raises:
        ValueError: a message has no form there.
    """
    found: Json = {
        name: value
        for name, value in params.items()
        if name not in ("model", "messages", "tools") and value is not None
    }
    messages = shape.tables(params.get("messages"))
    system = [_text(message.get("content")) for message in messages if message.get("role") == "system"]
    found["messages"] = [_message(message, messages) for message in messages if message.get("role") != "system"]
    if system:
        found["system"] = "\n\n".join(system)
    functions = [tool["function"] for tool in shape.tables(params.get("tools")) if "function" in tool]
    if functions:
        found["functions"] = functions
    if isinstance(stop := found.get("stop"), str):
        found["stop"] = [stop]
    if isinstance(form := found.get("response_format"), dict):
        found["response_format"] = form.get("type")
    return found


def _message(message: Json, messages: list[Json]) -> Json:
    role, text = message.get("role"), _text(message.get("content"))
    if role == "tool":
        return {"role": "function", "name": _called(message, messages), "content": text}
    calls = shape.tables(message.get("tool_calls"))
    if len(calls) > 1:
        raise ValueError("a message with several tool calls has no form in ERNIE's V1")
    if calls:
        return {"role": "assistant", "content": text, "function_call": calls[0].get("function")}
    return {"role": role, "content": text}


def _called(message: Json, messages: list[Json]) -> str:
    """The function whose result this message is."""
    for other in messages:
        for call in shape.tables(other.get("tool_calls")):
            if call.get("id") == message.get("tool_call_id"):
                return str(shape.table(call.get("function")).get("name"))
    return str(message.get("name") or "")


def _text(content: JsonValue) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    parts = shape.tables(content)
    if any(part.get("type") != "text" for part in parts):
        raise ValueError("ERNIE's V1 takes text only")
    return "".join(str(part.get("text") or "") for part in parts)


class Embeddings(shape.WholeOnly):
    """Whole answers only: all but in OpenAI's shape already."""

    def __init__(self, model: str) -> None:
        self._model = model

    def whole(self, body: bytes) -> bytes:
        """As `Translation.whole`."""
        value = shape.read(body)
        if not isinstance(value.get("data"), list):
            return body
        return dumps({**value, "object": "list", "model": self._model})


class Chat:
    """Answers and streams; `usage`: whether a chunk with the usage is to close a stream."""

    def __init__(self, model: str, *, usage: bool) -> None:
        self._model, self._counted = model, usage
        self._events = Events()
        self._line = b""  # one whose end has not come
        self._id: JsonValue = ""
        self._begun = self._ended = False
        self._usage: Json | None = None

    def _head(self, value: Json, kind: str) -> Json:
        self._id = value.get("id") or self._id
        created = value.get("created") or int(time.time())
        return shape.head(kind, identifier=self._id, created=created, model=self._model)

    def whole(self, body: bytes) -> bytes:
        """As `Translation.whole`."""
        value = shape.read(body)
        if "result" not in value:
            return body
        message: Json = {"role": "assistant", "content": value.get("result")}
        if calls := _calls(value):
            message |= {"content": value.get("result") or None, "tool_calls": [*calls]}
        choice: Json = {"index": 0, "message": message, "finish_reason": _reason(value)}
        answer = self._head(value, "chat.completion") | {"choices": [choice]}
        if isinstance(value.get("usage"), dict):
            answer["usage"] = value["usage"]
        return dumps(answer)

    def feed(self, data: bytes) -> bytes:
        """As `Translation.feed`."""
        *lines, self._line = (self._line + data).split(b"\n")
        events = self._events.feed(b"".join(_named(line) + b"\n" for line in lines))
        return b"".join(part for event in events for part in self._event(event[1]))

    def end(self) -> bytes:
        """As `Translation.end`: `[DONE]` only after the event that says `is_end`."""
        events = self._events.feed(_named(self._line)) + self._events.rest()
        said = [part for event in events for part in self._event(event[1])]
        if self._ended:
            if self._counted and self._usage is not None:
                said.append(shape.chunk(self._head({}, "chat.completion.chunk"), [], self._usage))
            said.append(b"data: [DONE]\n\n")
        return b"".join(said)

    def _event(self, event: bytes) -> Iterator[bytes]:
        value = shape.read(event)
        if "result" not in value:
            yield shape.event(event)
            return
        self._usage = shape.table(value.get("usage")) or self._usage
        delta: Json = {"content": value.get("result") or ""}
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", **delta}
        if calls := _calls(value):
            delta["tool_calls"] = [{"index": place, **call} for place, call in enumerate(calls)]
        self._ended = value.get("is_end") is True
        choice: Json = {"index": 0, "delta": delta, "finish_reason": _reason(value) if self._ended else None}
        yield shape.chunk(self._head(value, "chat.completion.chunk"), [choice])


def _named(line: bytes) -> bytes:
    """A line of a stream; an error comes as one of JSON without `data:`, and as an event the reader knows it."""
    return b"data: " + line if line.startswith(b"{") else line


def _reason(value: Json) -> str:
    if value.get("need_clear_history") is True:  # V1's only sign of a refusal
        return "content_filter"
    reason = value.get("finish_reason")
    if isinstance(reason, str) and reason:
        return _REASONS.get(reason, reason)
    if value.get("function_call"):
        return "tool_calls"
    return "length" if value.get("is_truncated") is True else "stop"


def _calls(value: Json) -> list[Json]:
    """The call in an answer, with an identifier of our making: V1 has none."""
    call = value.get("function_call")
    if not isinstance(call, dict):
        return []
    function: Json = {"name": call.get("name"), "arguments": call.get("arguments")}
    return [{"id": f"call_{value.get('id') or ''}", "type": "function", "function": function}]
