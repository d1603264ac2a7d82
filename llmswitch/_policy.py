"""Whom the user lets answer, and where: `Policy`. Every rule is hard, in every mode. Facts from the adapters, not legal advice.

    exclude = { headquarters = ["US"], hosted_in = ["CN"], tags = ["us-entity-list"], providers = ["qwen", "zhipu@intl"] }
    hosted_in = ["CN", "SG"]

What nobody states cannot be vouched for: a place that is unknown is none of those allowed, and counts as excluded where any
place is. A company that is unknown is excluded only where it is a known vendor's: a server of the user's own has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from llmswitch import adapter, region
from llmswitch._source import Source, provider_names
from llmswitch._table import nearest

if TYPE_CHECKING:
    from llmswitch._endpoints import Endpoint
    from llmswitch.adapter import Fact


class Objection(NamedTuple):
    """What speaks against an endpoint, and who says so."""

    reason: str
    source: str
    as_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One place's rules; `a & b` is both.

    Attributes:
        headquarters: countries whose companies are out, by the vendor's or the site's own company.
        places: countries whose servers are out (`exclude.hosted_in`).
        tags, providers: which are out; providers as `name` or `name@site`.
        hosted_in: the only countries whose servers are in, None for all.
    """

    headquarters: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    hosted_in: frozenset[str] | None = None

    def __and__(self, other: Policy) -> Policy:
        allowed = [each.hosted_in for each in (self, other) if each.hosted_in is not None]
        return Policy(
            headquarters=self.headquarters | other.headquarters,
            places=self.places | other.places,
            tags=self.tags | other.tags,
            providers=self.providers | other.providers,
            hosted_in=frozenset.intersection(*allowed) if allowed else None,
        )

    def __bool__(self) -> bool:
        return self != NONE

    def objection(self, endpoint: Endpoint, here: str | None, whose: str) -> Objection | None:
        """Why this endpoint may not be asked, None where it may.

        Args:
            endpoint: as it would be called.
            here: where the call leaves from: what runs in this process is hosted there.
            whose: who set these rules, for the words: "this call".
        """
        if not self.providers.isdisjoint((endpoint.provider, endpoint.name)):
            return Objection(f"excluded by {whose}", f"exclude of {whose}")
        if self.headquarters and (found := self._company(endpoint, whose)) is not None:
            return found
        for tag in sorted(self.tags & endpoint.adapter.tags.keys()):
            return _dated(f"tagged {tag}; {whose} excludes it", endpoint.adapter.tags[tag])
        if self.places or self.hosted_in is not None:
            return self._place(endpoint, here, whose)
        return None

    def _company(self, endpoint: Endpoint, whose: str) -> Objection | None:
        """A company's country, the parent's or that of the site's own company; unknown is out, but for a server of one's own."""
        site, vendor = endpoint.site, endpoint.adapter
        excluded = f"{whose} excludes headquarters in {_list(self.headquarters)}"
        if vendor.headquarters in self.headquarters:
            reason = f"headquarters in {vendor.headquarters}; {excluded}"
            fact = vendor.headquarters_fact
            return _dated(reason, fact) if fact else Objection(reason, f"adapter {vendor.name}")
        if site.headquarters in self.headquarters:
            return _dated(f"its company's headquarters are in {site.headquarters}; {excluded}", site.fact)
        if not vendor.headquarters and site.serves != "anywhere":
            return Objection(f"nobody says where its headquarters are; {excluded}", f"adapter {vendor.name}")
        return None

    def _place(self, endpoint: Endpoint, here: str | None, whose: str) -> Objection | None:
        place = endpoint.hosted_in or (here if endpoint.adapter.keyless else None)
        where = f"hosted in {place}" if place else "hosted nobody says where"
        if self.hosted_in is not None and place not in self.hosted_in:
            reason = f"{where}; {whose} allows {_list(self.hosted_in) or 'nowhere'}"
        elif self.places and (place is None or place in self.places):
            reason = f"{where}; {whose} excludes {_list(self.places)}"
        else:
            return None
        if endpoint.hosted_in != endpoint.site.hosted_in:
            return Objection(reason, "hosted_in in your settings")
        return _dated(reason, endpoint.site.fact)


NONE: Final = Policy()


def _dated(reason: str, fact: Fact) -> Objection:
    return Objection(reason, fact.source, fact.as_of)


def _list(codes: frozenset[str]) -> str:
    return ", ".join(sorted(codes))


# --- reading -------------------------------------------------------------------------------------------------------------


def read(source: Source) -> Policy:
    """The keys `exclude` and `hosted_in` of a call's options, of the settings or of the arguments.

    `exclude` may be a plain list of providers.

    Raises:
        ConfigError: naming place, key, what was found and what is allowed.
    """
    hosted_in = _countries(source, "hosted_in") if "hosted_in" in source else None
    if "exclude" not in source:
        source.raw("exclude")
        source.raw("hosted_in")
        return Policy(hosted_in=hosted_in)
    value = source.raw("exclude")
    if isinstance(value, (list, tuple)):
        named = Source({"exclude": list(value)}, source.file, source.key)
        return Policy(providers=frozenset(provider_names(named, "exclude") or ()), hosted_in=hosted_in)
    if not isinstance(value, dict):
        raise source.error(
            "exclude",
            value,
            'a list of providers, or a table such as { headquarters = ["US"], hosted_in = ["CN"], tags = [...], providers = [...] }',
        )
    table = Source({str(name): _listed(item) for name, item in value.items()}, source.file, source.path("exclude"))
    policy = Policy(
        headquarters=_countries(table, "headquarters"),
        places=_countries(table, "hosted_in"),
        tags=_tags(table),
        providers=frozenset(provider_names(table, "providers") or ()),
        hosted_in=hosted_in,
    )
    table.close()
    return policy


def _listed(value: object) -> object:
    return list(value) if isinstance(value, (tuple, set, frozenset)) else value


def _countries(source: Source, key: str) -> frozenset[str]:
    return frozenset(
        region.normalise(code, where=f"{source.file}: {source.path(key)}") for _, code in source.rows(key, str)
    )


def _tags(source: Source) -> frozenset[str]:
    """Known tags only: one that is misspelt would exclude nobody."""
    tags = [(index, tag.strip().lower()) for index, tag in source.rows("tags", str)]
    for index, tag in tags:
        if tag not in adapter.TAGS and tag not in (words := _known_tags()):
            raise source.error(f"tags[{index}]", tag, ", ".join(words) + nearest(tag, words))
    return frozenset(tag for _, tag in tags)


def _known_tags() -> list[str]:
    return sorted({*adapter.TAGS, *(tag for name in adapter.adapters() for tag in adapter.get(name).tags)})
