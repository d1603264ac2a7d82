"""Anthropic's Messages API on loopback, as strict as the vendor: what it would refuse, it refuses with the vendor's body.

    with messages_api(MessagesAPI([text("Hi")])) as server: ...

The rules are the vendor's documented ones (and `anthropic` 2.13's types), written down apart from the dialect that is tested with them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.servers import Exchange, framed, head

if TYPE_CHECKING:
    from collections.abc import Iterator

Block = dict[str, Any]

_KNOWN = {
    "model", "max_tokens", "messages", "system", "stream", "stop_sequences", "temperature", "top_p", "top_k", "tools", "tool_choice",
    "metadata", "thinking", "output_config", "service_tier", "cache_control", "container",
}  # fmt: skip
_NEW = re.compile(r"claude-(opus-(4-[78]|5)|sonnet-5|haiku-5|fable|mythos)")
_UNFORCED = re.compile(r"claude-(opus-5-5|sonnet-5-5|fable|mythos)")
_ALWAYS = re.compile(r"claude-(opus-5-5|fable|mythos|sonnet-5-5)")
_BUDGETED = re.compile(r"claude-.*-4-5")


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def use(name: str, arguments: Block, number: str = "toolu_1") -> Block:
    return {"type": "tool_use", "id": number, "name": name, "input": arguments}


def thinking(words: str, signature: str = "c2ln") -> Block:
    return {"type": "thinking", "thinking": words, "signature": signature}


@dataclass
class MessagesAPI:
    """What it answers, whole or streamed. `cut` ends a stream after so many events, `cleanly` or with its connection."""

    content: list[Block] = field(default_factory=lambda: [text("Hi")])
    stop_reason: str = "end_turn"
    usage: Block = field(default_factory=lambda: {"input_tokens": 5, "output_tokens": 3})
    cut: int | None = None
    cleanly: bool = False
    stop_details: Block | None = None

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        path = request.path.partition("?")[0]
        if request.headers.get("x-api-key") is None or request.headers.get("anthropic-version") != "2023-06-01":
            await exchange.send(_refusal(401, "authentication_error", "x-api-key header is required"))
        elif path == "/v1/models":
            rows = [{"id": "claude-x", "type": "model", "display_name": "X", "created_at": "2026-10-07T00:00:00Z"}]
            await exchange.send(
                _whole({"data": rows, "has_more": False, "first_id": "claude-x", "last_id": "claude-x"})
            )
        elif path != "/v1/messages":
            await exchange.send(_refusal(404, "not_found_error", "Not found"))
        else:
            await self._answer(exchange, json.loads(request.body))

    async def _answer(self, exchange: Exchange, body: Block) -> None:
        complaint = next(complaints(body), None)
        if complaint is not None:
            await exchange.send(_refusal(400, "invalid_request_error", complaint))
        elif not body.get("stream"):
            details = {"stop_details": self.stop_details} if self.stop_details else {}
            await exchange.send(_whole({**self.message(body["model"]), "stop_reason": self.stop_reason, **details}))
        else:
            parts = [event(name, data) for name, data in self.events(body["model"])][: self.cut]
            await exchange.send(head(200, "Transfer-Encoding: chunked", "Content-Type: text/event-stream"))
            whole = self.cut is None or self.cleanly
            await exchange.send(framed(*parts, end=whole))
            if not whole:
                exchange.close()

    def message(self, model: str) -> Block:
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": self.content, "stop_reason": None,
            "stop_sequence": None, "usage": self.usage,
        }  # fmt: skip

    def events(self, model: str) -> Iterator[tuple[str, Block]]:
        start = {**self.message(model), "content": [], "usage": {**self.usage, "output_tokens": 1}}
        yield "message_start", {"message": start}
        yield "ping", {}
        for index, block in enumerate(self.content):
            for name, data in _block(block):
                yield name, {"index": index, **data}
        delta: Block = {"stop_reason": self.stop_reason, "stop_sequence": None}
        delta |= {"stop_details": self.stop_details} if self.stop_details else {}
        yield "message_delta", {"delta": delta, "usage": {"output_tokens": self.usage["output_tokens"]}}
        yield "message_stop", {}


def _block(block: Block) -> Iterator[tuple[str, Block]]:
    """A content block as the events that tell it."""
    empty: dict[str, Block] = {
        "text": {"text": ""},
        "tool_use": {"input": {}},
        "thinking": {"thinking": "", "signature": ""},
    }
    yield "content_block_start", {"content_block": {**block, **empty.get(block["type"], {})}}
    deltas: list[Block] = []
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": part} for part in _halves(block["text"])]
    elif block["type"] == "tool_use" and block["input"]:
        parts = ["", *_halves(json.dumps(block["input"]))]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    elif block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _halves(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    for delta in deltas:
        yield "content_block_delta", {"delta": delta}
    yield "content_block_stop", {}


def _halves(words: str) -> list[str]:
    middle = len(words) // 2
    return [words[:middle], words[middle:]]


def event(name: str, data: Block) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


def error(kind: str, message: str, **more: object) -> bytes:
    """The vendor's error body."""
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"}
    ).encode()


def _refusal(status: int, kind: str, message: str) -> bytes:
    body = error(kind, message)
    return head(status, f"Content-Length: {len(body)}", "Content-Type: application/json", "request-id: req_1") + body


def _whole(value: Block) -> bytes:
    body = json.dumps(value).encode()
    return head(200, f"Content-Length: {len(body)}", "Content-Type: application/json", "request-id: req_1") + body


# --- what the vendor refuses ---


def complaints(body: Block) -> Iterator[str]:
    """In the vendor's words, or near them."""
    for name in body.keys() - _KNOWN:
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens: Field required"
    messages = body.get("messages") or [{"role": "nobody", "content": []}]
    if messages[0]["role"] != "user":
        yield "messages: first message must use the user role"
    if messages[-1]["role"] != "user":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    if any(one["role"] == other["role"] for one, other in pairwise(messages)):
        yield "messages: roles must alternate between user and assistant"
    for message in messages:
        if message.keys() != {"role", "content"}:
            yield "messages: Extra inputs are not permitted"
        for block in message["content"]:
            yield from _about_block(block)
    yield from _about_calls(body, messages)
    yield from _about_sampling(body)
    yield from _about_thinking(body)
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    if schema is not None and '"additionalProperties": false' not in json.dumps(schema):
        yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"


def _about_block(block: Block) -> Iterator[str]:
    kinds = {"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"}
    if block["type"] not in kinds:
        yield f"Input tag '{block['type']}' found using 'type' does not match any of the expected tags"
    if block["type"] == "text" and not block["text"].strip():
        yield "messages: text content blocks must be non-empty"
    if block["type"] in ("image", "document"):
        source = block["source"]
        keys = {"base64": {"type", "media_type", "data"}, "url": {"type", "url"}}
        if source.keys() != keys.get(source["type"]):
            yield "source: Input should be a valid dictionary"
    if block["type"] == "thinking" and block.keys() != {"type", "thinking", "signature"}:
        yield "thinking: Extra inputs are not permitted"
    if block["type"] == "tool_use" and not isinstance(block["input"], dict):
        yield "tool_use.input: Input should be a valid dictionary"
    for name in ("id", "tool_use_id"):
        if name in block and not re.fullmatch(r"[a-zA-Z0-9_-]+", block[name]):
            yield f"{name}: String should match pattern '^[a-zA-Z0-9_-]+$'"


def _about_calls(body: Block, messages: list[Block]) -> Iterator[str]:
    for position, message in enumerate(messages):
        used = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        after = messages[position + 1]["content"] if position + 1 < len(messages) else []
        answered = [block["tool_use_id"] for block in after if block["type"] == "tool_result"]
        if used and sorted(used) != sorted(answered):
            yield "`tool_use` ids were found without `tool_result` blocks immediately after"
        if used and "tools" not in body:
            yield "Requests which include `tool_use` or `tool_result` blocks must define tools"
    for tool in body.get("tools", []):
        if not {"name", "input_schema"} <= tool.keys() <= {"name", "input_schema", "description", "strict"}:
            yield "tools: Extra inputs are not permitted"
    choice = body.get("tool_choice")
    if choice is not None and choice["type"] not in ("auto", "any", "tool", "none"):
        yield "tool_choice: Input tag does not match any of the expected tags"
    if choice is not None and choice["type"] in ("any", "tool") and _UNFORCED.match(body["model"]):
        yield "tool_choice: forced tool use is not supported on this model"


def _about_sampling(body: Block) -> Iterator[str]:
    given = {"temperature", "top_p", "top_k"} & body.keys()
    if given and _NEW.match(body["model"]):
        yield f"`{min(given)}` is deprecated for this model."
    if body.get("temperature", 0) > 1:
        yield "temperature: Input should be less than or equal to 1"
    if {"temperature", "top_p"} <= given:
        yield "`temperature` and `top_p` cannot both be specified for this model."


def _about_thinking(body: Block) -> Iterator[str]:
    asked = body.get("thinking", {})
    kind, model = asked.get("type"), body["model"]
    if kind == "enabled" and not _BUDGETED.match(model):
        yield "thinking.type.enabled is not supported for this model"
    if kind in ("adaptive", "between_tools") and _BUDGETED.match(model):
        yield f"thinking.type.{kind} is not supported for this model"
    if kind == "disabled" and _ALWAYS.match(model):
        yield "thinking.type.disabled is not supported for this model"
    if "effort" in body.get("output_config", {}) and _BUDGETED.match(model):
        yield "output_config.effort is not supported for this model"
    if kind not in ("enabled", "adaptive"):
        return
    if body.get("temperature", 1) != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled"
    if body.get("tool_choice", {}).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    if kind == "enabled" and not 1024 <= asked["budget_tokens"] < body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"
    last = body["messages"][-1]["content"]
    if kind == "enabled" and any(block["type"] == "tool_result" for block in last):
        first = body["messages"][-2]["content"][0]["type"]
        if first not in ("thinking", "redacted_thinking"):
            yield f"messages: Expected `thinking` or `redacted_thinking`, but found `{first}`"
