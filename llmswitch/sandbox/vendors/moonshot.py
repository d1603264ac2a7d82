"""Kimi (`api.moonshot.cn`, `api.moonshot.ai`): a type and no code, fixed sampling, reasoning wanted back, usage inside the choice.

Sources: platform.kimi.ai/docs/api (errors, chat); bodies from can1357/oh-my-pi#6052 (key of the other site), MoonshotAI/Kimi-K2#5 (empty
account) and public reports of the fixed parameters, the missing reasoning, the token limit and the forced tool choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import array, number, table, tables, text
from llmswitch.sandbox.rules import ROLES, functions_of, lost_reasoning, switched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_INVALID, _EMPTY = "invalid_request_error", "exceeded_current_quota_error"
_SUSPENDED = (
    "Your account org-sandbox <ak-sandbox> is suspended due to insufficient balance, please recharge your account or check "
    "your plan and billing details"
)
_INACTIVE = (
    "Your account sandbox is not active, organization <org-sandbox> exceeded current quota, please check your plan and "
    "billing details"
)
_RISK = "The request was rejected because it was considered high risk"
_FIXED = {"temperature": 1, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}
_MOST_TOOLS = 128


class Kimi(Compatible):
    """`api.moonshot.cn` and its twin `api.moonshot.ai`."""

    owner = "moonshot"
    roles = ROLES
    wrong_role = "role '{role}' is not a valid role"
    error_fields = ("message", "type")
    errors: ClassVar = {
        "arrears": (Variant(429, None, _SUSPENDED, _EMPTY), Variant(403, None, _INACTIVE, _EMPTY)),
        "rate_limit": (
            Variant(
                429,
                None,
                "Organization Rate limit exceeded, please try again after 1 seconds",
                "rate_limit_reached_error",
            ),
        ),
        "refusal": (Variant(400, None, _RISK, "content_filter"),),
        "overload": (
            Variant(
                429,
                None,
                "The engine is currently overloaded, please try again later",
                "engine_overloaded_error",
            ),
        ),
        "server_error": (
            Variant(500, None, "Internal server error", "server_error"),
            Variant(500, None, "Unexpected output", "unexpected_output"),
        ),
        "auth": (
            Variant(401, None, "Invalid Authentication", "invalid_authentication_error"),
            Variant(401, None, "Incorrect API key provided", "incorrect_api_key_error"),
        ),
        "permission": (Variant(403, None, "Permission denied", "permission_denied_error"),),
        "model_not_found": (
            Variant(404, None, "Not found the model {model} or Permission denied", "resource_not_found_error"),
        ),
        "context_length": (
            Variant(400, None, "Invalid request: Your request exceeded model token limit: 262144", _INVALID),
        ),
        "bad_request": (Variant(400, None, "Invalid request", _INVALID),),
    }
    models: ClassVar = {
        **dict.fromkeys(("kimi-k3", "kimi-k3.1-pro"), Model(1_048_576, thinks=True)),
        **dict.fromkeys(("kimi-k2.7-code", "kimi-k2.6"), Model(262_144, thinks=True)),
    }

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return f"Invalid request: Your request exceeded model token limit: {limit} (requested: {found})"

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` switches K2.6 off; the others always think."""
        return switched(call.body, model.thinks) if call.model == "kimi-k2.6" else model.thinks

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject sampling of one's own, a forced tool while it thinks, and the rest that Kimi refuses."""
        for name, fixed in _FIXED.items():
            value = number(call.body.get(name))
            if value is not None and value != fixed:
                return f"invalid {name}: only {fixed} is allowed for this model"
        return next(self._complaints(call, model, messages), None) or super().wrong(call, model, messages)

    def _complaints(self, call: Call, model: Model, messages: list[Json]) -> Iterator[str]:
        body, effort = call.body, call.body.get("reasoning_effort")
        if call.model == "kimi-k3" and effort is not None and effort not in ("low", "high", "max"):
            yield f"Invalid request: reasoning_effort {effort!r} is not one of low, high, max"
        if self.thinks(call, model):
            choice = "specified" if isinstance(body.get("tool_choice"), dict) else body.get("tool_choice")
            if choice in ("required", "specified"):
                yield f"tool_choice '{choice}' is incompatible with thinking enabled"
            if (index := lost_reasoning(messages)) is not None:
                yield f"thinking is enabled but reasoning_content is missing in assistant tool call message at index {index}"
        yield from _about_tools(functions_of(body))
        stops = [body["stop"]] if isinstance(body.get("stop"), str) else array(body.get("stop"))
        if len(stops) > 5 or any(len(text(stop).encode()) > 32 for stop in stops):
            yield "Invalid request: stop takes at most 5 strings of at most 32 bytes"
        for index, message in enumerate(messages):
            if message.get("role") == "assistant" and not message.get("content") and not message.get("tool_calls"):
                yield f"Invalid request: the message at position {index} with role 'assistant' must not be empty"
            for part in tables(message.get("content")):
                if (url := text(table(part.get("image_url")).get("url"))).startswith("http"):
                    yield f"unsupported image url: {url}"

    def closing(self, turn: Turn, choice: Choice, chunk: Json) -> Json:
        """Put the usage into the choice that finishes."""
        del choice
        for one in tables(chunk.get("choices")):
            one["usage"] = self.usage(turn)
        return chunk


def _about_tools(functions: list[Json]) -> Iterator[str]:
    names = [text(function.get("name")) for function in functions]
    if len(names) > _MOST_TOOLS:
        yield f"Invalid request: at most {_MOST_TOOLS} tools"
    for name in names:
        if names.count(name) > 1:
            yield f"Invalid request: function name {name} is duplicated"
    if any("strict" in function for function in functions):
        yield "Invalid request: tools.function.strict is not supported"


PROVIDER = Provider(name="moonshot", dialects=(Kimi,), sites=(Site.of("moonshot", "cn"), Site.of("moonshot", "ai")))
