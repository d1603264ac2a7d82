"""`llmswitch adapters`: what is known about the providers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmswitch.cli import _sheet
from llmswitch.cli._output import print_json, print_table, verb

if TYPE_CHECKING:
    from llmswitch.adapter import Adapter


@verb
def adapters(
    name: Annotated[str | None, typer.Argument(help="One provider, or a TOML file to check, in detail.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the providers: their sites, whom they serve, their models and prices, what requests need changed, what errors mean.

    Everything has its source and date. A file is checked as it would be when it is loaded: what is wrong in it is said, with what is
    allowed.

    \b
    llmswitch adapters
    llmswitch adapters qwen
    llmswitch adapters zhipu --json
    llmswitch adapters ./acme.toml
    """
    from llmswitch import adapter as registry

    if name is not None and name.endswith(".toml"):
        shown = [registry.load(Path(name))]
    else:
        shown = [registry.get(name)] if name else [registry.get(each) for each in registry.adapters()]
    if as_json:
        print_json(_plain(shown[0]) if name else [_plain(each) for each in shown])
    elif name:
        _detail(shown[0])
    else:
        rows = [
            (f"{each.name}@{site.name}", each.title, _sheet.whom(site), _sheet.keys(each, site))
            for each in shown
            for site in each.sites
        ]
        print_table(("endpoint", "provider", "serves", "key"), rows)


def _detail(adapter: Adapter) -> None:
    typer.echo(f"{adapter.name}: {adapter.title} {adapter.title_zh}".rstrip())
    if adapter.docs:
        typer.echo(adapter.docs)
    for section in _sheet.sections(adapter):
        typer.echo(f"\n{section.title}")
        if section.title == "Sites":  # more columns than a screen has
            _blocks(section)
        else:
            print_table(*section.filled())


def _blocks(section: _sheet.Section) -> None:
    """Each row as lines of its own."""
    for row in section.rows:
        cells = dict(zip(section.columns, row, strict=True))
        typer.echo(f"\n  {cells.pop('endpoint')}  {cells.pop('address')}")
        for column, text in cells.items():
            if text:
                typer.echo(f"    {column + ':':<21}{text}")


def _plain(adapter: Adapter) -> dict[str, object]:
    """The facts, without what only the engine reads."""
    return {
        "name": adapter.name,
        "title": adapter.title,
        "title_zh": adapter.title_zh,
        "docs": adapter.docs,
        "headquarters": adapter.headquarters or None,
        "headquarters_fact": asdict(adapter.headquarters_fact) if adapter.headquarters_fact else None,
        "tags": {tag: asdict(fact) for tag, fact in adapter.tags.items()},
        "keyless": adapter.keyless,
        "key_env": adapter.key_env,
        "tiers": dict(adapter.tiers),
        "resources": adapter.resources,
        "sdk": adapter.sdk
        and {
            "name": adapter.sdk.name,
            "extra": adapter.sdk.extra,
            "pairs": [asdict(pair) for pair in adapter.sdk.pairs],
        },
        "sites": [asdict(site) for site in adapter.sites],
        "models": [asdict(model) for model in adapter.models.values()],
        "prices": [asdict(prices) for prices in adapter.prices],
    }
