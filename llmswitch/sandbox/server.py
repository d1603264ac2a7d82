"""The sandbox itself: one loopback listener per endpoint and one for the admin API, on a loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Self

from aiohttp import web

from llmswitch import adapter
from llmswitch.sandbox.admin import Admin
from llmswitch.sandbox.answers import Deterministic
from llmswitch.sandbox.endpoint import Endpoint
from llmswitch.sandbox.faults import ERRORS, FaultBook
from llmswitch.sandbox.journal import Journal, concerns
from llmswitch.sandbox.providers import endpoints
from llmswitch.sandbox.vendors.ernie_v1 import ACCESS_KEY, ACCESS_SECRET

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType

    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import RequestHandler

    from llmswitch.sandbox.answers import Generator
    from llmswitch.sandbox.dialect import Provider
    from llmswitch.sandbox.faults import Fault
    from llmswitch.sandbox.journal import RecordedRequest

_LARGEST_BODY = 256 * 2**20
_PORTS = 65_535
_STARTING, _CLOSING = 15.0, 15.0


class Sandbox:
    """The vendors on loopback, with faults on demand.

    Used as a context manager, `with` or `async with`; it runs in a thread of its own either way. Names are those of
    llmswitch: a provider ("qwen"), or an endpoint ("qwen@cn").

    Args:
        providers: whom to serve, as names, or a vendor of your own; None is everybody.
        host: a loopback address; anything else is refused.
        port_base: the admin API's port; the endpoints follow it one by one. None lets the system choose each.
        generator: what writes the text of answers; by default a deterministic one that says so.
        pace: seconds between the content events of a stream.
        seed: of the draw behind `error_rate`.

    Raises:
        ValueError: a vendor that it does not have, a host that is not loopback, a port that does not exist.
        OSError: a port that is taken.
    """

    def __init__(
        self,
        *,
        providers: Iterable[str | Provider] | None = None,
        host: str = "127.0.0.1",
        port_base: int | None = None,
        generator: Generator | None = None,
        pace: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._host = _loopback(host)
        self._port_base = port_base
        self._book = FaultBook(seed)
        self._journal = Journal()
        generator = generator or Deterministic()
        self._endpoints = {
            endpoint.name: endpoint
            for provider, site in endpoints(providers)
            for endpoint in (
                Endpoint(provider, site, book=self._book, journal=self._journal, generator=generator, pace=pace),
            )
        }
        last = _PORTS - len(self._endpoints)
        if port_base is not None and not 1 <= port_base <= last:
            raise ValueError(f"port_base={port_base!r}: expected a port from 1 to {last}; the endpoints follow it")
        self._ports: dict[str, int] = {}
        self._servers: dict[str, web.Server] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    # Running.

    def start(self) -> Self:
        """Start serving; returns once every port answers."""
        if self._thread is not None:
            raise RuntimeError("this sandbox is already running")
        started: _Started = _Started()
        self._thread = threading.Thread(target=self._run, args=(started,), name="llmswitch-sandbox", daemon=True)
        self._thread.start()
        started.done.wait(_STARTING)
        if started.error is not None:
            self._thread.join(_CLOSING)
            self._thread = None
            raise started.error
        return self

    def close(self) -> None:
        """Stop serving: open connections end, ports are free again. Closing twice is harmless."""
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None:
            return
        if loop is not None and stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                loop.call_soon_threadsafe(stop.set)
        thread.join(_CLOSING)
        self._thread = self._loop = self._stop = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _run(self, started: _Started) -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            started.error = error
        finally:
            started.done.set()

    async def _serve(self, started: _Started) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runners: list[web.ServerRunner] = []
        try:
            await self._listen("admin", Admin(self).serve, runners, 0)
            for place, (name, endpoint) in enumerate(self._endpoints.items(), start=1):
                await self._listen(name, endpoint.serve, runners, place)
            started.done.set()
            await self._stop.wait()
        finally:
            for runner in runners:
                await runner.cleanup()

    async def _listen(
        self,
        name: str,
        serve: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        runners: list[web.ServerRunner],
        place: int,
    ) -> None:
        port = 0 if self._port_base is None else self._port_base + place
        server = web.Server(serve, request_factory=_request, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, port))
        except OSError as error:
            listener.close()
            raise OSError(
                error.errno, f"port {port} of {self._host}: {(error.strerror or str(error)).lower()}"
            ) from error
        await web.SockSite(runner, listener, backlog=1024).start()
        self._ports[name] = listener.getsockname()[1]
        self._servers[name] = server

    # Where things are.

    @property
    def endpoints(self) -> dict[str, str]:
        """The endpoints and their OpenAI-compatible base URLs."""
        return {name: self.url(name) for name in self._endpoints}

    @property
    def admin_url(self) -> str:
        """Where the admin API is."""
        return self._origin("admin")

    def url(self, name: str) -> str:
        """Return an endpoint's OpenAI-compatible base URL; a provider's name means its first site."""
        return self._origin(self._endpoint(name).name) + self._endpoint(name).site.base

    def native_url(self, name: str) -> str:
        """Return the base URL of the endpoint's native protocol."""
        return self._origin(self._endpoint(name).name) + self._endpoint(name).site.native

    def key(self, name: str) -> str:
        """Return the made-up key that this endpoint, and no other, accepts."""
        return self._endpoint(name).site.key

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point llmswitch at the sandbox: a base URL and a key for each endpoint that an adapter knows."""
        found: dict[str, str] = {}
        known = {f"{name}@{site.name}" for name in adapter.adapters() for site in adapter.get(name).sites}
        for name, endpoint in self._endpoints.items():
            if name not in known:
                continue
            found[endpoint.site.base_variable] = self.url(name)
            found[endpoint.site.key_variable] = endpoint.site.key
        return found

    @property
    def sdk_environment(self) -> dict[str, str]:
        """The variables that point the vendors' own SDKs at it."""
        found: dict[str, str] = {}
        for name, endpoint in self._endpoints.items():
            places = {
                "{origin}": self._origin(name),
                "{base}": self.url(name),
                "{native}": self.native_url(name),
                "{key}": endpoint.site.key,
            }
            for variable, value in endpoint.site.sdk.items():
                filled = value
                for place, meant in places.items():
                    filled = filled.replace(place, meant)
                found[variable] = filled
        return found

    @property
    def iam_keys(self) -> tuple[str, str]:
        """The access key and secret with which Baidu's IAM signatures are made."""
        return ACCESS_KEY, ACCESS_SECRET

    def describe(self) -> str:
        """Return a text for people: what is served where, and the lines to paste into a shell."""
        width = max(map(len, self._endpoints))
        lines = ["llmswitch sandbox: no real models, no real keys, this machine only.", ""]
        lines += [f"  {name:<{width}}  {url}" for name, url in self.endpoints.items()]
        lines += [f"  {'admin':<{width}}  {self.admin_url}", ""]
        lines += [f"export {variable}={value}" for variable, value in self.environment.items()]
        return "\n".join(lines)

    def _origin(self, name: str) -> str:
        if name not in self._ports:
            raise RuntimeError("the sandbox is not running: use it as a context manager, or call start()")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._ports[name]}"

    def _endpoint(self, name: str) -> Endpoint:
        return self._found(name)[0]

    def _found(self, name: str) -> list[Endpoint]:
        found = [endpoint for endpoint in self._endpoints.values() if concerns(name, endpoint.name)]
        if not found:
            raise ValueError(f"the sandbox has no {name!r}; it has: {', '.join(self._endpoints)}")
        return found

    # Faults.

    def fault(self, name: str, kind: str, **options: object) -> Fault:
        """Ask for a fault at a provider or endpoint; the newest that concerns a request wins.

        Args:
            name: "openai", "qwen@cn".
            kind: one of `llmswitch.sandbox.KINDS`.
            options: as `Fault` describes them: at, count, path, model, stream_only, after, seconds, status, code,
                message, retry_after, p, wire, form, error, close.

        Raises:
            ValueError: an unknown name, kind or option, or an error that this vendor is not known to give.
        """
        endpoints = self._found(name)
        provider, _, site = name.partition("@")
        fault = self._book.prepare(kind, provider, site or None, options)
        _supported(endpoints[0], fault)
        self._book.add(fault)
        return fault

    def faults(self) -> list[Fault]:
        """Return the faults asked for, oldest first."""
        return self._book.faults()

    def clear(self, name: str | None = None) -> None:
        """Forget the faults of a provider or endpoint, or all of them."""
        if name is None:
            self._book.clear()
            return
        self._found(name)
        provider, _, site = name.partition("@")
        self._book.clear(provider, site or None)

    def reset(self) -> None:
        """Forget all faults and all requests."""
        self._book.clear()
        self._journal.clear()

    # What happened.

    def requests(self, name: str | None = None) -> list[RecordedRequest]:
        """Return the newest 10 000 requests, of a provider, an endpoint or all, oldest first."""
        return self._journal.requests(name)

    def hits(self, name: str | None = None) -> int:
        """Return how many requests came."""
        return self._journal.hits(name)

    def open_connections(self, name: str | None = None) -> int:
        """Return how many TCP connections are open now, idle ones too."""
        return sum(
            len(server.connections)
            for endpoint, server in list(self._servers.items())
            if endpoint != "admin" and (name is None or concerns(name, endpoint))
        )


class _Started:
    """What the serving thread tells the one that waits for it."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: object,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LARGEST_BODY)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def _loopback(host: str) -> str:
    """Return the address of a loopback host.

    Raises:
        ValueError: the host is something else.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"host={host!r}: the sandbox serves this machine only; use 127.0.0.1 or ::1")
    return address


def _supported(endpoint: Endpoint, fault: Fault) -> None:
    """Raise ValueError for an error that the vendor is not known to give."""
    kinds = [fault.error if fault.kind in ("in_band_error", "error_rate") else fault.kind]
    for kind in kinds:
        variants = [one for dialect in endpoint.dialects for one in dialect.errors.get(kind, ())]
        known = endpoint.dialects[0].errors
        if kind in ERRORS and not variants:
            raise ValueError(
                f"{endpoint.provider.name} is not known to answer with {kind.replace('_', ' ')}; "
                f"it does with: {', '.join(known)}"
            )
        codes = dict.fromkeys(one.known_as for one in variants)
        if fault.code is not None and kind in ERRORS and fault.code not in codes:
            raise ValueError(f"code={fault.code!r}: {endpoint.provider.name} gives {kind} as {', '.join(codes)}")
    if fault.form == "finish" and not any(dialect.finish_of(fault.kind) for dialect in endpoint.dialects):
        raise ValueError(
            f"{endpoint.provider.name} has no finish reason for {fault.kind}: leave out form, or use in_band_error with "
            f"error={fault.kind!r}"
        )
