"""Libraries that take or patch an openai client, as users install them: each runs one program over openai's client and over ours."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import llmswitch
from tests.recorder import CLASSES, made

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

# A program gets a sync and an async client, and returns what it saw.
Program = Callable[[Any, Any], Awaitable[object]]

# An environment has the libraries that get on with its openai; `make test-matrix` makes two.
_NEEDS = {
    "test_mocking_libraries.py": "respx",
    "test_instructor.py": "instructor",
    "test_langchain.py": "langchain_openai",
    "test_llama_index.py": "llama_index",
    "test_monitors.py": "sentry_sdk",
    "test_openai_agents.py": "agents",
    "test_pydantic_ai.py": "pydantic_ai",
}
collect_ignore = [file for file, module in _NEEDS.items() if find_spec(module) is None]


@pytest.fixture(autouse=True)
def _this_machine_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No library calls home."""
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    asked: list[str] = []
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def check(host: object) -> None:
        if str(host).partition("%")[0] not in ("127.0.0.1", "::1", "localhost", "None"):
            asked.append(str(host))
            raise OSError(f"{host}: the tests have no network")

    def checked_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host.decode() if isinstance(host, bytes) else host)
        return look_up(host, *args, **kwargs)

    def checked_connect(this: socket.socket, address: Any) -> None:
        if isinstance(address, tuple):
            check(address[0])
        connect(this, address)

    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    yield
    assert not asked


@pytest.fixture
def alike(lone: Sandbox) -> Callable[[Program], Any]:
    """Run a program over openai's clients and over ours; what it sees and what it sends are the same. Returns what it saw."""

    def run(program: Program) -> Any:
        found = []
        for sync, asynchronous in zip(CLASSES["sync"], CLASSES["async"], strict=True):
            known = len(lone.requests())
            saw = asyncio.run(_run(program, made(sync, lone), made(asynchronous, lone)))
            # The identifiers of tool calls are drawn anew for every answer, and come back in the next request.
            sent = [(one.path, re.sub(r"call_\w+", "call", json.dumps(one.body))) for one in lone.requests()[known:]]
            found.append((saw, sent))
        theirs, ours = found
        assert theirs[1], "the program calls nobody"
        assert ours == theirs
        return ours[0]

    return run


@pytest.fixture
def survives(pair: Sandbox) -> Callable[[Program], Any]:
    """Run a program over our clients while OpenAI blocks the region: another provider answers. Returns what it saw."""

    def run(program: Program) -> Any:
        pair.fault("openai", "region_block")
        saw = asyncio.run(_run(program, llmswitch.OpenAI(), llmswitch.AsyncOpenAI()))
        assert pair.hits("openai") == 1  # then it is known
        assert pair.hits("qwen") > 1
        return saw

    return run


async def _run(program: Program, client: Any, async_client: Any) -> object:
    try:
        return await program(client, async_client)
    finally:
        client.close()
        await async_client.close()
