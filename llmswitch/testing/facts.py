"""What an adapter's file must state, beyond what reading it checks already."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from llmswitch.testing.failures import unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.adapter import Adapter, Fact
    from llmswitch.testing.bench import Bench

_AS_OF = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def problems(bench: Bench) -> list[str]:
    """Everything that is wrong with the facts."""
    found = bench.adapter
    return [*_sourced(found), *_sites(found), *_models(found), *unreachable(bench)]


def _sourced(found: Adapter) -> Iterator[str]:
    rows: list[tuple[str, Fact]] = [(f"site {site.name}", site.fact) for site in found.sites]
    rows += [(f"model {name}", model.fact) for name, model in found.models.items()]
    rows += [(f"parameters {', '.join(rule.names)}", rule.fact) for rule in found.parameters]
    for where, fact in rows:
        if not fact.source.strip() or fact.confidence not in ("high", "medium", "low"):
            yield f"{where}: no source, or no confidence"
        if not _AS_OF.fullmatch(fact.as_of) or fact.as_of > dt.datetime.now(dt.UTC).date().isoformat():
            yield f"{where}: as_of is {fact.as_of!r}, no day that has been"
    for row in found.errors:
        if not row.source or not row.as_of:
            yield f"error row {row.kind}: no source, or no as_of"


def _sites(found: Adapter) -> Iterator[str]:
    for site in found.sites:
        if site.base_url and not site.base_url.startswith("https://"):
            yield f"site {site.name}: {site.base_url} is not https"
        if not (found.keyless or site.key_env or found.key_env):
            yield f"site {site.name}: no variable for its key"
        for tier, name in site.tiers.items():
            if name not in found.models:
                yield f"site {site.name}: its model of the tier {tier}, {name}, is none of the models"


def _models(found: Adapter) -> Iterator[str]:
    today = dt.datetime.now(dt.UTC).date()
    for tier, name in found.tiers.items():
        model = found.models.get(name)
        if model is None:
            yield f"tier {tier}: {name} is none of the models"
        elif model.is_retired(today):
            yield f"tier {tier}: {name} was retired on {model.retired}"
    for name, model in found.models.items():
        if "embeddings" in model.capabilities and not ({"*", "embeddings"} & found.resources):
            yield f"model {name}: an embedding model of a vendor without embeddings"
