"""The admin API: the verbs of `Sandbox` over HTTP, for other languages and processes.

GET /health, /endpoints, /environment, /requests[?provider=], /faults; POST /faults {provider, site?, kind, at?, count?,
options?}; DELETE /faults[/provider]; POST /reset.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from llmswitch import _json
from llmswitch.sandbox.fields import table, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox.server import Sandbox

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")


class Admin:
    """The API of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._readers: dict[str, Callable[[web.BaseRequest], object]] = {
            "/health": lambda _: {"status": "ok"},
            "/endpoints": lambda _: sandbox.endpoints,
            "/environment": lambda _: sandbox.environment,
            "/requests": self._requests,
            "/faults": lambda _: {"faults": [asdict(fault) for fault in sandbox.faults()]},
        }

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one request; what is wrong about it is answered with 400 and the reason."""
        name = request.host if request.host.endswith("]") else request.host.rpartition(":")[0] or request.host
        if name not in _LOCAL_NAMES and not name.startswith("127."):
            # A page in a browser may reach loopback under a name of its own.
            return _answer({"error": f"Host {request.host!r} is not this machine"}, 403)
        try:
            return await self._dispatch(request)
        except (ValueError, TypeError) as error:
            return _answer({"error": str(error)}, 400)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/")
        match request.method, path:
            case "GET", found if found in self._readers:
                return _answer(self._readers[found](request))
            case "POST", "/faults":
                return await self._add(request)
            case "POST", "/reset":
                self._sandbox.reset()
                return _answer({"status": "ok"})
            case "DELETE", "/faults":
                self._sandbox.clear()
                return _answer({"status": "ok"})
            case "DELETE", found if found.startswith("/faults/"):
                self._sandbox.clear(found.removeprefix("/faults/"))
                return _answer({"status": "ok"})
            case _:
                verbs = "POST /faults, DELETE /faults[/provider], POST /reset"
                return _answer({"error": f"there are: GET {', '.join(self._readers)}; {verbs}"}, 404)

    async def _add(self, request: web.BaseRequest) -> web.Response:
        body = table(_json.loads(await request.read()))
        known = {"provider", "site", "kind", "at", "count", "options"}
        if unknown := set(body) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; a fault takes {', '.join(sorted(known))}")
        provider, site = text(body.get("provider")), text(body.get("site"))
        options = dict(table(body.get("options")))
        options |= {name: body[name] for name in ("at", "count") if name in body}
        fault = self._sandbox.fault(f"{provider}@{site}" if site else provider, text(body.get("kind")), **options)
        return _answer(asdict(fault), 201)

    def _requests(self, request: web.BaseRequest) -> object:
        provider = request.query.get("provider")
        return {
            "hits": self._sandbox.hits(provider),
            "requests": [record.as_dict() for record in self._sandbox.requests(provider)],
        }


def _answer(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_json.dumps(body), content_type="application/json")
