"""What an adapter is made of: sites, models, a vendor's SDK, each with its fact. Part of `adapter`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from llmswitch.rules import Rule

Verdict = Literal["served", "not_served", "unknown", "discouraged"]
Serves = Literal["list", "all-except", "home", "anywhere"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Where a statement comes from.

    `as_of` is YYYY, YYYY-MM or YYYY-MM-DD; `confidence` is high (read at the vendor, or measured), medium (second hand)
    or low (a single hint).
    """

    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One of a provider's regional platforms.

    Attributes:
        base_url: "" where it depends on the account (a workspace host): the site takes part only with a base_url of the
            user's own.
        hosts: host names, or "*.suffix" patterns, by which a base_url is recognised.
        paths: the API's base paths known on these hosts.
        serves: how `regions`, `not_served`, `unknown` and `discouraged` are to be read, see `verdict`.
        preferred: regions whose callers choose this site before the provider's others; "*" is everyone else.
        binds: whose region counts: "caller" (where the call leaves from), "end_user" (whom the app serves).
        enforcement: "ip", "account", "key", "contract".
        headquarters: of the company that runs it, where that is another country than the vendor's; both count for filters.
        hosted_in: the country (ISO 3166-1 alpha-2) whose servers answer and keep the data; None where nobody says.
        key_env: variables whose key belongs to this site only.
        key_pattern: what its keys look like, as a regular expression; for hints, never to refuse one.
        tiers: in place of the provider's, where the site has other models.
    """

    name: str
    base_url: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...] = ()
    serves: Serves
    regions: frozenset[str] = frozenset()
    not_served: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    discouraged: frozenset[str] = frozenset()
    preferred: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    enforcement: tuple[str, ...] = ()
    headquarters: str | None = None
    hosted_in: str | None = None
    key_env: tuple[str, ...] = ()
    key_pattern: str | None = None
    tiers: Mapping[str, str] = field(default_factory=dict, hash=False)
    fact: Fact
    note: str = ""

    def verdict(self, region: str) -> Verdict:
        """What the source says about a region (ISO 3166-1 alpha-2).

        - "list": an allow list. In `regions` served, in `unknown` unknown, otherwise not served.
        - "all-except": no allow list is published. What no set names is served.
        - "home": meant for `regions`; elsewhere discouraged, which ranks it last and never excludes it.
        - "anywhere": a host of the user's own choice.
        """
        if region in self.not_served:
            return "not_served"
        if region in self.unknown:
            return "unknown"
        if region in self.discouraged:
            return "discouraged"
        if region in self.regions or self.serves in {"all-except", "anywhere"}:
            return "served"
        return "discouraged" if self.serves == "home" else "not_served"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model as its vendor names it.

    Attributes:
        patterns: shell-style patterns of names that are this model too (dated snapshots nobody listed).
        context: input tokens; None when not known.
        max_output: output tokens; None when not known.
        lacks: capabilities it certainly does not have; what is in neither set is not known.
        retired: the last day on which it answers; `successor` is what the vendor names in its place, None where it names
            nothing, and `successor_fact` who says so.
        dimensions: of an embedding, the default first.
        shortens: any number of dimensions below the default is possible, too.
        batch: texts per embeddings request, where it differs from the adapter's.
    """

    name: str
    aliases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    tier: str
    context: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    retired: dt.date | None = None
    successor: str | None = None
    successor_fact: Fact | None = None
    dimensions: tuple[int, ...] = ()
    shortens: bool = False
    batch: int | None = None
    fact: Fact
    note: str = ""

    def is_retired(self, today: dt.date) -> bool:
        """Whether its last day has passed."""
        return self.retired is not None and self.retired < today

    @property
    def sizes(self) -> str:
        """The dimensions it has, in words."""
        first, *others = map(str, self.dimensions)
        if self.shortens:
            return f"{first} or fewer"
        return f"{', '.join((first, *others[:-1]))} or {others[-1]}" if others else first

    def lacks_dimensions(self, asked: int) -> bool:
        """Whether it certainly makes no vectors of this size."""
        return (
            bool(self.dimensions)
            and asked not in self.dimensions
            and not (self.shortens and asked < self.dimensions[0])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two keys that the vendor's SDK alone makes something of.

    Attributes:
        name: what the SDK's file knows them by.
        variables: of the key and of its secret.
        protocol: what is spoken with them.
    """

    name: str
    variables: tuple[str, str]
    protocol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """The vendor's own SDK, for `via = "sdk"`.

    Attributes:
        name: its file in `llmswitch.sdk`.
        extra: `pip install 'llmswitch[extra]'` brings it.
        requires: distributions, and the oldest version of each that works.
        protocol: what is spoken with an ordinary key.
        sites: those it reaches, the others are called over HTTP; none means every site.
        pairs: other credentials, the preferred first.
        addresses: further ones of the vendor's that it calls, by the names its file has for them.
        parameters: of each protocol what must change in a request besides the vendor's own rules.
    """

    name: str
    extra: str
    requires: Mapping[str, str]
    protocol: str
    sites: frozenset[str] = frozenset()
    pairs: tuple[Pair, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    fact: Fact
