"""Nothing is looked up and nobody is called but the endpoint that was chosen.

Python's audit hooks see every name resolved and every connection made in a process, also by libraries; each test runs code
in a process of its own under such a hook.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

WATCHED = """
import sys
seen = []
def watch(name, arguments):
    if name == "socket.connect" and isinstance(arguments[1], tuple):
        seen.append(arguments[1][:2])
    elif name in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        seen.append(arguments[:2] if name == "socket.getaddrinfo" else (arguments[0], None))
        if not str(arguments[0]).startswith("127."):
            raise OSError("this test has no network")
    elif name in ("socket.sendto", "socket.sendmsg", "socket.bind"):
        seen.append((name, None))
sys.addaudithook(watch)
"""
REPORT = "\nprint('SEEN', seen)"

LOOKING = {
    "import": "import llmswitch; import llmswitch.openai; import llmswitch.sandbox; import llmswitch.local",
    "clients": "import llmswitch; llmswitch.OpenAI(); llmswitch.AsyncOpenAI(); llmswitch.Switch(); llmswitch.AsyncSwitch()",
    "explain": "import llmswitch; print(llmswitch.explain('gpt-4o', region='CN')); llmswitch.adapters()",
    "classify": "import llmswitch; llmswitch.classify(status=403, body='<html>Access denied</html>')",
}
VERBS = [
    "--help",
    "chat --help",
    "adapters",
    "adapters qwen --json",
    "explain gpt-4o --region CN",
    "doctor",
    "local list",
]
CALLS = {
    "sync": """
from llmswitch import OpenAI
client = OpenAI()
client.chat.completions.create(model="gpt-4o", messages=messages)
list(client.chat.completions.create(model="gpt-4o", messages=messages, stream=True))
client.models.list()
""",
    "cost": """
from llmswitch import OpenAI
client = OpenAI()
assert client.chat.completions.create(model="gpt-4o", messages=messages).llmswitch.cost is not None
""",
    "async": """
import asyncio
from llmswitch import AsyncOpenAI
async def main():
    async with AsyncOpenAI() as client:
        await client.chat.completions.create(model="gpt-4o", messages=messages)
        async for _ in await client.chat.completions.create(model="gpt-4o", messages=messages, stream=True):
            pass
asyncio.run(main())
""",
    "dicts": """
from llmswitch import Switch
with Switch() as switch:
    switch.chat.completions.create(model="gpt-4o", messages=messages)
    list(switch.chat.completions.create(model="gpt-4o", messages=messages, stream=True))
""",
}


def run(code: str, **environment: str) -> list[tuple[str, int | None]]:
    done = subprocess.run(
        [sys.executable, "-c", f"{WATCHED}{code}{REPORT}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: list[tuple[str, int | None]] = ast.literal_eval(done.stdout.splitlines()[-1].removeprefix("SEEN "))
    return seen


def places(sandbox: Sandbox, name: str) -> set[tuple[str, int | None]]:
    parts = urlsplit(sandbox.url(name))
    return {(parts.hostname or "", parts.port)}


def test_the_hook_sees_a_connection() -> None:
    assert run("import socket\ntry: socket.create_connection(('127.0.0.1', 1))\nexcept OSError: pass")


@pytest.mark.parametrize("code", LOOKING.values(), ids=LOOKING)
@pytest.mark.usefixtures("sandbox")
def test_importing_constructing_and_explaining_open_no_socket(code: str) -> None:
    assert run(code) == []


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.usefixtures("sandbox")
def test_verbs_that_only_read_open_no_socket(verb: str) -> None:
    code = f"sys.argv = ['llmswitch', *{verb.split()!r}]\nfrom llmswitch.cli import main\ntry: main()\nexcept SystemExit: pass"

    assert run(code) == []


@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS)
def test_a_call_reaches_the_chosen_host_alone(code: str, pair: Sandbox) -> None:
    prelude = "messages = [{'role': 'user', 'content': 'Hello'}]\n"

    assert set(run(prelude + code)) == places(pair, "openai")


@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS)
def test_a_failover_reaches_the_next_host_and_no_other(code: str, pair: Sandbox) -> None:
    pair.fault("openai", "region_block")
    prelude = "messages = [{'role': 'user', 'content': 'Hello'}]\n"

    assert set(run(prelude + code)) == places(pair, "openai") | places(pair, "qwen@cn")


def test_a_vendor_is_looked_up_by_its_own_name_alone() -> None:
    code = """
from llmswitch import Switch, LLMSwitchError
try:
    with Switch(region="CN", max_retries=0) as switch:
        switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
except LLMSwitchError as error:
    print(error)
"""
    names = {host for host, _ in run(code, DASHSCOPE_API_KEY="sk-made-up")}

    assert names == {"dashscope.aliyuncs.com"}
