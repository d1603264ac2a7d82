"""`Switch` and `AsyncSwitch`: the engine on plain dicts, without importing openai.

    with Switch(region="CN") as switch:
        answer = switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "你好"}])
        print(answer["choices"][0]["message"]["content"], answer.llmswitch.provider)

The paths are openai's (`chat.completions.create`, `embeddings.create`, `models.list`), parameters and answers its JSON. Errors are those of
`llmswitch.errors`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, overload

from llmswitch import errors, transport
from llmswitch._json import loads
from llmswitch.call import Timeouts
from llmswitch.engine import Engine
from llmswitch.exchange import AsyncExchange, Exchange
from llmswitch.failover import LoneFailure
from llmswitch.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from types import TracebackType

    from llmswitch._json import Json
    from llmswitch.call import Answer, Call
    from llmswitch.config import Config
    from llmswitch.health import Health
    from llmswitch.report import Report

# openai's own default, for a lone candidate.
MAX_RETRIES: Final = 2


class Reply(dict[str, Any]):
    """An answer, or a chunk of one: a plain dict, with `llmswitch` saying what happened."""

    llmswitch: Report

    def __init__(self, value: Json, report: Report) -> None:
        super().__init__(value)
        self.llmswitch = report

    def __reduce__(self) -> tuple[type[Reply], tuple[dict[str, Any], Report]]:
        return Reply, (dict(self), self.llmswitch)


def _reply(answer: Answer) -> Reply:
    if answer.value is not None:
        return Reply(answer.value, answer.report)
    try:
        value = loads(answer.body) if answer.body else {}
    except (ValueError, RecursionError):
        report = answer.report
        message = f"{report.endpoint} {report.model}: the answer is not JSON, or broke off. Repeat the call."
        failure = Failure(kind=Kind.BAD_PAYLOAD, provider=report.provider, status=answer.status, message=message)
        reply = errors.Reply(answer.status, tuple(answer.headers), answer.body)
        case = errors.Case(message, report.attempts, failure, reply)
        raise errors.build(errors.ProviderError, case) from None
    return Reply(value if isinstance(value, dict) else {"data": value}, answer.report)


def _raised(lone: LoneFailure) -> errors.CallError:
    """The lone provider's failure as an error of its own."""
    return errors.build(errors.ProviderError, lone.case)


class Stream:
    """Chunks as they come. Iterate, or `close()` to stop; closing, or dropping it, frees the connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def llmswitch(self) -> Report:
        """What has happened so far."""
        return self._exchange.report

    def __iter__(self) -> Iterator[Reply]:
        return self

    def __next__(self) -> Reply:
        try:
            value, _ = next(self._exchange)
        except LoneFailure as lone:
            raise _raised(lone) from lone.case.cause
        return Reply(value, self._exchange.report)

    def close(self) -> None:
        """Stop and free the connection."""
        self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStream:
    """As `Stream`, for an event loop."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange

    @property
    def llmswitch(self) -> Report:
        """What has happened so far."""
        return self._exchange.report

    def __aiter__(self) -> AsyncIterator[Reply]:
        return self

    async def __anext__(self) -> Reply:
        try:
            value, _ = await anext(self._exchange)
        except LoneFailure as lone:
            raise _raised(lone) from lone.case.cause
        return Reply(value, self._exchange.report)

    async def close(self) -> None:
        """Stop and free the connection."""
        await self._exchange.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Base:
    """What both clients are made of.

    The arguments of `llmswitch.openai.SwitchOptions`, and:

    Args:
        api_key: the first endpoint's key; base_url: its address.
        timeout: seconds until the first content, then of each gap; 600 as openai's.
        max_retries: of a lone candidate, as openai's.
        environ: instead of the process's environment.
        health: what is known about endpoints; shared by all clients of the process unless given.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        max_retries: int = MAX_RETRIES,
        environ: Mapping[str, str] | None = None,
        health: Health | None = None,
        **arguments: Any,  # noqa: ANN401 - checked by config.load, one by one
    ) -> None:
        try:
            self.engine = Engine.load(
                environ=os.environ if environ is None else environ,
                health=health,
                timeout=timeout,
                max_retries=max_retries,
                **arguments,
            )
        except errors.ConfigError as error:
            message = str(error)
        else:
            message = ""
        if message:
            # A fresh error, and nothing left beneath it: a traceback that shows local variables would show keys.
            arguments.clear()
            environ = None
            raise errors.ConfigError(message)
        self._timeouts = (
            Timeouts() if timeout is None else Timeouts(connect=min(5.0, timeout), read=timeout, write=timeout)
        )

    @property
    def config(self) -> Config:
        """What this client was told."""
        return self.engine.config

    @property
    def health(self) -> Health:
        """What is known about endpoints."""
        return self.engine.health

    def _call(self, operation: str, given: dict[str, object]) -> Call:
        """The call behind keyword arguments; `timeout`, `extra_body`, `extra_headers` and `llmswitch` are not parameters.

        Raises:
            InvalidRequestError: one of these is wrong.
        """
        params = cast("Json", given)
        extra, headers = _object(params, "extra_body"), _object(params, "extra_headers")
        options = _object(params, "llmswitch") or _object(extra, "llmswitch")
        timeout = params.pop("timeout", None)
        timeouts = self._timeouts
        if timeout is not None:
            if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
                raise errors.InvalidRequestError(f"timeout={timeout!r}: it takes seconds above 0. Nothing was sent.")
            timeouts = Timeouts(connect=min(5.0, timeout), read=timeout, write=timeout)
        return self.engine.call(
            operation=operation,
            params={**params, **extra},
            extra=extra,
            extra_headers={name: str(value) for name, value in headers.items()},
            options=options,
            timeouts=timeouts,
            max_retries=self.config.max_retries,
        )


def _object(params: Json, name: str) -> Json:
    """Take an object out of the parameters, an empty one where there is none.

    Raises:
        InvalidRequestError: it is something else.
    """
    value = params.pop(name, None)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.InvalidRequestError(f"{name}= takes a dict, not {type(value).__name__}. Nothing was sent.")
    return dict(value)


class Switch(_Base):
    """The engine for threads; safe to share between them."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(**arguments)
        self._sender = transport.open_sync()
        self.chat = _Chat(self)
        self.embeddings = _Endpoint(self, "embeddings")
        self.models = _Models(self)

    def send(self, operation: str, params: dict[str, object]) -> Reply | Stream:
        """One call of "chat", "embeddings" or "models".

        Raises:
            CallError: no provider answered.
            InvalidRequestError: the request cannot be sent.
        """
        call = self._call(operation, params)
        exchange = Exchange(self.engine, call, self.engine.failover(call), self._sender)
        try:
            answer = exchange.open()
        except LoneFailure as lone:
            raise _raised(lone) from lone.case.cause
        return Stream(exchange) if answer is None else _reply(answer)

    def close(self) -> None:
        """Close every connection."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncSwitch(_Base):
    """The engine for event loops; every method that sends is a coroutine."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(**arguments)
        self._sender = transport.open_async()
        self.chat = _AsyncChat(self)
        self.embeddings = _AsyncEndpoint(self, "embeddings")
        self.models = _AsyncModels(self)

    async def send(self, operation: str, params: dict[str, object]) -> Reply | AsyncStream:
        """As `Switch.send`."""
        call = self._call(operation, params)
        exchange = AsyncExchange(self.engine, call, self.engine.failover(call), self._sender)
        try:
            answer = await exchange.open()
        except LoneFailure as lone:
            raise _raised(lone) from lone.case.cause
        return AsyncStream(exchange) if answer is None else _reply(answer)

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Endpoint:
    """`embeddings`, and `completions` below `chat`: one verb, `create`."""

    def __init__(self, switch: Switch, operation: str) -> None:
        self._switch, self._operation = switch, operation

    @overload
    def create(self, *, stream: Literal[True], **params: object) -> Stream: ...

    @overload
    def create(self, *, stream: Literal[False] | None = None, **params: object) -> Reply: ...

    def create(self, **params: object) -> Reply | Stream:
        """Openai's parameters; gives a `Reply`, or with `stream=True` a `Stream` of them. Raises as `Switch.send`."""
        return self._switch.send(self._operation, params)


class _Chat:
    def __init__(self, switch: Switch) -> None:
        self.completions = _Endpoint(switch, "chat")


class _Models:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def list(self, **params: object) -> Reply | Stream:
        """The models of the first provider that answers."""
        return self._switch.send("models", params)


class _AsyncEndpoint:
    def __init__(self, switch: AsyncSwitch, operation: str) -> None:
        self._switch, self._operation = switch, operation

    @overload
    async def create(self, *, stream: Literal[True], **params: object) -> AsyncStream: ...

    @overload
    async def create(self, *, stream: Literal[False] | None = None, **params: object) -> Reply: ...

    async def create(self, **params: object) -> Reply | AsyncStream:
        """As `Switch`'s, awaited."""
        return await self._switch.send(self._operation, params)


class _AsyncChat:
    def __init__(self, switch: AsyncSwitch) -> None:
        self.completions = _AsyncEndpoint(switch, "chat")


class _AsyncModels:
    def __init__(self, switch: AsyncSwitch) -> None:
        self._switch = switch

    async def list(self, **params: object) -> Reply | AsyncStream:
        """As `Switch`'s, awaited."""
        return await self._switch.send("models", params)
