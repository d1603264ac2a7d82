"""One endpoint on its socket: reads a request, lets a fault strike or the dialect answer, writes what comes out."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from aiohttp import web

from llmswitch import _json
from llmswitch.sandbox import pages
from llmswitch.sandbox.faults import ERRORS, is_streamed
from llmswitch.sandbox.journal import RecordedRequest
from llmswitch.sandbox.wire import Call, Frame, Refused, Reply, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Generator
    from llmswitch.sandbox.dialect import Dialect, Provider, Site
    from llmswitch.sandbox.faults import Fault, FaultBook
    from llmswitch.sandbox.journal import Journal

_FOREVER = 86_400.0


class _Reset(Exception):  # noqa: N818 - an instruction, no error
    """The connection is to be reset instead of answered."""


class Endpoint:
    """A provider's site, served."""

    def __init__(
        self,
        provider: Provider,
        site: Site,
        *,
        book: FaultBook,
        journal: Journal,
        generator: Generator,
        pace: float,
    ) -> None:
        self.provider = provider
        self.site = site
        self.name = f"{provider.name}@{site.name}"
        self.dialects = tuple(kind(self.name, site, generator) for kind in provider.dialects)
        self._book = book
        self._journal = journal
        self._blocking = generator.blocking
        self._pace = pace

    def dialect(self, path: str) -> Dialect:
        """Return the dialect a path belongs to, known or not."""
        return next((one for one in self.dialects if one.owns(path)), self.dialects[0])

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        call, record = await self._read(request)
        self._journal.add(record)
        fault = self._book.take(call, self.provider.name, self.site.name)
        record.fault = fault.kind if fault else None
        try:
            answer = await self._answer(call, fault)
            if isinstance(answer, Reply):
                return await self._send(request, record, answer, fault)
            return await self._stream(request, record, call, answer, fault)
        except _Reset:
            return _reset(request)

    async def _read(self, request: web.BaseRequest) -> tuple[Call, RecordedRequest]:
        body: Json = {}
        readable = True
        if request.can_read_body:
            found = _parse(await request.read())
            readable = isinstance(found, dict)
            body = found if isinstance(found, dict) else {}
        call = Call(
            endpoint=self.name,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers=request.headers,
            body=body,
            readable=readable,
            host=request.host,
        )
        record = RecordedRequest(
            self.name, call.method, call.path, call.model, is_streamed(call), body, tuple(request.headers)
        )
        return call, record

    async def _answer(self, call: Call, fault: Fault | None) -> Reply | Stream:
        """Return what goes out, before what strikes it on its way."""
        if fault is not None:
            struck = await self._strike(call, fault)
            if struck is not None:
                return struck
        try:
            dialect = self.dialect(call.path)
            if fault is not None and fault.kind in ERRORS:
                call = replace(call, filtered=True, ending=dialect.finish_of(fault.kind))
            return await asyncio.to_thread(dialect.handle, call) if self._blocking else dialect.handle(call)
        except Refused as refused:
            return refused.reply

    async def _strike(self, call: Call, fault: Fault) -> Reply | Stream | None:
        """Return the answer a fault gives in the vendor's place; None leaves it to the dialect."""
        kind = fault.error if fault.kind == "error_rate" else fault.kind
        streamed = is_streamed(call)
        if fault.kind in ERRORS and self._form(call, fault) == "finish":
            return None
        if kind in ERRORS:
            return self._error(call, fault, kind)
        match kind:
            case "reset":
                raise _Reset
            case "html":
                return pages.blocked() if fault.status == pages.BLOCKED else pages.portal(fault.status or 200)
            case "empty":
                return Reply(fault.status or 200, b"")
            case "garbage" if not streamed:
                return Reply(fault.status or 200, b'{"id": "chatcmpl-1", "choices": [{"message": {"con')
            case "in_band_error" if not streamed:
                return self._error(call, replace(fault, wire="200"), fault.error)
            case "slow_head":
                await asyncio.sleep(fault.seconds or 0)
            case "slow_first_token" if not streamed:
                await asyncio.sleep(fault.seconds or 0)
            case _:
                pass
        return None

    def _form(self, call: Call, fault: Fault) -> str:
        filters = fault.kind == "refusal" and self.dialect(call.path).filtered_finish
        return fault.form or ("finish" if filters else "http")

    def _error(self, call: Call, fault: Fault, kind: str) -> Reply | Stream:
        dialect = self.dialect(call.path)
        status = 200 if fault.wire == "200" else fault.status
        variant = dialect.variant(call, kind, fault.code, status)
        variant = replace(variant, message=fault.message or variant.message, status=status or variant.status)
        if fault.wire == "sse" and is_streamed(call):
            return Stream(iter((Frame("end", dialect.error_event(call, variant)),)))
        reply = dialect.error(call, variant)
        headers = dict(reply.headers)
        if fault.retry_after is not None and fault.retry_after is not False:
            headers["Retry-After"] = str(fault.retry_after)
        return replace(reply, headers=headers)

    async def _send(
        self, request: web.BaseRequest, record: RecordedRequest, reply: Reply, fault: Fault | None
    ) -> web.StreamResponse:
        data = reply.encoded()
        record.status = reply.status
        struck = fault.kind if fault else None
        if struck not in ("cut", "stall"):
            headers = {**reply.headers, "Content-Type": reply.content_type}
            record.completed = True
            return web.Response(status=reply.status, body=data, headers=headers)
        response = web.StreamResponse(
            status=reply.status, headers={**reply.headers, "Content-Type": reply.content_type}
        )
        response.content_length = len(data)
        await response.prepare(request)
        await response.write(data[: len(data) // 2])
        if fault is not None and struck == "stall":
            await asyncio.sleep(_FOREVER if fault.seconds is None else fault.seconds)
            record.completed = True
            await response.write(data[len(data) // 2 :])
            return response
        return await _cut(request, response, fault)

    async def _stream(
        self, request: web.BaseRequest, record: RecordedRequest, call: Call, stream: Stream, fault: Fault | None
    ) -> web.StreamResponse:
        record.status = 200
        headers = {**stream.headers, "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        struck = fault.kind if fault and fault.kind in _IN_STREAM else None
        sent, slowed = 0, False
        if fault and struck and fault.after < 0 and await self._strike_stream(request, response, call, fault):
            return response
        while (frame := await self._next(stream.frames)) is not None:
            if struck == "no_done" and frame.part == "done":
                break
            if fault and fault.kind == "slow_first_token" and frame.part != "preamble" and not slowed:
                slowed = True
                await asyncio.sleep(fault.seconds or 0)
            due = frame.part != "preamble" and (sent == (fault.after if fault else 0) or frame.part in ("end", "done"))
            if fault and struck and struck != "no_done" and due:
                if await self._strike_stream(request, response, call, fault):
                    return response
                struck = None
            record.completed = frame.part == "done"
            await response.write(frame.data)
            if frame.part == "content":
                sent += 1
                if self._pace:
                    await asyncio.sleep(self._pace)
        record.completed = True
        await response.write_eof()
        return response

    async def _next(self, frames: Iterator[Frame]) -> Frame | None:
        return await asyncio.to_thread(next, frames, None) if self._blocking else next(frames, None)

    async def _strike_stream(
        self, request: web.BaseRequest, response: web.StreamResponse, call: Call, fault: Fault
    ) -> bool:
        """Let the fault strike; True when the stream ends with it."""
        match fault.kind:
            case "stall":
                await asyncio.sleep(_FOREVER if fault.seconds is None else fault.seconds)
                return False
            case "garbage":
                await response.write(b'data: {"id": "chatcmpl-1", "choices": [{"delta": {"con\n\n')
                return False
            case "in_band_error":
                dialect = self.dialect(call.path)
                variant = dialect.variant(call, fault.error, fault.code)
                variant = replace(variant, message=fault.message or variant.message)
                await response.write(dialect.error_event(call, variant))
            case "cut":
                await _cut(request, response, fault)
                return True
            case _:
                pass
        await response.write_eof()
        return True


_IN_STREAM = frozenset({"stall", "cut", "clean_eof", "no_done", "in_band_error", "garbage"})


def _parse(data: bytes) -> JsonValue:
    """Return the JSON sent, None when a strict reader would take it for none: NaN and lone surrogates are no JSON."""
    try:
        found: JsonValue = json.loads(data, parse_constant=_no_constant)
        if b"\\ud" in data.lower():
            _json.dumps(found)
    except (ValueError, RecursionError):
        return None
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


async def _cut(request: web.BaseRequest, response: web.StreamResponse, fault: Fault | None) -> web.StreamResponse:
    """End the connection inside the body: closed, or reset once what was written had time to arrive."""
    if fault is not None and fault.close == "reset":
        await asyncio.sleep(0.05)
        raise _Reset
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Send RST in place of an answer."""
    transport = request.transport
    if transport is not None:
        connection = cast("socket.socket | None", transport.get_extra_info("socket"))
        if connection is not None:
            # Lingering for no time makes close() send RST.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
