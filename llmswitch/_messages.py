"""Rules about a chat's messages, applied: each takes the list and gives the new one and what to say of it. Part of `parameters`.

The result is None where nothing had to change. Messages are never changed in place; texts of the caller never go into a report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.report import Action
    from llmswitch.rules import Rule


class Note(NamedTuple):
    """What a report says of one change: the parameter's place, what was done, before and after."""

    place: str
    action: Action
    before: JsonValue
    after: JsonValue


class Changed(NamedTuple):
    """The new messages and what was done to them."""

    messages: list[JsonValue]
    notes: list[Note]


def unreasoned(messages: JsonValue) -> bool:
    """Whether the history has an assistant's tool calls without the reasoning that led to them."""
    return isinstance(messages, list) and any(
        isinstance(message, dict) and message.get("tool_calls") and not message.get("reasoning_content")
        for message in messages
    )


def role(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """Messages of the roles in `values` get the role `to`."""
    changed, notes = list(messages), []
    for index, message in enumerate(messages):
        if isinstance(message, dict) and message.get("role") in rule.values:
            changed[index] = {**message, "role": rule.to}
            notes.append(Note(f"messages[{index}].role", "converted", message.get("role"), rule.to))
    return Changed(changed, notes) if notes else None


def merge(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """The messages of the role `to` become one, in front of the others."""
    chosen = [
        index for index, message in enumerate(messages) if isinstance(message, dict) and message.get("role") == rule.to
    ]
    if chosen in ([], [0]):
        return None
    parts = [message for index in chosen if isinstance(message := messages[index], dict)]
    content = _joined([message.get("content") for message in parts])
    if content is None:
        return None
    others = [message for index, message in enumerate(messages) if index not in set(chosen)]
    note = Note("messages", "converted", f"{len(chosen)} messages of the role {rule.to}", "one, in front")
    return Changed([{**parts[0], "content": content}, *others], [note])


def alternate(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """Neighbours of the same role become one message; what calls tools or answers them stays by itself."""
    changed: list[JsonValue] = []
    for message in messages:
        last = changed[-1] if changed else None
        if isinstance(message, dict) and isinstance(last, dict) and _alike(last, message, rule):
            content = _joined([last.get("content"), message.get("content")])
            if content is not None:
                changed[-1] = {**last, "content": content}
                continue
        changed.append(message)
    if len(changed) == len(messages):
        return None
    note = Note("messages", "converted", f"{len(messages)} messages", f"{len(changed)}, their roles taking turns")
    return Changed(changed, [note])


def _alike(one: Json, other: Json, rule: Rule) -> bool:
    named = one.get("role")
    return (
        named == other.get("role") and named in rule.values and not (one.get("tool_calls") or other.get("tool_calls"))
    )


def flatten(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """Contents that are lists of texts become one text; a list with anything else in it stays."""
    changed, notes = list(messages), []
    for index, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(content, list):
            continue
        if rule.values and message.get("role") not in rule.values:
            continue
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            changed[index] = {**message, "content": "\n".join(map(str, texts))}
            notes.append(Note(f"messages[{index}].content", "converted", f"a list of {len(texts)} texts", "one text"))
    return Changed(changed, notes) if notes else None


def fill(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """Fields that are absent, null or empty get `to`."""
    changed, notes = list(messages), []
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or (rule.values and message.get("role") not in rule.values):
            continue
        if rule.calls and not message.get("tool_calls"):
            continue
        filled = {name: rule.to for name in rule.names if not message.get(name) and message.get(name) != rule.to}
        if filled:
            changed[index] = {**message, **filled}
            notes += [
                Note(f"messages[{index}].{name}", "added", message.get(name), value) for name, value in filled.items()
            ]
    return Changed(changed, notes) if notes else None


def discard(messages: list[JsonValue], rule: Rule) -> Changed | None:
    """Messages that say nothing and call nothing are left out; an answer of a tool never is."""
    kept = [message for message in messages if not (isinstance(message, dict) and _empty(message, rule))]
    if len(kept) in (0, len(messages)):
        return None
    note = Note("messages", "dropped", f"{len(messages) - len(kept)} empty", None)
    return Changed(kept, [note])


def _empty(message: Json, rule: Rule) -> bool:
    if message.get("role") in ("tool", "function") or (rule.values and message.get("role") not in rule.values):
        return False
    return not any(message.get(name) for name in ("content", "tool_calls", "function_call", "refusal", "audio"))


def instruct(messages: list[JsonValue], text: str) -> list[JsonValue]:
    """The messages with this text at the end of the first system message, or as one."""
    first = messages[0] if messages else None
    if isinstance(first, dict) and first.get("role") == "system":
        joined = _joined([first.get("content"), text])
        if joined is not None:
            return [{**first, "content": joined}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def says_json(content: JsonValue) -> bool:
    """Whether a message's content has the word, in any case."""
    if isinstance(content, str):
        return "json" in content.lower()
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and says_json(part.get("text")) for part in parts)


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


ACTIONS: Final[Mapping[str, Callable[[list[JsonValue], Rule], Changed | None]]] = {
    "role": role,
    "merge": merge,
    "alternate": alternate,
    "flatten": flatten,
    "fill": fill,
    "discard": discard,
}
