"""SiliconFlow (`api.siliconflow.cn`, `api.siliconflow.com`): `{"code", "message", "data"}`, bare strings, a 429 without code.

Sources: api-docs.siliconflow.cn chat-completions and docs.siliconflow.cn/cn/faqs/error-code (shapes by status, as of 2026-07-12); public
reports of 30001, 30003, 30011, 30014, 20012, 20015 and 50505, of the key of the other site, and of the batch of 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.rules import ROLES, lost_reasoning
from llmswitch.sandbox.wire import Reply, identifier

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.wire import Call

_RATE = "Request was rejected due to rate limiting. If you want more, please contact contact@siliconflow.cn. Details:{what} limit reached."
_BUSY = "Model service overloaded. Please try again later."
_SWITCHED = frozenset(
    {
        *("Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3-32B", "Qwen/Qwen3.5-397B-A17B"),
        *("zai-org/GLM-5.1", "zai-org/GLM-4.7", "zai-org/GLM-4.6", "zai-org/GLM-4.5V"),
        *("deepseek-ai/DeepSeek-V3.2", "Pro/deepseek-ai/DeepSeek-V3.2"),
    }
)
"""The models whose thinking `enable_thinking` switches."""
_SIZES = (4096, 2560, 2048, 1536, 1024, 768, 512, 256, 128, 64)


class SiliconFlow(Compatible):
    """`api.siliconflow.cn` and its twin `api.siliconflow.com`."""

    owner = ""
    roles = ROLES
    wrong_role = "Value error, Input should be 'system', 'user', 'assistant' or 'tool'"
    id_prefix = ""
    embeddings_batch = 32
    too_many = "input batch size {found} > maximum allowed batch size {most}"
    ranges: ClassVar = {"temperature": "[0, 2]", "top_p": "[0, 1]"}
    out_of_range = "Value error, {name} should be in {range}"
    errors: ClassVar = {
        "arrears": (
            Variant(403, 30001, "Sorry, your account balance is insufficient"),
            Variant(402, 30001, "Sorry, your account balance is insufficient"),
            Variant(403, 30011, "This model is for users with a paid balance only"),
        ),
        "rate_limit": (
            Variant(429, None, _RATE.format(what="TPM"), "TPM"),
            Variant(429, None, _RATE.format(what="RPM"), "RPM"),
        ),
        "refusal": (Variant(451, 20021, "The content seems to be prohibited or sensitive"),),
        "overload": (
            Variant(503, 50505, _BUSY),
            Variant(503, 50508, "System is too busy now. Please try again later."),
        ),
        "server_error": (
            Variant(500, 50507, "Request processing failed due to an unknown error."),
            Variant(504, None, "Gateway Timeout", "timeout"),
        ),
        "auth": (
            Variant(401, 30014, "Token is invalid."),
            Variant(401, None, "Api key is invalid", "invalid"),
            Variant(401, None, "Invalid token", "missing"),
        ),
        "permission": (
            Variant(403, None, "Forbidden", "forbidden"),
            Variant(403, 30005, "This model needs real name authentication"),
        ),
        "model_not_found": (
            Variant(400, 20012, "Model does not exist. Please check it carefully."),
            Variant(403, 30003, "Model disabled."),
        ),
        "context_length": (Variant(400, 20015, "length of prompt_tokens must be less than max_seq_len."),),
        "bad_request": (Variant(400, 20015, "The parameter is invalid. Please check again."),),
    }
    models: ClassVar = {
        **dict.fromkeys(
            ("deepseek-ai/DeepSeek-V4-Pro", "deepseek-ai/DeepSeek-V4-Flash"), Model(1_000_000, thinks=True)
        ),
        **dict.fromkeys(("deepseek-ai/DeepSeek-V3.2", "Pro/deepseek-ai/DeepSeek-V3.2"), Model(160_000)),
        **dict.fromkeys(("zai-org/GLM-5.1", "zai-org/GLM-4.7", "zai-org/GLM-4.6"), Model(200_000, thinks=True)),
        **dict.fromkeys(("Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3-32B"), Model(128_000, thinks=True)),
        **dict.fromkeys(("zai-org/GLM-4.5V", "MiniMaxAI/MiniMax-M2.5"), Model(64_000, thinks=True)),
        **dict.fromkeys(("Qwen/Qwen3.5-397B-A17B", "moonshotai/Kimi-K2.6"), Model(256_000, thinks=True)),
        "Qwen/Qwen3-Embedding-8B": Model(32_768, dimensions=_SIZES),
        "Qwen/Qwen3-Embedding-4B": Model(32_768, dimensions=_SIZES[1:]),
        "Qwen/Qwen3-Embedding-0.6B": Model(32_768, dimensions=_SIZES[4:]),
        "BAAI/bge-m3": Model(8_192, dimensions=(1024,)),
    }

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return the object, the object without code, or the bare words, as its statuses go."""
        del call
        body: JsonValue = {"code": variant.code, "message": variant.message, "data": None}
        if variant.code is None:
            body = {"message": variant.message, "data": None} if variant.status == 429 else variant.message
        return Reply(variant.status, body, {"x-siliconcloud-trace-id": identifier()})

    def unknown_path(self, call: Call) -> Reply:
        """Return its 404, a bare string."""
        return self.error(call, Variant(404, None, "404 page not found"))

    def thinks(self, call: Call, model: Model) -> bool:
        """`enable_thinking` decides where the model takes it."""
        asked = call.body.get("enable_thinking")
        return asked if isinstance(asked, bool) and call.model in _SWITCHED else model.thinks

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject a switch that the model does not have, and tool calls without their reasoning at DeepSeek V4."""
        if "enable_thinking" in call.body and call.model not in _SWITCHED:
            return "Value error, current model does not support parameter `enable_thinking.`"
        if (call.model or "").startswith("deepseek-ai/DeepSeek-V4") and lost_reasoning(messages) is not None:
            return "The reasoning_content in the thinking mode must be passed back to the API"
        return super().wrong(call, model, messages)


PROVIDER = Provider(
    name="siliconflow",
    dialects=(SiliconFlow,),
    sites=(Site.of("siliconflow", "cn"), Site.of("siliconflow", "com")),
)
