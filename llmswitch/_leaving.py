"""What is closed when the interpreter exits, while everything still works.

httpx and openai close a half-read body in the finalizers of generators, too. At the interpreter's very end these import what
can no longer be imported, and make a `timedelta`, which CPython 3.13.0 does not survive.
"""

from __future__ import annotations

import atexit
import weakref
from abc import abstractmethod
from contextlib import suppress
from typing import Protocol


class Leaving(Protocol):
    """A stream that may be open still."""

    @abstractmethod
    def _leave(self) -> None:
        """Close it, unless another thread is reading it: that one would complain."""


_open: weakref.WeakSet[Leaving] = weakref.WeakSet()


def close_at_exit(stream: Leaving) -> None:
    """Let `stream` leave when the interpreter exits, if it is still there."""
    _open.add(stream)


@atexit.register
def _leave() -> None:
    for stream in list(_open):
        with suppress(Exception):  # nobody is left to tell
            stream._leave()  # noqa: SLF001 - ours, hidden among what openai's streams show
