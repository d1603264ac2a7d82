"""What llmswitch raises.

    LLMSwitchError
    ├── ConfigError                 also ValueError: a file, a variable or an argument is wrong
    ├── InvalidRequestError         also ValueError: cannot be encoded as JSON, or `strict=True` would have to drop something
    └── CallError                   a call that was routed; keeps every `attempt` and the `failure` that decided
        ├── NoProviderError         no candidate: nothing was sent
        ├── AllProvidersFailedError several candidates, each with its cause
        ├── ProviderError           the one candidate's own error
        │   ├── RegionBlockedError  it does not serve this region
        │   └── QuotaExhaustedError no balance or quota left: waiting a moment does not help
        └── StreamInterruptedError  ended after content was delivered: `partial`

These are pure: `Switch` raises them without importing openai. `llmswitch.openai` derives each from openai's own class as well and
announces its builder with `refine`; from then on `build` makes the derived ones, so that either name catches both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmswitch._json import Json
    from llmswitch.failure import Failure
    from llmswitch.report import Attempt

__all__ = [
    "AllProvidersFailedError",
    "CallError",
    "ConfigError",
    "InvalidRequestError",
    "LLMSwitchError",
    "NoProviderError",
    "Partial",
    "PayloadError",
    "ProviderError",
    "QuotaExhaustedError",
    "RegionBlockedError",
    "StreamInterruptedError",
]


class LLMSwitchError(Exception):
    """The root of everything llmswitch raises by itself."""


class ConfigError(LLMSwitchError, ValueError):
    """A file, a variable or an argument is wrong; the message names where, what was found and what is allowed."""


class InvalidRequestError(LLMSwitchError, ValueError):
    """The request was not sent: it has no JSON form, or `strict=True` forbids the change it would need."""


class PayloadError(LLMSwitchError):
    """Inside the engine: a 200 whose body is no answer. Carries its `failure`; callers never see this class.

    `said`: the `usage` and `finish_reason` that are in it all the same, as `Attempt.said`.
    """

    def __init__(self, failure: Failure, said: Json | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.said: Json = {} if said is None else said


@dataclass(frozen=True, slots=True)
class Reply:
    """What the deciding provider answered, for the error that carries it: status, headers (lower-case names) and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Partial:
    """What of a stream had been delivered when it broke, of its first choice.

    Attributes:
        text: the answer's text, exactly as delivered.
        reasoning: the reasoning text delivered.
        tool_calls: tool calls as far as they came, arguments possibly cut; never to be executed.
        usage: the usage block, if one had arrived.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[Json, ...] = ()
    usage: Json | None = None


class CallError(LLMSwitchError):
    """A routed call that did not come back with an answer.

    Attributes:
        attempts: every attempt in order, then the candidates that were not tried, each with its cause.
        failure: the failure that decided the class of this error, if there was one.
        reply: that failure's HTTP answer, if there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        attempts: Sequence[Attempt] = (),
        failure: Failure | None = None,
        reply: Reply | None = None,
    ) -> None:
        Exception.__init__(self, message)  # not super(): the derived classes have openai's constructors beside this one
        self.attempts = tuple(attempts)
        self.failure = failure
        self.reply = reply

    def __reduce__(self) -> tuple[Callable[..., CallError], tuple[object, ...]]:
        # Headers stay behind: they may hold cookies.
        reply = Reply(self.reply.status, (), self.reply.body) if self.reply else None
        partial = self.delivered if isinstance(self, StreamInterruptedError) else None
        return build, (root(type(self)), Case(str(self), self.attempts, self.failure, reply, partial))


class NoProviderError(CallError):
    """No candidate may take this call, so nothing was sent; the message says why each is out and what to set."""


class AllProvidersFailedError(CallError):
    """Every candidate failed or is held back; also an instance of the class of the first one's error."""


class ProviderError(CallError):
    """The only candidate failed; with openai imported it is openai's own class as well."""


class RegionBlockedError(ProviderError):
    """The provider does not serve this region."""


class QuotaExhaustedError(ProviderError):
    """The account has no balance or quota left: final until it is topped up or resets."""


class StreamInterruptedError(CallError):
    """A stream broke after content had been delivered.

    Attributes:
        partial: the text that was delivered, exactly.
        delivered: the same with reasoning, tool calls and usage.
    """

    partial: str = ""
    delivered: Partial = Partial()


@dataclass(frozen=True, slots=True)
class Case:
    """All that an error is built from."""

    message: str
    attempts: tuple[Attempt, ...] = ()
    failure: Failure | None = None
    reply: Reply | None = None
    partial: Partial | None = None
    url: str = ""
    cause: BaseException | None = field(default=None, compare=False)


def _plain(cls: type[CallError], case: Case) -> CallError:
    error = cls(case.message, attempts=case.attempts, failure=case.failure, reply=case.reply)
    return complete(error, case)


def complete(error: CallError, case: Case) -> CallError:
    """Give a freshly made error its partial and its cause."""
    if isinstance(error, StreamInterruptedError) and case.partial is not None:
        error.partial, error.delivered = case.partial.text, case.partial
    error.__cause__ = case.cause
    return error


_builder: Callable[[type[CallError], Case], CallError] = _plain


def refine(builder: Callable[[type[CallError], Case], CallError]) -> None:
    """From now on let `builder` make the errors; it must return instances of the class it is given."""
    global _builder  # noqa: PLW0603 - set once, by llmswitch.openai
    _builder = builder


def build(cls: type[CallError], case: Case) -> CallError:
    """The error of this class for this case, openai's own class included once llmswitch.openai is imported."""
    return _builder(cls, case)


def root(cls: type[BaseException]) -> type[CallError]:
    """The class of this module that `cls` is, or was derived from."""
    return next(c for c in cls.__mro__ if c.__module__ == __name__ and issubclass(c, CallError))
