"""01.AI's Yi (`api.lingyiwanwu.com/v1`): OpenAI's format. What is known of it is thin: statuses are, bodies are not.

Sources: platform.lingyiwanwu.com/docs/api-reference (parameters, statuses), second hand; the error's shape is OpenAI's, unverified.
"""

from __future__ import annotations

from typing import ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant

_INVALID = "invalid_request_error"


class Yi(Compatible):
    """`api.lingyiwanwu.com`."""

    owner = "01-ai"
    ranges: ClassVar = {"temperature": "[0, 2]", "top_p": "[0, 1]"}
    errors: ClassVar = {
        "rate_limit": (Variant(429, None, "Too many requests", "rate_limit_error"),),
        "overload": (Variant(529, None, "System busy", "overloaded_error"),),
        "server_error": (Variant(500, None, "Internal server error", "server_error"),),
        "auth": (Variant(401, None, "Invalid API key", "authentication_error"),),
        "model_not_found": (Variant(404, None, "The model {model} does not exist", "not_found_error"),),
        "context_length": (Variant(400, None, "The input is longer than the context of {model}", _INVALID),),
        "bad_request": (Variant(400, None, "Bad request", _INVALID),),
    }
    models: ClassVar = dict.fromkeys(("yi-lightning", "yi-vision-v2"), Model(16_000))


PROVIDER = Provider(name="yi", dialects=(Yi,), sites=(Site.of("yi", "cn"),))
