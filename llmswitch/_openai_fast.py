"""The fast path of `chat.completions.create` and `embeddings.create`: no request, response or options objects of openai's or httpx's.

What openai's method sends is learned from it: once a client it is asked for a request, and from then on only the body is new. What comes
back is made into openai's objects by `_openai_models`. Whatever is not plain goes openai's own way: arguments that JSON has no form
for, per-call headers, patched functions, a caller's `http_client`, openai's debug log. So does every failure, to be retried,
logged and raised by openai's own code.
"""

from __future__ import annotations

import functools
import inspect
import logging
from dataclasses import dataclass
from http import HTTPStatus
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import openai
from openai._models import FinalRequestOptions

from llmswitch._httpx import httpx
from llmswitch._json import dumps
from llmswitch._openai_wire import ENGINE, NOT_GIVEN, PATH, headers_of, timeouts_of
from llmswitch._patched import httpx_patched, openai_patched
from llmswitch.openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmswitch._json import Json
    from llmswitch.call import Call, Timeouts
    from llmswitch.engine import Engine
    from llmswitch.transport.base import Headers

# Arguments of openai's method that do not go into the body.
_BESIDE: Final = ("extra_body", "timeout", "extra_headers", "extra_query")
_PLAIN_BESIDE: Final = frozenset(_BESIDE[:2])
_OTHER_CREDENTIALS: Final = ("_api_key_provider", "workload_identity", "_provider", "_strict_response_validation")
# What every class has, or what makes one that sends the same.
_UNSEEN: Final = frozenset(
    {*vars(object), "__module__", "__dict__", "__weakref__", "__annotations__", "__parameters__", "_beneath"}
)
_REMEMBERED: Final = 64  # timeouts of calls

_openai_log: Final = logging.getLogger("openai")
_httpx_log: Final = logging.getLogger(httpx.__name__)


@functools.cache
def _attributes(cls: type) -> dict[str, object]:
    """What a class and those it derives from have."""
    return {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}


@functools.cache
def _methods(cls: type) -> frozenset[str]:
    """Names that an instance may have something else in place of."""
    return frozenset(name for name, value in _attributes(cls).items() if isinstance(value, FunctionType))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What openai's method makes of its arguments."""

    path: str
    rank: Mapping[str, int]  # the place of each argument in the body
    required: frozenset[str]
    defaults: Json  # what it adds to the body where it is not given
    options: Mapping[str, Any]
    parser: Callable[[Any], Any] | None  # what it makes of an answer to these defaults


@functools.cache
def _shape(create: Callable[..., object]) -> _Shape | None:
    """Ask openai's `create`; None where it does not end in one plain `_post`."""
    seen: list[tuple[str, Json, dict[str, Any]]] = []

    class Probe:
        @staticmethod
        def _post(path: str, *, body: Json, options: dict[str, Any], **_: object) -> None:
            seen.append((path, body, options))

    names = [name for name in inspect.signature(create).parameters if name not in ("self", *_BESIDE)]
    required = {name: name for name in ("messages", "model", "input") if name in names}
    try:
        create(Probe(), **{name: name for name in names})
        create(Probe(), **required)
        (path, full, _), (_, least, options) = seen
    except Exception:  # noqa: BLE001 - an openai that works differently: it is asked every time
        return None
    return _Shape(
        path=path,
        rank={name: place for place, name in enumerate(full) if full[name] == name},
        required=frozenset(required),
        defaults={name: value for name, value in least.items() if name not in required},
        options={name: value for name, value in options.items() if name != "post_parser"},
        parser=options.get("post_parser"),
    )


class Sent(NamedTuple):
    """What does not change between calls of one client: what openai sends beside the body, and where to."""

    engine: Engine
    sender: Any
    headers: Headers
    query: str
    url: str
    timeouts: Timeouts


class Prepared(NamedTuple):
    """A call that need not go openai's way."""

    call: Call
    sent: Sent
    parser: Callable[[Any], Any] | None


class Method:
    """`create` of one resource of one client: decides whether a call is plain, and makes it the engine's.

    Args:
        resource: openai's, with the client.
        create: openai's own method, the sync one.
        operation: the engine's name for it.
    """

    def __init__(self, resource: Any, create: Callable[..., object], operation: str) -> None:
        self.client = resource._client  # noqa: SLF001 - openai's own name
        self._resource, self._operation = resource, operation
        self._asynchronous = isinstance(self.client, AsyncOpenAI)
        self._ours: type = AsyncOpenAI if self._asynchronous else OpenAI
        self._methods = _methods(self._ours)
        self._http_methods = _methods(httpx.AsyncClient if self._asynchronous else httpx.Client)
        self._shape = None if openai_patched(asynchronous=False) else _shape(create)
        self._state: tuple[object, ...] = ()
        self._sent: dict[object, Sent | None] = {}

    def prepare(self, params: dict[str, Any]) -> Prepared | None:
        """The call behind openai's keyword arguments; None where openai itself is to make it."""
        shape = self._shape
        if shape is None or not self._undisturbed():
            return None
        given = {
            name: value
            for name, value in params.items()
            if name not in _PLAIN_BESIDE and value.__class__ not in NOT_GIVEN
        }
        parser = None
        if shape.defaults and given.keys().isdisjoint(shape.defaults):
            given, parser = {**shape.defaults, **given}, shape.parser
        try:
            body = {name: given[name] for name in sorted(given, key=shape.rank.__getitem__)}
        except KeyError:  # not openai's, or one that only openai handles
            return None
        sent = self._learn(params.get("timeout", openai.NOT_GIVEN))
        if sent is None or not shape.required <= body.keys() or body.get("stream") not in (None, True, False):
            return None
        call = self._call(sent, body, params.get("extra_body"), numbers=parser is not None)
        return None if call is None else Prepared(call, sent, parser)

    def _call(self, sent: Sent, body: Json, extra: object, *, numbers: bool) -> Call | None:
        """The engine's call, None where a value has no JSON form: openai knows what to do with some, and what to say of others."""
        options: object = {}
        added: Json = {}
        if extra is not None:
            if type(extra) is not dict:
                return None
            added = {name: value for name, value in extra.items() if name != "llmswitch"}
            body |= added
            options = extra.get("llmswitch", options)
        try:
            encoded = dumps(body)
        except (TypeError, ValueError, RecursionError):
            return None
        if not isinstance(options, dict):
            return None
        return sent.engine.call(
            operation=self._operation,
            params=body,
            body=encoded,
            headers=sent.headers,
            query=sent.query,
            extra=added,
            options=options,
            timeouts=sent.timeouts,
            numbers=numbers,
        )

    def request(self, prepared: Prepared) -> httpx.Request:
        """The request as openai builds it, for who asks to see it."""
        assert self._shape is not None  # noqa: S101 - else nothing was prepared
        options = FinalRequestOptions.construct(
            method="post", url=self._shape.path, json_data=prepared.call.params, **self._shape.options
        )
        request: httpx.Request = self.client._build_request(options)  # noqa: SLF001
        return request

    def _undisturbed(self) -> bool:
        """Whether nobody would notice: nothing is patched, logged in detail or hooked into."""
        http = self.client._client  # noqa: SLF001
        return not (
            openai_patched(asynchronous=self._asynchronous)
            or httpx_patched(asynchronous=self._asynchronous)
            or not self._methods.isdisjoint(vars(self.client))
            or not self._http_methods.isdisjoint(vars(http))
            or self._resource._post != self.client.post  # noqa: SLF001
            or _openai_log.isEnabledFor(logging.DEBUG)
            or http.is_closed
            or any(http.event_hooks.values())
        )

    def _learn(self, timeout: object) -> Sent | None:
        """What openai sends for this client as it is now; None where only openai can tell."""
        client = self.client
        state = (
            client.api_key, client.organization, client.project, client.timeout, client.max_retries,
            client._base_url, client._client._transport,  # noqa: SLF001
            client._custom_headers, client._custom_query,  # noqa: SLF001
        )  # fmt: skip
        if state != self._state:
            # Copies, for a caller may change the dicts in place.
            self._state = (*state[:-2], dict(client._custom_headers), dict(client._custom_query))  # noqa: SLF001
            self._sent.clear()
        key = _timeout_key(timeout)
        if key is None:
            return None
        if key not in self._sent:
            if len(self._sent) >= _REMEMBERED:
                self._sent.clear()
            self._sent[key] = self._ask(timeout)
        return self._sent[key]

    def _overridden(self) -> bool:
        """Whether a subclass changes what openai's client does: it may see or change what is sent."""
        classes, known = type(self.client).__mro__, _attributes(self._ours).keys()
        return any((vars(cls).keys() & known) - _UNSEEN for cls in classes[: classes.index(self._ours)])

    def _ask(self, timeout: object) -> Sent | None:
        client, shape = self.client, self._shape
        if shape is None or self._overridden() or any(getattr(client, name, None) for name in _OTHER_CREDENTIALS):
            return None
        sender = getattr(client._client._transport, "direct", None)  # noqa: SLF001
        if sender is None or type(client.api_key) is not str:
            return None
        if type(client.max_retries) is not int or client.max_retries < 0:  # openai says what is wrong with it
            return None
        options = dict(shape.options)
        if timeout is not openai.NOT_GIVEN:
            options["timeout"] = timeout
        request = client._build_request(  # noqa: SLF001
            FinalRequestOptions.construct(method="post", url=shape.path, json_data={}, **options)
        )
        if PATH in request.extensions:  # the model is in the path
            return None
        engine: Engine = request.extensions[ENGINE]
        query = request.url.query.decode()
        return Sent(
            engine=engine,
            sender=sender,
            headers=headers_of(request),
            query=f"?{query}" if query else "",
            url=str(request.url),
            timeouts=engine.bounded(timeouts_of(request)),
        )


def _timeout_key(timeout: object) -> object:
    """Something to remember a timeout by, None where it is none."""
    if timeout is openai.NOT_GIVEN:
        return ()
    if isinstance(timeout, httpx.Timeout):
        return (timeout.connect, timeout.read, timeout.write, timeout.pool)
    return (timeout,) if timeout is None or type(timeout) in (int, float) else None


def log_request(url: str, status: int) -> None:
    """The line that httpx logs of every request, which some programs count."""
    if _httpx_log.isEnabledFor(logging.INFO):
        _httpx_log.info('HTTP Request: %s %s "%s %d %s"', "POST", url, "HTTP/1.1", status, HTTPStatus(status).phrase)
