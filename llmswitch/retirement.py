"""What is said of a model that its vendor has retired: since when, and what takes its place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

    from llmswitch.adapter import Adapter, Model

__all__ = ["retirement"]


def retirement(adapter: Adapter, name: str, today: datetime.date) -> str:
    """`gpt-4 was retired on 2026-10-23; OpenAI names gpt-5.6-sol in its place`; "" while it answers or where nobody knows it.

    Where the vendor names nothing, it is the model that takes its tier's calls there, and the words say so.
    """
    model = adapter.model(name)
    if model is None or not model.is_retired(today):
        return ""
    told = f"{name} was retired on {model.retired}"
    if model.successor is not None:
        return f"{told}; {adapter.title} names {model.successor} in its place"
    now = _of_its_tier(adapter, model, today)
    return f"{told}; {now} is its tier's model there" if now else told


def _of_its_tier(adapter: Adapter, model: Model, today: datetime.date) -> str:
    target = adapter.tiers.get(model.tier, "")
    known = adapter.model(target)
    return target if known is not None and known is not model and not known.is_retired(today) else ""
