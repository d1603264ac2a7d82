"""The httpx client beneath ours: the caller's own stays what it is, and openai's own is there for who uses it by hand."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any, get_type_hints

import openai
import pytest
from openai import _base_client

import llmswitch
from llmswitch import AsyncOpenAI, OpenAI
from llmswitch._httpx import httpx
from tests.recorder import CALL, CLASSES, MESSAGES, given, made
from tests.servers import Server, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "mocked"}}],
}
LIST = {"object": "list", "data": []}
TIMEOUT = httpx.Timeout(30, connect=1, read=2, write=3, pool=4)


class Mock(httpx.MockTransport):
    """Keeps the requests it is asked for, answers chats and lists, and fails as told."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx.Request] = []
        self.failures: dict[str, Exception | int] = {}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        failure = self.failures.get(request.url.host)
        if isinstance(failure, Exception):
            raise failure
        if failure is not None:
            return httpx.Response(failure, json={"error": {"message": "told to"}})
        return httpx.Response(200, json=CHAT if request.url.path.endswith("/chat/completions") else LIST)

    @property
    def hosts(self) -> list[str]:
        return [request.url.host for request in self.requests]


@pytest.fixture
def mock() -> Mock:
    return Mock()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def patched(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The mock in the place of httpx's transports."""

    async def handle(_transport: object, request: httpx.Request) -> httpx.Response:
        return await mock.handle_async_request(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: mock.handle_request(request))
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    return mock


def over(mock: httpx.MockTransport, kind: str, **arguments: Any) -> Any:
    return (httpx.Client if kind == "sync" else httpx.AsyncClient)(transport=mock, **arguments)


def run(value: Any) -> Any:
    async def wait() -> Any:
        return await value

    return asyncio.run(wait()) if inspect.isawaitable(value) else value


# --- the caller's own --------------------------------------------------------------------------------------------------


def test_it_is_the_client_beneath_and_lives_on(mock: Mock, kind: str) -> None:
    http_client = over(mock, kind)
    client = CLASSES[kind][1](api_key="sk-x", base_url="https://one.example/v1", http_client=http_client)
    assert client._client is client.with_options(timeout=1)._client is http_client
    run(client.chat.completions.create(**CALL))
    del client
    gc.collect()
    assert not http_client.is_closed
    again = CLASSES[kind][1](api_key="sk-x", base_url="https://one.example/v1", http_client=http_client)
    assert run(again.chat.completions.create(**CALL)).llmswitch.provider == "compatible"
    run(again.close())
    assert http_client.is_closed


@pytest.mark.parametrize("resource", ["chat", "models", "files"])
def test_it_is_asked_for_what_openai_asks_it_for(mock: Mock, kind: str, resource: str) -> None:
    http_client = over(mock, kind, headers=[("x-a", "1"), ("x-a", "2")], params={"p": "1"}, timeout=TIMEOUT)
    for cls in CLASSES[kind]:
        client = cls(api_key="sk-x", base_url="https://one.example/v1", http_client=http_client, max_retries=0)
        run(client.chat.completions.create(**CALL) if resource == "chat" else getattr(client, resource).list())
    theirs, ours = mock.requests
    assert ours.url == theirs.url
    assert ours.headers.raw == theirs.headers.raw
    assert ours.content == theirs.content
    assert ours.extensions["timeout"] == theirs.extensions["timeout"] == TIMEOUT.as_dict()


def test_what_it_adds_reaches_no_other_vendor(pair: Sandbox, mock: Mock, kind: str) -> None:
    headers = {"X-Internal": "secret", "Cookie": "session=secret"}
    http_client = over(mock, kind, headers=headers, params={"internal": "secret"}, auth=("user", "secret"))
    first, second = (httpx.URL(pair.url(name)) for name in ("openai@global", "qwen@cn"))
    sent = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        blocked = {"error": {"code": "unsupported_country_region_territory", "message": "Country not supported"}}
        return httpx.Response(403, json=blocked) if request.url.port == first.port else httpx.Response(200, json=CHAT)

    http_client._transport = httpx.MockTransport(refuse)
    reply = run(made(CLASSES[kind][1], pair, http_client=http_client).chat.completions.create(**CALL))
    assert reply.llmswitch.provider == "qwen"
    assert [request.url.port for request in sent] == [first.port, second.port]
    assert sent[0].headers["authorization"].startswith("Basic ")
    assert sent[0].headers["x-internal"] == "secret"
    assert sent[1].headers["authorization"] == f"Bearer {pair.key('qwen@cn')}"
    assert "secret" not in f"{sent[1].url} {sent[1].headers.raw} {sent[1].content!r}"


@pytest.mark.parametrize("call", ["chat", "stream", "models"])
def test_its_own_exception_is_the_cause(mock: Mock, kind: str, call: str) -> None:
    failure = mock.failures["one.example"] = httpx.ReadTimeout("told to")
    client = CLASSES[kind][1](
        api_key="sk-x", base_url="https://one.example/v1", http_client=over(mock, kind), max_retries=0
    )
    with pytest.raises(openai.APITimeoutError) as caught:
        run(
            client.models.list()
            if call == "models"
            else client.chat.completions.create(**CALL, stream=call == "stream")
        )
    assert caught.value.__cause__ is failure
    assert failure.__cause__ is None
    assert failure.__suppress_context__


def test_what_a_mock_raises_that_is_none_of_httpxs(mock: Mock, kind: str) -> None:
    failure = mock.failures["one.example"] = AssertionError("not among the routes")
    for cls in CLASSES[kind]:
        client = cls(api_key="sk-x", base_url="https://one.example/v1", http_client=over(mock, kind), max_retries=0)
        with pytest.raises((openai.APIConnectionError, AssertionError)) as caught:
            run(client.chat.completions.create(**CALL))
        assert failure in (caught.value, caught.value.__cause__)


class Breaking(httpx.ByteStream):
    """A body that breaks off."""

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"object": '
        raise httpx.ReadError("told to")

    async def __aiter__(self) -> Any:
        yield b'{"object": '
        raise httpx.ReadError("told to")


def test_an_answer_that_is_read_piece_by_piece_begins_before_it_breaks(kind: str) -> None:
    asked = []

    def reply(_: httpx.Request) -> httpx.Response:
        asked.append(1)
        return httpx.Response(200, headers={"x-request-id": "r1"}, stream=Breaking(b""))

    async def read(client: Any) -> list[object]:
        parts: list[object] = []
        with pytest.raises(httpx.ReadError, match="told to"):
            if isinstance(client, openai.AsyncOpenAI):
                async with client.models.with_streaming_response.list() as response:
                    parts.append(response.request_id)
                    async for part in response.iter_bytes():
                        parts.append(part)  # noqa: PERF401 - it breaks
            else:
                with client.models.with_streaming_response.list() as response:
                    parts.append(response.request_id)
                    for part in response.iter_bytes():
                        parts.append(part)  # noqa: PERF402
        return parts

    for cls in CLASSES[kind]:
        http_client = over(httpx.MockTransport(reply), kind)
        client = cls(api_key="sk-x", base_url="https://one.example/v1", http_client=http_client)
        assert asyncio.run(read(client)) == ["r1", b'{"object": ']
    assert len(asked) == 2


@pytest.mark.parametrize("over_http_client", [False, True])
def test_a_stream_that_is_no_stream_says_so_when_it_is_read(kind: str, over_http_client: bool) -> None:
    """As a mock of the whole API answers, which knows one answer to each path."""

    async def ask(url: str) -> None:
        more = {"http_client": (httpx.Client if kind == "sync" else httpx.AsyncClient)()} if over_http_client else {}
        client = CLASSES[kind][1](api_key="sk-x", base_url=f"{url}/v1", **more)
        stream = await given(client.chat.completions.create(**CALL, stream=True))
        await given(stream.response.close() if kind == "sync" else stream.response.aclose())
        stream = await given(client.chat.completions.create(**CALL, stream=True))
        with pytest.raises(llmswitch.ProviderError, match="bad_payload"):
            await given(anext(stream) if kind == "async" else next(stream))
        await given(client.close())

    with Server(answer(200, json.dumps(CHAT).encode(), "Content-Type: application/json")) as server:
        asyncio.run(ask(server.url))
        assert len(server.requests) == 2


# --- httpx's own -------------------------------------------------------------------------------------------------------


def test_the_client_beneath_works_by_hand(kind: str) -> None:
    with Server(answer(200, b"by hand")) as server:
        client = CLASSES[kind][1](api_key="sk-x", base_url=f"{server.url}/v1")
        transport = client._client._transport
        assert isinstance(transport, httpx.HTTPTransport if kind == "sync" else httpx.AsyncHTTPTransport)

        async def use() -> str:
            text: str = (await given(client._client.get(f"{server.url}/x"))).text
            await given(client.close())
            return text

        assert asyncio.run(use()) == "by hand"
        assert not transport._pool.connections
    assert [request.path for request in server.requests] == ["/x"]


def test_an_upload_reaches_a_mock_as_the_stream_it_is(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(3):
            read.append(number)
            yield b"part"

    async def async_parts() -> Any:
        for part in parts():
            yield part

    def unread(_: object, _request: httpx.Request) -> httpx.Response:
        assert read == []
        return httpx.Response(200, json={})

    async def async_unread(transport: object, request: httpx.Request) -> httpx.Response:
        return unread(transport, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", unread)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", async_unread)
    client = CLASSES[kind][1](api_key="sk-x", base_url="https://one.example/v1")
    content = parts() if kind == "sync" else async_parts()
    try:
        sent = client.post("/upload", content=content, cast_to=httpx.Response)
    except TypeError:
        pytest.skip("this openai takes no content")
    assert run(sent).status_code == 200


def test_openais_class_of_clients_may_be_replaced(mock: Mock, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "SyncHttpxClientWrapper" if kind == "sync" else "AsyncHttpxClientWrapper"
    monkeypatch.setattr(_base_client, name, lambda **more: over(mock, kind, timeout=more["timeout"]))
    client = CLASSES[kind][1](api_key="sk-x", base_url="https://one.example/v1")
    run(client.chat.completions.create(**CALL))
    assert mock.hosts == ["one.example"]


# --- what openai makes of its arguments ---------------------------------------------------------------------------------


@pytest.mark.skipif("data_residency" not in inspect.signature(openai.OpenAI).parameters, reason="came with openai 3")
def test_data_stays_where_it_is_to_reside(patched: Mock, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_REGION", "DE")
    client = CLASSES[kind][1](api_key="sk-x", data_residency="eu")
    for each in (client, client.with_options(timeout=1), client.copy(data_residency="us")):
        assert run(each.chat.completions.create(**CALL)).llmswitch.provider == "openai"
        run(each.files.list())
    assert patched.hosts == [host for place in ("eu", "eu", "us") for host in [f"{place}.api.openai.com"] * 2]


def test_a_function_still_gives_the_key_after_a_move(patched: Mock, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_REGION", "DE")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if "Callable" not in str(inspect.signature(openai.OpenAI).parameters["api_key"]):
        pytest.skip("came after openai 1.99")

    async def key() -> str:
        return "sk-from-a-function"

    client = CLASSES[kind][1](api_key=key if kind == "async" else lambda: "sk-from-a-function")
    client.base_url = "https://eu.api.openai.com/v1"
    assert run(client.with_options(timeout=1).chat.completions.create(**CALL)).llmswitch.provider == "openai"
    assert [request.headers["authorization"] for request in patched.requests] == ["Bearer sk-from-a-function"]
    assert patched.hosts == ["eu.api.openai.com"]


def test_a_provider_of_openais_sends_for_itself(mock: Mock, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this")
    bedrock = pytest.importorskip("openai.providers").bedrock
    provider = bedrock(region="us-east-1", api_key="token", base_url="https://bedrock.example/openai/v1")
    for cls in CLASSES[kind]:
        client = cls(provider=provider, http_client=over(mock, kind, auth=("user", "other")), max_retries=0)
        assert run(client.chat.completions.create(**CALL)).choices
        assert run(client.models.list()).data == []
    theirs, ours = mock.requests[:2], mock.requests[2:]
    assert [request.headers["authorization"] for request in mock.requests] == ["Bearer token"] * 4
    assert [request.headers.raw for request in ours] == [request.headers.raw for request in theirs]
    mock.failures["bedrock.example"] = 500
    with pytest.raises(openai.InternalServerError):
        run(client.chat.completions.create(**CALL))
    assert mock.hosts == ["bedrock.example"] * 5


@pytest.mark.parametrize("cls", [OpenAI, AsyncOpenAI])
def test_without_any_key_openai_says_what_is_missing(cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for address in ("https://one.example/v1", "http://127.0.0.1:1/v1"):
        with pytest.raises(openai.OpenAIError) as theirs:
            openai.OpenAI(base_url=address)
        with pytest.raises(openai.OpenAIError) as ours:
            cls(base_url=address)
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(("ours", "theirs"), [(OpenAI, openai.OpenAI), (AsyncOpenAI, openai.AsyncOpenAI)])
@pytest.mark.parametrize("method", ["__init__", "copy", "with_options"])
def test_signatures_show_openais_arguments_and_ours(ours: Any, theirs: Any, method: str) -> None:
    wanted = inspect.signature(getattr(theirs, method)).parameters
    shown = inspect.signature(getattr(ours, method)).parameters
    assert list(shown)[: len(wanted)] == list(wanted)
    assert set(shown) - set(wanted) == set(llmswitch.openai.SwitchOptions.__annotations__)
    assert get_type_hints(getattr(ours, method)) == get_type_hints(getattr(theirs, method))


def test_our_classes_may_stand_in_the_place_of_openais() -> None:
    """As a test suite does that has its own name for both."""
    program = f"""
        import sys, openai, llmswitch
        client = sys.modules["openai._client"]
        for name in ("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"):
            setattr(openai, name, getattr(llmswitch, name))
            if hasattr(client, name):
                setattr(client, name, getattr(llmswitch, name))
        import httpx{"2" if httpx.__name__ == "httpx2" else ""} as httpx
        reply = lambda request: httpx.Response(200, json={json.dumps(CHAT)})
        httpx.HTTPTransport.handle_request = lambda _, request: reply(request)
        client = openai.OpenAI(api_key="sk-x", base_url="https://one.example/v1")
        assert type(client) is type(client.copy()) is llmswitch.OpenAI
        answer = client.chat.completions.create(model="gpt-4o", messages={json.dumps(MESSAGES)})
        print(answer.choices[0].message.content, answer.llmswitch.provider)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "mocked compatible\n"
