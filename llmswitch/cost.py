"""What an attempt cost, in the currency the vendor bills. Worked out when it is asked for; a price nobody states is None.

Who is asked, the first that has the model decides:

1. the user's own `[[prices]]` in llmswitch.toml,
2. the vendor's file, `adapters/*.toml`,
3. the package `genai-prices`, for the vendors and sites whose file says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmswitch._json import Json
    from llmswitch.price import Price, PriceList
    from llmswitch.report import Attempt
    from llmswitch.usage import Usage


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money, by list price.

    Attributes:
        amount: exact, so that sums are.
        currency: ISO 4217, as billed; never converted.
        source: who states the price.
        as_of: when: YYYY, YYYY-MM or YYYY-MM-DD; "" where the source has no dates.
    """

    amount: Decimal
    currency: str
    source: str
    as_of: str

    def __str__(self) -> str:
        """`0.00135 CNY`."""
        return f"{self.amount.normalize():f} {self.currency}"


def of(attempt: Attempt) -> Cost | None:
    """What this attempt cost; None where its tokens or their price are not known."""
    usage = attempt.usage
    if usage is None:
        return None
    lists = [*attempt.prices, *_vendors(attempt.provider)]
    lists = [each for each in lists if each.covers(attempt.provider, attempt.site)]
    for each in lists:
        prices = each.prices(attempt.model)
        if prices is not None:
            return _by_list(each, prices, usage, attempt.at)
    library = next((each for each in lists if each.library), None)
    if library is None:
        return None
    from llmswitch import _price_library  # noqa: PLC0415 - the package takes a tenth of a second to import

    return _price_library.cost(library.library, attempt.model, usage, attempt.at, as_of=library.fact.as_of)


def listed(own: Iterable[PriceList], provider: str, site: str, model: str) -> list[Json]:
    """What a million tokens of this model cost there, a row for each kind of request; none where nobody says.

    Each row has currency, input, output, cached_input (None where not stated), for (which requests, "" for all), source, as_of.
    """
    lists = [each for each in (*own, *_vendors(provider)) if each.covers(provider, site)]
    for each in lists:
        prices = each.prices(model)
        if prices is not None:
            said: Json = {"source": each.fact.source, "as_of": each.fact.as_of}
            rest = "any other" if len(prices) > 1 else ""
            return [
                {"currency": each.currency, "input": price.input, "output": price.output,
                 "cached_input": price.cached_input, "for": price.condition or rest, **said}
                for price in prices
            ]  # fmt: skip
    library = next((each for each in lists if each.library), None)
    if library is None:
        return []
    from llmswitch import _price_library  # noqa: PLC0415 - as above

    found = _price_library.listed(library.library, model, as_of=library.fact.as_of)
    return [] if found is None else [found]


def _vendors(provider: str) -> Sequence[PriceList]:
    from llmswitch import adapter  # noqa: PLC0415 - a report is read without them

    try:
        return adapter.get(provider).prices
    except ConfigError:  # a report of another program, which knows more vendors
        return ()


def _by_list(found: PriceList, prices: Sequence[Price], usage: Usage, at: float | None) -> Cost | None:
    if at is None and any(price.hours or price.weekdays for price in prices):
        return None
    price = next((price for price in prices if price.holds(usage, at)), None)
    amount = price.amount(usage) if price is not None else None
    return None if amount is None else Cost(amount, found.currency, found.fact.source, found.fact.as_of)


def total(attempts: Iterable[Attempt]) -> dict[str, Decimal]:
    """What attempts cost together, by currency; those whose cost is not known are not in it."""
    sums: dict[str, Decimal] = {}
    for attempt in attempts:
        cost = of(attempt)
        if cost is not None:
            sums[cost.currency] = sums.get(cost.currency, Decimal(0)) + cost.amount
    return sums
