"""Where openai's clients send: what stands beneath them in ours, and hands their requests to the switch.

Newer ones send by a method of their own, `_send_request`. Older ones call `send` of the httpx client: theirs is another object
while they make a request, and the very same at any other time.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from openai._base_client import AsyncAPIClient, SyncAPIClient

if TYPE_CHECKING:
    from llmswitch._openai_beneath import Beneath

_requesting: ContextVar[object] = ContextVar("llmswitch.requesting", default=None)
_HTTP: Final = "_client"  # openai's name for the httpx client


class _Switch:
    """An httpx client whose `send` goes by way of the switch."""

    def __init__(self, client: Any, http_client: Any) -> None:
        self._owner, self._http_client = client, http_client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._http_client, name)

    def send(self, request: Any, **options: Any) -> Any:
        """As httpx's."""
        beneath: Beneath = self._owner._beneath  # noqa: SLF001 - our own client's
        return beneath.send(self._http_client, request, self._http_client.send, **options)


class _HttpClient:
    """`client._client`."""

    def __get__(self, client: Any, owner: type) -> Any:
        if client is None or _HTTP not in vars(client):
            raise AttributeError(_HTTP)
        http_client = vars(client)[_HTTP]
        return _Switch(client, http_client) if _requesting.get() is client else http_client

    def __set__(self, client: Any, http_client: Any) -> None:
        vars(client)[_HTTP] = http_client


class Sending(SyncAPIClient):
    """Beneath `openai.OpenAI`."""

    if not TYPE_CHECKING:
        if hasattr(SyncAPIClient, "_send_request"):

            def _send_request(self, request: Any, **options: Any) -> Any:
                return self._beneath.send(self._client, request, super()._send_request, **options)

        else:
            _client = _HttpClient()

            def request(self, *arguments: Any, **options: Any) -> Any:
                token = _requesting.set(self)
                try:
                    return super().request(*arguments, **options)
                finally:
                    _requesting.reset(token)


class AsyncSending(AsyncAPIClient):
    """Beneath `openai.AsyncOpenAI`."""

    if not TYPE_CHECKING:
        if hasattr(AsyncAPIClient, "_send_request"):

            async def _send_request(self, request: Any, **options: Any) -> Any:
                return await self._beneath.send(self._client, request, super()._send_request, **options)

        else:
            _client = _HttpClient()

            async def request(self, *arguments: Any, **options: Any) -> Any:
                token = _requesting.set(self)
                try:
                    return await super().request(*arguments, **options)
                finally:
                    _requesting.reset(token)
