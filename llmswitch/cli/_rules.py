"""`--exclude` and `--hosted-in` as a call's options; what is wrong with them is said where the options are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

EXCLUDE = "Leave out: qwen, headquarters=US, hosted_in=CN, tags=us-entity-list. May be given again."
HOSTED_IN = "Only servers in this country. May be given again."


def options(exclude: Iterable[str] | None, hosted_in: Iterable[str] | None) -> dict[str, Any]:
    """`["qwen", "tags=us-entity-list"]` -> `{"exclude": {"providers": ["qwen"], "tags": ["us-entity-list"]}}`."""
    excluded: dict[str, list[str]] = {}
    for rule in exclude or ():
        kind, equals, value = rule.partition("=")
        excluded.setdefault(kind if equals else "providers", []).append(value if equals else kind)
    found: dict[str, Any] = {"exclude": excluded} if excluded else {}
    return {**found, "hosted_in": list(hosted_in)} if hosted_in else found
