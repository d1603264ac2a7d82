"""The only place that sends: requests out, responses in, over sockets or an httpx client.

`base` has the types and errors; the functions here give the object to send with. Making one opens nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from llmswitch.transport.base import AsyncSender, Sender

__all__ = ["open_async", "open_sync", "over", "over_async", "proxied"]


def open_sync(*, verify: ssl.SSLContext | None = None) -> Sender:
    """A transport for threads; proxies as the environment has them now. `verify` is the TLS context, by default the system's."""
    from llmswitch.transport.proxies import Proxies  # noqa: PLC0415 - importing this package stays free of ssl and sockets
    from llmswitch.transport.routed import Routed  # noqa: PLC0415
    from llmswitch.transport.sync import Transport  # noqa: PLC0415

    proxies = Proxies()
    return Routed(proxies, verify=verify) if proxies else Transport(verify=verify)


def open_async(*, verify: ssl.SSLContext | None = None) -> AsyncSender:
    """A transport for event loops, as `open_sync`; under other loops than asyncio's it sends through httpx."""
    from llmswitch.transport.proxies import Proxies  # noqa: PLC0415
    from llmswitch.transport.routed import AsyncRouted  # noqa: PLC0415

    return AsyncRouted(Proxies(), verify=verify)


def over(client: object) -> Sender:
    """A transport over the caller's `httpx.Client` or `httpx2.Client`, with its proxies, authentication and hooks."""
    from llmswitch.transport.httpx import HttpxTransport  # noqa: PLC0415

    return HttpxTransport(client)


def over_async(client: object) -> AsyncSender:
    """A transport over the caller's `httpx.AsyncClient` or `httpx2.AsyncClient`."""
    from llmswitch.transport.httpx import AsyncHttpxTransport  # noqa: PLC0415

    return AsyncHttpxTransport(client)


def proxied(url: str) -> bool:
    """Whether the environment, as it is now, wants `url` sent through a proxy."""
    from llmswitch.transport.proxies import Proxies  # noqa: PLC0415

    proxies = Proxies()
    return bool(proxies) and proxies.proxied(url)
