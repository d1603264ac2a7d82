"""What happened to a call: the attempts it took and what was changed in its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llmswitch._json import JsonValue

Action = Literal["renamed", "clamped", "dropped", "added", "converted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what the caller asked and what was sent.

    `parameter` is the caller's name for it (`max_tokens`, `messages[2].role`); `before` and `after` are values, or names where it
    was renamed; prompts are never kept here. `loss` says that the vendor is asked for less than the caller asked.
    """

    parameter: str
    action: Action
    before: JsonValue
    after: JsonValue
    reason: str
    loss: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an endpoint (or, with `milliseconds` None, a candidate that was not tried and why).

    `requests` is more than one where an embeddings call had more texts than the vendor takes at once.
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

    `space` names the vector space of embeddings, `family/model/dimensions`: vectors of different spaces cannot be compared.
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
