"""What most tests start from: the sandbox, a clean memory of health, no variables from outside."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from llmswitch import adapter
from llmswitch.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

_OUTSIDE = (
    "OPENAI_",
    "AZURE_",
    "LLMSWITCH_",
    "DASHSCOPE_",
    "QIANFAN_",
    "ZHIPU",
    "ZAI_",
    "BIGMODEL_",
    "ANTHROPIC_",
    "GEMINI_",
    "MISTRAL_",
    "XAI_",
    "OPENROUTER_",
    "AWS_REGION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
)

FIVE = ("openai", "qwen@cn", "qwen@intl", "ernie", "zhipu@cn", "zhipu@intl", "azure")


# Started in the background (`make test &`), a process and all below it ignore Ctrl-C, which some tests press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[None]:
    """No keys, regions, proxies or llmswitch.toml of whoever runs the tests, and nothing learned by an earlier test."""
    keys = {name for provider in map(adapter.get, adapter.adapters()) for name in provider.key_env}
    keys |= {
        name for provider in map(adapter.get, adapter.adapters()) for site in provider.sites for name in site.key_env
    }
    for name in list(os.environ):
        if name.upper().startswith(_OUTSIDE) or name in keys:
            monkeypatch.delenv(name)
    monkeypatch.chdir(str(tmp_path))
    Engine.shared_health().clear()
    yield
    Engine.shared_health().clear()


@pytest.fixture(scope="session")
def llmswitch_sandbox_providers() -> tuple[str, ...]:
    """Few enough that a test knows who is next."""
    return FIVE


@pytest.fixture
def sandbox(llmswitch_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """OpenAI, Qwen, Ernie, Zhipu and Azure, seen from the United States: everybody may be called."""
    monkeypatch.setenv("LLMSWITCH_REGION", "US")
    return llmswitch_sandbox


@pytest.fixture
def pair(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """OpenAI first, then Qwen; nobody else."""
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai,qwen")
    monkeypatch.delenv("DASHSCOPE_INTL_API_KEY", raising=False)
    monkeypatch.setenv("LLMSWITCH_QWEN_CN_API_KEY", sandbox.key("qwen@cn"))
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    return sandbox


@pytest.fixture
def lone(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """OpenAI alone."""
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai")
    return pair
