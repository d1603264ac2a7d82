"""`[[prices]]` tables, of a vendor's file and of llmswitch.toml, to `PriceList`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from llmswitch._source import provider_name
from llmswitch._table import Table
from llmswitch.adapter import Fact
from llmswitch.price import Price, PriceList

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmswitch._source import Source

_HOURS: Final = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def of_vendor(row: Table, provider: str, sites: Sequence[str], fact: Fact) -> PriceList:
    """One table of a vendor's file; its `fact` has been taken already.

    Raises:
        ConfigError: naming the file, the key, what was found and what is allowed.
    """
    named = row.texts("sites", sites)
    if not named:
        raise row.error("sites", None, f"the sites billed so: {', '.join(sites)}")
    found = PriceList(
        provider=provider,
        sites=named,
        currency=_currency(row),
        library=row.text("library"),
        models=_models(row),
        fact=fact,
    )
    row.close()
    if not found.models and not found.library:
        raise row.error("models", None, "the prices, or library = the vendor's name in genai-prices")
    if found.library and found.currency != "USD":
        raise row.error("currency", found.currency, "USD, the currency of genai-prices")
    return found


def of_user(row: Source) -> PriceList:
    """One table of the user's own. Raises as `of_vendor`."""
    provider, _, site = provider_name(row, "provider", row.need("provider", str)).partition("@")
    found = PriceList(
        provider=provider,
        sites=(site,) if site else (),
        currency=_currency(row),
        models=_models(row),
        fact=Fact(source=row.text("source", row.file), as_of=row.text("as_of"), confidence=""),
    )
    row.close()
    if not found.models:
        raise row.error("models", None, 'a table such as { "qwen-plus" = { input = 0.8, output = 2 } }')
    return found


def _currency(row: Table) -> str:
    currency = row.need("currency", str)
    if not _CURRENCY.fullmatch(currency):
        raise row.error("currency", currency, "an ISO 4217 code such as CNY")
    return currency


def _models(row: Table) -> dict[str, tuple[Price, ...]]:
    models = row.take("models", dict) or {}
    table = Table(models, row.file, row.path("models"))
    return {name: tuple(_prices(table, name, value)) for name, value in models.items()}


def _prices(models: Table, name: str, value: object) -> Iterator[Price]:
    """One price, or several for requests of different sizes: the first that holds counts."""
    rows = {f"{name}[{index}]": row for index, row in enumerate(value)} if isinstance(value, list) else {name: value}
    for key, row in rows.items():
        if not isinstance(row, dict):
            raise models.error(key, row, "a table such as { input = 0.8, output = 2 }, or a list of them")
        yield _price(Table(row, models.file, models.path(key)))


def _price(row: Table) -> Price:
    price = Price(
        input=_amount(row, "input"),
        output=_amount(row, "output"),
        cached_input=_amount(row, "cached_input"),
        marked_cached_input=_amount(row, "marked_cached_input"),
        cache_write=_amount(row, "cache_write"),
        up_to=_limit(row, "up_to"),
        below=_limit(row, "below"),
        output_below=_limit(row, "output_below"),
        reasoned=row.take("reasoned", bool),
        hours=tuple(_hours(row, text) for text in row.texts("hours")),
        weekdays=row.take("weekdays", bool) or False,
    )
    row.close()
    if price.input is None:
        raise row.error("input", None, "the price of a million tokens; leave the model out where it is not known")
    return price


def _hours(row: Table, text: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(text)
    begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if not begin < end <= 24 * 60:
        raise row.error("hours", text, 'times of the day in UTC such as "01:00-04:00"')
    return begin, end


def _amount(row: Table, name: str) -> float | None:
    value = row.take(name, float)
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise row.error(name, value, "a price of 0 or more")
    return value


def _limit(row: Table, name: str) -> int | None:
    value = row.take(name, int)
    if value is not None and value < 1:
        raise row.error(name, value, "a number of tokens above 0")
    return value
