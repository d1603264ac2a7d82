"""Records the calls of functions that a test patches, and holds what two clients made of the same program together.

def patch(patches, recorder, client):
    patches.setattr(Completions, "create", recorder.function(Completions, "create"))

assert compare("sync", sandbox, patch) == [("Completions.create", {"self": "a Completions", "model": "gpt-4o", ...}), ...]
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

import openai
import pytest
from pydantic import BaseModel

import llmswitch
from llmswitch._httpx import httpx

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

MESSAGES: list[Any] = [{"role": "user", "content": "count to 3"}]
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
EMBED: dict[str, Any] = {"model": "text-embedding-3-small", "input": "hello"}
# openai's own client, and ours.
CLASSES: dict[str, tuple[type[Any], type[Any]]] = {
    "sync": (openai.OpenAI, llmswitch.OpenAI),
    "async": (openai.AsyncOpenAI, llmswitch.AsyncOpenAI),
}
# Drawn anew for every request.
_RANDOM = frozenset({"idempotency_key", "idempotency-key", "x-request-id", "date", "id", "created"})

Call = tuple[str, dict[str, object]]


class Recorder:
    """Makes stand-ins that note each call and go on to the original."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def function(self, owner: Any, name: str) -> Any:
        """A stand-in for a function, a property or an instance's bound method, to be set where it was found."""
        if not isinstance(owner, type):
            return self._noting(type(owner), name, getattr(owner, name))
        found = inspect.getattr_static(owner, name)
        if isinstance(found, property):
            return property(self._noting(owner, name, found.__get__))
        return self._noting(owner, name, found)

    def override(self, base: type[Any], name: str) -> Any:
        """A method or property for a subclass of `base`, which goes on to its base's."""
        found = inspect.getattr_static(base, name)
        if isinstance(found, property):
            return property(self._noting(base, name, found.__get__))
        return self._noting(base, name, found)

    def _noting(self, owner: type[Any], name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        label = f"{_named(owner)}.{name}"
        signature = inspect.signature(original)

        @functools.wraps(original)
        def noted(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs).arguments
            given.update(given.pop("more", {}))  # as overriding methods of ours call what openai's declare
            self.calls.append((label, {argument: shown(value) for argument, value in given.items()}))
            return original(*args, **kwargs)

        return noted


class Wrapper:
    """What wrapt leaves in a class: not a function but a descriptor, which hands each call to `seen` and goes on."""

    def __init__(self, wrapped: Callable[..., Any], seen: Callable[[Any], object]) -> None:
        self.__wrapped__ = wrapped
        self._seen = seen

    def __get__(self, instance: Any, owner: type) -> Callable[..., Any]:
        bound = self.__wrapped__.__get__(instance, owner)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._seen(instance)
            return bound(*args, **kwargs)

        return call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


def shown(value: object) -> object:  # noqa: PLR0911 - one line for each kind of value
    """A value as two clients can be compared by it: classes of ours by openai's names, random identifiers left out."""
    if isinstance(value, str | int | float | bytes | None):
        return value
    if isinstance(value, httpx.Request):
        return [value.method, str(value.url), shown(dict(value.headers)), value.read() if _is_sync(value) else b""]
    if isinstance(value, httpx.Response):
        return [value.status_code, value.headers.get("content-type")]
    if isinstance(value, httpx.URL | httpx.Timeout):
        return str(value)
    if isinstance(value, BaseModel):
        return {name: shown(item) for name, item in vars(value).items() if name not in _RANDOM}
    if isinstance(value, Mapping | httpx.Headers):
        return {str(name): shown(item) for name, item in value.items() if str(name).lower() not in _RANDOM}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if get_origin(value) is not None:
        return [_named(get_origin(value)), *map(shown, get_args(value))]
    if isinstance(value, type):
        return _named(value)
    return "a function" if callable(value) else f"a {_named(type(value))}"


def _is_sync(request: httpx.Request) -> bool:
    return isinstance(request.stream, httpx.SyncByteStream)


def _named(cls: Any) -> str:
    """A class's name; that of openai's client or stream, or httpx's transport, that it derives from."""
    theirs: tuple[type[Any], ...] = (openai.OpenAI, openai.AsyncOpenAI, openai.Stream, openai.AsyncStream)
    theirs += (httpx.HTTPTransport, httpx.AsyncHTTPTransport)
    return next((base.__name__ for base in theirs if issubclass(cls, base)), cls.__name__)


# Programs: written once for the sync and the async client.


def made(cls: type[Any], sandbox: Sandbox, **arguments: Any) -> Any:
    """A client for the sandbox; ours finds its address itself."""
    if not issubclass(cls, llmswitch.OpenAI | llmswitch.AsyncOpenAI):
        arguments["base_url"] = sandbox.url("openai@global")
    return cls(**arguments)


async def given(value: Any) -> Any:
    """What a call gives, whichever client it is of."""
    return await value if inspect.isawaitable(value) else value


async def rest(client: Any, stream: Any) -> list[Any]:
    """What is left of a client's stream. Monitors wrap streams so that only the client tells which kind it is."""
    return [item async for item in stream] if isinstance(client, openai.AsyncOpenAI) else list(stream)


async def one_by_one(client: Any, stream: Any) -> list[Any]:
    """As `rest`, by `next`."""
    found = []
    while True:
        try:
            found.append(await anext(stream) if isinstance(client, openai.AsyncOpenAI) else next(stream))
        except (StopIteration, StopAsyncIteration):
            return found


async def read(client: Any, manager: Any) -> list[Any]:
    """All that a context manager's stream gives."""
    if isinstance(client, openai.AsyncOpenAI):
        async with manager as stream:
            return await rest(client, stream)
    with manager as stream:
        return await rest(client, stream)


async def use(client: Any) -> list[object]:
    """Calls of every form that could be taken past openai's own functions."""
    completions = client.chat.completions
    whole = await given(completions.create(**CALL))
    chunks = await rest(client, await given(completions.create(**CALL, stream=True)))
    managed = await read(client, await given(completions.create(**CALL, stream=True)))
    one = await one_by_one(client, await given(completions.create(**CALL, stream=True)))
    events = await read(client, completions.stream(**CALL))
    vectors = await given(client.embeddings.create(**EMBED))
    raw = await given(completions.with_raw_response.create(**CALL))
    parsed = await given(completions.parse(**CALL))
    texts = [chunk.choices[0].delta.content for chunk in (*chunks, *managed, *one)]
    kinds = [event.type for event in events]
    return [whole.choices, texts, kinds, vectors.data, vectors.usage, raw.parse().choices, parsed.choices]


async def use_and_fail(client: Any) -> list[object]:
    """Answers of every form, and an error of each kind of call."""
    seen = await use(client)
    for call, arguments in (
        (client.chat.completions.create, {**CALL, "model": "no-such-model"}),
        (client.chat.completions.create, {**CALL, "model": "no-such-model", "stream": True}),
        (client.embeddings.create, {**EMBED, "model": "no-such-model"}),
    ):
        try:
            await given(call(**arguments))
        except openai.APIError as error:
            seen.append([type(error).__name__, str(error)])
    return seen


async def use_briefly(client: Any) -> None:
    await given(client.chat.completions.create(**CALL))
    await rest(client, await given(client.chat.completions.create(**CALL, stream=True)))
    await given(client.embeddings.create(**EMBED))


def compare(
    kind: str,
    sandbox: Sandbox,
    patch: Callable[[pytest.MonkeyPatch, Recorder, Any], None],
    *,
    moment: str = "before the first call",
    run: Callable[[Any], Any] = use,
    **arguments: Any,
) -> list[Any]:
    """Patch, run the same program over both clients and hold what came of it together; return what the patches saw."""
    found = []

    async def go(cls: type[Any], recorder: Recorder, patches: pytest.MonkeyPatch) -> object:
        if moment == "before the client":
            patch(patches, recorder, None)
        client = made(cls, sandbox, **arguments)
        if moment == "after calls":
            await use_briefly(client)
        if moment != "before the client":
            patch(patches, recorder, client)
        try:
            return await run(client)
        finally:
            patches.undo()
            await given(client.close())

    for cls in CLASSES[kind]:
        recorder, sent = Recorder(), sandbox.hits()
        with pytest.MonkeyPatch.context() as patches:
            saw = asyncio.run(go(cls, recorder, patches))
        found.append((recorder.calls, saw, sandbox.hits() - sent))
    theirs, ours = found
    assert ours == theirs
    calls: list[Any] = theirs[0]
    return calls
