"""A TOML table read key by key: a mistake becomes a ConfigError naming file, key, what was found, what is allowed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, TypeVar, cast

from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from llmswitch._json import JsonValue

_T = TypeVar("_T")
# One of these is never taken for another: in Python a bool is an int and a datetime is a date, in TOML neither is.
_KINDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
    dt.date: "a date such as 2026-11-23",
    dt.datetime: "an instant such as 2026-11-23T00:00:00Z",
}


def read(path: Path) -> Table:
    """The whole file as one table.

    Raises:
        ConfigError: the file cannot be read, is not UTF-8, or is not TOML.
    """
    import tomllib  # noqa: PLC0415 - only a process that reads a file pays for the parser

    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}.") from error


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing when no allowed word is close."""
    import difflib  # noqa: PLC0415 - only on the way to an error

    found = difflib.get_close_matches(word, list(allowed), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


class Table:
    """One table. Take what you know, then `close()`, which refuses what is left over.

    Attributes:
        file: for messages.
        key: dotted path of this table in the file, empty for the file itself.
    """

    __slots__ = ("_rest", "_seen", "file", "key")

    def __init__(self, values: Mapping[str, object], file: str, key: str = "") -> None:
        self._rest = dict(values)
        self._seen: list[str] = []
        self.file = file
        self.key = key

    def __contains__(self, name: str) -> bool:
        return name in self._rest

    def __iter__(self) -> Iterator[str]:
        """The keys not taken yet, in the order of the file."""
        return iter(tuple(self._rest))

    def path(self, name: str) -> str:
        """The dotted path of a key in this table."""
        return f"{self.key}.{name}" if self.key else name

    def error(self, name: str, found: object, allowed: str) -> ConfigError:
        """The error for one key: raise what this returns."""
        shown = repr(found) if found is not None else "nothing"
        if len(shown) > 80:  # noqa: PLR2004 - a line of a terminal
            shown = f"{shown[:77]}..."
        return ConfigError(f"{self.file}: {self.path(name)}: found {shown}; allowed: {allowed}.")

    def _take(self, name: str, kind: type[_T], default: _T | None, *, required: bool) -> _T | None:
        self._seen.append(name)
        if name not in self._rest:
            if required:
                raise self.error(name, None, f"{_KINDS[kind]} (the key is required)")
            return default
        value = self._rest.pop(name)
        if kind is float and type(value) is int:
            return cast("_T", float(value))
        if isinstance(value, kind) and type(value) not in _KINDS.keys() - {kind}:
            return value
        raise self.error(name, value, _KINDS[kind])

    def need(self, name: str, kind: type[_T]) -> _T:
        """A required value of this kind."""
        return cast("_T", self._take(name, kind, None, required=True))

    def take(self, name: str, kind: type[_T]) -> _T | None:
        """An optional value, None when absent."""
        return self._take(name, kind, None, required=False)

    def text(self, name: str, default: str = "") -> str:
        """An optional string."""
        return cast("str", self._take(name, str, default, required=False))

    def choice(self, name: str, allowed: Iterable[str], default: str | None = None) -> str:
        """One of the allowed words; required unless there is a default."""
        words = tuple(allowed)
        value = cast("str", self._take(name, str, default, required=default is None))
        if value not in words:
            raise self.error(name, value, ", ".join(words) + nearest(value, words))
        return value

    def texts(self, name: str, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
        """A list of strings, empty when absent; with `allowed`, each must be one of those words."""
        values = self._take(name, list, [], required=False) or []
        words = None if allowed is None else tuple(allowed)
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(f"{name}[{position}]", value, _KINDS[str])
            if words is not None and value not in words:
                raise self.error(f"{name}[{position}]", value, ", ".join(words) + nearest(value, words))
        return tuple(values)

    def json(self, name: str) -> JsonValue:
        """A value that goes onto the wire as it stands, None when absent."""
        self._seen.append(name)
        return _wire(self, name, self._rest.pop(name, None))

    def jsons(self, name: str) -> tuple[JsonValue, ...]:
        """A list of such values, empty when absent."""
        values = self._take(name, list, [], required=False) or []
        return tuple(_wire(self, f"{name}[{position}]", value) for position, value in enumerate(values))

    def table(self, name: str) -> Table:
        """A table inside this one, empty when absent."""
        values = self._take(name, dict, {}, required=False)
        return Table(values or {}, self.file, self.path(name))

    def tables(self, name: str) -> list[Table]:
        """A list of tables (`[[name]]`), empty when absent."""
        rows = self._take(name, list, [], required=False) or []
        for position, row in enumerate(rows):
            if not isinstance(row, dict):
                raise self.error(f"{name}[{position}]", row, _KINDS[dict])
        return [Table(row, self.file, f"{self.path(name)}[{position}]") for position, row in enumerate(rows)]

    def close(self) -> None:
        """Refuse the keys that nobody took: a typo would otherwise be a setting without effect."""
        for name, value in self._rest.items():
            words = sorted(set(self._seen))
            raise self.error(name, value, "the keys " + ", ".join(words) + nearest(name, words))


def _wire(table: Table, name: str, value: object) -> JsonValue:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [_wire(table, f"{name}[{position}]", item) for position, item in enumerate(value)]
    if isinstance(value, dict):
        return {str(key): _wire(table, f"{name}.{key}", item) for key, item in value.items()}
    raise table.error(name, value, "what JSON has: string, number, true, false, list, table")
