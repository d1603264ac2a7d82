"""What the demo shows while it runs: a live picture on a terminal, plain lines in a pipe, nothing under `--json`."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

import typer

from llmswitch.cli._output import console
from llmswitch.cli._traffic import IMPORT, QUICKSTART, SWAPPED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table

    from llmswitch.cli._traffic import Sample, Story
    from llmswitch.hooks import Event

_STATUS_EVERY: Final = 2.0  # seconds, in a pipe
_EVENTS: Final = 6
_REFRESH: Final = 8  # times a second
_COLOURS: Final = ("green", "cyan", "magenta", "yellow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the view looks at: the story, who is blocked from when (unix time), the introduction."""

    story: Story
    blocked: str
    block_at: float
    introduction: str

    @property
    def announcement(self) -> str:
        """What OpenAI says."""
        return f"{self.blocked} announces: from {clock(self.block_at)} on, it does not serve this region"

    def notable(self) -> list[Event]:
        """Everything but plain answers."""
        return [event for event in list(self.story.events) if event.name != "attempt" or event.kind is not None]


class View(Protocol):
    """Shows a stage while its context lasts."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the last state and end."""
        ...

    def tick(self) -> None:
        """Look again; called several times a second."""
        ...


def clock(moment: float) -> str:
    """`15:04:05`, local time."""
    return dt.datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")


def swap() -> Iterator[tuple[str, str]]:
    """The quickstart as a diff: `(mark, line)` with the marks "-", "+" and " "."""
    for line in QUICKSTART.splitlines():
        if line == IMPORT:
            yield "-", line
            yield "+", SWAPPED
        else:
            yield " ", line


def _introduce(stage: Stage) -> None:
    """Say what is going to be seen, and show the line that changes."""
    from rich.text import Text

    text = Text(f"{stage.introduction}\n\n")
    for mark, line in swap():
        text.append(f"    {mark} {line}".rstrip() + "\n", style={"-": "red", "+": "green"}.get(mark, "dim"))
    console().print(text)


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def tick(self) -> None:
        """Do nothing."""


class Plain:
    """Prints a line for each thing that happens, and how things stand every two seconds."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._shown = 0
        self._next = time.monotonic() + _STATUS_EVERY

    def __enter__(self) -> Self:
        _introduce(self._stage)
        self._say(time.time(), self._stage.announcement)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tick()

    def tick(self) -> None:
        """Print what is new."""
        events = self._stage.notable()
        for event in events[self._shown :]:
            self._say(event.time, str(event))
        self._shown = len(events)
        if time.monotonic() >= self._next:
            self._next += _STATUS_EVERY
            calls = ", ".join(f"{name} {count}" for name, count in self._stage.story.calls().items())
            self._say(time.time(), f"answered: {calls or 'none yet'}; failed: {len(self._stage.story.failed)}")

    @staticmethod
    def _say(moment: float, text: str) -> None:
        typer.echo(f"{clock(moment)}  {text}")


class Picture:
    """A live picture: the providers, a strip of the latest calls, what happened."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._live: Live | None = None
        self._order: list[str] = []

    def __enter__(self) -> Self:
        from rich.live import Live

        # Above the live part, which must fit a small terminal.
        _introduce(self._stage)
        self._live = Live(get_renderable=self.render, console=console(), refresh_per_second=_REFRESH)
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def tick(self) -> None:
        """Nothing to do: rich's own thread draws."""

    def render(self) -> RenderableType:
        """The picture at this moment, some 15 lines."""
        from rich.console import Group

        for name in self._stage.story.calls():
            if name not in self._order:
                self._order.append(name)
        return Group(self._announcement(), self._table(), self._strip(), *self._events())

    def _announcement(self) -> RenderableType:
        from rich.text import Text

        left = self._stage.block_at - time.time()
        when = f" (in {left:.0f} s)" if left > 0 else " (now in force)"
        return Text(self._stage.announcement + when, style="bold yellow" if left > 0 else "bold red")

    def _table(self) -> Table:
        from rich.table import Table

        story = self._stage.story
        calls, tokens = story.calls(), story.tokens()
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold", pad_edge=False)
        for column in ("who answers", "", "calls", "tokens", "first token"):
            table.add_column(column, justify="left" if column in ("who answers", "") else "right")
        now = next((sample.provider for sample in reversed(story.samples) if sample.error is None), "")
        refused = {event.endpoint for event in story.events if event.name == "block"}
        for name in self._order:
            state = "refused" if name in refused else "answering" if name == now else ""
            table.add_row(
                name,
                state,
                f"{calls[name]:,}",
                f"{tokens[name]:,}",
                f"{story.first_token(name):.0f} ms",
                style=self._colour(name),
            )
        table.add_row(
            "failed calls", "", f"{len(story.failed):,}", "", "", style="bold red" if story.failed else "bold"
        )
        return table

    def _strip(self) -> RenderableType:
        """One block for each call, the newest at the right."""
        from rich.text import Text

        width = max(10, (self._live.console.width if self._live else 80) - 2)
        strip = Text("\n")
        for sample in self._stage.story.samples[-width:]:
            strip.append(self._block(sample), style="red" if sample.error else self._colour(sample.provider))
        return strip

    @staticmethod
    def _block(sample: Sample) -> str:
        if sample.error is not None:
            return "x"
        return ">" if sample.rerouted else "▪"

    def _events(self) -> Iterator[RenderableType]:
        from rich.text import Text

        yield Text()
        events = self._stage.notable()[-_EVENTS:]
        for event in events:
            yield Text(f"{clock(event.time)}  {event}", style="dim", no_wrap=True, overflow="ellipsis")
        for _ in range(_EVENTS - len(events)):
            yield Text()

    def _colour(self, name: str) -> str:
        return _COLOURS[self._order.index(name) % len(_COLOURS)] if name in self._order else ""
