"""What lies beneath our clients of openai's: the engine, the transport under openai's httpx client, and what openai's hooks are to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import openai
from openai import _base_client

from llmswitch import _openai_transport, _openai_wire, errors, transport
from llmswitch._httpx import AsyncHttpxClientWrapper, SyncHttpxClientWrapper, httpx
from llmswitch._openai_errors import ConfigError, invalid_like
from llmswitch._openai_transport import AsyncRoutingTransport, RoutingTransport
from llmswitch.dialects.base import encode_json
from llmswitch.engine import Engine
from llmswitch.openai import SwitchOptions
from llmswitch.secret import CHANGING

if TYPE_CHECKING:
    from collections.abc import Callable

    Load: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Engine]

# How openai lets callers authenticate without an API key.
_OTHER_CREDENTIALS: Final = ("workload_identity", "provider", "admin_api_key")
_DEFAULT_URL: Final = "https://api.openai.com/v1"
_NOWHERE: Final = "https://llmswitch.invalid/v1"  # the local model's address until it runs
_BOUND: Final = (
    "exclude and hosted_in cannot be kept with provider= or an X.509 workload identity: openai sends these calls by itself, "
    "to wherever they are good for. Leave one of the two out."
)
_NOT_GIVEN: Any = openai.NOT_GIVEN


@dataclass(frozen=True, slots=True)
class Beneath:
    """The engine, and the arguments it was made from, for copies; and what our clients do where openai's call a method of their own."""

    engine: Engine
    ours: dict[str, Any] = field(repr=False)
    theirs: dict[str, Any] = field(repr=False)
    load: Load
    address: str = ""  # openai's base_url for which it was made
    bound: bool = False  # by credentials that are good for one endpoint alone: openai sends everything itself

    def at(self, client: Any) -> Beneath:
        """The same, for the address that openai has made of its arguments: another engine where that is none of the engine's."""
        address = str(client.base_url)
        if self.bound or address == self.address or address.rstrip("/") == _address(self.engine):
            return replace(self, address=address)
        return self._moved(client)

    def follow(self, client: Any) -> Beneath:
        """The same, or another engine where the program has set `client.base_url` meanwhile."""
        return self if self.bound or str(client.base_url) == self.address else self._moved(client)

    def _moved(self, client: Any) -> Beneath:
        address = str(client.base_url)
        moved = {**self.theirs, "base_url": address}
        if not callable(moved.get("api_key")) and not _authenticates(moved):
            moved["api_key"] = client.api_key
        beneath, _ = prepare(None, {**self.ours, **moved}, self.load)
        return replace(beneath, address=address)

    def for_copy(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments for openai's `copy`: the same engine, or another one where routing is to change."""
        ours, theirs = split(arguments)
        changed = {name: theirs[name] for name in ("api_key", "base_url") if theirs.get(name) not in (None, _NOT_GIVEN)}
        beneath = self
        if ours or changed:
            beneath, _ = prepare(None, {**self.ours, **ours, **self.theirs, **changed}, self.load)
        more = dict(theirs.pop("_extra_kwargs", {}))
        return {**theirs, "_extra_kwargs": {**more, "_beneath": beneath}}

    def send(self, given: Any, request: httpx.Request, openais: Callable[..., Any], **options: Any) -> Any:
        """Send for openai, by the `given` client beneath it; `openais` is how it sends itself."""
        if _openai_wire.ENGINE not in request.extensions or _is_ours(given):
            return openais(request, **options)
        return _openai_transport.send_by(given, request, **options)

    def mark(self, request: httpx.Request, options: object, own: object = None) -> httpx.Request:
        """Put into a request what the transport needs to know of it; `own`: what `take_options` took."""
        if self.bound:
            return request
        request.extensions[_openai_wire.OPTIONS] = own
        return _openai_wire.mark(request, self.engine, options)

    @staticmethod
    def check_encodable(options: Any, raised: Exception) -> None:
        """Say which part of a body has no JSON form, where that is why openai has `raised`.

        Raises:
            InvalidRequestError: naming the place; a TypeError or a RecursionError where openai's is one.
        """
        body, extra = options.json_data, options.extra_json
        try:
            encode_json({**(body or {}), **(extra or {})} if isinstance(body, dict) else body)
        except errors.InvalidRequestError as error:
            raise invalid_like(raised)(str(error)) from error

    @staticmethod
    def is_final(response: httpx.Response) -> bool:
        """Whether the engine has done all there is to do."""
        return bool(response.extensions.get(_openai_wire.FINAL))

    @staticmethod
    def droppable(stream_cls: Any) -> Any:
        """A stream class of openai's as ours, which frees its connection when it is dropped."""
        if stream_cls is None:
            return None
        from llmswitch._openai_stream import ours  # noqa: PLC0415 - brings openai's chat types

        return ours(stream_cls)

    take_options = staticmethod(_openai_wire.take_options)
    attach = staticmethod(_openai_wire.attach)
    carrying = staticmethod(_openai_wire.carrying)
    describe = staticmethod(_openai_wire.describe)
    raised_by = staticmethod(_openai_wire.raised_by)


def prepare(
    beneath: Beneath | None, arguments: dict[str, Any], load: Load | None = None
) -> tuple[Beneath, dict[str, Any]]:
    """The engine for a new client or a copy, and what openai's constructor is to be told. `load` makes an engine of ours and openai's.

    Raises:
        ConfigError: something is wrong, or no provider is configured at all.
    """
    if beneath is not None:  # openai's `copy` has filled in everything
        _check_bound(beneath.engine, arguments)
        return replace(beneath, bound=_binds(arguments)), arguments
    load = load or _load
    ours, theirs = split(arguments)
    try:
        engine = load(ours, theirs)
        _check_bound(engine, theirs)
    except errors.ConfigError as error:
        message = str(error)
    else:
        return Beneath(engine, ours, theirs, load, bound=_binds(theirs)), _complete(engine, theirs)
    # A fresh error, and nothing left beneath it: a traceback that shows local variables would show keys.
    for given in (arguments, ours, theirs):
        given.clear()
    raise ConfigError(message)


def sync_client(given: Any, *, bound: bool = False) -> Any:
    """The httpx client under openai: the caller's own, else one whose transport is the switch; None where openai is to make its own."""
    if bound:
        return None if _is_ours(given) else given
    if given is None and not _is_replaced("SyncHttpxClientWrapper"):
        return SyncHttpxClientWrapper(transport=RoutingTransport(transport.open_sync()), follow_redirects=False)
    return given


def async_client(given: Any, *, bound: bool = False) -> Any:
    """As `sync_client`."""
    if bound:
        return None if _is_ours(given) else given
    if given is None and not _is_replaced("AsyncHttpxClientWrapper"):
        return AsyncHttpxClientWrapper(transport=AsyncRoutingTransport(transport.open_async()), follow_redirects=False)
    return given


def _is_replaced(name: str) -> bool:
    """Whether others have put something in the place of the class of httpx clients that openai makes: it shall make one."""
    found = getattr(_base_client, name)
    return not (isinstance(found, type) and found.__module__.startswith("openai."))


def _is_ours(client: Any) -> bool:
    return isinstance(getattr(client, "_transport", None), RoutingTransport | AsyncRoutingTransport)


def split(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ours and openai's of some keyword arguments."""
    ours = {name: arguments[name] for name in arguments if name in SwitchOptions.__annotations__}
    return ours, {name: value for name, value in arguments.items() if name not in ours}


def _load(ours: dict[str, Any], theirs: dict[str, Any]) -> Engine:
    key, url = theirs.get("api_key"), None if _binds(theirs) else theirs.get("base_url")
    if key is None and _authenticates(theirs):
        key = _load
    return Engine.load(
        environ=os.environ,
        # A function is asked by openai itself, for every request; here it only says that there is a key.
        api_key=key if isinstance(key, str) or key is None else CHANGING,
        base_url=str(url) if url is not None and url is not _NOT_GIVEN else None,
        **ours,
    )


def _authenticates(theirs: dict[str, Any]) -> bool:
    """Whether openai finds another way than a key, or is told to let the headers of each call speak."""
    return (
        any(theirs.get(name) is not None for name in _OTHER_CREDENTIALS) or theirs.get("_enforce_credentials") is False
    )


def _binds(theirs: dict[str, Any]) -> bool:
    """Whether the credentials are good for one endpoint alone: openai checks, signs and sends each request itself, as it stands."""
    identity = theirs.get("workload_identity")
    certified = isinstance(identity, Mapping) and identity.get("type") == "x509"
    return certified or theirs.get("provider") not in (None, _NOT_GIVEN)


def _check_bound(engine: Engine, theirs: dict[str, Any]) -> None:
    if _binds(theirs) and engine.config.policy:
        raise ConfigError(_BOUND)


def _address(engine: Engine) -> str:
    """The first endpoint's, as openai writes it, but for the slash at its end, which an address without a path has not."""
    return str(httpx.URL(f"{engine.first.base_url or _NOWHERE}/")).rstrip("/")


def _complete(engine: Engine, theirs: dict[str, Any]) -> dict[str, Any]:
    """Openai's arguments with the first endpoint's key and address where the caller named none."""
    first = engine.first
    completed = dict(theirs)
    if _binds(theirs):
        return completed
    # With no key at all, and nobody else to go to, openai says what is missing.
    if (
        theirs.get("api_key") is None
        and not _authenticates(theirs)
        and (first.key or len(engine.config.endpoints) > 1 or not first.explicit)
    ):
        completed["api_key"] = first.key.reveal() if first.key is not None else "none"
    if not first.explicit and first.base_url != _DEFAULT_URL and theirs.get("data_residency") is None:
        completed["base_url"] = first.base_url or _NOWHERE
    return completed
