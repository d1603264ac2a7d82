"""Whether anything grows faster than what it is given: CPU of one unit (a chunk, a megabyte, a call) at several sizes.

A number that stays as it is, or falls, is linear growth; one that rises with the size is more than that.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import clients

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[], object]

KILO, MEGA = 1_000, 1_000_000
CALLS = 200  # where a call is the unit
HEALTH = 20_000
MODEL = "made-up-0-model-0"
FACTORS = {"us": 1e6, "ms": 1e3}


def cpu(work: Work, rounds: int = 2) -> float:
    """Seconds of CPU, the least of some rounds; the first of them warms up."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def _read(stream: Any) -> None:
    for _ in stream:
        pass


def _streamed(kind: str) -> Callable[[str, str, int], Work]:
    """Streams of a kind of the upstream's, of the size to measure."""

    def prepare(name: str, upstream: str, size: int) -> Work:
        client = clients.blocking(name, f"{upstream}/{kind}-{size}/v1")
        return lambda: _read(client.create(**clients.CHAT, stream=True))

    return prepare


def answers(name: str, upstream: str, size: int) -> Work:
    """An answer of so many bytes."""
    client = clients.blocking(name, f"{upstream}/bytes-{size}/v1")
    return lambda: client.create(**clients.CHAT)


def requests(name: str, upstream: str, size: int) -> Work:
    """A request of so many bytes: messages of ten kilobytes."""
    client = clients.blocking(name, f"{upstream}/plain/v1")
    messages = [{"role": "user", "content": "x" * 10 * KILO}] * (size // (10 * KILO))
    return lambda: client.create(model="gpt-4o", messages=messages)


def _adapter(number: int, url: str, models: int = 1) -> str:
    """Registers a made-up provider at an address; returns its name."""
    adapter = importlib.import_module("llmswitch.adapter")
    name, fact = f"made-up-{number}", adapter.Fact(source="made up", as_of="2026", confidence="low")
    key = f"MADE_UP_{number}_API_KEY"
    os.environ[key] = clients.KEY
    adapter.register(
        adapter.Adapter(
            name=name,
            title=name,
            rank=1 + number,
            sites=(adapter.Site(name="global", base_url=url, hosts=(), serves="all-except", fact=fact),),
            key_env=(key,),
            models={
                model: adapter.Model(name=model, tier="standard", fact=fact)
                for model in (f"made-up-{number}-model-{index}" for index in range(models))
            },
            tiers={"standard": f"made-up-{number}-model-0"},
        )
    )
    return name


def _client(names: list[str]) -> Any:
    return importlib.import_module("llmswitch").OpenAI(region="US", providers=names)


def providers(_: str, upstream: str, size: int) -> Work:
    """Calls that so many providers could take."""
    return _calls(_client([_adapter(number, f"{upstream}/plain/v1") for number in range(size)]), [MODEL], CALLS)


def held_providers(_: str, upstream: str, size: int) -> Work:
    """The same where so many are held back, and one more takes the call."""
    kinds = [*["blocked"] * size, "plain"]
    names = [_adapter(number, f"{upstream}/{kind}/v1") for number, kind in enumerate(kinds)]
    importlib.import_module("llmswitch.engine").Engine.shared_health().clear()
    client = _client(names)
    for _attempt in range(size):  # each call finds out about some
        try:
            client.chat.completions.create(model=MODEL, messages=clients.MESSAGES)
        except Exception:  # noqa: BLE001 - all that were asked refused
            continue
    return _calls(client, [MODEL], CALLS)


def constructions(_: str, upstream: str, size: int) -> Work:
    """Making a client of so many providers."""
    names = [_adapter(number, f"{upstream}/plain/v1") for number in range(size)]
    return lambda: _client(names)


def models(_: str, upstream: str, size: int) -> Work:
    """As many calls as the provider has models, each of another one."""
    client = _client([_adapter(0, f"{upstream}/plain/v1", size)])
    return _calls(client, [f"made-up-0-model-{index}" for index in range(size)], size)


def _calls(client: Any, names: list[str], calls: int) -> Work:
    def work() -> None:
        for number in range(calls):
            client.chat.completions.create(model=names[number % len(names)], messages=clients.MESSAGES)

    return work


def health(_: str, upstream: str, size: int) -> Work:  # noqa: ARG001 - as the others
    """Admitting calls and recording their success, with so many endpoints known."""
    module = importlib.import_module("llmswitch.health")
    known = module.Health()
    keys = [module.Key(f"made-up-{number}@global", "US", "gpt-4o", "k") for number in range(size)]

    def work() -> None:
        for number in range(HEALTH):
            key = keys[number % size]
            started = time.monotonic()
            known.admit(key)
            known.record(key, None, started=started)

    return work


@dataclass(frozen=True)
class Axis:
    """Something that grows.

    Attributes:
        prepare: gives what is to be measured at a size.
        unit: of the numbers, "us a chunk".
        units: how many of it the work has at a size.
        sizes: those measured.
        shared: whether openai has it, too.
    """

    prepare: Callable[[str, str, int], Work]
    unit: str
    units: Callable[[int], float]
    sizes: tuple[int, ...]
    shared: bool = True


def _itself(size: int) -> float:
    return size


def _megabytes(size: int) -> float:
    return size / MEGA


def _some(_: int) -> float:
    return CALLS


_CHUNKS, _BYTES, _PROVIDERS = (200, 2_000, 20_000), (100 * KILO, MEGA, 10 * MEGA), (1, 10, 50)
AXES = {
    "chunks of a stream": Axis(_streamed("chunks"), "us a chunk", _itself, _CHUNKS),
    "chunks of a tool call": Axis(_streamed("tools"), "us a chunk", _itself, _CHUNKS),
    "bytes of an answer": Axis(answers, "ms a MB", _megabytes, _BYTES),
    "bytes of a request": Axis(requests, "ms a MB", _megabytes, _BYTES),
    "bytes of one chunk": Axis(_streamed("bytes"), "ms a MB", _megabytes, _BYTES),
    "providers": Axis(providers, "us a call", _some, _PROVIDERS, shared=False),
    "providers held back": Axis(held_providers, "us a call", _some, _PROVIDERS, shared=False),
    "providers of a new client": Axis(constructions, "us a provider", _itself, _PROVIDERS, shared=False),
    "models": Axis(models, "us a call", _itself, (10, 500, 5_000), shared=False),
    "endpoints in health": Axis(health, "us a call", lambda _: HEALTH, (1, 100, 5_000), shared=False),
}


def measure(name: str, upstream: str, axis: str, size: int) -> dict[str, float]:
    """CPU of a unit at one size."""
    what = AXES[axis]
    seconds = cpu(what.prepare(name, upstream, size))
    return {"value": FACTORS[what.unit.partition(" ")[0]] * seconds / what.units(size)}


def count(name: str, upstream: str, axis: str, size: int) -> dict[str, int]:
    """How many functions the work calls at one size, once it is warm: the same on every machine."""
    work = AXES[axis].prepare(name, upstream, size)
    work()
    calls = 0

    def called(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return {"calls": calls}
