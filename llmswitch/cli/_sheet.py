"""All that an adapter states, as tables: what `llmswitch adapters NAME` prints and the pages of `docs/providers` hold.

Each row ends with the number of its source; the sources come last, with their date and confidence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmswitch.adapter import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmswitch.adapter import Adapter, Interval, Model, Rule, Site
    from llmswitch.failure.rule import ErrorRule
    from llmswitch.price import Price

_FEW = 12  # regions that are listed rather than counted


@dataclass(frozen=True, slots=True)
class Section:
    """One table; a column that is empty in every row is left out when it is shown."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def filled(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The columns that say something, and their cells."""
        kept = [place for place, _ in enumerate(self.columns) if any(row[place] for row in self.rows)]
        return tuple(self.columns[place] for place in kept), [tuple(row[place] for place in kept) for row in self.rows]


@dataclass(slots=True)
class _Sources:
    """Facts in the order in which rows refer to them."""

    known: dict[Fact, int] = field(default_factory=dict)

    def number(self, fact: Fact) -> str:
        return str(self.known.setdefault(fact, len(self.known) + 1))


def sections(adapter: Adapter) -> Iterator[Section]:
    """The tables, those without a row left out."""
    sources = _Sources()
    found = (
        _company(adapter, sources),
        _sites(adapter, sources),
        _sdk(adapter),
        _places(adapter),
        _tiers(adapter),
        _models(adapter, sources),
        *_prices(adapter, sources),
        _rules(adapter, sources),
        _answers(adapter, sources),
        _errors(adapter, sources),
    )
    yield from (section for section in found if section.rows)
    rows = [(str(n), fact.source, fact.as_of, fact.confidence) for fact, n in sources.known.items()]
    yield Section("Sources", ("#", "where", "read", "confidence"), rows)


def whom(site: Site) -> str:
    """Whom a site serves, in a few words."""
    if site.serves == "anywhere":
        return "anywhere"
    if site.serves == "home":
        return f"{regions(site.regions)}; refuses nobody"
    if site.serves == "all-except":
        return f"all except {regions(site.not_served)}" if site.not_served else "all"
    return regions(site.regions)


def regions(codes: frozenset[str]) -> str:
    """Few by their code, many by their number."""
    return ", ".join(sorted(codes)) if len(codes) <= _FEW else f"{len(codes)} countries"


def keys(adapter: Adapter, site: Site) -> str:
    """The variables that hold a key for this site; the one that is its own alone first, where there is a choice."""
    if adapter.keyless:
        return "none needed"
    common = [key for key in (*adapter.key_env, *site.key_env) if not key.startswith("LLMSWITCH_")]
    return ", ".join(common or site.key_env)


def _company(adapter: Adapter, sources: _Sources) -> Section:
    rows = []
    if adapter.headquarters and adapter.headquarters_fact is not None:
        rows.append(("headquarters", adapter.headquarters, sources.number(adapter.headquarters_fact)))
    rows += [("tag", tag, sources.number(fact)) for tag, fact in adapter.tags.items()]
    return Section("Company", ("fact", "is", "source"), rows)


def _sdk(adapter: Adapter) -> Section:
    """What `via = "sdk"` goes through."""
    sdk = adapter.sdk
    if sdk is None:
        return Section("", (), [])
    pairs = "; or ".join(f"{' and '.join(pair.variables)} ({pair.protocol})" for pair in sdk.pairs)
    row = (sdk.name, sdk.protocol, f"llmswitch[{sdk.extra}]", pairs)
    return Section('With via = "sdk"', ("package", "protocol", "install", "old credentials"), [row])


def _sites(adapter: Adapter, sources: _Sources) -> Section:
    rows = [
        (
            f"{adapter.name}@{site.name}",
            site.base_url or "an address of your own",
            whom(site),
            regions(site.unknown),
            regions(site.discouraged),
            ", ".join(sorted(site.binds)),
            ", ".join(site.enforcement),
            site.hosted_in or "",
            site.headquarters or "",
            keys(adapter, site),
            site.note,
            sources.number(site.fact),
        )
        for site in adapter.sites
    ]
    columns = ("endpoint", "address", "serves", "not known", "meant for elsewhere", "terms bind", "enforced by",
               "hosted in", "run by a company in", "key", "note", "source")  # fmt: skip
    return Section("Sites", columns, rows)


def _places(adapter: Adapter) -> Section:
    """The lists that are too long for a cell."""
    rows = [
        (f"{adapter.name}@{site.name}", word, " ".join(sorted(codes)))
        for site in adapter.sites
        for word, codes in (("served", site.regions), ("not served", site.not_served), ("not known", site.unknown))
        if len(codes) > _FEW
    ]
    return Section("Countries", ("endpoint", "is", "codes"), rows)


def _tiers(adapter: Adapter) -> Section:
    rows = [(tier, model, "") for tier, model in adapter.tiers.items()]
    rows += [(*pair, f"{adapter.name}@{site.name}") for site in adapter.sites for pair in site.tiers.items()]
    return Section("What takes a call meant for another vendor's model", ("tier", "model", "at"), rows)


def _models(adapter: Adapter, sources: _Sources) -> Section:
    columns = (
        "model",
        "tier",
        "context",
        "output",
        "has",
        "has not",
        "dimensions",
        "until",
        "successor",
        "note",
        "source",
    )
    return Section("Models", columns, [_model(model, sources) for model in adapter.models.values()])


def _model(model: Model, sources: _Sources) -> tuple[str, ...]:
    basic = {"chat", "stream", "embeddings"}
    return (
        ", ".join((model.name, *model.aliases, *model.patterns)),
        model.tier,
        f"{model.context:,}" if model.context else "",
        f"{model.max_output:,}" if model.max_output else "",
        ", ".join(sorted(model.capabilities - basic)),
        ", ".join(sorted(model.lacks - basic)) if model.tier != "embedding" else "",
        ", ".join(map(str, model.dimensions)),
        str(model.retired) if model.retired else "",
        model.successor or "",
        model.note,
        sources.number(model.fact),
    )


def _prices(adapter: Adapter, sources: _Sources) -> Iterator[Section]:
    for prices in adapter.prices:
        number = sources.number(prices.fact)
        rows = [
            (model, price.condition or ("any other" if len(several) > 1 else ""), *_amounts(price), number)
            for model, several in prices.models.items()
            for price in several
        ]
        rows += [(model, "", "not known", *[""] * 4, number) for model, several in prices.models.items() if not several]
        if prices.library:
            rest = "all others" if rows else "all"
            rows.append((rest, "", f"as the package genai-prices says of {prices.library}", *[""] * 4, number))
        where = ", ".join(f"{adapter.name}@{site}" for site in prices.sites) or adapter.name
        columns = ("model", "for", "input", "cached input", "cached where marked", "cache write", "output", "source")
        yield Section(f"Prices in {prices.currency} per million tokens at {where}", columns, rows)


def _amounts(price: Price) -> tuple[str, ...]:
    amounts = (price.input, price.cached_input, price.marked_cached_input, price.cache_write, price.output)
    return tuple("" if amount is None else f"{amount:g}" for amount in amounts)


def _rules(adapter: Adapter, sources: _Sources) -> Section:
    rows = [
        (
            _about(rule),
            _change(rule),
            _condition(rule),
            rule.reason,
            "yes" if rule.loss else "",
            sources.number(rule.fact),
        )
        for rule in adapter.parameters
    ]
    columns = ("parameter", "change", "where", "why", "refused by strict", "source")
    return Section("Changes to a request, from the top", columns, rows)


def _about(rule: Rule) -> str:
    if rule.action == "only":
        return "all others"
    if rule.paths:
        return ", ".join(".".join(path) for path in rule.paths)
    if rule.action == "fill":
        return ", ".join(f"messages.{name}" for name in rule.names)
    return ", ".join(rule.names) or "messages"


def _change(rule: Rule) -> str:
    """What a rule does, in a few words."""
    roles = " and ".join(map(str, rule.values))
    told = {
        "clamp": f"into {_shown(rule.interval)}" if rule.interval else "",
        "map": "; ".join(f"{value}: {_json(row) if row else 'left out'}" for value, row in rule.map.items()),
        "role": f"the role {roles} becomes {rule.to}",
        "merge": f"those of the role {rule.to} become one, in front",
        "alternate": f"neighbours of the role {roles} become one",
        "flatten": "lists of texts become one text",
        "discard": "empty ones are left out",
        "fill": f"empty becomes {_json(rule.to)}",
        "mention": f"say {_json(rule.to)}",
        "add": f"added: {_json(rule.to)}",
        "replace": f"becomes {_json(rule.to)}",
        "rename": f"is called {rule.to}",
    }
    return told.get(rule.action, "left out")


def _condition(rule: Rule) -> str:
    whens = {"stream": "streamed", "no_stream": "not streamed", "unreasoned": "tool calls without their reasoning"}
    parts = [
        ", ".join(rule.models),
        f"tiers {', '.join(sorted(rule.tiers))}" if rule.tiers else "",
        whens.get(rule.when or "", ""),
        f"with {', '.join(sorted(rule.requires - {'messages'}))}" if rule.requires - {"messages"} else "",
        f"without {', '.join(sorted(rule.unless))}" if rule.unless else "",
        f"{', '.join(map(_json, rule.values))} only"
        if rule.values and rule.action in ("drop", "replace", "rename")
        else "",
        f"not {', '.join(map(_json, rule.keeps))}" if rule.keeps else "",
        f"length {_shown(rule.length)}" if rule.length else "",
    ]
    return "; ".join(part for part in parts if part)


def _answers(adapter: Adapter, sources: _Sources) -> Section:
    rows = [("finish_reasons", word, meant) for word, meant in adapter.finish_reasons.items()]
    rows += [("finish_reasons", word, "a failure") for word in sorted(adapter.failing_finish_reasons)]
    if adapter.reasoning_field != "reasoning_content":
        rows.append(("reasoning", adapter.reasoning_field, "reasoning_content"))
    if adapter.cached_field:
        rows.append(("usage", adapter.cached_field, "prompt_tokens_details.cached_tokens"))
    if adapter.usage_in_choice:
        rows.append(("usage", "inside a stream's choice", "beside it"))
    if adapter.embeddings_batch:
        rows.append(("embeddings", f"{adapter.embeddings_batch} texts a request", "split, and put together again"))
    facts = adapter.answer_facts
    sourced = [(*row, sources.number(facts[row[0]]) if row[0] in facts else "") for row in rows]
    return Section("Answers", ("about", "the vendor's", "given as", "source"), sourced)


def _errors(adapter: Adapter, sources: _Sources) -> Section:
    rows = [
        (_sign(rule), str(rule.kind), "the model" if rule.model_scoped else "", rule.hint or "",
         sources.number(Fact(source=rule.source, as_of=rule.as_of, confidence=rule.confidence)))
        for rule in adapter.errors
    ]  # fmt: skip
    return Section("Errors", ("code or words", "meaning", "about", "next step", "source"), rows)


def _sign(rule: ErrorRule) -> str:
    parts = [
        ", ".join(sorted((*rule.codes, *rule.globs))),
        " or ".join(f"“{text}”" for text in rule.texts),
        f"/{rule.pattern.pattern}/" if rule.pattern else "",
        f"HTTP {', '.join(map(str, sorted(rule.statuses)))}" if rule.statuses else "",
        "where nothing else decides" if rule.weak else "",
    ]
    return "; ".join(part for part in parts if part)


def _shown(interval: Interval) -> str:
    left, right = "(" if interval.low_open else "[", ")" if interval.high_open else "]"
    high = "the model's limit" if interval.high == "max_output" else f"{interval.high:g}"
    return f"{left}{interval.low:g}, {high}{right}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
