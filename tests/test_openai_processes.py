"""The drop-in's clients among forks, threads and event loops: one client, made once, serves them all."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmswitch.sandbox import Sandbox

CALL: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
EMBED: Any = {"model": "text-embedding-3-small", "input": "hi"}


def talk(client: OpenAI) -> str:
    """One call of each kind; the texts of the two answers are equal."""
    whole = client.chat.completions.create(**CALL).choices[0].message.content
    streamed = "".join(
        chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**CALL, stream=True)
    )
    assert len(client.embeddings.create(**EMBED).data[0].embedding) > 1
    assert whole == streamed
    return whole or ""


async def converse(client: AsyncOpenAI) -> str:
    """As `talk`."""
    whole = (await client.chat.completions.create(**CALL)).choices[0].message.content
    stream = await client.chat.completions.create(**CALL, stream=True)
    streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert len((await client.embeddings.create(**EMBED)).data[0].embedding) > 1
    assert whole == streamed
    return whole or ""


def in_child(work: Callable[[], object]) -> None:
    """Run in a forked child, which has to end well and soon."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a child must not come back
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def client(pair: Sandbox) -> Iterator[OpenAI]:  # noqa: ARG001 - who answers
    with OpenAI() as client:
        yield client


@pytest.fixture
def async_client(pair: Sandbox) -> AsyncOpenAI:  # noqa: ARG001
    return AsyncOpenAI()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the sandbox has threads
def test_a_client_works_after_a_fork_on_both_sides(client: OpenAI) -> None:
    text = talk(client)
    half_read = client.chat.completions.create(**CALL, stream=True)
    next(half_read)

    def child() -> None:
        assert talk(client) == text

    in_child(child)
    in_child(child)
    assert [chunk.choices[0].finish_reason for chunk in half_read][-1] == "stop"
    assert talk(client) == text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_async_client_works_after_a_fork_on_both_sides(async_client: AsyncOpenAI) -> None:
    text = asyncio.run(converse(async_client))
    in_child(lambda: asyncio.run(converse(async_client)))
    assert asyncio.run(converse(async_client)) == text


def test_one_client_serves_64_threads(client: OpenAI) -> None:
    failed: list[BaseException] = []
    texts: list[str] = []

    def work() -> None:
        try:
            texts.extend(talk(client) for _ in range(3))
        except BaseException as error:  # noqa: BLE001 - told to the main thread
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert len(texts) == 64 * 3
    assert len(set(texts)) == 1


def test_one_async_client_serves_every_loop_in_turn(async_client: AsyncOpenAI) -> None:
    texts = [asyncio.run(converse(async_client)) for _ in range(3)]

    def work() -> None:
        texts.append(asyncio.run(converse(async_client)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert len(texts) == 4
    assert len(set(texts)) == 1


def test_one_async_client_serves_two_loops_at_once(async_client: AsyncOpenAI) -> None:
    texts: list[str] = []

    async def several() -> list[str]:
        return list(await asyncio.gather(*(converse(async_client) for _ in range(4))))

    def work() -> None:
        texts.extend(asyncio.run(several()))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(texts) == 8
    assert len(set(texts)) == 1
