"""The endpoint that the caller names as openai would: by `base_url=`, else by OPENAI_BASE_URL. Part of `config`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmswitch import adapter as adapters
from llmswitch._address import Address, check_address
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch.adapter import Adapter, Site

_SDK_URL: Final = "OPENAI_BASE_URL"
_COMPATIBLE: Final = "compatible"  # what serves at a host that no adapter knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Explicit:
    """Whose it is, where, who says so (an argument or a variable); `fixed`: the vendor's own client was asked for."""

    adapter: Adapter
    site: Site
    address: Address
    where: str
    fixed: bool = False


def find(environ: Mapping[str, str], base_url: str | None, provider: str | None) -> Explicit | None:
    """The argument's, at `provider` where one is given; else the variable's; None where nothing names one.

    Raises:
        ConfigError: the address cannot be used.
    """
    if base_url is not None and not isinstance(base_url, str):
        raise ConfigError(
            f"argument base_url: found {type(base_url).__name__}; allowed: a string such as 'https://host/v1'."
        )
    named = _named_host(base_url or "", "argument base_url")
    if named is not None and provider is not None:
        adapter = adapters.get(provider)
        site = named.site if named.adapter is adapter else adapter.home_site()
        return replace(named, adapter=adapter, site=site, fixed=True)
    return named or from_environ(environ)


def from_environ(environ: Mapping[str, str]) -> Explicit | None:
    """The one that OPENAI_BASE_URL names."""
    return _named_host(environ.get(_SDK_URL, ""), _SDK_URL)


def whose(url: str) -> tuple[Adapter, Site]:
    """The vendor at this address, `compatible` where nobody is known there."""
    found = adapters.by_url(url)
    if found is None:
        adapter = adapters.get(_COMPATIBLE)
        return adapter, adapter.home_site()
    return found


def _named_host(value: str, where: str) -> Explicit | None:
    if not value.strip():
        return None
    address = check_address(value.strip(), where, http_anywhere=True)
    adapter, site = whose(address.url)
    return Explicit(adapter=adapter, site=site, address=address, where=where)
