"""An adapter is what one TOML file in `adapters/` states about a provider: facts only, each with its source and date.

    Adapter
    ├── sites        Site: base URL, hosts, whom it serves, its own key variables
    ├── models       Model: tier, limits, capabilities, retirement
    ├── tiers        tier -> the model that takes a call meant for another provider's model of that tier
    ├── parameters   Rule: what must change in a request (applied by `llmswitch.parameters.fit`)
    ├── prices       PriceList: what a million tokens cost, by site (read by `llmswitch.cost`)
    ├── sdk          Sdk: the vendor's own, where `via = "sdk"` may choose it
    └── errors       what its error codes mean (read by `llmswitch.failure.classify`)

Top-level keys have facts of their own: `headquarters = "CN"` is said by `[facts.headquarters]`, each of
`tags = ["us-entity-list", "us-dod-1260h"]` by `[facts.us-entity-list]`, ... or by one `[facts.tags]` for all; the source tells
the day of the listing. Of a site, `hosted_in` and `headquarters` (only where another country's company runs it) belong to the
site's fact; both are left out where nobody says.

In the wheel the files lie in `llmswitch/_adapters/`, in a checkout in the top-level `adapters/`. Nothing is read before
the first call. Other packages add providers through the entry-point group `llmswitch.adapters`: each entry is an
`Adapter`, or the path of a TOML file.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from llmswitch._adapter_records import Fact, Model, Pair, Sdk, Serves, Site, Verdict
from llmswitch._table import nearest
from llmswitch.errors import ConfigError
from llmswitch.rules import Interval, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmswitch.failure.rule import ErrorRule
    from llmswitch.price import PriceList

__all__ = [
    "Adapter",
    "Fact",
    "Interval",
    "Model",
    "Pair",
    "Rule",
    "Sdk",
    "Serves",
    "Site",
    "Verdict",
    "adapters",
    "by_url",
    "get",
    "load",
    "register",
]

# Lists of governments that a company may stand on, as `tags` name them; an adapter may have others.
TAGS: Final = ("us-entity-list", "us-dod-1260h")
TIERS: Final = ("flagship", "standard", "fast", "reasoning", "vision", "embedding")
# `image_urls`: of "vision", the images that the vendor fetches itself, by http(s) address.
CAPABILITIES: Final = (
    "chat",
    "stream",
    "tools",
    "vision",
    "image_urls",
    "audio",
    "json_object",
    "json_schema",
    "reasoning",
    "embeddings",
    "logprobs",
)
EVERYWHERE: Final = "*"
REASONING: Final = "reasoning_content"  # where most vendors put it, and where callers find it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """A provider: what its TOML states.

    Attributes:
        aliases: other names people know it by; accepted wherever `name` is.
        dialect: its wire format, a name in `llmswitch.dialects`.
        headquarters: ISO country of the company, "" where it is none; `headquarters_fact` who says so.
        tags: for a user's own filters, each with who says so; nothing is blocked by them.
        rank: the default order, lower first.
        sites: the first is the home site.
        key_env: variables whose key may belong to any site.
        prices: what a million tokens cost, at which sites.
        errors: what its error codes and texts mean.
        finish_reasons: the vendor's word -> OpenAI's.
        failing_finish_reasons: the vendor's words for: the answer broke off on our side.
        reasoning_field: where reasoning arrives in a message or delta: a text, or a list of `{"text": ...}`.
        cached_field: in usage, the vendor's own word for cached prompt tokens.
        usage_in_choice: whether a stream's usage may stand in its choice.
        answer_facts: who says so of "finish_reasons", "reasoning", "usage" and "embeddings" (the batch).
        resources: the parts of the API it has; "*" is all of them.
        embeddings_batch: texts per embeddings request, None without a known limit; see `batch`.
        deployments: each account calls its models by names of its own.
        sdk: the vendor's own, None where llmswitch uses none.
        relay: its models are others', called `vendor/model`.
        private: fields of messages that it alone understands, and wants back; other providers never get them.
    """

    name: str
    aliases: tuple[str, ...] = ()
    title: str
    title_zh: str = ""
    dialect: str = "openai"
    headquarters: str = ""
    headquarters_fact: Fact | None = None
    tags: Mapping[str, Fact] = field(default_factory=dict)
    rank: int = 50
    sites: tuple[Site, ...]
    key_env: tuple[str, ...] = ()
    models: Mapping[str, Model] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Rule, ...] = ()
    prices: tuple[PriceList, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    finish_reasons: Mapping[str, str] = field(default_factory=dict)
    failing_finish_reasons: frozenset[str] = frozenset()
    reasoning_field: str = REASONING
    cached_field: str | None = None
    usage_in_choice: bool = False
    answer_facts: Mapping[str, Fact] = field(default_factory=dict)
    resources: frozenset[str] = frozenset({"chat", "embeddings", "models"})
    embeddings_batch: int | None = None
    keyless: bool = False
    deployments: bool = False
    sdk: Sdk | None = None
    relay: bool = False
    private: frozenset[tuple[str, ...]] = frozenset()
    docs: str = ""
    _names: dict[str, Model] = field(init=False, repr=False, default_factory=dict)
    _patterns: list[tuple[str, Model]] = field(init=False, repr=False, default_factory=list)

    @property
    def rewords(self) -> bool:
        """Whether its answers say some things in words of its own."""
        return bool(
            self.finish_reasons or self.cached_field or self.usage_in_choice or self.reasoning_field != REASONING
        )

    def __post_init__(self) -> None:
        for model in self.models.values():
            for name in (model.name, *model.aliases):
                self._names[name] = model
            self._patterns.extend((pattern, model) for pattern in model.patterns)

    def model(self, name: str) -> Model | None:
        """The model of this name, alias or pattern."""
        found = self._names.get(name)
        if found is None:
            found = next((model for pattern, model in self._patterns if fnmatchcase(name, pattern)), None)
        return found

    def batch(self, name: str) -> int | None:
        """How many texts an embeddings request to this model may hold, None without a known limit."""
        model = self.model(name)
        return model.batch if model is not None and model.batch is not None else self.embeddings_batch

    def site(self, name: str) -> Site:
        """The site of this name.

        Raises:
            ConfigError: there is none.
        """
        for site in self.sites:
            if site.name == name:
                return site
        names = [site.name for site in self.sites]
        raise ConfigError(f"{self.name}: no site {name!r}; its sites: {', '.join(names)}{nearest(name, names) or '.'}")

    def home_site(self) -> Site:
        """The site of the vendor's own country: where a key goes when nothing says otherwise."""
        return self.sites[0]

    def site_for(self, region: str | None) -> Site:
        """The site that callers in a region choose; the home site when the region is not known.

        A preference: whether the site serves the region is `Site.verdict`.
        """
        if region is not None:
            for wanted in (region, EVERYWHERE):
                for site in self.sites:
                    if wanted in site.preferred and site.base_url:
                        return site
        return self.home_site()


def load(path: str | Path) -> Adapter:
    """Read one adapter from a TOML file.

    Raises:
        ConfigError: naming the file, the key, what was found and what is allowed.
    """
    from pathlib import Path  # noqa: PLC0415 - only a process that reads files pays for it

    from llmswitch._adapter_file import parse  # noqa: PLC0415 - it imports this module's classes

    return parse(Path(path))


class _Registry:
    """The adapters of this process: shipped, installed beside, registered. Read once; never changed in place."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # an add-on may ask for adapters while it loads
        self._registered: dict[str, Adapter] = {}
        self._adapters: dict[str, Adapter] | None = None

    def all(self) -> dict[str, Adapter]:
        found = self._adapters
        if found is None:
            with self._lock:
                found = self._adapters
                if found is None:
                    found = self._adapters = self._sorted({**_shipped(), **_installed(), **self._registered})
        return found

    def register(self, adapter: Adapter) -> None:
        with self._lock:
            self._registered[adapter.name] = adapter
            if self._adapters is not None:
                self._adapters = self._sorted({**self._adapters, adapter.name: adapter})

    @staticmethod
    def _sorted(found: dict[str, Adapter]) -> dict[str, Adapter]:
        return dict(sorted(found.items(), key=lambda item: (item[1].rank, item[0])))


def _shipped() -> dict[str, Adapter]:
    from pathlib import Path  # noqa: PLC0415 - only a process that reads files pays for it

    package = Path(__file__).parent
    folder = package / "_adapters"
    if not folder.is_dir():  # a checkout
        folder = package.parent / "adapters"
    found = [load(path) for path in sorted(folder.glob("*.toml"))]
    if not found:
        raise ConfigError(f"no adapters in {folder}; the installation is incomplete: reinstall llmswitch.")
    return {adapter.name: adapter for adapter in found}


def _installed() -> dict[str, Adapter]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, needed once
    from pathlib import Path  # noqa: PLC0415 - only a process that reads files pays for it

    found: dict[str, Adapter] = {}
    for point in entry_points(group="llmswitch.adapters"):
        try:
            value: object = point.load()
            adapter = load(value) if isinstance(value, (str, Path)) else value
            if not isinstance(adapter, Adapter):
                raise TypeError(f"it gives {type(adapter).__name__}, not an Adapter or the path of a TOML file")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 - one broken add-on must not take the others down
            import logging  # noqa: PLC0415 - only on the way to a warning

            logging.getLogger("llmswitch").warning("adapter %r of %s left out: %s", point.name, point.value, error)
        else:
            found[adapter.name] = adapter
    return found


_registry = _Registry()


def adapters() -> tuple[str, ...]:
    """The names of all adapters, in their default order.

    Raises:
        ConfigError: a shipped file is damaged.
    """
    return tuple(_registry.all())


def get(name: str) -> Adapter:
    """The adapter of this name or alias, in any case.

    Raises:
        ConfigError: there is none; the message lists the names and suggests the nearest.
    """
    found = _registry.all()
    adapter = found.get(name)
    if adapter is not None:
        return adapter
    wanted = name.strip().lower()
    for adapter in found.values():
        if wanted == adapter.name or wanted in adapter.aliases:
            return adapter
    words = [word for adapter in found.values() for word in (adapter.name, *adapter.aliases)]
    raise ConfigError(f"unknown provider {name!r}; known: {', '.join(found)}{nearest(wanted, words) or '.'}")


def register(adapter: Adapter) -> None:
    """Add an adapter to this process, or replace the one of the same name."""
    _registry.register(adapter)


def by_url(url: str) -> tuple[Adapter, Site] | None:
    """Whose address this is, None when it is at nobody's known host.

    Sites on one host are told apart by the path: the longest that is known there wins, the site's own before another's.
    """
    parts = urlsplit(url)
    host, path = (parts.hostname or "").lower().rstrip("."), parts.path.rstrip("/") + "/"
    best: tuple[Adapter, Site] | None = None
    highest = (False, -1, False)
    for adapter in _registry.all().values():
        for site in adapter.sites:
            exact = host in site.hosts
            if not exact and not any(host.endswith(pattern[1:]) for pattern in site.hosts if pattern.startswith("*.")):
                continue
            own = urlsplit(site.base_url).path
            known = max((len(known) for known in (*site.paths, own) if path.startswith(f"{known}/")), default=0)
            rank = (exact, known, bool(own) and path.startswith(f"{own}/"))
            if rank > highest:
                best, highest = (adapter, site), rank
    return best
