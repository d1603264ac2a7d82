"""Where the calls leave from, and where the users are: ISO 3166-1 alpha-2 codes. Configured, never asked of a network."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNKNOWN", "Region", "detect", "normalise"]


@dataclass(frozen=True, slots=True)
class Region:
    """A country code, or None where nothing says; `source` is who said it: `"AWS_REGION=ap-east-1"`."""

    code: str | None
    source: str

    def __str__(self) -> str:
        return f"{self.code or 'unknown'} ({self.source})"


UNKNOWN: Final = Region(None, "not set")


def normalise(value: object, *, where: str = "region") -> str:
    """`" cn "` -> `"CN"`.

    Args:
        value: what was configured.
        where: names it in the error: an argument, a variable, a key of a file.

    Raises:
        ConfigError: not an ISO 3166-1 alpha-2 code; the message names the code that may be meant.
    """
    from llmswitch import _territories  # noqa: PLC0415 - 20 kB of names that a client without a region never needs

    if not isinstance(value, str):
        raise ConfigError(
            f"{where} must be a two-letter country code such as 'CN' or 'DE', not {type(value).__name__}."
        )
    code = value.strip().upper()
    if code in _territories.CODES:
        return code
    found = f"{where} = {value[:40]!r} is not a country."
    name = value.strip().lower()
    if name == "eu":
        raise ConfigError(f"{found} The EU is many: name the country, for example 'DE', 'FR' or 'IE'.")
    suggestion = _territories.NAMES.get(name)
    if suggestion is None:
        close = difflib.get_close_matches(name, _territories.NAMES, n=1, cutoff=0.8)
        suggestion = _territories.NAMES[close[0]] if close else None
    if suggestion is None:
        suggestion = _platform_name(name)
    advice = (
        "Use a two-letter code of ISO 3166-1, for example 'CN', 'HK', 'SG' or 'DE'; leave it out if you do not know."
    )
    raise ConfigError(f"{found} Did you mean {suggestion!r}? {advice}" if suggestion else f"{found} {advice}")


def _platform_name(name: str) -> str | None:
    """The country of a cloud's region name (`cn-beijing`), where every cloud that uses the name agrees."""
    from llmswitch import _territories  # noqa: PLC0415

    countries = {country for _, table in _territories.PLATFORMS if (country := _look_up(table, name))}
    return countries.pop() if len(countries) == 1 else None


def _look_up(table: Mapping[str, str], value: str) -> str | None:
    name = value.replace(" ", "").lower()
    if name in table:
        return table[name]
    return next((country for key, country in table.items() if key.endswith("*") and name.startswith(key[:-1])), None)


def detect(
    argument: str | None,
    environ: Mapping[str, str],
    configured: object = None,
    *,
    name: str = "region",
    file: str = "llmswitch.toml",
) -> Region:
    """The first that is set: argument, `LLMSWITCH_REGION`, the file; then, for `region` alone, the platform's variables.

    Args:
        argument: the caller's `region=` (or `user_region=`).
        environ: the process's environment.
        configured: the value of the key in the file.
        name: `"region"` or `"user_region"`; the variable is `LLMSWITCH_` and this in capitals.
        file: names the file in errors and in `source`.

    Returns:
        The code and who said it. The word `unknown` is accepted everywhere: it stops platform variables that tell the
        wrong country.

    Raises:
        ConfigError: a value is not a country. A platform's variable never raises: what it says and we do not know is
        ignored.
    """
    variable = f"LLMSWITCH_{name.upper()}"
    given: tuple[tuple[str, object], ...] = (
        (f"argument {name}", argument),
        (variable, environ.get(variable, "").strip() or None),
        (f"{name} in {file}", configured),
    )
    for source, value in given:
        if value is None:
            continue
        if isinstance(value, str) and value.strip().lower() == "unknown":
            return Region(None, source)
        return Region(normalise(value, where=source), source)
    return _platform(environ) if name == "region" else UNKNOWN


def _platform(environ: Mapping[str, str]) -> Region:
    from llmswitch import _territories  # noqa: PLC0415

    for variable, table in _territories.PLATFORMS:
        if (value := environ.get(variable, "").strip()) and (code := _look_up(table, value)):
            return Region(code, f"{variable}={value}")
    return UNKNOWN
