"""SenseNova's token platform (`token.sensenova.cn/v1`): fields that its table does not list are refused, and it does not say which.

Sources: platform.sensenova.cn/docs and OpenSenseNova/SenseNova6.7 API.md (fields, reasoning, request_id), mimo2codex's page on SenseNova
(the opaque error), public reports of the rate limit's body and of the empty finish reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.rules import ROLES, functions_of
from llmswitch.sandbox.wire import identifier

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_FIELDS = {
    *("model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "n", "stop", "seed"),
    *("frequency_penalty", "presence_penalty", "reasoning_effort", "tools", "tool_choice", "parallel_tool_calls"),
    *("top_k", "min_p", "repetition_penalty"),
}
_INVALID, _OPAQUE = "invalid_request_error", "Errors in message queue response"


class SenseNova(Compatible):
    """`token.sensenova.cn`."""

    owner = "sensenova"
    usage_comes = "always"
    roles = ROLES
    wrong_role = _OPAQUE
    most_choices = 4
    error_fields = ("message", "type", "code")
    ranges: ClassVar = {"temperature": "[0,2]", "top_p": "[0,1]", "max_tokens": "[1,65536]"}
    out_of_range = "invalid {name}, should in {range}."
    reasoning_field = "reasoning"
    unfinished = ""
    errors: ClassVar = {
        "rate_limit": (
            Variant(429, "ModelAccountTpmRateLimitExceeded", "inference exceeds tpm/rpm limit", "rate_limit_error"),
            Variant(429, "8", "rate limit exceeded"),
        ),
        "refusal": (Variant(403, "7", "The content was refused by risk control", "permission_error"),),
        "overload": (Variant(503, "14", "service unavailable", "server_error"),),
        "server_error": (Variant(500, "13", "internal error", "server_error"),),
        "auth": (Variant(401, "16", "invalid api key", "authentication_error"),),
        "permission": (Variant(403, "7", "permission denied", "permission_error"),),
        "model_not_found": (Variant(404, "5", "model {model} not found", "not_found_error"),),
        "context_length": (Variant(400, "3", "the prompt is longer than the context of {model}", _INVALID),),
        "bad_request": (
            Variant(400, "3", _OPAQUE, _INVALID),
            Variant(400, "3", "image down failed", _INVALID),
        ),
    }
    models: ClassVar = {
        "sensenova-6.7-flash-lite": Model(252_000, thinks=True),
        "deepseek-v4-flash": Model(252_000, thinks=True),
    }

    def thinks(self, call: Call, model: Model) -> bool:
        """`reasoning_effort` none switches it off."""
        return model.thinks and call.body.get("reasoning_effort") != "none"

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject a field that is not listed, wherever it stands, without saying so."""
        unlisted = set(call.body) - _FIELDS or any("strict" in function for function in functions_of(call.body))
        thoughts = any("reasoning" in message or "reasoning_content" in message for message in messages)
        return _OPAQUE if unlisted or thoughts else super().wrong(call, model, messages)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add the request's id."""
        del turn
        return {**body, "request_id": identifier()}


PROVIDER = Provider(name="sensenova", dialects=(SenseNova,), sites=(Site.of("sensenova", "cn"),))
