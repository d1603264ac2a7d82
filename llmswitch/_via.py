"""How an endpoint is spoken to: over HTTP, or through the vendor's own SDK (`via = "sdk"`). Part of `config`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from llmswitch import _variables
from llmswitch import adapter as adapters
from llmswitch._address import check_key
from llmswitch._table import nearest
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch.adapter import Adapter, Pair, Sdk
    from llmswitch.secret import Secret

Way = Literal["http", "sdk"]
WAYS: Final[tuple[Way, ...]] = ("http", "sdk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """Through which SDK, speaking what; `pair` and `secrets` where it goes by two keys in place of one."""

    sdk: Sdk
    protocol: str
    pair: Pair | None = None
    secrets: tuple[Secret, Secret] | None = None

    @property
    def credential(self) -> str:
        """Whose credentials, without showing them; "" where the endpoint's key says so."""
        return self.secrets[0].id if self.secrets is not None else ""

    @property
    def source(self) -> str:
        """The variables that gave the credentials."""
        return " and ".join(self.pair.variables) if self.pair is not None else ""


def way(environ: Mapping[str, str], adapter: Adapter, setting: str | None, file: str) -> Way:
    """What is set for this provider.

    Raises:
        ConfigError: no such way, or "sdk" for a vendor whose SDK is not used.
    """
    variable = _variables.via(adapter)
    found = environ.get(variable, "").strip().lower()
    where = variable if found else f"{file}: providers.{adapter.name}.via"
    found = found or setting or "http"
    if found not in WAYS:
        raise ConfigError(f"{where}: found {found[:40]!r}; allowed: {', '.join(WAYS)}{nearest(found, WAYS)}.")
    if found == "sdk" and adapter.sdk is None:
        having = ", ".join(name for name in adapters.adapters() if adapters.get(name).sdk is not None)
        raise ConfigError(
            f"{where}: llmswitch uses no SDK of {adapter.title}; leave it out. There are SDKs of: {having}."
        )
    return found


def choose(environ: Mapping[str, str], sdk: Sdk, *, keyed: bool) -> Via | None:
    """The way through this SDK: with the ordinary key where there is one, else with the first pair that is set; None with neither.

    Raises:
        ConfigError: a key cannot be used.
    """
    if keyed:
        return Via(sdk=sdk, protocol=sdk.protocol)
    for pair in sdk.pairs:
        key, secret = (environ.get(name, "").strip() for name in pair.variables)
        if key and secret:
            secrets = check_key(key, pair.variables[0]), check_key(secret, pair.variables[1])
            return Via(sdk=sdk, protocol=pair.protocol, pair=pair, secrets=secrets)
    return None


def given(environ: Mapping[str, str], adapter: Adapter) -> bool:
    """Whether some of the keys are set that only the SDK makes something of."""
    pairs = adapter.sdk.pairs if adapter.sdk is not None else ()
    return any(environ.get(name, "").strip() for pair in pairs for name in pair.variables)


def missing(environ: Mapping[str, str], adapter: Adapter, chosen: Way) -> str:
    """What to say of pairs where there is no key: what else would do, or why those that are set do not; "" where nothing is known."""
    pairs = adapter.sdk.pairs if adapter.sdk is not None else ()
    for pair in pairs:
        given = [name for name in pair.variables if environ.get(name, "").strip()]
        if len(given) == 1:
            absent = next(name for name in pair.variables if name not in given)
            return f"{given[0]} is set without {absent}"
        if given and chosen == "http":
            return f'{" and ".join(given)} work through the SDK only: set {_variables.via(adapter)}=sdk, or via = "sdk"'
    if pairs and chosen == "sdk":
        return "or " + ", or ".join(" and ".join(pair.variables) for pair in pairs)
    return ""


def require(adapter: Adapter, sdk: Sdk) -> None:
    """See that the SDK is installed, without importing it.

    Raises:
        ConfigError: it is not, or too old, or something that it needs is missing.
    """
    from importlib import metadata  # noqa: PLC0415 - slow to import, and only who goes through an SDK needs it

    for name, oldest in sdk.requires.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            problem = f"{name} is not installed"
        else:
            if _numbers(version) >= _numbers(oldest):
                continue
            problem = f"{name} {version} is installed, and it takes {oldest} or newer"
        raise ConfigError(
            f'{adapter.name} goes through its SDK (via = "sdk"), and {problem}: install llmswitch with its extra {sdk.extra} '
            f"(in a checkout: pip install '.[{sdk.extra}]'). "
            f"Or leave via out: over HTTP llmswitch needs no SDK."
        )


def fitted(adapter: Adapter, via: Via) -> Adapter:
    """The adapter with what this SDK's protocol needs in a request besides."""
    return replace(adapter, parameters=(*adapter.parameters, *via.sdk.parameters.get(via.protocol, ())))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3])
