"""Gemini's OpenAI-compatible endpoint: it wants back the signature that each of its tool calls came with.

A program that appends our message to its own sends it back (`tool_calls[].extra_content`). Calls of another vendor, after a failover in the
middle of a tool loop, have none: they get the value that Google names for calls the model did not make itself.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from llmswitch.dialects.openai import OpenAI

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import WireRequest

# https://ai.google.dev/gemini-api/docs/thought-signatures: models before 3 do without.
_UNSIGNED: Final[Json] = {"google": {"thought_signature": "skip_thought_signature_validator"}}
_WITHOUT: Final = ("gemini-1*", "gemini-2*", "gemma-*")


class Gemini(OpenAI):
    """See `llmswitch.dialects.base.Dialect`."""

    def encode(
        self, operation: str, params: Json, adapter: Adapter, model: str, *, body: bytes | None = None
    ) -> WireRequest:
        """OpenAI's request, with a signature in front of each turn's tool calls."""
        if not any(fnmatchcase(model or str(params.get("model")), pattern) for pattern in _WITHOUT):
            signed = _signed(params)
            if signed is not params:
                params, body = signed, None
        return super().encode(operation, params, adapter, model, body=body)


def _signed(params: Json) -> Json:
    messages = params.get("messages")
    if not isinstance(messages, list):
        return params
    found: list[JsonValue] = [_message(message) if isinstance(message, dict) else message for message in messages]
    same = all(one is other for one, other in zip(found, messages, strict=True))
    return params if same else {**params, "messages": found}


def _message(message: Json) -> Json:
    """The first call of a turn carries the signature of them all."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls or not isinstance(first := calls[0], dict) or "extra_content" in first:
        return message
    return {**message, "tool_calls": [{**first, "extra_content": _UNSIGNED}, *calls[1:]]}


DIALECT: Final = Gemini()
OWN: Final = Gemini(completing=False)
