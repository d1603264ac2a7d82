"""DeepSeek (`api.deepseek.com`, also under `/v1`): thinking by default, keep-alive lines, a code that says nothing.

Sources: api-docs.deepseek.com (error_codes, thinking mode, rate limits); bodies from 666ghj/BettaFish#286 (balance),
BerriAI/litellm#30722 (tools), and public reports of "Authentication Fails", "Content Exists Risk", "Service is too busy", the range of
max_tokens and the role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import table, tables
from llmswitch.sandbox.rules import ROLES, lacks_json_word, lost_reasoning, switched
from llmswitch.sandbox.wire import Frame, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call, Stream

_CODE = "invalid_request_error"
_UNREADABLE = "Failed to deserialize the JSON body into the target type: "


def _error(status: int, message: str, kind: str = _CODE, code: str = _CODE) -> Variant:
    return Variant(status, code, message, kind)


class DeepSeek(Compatible):
    """`api.deepseek.com`."""

    owner = "deepseek"
    id_prefix = ""
    roles = (*ROLES, "latest_reminder")
    wrong_role = (
        _UNREADABLE
        + "messages[{index}].role: unknown variant `{role}`, expected one of `system`, `user`, `assistant`, `tool`, "
        "`latest_reminder`"
    )
    ranges: ClassVar = {"temperature": "[0, 2]", "top_p": "(0, 1]", "max_tokens": "[1, 393216]"}
    out_of_range = "Invalid {name} value, the valid range of {name} is {range}"
    finishes: ClassVar = {"refusal": "content_filter", "overload": "insufficient_system_resource"}
    errors: ClassVar = {
        "arrears": (_error(402, "Insufficient Balance", "unknown_error"),),
        "rate_limit": (_error(429, "Rate limit reached", "rate_limit_error"),),
        "refusal": (_error(400, "Content Exists Risk"),),
        "overload": (
            _error(
                503,
                "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
                "service_unavailable_error",
                "service_unavailable_error",
            ),
        ),
        "server_error": (_error(500, "Internal server error", "internal_error"),),
        "auth": (_error(401, "Authentication Fails, Your api key: {key} is invalid", "authentication_error"),),
        "model_not_found": (_error(400, "Model Not Exist"),),
        "context_length": (_error(400, "This model's maximum context length is 1000000 tokens."),),
        "bad_request": (_error(400, "Invalid format"), _error(422, "Invalid parameters")),
    }
    models: ClassVar = dict.fromkeys(
        ("deepseek-v4-pro", "deepseek-v4-flash", "deepseek-flash", "deepseek-v4-flash-vision-exp"),
        Model(1_000_000, thinks=True),
    )

    def bases(self) -> tuple[str, ...]:
        """Its paths stand at the root, under `/v1` and, for what is being tried, under `/beta`."""
        return "", "/v1", "/beta"

    def error(self, call: Call, variant: Variant) -> Reply:
        """Show the end of the key where it is wrong."""
        quoted = variant.message.replace("{key}", "****" + (call.bearer() or "")[-4:])
        return super().error(call, Variant(variant.status, variant.code, quoted, variant.type))

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return f"This model's maximum context length is {limit} tokens. However, you requested {found} tokens."

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` decides; it is enabled."""
        return switched(call.body, model.thinks)

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject other tools, schemas, JSON that no message asks for, and tool calls without their reasoning."""
        for index, tool in enumerate(tables(call.body.get("tools"))):
            if tool.get("type") != "function":
                return f"{_UNREADABLE}tools[{index}].type: unknown variant `{tool.get('type')}`, expected `function`"
        if table(call.body.get("response_format")).get("type") == "json_schema":
            return "This response_format type is unavailable now"
        if lacks_json_word(call.body):
            return "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        if self.thinks(call, model) and lost_reasoning(messages) is not None:
            return "The `reasoning_content` in the thinking mode must be passed back to the API."
        return super().wrong(call, model, messages)

    def chat(self, call: Call) -> Reply | Stream:
        """Send empty lines before a whole answer, as while a request waits."""
        answer = super().chat(call)
        return Reply(200, b"\n\n\n" + answer.encoded()) if isinstance(answer, Reply) else answer

    def frames(self, turn: Turn) -> Iterator[Frame]:
        """Send a comment before the first chunk, as while a request waits."""
        yield Frame("preamble", b": keep-alive\n\n")
        yield from super().frames(turn)

    def usage(self, turn: Turn) -> Json:
        """Say what came from its cache in its own words too."""
        return {**turn.usage(), "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": turn.prompt_tokens}


PROVIDER = Provider(name="deepseek", dialects=(DeepSeek,), sites=(Site.of("deepseek", "global", base=""),))
