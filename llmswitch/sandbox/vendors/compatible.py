"""A server of one's own (vLLM, llama.cpp, Ollama): OpenAI's shape, any model, no key, whatever parameters are sent.

Sources: vLLM's openai/serving_engine.py (error fields), llama.cpp's tools/server (loading, context size).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant

if TYPE_CHECKING:
    from llmswitch.sandbox.wire import Call


class OwnServer(Compatible):
    """Somebody's own server."""

    prefix = "/v1"
    owner = "vllm"
    most_choices = 8
    errors: ClassVar = {
        "overload": (Variant(503, 503, "Loading model", "unavailable_error"),),
        "server_error": (Variant(500, 500, "Internal server error", "InternalServerError"),),
        "auth": (Variant(401, 401, "Unauthorized", "Unauthorized"),),
        "model_not_found": (Variant(404, 404, "The model `{model}` does not exist.", "NotFoundError", "model"),),
        "context_length": (
            Variant(
                400,
                400,
                "This model's maximum context length is 32768 tokens. However, your request has 40000 input tokens. Please "
                "reduce the length of the input messages.",
                "BadRequestError",
            ),
            Variant(
                400,
                "exceed_context_size_error",
                "the request exceeds the available context size, try increasing it",
                "exceed_context_size_error",
            ),
        ),
        "bad_request": (Variant(400, 400, "Bad request", "BadRequestError"),),
    }
    models: ClassVar = {"sandbox-model": Model(32_768), "sandbox-embedding": Model(8_192, dimensions=(768,))}

    def authenticate(self, call: Call) -> None:
        """Take everybody."""

    def known_model(self, call: Call, name: str | None) -> Model:
        """Whatever it is called, it is the model that was loaded."""
        del call
        embeds = "embed" in (name or "")
        return self.models.get(name or "") or self.models["sandbox-embedding" if embeds else "sandbox-model"]


PROVIDER = Provider(
    name="compatible", dialects=(OwnServer,), sites=(Site.of("compatible", "custom", key="no-key-is-needed"),)
)
