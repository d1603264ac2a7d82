"""Names with several addresses: whichever answers is used, and nothing of the others stays."""

from __future__ import annotations

import asyncio
import gc
import socket
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import transport
from llmswitch.transport.base import ConnectError, ConnectTimeout, Request
from tests.servers import Server, answer, black_hole, closed_port, endless, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmswitch.transport.base import AsyncResponse, AsyncSender

    Named = Callable[..., None]


def asking(**options: Any) -> Request:
    return Request(method="GET", url="http://many.example/", **{"connect_timeout": 5, "read_timeout": 5} | options)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """Gives `many.example` addresses on loopback, one per port: what a name server would say."""
    system = socket.getaddrinfo

    def give(*ports: int) -> None:
        def look_up(
            host: str, port: int, family: int = 0, kind: int = 0, proto: int = 0, flags: int = 0
        ) -> Sequence[Any]:
            if host != "many.example" or flags & socket.AI_NUMERICHOST:
                return system(host, port, family, kind, proto, flags)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", given)) for given in ports]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return give


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Whatever only a garbage collection would free stays."""
    gc.disable()
    yield
    gc.enable()


async def ask(**options: Any) -> bytes:
    sender = transport.open_async()
    try:
        return await (await sender.send(asking(**options))).read()
    finally:
        await sender.aclose()


def sockets() -> list[socket.socket]:
    return [found for found in gc.get_objects() if isinstance(found, socket.socket) and found.fileno() >= 0]


async def send(sender: AsyncSender) -> AsyncResponse:
    return await sender.send(asking())


async def close(sender: AsyncSender) -> None:
    await sender.aclose()


@pytest.mark.parametrize("order", ["live dead", "dead live", "refused live", "refused dead refused live", "live live"])
def test_the_address_that_answers_is_used(named: Named, order: str) -> None:
    with Server(answer(200, b"[1]")) as server, black_hole() as dead:
        ports = {"live": server.port, "dead": dead, "refused": closed_port()}
        named(*(ports[word] for word in order.split()))
        assert asyncio.run(ask()) == b"[1]"
        assert (len(server.requests), server.requests[0].headers["host"]) == (1, "many.example")
        wait_until(lambda: server.open_connections == 0)

        sender = transport.open_sync()
        assert sender.send(asking()).read() == b"[1]"
        sender.close()


def test_no_address_answers(named: Named) -> None:
    named(closed_port(), closed_port())
    with pytest.raises(ConnectError) as caught:
        asyncio.run(ask())
    assert (caught.value.phase, caught.value.sent) == ("connect", False)
    with black_hole() as dead:
        named(dead, dead)
        with pytest.raises(ConnectTimeout):
            asyncio.run(ask(connect_timeout=0.4))


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("order", ["live", "live dead", "dead live", "refused live"])
def test_a_stream_dropped_between_two_runs_of_its_loop_frees_the_connection(named: Named, order: str) -> None:
    # asyncio's own race keeps what the first run returned alive (CPython 3.12.1, 3.13.0).
    sender = transport.open_async()
    with Server(endless()) as server, black_hole() as dead, asyncio.Runner() as runner:
        ports = {"live": server.port, "dead": dead, "refused": closed_port()}
        named(*(ports[word] for word in order.split()))
        stream = runner.run(send(sender))
        del stream
        runner.run(asyncio.sleep(0.01))
        wait_until(lambda: server.open_connections == 0, seconds=1)
        runner.run(close(sender))


@pytest.mark.usefixtures("uncollected")
def test_cancelling_while_addresses_are_tried_leaves_no_socket(named: Named) -> None:
    async def give_up() -> None:
        sender = transport.open_async()
        asking = asyncio.create_task(send(sender))
        await asyncio.sleep(0.4)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        del asking
        await asyncio.sleep(0)
        assert sockets() == known

    with black_hole() as dead:
        named(dead, dead, dead)
        with asyncio.Runner() as runner:
            runner.run(asyncio.sleep(0))  # the loop's own sockets
            known = sockets()
            runner.run(give_up())
