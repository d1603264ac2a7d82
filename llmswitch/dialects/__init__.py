"""Wire formats, one file each.

A vendor's quirk that needs an `if` is a subclass in its own file, named here and in the vendor's TOML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch._table import nearest
from llmswitch.dialects.openai import OpenAI
from llmswitch.dialects.spark import Spark
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch.dialects.base import Dialect

__all__ = ["get"]

_DIALECTS: Final[Mapping[str, Dialect]] = {"openai": OpenAI(), "spark": Spark()}
_OWN: Final[Mapping[str, Dialect]] = {"openai": OpenAI(completing=False)}


def get(name: str, *, own: bool = False) -> Dialect:
    """The dialect an adapter's TOML names; `own` for the endpoint that the caller named: what it leaves out stays out, as with openai.

    Raises:
        ConfigError: there is none of that name.
    """
    try:
        return (own and _OWN.get(name)) or _DIALECTS[name]
    except KeyError:
        known = ", ".join(_DIALECTS)
        raise ConfigError(f"unknown dialect {name!r}; known: {known}{nearest(name, _DIALECTS) or '.'}") from None
