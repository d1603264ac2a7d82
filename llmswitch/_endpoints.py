"""Which (provider, site) pairs take part, with which key, at which address. Part of `config`.

A bare vendor key (`DASHSCOPE_API_KEY`) belongs to one site: the configured one, else the region's, else the home site. It
is never tried on a second one. A key variable of one site (`DASHSCOPE_INTL_API_KEY`) makes that site's endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmswitch import _explicit, _variables, _via
from llmswitch import adapter as adapters
from llmswitch._address import Address, check_address
from llmswitch._keys import SDK, Keys
from llmswitch._settings import ProviderSettings, SiteSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmswitch._explicit import Explicit
    from llmswitch._keys import Key
    from llmswitch._policy import Objection
    from llmswitch._settings import Settings
    from llmswitch._via import Via
    from llmswitch.adapter import Adapter, Site
    from llmswitch.secret import Secret

_LOCAL: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """One provider at one of its sites, with a key: somewhere a call can go.

    Attributes:
        base_url: without a trailing slash; "" for the local model, whose address is known once it runs.
        key: None where the server wants none.
        key_source: the argument, variable or key of the file that gave it.
        first: where the caller's own `base_url`, headers and unknown model names belong; one endpoint at most has it.
        explicit: named by the caller's `base_url=` or `OPENAI_BASE_URL`.
        moved: not at the vendor's own address; the region rules stay the vendor's.
        serves_also: regions that the user says it serves, whatever the adapter says.
        via: through which SDK, None where it is called over HTTP.
        hosted_in: the country whose servers answer: as the user says, else as the adapter does; None where nobody says.
    """

    adapter: Adapter
    site: Site
    base_url: str
    key: Secret | None = None
    key_source: str = ""
    first: bool = False
    explicit: bool = False
    moved: bool = False
    serves_also: frozenset[str] = frozenset()
    hosted_in: str | None = None
    via: Via | None = None

    @property
    def credential(self) -> str:
        """Whose credentials, without showing them; "" where there are none."""
        return self.key.id if self.key is not None else self.via.credential if self.via is not None else ""

    @property
    def provider(self) -> str:
        """The adapter's name."""
        return self.adapter.name

    @property
    def name(self) -> str:
        """`provider@site`."""
        return f"{self.adapter.name}@{self.site.name}"

    @property
    def heard_as_openai(self) -> bool:
        """Whether its answers are taken as openai takes them: it has all that OpenAI has, or the caller named it."""
        return self.explicit or "*" in self.adapter.resources

    @property
    def identity(self) -> str:
        """What health is learned about: the name, and the address where it is not the vendor's own."""
        return f"{self.name} {self.base_url}" if self.moved else self.name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Absent:
    """A known endpoint that does not take part.

    Attributes:
        configured: something was set for it, which did not suffice.
        objection: the rule of the user's that keeps it out, whatever else does.
    """

    endpoint: Endpoint
    reason: str
    configured: bool = False
    objection: Objection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What `find` gives; `private`: the first endpoint is a private host that the caller named as base_url."""

    endpoints: tuple[Endpoint, ...]
    absent: tuple[Absent, ...]
    private: bool
    warnings: tuple[str, ...]


def find(
    environ: Mapping[str, str],
    settings: Settings,
    region: str | None,
    *,
    api_key: str | None,
    base_url: str | None,
    provider: str | None = None,
    file: str,
) -> Found:
    """Every known endpoint, sorted into those that take part (in the default order) and those that do not.

    Raises:
        ConfigError: a key or an address cannot be used.
    """
    explicit = _explicit.find(environ, base_url, provider)
    finder = _Finder(environ, settings, region, Keys(environ, file, api_key, explicit), explicit, file)
    rows = [row for name in adapters.adapters() for row in finder.rows(adapters.get(name))]
    endpoints = [row for row in rows if isinstance(row, Endpoint)]
    order = settings.order or ()
    endpoints.sort(key=lambda endpoint: rank(endpoint, region, order))
    first = next((e for e in endpoints if e.explicit), None)
    if explicit is None:  # what the caller meant for a named one that takes no part must reach no other
        first = next((e for e in endpoints if e.provider == SDK), endpoints[0] if endpoints else None)
    endpoints = [replace(endpoint, first=endpoint is first) for endpoint in endpoints]
    endpoints.sort(key=lambda endpoint: rank(endpoint, region, order))
    return Found(
        endpoints=tuple(endpoints),
        absent=tuple(row for row in rows if isinstance(row, Absent)),
        private=finder.private,
        warnings=(*dict.fromkeys(finder.warnings), *_variables.unread(environ, finder.named)),
    )


def rank(endpoint: Endpoint, region: str | None, order: tuple[str, ...]) -> tuple[int, bool, bool, int, bool, str]:
    """The default order: the user's, the first endpoint, who is at home in the region, the adapters' rank, the site."""
    places = [place for place, entry in enumerate(order) if entry in (endpoint.provider, endpoint.name)]
    site, adapter = endpoint.site, endpoint.adapter
    at_home = (
        region is not None and site.verdict(region) == "served" and region in (*site.preferred, adapter.headquarters)
    )
    chosen = adapter.site_for(region) is site
    return (
        places[0] if places else len(order),
        not endpoint.first,
        not at_home,
        adapter.rank,
        not chosen,
        endpoint.name,
    )


class _Finder:
    def __init__(
        self,
        environ: Mapping[str, str],
        settings: Settings,
        region: str | None,
        keys: Keys,
        explicit: Explicit | None,
        file: str,
    ) -> None:
        self._environ, self._settings, self._region, self._file = environ, settings, region, file
        self._keys, self._explicit = keys, explicit
        self.private = False
        self.warnings: list[str] = []

    @property
    def named(self) -> tuple[str, ...]:
        """The variables that `api_key_env` names."""
        found: list[str | None] = []
        for own in self._settings.tables.values():
            found += [own.api_key_env, *(site.api_key_env for site in own.sites.values())]
        return tuple(name for name in found if name)

    def rows(self, adapter: Adapter) -> Iterator[Endpoint | Absent]:
        """One row for each site of the provider."""
        own = self._settings.tables.get(adapter.name, ProviderSettings())
        explicit = self._explicit if self._explicit and self._explicit.adapter is adapter else None
        keys = {site.name: key for site in adapter.sites if (key := self._keys.of_site(adapter, site, own))}
        bare = self._keys.bare(adapter, own)
        if explicit is not None:
            main = explicit.site
            key, bare = self._keys.of_explicit(keys.get(main.name), bare)
            if key is not None:
                keys[main.name] = key
            if bare is not None:
                keys.setdefault(self._belongs(adapter, own, keys).name, bare)
        else:
            main = self._main_site(adapter, own, keys, bare)
            if bare is not None:
                keys.setdefault(main.name, bare)
        for site in adapter.sites:
            yield self._row(adapter, site, own, keys.get(site.name), site is main, explicit)

    def _row(
        self,
        adapter: Adapter,
        site: Site,
        own: ProviderSettings,
        key: Key | None,
        main: bool,
        explicit: Explicit | None,
    ) -> Endpoint | Absent:
        named = explicit if explicit is not None and explicit.site is site else None
        address = self._address(adapter, site, own, main, named)
        url = address.url if address else site.base_url
        via = self._via(adapter, site, own, key, main)
        mine = own.sites.get(site.name, SiteSettings())
        endpoint = Endpoint(
            adapter=adapter if via is None else _via.fitted(adapter, via),
            site=site,
            base_url=url,
            key=key.secret if key else None,
            key_source=key.source if key else via.source if via else "",
            explicit=named is not None,
            moved=url != site.base_url,
            serves_also=own.serves_also,
            via=via,
            hosted_in=mine.hosted_in or (own.hosted_in if main else None) or site.hosted_in,
        )
        objection = self._settings.policy.objection(endpoint, self._region, "your policy")
        reason = objection.reason if objection else self._reason(endpoint, own, main)
        if named is not None:
            self.private = address is named.address and named.address.private
        if reason:
            if named is not None:  # the calls go elsewhere, or nowhere: a private host's stay (`Config.stays`)
                self.warnings.append(f"{named.where}: {endpoint.name} takes no part: {reason}.")
            configured = key is not None or named is not None or (main and _via.given(self._environ, adapter))
            return Absent(endpoint=endpoint, reason=reason, configured=configured, objection=objection)
        if via is not None:
            _via.require(adapter, via.sdk)
        if address and address.warning:
            self.warnings.append(address.warning)
        return endpoint

    def _reason(self, endpoint: Endpoint, own: ProviderSettings, main: bool) -> str:
        """Why it takes no part; "" when it does."""
        adapter, site, settings = endpoint.adapter, endpoint.site, self._settings
        anywhere = site.serves == "anywhere"
        if not own.enabled:
            return f"enabled = false in {self._file}"
        if settings.providers is not None and not {adapter.name, endpoint.name}.intersection(settings.providers):
            return f"not among the providers allowed: {', '.join(settings.providers) or 'none'}"
        if adapter.keyless and not self._asked(adapter, settings):
            return "only when asked for: local=True, LLMSWITCH_LOCAL=1 or local = true"
        if adapter.keyless:
            return ""
        if not endpoint.base_url:
            variable = _variables.base_url(adapter, None if anywhere else site)
            return f"no base_url: set {variable}" + ("" if anywhere else " (the address depends on your account)")
        if endpoint.key is None and not anywhere and endpoint.via is None:
            return self._no_key(adapter, site, own, main)
        return ""

    def _asked(self, adapter: Adapter, settings: Settings) -> bool:
        if adapter.name == _LOCAL and settings.local is not None:
            return bool(settings.local)
        named = {entry.partition("@")[0] for entry in settings.providers or ()}
        return adapter.name in named or adapter.name in settings.tables

    def _no_key(self, adapter: Adapter, site: Site, own: ProviderSettings, main: bool) -> str:
        named = own.sites.get(site.name, SiteSettings()).api_key_env or (own.api_key_env if main else None)
        if named:
            return f"no key: {named} (api_key_env in {self._file}) is not set"
        groups = (adapter.key_env, site.key_env) if main else (site.key_env, adapter.key_env)
        vendors = [name for group in groups for name in group if not name.startswith(_variables.PREFIX)]
        reason = f"no key: set {(vendors if vendors and (main or site.key_env[1:]) else groups[0])[0]}"
        more = _via.missing(self._environ, adapter, self._way(adapter, own)) if main else ""
        return f"{reason} ({more})" if more else reason

    def _way(self, adapter: Adapter, own: ProviderSettings) -> _via.Way:
        return _via.way(self._environ, adapter, own.via, self._file)

    def _via(self, adapter: Adapter, site: Site, own: ProviderSettings, key: Key | None, main: bool) -> Via | None:
        """The vendor's SDK, where it is asked for and there are credentials. Pairs of keys belong to the site of the bare key."""
        sdk = adapter.sdk
        if self._way(adapter, own) == "http" or sdk is None or not (key or main):
            return None
        if sdk.sites and site.name not in sdk.sites:
            return None
        return _via.choose(self._environ, sdk, keyed=key is not None)

    # --- sites ---

    def _main_site(self, adapter: Adapter, own: ProviderSettings, keys: Mapping[str, Key], bare: Key | None) -> Site:
        """The site that the provider's bare key and base_url belong to."""
        if own.site is None and bare is None and len(keys) == 1:
            return adapter.site(next(iter(keys)))
        return self._belongs(adapter, own, keys)

    def _belongs(self, adapter: Adapter, own: ProviderSettings, keys: Mapping[str, Key]) -> Site:
        if own.site is not None:
            return adapter.site(own.site)
        chosen = adapter.site_for(self._region)
        free = (site for site in (chosen, adapter.home_site()) if site.name not in keys)
        return next(free, chosen)

    # --- addresses ---

    def _address(
        self, adapter: Adapter, site: Site, own: ProviderSettings, main: bool, explicit: Explicit | None
    ) -> Address | None:
        """Where the endpoint is, None where nobody moved it."""
        anywhere = site.serves == "anywhere"
        if explicit is not None and (anywhere or explicit.fixed):
            return explicit.address
        for variable in (_variables.base_url(adapter, site), _variables.base_url(adapter) if main else ""):
            if value := self._environ.get(variable, "").strip():
                return check_address(value, variable, http_anywhere=anywhere)
        if explicit is not None:
            return explicit.address
        where = f"{self._file}: providers.{adapter.name}"
        if url := own.sites.get(site.name, SiteSettings()).base_url:
            return check_address(url, f"{where}.sites.{site.name}.base_url", http_anywhere=anywhere)
        if main and own.base_url:
            return check_address(own.base_url, f"{where}.base_url", http_anywhere=anywhere)
        return None
