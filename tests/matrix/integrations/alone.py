"""A monitor that patches openai once for a whole process, before openai and llmswitch are imported.

    python alone.py sentry http://127.0.0.1:1234/v1

It prints what is told of openai's client and of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import pathlib
import re
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # One run of a program: what was told of it is there at the end.
    Watch = Callable[[], contextlib.AbstractContextManager[list[object]]]

# Identifiers and times, which are others in every run.
CHANGING = re.compile(r"(chatcmpl-|call_|req_)\w+|.created.: ?\d+|0x[0-9a-f]+|\d{4}-\d\d-\d\dT[\d:.]+Z?")
LEFT_OUT = ("duration", "time", "stacktrace", "thread.", "segment.id")


def settled(attributes: dict[str, Any]) -> dict[str, str]:
    kept = {name: value for name, value in attributes.items() if not any(part in name for part in LEFT_OUT)}
    return {name: CHANGING.sub("*", repr(value)) for name, value in sorted(kept.items())}


def sentry() -> Watch:
    import sentry_sdk  # noqa: PLC0415 - what is imported when is the point here
    from sentry_sdk.integrations.openai import OpenAIIntegration  # noqa: PLC0415

    events: list[Any] = []

    class Kept(sentry_sdk.Transport):  # type: ignore[misc]
        def capture_envelope(self, envelope: Any) -> None:
            events.extend(item.payload.json or {} for item in envelope.items)

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Kept,
        traces_sample_rate=1.0,
        send_default_pii=True,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[OpenAIIntegration()],
    )

    @contextlib.contextmanager
    def watch() -> Iterator[list[object]]:
        told: list[object] = []
        with sentry_sdk.start_transaction(name="the program"):
            yield told
        for event in events:
            for span in event.get("items", ()):
                attributes = {name: value["value"] for name, value in span["attributes"].items()}
                told.append([span["name"], span["status"], settled(attributes)])
            told.extend(error["type"] for error in event.get("exception", {}).get("values", ()))
        events.clear()

    return watch


def exporting(exporter: Any, flush: Callable[[], None]) -> Watch:
    """What goes to an exporter of OpenTelemetry's."""

    @contextlib.contextmanager
    def watch() -> Iterator[list[object]]:
        told: list[object] = []
        yield told
        flush()
        spans = exporter.get_finished_spans()
        told.extend(
            [span.name, span.kind.name, span.status.status_code.name, settled(dict(span.attributes or {}))]
            for span in spans
        )
        exporter.clear()

    return watch


def langfuse() -> Watch:
    importlib.import_module("langfuse.openai")  # which patches
    from langfuse import Langfuse  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    exporter = InMemorySpanExporter()
    client = Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", span_exporter=exporter)
    return exporting(exporter, client.flush)


def opentelemetry() -> Watch:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415

    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    OpenAIInstrumentor().instrument(tracer_provider=tracers)
    return exporting(exporter, lambda: None)


def main(monitor: str, url: str) -> None:
    sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
    watch = {"sentry": sentry, "langfuse": langfuse, "opentelemetry": opentelemetry}[monitor]()
    assert "llmswitch" not in sys.modules
    from tests.recorder import CLASSES, given, made, use_and_fail  # noqa: PLC0415

    async def go(cls: type[Any]) -> list[object]:
        served: Any = SimpleNamespace(url=lambda _: url)
        client = made(cls, served)
        with watch() as told:
            await use_and_fail(client)
        await given(client.close())
        return told

    told = [[asyncio.run(go(cls)) for cls in CLASSES[kind]] for kind in CLASSES]
    print(json.dumps(told))  # noqa: T201 - for the test that runs this


if __name__ == "__main__":
    main(*sys.argv[1:])
