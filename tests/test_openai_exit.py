"""Programs that end while the drop-in's streams are open: silently, as if everything had been closed."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

from tests.servers import Server, endless, wait_until

PART = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
BEGIN = """
    import asyncio, sys, threading, time
    import llmswitch
    call = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    client = llmswitch.OpenAI(base_url=sys.argv[1], api_key="sk-x")
    async_client = llmswitch.AsyncOpenAI(base_url=sys.argv[1], api_key="sk-x")
"""
OPEN = {
    "unread": "stream = client.chat.completions.create(**call)",
    "half-read": "stream = client.chat.completions.create(**call); chunks = iter(stream); next(chunks)",
    "in a cycle": "stream = client.chat.completions.create(**call); next(stream); stream.me = stream",
    "by the helper": """
        del call["stream"]
        manager = client.chat.completions.stream(**call)
        stream = manager.__enter__(); next(iter(stream))
    """,
    "raw": """
        manager = client.chat.completions.with_streaming_response.create(**call)
        lines = manager.__enter__().iter_lines(); next(lines)
    """,
    "read by a daemon thread": """
        def read():
            for _ in client.chat.completions.create(**call): reading.set()
        reading = threading.Event()
        threading.Thread(target=read, daemon=True).start()
        reading.wait()
    """,
    "async": """
        async def main():
            global stream
            stream = await async_client.chat.completions.create(**call)
            await anext(stream)
        asyncio.run(main())
    """,
    "async, in a loop that nobody ends": """
        async def main():
            global stream
            stream = await async_client.chat.completions.create(**call)
            await anext(stream)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    """,
}


@pytest.mark.parametrize("script", OPEN.values(), ids=OPEN)
def test_the_interpreter_exits_silently_with_a_stream_open(script: str) -> None:
    with Server(endless(PART)) as server:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(script), server.url],
            cwd=pathlib.Path(__file__).parent.parent,
            env=os.environ.copy(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        wait_until(lambda: server.open_connections == 0, seconds=1)
