"""The own transports among threads, event loops, forks and interpreter exits."""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import resource
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest

from llmswitch import transport
from llmswitch.transport.base import AsyncSender, ReadError, Request
from tests.servers import AUTHORITY, Server, answer, chunked, endless, head, raw, stall, wait_until

ROOT = pathlib.Path(__file__).parent.parent


def asking(url: str, **options: Any) -> Request:
    return Request(method="POST", url=url, body=b"{}", **{"connect_timeout": 10, "read_timeout": 10} | options)


def run_script(script: str, *arguments: str, **environment: str) -> str:
    """Run `script` in an interpreter of its own; it has to end by itself, silently, with 0."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def open_files() -> int:
    """How many this process has, 0 where the system does not tell."""
    directory = pathlib.Path("/proc/self/fd")
    return len(list(directory.iterdir())) if directory.is_dir() else 0


# Threads.


def test_64_threads_share_one_transport() -> None:
    sender = transport.open_sync()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(20):
                body = sender.send(asking(server.url)).read()
                assert body == b"x" * 1000 + b"y"
                if number % 5 == 0:
                    sender.send(asking(other.url)).close()
        except Exception as error:  # noqa: BLE001 - told to the main thread
            failed.append(error)

    with Server(chunked(b"x" * 1000, b"y")) as server, Server(endless()) as other:
        threads = [threading.Thread(target=work) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == []
        assert len(server.requests) == 64 * 20
        assert server.connections <= 64
        wait_until(lambda: other.open_connections == 0)
        sender.close()
        wait_until(lambda: server.open_connections == 0)


def test_close_while_threads_read_ends_them_all() -> None:
    sender = transport.open_sync()
    ended: list[BaseException] = []

    def read() -> None:
        try:
            sender.send(asking(server.url)).read()
        except ReadError as error:
            ended.append(error)

    with Server(raw(head(200, "Content-Length: 9"), then=stall)) as server:
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(server.requests) == 8)
        sender.close()
        for thread in threads:
            thread.join(5)
        assert len(ended) == 8
        wait_until(lambda: server.open_connections == 0)


# Event loops.


def test_one_transport_serves_loop_after_loop() -> None:
    sender = transport.open_async()

    async def twice() -> None:
        for _ in range(2):
            assert await (await sender.send(asking(server.url))).read() == b"{}"

    with Server(answer()) as server:
        for number in range(1, 4):
            asyncio.run(twice())
            assert server.connections == number
            # asyncio.run has taken the connections along
            wait_until(lambda: server.open_connections == 0, seconds=1)


def test_loops_in_threads_share_one_transport() -> None:
    sender = transport.open_async()
    failed: list[BaseException] = []

    async def many() -> None:
        async def one() -> None:
            assert await (await sender.send(asking(server.url))).read() == b"{}"

        for _ in range(5):
            await asyncio.gather(*(one() for _ in range(10)))

    def work() -> None:
        try:
            asyncio.run(many())
        except Exception as error:  # noqa: BLE001 - told to the main thread
            failed.append(error)

    with Server(answer()) as server:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == []
        assert len(server.requests) == 8 * 50
        wait_until(lambda: server.open_connections == 0)


def test_dead_loops_are_let_go() -> None:
    sender = transport.open_async()
    direct: Any = sender._direct  # type: ignore[attr-defined]

    async def once() -> None:
        await (await sender.send(asking(server.url))).read()

    with Server(answer()) as server:
        for _ in range(5):
            asyncio.run(once())
            assert not direct._homes
        # Closed without asyncio's usual ending, which leaves sockets to the collector: no word on stderr either.
        script = """
            import asyncio
            sender = transport.open_async()
            async def main(): await (await sender.send(ask(url))).read()
            for _ in range(3):
                loop = asyncio.new_event_loop()
                loop.run_until_complete(main())
                loop.close()
            asyncio.run(main())
            assert not sender._direct._homes
        """
        run_script(textwrap.dedent(_FORK) + textwrap.dedent(script), server.url, "")
        assert len(server.requests) == 9
        wait_until(lambda: server.open_connections == 0)


@pytest.mark.parametrize("phase", ["head", "body", "connect"])
def test_cancelling_frees_the_connection(phase: str) -> None:
    async def ask(sender: AsyncSender) -> None:
        url = server.url if phase != "connect" else server.url.replace("http:", "https:")
        response = await sender.send(asking(url, read_timeout=None))
        await response.read()

    async def main() -> None:
        sender = transport.open_async()
        task = asyncio.create_task(ask(sender))
        await asyncio.to_thread(wait_until, lambda: server.requests or (phase == "connect" and server.connections))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: server.open_connections == 0, 1)
        await sender.aclose()

    with Server(stall if phase == "head" else endless()) as server:
        asyncio.run(main())


def test_a_thousand_open_streams() -> None:
    """Each is served in turn, none starves, and closing them frees all; 2 000 sockets, for both ends are here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))

    async def main() -> None:
        sender = transport.open_async()
        responses = await asyncio.gather(
            *(sender.send(asking(server.url, connect_timeout=30, read_timeout=60)) for _ in range(1000))
        )
        streams = [response.chunks() for response in responses]
        for _ in range(2):
            pieces = await asyncio.gather(*(anext(stream) for stream in streams))
            assert all(piece.startswith(b"data") for piece in pieces)
        assert server.open_connections == 1000
        await sender.aclose()
        await asyncio.to_thread(wait_until, lambda: server.open_connections == 0)

    with Server(endless(pause=1)) as server:
        asyncio.run(main())


def test_a_loop_that_is_busy_elsewhere_does_not_use_up_the_time_to_connect() -> None:
    """With a thousand calls at once each turn of the loop takes long, and connecting takes several turns."""

    async def main() -> int:
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(transport.open_async().send(asking(server.url, connect_timeout=0.2)))
            while not sending.done():
                time.sleep(0.1)  # noqa: ASYNC251 - that is what is meant
                await asyncio.sleep(0)
        return sending.result().status

    with Server(answer()) as server:
        assert asyncio.run(main()) == 200


def test_nothing_is_left_after_aclose() -> None:
    async def main() -> None:
        sender = transport.open_async()
        stream = await sender.send(asking(other.url))
        await anext(stream.chunks())
        await (await sender.send(asking(server.url))).read()
        await sender.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    threads = threading.active_count()
    with Server(answer()) as server, Server(endless()) as other:
        before = open_files()
        asyncio.run(main())
        gc.collect()
        wait_until(lambda: server.open_connections + other.open_connections == 0)
        wait_until(lambda: open_files() <= before)
    assert threading.active_count() == threads


# Forks.

_FORK = """
    import os, sys
    from llmswitch import transport
    from llmswitch.transport.base import Request

    url, stream_url = sys.argv[1:]
    def ask(url): return Request(method="POST", url=url, body=b"{}", connect_timeout=10, read_timeout=10)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("tls", [None, "loopback.pem"])
def test_a_sync_transport_made_before_a_fork_works_on_both_sides(tls: str | None) -> None:
    script = """
        sender = transport.open_sync()
        sender.send(ask(url)).read()
        stream = sender.send(ask(stream_url)); pieces = stream.chunks(); next(pieces)
        child = os.fork()
        if child == 0:
            for _ in range(3):
                assert sender.send(ask(url)).read() == b"{}"
            sender.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert sender.send(ask(url)).read() == b"{}"   # on the connection from before the fork
        for _ in range(3):
            assert next(pieces)
        stream.close()
    """
    with Server(answer(), tls=tls) as server, Server(endless(), tls=tls) as other:
        run_script(
            textwrap.dedent(_FORK) + textwrap.dedent(script), server.url, other.url, SSL_CERT_FILE=str(AUTHORITY)
        )
        assert server.connections == 2  # the parent's, the child's
        assert other.connections == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("tls", [None, "loopback.pem"])
def test_an_async_transport_made_before_a_fork_works_on_both_sides(tls: str | None) -> None:
    script = """
        import asyncio
        sender = transport.open_async()

        async def one():
            assert await (await sender.send(ask(url))).read() == b"{}"

        async def parent():
            await one()
            stream = await sender.send(ask(stream_url)); pieces = stream.chunks(); await anext(pieces)
            child = os.fork()
            if child == 0:
                return True
            await asyncio.sleep(0.3)
            assert os.waitpid(child, 0)[1] == 0
            await one()
            for _ in range(3):
                assert await anext(pieces)
            await stream.aclose()
            return False

        async def both():
            for _ in range(3):
                await one()
            await sender.aclose()

        run = asyncio.new_event_loop().run_until_complete
        if run(parent()):
            asyncio.events._set_running_loop(None)
            asyncio.run(both())
            os._exit(0)
    """
    with Server(answer(), tls=tls) as server, Server(endless(), tls=tls) as other:
        run_script(
            textwrap.dedent(_FORK) + textwrap.dedent(script), server.url, other.url, SSL_CERT_FILE=str(AUTHORITY)
        )
        assert server.connections == 2
        assert other.connections == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_child_does_not_hold_the_parents_connections_open(kind: str) -> None:
    """The upstream sees the parent's close while a forked child lives on."""
    script = """
        import asyncio, time
        kind = sys.argv.pop() if False else os.environ["KIND"]

        def fork():
            child = os.fork()
            if child == 0:
                time.sleep(8)
                os._exit(0)
            print(child, flush=True)

        async def main():
            sender = transport.open_async()
            stream = await sender.send(ask(stream_url)); await anext(stream.chunks())
            fork()
            await sender.aclose()

        if kind == "async":
            asyncio.run(main())
        else:
            sender = transport.open_sync()
            stream = sender.send(ask(stream_url)); next(stream.chunks())
            fork()
            sender.close()
        os._exit(0)
    """
    with Server(answer()) as server, Server(endless()) as other:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_FORK) + textwrap.dedent(script), server.url, other.url],
            cwd=ROOT,
            env={**os.environ, "KIND": kind},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert process.wait(20) == 0
        wait_until(lambda: other.connections == 1 and other.open_connections == 0, seconds=2)
        os.kill(child, 9)
        process.stdout.close()


# Exits.

_OPEN = {
    "sync": """
        sender = transport.open_sync()
        kept = sender.send(ask(url)); kept.read()
        stream = sender.send(ask(stream_url)); pieces = stream.chunks(); next(pieces)
        unread = sender.send(ask(stream_url))
    """,
    "async": """
        import asyncio
        sender = transport.open_async()
        async def main():
            global stream, pieces, unread
            await (await sender.send(ask(url))).read()
            stream = await sender.send(ask(stream_url)); pieces = stream.chunks(); await anext(pieces)
            unread = await sender.send(ask(stream_url))
        asyncio.run(main())
    """,
    "async, loop left open": """
        import asyncio
        sender = transport.open_async()
        async def main():
            global stream, pieces, unread
            await (await sender.send(ask(url))).read()
            stream = await sender.send(ask(stream_url)); pieces = stream.chunks(); await anext(pieces)
            unread = await sender.send(ask(stream_url))
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
    """,
    "async, loop closed bare": """
        import asyncio
        sender = transport.open_async()
        async def main():
            global stream, pieces, unread
            await (await sender.send(ask(url))).read()
            stream = await sender.send(ask(stream_url)); pieces = stream.chunks(); await anext(pieces)
            unread = await sender.send(ask(stream_url))
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    """,
    "sync, in daemon threads": """
        import threading, time
        sender = transport.open_sync()
        def read():
            for _ in sender.send(ask(stream_url)).chunks():
                pass
        for _ in range(4):
            threading.Thread(target=read, daemon=True).start()
        time.sleep(0.3)
    """,
    # Under asyncio httpx itself complains of streams left open.
    "over httpx": """
        import httpx2, ssl
        sender = transport.over(httpx2.Client(verify=ssl.create_default_context()))
        stream = sender.send(ask(stream_url)); pieces = stream.chunks(); next(pieces)
    """,
}


@pytest.mark.parametrize("tls", [None, "loopback.pem"])
@pytest.mark.parametrize("script", _OPEN.values(), ids=_OPEN)
def test_the_interpreter_exits_silently_with_streams_open(script: str, tls: str | None) -> None:
    with Server(answer(), tls=tls) as server, Server(endless(), tls=tls) as other:
        run_script(
            textwrap.dedent(_FORK) + textwrap.dedent(script), server.url, other.url, SSL_CERT_FILE=str(AUTHORITY)
        )
        wait_until(lambda: server.open_connections + other.open_connections == 0, seconds=1)


def test_importing_and_making_a_transport_is_light() -> None:
    script = """
        import sys
        from llmswitch import transport
        assert "ssl" not in sys.modules and "socket" not in sys.modules, "importing the package loads sockets"
        import socket
        def never(*args): raise AssertionError("a socket was made")
        socket.socket.__init__ = never
        transport.open_sync(); transport.open_async()
        assert not {"aiohttp", "httpx", "httpx2", "urllib.request", "http.client"} & set(sys.modules)
    """
    clean = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    run_script(script, **clean)


def test_a_dropped_transport_goes_silently_whatever_the_collector_meets_first() -> None:
    script = """
        import gc, sys
        from llmswitch import transport
        from llmswitch.transport.base import Request

        for generation in (0, 1, 2):
            sender = transport.open_sync()
            sender.me = sender
            gc.collect(generation)
            sender.send(Request(method="POST", url=sys.argv[1], body=b"{}")).read()
            del sender
            gc.collect()
    """
    with Server(answer()) as server:
        run_script("import warnings\nwarnings.simplefilter('error')\n" + textwrap.dedent(script), server.url)
        wait_until(lambda: server.open_connections == 0)
