"""What a dialect does: OpenAI-shaped requests to the wire, the wire to OpenAI-shaped answers and chunks. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from llmswitch._json import dumps
from llmswitch.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmswitch._json import Json
    from llmswitch.adapter import Adapter
    from llmswitch.report import Change

# What some servers send in place of null while a choice is not finished.
NO_REASON: Final = ("", "null")
_DEEP = 900  # Python's own limit for nested values is near 1000


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request: `path` follows the endpoint's base_url, `body` is None for a GET, `changes` says what was fitted."""

    method: str
    path: str
    body: bytes | None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """One whole answer in OpenAI's shape: read, and as bytes (the vendor's own where nothing had to change)."""

    value: Json
    body: bytes


# Reads one event of a stream, (its data, its name) -> the chunk in OpenAI's shape: the data itself where nothing had to change, None for
# what carries nothing (a ping).
StreamReader: TypeAlias = "Callable[[Json, bytes], Json | None]"


class Dialect(Protocol):
    """A wire format. Operations are "chat", "embeddings" and "models" (the list, or with a model that one).

    `foreign`: requests are not OpenAI's, so that neither the path nor the headers that openai's client built are of use.
    """

    @property
    def foreign(self) -> bool:
        """See the class."""
        ...

    def encode(
        self, operation: str, params: Json, adapter: Adapter, model: str, *, body: bytes | None = None
    ) -> WireRequest:
        """The request for one attempt.

        Args:
            operation: see above.
            params: what the caller asked, in OpenAI's shape; never changed.
            adapter: the provider it goes to.
            model: the provider's model that takes the call; "" leaves `params` as it is.
            body: the caller's own encoding of `params`, sent as it is where nothing needs changing.

        Raises:
            InvalidRequestError: a value has no JSON form; the message names its path and what to do.
        """
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """The headers that carry the key; none without one."""
        ...

    def decode(self, adapter: Adapter, body: bytes, operation: str = "chat") -> WireAnswer:
        """The answer in a body that came with a status of success.

        Raises:
            PayloadError: it is no answer: an error, a page, not JSON, without choices, or one that broke off.
        """
        ...

    def reader(self, adapter: Adapter, params: Json) -> StreamReader:
        """What reads one stream, the answer to `params`: made once, so that it may remember."""
        ...


def encode_json(value: Json) -> bytes:
    """The value as JSON.

    Raises:
        InvalidRequestError: it has none; the message names the path (`messages[0].content`) and what to do.
    """
    try:
        return dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        path, problem = next(_problems(value), ("the request", f"cannot be written as JSON ({error})"))
        raise InvalidRequestError(f"{path} {problem}. Nothing was sent.") from error


# Where in the value: the parent's place and the key or index in it.
_Place = tuple["_Place | None", "str | int"]


def _problems(top: object) -> Iterator[tuple[str, str]]:
    """(path, what is wrong and what to do) of every value without a JSON form, in the order of the document."""
    waiting: list[tuple[object, _Place | None, int]] = [(top, None, 0)]
    while waiting:
        value, place, depth = waiting.pop()
        if depth > _DEEP:
            yield _path(place, first=3), "is nested too deeply, or contains itself: send a flat, finite value"
            return
        if isinstance(value, dict):
            for key in value:
                if problem := _key_problem(key):
                    yield _path(place), problem
            waiting.extend((item, (place, str(key)), depth + 1) for key, item in reversed(value.items()))
        elif isinstance(value, (list, tuple)):
            waiting.extend((value[index], (place, index), depth + 1) for index in reversed(range(len(value))))
        elif problem := _problem(value):
            yield _path(place), problem


def _problem(value: object) -> str | None:
    if isinstance(value, str):
        return _text_problem(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which JSON cannot hold: send a finite number, or leave it out"
    if isinstance(value, int) and value.bit_length() > 10_000:  # noqa: PLR2004 - Python writes no number of more than 4300 digits
        return "is an integer of thousands of digits: send it as text"
    if value is None or isinstance(value, (bool, int, float)):
        return None
    if isinstance(value, (bytes, bytearray)):
        return "is bytes: send text; a picture goes as a data: URL in base64"
    name = type(value).__name__
    return (
        f"is of type {name}, which JSON has no form for: send dicts, lists, strings, numbers (model_dump() of a model)"
    )


def _key_problem(key: object) -> str | None:
    if isinstance(key, str):
        problem = _text_problem(key)
        return f"has a key that {problem}" if problem else None
    if key is None or isinstance(key, (bool, int, float)):
        return None
    return f"has a key of type {type(key).__name__}: keys must be strings"


def _text_problem(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"holds half a character (a lone surrogate, at position {error.start}), which UTF-8 cannot hold: "
            "it comes from text decoded wrongly; decode it as UTF-8, or use text.encode(errors='replace').decode()"
        )
    return None


def _path(place: _Place | None, first: int | None = None) -> str:
    """`messages[0].content`; with `first`, only so many steps of it."""
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    steps = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in reversed(keys)]
    text = "".join(steps[:first]).lstrip(".")
    return text or "the request"
