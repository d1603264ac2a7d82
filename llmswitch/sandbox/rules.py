"""What several vendors check about a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmswitch.sandbox.fields import spoken, table, tables, text

if TYPE_CHECKING:
    from llmswitch._json import Json


ROLES = ("system", "user", "assistant", "tool")


def within(value: float, interval: str) -> bool:
    """Say whether a number lies in an interval such as "(0, 1]"."""
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = value > low if interval[0] == "(" else value >= low
    return above and (value < high if interval[-1] == ")" else value <= high)


def switched(body: Json, default: bool) -> bool:
    """Say whether `thinking: {"type": ...}` asks for reasoning; without it the model's default holds."""
    asked = table(body.get("thinking")).get("type")
    return asked != "disabled" if isinstance(asked, str) else default


def lost_reasoning(messages: list[Json]) -> int | None:
    """Return the index of an assistant's message that calls tools without the reasoning behind it, or None."""
    for index, message in enumerate(messages):
        if message.get("role") == "assistant" and message.get("tool_calls") and not message.get("reasoning_content"):
            return index
    return None


def functions_of(body: Json) -> list[Json]:
    """Return the functions among the tools."""
    return [table(tool.get("function")) for tool in tables(body.get("tools"))]


def roles_in_order(messages: list[Json]) -> str | None:
    """Return what is wrong about tool messages, as OpenAI words it, or None.

    Each tool message answers a call of the assistant's message before it, and each call is answered.
    """
    open_calls: list[str] = []
    for message in messages:
        if message.get("role") == "tool":
            wanted = text(message.get("tool_call_id"))
            if wanted not in open_calls:
                return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            open_calls.remove(wanted)
            continue
        if open_calls:
            break
        open_calls = [text(one.get("id")) for one in tables(message.get("tool_calls"))]
    if open_calls:
        return (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        )
    return None


def lacks_json_word(body: Json) -> bool:
    """Say whether JSON mode is asked for and no message says "json"."""
    if table(body.get("response_format")).get("type") != "json_object":
        return False
    return not any("json" in spoken(message).lower() for message in tables(body.get("messages")))
