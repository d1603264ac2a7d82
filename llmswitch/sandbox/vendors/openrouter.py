"""OpenRouter (`/api/v1/...`): others' models, whose errors come inside its own, in streams too.

Sources: openrouter.ai/docs/api/reference/errors-and-debugging and /streaming; bodies of continuedev/continue#10877,
#11227 and #9771, OpenRouterTeam/openrouter-examples#18 and #74, Gitlawb/openclaude#936, cline/cline#13194,
spring-projects/spring-ai#5265 (reasoning). Which models it has changes by the week: any of a known author is served.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from llmswitch import _json
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import table, tables
from llmswitch.sandbox.wire import Frame, Reply, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_RETURNED: Final = "Provider returned error"
_REGION: Final = _json.dumps(
    {
        "error": {
            "message": "Country, region, or territory not supported",
            "type": "request_forbidden",
            "param": None,
            "code": "unsupported_country_region_territory",
        }
    }
).decode()
_BUSY: Final = (
    "{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your rate "
    "limits: https://openrouter.ai/settings/integrations"
)
_CREDITS: Final = "https://openrouter.ai/settings/credits"
_AUTHORS: Final = (
    *("openai/", "anthropic/", "google/", "mistralai/", "x-ai/", "deepseek/", "qwen/", "moonshotai/", "z-ai/"),
    *("minimax/", "meta-llama/", "openrouter/", "baidu/", "bytedance/", "tencent/", "stepfun/", "amazon/", "cohere/"),
)


@dataclass(frozen=True, slots=True)
class _Relayed(Variant):
    """An error with what stands beside its message; `{model}` is filled in there too."""

    metadata: Json = field(default_factory=dict)


def _relayed(status: int, raw: str, provider: str = "OpenAI") -> _Relayed:
    return _Relayed(status, status, _RETURNED, metadata={"raw": raw, "provider_name": provider})


class OpenRouter(Compatible):
    """`openrouter.ai`."""

    prefix = "/api/v1"
    owner = "openrouter"
    id_prefix = "gen-"
    reasoning_field = "reasoning"
    usage_comes = "always"
    last_delta: ClassVar = {"role": "assistant", "content": ""}
    finishes: ClassVar = {"refusal": "content_filter"}
    errors: ClassVar = {
        "region_block": (_relayed(403, _REGION),),
        "quota": (
            _Relayed(
                429,
                429,
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
                metadata={"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0"}},
            ),
            Variant(403, 403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys"),
        ),
        "arrears": (
            Variant(
                402,
                402,
                "Insufficient credits. This account never purchased credits. Make sure your key is on the correct account "
                f"or org, and if so, purchase more at {_CREDITS}",
            ),
        ),
        "rate_limit": (_relayed(429, _BUSY),),
        "refusal": (
            _Relayed(
                403,
                403,
                '{model} requires moderation on OpenAI. Your input was flagged for "violence". No credits were charged.',
                metadata={
                    "reasons": ["violence"],
                    "flagged_input": "sandbox",
                    "provider_name": "OpenAI",
                    "model_slug": "{model}",
                },
            ),
        ),
        "overload": (Variant(503, 503, "There is no available model provider that meets your routing requirements"),),
        "server_error": (
            _relayed(502, "upstream connect error or disconnect/reset before headers"),
            Variant(500, 500, "Internal Server Error"),
        ),
        "auth": (Variant(401, 401, "User not found."),),
        "model_not_found": (
            Variant(400, 400, "{model} is not a valid model ID"),
            Variant(404, 404, "No endpoints found for {model}."),
        ),
        "context_length": (
            Variant(
                400,
                400,
                "This endpoint's maximum context length is 163840 tokens. However, you requested about 243013 tokens "
                "(238917 of text input, 4096 in the output). Please reduce the length of either one, or use the "
                '"middle-out" transform to compress your prompt automatically.',
            ),
        ),
        "bad_request": (Variant(400, 400, 'Input required: specify "prompt" or "messages"'),),
    }
    models: ClassVar = {
        **dict.fromkeys(("openai/gpt-4o", "openai/gpt-4o-mini", "openai/gpt-5.6", "openai/gpt-5-mini"), Model(128_000)),
        **dict.fromkeys(("anthropic/claude-sonnet-5.5", "google/gemini-3.8-flash"), Model(1_000_000)),
        **dict.fromkeys(("deepseek/deepseek-chat", "qwen/qwen-plus", "openrouter/auto"), Model(128_000)),
    }

    def authenticate(self, call: Call) -> None:
        """Take the key as a bearer token."""
        if call.bearer() is None:
            raise self.refuse(call, "auth", "No auth credentials found")
        super().authenticate(call)

    def known_model(self, call: Call, name: str | None) -> Model:
        """Any model of an author it knows."""
        if name and name.startswith(_AUTHORS) and name not in self.models:
            return Model()
        return super().known_model(call, name)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {message, code: int, metadata?}, "user_id"?}`."""
        return Reply(variant.status, {"error": _error(call, variant), "user_id": "user_sandbox"})

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return a chunk with the error that ends its choice."""
        choice: Json = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
        body: Json = {
            "id": identifier(self.id_prefix),
            "object": "chat.completion.chunk",
            "created": 0,
            "model": call.model,
            "provider": _provider(call.model or ""),
            "error": _error(call, variant),
            "choices": [{**choice, "native_finish_reason": "error"}],
        }
        return event(body)

    def unknown_path(self, call: Call) -> Reply:
        """Return its page."""
        del call
        return Reply(404, b"<!DOCTYPE html><html><body>404</body></html>", content_type="text/html; charset=utf-8")

    def thinks(self, call: Call, model: Model) -> bool:
        """Reasoning is shown where it is asked for, unless it is excluded."""
        del model
        asked = table(call.body.get("reasoning"))
        effort = asked.get("effort", call.body.get("reasoning_effort"))
        wanted = effort not in (None, "none") or asked.get("enabled") is True or asked.get("max_tokens") is not None
        return wanted and asked.get("exclude") is not True

    def reasoned(self, call: Call, said: str) -> Json:
        """Return reasoning twice: as text and in details."""
        detail: Json = {"type": "reasoning.text", "text": said, "format": "unknown", "index": 0}
        return {**super().reasoned(call, said), "reasoning_details": [detail]}

    def frames(self, turn: Turn) -> Iterator[Frame]:
        """Say first that it is at work, in a comment."""
        yield Frame("preamble", b": OPENROUTER PROCESSING\n\n")
        yield from super().frames(turn)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Name who answered; what it cost is nothing here."""
        for choice in tables(body.get("choices")):
            choice["native_finish_reason"] = choice.get("finish_reason")
        if usage := table(body.get("usage")):
            body["usage"] = {**usage, "cost": 0}
        return {**body, "provider": _provider(turn.model)}


def _provider(model: str) -> str:
    return model.partition("/")[0].title()


def _error(call: Call, variant: Variant) -> Json:
    error: Json = {"message": variant.message, "code": variant.status}
    if isinstance(variant, _Relayed) and variant.metadata:
        error["metadata"] = {
            name: value.replace("{model}", call.model or "") if isinstance(value, str) else value
            for name, value in variant.metadata.items()
        }
    return error


PROVIDER = Provider(
    name="openrouter",
    dialects=(OpenRouter,),
    sites=(
        Site(
            name="global",
            key="sk-or-v1-llmswitch-sandbox-not-a-real-key",
            base="/api/v1",
            native="/api/v1",
            base_variable="LLMSWITCH_OPENROUTER_BASE_URL",
            key_variable="OPENROUTER_API_KEY",
        ),
    ),
)
