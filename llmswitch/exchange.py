"""The two drivers of a call: they send, wait and read what `failover` asks for, one for threads and one for event loops."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmswitch.call import Answered, Ended, Send, Start, Started, Wait
from llmswitch.errors import ConfigError, InvalidRequestError
from llmswitch.failure import Kind, classify
from llmswitch.secret import Secret
from llmswitch.streaming import Reader
from llmswitch.transport.base import Headers, ReadTimeout, Request, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType

    from llmswitch.call import Answer, Call, Opened
    from llmswitch.engine import Engine
    from llmswitch.failover import Failover, Outcome
    from llmswitch.report import Report
    from llmswitch.streaming import Chunk
    from llmswitch.transport.base import AsyncResponse, AsyncSender, Response, Sender

# Error bodies are read this far; no vendor's is longer, a captive portal's page may be.
ERROR_BODY: Final = 256 * 1024
# From here on HTTP statuses are errors.
BAD: Final = 400
# Seconds to wait for the end of a body whose stream has said that it is done.
DRAIN: Final = 0.02


def _request(send: Send) -> Request:
    limits = send.limits
    # A whole answer comes in one piece, so its body is part of what is waited for; a stream's gaps are bounded as they are read.
    gaps = [limits.gap] if send.stream else [limits.gap, limits.head]
    return Request(
        method=send.method,
        url=send.url,
        headers=send.headers,
        body=send.body,
        connect_timeout=limits.connect,
        read_timeout=min((gap for gap in gaps if gap is not None), default=None),
        write_timeout=limits.gap,
        total=limits.head,
    )


def _is_stream(send: Send, status: int, content_type: str | None) -> bool:
    """Whether to read this response as events; an error or another content type is read whole and judged."""
    if not send.stream or not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return False
    return content_type is None or ("json" not in content_type and "html" not in content_type)


@dataclass(slots=True)
class _Attempt:
    """The stream that is being read."""

    opened: Opened
    reader: Reader
    since: float  # when its head came

    @property
    def over(self) -> bool:
        """Whether it has nothing more to say."""
        return self.reader.done or self.reader.failure is not None


class _Reading:
    """What both drivers share: the present attempt and what may be delivered of it."""

    def __init__(self, engine: Engine, call: Call, failover: Failover) -> None:
        self._engine, self._call, self._failover = engine, call, failover
        self._run = failover.run()
        self.ready: deque[Chunk] = deque()  # may be delivered
        self._attempt: _Attempt | None = None

    @property
    def report(self) -> Report:
        """Who answers, as far as is known."""
        return self._failover.report

    @property
    def answered(self) -> Answered:
        """The head of the response that is being read."""
        return self._attempt.opened.answer if self._attempt else Answered(200, Headers(), None)

    def _begin(self, opened: Opened) -> None:
        endpoint = opened.send.candidate.endpoint
        decode = self._engine.dialect(endpoint).reader(endpoint.adapter, self._call.params)
        reader = Reader(endpoint.adapter, decode, buffer=self._failover.buffers)
        self._attempt = _Attempt(opened, reader, self._engine.clock())

    def _limit(self, attempt: _Attempt) -> float | None:
        """Seconds the next read may take: what is left until the first content, afterwards the gap; never past the deadline.

        Raises:
            ReadTimeout: none are left.
        """
        limits, committed = attempt.opened.send.limits, attempt.reader.committed
        limit = limits.gap
        if not committed and limits.content is not None:
            limit = limits.content - (self._engine.clock() - attempt.since)
        left = self._failover.deadline_left()
        if left is not None:
            limit = left if limit is None else min(limit, left)
        if limit is not None and limit <= 0:
            raise ReadTimeout("the deadline has passed" if committed else "no content in time", phase="body")
        return limit

    def _feed(self, attempt: _Attempt, data: bytes | None) -> None:
        """Take what one read gave, None at the end of the body."""
        reader = attempt.reader
        if data is None:
            reader.end()
        else:
            reader.feed(data)
        self.ready.extend(reader.ready)
        reader.ready.clear()

    def _broke(self, attempt: _Attempt, error: TransportError) -> None:
        """Reading raised: that is this attempt's failure."""
        failure = classify(provider=attempt.opened.send.candidate.endpoint.provider, exception=error)
        if attempt.reader.committed and failure.kind is not Kind.TIMEOUT:
            failure = replace(failure, kind=Kind.STREAM_INTERRUPTED)
        attempt.reader.failure = failure

    def _ended(self, attempt: _Attempt) -> Ended:
        self._attempt = None
        reader = attempt.reader
        return Ended(reader.failure, reader.committed, reader.partial, reader.error)

    def _abort(self) -> None:
        """The caller is gone: the generator is closed, nothing more is delivered."""
        if self._attempt is not None:
            self._attempt = None
            self._run.close()
        self.ready.clear()


class Exchange(_Reading):
    """One call, driven by a thread. `open` gives the answer, or None where a stream may now be read by iterating over this object."""

    def __init__(self, engine: Engine, call: Call, failover: Failover, sender: Sender) -> None:
        super().__init__(engine, call, failover)
        self._sender = sender
        self._response: Response | None = None
        self._data: Iterator[bytes] = iter(())

    def open(self) -> Answer | None:
        """Send until a provider answers.

        Raises:
            LoneFailure: see `Failover.run`.
            CallError: likewise.
        """
        return self._drive(None)

    def _drive(self, outcome: Outcome) -> Answer | None:
        """Do what the generator asks for until an answer is there or a stream may be read."""
        while True:
            try:
                step = self._run.send(outcome)
            except StopIteration as stop:
                answer: Answer | None = stop.value
                return answer
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                outcome = None
            elif isinstance(step, Start):
                outcome = _start(step)
            elif isinstance(step, Send):
                try:
                    outcome = self._send(step)
                except BaseException:
                    self._run.close()
                    raise
            else:
                self._begin(step)
                return None

    def _send(self, send: Send) -> Answered | TransportError:
        try:
            if send.candidate.endpoint.via is None:
                response = self._sender.send(_request(send))
            else:
                response = _sdk().send(self._sender, _request(send), send)
            if _is_stream(send, response.status, response.header("content-type")):
                self._response, self._data = response, response.chunks()
                return Answered(response.status, Headers(response.headers), None)
            with response:
                body = response.read(ERROR_BODY if response.status >= BAD else None)
            return Answered(response.status, Headers(response.headers), body)
        except TransportError as error:
            return error
        except ValueError as error:
            raise _unsendable(error) from error

    def __iter__(self) -> Exchange:
        return self

    def __next__(self) -> Chunk:
        while not self.ready:
            if not self.advance():
                raise StopIteration
        return self.ready.popleft()

    def advance(self) -> bool:
        """Read once, into `ready`; False when the stream is over. Raises as `open`."""
        attempt, response = self._attempt, self._response
        if attempt is None or response is None:
            return False
        if attempt.over:
            self._settle(attempt, response)
            return True
        try:
            response.set_read_timeout(self._limit(attempt))
            self._feed(attempt, next(self._data, None))
        except TransportError as error:
            self._broke(attempt, error)
        return True

    def _settle(self, attempt: _Attempt, response: Response) -> None:
        """This attempt is over: tell the generator, which ends, raises, or opens the next one."""
        ended = self._ended(attempt)
        if ended.failure is None:
            with contextlib.suppress(TransportError):
                # The body's end comes with, or right after, [DONE]; reading it keeps the connection for the next call.
                response.set_read_timeout(DRAIN)
                next(self._data, None)
        response.close()
        self._drive(ended)

    def close(self) -> None:
        """Stop: frees the connection at once. May be repeated."""
        self._abort()
        if self._response is not None:
            self._response.close()

    abandon = __del__ = close


class AsyncExchange(_Reading):
    """One call, driven by an event loop; as `Exchange`."""

    def __init__(self, engine: Engine, call: Call, failover: Failover, sender: AsyncSender) -> None:
        super().__init__(engine, call, failover)
        self._sender = sender
        self._response: AsyncResponse | None = None
        self._data: AsyncIterator[bytes] = _nothing()

    async def open(self) -> Answer | None:
        """As `Exchange.open`."""
        return await self._drive(None)

    async def _drive(self, outcome: Outcome) -> Answer | None:
        while True:
            try:
                step = self._run.send(outcome)
            except StopIteration as stop:
                answer: Answer | None = stop.value
                return answer
            if isinstance(step, Wait):
                await _sleep(step.seconds)
                outcome = None
            elif isinstance(step, Start):
                outcome = await _in_thread(step)
            elif isinstance(step, Send):
                try:
                    outcome = await self._send(step)
                except BaseException:
                    self._run.close()
                    raise
            else:
                self._begin(step)
                return None

    async def _send(self, send: Send) -> Answered | TransportError:
        try:
            if send.candidate.endpoint.via is None:
                response = await self._sender.send(_request(send))
            else:
                response = await _sdk().asend(self._sender, _request(send), send)
            if _is_stream(send, response.status, response.header("content-type")):
                self._response, self._data = response, response.chunks()
                return Answered(response.status, Headers(response.headers), None)
            async with response:
                body = await response.read(ERROR_BODY if response.status >= BAD else None)
            return Answered(response.status, Headers(response.headers), body)
        except TransportError as error:
            return error
        except ValueError as error:
            raise _unsendable(error) from error

    def __aiter__(self) -> AsyncExchange:
        return self

    async def __anext__(self) -> Chunk:
        while not self.ready:
            if not await self.advance():
                raise StopAsyncIteration
        return self.ready.popleft()

    async def advance(self) -> bool:
        """As `Exchange.advance`."""
        attempt, response = self._attempt, self._response
        if attempt is None or response is None:
            return False
        if attempt.over:
            await self._settle(attempt, response)
            return True
        try:
            response.set_read_timeout(self._limit(attempt))
            self._feed(attempt, await anext(self._data, None))
        except TransportError as error:
            self._broke(attempt, error)
        return True

    async def _settle(self, attempt: _Attempt, response: AsyncResponse) -> None:
        ended = self._ended(attempt)
        if ended.failure is None:
            with contextlib.suppress(TransportError):
                response.set_read_timeout(DRAIN)
                await anext(self._data, None)
        await response.aclose()
        await self._drive(ended)

    async def aclose(self) -> None:
        """Stop: frees the connection at once. May be repeated."""
        self._abort()
        if self._response is not None:
            await self._response.aclose()

    def abandon(self) -> None:
        """Stop without waiting, from any thread: for streams that were dropped."""
        self._abort()
        if self._response is not None:
            self._response.abandon()

    __del__ = abandon


def _sdk() -> ModuleType:
    """The way through a vendor's SDK."""
    from llmswitch import sdk  # noqa: PLC0415 - only those who asked for it

    return sdk


def _unsendable(error: ValueError) -> InvalidRequestError:
    """A header or an address that no request can have."""
    return InvalidRequestError(f"{error}. Nothing was sent.")


def _start(step: Start) -> Started | ConfigError:
    """Start the local model, which takes a moment the first time."""
    from llmswitch.local import endpoint_url  # noqa: PLC0415 - only those who asked for it

    try:
        base_url, key = endpoint_url(step.path)
    except ConfigError as error:
        return error
    return Started(base_url, Secret(key))


async def _in_thread(step: Start) -> Started | ConfigError:
    import anyio.to_thread  # noqa: PLC0415 - openai has it

    return await anyio.to_thread.run_sync(_start, step)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _sleep(seconds: float) -> None:
    """Sleep in whichever event loop this is; openai's async client runs under trio, too."""
    import anyio  # noqa: PLC0415 - openai has it; a plain asyncio program never needs it before its first wait

    await anyio.sleep(seconds)
