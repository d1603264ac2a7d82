"""One whole answer put together from the chunks of a stream.

Some models answer streamed calls only, or think only in those (Qwen). A call that is not streamed is then sent as one that is, and the
caller gets what he asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmswitch._json import dumps
from llmswitch.dialects._payload import no_answer
from llmswitch.dialects.base import WireAnswer
from llmswitch.errors import PayloadError
from llmswitch.streaming import Reader

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader
    from llmswitch.transport.base import Headers

# How the body of an event stream begins; no JSON does.
_BEGINNINGS: Final = (b"data:", b"event:", b"id:", b":")


def is_stream(body: bytes) -> bool:
    """Whether the body of an answer is an event stream."""
    return body[:64].lstrip().startswith(_BEGINNINGS)


def headers(stream: Headers) -> Headers:
    """The headers of the answer in place of its stream's."""
    kept = stream.without("content-type")
    kept.append(("content-type", "application/json"))
    return kept


def gather(adapter: Adapter, decode: StreamReader, body: bytes) -> WireAnswer:
    """The answer that a stream amounts to.

    Raises:
        PayloadError: the stream carries an error, is broken, ends too early, or has no message.
    """
    reader = Reader(adapter, decode)
    reader.feed(body)
    reader.end()
    if reader.failure is not None:
        raise PayloadError(reader.failure, reader.said)
    value: Json = {}
    choices: dict[int, Json] = {}
    for chunk, _ in reader.ready:
        for name, item in chunk.items():
            if name != "choices" and item is not None:
                value[name] = item
        found = chunk.get("choices")
        for choice in found if isinstance(found, list) else ():
            if isinstance(choice, dict):
                index = choice.get("index")
                _add(choices.setdefault(index if isinstance(index, int) else 0, {}), choice)
    if not choices or not all(isinstance(choice.get("message"), dict) for choice in choices.values()):
        raise no_answer(adapter, body, "no message came", reader.usage)
    value["object"] = "chat.completion"
    value["choices"] = [{"index": index, **_finished(choice)} for index, choice in sorted(choices.items())]
    word = reader.said.get("finish_reason")
    return WireAnswer(value, dumps(value), word if isinstance(word, str) else None)


def _add(whole: Json, choice: Json) -> None:
    """Add one chunk's part of a choice."""
    for name, item in choice.items():
        if name == "delta":
            message = whole.setdefault("message", {})
            if isinstance(item, dict) and isinstance(message, dict):
                _join(message, item)
        elif name == "logprobs" and isinstance(item, dict):
            logprobs = whole.setdefault("logprobs", {})
            if isinstance(logprobs, dict):
                _join(logprobs, item)
        elif item is not None:
            whole[name] = item


def _join(whole: Json, part: Json) -> None:
    """Add the fields of a delta: texts and lists grow, what identifies is kept as it came first."""
    for name, item in part.items():
        known = whole.get(name)
        if item is None:
            whole.setdefault(name, None)
        elif name in ("role", "id", "type"):
            whole[name] = known or item
        elif name == "tool_calls" and isinstance(item, list):
            whole[name] = known = known if isinstance(known, list) else []
            _call(known, item)
        elif isinstance(item, str):
            whole[name] = known + item if isinstance(known, str) else item
        elif isinstance(item, list):
            whole[name] = [*known, *item] if isinstance(known, list) else item
        elif isinstance(item, dict) and isinstance(known, dict):
            _join(known, item)
        else:
            whole[name] = dict(item) if isinstance(item, dict) else item


def _call(whole: list[Any], fragments: list[JsonValue]) -> None:
    """Add fragments of tool calls, each to the call of its index."""
    for fragment in fragments:
        if not isinstance(fragment, dict):
            continue
        index = fragment.get("index")
        call: Json | None = next((call for call in whole if index is not None and call["index"] == index), None)
        if call is None:
            call = {"index": len(whole) if index is None else index}
            whole.append(call)
        part: Json = {name: item for name, item in fragment.items() if name != "index"}
        _join(call, part)


def _finished(choice: Json) -> Json:
    message: Any = choice.get("message")
    message = message if isinstance(message, dict) else {}
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        calls[:] = [call for call in calls if isinstance(call, dict)]
        for call in calls:
            call.pop("index", None)
        message["content"] = message.get("content") or None
    else:
        message.setdefault("content", "")
    whole: Json = {**choice, "message": {"role": "assistant", **message}}
    whole.setdefault("finish_reason", None)
    return whole
