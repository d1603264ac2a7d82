"""`llmswitch demo`: an app meets the block of 9 July 2024, on a sandbox."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from llmswitch.cli._output import FAILED, print_json, print_table, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.adapter import Adapter
    from llmswitch.cli._traffic import Story
    from llmswitch.sandbox import Sandbox

SHORTEST, LONGEST = 4.0, 20.0
_REGION: Final = "CN"
_BLOCKED: Final = "openai@global"
PROVIDERS: Final = ("openai", "qwen@cn", "qwen@intl", "ernie", "zhipu@cn", "zhipu@intl", "azure")
_PACE: Final = 0.01  # seconds between the pieces of an answer
_BEFORE: Final = 0.4  # share of the time that passes before the block
_TICK: Final = 0.1
_FIRST_ANSWER: Final = 8.0  # seconds
_INTRODUCTION: Final = """\
This is a sandbox: OpenAI, Qwen, Ernie and Zhipu on this machine, with made-up
keys. Nothing leaves it. It plays 8 July 2024 in region CN, the eve of OpenAI's
block. Today llmswitch knows that OpenAI does not serve CN and would not even
ask; for the play, its settings say [providers.openai] serves_also = ["CN"], and
nobody tells the app the date.

OpenAI's own quickstart, one line changed, runs again and again:"""


@verb
def demo(
    seconds: Annotated[float, typer.Option(min=SHORTEST, max=LONGEST, help="How long the traffic lasts.")] = 12.0,
    local: Annotated[
        bool | None, typer.Option(help="Let the local model write the answers. Default: if it is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Only the summary, in JSON.")] = False,
) -> None:
    """Watch an app survive OpenAI's block: no key, no network, under 30 seconds.

    \b
    llmswitch demo
    llmswitch demo --seconds 20 --local
    llmswitch demo --json

    Exit code 1: a call failed, or the blocked endpoint was asked again after it had refused.
    """
    from llmswitch.cli._traffic import Traffic
    from llmswitch.cli._view import Picture, Plain, Quiet, Stage, View
    from llmswitch.cli.sandbox import generator
    from llmswitch.sandbox import Sandbox

    voice = generator(local)
    pace = 0.0 if voice else _PACE
    with Sandbox(providers=PROVIDERS, generator=voice, pace=pace) as sandbox, _environment(sandbox):
        traffic = Traffic()
        with traffic:
            # The clock starts with the first answer: on a busy machine loading takes longer than the quiet before the block.
            traffic.await_first(_FIRST_ANSWER)
            started = time.time()
            block_at = started + seconds * _BEFORE
            sandbox.fault(_BLOCKED, "region_block", at=block_at)
            stage = Stage(story=traffic.story, blocked="OpenAI", block_at=block_at, introduction=_INTRODUCTION)
            view: View = Quiet() if as_json else Picture(stage) if sys.stdout.isatty() else Plain(stage)
            with view:
                while time.time() < started + seconds:
                    time.sleep(_TICK)
                    view.tick()
                traffic.stop()
        summary = Summary.of(traffic.story, sandbox)
    if as_json:
        print_json(summary.to_dict())
    else:
        summary.print()
    if not summary.passed:
        raise typer.Exit(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How it went. `hits` counts the requests that the blocked endpoint refused; `allowed` those under way at the first."""

    story: Story
    hits: int
    allowed: int

    @classmethod
    def of(cls, story: Story, sandbox: Sandbox) -> Summary:
        """What the app saw, and what the sandbox saw."""
        refused = [request.time for request in sandbox.requests(_BLOCKED) if request.fault is not None]
        return cls(story=story, hits=len(refused), allowed=max(1, story.under_way(refused[0])) if refused else 1)

    @property
    def passed(self) -> bool:
        """Whether the claim holds: the block was met, no call failed, and nobody knocked twice."""
        return not self.story.failed and 1 <= self.hits <= self.allowed and len(self.story.calls()) > 1

    def to_dict(self) -> dict[str, Any]:
        """Plain data; milliseconds."""
        story = self.story
        detour = story.detour()
        return {
            "passed": self.passed,
            "requests": len(story.samples),
            "failed": len(story.failed),
            "errors": sorted({str(sample.error) for sample in story.failed}),
            "blocked_endpoint": _BLOCKED,
            "blocked_hits": self.hits,
            "blocked_hits_allowed": self.allowed,
            "rerouted_in_ms": None if detour is None else round(detour, 1),
            "providers": {
                name: {
                    "calls": calls,
                    "tokens": story.tokens()[name],
                    "first_token_ms": round(story.first_token(name), 1),
                }
                for name, calls in story.calls().items()
            },
        }

    def print(self) -> None:
        """For people: the figures, and the two lines they need next."""
        from llmswitch.cli._traffic import IMPORT, SWAPPED

        found = self.to_dict()
        detour = "-" if found["rerouted_in_ms"] is None else f"{found['rerouted_in_ms']:.0f} ms"
        rows = [
            ("requests", f"{found['requests']:,}"),
            ("failed", f"{found['failed']:,}"),
            ("hits on the blocked endpoint", f"{self.hits} (calls under way at that moment: {self.allowed})"),
            ("time to route around", detour),
        ]
        rows += [
            (
                f"{name}",
                f"{of['calls']:,} calls, {of['tokens']:,} tokens, first token after {of['first_token_ms']:.0f} ms",
            )
            for name, of in found["providers"].items()
        ]
        typer.echo("")
        print_table(("summary", ""), rows)
        for error in found["errors"]:
            typer.echo(f"\n{error}")
        typer.echo(f"\n{'Passed' if self.passed else 'NOT passed'}. Next, in your own app:\n")
        typer.echo(f"  {SWAPPED}     # was: {IMPORT}")
        typer.echo("  export DASHSCOPE_API_KEY=sk-...  # a provider's that serves you: llmswitch doctor")
        typer.echo("\nA date that is known goes into llmswitch.toml, [[cutover]]: then not even one call is refused.")


@contextlib.contextmanager
def _environment(sandbox: Sandbox) -> Iterator[None]:
    """The process's environment pointing at the sandbox alone: the user's keys, settings and proxies are out of it."""
    from llmswitch import adapter

    known = {key for name in adapter.adapters() for key in _variables(adapter.get(name))}
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="llmswitch-demo-") as folder:
        settings = Path(folder) / "llmswitch.toml"
        settings.write_text(f'[providers.openai]\nserves_also = ["{_REGION}"]\n', encoding="utf-8")
        for name in before:
            if name in known or name.startswith(("LLMSWITCH_", "OPENAI_")) or name.lower().endswith("_proxy"):
                del os.environ[name]
        os.environ.update(sandbox.environment, LLMSWITCH_REGION=_REGION, LLMSWITCH_CONFIG=str(settings))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _variables(adapter: Adapter) -> Iterator[str]:
    yield from adapter.key_env
    for site in adapter.sites:
        yield from site.key_env
