"""What the verbs share: tables, JSON, errors and exit codes (0 done, 1 it failed, 2 wrong usage or configuration, 130 Ctrl-C)."""

from __future__ import annotations

import functools
import json
import os
import sys
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import typer

from llmswitch.errors import ConfigError, InvalidRequestError, LLMSwitchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130
_UNWRAPPED: Final = 100_000  # columns: what reads a pipe wants whole lines

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def verb(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Turn what a verb raises into one line on stderr and an exit code."""

    @functools.wraps(function)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo(err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has seen enough (`| head`); python would complain once more while it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except (ConfigError, InvalidRequestError) as error:
            fail(str(error))
            raise typer.Exit(MISUSED) from None
        except (LLMSwitchError, OSError) as error:
            fail(str(error))
            raise typer.Exit(FAILED) from None

    return run


def fail(message: str) -> None:
    """One error on stderr."""
    label = typer.style("error:", fg="red", bold=True) if colours(sys.stderr.isatty()) else "error:"
    typer.echo(f"{label} {message}", err=True)


def colours(terminal: bool) -> bool:
    """Whether to colour what goes to a terminal, or not."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def console() -> Console:
    """A console on stdout; in a pipe without colour, and its lines are as long as they are."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNWRAPPED, highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns; on a terminal wrapped to its width."""
    from rich.table import Table

    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in table.columns:
        column.overflow = "fold"  # a name that is cut cannot be copied
    for row in rows:
        table.add_row(*row)
    out = console()
    with out.capture() as captured:
        out.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _plain(value: object) -> object:
    """Sets and tuples as sorted lists, dates as ISO 8601."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
