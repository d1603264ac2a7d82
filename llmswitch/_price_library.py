"""Prices of the package genai-prices, where a vendor's file says that it has them.

It is imported with the first cost that needs it, brings its prices with it, and asks no network unless the program itself tells it to
(`genai_prices.UpdatePrices`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmswitch.cost import Cost

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.usage import Usage


def cost(vendor: str, model: str, usage: Usage, at: float | None, *, as_of: str) -> Cost | None:
    """What the package makes of these tokens at that time (unix seconds); None where it has no price for some of them.

    `as_of` is when its prices of this vendor were looked at: the package itself has no dates for most.
    """
    try:
        package: Any = import_module("genai_prices")
        found = package.calc_price(
            package.Usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens or 0,
                cache_read_tokens=usage.cached_input_tokens or 0,
                cache_write_tokens=usage.cache_write_tokens or 0,
                **({"cache_write_1h_tokens": hour} if (hour := usage.cache_write_1h_tokens) else {}),
            ),
            model,
            provider_id=vendor,
            genai_request_timestamp=None if at is None else datetime.fromtimestamp(at, UTC),
        )
        if not _stated(found.model_price, usage):
            return None
        return Cost(found.total_price, "USD", f"genai-prices {package.__version__}", as_of)
    except Exception:  # noqa: BLE001 - not installed, a model it does not have, another version: no price, and no harm to the answer
        return None


def listed(vendor: str, model: str, *, as_of: str) -> Json | None:
    """What a million tokens cost in a short request; None where the package does not say."""
    try:
        package: Any = import_module("genai_prices")
        found = package.calc_price(
            package.Usage(input_tokens=1, output_tokens=1, cache_read_tokens=0), model, provider_id=vendor
        )
        amounts = {
            "input": found.model_price.input_mtok,
            "output": found.model_price.output_mtok,
            "cached_input": found.model_price.cache_read_mtok,
        }
        # Where the price hangs on the length, the package has a base and what holds above it.
        bases = {name: getattr(amount, "base", amount) for name, amount in amounts.items()}
        plain: Json = {name: None if amount is None else float(amount) for name, amount in bases.items()}
    except Exception:  # noqa: BLE001 - as above
        return None
    if plain["input"] is None:
        return None
    short = "short requests" if bases != amounts else ""
    return {"currency": "USD", **plain, "for": short, "source": f"genai-prices {package.__version__}", "as_of": as_of}


def _stated(price: Any, usage: Usage) -> bool:  # noqa: ANN401 - the package's, whichever version
    """Whether each kind of token that was counted has a price: without one, the package takes that of all input."""
    if usage.input_tokens is None or price.input_mtok is None:
        return False
    if usage.output_tokens is None:
        return price.output_mtok is None
    return (
        (price.output_mtok is not None or not usage.output_tokens)
        and (price.cache_read_mtok is not None or not usage.cached_input_tokens)
        and (price.cache_write_mtok is not None or not usage.cache_write_tokens)
        and (getattr(price, "cache_write_1h_mtok", None) is not None or not usage.cache_write_1h_tokens)
    )
