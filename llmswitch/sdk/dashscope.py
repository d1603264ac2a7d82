"""Qwen through `dashscope`: Model Studio's native protocol (`/api/v1/services/...`).

Sources: dashscope 2.0.2 (aigc/generation.py, aigc/multimodal_conversation.py, v2/protocols/native.py, v2/types/completions.py).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.dialects.base import NO_REASON
from llmswitch.sdk import shape
from llmswitch.sdk.base import NO_KEY, Written, library, stop, stopped
from llmswitch.streaming import Events

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch._json import Json, JsonValue
    from llmswitch.sdk.base import Ask, Steps, Translation

NAME: Final = "dashscope"
_COMPATIBLE, _NATIVE = "/compatible-mode/v1", "/api/v1"
_REMOTE: Final = ("http://", "https://", "data:", "oss://")
_HINTS: Final = ("min_pixels", "max_pixels", "total_pixels", "fps", "cache_control")


def write(ask: Ask) -> Steps:
    """As `Writer.write`.

    What the caller asks is filled in when the SDK has written the rest: of a text or an address that happens to be a file's path it
    would upload the file (utils/oss_utils.py), and a parameter may bear the name of one of its own arguments.
    """
    if ask.operation not in ("chat", "embeddings"):
        return Written(ask.request)
    yield from ()
    params: Json = {name: value for name, value in ask.params().items() if value is not None}
    params.pop("model", None)
    call, given, translation = (_embeddings if ask.operation == "embeddings" else _chat)(ask, params)
    address = _address(ask.endpoint.base_url)
    written = stopped(NAME, lambda: call(model=ask.model, api_key=NO_KEY, base_address=address, session=_Session()))
    body = shape.read(written.body)
    body |= {"input": given, "parameters": shape.table(body.get("parameters")) | params}
    headers = ask.headers(written.headers.items(), ask.authorization)
    request = replace(ask.request, method=written.method, url=written.url, headers=headers, body=dumps(body))
    return Written(request, translation)


class _Session:
    """In place of `requests.Session`."""

    @staticmethod
    def post(*, url: str, data: bytes, headers: dict[str, str], **_: object) -> None:
        """As requests'."""
        stop("POST", url, headers, data)


def _address(base_url: str) -> str:
    """The native protocol's address beside the compatible one."""
    if base_url.endswith(_COMPATIBLE):
        return base_url.removesuffix(_COMPATIBLE) + _NATIVE
    if base_url.endswith(_NATIVE):
        return base_url
    scheme, _, rest = base_url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{_NATIVE}"


def _embeddings(ask: Ask, params: Json) -> tuple[Callable[..., object], Json, Translation]:
    """The SDK's function, the input, and what the answer is read with."""
    params.pop("encoding_format", None)  # fitted to "float", all that there is
    texts = params.pop("input", None)
    call = partial(library(NAME).TextEmbedding.call, input=[])
    return call, {"texts": texts if isinstance(texts, list) else [texts]}, Embeddings(ask.model)


def _chat(ask: Ask, params: Json) -> tuple[Callable[..., object], Json, Translation]:
    """As `_embeddings`."""
    messages = shape.tables(params.pop("messages", None))
    media = any(_has_media(message.get("content")) for message in messages)
    counted = shape.table(params.pop("stream_options", None)).get("include_usage") is True
    streamed = params.pop("stream", None) is True
    module = library(NAME)
    call = partial(
        (module.MultiModalConversation if media else module.Generation).call,
        messages=[{"role": "user", "content": [] if media else ""}],
        result_format="message",
        **({"stream": True, "incremental_output": True} if streamed else {}),
    )
    return call, {"messages": [_message(message, media=media) for message in messages]}, Chat(ask.model, usage=counted)


# --- messages ------------------------------------------------------------------------------------------------------------------


def _has_media(content: JsonValue) -> bool:
    return any(part.get("type") not in ("text", None) for part in shape.tables(content))


def _message(message: Json, *, media: bool) -> Json:
    """One message as the native protocol has it: parts without a type, and lists of parts alone beside pictures."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [_part(part) if isinstance(part, dict) else part for part in content]
        if media or any(isinstance(part, dict) and "cache_control" in part for part in parts):
            return {**message, "content": parts}
        texts = [part.get("text") for part in parts if isinstance(part, dict)]
        return {**message, "content": "".join(text for text in texts if isinstance(text, str))}
    text = "" if content is None else content
    return {**message, "content": [{"text": text}] if media else text}


def _part(part: Json) -> Json:
    kind = part.get("type")
    if kind in ("text", None):
        native: Json = {"text": part.get("text", "")}
    elif kind == "input_audio":
        audio = shape.table(part.get("input_audio"))
        data = audio.get("data")
        remote = isinstance(data, str) and data.startswith(_REMOTE)
        native = {"audio": data if remote else f"data:audio/{audio.get('format', 'wav')};base64,{data}"}
    elif kind in ("image_url", "video_url"):
        given = part.get(str(kind))
        url = given.get("url") if isinstance(given, dict) else given
        native = {str(kind).removesuffix("_url"): _remote(url)}
    elif kind == "video":
        frames = part.get("video")
        native = {"video": [_remote(frame) for frame in frames] if isinstance(frames, list) else _remote(frames)}
    else:
        raise ValueError(f"a part of type {kind!r} has no form in the native protocol")
    return native | {name: part[name] for name in _HINTS if part.get(name) is not None}


def _remote(url: JsonValue) -> JsonValue:
    """The address itself.

    Raises:
        ValueError: it is no address.
    """
    if not isinstance(url, str) or not url.startswith(_REMOTE):
        raise ValueError("a picture or video goes as an http, https, oss or data URL")
    return url


# --- answers -------------------------------------------------------------------------------------------------------------------


class Embeddings(shape.WholeOnly):
    """Whole answers only."""

    def __init__(self, model: str) -> None:
        self._model = model

    def whole(self, body: bytes) -> bytes:
        """As `Translation.whole`."""
        value = shape.read(body)
        rows = shape.tables(shape.table(value.get("output")).get("embeddings"))
        if not rows:
            return body
        data: list[JsonValue] = [
            {"object": "embedding", "index": row.get("text_index", place), "embedding": row.get("embedding")}
            for place, row in enumerate(rows)
        ]
        tokens = shape.table(value.get("usage")).get("total_tokens")
        usage: Json = {"prompt_tokens": tokens, "total_tokens": tokens}
        return dumps({"object": "list", "data": data, "model": self._model, "usage": usage})


class Chat:
    """Answers and streams; `usage`: whether a chunk with the usage is to close a stream."""

    def __init__(self, model: str, *, usage: bool) -> None:
        self._model, self._counted = model, usage
        self._events = Events()
        self._created = int(time.time())
        self._id = ""
        self._opened: set[int] = set()
        self._finished: set[int] = set()
        self._usage: Json | None = None

    def _head(self, kind: str) -> Json:
        return shape.head(kind, identifier=self._id, created=self._created, model=self._model)

    def whole(self, body: bytes) -> bytes:
        """As `Translation.whole`."""
        value = shape.read(body)
        choices = _choices(value)
        if not choices:
            return body
        self._id = str(value.get("request_id") or "")
        found: list[JsonValue] = []
        for place, choice in enumerate(choices):
            message = _spoken(shape.table(choice.get("message")))
            message.setdefault("role", "assistant")
            if not message.get("content") and message.get("tool_calls"):
                message["content"] = None
            found.append(_kept(choice, place) | {"message": message, "finish_reason": _reason(choice)})
        answer = self._head("chat.completion") | {"choices": found}
        if (usage := _usage(value)) is not None:
            answer["usage"] = usage
        return dumps(answer)

    def feed(self, data: bytes) -> bytes:
        """As `Translation.feed`."""
        said = bytearray()
        for name, event in self._events.feed(data):
            said += self._event(name, event)
        return bytes(said)

    def end(self) -> bytes:
        """As `Translation.end`: `[DONE]` only where every choice was finished."""
        said = bytearray()
        for name, event in self._events.rest():
            said += self._event(name, event)
        if self._opened and self._opened == self._finished:
            if self._counted and self._usage is not None:
                said += shape.chunk(self._head("chat.completion.chunk"), [], self._usage)
            said += b"data: [DONE]\n\n"
        return bytes(said)

    def _event(self, name: bytes, event: bytes) -> bytes:
        value = shape.read(event)
        choices = _choices(value)
        if name == b"error" or not choices:  # an error, or what the reader is to judge
            return shape.event(event, b"error" if name == b"error" else b"")
        self._id = str(value.get("request_id") or self._id)
        self._usage = _usage(value) or self._usage
        found = [self._delta(choice, place) for place, choice in enumerate(choices)]
        return shape.chunk(self._head("chat.completion.chunk"), found)

    def _delta(self, choice: Json, place: int) -> Json:
        kept = _kept(choice, place)
        index = kept["index"] if isinstance(kept["index"], int) else place
        delta = _spoken(shape.table(choice.get("message")))
        delta.pop("role", None)
        if index not in self._opened:
            self._opened.add(index)
            delta = {"role": "assistant", **delta}
        if calls := shape.tables(delta.get("tool_calls")):
            numbered: list[JsonValue] = [{"index": number, **call} for number, call in enumerate(calls)]
            delta["tool_calls"] = numbered
        reason = _reason(choice)
        if reason is not None:
            self._finished.add(index)
        return kept | {"delta": delta, "finish_reason": reason}


def _choices(value: Json) -> list[Json]:
    """The choices of an answer; the older form has one text."""
    output = shape.table(value.get("output"))
    choices = shape.tables(output.get("choices"))
    if not choices and isinstance(output.get("text"), str):
        choices = [{"message": {"content": output["text"]}, "finish_reason": output.get("finish_reason")}]
    return choices


def _kept(choice: Json, place: int) -> Json:
    kept: Json = {"index": choice.get("index", place)}
    if choice.get("logprobs") is not None:
        kept["logprobs"] = choice["logprobs"]
    return kept


def _reason(choice: Json) -> JsonValue:
    reason = choice.get("finish_reason")
    return None if reason in NO_REASON else reason


def _spoken(message: Json) -> Json:
    """A message with its content as one text, and without fields that are empty."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    spoken = {name: value for name, value in message.items() if value not in (None, "", [])}
    return {**spoken, "content": content or ""}


def _usage(value: Json) -> Json | None:
    """OpenAI's names; details where there are any."""
    given = value.get("usage")
    if not isinstance(given, dict):
        return None
    usage: Json = {
        "prompt_tokens": given.get("input_tokens"),
        "completion_tokens": given.get("output_tokens"),
        "total_tokens": given.get("total_tokens"),
    }
    if usage["total_tokens"] is None:
        usage["total_tokens"] = sum(number for number in usage.values() if isinstance(number, int))
    for ours, theirs in (
        ("prompt_tokens_details", "prompt_tokens_details"),
        ("completion_tokens_details", "output_tokens_details"),
    ):
        if isinstance(details := given.get(theirs), dict):
            usage[ours] = details
    return usage
