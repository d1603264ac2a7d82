"""The least a client can do: a request written once, sent as it is, and an answer searched for its text. What is over this is added."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_END = b"0\r\n\r\n"
_CONTENT = re.compile(rb'"content": "([^"]*)"')
_LENGTH = re.compile(rb"content-length: (\d+)")


class Bare:
    """Calls one address; `create` and `acreate` as openai's, but they give text as bytes."""

    def __init__(self, url: str, **parameters: object) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._requests = {stream: self._request(parts.path, {**parameters, "stream": stream}) for stream in (0, 1)}
        self._local = threading.local()
        self._idle: list[_Connection] = []

    def _request(self, path: str, parameters: dict[str, object]) -> bytes:
        body = json.dumps({**parameters, "stream": bool(parameters["stream"])}).encode()
        head = f"POST {path}/chat/completions HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def create(self, *, stream: bool = False, **_: object) -> bytes | Iterator[bytes]:
        """A call over this thread's connection."""
        if not hasattr(self._local, "socket"):
            self._local.socket = socket.create_connection((self._host, self._port))
            self._local.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected: socket.socket = self._local.socket
        connected.sendall(self._requests[stream])
        if stream:
            return self._contents(connected)
        data = connected.recv(65536)
        while not _complete(data):
            data += connected.recv(65536)
        return data

    @staticmethod
    def _contents(connected: socket.socket) -> Iterator[bytes]:
        rest = b""
        while not rest.endswith(_END):
            rest += connected.recv(65536)
            events, _, rest = rest.rpartition(b"\n\n")
            yield from _CONTENT.findall(events)

    async def acreate(self, *, stream: bool = False, **_: object) -> bytes | AsyncIterator[bytes]:
        """A call in the running loop, over one of its idle connections."""
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            connected = await loop.create_connection(_Connection, self._host, self._port)
            connection = connected[1]
        connection.transport.write(self._requests[stream])
        if stream:
            return self._acontents(connection)
        data = await connection.receive()
        while not _complete(data):
            data += await connection.receive()
        self._idle.append(connection)
        return data

    async def _acontents(self, connection: _Connection) -> AsyncIterator[bytes]:
        rest = b""
        while not rest.endswith(_END):
            rest += await connection.receive()
            events, _, rest = rest.rpartition(b"\n\n")
            for content in _CONTENT.findall(events):
                yield content
        self._idle.append(connection)


def _complete(data: bytes) -> bool:
    """Whether a whole answer is there."""
    end = data.find(b"\r\n\r\n")
    length = _LENGTH.search(data, 0, max(end, 0))
    return end > 0 and length is not None and len(data) >= end + 4 + int(length[1])


class _Connection(asyncio.Protocol):
    """Hands on what comes to the one who waits for it."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._received = b""
        self._waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> bytes:
        if not self._received:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data, self._received = self._received, b""
        return data
