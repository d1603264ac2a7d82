"""Where a call's CPU goes: by layer from samples, which cost nothing, and by function from cProfile, which makes small ones look larger."""

from __future__ import annotations

import cProfile
import io
import pstats
import re
import signal
import time
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from benchmarks import calls
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Profile(TypedDict):
    """What `measure` gives."""

    total: float
    layers: dict[str, float]
    functions: str


INTERVAL = 0.001  # seconds of CPU between two samples
TOP = 25
_STANDARD = ("json", "asyncio", "ssl")  # parts of the standard library that count for themselves
_LENT = ("typing_extensions",)  # packages that, too, count for their caller
_FOLDERS = re.compile(rf"^.*/(?:site-packages|python3\.\d+)/|^{re.escape(str(ROOT))}/(?!\.bench)")


def short(path: str) -> str:
    """A file's name from its package on."""
    return _FOLDERS.sub("", path)


@cache
def layer_of(path: str) -> str | None:
    """The package that a file belongs to, of ours the module; None for what counts for whoever called it."""
    package, *rest = short(path).removesuffix(".py").split("/")
    if package == "llmswitch":
        return f"{package}.{rest[0]}"
    installed = "/site-packages/" in path and package not in _LENT
    return package if installed or package in (*_STANDARD, "benchmarks") else None


def layer(frame: FrameType | None) -> str:
    """Who is at work in this stack."""
    while frame is not None:
        if found := layer_of(frame.f_code.co_filename):
            return found
        frame = frame.f_back
    return "elsewhere"


def sampled(run: Callable[[], int]) -> tuple[Counter[str], float]:
    """How many samples fell into each layer, and the CPU seconds of a call."""
    found: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        found[layer(frame)] += 1

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    started = time.process_time()
    try:
        done = run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return found, (time.process_time() - started) / done


def functions(run: Callable[[], int]) -> str:
    """The functions that take most time themselves."""
    profiler = cProfile.Profile(time.process_time)
    done = profiler.runcall(run)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(TOP)
    rows = [line for line in text.getvalue().splitlines() if re.match(r"\s+\d", line)][1:]
    lines = [f"{'us a call':>10} {'calls':>6}  function"]
    for row in rows:
        count, own, _, _, _, where = row.split(None, 5)
        lines.append(f"{1e6 * float(own) / done:10.1f} {int(count.partition('/')[0]) / done:6.1f}  {short(where)}")
    return "\n".join(lines)


def measure(name: str, upstream: str, mode: str, *, seconds: float = 3.0, detailed: bool = True) -> Profile:
    """Microseconds of a call, in all and by layer; `detailed`: by function, too."""
    prepared = calls.prepare(name, f"{upstream}/{calls.MODES[mode]}/v1", mode)
    assert prepared is not None
    work, width = prepared

    def run() -> int:
        done, end = 0, time.process_time() + seconds
        while time.process_time() < end:
            work(1)
            done += width
        return done

    work(5)  # so that what is loaded late is there
    found, spent = sampled(run)
    share = 1e6 * spent / sum(found.values())
    layers = {where: share * count for where, count in found.most_common()}
    return {"total": 1e6 * spent, "layers": layers, "functions": functions(run) if detailed else ""}


def text(name: str, mode: str, profile: Profile) -> str:
    """For people."""
    total = profile["total"]
    lines = [f"{name}, {mode}: {total:.0f} us of CPU a call", "", f"{'us':>8} {'share':>6}  layer"]
    lines += [f"{spent:8.1f} {spent / total:6.1%}  {where}" for where, spent in profile["layers"].items()]
    return "\n".join([*lines, "", "by function, under cProfile:", "", profile["functions"]])
