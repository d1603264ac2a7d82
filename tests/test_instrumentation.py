"""What patches openai, or derives from its classes, sees of our client what it sees of openai's own: the same calls and arguments."""

from __future__ import annotations

import asyncio
import inspect
import types
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from unittest import mock

import openai
import pytest
from openai import resources
from openai._base_client import AsyncAPIClient, BaseClient, SyncAPIClient
from openai.resources import chat
from openai.types.chat import ChatCompletion

import llmswitch
from llmswitch._httpx import httpx
from llmswitch.engine import Engine
from tests.recorder import (
    CALL,
    CLASSES,
    EMBED,
    Recorder,
    Wrapper,
    compare,
    given,
    made,
    one_by_one,
    rest,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmswitch.sandbox import Sandbox

CANNED = ChatCompletion.construct(id="canned", choices=[])

# What patches are put on: openai's two clients call the same things, by classes of their own.
COMPLETIONS: dict[str, type[Any]] = {"sync": chat.Completions, "async": chat.AsyncCompletions}
CLIENTS: dict[str, type[Any]] = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}
BASES: dict[str, type[Any]] = {"sync": SyncAPIClient, "async": AsyncAPIClient}
STREAMS: dict[str, type[Any]] = {"sync": openai.Stream, "async": openai.AsyncStream}
HTTPX: dict[str, type[Any]] = {"sync": httpx.Client, "async": httpx.AsyncClient}
ITERATION = {"sync": ("__iter__", "__next__", "__exit__"), "async": ("__aiter__", "__anext__", "__aexit__")}

PLACES: list[tuple[str, type[Any], str]] = [
    place
    for kind in CLASSES
    for place in (
        *((kind, COMPLETIONS[kind], name) for name in ("__init__", "create", "parse", "stream")),
        (kind, {"sync": chat.Chat, "async": chat.AsyncChat}[kind], "__init__"),
        (kind, {"sync": resources.Embeddings, "async": resources.AsyncEmbeddings}[kind], "create"),
        *((kind, CLIENTS[kind], name) for name in ("post", "request", "auth_headers", "_auth_headers")),
        *((kind, CLIENTS[kind], name) for name in ("default_headers", "_prepare_options", "_prepare_request")),
        *((kind, BASES[kind], name) for name in ("post", "request", "_process_response")),
        *((kind, BASES[kind], name) for name in ("_prepare_options", "_prepare_request")),
        *((kind, BaseClient, name) for name in ("_build_request", "_build_headers", "_process_response_data")),
        *((kind, STREAMS[kind], name) for name in ("__init__", "__stream__", "_iter_events", "close")),
        *((kind, STREAMS[kind], name) for name in ITERATION[kind]),
        *((kind, HTTPX[kind], name) for name in ("build_request", "send")),
    )
    if hasattr(place[1], place[2])
]
ON_ERRORS = ("_should_retry", "_calculate_retry_timeout", "_make_status_error", "_make_status_error_from_response")


# Functions patched on classes.


@pytest.mark.parametrize("moment", ["before the client", "after calls"])
@pytest.mark.parametrize(
    ("kind", "owner", "name"), PLACES, ids=[f"{owner.__name__}.{name}-{kind}" for kind, owner, name in PLACES]
)
def test_a_patched_function_is_called_as_under_openai(
    lone: Sandbox, kind: str, owner: type[Any], name: str, moment: str
) -> None:
    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, _client: object) -> None:
        patches.setattr(owner, name, recorder.function(owner, name))

    if not compare(kind, lone, patch, moment=moment) and moment != "after calls":
        pytest.skip("this openai does not call it")


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", ON_ERRORS)
def test_a_patched_function_sees_errors_and_retries(lone: Sandbox, kind: str, name: str) -> None:
    lone.fault("openai", "rate_limit", retry_after=0.01)

    async def fail(client: Any) -> list[object]:
        errors: list[object] = []
        for more in ({}, {"stream": True}):
            with pytest.raises(openai.RateLimitError) as caught:
                await given(client.chat.completions.create(**CALL, **more))
            errors.append((str(caught.value), caught.value.body))
        return errors

    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, _client: object) -> None:
        owner = CLIENTS[kind]
        patches.setattr(owner, name, recorder.function(owner, name))

    assert compare(kind, lone, patch, run=fail, max_retries=1)
    assert lone.hits() == 8


@pytest.mark.parametrize("kind", CLASSES)
def test_a_patch_in_the_manner_of_wrapt(lone: Sandbox, kind: str) -> None:
    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, _client: object) -> None:
        def see(completions: Any) -> None:
            recorder.calls.append(("create", {"client": completions._client.chat.completions is completions}))

        patches.setattr(COMPLETIONS[kind], "create", Wrapper(COMPLETIONS[kind].create, see))

    for moment in ("before the client", "before the first call", "after calls"):
        assert compare(kind, lone, patch, moment=moment) == [("create", {"client": True})] * 6


@pytest.mark.parametrize("kind", CLASSES)
def test_a_patch_changes_what_is_sent_and_what_comes_back(lone: Sandbox, kind: str) -> None:
    def patch(patches: pytest.MonkeyPatch, _recorder: Recorder, _client: object) -> None:
        create, process = COMPLETIONS[kind].create, BaseClient._process_response_data

        def cheaper(self: Any, **arguments: Any) -> Any:
            return create(self, **{**arguments, "model": "gpt-4o-mini"})

        def marked(self: Any, **arguments: Any) -> Any:
            value = process(self, **arguments)
            value.marked = True
            return value

        patches.setattr(COMPLETIONS[kind], "create", cheaper)
        patches.setattr(BaseClient, "_process_response_data", marked)

    async def ask(client: Any) -> list[bool]:
        whole = await given(client.chat.completions.create(**CALL))
        chunks = await rest(client, await given(client.chat.completions.create(**CALL, stream=True)))
        vectors = await given(client.embeddings.create(**EMBED))
        return [value.marked for value in (whole, *chunks, vectors)]

    compare(kind, lone, patch, run=ask)
    assert [request.model for request in lone.requests()] == ["gpt-4o-mini", "gpt-4o-mini", EMBED["model"]] * 2


@pytest.mark.parametrize("kind", CLASSES)
def test_a_patch_sees_one_call_where_two_providers_are_asked(pair: Sandbox, kind: str) -> None:
    pair.fault("openai", "region_block")
    _, ours = CLASSES[kind]
    recorder = Recorder()

    async def ask() -> None:
        client = made(ours, pair)
        for more in ({}, {"stream": True}):
            answer = await given(client.chat.completions.create(**CALL, **more))
            last = (await rest(client, answer))[-1] if more else answer
            assert last.llmswitch.provider == "qwen"
            Engine.shared_health().clear()
        await given(client.close())

    with pytest.MonkeyPatch.context() as patches:
        for owner, name in ((COMPLETIONS[kind], "create"), (BASES[kind], "request"), (HTTPX[kind], "send")):
            patches.setattr(owner, name, recorder.function(owner, name))
        asyncio.run(ask())
    assert [name.rpartition(".")[2] for name, _ in recorder.calls] == ["create", "request", "send"] * 2
    assert (pair.hits("openai"), pair.hits("qwen")) == (2, 2)


# Mocks, which answer themselves: nothing is sent.


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("autospec", [False, True])
def test_a_mock_on_the_class(lone: Sandbox, kind: str, autospec: bool) -> None:
    async def ask(client: Any) -> list[object]:
        with mock.patch.object(COMPLETIONS[kind], "create", autospec=autospec, return_value=CANNED) as create:
            seen = [await given(client.chat.completions.create(**CALL, stream=stream)) for stream in (False, True)]
            raw = [call.kwargs for call in create.call_args_list]
        return [*seen, raw, (await given(client.chat.completions.create(**CALL))).choices[0].message.content]

    compare(kind, lone, lambda *_: None, run=ask, moment="after calls")
    assert lone.hits() == 2 * (3 + 1)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("moment", ["before the first call", "after calls"])
def test_a_mock_on_the_client(lone: Sandbox, kind: str, moment: str) -> None:
    def patch(_patches: pytest.MonkeyPatch, _recorder: Recorder, client: Any) -> None:
        client.chat.completions.create = mock.Mock(return_value=CANNED)

    async def ask(client: Any) -> list[object]:
        return [await given(client.chat.completions.create(**CALL)), client.chat.completions.create.call_count]

    compare(kind, lone, patch, run=ask, moment=moment)

    async def ask_mocked(client: Any) -> list[object]:
        with mock.patch.object(client.chat.completions, "create", return_value=CANNED):
            mocked = await given(client.chat.completions.create(**CALL))
        with mock.patch.object(client, "chat") as whole:
            whole.completions.create.return_value = CANNED
            again = await given(client.chat.completions.create(**CALL))
        return [mocked, again, (await given(client.chat.completions.create(**CALL))).choices]

    compare(kind, lone, lambda *_: None, run=ask_mocked, moment=moment)
    assert lone.hits() == 2 + (12 if moment == "after calls" else 0)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("moment", ["before the first call", "after calls"])
@pytest.mark.parametrize(
    "path",
    [
        *("chat.completions.create", "chat.completions._post", "embeddings.create", "post", "request", "_client.send"),
        *("_build_request", "_prepare_options", "_prepare_request", "_process_response", "_process_response_data"),
        *("_make_sse_decoder", "_build_headers"),
    ],
)
def test_a_patch_on_the_client(lone: Sandbox, kind: str, path: str, moment: str) -> None:
    """Where openai's own client does not see it either, having kept the function, ours sends as openai's does."""

    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, client: Any) -> None:
        parent, _, name = path.rpartition(".")
        owner = attrgetter(parent)(client) if parent else client
        patches.setattr(owner, name, recorder.function(owner, name))

    assert compare(kind, lone, patch, moment=moment) or (path == "post" and moment == "after calls")


@pytest.mark.parametrize("kind", CLASSES)
def test_a_streams_iterator_is_replaced(lone: Sandbox, kind: str) -> None:
    """As monitors do that time the chunks."""

    async def ask(client: Any) -> list[object]:
        seen: list[object] = []
        for consume in (rest, one_by_one):
            stream = await given(client.chat.completions.create(**CALL, stream=True))
            inner = stream._iterator

            async def timed_async(inner: Any = inner) -> AsyncIterator[Any]:
                async for chunk in inner:
                    seen.append("before")
                    yield chunk

            def timed(inner: Any = inner) -> Iterator[Any]:
                for chunk in inner:
                    seen.append("before")
                    yield chunk

            stream._iterator = timed() if kind == "sync" else timed_async()
            seen.append([chunk.choices for chunk in await consume(client, stream)])
        return seen

    compare(kind, lone, lambda *_: None, run=ask)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("where", ["class", "client"])
def test_a_stream_class_of_the_callers_own(lone: Sandbox, kind: str, where: str) -> None:
    """`stream_cls` reaches `request`, where monitors derive from it, and what they override is used."""

    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, client: Any) -> None:
        owner = CLIENTS[kind] if where == "class" else client
        request = owner.request

        def instrumented(*args: Any, stream_cls: Any = None, **kwargs: Any) -> Any:
            if stream_cls is not None:
                stream_cls = types.new_class("Watched", (stream_cls,), exec_body=lambda body: body.update(watching))
            return request(*args, stream_cls=stream_cls, **kwargs)

        def __stream__(self: Any) -> Any:  # noqa: N807
            recorder.calls.append(("__stream__", {"model": self._cast_to.__name__}))
            return super(type(self), self).__stream__()

        watching = {"__stream__": __stream__}
        patches.setattr(owner, "request", instrumented)

    assert len(compare(kind, lone, patch)) == 4


# What tools look at before they wrap.


@pytest.mark.parametrize("kind", CLASSES)
def test_functions_look_as_openais_do(lone: Sandbox, kind: str) -> None:
    theirs, ours = (made(cls, lone) for cls in CLASSES[kind])
    for path in ("chat.completions.create", "chat.completions.parse", "embeddings.create", "post", "models.list"):
        their, our = attrgetter(path)(theirs), attrgetter(path)(ours)
        for trait in (
            *(inspect.signature, inspect.iscoroutinefunction, asyncio.iscoroutinefunction, inspect.ismethod),
            *(inspect.getdoc, attrgetter("__name__"), attrgetter("__qualname__"), attrgetter("__module__")),
            lambda function: inspect.iscoroutinefunction(getattr(function, "__wrapped__", None)),
        ):
            assert trait(our) == trait(their), path
    assert isinstance(ours.chat.completions, type(theirs.chat.completions))
    assert isinstance(ours.embeddings, type(theirs.embeddings))
    assert ours.chat.completions._client is ours
    mock.create_autospec(type(ours))


def test_a_mock_in_place_of_our_class(lone: Sandbox) -> None:
    for name in ("OpenAI", "AsyncOpenAI"):
        with mock.patch(f"llmswitch.{name}") as mocked:
            assert getattr(llmswitch, name)() is mocked.return_value
        assert issubclass(getattr(llmswitch, name), openai.OpenAI | openai.AsyncOpenAI)
    with mock.patch("llmswitch.chat") as module_level:
        assert llmswitch.chat is module_level
    assert llmswitch.chat.completions.create(**CALL).choices
    assert lone.hits() == 1
