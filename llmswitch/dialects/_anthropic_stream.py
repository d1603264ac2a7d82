"""The Messages API's events as OpenAI's chunks. One reader a stream, for the events build on each other. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.dialects._anthropic_answer import refusal, thought, usage
from llmswitch.dialects._anthropic_messages import THINKING_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._json import Json, JsonValue


class Stream:
    """Reads one stream.

    Args:
        reasons: the vendor's words for how it ended -> OpenAI's.
        created: unix time, which the vendor does not state.
        counts: whether a last chunk without choices is to carry the usage, as `stream_options.include_usage` asks; else the
            chunk with the finish reason has it.
    """

    def __init__(self, reasons: Mapping[str, str], *, created: int, counts: bool) -> None:
        self._reasons, self._counts = reasons, counts
        self._head: Json = {"id": None, "object": "chat.completion.chunk", "created": created, "model": None}
        self._usage: Json = {}
        self._calls: dict[JsonValue, int] = {}  # a block's index -> the call's
        self._bare: dict[JsonValue, JsonValue] = {}  # calls whose arguments have not begun: what came with their start
        self._thought: Json | None = None  # the thinking block that is being written
        self._characters = 0  # of text so far

    def read(self, data: Json, _event: bytes) -> Json | None:
        """The chunk that an event amounts to, if any."""
        handle = _HANDLERS.get(str(data.get("type")))
        return None if handle is None else handle(self, data)

    def _delta(self, delta: Json, finish: JsonValue = None) -> Json:
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def _message_start(self, data: Json) -> Json:
        message = data.get("message")
        message = message if isinstance(message, dict) else {}
        self._head |= {"id": message.get("id"), "model": message.get("model")}
        self._count(message.get("usage"))
        return self._delta({"role": "assistant", "content": ""})

    def _count(self, counts: JsonValue) -> None:
        """Later counts replace earlier ones: they are totals."""
        if isinstance(counts, dict):
            self._usage |= {name: value for name, value in counts.items() if value is not None}

    def _block_start(self, data: Json) -> Json | None:
        block, index = data.get("content_block"), data.get("index")
        block = block if isinstance(block, dict) else {}
        kind = block.get("type")
        if kind == "tool_use":
            number = self._calls[index] = len(self._calls)
            self._bare[index] = block.get("input")
            function: Json = {"name": block.get("name"), "arguments": ""}
            return self._delta(
                {"tool_calls": [{"index": number, "id": block.get("id"), "type": "function", "function": function}]}
            )
        if kind in ("thinking", "redacted_thinking"):
            self._thought = {**block}
            return self._reasoning(block.get("thinking"))
        return self._text(block.get("text")) if kind == "text" else None

    def _block_delta(self, data: Json) -> Json | None:
        delta, index = data.get("delta"), data.get("index")
        delta = delta if isinstance(delta, dict) else {}
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text(delta.get("text"))
        if kind == "input_json_delta":
            return self._arguments(index, delta.get("partial_json"))
        if kind == "thinking_delta":
            text = delta.get("thinking")
            if self._thought is not None:
                self._thought["thinking"] = f"{self._thought.get('thinking') or ''}{text or ''}"
            return self._reasoning(text)
        if kind == "signature_delta" and self._thought is not None:
            self._thought["signature"] = f"{self._thought.get('signature') or ''}{delta.get('signature') or ''}"
        return None

    def _text(self, text: JsonValue) -> Json | None:
        if not isinstance(text, str) or not text:
            return None
        self._characters += len(text)
        return self._delta({"content": text})

    def _reasoning(self, text: JsonValue) -> Json | None:
        return self._delta({"reasoning_content": text}) if text else None

    def _arguments(self, index: JsonValue, text: JsonValue) -> Json | None:
        if not text or index not in self._calls:
            return None
        self._bare.pop(index, None)
        return self._delta({"tool_calls": [{"index": self._calls[index], "function": {"arguments": text}}]})

    def _block_stop(self, data: Json) -> Json | None:
        index = data.get("index")
        if self._thought is not None:
            position = index if isinstance(index, int) else 0
            block = thought(self._thought, position, self._characters, len(self._calls))
            self._thought = None
            return self._delta({THINKING_BLOCKS: [block]})
        if index in self._bare:  # a call without arguments: OpenAI's has an empty object
            return self._arguments(index, dumps(self._bare[index] or {}).decode())
        return None

    def _message_delta(self, data: Json) -> Json | None:
        self._count(data.get("usage"))
        delta = data.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        reason = delta.get("stop_reason")
        if not isinstance(reason, str):
            return None
        why = refusal(delta.get("stop_details"))
        chunk = self._delta({"refusal": why} if why else {}, self._reasons.get(reason, reason))
        return chunk if self._counts else {**chunk, "usage": usage(self._usage)}

    def _message_stop(self, _data: Json) -> Json | None:
        return {**self._head, "choices": [], "usage": usage(self._usage)} if self._counts else None


_HANDLERS: Final = {
    "message_start": Stream._message_start,  # noqa: SLF001 - this class's own
    "content_block_start": Stream._block_start,  # noqa: SLF001
    "content_block_delta": Stream._block_delta,  # noqa: SLF001
    "content_block_stop": Stream._block_stop,  # noqa: SLF001
    "message_delta": Stream._message_delta,  # noqa: SLF001
    "message_stop": Stream._message_stop,  # noqa: SLF001
}
