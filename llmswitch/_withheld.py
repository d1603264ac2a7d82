"""What a message carries for one vendor alone (thinking blocks, signatures), kept from the others."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from llmswitch import adapter as adapters

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter


def withheld(params: Json, adapter: Adapter) -> Json:
    """`params` without the fields in its messages that other providers wrote for themselves; `params` itself where there are none."""
    messages = params.get("messages")
    if not isinstance(messages, list):
        return params
    changed: list[JsonValue] | None = None
    places: tuple[tuple[str, ...], ...] | None = None
    for position, message in enumerate(messages):
        if type(message) is not dict or message.get("role") != "assistant":
            continue
        if places is None:
            places = _others(adapter, adapters.adapters())
        kept = message
        for path in places:
            if path[0] in message:
                kept = _without(kept, path)
        if kept is not message:
            changed = changed or [*messages]
            changed[position] = kept
    return params if changed is None else {**params, "messages": changed}


@lru_cache(maxsize=128)
def _others(adapter: Adapter, names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The places of other providers' fields."""
    places = {path for name in names for path in adapters.get(name).private}
    return tuple(places - adapter.private)


def _without(value: Json, path: tuple[str, ...]) -> Json:
    name, *rest = path
    if name not in value:
        return value
    if not rest:
        return {key: item for key, item in value.items() if key != name}
    items = value[name]
    if not isinstance(items, list):
        return value
    kept: list[JsonValue] = [_without(item, (*rest,)) if type(item) is dict else item for item in items]
    return value if all(one is other for one, other in zip(kept, items, strict=True)) else {**value, name: kept}
