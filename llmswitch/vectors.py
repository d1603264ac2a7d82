"""Embeddings: a request's texts, an answer's rows counted and put in order, the rows of several answers as one, their space. Pure.

A vendor takes so many texts a request (`Adapter.batch`); more go out as several requests (`batches`), whose rows
are gathered in `Rows`.
"""

from __future__ import annotations

import base64
import functools
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmswitch import adapter as adapters
from llmswitch._json import dumps
from llmswitch.dialects.base import WireAnswer
from llmswitch.errors import PayloadError
from llmswitch.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Model
    from llmswitch.routing import Candidate

# The code of a failure that openai's SDK would not see, but no caller can do anything with.
WRONG_ROWS: Final = "wrong_rows"


def texts(params: Json) -> list[JsonValue] | None:
    """What a request wants vectors of; None where that is one text: a string, or its tokens."""
    given = params.get("input")
    if not isinstance(given, (list, tuple)) or not given or isinstance(given[0], int):
        return None
    return list(given)


def received(answer: WireAnswer, params: Json, provider: str, *, base64_wanted: bool) -> WireAnswer:
    """The answer with a row for each text, in the texts' order, and as base64 where numbers came instead.

    Raises:
        PayloadError: it has another number of rows, or vectors of another size than asked for.
    """
    asked = texts(params)
    rows = _rows(answer.value)
    if len(rows) != (1 if asked is None else len(asked)):
        raise _wrong(provider, f"{len(rows)} vectors came for {1 if asked is None else len(asked)} texts", answer.value)
    wanted, found = params.get("dimensions"), size(rows[0])
    if type(wanted) is int and found is not None and found != wanted:
        raise _wrong(provider, f"vectors of {found} dimensions came where {wanted} were asked for", answer.value)
    changed = ordered = _ordered(rows)
    if base64_wanted:
        changed = [_encoded(row) for row in ordered]
    if all(after is before for after, before in zip(changed, rows, strict=True)):
        return answer
    value: Json = {**answer.value, "data": [*changed]}
    return WireAnswer(value, dumps(value))


class Rows:
    """The rows that have come so far of one call that goes out as several requests, all of one model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._data: list[JsonValue] = []
        self._answers: list[Json] = []  # without their rows

    def __len__(self) -> int:
        return len(self._data)

    def take(self, value: Json, count: int, provider: str) -> None:
        """Add the rows of an answer to `count` texts.

        Raises:
            PayloadError: they are fewer, more, or of another size than those before: not the same space.
        """
        rows = _ordered(_rows(value))
        if len(rows) != count:
            raise _wrong(provider, f"{len(rows)} vectors came for {count} texts", value)
        if self._data and isinstance(first := self._data[0], dict):
            before, now = size(first), size(rows[0])
            if before != now:
                raise _wrong(provider, f"vectors of {now} dimensions came after some of {before}", value)
        start = len(self._data)
        self._data += [{**row, "index": start + place} for place, row in enumerate(rows)]
        self._answers.append({name: item for name, item in value.items() if name != "data"})

    def merged(self) -> WireAnswer:
        """All of them as one answer: the first one's other fields, everybody's usage."""
        value: Json = {}
        for name, item in self._answers[0].items():
            value[name] = item
            if name == "object":  # where it stands in OpenAI's own answers
                value["data"] = self._data
        value.setdefault("data", self._data)
        if "usage" in value:
            value["usage"] = functools.reduce(_sum, [answer.get("usage") for answer in self._answers])
        return WireAnswer(value, dumps(value))


def explained(failure: Failure, params: Json, candidate: Candidate) -> Failure:
    """The failure, with the model's dimensions in its hint where the call asked for others."""
    wanted = params.get("dimensions")
    if type(wanted) is not int:
        return failure
    model = candidate.endpoint.adapter.model(candidate.model)
    if model is None or not model.lacks_dimensions(wanted):
        return failure
    return replace(failure, hint=f"{model.name} makes vectors of {model.sizes} dimensions")


def size(row: Json) -> int | None:
    """A vector's dimensions, None where it is none."""
    vector = row.get("embedding")
    if isinstance(vector, list):
        return len(vector)
    # Four bytes a number, four characters for three bytes.
    return len(vector.rstrip("=")) * 3 // 16 if isinstance(vector, str) and vector else None


def space(provider: str, model: str, value: Json) -> str | None:
    """The vector space of an answer, `family/model/dimensions`; None where it holds no vectors.

    The same for one model wherever it is served under one name: `family` is the first provider (in the adapters' order) that lists it;
    a model that nobody lists belongs to who answered.
    """
    rows = _rows(value)
    found = size(rows[0]) if rows else None
    if found is None:
        return None
    said = value.get("model")
    return f"{_family(provider, said if isinstance(said, str) else '', model)}/{found}"


@functools.lru_cache(maxsize=256)
def _family(provider: str, said: str, called: str) -> str:
    own, answered = _listed(called), _listed(said)
    # What answered says more than what was called, where it is another model: at Azure that may be the account's own name.
    if answered is not None and answered != own:
        return f"{answered[0]}/{said}"
    return f"{own[0] if own else provider}/{called or said}"


def _listed(name: str) -> tuple[str, Model] | None:
    for family in adapters.adapters() if name else ():
        model = adapters.get(family).model(name)
        if model is not None and "embeddings" in model.capabilities:
            return family, model
    return None


def _rows(value: Json) -> list[Json]:
    data = value.get("data")
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []


def _ordered(rows: list[Json]) -> list[Json]:
    """By `index`, where the indexes are a full count; some servers number every row 0, and mean the order they send."""
    places = [row.get("index") for row in rows]
    count = list(range(len(rows)))
    if places == count or set(map(type, places)) != {int} or sorted(places) != count:  # type: ignore[type-var]
        return rows
    return sorted(rows, key=lambda row: row["index"])  # type: ignore[arg-type, return-value]


def _encoded(row: Json) -> Json:
    """The row with its numbers as base64 (float32, little-endian), as OpenAI sends them."""
    vector = row.get("embedding")
    if not isinstance(vector, list):
        return row
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except (struct.error, OverflowError):  # no vector: left as it came
        return row
    return {**row, "embedding": base64.b64encode(packed).decode()}


def total(usages: Iterable[JsonValue]) -> JsonValue:
    """What several requests count together; None where one of them does not say."""
    counted = list(usages)
    return functools.reduce(_sum, counted) if counted else None


def _sum(one: JsonValue, other: JsonValue) -> JsonValue:
    """Numbers added up, in objects too; null where one of them is not said: part of a sum is none."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _sum(one.get(name), other.get(name)) for name in one | other}
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one + other
    return one if one == other else None


def _wrong(provider: str, message: str, answer: Json) -> PayloadError:
    failure = Failure(
        kind=Kind.BAD_PAYLOAD, provider=provider, status=200, code=WRONG_ROWS, message=message, source="code"
    )
    return PayloadError(failure, {"usage": answer.get("usage")})
