"""The same cases where llmswitch knows the vendor as OpenAI, alone or among others, and not by `base_url`.

Among others only what goes well is the same: what fails goes to another provider.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.parity import test_answers, test_errors, test_helpers, test_raw, test_requests, test_resources, test_streams

if TYPE_CHECKING:
    from tests.parity.bench import Bench
    from tests.parity.case import Case

# What openai takes for an answer of sorts goes to another provider.
_NO_ANSWER = {"answers, models without a list"}
_ALL: list[tuple[str, Case]] = [
    (module.__name__.rpartition("_")[2], case)
    for module in (test_answers, test_errors, test_helpers, test_raw, test_requests, test_resources, test_streams)
    for case in module.CASES
    if not case.client and not case.bug
]
CASES = [replace(case, name=f"{name}, {case}", setting="openai", modes=("sync",)) for name, case in _ALL]
CASES += [
    replace(case, name=f"{name} among others, {case}", setting="others", modes=("async",))
    for name, case in _ALL
    if not case.fails and not case.differs and f"{name}, {case}" not in _NO_ANSWER
]


def test_settings_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
