"""ERNIE on Qianfan, V2 (`/v2/...`): OpenAI's shape, ERNIE's rules for messages, Baidu's error bodies.

Source of codes, types and words: cloud.baidu.com/doc/qianfan-api/s/Om9b4yj3w (its table of July 2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Variant
from llmswitch.sandbox.fields import integer, number
from llmswitch.sandbox.rules import roles_in_order
from llmswitch.sandbox.wire import Refused, Reply, Stream, identifier

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.wire import Call

_INVALID, _DENIED, _UNSAFE, _RATE = "invalid_request_error", "access_denied", "unsafe_request", "rate_limit_exceeded"
_NO_MODEL = "The model does not exist or you do not have access to it."


class Ernie(Compatible):
    """`qianfan.baidubce.com/v2`."""

    prefix = "/v2"
    owner = "baidu"
    usage_comes = "last"
    id_prefix = "as-"
    embeddings_batch = 16
    base64_vectors = False
    filtered_finish = "content_filter"
    errors: ClassVar = {
        # Baidu lists no used-up quota for chat on V2: this is its AI search's, on the same host and in the same shape.
        "quota": (Variant(429, "QUOTA_USER_DAILY_FREE", "The daily free quota is used up", _RATE),),
        "arrears": (Variant(403, "account_overdue", "Access denied due to overdue account", _DENIED),),
        "rate_limit": (
            Variant(429, "rpm_rate_limit_exceeded", "Rate limit reached for RPM", _RATE),
            Variant(429, "tpm_rate_limit_exceeded", "Rate limit reached for TPM", _RATE),
            Variant(429, "user_rate_limit_exceeded", "qps request limit by APP ID reached", _RATE),
        ),
        "refusal": (
            Variant(403, "system_unsafe", "the content of system field is invalid", _UNSAFE),
            Variant(403, "user_setting_unsafe", "the content of user field is invalid", _UNSAFE),
            Variant(403, "functions_unsafe", "the content of functions field is invalid", _UNSAFE),
            Variant(400, "image_url_unsafe", "the content of image_url.url field is unsafe", _UNSAFE),
        ),
        "overload": (
            Variant(429, "cluster_rate_limit_exceeded", "request limit by resouce cluster reached", _RATE),
            Variant(429, "cluster_rpm_rate_limit_exceeded", "Rate limit reached for Cluster RPM", _RATE),
        ),
        "server_error": (
            Variant(500, "internal_error", "Internal error", "Internal_error"),
            Variant(500, "dispatch_internal_error", "Internal error", "Internal_error"),
        ),
        "auth": (
            Variant(401, "invalid_iam_token", "IAM Certification failed", _INVALID),
            Variant(401, "invalid_appid", "No permission to use the appid", _INVALID),
        ),
        "permission": (Variant(401, "no_parameter_permission", "No permission to use the parameter", _DENIED),),
        # 401, and not to be told from a model one may not use.
        "model_not_found": (
            Variant(401, "invalid_model", _NO_MODEL, _INVALID),
            Variant(403, "model_offline", "The model is offline", _DENIED),
        ),
        "context_length": (
            Variant(400, "tokens_too_long", "Prompt tokens too long", _INVALID),
            Variant(400, "characters_too_long", "the max input characters is 516096", _INVALID),
        ),
        "bad_request": (
            Variant(400, "invalid_argument", "Invalid Argument", _INVALID),
            Variant(400, "invalid_messages", "the role of last message must be user or tool", _INVALID),
            Variant(400, "malformed_json", "Invalid Argument", _INVALID),
        ),
    }
    models: ClassVar = {
        "ernie-5.1": Model(119_000),
        **dict.fromkeys(("ernie-5.0-thinking-latest", "ernie-5.0-thinking-preview"), Model(119_000, thinks=True)),
        **dict.fromkeys(("ernie-x1.1", "ernie-x1.1-preview", "ernie-x1-turbo-32k"), Model(64_000, thinks=True)),
        **dict.fromkeys(("ernie-4.5-turbo-128k", "ernie-4.5-turbo-vl"), Model(123_000)),
        "ernie-4.5-turbo-32k": Model(32_000),
        "ernie-4.0-8k": Model(8_000),
        **dict.fromkeys(("ernie-3.5-8k", "ernie-lite-8k", "ernie-speed-8k"), Model(8_000)),
        "ernie-speed-128k": Model(128_000),
        "embedding-v1": Model(384, dimensions=(384,)),
        "bge-large-zh": Model(512, dimensions=(1024,)),
        "tao-8k": Model(8_192, dimensions=(1024,)),
    }

    def authenticate(self, call: Call) -> None:
        """Take a bearer key of V2, or the temporary one that its IAM service gave."""
        if call.bearer() not in (self.site.key, BEARER):
            raise self.refuse(call, "auth")

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {code, message, type}, "id"}`."""
        del call
        error: Json = {"code": variant.code, "message": variant.message, "type": variant.type or _INVALID}
        return Reply(variant.status, {"error": error, "id": identifier("as-", 10)})

    def unknown_path(self, call: Call) -> Reply:
        """Return Baidu's 405 for a known path, else its 404."""
        if any(route.match(call.path) is not None for route in self.routes()):
            return self.error(call, Variant(405, "method_not_supported", "Only POST requests are accepted"))
        return self.error(call, Variant(404, "not_found", f"{call.path} not found"))

    def chat(self, call: Call) -> Reply | Stream:
        """Answer `chat/completions`, naming a body that is no JSON and a model that is missing as Baidu does."""
        if not call.readable:
            raise self._invalid(call, "malformed_json", "Invalid Argument")
        if not call.model:
            raise self._invalid(call, "invalid_model", "model is empty")
        return super().chat(call)

    def thinks(self, call: Call, model: Model) -> bool:
        """`enable_thinking` decides, else the model's own way."""
        asked = call.body.get("enable_thinking")
        return asked if isinstance(asked, bool) else model.thinks

    def check(self, call: Call, model: Model) -> None:
        """Reject what ERNIE rejects."""
        del model
        messages = answers.messages_of(call.body)
        if wrong := wrong_about(messages) or roles_in_order(messages):
            raise self._invalid(call, "invalid_messages", wrong)
        if wrong := out_of_range(call.body):
            raise self._invalid(call, "invalid_argument", wrong)

    def _invalid(self, call: Call, code: str, message: str) -> Refused:
        return Refused(self.error(call, Variant(400, code, message, _INVALID)))

    def dress_choice(self, choice: Choice, body: Json) -> Json:
        """Add the moderation's verdict: 0 is fine; the round that was banned, -1 the current one."""
        filtered = choice.finish == "content_filter"
        body["flag"] = 4 if filtered else 0
        if filtered:
            body["ban_round"] = -1
        return body


BEARER = "bce-v3/ALTAK-llmswitch-sandbox/temporary-bearer-not-a-real-key"
"""What the sandbox's IAM service hands out."""


def wrong_about(messages: list[Json]) -> str | None:
    """Return what is wrong about the messages, or None: ERNIE wants user and assistant to take turns."""
    if not messages:
        return "messages is empty"
    before = ""
    for index, message in enumerate(messages):
        role = message.get("role")
        if role not in ("system", "user", "assistant", "tool", "function"):
            return f"the role of messages[{index}] is invalid: {role}"
        if role == "system" and index:
            return "the system message must be the first one, and the only one"
        if not message.get("content") and not message.get("tool_calls"):
            return f"the content of messages[{index}] can not be empty"
        if role in ("user", "assistant") and role == before:
            return f"the role of messages[{index}] must not be {role} twice in a row"
        before = str(role)
    if before not in ("user", "tool", "function"):
        return "the role of last message must be user or tool"
    return None


def out_of_range(body: Json) -> str | None:
    """Return what is wrong about the parameters, or None."""
    temperature, top_p, penalty = (number(body.get(name)) for name in ("temperature", "top_p", "penalty_score"))
    if temperature is not None and not 0 < temperature <= 1:
        return "temperature must be in (0, 1.0]"
    if top_p is not None and not 0 <= top_p <= 1:
        return "top_p must be in [0, 1.0]"
    if penalty is not None and not 1 <= penalty <= 2:
        return "penalty_score must be in [1.0, 2.0]"
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        most = integer(body.get(name))
        if most is not None and most < 2:
            return f"{name} must be at least 2"
    stops = body.get("stop")
    if isinstance(stops, list) and (len(stops) > 4 or any(len(str(stop)) > 20 for stop in stops)):
        return "stop takes at most 4 strings of at most 20 characters"
    return None
