"""Embeddings: openai's own body, base64 and decoding included, with and without numpy."""

from __future__ import annotations

import array
import base64
import sys
import types
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.parity import shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parity.bench import Bench

ROW = shapes.EMBEDDING["data"][0]
NUMBERS = [0.25, -1.0, 3.0000001]
LARGE = base64.b64encode(array.array("f", [index / 7 for index in range(1536)]).tobytes()).decode()
OMIT: Any = getattr(openai, "omit", openai.NOT_GIVEN)


def embedded(
    name: str,
    data: Any = ...,
    /,
    fails: str | tuple[str, ...] = (),
    differs: tuple[str, ...] = (),
    top: Any = None,
    **arguments: Any,
) -> Case:
    """An embeddings call with these arguments, answered by this data (and other fields beside it)."""
    body = {**shapes.EMBEDDING, **({} if data is ... else {"data": data}), **(top or {})}
    call: Program = lambda client: client.embeddings.create(**{**shapes.EMBED, **arguments})  # noqa: E731
    return Case(name, call, (answer(shapes.changed(body, {})),), fails=fails, differs=differs)


def made_anew(name: str, make: Callable[[], Any], fails: str | tuple[str, ...] = ()) -> Case:
    return Case(
        name, lambda client: client.embeddings.create(model="m", input=make()), (answer(shapes.EMBEDDING),), fails=fails
    )


def _raw(client: Any) -> Any:
    raw = yield client.embeddings.with_raw_response.create(**shapes.EMBED)
    yield raw.parse()


CASES = [
    embedded("base64"),
    embedded("several", [{**ROW, "index": index} for index in (1, 0, 2)], input=["a", "b", "c"]),
    embedded("large", [{**ROW, "embedding": LARGE}]),
    embedded("numbers although base64 was asked for", [{**ROW, "embedding": NUMBERS}]),
    embedded("ints", [{**ROW, "embedding": [1, 2]}]),
    embedded("float asked for", [{**ROW, "embedding": NUMBERS}], encoding_format="float"),
    embedded("float asked for, base64 given", encoding_format="float"),
    embedded("base64 asked for", encoding_format="base64"),
    embedded("encoding_format is None", encoding_format=None),
    embedded("encoding_format is NOT_GIVEN", [{**ROW, "embedding": NUMBERS}], encoding_format=openai.NOT_GIVEN),
    embedded("encoding_format is omitted", encoding_format=OMIT),
    embedded("encoding_format is unknown", encoding_format="int8"),
    embedded("encoding_format in extra_body", [{**ROW, "embedding": NUMBERS}], extra_body={"encoding_format": "float"}),
    embedded("dimensions", dimensions=256, user="u"),
    embedded("tokens", input=[1, 2, 3]),
    embedded("lists of tokens", input=[[1, 2], [3]]),
    embedded("a tuple", input=("a", "b")),
    embedded("an empty text", input=""),
    embedded("nothing", input=[]),
    embedded("no data", [], fails="ValueError"),
    embedded("data is null", None, fails="ValueError"),
    embedded("data is missing", top={"data": ...}, fails="ValueError"),
    embedded("data is text", "abc", fails=("AttributeError", "ValueError", "TypeError")),
    embedded("data is an object", {"a": 1}, fails=("AttributeError", "TypeError", "ValueError")),
    embedded("a row is null", [None, ROW], fails=("AttributeError", "ValueError", "TypeError")),
    embedded("a row without an embedding", [{"object": "embedding", "index": 0}]),
    embedded("an embedding that is null", [{**ROW, "embedding": None}]),
    embedded("an embedding that is empty", [{**ROW, "embedding": ""}]),
    embedded("an embedding that is no base64", [{**ROW, "embedding": "not base64!"}], fails=("ValueError", "Error")),
    embedded("an embedding of odd length", [{**ROW, "embedding": "AAA="}], fails=("ValueError", "Error")),
    embedded("an embedding that is a number", [{**ROW, "embedding": 1}]),
    embedded("an embedding with text inside", [{**ROW, "embedding": ["a", 1]}]),
    embedded(
        "more", [{**ROW, "x": 1}], top={"x": {"y": [1]}, "usage": {"prompt_tokens": 1, "total_tokens": 1, "x": 2}}
    ),
    *[embedded(f"no {name}", top={name: ...}) for name in ("object", "model", "usage")],
    embedded("an index as text", [{**ROW, "index": "0"}]),
    embedded("usage of floats", top={"usage": {"prompt_tokens": 1.5, "total_tokens": "1"}}),
    embedded("an unknown argument", fails="TypeError", no_such=1),
    embedded("extras", extra_headers={"X-Own": "1"}, extra_query={"a": "1"}, extra_body={"late": True}, timeout=7),
    made_anew("a generator", lambda: (text for text in ("a", "b"))),
    made_anew("a dict's keys", {"a": 1}.keys),
    Case(
        "no input", lambda client: client.embeddings.create(model="m"), (answer(shapes.EMBEDDING),), fails="TypeError"
    ),
    Case("raw", _raw, (answer(shapes.EMBEDDING),)),
]


def test_embeddings_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)


class _Array(list[float]):
    """What is used of numpy's arrays."""

    def tolist(self) -> list[float]:
        return list(self)


def _pretended() -> types.ModuleType:
    """numpy, as far as openai uses it; a number of its own shows that it was asked."""
    numpy = types.ModuleType("numpy")
    numpy.frombuffer = lambda data, dtype: _Array([*array.array(dtype[0], data), 42.0])  # type: ignore[attr-defined]
    return numpy


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("numpy", ["absent", "pretended", "real"])
def test_numpy_there_or_not(bench: Bench, monkeypatch: pytest.MonkeyPatch, numpy: str, mode: str) -> None:
    if numpy == "real" and find_spec("numpy") is None:
        pytest.skip("numpy is not installed")
    if numpy != "real":
        monkeypatch.setitem(sys.modules, "numpy", None if numpy == "absent" else _pretended())
    for case in CASES[:4]:
        bench.compare(case, mode)
