"""`OpenAI` and `AsyncOpenAI`: openai's own classes with the switch beneath them.

Each is openai's client with another transport under its httpx client: building requests, retrying a lone provider, reading answers and
raising exceptions stay openai's own code. The transport hands every chat, embeddings and models call to the engine and everything else
to OpenAI itself. Importing this module imports openai; `llmswitch` does so only when one of these names is asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict

import openai

from llmswitch import errors, transport
from llmswitch._httpx import AsyncHttpxClientWrapper, SyncHttpxClientWrapper, httpx
from llmswitch._openai_errors import (
    AllProvidersFailedError,
    ConfigError,
    InvalidRequestError,
    NoProviderError,
    ProviderError,
    QuotaExhaustedError,
    RegionBlockedError,
    StreamInterruptedError,
)
from llmswitch._openai_sockets import check_socket, watched
from llmswitch._openai_stream import ours
from llmswitch._openai_transport import (
    FINAL,
    AsyncRoutingTransport,
    RoutingTransport,
    attach,
    carrying,
    describe,
    mark,
    raised_by,
)
from llmswitch.dialects.base import encode_json
from llmswitch.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmswitch.hooks import Hook

__all__ = [
    "AllProvidersFailedError",
    "AsyncOpenAI",
    "ConfigError",
    "InvalidRequestError",
    "NoProviderError",
    "OpenAI",
    "ProviderError",
    "QuotaExhaustedError",
    "RegionBlockedError",
    "StreamInterruptedError",
]

# How openai lets callers authenticate without an API key.
_OTHER_CREDENTIALS: Final = ("workload_identity", "provider", "admin_api_key")
_DEFAULT_URL: Final = "https://api.openai.com/v1"
_NOT_GIVEN: Any = openai.NOT_GIVEN


class SwitchOptions(TypedDict, total=False):
    """What `OpenAI` takes beyond openai's own arguments; all optional, each also settable in llmswitch.toml.

    Keys:
        region: ISO 3166-1 alpha-2 code of where the calls leave from (`LLMSWITCH_REGION`).
        user_region: of where the app's users are; terms bind there, too.
        providers: the only providers allowed, `"qwen"` or `"qwen@cn"`.
        order: the ones to try first.
        models: `{"gpt-4o": "qwen/qwen-plus"}`: overrides of the mapping by tier.
        failover: False keeps every call at its first candidate; True also leaves a private `base_url`.
        strict: raise instead of dropping or clamping a parameter.
        deadline: seconds for a whole call, streams included.
        on_interrupt: `"error"`, or `"buffer"`: deliver nothing before the end, so that a broken stream can be repeated.
        on_content_filter: `"return"`, or `"next"` together with `providers`.
        local: whether the local model takes part, last in order, or the path of its weights.
        cutovers: as `[[cutover]]` in llmswitch.toml.
        hooks: functions told of every attempt, failover, block and recovery.
    """

    region: str | None
    user_region: str | None
    providers: Sequence[str] | None
    order: Sequence[str] | None
    models: Mapping[str, object] | None
    failover: bool | None
    strict: bool | None
    deadline: float | None
    on_interrupt: str | None
    on_content_filter: str | None
    local: bool | str | None
    cutovers: Sequence[Mapping[str, object]] | None
    hooks: Sequence[Hook]


def _split(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ours and openai's of some keyword arguments."""
    ours = {name: arguments[name] for name in arguments if name in SwitchOptions.__annotations__}
    return ours, {name: value for name, value in arguments.items() if name not in ours}


def _load(ours: dict[str, Any], theirs: dict[str, Any]) -> Engine:
    """The engine for these arguments.

    Raises:
        ConfigError: something is wrong, or no provider is configured at all.
    """
    key, url = theirs.get("api_key"), theirs.get("base_url")
    if key is None and any(theirs.get(name) is not None for name in _OTHER_CREDENTIALS):
        key = _load
    return Engine.load(
        environ=os.environ,
        # A function is asked by openai itself, for every request; here it only says that there is a key.
        api_key=key if isinstance(key, str) or key is None else "given-by-a-function",
        base_url=str(url) if url is not None and url is not _NOT_GIVEN else None,
        **ours,
    )


def _complete(engine: Engine, theirs: dict[str, Any]) -> dict[str, Any]:
    """Openai's arguments with the first endpoint's key and address where the caller named none."""
    first = engine.first
    completed = dict(theirs)
    if theirs.get("api_key") is None and all(theirs.get(name) is None for name in _OTHER_CREDENTIALS):
        completed["api_key"] = first.key.reveal() if first.key is not None else "none"
    if not first.explicit and first.base_url != _DEFAULT_URL and theirs.get("data_residency") is None:
        completed["base_url"] = first.base_url or "https://llmswitch.invalid/v1"
    return completed


@dataclass(frozen=True, slots=True)
class _Beneath:
    """What lies beneath a client: the engine, and the arguments it was made from, for copies."""

    engine: Engine
    ours: dict[str, Any] = field(repr=False)
    theirs: dict[str, Any] = field(repr=False)
    address: str = ""  # openai's base_url for which it was made


def _prepare(beneath: _Beneath | None, arguments: dict[str, Any]) -> tuple[_Beneath, dict[str, Any]]:
    """The engine for a new client or a copy, and what openai's constructor is to be told."""
    if beneath is not None:  # openai's `copy` has filled in everything
        return beneath, arguments
    ours, theirs = _split(arguments)
    try:
        engine = _load(ours, theirs)
    except errors.ConfigError as error:
        message = str(error)
    else:
        return _Beneath(engine, ours, theirs), _complete(engine, theirs)
    # A fresh error, and nothing left beneath it: a traceback that shows local variables would show keys.
    for given in (arguments, ours, theirs):
        given.clear()
    raise ConfigError(message)


def _follow(beneath: _Beneath, client: openai.OpenAI | openai.AsyncOpenAI) -> _Beneath:
    """The same, or another engine where the program has set `client.base_url` meanwhile."""
    address = str(client.base_url)
    if address == beneath.address:
        return beneath
    if beneath.address:
        moved = {**beneath.theirs, "base_url": address, "api_key": client.api_key}
        beneath, _ = _prepare(None, {**beneath.ours, **moved})
    return replace(beneath, address=address)


def _for_copy(beneath: _Beneath, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments for openai's `copy`: the same engine, or another one where routing is to change."""
    ours, theirs = _split(arguments)
    changed = {name: theirs[name] for name in ("api_key", "base_url") if theirs.get(name) not in (None, _NOT_GIVEN)}
    if ours or changed:
        ours, changed = {**beneath.ours, **ours}, {**beneath.theirs, **changed}
        beneath, _ = _prepare(None, {**ours, **changed})
    more = dict(theirs.pop("_extra_kwargs", {}))
    return {**theirs, "_extra_kwargs": {**more, "_beneath": beneath}}


def _sync_client(given: Any) -> httpx.Client:
    """The httpx client under openai: its transport is the switch, over our own sockets or over the caller's `http_client`."""
    if given is None:
        return SyncHttpxClientWrapper(transport=RoutingTransport(transport.open_sync()), follow_redirects=False)
    if isinstance(getattr(given, "_transport", None), RoutingTransport):
        client: httpx.Client = given
        return client
    over = RoutingTransport(transport.over(given))
    return SyncHttpxClientWrapper(transport=over, follow_redirects=False, timeout=_timeout_of(given))


def _async_client(given: Any) -> httpx.AsyncClient:
    """As `_sync_client`."""
    if given is None:
        return AsyncHttpxClientWrapper(transport=AsyncRoutingTransport(transport.open_async()), follow_redirects=False)
    if isinstance(getattr(given, "_transport", None), AsyncRoutingTransport):
        client: httpx.AsyncClient = given
        return client
    over = AsyncRoutingTransport(transport.over_async(given))
    return AsyncHttpxClientWrapper(transport=over, follow_redirects=False, timeout=_timeout_of(given))


def _timeout_of(client: Any) -> httpx.Timeout:
    """A client's timeouts, in the httpx that openai speaks."""
    return httpx.Timeout(**client.timeout.as_dict())


def _check_encodable(options: Any) -> None:
    """Say which part of a body has no JSON form, where that is what went wrong.

    Raises:
        InvalidRequestError: naming the place.
    """
    body = (
        {**(options.json_data or {}), **(options.extra_json or {})}
        if isinstance(options.json_data, dict)
        else options.json_data
    )
    try:
        encode_json(body)
    except errors.InvalidRequestError as error:
        raise InvalidRequestError(str(error)) from error


@watched
class OpenAI(openai.OpenAI):
    """`openai.OpenAI`, routed by region, with failover. Takes openai's own arguments and those of `SwitchOptions`.

    Raises:
        ConfigError: also an `openai.OpenAIError`; no provider is configured, or something is configured wrongly.
    """

    _beneath: _Beneath

    def __init__(self, *, _beneath: _Beneath | None = None, **arguments: Any) -> None:
        self._beneath, openai_arguments = _prepare(_beneath, arguments)
        given = openai_arguments.pop("http_client", None)
        super().__init__(http_client=_sync_client(given), **openai_arguments)
        self._beneath = replace(self._beneath, address=str(self.base_url))

    def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As openai's; streams free their connection when they are dropped."""
        try:
            return super().request(cast_to, carrying(options), stream=stream, stream_cls=ours(stream_cls))
        except errors.LLMSwitchError as error:
            raise error from getattr(error, "cause", None)  # openai's client raises it `from None`

    def _build_request(self, options: Any, **more: Any) -> httpx.Request:
        try:
            request = super()._build_request(options, **more)
        except (ValueError, TypeError, RecursionError):
            _check_encodable(options)
            raise
        self._beneath = _follow(self._beneath, self)
        return mark(request, self._beneath.engine, options)

    def _check_socket(self, resource: str) -> None:
        check_socket(_follow(self._beneath, self).engine, self, resource)

    def _should_retry(self, response: httpx.Response) -> bool:
        return not response.extensions.get(FINAL) and super()._should_retry(response)

    def _make_status_error_from_response(self, response: httpx.Response) -> Any:
        return raised_by(response) or super()._make_status_error_from_response(response)

    def _make_status_error(self, err_msg: str, **more: Any) -> openai.APIStatusError:
        return describe(super()._make_status_error(err_msg, **more))

    def _process_response_data(self, *, response: httpx.Response, **more: Any) -> Any:
        value = super()._process_response_data(response=response, **more)
        attach(value, response)
        return value

    def copy(self, **arguments: Any) -> Self:
        """As openai's, for the arguments of `SwitchOptions`, too."""
        return super().copy(**_for_copy(_follow(self._beneath, self), arguments))

    with_options = copy


@watched
class AsyncOpenAI(openai.AsyncOpenAI):
    """`openai.AsyncOpenAI`, routed by region, with failover; as `OpenAI`."""

    _beneath: _Beneath

    def __init__(self, *, _beneath: _Beneath | None = None, **arguments: Any) -> None:
        self._beneath, openai_arguments = _prepare(_beneath, arguments)
        given = openai_arguments.pop("http_client", None)
        super().__init__(http_client=_async_client(given), **openai_arguments)
        self._beneath = replace(self._beneath, address=str(self.base_url))

    async def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As openai's; streams free their connection when they are dropped."""
        try:
            return await super().request(cast_to, carrying(options), stream=stream, stream_cls=ours(stream_cls))
        except errors.LLMSwitchError as error:
            raise error from getattr(error, "cause", None)  # openai's client raises it `from None`

    def _build_request(self, options: Any, **more: Any) -> httpx.Request:
        try:
            request = super()._build_request(options, **more)
        except (ValueError, TypeError, RecursionError):
            _check_encodable(options)
            raise
        self._beneath = _follow(self._beneath, self)
        return mark(request, self._beneath.engine, options)

    def _check_socket(self, resource: str) -> None:
        check_socket(_follow(self._beneath, self).engine, self, resource)

    def _should_retry(self, response: httpx.Response) -> bool:
        return not response.extensions.get(FINAL) and super()._should_retry(response)

    def _make_status_error_from_response(self, response: httpx.Response) -> Any:
        return raised_by(response) or super()._make_status_error_from_response(response)

    def _make_status_error(self, err_msg: str, **more: Any) -> openai.APIStatusError:
        return describe(super()._make_status_error(err_msg, **more))

    def _process_response_data(self, *, response: httpx.Response, **more: Any) -> Any:
        value = super()._process_response_data(response=response, **more)
        attach(value, response)
        return value

    def copy(self, **arguments: Any) -> Self:
        """As openai's, for the arguments of `SwitchOptions`, too."""
        return super().copy(**_for_copy(_follow(self._beneath, self), arguments))

    with_options = copy


# openai's module-level settings: `openai.api_key = ...` before `openai.chat.completions.create(...)`.
_MODULE_SETTINGS: Final = ("api_key", "organization", "project", "webhook_secret", "base_url", "timeout", "max_retries",
                           "default_headers", "default_query", "http_client")  # fmt: skip
_module: list[tuple[dict[str, Any], OpenAI]] = []


def module_client(names: Mapping[str, Any]) -> OpenAI:
    """The client behind module-level calls, made anew where one of openai's module-level settings has changed."""
    given = {name: names[name] for name in _MODULE_SETTINGS if names.get(name) is not None}
    if not _module or _module[0][0] != given:
        _module[:] = [(given, OpenAI(**given))]
    return _module[0][1]
