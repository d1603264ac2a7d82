"""The HTTP/1.1 reader against the standard library's, and against arbitrary bytes, cut at arbitrary places."""

from __future__ import annotations

import http.client
import io
import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmswitch.transport import wire
from llmswitch.transport.base import Request, TransportError
from llmswitch.transport.body import Reader

if TYPE_CHECKING:
    import socket

name = st.text("abcXYZ019-_", min_size=1, max_size=12).map("x-".__add__)
value = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f\x85\xa0"), max_size=20)
status = st.sampled_from([200, 201, 204, 304, 400, 404, 429, 500, 529])


@st.composite
def responses(draw: st.DrawFn, *, framed: bool = False) -> bytes:
    """A response as servers write them; a `framed` one says where it ends."""
    code = draw(status)
    reason = draw(st.sampled_from([" OK", " Too Many Requests", " ", ""]))
    lines = [f"HTTP/1.{draw(st.sampled_from('011'))} {code}{reason}"]
    lines += [
        f"{key}:{draw(st.sampled_from(['', ' ', '  ']))}{text}"
        for key, text in draw(st.lists(st.tuples(name, value), max_size=6))
    ]
    body = b"".join(parts := draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5)))
    kind = draw(st.sampled_from(["length", "chunked"] if framed else ["length", "chunked", "end"]))
    if code in (204, 304):
        kind = "length"  # the library would look for chunks
    lines += draw(st.sampled_from([[], ["Connection: close"], ["connection: Keep-Alive"]]))
    if kind == "length":
        lines.insert(draw(st.integers(1, len(lines))), f"Content-Length: {len(body)}")
    elif kind == "chunked":
        lines.insert(draw(st.integers(1, len(lines))), "transfer-encoding: chunked")
        extension = draw(st.sampled_from([b"", b";a=b", b" "]))
        body = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if code in (204, 304) else body)


class _Canned:
    """What http.client reads instead of a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


Read = tuple[int, str, list[tuple[str, str]], bytes]


def by_library(data: bytes) -> Read:
    canned: socket.socket = _Canned(data)  # type: ignore[assignment]
    response = http.client.HTTPResponse(canned, method="POST")
    response.begin()
    headers = [(key, text) for key, text in response.getheaders()]
    return response.status, response.reason, headers, response.read()


def by_us(data: bytes, cuts: list[int]) -> Read:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    arrivals = [data[start:end] for start, end in itertools.pairwise(edges)]
    came = b""
    while (answer := wire.parse_head(came)) is None:
        came += arrivals.pop(0)
    reader = Reader(answer, "POST", decode=False)
    pending = [part for part in (came[answer.size :], *arrivals) if part]
    body = b""
    while not reader.done:
        body += b"".join(reader.feed(pending.pop(0) if pending else b""))
    return answer.status, answer.reason, answer.headers, body


@given(responses(), st.lists(st.integers(0, 1000), max_size=12))
def test_it_reads_what_the_standard_library_reads(data: bytes, cuts: list[int]) -> None:
    assert by_us(data, cuts) == by_library(data)


@given(responses(framed=True), st.data())
def test_a_response_cut_anywhere_is_never_taken_for_whole(data: bytes, source: st.DataObject) -> None:
    cut = source.draw(st.integers(0, len(data) - 1))
    with pytest.raises((TransportError, IndexError)):  # IndexError: nothing more arrives while the head is incomplete
        by_us(data[:cut], [])


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
)
def test_arbitrary_bytes_give_a_response_or_a_typed_error(data: bytes, start: bytes) -> None:
    with suppress(TransportError, IndexError):
        by_us(start + data, [7, 50])


def test_folded_headers_and_bare_line_feeds() -> None:
    answer = wire.parse_head(b"HTTP/1.1 200 OK\nA: one\n  two\nB : 3\n\nrest")
    assert answer is not None
    assert (answer.headers, answer.size) == ([("A", "one two"), ("B", "3")], 36)


def test_a_long_stream_costs_time_in_proportion() -> None:
    """A body of one huge chunk in small pieces is not copied over and over."""
    reader = Reader(wire.Head(200, "", [("Transfer-Encoding", "chunked")], "1.1", 0), "GET", decode=False)
    size = 32 << 20
    assert not list(reader.feed(b"%x\r\n" % size))
    piece = bytes(1 << 10)
    assert sum(len(part) for _ in range(size >> 10) for part in reader.feed(piece)) == size
    assert not list(reader.feed(b"\r\n0\r\n\r\n"))
    assert reader.done


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://api.openai.com/v1/chat/completions", "api.openai.com", "/v1/chat/completions"),
        ("https://API.OpenAI.com:443", "api.openai.com", "/"),
        ("http://[::1]:8080/v1?a=b&c=%2F#part", "[::1]:8080", "/v1?a=b&c=%2F"),
        ("https://bücher.example/ä", "xn--bcher-kva.example", "/%C3%A4"),
        ("https://x.openai.azure.com/openai/deployments/a%20b/chat?api-version=2024", "x.openai.azure.com", None),
    ],
)
def test_urls(url: str, authority: str, path: str | None) -> None:
    found = wire.target(url)
    assert found.authority == authority
    assert path is None or found.path == path


def test_framing_headers_of_the_caller_give_way() -> None:
    request = Request(
        method="POST",
        url="http://a/",
        body=b"abc",
        headers=[("content-length", "99"), ("Transfer-Encoding", "chunked"), ("host", "b"), ("Accept-Encoding", "br")],
    )
    head = wire.head(request, wire.target(request.url))
    assert head == b"POST / HTTP/1.1\r\nhost: b\r\nAccept-Encoding: br\r\nContent-Length: 3\r\n\r\n"
