"""Reading a request body whose shape nobody promised: each helper gives the wanted type or its empty value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue


def text(value: JsonValue | None, default: str = "") -> str:
    """Return the value when it is a string."""
    return value if isinstance(value, str) else default


def table(value: JsonValue | None) -> Json:
    """Return the value when it is an object."""
    return value if isinstance(value, dict) else {}


def array(value: JsonValue | None) -> list[JsonValue]:
    """Return the value when it is an array."""
    return value if isinstance(value, list) else []


def tables(value: JsonValue | None) -> list[Json]:
    """Return the objects of an array."""
    return [item for item in array(value) if isinstance(item, dict)]


def number(value: JsonValue | None) -> float | None:
    """Return the value when it is a number; a boolean is none."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def integer(value: JsonValue | None) -> int | None:
    """Return the value when it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def spoken(message: Json) -> str:
    """Return the text of a message: its string content, or its text parts joined, native (`{"text"}`) or OpenAI's."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    return " ".join(text(part.get("text")) for part in tables(content) if "text" in part)


def last_user(messages: list[Json]) -> str:
    """Return the text of the newest user message."""
    return next((spoken(message) for message in reversed(messages) if message.get("role") == "user"), "")


def images(messages: list[Json]) -> int:
    """Count the image parts, OpenAI's (`type: image_url`) or DashScope's native ones (`{"image"}`)."""
    parts = (part for message in messages for part in tables(message.get("content")))
    return sum(1 for part in parts if part.get("type") == "image_url" or "image" in part)
