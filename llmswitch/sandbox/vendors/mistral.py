"""Mistral (`/v1/...`): fields it does not know are errors, messages have an order, reasoning is a part of the content.

Sources: mistralai's SDK 3.7 (models/chatcompletionrequest.py, embeddingrequest.py, thinkchunk.py) and mistral-common
(ids of calls); bodies of editor-code-assistant/eca#231 (fields), charmbracelet/crush#1590 (messages),
onyx-dot-app/onyx#6458 (order), cline/cline#9085 (rate), BerriAI/litellm#25078 (capacity), tmc/langchaingo#1233 (model),
agent0ai/agent-zero#539 (key), BerriAI/litellm#16272 (reasoning in a stream). Not found: what it says of money that ran
out, of rights, of a fault of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import number, tables, text
from llmswitch.sandbox.wire import Refused, Reply, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call, Stream

_INVALID: Final = "invalid_request_error"
_FIELDS: Final = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "stop", "random_seed"),
        *("metadata", "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n"),
        *("min_tokens", "repetition_penalty", "top_k", "logprobs", "top_logprobs", "prompt_logprobs", "prediction"),
        *("top_prompt_logprobs", "parallel_tool_calls", "reasoning_effort", "prompt_mode", "guardrails"),
        *("prompt_cache_key", "service_tier", "safe_prompt"),
    }
)
_EMBEDDINGS: Final = frozenset({"model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"})
_MESSAGES: Final = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
# What may follow what.
_FOLLOWS: Final = {
    "": ("system", "user"),
    "system": ("system", "user", "assistant"),
    "user": ("system", "user", "assistant"),
    "assistant": ("user", "tool", "system"),
    "tool": ("tool", "assistant"),
}
_MOST: Final = {"temperature": 1.5, "top_p": 1}
_LARGE: Final = Model(262_144)


class Mistral(Compatible):
    """`api.mistral.ai`."""

    prefix = "/v1"
    owner = "mistralai"
    id_prefix = ""
    most_choices = 8
    embeddings_batch = 512
    usage_comes = "last"
    finishes: ClassVar = {"context_length": "model_length", "server_error": "error"}
    errors: ClassVar = {
        "rate_limit": (Variant(429, "1300", "Rate limit exceeded", "rate_limited"),),
        "overload": (
            Variant(429, "3505", "Service tier capacity exceeded for this model.", "service_tier_capacity_exceeded"),
            Variant(503, None, "Service tier capacity exceeded for this model.", _INVALID),
        ),
        "server_error": (Variant(500, "1000", "Internal server error", "internal_error_proxy"),),
        "auth": (Variant(401, "detail", "Unauthorized"),),
        "model_not_found": (Variant(400, "1500", "Invalid model: {model}", "invalid_model"),),
        "context_length": (
            Variant(
                400,
                "3051",
                "Prompt contains 300000 tokens and 0 draft tokens, too large for model with 262144 maximum context length",
                "invalid_request_invalid_args",
            ),
        ),
        "bad_request": (Variant(400, None, "Invalid request", _INVALID),),
    }
    models: ClassVar = {
        **dict.fromkeys(("mistral-large-latest", "mistral-large-3", "mistral-large-2512"), _LARGE),
        **dict.fromkeys(("mistral-large-4", "mistral-large-4-0"), Model(1_048_576)),
        **dict.fromkeys(("mistral-medium-latest", "mistral-medium", "mistral-medium-3", "mistral-medium-2604"), _LARGE),
        **dict.fromkeys(
            ("mistral-medium-3-5", "mistral-medium-3.5", "mistral-small-latest", "mistral-small-2603"), _LARGE
        ),
        **dict.fromkeys(("ministral-14b-latest", "ministral-14b-2512", "ministral-3-14b-2512"), _LARGE),
        **dict.fromkeys(("ministral-8b-latest", "ministral-8b-2512", "ministral-3-8b-2512"), _LARGE),
        **dict.fromkeys(("ministral-3b-latest", "ministral-3b-2512", "ministral-3-3b-2512"), Model(131_072)),
        **dict.fromkeys(("devstral-latest", "devstral-medium-latest", "devstral-small-latest"), Model(256_000)),
        **dict.fromkeys(
            ("codestral-latest", "codestral-2508", "pixtral-large-latest", "open-mistral-nemo"), Model(128_000)
        ),
        **dict.fromkeys(("magistral-medium-latest", "magistral-small-latest"), Model(262_144, thinks=True)),
        **dict.fromkeys(("mistral-embed", "mistral-embed-2312"), Model(8_192, dimensions=(1024,))),
        **dict.fromkeys(("codestral-embed", "codestral-embed-2505"), Model(8_192, dimensions=(1536,))),
    }

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"object": "error", message, type, param, code}`; of a wrong key only `{"detail"}`."""
        del call
        if variant.code == "detail":
            return Reply(variant.status, {"detail": variant.message})
        body: Json = {"object": "error", "message": variant.message, "type": variant.type or _INVALID}
        return Reply(variant.status, {**body, "param": variant.param, "code": variant.code})

    def unknown_path(self, call: Call) -> Reply:
        """Return the 404 of its gateway."""
        del call
        return Reply(404, {"message": "no Route matched with those values"})

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return f"Prompt contains {found} tokens and 0 draft tokens, too large for model with {limit} maximum context length"

    def check(self, call: Call, model: Model) -> None:
        """Reject what Mistral rejects: fields with 422, then the order of messages."""
        messages = answers.messages_of(call.body)
        self._refuse_fields(
            _extra(call.body, _FIELDS, ["body"]), *_extra_of_messages(messages), _out_of_range(call.body)
        )
        before = ""
        for message in messages:
            role = text(message.get("role"))
            if role not in _FOLLOWS[before]:
                said = (
                    f"Unexpected role '{role}' after role '{before}'" if before else f"Unexpected first role '{role}'"
                )
                raise self._refused(call, "3230", said, "invalid_request_message_order")
            before = role
        if before == "assistant" and messages[-1].get("prefix") is not True:
            said = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
            raise self._refused(call, "3230", said, "invalid_request_message_order")
        calls = [one for message in messages for one in tables(message.get("tool_calls"))]
        if len(calls) != sum(message.get("role") == "tool" for message in messages):
            said = "Not the same number of function calls and responses"
            raise self._refused(call, "3230", said, "invalid_request_message_order")
        for one in calls:
            identity = text(one.get("id"))
            if not re.fullmatch(r"[a-zA-Z0-9]{9}", identity):
                said = f"Tool call id was {identity} but must be a-z, A-Z, 0-9, with a length of 9."
                raise self._refused(call, "3280", said, "invalid_function_call")
        super().check(call, model)

    def _refused(self, call: Call, code: str, message: str, kind: str) -> Refused:
        return Refused(self.error(call, Variant(400, code, message, kind)))

    def _refuse_fields(self, *found: list[Json]) -> None:
        if detail := [one for some in found for one in some]:
            body: Json = {"object": "error", "message": {"detail": [*detail]}, "type": _INVALID}
            raise Refused(Reply(422, {**body, "param": None, "code": None}))

    def turn(self, call: Call, model: Model) -> Turn:
        """Give calls ids of nine characters."""
        turn = super().turn(call, model)
        for choice in turn.choices:
            choice.tool_calls = tuple(
                answers.ToolCall(one.name, one.arguments, one.id[-9:]) for one in choice.tool_calls
            )
        return turn

    def thinks(self, call: Call, model: Model) -> bool:
        """Some models reason, others where an effort is asked for."""
        return model.thinks or call.body.get("reasoning_effort") not in (None, "none")

    def reasoned(self, call: Call, said: str) -> Json:
        """Return reasoning as a part of the content."""
        del call
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": said}]}]}

    def message(self, call: Call, choice: Choice, reasoning: str, said: str) -> Json:
        """Put the text behind the reasoning."""
        message = super().message(call, choice, reasoning, said)
        if reasoning:
            part: Json = {"type": "text", "text": said}
            message["content"] = [*tables(self.reasoned(call, reasoning)["content"]), *([part] if said else [])]
        return message

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield tool calls whole."""
        del call
        if choice.tool_calls:
            yield {"tool_calls": [one.encoded(index) for index, one in enumerate(choice.tool_calls)]}

    def embeddings(self, call: Call) -> Reply | Stream:
        """Answer `embeddings`."""
        self._refuse_fields(_extra(call.body, _EMBEDDINGS, ["body"]))
        return super().embeddings(call)

    def dress_embeddings(self, body: Json) -> Json:
        """Add an id."""
        return {"id": identifier(), **body}

    def _model(self, name: str) -> Json:
        chats = not self.models[name].dimensions
        capabilities: Json = {"completion_chat": chats, "function_calling": chats, "vision": chats}
        context = self.models[name].context
        return {**super()._model(name), "capabilities": capabilities, "max_context_length": context, "type": "base"}


def _extra(found: Json, known: frozenset[str], place: list[JsonValue]) -> list[Json]:
    return [
        {"type": "extra_forbidden", "loc": [*place, name], "msg": "Extra inputs are not permitted", "input": value}
        for name, value in found.items()
        if name not in known
    ]


def _out_of_range(body: Json) -> list[Json]:
    found: list[Json] = []
    for name, most in _MOST.items():
        value = number(body.get(name))
        if value is not None and not 0 <= value <= most:
            side, sign, bound = ("less", "le", most) if value > most else ("greater", "ge", 0)
            message = f"Input should be {side} than or equal to {bound:g}"
            place: Json = {"type": f"{side}_than_equal", "loc": ["body", name], "msg": message, "input": value}
            found.append({**place, "ctx": {sign: bound}})
    return found


def _extra_of_messages(messages: list[Json]) -> list[list[Json]]:
    return [
        _extra(message, known, ["body", "messages", index, role])
        for index, message in enumerate(messages)
        if (known := _MESSAGES.get(role := text(message.get("role"))))
    ]


PROVIDER = Provider(
    name="mistral",
    dialects=(Mistral,),
    sites=(
        Site(
            name="global",
            key="llmswitchSandboxMistralNotARealKey",
            base="/v1",
            native="/v1",
            base_variable="LLMSWITCH_MISTRAL_BASE_URL",
            key_variable="MISTRAL_API_KEY",
        ),
    ),
)
