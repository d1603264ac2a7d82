"""Grok at api.x.ai: errors whose code is a sentence and whose text is `error`, a region block in HTML.

Sources: docs.x.ai/developers/debugging; LLM-Stream-Optimizer#7 (region), continuedev/continue#10778 (key) and #10373
(credits), yihong0618/bilingual_book_maker#464 (model), cline/cline#3120 (length), miaoxworld/NativeTavern#83
(parameters), UKGovernmentBEIS/inspect_ai#2267 (refusal), cline/cline#4826 (rate), vercel/ai#12425 (reasoning is no part
of completion tokens). Not found: what it says of a fault of its own, and whether it says that it is overloaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant, masked
from llmswitch.sandbox.fields import integer
from llmswitch.sandbox.wire import Refused, Reply, event

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_DENIED: Final = "The caller does not have permission to execute the specified operation"
_INVALID: Final = "Client specified an invalid argument"
_CONSOLE: Final = "You can obtain an API key from https://console.x.ai."
_TEAM: Final = "00000000-0000-4000-8000-000000000000"
# `reasoning`: it takes an effort.
_LARGE, _THINKING, _CODE = (
    Model(500_000, thinks=True, reasoning=True),
    Model(1_000_000, thinks=True),
    Model(256_000, thinks=True),
)
_NOT_FOR_REASONING: Final = {
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "stop": "stop",
}


class XAI(Compatible):
    """`api.x.ai`."""

    prefix = "/v1"
    owner = "xai"
    id_prefix = ""
    ranges: ClassVar = {"temperature": "[0, 2]", "top_p": "[0, 1]"}
    errors: ClassVar = {
        "region_block": (Variant(403, "region", "This service is not available in your region."),),
        "quota": (
            Variant(
                429,
                "resource-exhausted",
                f"Your team {_TEAM} has either used all available credits or reached its monthly spending limit. To "
                "continue making API requests, please purchase more credits or raise your spending limit.",
            ),
        ),
        "arrears": (
            Variant(
                403,
                _DENIED,
                "Your newly created team doesn't have any credits or licenses yet. You can purchase those on "
                f"https://console.x.ai/team/{_TEAM}.",
            ),
        ),
        "rate_limit": (
            Variant(
                429,
                "resource-exhausted",
                f"Too many requests for team {_TEAM} and model {{model}}. Your team's rate limit is - Requests per Minute "
                "(actual/limit): 2/2.",
            ),
        ),
        "refusal": (
            Variant(
                403,
                _DENIED,
                f"Content violates usage guidelines. Team: {_TEAM}, API key ID: {_TEAM}, Model: {{model}}, Failed check: "
                "SAFETY_CHECK_TYPE_BIO",
            ),
        ),
        "server_error": (Variant(500, "Internal error", "Internal error, please try again later."),),
        "auth": (
            Variant(400, _INVALID, f"Incorrect API key provided. {_CONSOLE}"),
            Variant(401, "Unauthenticated", "No authorization header or an invalid authorization token is provided."),
        ),
        "permission": (
            Variant(
                403,
                "permission-denied",
                "Access to the chat endpoint is denied. Please ensure you're using the correct credentials. If you believe "
                "this is a mistake, please log into console.x.ai and update the permissions, or contact support.",
            ),
        ),
        "model_not_found": (
            Variant(
                404,
                "Some requested entity was not found",
                f"The model {{model}} does not exist or your team {_TEAM} does not have access to it. Please ensure you're "
                "using the correct API key. If you believe this is a mistake, please contact support and quote your team "
                "ID and the model name.",
            ),
        ),
        "context_length": (
            Variant(
                400,
                _INVALID,
                "This model's maximum prompt length is 500000 but the request contains 500001 tokens.",
            ),
        ),
        "bad_request": (Variant(400, _INVALID, "Invalid request content."),),
    }
    models: ClassVar = {
        **dict.fromkeys(("grok-4.7", "grok-4.6", "grok-4.5", "grok-4.5-latest", "grok-build-latest"), _LARGE),
        **dict.fromkeys(("grok-4.3", "grok-4.3-latest"), Model(1_000_000, thinks=True, reasoning=True)),
        **dict.fromkeys(("grok-4.20", "grok-4.20-reasoning", "grok-4.20-reasoning-latest"), _THINKING),
        **dict.fromkeys(("grok-4.20-0309", "grok-4.20-0309-reasoning"), _THINKING),
        **dict.fromkeys(("grok-4.20-non-reasoning", "grok-4.20-non-reasoning-latest"), Model(1_000_000)),
        "grok-4.20-0309-non-reasoning": Model(1_000_000),
        **dict.fromkeys(("grok-code-fast-1", "grok-code-fast", "grok-code-fast-1-0825", "grok-build-0.1"), _CODE),
    }

    def authenticate(self, call: Call) -> None:
        """Take the key as a bearer token; a wrong one is a bad request."""
        key = call.bearer()
        if key is None:
            raise Refused(self.error(call, self.variant(call, "auth", "Unauthenticated")))
        if key != self.site.key:
            raise self.refuse(call, "auth", f"Incorrect API key provided: {masked(key)}. {_CONSOLE}")

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"code": a sentence, "error": text}`; the region block is a page."""
        del call
        if variant.code == "region":
            page = f"<!doctype html>\n<html>\n<body>\n<p>{variant.message}</p>\n</body>\n</html>\n"
            return Reply(variant.status, page.encode(), content_type="text/html; charset=utf-8")
        return Reply(variant.status, {"code": variant.code, "error": variant.message})

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the same as an event; a page is none."""
        del call
        return event({"code": variant.code, "error": variant.message})

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return f"This model's maximum prompt length is {limit} but the request contains {found} tokens."

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reasoning models take fewer parameters, and not all of them an effort."""
        refused = dict(_NOT_FOR_REASONING if model.thinks else {})
        if not model.reasoning:
            refused["reasoning_effort"] = "reasoningEffort"
        for name, said in refused.items():
            if call.body.get(name) is not None:
                return f"Model {call.model} does not support parameter {said}."
        return super().wrong(call, model, messages)

    def thinks(self, call: Call, model: Model) -> bool:
        """A reasoning model reasons unless told not to."""
        return model.thinks and call.body.get("reasoning_effort") != "none"

    def usage(self, turn: Turn) -> Json:
        """Count reasoning beside the completion instead of in it."""
        usage = super().usage(turn)
        reasoning = sum(choice.reasoning_tokens for choice in turn.choices)
        return {**usage, "completion_tokens": (integer(usage["completion_tokens"]) or 0) - reasoning}


PROVIDER = Provider(
    name="xai",
    dialects=(XAI,),
    sites=(
        Site(
            name="global",
            key="xai-llmswitch-sandbox-not-a-real-key",
            base="/v1",
            native="/v1",
            base_variable="LLMSWITCH_XAI_BASE_URL",
            key_variable="XAI_API_KEY",
        ),
    ),
)
