"""What a provider needs changed in a request: the `[[parameters]]` rows of its TOML, read and checked.

`llmswitch.parameters` applies them, from the top, each to what the ones before it left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch._table import Table
    from llmswitch.adapter import Fact

__all__ = ["Interval", "Rule", "interval", "read"]

Action = Literal[
    "rename", "drop", "only", "clamp", "replace", "add", "map", "strip",
    "role", "merge", "alternate", "flatten", "fill", "discard", "mention",
]  # fmt: skip
When = Literal["stream", "no_stream", "unreasoned"]

# Actions after which the vendor is asked for less than the caller asked.
_LOSING: Final = frozenset({"clamp", "drop", "only", "replace", "strip"})
_ABOUT_MESSAGES: Final = frozenset({"alternate", "discard", "fill", "flatten", "mention", "merge", "role"})
_INTERVAL: Final = re.compile(r"([\[(])\s*(-?[\d.]+)\s*,\s*(-?[\d.]+|max_output)\s*([\])])")


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of numbers, each end open or closed; `"max_output"` as the high end is the called model's own limit."""

    low: float
    high: float | Literal["max_output"]
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One change that a provider needs in a request.

    About parameters, those in `names`:

    - rename: to `to`; drop; clamp: into `interval`; replace: by `to`; add: `to` where absent;
    - map: by the parameters that `map` gives for the value, of a table its `type` ("*" for any other);
    - only: all others are dropped.

    About fields inside parameters: strip removes those at `paths`, lists are walked through.

    About messages:

    - role: those of the roles in `values` get the role `to`; merge: those of the role `to` become one, in front;
    - alternate: neighbours of one of the roles in `values` become one;
    - flatten: contents that are lists of texts become one text;
    - fill: fields in `names` that are absent, null or empty get `to`, in messages of the roles in `values`;
    - discard: those without content and tool calls are left out;
    - mention: where JSON is asked for (`values`: in which form) and no message says so, the text `to` does; with `{schema}` in it,
      whatever the messages say.

    Attributes:
        models: patterns of the target's name; none means every model.
        tiers: the target's tiers; none means every model.
        when: only streamed calls; only the others; only where an assistant's tool calls lack their reasoning.
        unless: not where one of these parameters is given.
        requires: only where all of these are given, and not empty.
        values: only for these values; `keeps`: never for these.
        neutral: values that ask for what the vendor does anyway: dropping them is not worth a report.
        length: only for strings and lists of this length.
        step: how far from an open end a clamped value stays.
        calls: of `fill`: only messages with tool calls.
        loss: whether `strict` refuses it.
    """

    names: tuple[str, ...] = ()
    action: Action
    reason: str
    fact: Fact
    to: JsonValue = None
    interval: Interval | None = None
    step: float = 0.01
    map: Mapping[str, Json] = field(default_factory=dict, hash=False)
    paths: tuple[tuple[str, ...], ...] = ()
    models: tuple[str, ...] = ()
    tiers: frozenset[str] = frozenset()
    when: When | None = None
    unless: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    values: tuple[JsonValue, ...] = ()
    keeps: tuple[JsonValue, ...] = ()
    neutral: tuple[JsonValue, ...] = ()
    length: Interval | None = None
    calls: bool = False
    loss: bool = False

    @property
    def about(self) -> frozenset[str]:
        """The parameters without one of which there is nothing to do; none where that cannot be said."""
        if self.action in ("add", "only"):
            return frozenset()
        if self.action in _ABOUT_MESSAGES:
            return frozenset({"messages"})
        return frozenset(path[0] for path in self.paths) or frozenset(self.names)


def read(row: Table, fact: Callable[[Table, str], Fact], tiers: tuple[str, ...]) -> Rule:
    """One row.

    Raises:
        ConfigError: naming the file, the key, what was found and what is allowed.
    """
    action = cast("Action", row.choice("action", get_args(Action)))
    lossy = row.take("loss", bool)
    rule = Rule(
        names=row.texts("names"),
        action=action,
        reason=row.need("reason", str),
        fact=fact(row, "parameters"),
        to=row.json("to"),
        interval=interval(row, "range"),
        step=row.take("step", float) or 0.01,
        map=_map(row) if action == "map" else {},
        paths=tuple(tuple(path.split(".")) for path in row.texts("paths")),
        models=row.texts("models"),
        tiers=frozenset(row.texts("tiers", tiers)),
        when=cast("When | None", row.choice("when", (*get_args(When), ""), "") or None),
        unless=frozenset(row.texts("unless")),
        requires=frozenset(row.texts("requires")),
        values=row.jsons("values"),
        keeps=row.jsons("keeps"),
        neutral=row.jsons("neutral"),
        length=interval(row, "length"),
        calls=row.take("calls", bool) or False,
        loss=action in _LOSING if lossy is None else lossy,
    )
    row.close()
    _check(row, rule)
    return rule


def _check(row: Table, rule: Rule) -> None:
    action = rule.action
    if not rule.names and action not in _ABOUT_MESSAGES - {"fill"} and action != "strip":
        raise row.error("names", None, "the parameters this rule is about, as a list")
    if action == "strip" and not rule.paths:
        raise row.error("paths", None, 'places such as ["messages.name", "tools.function.strict"]')
    if action == "clamp" and rule.interval is None:
        raise row.error("range", None, 'an interval such as "[0, 2)"')
    if action in {"rename", "role", "merge", "mention"} and not isinstance(rule.to, str):
        raise row.error("to", rule.to, "a string")
    if action in {"add", "replace", "fill"} and rule.to is None:
        raise row.error("to", None, "the value to send")


def _map(row: Table) -> dict[str, Json]:
    table = row.table("map")
    rows = {}
    for value in table:
        given = table.json(value)
        if not isinstance(given, dict):
            raise table.error(value, given, "the parameters to send for it, as a table; {} for none")
        rows[value] = given
    if not rows:
        raise row.error("map", None, 'a table such as { none = { enable_thinking = false }, "*" = {} }')
    return rows


def interval(row: Table, name: str) -> Interval | None:
    """The interval under a key, None without one."""
    text = row.take(name, str)
    if text is None:
        return None
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise row.error(name, text, 'an interval such as "[0, 2)", "(0, 1]" or "[2, max_output]"')
    left, low, high, right = match.groups()
    try:
        top: float | Literal["max_output"] = "max_output" if high == "max_output" else float(high)
        found = Interval(float(low), top, low_open=left == "(", high_open=right == ")")
    except ValueError as error:
        raise row.error(name, text, "numbers as ends") from error
    if found.high != "max_output" and found.low >= found.high:
        raise row.error(name, text, "a low end below the high end")
    return found
