"""JSON schemas as structured outputs take them. Pure.

What constrains a value more than the vendor can enforce goes into the description, as the vendor's own SDK has it
(anthropic 2.13, lib/_parse/_transform.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue

_KEPT: Final = frozenset({"$ref", "type", "description", "title", "enum", "const", "required"})
_MAPS: Final = ("properties", "$defs", "definitions")
_LISTS: Final = ("anyOf", "oneOf", "allOf")
_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


def fitted(schema: Json) -> Json:
    """The schema with closed objects, and only with what can be enforced."""
    if "$ref" in schema:
        return {name: _inner(name, value) for name, value in schema.items() if name in ("$ref", *_MAPS)}
    result: Json = {}
    told: Json = {}
    for name, value in schema.items():
        if name in _KEPT:
            result[name] = value
        elif name in (*_MAPS, *_LISTS, "items"):
            result["anyOf" if name == "oneOf" else name] = _inner(name, value)
        elif (name == "format" and value in _FORMATS) or (name == "minItems" and value in (0, 1)):
            result[name] = value
        elif name != "additionalProperties":
            told[name] = value
    if schema.get("type") == "object" or "properties" in schema:
        result["additionalProperties"] = False
    if told:
        before = f"{text}\n\n" if (text := result.get("description")) else ""
        result["description"] = before + dumps(told).decode()
    return result


def _inner(name: str, value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        if name in _MAPS:
            return {key: fitted(one) if isinstance(one, dict) else one for key, one in value.items()}
        return fitted(value) if name == "items" else value
    if isinstance(value, list) and name != "items":
        return [fitted(one) if isinstance(one, dict) else one for one in value]
    return value
