"""`[[prices]]` tables, of a vendor's file and of llmswitch.toml, to `PriceList`."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from llmswitch._source import provider_name
from llmswitch._table import Table
from llmswitch.price import Price, PriceList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmswitch._source import Source
    from llmswitch.adapter import Fact

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_AMOUNTS: Final = ("input", "output", "cached_input", "marked_cached_input", "cache_write")
_LIMITS: Final = ("up_to", "below", "output_below")


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
        source=fact.source,
        as_of=fact.as_of,
        confidence=fact.confidence,
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
        source=row.text("source", row.file),
        as_of=row.text("as_of"),
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
    path = row.path("models")
    return {name: tuple(_prices(value, row.file, f"{path}.{name}")) for name, value in models.items()}


def _prices(value: object, file: str, path: str) -> list[Price]:
    """One price, or several for requests of different sizes: the first that holds counts."""
    rows = value if isinstance(value, list) else [value]
    found = []
    for index, row in enumerate(rows):
        key = f"{path}[{index}]" if isinstance(value, list) else path
        if not isinstance(row, dict):
            raise Table({}, file, path).error("", row, "a table such as { input = 0.8, output = 2 }, or a list of them")
        found.append(_price(Table(row, file, key)))
    return found


def _price(row: Table) -> Price:
    amounts = {name: _amount(row, name) for name in _AMOUNTS}
    limits = {name: _limit(row, name) for name in _LIMITS}
    price = Price(**amounts, **limits, reasoned=row.take("reasoned", bool))
    row.close()
    if price.input is None:
        raise row.error("input", None, "the price of a million tokens; leave the model out where it is not known")
    return price


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
