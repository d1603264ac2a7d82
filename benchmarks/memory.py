"""Whether memory stays flat over many calls: the resident set, sampled, and its slope in bytes a call."""

from __future__ import annotations

import gc
import importlib
import os
from typing import TYPE_CHECKING

from benchmarks import calls, clients
from benchmarks.scale import resident

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = 40
# What the calls are -> how many of them.
KINDS = {"sync": 20_000, "async": 20_000, "streams": 1_000, "dropped streams": 2_000, "a failing provider": 20_000}


def slope(samples: list[tuple[int, int]]) -> float:
    """Bytes a call, by least squares."""
    middle_x = sum(x for x, _ in samples) / len(samples)
    middle_y = sum(y for _, y in samples) / len(samples)
    over = sum((x - middle_x) * (y - middle_y) for x, y in samples)
    return over / sum((x - middle_x) ** 2 for x, _ in samples)


def measure(name: str, upstream: str, kind: str, number: int) -> dict[str, object]:
    """The slope over the second half of so many calls, and the size at the first and at the last sample."""
    work, width = _work(name, upstream, kind)
    count = min(SAMPLES, max(4, number // width))
    each = max(1, number // count // width)
    samples = []
    for sample in range(1, count + 1):
        work(each)
        gc.collect()
        samples.append((sample * each * width, resident()))
    return {
        "slope": slope(samples[count // 2 :]),
        "first": samples[0][1],
        "last": samples[-1][1],
        "calls": samples[-1][0],
    }


def _work(name: str, upstream: str, kind: str) -> tuple[Callable[[int], None], int]:
    """What makes calls of a kind, and how many at once."""
    url = f"{upstream}/plain/v1"
    modes = {"sync": "sync", "async": "async", "streams": "stream"}
    if kind in modes and (found := calls.prepare(name, url, modes[kind])) is not None:
        return found
    client = clients.blocking(name, url)
    if kind != "dropped streams":  # the first provider fails, the second answers
        os.environ["LLMSWITCH_OPENAI_BASE_URL"] = f"{upstream}/failing/v1"
        client = clients.Blocking(importlib.import_module("llmswitch").OpenAI().chat.completions.create)

    def work(times: int) -> None:
        for _ in range(times):
            if kind == "dropped streams":
                next(iter(client.create(**clients.CHAT, stream=True)))
            else:
                client.create(**clients.CHAT)

    return work, 1
