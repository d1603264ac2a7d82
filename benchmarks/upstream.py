"""An OpenAI-shaped server on loopback that answers out of ready-made bytes, so that what is measured is the client.

    python -m benchmarks.upstream       prints its port, and serves until its standard input ends

The first part of the path says how it answers; a body with `"stream": true` gets chunks, anything else a whole answer:

    /plain/v1              200 chunks, each in a write of its own
    /reasoned/v1           the same, each with `reasoning_content` beside its content
    /chunks-N/v1           N chunks
    /bytes-N/v1            an answer with N bytes of text; as a stream, one chunk of that size
    /paced-N-MS-WIDTH/v1   N chunks, MS milliseconds apart, once WIDTH such streams are open; each says when it was sent
    /tools-N/v1            a call of a tool, its arguments in N chunks
    /failing/v1            503
    /blocked/v1            401
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
import sys
import time
from functools import lru_cache
from itertools import count
from typing import ClassVar

CHUNKS = 200
WRITES = 10  # of one stream at a time
DIMENSIONS = 1536
PHASE = 0.618  # successive streams start this share of their pace apart, so that they are spread evenly
_STREAM = re.compile(rb'"stream":\s*true')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: r1\r\ntransfer-encoding: chunked\r\n\r\n"
_ENDING = b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    """`data` as one piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunk(delta: dict[str, object], finish: str | None = None) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o"}
    return framed(b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n")


def fragment(number: int) -> dict[str, object]:
    """A piece of a tool call; the first names it."""
    if number == 0:
        return {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": ""}}
    return {"index": 0, "function": {"arguments": "0123456789"}}


def whole(answer: dict[str, object]) -> bytes:
    """A response with this JSON value."""
    body = json.dumps(answer).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r1\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def completion(text: str) -> bytes:
    """A whole chat answer."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 60, "total_tokens": 72}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "gpt-4o"}
    return whole({**answer, "choices": [choice], "usage": usage})


def embedding(*, encoded: bool) -> bytes:
    """One vector, in base64 where the client asked for that."""
    values = [index / DIMENSIONS for index in range(DIMENSIONS)]
    vector = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *values)).decode() if encoded else values
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return whole({"object": "list", "model": "text-embedding-3-small", "data": data, "usage": usage})


FIRST = chunk({"role": "assistant", "content": ""})
LAST = chunk({}, "stop") + framed(b"data: [DONE]\n\n") + _ENDING
ANSWER = completion("Hello there! " * 20)
VECTORS = {encoded: embedding(encoded=encoded) for encoded in (True, False)}
FAILURES = {
    kind: whole({"error": {"message": kind, "code": code}}).replace(b"200 OK", status, 1)
    for kind, status, code in (
        ("failing", b"503 Service Unavailable", "overloaded"),
        ("blocked", b"401 Unauthorized", "invalid_api_key"),
    )
}
# A chunk around its time of sending, of a fixed length, so that it is framed once.
_BEFORE, _AFTER = chunk({"content": f" {0:017.6f}"}).split(b" %017.6f" % 0)


def timed() -> bytes:
    """A chunk whose content is the moment of sending, in seconds of the system's monotonic clock."""
    return b"%s %017.6f%s" % (_BEFORE, time.monotonic(), _AFTER)


@lru_cache(maxsize=16)
def parts(kind: str, size: int) -> tuple[bytes, ...]:
    """The writes of a stream, its head and its end left out."""
    if kind == "reasoned":
        return tuple(chunk({"content": f" tok{i}", "reasoning_content": f" why{i}"}) for i in range(CHUNKS))
    if kind == "tools":
        return tuple(chunk({"tool_calls": [fragment(i)]}) for i in range(size))
    if kind == "bytes":
        return (chunk({"content": "x" * size}),)
    return tuple(chunk({"content": f" tok{i}"}) for i in range(size or CHUNKS))


@lru_cache(maxsize=4)
def large(size: int) -> bytes:
    """A whole answer with `size` bytes of text."""
    return completion("x" * size)


class Gate:
    """Opens when `width` streams have come."""

    def __init__(self, width: int) -> None:
        self._width, self._waiting = width, list[Stream]()

    def enter(self, stream: Stream) -> bool:
        """Have `stream` go on when the last one has come; returns whether this was it."""
        self._waiting.append(stream)
        if len(self._waiting) < self._width:
            return False
        for waiting in self._waiting:
            waiting.start()
        return True


class Stream:
    """A stream being sent: some writes, then it is the others' turn."""

    _numbers = count()

    def __init__(self, connection: Connection, writes: tuple[bytes, ...], number: int, pace: float) -> None:
        self._connection, self._writes, self._left, self._pace = connection, writes, number, pace
        self._loop = asyncio.get_running_loop()
        self._next = 0.0

    def start(self) -> None:
        """Send what comes after the first chunk."""
        if self._pace:
            self._next = self._loop.time() + self._pace * (1 + next(self._numbers) * PHASE % 1)
            self._loop.call_at(self._next, self._tick)
        else:
            self._loop.call_soon(self.step)

    def step(self) -> None:
        """Some writes, unless the client is behind: then `Connection.resume_writing` goes on."""
        connection = self._connection
        for _ in range(min(WRITES, self._left)):
            if connection.behind or connection.transport.is_closing():
                return
            connection.transport.write(self._writes[-self._left])
            self._left -= 1
        if self._left:
            self._loop.call_soon(self.step)
        else:
            connection.finish()

    def _tick(self) -> None:
        connection = self._connection
        if connection.transport.is_closing():
            return
        if self._left:
            connection.transport.write(timed())
            self._left -= 1
            self._next += self._pace
            self._loop.call_at(self._next, self._tick)
        else:
            connection.finish()


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    _gates: ClassVar[dict[str, Gate]] = {}
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.behind = False
        self._buffer = bytearray()
        self._needed = 0
        self._stream: Stream | None = None

    def data_received(self, data: bytes) -> None:
        """Called by the loop: answers each whole request."""
        self._buffer += data
        while self._buffer and len(self._buffer) >= self._needed and self._stream is None:
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            head = bytes(self._buffer[:end])
            found = _LENGTH.search(head)
            self._needed = end + (int(found[1]) if found else 0)
            if len(self._buffer) < self._needed:
                return
            body = bytes(self._buffer[end : self._needed])
            del self._buffer[: self._needed]
            self._needed = 0
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def pause_writing(self) -> None:
        """Called by the loop: the client takes bytes slower than they are written."""
        self.behind = True

    def resume_writing(self) -> None:
        """Called by the loop: it has caught up."""
        self.behind = False
        if self._stream is not None:
            self._stream.step()

    def finish(self) -> None:
        """The stream is over."""
        self.transport.write(LAST)
        self._stream = None
        if self._buffer:
            self.data_received(b"")

    def _answer(self, path: str, body: bytes) -> None:
        name = path.split("/", 2)[1]
        kind, *numbers = name.split("-")
        size, pace, width = [*map(int, numbers), *(0, 0, 1)[len(numbers) :]]
        if kind in FAILURES:
            self.transport.write(FAILURES[kind])
        elif path.endswith("/embeddings"):
            self.transport.write(VECTORS[b'"base64"' in body])
        elif not _STREAM.search(body):
            self.transport.write(large(size) if kind == "bytes" else ANSWER)
        else:
            self.transport.write(_HEAD + FIRST)
            writes = () if pace else parts(kind, size)
            self._stream = Stream(self, writes, len(writes) or size, pace / 1000)
            if width == 1:
                self._stream.start()
            elif self._gates.setdefault(name, Gate(width)).enter(self._stream):
                del self._gates[name]


async def main() -> None:
    """Serve on a free port until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main())
