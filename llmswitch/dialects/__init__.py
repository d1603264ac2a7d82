"""Wire formats, one file each: a TOML's `dialect = "name"` is the `DIALECT` of the module `name` here.

A vendor's quirk that needs an `if` is a subclass in a file of its own; there is nothing to register.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Final

from llmswitch._table import nearest
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from llmswitch.dialects.base import Dialect

__all__ = ["get", "names"]

_found: Final[dict[tuple[str, bool], Dialect]] = {}


def get(name: str, *, own: bool = False) -> Dialect:
    """The dialect an adapter's TOML names; `own` for the endpoint that the caller named: what it leaves out stays out, as with openai.

    Raises:
        ConfigError: there is none of that name.
    """
    found = _found.get((name, own))
    if found is None:
        if name not in names():
            raise ConfigError(f"unknown dialect {name!r}; known: {', '.join(names())}{nearest(name, names()) or '.'}")
        module = import_module(f"{__name__}.{name}")
        found = _found[name, own] = (own and getattr(module, "OWN", None)) or module.DIALECT
    return found


def names() -> tuple[str, ...]:
    """The wire formats that there are."""
    return tuple(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name not in _NO_DIALECT and module.name[0] != "_"
    )


_NO_DIALECT: Final = frozenset({"base"})
