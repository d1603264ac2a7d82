"""Which key goes where: arguments, variables and the file, in the order in which they count. Part of `config`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmswitch import _explicit, _variables
from llmswitch import adapter as adapters
from llmswitch._address import check_key
from llmswitch._settings import ProviderSettings, SiteSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._explicit import Explicit
    from llmswitch.adapter import Adapter, Site
    from llmswitch.secret import Secret

SDK: Final = "openai"  # whose variables the openai package reads: OPENAI_API_KEY, OPENAI_BASE_URL
_SDK_KEY: Final = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, and the argument, variable or key of the file that gave it."""

    secret: Secret
    source: str


class Keys:
    """The keys that were given; `explicit`: the endpoint that the caller named.

    Raises:
        ConfigError: one cannot be used.
    """

    def __init__(self, environ: Mapping[str, str], file: str, api_key: str | None, explicit: Explicit | None) -> None:
        self._environ, self._file, self._explicit = environ, file, explicit
        self._argument = None if api_key in (None, "") else _key(api_key, "argument api_key")
        self._sdk_key = self._variable(_SDK_KEY)
        self._withheld = self._kept_from_openai()

    def of_explicit(self, site_key: Key | None, bare: Key | None) -> tuple[Key | None, Key | None]:
        """The key for the endpoint that base_url names, and the vendor's bare key where it is still free.

        The argument; else the vendor's own; else OPENAI_API_KEY, because that is what openai sends to its base_url.
        """
        if self._argument is not None:
            return self._argument, bare if bare is not self._argument else None
        if site_key is not None:
            return site_key, bare
        return bare or self._sdk_key, None

    def of_site(self, adapter: Adapter, site: Site, own: ProviderSettings) -> Key | None:
        """The site's own."""
        mine = own.sites.get(site.name, SiteSettings())
        where = f"providers.{adapter.name}.sites.{site.name}"
        return self._first(site.key_env, mine.api_key, mine.api_key_env, where)

    def bare(self, adapter: Adapter, own: ProviderSettings) -> Key | None:
        """The vendor's, which says nothing of a site."""
        if adapter.name == SDK and self._argument is not None and self._explicit is None:
            return self._argument
        named = self._explicit is not None and self._explicit.adapter is adapter
        variables = tuple(name for name in adapter.key_env if named or name not in self._withheld)
        return self._first(variables, own.api_key, own.api_key_env, f"providers.{adapter.name}")

    def _kept_from_openai(self) -> frozenset[str]:
        """OPENAI_API_KEY is not OpenAI's where it goes with another host's base_url: it must not reach OpenAI, then."""
        sdk = adapters.get(SDK)
        beside = _explicit.from_environ(self._environ)
        other = self._explicit is not None and self._explicit.adapter is not sdk
        if (beside is not None and beside.adapter is not sdk) or (other and self._argument is None):
            return frozenset({_SDK_KEY})
        return frozenset()

    def _first(self, variables: tuple[str, ...], value: str | None, named: str | None, where: str) -> Key | None:
        """Ours (LLMSWITCH_…), then the file's, then the vendor's. A variable named in the file replaces the vendor's."""
        ours = [name for name in variables if name.startswith(_variables.PREFIX)]
        theirs = [name for name in variables if not name.startswith(_variables.PREFIX)]
        for name in ours:
            if key := self._variable(name):
                return key
        if value is not None:
            return _key(value, f"{where}.api_key in {self._file}")
        for name in [named] if named else theirs:
            if key := self._variable(name):
                return key
        return None

    def _variable(self, name: str) -> Key | None:
        value = self._environ.get(name, "")
        return _key(value, name) if value.strip() else None


def _key(value: object, source: str) -> Key:
    return Key(secret=check_key(value, source), source=source)
