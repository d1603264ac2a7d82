"""The picture of a run: CPU of a call and of a stream, and the latency that many streams at once add, as SVG."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Result = dict[str, Any]

WIDTH: Final = 760
LEFT: Final = 110  # where bars begin
COLOURS: Final = {
    "llmswitch": "#0b7a5c",
    "openai": "#3b6fb6",
    "litellm": "#c2722d",
    "any-llm": "#8a5aa8",
    "aisuite": "#7a7a7a",
}
GROUPS: Final = (("sync", "CPU of a call"), ("stream", "CPU of a stream of 200 chunks"))
ROW: Final = 18
LEAST: Final = 10.0  # microseconds; less is noise
STYLE: Final = (
    "text { font: 12px system-ui, sans-serif; fill: #222 } .title { font-size: 14px; font-weight: 600 } "
    ".faint { fill: #666 } .right { text-anchor: end } .middle { text-anchor: middle } "
    "line { stroke: #ddd } polyline { fill: none; stroke-width: 2 }"
)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def _time(micros: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if micros >= size:
            return f"{micros / size:.3g} {unit}"
    return f"{micros:.3g} us"


def bars(rows: Sequence[Result], title: str, y: float) -> Iterator[str]:
    """A bar a client, the longest across the picture."""
    yield _text(16, y, title, "title")
    most = max(row["cpu"] for row in rows)
    for place, row in enumerate(sorted(rows, key=lambda row: row["cpu"])):
        top, length = y + 12 + ROW * place, max(1.5, row["cpu"] / most * (WIDTH - LEFT - 130))
        yield _text(LEFT - 8, top + 11, row["client"], "right")
        yield f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{ROW - 5}" fill="{COLOURS[row["client"]]}"/>'
        ratio = f", {row['ratio']:.2f}x" if "ratio" in row and row["client"] != "openai" else ""
        yield _text(LEFT + length + 6, top + 11, _time(row["cpu"]) + ratio)


def curves(result: Result, how: str, x: float, y: float, width: float, height: float) -> Iterator[str]:
    """Added latency over the number of streams, both on logarithmic axes: p50 as a line, p99 dashed."""
    bare = {row["streams"]: row for row in result["scale"] if row["client"] == "bare" and row["how"] == how}
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for row in result["scale"]:
        if row["how"] != how or row["client"] == "bare" or "failed" in row:
            continue
        for which in ("p50", "p99"):
            added = row[which] - bare[row["streams"]][which]
            if added > LEAST:
                points.setdefault((row["client"], which), []).append((row["streams"], added))
    widths = sorted(bare)
    values = [value for line in points.values() for _, value in line]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)

    def at(streams: int, value: float) -> tuple[float, float]:
        along = widths.index(streams) / max(1, len(widths) - 1)
        return x + along * width, y + height - (math.log10(value) - low) / max(1, high - low) * height

    for power in range(low, high + 1):
        _, level = at(widths[0], 10.0**power)
        yield f'<line x1="{x}" x2="{x + width}" y1="{level:.1f}" y2="{level:.1f}"/>'
        yield _text(x - 6, level + 4, _time(10.0**power), "right faint")
    for streams in widths:
        yield _text(at(streams, 1)[0], y + height + 16, f"{streams:,}".replace(",", " "), "middle faint")
    for (client, which), line in points.items():
        path = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in line)
        dashes = ' stroke-dasharray="4 4"' if which == "p99" else ""
        yield f'<polyline points="{path}" stroke="{COLOURS[client]}"{dashes}/>'


def draw(result: Result) -> str:
    """The picture, of what was measured of it."""
    parts: list[str] = []
    y = 26.0
    for mode, title in GROUPS:
        rows = [row for row in result.get("calls", ()) if row["mode"] == mode and row["client"] in COLOURS]
        if rows:
            parts += bars(rows, title, y)
            y += 34 + ROW * len(rows)
    if result.get("scale"):
        parts.append(_text(16, y, "Added latency of a chunk, by streams at once: p50, and dashed p99", "title"))
        for place, (how, words) in enumerate((("threads", "one thread a stream"), ("loop", "one event loop"))):
            x = 70.0 + place * 370
            parts.append(_text(x + 145, y + 22, words, "middle faint"))
            parts += curves(result, how, x, y + 34, 290, 170)
        y += 245
        x = LEFT - 40.0
        for client in dict.fromkeys(row["client"] for row in result["scale"] if row["client"] in COLOURS):
            parts.append(f'<rect x="{x}" y="{y - 10:.1f}" width="12" height="12" fill="{COLOURS[client]}"/>')
            parts.append(_text(x + 17, y, client))
            x += 110
        y += 26
    machine = result["machine"]
    footer = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {result['python']}, {result['date']}"
    )
    parts.append(_text(16, y, footer, "faint"))
    height = y + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="CPU and latency of llmswitch beside other clients"><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
