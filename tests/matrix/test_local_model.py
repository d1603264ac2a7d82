"""The real local model: in this process, over its listener, as the sandbox's voice, as the provider `local`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import AsyncOpenAI, OpenAI, Switch
from llmswitch.errors import ConfigError, InvalidRequestError
from llmswitch.local import LocalModel, Voice, endpoint_url
from llmswitch.sandbox import Prompt, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.matrix

ASKED: Any = {"messages": [{"role": "user", "content": "What is 2+2?"}], "max_tokens": 24, "temperature": 0}


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    with LocalModel() as loaded:
        yield loaded


def post(base_url: str, key: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{base_url}/chat/completions", data=json.dumps(ASKED).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def test_it_answers_in_openais_shape(model: LocalModel) -> None:
    answer: Any = model.chat(ASKED)

    assert "4" in answer["choices"][0]["message"]["content"]
    assert answer["object"] == "chat.completion"
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["model"] == model.name == "smollm2-135m"


def test_it_streams_the_same(model: LocalModel) -> None:
    chunks: list[Any] = list(model.stream(ASKED))

    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    answer: Any = model.chat(ASKED)
    assert text == answer["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_closing_a_stream_stops_the_model(model: LocalModel) -> None:
    stream = model.stream({**ASKED, "messages": [{"role": "user", "content": "Tell a long story"}], "max_tokens": 2000})
    next(stream)
    started = time.monotonic()
    stream.close()  # type: ignore[attr-defined]

    model.chat({**ASKED, "max_tokens": 2})

    assert time.monotonic() - started < 5


@pytest.mark.parametrize("wrong", [{"messages": "x"}, {"messages": [{"role": "user", "content": "word " * 9000}]}])
def test_what_it_cannot_take_is_said(wrong: Any, model: LocalModel) -> None:
    with pytest.raises(InvalidRequestError, match="local model: "):
        model.chat(wrong)
    with pytest.raises(InvalidRequestError, match="local model: "):
        list(model.stream(wrong))


def test_the_listener_wants_its_key(model: LocalModel) -> None:
    assert model.base_url.startswith("http://127.0.0.1:")
    assert post(model.base_url, model.key.reveal())["choices"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(model.base_url, "another")
    assert refused.value.code == 401
    refused.value.close()


def test_a_closed_model_says_so() -> None:
    model = LocalModel()
    model.close()
    model.close()

    with pytest.raises(ConfigError, match="closed"):
        model.chat(ASKED)


def test_a_model_can_be_closed_at_once() -> None:
    for _ in range(10):
        LocalModel().close()


def test_the_endpoint_starts_once() -> None:
    assert endpoint_url() == endpoint_url()
    assert post(*endpoint_url())["choices"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("uses", [True, False])
def test_a_forked_child_has_its_own_and_both_end(uses: bool) -> None:
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_local_model import endpoint_url, post
mine = endpoint_url()
child = os.fork()
if child == 0:
    if {uses}:
        assert endpoint_url() != mine
        assert post(*endpoint_url())["choices"]
    sys.exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
assert post(*mine)["choices"]
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_interpreter_exits_with_a_stream_open() -> None:
    code = f"from llmswitch.local import LocalModel; m = LocalModel(); s = m.stream({ASKED!r}); next(s)"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_the_sandboxes_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(generator=Voice()) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        with OpenAI(providers=["qwen"]) as client:
            text = (
                client.chat.completions.create(model="gpt-4o", messages=ASKED["messages"], temperature=0)
                .choices[0]
                .message.content
            )
    assert text
    assert "sandbox" not in text


def test_what_the_model_cannot_take_the_sandbox_answers_itself() -> None:
    voice = Voice()
    long = Prompt(endpoint="qwen@cn", model="qwen-plus", messages=[{"role": "user", "content": "word " * 9000}])
    try:
        assert "llmswitch sandbox, not a model" in "".join(voice.text(long))
    finally:
        voice.close()


def test_the_demo_runs_on_it() -> None:
    command = [sys.executable, "-m", "llmswitch", "demo", "--local", "--json", "--seconds", "12"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["passed"]


def test_the_provider_local_answers_where_no_other_can() -> None:
    with Switch(local=True) as switch:
        reply = switch.chat.completions.create(model="gpt-4o", **ASKED)
        chunks = list(switch.chat.completions.create(model="gpt-4o", **ASKED, stream=True))
    assert reply.llmswitch.endpoint == "local@local"
    assert "4" in reply["choices"][0]["message"]["content"]
    assert chunks[-1].llmswitch.endpoint == "local@local"

    with OpenAI(local=True) as client:
        assert client.chat.completions.create(model="gpt-4o", **ASKED).choices[0].message.content


async def ask_async() -> str:
    async with AsyncOpenAI(local=True) as client:
        return (await client.chat.completions.create(model="gpt-4o", **ASKED)).choices[0].message.content or ""


def test_the_provider_local_in_an_event_loop() -> None:
    assert "4" in asyncio.run(ask_async())


def test_the_command_line_asks_it() -> None:
    command = [sys.executable, "-m", "llmswitch", "chat", "--provider", "local", "-v", "What is 2+2?"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "local@local" in done.stderr
