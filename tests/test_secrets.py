"""Canaries: keys that the sandbox accepts or refuses, looked for in everything that a call, an error or a verb leaves behind."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, AzureOpenAI, OpenAI, Switch
from llmswitch.secret import Secret, scrub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmswitch.hooks import Event
    from llmswitch.sandbox import Sandbox

# Shaped like each vendor's own, and accepted by nobody.
REFUSED = {
    "OPENAI_API_KEY": "sk-proj-canary0000000000000000000000000000000000000000",
    "DASHSCOPE_API_KEY": "sk-canary111111111111111111111111",
    "QIANFAN_API_KEY": "bce-v3/ALTAK-canary2222222222222/2222222222222222222222222222222222222222",
    "ZHIPUAI_API_KEY": "canary33canary33canary33canary33.canary3333333333",
    "LLMSWITCH_AZURE_API_KEY": "canary44canary44canary44canary44",
}
FAULTS = ["region_block", "quota", "auth", "rate_limit", "server_error", "bad_request", "html", "garbage", "reset"]
MESSAGES: Any = [{"role": "user", "content": "Hello"}]


def ask(kind: Any, *, stream: bool) -> object:
    with kind() as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=stream)
        return list(answer) if stream else answer


def azure(*, token: bool) -> AzureOpenAI:
    endpoint = os.environ["LLMSWITCH_AZURE_BASE_URL"].removesuffix("/openai/v1")
    key = os.environ["LLMSWITCH_AZURE_API_KEY"]
    mine: dict[str, Any] = {"azure_ad_token_provider": lambda: key} if token else {"api_key": key}
    return AzureOpenAI(azure_endpoint=endpoint, api_version="2024-10-21", failover=True, **mine)


def ask_async(*, stream: bool) -> object:
    async def run() -> object:
        async with AsyncOpenAI() as client:
            answer: Any = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=stream)
            return [chunk async for chunk in answer] if stream else answer

    return asyncio.run(run())


WAYS: dict[str, Callable[[], object]] = {
    "openai": lambda: ask(OpenAI, stream=False),
    "openai-stream": lambda: ask(OpenAI, stream=True),
    "async": lambda: ask_async(stream=False),
    "async-stream": lambda: ask_async(stream=True),
    "azure": lambda: ask(lambda: azure(token=False), stream=False),
    "azure-stream": lambda: ask(lambda: azure(token=True), stream=True),
    "dicts": lambda: ask(Switch, stream=False),
    "dicts-stream": lambda: ask(Switch, stream=True),
}


def remains(error: BaseException) -> Iterator[tuple[str, str]]:
    """Every text that an error reporter could make of an exception and its causes."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        todo += [one.__cause__, one.__context__]
        yield "str", str(one)
        yield "repr", repr(one)
        yield "arguments", repr(one.args)
        yield "attributes", repr(vars(one))
    for frame in frames(error):
        yield f"locals of {frame.filename}:{frame.lineno} {frame.name}", str(frame.locals)
    yield "pickle", pickle.dumps(error).decode("latin-1")
    if isinstance(error, llmswitch.LLMSwitchError):  # openai's own cannot be copied
        yield "copy", repr(vars(copy.copy(error)))


def frames(error: BaseException) -> Iterator[traceback.FrameSummary]:
    """The frames of an exception and its causes, with their locals; not those of this file, which know the keys."""
    todo: list[traceback.TracebackException | None] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    while todo:
        if (one := todo.pop()) is not None:
            todo += [one.__cause__, one.__context__]
            yield from (frame for frame in one.stack if frame.filename != __file__)


def assert_clean(texts: Iterator[tuple[str, str]], keys: list[str]) -> None:
    for where, text in texts:
        for key in keys:
            assert key not in text, f"a key is in the {where}: {text[max(0, text.find(key) - 200) :][:400]}"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_errors_of_failing_calls_hold_no_key(
    way: Callable[[], object], fault: str, sandbox: Sandbox, log: pytest.LogCaptureFixture
) -> None:
    names = ("openai", "qwen", "ernie", "zhipu", "azure")
    for name in names:
        try:
            sandbox.fault(name, fault)
        except ValueError:  # not every vendor blocks regions; it fails some other way then
            sandbox.fault(name, "server_error")
    keys = [sandbox.key(name) for name in sandbox.endpoints]

    with pytest.raises((llmswitch.LLMSwitchError, openai.APIError)) as caught:
        way()

    assert_clean(remains(caught.value), keys)
    assert_clean(iter([("log", log.text)]), keys)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_errors_about_refused_keys_hold_no_key(
    way: Callable[[], object], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    assert sandbox.endpoints
    for variable, key in REFUSED.items():
        monkeypatch.setenv(variable, key)
    for variable in ("DASHSCOPE_INTL_API_KEY", "ZAI_API_KEY"):
        monkeypatch.delenv(variable)

    with pytest.raises(llmswitch.AllProvidersFailedError) as caught:
        way()

    assert {attempt.kind for attempt in caught.value.attempts} <= {"auth", "key_site_mismatch"}
    assert_clean(remains(caught.value), list(REFUSED.values()))
    assert_clean(iter([("log", log.text)]), list(REFUSED.values()))


def test_clients_events_and_answers_hold_no_key(sandbox: Sandbox, log: pytest.LogCaptureFixture) -> None:
    events: list[Event] = []
    sandbox.fault("openai", "region_block")
    keys = [sandbox.key(name) for name in sandbox.endpoints]

    with OpenAI(hooks=[events.append]) as client, Switch(hooks=[events.append]) as switch:
        completion = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        reply = switch.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert events
    things: dict[str, object] = {
        "events": events,
        "completion": (completion, completion.llmswitch, pickle.dumps(completion)),  # type: ignore[attr-defined]
        "reply": (reply, reply.llmswitch, pickle.dumps(reply)),
        "engine": (vars(switch.engine), switch.config, switch.config.endpoints, switch.health),
        "client": (repr(client), repr(switch), repr(client._beneath)),
        "log": log.text,
    }
    assert_clean(((name, repr(thing)) for name, thing in things.items()), keys)


@pytest.mark.parametrize(
    "verb", ["doctor", "doctor --json", "doctor --ping", "doctor --ping --json", "explain gpt-4o", "chat -v Hello"]
)
def test_verbs_print_no_key(verb: str, sandbox: Sandbox) -> None:
    keys = [sandbox.key(name) for name in sandbox.endpoints]
    environment = {**os.environ, **REFUSED, "LLMSWITCH_QWEN_CN_API_KEY": sandbox.key("qwen@cn")}

    done = subprocess.run(
        [sys.executable, "-m", "llmswitch", *verb.split()],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert_clean(iter([("stdout", done.stdout), ("stderr", done.stderr)]), [*keys, *REFUSED.values()])


def test_mistakes_in_the_settings_show_no_key(tmp_path: Path) -> None:
    key = REFUSED["OPENAI_API_KEY"]
    mistakes = [
        f'[providers.openai]\napi_key = ["{key}"]',
        f'[providers.openai]\napi_kye = "{key}"',
        f'api_key = "{key}"',
        f'strict = "x"\n[providers.openai]\napi_key = "{key}"',
        f'[providers.openai]\napi_key = "{key}',
        f'[providers."{key}"]\nsite = "cn"',
    ]
    for mistake in mistakes:
        (tmp_path / "llmswitch.toml").write_text(mistake, encoding="utf-8")
        with pytest.raises(llmswitch.errors.ConfigError) as caught:
            Switch()
        assert_clean(remains(caught.value), [key])


@pytest.mark.parametrize("key", ["sk-with\na newline", "sk-with a space\x7f", "sk-中文"])
def test_a_key_that_cannot_be_sent_is_named_but_not_shown(key: str) -> None:
    with pytest.raises(llmswitch.ConfigError, match="api_key") as caught:
        OpenAI(api_key=key)

    assert key not in str(caught.value)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(REFUSED["OPENAI_API_KEY"])
    copies = (copy.copy(secret), copy.deepcopy(secret))
    views = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>80}",
        repr([secret]),
        repr(copies),
        json.dumps(secret, default=str),
    ]

    assert_clean((("view", view) for view in views), [secret.reveal()])
    assert secret.reveal().encode() not in pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")
    assert scrub(f"key {secret.reveal()}!", secret) == "key [redacted]!"
