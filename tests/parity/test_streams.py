"""Streams, chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import Answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench


def streamed(name: str, *answers: Answer, differs: tuple[str, ...] = (), fails: str | None = None) -> Case:
    call: Program = lambda client: client.chat.completions.create(**shapes.CALL, stream=True)  # noqa: E731
    return Case(name, call, answers, differs=differs, fails=fails)


CASES = [
    streamed("plain", events(*shapes.CHUNKS)),
    streamed("with usage", events(*shapes.CHUNKS, shapes.USAGE_CHUNK)),
    streamed("tools", events(*shapes.TOOL_CHUNKS)),
]


def test_streams_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
