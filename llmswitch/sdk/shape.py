"""OpenAI's shapes, and values of another protocol's JSON as far as they are what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmswitch._json import dumps, loads

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue


def read(body: bytes) -> Json:
    """The JSON object in these bytes, an empty one where there is none."""
    try:
        value = loads(body)
    except (ValueError, RecursionError):
        return {}
    return table(value)


def table(value: JsonValue) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def tables(value: JsonValue) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def head(kind: str, *, identifier: JsonValue, created: JsonValue, model: str) -> Json:
    """What an answer and a chunk begin with."""
    return {"id": identifier, "object": kind, "created": created, "model": model}


def chunk(begun: Json, choices: list[Json], usage: Json | None = None) -> bytes:
    """One event of a stream."""
    value: Json = {**begun, "choices": [*choices]}
    if usage is not None:
        value["usage"] = usage
    return event(dumps(value))


def event(data: bytes, name: bytes = b"") -> bytes:
    """One server-sent event."""
    return (b"event: " + name + b"\n" if name else b"") + b"data: " + data + b"\n\n"


class WholeOnly:
    """The half of a `Translation` that is about streams, for what has none."""

    def feed(self, data: bytes) -> bytes:
        """As it comes."""
        return data

    def end(self) -> bytes:
        """Nothing."""
        return b""
