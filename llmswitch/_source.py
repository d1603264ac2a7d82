"""One place that settings come from, read key by key: a table whose errors keep secrets. Part of `_settings`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, TypeVar, cast

from llmswitch import _table, adapter, region
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN: Final = 60
# What stands below [providers] and takes a word, and a word that is no key.
_WORDS: Final = ("site", "enabled")
_WORD: Final = re.compile(r"[A-Za-z-]{1,16}")
_T = TypeVar("_T")


class Source(_table.Table):
    """A table whose errors keep secrets, and which names a variable where the value came from one."""

    __slots__ = ()

    def path(self, name: str) -> str:
        if self.file == "environment":
            return f"{self.key or 'LLMSWITCH'}_{name.upper()}"
        return super().path(name)

    def error(self, name: str, found: object, allowed: str) -> ConfigError:
        hidden = self.path(name).startswith("providers.") or allowed.startswith("the keys ")
        if name in _WORDS and isinstance(found, str) and _WORD.fullmatch(found):
            hidden = False
        if found is None:
            shown = "nothing"
        elif hidden and isinstance(found, (str, dict, list)):
            shown = f"a {({str: 'string', dict: 'table', list: 'list'})[type(found)]}"
        else:
            shown = short(found)
        return ConfigError(
            f"{self.file}: {self.path(name)}: found {shown}; allowed: {allowed}{'' if allowed.endswith('?') else '.'}"
        )

    def table(self, name: str) -> Source:
        values = cast("Mapping[str, object]", self.take(name, dict) or {})
        return Source(values, self.file, self.path(name))

    def each(self, name: str) -> list[Source]:
        """A list of tables."""
        return [Source(row, self.file, f"{self.path(name)}[{index}]") for index, row in self.rows(name, dict)]

    def raw(self, name: str) -> object:
        """Whatever stands there; None when nothing does."""
        self._seen.append(name)
        return self._rest.pop(name, None)

    def rows(self, name: str, kind: type[_T]) -> list[tuple[int, _T]]:
        """A list of one kind of value, with positions."""
        values = self.raw(name)
        allowed = "a list of strings" if kind is str else f"a list of tables: [[{self.path(name)}]]"
        if values is None:
            return []
        if not isinstance(values, list):
            raise self.error(name, values, allowed)
        for index, value in enumerate(values):
            if not isinstance(value, kind):
                raise self.error(f"{name}[{index}]", value, allowed)
        return list(enumerate(values))

    def text_or_none(self, name: str) -> str | None:
        value = self.take(name, str)
        if value is not None and not value.strip():
            raise self.error(name, value, "a string that is not empty; leave the key out instead")
        return value


def short(value: object) -> str:
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an integer of more digits than Python prints
        shown = type(value).__name__
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def resolve(name: str) -> str | None:
    """`"Qwen@CN"` -> `"qwen@cn"`; None when there is no such provider or site."""
    provider, at, site = name.strip().lower().partition("@")
    try:
        found = adapter.get(provider)
        return f"{found.name}@{found.site(site).name}" if at else found.name
    except ConfigError:
        return None


def allowed_names(name: str) -> str:
    """The provider names, and the one that may be meant; or the sites, where the provider is known."""
    provider, at, _ = name.partition("@")
    words: tuple[str, ...] = adapter.adapters()
    if at and (found := resolve(provider)) is not None:
        words = tuple(f"{found}@{site.name}" for site in adapter.get(found).sites)
    return ", ".join(words) + _table.nearest(name, words)


def provider_names(source: Source, key: str) -> tuple[str, ...] | None:
    """A list of providers, each `name` or `name@site`."""
    if key not in source:
        source.raw(key)
        return None
    return tuple(provider_name(source, f"{key}[{index}]", name) for index, name in source.rows(key, str))


def provider_name(source: Source, key: str, name: str) -> str:
    found = resolve(name)
    if found is None:
        raise source.error(key, name, allowed_names(name))
    return found


def choice(source: Source, key: str, words: tuple[str, ...]) -> str | None:
    value = source.take(key, str)
    if value is not None and value not in words:
        raise source.error(key, value, ", ".join(words) + _table.nearest(value.lower(), words))
    return value


def seconds_above_zero(source: Source, key: str) -> float | None:
    try:
        value = source.take(key, float)
    except OverflowError:  # a whole number beyond every float
        value = math.inf
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise source.error(key, value, "a number of seconds above 0")
    return value


def country(source: Source, key: str) -> str | None:
    value = source.take(key, str)
    return None if value is None else region.normalise(value, where=f"{source.file}: {key}")


def plain(value: object) -> object:
    """A tuple as the list it would be in a file."""
    return list(value) if isinstance(value, tuple) else value
