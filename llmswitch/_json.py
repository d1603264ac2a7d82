"""JSON as it stands on the wire: the type, the reader, the writer."""

from __future__ import annotations

import json
from typing import Final, Union

from pydantic_core import from_json

JsonValue = Union[None, bool, int, float, str, "list[JsonValue]", "dict[str, JsonValue]"]
Json = dict[str, JsonValue]


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def loads(text: bytes | str) -> JsonValue:
    """Read one JSON document.

    Raises:
        ValueError: the text is not JSON, or not UTF-8.
        RecursionError: it is nested deeper than the interpreter allows.
    """
    value: JsonValue
    try:
        value = from_json(text, allow_inf_nan=False, cache_strings="keys")  # a third of the time
    except ValueError:
        value = json.loads(text)  # the judge of what it does not take: lone surrogates, NaN, a BOM, deep nesting
    return value


def dumps(value: object) -> bytes:
    """Write JSON as openai's SDK does: compact, UTF-8, no NaN.

    Raises:
        ValueError: NaN or infinity, a circular value, or a lone surrogate (`UnicodeEncodeError`).
        TypeError: a value that JSON has no form for.
    """
    return _ENCODER.encode(value).encode()
