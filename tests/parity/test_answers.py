"""Whole answers, as they come and as a program sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import shapes
from tests.parity.case import Case
from tests.parity.upstream import answer

if TYPE_CHECKING:
    from tests.parity.bench import Bench

CASES = [
    Case("chat", lambda client: client.chat.completions.create(**shapes.CALL), (answer(shapes.CHAT),)),
    Case("embeddings", lambda client: client.embeddings.create(**shapes.EMBED), (answer(shapes.EMBEDDING),)),
    Case("models", lambda client: client.models.list(), (answer(shapes.MODELS),)),
    Case("model", lambda client: client.models.retrieve("gpt-4o"), (answer(shapes.MODELS["data"][0]),)),
]


def test_answers_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
