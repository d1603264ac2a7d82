"""A value that satisfies a JSON schema, always the same one for the same schema: JSON modes and tool arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmswitch.sandbox.fields import array, integer, number, table, tables, text

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue

_DEPTH = 12
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1M",
    "email": "sandbox@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: JsonValue | None, hint: str = "sandbox") -> JsonValue:
    """Return the simplest value valid for `schema`.

    Knows type, properties, required, items, enum, const, default, anyOf, oneOf, allOf, $ref, $defs, bounds, formats.
    Optional branches end where a recursive schema would not. `hint` is what free strings say.
    """
    root = table(schema)
    return _value(root, root, hint, 0)


def _resolve(root: Json, schema: Json) -> Json:
    seen = 0
    while "$ref" in schema and seen < _DEPTH:
        found: JsonValue = root
        for step in text(schema.get("$ref")).removeprefix("#").strip("/").split("/"):
            if step:
                found = table(found).get(step.replace("~1", "/").replace("~0", "~"))
        schema, seen = {**table(found), **{key: value for key, value in schema.items() if key != "$ref"}}, seen + 1
    return schema


def _kind(schema: Json) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((text(one) for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _value(root: Json, schema: Json, hint: str, depth: int) -> JsonValue:
    schema = _resolve(root, schema)
    if fixed := _fixed(schema):
        return fixed[0]
    for keyword in ("anyOf", "oneOf"):
        if branches := tables(schema.get(keyword)):
            return _value(root, _branch(root, branches, depth), hint, depth + 1)
    if parts := tables(schema.get("allOf")):
        return _value(root, _merged(root, schema, parts), hint, depth + 1)
    kind = _kind(schema)
    if kind == "object":
        return _object(root, schema, hint, depth)
    return _array(root, schema, hint, depth) if kind == "array" else _scalar(kind, schema, hint)


def _fixed(schema: Json) -> list[JsonValue]:
    """Return the values the schema itself names, the one to take first; empty when it names none."""
    if "const" in schema:
        return [schema["const"]]
    if options := array(schema.get("enum")):
        return options
    return [schema["default"]] if "default" in schema else array(schema.get("examples"))


def _scalar(kind: str, schema: Json, hint: str) -> JsonValue:
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, hint)


def _branch(root: Json, branches: list[Json], depth: int) -> Json:
    """Choose the first branch, or a null / scalar one once a recursive schema has gone deep."""
    if depth < _DEPTH // 2:
        return next((one for one in branches if _kind(_resolve(root, one)) != "null"), branches[0])
    rank = {"null": 0, "boolean": 1, "integer": 1, "number": 1, "string": 1, "array": 2, "object": 3}
    return min(branches, key=lambda one: rank.get(_kind(_resolve(root, one)), 4))


def _merged(root: Json, schema: Json, parts: list[Json]) -> Json:
    merged: Json = {key: value for key, value in schema.items() if key != "allOf"}
    properties, required = table(merged.get("properties")).copy(), array(merged.get("required")).copy()
    for part in (_resolve(root, part) for part in parts):
        merged = {**part, **merged}
        properties |= table(part.get("properties"))
        required += array(part.get("required"))
    if properties:
        merged["properties"], merged["required"] = properties, required
    return merged


def _object(root: Json, schema: Json, hint: str, depth: int) -> JsonValue:
    required = set(map(str, array(schema.get("required"))))
    found: Json = {}
    for name, inner in table(schema.get("properties")).items():
        # Deep down only what is required is filled in, so that a recursive schema ends.
        if name in required or depth < 2:
            found[name] = _value(root, table(inner), hint, depth + 1)
    return found


def _array(root: Json, schema: Json, hint: str, depth: int) -> JsonValue:
    least = integer(schema.get("minItems"))
    fixed: list[JsonValue] = [_value(root, one, hint, depth + 1) for one in tables(schema.get("prefixItems"))]
    if fixed:
        return fixed
    count = least if least is not None else (1 if depth < _DEPTH // 2 else 0)
    most = integer(schema.get("maxItems"))
    count = count if most is None else min(count, most)
    return [_value(root, table(schema.get("items")), hint, depth + 1) for _ in range(count)]


def _number(schema: Json, *, whole: bool) -> JsonValue:
    low, high = number(schema.get("minimum")), number(schema.get("maximum"))
    above, below = number(schema.get("exclusiveMinimum")), number(schema.get("exclusiveMaximum"))
    step = 1.0 if whole else 0.5
    low = max((one for one in (low, None if above is None else above + step) if one is not None), default=None)
    high = min((one for one in (high, None if below is None else below - step) if one is not None), default=None)
    value = 1.0
    if low is not None and value < low:
        value = low
    if high is not None and value > high:
        value = high
    multiple = number(schema.get("multipleOf"))
    if multiple:
        value = -(-value // multiple) * multiple
    return int(value) if whole or value.is_integer() else value


def _string(schema: Json, hint: str) -> JsonValue:
    if (found := _FORMATS.get(text(schema.get("format")))) is not None:
        return found
    # A pattern is met when it is a choice of plain words or a run of digits; regular languages are not solved here.
    pattern = text(schema.get("pattern"))
    if words := re.fullmatch(r"\^?\(?([\w-]+(?:\|[\w-]+)*)\)?\$?", pattern):
        return words.group(1).split("|")[0]
    if digits := re.fullmatch(r"\^?(?:\\d|\[0-9\])(?:\{(\d+)[\d,]*\}|\+)?\$?", pattern):
        return "1" * int(digits.group(1) or 1)
    least, most = integer(schema.get("minLength")) or 0, integer(schema.get("maxLength"))
    return hint.ljust(least, ".")[:most]
