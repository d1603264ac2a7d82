"""One exchange up to the response's head, as steps for a driver: written once for threads and for event loops.

Pure, but for the clock.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from llmswitch.transport import wire
from llmswitch.transport.base import ReadError, ReadTimeout, TransportError, WriteError, WriteTimeout

if TYPE_CHECKING:
    from llmswitch.transport.base import Phase, Request

# A kept connection that the other side had closed says so within a round trip; where one breaks later, the other side had
# begun to work on the request.
STALE_SECONDS: Final = 2.0
_PIECE: Final = 256 * 1024  # of a large body, for each of which `write_timeout` counts anew
_EARLY_SECONDS: Final = 1.0  # to find the answer of a server that stopped reading a large request


class Step(NamedTuple):
    """Send `data`, or receive where it is None, within `limit` seconds.

    The driver throws an OSError in, or sends what it received.
    """

    data: bytes | memoryview | None
    limit: float | None


Steps: TypeAlias = Generator[Step, bytes, tuple[wire.Head, bytes]]


def exchange(request: Request, head: bytes, deadline: float | None) -> Steps:
    """Send the request and read the final response's head; returns it and the bytes that came after it.

    Raises:
        WriteError, WriteTimeout, ReadError, ReadTimeout, ProtocolError: as `llmswitch.transport.base` says.
    """
    try:
        yield from _write(request, head, deadline)
    except WriteError as broken:
        try:  # a server that refuses a large request may answer before it has read it all
            return (yield from _read_head(_EARLY_SECONDS, deadline))
        except TransportError:
            raise broken from broken.__cause__
    return (yield from _read_head(request.read_timeout, deadline))


def _write(request: Request, head: bytes, deadline: float | None) -> Generator[Step, bytes, None]:
    body = request.body or b""
    try:
        if len(body) <= _PIECE:
            yield Step(head + body, _within(request.write_timeout, deadline))
            return
        yield Step(head, _within(request.write_timeout, deadline))
        view = memoryview(body)
        for start in range(0, len(body), _PIECE):
            yield Step(view[start : start + _PIECE], _within(request.write_timeout, deadline))
    except TimeoutError as error:
        raise WriteTimeout("the request was not taken in time", phase="write") from error
    except OSError as error:
        message = f"the connection broke while the request was written ({told(error)})"
        raise WriteError(message, phase="write") from error


def _read_head(limit: float | None, deadline: float | None) -> Steps:
    data = b""
    while True:
        try:
            more = yield Step(None, _within(limit, deadline))
        except OSError as error:
            raise reading(error, "head") from error
        if not more:
            how_far = f"in the middle of the headers, after {len(data)} bytes" if data else "without an answer"
            raise ReadError(f"the server closed the connection {how_far}", phase="head")
        data += more
        while (answer := wire.parse_head(data)) is not None:
            rest = data[answer.size :]
            if answer.status >= 200 or answer.status == 101:  # noqa: PLR2004 - the others only announce the response
                return answer, rest
            data = rest


def reading(error: OSError, phase: Phase) -> ReadError | ReadTimeout:
    """The transport error for `error`, met while receiving."""
    if isinstance(error, TimeoutError):
        return ReadTimeout("the server sent nothing in time", phase=phase)
    return ReadError(f"the connection broke ({told(error)})", phase=phase)


def told(error: OSError) -> str:
    """The system's words for `error`."""
    return error.strerror or str(error) or type(error).__name__


def remaining(limit: float | None, deadline: float | None) -> float | None:
    """`limit`, or the seconds left until `deadline` where those are fewer."""
    if deadline is None:
        return limit
    left = deadline - time.monotonic()
    return left if limit is None else min(limit, left)


def _within(limit: float | None, deadline: float | None) -> float | None:
    limit = remaining(limit, deadline)
    if limit is not None and limit <= 0:
        raise TimeoutError("no time left")
    return limit
