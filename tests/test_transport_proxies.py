"""Proxies from the environment: they carry what they should and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from llmswitch import transport
from llmswitch.transport.base import ConnectError, Request, TLSVerifyError, TransportError
from tests.servers import AUTHORITY, Proxy, Server, answer, chunked, close, closed_port

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def fetch(kind: str, *urls: str, verify: ssl.SSLContext | None = None) -> list[bytes]:
    """Each URL's body, by one transport."""
    requests = [Request(method="POST", url=url, body=b"{}", connect_timeout=5, read_timeout=5) for url in urls]
    if kind == "sync":
        sender = transport.open_sync(verify=verify)
        try:
            return [sender.send(request).read() for request in requests]
        finally:
            sender.close()

    async def fetch_all() -> list[bytes]:
        sender = transport.open_async(verify=verify)
        try:
            return [await (await sender.send(request)).read() for request in requests]
        finally:
            await sender.aclose()

    return asyncio.run(fetch_all())


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_plain_requests_are_forwarded(kind: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(chunked(b"abc")) as server, Proxy(server) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert fetch(kind, "http://nowhere.invalid/v1/chat") == [b"abc"]
        assert proxy.requests[0].path == "http://nowhere.invalid/v1/chat"
        assert server.requests[0].headers["host"] == "nowhere.invalid"


def test_tls_goes_through_a_tunnel_and_is_verified(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = ssl.create_default_context(cafile=AUTHORITY)
    with Server(answer(), tls="elsewhere.pem") as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert fetch(kind, "https://elsewhere.test/v1", "https://elsewhere.test/v2", verify=trust) == [b"{}", b"{}"]
        assert [(request.method, request.path) for request in proxy.requests] == [("CONNECT", "elsewhere.test:443")]
        with pytest.raises(TLSVerifyError):
            fetch(kind, "https://other.test/", verify=trust)
        with pytest.raises(TLSVerifyError):
            fetch(kind, "https://elsewhere.test/")


def test_no_proxy_is_heeded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answer()) as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
        assert fetch(kind, f"{server.url}/direct", "http://nowhere.invalid/by-proxy") == [b"{}", b"{}"]
        assert [request.path for request in proxy.requests] == ["http://nowhere.invalid/by-proxy"]
        assert len(server.requests) == 2


def test_another_schemes_proxy_is_none_of_ours(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answer()) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv("FTP_PROXY", "http://nowhere.invalid")
        assert fetch(kind, server.url) == [b"{}"]


def test_a_proxy_that_is_down_or_refuses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(ConnectError) as caught:
        fetch(kind, "https://nowhere.invalid/")
    assert caught.value.sent is False
    for behaviour in (answer(407, b""), answer(503, b"down")):
        with Server(behaviour) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with pytest.raises(ConnectError) as caught:
                fetch(kind, "https://nowhere.invalid/")
            assert (caught.value.phase, caught.value.sent) == ("connect", False)
    with Server(close) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(TransportError):
            fetch(kind, "https://nowhere.invalid/")


def test_which_urls_go_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not transport.proxied("https://api.openai.com/v1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", ".corp.example,localhost,api.corp:8443")
    assert transport.proxied("https://api.openai.com/v1")
    assert not transport.proxied("http://api.openai.com/v1")
    assert not transport.proxied("https://localhost/v1")
    assert not transport.proxied("https://models.corp.example/v1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert not transport.proxied("https://api.openai.com/v1")


def test_cookies_of_a_proxied_answer_are_forgotten(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answer(200, b"{}", "Set-Cookie: session=1; Path=/")) as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        fetch(kind, "http://nowhere.invalid/1", "http://nowhere.invalid/2")
        assert all("cookie" not in request.headers for request in server.requests)


def test_several_loops_share_one_proxied_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answer()) as server, Proxy(server) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        sender: Any = transport.open_async()

        async def once() -> bytes:
            response = await sender.send(Request(method="GET", url="http://nowhere.invalid/"))
            body: bytes = await response.read()
            return body

        for _ in range(3):
            assert asyncio.run(once()) == b"{}"
        assert not sender._proxied
