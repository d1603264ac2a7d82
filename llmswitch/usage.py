"""The tokens that an answer counts, in plain words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from llmswitch._json import JsonValue


# OpenAI's word, Qwen's, and ours for Anthropic's.
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer; None where the vendor does not say.

    Attributes:
        input_tokens: all of the request, cached ones included.
        output_tokens: all that was written, reasoning included (also where the vendor counts it beside: xAI, Gemini).
        cached_input_tokens: of the input, read from a cache.
        cache_write_tokens: of the input, written to a cache; vendors say it only where the request asked for one.
        cache_write_1h_tokens: of these, kept for an hour, which costs more (Anthropic).
        reasoning_tokens: of the output, written while thinking.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None


def read(usage: JsonValue) -> Usage | None:
    """The `usage` of an answer in OpenAI's shape; None where there is none, or nothing is counted in it."""
    if not isinstance(usage, dict):
        return None
    sent, written, total = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    thought = _count(usage.get("completion_tokens_details"), "reasoning_tokens")
    if sent is not None and written is not None and total is not None and total > sent + written:
        thought = thought or total - sent - written
        written = total - sent
    found = Usage(
        input_tokens=sent,
        output_tokens=written,
        cached_input_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        cache_write_tokens=_count(usage.get("prompt_tokens_details"), *_WRITTEN),
        cache_write_1h_tokens=_count(usage.get("prompt_tokens_details"), "cache_write_1h_tokens"),
        reasoning_tokens=thought,
    )
    return None if found == Usage() else found


def _count(table: JsonValue, *names: str) -> int | None:
    """The first of these that is a number of tokens."""
    if isinstance(table, dict):
        for name in names:
            value = table.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
    return None
