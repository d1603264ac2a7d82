"""Monitors that patch openai tell of our calls what they tell of openai's: the same spans, by name, attribute and number."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

import langsmith
import logfire
import pytest
from langsmith.wrappers import wrap_openai
from openai import resources
from openai.resources import chat
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as OpenTelemetry
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.recorder import CALL, CLASSES, given, made, rest, use_and_fail, use_briefly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix

# A monitor gets the client, None before there is one, and gives what it has told so far.
Monitor = Callable[[Any], contextlib.AbstractContextManager[Callable[[], list[object]]]]


def told(exporter: InMemorySpanExporter) -> list[object]:
    """Finished spans, without what differs from run to run."""
    return [
        [span.name, span.kind.name, span.status.status_code.name, span.status.description]
        + [settled(dict(span.attributes or {}))]
        + [[event.name, settled(dict(event.attributes or {}))] for event in span.events]
        for span in exporter.get_finished_spans()
    ]


_CHANGING = re.compile(
    r"(chatcmpl-|call_|req_)\w+|\d+\.\d+s|.created.: ?\d+|0x[0-9a-f]+|00-[0-9a-f]{32}-[0-9a-f]{16}-.."
)
# Times, and where in the code an error came up.
_LEFT_OUT = ("duration", "time_to_", "timestamp", "streaming_time", "stacktrace", "fingerprint", "code.", "thread.")


def settled(attributes: dict[str, Any]) -> dict[str, str]:
    kept = {name: value for name, value in attributes.items() if not any(part in name for part in _LEFT_OUT)}
    return {name: _CHANGING.sub("*", repr(value)) for name, value in kept.items()}


def measured(reader: InMemoryMetricReader) -> list[object]:
    """What the metrics count, by attributes; durations aside."""
    collected = reader.get_metrics_data()
    data = json.loads(collected.to_json()) if collected is not None else {"resource_metrics": []}
    return [
        [metric["name"], settled(point["attributes"]), point.get("count", point.get("value"))]
        for resource in data["resource_metrics"]
        for scope in resource["scope_metrics"]
        for metric in scope["metrics"]
        for point in metric["data"]["data_points"]
    ]


def instrumented(instrumentor: Any, **environment: str) -> Monitor:
    """An instrumentor of OpenTelemetry's kind."""

    @contextlib.contextmanager
    def monitor(_client: object) -> Iterator[Callable[[], list[object]]]:
        exporter, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(exporter))
        meters = MeterProvider(metric_readers=[reader])
        with mock.patch.dict(os.environ, environment):
            instrumentor.instrument(tracer_provider=tracers, meter_provider=meters, skip_dep_check=True)
            try:
                yield lambda: [*told(exporter), *measured(reader)]
            finally:
                instrumentor.uninstrument()

    return monitor


def restored(monitor: Monitor) -> Monitor:
    """A monitor whose own way of undoing its patches leaves them."""
    patched = [
        *((owner, name) for owner in (chat.Completions, chat.AsyncCompletions) for name in ("create", "parse")),
        *((owner, "create") for owner in (resources.Embeddings, resources.AsyncEmbeddings)),
    ]

    @contextlib.contextmanager
    def restoring(client: Any) -> Iterator[Callable[[], list[object]]]:
        with contextlib.ExitStack() as stack:
            for owner, name in patched:
                stack.enter_context(mock.patch.object(owner, name, vars(owner)[name]))
            yield stack.enter_context(monitor(client))

    return restoring


@contextlib.contextmanager
def logfire_monitor(client: Any) -> Iterator[Callable[[], list[object]]]:
    """Everywhere where there is no client yet, else on the client."""
    exporter = InMemorySpanExporter()
    processors = [SimpleSpanProcessor(exporter)]
    own = logfire.configure(
        local=True, send_to_logfire=False, console=False, additional_span_processors=processors, inspect_arguments=False
    )
    with own.instrument_openai(client):
        yield lambda: told(exporter)


@contextlib.contextmanager
def langsmith_monitor(client: Any) -> Iterator[Callable[[], list[object]]]:
    """Functions set on the client."""
    server = mock.Mock(spec=langsmith.Client)
    if client is not None:
        wrap_openai(client)

    def runs() -> list[object]:
        found: list[object] = []
        for call in (*server.create_run.call_args_list, *server.update_run.call_args_list):
            run = call.kwargs
            found.append(
                [run.get("name"), run.get("run_type"), settled({"in": run.get("inputs"), "out": run.get("outputs")})]
            )
        return found

    with langsmith.tracing_context(enabled=True, client=server):
        yield runs


MONITORS: dict[str, Monitor] = {
    "opentelemetry": instrumented(OpenTelemetry(), OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true"),
    "openllmetry": restored(instrumented(OpenLLMetry())),
    "openinference": instrumented(OpenInference()),
    "logfire": logfire_monitor,
    "langsmith": langsmith_monitor,
}


def told_of(cls: type[Any], sandbox: Sandbox, monitor: Monitor, moment: str) -> list[Any]:
    async def go() -> list[Any]:
        with contextlib.ExitStack() as stack:
            if moment == "before the client":
                tell = stack.enter_context(monitor(None))
            client = made(cls, sandbox)
            if moment == "after calls":
                await use_briefly(client)
            if moment != "before the client":
                tell = stack.enter_context(monitor(client))
            saw = await use_and_fail(client)
            spans = tell()
            stack.close()
            await use_briefly(client)  # once it is gone, it tells no more
            assert tell() == spans
            await given(client.close())
            return [saw, spans]

    return asyncio.run(go())


@pytest.mark.parametrize("moment", ["before the client", "before the first call", "after calls"])
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", MONITORS)
def test_monitors_tell_the_same(lone: Sandbox, name: str, kind: str, moment: str) -> None:
    if (name, moment) == ("langsmith", "before the client"):
        pytest.skip("it wraps clients only")
    theirs, ours = (told_of(cls, lone, MONITORS[name], moment) for cls in CLASSES[kind])
    assert ours == theirs
    assert len(ours[1]) > 1


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", MONITORS)
def test_a_failover_is_one_span(pair: Sandbox, name: str, kind: str) -> None:
    pair.fault("openai", "region_block")

    async def go() -> tuple[object, object]:
        client = made(CLASSES[kind][1], pair)
        with MONITORS[name](client) as tell:
            answer = await given(client.chat.completions.create(**CALL))
            first = tell()
            await rest(client, await given(client.chat.completions.create(**CALL, stream=True)))
            both = tell()
        await given(client.close())
        assert answer.llmswitch.provider == "qwen"
        return first, both

    first, both = asyncio.run(go())
    assert "ERROR" not in str(first)
    assert "qwen" in str(first)
    assert both != first


@pytest.mark.parametrize("monitor", ["sentry", "langfuse", "opentelemetry"])
def test_monitors_that_come_before_the_import(lone: Sandbox, monitor: str) -> None:
    script = pathlib.Path(__file__).with_name("alone.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, monitor, lone.url("openai@global")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for theirs, ours in json.loads(done.stdout):
        assert ours == theirs
        assert "gpt-4o" in str(theirs)
        assert "NotFoundError" in str(theirs) or "ERROR" in str(theirs)
