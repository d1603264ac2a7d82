"""Baichuan (`api.baichuan-ai.com/v1`): OpenAI's format, a narrower temperature, 429 for an empty balance as for too many calls.

Sources: apifox.com project 3794483 (error table), docs.cloudsway.net MaaS_Baichuan (parameters, usage),
platform.baichuan-ai.com/docs/api. The words of the balance and of the rate are the vendor's; those of the rest are not on record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.wire import Reply, identifier

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_INVALID = "invalid_request_error"


class Baichuan(Compatible):
    """`api.baichuan-ai.com`."""

    owner = "baichuan"
    usage_comes = "last"
    embeddings_batch = 16
    base64_vectors = False
    error_fields = ("code", "param", "type", "message")
    ranges: ClassVar = {"temperature": "[0, 1]", "top_p": "[0, 1)"}
    finishes: ClassVar = {"refusal": "content_filter"}
    errors: ClassVar = {
        "arrears": (
            Variant(429, "insufficient_quota", "Insufficient account balance, please recharge", "insufficient_quota"),
        ),
        "rate_limit": (Variant(429, "rate_limit_exceeded", "Rate limit reached for requests", "rate_limit_exceeded"),),
        "refusal": (Variant(400, "content_filter", "The content is not allowed", _INVALID),),
        "server_error": (Variant(500, "server_error", "The server had an error", "server_error"),),
        "auth": (
            Variant(401, "invalid_api_key", "Incorrect API key provided", _INVALID),
            Variant(401, "invalid_authentication", "Invalid Authentication", _INVALID),
        ),
        "model_not_found": (Variant(400, "invalid_request", "The model {model} does not exist", _INVALID),),
        "context_length": (Variant(400, "invalid_request", "The input is too long for {model}", _INVALID),),
        "bad_request": (Variant(400, "invalid_request", "Invalid request", _INVALID),),
    }
    models: ClassVar = {
        **dict.fromkeys(("Baichuan4-Turbo", "Baichuan4-Air", "Baichuan4", "Baichuan3-Turbo"), Model(32_000)),
        **dict.fromkeys(("Baichuan-M3", "Baichuan-M3-Plus", "Baichuan-M2"), Model(32_000, thinks=True)),
        "Baichuan3-Turbo-128k": Model(128_000),
        "Baichuan-Text-Embedding": Model(512, dimensions=(1024,)),
    }

    def error(self, call: Call, variant: Variant) -> Reply:
        """Add the request's id."""
        reply = super().error(call, variant)
        return Reply(reply.status, reply.body, {"X-BC-Request-Id": identifier()})

    def usage(self, turn: Turn) -> Json:
        """Count the searches too."""
        return {**turn.usage(), "search_count": 0}


PROVIDER = Provider(name="baichuan", dialects=(Baichuan,), sites=(Site.of("baichuan", "cn"),))
