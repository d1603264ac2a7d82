"""From a TOML file to an `Adapter`. `CONTRIBUTING.md` shows the format; an unknown key is an error, never ignored."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import TYPE_CHECKING, Final, TypedDict, cast, get_args

from llmswitch import _price_table, rules
from llmswitch._table import nearest, read
from llmswitch._variables import named
from llmswitch.adapter import (
    CAPABILITIES,
    EVERYWHERE,
    REASONING,
    TIERS,
    Adapter,
    Fact,
    Model,
    Pair,
    Sdk,
    Serves,
    Site,
)
from llmswitch.failure.rule import parse as parse_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llmswitch._table import Table

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_REGION: Final = re.compile(r"[A-Z]{2}")
_AS_OF: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_CHAT: Final = frozenset(CAPABILITIES) - {"embeddings"}
_FAILED: Final = "error"  # as a finish reason: the answer broke off on the vendor's side
_FINISH_REASONS: Final = ("stop", "length", "tool_calls", "content_filter", "function_call", _FAILED)


class _Successor(TypedDict):
    successor: str | None
    successor_fact: Fact | None


def parse(path: Path) -> Adapter:
    """Read and check one file.

    Raises:
        ConfigError: naming the file, the key, what was found and what is allowed.
    """
    return _Reader(read(path)).adapter()


class _Reader:
    """One file being read: the table and the facts that its rows refer to."""

    def __init__(self, top: Table) -> None:
        self._top = top
        self._facts = dict(self._read_facts())

    def adapter(self) -> Adapter:
        top = self._top
        name = top.need("name", str)
        if not _NAME.fullmatch(name):
            raise top.error("name", name, "lower-case letters, digits, - and _, a letter first")
        models = {model.name: model for model in self._models()}
        headquarters = _country(top, "headquarters") or ""
        said: dict[str, Fact] = {}
        reasons = self._finish_reasons(said)
        sites = tuple(self._sites(name, models))
        reasoning, usage = self._said("reasoning", said), self._said("usage", said)
        if "embeddings_batch" in top:
            said["embeddings"] = self._fact(top.table("embeddings"), "embeddings")
        adapter = Adapter(
            name=name,
            aliases=top.texts("aliases"),
            title=top.need("title", str),
            title_zh=top.text("title_zh"),
            dialect=top.text("dialect", "openai"),
            headquarters=headquarters,
            tags={tag: self._named("tags", tag, tag, "tags") for tag in top.texts("tags")},
            headquarters_fact=self._named("headquarters", headquarters) if headquarters else None,
            rank=top.need("rank", int),
            sites=sites,
            key_env=(named(name, "api_key"), *top.texts("key_env")),
            models=models,
            tiers=_tiers(top.table("tiers"), models),
            parameters=tuple(rules.read(row, self._fact, TIERS) for row in top.tables("parameters")),
            prices=tuple(
                _price_table.of_vendor(row, name, [site.name for site in sites], self._fact(row, "prices"))
                for row in top.tables("prices")
            ),
            errors=parse_errors(list(top.jsons("errors")), file=top.file),
            finish_reasons={word: reason for word, reason in reasons.items() if reason != _FAILED},
            failing_finish_reasons=frozenset(word for word, reason in reasons.items() if reason == _FAILED),
            reasoning_field=reasoning.text("field", REASONING),
            cached_field=usage.take("cached", str),
            usage_in_choice=usage.take("in_choice", bool) or False,
            resources=frozenset(top.texts("resources")) or frozenset({"chat", "embeddings", "models"}),
            embeddings_batch=_count(top, "embeddings_batch"),
            answer_facts=said,
            keyless=top.take("keyless", bool) or False,
            deployments=top.take("deployments", bool) or False,
            sdk=self._sdk() if "sdk" in top else None,
            relay=top.take("relay", bool) or False,
            private=_private(top),
            docs=top.text("docs"),
        )
        for table in (reasoning, usage, top):
            table.close()
        return adapter

    def _read_facts(self) -> Iterator[tuple[str, Fact]]:
        facts = self._top.table("facts")
        for name in facts:
            row = facts.table(name)
            as_of = row.need("as_of", str)
            if not _AS_OF.fullmatch(as_of):
                raise row.error("as_of", as_of, "YYYY, YYYY-MM or YYYY-MM-DD")
            source = row.need("source", str)
            if not source.strip():
                raise row.error("source", source, "where the facts were read")
            yield name, Fact(source=source, as_of=as_of, confidence=row.choice("confidence", ("high", "medium", "low")))
            row.close()

    def _fact(self, row: Table, default: str) -> Fact:
        """The `[facts.NAME]` that a row names; by default the one called as the row's table."""
        name = row.text("fact", default)
        if name not in self._facts:
            names = ", ".join(self._facts) or "none: add [facts.NAME] with source, as_of, confidence"
            raise row.error("fact", name, f"a name under [facts]: {names}")
        return self._facts[name]

    def _named(self, key: str, value: str, *names: str) -> Fact:
        """Who says so of a top-level key: the first of these facts that there is, `[facts.KEY]` by default."""
        names = names or (key,)
        found = next((self._facts[name] for name in names if name in self._facts), None)
        if found is None:
            need = f"what somebody states: add [facts.{names[0]}] with source, as_of, confidence"
            raise self._top.error(key, value, need)
        return found

    def _sites(self, provider: str, models: Mapping[str, Model]) -> Iterator[Site]:
        sites = self._top.table("sites")
        if not tuple(sites):
            raise self._top.error("sites", None, "at least one [sites.NAME]")
        for name in sites:
            row = sites.table(name)
            if not _NAME.fullmatch(name):
                raise sites.error(name, name, "lower-case letters, digits, - and _, a letter first")
            base_url = row.need("base_url", str)
            if base_url and not re.fullmatch(r"https://[^\s?#]+[^\s?#/]", base_url):
                raise row.error(
                    "base_url", base_url, 'an https URL without a trailing slash, or "" where it depends on the account'
                )
            yield Site(
                name=name,
                base_url=base_url,
                hosts=_hosts(row, base_url),
                paths=row.texts("paths"),
                serves=cast("Serves", row.choice("serves", get_args(Serves))),
                regions=_regions(row, "regions"),
                not_served=_regions(row, "not_served"),
                unknown=_regions(row, "unknown"),
                discouraged=_regions(row, "discouraged"),
                preferred=_regions(row, "preferred", EVERYWHERE),
                binds=frozenset(row.texts("binds", ("caller", "end_user"))),
                enforcement=row.texts("enforcement", ("ip", "account", "key", "contract")),
                headquarters=_country(row, "headquarters"),
                hosted_in=_country(row, "hosted_in"),
                key_env=(named(provider, name, "api_key"), *row.texts("key_env")),
                key_pattern=_pattern(row, "key_pattern"),
                tiers=_tiers(row.table("tiers"), models),
                fact=self._fact(row, "sites"),
                note=row.text("note"),
            )
            row.close()

    def _models(self) -> Iterator[Model]:
        base = frozenset(self._top.texts("capabilities", CAPABILITIES))
        models = self._top.table("models")
        read: dict[str, Model] = {}
        for name in models:
            row = models.table(name)
            like = row.take("like", str)
            if like is not None:
                if like not in read:
                    raise row.error("like", like, "a model further up: " + ", ".join(read))
                model = dataclasses.replace(
                    read[like],
                    name=name,
                    aliases=row.texts("aliases"),
                    patterns=row.texts("patterns"),
                    context=row.take("context", int) or read[like].context,
                    max_output=row.take("max_output", int) or read[like].max_output,
                    retired=row.take("retired", dt.date),
                    **self._successor(row, read[like].fact),
                    note=row.text("note") or read[like].note,
                )
            else:
                model = self._model(name, row, base)
            row.close()
            read[name] = model
            yield model

    def _model(self, name: str, row: Table, base: frozenset[str]) -> Model:
        tier = row.choice("tier", TIERS)
        embedding = tier == "embedding"
        # What is certain by the kind of model: an embedding does not chat, a chat model does not embed.
        certain = _CHAT if embedding else frozenset({"embeddings"})
        lacks = certain | frozenset(row.texts("lacks", CAPABILITIES))
        adds = frozenset(row.texts("adds", CAPABILITIES))
        has = frozenset({"embeddings"}) if embedding else base
        fact = self._fact(row, "models")
        return Model(
            name=name,
            aliases=row.texts("aliases"),
            patterns=row.texts("patterns"),
            tier=tier,
            context=row.take("context", int),
            max_output=row.take("max_output", int),
            capabilities=(has | adds) - lacks,
            lacks=lacks,
            retired=row.take("retired", dt.date),
            **self._successor(row, fact),
            dimensions=_dimensions(row),
            shortens=row.take("shortens", bool) or False,
            batch=_count(row, "batch"),
            fact=fact,
            note=row.text("note"),
        )

    def _successor(self, row: Table, fact: Fact) -> _Successor:
        """What `[facts.successors]` says of all, else the row's own fact."""
        name = row.take("successor", str)
        return _Successor(successor=name, successor_fact=self._facts.get("successors", fact) if name else None)

    def _sdk(self) -> Sdk:
        table = self._top.table("sdk")
        requires, addresses, fitting = (table.table(name) for name in ("requires", "addresses", "parameters"))
        sdk = Sdk(
            name=table.need("name", str),
            extra=table.need("extra", str),
            requires={name: requires.need(name, str) for name in requires},
            protocol=table.need("protocol", str),
            sites=frozenset(table.texts("sites")),
            pairs=tuple(self._pair(row) for row in table.tables("pairs")),
            addresses={name: addresses.need(name, str) for name in addresses},
            parameters={
                name: tuple(rules.read(row, self._fact, TIERS) for row in fitting.tables(name)) for name in fitting
            },
            fact=self._fact(table, "sdk"),
        )
        table.close()
        return sdk

    def _pair(self, row: Table) -> Pair:
        variables = row.texts("variables")
        if len(variables) != len(("key", "secret")):
            raise row.error("variables", list(variables), "two: of the key and of its secret")
        pair = Pair(
            name=row.need("name", str), variables=(variables[0], variables[1]), protocol=row.need("protocol", str)
        )
        row.close()
        return pair

    def _said(self, name: str, said: dict[str, Fact], default: str = "") -> Table:
        """A table about answers, with its fact noted."""
        given = name in self._top
        table = self._top.table(name)
        if given:
            said[name] = self._fact(table, default or name)
        return table

    def _finish_reasons(self, said: dict[str, Fact]) -> dict[str, str]:
        table = self._said("finish_reasons", said, "finish")
        return {word: table.choice(word, _FINISH_REASONS) for word in table}


def _private(top: Table) -> frozenset[tuple[str, ...]]:
    """The paths below "messages"."""
    paths = [path.split(".") for path in top.texts("private")]
    if any(path[0] != "messages" or len(path) < 2 for path in paths):  # noqa: PLR2004 - "messages" and a field
        raise top.error("private", [".".join(path) for path in paths], 'places such as "messages.thinking_blocks"')
    return frozenset(tuple(path[1:]) for path in paths)


def _count(row: Table, name: str) -> int | None:
    value = row.take(name, int)
    if value is not None and value < 1:
        raise row.error(name, value, "a whole number of at least 1")
    return value


def _dimensions(row: Table) -> tuple[int, ...]:
    sizes = row.jsons("dimensions")
    if any(type(size) is not int or size < 1 for size in sizes):
        raise row.error("dimensions", list(sizes), "whole numbers of at least 1, the default first")
    return cast("tuple[int, ...]", sizes)


def _tiers(table: Table, models: Mapping[str, Model]) -> dict[str, str]:
    tiers: dict[str, str] = {}
    for tier in TIERS:
        target = table.take(tier, str)
        if target is None:
            continue
        if target not in models:
            raise table.error(tier, target, "a name under [models]" + nearest(target, models))
        if ("embeddings" in models[target].capabilities) != (tier == "embedding"):
            raise table.error(tier, target, "an embedding model for the tier embedding, chat models for the others")
        tiers[tier] = target
    table.close()
    return tiers


def _hosts(row: Table, base_url: str) -> tuple[str, ...]:
    hosts = row.texts("hosts")
    for position, host in enumerate(hosts):
        if not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", host):
            raise row.error(f"hosts[{position}]", host, 'a host name in lower case, or "*." and a suffix of one')
    own = base_url.removeprefix("https://").partition("/")[0].partition(":")[0]
    return hosts if not own or own in hosts else (own, *hosts)


def _regions(row: Table, name: str, *extra: str) -> frozenset[str]:
    codes = row.texts(name)
    for position, code in enumerate(codes):
        if not _REGION.fullmatch(code) and code not in extra:
            raise row.error(f"{name}[{position}]", code, "an ISO 3166-1 alpha-2 code such as CN")
    if len(set(codes)) != len(codes):
        raise row.error(name, sorted({code for code in codes if codes.count(code) > 1}), "each code once")
    return frozenset(codes)


def _country(row: Table, name: str) -> str | None:
    code = row.take(name, str)
    if code is not None and not _REGION.fullmatch(code):
        raise row.error(name, code, "an ISO 3166-1 alpha-2 code such as CN")
    return code


def _pattern(row: Table, name: str) -> str | None:
    value = row.take(name, str)
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise row.error(name, value, f"a regular expression ({error})") from error
    return value
