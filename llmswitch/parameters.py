"""Makes a request fit a provider: applies the rules of its TOML and says what each of them changed. Pure.

    fit({"model": "gpt-4o", "temperature": 2, "store": True, …}, get("qwen"), "qwen-plus", stream=False)
    -> ({… "temperature": 1.99, "enable_thinking": False}, (Change(temperature, clamped, 2, 1.99, …), …))

A provider without rules for the model gets the caller's own object back.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from llmswitch.report import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter, Interval, Rule
    from llmswitch.report import Action

__all__ = ["fit"]


def fit(params: Json, adapter: Adapter, model: str, *, stream: bool) -> tuple[Json, tuple[Change, ...]]:
    """What to send instead of `params` when `model` of this provider takes the call, and every change made.

    `params` is never changed; the result shares its unchanged parts, and is `params` itself where nothing changes.
    """
    if not adapter.parameters:
        return params, ()
    draft = _Draft(params)
    for rule, names, act in _rules(adapter, model, stream):
        if rule.action == "add":
            if not names.isdisjoint(draft.params):
                continue
        elif names.isdisjoint(draft.params):
            continue
        if not rule.unless.isdisjoint(draft.params) or not rule.requires <= draft.params.keys():
            continue
        for name in rule.names:
            if (rule.action == "add" or name in draft.params) and _concerns(rule, draft.params.get(name)):
                act(draft, rule, name)
    return draft.params, tuple(draft.changes)


class _Draft:
    """The request being fitted: copied at the first change."""

    __slots__ = ("_source", "changes", "params")

    def __init__(self, params: Json) -> None:
        self._source = self.params = params
        self.changes: list[Change] = []

    def _own(self) -> Json:
        if self.params is self._source:
            self.params = dict(self.params)
        return self.params

    def put(self, name: str, value: JsonValue) -> None:
        self._own()[name] = value

    def take(self, name: str) -> JsonValue:
        return self._own().pop(name)

    def report(self, name: str, action: Action, before: JsonValue, after: JsonValue, rule: Rule) -> None:
        self.changes.append(Change(name, action, before, after, rule.reason))


@lru_cache(maxsize=512)  # a program calls few models; a gateway's callers may name many
def _rules(adapter: Adapter, model: str, stream: bool) -> tuple[tuple[Rule, frozenset[str], _Act], ...]:
    """The rules for this target, their names and what they do, with the model's own limit filled in."""
    known = adapter.model(model)
    limit = float(known.max_output) if known and known.max_output else math.inf
    found = []
    for rule in adapter.parameters:
        if rule.when is not None and (rule.when == "stream") is not stream:
            continue
        if rule.models and not any(fnmatchcase(model, pattern) for pattern in rule.models):
            continue
        if rule.tiers and (known is None or known.tier not in rule.tiers):
            continue
        if rule.interval is not None and rule.interval.high == "max_output":
            rule = replace(rule, interval=replace(rule.interval, high=limit))  # noqa: PLW2901 - the same rule, its limit filled in
        found.append((rule, frozenset(rule.names), _ACTIONS[rule.action]))
    return tuple(found)


def _concerns(rule: Rule, value: JsonValue) -> bool:
    """Whether the rule is about this value."""
    if rule.action in ("role", "merge"):
        return True
    if rule.values and value not in rule.values:
        return False
    if value in rule.keeps:
        return False
    if rule.length is None:
        return True
    return isinstance(value, (str, list)) and _inside(len(value), rule.length)


def _rename(draft: _Draft, rule: Rule, name: str) -> None:
    value = draft.take(name)
    new = str(rule.to)
    if value is None:
        return
    if new in draft.params:
        draft.report(name, "dropped", value, None, rule)
    else:
        draft.put(new, value)
        draft.report(name, "renamed", name, new, rule)


def _drop(draft: _Draft, rule: Rule, name: str) -> None:
    value = draft.take(name)
    if value is not None and value not in rule.neutral:
        draft.report(name, "dropped", value, None, rule)


def _clamp(draft: _Draft, rule: Rule, name: str) -> None:
    value, interval = draft.params[name], rule.interval
    # What is no number, NaN and infinity are the vendor's, or the encoder's, to refuse.
    if interval is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if (isinstance(value, float) and not math.isfinite(value)) or _inside(value, interval):
        return
    low, high = interval.low, _high(interval)
    lowest = low + rule.step if interval.low_open else low
    highest = high - rule.step if interval.high_open else high
    nearest = lowest if value <= low else highest
    after: float = int(nearest) if isinstance(value, int) and nearest.is_integer() else nearest
    draft.put(name, after)
    draft.report(name, "clamped", value, after, rule)


def _replace(draft: _Draft, rule: Rule, name: str) -> None:
    value = draft.params[name]
    if value is None or value == rule.to:
        return
    draft.put(name, rule.to)
    draft.report(name, "converted", value, rule.to, rule)


def _add(draft: _Draft, rule: Rule, name: str) -> None:
    draft.put(name, rule.to)
    draft.report(name, "added", None, rule.to, rule)


def _role(draft: _Draft, rule: Rule, name: str) -> None:
    """Messages of the roles in `values` get the role `to`."""
    messages = draft.params[name]
    if not isinstance(messages, list):
        return
    changed: list[JsonValue] | None = None
    for index, message in enumerate(messages):
        if isinstance(message, dict) and message.get("role") in rule.values:
            changed = changed or list(messages)
            changed[index] = {**message, "role": rule.to}
            draft.report(f"{name}[{index}].role", "converted", message.get("role"), rule.to, rule)
    if changed is not None:
        draft.put(name, changed)


def _merge(draft: _Draft, rule: Rule, name: str) -> None:
    """The messages of the role `to` become one, in front of the others."""
    messages = draft.params[name]
    if not isinstance(messages, list):
        return
    chosen = [
        index for index, message in enumerate(messages) if isinstance(message, dict) and message.get("role") == rule.to
    ]
    if chosen in ([], [0]):
        return
    parts = [message for index in chosen if isinstance(message := messages[index], dict)]
    content = _joined([message.get("content") for message in parts])
    if content is None:
        return
    others = [message for index, message in enumerate(messages) if index not in set(chosen)]
    draft.put(name, [{**parts[0], "content": content}, *others])
    draft.report(name, "converted", f"{len(chosen)} messages of the role {rule.to}", "one, in front", rule)


def _joined(contents: list[JsonValue]) -> JsonValue:
    """Texts as one text; with lists of parts among them, one list. None for anything else: the vendor's to judge."""
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return "\n\n".join(texts)
    parts: list[JsonValue] = []
    for content in contents:
        if isinstance(content, str):
            parts.append({"type": "text", "text": content})
        elif isinstance(content, list):
            parts.extend(content)
        else:
            return None
    return parts


def _high(interval: Interval) -> float:
    return math.inf if interval.high == "max_output" else interval.high


def _inside(value: float, interval: Interval) -> bool:
    low, high = interval.low, _high(interval)
    above = value > low if interval.low_open else value >= low
    return above and (value < high if interval.high_open else value <= high)


if TYPE_CHECKING:
    _Act = Callable[[_Draft, Rule, str], None]

_ACTIONS: Final[Mapping[str, _Act]] = {
    "rename": _rename,
    "drop": _drop,
    "clamp": _clamp,
    "replace": _replace,
    "role": _role,
    "merge": _merge,
    "add": _add,
}
