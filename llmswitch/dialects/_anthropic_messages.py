"""OpenAI's messages as those of the Messages API: instructions apart, the others as turns of user and assistant. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from llmswitch._json import loads
from llmswitch.report import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue

# Where an answer's thinking blocks are kept in our message, with their signatures: the vendor wants them back in tool calls.
THINKING_BLOCKS: Final = "thinking_blocks"
_INSTRUCTIONS: Final = frozenset({"system", "developer"})
_GO_ON: Final = "Continue."
_NO_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_DATA_URL: Final = re.compile(r"data:([\w.+/-]+)(?:;[^,;]*)*;base64,(.*)", re.DOTALL)


def turns(messages: JsonValue, changes: list[Change]) -> tuple[list[Json], list[Json]]:
    """(the instructions' text blocks, the turns); what had to be moved or added is noted in `changes`."""
    instructions: list[Json] = []
    found: list[Json] = []
    for position, message in enumerate(messages if isinstance(messages, list) else ()):
        if not isinstance(message, dict):
            continue
        role = message.get("role")
        if isinstance(role, str) and role in _INSTRUCTIONS:
            if found:
                changes.append(_moved(position, role))
            instructions.extend(_parts(message.get("content")))
        elif role == "assistant":
            if message.get("function_call"):
                place, reason = f"messages[{position}].function_call", "calls are tool_calls there"
                changes.append(Change(place, "dropped", "a call", None, reason, loss=True))
            _add(found, "assistant", _assistant(message))
        elif role == "tool":
            _add(found, "user", [_result(message)])
        else:
            _add(found, "user", _parts(message.get("content")))
    _framed(found, changes)
    return instructions, found


def _moved(position: int, role: JsonValue) -> Change:
    reason = "instructions stand before the conversation there"
    return Change(f"messages[{position}]", "converted", role, "system, in front", reason)


def _add(found: list[Json], role: str, blocks: list[Json]) -> None:
    """Another turn, or more of the last one: they alternate."""
    if not blocks:
        return
    last = found[-1] if found else None
    if last is not None and last["role"] == role and isinstance(before := last["content"], list):
        last["content"] = [*before, *blocks]
    else:
        found.append({"role": role, "content": [*blocks]})


def _framed(found: list[Json], changes: list[Change]) -> None:
    """The user's turn comes first and last: new models continue no text that the caller began."""
    for at_end in (False, True):
        if found and found[-1 if at_end else 0]["role"] == "assistant":
            found.insert(len(found) if at_end else 0, {"role": "user", "content": [{"type": "text", "text": _GO_ON}]})
            place = "last" if at_end else "first"
            changes.append(Change("messages", "added", None, _GO_ON, f"the {place} turn must be the user's"))


def _assistant(message: Json) -> list[Json]:
    """An assistant's blocks in the order in which they came: thinking, text, calls."""
    said = _parts(message.get("content"))
    calls = message.get("tool_calls")
    used = [_use(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    thoughts = message.get(THINKING_BLOCKS)
    if not isinstance(thoughts, list) or not thoughts:
        return said + used
    text = message.get("content")
    if not isinstance(text, str):
        return [block for block, _, _ in _thoughts(thoughts)] + said + used
    blocks: list[Json] = []
    spoken = called = 0
    for thought, characters, number in _thoughts(thoughts):
        blocks += [*_text(text[spoken:characters]), *used[called:number], thought]
        spoken, called = max(spoken, characters), max(called, number)
    return blocks + _text(text[spoken:]) + used[called:]


def _thoughts(thoughts: list[JsonValue]) -> Iterator[tuple[Json, int, int]]:
    """Each thinking block as the vendor wrote it, and how many characters of text and how many calls stood before it."""
    for thought in thoughts:
        if isinstance(thought, dict):
            after = thought.get("after")
            characters, number = after if isinstance(after, list) and len(after) == 2 else (0, 0)  # noqa: PLR2004 - text and calls
            block = {name: value for name, value in thought.items() if name not in ("after", "index")}
            yield block, characters if isinstance(characters, int) else 0, number if isinstance(number, int) else 0


def _use(call: Json) -> Json:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    return {
        "type": "tool_use",
        "id": _id(call.get("id")),
        "name": function.get("name"),
        "input": _arguments(function.get("arguments")),
    }


def _arguments(text: JsonValue) -> Json:
    """The arguments as an object; what a model wrote wrongly stays as text in one."""
    try:
        value = loads(text) if isinstance(text, str) and text.strip() else {}
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, dict) else {"arguments": value}


def _result(message: Json) -> Json:
    content = message.get("content")
    result: Json = {"type": "tool_result", "tool_use_id": _id(message.get("tool_call_id"))}
    blocks: JsonValue = content if isinstance(content, str) else [*_parts(content)]
    if blocks:
        result["content"] = blocks
    return result


def _id(value: JsonValue) -> JsonValue:
    """A call's id; other vendors write dots and colons into theirs."""
    return _NO_ID.sub("_", value) if isinstance(value, str) else value


def _parts(content: JsonValue) -> list[Json]:
    """A message's content as blocks, without empty texts, which are refused."""
    if isinstance(content, str):
        return _text(content)
    blocks: list[Json] = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            blocks += _text(part)
        elif isinstance(part, dict):
            blocks += _part(part)
    return blocks


def _part(part: Json) -> list[Json]:
    """One part; what the Messages API has no form for goes as it is, for the vendor to judge."""
    kind = part.get("type")
    block = part
    if kind in ("text", "refusal"):
        text = part.get(str(kind))
        found = _text(text if isinstance(text, str) else "")
        if not found:
            return []
        block = found[0]
    elif kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        block = {"type": "image", "source": _source(url if isinstance(url, str) else "")}
    elif (
        kind == "file" and isinstance(file := part.get("file"), dict) and isinstance(data := file.get("file_data"), str)
    ):
        name = file.get("filename")
        block = {"type": "document", "source": _source(data), **({"title": name} if isinstance(name, str) else {})}
    if block is not part and "cache_control" in part:
        block["cache_control"] = part["cache_control"]
    return [block]


def _text(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text.strip() else []


def _source(url: str) -> Json:
    if match := _DATA_URL.fullmatch(url):
        return {"type": "base64", "media_type": match[1], "data": match[2]}
    return {"type": "url", "url": url}
