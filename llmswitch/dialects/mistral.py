"""Mistral's differences from OpenAI's wire format: the order of roles, the ids of tool calls, thinking as a part of the content."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.adapter import REASONING
from llmswitch.dialects.openai import OpenAI
from llmswitch.report import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader, WireAnswer, WireRequest

# "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9": the vendor's 400.
_ID: Final = re.compile(r"[a-zA-Z0-9]{9}")
_GO_ON: Final[Json] = {"role": "user", "content": "Continue."}
# What stands between two roles that may not follow each other ("Unexpected role 'user' after role 'tool'": onyx#6458).
_BETWEEN: Final[Mapping[tuple[str, str], Json]] = {
    ("", "assistant"): _GO_ON,
    ("tool", "user"): {"role": "assistant", "content": "Understood."},
}


class Mistral(OpenAI):
    """See `llmswitch.dialects.base.Dialect`."""

    def encode(
        self, operation: str, params: Json, adapter: Adapter, model: str, *, body: bytes | None = None
    ) -> WireRequest:
        """OpenAI's request, its messages and ids of tool calls in the form that is asked for."""
        messages = params.get("messages")
        changes: list[Change] = []
        if isinstance(messages, list):
            found = _ordered(
                [_message(message) if isinstance(message, dict) else message for message in messages], changes
            )
            if len(found) != len(messages) or any(one is not other for one, other in zip(found, messages, strict=True)):
                params, body = {**params, "messages": found}, None
        wire = super().encode(operation, params, adapter, model, body=body)
        return replace(wire, changes=(*changes, *wire.changes)) if changes else wire

    def decode(self, adapter: Adapter, body: bytes, operation: str = "chat") -> WireAnswer:
        """OpenAI's answer: text as the content, thinking beside it."""
        answer = super().decode(adapter, body, operation)
        choices = answer.value.get("choices")
        changed = False
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                changed |= _told_apart(choice.get("message"))
        return replace(answer, body=dumps(answer.value)) if changed else answer

    def reader(self, adapter: Adapter, params: Json) -> StreamReader:
        """Each event is a chunk."""
        read = super().reader(adapter, params)
        return partial(_chunk, read)


def _chunk(read: StreamReader, data: Json, event: bytes) -> Json | None:
    choices = data.get("choices")
    changed = False
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            changed |= _told_apart(choice.get("delta"))
    return read(dict(data) if changed else data, event)


def _told_apart(message: JsonValue) -> bool:
    """Put a content of parts as OpenAI has it, in place; whether it was one."""
    if not isinstance(message, dict) or not isinstance(parts := message.get("content"), list):
        return False
    text, thinking = [], []
    for part in parts:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            thinking += (
                [str(one.get("text") or "") for one in inner if isinstance(one, dict)]
                if isinstance(inner, list)
                else []
            )
        elif isinstance(said := part.get("text"), str):
            text.append(said)
    message["content"] = "".join(text)
    if thinking:
        message[REASONING] = "".join(thinking)
    return True


def _ordered(messages: list[JsonValue], changes: list[Change]) -> list[JsonValue]:
    """A user speaks first and last, and never right after a tool."""
    found: list[JsonValue] = []
    before = ""
    for position, message in enumerate(messages):
        role = str(message.get("role")) if isinstance(message, dict) else ""
        if (before, role) in _BETWEEN:
            found.append(_BETWEEN[before, role])
            changes.append(
                Change(f"messages[{position}]", "added", None, "a turn before it", "the vendor's order of roles")
            )
        found.append(message)
        before = role
    if before == "assistant":
        found.append(_GO_ON)
        changes.append(Change("messages", "added", None, "a turn at the end", "the last turn must be the user's"))
    return found


def _message(message: Json) -> Json:
    answered, calls = message.get("tool_call_id"), message.get("tool_calls")
    if isinstance(answered, str) and not _ID.fullmatch(answered):
        return {**message, "tool_call_id": _id(answered)}
    if isinstance(calls, list):
        ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
        if any(isinstance(one, str) and not _ID.fullmatch(one) for one in ids):
            renamed: list[JsonValue] = [
                {**call, "id": _id(one)} if isinstance(call, dict) and isinstance(one := call.get("id"), str) else call
                for call in calls
            ]
            return {**message, "tool_calls": renamed}
    return message


def _id(foreign: str) -> str:
    """Nine letters and digits that always stand for the same id."""
    return foreign if _ID.fullmatch(foreign) else hashlib.sha256(foreign.encode()).hexdigest()[:9]


DIALECT: Final = Mistral()
OWN: Final = Mistral(completing=False)
