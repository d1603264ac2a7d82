"""The knowing differences between openai and llmswitch, each with its reason: `differences.toml`, read.

A case names those it shows; the suite fails where a named one is not there, and where one is there that is not named.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Difference:
    """One of them.

    Attributes:
        name: how cases call it.
        what: what a program can see.
        why: the reason.
        paths: what of a picture it covers.
        always: whether it may be in every case, unnamed.
    """

    name: str
    what: str
    why: str
    paths: re.Pattern[str]
    always: bool


def _load() -> dict[str, Difference]:
    entries = tomllib.loads((Path(__file__).parent / "differences.toml").read_text(encoding="utf-8"))
    return {
        name: Difference(
            name, entry["what"], entry["why"], re.compile("|".join(entry["paths"])), entry.get("always", False)
        )
        for name, entry in entries.items()
    }


ALL: Final = _load()


def covers(name: str, path: str) -> bool:
    """Whether this difference explains that path."""
    return ALL[name].paths.search(path) is not None


def always(path: str) -> bool:
    """Whether some difference that is everywhere explains that path."""
    return any(difference.always and covers(name, path) for name, difference in ALL.items())
