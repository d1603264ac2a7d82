"""Libraries that stand in for the network beneath httpx, as tests of apps use them: they answer our calls, too, and see them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import respx
import vcr
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.recorder import CALL, CLASSES, given, made, rest, use, use_briefly
from tests.test_http_mocks import respond, say

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from pytest_httpx import HTTPXMock

    from llmswitch.sandbox import Sandbox

pytestmark = [pytest.mark.matrix, pytest.mark.parametrize("kind", CLASSES)]


def both(kind: str, sandbox: Sandbox, program: Callable[[Any], Any]) -> Any:
    """What the program sees over openai's client, and over ours."""

    async def go(cls: type[Any]) -> object:
        client = made(cls, sandbox)
        try:
            return await program(client)
        finally:
            await given(client.close())

    return [asyncio.run(go(cls)) for cls in CLASSES[kind]]


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx(lone: Sandbox, kind: str, using: str) -> None:
    with respx.mock(using=using, assert_all_called=False) as router:
        router.post(url__startswith=lone.url("openai@global")).mock(side_effect=respond)
        theirs, ours = both(kind, lone, say)
        assert ours == theirs
        assert router.calls.call_count == 6
    assert lone.hits() == 0


def test_pytest_httpx(lone: Sandbox, kind: str, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_callback(respond, is_reusable=True)
    theirs, ours = both(kind, lone, say)
    assert ours == theirs
    assert len(httpx_mock.get_requests()) == 6
    assert lone.hits() == 0


def test_vcr(lone: Sandbox, kind: str, tmp_path: pathlib.Path) -> None:
    """Recorded once with the network, played back without."""
    with vcr.use_cassette(str(tmp_path / "calls.yaml"), record_mode="once", match_on=["method", "path", "body"]):
        recorded = both(kind, lone, use)
    sent = lone.hits()
    assert sent == 16
    with vcr.use_cassette(str(tmp_path / "calls.yaml"), record_mode="none", match_on=["method", "path", "body"]):
        assert both(kind, lone, use) == recorded
    assert lone.hits() == sent


def test_opentelemetrys_httpx_instrumentation(lone: Sandbox, kind: str) -> None:
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    HTTPXClientInstrumentor().instrument(tracer_provider=tracers)
    try:
        both(kind, lone, use_briefly)
    finally:
        HTTPXClientInstrumentor().uninstrument()
    spans = [[span.name, dict(span.attributes or {})] for span in exporter.get_finished_spans()]
    assert len(spans) == 6
    assert spans[3:] == spans[:3]


def test_an_error_of_the_mocks(lone: Sandbox, kind: str) -> None:
    async def fail(client: Any) -> object:
        with pytest.raises(Exception, match="Connection error") as caught:
            await rest(client, await given(client.chat.completions.create(**CALL, stream=True)))
        return type(caught.value).__name__

    with respx.mock as router:
        router.post(url__startswith=lone.url("openai@global")).mock(side_effect=httpx.ConnectError)
        theirs, ours = both(kind, lone, fail)
    assert ours == theirs == "APIConnectionError"
    assert lone.hits() == 0
