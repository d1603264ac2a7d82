"""Reaching the first of a name's addresses that answers, in an event loop.

asyncio has such a race (`happy_eyeballs_delay`), but CPython 3.12.1 and 3.13.0 leave a cycle of tasks and frames behind it,
through which whatever the caller's task returned lives on: a response that was dropped would hold its connection until the
next garbage collection.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    _Address: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]

_HEAD_START: Final = 0.25  # seconds that an address has before the next is tried beside it


async def reach(loop: asyncio.AbstractEventLoop, host: str, port: int) -> socket.socket:
    """A socket connected to `host`; its addresses are tried in the system's order. Cancelling closes what was opened.

    Raises:
        OSError: a `socket.gaierror` where the name was not found, else what the last address said.
        UnicodeError: no name has such a label.
    """
    left = list(await _addresses(loop, host, port))
    if len(left) == 1:
        return await _open(loop, left[0])
    racing: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = [OSError("the name has no address")]
    try:
        while left or racing:
            if left:
                racing.add(loop.create_task(_open(loop, left.pop(0))))
            await asyncio.wait(racing, timeout=_HEAD_START if left else None, return_when=asyncio.FIRST_COMPLETED)
            if (opened := _winner(racing, errors)) is not None:
                return opened
        raise errors.pop()
    finally:
        await _call_off(racing)


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> Sequence[_Address]:
    try:  # a number needs no look-up, and no thread for it
        return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _open(loop: asyncio.AbstractEventLoop, address: _Address) -> socket.socket:
    family, kind, protocol, _, where = address
    opened = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(0)
        await loop.sock_connect(opened, where)
    except BaseException:
        opened.close()
        raise
    return opened


def _winner(racing: set[asyncio.Task[socket.socket]], errors: list[BaseException]) -> socket.socket | None:
    """Takes those that ended out of `racing`, up to the first that is connected, and notes the others' `errors`."""
    for task in [task for task in racing if task.done()]:
        racing.discard(task)
        error = task.exception()
        if error is None:
            return task.result()
        errors.append(error)
    return None


async def _call_off(racing: set[asyncio.Task[socket.socket]]) -> None:
    for task in racing:
        task.cancel()
    # Waited for, so that no task outlives the race; a second winner may be among them.
    for outcome in await asyncio.gather(*racing, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()
