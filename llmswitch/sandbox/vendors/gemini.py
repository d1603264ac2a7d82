"""Gemini's OpenAI-compatible endpoint (`/v1beta/openai/...`): errors in a list, unknown fields refused, calls signed.

Sources: ai.google.dev/gemini-api/docs/openai, /docs/api-errors, /docs/rate-limits and /docs/thought-signatures; the
region block of FoundationAgents/OpenManus#803; unknown fields of ed-donner/agents#45, Vali-98/ChatterUI#227,
MinLL/SkyrimNet-GamePlugin#77 and Alishahryar1/free-claude-code#542; a missing signature of TokenRhythm/opensquilla#225;
efforts of discuss.ai.google.dev/t/118724; the finish reason of a filtered answer of HKUDS/Vibe-Trading#308; quota details
of google-gemini/gemini-cli-action#36. Not found: how a stream errs here, and what a blocked prompt gives; fields of which
nobody reports anything are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Variant
from llmswitch.sandbox.fields import table, tables, text
from llmswitch.sandbox.wire import Reply, event, identifier, signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call, Stream

_INVALID, _EXHAUSTED, _DENIED = "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED"
_BLOCKED: Final = "PROHIBITED_CONTENT"
_GOOGLE: Final = "type.googleapis.com/google.rpc."
_UNKNOWN: Final = "Invalid JSON payload received. "
_LIMITS: Final = "https://ai.google.dev/gemini-api/docs/rate-limits"
_QUOTA: Final = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    f"head to: {_LIMITS}."
)
_CHAT: Final = frozenset(
    {
        *(
            "model",
            "messages",
            "stream",
            "stream_options",
            "temperature",
            "top_p",
            "max_tokens",
            "max_completion_tokens",
        ),
        *("n", "stop", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"),
        *("extra_body", "modalities", "audio", "user"),
    }
)
_EMBEDDINGS: Final = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
NO_CONTENTS: Final = "* GenerateContentRequest.contents: contents is not specified"
_EFFORTS: Final = (None, "high", "low", "medium", "none")
# What the documentation offers to those who have no signature.
_DUMMIES: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_THIRD: Final = Model(1_048_576, reasoning=True)  # calls must come back with their signatures
_SECOND: Final = Model(1_048_576)


class Gemini(Compatible):
    """`generativelanguage.googleapis.com`. A variant's type is the status; its code a reason or quota's id in the details."""

    prefix = "/v1beta/openai"
    owner = "google"
    id_prefix = ""
    most_choices = 8
    embeddings_batch = 100
    base64_vectors = False
    filtered_finish = "SAFETY"
    ranges: ClassVar = {"temperature": "[0, 2]"}
    out_of_range = "* GenerateContentRequest.generation_config.{name}: must be in the range {range}"
    listed: ClassVar[bool] = True
    """Whether an error is wrapped in a list."""
    errors: ClassVar = {
        "region_block": (
            Variant(
                400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "FAILED_PRECONDITION"
            ),
            Variant(
                400,
                "free_tier",
                "Gemini API free tier is not available in your country. Please enable billing on your project in Google "
                "AI Studio.",
                "FAILED_PRECONDITION",
            ),
        ),
        "quota": (Variant(429, "GenerateRequestsPerDayPerProjectPerModel-FreeTier", _QUOTA, _EXHAUSTED),),
        "arrears": (
            Variant(
                429,
                _EXHAUSTED,
                "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage your "
                "project and billing.",
                _EXHAUSTED,
            ),
        ),
        "rate_limit": (
            Variant(429, "GenerateContentInputTokensPerModelPerMinute-FreeTier", _QUOTA, _EXHAUSTED),
            Variant(429, "GenerateRequestsPerMinutePerProjectPerModel", _QUOTA, _EXHAUSTED),
            Variant(429, _EXHAUSTED, "Resource has been exhausted (e.g. check quota).", _EXHAUSTED),
        ),
        "refusal": (Variant(200, _BLOCKED, "", _BLOCKED),),
        "overload": (Variant(503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "UNAVAILABLE"),),
        "server_error": (
            Variant(
                500,
                "INTERNAL",
                "An internal error has occurred. Please retry or report in "
                "https://developers.generativeai.google/guide/troubleshooting",
                "INTERNAL",
            ),
            Variant(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", "DEADLINE_EXCEEDED"),
        ),
        "auth": (
            Variant(400, "API_KEY_INVALID", "API key not valid. Please pass a valid API key.", _INVALID),
            Variant(403, "leaked", "Your API key was reported as leaked. Please use another API key.", _DENIED),
        ),
        "permission": (
            Variant(
                403,
                "SERVICE_DISABLED",
                "Generative Language API has not been used in project 123 before or it is disabled. Enable it by visiting "
                "https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/overview?project=123 "
                "then retry.",
                _DENIED,
            ),
            Variant(403, "CONSUMER_SUSPENDED", "Permission denied: Consumer has been suspended.", _DENIED),
        ),
        "model_not_found": (
            Variant(
                404,
                "NOT_FOUND",
                "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call "
                "ListModels to see the list of available models and their supported methods.",
                "NOT_FOUND",
            ),
        ),
        "context_length": (
            Variant(
                400,
                _INVALID,
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                _INVALID,
            ),
        ),
        "bad_request": (Variant(400, _INVALID, "Request contains an invalid argument.", _INVALID),),
    }
    models: ClassVar = {
        **dict.fromkeys(("gemini-pro-latest", "gemini-flash-latest", "gemini-flash-lite-latest"), _THIRD),
        **dict.fromkeys(("gemini-4-argon", "gemini-3.8-flash", "gemini-3.7-flash", "gemini-3.6-flash"), _THIRD),
        **dict.fromkeys(("gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"), _THIRD),
        **dict.fromkeys(
            ("gemini-3.1-pro-preview", "gemini-3.1-pro-preview-customtools", "gemini-3-flash-preview"), _THIRD
        ),
        **dict.fromkeys(("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"), _SECOND),
        **dict.fromkeys(("gemma-4-31b-it", "gemma-4-26b-a4b-it"), Model(262_144)),
        "gemini-embedding-001": Model(2_048, dimensions=(3072,)),
        **dict.fromkeys(("gemini-embedding-2", "gemini-embedding-2-preview"), Model(8_192, dimensions=(3072,))),
    }

    def known_model(self, call: Call, name: str | None) -> Model:
        """A model may be named with `models/` before it."""
        return super().known_model(call, (name or "").removeprefix("models/"))

    # Errors.

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {code: int, message, status, details?}}`, here in a list."""
        if variant.type == _BLOCKED:
            return Reply(200, self.blocked(call, variant))
        error: Json = {"code": variant.status, "message": variant.message, "status": variant.type or _INVALID}
        if found := _details(call, variant):
            error["details"] = [*found]
        body: Json = {"error": error}
        return Reply(variant.status, [body] if self.listed else body)

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return it as an event of its own, without the list."""
        body = self.error(call, variant).body
        return event(body[0] if isinstance(body, list) else table(body if isinstance(body, dict) else None))

    def blocked(self, call: Call, variant: Variant) -> Json:
        """Return the answer to a prompt that was blocked."""
        del variant
        message: Json = {"role": "assistant", "content": None}
        choice: Json = {"index": 0, "message": message, "finish_reason": self.filtered_finish}
        return {"id": identifier(), "object": "chat.completion", "created": 0, "model": call.model, "choices": [choice]}

    def unknown_path(self, call: Call) -> Reply:
        """Return a 404 without a body."""
        del call
        return Reply(404, b"", content_type="text/html; charset=UTF-8")

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return f"The input token count ({found}) exceeds the maximum number of tokens allowed ({limit})."

    def refuse_unknown(self, call: Call, found: Iterable[str], known: Collection[str], place: str = "") -> None:
        """Raise `Refused` for the names that are none of its own, all of them at once."""
        where = f" at '{place}'" if place else ""
        lines = [f'{_UNKNOWN}Unknown name "{name}"{where}: Cannot find field.' for name in found if name not in known]
        if lines:
            raise self.refuse(call, "bad_request", "\n".join(lines))

    # Chat.

    def check(self, call: Call, model: Model) -> None:
        """Reject what Gemini rejects."""
        body, messages = call.body, answers.messages_of(call.body)
        self.refuse_unknown(call, body, _CHAT)
        google = table(table(body.get("extra_body")).get("google"))
        if body.get("reasoning_effort") not in _EFFORTS:
            message = (
                f"Invalid reasoning effort: {body['reasoning_effort']}. Valid values are: high, low, medium, none."
            )
            raise self.refuse(call, "bad_request", message)
        if body.get("reasoning_effort") is not None and "thinking_config" in google:
            raise self.refuse(call, "bad_request", "reasoning_effort and thinking_config cannot be given together.")
        super().check(call, model)
        if model.reasoning:
            self.check_signed(call, _first_calls(messages))

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Contents are what is not the system's."""
        if all(message.get("role") == "system" for message in messages):
            return NO_CONTENTS
        return super().wrong(call, model, messages)

    def check_signed(self, call: Call, calls: Iterable[tuple[int, str, str]]) -> None:
        """Raise `Refused` unless calls (their place, name and signature) come back as they were signed."""
        for place, name, found in calls:
            if not found:
                message = (
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
                    "work correctly, and missing thought_signature may lead to degraded model performance. Additional "
                    f"data, function call `default_api:{name}` , position {place}. Please refer to "
                    "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
                )
                raise self.refuse(call, "bad_request", message)
            if found not in (signature(name), *_DUMMIES):
                raise self.refuse(call, "bad_request", "Corrupted thought signature.")

    def thinks(self, call: Call, model: Model) -> bool:
        """Thoughts are not shown here."""
        del call, model
        return False

    def usage_chunk(self, turn: Turn) -> bool:
        """Usage comes with the last chunk, where it is asked for."""
        del turn
        return False

    def closing(self, turn: Turn, choice: Choice, chunk: Json) -> Json:
        """Put the usage on the chunk that finishes."""
        del choice
        return {**chunk, "usage": self.usage(turn)} if super().usage_chunk(turn) else chunk

    def dress_choice(self, choice: Choice, body: Json) -> Json:
        """Sign the first of the calls."""
        del choice
        for one in tables(table(body.get("message")).get("tool_calls"))[:1]:
            one.update(_signed(text(table(one.get("function")).get("name"))))
        return body

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield tool calls whole, the first one signed."""
        del call
        for index, one in enumerate(choice.tool_calls):
            yield {"tool_calls": [{**one.encoded(index), **(_signed(one.name) if index == 0 else {})}]}

    # Embeddings and models.

    def embeddings(self, call: Call) -> Reply | Stream:
        """Answer `embeddings`."""
        self.refuse_unknown(call, call.body, _EMBEDDINGS)
        return super().embeddings(call)

    def takes_dimensions(self, model: Model, size: int) -> bool:
        """Vectors can be shortened to any size from 128 on."""
        return 128 <= size <= model.dimensions[0]

    def _model(self, name: str) -> Json:
        display = name.replace("-", " ").title()
        return {"id": f"models/{name}", "object": "model", "owned_by": self.owner, "display_name": display}


def _signed(name: str) -> Json:
    return {"extra_content": {"google": {"thought_signature": signature(name)}}}


def _first_calls(messages: list[Json]) -> Iterator[tuple[int, str, str]]:
    """Yield the first call of each step since the user last spoke."""
    spoken = max((place for place, message in enumerate(messages) if message.get("role") == "user"), default=-1)
    for place, message in enumerate(messages[spoken + 1 :], start=spoken + 2):
        for one in tables(message.get("tool_calls"))[:1]:
            google = table(table(one.get("extra_content")).get("google"))
            yield place, text(table(one.get("function")).get("name")), text(google.get("thought_signature"))


def _details(call: Call, variant: Variant) -> list[JsonValue]:
    """Return what Google says beside the message."""
    if variant.message.startswith(_UNKNOWN):
        violations: list[JsonValue] = [{"description": line} for line in variant.message.split("\n")]
        return [{"@type": f"{_GOOGLE}BadRequest", "fieldViolations": violations}]
    code = text(variant.code)
    if variant.type == _EXHAUSTED and code != _EXHAUSTED:
        violation: Json = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": code,
            "quotaDimensions": {"location": "global", "model": call.model},
            "quotaValue": "250",
        }
        return [
            {"@type": f"{_GOOGLE}QuotaFailure", "violations": [violation]},
            {
                "@type": f"{_GOOGLE}Help",
                "links": [{"description": "Learn more about Gemini API quotas", "url": _LIMITS}],
            },
            {"@type": f"{_GOOGLE}RetryInfo", "retryDelay": "48s"},
        ]
    if code.isupper() and code != variant.type:
        info: Json = {"@type": f"{_GOOGLE}ErrorInfo", "reason": code, "domain": "googleapis.com"}
        return [{**info, "metadata": {"service": "generativelanguage.googleapis.com"}}]
    return []
