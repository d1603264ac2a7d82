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
