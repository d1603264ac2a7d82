"""`AzureOpenAI` and `AsyncAzureOpenAI`: openai's Azure clients over the engine of `llmswitch.openai`, with Azure as their first endpoint.

Endpoint, deployment, `api-version`, key or token: openai's own code puts them into the request, and the engine sends it to Azure just so.
None of them reaches another provider.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import openai

from llmswitch._openai_beneath import Beneath, async_client, prepare, split, sync_client
from llmswitch._openai_wire import PATH
from llmswitch.engine import Engine
from llmswitch.openai import AsyncOpenAI, OpenAI
from llmswitch.secret import CHANGING

if TYPE_CHECKING:
    from llmswitch._httpx import httpx

__all__ = ["AsyncAzureOpenAI", "AzureOpenAI"]

_AZURE: Final = "azure"  # the adapter's name
_SECRET: Final = frozenset({"api-key", "authorization"})


def _root(base_url: object) -> str:
    """Where the paths of all deployments begin."""
    parts = urlsplit(str(base_url))
    return f"{parts.scheme}://{parts.netloc}{parts.path.partition('/deployments')[0]}".rstrip("/")


def _load(ours: dict[str, Any], theirs: dict[str, Any]) -> Engine:
    """The engine for these arguments: the key, or token, is openai's to put into each request."""
    return Engine.load(
        environ=os.environ, provider=_AZURE, api_key=CHANGING, base_url=_root(theirs["base_url"]), **ours
    )


def _beneath_of(
    client: openai.AzureOpenAI | openai.AsyncAzureOpenAI, given: Beneath | None, ours: dict[str, Any]
) -> Beneath:
    """What lies beneath a new client, whose address openai has found out, or beneath a copy."""
    address = str(client.base_url)
    beneath = given or prepare(None, {**ours, "base_url": address}, _load)[0]
    return replace(beneath, address=address)


def _forget(*arguments: dict[str, Any]) -> None:
    """Leave no key where a traceback that shows local variables would show it."""
    for given in arguments:
        given.clear()


class _Shy(str):
    """A header's value that only its reader sees: openai keeps the options of a call where tracebacks show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr("[redacted]")


def _shy(options: Any) -> Any:
    """The options of a call, into which openai has put key or token."""
    options.headers = {
        name: _Shy(value) if name.lower() in _SECRET and isinstance(value, str) else value
        for name, value in options.headers.items()
    }
    return options


def _place(request: httpx.Request, base_url: object) -> httpx.Request:
    """Put into a request where openai sends it, so that the engine sends it there, too."""
    request.extensions[PATH] = str(request.url).partition("?")[0].removeprefix(_root(base_url))
    return request


class AzureOpenAI(OpenAI, openai.AzureOpenAI):
    """`openai.AzureOpenAI`, with failover to the other providers. Takes openai's own arguments and those of `SwitchOptions`.

    A deployment's name says nothing about its model: `models={"my-gpt4o": "gpt-4o"}` does, for failover.

    Raises:
        ConfigError: also an `openai.OpenAIError`; something is configured wrongly.
    """

    def __init__(self, *, _beneath: Beneath | None = None, **arguments: Any) -> None:
        ours, theirs = split(arguments)
        given = theirs.pop("http_client", None)
        super(OpenAI, self).__init__(http_client=sync_client(given), **theirs)
        _forget(arguments, theirs)
        self._beneath = _beneath_of(self, _beneath, ours)

    def _prepare_options(self, options: Any) -> Any:
        return _shy(super()._prepare_options(options))

    def _build_request(self, options: Any, **more: Any) -> httpx.Request:
        return _place(super()._build_request(options, **more), self.base_url)


class AsyncAzureOpenAI(AsyncOpenAI, openai.AsyncAzureOpenAI):
    """`openai.AsyncAzureOpenAI`, with failover to the other providers; as `AzureOpenAI`."""

    def __init__(self, *, _beneath: Beneath | None = None, **arguments: Any) -> None:
        ours, theirs = split(arguments)
        given = theirs.pop("http_client", None)
        super(AsyncOpenAI, self).__init__(http_client=async_client(given), **theirs)
        _forget(arguments, theirs)
        self._beneath = _beneath_of(self, _beneath, ours)

    async def _prepare_options(self, options: Any) -> Any:
        return _shy(await super()._prepare_options(options))

    def _build_request(self, options: Any, **more: Any) -> httpx.Request:
        return _place(super()._build_request(options, **more), self.base_url)
