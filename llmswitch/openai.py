"""`OpenAI` and `AsyncOpenAI`: openai's own classes with the switch beneath them.

Each is openai's client with another transport under its httpx client: building requests, retrying a lone provider, reading answers and
raising exceptions stay openai's own code. The transport hands every chat, embeddings and models call to the engine and everything else
to OpenAI itself; plain chat and embeddings calls go to the engine directly (`_openai_fast`). Importing this module imports openai, and
what lies beneath comes with the first client: `from llmswitch import OpenAI` takes hardly longer than openai's own.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar

import openai
from openai._compat import cached_property

from llmswitch._openai_sending import AsyncSending, Sending
from llmswitch._openai_sockets import check_socket, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openai._base_client import BaseClient

    from llmswitch._httpx import httpx
    from llmswitch._openai_beneath import Beneath
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
    from llmswitch._openai_resources import AsyncChat, AsyncEmbeddings, Chat, Embeddings
    from llmswitch.hooks import Hook

    _Client = BaseClient[Any, Any]
else:
    _Client = object

_Method = TypeVar("_Method", bound="Callable[..., Any]")

__all__ = [
    "AllProvidersFailedError",
    "AsyncClient",
    "AsyncOpenAI",
    "Client",
    "ConfigError",
    "InvalidRequestError",
    "NoProviderError",
    "OpenAI",
    "ProviderError",
    "QuotaExhaustedError",
    "RegionBlockedError",
    "StreamInterruptedError",
]


def __getattr__(name: str) -> Any:
    """The exceptions, whose tree comes with the engine."""
    if name in __all__:
        from llmswitch import _openai_errors  # noqa: PLC0415 - importing this module stays as fast as importing openai

        return getattr(_openai_errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Exclude(TypedDict, total=False):
    """Whom never to ask; hard, in every mode. Facts from the adapters, not legal advice.

    Keys:
        headquarters: countries whose companies are out, ISO 3166-1 alpha-2.
        hosted_in: countries whose servers are out; a place that nobody states counts as excluded.
        tags: such as `"us-entity-list"`; `llmswitch adapters NAME` shows a provider's.
        providers: `"qwen"` or `"zhipu@intl"`.
    """

    headquarters: Sequence[str]
    hosted_in: Sequence[str]
    tags: Sequence[str]
    providers: Sequence[str]


class SwitchOptions(TypedDict, total=False):
    """What `OpenAI` takes beyond openai's own arguments; all optional, each also settable in llmswitch.toml.

    Keys:
        region: ISO 3166-1 alpha-2 code of where the calls leave from (`LLMSWITCH_REGION`).
        user_region: of where the app's users are; terms bind there, too.
        providers: the only providers allowed, `"qwen"` or `"qwen@cn"`.
        order: the ones to try first.
        exclude: whom never to ask: `Exclude`, or a list of providers; a call's own adds to it.
        hosted_in: the only countries whose servers may answer.
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
    exclude: Exclude | Sequence[str] | None
    hosted_in: Sequence[str] | None
    models: Mapping[str, object] | None
    failover: bool | None
    strict: bool | None
    deadline: float | None
    on_interrupt: str | None
    on_content_filter: str | None
    local: bool | str | None
    cutovers: Sequence[Mapping[str, object]] | None
    hooks: Sequence[Hook]


def _as_openais(theirs: Any) -> Callable[[_Method], _Method]:
    """Let a method show the arguments of openai's own, and those of `SwitchOptions`."""

    def show(ours: _Method) -> _Method:
        shown: Any = functools.update_wrapper(ours, theirs, ("__annotations__",))
        signature = inspect.signature(theirs)
        options = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for name, annotation in SwitchOptions.__annotations__.items()
        ]
        shown.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *options])
        return ours

    return show


class _Switched(_Client):
    """What both clients do otherwise than openai's."""

    _beneath: Beneath

    def _build_request(self, options: Any, **more: Any) -> httpx.Request:
        own = self._beneath.take_options(options)
        try:
            request = super()._build_request(options, **more)
        except (ValueError, TypeError, RecursionError) as error:
            self._beneath.check_encodable(options, error)
            raise
        self._beneath = self._beneath.follow(self)
        return self._beneath.mark(request, options, own)

    def _check_socket(self, resource: str) -> None:
        check_socket(self._beneath.follow(self).engine, self, resource)

    def _should_retry(self, response: httpx.Response) -> bool:
        return not self._beneath.is_final(response) and super()._should_retry(response)

    def _make_status_error_from_response(self, response: httpx.Response) -> Any:
        return self._beneath.raised_by(response) or super()._make_status_error_from_response(response)

    def _make_status_error(self, err_msg: str, **more: Any) -> openai.APIStatusError:
        return self._beneath.describe(super()._make_status_error(err_msg, **more))

    def _process_response(self, *, stream_cls: Any, **more: Any) -> Any:
        openais: Any = super()._process_response  # type: ignore[misc] # each of openai's two clients has its own
        return openais(stream_cls=self._beneath.droppable(stream_cls), **more)

    def _process_response_data(self, *, response: httpx.Response, **more: Any) -> Any:
        value = super()._process_response_data(response=response, **more)
        self._beneath.attach(value, response)
        return value


@watched
class OpenAI(_Switched, openai.OpenAI, Sending):
    """`openai.OpenAI`, routed by region, with failover. Takes openai's own arguments and those of `SwitchOptions`.

    Raises:
        ConfigError: also an `openai.OpenAIError`; no provider is configured, or something is configured wrongly.
    """

    @_as_openais(openai.OpenAI.__init__)
    def __init__(self, *, _beneath: Beneath | None = None, **arguments: Any) -> None:
        from llmswitch import _openai_beneath  # noqa: PLC0415 - as above

        self._beneath, openai_arguments = _openai_beneath.prepare(_beneath, arguments)
        given = openai_arguments.pop("http_client", None)
        under = _openai_beneath.sync_client(given, bound=self._beneath.bound)
        super(_Switched, self).__init__(http_client=under, **openai_arguments)
        self._beneath = self._beneath.at(self)

    @cached_property
    def chat(self) -> Chat:
        """What openai calls so, faster."""
        from llmswitch._openai_resources import Chat  # noqa: PLC0415 - openai, too, loads a resource when it is asked for

        return Chat(self)

    @cached_property
    def embeddings(self) -> Embeddings:
        """What openai calls so, faster."""
        from llmswitch._openai_resources import Embeddings  # noqa: PLC0415

        return Embeddings(self)

    def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As openai's; what `parse()` makes keeps the report."""
        options = self._beneath.carrying(options)
        try:
            return super().request(cast_to, options, stream=stream, stream_cls=stream_cls)
        except openai.OpenAIError as error:
            if "cause" in vars(error):  # one of ours, which openai's client raises `from None`
                raise error from vars(error)["cause"]
            raise

    @_as_openais(openai.OpenAI.copy)
    def copy(self, **arguments: Any) -> Self:
        """As openai's, for the arguments of `SwitchOptions`, too."""
        return super().copy(**self._beneath.follow(self).for_copy(arguments))

    with_options = copy


@watched
class AsyncOpenAI(_Switched, openai.AsyncOpenAI, AsyncSending):
    """`openai.AsyncOpenAI`, routed by region, with failover; as `OpenAI`."""

    @_as_openais(openai.AsyncOpenAI.__init__)
    def __init__(self, *, _beneath: Beneath | None = None, **arguments: Any) -> None:
        from llmswitch import _openai_beneath  # noqa: PLC0415 - as above

        self._beneath, openai_arguments = _openai_beneath.prepare(_beneath, arguments)
        given = openai_arguments.pop("http_client", None)
        under = _openai_beneath.async_client(given, bound=self._beneath.bound)
        super(_Switched, self).__init__(http_client=under, **openai_arguments)
        self._beneath = self._beneath.at(self)

    @cached_property
    def chat(self) -> AsyncChat:
        """What openai calls so, faster."""
        from llmswitch._openai_resources import AsyncChat  # noqa: PLC0415

        return AsyncChat(self)

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """What openai calls so, faster."""
        from llmswitch._openai_resources import AsyncEmbeddings  # noqa: PLC0415

        return AsyncEmbeddings(self)

    async def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As openai's; what `parse()` makes keeps the report."""
        options = self._beneath.carrying(options)
        try:
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)
        except openai.OpenAIError as error:
            if "cause" in vars(error):  # one of ours, which openai's client raises `from None`
                raise error from vars(error)["cause"]
            raise

    @_as_openais(openai.AsyncOpenAI.copy)
    def copy(self, **arguments: Any) -> Self:
        """As openai's, for the arguments of `SwitchOptions`, too."""
        return super().copy(**self._beneath.follow(self).for_copy(arguments))

    with_options = copy


# Openai's other names for them.
Client = OpenAI
AsyncClient = AsyncOpenAI
