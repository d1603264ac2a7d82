"""A body of Anthropic's Messages: what the API would reject about it, and the same request in OpenAI's words.

Sources: anthropic's SDK 2.13 (types/*_param.py: fields, required ones, blocks); bodies in anthropics/claude-code#8210
and #13460 (tool results), mastra-ai/mastra#7507, deepset-ai/haystack-core-integrations#2146 and claude-code's
"Invalid `signature`" (thinking). Where no body was found, the words are this file's in the API's form. The SDK's types
let a newer API take the role "system" among the messages; the sandbox does not.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Final

from llmswitch import _json
from llmswitch.sandbox.fields import array, integer, number, spoken, table, tables, text
from llmswitch.sandbox.wire import signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from llmswitch._json import Json, JsonValue

_DOCS: Final = (
    "Please consult our documentation at https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"
)
_FIELDS: Final = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "stop_sequences", "stream", "temperature", "top_p", "top_k"),
        *("tools", "tool_choice", "thinking", "output_config", "metadata", "service_tier", "container"),
        *("cache_control", "diagnostics", "inference_geo", "speed", "user_profile_id"),
    }
)
# Blocks: the fields each must have, and those it may have.
_BLOCKS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "text": (("text",), ("cache_control", "citations")),
    "image": (("source",), ("cache_control", "transformations")),
    "document": (("source",), ("cache_control", "citations", "context", "title")),
    "thinking": (("thinking", "signature"), ()),
    "redacted_thinking": (("data",), ()),
    "tool_use": (("id", "name", "input"), ("cache_control", "caller", "toolset_name")),
    "tool_result": (("tool_use_id",), ("content", "is_error", "cache_control", "toolset_name")),
}
_ASSISTANTS: Final = ("thinking", "redacted_thinking", "tool_use")
_SOURCES: Final = {"base64": ("media_type", "data"), "url": ("url",), "file": ("file_id",)}
_MEDIA: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_TOOL: Final = (
    *("name", "input_schema", "description", "type", "cache_control", "strict", "input_examples"),
    *("allowed_callers", "defer_loading", "eager_input_streaming"),
)
_CHOICES: Final = {"auto": (), "any": (), "none": (), "tool": ("name",)}
_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_THINKING: Final = {"enabled": ("budget_tokens",), "adaptive": (), "disabled": (), "between_tools": ()}
_LEAST_BUDGET: Final = 1024


def wrong(body: Json) -> Iterator[str]:
    """Yield what the API rejects about a body, whatever the model; it names the first alone."""
    yield from _strict("", body, ("model", "messages", "max_tokens"), _FIELDS)
    if integer(body.get("max_tokens")) is None:
        yield "max_tokens: Input should be a valid integer"
    messages = body.get("messages")
    if not isinstance(messages, list):
        yield "messages: Input should be a valid list"
    elif not messages:
        yield "messages: at least one message is required"
    for name in ("temperature", "top_p"):
        value = number(body.get(name))
        if value is not None and not 0 <= value <= 1:
            yield f"{name}: range: 0..1"
    if any(not text(one).strip() for one in array(body.get("stop_sequences"))):
        yield "stop_sequences: each stop sequence must contain non-whitespace"
    yield from _strict("metadata.", table(body.get("metadata")), (), ("user_id",))
    for index, block in enumerate(_blocks(body.get("system"))):
        yield from _strict(
            f"system.{index}.", block, ("type", "text"), ("type", *_BLOCKS["text"][0], *_BLOCKS["text"][1])
        )
    yield from _messages(tables(messages))
    yield from _tools(body)
    yield from _thinking(body)


def turns(body: Json) -> list[tuple[str, list[Json]]]:
    """Return the conversation as roles and their blocks: neighbouring messages of one role are one turn."""
    messages = tables(body.get("messages"))
    return [
        (role, [block for message in group for block in _blocks(message.get("content"))])
        for role, group in groupby(messages, lambda message: text(message.get("role")))
    ]


def in_openais_words(body: Json) -> Json:
    """Return the request as chat completions would have it, for what decides and counts the answer."""
    messages: list[JsonValue] = []
    if system := spoken({"content": body.get("system")}):
        messages.append({"role": "system", "content": system})
    for role, blocks in turns(body):
        messages += _in_openais_words(role, blocks)
    choice = table(body.get("tool_choice"))
    kind = text(choice.get("type"), "auto")
    named: Json = {"type": "function", "function": {"name": choice.get("name")}}
    wanted: Json = {
        "model": body.get("model"),
        "messages": messages,
        "stream": body.get("stream"),
        "temperature": body.get("temperature"),
        "thinking": body.get("thinking"),
        "tools": [
            {"type": "function", "function": {"name": tool.get("name"), "parameters": tool.get("input_schema")}}
            for tool in tables(body.get("tools"))
            if "input_schema" in tool
        ],
        "tool_choice": named if kind == "tool" else "required" if kind == "any" else kind,
        "parallel_tool_calls": choice.get("disable_parallel_tool_use") is not True,
    }
    if output := table(table(body.get("output_config")).get("format")):
        wanted["response_format"] = {"type": "json_schema", "json_schema": {"schema": output.get("schema")}}
    return wanted


def marked(body: Json) -> list[JsonValue]:
    """Return what stands before the last mark for the prompt cache: the system prompt, then messages; or nothing."""
    parts: list[JsonValue] = [{"content": body.get("system")}, *array(body.get("messages"))]
    last = max(
        (
            place
            for place, part in enumerate(parts, start=1)
            if any("cache_control" in block for block in _blocks(table(part).get("content")))
        ),
        default=0,
    )
    return parts if "cache_control" in body else parts[:last]


def _in_openais_words(role: str, blocks: list[Json]) -> list[Json]:
    results: list[Json] = [
        {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": spoken(block)}
        for block in blocks
        if block.get("type") == "tool_result"
    ]
    said: list[JsonValue] = [block for block in blocks if block.get("type") == "text"]
    said.extend({"type": "image_url"} for block in blocks if block.get("type") == "image")
    calls: list[JsonValue] = [
        {
            "id": block.get("id"),
            "type": "function",
            "function": {"name": block.get("name"), "arguments": _json.dumps(block.get("input")).decode()},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message: Json = {"role": role, "content": said, **({"tool_calls": calls} if calls else {})}
    return [*results, message] if said or calls else results


def _blocks(content: JsonValue | None) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) and content else tables(content)


def _strict(place: str, found: Json, required: Iterable[str], known: Collection[str]) -> Iterator[str]:
    for name in required:
        if found.get(name) is None:
            yield f"{place}{name}: Field required"
    for name in found:
        if name not in known:
            yield f"{place}{name}: Extra inputs are not permitted"


def _untagged(place: str, tag: str, known: Collection[str]) -> str:
    expected = ", ".join(map(repr, known))
    return f"{place}: Input tag '{tag}' found using 'type' does not match any of the expected tags: {expected}"


def _messages(messages: list[Json]) -> Iterator[str]:
    for index, message in enumerate(messages):
        place, role, content = f"messages.{index}", text(message.get("role")), message.get("content")
        if role == "system":
            yield (
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not '
                '"system" as an input message role.'
            )
        elif role not in ("user", "assistant"):
            yield f"{place}.role: Input should be 'user' or 'assistant'"
        yield from _strict(f"{place}.", message, ("role", "content"), ("role", "content"))
        if not content and not (role == "assistant" and index == len(messages) - 1):
            yield f"{place}: all messages must have non-empty content except for the optional final assistant message"
        for number_, block in enumerate(_blocks(content)):
            yield from _block(f"{place}.content.{number_}", block, role)


def _block(place: str, block: Json, role: str) -> Iterator[str]:
    kind = text(block.get("type"))
    if kind not in _BLOCKS:
        yield _untagged(place, kind, _BLOCKS)
        return
    required, optional = _BLOCKS[kind]
    yield from _strict(f"{place}.{kind}.", block, required, ("type", *required, *optional))
    if kind == "text" and not block.get("text"):
        yield "messages: text content blocks must be non-empty"
    if (kind in _ASSISTANTS and role != "assistant") or (kind == "tool_result" and role != "user"):
        yield f"{place}: `{kind}` blocks can only be in `{'user' if kind == 'tool_result' else 'assistant'}` messages"
    if kind == "image":
        yield from _source(f"{place}.image.source", table(block.get("source")))
    if kind == "thinking" and block.get("signature") != signature(text(block.get("thinking"))):
        yield f"{place}: Invalid `signature` in `thinking` block"


def _source(place: str, source: Json) -> Iterator[str]:
    form = text(source.get("type"))
    if form not in _SOURCES:
        yield _untagged(place, form, _SOURCES)
        return
    yield from _strict(f"{place}.{form}.", source, _SOURCES[form], ("type", *_SOURCES[form]))
    if form == "base64" and source.get("media_type") not in _MEDIA:
        yield f"{place}.base64.media_type: Input should be {_either(_MEDIA)}"


def _either(allowed: Sequence[str]) -> str:
    return f"{', '.join(map(repr, allowed[:-1]))} or {allowed[-1]!r}"


def _tools(body: Json) -> Iterator[str]:
    tools, choice = tables(body.get("tools")), table(body.get("tool_choice"))
    for index, tool in enumerate(tools):
        kind = text(tool.get("type"), "custom")
        if kind != "custom":
            if not re.fullmatch(r"[a-z_]+_\d{8}", kind):  # one that runs at Anthropic is dated
                yield _untagged(f"tools.{index}", kind, ("custom",))
            continue
        place = f"tools.{index}.custom."
        yield from _strict(place, tool, ("name", "input_schema"), _TOOL)
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", text(tool.get("name"))):
            yield f"{place}name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if table(tool.get("input_schema")).get("type") != "object":
            yield f"{place}input_schema.type: Input should be 'object'"
    names = Counter(text(tool.get("name")) for tool in tools)
    if any(count > 1 for count in names.values()):
        yield "tools: Tool names must be unique."
    if choice:
        yield from _choice(choice, names)
    yield from _results(turns(body))


def _choice(choice: Json, names: Collection[str]) -> Iterator[str]:
    kind = text(choice.get("type"))
    if kind not in _CHOICES:
        yield _untagged("tool_choice", kind, _CHOICES)
        return
    parallel = () if kind == "none" else ("disable_parallel_tool_use",)
    yield from _strict(f"tool_choice.{kind}.", choice, _CHOICES[kind], ("type", *_CHOICES[kind], *parallel))
    if not names:
        yield "tool_choice: tool_choice may only be specified while providing tools"
    if kind == "tool" and choice.get("name") not in names:
        yield f"Tool '{choice.get('name')}' not found in provided tools"


def _results(conversation: list[tuple[str, list[Json]]]) -> Iterator[str]:
    """Results stand first in the turn after the calls, one for each."""
    asked: list[str] = []
    for index, (_, blocks) in enumerate([*conversation, ("", [])]):
        leading = takewhile(lambda block: block.get("type") == "tool_result", blocks)
        answered = [text(block.get("tool_use_id")) for block in leading]
        for place, block in enumerate(blocks):
            wanted = text(block.get("tool_use_id"))
            if block.get("type") == "tool_result" and wanted not in asked:
                yield (
                    f"messages.{index}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {wanted}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if missing := [one for one in asked if one not in answered]:
            yield (
                f"messages.{index - 1}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the next "
                "message."
            )
        asked = [text(block.get("id")) for block in blocks if block.get("type") == "tool_use"]


def _thinking(body: Json) -> Iterator[str]:
    output, thinking = table(body.get("output_config")), table(body.get("thinking"))
    yield from _strict("output_config.", output, (), ("effort", "format"))
    if output.get("effort") is not None and output.get("effort") not in _EFFORTS:
        yield f"output_config.effort: Input should be {_either(_EFFORTS)}"
    if not thinking:
        return
    kind = text(thinking.get("type"))
    if kind not in _THINKING:
        yield _untagged("thinking", kind, _THINKING)
        return
    shown = ("display",) if kind in ("enabled", "adaptive") else ()
    yield from _strict(f"thinking.{kind}.", thinking, _THINKING[kind], ("type", *_THINKING[kind], *shown))
    if kind not in ("enabled", "adaptive"):
        return
    if table(body.get("tool_choice")).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    if body.get("temperature") not in (None, 1):
        yield f"`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. {_DOCS}"
    if kind == "adaptive":
        return
    budget = integer(thinking.get("budget_tokens")) or 0
    if budget < _LEAST_BUDGET:
        yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}"
    if (integer(body.get("max_tokens")) or 0) <= budget:
        yield f"`max_tokens` must be greater than `thinking.budget_tokens`. {_DOCS}"
    yield from _unthought(turns(body))


def _unthought(conversation: list[tuple[str, list[Json]]]) -> Iterator[str]:
    """Before tool results, the assistant's turn begins with its thinking."""
    if len(conversation) < 2 or not any(block.get("type") == "tool_result" for block in conversation[-1][1]):
        return
    index, blocks = len(conversation) - 2, conversation[-2][1]
    first = text(blocks[0].get("type")) if blocks else ""
    if first not in ("thinking", "redacted_thinking"):
        yield (
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
            "set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. "
            f"To avoid this requirement, disable `thinking`. {_DOCS}"
        )
