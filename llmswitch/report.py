"""What happened to a call: the attempts it took, what they cost, and what was changed in its parameters."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from llmswitch import usage

if TYPE_CHECKING:
    from decimal import Decimal

    from llmswitch._json import Json, JsonValue
    from llmswitch.cost import Cost
    from llmswitch.price import PriceList
    from llmswitch.usage import Usage

Action = Literal["renamed", "clamped", "dropped", "added", "converted"]

# Parameters that are settings, whatever their values: no text of a prompt is among them.
_SETTINGS: Final = frozenset({
    "encoding_format", "function_call", "logit_bias", "modalities", "prompt_cache_key", "prompt_cache_retention", "reasoning",
    "reasoning_effort", "safety_identifier", "service_tier", "stop", "stream_options", "thinking", "tool_choice", "user", "verbosity",
})  # fmt: skip


def told(parameter: str, value: JsonValue) -> JsonValue:
    """What a report says of a value that the caller gave: numbers and settings as they are, of anything else what it is."""
    if parameter in _SETTINGS or value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        kind = value.get("type")
        return kind if isinstance(kind, str) else "an object"
    return f"a list of {len(value)}" if isinstance(value, list) else "a text"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what the caller asked and what was sent.

    `parameter` is the caller's name for it (`max_tokens`, `messages[2].role`); `before` and `after` are values, or names where it
    was renamed; prompts are never kept here (`told`). `loss` says that the vendor is asked for less than the caller asked.
    """

    parameter: str
    action: Action
    before: JsonValue
    after: JsonValue
    reason: str
    loss: bool = False

    def __post_init__(self) -> None:
        # Neither the vendors' facts nor the caller's own objects may change with a report.
        for name in ("before", "after"):
            if isinstance(value := getattr(self, name), (dict, list)):
                object.__setattr__(self, name, deepcopy(value))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an endpoint (or, with `milliseconds` None, a candidate that was not tried and why).

    Attributes:
        requests: more than one where an embeddings call had more texts than the vendor takes at once.
        said: what the vendor says at the end of its answer: `usage` in OpenAI's shape, `finish_reason` in its own word. Of a stream it is
            filled as the stream is read.
        at: when it was sent, in unix seconds: some prices hold for a time.
        prices: the user's own, where there are any for this endpoint.
    """

    provider: str
    site: str
    model: str
    kind: str | None = None
    status: int | None = None
    code: str | None = None
    message: str = ""
    request_id: str | None = None
    milliseconds: float | None = None
    hint: str | None = None
    requests: int = 1
    said: Json = field(default_factory=dict, repr=False, compare=False)
    at: float | None = field(default=None, repr=False, compare=False)
    prices: tuple[PriceList, ...] = field(default=(), repr=False, compare=False)

    @property
    def usage(self) -> Usage | None:
        """The tokens that the vendor counted; None where it does not say, or has not yet."""
        return usage.read(self.said.get("usage"))

    @property
    def cost(self) -> Cost | None:
        """What they cost by list price, in the currency that is billed; None where tokens or price are not known."""
        from llmswitch import cost  # noqa: PLC0415 - only who asks pays for it

        return cost.of(self)

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended, in the vendor's own word."""
        word = self.said.get("finish_reason")
        return word if isinstance(word, str) else None

    def __str__(self) -> str:
        """One line for people: `qwen@cn qwen-plus: rate_limited (429 limit_requests) after 12 ms: …`."""
        where = f"{self.provider}@{self.site} {self.model}".rstrip()
        if self.kind is None:
            return f"{where}: answered after {self.milliseconds or 0:.0f} ms"
        detail = " ".join(str(part) for part in (self.status, self.code) if part is not None)
        took = f" after {self.milliseconds:.0f} ms" if self.milliseconds is not None else ", not tried"
        text = f"{where}: {self.kind}{f' ({detail})' if detail else ''}{took}"
        if self.message:
            text += f": {self.message}"
        return f"{text} [{self.hint}]" if self.hint else text


@dataclass(frozen=True, slots=True)
class Report:
    """`response.llmswitch`: who answered, after which attempts, with which parameters changed.

    `usage`, `cost` and `finish_reason` are the answer's own; of a stream they are there once it has been read. `space` names the vector
    space of embeddings, `family/model/dimensions`: vectors of different spaces cannot be compared.
    """

    provider: str
    site: str
    model: str
    region: str | None = None
    attempts: tuple[Attempt, ...] = ()
    changes: tuple[Change, ...] = ()
    space: str | None = None

    @property
    def endpoint(self) -> str:
        """`provider@site`."""
        return f"{self.provider}@{self.site}"

    @property
    def failed_over(self) -> bool:
        """Whether another endpoint was tried first."""
        return any((a.provider, a.site) != (self.provider, self.site) for a in self.attempts)

    @property
    def _answer(self) -> Attempt | None:
        """The attempt that answered."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].kind is None else None

    @property
    def usage(self) -> Usage | None:
        """The tokens that the vendor counted for the answer; None where it does not say, or has not yet."""
        return self._answer.usage if self._answer else None

    @property
    def cost(self) -> Cost | None:
        """What the answer cost by list price, in the currency that is billed; None where tokens or price are not known."""
        return self._answer.cost if self._answer else None

    @property
    def total_cost(self) -> dict[str, Decimal]:
        """What all attempts cost together, by currency, failed ones included; what is not known is not in it."""
        from llmswitch import cost  # noqa: PLC0415 - only who asks pays for it

        return cost.total(self.attempts)

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended, in the vendor's own word (`choices[0].finish_reason` has OpenAI's)."""
        return self._answer.finish_reason if self._answer else None
