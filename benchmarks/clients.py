"""How each client makes a call: opened the way its own pages recommend, one client for all calls."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from benchmarks.bare import Bare

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MESSAGES = [{"role": "user", "content": "hello"}]
CHAT = {"model": "gpt-4o", "messages": MESSAGES}
EMBEDDING = {"model": "text-embedding-3-small", "input": "hello"}
KEY = "sk-x"


@dataclass(frozen=True)
class Blocking:
    """A sync client: `create` gives a completion, or with `stream=True` an iterator of chunks; `embed` where it has one."""

    create: Callable[..., Any]
    embed: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Awaiting:
    """An async client, in the loop in which it was opened; as `Blocking`."""

    create: Callable[..., Awaitable[Any]]
    embed: Callable[..., Awaitable[Any]] | None = None


def _openai(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    openai = importlib.import_module("openai")
    client = openai.OpenAI(base_url=url, api_key=KEY)

    def later() -> Awaiting:
        client = openai.AsyncOpenAI(base_url=url, api_key=KEY)
        return Awaiting(client.chat.completions.create, client.embeddings.create)

    return Blocking(client.chat.completions.create, client.embeddings.create), later


def _llmswitch(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    """Two providers, with routing, health and failover on."""
    os.environ.update(LLMSWITCH_OPENAI_BASE_URL=url, LLMSWITCH_QWEN_BASE_URL=url)
    os.environ.update(LLMSWITCH_REGION="US", OPENAI_API_KEY=KEY, DASHSCOPE_API_KEY="sk-y")
    llmswitch = importlib.import_module("llmswitch")
    client = llmswitch.OpenAI()

    def later() -> Awaiting:
        client = llmswitch.AsyncOpenAI()
        return Awaiting(client.chat.completions.create, client.embeddings.create)

    return Blocking(client.chat.completions.create, client.embeddings.create), later


def _litellm(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    """Its Router, with one deployment and a fallback to another."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm = importlib.import_module("litellm")

    def router() -> Any:
        def target(name: str, model: str) -> dict[str, Any]:
            return {"model_name": name, "litellm_params": {"model": f"openai/{model}", "api_base": url, "api_key": KEY}}

        vectors = EMBEDDING["model"]
        models = [target("gpt-4o", "gpt-4o"), target("qwen", "gpt-4o"), target(vectors, vectors)]
        return litellm.Router(model_list=models, fallbacks=[{"gpt-4o": ["qwen"]}])

    def later() -> Awaiting:
        opened = router()
        return Awaiting(opened.acompletion, opened.aembedding)

    opened = router()
    return Blocking(opened.completion, opened.embedding), later


def _any_llm(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    any_llm = importlib.import_module("any_llm")

    def open_() -> Any:
        return any_llm.AnyLLM.create("openai", api_key=KEY, api_base=url)

    def later() -> Awaiting:
        client = open_()

        def embed(*, model: str, input: str) -> Awaitable[Any]:  # noqa: A002 - openai's name
            embedding: Awaitable[Any] = client.aembedding(model, input)
            return embedding

        return Awaiting(client.acompletion, embed)

    return Blocking(open_().completion), later


def _aisuite(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    aisuite = importlib.import_module("aisuite")

    def open_() -> Any:
        return aisuite.Client({"openai": {"base_url": url, "api_key": KEY}}).chat.completions

    def prefixed(create: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *, model, **more: create(model=f"openai:{model}", **more)

    return Blocking(prefixed(open_().create)), lambda: Awaiting(prefixed(open_().acreate))


def _bare(url: str) -> tuple[Blocking, Callable[[], Awaiting]]:
    client = Bare(url, **CHAT)
    return Blocking(client.create), lambda: Awaiting(client.acreate)


# The name of each, as in `.bench/NAME`: what to import, and how to open it at an address.
MODULES = {
    "openai": "openai",
    "llmswitch": "llmswitch",
    "litellm": "litellm",
    "any-llm": "any_llm",
    "aisuite": "aisuite",
}
_OPEN = {
    "bare": _bare,
    "openai": _openai,
    "llmswitch": _llmswitch,
    "litellm": _litellm,
    "any-llm": _any_llm,
    "aisuite": _aisuite,
}


# One for the life of the process, as in a service: some, dropped unclosed, take other connections' file numbers along.
@cache
def blocking(name: str, url: str) -> Blocking:
    """The sync client."""
    return _OPEN[name](url)[0]


@cache
def awaiting(name: str, url: str) -> Awaiting:
    """The async client, in the one loop of this process."""
    return _OPEN[name](url)[1]()


def text(chunk: Any) -> str:
    """The content of a chunk, "" where it has none."""
    if isinstance(chunk, bytes):
        return chunk.decode()
    return chunk.choices[0].delta.content or "" if chunk.choices else ""
