"""iFlytek Spark's HTTP endpoint: OpenAI's format with `code`, `message` and `sid` on top of each answer and chunk.

    {"code": 0, "message": "Success", "sid": "cha…", "choices": [{"message": {…}, "index": 0}], "usage": {…}}

An error may come with HTTP 200 and a `code` that is not 0. `id`, `object`, `created`, `model` and the finish reason may be missing, a
tool call may be an object where OpenAI has a list, and a stream's usage marks its last chunk.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.dialects._payload import no_answer
from llmswitch.dialects.base import NO_REASON, WireAnswer
from llmswitch.dialects.openai import OpenAI

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader

_ON_TOP: Final = frozenset({"code", "message"})


class Spark(OpenAI):
    """See the module. Not wholly pure: answers and chunks carry the time, which the vendor may not state."""

    def decode(self, adapter: Adapter, body: bytes, operation: str = "chat") -> WireAnswer:
        """The answer, completed."""
        value = super().decode(adapter, body, operation).value
        if value.get("code"):
            raise no_answer(adapter, body, "the answer is an error")
        value = _completed(value, "chat.completion", int(time.time()))
        choices = value["choices"]
        value["choices"] = [_whole(choice, value) for choice in choices] if isinstance(choices, list) else choices
        return WireAnswer(value, dumps(value))

    def reader(self, adapter: Adapter, params: Json) -> StreamReader:
        """Each event is a chunk; the one with the usage is the last."""
        called, created = False, int(time.time())

        def read(data: Json, event: bytes) -> Json:
            nonlocal called
            if data.get("code"):
                raise no_answer(adapter, dumps(data), "the chunk is an error")
            chunk = _completed(self.chunk(adapter, data, event), "chat.completion.chunk", created)
            choices = chunk.get("choices")
            read: list[JsonValue] = []
            for choice in choices if isinstance(choices, list) else ():
                found = _fragment(choice, chunk)
                delta = found.get("delta") if isinstance(found, dict) else None
                called = called or bool(isinstance(delta, dict) and delta.get("tool_calls"))
                if isinstance(found, dict) and found.get("finish_reason") in (None, *NO_REASON) and chunk.get("usage"):
                    found = {**found, "finish_reason": _reason(called=called, usage=chunk["usage"], params=params)}
                read.append(found)
            chunk["choices"] = read
            return chunk

        return read


def _completed(value: Json, kind: str, created: int) -> Json:
    """The value without what stands on top, with what OpenAI's has; the model stays without a name where none is given."""
    sid = value.get("sid")
    common: Json = {"id": sid if isinstance(sid, str) else "", "object": kind, "created": created, "model": ""}
    return common | {name: item for name, item in value.items() if name not in _ON_TOP}


def _whole(choice: JsonValue, answer: Json) -> JsonValue:
    """A choice of an answer with its calls in a list and a finish reason: it is whole, or it would not have come."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return choice
    calls = _calls(message.get("tool_calls"), answer)
    if calls is not None:
        message = {**message, "tool_calls": calls}
    reason = choice.get("finish_reason")
    if reason in (None, *NO_REASON):
        reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {"index": 0, **choice, "message": message, "finish_reason": reason}


def _fragment(choice: JsonValue, chunk: Json) -> JsonValue:
    """A choice of a chunk with its calls in a list."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(delta, dict):
        return choice
    calls = _calls(delta.get("tool_calls"), chunk)
    return {"index": 0, **choice, "delta": delta if calls is None else {**delta, "tool_calls": calls}}


def _calls(calls: JsonValue, value: Json) -> list[JsonValue] | None:
    """The one call that came as an object, as a list; None where it is one."""
    if not isinstance(calls, dict):
        return None
    return [{"index": 0, "id": f"call_{value['id']}", "type": "function", **calls}]


def _reason(*, called: bool, usage: JsonValue, params: Json) -> str:
    """Why a stream that reached its last chunk ended."""
    if called:
        return "tool_calls"
    limit = params.get("max_tokens") or params.get("max_completion_tokens")
    written = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return "length" if isinstance(limit, int) and isinstance(written, int) and written >= limit else "stop"


DIALECT: Final = Spark()
