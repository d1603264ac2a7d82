"""The caller's own httpx client: of either httpx, sync and async, aiohttp's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch._httpx import httpx
from tests.parity import calls, shapes
from tests.parity.case import MODES, Case, Program
from tests.parity.clients import BUSY, OK, attributes, made
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

# --- httpx clients ----------------------------------------------------------------------------------------------------


def _httpx(**arguments: Any) -> Any:
    """A factory of httpx clients with these arguments."""

    def client(mode: str) -> dict[str, Any]:
        cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
        return {"http_client": cls(**{name: value() if name == "auth" else value for name, value in arguments.items()})}

    return client


class _Auth(httpx.Auth):
    def auth_flow(self, request: Any) -> Any:
        request.headers["X-Auth"] = "yes"
        yield request


def _own(
    name: str,
    call: Program = calls.chat,
    answers: tuple[Answer, ...] = (OK,),
    fails: str | tuple[str, ...] = (),
    differs: tuple[str, ...] = (),
    **arguments: Any,
) -> Case:
    return Case(f"http_client, {name}", call, answers, fails=fails, client=_httpx(**arguments), differs=differs)


def _default(mode: str) -> dict[str, Any]:
    return {"http_client": openai.DefaultHttpxClient() if mode == "sync" else openai.DefaultAsyncHttpxClient()}


def _aiohttp(mode: str) -> dict[str, Any]:
    assert mode == "async"
    return {"http_client": openai.DefaultAioHttpClient()}


def _mock(mode: str) -> dict[str, Any]:
    """A transport that answers itself."""

    def reply(request: Any) -> Any:
        return httpx.Response(
            200, json={**shapes.CHAT, "asked": request.headers["accept"]}, headers={"x-request-id": "mocked"}
        )

    cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
    return {"http_client": cls(transport=httpx.MockTransport(reply))}


def _base(mode: str) -> dict[str, Any]:
    cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
    return {"http_client": cls(headers={"X-Client": "1", "User-Agent": "mine"}, params={"p": "1"}, timeout=7)}


def _own_client_is_closed(client: Any) -> Any:
    yield calls.chat(client)
    yield client.close()
    yield client.is_closed()


CASES = [
    _own("plain"),
    Case("http_client, openai's default", calls.chat, (OK,), client=_default),
    Case("http_client, aiohttp", calls.chat, (OK,), client=_aiohttp, modes=("async",)),
    Case("http_client, aiohttp, streamed", calls.stream, (events(*shapes.CHUNKS),), client=_aiohttp, modes=("async",)),
    Case(
        "http_client, aiohttp, error",
        calls.chat,
        (answer(shapes.error(), 429),),
        fails="RateLimitError",
        client=_aiohttp,
        modes=("async",),
    ),
    Case("http_client, a mock", calls.chat, (OK,), client=_mock),
    Case("http_client, its defaults", calls.chat, (OK,), client=_base),
    Case("http_client, its defaults for a stream", calls.stream, (events(*shapes.CHUNKS),), client=_base),
    Case("http_client, its defaults for models", calls.models, (answer(shapes.MODELS),), client=_base),
    Case("http_client, its defaults for files", calls.files, (answer({"data": []}),), client=_base),
    Case(
        "http_client, its defaults for an error",
        calls.chat,
        (answer(shapes.error(), 404),),
        fails="NotFoundError",
        client=_base,
    ),
    Case("http_client, attributes", attributes, (OK,), client=_base),
    _own("auth", auth=_Auth),
    _own("a stream", calls.stream, (events(*shapes.CHUNKS),)),
    _own("an error", answers=(answer(shapes.error(), 404),), fails="NotFoundError"),
    _own("retries", answers=(BUSY,), fails="InternalServerError"),
    _own("timeout", answers=(Answer(then="stall"),), fails="APITimeoutError", timeout=0.1),
    _own("reset", answers=(Answer(status=0, then="reset", framing="close"),), fails="APIConnectionError"),
    _own("closed with it", _own_client_is_closed),
    made("http_client is no client", ("TypeError", "AttributeError"), http_client=object()),
    Case(
        "http_client of the other kind",
        calls.chat,
        (OK,),
        fails="TypeError",
        client=lambda mode: _httpx()("async" if mode == "sync" else "sync"),
    ),
]


# The httpx that openai does not speak: openai 3 takes clients of the older one.
OTHER = [
    Case("chat", calls.chat, (OK,)),
    Case("stream", calls.stream, (events(*shapes.CHUNKS),)),
    Case("embeddings", calls.embed, (answer(shapes.EMBEDDING),)),
    Case("models", calls.models, (answer(shapes.MODELS),)),
    Case("files", calls.files, (answer({"data": []}),)),
    Case("an error", calls.chat, (answer(shapes.error(), 404),), fails="NotFoundError"),
    Case("a timeout", calls.chat_with(timeout=0.1), (Answer(then="stall"),), fails="APITimeoutError"),
    Case(
        "a reset",
        calls.chat,
        (Answer(status=0, then="reset", framing="close"),),
        fails="APIConnectionError",
    ),
    Case("attributes", attributes),
]


@pytest.mark.matrix  # an environment with both
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", OTHER, ids=str)
def test_clients_of_the_other_httpx_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    other = pytest.importorskip("httpx")
    if other is httpx:
        pytest.skip("openai speaks this one")

    def client(mode: str) -> dict[str, Any]:
        return {"http_client": (other.Client if mode == "sync" else other.AsyncClient)(headers={"X-Client": "1"})}

    bench.compare(replace(case, client=client), mode)


def test_http_clients_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
