"""StepFun (`api.stepfun.com`, `api.stepfun.ai`): a type and no code, 402 and 451, `reasoning` unless asked for DeepSeek's field.

Sources: platform.stepfun.com/docs (error codes, chat, reasoning_format), platform.stepfun.ai/docs/en/api-reference/error-codes; bodies of
a wrong key and of `censorship_blocked` from public reports of 2026. The words of the rest are those of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.rules import ROLES

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.wire import Call

_INVALID = "request_params_invalid"


class StepFun(Compatible):
    """`api.stepfun.com` and its twin `api.stepfun.ai`."""

    owner = "stepfun"
    id_prefix = ""
    roles = ROLES
    error_fields = ("message", "type")
    ranges: ClassVar = {"temperature": "[0, 2]", "frequency_penalty": "[0, 1]"}
    finishes: ClassVar = {"refusal": "content_filter"}
    errors: ClassVar = {
        "arrears": (Variant(402, None, "Insufficient balance", "insufficient_balance"),),
        "rate_limit": (Variant(429, None, "Resource or rate limit exceeded", "rate_limited"),),
        "refusal": (
            Variant(451, None, "The content you provided or machine outputted is blocked.", "censorship_blocked"),
        ),
        "overload": (Variant(503, None, "Server is currently overloaded", "service_overloaded"),),
        "server_error": (Variant(500, None, "Server-side issue on our end", "server_error"),),
        "auth": (Variant(401, None, "Incorrect API key provided", "invalid_api_key"),),
        "model_not_found": (Variant(400, None, "The model {model} does not exist", _INVALID),),
        "context_length": (Variant(400, None, "The prompt is too long for {model}", _INVALID),),
        "bad_request": (Variant(400, None, "Request parameters are invalid.", _INVALID),),
    }
    models: ClassVar = {
        **dict.fromkeys(("step-3.7-flash", "step-3.5-flash", "step-3.5-flash-2603"), Model(256_000, thinks=True)),
        **dict.fromkeys(("step-1-8k", "step-1v-8k"), Model(8_000)),
        "step-2-16k": Model(16_000),
    }

    def reasoned(self, call: Call, said: str) -> Json:
        """Return `reasoning`, or `reasoning_content` where `reasoning_format` asks for DeepSeek's style."""
        alike = call.body.get("reasoning_format") == "deepseek-style"
        return {"reasoning_content" if alike else "reasoning": said}

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject parts in a system message."""
        for message in messages:
            if message.get("role") == "system" and not isinstance(message.get("content"), str):
                return "the content of a system message must be text"
        return super().wrong(call, model, messages)


PROVIDER = Provider(name="stepfun", dialects=(StepFun,), sites=(Site.of("stepfun", "cn"), Site.of("stepfun", "ai")))
