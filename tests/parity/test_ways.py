"""Instrumentation sees every call: whatever of openai or httpx is wrapped, before or after the client was made, is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from openai import _base_client
from openai.resources import chat, embeddings

from llmswitch._httpx import httpx
from tests.parity import calls, shapes
from tests.parity.case import MODES, Case
from tests.parity.upstream import answer, events
from tests.parity.ways import OPENAI, SWITCHED

if TYPE_CHECKING:
    from tests.parity.bench import Bench

# For each kind of client, what OpenTelemetry's packages, Langfuse, Sentry and tests' own mocks wrap, and one level more.
WRAPPED: dict[str, dict[str, tuple[type, str]]] = {
    "sync": {
        "client.request": (_base_client.SyncAPIClient, "request"),
        "client.post": (_base_client.SyncAPIClient, "post"),
        "httpx.send": (httpx.Client, "send"),
    },
    "async": {
        "client.request": (_base_client.AsyncAPIClient, "request"),
        "client.post": (_base_client.AsyncAPIClient, "post"),
        "httpx.send": (httpx.AsyncClient, "send"),
    },
}
CREATE: dict[str, dict[str, tuple[type, str]]] = {
    "sync": {"chat": (chat.Completions, "create"), "embeddings": (embeddings.Embeddings, "create")},
    "async": {"chat": (chat.AsyncCompletions, "create"), "embeddings": (embeddings.AsyncEmbeddings, "create")},
}
CALLS = [
    Case("chat", calls.chat, (answer(shapes.CHAT),)),
    Case("stream", calls.stream, (events(*shapes.CHUNKS),)),
    Case("embeddings", calls.embed, (answer(shapes.EMBEDDING),)),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CALLS, ids=str)
@pytest.mark.parametrize("name", [*WRAPPED["sync"], "create"])
@pytest.mark.parametrize("made", ["before", "after"])
def test_what_is_wrapped_is_called(bench: Bench, case: Case, mode: str, name: str, made: str) -> None:
    own = {**WRAPPED[mode], "create": CREATE[mode]["embeddings" if case.name == "embeddings" else "chat"]}
    called = []
    for way in (OPENAI, SWITCHED):
        # Clients without arguments of their own are kept, so this one was made by the first line.
        bench.outcome(case, mode, way)
        fresh = {} if made == "before" else {"timeout": 60}
        outcome = bench.outcome(replace(case, client=fresh), mode, replace(way, wrapped=(own[name],)))
        assert not outcome.errors
        assert len(outcome.sent) == 1
        called.append(outcome.called)
    assert called[1] == called[0]
    # `post` is kept by openai's resources when they are made; nothing else may go unseen.
    assert called[0] or (name, made) == ("client.post", "before")
