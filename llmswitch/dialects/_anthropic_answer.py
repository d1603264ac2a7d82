"""The Messages API's whole answers, token counts and list of models in OpenAI's shape. Pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from llmswitch._json import dumps
from llmswitch.dialects._anthropic_messages import THINKING_BLOCKS

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue


def message(content: JsonValue) -> Json:
    """The answer's content as one of OpenAI's messages."""
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[JsonValue] = []
    thoughts: list[JsonValue] = []
    for position, block in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "text":
            text.append(str(block.get("text") or ""))
        elif kind == "tool_use":
            calls.append(call(block))
        elif kind in ("thinking", "redacted_thinking"):
            reasoning.append(str(block.get("thinking") or ""))
            thoughts.append(thought(block, position, sum(map(len, text)), len(calls)))
    found: Json = {"role": "assistant", "content": "".join(text) if text else None, "refusal": None}
    if any(reasoning):
        found["reasoning_content"] = "".join(reasoning)
    if calls:
        found["tool_calls"] = calls
    if thoughts:
        found[THINKING_BLOCKS] = thoughts
    return found


def call(block: Json) -> Json:
    """A tool call."""
    function: Json = {"name": block.get("name"), "arguments": dumps(block.get("input") or {}).decode()}
    return {"id": block.get("id"), "type": "function", "function": function}


def thought(block: Json, position: int, characters: int, calls: int) -> Json:
    """A thinking block with its place: how much text and how many calls stood before it."""
    return {**block, "index": position, "after": [characters, calls]}


def usage(counts: JsonValue) -> Json | None:
    """Token counts; those of the prompt include what the cache held and took in, as OpenAI counts."""
    if not isinstance(counts, dict):
        return None
    fresh, read, written, answer = (
        number if isinstance(number := counts.get(name), int) else 0
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    )
    prompt = fresh + read + written
    found: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    kept, details = counts.get("cache_creation"), counts.get("output_tokens_details")
    if isinstance(kept, dict) and (hour := kept.get("ephemeral_1h_input_tokens")):
        found["prompt_tokens_details"] = {
            "cached_tokens": read,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": hour,
        }
    if isinstance(details, dict) and isinstance(thinking := details.get("thinking_tokens"), int):
        found["completion_tokens_details"] = {"reasoning_tokens": thinking}
    return found


def refusal(details: JsonValue) -> str | None:
    """Why the vendor refused, where it says so."""
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) else None


def model(row: JsonValue, owner: str) -> Json:
    """One model, the vendor's own fields beside OpenAI's."""
    fields = row if isinstance(row, dict) else {}
    return {**fields, "object": "model", "created": _seconds(fields.get("created_at")), "owned_by": owner}


def _seconds(moment: JsonValue) -> int:
    """Unix time of an RFC 3339 moment, 0 where there is none."""
    try:
        return int(dt.datetime.fromisoformat(str(moment)).timestamp())
    except ValueError:
        return 0
