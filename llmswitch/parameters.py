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

from llmswitch import _messages
from llmswitch._json import dumps
from llmswitch.report import Change, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.report import Action
    from llmswitch.rules import Interval, Rule

__all__ = ["fit"]

# What every vendor takes, whatever else it does not.
_ALWAYS: Final = frozenset({"model", "messages", "input", "stream"})
_JSON_FORMS: Final = ("json_object", "json_schema")


def fit(params: Json, adapter: Adapter, model: str, *, stream: bool) -> tuple[Json, tuple[Change, ...]]:
    """What to send instead of `params` when `model` of this provider takes the call, and every change made.

    `params` is never changed; the result shares its unchanged parts, and is `params` itself where nothing changes.
    """
    if not adapter.parameters:
        return params, ()
    draft = _Draft(params)
    for rule, about, act in _rules(adapter, model, stream):
        if about and about.isdisjoint(draft.params):
            continue
        if not rule.unless.isdisjoint(draft.params) or not all(map(draft.params.get, rule.requires)):
            continue
        if rule.when == "unreasoned" and not _messages.unreasoned(params.get("messages")):
            continue
        act(draft, rule)
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
        self.changes.append(Change(name, action, before, after, rule.reason, rule.loss))


@lru_cache(maxsize=512)  # a program calls few models; a gateway's callers may name many
def _rules(adapter: Adapter, model: str, stream: bool) -> tuple[tuple[Rule, frozenset[str], _Act], ...]:
    """The rules for this target, what they are about and what they do, with the model's own limit filled in."""
    known = adapter.model(model)
    limit = float(known.max_output) if known and known.max_output else math.inf
    found = []
    for rule in adapter.parameters:
        if rule.when in ("stream", "no_stream") and (rule.when == "stream") is not stream:
            continue
        if rule.models and not any(fnmatchcase(model, pattern) for pattern in rule.models):
            continue
        if rule.tiers and (known is None or known.tier not in rule.tiers):
            continue
        if rule.interval is not None and rule.interval.high == "max_output":
            rule = replace(rule, interval=replace(rule.interval, high=limit))  # noqa: PLW2901 - the same rule, its limit filled in
        found.append((rule, rule.about, _ACTIONS[rule.action]))
    return tuple(found)


def _named(draft: _Draft, rule: Rule) -> Iterator[tuple[str, JsonValue]]:
    """The parameters that are given and that the rule is about, with their values."""
    for name in rule.names:
        if name in draft.params and _concerns(rule, value := draft.params[name]):
            yield name, value


def _concerns(rule: Rule, value: JsonValue) -> bool:
    """Whether the rule is about this value."""
    if rule.values and value not in rule.values:
        return False
    if value in rule.keeps:
        return False
    if rule.length is None:
        return True
    return isinstance(value, (str, list)) and _inside(len(value), rule.length)


def _rename(draft: _Draft, rule: Rule) -> None:
    new = str(rule.to)
    for name, value in _named(draft, rule):
        draft.take(name)
        if value is None:
            continue
        if draft.params.get(new) is not None:
            draft.report(name, "dropped", told(name, value), None, replace(rule, loss=value != draft.params[new]))
        else:
            draft.put(new, value)
            draft.report(name, "renamed", name, new, rule)


def _drop(draft: _Draft, rule: Rule) -> None:
    for name, value in _named(draft, rule):
        draft.take(name)
        if _asks(value, rule):
            draft.report(name, "dropped", told(name, value), None, rule)


def _asks(value: JsonValue, rule: Rule) -> bool:
    """Whether leaving this value out changes anything: null and what is empty ask for nothing."""
    return value is not None and value not in ([], {}) and value not in rule.neutral


def _only(draft: _Draft, rule: Rule) -> None:
    for name, value in list(draft.params.items()):
        if name not in rule.names and name not in _ALWAYS:
            draft.take(name)
            if _asks(value, rule):
                draft.report(name, "dropped", told(name, value), None, rule)


def _clamp(draft: _Draft, rule: Rule) -> None:
    interval = rule.interval
    for name, value in _named(draft, rule):
        # What is no number, NaN and infinity are the vendor's, or the encoder's, to refuse.
        if interval is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if (isinstance(value, float) and not math.isfinite(value)) or _inside(value, interval):
            continue
        low, high = interval.low, _high(interval)
        lowest = low + rule.step if interval.low_open else low
        highest = high - rule.step if interval.high_open else high
        nearest = lowest if value <= low else highest
        after: float = int(nearest) if isinstance(value, int) and nearest.is_integer() else nearest
        draft.put(name, after)
        draft.report(name, "clamped", value, after, rule)


def _replace(draft: _Draft, rule: Rule) -> None:
    for name, value in _named(draft, rule):
        if value is not None and value != rule.to:
            draft.put(name, rule.to)
            draft.report(name, "converted", told(name, value), rule.to, rule)


def _add(draft: _Draft, rule: Rule) -> None:
    for name in rule.names:
        if name not in draft.params:
            draft.put(name, rule.to)
            draft.report(name, "added", None, rule.to, rule)


def _map(draft: _Draft, rule: Rule) -> None:
    """The value says which parameters to send instead; what the caller gave himself stays his."""
    for name, value in _named(draft, rule):
        word = value.get("type") if isinstance(value, dict) else value
        row = rule.map.get(str(word), rule.map.get("*"))
        if row is None or (value is None and "None" not in rule.map):
            continue
        draft.take(name)
        given = {key: item for key, item in row.items() if key not in draft.params}
        for key, item in given.items():
            draft.put(key, item)
        draft.report(name, "converted" if given else "dropped", told(name, value), given or None, rule)


def _strip(draft: _Draft, rule: Rule) -> None:
    """Fields inside parameters; one line of the report a place, whatever their number."""
    for top, *rest in rule.paths:
        if top not in draft.params:
            continue
        value, count = _without(draft.params[top], rest, rule)
        if count:
            draft.put(top, value)
            draft.report(".".join((top, *rest)), "dropped", f"in {count} place{'s' * (count > 1)}", None, rule)


def _without(value: JsonValue, path: list[str], rule: Rule) -> tuple[JsonValue, int]:
    """The value without the field at this path, and how often it was there."""
    if isinstance(value, list):
        found = [_without(item, path, rule) for item in value]
        count = sum(number for _, number in found)
        return ([item for item, _ in found], count) if count else (value, 0)
    name, *rest = path
    if not isinstance(value, dict) or name not in value:
        return value, 0
    if rest:
        inner, count = _without(value[name], rest, rule)
        return ({**value, name: inner}, count) if count else (value, 0)
    if not _concerns(rule, value[name]):
        return value, 0
    return {key: item for key, item in value.items() if key != name}, 1


def _change_messages(draft: _Draft, rule: Rule) -> None:
    messages = draft.params["messages"]
    changed = _messages.ACTIONS[rule.action](messages, rule) if isinstance(messages, list) else None
    if changed is not None:
        draft.put("messages", changed.messages)
        for note in changed.notes:
            draft.report(*note, rule)


def _mention(draft: _Draft, rule: Rule) -> None:
    """Say in words that JSON is wanted, and with `{schema}` in the text, which."""
    form, messages = draft.params.get("response_format"), draft.params["messages"]
    if not isinstance(form, dict) or form.get("type") not in (rule.values or _JSON_FORMS) or type(messages) is not list:
        return
    text, said = str(rule.to), str(rule.to)
    if "{schema}" in text:
        wanted = form.get("json_schema")
        schema = wanted.get("schema") if isinstance(wanted, dict) else None
        if not isinstance(schema, dict):
            return
        text, said = text.replace("{schema}", dumps(schema).decode()), text.replace("{schema}", "…")
    elif any(isinstance(message, dict) and _messages.says_json(message.get("content")) for message in messages):
        return
    draft.put("messages", _messages.instruct(messages, text))
    draft.report("messages", "added", None, said, rule)


def _high(interval: Interval) -> float:
    return math.inf if interval.high == "max_output" else interval.high


def _inside(value: float, interval: Interval) -> bool:
    low, high = interval.low, _high(interval)
    above = value > low if interval.low_open else value >= low
    return above and (value < high if interval.high_open else value <= high)


if TYPE_CHECKING:
    _Act = Callable[[_Draft, Rule], None]

_ACTIONS: Final[Mapping[str, _Act]] = {
    "rename": _rename,
    "drop": _drop,
    "only": _only,
    "clamp": _clamp,
    "replace": _replace,
    "add": _add,
    "map": _map,
    "strip": _strip,
    "mention": _mention,
    **dict.fromkeys(_messages.ACTIONS, _change_messages),
}
