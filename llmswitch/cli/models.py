"""`llmswitch models`: which models there are, or what would serve in place of one."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Annotated

import typer

from llmswitch.cli import _rules
from llmswitch.cli._output import FAILED, fail, print_json, print_table, verb

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.catalogue import Entry

_PLAIN = ("chat", "stream", "embeddings")  # what goes without saying


@verb
def models(
    like: Annotated[str | None, typer.Option(help="The model as the app names it: what would serve for it?")] = None,
    region: Annotated[
        str | None, typer.Option(help="Where the calls leave from, e.g. CN. Default: as configured.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="Only this one, e.g. qwen or qwen@intl.")] = None,
    tier: Annotated[str | None, typer.Option(help="Only this tier, e.g. fast.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help=_rules.EXCLUDE)] = None,
    hosted_in: Annotated[list[str] | None, typer.Option(help=_rules.HOSTED_IN)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List models with limits, capabilities, last day and price per million tokens. Sends nothing.

    \b
    llmswitch models --like gpt-4o --region CN     what would serve for it from there, best first
    llmswitch models --like gpt-3.5-turbo          a retired one: who takes its calls
    llmswitch models --provider qwen --tier fast
    llmswitch models --json

    With --like, your [models] table in llmswitch.toml decides before the mapping by tier.
    """
    from llmswitch import catalogue
    from llmswitch import config as configuration

    if tier is not None:
        _check_tier(tier)
    config = configuration.load(environ=os.environ, region=region)
    now, rules = dt.datetime.now(dt.UTC), _rules.options(exclude, hosted_in)
    if like is None:
        found = catalogue.known(config, now, options=rules, provider=provider, tier=tier)
    else:
        found = catalogue.like(config, like, now, options=rules, provider=provider, tier=tier)
    if as_json:
        where = {"code": config.region.code, "source": config.region.source}
        rows = [entry.to_dict() for entry in found]
        print_json({"like": like, "region": where, "models": rows, "warnings": list(config.warnings)})
        return
    if like is not None:
        typer.echo(f"what would serve for {like}, region {config.region}\n")
    if not found:
        fail("no model matches; llmswitch models lists all, llmswitch adapters NAME those of a vendor")
        raise typer.Exit(FAILED)
    columns = ("endpoint", "model", "tier", "context", "output", "has", "until", "per million tokens", "key", "why")
    table = [_row(entry) for entry in found]
    if like is None:
        print_table(columns, table)
    else:
        print_table(("", *columns), [(str(entry.rank or "-"), *row) for entry, row in zip(found, table, strict=True)])
    for warning in config.warnings:
        typer.echo(f"\nwarning: {warning}")


def _check_tier(tier: str) -> None:
    from llmswitch._table import nearest
    from llmswitch.adapter import TIERS
    from llmswitch.errors import ConfigError

    if tier not in TIERS:
        raise ConfigError(f"--tier: found {tier!r}; allowed: {', '.join(TIERS)}{nearest(tier, TIERS) or '.'}")


def _row(entry: Entry) -> tuple[str, ...]:
    until = entry.retired or ""
    return (
        entry.endpoint,
        entry.model or "-",
        entry.tier or "-",
        f"{entry.context:,}" if entry.context else "-",
        f"{entry.max_output:,}" if entry.max_output else "-",
        ", ".join(word for word in entry.capabilities if word not in _PLAIN) or "-",
        f"{until}, then {entry.successor}" if entry.successor else until or "-",
        "; ".join(map(_price, entry.prices)) or "-",
        entry.key or "none",
        f"{entry.why} ({entry.as_of})" if entry.as_of else entry.why,
    )


def _price(price: Json) -> str:
    """`2.4 / 9.6 CNY (2026-11-23) input up to 32,768`: input / output."""
    amounts = " / ".join("-" if price.get(name) is None else f"{price[name]:g}" for name in ("input", "output"))
    dated = f" ({price['as_of']})" if price.get("as_of") else ""
    return f"{amounts} {price['currency']}{dated} {price.get('for') or ''}".rstrip()
