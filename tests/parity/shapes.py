"""What vendors answer: the shapes that cases start from."""

from __future__ import annotations

from typing import Any, Final

MESSAGES: Final[list[Any]] = [{"role": "user", "content": "say hello"}]
CALL: Final[dict[str, Any]] = {"model": "gpt-4o", "messages": MESSAGES}
EMBED: Final[dict[str, Any]] = {"model": "text-embedding-3-small", "input": "hello"}

TOOL_CALL: Final[dict[str, Any]] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
}
USAGE: Final[dict[str, Any]] = {
    "prompt_tokens": 9,
    "completion_tokens": 12,
    "total_tokens": 21,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
LOGPROBS: Final[dict[str, Any]] = {
    "content": [
        {
            "token": "Hello",
            "logprob": -0.25,
            "bytes": [72, 101],
            "top_logprobs": [{"token": "Hello", "logprob": -0.25, "bytes": None}],
        }
    ],
    "refusal": None,
}
CHOICE: Final[dict[str, Any]] = {
    "index": 0,
    "message": {"role": "assistant", "content": "Hello there", "refusal": None, "annotations": []},
    "logprobs": None,
    "finish_reason": "stop",
}
CHAT: Final[dict[str, Any]] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-4o-2024-08-06",
    "choices": [CHOICE],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_1",
}
EMBEDDING: Final[dict[str, Any]] = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAEAAAEBA"}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
MODELS: Final[dict[str, Any]] = {
    "object": "list",
    "data": [
        {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
        {"id": "gpt-4o-mini", "object": "model", "created": 1721172741, "owned_by": "system"},
    ],
}


def chat(**changes: Any) -> dict[str, Any]:
    """A chat answer with these fields; `...` leaves one out."""
    return changed(CHAT, changes)


def choice(**changes: Any) -> dict[str, Any]:
    """A chat answer whose one choice has these fields."""
    return chat(choices=[changed(CHOICE, changes)])


def message(**changes: Any) -> dict[str, Any]:
    """A chat answer whose one message has these fields."""
    return choice(message=changed(CHOICE["message"], changes))


def changed(shape: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The shape with these fields; `...` leaves one out."""
    return {name: value for name, value in {**shape, **changes}.items() if value is not ...}


def chunk(delta: object = ..., *, finish: object = None, **changes: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    first = changed({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}, {})
    return changed(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1741569952,
            "model": "gpt-4o-2024-08-06",
            "service_tier": "default",
            "system_fingerprint": "fp_1",
            "choices": [first],
            "obfuscation": "x1",
        },
        changes,
    )


CHUNKS: Final[list[dict[str, Any]]] = [
    chunk({"role": "assistant", "content": "", "refusal": None}),
    chunk({"content": "Hello"}),
    chunk({"content": " there"}),
    chunk({}, finish="stop"),
]
USAGE_CHUNK: Final[dict[str, Any]] = chunk(choices=[], usage=USAGE)
TOOL_CHUNKS: Final[list[dict[str, Any]]] = [
    chunk({"role": "assistant", "content": None, "tool_calls": [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
    chunk({"tool_calls": [
        {"index": 1, "id": "call_2", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]}),
    chunk({}, finish="tool_calls"),
]  # fmt: skip


def error(message: object = "Something went wrong", **more: Any) -> dict[str, Any]:
    """An error body as OpenAI writes it."""
    return {"error": changed({"message": message, "type": "invalid_request_error", "param": None, "code": None}, more)}
