"""`chat.completions` and `embeddings` of our clients: openai's own, with the fast path before `create`."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final

from openai import resources
from openai._compat import cached_property
from openai.resources import chat
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion

from llmswitch import errors
from llmswitch._openai_fast import Method, Prepared, log_request
from llmswitch._openai_models import constructor
from llmswitch._openai_stream import AsyncDirectStream, DirectStream
from llmswitch._openai_transport import replaying
from llmswitch._openai_wire import embedding
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failover import LoneFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    import openai

    from llmswitch._openai_transport import Outcome
    from llmswitch.call import Answer

# openai's own, whose arguments are read; the async ones take the same.
_CHAT: Final = chat.Completions.create
_EMBEDDINGS: Final = resources.Embeddings.create


def _object(cls: type[openai.BaseModel], answer: Answer, prepared: Prepared) -> object:
    """The answer as openai's object, None where it is not of its shape."""
    if answer.value is None:
        return None
    made: Any = constructor(cls)(answer.value)
    request_id = next((value for name, value in answer.headers if name.lower() == "x-request-id"), None)
    # Past pydantic: in no dump, no comparison and not among the fields that were set.
    vars(made).update(_request_id=request_id, llmswitch=answer.report)
    return made if prepared.parser is None else prepared.parser(made)


def _run(
    openais: Callable[..., Any], cls: type[openai.BaseModel], method: Method, prepared: Prepared, params: dict[str, Any]
) -> Any:
    """One call; what goes wrong is left to `openais`, openai's own method."""
    call, sent, _ = prepared
    outcome: Outcome
    try:
        exchange = Exchange(sent.engine, call, sent.engine.failover(call), sent.sender)
        answer = exchange.open()
    except (LoneFailure, errors.LLMSwitchError) as error:
        outcome = error
    else:
        if answer is None:
            log_request(sent.url, exchange.answered.status)
            return DirectStream(exchange, method.client, functools.partial(method.request, prepared))
        if (made := _object(cls, answer, prepared)) is not None:
            log_request(sent.url, answer.status)
            return made
        outcome = answer
    with replaying(outcome), embedding(params, call):
        return openais(**params)


async def _run_async(
    openais: Callable[..., Any], cls: type[openai.BaseModel], method: Method, prepared: Prepared, params: dict[str, Any]
) -> Any:
    """As `_run`."""
    call, sent, _ = prepared
    outcome: Outcome
    try:
        exchange = AsyncExchange(sent.engine, call, sent.engine.failover(call), sent.sender)
        answer = await exchange.open()
    except (LoneFailure, errors.LLMSwitchError) as error:
        outcome = error
    else:
        if answer is None:
            log_request(sent.url, exchange.answered.status)
            return AsyncDirectStream(exchange, method.client, functools.partial(method.request, prepared))
        if (made := _object(cls, answer, prepared)) is not None:
            log_request(sent.url, answer.status)
            return made
        outcome = answer
    with replaying(outcome), embedding(params, call):
        return await openais(**params)


def _like(openais: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function look as openai's does, to whoever inspects or wraps it."""

    def dressed(function: Any) -> Any:
        functools.update_wrapper(function, inspect.unwrap(openais))
        if not hasattr(openais, "__wrapped__"):
            del function.__wrapped__
            function.__signature__ = inspect.signature(openais)
        return function

    return dressed


class Completions(chat.Completions):
    """`openai.resources.chat.Completions`."""

    @cached_property
    def _method(self) -> Method:
        return Method(self, _CHAT, "chat")

    if not TYPE_CHECKING:

        @_like(_CHAT)
        def create(self, *args: Any, **params: Any) -> Any:
            prepared = None if args else self._method.prepare(params)
            if prepared is None:
                return super().create(*args, **params)
            return _run(super().create, ChatCompletion, self._method, prepared, params)


class AsyncCompletions(chat.AsyncCompletions):
    """`openai.resources.chat.AsyncCompletions`."""

    @cached_property
    def _method(self) -> Method:
        return Method(self, _CHAT, "chat")

    if not TYPE_CHECKING:

        @_like(chat.AsyncCompletions.create)
        def create(self, *args: Any, **params: Any) -> Any:
            prepared = None if args else self._method.prepare(params)
            if prepared is None:
                return super().create(*args, **params)
            return _run_async(super().create, ChatCompletion, self._method, prepared, params)


class Embeddings(resources.Embeddings):
    """`openai.resources.Embeddings`."""

    @cached_property
    def _method(self) -> Method:
        return Method(self, _EMBEDDINGS, "embeddings")

    if not TYPE_CHECKING:

        @_like(_EMBEDDINGS)
        def create(self, *args: Any, **params: Any) -> Any:
            prepared = None if args else self._method.prepare(params)
            if prepared is None:
                with embedding(params):
                    return super().create(*args, **params)
            return _run(super().create, CreateEmbeddingResponse, self._method, prepared, params)


class AsyncEmbeddings(resources.AsyncEmbeddings):
    """`openai.resources.AsyncEmbeddings`."""

    @cached_property
    def _method(self) -> Method:
        return Method(self, _EMBEDDINGS, "embeddings")

    if not TYPE_CHECKING:

        @_like(resources.AsyncEmbeddings.create)
        async def create(self, *args: Any, **params: Any) -> Any:
            prepared = None if args else self._method.prepare(params)
            if prepared is None:
                with embedding(params):
                    return await super().create(*args, **params)
            return await _run_async(super().create, CreateEmbeddingResponse, self._method, prepared, params)


class Chat(chat.Chat):
    """`openai.resources.chat.Chat`."""

    @cached_property
    def completions(self) -> Completions:
        """With the fast path."""
        return Completions(self._client)


class AsyncChat(chat.AsyncChat):
    """`openai.resources.chat.AsyncChat`."""

    @cached_property
    def completions(self) -> AsyncCompletions:
        """With the fast path."""
        return AsyncCompletions(self._client)
