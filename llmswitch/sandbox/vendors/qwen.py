"""Qwen's OpenAI-compatible endpoint (`/compatible-mode/v1`): keys per site, its parameter rules, its error bodies.

Sources: help.aliyun.com/zh/dashscope/return-status-code-description, alibabacloud.com/help/en/model-studio
(error-code, qwen-api-via-openai-chat-completions); bodies from hsliuping/TradingAgents-CN#170, QwenLM/qwen-code#3145 and, of a plan's
host, #3704.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Variant
from llmswitch.sandbox.fields import integer, number, table
from llmswitch.sandbox.rules import lacks_json_word, roles_in_order
from llmswitch.sandbox.wire import Reply, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_ALGO = "<400> InternalError.Algo.InvalidParameter: "
_FREE = (
    "The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, please "
    'disable the "use free tier only" mode in the management console.'
)
_RATE = (
    "You exceeded your current requests list. For details, see: "
    "https://help.aliyun.com/zh/model-studio/error-code#rate-limit"
)
_TPM = (
    "You exceeded your current quota, please check your plan and billing details. For details, see: "
    "https://help.aliyun.com/zh/model-studio/error-code#token-limit"
)
_BURST = (
    "Request rate increased too quickly. To ensure system stability, please adjust your client logic to scale requests "
    "more smoothly over time."
)
_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. "
    "Authorization: Bearer YOUR_KEY)."
)
_NO_JSON = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
_KEY = "Incorrect API key provided. For details, see: https://help.aliyun.com/zh/model-studio/error-code#apikey-error"
_OTHER_KEY = "invalid access token or token expired"
_FILTERED = "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate content."


CODING_PLANS, TOKEN_PLAN = ("coding", "coding-intl"), "token"
"""The sites of the plans, each with a key and a host of its own."""


class Qwen(Compatible):
    """`dashscope.aliyuncs.com`, its twins elsewhere and the hosts of the plans, compatible mode."""

    prefix = "/compatible-mode/v1"
    owner = "system"
    most_choices = 4
    embeddings_batch = 10
    base64_vectors = False
    errors: ClassVar = {
        # insufficient_quota is throttling here (tokens per minute), and stands under rate_limit.
        "quota": (Variant(403, "AllocationQuota.FreeTierOnly", _FREE, "AllocationQuota.FreeTierOnly"),),
        "arrears": (
            Variant(400, "Arrearage", "Access denied, please make sure your account is in good standing.", "Arrearage"),
        ),
        "rate_limit": (
            Variant(429, "limit_requests", _RATE, "limit_requests"),
            Variant(
                429,
                "limit_burst_rate",
                _BURST,
                "limit_burst_rate",
            ),
            Variant(429, "insufficient_quota", _TPM, "insufficient_quota"),
        ),
        "refusal": (Variant(400, "data_inspection_failed", _FILTERED, "data_inspection_failed"),),
        "overload": (
            Variant(
                503,
                "ServiceUnavailable",
                "Service temporarily unavailable, please try again later.",
                "ServiceUnavailable",
            ),
            Variant(503, "ModelUnavailable", "Model is unavailable, please try again later.", "ModelUnavailable"),
        ),
        "server_error": (
            Variant(
                500,
                "internal_error",
                "An internal error has occured, please try again later or contact service support.",
                "internal_error",
            ),
        ),
        "auth": (Variant(401, "invalid_api_key", _KEY, "invalid_request_error"),),
        "permission": (Variant(403, "access_denied", "Access denied.", "access_denied"),),
        "model_not_found": (
            Variant(
                404,
                "model_not_found",
                "The model `{model}` does not exist or you do not have access to it.",
                "invalid_request_error",
            ),
        ),
        "context_length": (
            Variant(
                400,
                "invalid_parameter_error",
                _ALGO + "Range of input length should be [1, 129024]",
                "invalid_request_error",
            ),
        ),
        "bad_request": (Variant(400, "invalid_parameter_error", _ALGO + "Invalid request.", "invalid_request_error"),),
    }
    models: ClassVar = {
        **dict.fromkeys(("qwen4-max", "qwen3.8-max", "qwen3.8-flash", "qwen3.7-max", "qwen3.7-plus"), Model(991_808)),
        **dict.fromkeys(("qwen3.6-plus", "qwen3.6-flash", "qwen3.5-plus", "qwen4-max-preview"), Model(991_808)),
        **dict.fromkeys(("qwen-flash", "qwen-plus-latest", "qwen3-coder-plus", "qwen3-coder-flash"), Model(997_952)),
        **dict.fromkeys(("qwen-plus", "qwen-plus-2025-01-25", "qwen-turbo"), Model(129_024)),
        **dict.fromkeys(("qwen-turbo-latest", "qwen-turbo-2024-11-01"), Model(1_000_000)),
        **dict.fromkeys(("qwen3-max", "qwen3-vl-plus", "qwen-vl-max", "qwen-vl-plus"), Model(258_048)),
        "qwen-max": Model(30_720),
        "qwq-plus": Model(98_304, thinks=True, streams_only=True),
        # The open-weight models think unless told not to, and cannot think without streaming.
        **dict.fromkeys(("qwen3-32b", "qwen3-14b", "qwen3-8b"), Model(129_024, thinks=True)),
        "text-embedding-v4": Model(8192, dimensions=(1024, 2048, 1536, 768, 512, 256, 128, 64)),
        "text-embedding-v3": Model(8192, dimensions=(1024, 768, 512, 256, 128, 64)),
    }

    def authenticate(self, call: Call) -> None:
        """Take this site's key only: its twin's is an invalid key here."""
        key = call.bearer()
        if key is None:
            raise self.refuse(call, "auth", _NO_KEY)
        if key != self.site.key:
            plan = self.site.name in (*CODING_PLANS, TOKEN_PLAN)
            raise self.refuse(call, "auth", _OTHER_KEY if plan else None)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {message, type, param, code}, "id", "request_id"}`."""
        del call
        request = identifier()
        error: Json = {
            "message": variant.message,
            "type": variant.type or str(variant.code),
            "param": None,
            "code": variant.code,
        }
        body: Json = {"error": error, "id": f"chatcmpl-{request}", "request_id": request}
        return Reply(variant.status, body, {"x-request-id": request})

    def thinks(self, call: Call, model: Model) -> bool:
        """`enable_thinking` decides, else the model's own default."""
        asked = call.body.get("enable_thinking")
        return asked if isinstance(asked, bool) else model.thinks

    def check(self, call: Call, model: Model) -> None:
        """Reject what Model Studio rejects, with its words."""
        body, messages = call.body, answers.messages_of(call.body)
        streamed = body.get("stream") is True
        if wrong := wrong_about(messages) or roles_in_order(messages):
            raise self.refuse(call, "bad_request", _ALGO + wrong)
        if wrong := out_of_range(body):
            raise self.refuse(call, "bad_request", _ALGO + wrong)
        if model.streams_only and not streamed:
            message = "This model only support stream mode, please enable the stream parameter to access the model."
            raise self.refuse(call, "bad_request", message)
        if self.thinks(call, model) and not streamed:
            message = "parameter.enable_thinking must be set to false for non-streaming calls"
            raise self.refuse(call, "bad_request", message)
        if lacks_json_word(body):
            raise self.refuse(call, "bad_request", _ALGO + _NO_JSON)

    def too_long(self, limit: int, found: int) -> str:
        """Name the range."""
        del found
        return f"{_ALGO}Range of input length should be [1, {limit}]"

    def turn(self, call: Call, model: Model) -> Turn:
        """Make parallel calls only where asked: the parameter is false by default."""
        call.body.setdefault("parallel_tool_calls", False)
        return super().turn(call, model)

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield OpenAI's deltas; from the second on the id is an empty string."""
        for delta in super().call_deltas(call, choice):
            for one in (table(found) for found in _items(delta)):
                one.setdefault("id", "")
                one.setdefault("type", "function")
            yield delta

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add the fields that Model Studio always sends, empty."""
        del turn
        if body.get("object") == "chat.completion.chunk":
            body.setdefault("usage", None)
        return {**body, "system_fingerprint": None}

    def dress_embeddings(self, body: Json) -> Json:
        """Add the id."""
        return {**body, "id": identifier()}


def _items(delta: Json) -> list[Json]:
    found = delta.get("tool_calls")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def wrong_about(messages: list[Json]) -> str | None:
    """Return what is wrong about the messages' roles, or None."""
    if not messages:
        return "[] is too short - 'messages'"
    known = ("system", "user", "assistant", "tool", "function", "developer")
    for index, message in enumerate(messages):
        if message.get("role") not in known:
            return f"{message.get('role')!r} is not one of {list(known[:5])} - 'messages.{index}.role'"
        if not isinstance(message.get("content"), (str, list)) and message.get("role") != "assistant":
            return f"Input should be a string or a list - 'messages.{index}.content'"
    if all(message.get("role") != "user" for message in messages):
        return "The input messages do not contain elements with the role of user"
    return None


def out_of_range(parameters: Json) -> str | None:
    """Return what is wrong about the sampling parameters, or None."""
    temperature, top_p = number(parameters.get("temperature")), number(parameters.get("top_p"))
    penalty, choices = number(parameters.get("presence_penalty")), parameters.get("n")
    if temperature is not None and not 0 <= temperature < 2:
        return "Temperature should be in [0.0, 2.0)"
    if top_p is not None and not 0 < top_p <= 1:
        return "Range of top_p should be (0.0, 1.0]"
    if penalty is not None and not -2 <= penalty <= 2:
        return "Presence_penalty should be in [-2.0, 2.0]"
    if choices is not None and not 1 <= (integer(choices) or 0) <= 4:
        return "Range of n should be [1, 4]"
    return None
