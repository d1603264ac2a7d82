"""The measurements, one after the other, for several clients in turn: plain data out."""

from __future__ import annotations

import datetime as dt
import os
import platform
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import calls, growth, memory
from benchmarks.processes import Failed, Upstream, Worker, interpreter, seconds_of_import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Result = dict[str, Any]

CLIENTS = ("bare", "openai", "llmswitch", "litellm", "any-llm", "aisuite")
PACKAGES = {
    "openai": ["openai", "httpx2"],
    "llmswitch": ["llmswitch", "openai"],
    "litellm": ["litellm", "openai"],
    "any-llm": ["any-llm-sdk", "openai"],
    "aisuite": ["aisuite", "openai"],
}
IMPORTS = (
    ("openai", "import openai"),
    ("llmswitch", "import openai"),
    ("llmswitch", "import llmswitch"),
    ("llmswitch", "from llmswitch import OpenAI"),
    ("litellm", "import litellm"),
    ("any-llm", "import any_llm"),
    ("aisuite", "import aisuite"),
)
# Streams at once, milliseconds between two chunks of one, chunks of each.
SCALES = ((1, 10, 200), (32, 20, 100), (1_000, 500, 20))
LIMIT = 30.0  # seconds for the paced streams, and for those as fast as they go


class Run:
    """One run: who takes part, how thoroughly, and where progress is told."""

    def __init__(self, only: Sequence[str], *, quick: bool, tell: Callable[[str], None]) -> None:
        self.clients = [client for client in CLIENTS if client in only or client == "bare"]
        self.rounds = 2 if quick else 5
        self.seconds = 0.1 if quick else 0.3
        self.quick, self.tell = quick, tell

    def about(self) -> Result:
        """The machine, the day, and what is installed."""
        with ExitStack() as stack:
            upstream = stack.enter_context(Upstream())
            versions = {
                client: stack.enter_context(Worker(client, upstream)).run("versions", 60, packages=PACKAGES[client])
                for client in self.clients
                if client != "bare"
            }
        machine = {"cpu": processor(), "cores": os.cpu_count(), "system": platform.system()}
        python = platform.python_version()
        return {"date": dt.datetime.now(dt.UTC).date().isoformat(), "machine": machine, "python": python,
                "quick": self.quick, "versions": versions}  # fmt: skip

    def imports(self) -> list[Result]:
        """Milliseconds of each import, the least of some; the first, which may have to compile, does not count."""
        wanted = [(client, statement) for client, statement in IMPORTS if client in self.clients]
        best: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in wanted}
        for number in range(self.rounds + 1):
            self.tell(f"imports, round {number} of {self.rounds}")
            for key in wanted:
                took = seconds_of_import(*key)
                if number:
                    best[key].append(took)
        return [
            {"client": client, "statement": statement, "cpu": 1e3 * min(cpu for cpu, _ in times),
             "wall": 1e3 * min(wall for _, wall in times)}
            for (client, statement), times in best.items()
        ]  # fmt: skip

    def calls(self) -> list[Result]:
        """Microseconds of each kind of call: the least of some rounds, in which the clients take turns.

        `ratio` is the median over the rounds of this client's CPU by openai's in the same round.
        """
        rounds: dict[tuple[str, str], list[Result]] = {}
        with ExitStack() as stack:
            upstream = stack.enter_context(Upstream())
            workers = {client: stack.enter_context(Worker(client, upstream)) for client in self.clients}
            for mode in calls.MODES:
                for number in range(1, self.rounds + 1):
                    self.tell(f"calls: {mode}, round {number} of {self.rounds}")
                    for client, worker in workers.items():
                        taken = worker.run("calls", 120, mode=mode, seconds=self.seconds)
                        if taken:
                            rounds.setdefault((mode, client), []).append(taken)
        return [
            self._row(mode, client, taken, rounds.get((mode, "openai"))) for (mode, client), taken in rounds.items()
        ]

    @staticmethod
    def _row(mode: str, client: str, taken: list[Result], openai: list[Result] | None) -> Result:
        row = {"mode": mode, "client": client, **{what: min(one[what] for one in taken) for what in ("cpu", "wall")}}
        if openai:
            pairs = zip(taken, openai, strict=True)
            row["ratio"] = statistics.median(one["cpu"] / other["cpu"] for one, other in pairs)
        return row

    def scale(self) -> list[Result]:
        """Many streams at once: each client in a fresh process, beside the bare one just before."""
        rows = []
        for streams, pace, chunks in SCALES[: 2 if self.quick else None]:
            for how in ("threads", "loop"):
                for client in self.clients:
                    self.tell(f"scale: {streams} streams, {how}, {client}")
                    row: Result = {"client": client, "how": how, "streams": streams, "pace": pace}
                    rows.append(row | self._fresh(client, "scale", 2 * LIMIT + 20, how=how, width=streams, pace=pace,
                                                  chunks=chunks, limit=LIMIT))  # fmt: skip
        return rows

    def growth(self) -> list[Result]:
        """CPU of one unit at several sizes."""
        rows = []
        for name, axis in growth.AXES.items():
            for client in ("openai", "llmswitch"):
                if client not in self.clients or (client == "openai" and not axis.shared):
                    continue
                self.tell(f"growth: {name}, {client}")
                sizes = axis.sizes[: 2 if self.quick else None]
                with Upstream() as upstream, Worker(client, upstream) as worker:
                    values = [worker.run("growth", 240, axis=name, size=size)["value"] for size in sizes]
                rows.append({"axis": name, "unit": axis.unit, "client": client, "sizes": sizes, "values": values})
        return rows

    def memory(self) -> list[Result]:
        """The slope of memory over many calls."""
        rows = []
        for kind, number in memory.KINDS.items() if "llmswitch" in self.clients else ():
            self.tell(f"memory: {kind}")
            taken = self._fresh("llmswitch", "memory", 300, kind=kind, number=number // (10 if self.quick else 1))
            rows.append({"client": "llmswitch", "kind": kind, **taken})
        return rows

    def profile(self) -> list[Result]:
        """Where the CPU of a call and of a stream goes, by layer."""
        rows = []
        for mode in ("sync", "stream"):
            for client in ("openai", "llmswitch"):
                if client in self.clients:
                    self.tell(f"profile: {mode}, {client}")
                    taken = self._fresh(client, "profiling", 120, mode=mode, detailed=False)
                    rows.append({"client": client, "mode": mode, **taken})
        return rows

    def _fresh(self, client: str, task: str, patience: float, **arguments: object) -> Result:
        """What the task gives in a process of its own, or {"failed": why}."""
        with Upstream() as upstream, Worker(client, upstream) as worker:
            try:
                result: Result = worker.run(task, patience, **arguments)
            except Failed as failed:
                self.tell(f"  {failed}")
                return {"failed": str(failed)}
            return result


PARTS = ("imports", "calls", "profile", "scale", "growth", "memory")


def everything(run: Run, parts: Iterable[str]) -> Iterator[Result]:
    """These parts, one by one: what there is so far after each."""
    result = run.about()
    for part in parts:
        result[part] = getattr(run, part)()
        yield result


def missing(clients: Iterable[str]) -> list[str]:
    """The clients that have no environment."""
    return [client for client in clients if not interpreter(client).exists()]


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip()
            for line in information.read_text().splitlines()
            if line.startswith("model name")
        ]
        if names:
            return names[0]
    return platform.processor() or platform.machine() or sys.platform
