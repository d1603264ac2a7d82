"""Where each request goes: over our own sockets, or through httpx where the environment names a proxy."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from llmswitch.transport.async_ import AsyncTransport
from llmswitch.transport.base import AsyncSender, Sender
from llmswitch.transport.sync import Transport

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

    from llmswitch.transport.base import AsyncResponse, Request, Response
    from llmswitch.transport.httpx import AsyncHttpxTransport, HttpxTransport
    from llmswitch.transport.proxies import Proxies


class Routed(Sender):
    """For threads: `proxies` says for which URLs httpx sends."""

    def __init__(self, proxies: Proxies, *, verify: ssl.SSLContext | None = None) -> None:
        self._direct = Transport(verify=verify)
        self._proxies = proxies
        self._verify = verify
        self._proxied: HttpxTransport | None = None
        self._lock = threading.Lock()

    def send(self, request: Request) -> Response:
        """Send by the way that the URL asks for; errors as `sync.Transport.send`."""
        if not self._proxies.proxied(request.url):
            return self._direct.send(request)
        if self._proxied is None:
            from llmswitch.transport.httpx import HttpxTransport, client  # noqa: PLC0415 - only where there is a proxy

            with self._lock:
                if self._proxied is None:
                    self._proxied = HttpxTransport(client(asynchronous=False, verify=self._verify))
        return self._proxied.send(request)

    def close(self) -> None:
        """Close every connection of both ways."""
        self._direct.close()
        if self._proxied is not None:
            self._proxied.close()


class AsyncRouted(AsyncSender):
    """For event loops: httpx sends where `proxies` says so, and in loops that are not asyncio."""

    def __init__(self, proxies: Proxies, *, verify: ssl.SSLContext | None = None) -> None:
        self._direct = AsyncTransport(verify=verify)
        self._proxies = proxies
        self._verify = verify
        self._closed = False
        self._proxied: dict[object, AsyncHttpxTransport] = {}  # by event loop
        self._keepers: dict[object, AsyncGenerator[None, None]] = {}

    async def send(self, request: Request) -> AsyncResponse:
        """Send by the way that the URL and the loop ask for; errors as `async_.AsyncTransport.send`."""
        if self._proxies and self._proxies.proxied(request.url):
            return await self._through_httpx(request)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return await self._through_httpx(request)
        return await self._direct.send(request)

    async def _through_httpx(self, request: Request) -> AsyncResponse:
        import anyio.lowlevel  # noqa: PLC0415 - httpx brings it

        if self._closed:
            raise RuntimeError("the transport is closed")
        loop = anyio.lowlevel.current_token()
        transport = self._proxied.get(loop)
        if transport is None:
            from llmswitch.transport.httpx import AsyncHttpxTransport, client  # noqa: PLC0415 - only where it is needed

            transport = self._proxied[loop] = AsyncHttpxTransport(client(asynchronous=True, verify=self._verify))
            keeper = self._keepers[loop] = self._keep(loop, transport)
            await anext(keeper)
        return await transport.send(request)

    async def _keep(self, loop: object, transport: AsyncHttpxTransport) -> AsyncGenerator[None, None]:
        """Lasts as long as the loop, and takes the client along."""
        try:
            yield
        finally:
            self._proxied.pop(loop, None)
            self._keepers.pop(loop, None)
            await transport.aclose()

    async def aclose(self) -> None:
        """Close every connection of both ways; those of other running loops close when these end."""
        import anyio.lowlevel  # noqa: PLC0415 - httpx brings it

        self._closed = True
        keeper = self._keepers.get(anyio.lowlevel.current_token()) if self._keepers else None
        if keeper is not None:
            await keeper.aclose()
        await self._direct.aclose()
