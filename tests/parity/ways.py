"""The three ways a call is made: by openai, by llmswitch, and by llmswitch in a program whose openai and httpx are instrumented.

Instrumentation is what OpenTelemetry and its like do: openai's and httpx's functions are wrapped, and every call has to go through them.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import openai
import pytest
from openai import _base_client

import llmswitch
from llmswitch._httpx import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Way:
    """Whose clients, and what is wrapped while they are used."""

    name: str
    sync: type[openai.OpenAI]
    async_: type[openai.AsyncOpenAI]
    wrapped: tuple[tuple[type, str], ...] = ()

    @contextlib.contextmanager
    def around(self) -> Iterator[list[str]]:
        """Wrap; gives the names of the wrapped functions as they are called."""
        called: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in self.wrapped:
                patch.setattr(owner, name, _through(getattr(owner, name), f"{owner.__name__}.{name}", called))
            yield called


def _through(function: Callable[..., Any], name: str, called: list[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        called.append(name)
        return function(*arguments, **named)

    return wrapper


_REQUESTS: Final = ((_base_client.SyncAPIClient, "request"), (_base_client.AsyncAPIClient, "request"))
_SENDS: Final = ((httpx.Client, "send"), (httpx.AsyncClient, "send"))

OPENAI: Final = Way("openai", openai.OpenAI, openai.AsyncOpenAI)
SWITCHED: Final = Way("llmswitch", llmswitch.OpenAI, llmswitch.AsyncOpenAI)
INSTRUMENTED: Final = Way("llmswitch, instrumented", llmswitch.OpenAI, llmswitch.AsyncOpenAI, _REQUESTS + _SENDS)
OURS: Final = (SWITCHED, INSTRUMENTED)
