"""Claude's Messages (`/v1/messages`, `/v1/models`), not the OpenAI-compatible layer over it.

Sources: anthropic's SDK 2.13 (types of messages, events, errors and models; its key travels as a bearer token and its
version is 2026-10-21); docs.anthropic.com/en/api/errors; the region block of anthropics/claude-code#1613, which lacks
the envelope; credit balance of anthropics/claude-code#66314; rate limit of RooCodeInc/Roo-Code#554. Any prompt may be
cached, however short; thinking that is not asked for is none, though newer models may think all the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from llmswitch import _json
from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Route, Site, Variant
from llmswitch.sandbox.fields import array, integer, table, tables, text
from llmswitch.sandbox.vendors.anthropic_messages import in_openais_words, marked, wrong
from llmswitch.sandbox.vendors.anthropic_models import OLDEST, longest, shows, unfit
from llmswitch.sandbox.wire import Frame, Reply, Stream, event, identifier, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Choice, Generator
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call, Part

_INVALID: Final = "invalid_request_error"
_SMALL, _LARGE = Model(200_000), Model(1_000_000)
_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class Anthropic(Compatible):
    """`api.anthropic.com`. A variant's code, where it is not its type, stands in `details.error_code`."""

    prefix = "/v1"
    owner = "anthropic"
    id_prefix = "msg_"
    filtered_finish = "refusal"
    errors: ClassVar = {
        "region_block": (Variant(403, "forbidden", "Request not allowed", "forbidden"),),
        "quota": (
            Variant(
                400,
                _INVALID,
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
                _INVALID,
            ),
        ),
        "arrears": (
            Variant(
                400,
                _INVALID,
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
                "purchase credits.",
                _INVALID,
            ),
            Variant(
                402, "billing_error", "There is an issue with your billing or payment information.", "billing_error"
            ),
        ),
        "rate_limit": (
            Variant(
                429,
                "rate_limit_error",
                "This request would exceed your organization’s rate limit of 80,000 input tokens per minute. For details, "
                "refer to: https://docs.anthropic.com/en/api/rate-limits; see the response headers for current usage. "
                "Please reduce the prompt length or the maximum tokens requested, or try again later.",
                "rate_limit_error",
            ),
        ),
        "refusal": (Variant(400, _INVALID, "Output blocked by content filtering policy", _INVALID),),
        "overload": (Variant(529, "overloaded_error", "Overloaded", "overloaded_error"),),
        "server_error": (
            Variant(500, "api_error", "Internal server error", "api_error"),
            Variant(504, "timeout_error", "Request timed out", "timeout_error"),
        ),
        "auth": (Variant(401, "authentication_error", "invalid x-api-key", "authentication_error"),),
        "permission": (
            Variant(
                403,
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
                "permission_error",
            ),
            Variant(400, "organization_on_hold", "This organization has been disabled.", _INVALID),
        ),
        "model_not_found": (Variant(404, "not_found_error", "model: {model}", "not_found_error"),),
        "context_length": (Variant(400, _INVALID, "prompt is too long: 1000020 tokens > 1000000 maximum", _INVALID),),
        "bad_request": (
            Variant(400, _INVALID, "messages: Input should be a valid list", _INVALID),
            Variant(413, "request_too_large", "Request exceeds the maximum size", "request_too_large"),
        ),
    }
    models: ClassVar = {
        **dict.fromkeys(("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"), _LARGE),
        **dict.fromkeys(("claude-opus-5", "claude-sonnet-5"), _LARGE),
        **dict.fromkeys(("claude-fable-5-2", "claude-fable-5-1", "claude-fable-5"), _LARGE),
        **dict.fromkeys(("claude-mythos-5-2", "claude-mythos-5-1", "claude-mythos-5"), _LARGE),
        **dict.fromkeys(("claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-sonnet-4-6"), _LARGE),
        **dict.fromkeys(OLDEST, _SMALL),
    }

    def __init__(self, endpoint: str, site: Site, generator: Generator) -> None:
        super().__init__(endpoint, site, generator)
        self._cached: set[bytes] = set()

    def routes(self) -> tuple[Route, ...]:
        """Return messages, their count, and models."""
        return (
            Route("POST", "/v1/messages", self.create),
            Route("POST", "/v1/messages/count_tokens", self.count),
            Route("GET", "/v1/models", self.list_models),
            Route("GET", "/v1/models/{id}", self.show_model),
        )

    def authenticate(self, call: Call) -> None:
        """Take the key in `x-api-key` or as a bearer token, and a version."""
        key, token = call.headers.get("x-api-key"), call.bearer()
        if not key and not token:
            raise self.refuse(call, "auth", "x-api-key header is required")
        if self.site.key not in (key, token):
            raise self.refuse(call, "auth", "invalid x-api-key" if key else "Invalid bearer token")
        if not call.headers.get("anthropic-version"):
            raise self.refuse(call, "bad_request", "anthropic-version: header is required")

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"type": "error", "error": {type, message, details?}, "request_id"}`; the region block is bare."""
        del call
        error: Json = {"type": variant.type or _INVALID, "message": variant.message}
        if variant.type == "forbidden":
            return Reply(variant.status, {"error": error})
        if variant.code not in (None, variant.type):
            error["details"] = {"error_code": variant.code}
        request = identifier("req_")
        body: Json = {"type": "error", "error": error, "request_id": request}
        return Reply(variant.status, body, {"request-id": request})

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the same as `event: error`."""
        body = self.error(call, variant).body
        return event(body if not isinstance(body, bytes) else None, name="error")

    def unknown_path(self, call: Call) -> Reply:
        """Return its 404, or its 405 for a known path."""
        if any(route.match(call.path) is not None for route in self.routes()):
            return self.error(call, Variant(405, None, "Method Not Allowed", _INVALID))
        return self.error(call, Variant(404, None, "Not Found", "not_found_error"))

    # Messages.

    def create(self, call: Call) -> Reply | Stream:
        """Answer `messages`."""
        model = self._checked(call, call.body)
        turn = self.turn(replace(call, body=in_openais_words(call.body)), model)
        if turn.prompt_tokens > model.context:
            message = f"prompt is too long: {turn.prompt_tokens} tokens > {model.context} maximum"
            raise self.refuse(call, "context_length", message)
        choice = turn.choices[0]
        choice.limit = integer(call.body.get("max_tokens"))
        if stops := [text(one) for one in array(call.body.get("stop_sequences"))]:
            choice.until(stops)
        spent = self._spent(call.body, turn.prompt_tokens)
        headers = {"request-id": identifier("req_")}
        shown = shows(turn.model, table(call.body.get("thinking")))
        if call.body.get("stream") is True:
            return Stream(_events(turn, choice, spent, shown=shown), headers)
        return Reply(200, _message(turn, choice, spent, shown=shown), headers)

    def count(self, call: Call) -> Reply | Stream:
        """Answer `messages/count_tokens`."""
        self._checked(call, {"max_tokens": 1, **call.body})
        asked = answers.messages_of(in_openais_words(call.body))
        return Reply(200, {"input_tokens": answers.count(asked)}, {"request-id": identifier("req_")})

    def thinks(self, call: Call, model: Model) -> bool:
        """It thinks where it is asked to, or only once tools have answered."""
        del model
        kind = table(call.body.get("thinking")).get("type")
        answered = answers.messages_of(call.body)[-1].get("role") == "tool"
        return kind in ("enabled", "adaptive") or (kind == "between_tools" and answered)

    def _checked(self, call: Call, body: Json) -> Model:
        """Return the model of a body that has nothing wrong."""
        if not call.readable:
            raise self.refuse(call, "bad_request", "The request body is not valid JSON")
        for problem in wrong(body):
            raise self.refuse(call, "bad_request", problem)
        model = self.known_model(call, call.model)
        for problem in unfit(call.model or "", body):
            raise self.refuse(call, "bad_request", problem)
        return model

    def _spent(self, body: Json, tokens: int) -> Json:
        """Return what the prompt costs: what was marked for the cache is written the first time, read from then on."""
        prefix = marked(body)
        key = hashlib.sha256(_json.dumps([body.get("model"), body.get("tools"), prefix])).digest()
        kept = answers.count(tables(prefix)) if prefix else 0
        kept = min(kept, tokens)
        found = key in self._cached
        if kept:
            self._cached.add(key)
        return {
            "input_tokens": tokens - kept,
            "cache_creation_input_tokens": 0 if found else kept,
            "cache_read_input_tokens": kept if found else 0,
        }

    # Models.

    def list_models(self, call: Call) -> Reply | Stream:
        """Answer `models`, page by page."""
        names, after = list(self.models), call.query.get("after_id", "")
        first = names.index(after) + 1 if after in names else 0
        limit = call.query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            raise self.refuse(call, "bad_request", "limit: Input should be greater than or equal to 1")
        page = names[first : first + int(limit)]
        body: Json = {
            "data": [self._model(name) for name in page],
            "has_more": first + len(page) < len(names),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }
        return Reply(200, body)

    def _model(self, name: str) -> Json:
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2025-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": self.models[name].context,
            "max_tokens": longest(name),
        }


def _usage(choice: Choice, spent: Json) -> Json:
    found: Json = {**spent, "output_tokens": choice.tokens}
    if choice.reasoning_tokens:
        found["output_tokens_details"] = {"thinking_tokens": choice.reasoning_tokens}
    return found


def _ending(choice: Choice) -> Json:
    reason = "stop_sequence" if choice.finish == "stop" and choice.stopped_by else _STOP_REASONS[choice.finish]
    ending: Json = {"stop_reason": reason, "stop_sequence": choice.stopped_by if reason == "stop_sequence" else None}
    if reason == "refusal":
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": None}
    return ending


def _head(turn: Turn) -> Json:
    return {"id": turn.id, "type": "message", "role": "assistant", "model": turn.model}


def _message(turn: Turn, choice: Choice, spent: Json, *, shown: bool) -> Json:
    thought, said = "".join(choice.think()), "".join(choice.speak())
    content: list[JsonValue] = []
    if thought:
        thought = thought if shown else ""
        content.append({"type": "thinking", "thinking": thought, "signature": signature(thought)})
    if said:
        content.append({"type": "text", "text": said})
    for one in choice.tool_calls:
        called: Json = {"type": "tool_use", "id": _called(one.id), "name": one.name}
        content.append({**called, "input": _json.loads(one.arguments)})
    usage: Json = {**_usage(choice, spent), "service_tier": "standard"}
    return {**_head(turn), "content": content, **_ending(choice), "usage": usage}


def _called(identity: str) -> str:
    return identity.replace("call_", "toolu_")


def _events(turn: Turn, choice: Choice, spent: Json, *, shown: bool) -> Iterator[Frame]:
    """Yield the events of a streamed message; only deltas are content, for faults that count it."""
    usage: Json = {**spent, "output_tokens": 1, "service_tier": "standard"}
    started: Json = {**_head(turn), "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield _event("preamble", "message_start", message=started)
    index = 0
    for block, deltas in _streamed(choice, shown=shown):
        first = next(deltas, None)
        if first is None:
            continue
        yield _event("preamble", "content_block_start", index=index, content_block=block)
        if index == 0:
            yield _event("preamble", "ping")
        yield _event("content", "content_block_delta", index=index, delta=first)
        for delta in deltas:
            yield _event("content", "content_block_delta", index=index, delta=delta)
        yield _event("preamble", "content_block_stop", index=index)
        index += 1
    yield _event("end", "message_delta", delta=_ending(choice), usage=_usage(choice, spent))
    yield _event("done", "message_stop")


def _event(part: Part, name: str, **fields: JsonValue) -> Frame:
    return Frame(part, event({"type": name, **fields}, name=name))


def _streamed(choice: Choice, *, shown: bool) -> Iterator[tuple[Json, Iterator[Json]]]:
    """Yield the blocks of an answer as they begin, each with its deltas; a block without any is none."""
    yield {"type": "thinking", "thinking": "", "signature": ""}, _thought(choice, shown=shown)
    yield {"type": "text", "text": ""}, ({"type": "text_delta", "text": piece} for piece in choice.speak())
    for one in choice.tool_calls:
        block: Json = {"type": "tool_use", "id": _called(one.id), "name": one.name, "input": {}}
        parts = ["", *(one.arguments[start : start + 12] for start in range(0, len(one.arguments), 12))]
        yield block, ({"type": "input_json_delta", "partial_json": part} for part in parts)


def _thought(choice: Choice, *, shown: bool) -> Iterator[Json]:
    thought = ""
    for piece in choice.think():
        thought += piece
        if shown:
            yield {"type": "thinking_delta", "thinking": piece}
    if thought:
        yield {"type": "signature_delta", "signature": signature(thought if shown else "")}


PROVIDER = Provider(
    name="anthropic",
    dialects=(Anthropic,),
    sites=(
        Site(
            name="global",
            key="sk-ant-llmswitch-sandbox-not-a-real-key",
            base="/v1",
            native="",  # where anthropic's SDK begins
            base_variable="LLMSWITCH_ANTHROPIC_BASE_URL",
            key_variable="ANTHROPIC_API_KEY",
            sdk={"ANTHROPIC_BASE_URL": "{native}", "ANTHROPIC_API_KEY": "{key}"},
        ),
    ),
)
