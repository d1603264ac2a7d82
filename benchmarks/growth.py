"""Whether anything grows faster than what it is given: CPU of one unit (a chunk, a megabyte, a call) at several sizes.

A number that stays as it is, or falls, is linear growth; one that rises with the size is more than that.
"""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import clients

if TYPE_CHECKING:
    from collections.abc import Callable

KILO, MEGA = 1_000, 1_000_000


def cpu(work: Callable[[], object], rounds: int = 2) -> float:
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


def chunks(name: str, upstream: str, size: int) -> float:
    """Microseconds of a chunk, in a stream of so many."""
    client = clients.blocking(name, f"{upstream}/chunks-{size}/v1")
    return 1e6 / size * cpu(lambda: _read(client.create(**clients.CHAT, stream=True)))


def fragments(name: str, upstream: str, size: int) -> float:
    """Microseconds of a chunk, in a stream of a tool's arguments in so many."""
    client = clients.blocking(name, f"{upstream}/tools-{size}/v1")
    return 1e6 / size * cpu(lambda: _read(client.create(**clients.CHAT, stream=True)))


def answers(name: str, upstream: str, size: int) -> float:
    """Milliseconds of a megabyte, in an answer of so many bytes."""
    client = clients.blocking(name, f"{upstream}/bytes-{size}/v1")
    return 1e3 * MEGA / size * cpu(lambda: client.create(**clients.CHAT))


def events(name: str, upstream: str, size: int) -> float:
    """Milliseconds of a megabyte, in a stream whose one chunk has so many bytes."""
    client = clients.blocking(name, f"{upstream}/bytes-{size}/v1")
    return 1e3 * MEGA / size * cpu(lambda: _read(client.create(**clients.CHAT, stream=True)))


def requests(name: str, upstream: str, size: int) -> float:
    """Milliseconds of a megabyte, in a request of so many bytes: messages of ten kilobytes."""
    client = clients.blocking(name, f"{upstream}/plain/v1")
    messages = [{"role": "user", "content": "x" * 10 * KILO}] * (size // (10 * KILO))
    return 1e3 * MEGA / size * cpu(lambda: client.create(model="gpt-4o", messages=messages))


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


def providers(_: str, upstream: str, size: int) -> float:
    """Microseconds of a call where so many providers could take it."""
    client = _client([_adapter(number, f"{upstream}/plain/v1") for number in range(size)])
    return _calls(client, ["made-up-0-model-0"])


def held_providers(_: str, upstream: str, size: int) -> float:
    """The same where so many are held back, and one more takes the call."""
    kinds = [*["blocked"] * size, "plain"]
    names = [_adapter(number, f"{upstream}/{kind}/v1") for number, kind in enumerate(kinds)]
    _health().clear()
    client = _client(names)
    for _attempt in range(size):  # each call finds out about some
        try:
            client.chat.completions.create(model="made-up-0-model-0", messages=clients.MESSAGES)
        except Exception:  # noqa: BLE001 - all that were asked refused
            continue
    return _calls(client, ["made-up-0-model-0"])


def constructions(_: str, upstream: str, size: int) -> float:
    """Microseconds of making a client, per provider."""
    names = [_adapter(number, f"{upstream}/plain/v1") for number in range(size)]
    return 1e6 / size * cpu(lambda: [_client(names) for _ in range(5)]) / 5


def models(_: str, upstream: str, size: int) -> float:
    """Microseconds of a call where the provider has so many models and each call names another one."""
    client = _client([_adapter(0, f"{upstream}/plain/v1", size)])
    return _calls(client, [f"made-up-0-model-{index}" for index in range(size)])


def _calls(client: Any, names: list[str]) -> float:
    calls = max(200, len(names))

    def work() -> None:
        for number in range(calls):
            client.chat.completions.create(model=names[number % len(names)], messages=clients.MESSAGES)

    return 1e6 / calls * cpu(work)


def _health() -> Any:
    return importlib.import_module("llmswitch.engine").Engine.shared_health()


def health(_: str, upstream: str, size: int) -> float:  # noqa: ARG001 - as the others
    """Microseconds to admit a call and to record its success, with so many endpoints known."""
    module = importlib.import_module("llmswitch.health")
    known = module.Health()
    keys = [module.Key(f"made-up-{number}@global", "US", "gpt-4o", "k") for number in range(size)]

    def work() -> None:
        for number in range(20_000):
            key = keys[number % size]
            started = time.monotonic()
            known.admit(key)
            known.record(key, None, started=started)

    return 1e6 / 20_000 * cpu(work)


@dataclass(frozen=True)
class Axis:
    """Something that grows: how one point is measured, in which unit, and whether openai has it, too."""

    point: Callable[[str, str, int], float]
    unit: str
    sizes: tuple[int, ...]
    shared: bool = True


AXES = {
    "chunks of a stream": Axis(chunks, "us a chunk", (200, 2_000, 20_000)),
    "chunks of a tool call": Axis(fragments, "us a chunk", (200, 2_000, 20_000)),
    "bytes of an answer": Axis(answers, "ms a MB", (100 * KILO, MEGA, 10 * MEGA)),
    "bytes of a request": Axis(requests, "ms a MB", (100 * KILO, MEGA, 10 * MEGA)),
    "bytes of one chunk": Axis(events, "ms a MB", (100 * KILO, MEGA, 10 * MEGA)),
    "providers": Axis(providers, "us a call", (1, 10, 50), shared=False),
    "providers held back": Axis(held_providers, "us a call", (1, 10, 50), shared=False),
    "providers of a new client": Axis(constructions, "us a provider", (1, 10, 50), shared=False),
    "models": Axis(models, "us a call", (10, 500, 5_000), shared=False),
    "endpoints in health": Axis(health, "us a call", (1, 100, 5_000), shared=False),
}


def measure(name: str, upstream: str, axis: str, size: int) -> dict[str, float]:
    """One point."""
    return {"value": AXES[axis].point(name, upstream, size)}
