"""`llmswitch adapters`: what is known about the providers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from llmswitch.cli._output import print_json, print_table, verb

if TYPE_CHECKING:
    from llmswitch.adapter import Adapter, Fact, Model, Price, Site

_FEW = 12  # regions that are listed rather than counted


@verb
def adapters(
    name: Annotated[str | None, typer.Argument(help="One provider, in detail.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """List the providers: their sites, whom they serve, their models, each with its source and date.

    \b
    llmswitch adapters
    llmswitch adapters qwen
    llmswitch adapters zhipu --json
    """
    from llmswitch import adapter as registry

    shown = [registry.get(name)] if name else [registry.get(each) for each in registry.adapters()]
    if as_json:
        print_json(_plain(shown[0]) if name else [_plain(each) for each in shown])
    elif name:
        _detail(shown[0])
    else:
        rows = [
            (f"{each.name}@{site.name}", each.title, whom(site), _keys(each, site))
            for each in shown
            for site in each.sites
        ]
        print_table(("endpoint", "provider", "serves", "key"), rows)


def whom(site: Site) -> str:
    """Whom a site serves, in a few words."""
    if site.serves == "anywhere":
        return "anywhere"
    if site.serves == "home":
        return f"{_regions(site.regions)}; refuses nobody"
    if site.serves == "all-except":
        return f"all except {_regions(site.not_served)}" if site.not_served else "all"
    return _regions(site.regions)


def _regions(codes: frozenset[str]) -> str:
    return ", ".join(sorted(codes)) if len(codes) <= _FEW else f"{len(codes)} countries"


def _keys(adapter: Adapter, site: Site) -> str:
    if adapter.keyless:
        return "none needed"
    return ", ".join(key for key in (*adapter.key_env, *site.key_env) if not key.startswith("LLMSWITCH_"))


def _detail(adapter: Adapter) -> None:
    typer.echo(f"{adapter.name}: {adapter.title} {adapter.title_zh}".rstrip())
    if adapter.docs:
        typer.echo(adapter.docs)
    if adapter.headquarters:
        typer.echo(f"headquarters: {adapter.headquarters}{_said(adapter.headquarters_fact)}")
    for tag, fact in adapter.tags.items():
        typer.echo(f"tag: {tag}{_said(fact)}")
    for site in adapter.sites:
        typer.echo(f"\n{adapter.name}@{site.name}  {site.base_url or 'an address of your own'}")
        lines = {
            "serves": whom(site),
            "does not serve": _regions(site.not_served),
            "not known": _regions(site.unknown),
            "meant for elsewhere": _regions(site.discouraged),
            "binds": ", ".join(sorted(site.binds)),
            "enforced by": ", ".join(site.enforcement),
            "run by a company in": site.headquarters or "",
            "hosted in": site.hosted_in or "",
            "key": _keys(adapter, site),
            "source": _said(site.fact).removeprefix("; "),
            "note": site.note,
        }
        for label, text in lines.items():
            if text:
                typer.echo(f"  {label + ':':<21}{text}")
    if (sdk := adapter.sdk) is not None:
        pairs = "".join(f", or {' and '.join(pair.variables)} ({pair.protocol})" for pair in sdk.pairs)
        typer.echo(
            f"\nvia = \"sdk\": {sdk.name} ({sdk.protocol}), pip install 'llmswitch[{sdk.extra}]'; the keys above{pairs}"
        )
    if adapter.models:
        typer.echo(
            "\nMapped by tier: " + ", ".join(f"{tier} -> {model}" for tier, model in adapter.tiers.items()) + "\n"
        )
        rows = [_model(model) for model in adapter.models.values()]
        print_table(("model", "tier", "context", "output", "per million tokens", "until"), rows)


def _said(fact: Fact | None) -> str:
    return f"; {fact.source} ({fact.as_of}, {fact.confidence} confidence)" if fact else ""


def _model(model: Model) -> tuple[str, ...]:
    return (
        model.name,
        model.tier,
        f"{model.context:,}" if model.context else "-",
        f"{model.max_output:,}" if model.max_output else "-",
        _price(model.price),
        str(model.retired) if model.retired else "",
    )


def _price(price: Price | None) -> str:
    if price is None:
        return "-"
    amounts = " / ".join("-" if amount is None else f"{amount:g}" for amount in (price.input, price.output))
    return f"{amounts} {price.currency}"


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
    }
