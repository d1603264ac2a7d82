"""From the bytes of an event stream to chunks, and the judgement whether it ended as it should.

Pure: bytes go in, chunks come out. A stream is *held* until its first visible delta, then *committed*; it is complete only if every
choice it opened had a `finish_reason`, or `[DONE]` came (Ollama ends whole answers without a reason, others end `[DONE]` without one).
A `finish_reason` is never invented.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from llmswitch._json import dumps, loads
from llmswitch.dialects.base import NO_REASON, finish_word
from llmswitch.errors import Partial, PayloadError
from llmswitch.failure import Failure, Kind, classify

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader

HELD_EVENTS: Final = 64
HELD_BYTES: Final = 64 * 1024
EVENT_BYTES: Final = 16 * 1024 * 1024
_BLANK_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")


class Events:
    """Incremental reader of server-sent events; `feed` gives the (event name, data) pairs that were completed."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # of an event whose end has not come
        self._size = 0

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Every event that `data` completes.

        Raises:
            ValueError: one event is larger than 16 MiB.
        """
        if self._parts:
            if b"\n" not in data and b"\r" not in data:  # a long line: joined once, at its end
                self._keep(data)
                return []
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
        # A carriage return may be half a line break, and mixed ones are allowed: only the pattern knows.
        blocks = _BLANK_LINE.split(data) if b"\r" in data else data.split(b"\n\n")
        if rest := blocks.pop():
            self._keep(rest)
        return [event for block in blocks if (event := _event(block)) is not None]

    def rest(self) -> list[tuple[bytes, bytes]]:
        """The event that the end of the stream left without its blank line, if any."""
        block = b"".join(self._parts)
        self._parts.clear()
        event = _event(block)
        return [] if event is None else [event]

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > EVENT_BYTES:
            raise ValueError("one event of the stream is larger than 16 MiB")


def _event(block: bytes) -> tuple[bytes, bytes] | None:
    """(name, data) of one block of lines, None for comments and empty blocks."""
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        return b"", block[6:]
    name, data = b"", []
    for line in block.removeprefix(b"\xef\xbb\xbf").splitlines():
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return (name, b"\n".join(data)) if data else None


# One chunk: its JSON value in OpenAI's shape, and the bytes that say the same.
Chunk: TypeAlias = "tuple[Json, bytes]"


class Reader:
    """Judges one attempt's stream.

    `feed` takes bytes and leaves what may be delivered in `ready`; `committed` says that content is among it. `failure` is set, and
    nothing more is read, when the stream carries an error, a broken chunk, or ends too early. `said` is filled with what the vendor says at
    the end: the usage, and its own word for why the first choice ended.
    """

    __slots__ = ("_adapter", "_buffer", "_closed", "_decode", "_events", "_held", "_held_bytes", "_open", "_seen", "_tools",
                 "committed", "done", "error", "failure", "ready", "reasoning", "said", "text", "usage")  # fmt: skip

    def __init__(
        self, adapter: Adapter, decode: StreamReader, *, buffer: bool = False, said: Json | None = None
    ) -> None:
        self._adapter, self._decode = adapter, decode
        self.said: Json = {} if said is None else said
        self._buffer = buffer  # hold everything until the end: a broken stream can then be repeated unseen
        self._events = Events()
        self._held: list[Chunk] = []
        self._held_bytes = 0
        self._open: set[int] = set()  # choices without a finish_reason yet
        self._closed: set[int] = set()  # those that had one
        self._seen = False  # whether any choice was opened
        self._tools: dict[int, Any] = {}  # of each call the id, and the pieces of its name and arguments
        self.committed = self.done = False
        self.failure: Failure | None = None
        self.error = b""  # the event that says what `failure` is
        self.ready: list[Chunk] = []
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.usage: Json | None = None

    @property
    def partial(self) -> Partial:
        """What has been read of the first choice."""
        tools = tuple(
            {"id": call["id"], "name": "".join(call["name"]), "arguments": "".join(call["arguments"])}
            for _, call in sorted(self._tools.items())
        )
        return Partial("".join(self.text), "".join(self.reasoning), tools, self.usage)

    def feed(self, data: bytes) -> None:
        """Read more bytes."""
        try:
            for name, event in self._events.feed(data):
                if self.done or self.failure is not None:
                    return
                self._take(name, event)
        except ValueError as error:
            self.failure = self._broken(str(error))

    def end(self) -> None:
        """The bytes are over: either the stream is complete or `failure` says what is missing."""
        for name, event in self._events.rest():
            if self.failure is None and not self.done:
                self._take(name, event)
        if self.failure is not None or self.done:
            return
        if self._seen and not self._open:
            self._finish()
            return
        self.failure = Failure(
            kind=Kind.STREAM_INTERRUPTED,
            provider=self._adapter.name,
            message="the stream ended without a finish_reason and without [DONE]"
            if self._seen
            else "the stream ended before its first chunk",
            source="text",
        )

    def _take(self, name: bytes, event: bytes) -> None:
        if event.startswith(b"[DONE]"):
            if self._seen or self.usage is not None:
                self._finish()
            else:
                self.failure = self._broken("the stream said [DONE] without a single chunk")
            return
        try:
            value = loads(event)
        except (ValueError, RecursionError):
            # Not JSON: an error page or text inside the stream, or a broken chunk.
            self.failure = self._in_band(name, event) if name == b"error" else self._broken("a chunk is not JSON")
            return
        if type(value) is not dict or name == b"error" or _is_error(value):
            self.failure = self._in_band(name, event)
            return
        try:
            chunk = self._decode(value, name)
        except PayloadError as error:  # it is an error after all
            self.failure, self.error = error.failure, event
            return
        if chunk is None:
            return
        visible = self._read(chunk)
        if chunk is not value and "finish_reason" in self.said and (word := finish_word(value)):
            self.said["finish_reason"] = word
        if self.failure is not None:
            return
        data = event if chunk is value else dumps(chunk)
        if self.committed:
            self.ready.append((chunk, data))
        else:
            self._hold(chunk, data, visible=visible)

    def _in_band(self, name: bytes, event: bytes) -> Failure:
        self.error = event
        body = b"event: " + name + b"\ndata: " + event if name else event
        return classify(provider=self._adapter.name, status=None, body=body)

    def _broken(self, message: str) -> Failure:
        kind = Kind.STREAM_INTERRUPTED if self.committed else Kind.BAD_PAYLOAD
        return Failure(kind=kind, provider=self._adapter.name, message=message, source="text")

    def _hold(self, chunk: Json, data: bytes, *, visible: bool) -> None:
        """Keep a chunk back until something can be seen of the answer."""
        self._held.append((chunk, data))
        self._held_bytes += len(data)
        if self._buffer:
            return
        if visible or len(self._held) >= HELD_EVENTS or self._held_bytes >= HELD_BYTES:
            self._commit()

    def _commit(self) -> None:
        self.committed = True
        self.ready.extend(self._held)
        self._held.clear()

    def _finish(self) -> None:
        self.done = True
        self._commit()

    def _read(self, value: Json) -> bool:
        """Keep count of choices and text; True if something a reader would see is in it."""
        visible = False
        usage = value.get("usage")
        if type(usage) is dict:
            self.usage = self.said["usage"] = usage
        choices = value.get("choices")
        for choice in choices if type(choices) is list else ():
            if type(choice) is not dict:
                continue
            index = choice.get("index")
            index = index if isinstance(index, int) else 0
            self._seen = True
            delta = choice.get("delta")
            if type(delta) is dict and self._delta(index, delta):
                visible = True
            reason = choice.get("finish_reason")
            if reason is None or reason in NO_REASON:
                if (
                    index not in self._closed
                ):  # what comes after a reason (usage, a filter's verdict) opens nothing again
                    self._open.add(index)
                continue
            if index == 0:
                self.said["finish_reason"] = reason
            if isinstance(reason, str) and reason in self._adapter.failing_finish_reasons:
                self.failure = classify(provider=self._adapter.name, status=None, body={"error": {"code": str(reason)}})
            else:
                self._open.discard(index)
                self._closed.add(index)
                visible = True
        return visible

    def _delta(self, index: int, delta: Json) -> bool:
        content = delta.get("content")
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        tools = delta.get("tool_calls")
        if index == 0:
            if type(content) is str:
                self.text.append(content)
            if type(reasoning) is str:
                self.reasoning.append(reasoning)
            if type(tools) is list:
                self._tool_fragments(tools)
        return self.committed or bool(
            content or reasoning or tools or delta.get("refusal") or delta.get("audio") or delta.get("function_call")
        )

    def _tool_fragments(self, fragments: list[JsonValue]) -> None:
        for fragment in fragments:
            if not isinstance(fragment, dict):
                continue
            index = fragment.get("index")
            key = index if isinstance(index, int) else len(self._tools)
            known = self._tools.setdefault(key, {"id": None, "name": [], "arguments": []})
            function = fragment.get("function")
            if fragment.get("id"):
                known["id"] = fragment["id"]
            if isinstance(function, dict):
                for part in ("name", "arguments"):
                    text = function.get(part)
                    if isinstance(text, str):
                        known[part].append(text)


def _is_error(value: Json) -> bool:
    """Whether a chunk is an error: it says so, or has no choices and the fields of one (Qwen, Spark, Ernie V1, MiniMax)."""
    if value.get("error"):
        return True
    status = value.get("base_resp")
    if not value.get("choices") and isinstance(status, dict) and status.get("status_code"):
        return True
    if value.get("choices") is not None:
        return False
    return any(value.get(name) for name in ("error_code", "error_msg", "code"))
