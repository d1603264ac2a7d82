"""Subclasses of our client: what they override is called, and what they change is sent, as with openai's own."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.recorder import CALL, CLASSES, EMBED, Recorder, given, made, use, use_briefly
from tests.servers import Server, answer

if TYPE_CHECKING:
    from llmswitch._httpx import httpx
    from llmswitch.sandbox import Sandbox


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "name",
    [
        *("request", "post", "_prepare_options", "_prepare_request", "_build_request", "_build_headers"),
        *("_auth_headers", "auth_headers", "default_headers", "default_query", "user_agent", "qs"),
        *("_process_response", "_process_response_data", "_make_sse_decoder", "_validate_headers"),
    ],
)
def test_what_a_subclass_overrides_is_called(lone: Sandbox, kind: str, name: str) -> None:
    if not hasattr(CLASSES[kind][0], name):
        pytest.skip("this openai has none")
    found = []
    for base in CLASSES[kind]:
        recorder, sent = Recorder(), lone.hits()
        cls = type("Own", (base,), {name: recorder.override(base, name)})
        client = made(cls, lone)

        async def go(client: Any = client) -> object:
            saw = await use(client)
            copied = client.with_options(timeout=7)
            assert type(copied) is type(client)
            await use_briefly(copied)
            await given(client.close())
            return saw

        found.append((asyncio.run(go()), recorder.calls, lone.hits() - sent))
    theirs, ours = found
    assert ours == theirs
    if not theirs[1]:
        pytest.skip("this openai does not call it")


@pytest.mark.parametrize("kind", CLASSES)
def test_what_a_subclass_changes_is_sent(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, headers, queries and bodies, as gateways in front of OpenAI want them."""

    class Gateway:
        @property
        def auth_headers(self) -> dict[str, str]:
            return {"Authorization": "Bearer of-the-gateway"}

        @property
        def default_headers(self) -> dict[str, str]:
            return {**super().default_headers, **self.auth_headers, "X-Tenant": "seven"}  # type: ignore[misc]

        @property
        def default_query(self) -> dict[str, object]:
            return {"version": "2"}

        def _prepare_options(self, options: Any) -> Any:
            options.json_data["seed"] = 7
            return super()._prepare_options(options)  # type: ignore[misc]

        def _prepare_request(self, request: httpx.Request) -> Any:
            request.headers["X-Signed"] = str(len(request.url.path))
            return super()._prepare_request(request)  # type: ignore[misc]

    monkeypatch.setenv("OPENAI_API_KEY", "sk-unused")
    sent = []
    for base in CLASSES[kind]:
        with Server(answer(401, b'{"error": {"message": "no"}}')) as server:

            async def go(base: type[Any] = base, url: str = server.url) -> None:
                client = type("Own", (Gateway, base), {})(base_url=f"{url}/v1")
                for call in (client.chat.completions.create, client.embeddings.create):
                    with pytest.raises(openai.AuthenticationError):
                        await given(call(**CALL) if "messages" in str(inspect.signature(call)) else call(**EMBED))
                await given(client.close())

            asyncio.run(go())
        sent.append([(one.method, one.path, chosen(one.headers), json.loads(one.body)) for one in server.requests])
    theirs, ours = sent
    assert ours == theirs
    assert [path for _, path, _, _ in ours] == ["/v1/chat/completions?version=2", "/v1/embeddings?version=2"]
    assert all(headers["authorization"] == "Bearer of-the-gateway" for _, _, headers, _ in ours)
    assert all({"x-tenant", "x-signed"} <= set(headers) for _, _, headers, _ in ours)


def chosen(headers: dict[str, str]) -> dict[str, str]:
    """The headers that say something, their framing aside."""
    framing = ("host", "connection", "content-length", "accept-encoding", "accept", "x-stainless-raw-response")
    return {name: value for name, value in headers.items() if name not in framing}
