"""Every transport over real sockets: what it sends, what it gives, how it fails, what it leaves behind."""

from __future__ import annotations

import asyncio
import gzip
import pickle
import socket
import ssl
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from llmswitch import transport
from llmswitch.transport.base import (
    ConnectError,
    ConnectTimeout,
    ProtocolError,
    ReadError,
    ReadTimeout,
    Request,
    TLSError,
    TLSVerifyError,
    TransportError,
    WriteError,
    WriteTimeout,
)
from tests.servers import (
    AUTHORITY,
    Server,
    answer,
    black_hole,
    chunked,
    close,
    closed_port,
    drip,
    endless,
    framed,
    head,
    in_turn,
    raw,
    reset,
    stall,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.transport.base import AsyncResponse, AsyncSender, Response, Sender
    from tests.servers import Exchange

SHORT = 0.3  # seconds, where a timeout is wanted


class Caller:
    """A sync sender, or an async one run to completion step by step, behind one face."""

    def __init__(self, sender: Sender | AsyncSender) -> None:
        self.sender = sender
        self.runner = asyncio.Runner() if asyncio.iscoroutinefunction(sender.send) else None

    def run(self, result: Any) -> Any:
        if self.runner is None:
            return result
        return self.runner.run(_awaited(result))

    def send(self, url: str, body: bytes | None = b"{}", method: str = "POST", **options: Any) -> Answer:
        options = {"connect_timeout": 5, "read_timeout": 5, "write_timeout": 5} | options
        return Answer(self, self.run(self.sender.send(Request(method=method, url=url, body=body, **options))))

    def turn(self) -> None:
        """Let the event loop, where there is one, do what it has to do."""
        self.run(asyncio.sleep(0.01) if self.runner else None)

    def close(self) -> None:
        self.run(self.sender.close() if self.runner is None else self.sender.aclose())  # type: ignore[union-attr]

    def end(self) -> None:
        self.close()
        if self.runner is not None:
            self.runner.close()


async def _awaited(result: Any) -> Any:
    return await result


async def _next(chunks: Any) -> Any:
    return await anext(chunks, None)


class Answer:
    def __init__(self, caller: Caller, response: Response | AsyncResponse) -> None:
        self.caller = caller
        self.response: Any = response
        self.status, self.headers = response.status, response.headers
        self.chunks: Any = response.chunks()

    def read(self, limit: int | None = None) -> bytes:
        data: bytes = self.caller.run(self.response.read(limit))
        return data

    def next(self) -> bytes | None:
        found: bytes | None = (
            next(self.chunks, None) if self.caller.runner is None else self.caller.run(_next(self.chunks))
        )
        return found

    def close(self) -> None:
        self.caller.run(self.response.close() if self.caller.runner is None else self.response.aclose())


def make(kind: str, verify: ssl.SSLContext | None = None) -> Sender | AsyncSender:
    if kind == "sync":
        return transport.open_sync(verify=verify)
    if kind == "async":
        return transport.open_async(verify=verify)
    if kind == "httpx":
        return transport.over(httpx2.Client(verify=verify or True, trust_env=False))
    return transport.over_async(httpx2.AsyncClient(verify=verify or True, trust_env=False))


OWN = ("sync", "async")
ALL = (*OWN, "httpx", "httpx-async")
every = pytest.mark.parametrize("caller", ALL, indirect=True)
own = pytest.mark.parametrize("caller", OWN, indirect=True)


@pytest.fixture
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    made = Caller(make(request.param))
    yield made
    made.end()


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=AUTHORITY)


# What is sent.


@every
def test_a_request_arrives_as_given(caller: Caller) -> None:
    with Server(answer(200, b"[1]", "X-Request-Id: r1", "Set-Cookie: a=b")) as server:
        url = f"{server.url}/v1/chat?api-version=1&x=%20é"
        got = caller.send(url, b'{"a":1}', headers=[("Authorization", "Bearer sk-x"), ("X-Latin", "caf\xe9")])
        assert (got.status, got.read(), got.response.header("x-request-id")) == (200, b"[1]", "r1")
        assert got.response.http_version == "1.1"
        caller.send(url).read()
        first, second = server.requests
        assert (first.method, first.path, first.body) == ("POST", "/v1/chat?api-version=1&x=%20%C3%A9", b'{"a":1}')
        assert first.headers["authorization"] == "Bearer sk-x"
        assert first.headers["x-latin"] == "caf\xe9"
        assert first.headers["host"] == f"127.0.0.1:{server.port}"
        assert first.headers["accept-encoding"] == "gzip, deflate"
        assert first.headers["content-length"] == "7"
        assert "cookie" not in second.headers or caller.sender.__class__.__name__.endswith("HttpxTransport")
        assert server.connections == 1


@own
def test_nothing_is_added_but_what_http_needs(caller: Caller) -> None:
    with Server(answer()) as server:
        caller.send(server.url, None, "GET").read()
        assert set(server.requests[0].headers) == {"host", "accept-encoding"}
        assert server.requests[0].path == "/"


@own
def test_a_user_in_the_url_becomes_basic_authorization(caller: Caller) -> None:
    with Server(answer()) as server:
        caller.send(f"http://me:a%20b@127.0.0.1:{server.port}/", headers=[("Authorization", "Bearer x")]).read()
        assert server.requests[0].headers["authorization"] == "Basic bWU6YSBi"


@every
@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "canary\r\nX-B: 2"),
        ("X-A", "canary\n"),
        ("X-A", "canary\rX-B: 2"),
        ("X-A", "canary\0"),
        ("X-A", "canary中"),
        ("X A", "canary"),
        ("", "canary"),
    ],
)
def test_a_header_that_cannot_stand_is_refused_before_anything_is_sent(caller: Caller, header: tuple[str, str]) -> None:
    with Server(answer()) as server:
        with pytest.raises(ValueError, match="header") as caught:
            caller.send(server.url, headers=[header])
        assert "canary" not in str(caught.value)
        assert server.connections == 0


@every
@pytest.mark.parametrize("url", ["ftp://a/", "/v1", "http://", "http://a b/", "http://a/\r\nX: y", "http://a:99999/"])
def test_a_url_that_is_none_is_refused(caller: Caller, url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        caller.send(url)


@every
def test_a_large_body_arrives_whole(caller: Caller) -> None:
    body = bytes(range(256)) * 40_000  # 10 MB
    with Server(answer()) as server:
        assert caller.send(server.url, body).read() == b"{}"
        assert server.requests[0].body == body


# What comes back.


@every
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_chunked_bodies(caller: Caller, method: str) -> None:
    parts = [b"data: 1\n\n", b"x" * 70_000, b"\r\n", b"end"]
    with Server(chunked(*parts)) as server:
        for _ in range(2):
            assert caller.send(server.url, None, method).read() == b"".join(parts)
        assert server.connections == 1


@every
def test_chunks_come_as_they_arrive(caller: Caller) -> None:
    with Server(endless(b"data: x\n\n", pause=0.05)) as server:
        got = caller.send(server.url)
        began = time.monotonic()
        assert [got.next() for _ in range(3)] == [b"data: x\n\n"] * 3
        assert time.monotonic() - began < 5
        got.close()


@own
def test_every_byte_may_come_alone(caller: Caller) -> None:
    whole = head(200, "Transfer-Encoding: chunked", "A: 1") + b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: trailer\r\n\r\n"
    with Server(drip(whole, pause=0)) as server:
        for _ in range(2):
            got = caller.send(server.url)
            assert (got.response.header("a"), got.read()) == ("1", b"hello!")
        assert server.connections == 1


@own
def test_a_body_without_a_length_lasts_until_the_end(caller: Caller) -> None:
    with Server(raw(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nabc", b"def", pause=0.01, then=close)) as server:
        assert caller.send(server.url).read() == b"abcdef"
        assert caller.send(server.url).read() == b"abcdef"
        assert server.connections == 2


@every
@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(caller: Caller, status: int) -> None:
    with Server(raw(head(status))) as server:
        assert caller.send(server.url).read() == b""
        assert caller.send(server.url).read() == b""
        assert server.connections == 1


@own
def test_a_head_request_has_no_body(caller: Caller) -> None:
    with Server(raw(head(200, "Content-Length: 5"))) as server:
        for _ in range(2):
            assert caller.send(server.url, None, "HEAD").read() == b""
        assert server.connections == 1


@every
def test_interim_responses_are_passed_over(caller: Caller) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    with Server(raw(interim, head(201, "Content-Length: 2") + b"ok", pause=0.01)) as server:
        got = caller.send(server.url)
        assert (got.status, got.read()) == (201, b"ok")


@every
def test_redirects_are_answers(caller: Caller) -> None:
    with Server(answer(302, b"", "Location: http://127.0.0.1:1/")) as server:
        got = caller.send(server.url)
        assert (got.status, got.response.header("LOCATION")) == (302, "http://127.0.0.1:1/")
        assert len(server.requests) == 1


@every
def test_compressed_bodies_are_decoded(caller: Caller) -> None:
    text = b"data: {}\n\n" * 50_000
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bare = deflate.compress(text) + deflate.flush()
    for encoding, body in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text)), ("deflate", bare)):
        with Server(answer(200, body, f"Content-Encoding: {encoding}")) as server:
            assert caller.send(server.url).read() == text
            assert caller.send(server.url, decode=False).read() == body


@own
def test_a_compressed_stream_is_decoded_as_it_comes(caller: Caller) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    parts = [packer.compress(b"data: %d\n\n" % number) + packer.flush(zlib.Z_SYNC_FLUSH) for number in range(3)]
    start = head(200, "Content-Encoding: gzip", "Transfer-Encoding: chunked")
    with Server(raw(start, *(framed(part, end=False) for part in parts), pause=0.05, then=stall)) as server:
        got = caller.send(server.url)
        assert [got.next() for _ in range(3)] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]
        got.close()


@every
def test_a_decompression_bomb_is_not_swallowed(caller: Caller) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    with Server(answer(200, bomb, "Content-Encoding: gzip")) as server:
        with pytest.raises(ProtocolError, match="64 MiB"):
            caller.send(server.url).read()
        assert caller.send(server.url).read(limit=10) == bytes(10)


@own
@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("gzip", b"not gzip", ProtocolError),
        ("gzip", gzip.compress(b"abc" * 99, mtime=0)[:-9], ReadError),
        ("br", b"x", ProtocolError),
    ],
)
def test_damaged_compression(caller: Caller, encoding: str, body: bytes, error: type[TransportError]) -> None:
    with Server(answer(200, body, f"Content-Encoding: {encoding}")) as server:
        with pytest.raises(error) as caught:
            caller.send(server.url).read()
        assert caught.value.phase == "body"


@every
def test_reading_up_to_a_limit_frees_the_connection(caller: Caller) -> None:
    with Server(endless(b"x" * 1000)) as server:
        assert caller.send(server.url).read(limit=2500) == b"x" * 2500
        wait_until(lambda: server.open_connections == 0)


@every
def test_a_large_body_waits_for_a_slow_reader(caller: Caller) -> None:
    body = bytes(range(256)) * 80_000  # 20 MB
    with Server(answer(200, body)) as server:
        got = caller.send(server.url)
        found = [got.next() or b""]
        time.sleep(0.2)
        caller.turn()
        while piece := got.next():
            found.append(piece)
        assert b"".join(found) == body


# Connections.


@own
def test_the_connection_used_last_is_used_next(caller: Caller) -> None:
    """So that those which a burst left over grow old and go."""
    with Server(raw(head(200, "Content-Length: 2") + b"{", b"}", pause=0.02)) as server:
        for one in [caller.send(server.url) for _ in range(3)]:
            one.read()
        for _ in range(3):
            caller.send(server.url).read()
        assert [request.connection for request in server.requests] == [1, 2, 3, 3, 3, 3]


@every
def test_connections_are_kept_and_shared_one_after_the_other(caller: Caller) -> None:
    with Server(answer()) as server:
        for _ in range(20):
            caller.send(server.url).read()
        assert (len(server.requests), server.connections) == (20, 1)


@own
@pytest.mark.parametrize(
    "reply",
    [
        head(200, "Content-Length: 2", "Connection: close") + b"{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        head(200, "Content-Length: 2") + b"{}too much",
        head(200, "Transfer-Encoding: chunked") + framed(b"{}") + b"x",
        head(204) + b"x",
    ],
)
def test_a_connection_that_is_spent_is_not_used_again(caller: Caller, reply: bytes) -> None:
    with Server(raw(reply)) as server:
        for _ in range(2):
            caller.send(server.url).read()
        assert server.connections == 2
        wait_until(lambda: server.open_connections == 0)


@every
def test_a_connection_closed_while_idle_is_replaced_unseen(caller: Caller) -> None:
    with Server(answer()) as server:
        for _ in range(3):
            caller.send(server.url).read()
            server.drop_connections()
            caller.turn()
        assert server.connections == 3


@own
def test_what_a_server_says_to_an_idle_connection_is_no_answer(caller: Caller) -> None:
    async def then_complain(exchange: Exchange) -> None:
        await exchange.send(head(200, "Content-Length: 2") + b"{}")
        await asyncio.sleep(0.05)
        await exchange.send(head(408, "Content-Length: 0", "Connection: close"))

    with Server(in_turn(then_complain, answer(200, b"[]"))) as server:
        caller.send(server.url).read()
        time.sleep(0.2)
        caller.turn()
        got = caller.send(server.url)
        assert (got.status, got.read(), server.connections) == (200, b"[]", 2)


@own
@pytest.mark.parametrize("end", [close, reset])
def test_a_kept_connection_that_dies_under_the_request_is_replaced_once(caller: Caller, end: Any) -> None:
    with Server(in_turn(answer(), end, answer(200, b"[]"))) as server:
        caller.send(server.url).read()
        assert caller.send(server.url).read() == b"[]"
        assert (len(server.requests), server.connections) == (3, 2)


@own
def test_a_fresh_connection_that_dies_is_not_replaced(caller: Caller) -> None:
    with Server(close) as server:
        with pytest.raises(ReadError) as caught:
            caller.send(server.url)
        assert (caught.value.phase, caught.value.sent, len(server.requests)) == ("head", True, 1)


@own
def test_a_kept_connection_that_dies_within_the_answer_is_not_replaced(caller: Caller) -> None:
    with Server(in_turn(answer(), raw(b"HTTP/1.1 200", then=close))) as server:
        caller.send(server.url).read()
        with pytest.raises(ReadError, match="in the middle"):
            caller.send(server.url)
        assert len(server.requests) == 2


@own
def test_a_kept_connection_that_was_working_on_the_request_is_not_replaced(caller: Caller) -> None:
    async def works_then_dies(exchange: Exchange) -> None:
        await asyncio.sleep(2.2)
        exchange.close()

    with Server(in_turn(answer(), works_then_dies)) as server:
        caller.send(server.url).read()
        with pytest.raises(ReadError):
            caller.send(server.url)
        assert len(server.requests) == 2


@every
def test_closing_an_unfinished_body_frees_the_connection(caller: Caller) -> None:
    with Server(endless()) as server:
        got = caller.send(server.url)
        got.next()
        got.close()
        got.close()
        wait_until(lambda: server.open_connections == 0, seconds=1)


@every
def test_dropping_an_unfinished_body_frees_the_connection(caller: Caller) -> None:
    with Server(endless()) as server:
        got = caller.send(server.url)
        got.next()
        del got
        caller.turn()
        wait_until(lambda: server.open_connections == 0, seconds=1)


@every
def test_close_frees_idle_and_used_connections(caller: Caller) -> None:
    with Server(answer()) as server, Server(endless()) as other:
        caller.send(server.url).read()
        stream = caller.send(other.url)
        stream.next()
        caller.close()
        caller.turn()
        wait_until(lambda: server.open_connections + other.open_connections == 0, seconds=1)
        with pytest.raises(ReadError):
            for _ in range(100):
                stream.next()
        with pytest.raises(RuntimeError, match="closed"):
            caller.send(server.url)
        caller.close()


@pytest.mark.parametrize("kind", ["sync", "httpx"])
def test_closing_a_stream_wakes_a_reader_in_another_thread(kind: str) -> None:
    sender: Any = make(kind)
    with Server(raw(head(200, "Content-Length: 9") + b"abc", then=stall)) as server:
        response = sender.send(Request(method="GET", url=server.url))
        caught: list[BaseException] = []

        def read() -> None:
            try:
                response.read()
            except TransportError as error:
                caught.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(0.1)
        response.close()
        reader.join(5)
        assert not reader.is_alive()
        assert isinstance(caught[0], ReadError)
        wait_until(lambda: server.open_connections == 0)
    sender.close()


# How it fails.


@every
def test_refused(caller: Caller) -> None:
    with pytest.raises(ConnectError) as caught:
        caller.send(f"http://127.0.0.1:{closed_port()}/")
    assert (caught.value.phase, caught.value.sent) == ("connect", False)
    assert caught.value.__cause__ is not None


@every
@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.invalid"])
def test_an_unknown_name(caller: Caller, host: str) -> None:
    with pytest.raises(ConnectError) as caught:
        caller.send(f"http://{host}/")
    assert (caught.value.phase, caught.value.sent) == ("dns", False)


@every
def test_no_connection_in_time(caller: Caller) -> None:
    with black_hole() as port, pytest.raises(ConnectTimeout) as caught:
        caller.send(f"http://127.0.0.1:{port}/", connect_timeout=SHORT)
    assert (caught.value.phase, caught.value.sent) == ("connect", False)


@every
def test_total_bounds_connecting_too(caller: Caller) -> None:
    with black_hole() as port, pytest.raises((ConnectTimeout, ReadTimeout)):
        caller.send(f"http://127.0.0.1:{port}/", connect_timeout=60, total=SHORT)


@every
@pytest.mark.parametrize("limits", [{"read_timeout": SHORT}, {"total": SHORT}])
def test_no_head_in_time(caller: Caller, limits: dict[str, Any]) -> None:
    with Server(stall) as server:
        with pytest.raises(ReadTimeout) as caught:
            caller.send(server.url, **limits)
        assert (caught.value.phase, caught.value.sent) == ("head", True)
        caller.turn()
        wait_until(lambda: server.open_connections == 0, seconds=1)


@pytest.mark.parametrize("caller", [*OWN, "httpx-async"], indirect=True)
def test_a_head_that_drips_runs_out_of_total(caller: Caller) -> None:
    with Server(drip(head(200, *(f"A{n}: b" for n in range(1000))), pause=0.02)) as server, pytest.raises(ReadTimeout):
        caller.send(server.url, read_timeout=5, total=SHORT)


@every
def test_a_gap_in_the_body(caller: Caller) -> None:
    with Server(raw(head(200, "Content-Length: 9") + b"abc", then=stall)) as server:
        got = caller.send(server.url, read_timeout=SHORT)
        assert got.next() == b"abc"
        with pytest.raises(ReadTimeout) as caught:
            got.next()
        assert caught.value.phase == "body"
        caller.turn()
        wait_until(lambda: server.open_connections == 0, seconds=1)


@every
def test_total_does_not_bound_the_body(caller: Caller) -> None:
    parts = [b"a"] * 5
    with Server(raw(head(200, "Content-Length: 5"), *parts, pause=0.15)) as server:
        assert caller.send(server.url, total=0.5).read() == b"aaaaa"


@every
def test_the_read_timeout_can_be_changed_between_reads(caller: Caller) -> None:
    with Server(raw(head(200, "Content-Length: 9") + b"abc", then=stall)) as server:
        got = caller.send(server.url, read_timeout=60, connect_timeout=60, write_timeout=60)
        assert got.next() == b"abc"
        got.response.set_read_timeout(SHORT)
        began = time.monotonic()
        with pytest.raises(ReadTimeout):
            got.next()
        assert time.monotonic() - began < 30


@own
def test_a_server_that_takes_no_bytes(caller: Caller) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with pytest.raises(WriteTimeout) as caught:
            caller.send(f"http://127.0.0.1:{listener.getsockname()[1]}/", bytes(50_000_000), write_timeout=SHORT)
        assert (caught.value.phase, caught.value.sent) == ("write", True)


@every
@pytest.mark.parametrize("end", [close, reset])
@pytest.mark.parametrize(
    "start",
    [
        head(200, "Content-Length: 9") + b"abc",
        head(200, "Transfer-Encoding: chunked") + framed(b"abc", end=False),
        head(200, "Transfer-Encoding: chunked") + b"9\r\nabc",
    ],
)
def test_a_body_cut_short(caller: Caller, start: bytes, end: Any) -> None:
    async def later(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await end(exchange)

    with Server(raw(start, then=later)) as server:
        got = caller.send(server.url)
        assert got.next() == b"abc"
        with pytest.raises(ReadError) as caught:
            got.next()
        assert (caught.value.phase, caught.value.sent) == ("body", True)


@own
def test_bytes_that_came_before_the_cut_are_not_lost(caller: Caller) -> None:
    with Server(raw(head(200, "Content-Length: 9"), b"abc", b"def", pause=0.02, then=close)) as server:
        got = caller.send(server.url)
        time.sleep(0.3)
        caller.turn()
        found = b""
        with pytest.raises(ReadError):
            while piece := got.next():
                found += piece
        assert found == b"abcdef"


@every
@pytest.mark.parametrize("end", [close, reset])
def test_no_answer_at_all(caller: Caller, end: Any) -> None:
    with Server(end) as server:
        with pytest.raises(ReadError) as caught:
            caller.send(server.url)
        assert caught.value.phase == "head"


@every
@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46garbage\r\n\r\n",
        b"<html>\r\n\r\n",
    ],
)
def test_what_is_not_http(caller: Caller, reply: bytes) -> None:
    with Server(raw(reply, then=stall)) as server:
        with pytest.raises(ProtocolError) as caught:
            caller.send(server.url)
        assert (caught.value.phase, caught.value.sent) == ("head", True)
        caller.turn()
        wait_until(lambda: server.open_connections == 0)


@own
@pytest.mark.parametrize(
    "reply",
    [
        head(200, "no colon"),
        head(200, "Content-Length: 5", "Content-Length: 6") + b"abcdef",
        head(200, "Content-Length: -5"),
        head(200, "Transfer-Encoding: gzip, chunked"),
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_heads_that_contradict_themselves(caller: Caller, reply: bytes) -> None:
    with Server(raw(reply)) as server, pytest.raises(ProtocolError):
        caller.send(server.url)


@every
@pytest.mark.parametrize("body", [b"xyz\r\nabc\r\n", b"-1\r\n", b"3\r\nabcdef\r\n0\r\n\r\n"])
def test_chunks_out_of_step(caller: Caller, body: bytes) -> None:
    with Server(raw(head(200, "Transfer-Encoding: chunked") + body)) as server, pytest.raises(ProtocolError):
        caller.send(server.url).read()


@every
def test_large_headers_are_read_and_endless_ones_refused(caller: Caller) -> None:
    with Server(answer(200, b"{}", f"X-Policy: {'p' * 40_000}")) as server:
        got = caller.send(server.url)
        assert len(got.response.header("x-policy")) == 40_000
        got.read()
        server.behaviour = raw(head(200)[:-2] + b"A: b\r\n" * 100_000, then=stall)
        with pytest.raises(ProtocolError):
            caller.send(server.url)


@own
def test_an_answer_given_before_the_request_was_read_counts(caller: Caller) -> None:
    """As a gateway does that refuses a large body."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(head(413, "Content-Length: 5", "Connection: close") + b"large")
                time.sleep(0.2)

        server = threading.Thread(target=serve)
        server.start()
        got = caller.send(f"http://127.0.0.1:{listener.getsockname()[1]}/", bytes(5_000_000))
        assert (got.status, got.read()) == (413, b"large")
        got.close()
        server.join(5)


@own
def test_a_request_cut_short(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(WriteError) as caught:
            caller.send(f"http://127.0.0.1:{listener.getsockname()[1]}/", bytes(20_000_000))
        assert (caught.value.phase, caught.value.sent) == ("write", True)
        server.join(5)


# TLS.


def test_a_certificate_of_an_authority_that_is_trusted(kind: str) -> None:
    caller = Caller(make(kind, trusting()))
    with Server(chunked(b"abc"), tls="loopback.pem") as server:
        for _ in range(3):
            assert caller.send(server.url).read() == b"abc"
        assert caller.send(server.url.replace("127.0.0.1", "localhost")).read() == b"abc"
        assert server.connections == 2
    caller.end()


def test_an_authority_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    with Server(answer(), tls="loopback.pem") as server:
        for kind in OWN:
            caller = Caller(make(kind))
            assert caller.send(server.url).read() == b"{}"
            caller.end()


@pytest.mark.parametrize(("certificate", "trust"), [("loopback.pem", None), ("elsewhere.pem", trusting)])
def test_a_certificate_that_does_not_verify(kind: str, certificate: str, trust: Any) -> None:
    caller = Caller(make(kind, trust() if trust else None))
    with Server(answer(), tls=certificate) as server:
        with pytest.raises(TLSVerifyError) as caught:
            caller.send(server.url)
        assert (caught.value.phase, caught.value.sent, server.requests) == ("tls", False, [])
    caller.end()


@pytest.mark.parametrize("end", [close, reset, answer()])
def test_a_handshake_that_is_cut(kind: str, end: Any) -> None:
    """Cut at once, or answered in plain HTTP; the bytes of a handshake are no request to the plain server."""

    def cut(connected: asyncio.Transport) -> None:
        if end is close:
            connected.close()
        elif end is reset:
            connected.abort()
        else:
            connected.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    caller = Caller(make(kind, trusting()))
    with Server(stall, on_connect=cut) as server:
        with pytest.raises(TLSError) as caught:
            caller.send(server.url.replace("http:", "https:"))
        assert not isinstance(caught.value, TLSVerifyError)
        assert (caught.value.phase, caught.value.sent) == ("tls", False)
    caller.end()


@pytest.mark.parametrize("kind", OWN)
def test_a_handshake_that_stalls(kind: str) -> None:
    caller = Caller(make(kind, trusting()))
    with Server(stall) as server:
        with pytest.raises(ConnectTimeout) as caught:
            caller.send(server.url.replace("http:", "https:"), connect_timeout=SHORT)
        assert (caught.value.phase, caught.value.sent) == ("tls", False)
        caller.turn()
        wait_until(lambda: server.open_connections == 0)
    caller.end()


def test_a_stream_over_tls_that_is_cut(kind: str) -> None:
    caller = Caller(make(kind, trusting()))
    begin = head(200, "Transfer-Encoding: chunked") + framed(b"abc", end=False)
    with Server(raw(begin, b"", pause=0.05, then=close), tls="loopback.pem") as server:
        got = caller.send(server.url)
        assert got.next() == b"abc"
        with pytest.raises(ReadError):
            got.next()
        server.behaviour = endless()
        got = caller.send(server.url)
        got.next()
        got.close()
        caller.turn()
        wait_until(lambda: server.open_connections == 0, seconds=1)
    caller.end()


# Errors travel.


def test_errors_can_be_pickled() -> None:
    error = ReadTimeout("nothing came", phase="head")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.phase, copy.sent) == (ReadTimeout, "nothing came", "head", True)
