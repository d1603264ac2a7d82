"""Responses that are translated as they are read, and responses that were read already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmswitch.transport.base import AsyncResponse, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmswitch.sdk.base import Translation, Whole

_BAD = 300  # from here on the vendor's own words go to whoever judges them


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the length, which is not the translation's."""
    return [(name, value) for name, value in headers if name.lower() != "content-length"]


def _translated(response: Response | AsyncResponse, translation: Translation, body: bytes) -> bytes:
    """The whole body; an event stream's where a call that is not streamed was sent as one that is."""
    if "event-stream" in (response.header("content-type") or ""):
        return translation.feed(body) + translation.end()
    return translation.whole(body)


class Translated(Response):
    """A response of another protocol, in OpenAI's shape."""

    __slots__ = ("_inner", "_translation")

    def __init__(self, inner: Response, translation: Translation) -> None:
        super().__init__(inner.status, inner.reason, _kept(inner.headers), inner.http_version)
        self._inner, self._translation = inner, translation

    def chunks(self) -> Iterator[bytes]:
        """The events, translated."""
        for data in self._inner.chunks():
            if said := self._translation.feed(data):
                yield said
        if said := self._translation.end():
            yield said

    def read(self, limit: int | None = None) -> bytes:
        """The whole body, translated where it is a good one."""
        body = self._inner.read(limit)
        return body if self.status >= _BAD else _translated(self, self._translation, body)

    def set_read_timeout(self, seconds: float | None) -> None:
        """As `Response.set_read_timeout`."""
        self._inner.set_read_timeout(seconds)

    def close(self) -> None:
        """As `Response.close`."""
        self._inner.close()


class AsyncTranslated(AsyncResponse):
    """As `Translated`."""

    __slots__ = ("_inner", "_translation")

    def __init__(self, inner: AsyncResponse, translation: Translation) -> None:
        super().__init__(inner.status, inner.reason, _kept(inner.headers), inner.http_version)
        self._inner, self._translation = inner, translation

    async def chunks(self) -> AsyncIterator[bytes]:
        """As `Translated.chunks`."""
        async for data in self._inner.chunks():
            if said := self._translation.feed(data):
                yield said
        if said := self._translation.end():
            yield said

    async def read(self, limit: int | None = None) -> bytes:
        """As `Translated.read`."""
        body = await self._inner.read(limit)
        return body if self.status >= _BAD else _translated(self, self._translation, body)

    def set_read_timeout(self, seconds: float | None) -> None:
        """As `Response.set_read_timeout`."""
        self._inner.set_read_timeout(seconds)

    async def aclose(self) -> None:
        """As `AsyncResponse.aclose`."""
        await self._inner.aclose()

    def abandon(self) -> None:
        """As `AsyncResponse.abandon`."""
        self._inner.abandon()


class Replied(Response):
    """A response that was read already: its connection is free."""

    __slots__ = ("_body",)

    def __init__(self, whole: Whole) -> None:
        super().__init__(whole.status, "", whole.headers, "1.1")
        self._body = whole.body

    def chunks(self) -> Iterator[bytes]:
        """All of it."""
        if self._body:
            yield self._body

    def read(self, limit: int | None = None) -> bytes:
        """As `Response.read`."""
        return self._body[:limit]

    def set_read_timeout(self, seconds: float | None) -> None:
        """Nothing is waited for."""

    def close(self) -> None:
        """Nothing is open."""


class AsyncReplied(AsyncResponse):
    """As `Replied`."""

    __slots__ = ("_body",)

    def __init__(self, whole: Whole) -> None:
        super().__init__(whole.status, "", whole.headers, "1.1")
        self._body = whole.body

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it."""
        if self._body:
            yield self._body

    async def read(self, limit: int | None = None) -> bytes:
        """As `Response.read`."""
        return self._body[:limit]

    def set_read_timeout(self, seconds: float | None) -> None:
        """Nothing is waited for."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def abandon(self) -> None:
        """Nothing is open."""
