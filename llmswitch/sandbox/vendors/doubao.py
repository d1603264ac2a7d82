"""Doubao on Volcengine Ark (`ark.cn-beijing.volces.com`) and BytePlus ModelArk (`ark.ap-southeast.bytepluses.com`).

Sources: volcengine.com/docs/82379/1299023 (error codes), docs.byteplus.com ModelArk Chat_API; bodies from HiveNexus/HiveChat#3 (not
opened) and public reports of the overdue account, the model that is not there, the limit set by oneself and the load.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import array
from llmswitch.sandbox.rules import ROLES, switched
from llmswitch.sandbox.wire import Reply, identifier

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_BAD, _DENIED, _GONE, _MANY = "BadRequest", "Forbidden", "NotFound", "TooManyRequests"
_NOT_FOUND = "The model or endpoint {model} does not exist or you do not have access to it."
_NO_ACCESS = "The request failed because you do not have access to the requested resource."
_PAUSED = (
    "Your account [2100000000] has reached the set inference limit for the [{model}] model, and the model service has "
    "been paused. To continue using this model, please visit the Model Activation page to adjust or close the limit."
)
_TPM = "The Tokens Per Minute (TPM) limit of the associated {what} for your account has been exceeded."
_RPM = _TPM.replace("Tokens Per Minute (TPM)", "Requests Per Minute (RPM)")
_SENSITIVE = "The request failed because the {what} may contain sensitive information."
_TOO_LONG = "Total tokens of image and text exceed max message tokens."


class Ark(Compatible):
    """Both platforms; `ep-...` names an endpoint of the account's own."""

    owner = "bytedance"
    id_prefix = "02"
    roles = ROLES
    wrong_role = (
        "messages.role is not valid: invalid value: `{role}`, supported values are [system user assistant tool]"
    )
    base64_vectors = False
    ranges: ClassVar = {
        "temperature": "[0, 2]",
        "top_p": "[0, 1]",
        "presence_penalty": "[-2, 2]",
        "frequency_penalty": "[-2, 2]",
        "max_completion_tokens": "[0, 65536]",
    }
    out_of_range = "The parameter `{name}` specified in the request is not valid: expected a value in {range}."
    finishes: ClassVar = {"refusal": "content_filter"}
    errors: ClassVar = {
        "quota": (
            Variant(429, "QuotaExceeded", "Your account has exceeded its free trial quota of {model}.", _MANY),
            Variant(429, "SetLimitExceeded", _PAUSED, _MANY),
        ),
        "arrears": (
            Variant(
                403,
                "AccountOverdueError",
                "The request failed because your account has an overdue balance.",
                _DENIED,
            ),
        ),
        "rate_limit": (
            Variant(429, "ModelAccountTpmRateLimitExceeded", _TPM.format(what="model"), _MANY),
            Variant(429, "ModelAccountRpmRateLimitExceeded", _RPM.format(what="model"), _MANY),
            Variant(429, "RateLimitExceeded.EndpointTPMExceeded", _TPM.format(what="endpoint"), _MANY),
            Variant(429, "RateLimitExceeded.EndpointRPMExceeded", _RPM.format(what="endpoint"), _MANY),
        ),
        "refusal": (
            Variant(400, "SensitiveContentDetected", _SENSITIVE.format(what="input text"), _BAD),
            Variant(400, "SensitiveContentDetected.SevereViolation", _SENSITIVE.format(what="input text"), _BAD),
            Variant(400, "InputTextSensitiveContentDetected", _SENSITIVE.format(what="input text"), _BAD),
            Variant(400, "OutputTextSensitiveContentDetected", _SENSITIVE.format(what="output text"), _BAD),
        ),
        "overload": (
            Variant(
                429,
                "ServerOverloaded",
                "The service is currently unable to handle additional requests due to server overload.",
                _MANY,
            ),
        ),
        "server_error": (
            Variant(
                500,
                "InternalServiceError",
                "The service encountered an unexpected internal error.",
                "InternalServerError",
            ),
        ),
        "auth": (
            Variant(
                401, "AuthenticationError", "The API key or AK/SK in the request is missing or invalid.", "Unauthorized"
            ),
        ),
        "permission": (
            Variant(403, "AccessDenied", _NO_ACCESS, _DENIED),
            Variant(403, "OperationDenied.ServiceNotOpen", _NO_ACCESS, _DENIED),
        ),
        "model_not_found": (
            Variant(404, "InvalidEndpointOrModel.NotFound", _NOT_FOUND, _GONE),
            Variant(404, "ModelNotOpen", "Your account has not activated the model {model}.", _GONE),
            Variant(404, "InvalidEndpointOrModel.ModelIDAccessDisabled", _NO_ACCESS, _GONE),
            Variant(400, "InvalidEndpoint.ClosedEndpoint", "The endpoint is closed or temporarily unavailable.", _BAD),
            Variant(404, "UnsupportedModel", "The requested model does not support this call.", _GONE),
        ),
        "context_length": (Variant(400, "InvalidParameter", _TOO_LONG, _BAD),),
        "bad_request": (
            Variant(400, "InvalidParameter", "A parameter specified in the request is not valid.", _BAD),
            Variant(400, "MissingParameter", "The request is missing a required parameter.", _BAD),
        ),
    }
    models: ClassVar = {
        **dict.fromkeys(("doubao-seed-2-1-pro-260915", "doubao-seed-2-1-lite-260915"), Model(1_024_000, thinks=True)),
        **dict.fromkeys(
            (
                *("doubao-seed-2-1-pro-260628", "doubao-seed-2-1-turbo-260628", "doubao-seed-2-0-pro-260215"),
                *("doubao-seed-2-0-lite-260215", "doubao-seed-2-0-mini-260215"),
                # BytePlus has its own names.
                *("seed-2-0-pro-260328", "seed-2-0-lite-260228", "seed-2-0-mini-260215"),
            ),
            Model(256_000, thinks=True),
        ),
        "deepseek-v3-2-251201": Model(98_304),
        "glm-4-7-251222": Model(204_800, thinks=True),
        "doubao-embedding-large-text-250515": Model(4_096, dimensions=(2048, 1024, 512, 256)),
    }

    def known_model(self, call: Call, name: str | None) -> Model:
        """Take an endpoint for a model, and Ark's names in mainland China, BytePlus's elsewhere."""
        if name is not None and name.startswith("ep-"):
            return Model(256_000, thinks=True)
        if name is not None and name.startswith("doubao-" if self.site.name == "intl" else "seed-"):
            raise self.refuse(call, "model_not_found")
        return super().known_model(call, name)

    def error(self, call: Call, variant: Variant) -> Reply:
        """End the words with the request's id; `param` is empty text."""
        words = f"{variant.message} Request id: 02{identifier(length=30)}"
        return super().error(call, replace(variant, message=words, param=variant.param or ""))

    def too_long(self, limit: int, found: int) -> str:
        """Say so, without numbers."""
        del limit, found
        return _TOO_LONG

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` decides, then `reasoning_effort`, of which minimal is none."""
        return switched(call.body, model.thinks and call.body.get("reasoning_effort") != "minimal")

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject what excludes what."""
        body, thinks = call.body, self.thinks(call, model)
        if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
            return "`max_tokens` and `max_completion_tokens` cannot be set at the same time."
        if body.get("reasoning_effort") not in (None, "minimal") and not thinks:
            return "`reasoning_effort` conflicts with thinking disabled."
        if thinks and body.get("stop"):
            return "`stop` is not supported while thinking is enabled."
        if thinks and body.get("logprobs") is True:
            return "`logprobs` is not supported while thinking is enabled."
        if len(array(body.get("stop"))) > 4:
            return "`stop` takes at most 4 strings."
        return super().wrong(call, model, messages)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add the tier."""
        del turn
        return {**body, "service_tier": "default"}


PROVIDER = Provider(
    name="doubao",
    dialects=(Ark,),
    sites=tuple(Site.of("doubao", name, base="/api/v3") for name in ("cn", "intl")),
)
