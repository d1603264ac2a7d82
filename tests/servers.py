"""Servers on loopback that behave, or misbehave, as a test says.

    with Server(answer(200, b"{}")) as server:
        ...  # http://127.0.0.1:{server.port}
    assert server.requests[0].path == "/v1/models"
    server.behaviour = reset  # from the next request on

A behaviour is `async def behaviour(exchange)`: it writes raw bytes, waits, cuts. It runs in the server's own thread and event loop,
and is cancelled when the client goes away. Servers count their requests and connections: `server.open_connections`.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Self

TLS = pathlib.Path(__file__).parent / "tls"
AUTHORITY = TLS / "authority.pem"

Behaviour = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Received:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int  # the first connection is 1


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    request: Received
    server: Server
    transport: asyncio.Transport
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self.transport.write(data)
        await asyncio.sleep(0)

    def close(self) -> None:
        """End the connection politely, after what was written."""
        self.transport.close()

    def reset(self) -> None:
        """End it with a RST: what was written may be lost."""
        connected = self.transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Server:
    """A server in a thread of its own. `tls` names a file below tests/tls; `on_connect` gets each raw socket's transport first."""

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        tls: str | None = None,
        on_connect: Callable[[asyncio.Transport], None] | None = None,
    ) -> None:
        self.behaviour = behaviour
        self.requests: list[Received] = []
        self.connections = 0
        self.open_connections = 0
        self._on_connect = on_connect
        self._context: ssl.SSLContext | None = None
        if tls is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(TLS / tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="test server", daemon=True)
        self._listening = threading.Event()
        self._stop = asyncio.Event()
        self.transports: set[asyncio.Transport] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The server's root, without a slash at the end."""
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10), "the test server did not start"
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the test server did not stop"

    def drop_connections(self) -> None:
        """Close all connections, as a server does with idle ones; returns when it is done."""
        done = threading.Event()

        def drop() -> None:
            for transport in list(self.transports):
                transport.close()
            self._loop.call_soon(done.set)

        self._loop.call_soon_threadsafe(drop)
        assert done.wait(10)
        wait_until(lambda: self.open_connections == 0)

    def _serve(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _main(self) -> None:
        listener = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, ssl=self._context, backlog=2048
        )
        self.port = listener.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        listener.close()
        for transport in list(self.transports):
            transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""
        self.number = 0
        self.task: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections += 1
        self.server.open_connections += 1
        self.number = self.server.connections
        self.server.transports.add(transport)
        if self.server._on_connect is not None:
            self.server._on_connect(transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while (request := self._parse()) is not None:
                self.server.requests.append(request)
                await self.server.behaviour(Exchange(request, self.server, self.transport, self.gone))
        finally:
            self.task = None

    def _parse(self) -> Received | None:
        head, blank, rest = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        method, path, _ = first.split(" ")
        return Received(method, path, headers, rest[:length], self.number)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.server.open_connections -= 1
        self.server.transports.discard(self.transport)
        self.gone.set()
        if self.task is not None:
            self.task.cancel()


# Behaviours.


def head(status: int = 200, *headers: str) -> bytes:
    """A response's head."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} Any", *headers, "")).encode("latin-1")


def framed(*parts: bytes, end: bool = True) -> bytes:
    """`parts` as chunks of a chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if end else b"")


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> Behaviour:
    """A whole response with Content-Length."""
    return raw(head(status, f"Content-Length: {len(body)}", *headers) + body)


def chunked(*parts: bytes, headers: tuple[str, ...] = ()) -> Behaviour:
    """A chunked response, in one write."""
    return raw(head(200, "Transfer-Encoding: chunked", *headers) + framed(*parts))


def raw(*writes: bytes, pause: float = 0, then: Behaviour | None = None) -> Behaviour:
    """Exactly these bytes, a `pause` of seconds before each write but the first; then `then`."""

    async def behaviour(exchange: Exchange) -> None:
        for index, data in enumerate(writes):
            if index and pause:
                await asyncio.sleep(pause)
            await exchange.send(data)
        if then is not None:
            await then(exchange)

    return behaviour


def drip(data: bytes, pause: float = 0.001) -> Behaviour:
    """`data` byte for byte."""
    return raw(*(data[index : index + 1] for index in range(len(data))), pause=pause)


async def stall(exchange: Exchange) -> None:
    """Say nothing (more) until the client goes away."""
    await exchange.gone.wait()


async def close(exchange: Exchange) -> None:
    """End the connection politely."""
    exchange.close()


async def reset(exchange: Exchange) -> None:
    """End the connection with a RST."""
    exchange.reset()


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, the last one for ever."""
    left = list(behaviours)

    async def behaviour(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return behaviour


def endless(part: bytes = b"data: {}\n\n", pause: float = 0.01) -> Behaviour:
    """A chunked stream that never ends."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(head(200, "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
        while True:
            await exchange.send(framed(part, end=False))
            await asyncio.sleep(pause)

    return behaviour


# What is no HTTP server.


class Proxy(Server):
    """A forward proxy that sends everything, whatever host it names, to one server on loopback."""

    def __init__(self, upstream: Server) -> None:
        super().__init__(self._forward)
        self._upstream = upstream

    async def _forward(self, exchange: Exchange) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream.port)
        request = exchange.request
        if request.method == "CONNECT":
            await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + request.path.split("://", 1)[1].partition("/")[2]
            fields = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            writer.write(f"{request.method} {path} HTTP/1.1\r\n{fields}\r\n".encode("latin-1") + request.body)
        exchange.transport.set_protocol(_Tunnel(writer))  # whatever else comes goes the same way
        try:
            while data := await reader.read(65536):
                await exchange.send(data)
        finally:
            writer.close()
            exchange.close()


class _Tunnel(asyncio.Protocol):
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    def data_received(self, data: bytes) -> None:
        self.writer.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.writer.close()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that takes no more connections and does not refuse them either (Linux): its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.05)
        yield listener.getsockname()[1]


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait for what another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
