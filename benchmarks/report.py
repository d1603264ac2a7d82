"""From the numbers of a run to tables, and into the documents: `<!-- benchmark NAME: ... -->` to `<!-- end -->` is written anew."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from benchmarks import chart
from benchmarks.clients import MODULES
from benchmarks.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


Result = dict[str, Any]

DOCS: Final = ROOT / "docs"
KEPT: Final = DOCS / "benchmark.json"
DOCUMENTS: Final = (ROOT / "README.md", ROOT / "README.zh-CN.md", DOCS / "performance.md")
BARE: Final = "bare sockets"
OURS: Final = "benchmarks"
NONE: Final = "–"
MODES: Final = {
    "sync": "call",
    "async": "call, async",
    "stream": "stream of 200 chunks",
    "astream": "stream of 200 chunks, async",
    "reasoned": "the same with `reasoning_content`",
    "embeddings": "embedding",
    "aembeddings": "embedding, async",
}
CHINESE: Final = {
    "CPU of a": "每次所用 CPU",
    "call": "调用",
    "call, async": "异步调用",
    "stream of 200 chunks": "200 个分片的流",
    "stream of 200 chunks, async": "200 个分片的异步流",
    "import": "导入",
}
SUMMARY: Final = ("sync", "async", "stream", "astream")


def number(value: float) -> str:
    """About three digits, thousands apart."""
    if value >= 100 or isinstance(value, int):
        return f"{value:,.0f}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def micros(value: float) -> str:
    """A time given in microseconds; what noise has made negative is about nothing."""
    if value < 1:
        return "~0"
    if value >= 1e6:
        return f"{number(value / 1e6)} s"
    return f"{number(value / 1e3)} ms" if value >= 1e4 else f"{number(round(value))} us"


def named(client: str) -> str:
    """As the tables call a client."""
    return {"bare": BARE, "litellm": "litellm Router"}.get(client, client)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield "|---" + "|---:" * (len(head) - 1) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _clients(rows: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(row["client"] for row in rows))


def calls(result: Result, what: str) -> Iterator[str]:
    """A kind of call a row, a client a column; `what` is cpu or wall."""
    found = {(row["mode"], row["client"]): row for row in result["calls"]}
    clients = _clients(result["calls"])

    def cell(mode: str, client: str) -> str:
        row = found.get((mode, client))
        if row is None:
            return NONE
        ratio = (
            f" ({row['ratio']:.2f}x)" if what == "cpu" and client not in ("openai", "bare") and "ratio" in row else ""
        )
        return micros(row[what]) + ratio

    rows = ([words, *(cell(mode, client) for client in clients)] for mode, words in MODES.items())
    yield from table([{"cpu": "CPU of a", "wall": "elapsed time of a"}[what], *map(named, clients)], rows)


def imports(result: Result) -> Iterator[str]:
    """What imports cost."""
    where = {"openai": "without llmswitch", "llmswitch": "with llmswitch"}
    rows = [
        [
            f"`{row['statement']}`",
            where.get(row["client"], ""),
            f"{number(round(row['cpu']))} ms",
            f"{number(round(row['wall']))} ms",
        ]
        for row in result["imports"]
    ]
    yield from table(["import", "environment", "CPU", "elapsed"], rows)


def profile(result: Result) -> Iterator[str]:
    """Where CPU goes, a layer a row: shares of what the call costs at best, where that was measured."""
    best = {(row["mode"], row["client"]): row["cpu"] for row in result.get("calls", ())}
    rows = result["profile"]
    factors = [best.get((row["mode"], row["client"]), row["total"]) / row["total"] for row in rows]
    layers = dict.fromkeys(
        layer for row in rows for layer, spent in row["layers"].items() if spent >= row["total"] / 100 and layer != OURS
    )

    def cells(spent: Iterable[float]) -> list[str]:
        values = [factor * one for factor, one in zip(factors, spent, strict=True)]
        return [micros(value) if value else NONE for value in values]

    def others(row: Result) -> float:
        spent: dict[str, float] = row["layers"]
        return sum(spent[layer] for layer in spent if layer not in layers)

    lines = [[f"`{layer}`", *cells(row["layers"].get(layer, 0.0) for row in rows)] for layer in sorted(layers)]
    lines.append(["everything else", *cells(map(others, rows))])
    lines.append(["together", *cells(row["total"] for row in rows)])
    yield from table(["CPU in", *(f"{row['client']}, {MODES[row['mode']]}" for row in rows)], lines)


def _scale(result: Result, head: str, cell: Callable[[Result, Result], str]) -> Iterator[str]:
    rows = {(row["client"], row["how"], row["streams"]): row for row in result["scale"]}
    widths = sorted({streams for *_, streams in rows})
    lines = []
    for how in ("threads", "loop"):
        for client in _clients(result["scale"]):
            cells = []
            for streams in widths:
                row, bare = rows[client, how, streams], rows["bare", how, streams]
                cells.append(NONE if "failed" in row or "failed" in bare else cell(row, bare))
            lines.append([f"{named(client)}, {'threads' if how == 'threads' else 'event loop'}", *cells])
    yield from table([head, *(f"{number(streams)} at once" for streams in widths)], lines)


def latency(result: Result) -> Iterator[str]:
    """What each client adds to a chunk's way; of the bare one, the whole way."""

    def cell(row: Result, bare: Result) -> str:
        own = row["client"] == "bare"
        return " / ".join(micros(row[which] - (0 if own else bare[which])) for which in ("p50", "p99"))

    yield from _scale(result, "added latency of a chunk, p50 / p99", cell)


def throughput(result: Result) -> Iterator[str]:
    """Chunks a second."""
    yield from _scale(result, "chunks a second", lambda row, _: number(row["chunks"]))


def footprint(result: Result) -> Iterator[str]:
    """CPU of a chunk that comes alone, and memory of an open stream where there are enough to tell."""

    def cell(row: Result, _: Result) -> str:
        memory = f" / {row['memory'] / 1024:.0f} KiB" if row["streams"] >= 32 else ""  # below, it is noise
        return micros(row["cpu"]) + memory

    yield from _scale(result, "CPU of a chunk / memory of a stream", cell)


def growth(result: Result) -> Iterator[str]:
    """The cost of a unit at growing sizes."""
    most = max(len(row["sizes"]) for row in result["growth"])
    rows = []
    for row in result["growth"]:
        cells = [f"{number(size)}: {number(value)}" for size, value in zip(row["sizes"], row["values"], strict=True)]
        rows.append([row["axis"], row["client"], row["unit"], *cells])
    yield from table(["what grows", "client", "CPU", *[""] * most], rows)


def memory(result: Result) -> Iterator[str]:
    """Memory over many calls."""
    rows = [
        [row["kind"], number(row["calls"]), f"{row['first'] / 1e6:.1f} MB",
         f"{row['last'] / 1e6:.1f} MB", f"{row['slope']:+.0f} bytes a call"]
        for row in result["memory"]
    ]  # fmt: skip
    yield from table(["calls of llmswitch", "number", "at first", "at last", "slope of the second half"], rows)


def where(result: Result) -> Iterator[str]:
    """The machine, the day and the versions."""
    machine, versions = result["machine"], []
    for client, packages in result["versions"].items():
        own = [
            f"{package} {version}" for package, version in packages.items() if client == "openai" or package != "openai"
        ]
        versions.append(", ".join(own) + ("" if client == "openai" else f" (with openai {packages['openai']})"))
    yield (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {result['python']}, {result['date']}"
        f"{' (a quick run)' if result['quick'] else ''}: {', '.join(versions)}."
    )


def summary(result: Result, words: dict[str, str]) -> Iterator[str]:
    """For the READMEs: CPU of a call, of a stream and of the import, a client a column."""
    spent = {(row["mode"], row["client"]): micros(row["cpu"]) for row in result["calls"]}
    for row in result["imports"]:
        if row["statement"] in ("from llmswitch import OpenAI", f"import {MODULES[row['client']]}"):
            spent["import", row["client"]] = f"{number(round(row['cpu']))} ms"
    clients = [client for client in _clients(result["calls"]) if client != "bare"]
    labels = {**{mode: MODES[mode] for mode in SUMMARY}, "import": "import"}
    rows = (
        [words.get(label, label), *(spent.get((what, client), NONE) for client in clients)]
        for what, label in labels.items()
    )
    yield from table([words.get("CPU of a", "CPU of a"), *map(named, clients)], rows)


BLOCKS: Final = {
    "where": (where, ("machine",)),
    "calls": (lambda result: calls(result, "cpu"), ("calls",)),
    "elapsed": (lambda result: calls(result, "wall"), ("calls",)),
    "imports": (imports, ("imports",)),
    "profile": (profile, ("profile",)),
    "latency": (latency, ("scale",)),
    "throughput": (throughput, ("scale",)),
    "footprint": (footprint, ("scale",)),
    "growth": (growth, ("growth",)),
    "memory": (memory, ("memory",)),
}


def tables(result: Result) -> str:
    """Everything that was measured, as text."""
    parts = ("\n".join(block(result)) for block, needs in BLOCKS.values() if all(result.get(need) for need in needs))
    return "\n\n".join(parts)


def filled(document: Path, result: Result) -> str:
    """The document's text with its tables as they follow from these numbers."""
    words = CHINESE if document.name.endswith("zh-CN.md") else {}

    def block(mark: re.Match[str]) -> str:
        if mark[2] == "summary":
            return f"{mark[1]}{chr(10).join(summary(result, words))}\n{mark[3]}"
        lines, needs = BLOCKS[mark[2]]
        return (
            f"{mark[1]}{chr(10).join(lines(result))}\n{mark[3]}" if all(result.get(need) for need in needs) else mark[0]
        )

    text = document.read_text(encoding="utf-8")
    return re.sub(r"(<!-- benchmark (\w+): [^\n]* -->\n).*?(<!-- end -->)", block, text, flags=re.DOTALL)


def write(result: Result) -> None:
    """Bring the numbers, the picture and the tables in the documents up to date."""
    KEPT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (DOCS / "benchmark.svg").write_text(chart.draw(result), encoding="utf-8")
    for document in DOCUMENTS:
        document.write_text(filled(document, result), encoding="utf-8")
