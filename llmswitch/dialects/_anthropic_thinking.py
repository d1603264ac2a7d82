"""What thinking excludes in a request of the Messages API: without this the vendor refuses it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch.report import Change

if TYPE_CHECKING:
    from llmswitch._json import Json

_LEAST_BUDGET: Final = 1024
_LEAST: Final = (("temperature", 1), ("top_p", 0.95))  # what sampling may still be
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})


def reconcile(body: Json, messages: list[Json], changes: list[Change]) -> None:
    """Leave thinking out where something excludes it, else what it excludes."""
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "adaptive") or not isinstance(thinking, dict):
        return
    budget = thinking.get("budget_tokens")
    if reason := _excluded(body, messages, budgeted=kind == "enabled"):
        changes.append(Change("thinking", "dropped", body.pop("thinking"), None, reason, loss=True))
        return
    most = body["max_tokens"]
    if isinstance(budget, int) and isinstance(most, int) and budget >= most:
        less = max(_LEAST_BUDGET, most // 2)
        body["thinking"] = {**thinking, "budget_tokens": less}
        changes.append(
            Change("thinking.budget_tokens", "clamped", budget, less, "it must be below max_tokens", loss=True)
        )
    for name, least in _LEAST:
        value = body.get(name)
        if isinstance(value, (int, float)) and value < least:
            changes.append(
                Change(name, "dropped", body.pop(name), None, f"with thinking it must be at least {least}", loss=True)
            )


def _excluded(body: Json, messages: list[Json], *, budgeted: bool) -> str:
    """Why there can be no thinking; "" where there can."""
    choice, most = body.get("tool_choice"), body["max_tokens"]
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool"):
        return "no thinking before a forced tool call"
    if budgeted and isinstance(most, int) and most <= _LEAST_BUDGET:
        return f"it needs max_tokens above {_LEAST_BUDGET}"
    if budgeted and _goes_on_without(messages):
        return "the calls that are being answered came without this vendor's thinking blocks"
    return ""


def _goes_on_without(messages: list[Json]) -> bool:
    """Whether the last turn answers tool calls that no thinking precedes."""
    kinds = [
        {str(block.get("type")) for block in content if isinstance(block, dict)}
        for message in messages[-2:]
        if isinstance(content := message["content"], list)
    ]
    return len(kinds) == 2 and "tool_result" in kinds[1] and "tool_use" in kinds[0] and not kinds[0] & _THOUGHTS  # noqa: PLR2004 - a call and its result
