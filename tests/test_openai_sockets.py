"""WebSockets, which openai opens past its HTTP client: only where OpenAI may be called."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import AsyncOpenAI, NoProviderError, OpenAI, RegionBlockedError

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

_KNOWN = (
    "realtime",
    "beta.realtime",
    "realtime.translations",
    "responses",
    "beta.responses",
    "live",
    "live.sideband",
    "live.forks",
)
PLAIN = openai.OpenAI(api_key="x")


def reach(client: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split("."), client)


def connects(path: str) -> bool:
    """Whether the installed openai has it."""
    try:
        return callable(reach(PLAIN, path).connect)
    except AttributeError:
        return False


paths = pytest.mark.parametrize("path", [path for path in _KNOWN if connects(path)])
clients = pytest.mark.parametrize("made", [OpenAI, AsyncOpenAI])


def connect(client: Any, path: str) -> Any:
    resource = reach(client, path)
    names = {"model": "gpt-4o-realtime", "session_id": "s"}
    wanted = inspect.signature(getattr(reach(PLAIN, path), "connect")).parameters  # noqa: B009
    return resource.connect(**{name: value for name, value in names.items() if name in wanted})


@paths
@clients
def test_none_is_opened_where_openai_does_not_serve(sandbox: Sandbox, made: Any, path: str) -> None:
    name = path.removeprefix("beta.").partition(".")[0]
    client = made(region="CN")
    with pytest.raises(RegionBlockedError, match=rf"^{name} is a resource that only OpenAI has.* does not serve CN"):
        connect(client, path)
    with pytest.raises(RegionBlockedError):
        connect(client.with_options(timeout=1), path)
    assert sandbox.hits() == 0


@paths
@clients
def test_none_is_opened_with_the_key_of_another_vendor(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, made: Any, path: str
) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai,qwen")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(NoProviderError, match="it has no key here: set OPENAI_API_KEY"):
        connect(made(), path)
    assert sandbox.hits() == 0


@pytest.mark.usefixtures("sandbox")
@paths
@clients
def test_where_openai_serves_the_connection_is_openais_own(made: Any, path: str) -> None:
    ours, theirs = made(), (openai.OpenAI if made is OpenAI else openai.AsyncOpenAI)(api_key="x")
    assert type(connect(ours, path)) is type(connect(theirs, path))
    assert isinstance(reach(ours, path), type(reach(theirs, path)))
    assert reach(ours, path) is reach(ours, path)


@paths
def test_an_address_of_the_callers_own_is_the_callers_affair(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert connect(OpenAI(region="CN", websocket_base_url="wss://relay.example.com/v1"), path)
    assert connect(OpenAI(region="CN", base_url="https://relay.example.com/v1", api_key="x"), path)
