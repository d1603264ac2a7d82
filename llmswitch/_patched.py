"""Whether others have put functions in the place of httpx's, httpcore's or openai's: mocks, recorders, instrumentation.

They count on every request passing by. Where they stand, what of ours would pass them by steps aside. It makes no difference whether they
were there before us. Asking takes some 50 ns for each function, so every call can ask.
"""

from __future__ import annotations

import sys
from operator import attrgetter, is_
from types import FunctionType
from typing import Any, Final

import openai
from openai import _base_client, _models, _response

from llmswitch._httpx import AsyncHttpxClientWrapper, SyncHttpxClientWrapper, httpx
from llmswitch.openai import AsyncOpenAI, OpenAI

__all__ = ["httpx_patched", "openai_patched", "transports_patched"]

_CORE: Final = httpx.__name__.replace("httpx", "httpcore")
_AUTHORS: Final = frozenset({"llmswitch", "openai", httpx.__name__, _CORE})


class _Functions:
    """Some functions of a class or a module. Of a module by name: once it is imported, for before that nobody has patched it.

    A name may lead through attributes; one that this version lacks is left out.
    """

    __slots__ = ("_get", "_names", "_originals", "_owner")

    def __init__(self, owner: object, *names: str) -> None:
        self._owner = owner
        self._names = names
        self._get: attrgetter[tuple[object, ...]] | None = None
        self._originals: tuple[object, ...] = ()

    def patched(self) -> bool:
        """Whether one of them is not its author's."""
        get = self._get or self._find()
        if get is None:
            return False
        found = get(self._owner)
        # By identity: a proxy says that it equals what it wraps.
        if self._originals and all(map(is_, found, self._originals)):
            return False
        if not all(map(_is_original, found[:-1])):
            return True
        self._originals = found
        return False

    def _find(self) -> attrgetter[tuple[object, ...]] | None:
        if isinstance(self._owner, str):
            if self._owner not in sys.modules:
                return None
            self._owner = sys.modules[self._owner]
        # `__class__` makes it a tuple, however few are there.
        self._get = attrgetter(*(name for name in self._names if _has(self._owner, name)), "__class__")
        return self._get


def _openais(ours: type) -> type:
    """The class of openai's that ours derives from, whatever stands in its place in `openai` by now."""
    return next(base for base in ours.__mro__ if base.__module__.partition(".")[0] == "openai")


def _has(owner: object, name: str) -> bool:
    try:
        attrgetter(name)(owner)
    except AttributeError:
        return False
    return True


def _is_original(found: object) -> bool:
    """Whether the author of one of these packages wrote this function, and every function it wraps."""
    function: Any = found.fget if isinstance(found, property) else found
    # Types are compared exactly: a proxy says that it is an instance of what it wraps.
    while type(function) is FunctionType:
        if str(function.__globals__.get("__name__")).partition(".")[0] not in _AUTHORS:
            return False
        if "__wrapped__" not in vars(function):
            return True
        function = vars(function)["__wrapped__"]
    return False


_CORE_CONNECTIONS: Final = ("ConnectionPool", "HTTPConnection", "HTTP11Connection")
_CLIENT: Final = (
    "send",
    "build_request",
    "_send_handling_auth",
    "_send_handling_redirects",
    "_send_single_request",
    "_transport_for_url",
)
_OPENAI_CLIENT: Final = (
    "post",
    "request",
    "auth_headers",
    "default_headers",
    "user_agent",
    "_auth_headers",
    "_build_headers",
    "_build_request",
    "_calculate_retry_timeout",
    "_make_sse_decoder",
    "_make_status_error",
    "_make_status_error_from_response",
    "_prepare_options",
    "_prepare_request",
    "_prepare_url",
    "_process_response",
    "_process_response_data",
    "_retry_request",
    "_send_request",
    "_should_retry",
    "_sleep_for_retry",
    "_validate_headers",
)
# Of these openai's clients have their own, and call what lies under them.
_UNDER: Final = ("_prepare_options", "_prepare_request", "_send_request")
_STREAM: Final = ("__init__", "__stream__", "_iter_events", "close")
_MODELS: Final = (
    _Functions(_models, "construct_type", "validate_type", "BaseModel.construct.__func__"),
    _Functions(_base_client, "construct_type", "validate_type"),
)

# Each twice: for threads, and for event loops.
_TRANSPORTS: Final = (
    (
        _Functions(httpx.HTTPTransport, "handle_request"),
        _Functions(_CORE, *(f"{name}.handle_request" for name in _CORE_CONNECTIONS), "SyncBackend.connect_tcp"),
    ),
    (
        _Functions(httpx.AsyncHTTPTransport, "handle_async_request"),
        _Functions(
            _CORE, *(f"Async{name}.handle_async_request" for name in _CORE_CONNECTIONS), "AnyIOBackend.connect_tcp"
        ),
    ),
)
_HTTPX: Final = (
    (*_TRANSPORTS[0], _Functions(SyncHttpxClientWrapper, *_CLIENT)),
    (*_TRANSPORTS[1], _Functions(AsyncHttpxClientWrapper, *_CLIENT)),
)
_OPENAI: Final = (
    (
        _Functions(_openais(OpenAI), *_OPENAI_CLIENT),
        _Functions(_base_client.SyncAPIClient, *_UNDER),
        _Functions(openai.Stream, "__iter__", "__next__", *_STREAM),
        _Functions(_response, "APIResponse.parse", "BaseAPIResponse._parse"),
        _Functions("openai.resources.chat.completions", "Completions.create"),
        _Functions("openai.resources.embeddings", "Embeddings.create"),
        *_MODELS,
    ),
    (
        _Functions(_openais(AsyncOpenAI), *_OPENAI_CLIENT),
        _Functions(_base_client.AsyncAPIClient, *_UNDER),
        _Functions(openai.AsyncStream, "__aiter__", "__anext__", *_STREAM),
        _Functions(_response, "AsyncAPIResponse.parse", "BaseAPIResponse._parse"),
        _Functions("openai.resources.chat.completions", "AsyncCompletions.create"),
        _Functions("openai.resources.embeddings", "AsyncEmbeddings.create"),
        *_MODELS,
    ),
)


def transports_patched(*, asynchronous: bool) -> bool:
    """Whether httpx's transports, or httpcore beneath them, are patched: requests must pass through them."""
    return _any_patched(_TRANSPORTS[asynchronous])


def httpx_patched(*, asynchronous: bool) -> bool:
    """Whether httpx's clients or transports are patched: requests must pass through a client."""
    return _any_patched(_HTTPX[asynchronous])


def openai_patched(*, asynchronous: bool) -> bool:
    """Whether functions of openai's that a call of `create` passes through are patched: calls must pass through them."""
    return _any_patched(_OPENAI[asynchronous])


def _any_patched(groups: tuple[_Functions, ...]) -> bool:
    for functions in groups:  # noqa: SIM110 - any() takes twice the time
        if functions.patched():
            return True
    return False
