"""Draws docs/demo.svg, the last picture of a real run of the demo: `python docs/draw_demo.py`, after the demo has changed."""

from __future__ import annotations

import contextlib
import io
import re
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from llmswitch.cli import demo
from llmswitch.cli._traffic import Traffic
from llmswitch.cli._view import Picture, Stage, swap
from llmswitch.sandbox import Sandbox

SECONDS, BLOCK_AFTER, WIDTH = 12.0, 5.0, 92
COLOURS = {"-": "red", "+": "green", " ": "dim"}


def run() -> tuple[Picture, str]:
    """The picture at the end of a run, and the summary."""
    with Sandbox(providers=demo.PROVIDERS, pace=0.01) as sandbox, demo._environment(sandbox):  # noqa: SLF001 - this draws what the demo does
        traffic = Traffic()
        stage = Stage(story=traffic.story, blocked="OpenAI", block_at=time.time() + BLOCK_AFTER, introduction="")
        sandbox.fault("openai@global", "region_block", at=stage.block_at)
        with traffic:
            time.sleep(SECONDS)
        summary = demo.Summary.of(traffic.story, sandbox)
    if not summary.passed:
        raise SystemExit("the demo did not pass")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        summary.print()
    return Picture(stage), said.getvalue().partition("Next,")[0].rstrip()


def draw() -> str:
    """The SVG, without the web fonts that rich would have it load."""
    picture, summary = run()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    for mark, line in swap():
        console.print(Text(f"{mark} {line}", style=COLOURS[mark]))
    console.print()
    console.print(picture.render())
    console.print(Text(summary))
    svg = console.export_svg(title="llmswitch demo: OpenAI stops serving, mid-traffic")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    Path(__file__).with_name("demo.svg").write_text(draw(), encoding="utf-8")
