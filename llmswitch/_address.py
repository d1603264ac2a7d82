"""What a key and a base URL must look like to be used; what is wrong with one that cannot be. Part of `config`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from llmswitch.errors import ConfigError
from llmswitch.secret import Secret

_PRIVATE_SUFFIXES: Final = (".localhost", ".local", ".lan", ".internal", ".intranet", ".home.arpa", ".svc", ".corp")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")
_SPACE: Final = re.compile(r"[\s\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    url: str
    private: bool
    warning: str = ""


def check_key(value: object, where: str) -> Secret:
    """A key that fits into a header. Errors never show it."""
    if not isinstance(value, str):
        raise ConfigError(f"{where}: a key is a string, not {type(value).__name__}.")
    if value != value.rstrip("\r\n") and not _UNSAFE.search(value.rstrip("\r\n")):
        raise ConfigError(
            f"{where}: the key ends in a line break, as a key read from a file often does. "
            "Take it away: read().strip() in Python, `tr -d '\\r\\n' < file` in a shell, `echo -n` or printf where a secret is made."
        )
    if found := _UNSAFE.search(value):
        kind = "a line break or another control character" if found[0].isascii() else "a character no header can carry"
        raise ConfigError(
            f"{where}: the key has {kind} at position {found.start()}; copy it again from the provider's console."
        )
    if value != value.strip():
        raise ConfigError(f"{where}: the key has a space before or after it; take it away.")
    if not value:
        raise ConfigError(f"{where}: the key is empty; leave it out instead.")
    if value.lower().startswith("bearer "):
        raise ConfigError(f"{where}: leave out the word Bearer; give the key alone.")
    return Secret(value)


def check_address(
    self, adapter: Adapter, site: Site, own: ProviderSettings, main: bool, explicit: _Explicit | None
) -> Address | None:
    """Where the endpoint is, None where nobody moved it."""
    anywhere = site.serves == "anywhere"
    if explicit is not None and anywhere:
        return explicit.address
    prefix = _prefix(adapter)
    for variable in (f"{prefix}_{_word(site.name)}_BASE_URL", f"{prefix}_BASE_URL" if main else ""):
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


def _word(name: str) -> str:
    return name.upper().replace("-", "_")


def _prefix(adapter: Adapter) -> str:
    return f"LLMSWITCH_{_word(adapter.name)}"


def _argument(api_key: str | None) -> _Key | None:
    if api_key is None or api_key == "":
        return None
    return _Key(secret=check_key(api_key, "argument api_key"), source="argument api_key")


def _explicit(environ: Mapping[str, str], base_url: str | None) -> _Explicit | None:
    """The endpoint that the caller names as openai would: the argument, else OPENAI_BASE_URL."""
    if base_url is not None and not isinstance(base_url, str):
        raise ConfigError(
            f"argument base_url: found {type(base_url).__name__}; allowed: a string such as 'https://host/v1'."
        )
    return _named_host(base_url or "", "argument base_url") or _named_host(environ.get(_SDK_URL, ""), _SDK_URL)


def _named_host(value: str, where: str) -> _Explicit | None:
    if not value.strip():
        return None
    address = check_address(value.strip(), where, http_anywhere=True)
    adapter, site = adapters.by_host(urlsplit(address.url).hostname or "") or _compatible()
    return _Explicit(adapter=adapter, site=site, address=address)


def _compatible() -> tuple[Adapter, Site]:
    adapter = adapters.get(_COMPATIBLE)
    return adapter, adapter.home_site()


def check_address(value: str, where: str, *, http_anywhere: bool) -> Address:
    """A checked base URL without its trailing slashes."""
    example = "a URL such as https://host/v1"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port  # a port out of range raises
    except ValueError as error:
        raise ConfigError(f"{where}: found {value[:80]!r}; allowed: {example} ({error}).") from None
    if parts.username or parts.password:
        raise ConfigError(f"{where}: a user name or password must not stand in a URL; give the key as api_key instead.")
    if parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment or _SPACE.search(value):
        raise ConfigError(f"{where}: found {value[:80]!r}; allowed: {example}, without a query.")
    loopback, private = _nearness(host)
    warning = ""
    if parts.scheme == "http" and not loopback:
        if not http_anywhere:
            raise ConfigError(
                f"{where}: found {value[:80]!r}; allowed: https://, or http:// on this machine (127.0.0.1)."
            )
        if not private:
            warning = f"{where} = {value[:80]} is not encrypted: keys and prompts can be read on the way; use https://."
    return Address(url=value.rstrip("/"), private=loopback or private, warning=warning)


def _nearness(host: str) -> tuple[bool, bool]:
    """Whether a host is this machine, and whether it is in a private network. By its name: nothing is looked up."""
    host = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost"), "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.is_loopback, not address.is_global or address.is_unspecified
