"""The vendors' own SDKs, for endpoints with `via = "sdk"`: one file each, chosen by what the vendor's TOML names.

An SDK writes the request: its address, its headers, its protocol's body, its signature. Then it is stopped, and the request goes
out as every other one does: once, by our transport, with our timeouts, whichever client asks. What comes back is read here. So
nothing that these SDKs do with an answer can happen: no retries, no keys in exceptions or logs, no lost status, no crash over a
field that is null; and their module-wide settings are neither read for a key nor changed.

An SDK is imported by the first call that goes through it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

import anyio.to_thread

from llmswitch.sdk.answer import AsyncReplied, AsyncTranslated, Replied, Translated
from llmswitch.sdk.base import Ask, Whole, Written, library

if TYPE_CHECKING:
    from llmswitch.call import Send
    from llmswitch.sdk.base import Steps, Writer
    from llmswitch.transport.base import AsyncResponse, AsyncSender, Request, Response, Sender


def send(sender: Sender, request: Request, send: Send) -> Response:
    """As `Sender.send`, the request being written by the endpoint's SDK.

    Raises:
        ValueError: the SDK cannot write it.
        TransportError: as every sender.
    """
    ask = _ask(request, send)
    library(ask.via.sdk.name)  # before the clock starts
    for last in (False, True):
        started = time.monotonic()
        written = _fetch(_steps(ask), sender, request, started)
        if isinstance(written, Whole):
            return Replied(written)
        response = sender.send(_in_time(written.request, request, started))
        if written.stale is None or last or _is_stream(response):
            return response if written.translation is None else Translated(response, written.translation)
        with response:
            whole = Whole(response.status, response.headers, response.read())
        if not written.stale(whole):
            replied = Replied(whole)
            return replied if written.translation is None else Translated(replied, written.translation)
    raise AssertionError("the second answer is always given")


async def asend(sender: AsyncSender, request: Request, send: Send) -> AsyncResponse:
    """As `send`, for event loops."""
    ask = _ask(request, send)
    if ask.via.sdk.name not in sys.modules:  # which takes a second: the loop shall not stand still
        await anyio.to_thread.run_sync(library, ask.via.sdk.name)
    for last in (False, True):
        started = time.monotonic()
        written = await _afetch(_steps(ask), sender, request, started)
        if isinstance(written, Whole):
            return AsyncReplied(written)
        response = await sender.send(_in_time(written.request, request, started))
        if written.stale is None or last or _is_stream(response):
            return response if written.translation is None else AsyncTranslated(response, written.translation)
        async with response:
            whole = Whole(response.status, response.headers, await response.read())
        if not written.stale(whole):
            replied = AsyncReplied(whole)
            return replied if written.translation is None else AsyncTranslated(replied, written.translation)
    raise AssertionError("the second answer is always given")


def _ask(request: Request, send: Send) -> Ask:
    endpoint = send.candidate.endpoint
    assert endpoint.via is not None  # noqa: S101 - else it goes over HTTP
    return Ask(
        operation=send.operation, model=send.candidate.model, endpoint=endpoint, via=endpoint.via, request=request
    )


def _steps(ask: Ask) -> Steps:
    module = cast("Writer", import_module(f"llmswitch.sdk.{ask.via.sdk.name}"))
    return module.write(ask)


def _fetch(steps: Steps, sender: Sender, request: Request, started: float) -> Written | Whole:
    """Let the SDK's file write, and fetch what it needs for it (a token)."""
    answer: Whole | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            return cast("Written | Whole", stop.value)
        with sender.send(_in_time(step.request, request, started)) as response:
            answer = Whole(response.status, response.headers, response.read())


async def _afetch(steps: Steps, sender: AsyncSender, request: Request, started: float) -> Written | Whole:
    answer: Whole | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            return cast("Written | Whole", stop.value)
        async with await sender.send(_in_time(step.request, request, started)) as response:
            answer = Whole(response.status, response.headers, await response.read())


def _in_time(written: Request, asked: Request, started: float) -> Request:
    """What the SDK wrote, within what is left of the time that the call has."""
    total = asked.total if asked.total is None else max(0.001, asked.total - (time.monotonic() - started))
    return replace(
        asked, method=written.method, url=written.url, headers=written.headers, body=written.body, total=total
    )


def _is_stream(response: Response | AsyncResponse) -> bool:
    return "event-stream" in (response.header("content-type") or "")
