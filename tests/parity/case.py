"""One case of the suite: what the vendor answers, and what a program does with it.

A program is written once for both kinds of client: `call(client)` gives a value or something to await, or is a generator that yields
them one by one and is sent what came of each (an exception is thrown into it):

    def call(client):
        answer = yield client.chat.completions.create(...)
        yield client.chat.completions.create(messages=[answer.choices[0].message], ...)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import openai

from tests.parity import picture

if TYPE_CHECKING:
    from tests.parity.upstream import Answer, Received

Program = Callable[[Any], Any]
MODES: Final = ("sync", "async")


@dataclass(frozen=True)
class Each:
    """Yielded: iterate over this to its end, or so many times; the items are the value."""

    items: Any
    most: int | None = None


@dataclass(frozen=True)
class Within:
    """Yielded: enter this context manager and run the program with what it gives."""

    manager: Any
    program: Program


@dataclass(frozen=True)
class Stopped:
    """What came of an iteration: its items, and the exception that ended it."""

    items: list[Any]
    error: Exception | None


@dataclass(frozen=True)
class Case:
    """See the module.

    Attributes:
        name: unique in its file.
        call: the program.
        answers: what the vendor plays.
        fails: the class of the exception that openai ends with (in some major); a program cannot fail unnoticed.
        client: arguments of the client, beside its address and key (`...` leaves one of them out); a function of the mode makes
            them anew for each way.
        environ: variables of the program; {url} in them is the vendor's address, {port} its port.
        setting: how llmswitch knows the vendor: by `base_url`, as OpenAI (moved here by its variable), or as OpenAI among others.
        logs: loggers whose records, from DEBUG on, are compared.
        differs: names of the knowing differences that this case shows.
        modes: which kinds of client can run it.
        bug: why it fails, while it does.
    """

    name: str
    call: Program
    answers: tuple[Answer, ...] = ()
    fails: str | tuple[str, ...] = ()
    client: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    setting: Literal["base_url", "openai", "others"] = "base_url"
    logs: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    modes: tuple[str, ...] = MODES
    bug: str | None = None

    def __str__(self) -> str:
        return self.name


@dataclass
class Outcome:
    """What one way gave: every value, exception and iteration in turn, and what was sent for it."""

    steps: list[object] = field(default_factory=list)
    sent: list[Received] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)  # of the functions that were wrapped

    @property
    def errors(self) -> list[str]:
        """Names of the exceptions."""
        ends = [step.error if isinstance(step, Stopped) else step for step in self.steps]
        return [type(end).__name__ for end in ends if isinstance(end, BaseException)]

    def picture(self) -> picture.Picture:
        """All of it as one picture."""
        found: picture.Picture = {"steps": str(len(self.steps)), "requests": str(len(self.sent))}
        found["warnings"] = picture.clean(str(self.warnings))
        found.update({f"log{number}": picture.clean(text) for number, text in enumerate(self.logs)})
        for number, step in enumerate(self.steps):
            _step(found, f"step{number}", step)
        for number, request in enumerate(self.sent):
            found[f"sent{number}.line"] = request.line
            found[f"sent{number}.body"] = repr(request.body)
            picture.headers(found, f"sent{number}.headers", request.headers)
        return found


def _step(found: picture.Picture, path: str, step: object) -> None:
    if isinstance(step, Stopped):
        found[f"{path}.count"] = str(len(step.items))
        for number, item in enumerate(step.items):
            found.update({f"{path}.{number} value{name}": text for name, text in picture.of(item).items()})
        step = step.error
        path = f"{path}.end"
    kind = "raised" if isinstance(step, BaseException) else "value"
    found.update({f"{path} {kind}{name}": text for name, text in picture.of(step).items()})


def sync(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run what never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("a sync client gave something to await")


async def run(call: Program, client: object, steps: list[object]) -> object:
    """Run a program, keeping every step; the value of its last one."""
    try:
        value = call(client)
        if inspect.isgenerator(value):
            return await _drive(value, steps)
        steps.append(value := await _finish(value, steps))
    except Exception as error:  # noqa: BLE001 - it is what is compared
        steps.append(error)
        return None
    return value


async def _drive(program: Generator[Any, Any, Any], steps: list[object]) -> object:
    send: Callable[[Any], Any] = program.send
    value: Any = None
    while True:
        try:
            step = send(value)
        except StopIteration as stop:
            return stop.value
        except Exception as error:
            if error is value:
                return None
            raise
        try:
            value, send = await _finish(step, steps), program.send
        except Exception as error:  # noqa: BLE001 - the program may expect it
            value, send = error, program.throw
        steps.append(value)


async def _finish(value: Any, steps: list[object]) -> object:
    """What comes of one thing that a program yielded."""
    if isinstance(value, Within):
        return await _within(value, steps)
    if isinstance(value, Each):
        return await _each(value)
    if inspect.isawaitable(value):
        value = await value
    return await _each(Each(value)) if isinstance(value, openai.Stream | openai.AsyncStream) else value


async def _within(value: Within, steps: list[object]) -> object:
    if hasattr(value.manager, "__aenter__"):
        async with value.manager as entered:
            return await run(value.program, entered, steps)
    with value.manager as entered:
        return await run(value.program, entered, steps)


async def _each(value: Each) -> Stopped:
    items: list[Any] = []
    try:
        if hasattr(value.items, "__aiter__"):
            async for item in value.items:
                items.append(item)
                if len(items) == value.most:
                    break
        else:
            for item in value.items:
                items.append(item)
                if len(items) == value.most:
                    break
    except Exception as error:  # noqa: BLE001 - it is what is compared
        # Left to the garbage collector, openai's stream may close while httpcore holds its pool's lock, and wait for ever.
        if isinstance(value.items, openai.Stream):
            value.items.close()
        elif isinstance(value.items, openai.AsyncStream):
            await value.items.close()
        return Stopped(items, error)
    return Stopped(items, None)
