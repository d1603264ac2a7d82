"""Many streams at once, in threads and in one event loop.

Paced: the upstream sends a chunk to each stream every so often, and writes into it when; the delay until the program has it
is the latency, which for a client is its own work and the queue before it. Then as fast as it goes: the throughput.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_STATM = Path("/proc/self/statm")


def resident() -> int:
    """Bytes of memory this process holds now; where the system does not say, at most until now."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Tally:
    """What some streams that run at once tell: when each chunk was sent, and how long it took."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lock = threading.Lock()
        self._opened = 0
        self._streams: list[list[tuple[float, float]]] = []
        gc.collect()
        self._before = resident()
        self._held = 0
        self._since = self._cpu = 0.0

    def opened(self) -> None:
        """One more stream has its first content; the last one starts the clock."""
        with self._lock:
            self._opened += 1
            if self._opened == self._width:
                self._held = resident() - self._before
                self._since, self._cpu = time.monotonic(), time.process_time()

    def closed(self, samples: list[tuple[float, float]]) -> None:
        """A stream is over: when each of its chunks was sent, and how long it took."""
        self._streams.append(samples)

    def result(self) -> dict[str, float]:
        """Latency in microseconds (p50, p99), CPU of a chunk in microseconds, memory of a stream in bytes."""
        cpu = time.process_time() - self._cpu
        counted = sum(sent + delay >= self._since for samples in self._streams for sent, delay in samples)
        # The first chunks of each do not count: streams were still being opened.
        delays = sorted(delay for samples in self._streams for _, delay in samples[len(samples) // 4 :])
        return {
            "p50": 1e6 * delays[len(delays) // 2],
            "p99": 1e6 * delays[len(delays) * 99 // 100],
            "cpu": 1e6 * cpu / max(1, counted),
            "memory": self._held / self._width,
        }


def paced_threads(name: str, url: str, width: int, limit: float) -> dict[str, float]:
    """One thread a stream, one client for all."""
    client, tally = clients.blocking(name, url), Tally(width)

    def read() -> None:
        samples: list[tuple[float, float]] = []
        for chunk in client.create(**clients.CHAT, stream=True):
            if content := clients.text(chunk):
                sent = float(content)
                samples.append((sent, time.monotonic() - sent))
                if len(samples) == 1:
                    tally.opened()
        tally.closed(samples)

    _in_threads([read] * width, limit)
    return tally.result()


def rush_threads(name: str, url: str, width: int, streams: int, limit: float) -> dict[str, float]:
    """Chunks a second, as fast as they come."""
    client = clients.blocking(name, url)
    chunks: list[int] = []

    def read() -> None:
        for _ in range(streams // width):
            count = sum(1 for _ in client.create(**clients.CHAT, stream=True))
            chunks.append(count)

    started = time.perf_counter()
    _in_threads([read] * width, limit)
    took = time.perf_counter() - started
    return {"chunks": sum(chunks) / took}


def _in_threads(work: Iterable[Callable[[], None]], limit: float) -> None:
    """Run all at once.

    Raises:
        TimeoutError: they are not done within `limit` seconds; the threads are left.
        Exception: the first that one of them raised.
    """
    errors: list[Exception] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
            if errors:
                raise errors[0]
            if time.monotonic() > end:
                raise TimeoutError(f"not done after {limit:.0f} s")
    if errors:
        raise errors[0]


async def paced_loop(name: str, url: str, width: int, limit: float) -> dict[str, float]:
    """All streams in one event loop."""
    client, tally = clients.awaiting(name, url), Tally(width)

    async def read() -> None:
        samples: list[tuple[float, float]] = []
        async for chunk in await client.create(**clients.CHAT, stream=True):
            if content := clients.text(chunk):
                sent = float(content)
                samples.append((sent, time.monotonic() - sent))
                if len(samples) == 1:
                    tally.opened()
        tally.closed(samples)

    async with asyncio.timeout(limit):
        await asyncio.gather(*(read() for _ in range(width)))
    return tally.result()


async def rush_loop(name: str, url: str, width: int, streams: int, limit: float) -> dict[str, float]:
    """As `rush_threads`."""
    client = clients.awaiting(name, url)
    chunks: list[int] = []

    async def read() -> None:
        for _ in range(streams // width):
            count = 0
            async for _ in await client.create(**clients.CHAT, stream=True):
                count += 1
            chunks.append(count)

    started = time.perf_counter()
    async with asyncio.timeout(limit):
        await asyncio.gather(*(read() for _ in range(width)))
    took = time.perf_counter() - started
    return {"chunks": sum(chunks) / took}


REPEATED = 100  # streams at once, up to which the paced run is short and made again


def measure(name: str, upstream: str, how: str, width: int, pace: int, chunks: int, limit: float) -> dict[str, float]:
    """Both for one client: `width` streams of `chunks` chunks, `pace` milliseconds apart; `how` is threads or loop.

    Meant for a fresh process: the memory is what the first streams add to it. Of repeated runs the least disturbed counts.
    """
    times = 3 if width <= REPEATED else 1
    paced = f"{upstream}/paced-{chunks}-{pace}-{width}/v1"
    rush, streams = f"{upstream}/chunks-50/v1", max(width, 64)
    if how == "threads":
        rush_threads(name, rush, 1, 4, limit)  # so that what is loaded late is there
        runs = [paced_threads(name, paced, width, limit) for _ in range(times)]
        return _least(runs) | rush_threads(name, rush, width, streams, limit)

    async def both() -> dict[str, float]:
        await rush_loop(name, rush, 1, 4, limit)
        runs = [await paced_loop(name, paced, width, limit) for _ in range(times)]
        return _least(runs) | await rush_loop(name, rush, width, streams, limit)

    return asyncio.new_event_loop().run_until_complete(both())  # not closed: neither are the clients


def _least(runs: list[dict[str, float]]) -> dict[str, float]:
    return {what: min(run[what] for run in runs) for what in runs[0]} | {"memory": runs[0]["memory"]}
