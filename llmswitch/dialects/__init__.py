"""Wire formats, one file each.

A vendor's quirk that needs an `if` is a subclass in its own file, named here and in the vendor's TOML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch._table import nearest
from llmswitch.dialects.openai import OpenAI
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch.dialects.base import Dialect

__all__ = ["get"]

_DIALECTS: Final[Mapping[str, Dialect]] = {"openai": OpenAI()}


def get(name: str) -> Dialect:
    """The dialect an adapter's TOML names.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return _DIALECTS[name]
    except KeyError:
        known = ", ".join(_DIALECTS)
        raise ConfigError(f"unknown dialect {name!r}; known: {known}{nearest(name, _DIALECTS) or '.'}") from None
