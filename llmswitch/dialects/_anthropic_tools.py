"""OpenAI's tools and the choice among them as the Messages API has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch.dialects._anthropic_schema import fitted
from llmswitch.report import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue

_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}


def take_tools(rest: Json, body: Json, messages: list[Json], *, strict: bool, changes: list[Change]) -> None:
    """Move `tools`, `tool_choice` and `parallel_tool_calls` into `body`; `strict`: whether the model can be held to a schema."""
    tools, choice, parallel = (rest.pop(name, None) for name in ("tools", "tool_choice", "parallel_tool_calls"))
    found: list[JsonValue] = [*_tools(tools, strict=strict, changes=changes)]
    if not found:
        if choice not in (None, "none", "auto"):
            changes.append(Change("tool_choice", "dropped", choice, None, "there are no tools", loss=True))
        _name_the_called(body, messages, changes)
        return
    body["tools"] = found
    chosen = _choice(choice)
    if chosen is None and choice is not None:
        changes.append(Change("tool_choice", "dropped", choice, None, "no such choice there", loss=True))
    if parallel is False and (chosen is None or chosen.get("type") != "none"):
        chosen = {**(chosen or {"type": "auto"}), "disable_parallel_tool_use": True}
    if chosen is not None:
        body["tool_choice"] = chosen


def _tools(tools: JsonValue, *, strict: bool, changes: list[Change]) -> Iterator[Json]:
    for position, tool in enumerate(tools if isinstance(tools, list) else ()):
        if not isinstance(tool, dict):
            continue
        function = tool.get("function")
        if isinstance(function, dict):
            yield _tool(function, strict=strict)
        elif "custom" in tool:
            changes.append(
                Change(f"tools[{position}]", "dropped", "custom", None, "tools take JSON objects there", loss=True)
            )
        else:
            yield tool  # the vendor's own, or its to judge


def _tool(function: Json, *, strict: bool) -> Json:
    asked = function.get("parameters")
    schema: Json = {"type": "object"}
    if isinstance(asked, dict):
        schema |= asked
    strict = strict and function.get("strict") is True
    tool: Json = {"name": function.get("name"), "input_schema": fitted(schema) if strict else schema}
    if function.get("description"):
        tool["description"] = function["description"]
    if strict:
        tool["strict"] = True
    return tool


def _choice(choice: JsonValue) -> Json | None:
    if isinstance(choice, str):
        return {"type": _CHOICES[choice]} if choice in _CHOICES else None
    if isinstance(choice, dict):
        function = choice.get("function")
        if isinstance(function, dict):
            return {"type": "tool", "name": function.get("name")}
        if choice.get("type") in ("auto", "any", "tool", "none"):
            return choice
    return None


def _name_the_called(body: Json, messages: list[Json], changes: list[Change]) -> None:
    """A conversation with calls must name its tools, even where none may be called any more."""
    names: dict[JsonValue, None] = {}
    for message in messages:
        content = message["content"]
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_use":
                names[str(block.get("name"))] = None
    if names:
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in names]
        body["tool_choice"] = {"type": "none"}
        changes.append(Change("tools", "added", None, [*names], "the conversation has calls of them"))
