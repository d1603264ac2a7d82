"""The command `llmswitch`: one file per verb, each of which imports what it needs when it runs."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from typing import Annotated

import typer

from llmswitch import __version__
from llmswitch.cli import adapters, chat, demo, doctor, explain, local, models, sandbox

__all__ = ["app", "main"]

# Plain help: it reads the same in a pipe, and a traceback with locals would show keys.
app = typer.Typer(
    name="llmswitch",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("chat", short_help="Ask one question.")(chat.chat)
app.command("doctor", short_help="What is configured, missing, reachable.")(doctor.doctor)
app.command("adapters", short_help="The providers: sites, regions, models.")(adapters.adapters)
app.command("explain", short_help="Who would answer, and why.")(explain.explain)
app.command("models", short_help="The models, and what would serve for one.")(models.models)
app.command("demo", short_help="Watch an app survive the block.")(demo.demo)
app.command("sandbox", short_help="Serve the providers on this machine.")(sandbox.sandbox)
app.add_typer(local.app, name="local")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llmswitch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep an OpenAI app running where OpenAI does not serve.

    \b
    llmswitch demo                          watch an app survive the block; no key, no network
    llmswitch doctor                        what is configured here, and what is missing
    llmswitch chat "你好"                   ask whoever serves this region
    llmswitch explain gpt-4o --region CN    who would answer, and why
    llmswitch models --like gpt-4o          what would serve for it, with limits and prices
    """


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that is not UTF-8 shows a question mark rather than a traceback.
            stream.reconfigure(errors="replace")
    # The verbs say themselves what happened.
    logging.getLogger("llmswitch").addHandler(logging.NullHandler())
    with contextlib.suppress(KeyboardInterrupt):
        app(prog_name="llmswitch")
    raise SystemExit(130)  # `app` itself never returns
