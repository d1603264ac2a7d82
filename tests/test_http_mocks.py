"""What stands in for the network beneath httpx (mocks, recorders, monitors) stands beneath our client, too."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch._httpx import httpx
from tests.recorder import CALL, CLASSES, EMBED, Recorder, compare, given, made, rest, use_briefly

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

httpcore: Any = importlib.import_module(httpx.__name__.replace("httpx", "httpcore"))
PLACES: dict[str, dict[str, tuple[Any, str]]] = {
    "sync": {
        "httpx's transport": (httpx.HTTPTransport, "handle_request"),
        "httpcore's pool": (httpcore.ConnectionPool, "handle_request"),
        "httpcore's connection": (httpcore.HTTPConnection, "handle_request"),
    },
    "async": {
        "httpx's transport": (httpx.AsyncHTTPTransport, "handle_async_request"),
        "httpcore's pool": (httpcore.AsyncConnectionPool, "handle_async_request"),
        "httpcore's connection": (httpcore.AsyncHTTPConnection, "handle_async_request"),
    },
}
NAMES = tuple(PLACES["sync"])
MOMENTS = ("before the client", "before the first call", "after calls")
beneath = pytest.mark.xfail(strict=True, reason="our transport sends over sockets of its own, beneath httpx's")

TEXT = {"id": "mocked", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
MESSAGE = {"role": "assistant", "content": "mocked"}
WHOLE = {**TEXT, "choices": [{"index": 0, "finish_reason": "stop", "message": MESSAGE}]}
CHUNK = {
    **TEXT,
    "object": "chat.completion.chunk",
    "choices": [{"index": 0, "delta": MESSAGE, "finish_reason": "stop"}],
}
VECTORS = {"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def respond(request: httpx.Request) -> httpx.Response:
    """What a mock says in OpenAI's place."""
    if request.url.path.endswith("/embeddings"):
        return httpx.Response(200, json={**VECTORS, "usage": USAGE})
    if json.loads(request.content).get("stream"):
        events = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=events.encode())
    return httpx.Response(200, json={**WHOLE, "usage": USAGE})


def mocking(answer: Callable[[httpx.Request], httpx.Response]) -> Callable[..., None]:
    """A patch of httpx's transports that answers by itself."""

    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, _client: object) -> None:
        def handle(_transport: object, request: httpx.Request) -> httpx.Response:
            request.read()
            recorder.calls.append((str(request.url), json.loads(request.content)))
            return answer(request)

        async def handle_async(_transport: object, request: httpx.Request) -> httpx.Response:
            await request.aread()
            recorder.calls.append((str(request.url), json.loads(request.content)))
            return answer(request)

        patches.setattr(httpx.HTTPTransport, "handle_request", handle)
        patches.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async)

    return patch


async def say(client: Any) -> list[object]:
    whole = await given(client.chat.completions.create(**CALL))
    chunks = await rest(client, await given(client.chat.completions.create(**CALL, stream=True)))
    vectors = await given(client.embeddings.create(**EMBED, encoding_format="float"))
    return [whole.choices[0].message.content, [chunk.choices[0].delta.content for chunk in chunks], vectors.data]


@beneath
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("place", NAMES)
def test_a_monitor_sees_every_request(lone: Sandbox, place: str, kind: str, moment: str) -> None:
    owner, name = PLACES[kind][place]

    def patch(patches: pytest.MonkeyPatch, recorder: Recorder, _client: object) -> None:
        patches.setattr(owner, name, recorder.function(owner, name))

    assert len(compare(kind, lone, patch, moment=moment, run=use_briefly)) == 3


@beneath
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", CLASSES)
def test_a_mock_answers_and_nothing_is_sent(lone: Sandbox, kind: str, moment: str) -> None:
    calls = compare(kind, lone, mocking(respond), moment=moment, run=say)
    assert [url.rpartition("/v1/")[2] for url, _ in calls] == ["chat/completions", "chat/completions", "embeddings"]
    assert lone.hits() == (6 if moment == "after calls" else 0)


@beneath
@pytest.mark.parametrize("kind", CLASSES)
def test_a_mock_fails(lone: Sandbox, kind: str) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/embeddings"):
            raise httpx.ReadTimeout("mocked", request=request)
        raise httpx.ConnectError("mocked", request=request)

    async def fail(client: Any) -> list[str]:
        with pytest.raises(openai.APIConnectionError) as refused:
            await given(client.chat.completions.create(**CALL))
        with pytest.raises(openai.APITimeoutError) as late:
            await given(client.embeddings.create(**EMBED))
        return [str(refused.value), str(late.value)]

    assert len(compare(kind, lone, mocking(broken), run=fail, max_retries=0)) == 2
    assert lone.hits() == 0


@beneath
@pytest.mark.parametrize("kind", CLASSES)
def test_a_mock_of_every_provider(pair: Sandbox, kind: str) -> None:
    """A mock that answers for OpenAI with its region block is asked for the next provider, too."""
    blocked = {"error": {"code": "unsupported_country_region_territory", "message": "Country not supported"}}

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(pair.url("openai@global")):
            return httpx.Response(403, json=blocked)
        return respond(request)

    recorder = Recorder()

    async def ask(client: Any) -> None:
        reply = await given(client.chat.completions.create(**CALL))
        assert reply.choices[0].message.content == "mocked"
        assert reply.llmswitch.provider == "qwen"
        await given(client.close())

    with pytest.MonkeyPatch.context() as patches:
        mocking(answer)(patches, recorder, None)
        asyncio.run(ask(made(CLASSES[kind][1], pair)))
    assert len(recorder.calls) == 2
    assert pair.hits() == 0


@pytest.mark.parametrize("kind", CLASSES)
def test_once_the_mock_is_gone_the_call_is_sent(lone: Sandbox, kind: str) -> None:
    async def ask(client: Any) -> object:
        with pytest.MonkeyPatch.context() as patches:
            mocking(respond)(patches, Recorder(), None)
            await say(client)
        sent = lone.hits()
        await use_briefly(client)
        return lone.hits() - sent

    client = made(CLASSES[kind][1], lone)
    assert asyncio.run(ask(client)) == 3


@pytest.mark.parametrize("kind", CLASSES)
def test_a_mock_transport_in_the_callers_http_client(lone: Sandbox, kind: str) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return respond(request)

    async def ask(cls: type[Any]) -> object:
        transport: Any = httpx.MockTransport(answer)
        http_client = httpx.Client(transport=transport) if kind == "sync" else httpx.AsyncClient(transport=transport)
        client = made(cls, lone, http_client=http_client)
        said = await say(client)
        await given(client.close())
        return said

    theirs, ours = (asyncio.run(ask(cls)) for cls in CLASSES[kind])
    assert ours == theirs
    assert asked[:3] == asked[3:]
    assert lone.hits() == 0
    assert issubclass(llmswitch.OpenAI, openai.OpenAI)
