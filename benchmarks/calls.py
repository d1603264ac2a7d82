"""What a call costs: CPU of the process and elapsed time, in microseconds; for streams of 200 chunks, of the whole stream."""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from benchmarks import clients
from benchmarks.upstream import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[int], None]  # makes so many calls, or in a loop so many with each worker

# mode -> how the upstream answers.
MODES = {
    "sync": "plain",
    "async": "plain",
    "stream": "plain",
    "astream": "plain",
    "reasoned": "reasoned",
    "embeddings": "plain",
    "aembeddings": "plain",
}
WIDTH = 32  # async calls in flight
_runner = asyncio.Runner()  # one loop for the life of the process, as a service has


def measure(name: str, upstream: str, mode: str, seconds: float = 0.3) -> dict[str, float]:
    """One round of about so many seconds: {"cpu": ..., "wall": ...}; nothing where the client cannot do it."""
    prepared = prepare(name, f"{upstream}/{MODES[mode]}/v1", mode)
    if prepared is None:
        return {}
    work, width = prepared
    first = 3 if width == 1 else 1  # these do not count, and say how many will
    started = time.perf_counter()
    work(first)
    times = max(1, round(first * seconds / (time.perf_counter() - started)))
    cpu, wall = time.process_time(), time.perf_counter()
    work(times)
    done = times * width
    return {"cpu": 1e6 * (time.process_time() - cpu) / done, "wall": 1e6 * (time.perf_counter() - wall) / done}


@lru_cache
def prepare(name: str, url: str, mode: str) -> tuple[Work, int] | None:
    """What makes calls, and how many at once; None where the client cannot do it. One client a process and mode."""
    return _prepare_async(name, url, mode) if mode.startswith("a") else _prepare(name, url, mode)


def _prepare(name: str, url: str, mode: str) -> tuple[Work, int] | None:
    client = clients.blocking(name, url)
    embed = client.embed
    if mode == "embeddings" and embed is None:
        return None

    def one() -> None:
        if mode == "sync":
            client.create(**clients.CHAT)
        elif mode == "embeddings":
            assert embed is not None
            embed(**clients.EMBEDDING)
        else:
            _check(sum(1 for _ in client.create(**clients.CHAT, stream=True)))

    def work(times: int) -> None:
        for _ in range(times):
            one()

    return work, 1


def _prepare_async(name: str, url: str, mode: str) -> tuple[Work, int] | None:
    async def open_() -> clients.Awaiting:
        return clients.awaiting(name, url)

    client = _runner.run(open_())
    embed = client.embed
    if mode == "aembeddings" and embed is None:
        return None
    one = {"async": _call, "astream": _stream, "aembeddings": _embed}[mode]

    async def batch(times: int) -> None:
        async def worker() -> None:
            for _ in range(times):
                await one(client)

        await asyncio.gather(*(worker() for _ in range(WIDTH)))

    return lambda times: _runner.run(batch(times)), WIDTH


async def _call(client: clients.Awaiting) -> None:
    await client.create(**clients.CHAT)


async def _embed(client: clients.Awaiting) -> None:
    assert client.embed is not None
    await client.embed(**clients.EMBEDDING)


async def _stream(client: clients.Awaiting) -> None:
    chunks = 0
    async for _ in await client.create(**clients.CHAT, stream=True):
        chunks += 1
    _check(chunks)


def _check(chunks: int) -> None:
    if chunks < CHUNKS:
        raise AssertionError(f"{chunks} chunks came")
