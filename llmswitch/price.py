"""Price lists: what a vendor, or the user, says that a million tokens cost, and what that makes of an answer's tokens. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from llmswitch.adapter import Fact
    from llmswitch.usage import Usage

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens of one request cost, and for which requests that holds; None where nothing is stated.

    A request is billed by one price as a whole: no vendor is known that bills each bracket of its tokens by itself.

    Attributes:
        input: what is sent.
        output: what is written, reasoning included.
        cached_input: input read from a cache.
        marked_cached_input: the same where the request asked for the cache and the vendor bills that differently.
        cache_write: input written to a cache that the request asked for.
        up_to: only for requests of at most so many input tokens; `below`: of fewer than so many.
        output_below: only for answers of fewer tokens than this.
        reasoned: only for answers with (True) or without (False) reasoning.
        hours: only for requests sent at these times of the day, UTC: minutes from midnight, the second of a pair not included.
        weekdays: only from Monday to Friday, UTC.
    """

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None
    marked_cached_input: float | None = None
    cache_write: float | None = None
    up_to: int | None = None
    below: int | None = None
    output_below: int | None = None
    reasoned: bool | None = None
    hours: tuple[tuple[int, int], ...] = ()
    weekdays: bool = False

    @property
    def condition(self) -> str:
        """Which requests it is for, in words; "" for all."""
        hours = [f"{begin // 60:02}:{begin % 60:02} to {end // 60:02}:{end % 60:02} UTC" for begin, end in self.hours]
        parts = (
            f"input up to {self.up_to:,}" if self.up_to else "",
            f"input below {self.below:,}" if self.below else "",
            f"output below {self.output_below:,}" if self.output_below else "",
            ", ".join(hours),
            "Monday to Friday" if self.weekdays else "",
            "" if self.reasoned is None else "with reasoning" if self.reasoned else "without reasoning",
        )
        return ", ".join(part for part in parts if part)

    def holds(self, usage: Usage, at: float | None) -> bool:
        """Whether this is the price of a request with these tokens, sent `at` that time (unix seconds; None: at any)."""
        sent, written = usage.input_tokens or 0, usage.output_tokens or 0
        return (
            (self.up_to is None or sent <= self.up_to)
            and (self.below is None or sent < self.below)
            and (self.output_below is None or written < self.output_below)
            and (self.reasoned is None or self.reasoned == bool(usage.reasoning_tokens))
            and (at is None or self._at(at))
        )

    def _at(self, at: float) -> bool:
        days, minute = divmod(int(at) // 60, 24 * 60)
        # The first of January 1970 was a Thursday.
        if self.weekdays and (days + 3) % 7 > 4:  # noqa: PLR2004 - Friday is the fifth day
            return False
        return not self.hours or any(begin <= minute < end for begin, end in self.hours)

    def amount(self, usage: Usage) -> Decimal | None:
        """What these tokens cost; None where tokens were counted whose price is not stated, or are not counted whose price is."""
        if (
            usage.cache_write_1h_tokens
            or usage.input_tokens is None
            or (usage.output_tokens is None and self.output is not None)
        ):
            return None
        cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
        fresh = usage.input_tokens - cached - written
        if fresh < 0:
            return None  # the vendor counts in another way than OpenAI's
        marked = usage.cache_write_tokens is not None and self.marked_cached_input is not None
        parts = (
            (fresh, self.input),
            (cached, self.marked_cached_input if marked else self.cached_input),
            (written, self.cache_write),
            (usage.output_tokens or 0, self.output),
        )
        from decimal import Decimal  # noqa: PLC0415 - every program reads price lists, few ask what something cost

        total = Decimal(0)
        for tokens, price in parts:
            if tokens and price is None:
                return None
            if tokens:
                total += tokens * Decimal(str(price))
        return total / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """One `[[prices]]` table: prices in one currency, of one source.

    Attributes:
        currency: ISO 4217.
        fact: who says so, and when; of a user's own, date and confidence may be "".
        provider: whose prices; of a vendor's own file the vendor.
        sites: the sites billed so; none means all.
        models: the name, or a shell-style pattern of names, as sent -> its prices; the first that holds counts. None at all says that
            nobody knows, the library included.
        library: the vendor's name in the package genai-prices, which prices the models that are not here; "" for nobody.
    """

    currency: str
    fact: Fact
    provider: str = ""
    sites: tuple[str, ...] = ()
    models: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)
    library: str = ""

    def covers(self, provider: str, site: str) -> bool:
        """Whether these are prices of this endpoint."""
        return self.provider == provider and (not self.sites or site in self.sites)

    def prices(self, model: str) -> tuple[Price, ...] | None:
        """The prices of a model, None where it is not in the list."""
        found = self.models.get(model)
        if found is None:
            found = next((rows for pattern, rows in self.models.items() if fnmatchcase(model, pattern)), None)
        return found
