"""Tencent's TokenHub (`tokenhub.tencentmaas.com`, `tokenhub-intl.tencentcloudmaas.com`): six-digit codes, words in two languages.

Sources: cloud.tencent.com/document/product/1823/131595 (error codes and bodies, as of 2026-07-22), 1300/78942 (parameters), 409/136469
(embeddings), cloud.tencent.com/developer/article/2779936 (models, thinking). A 429 carries its code as a number and no type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import array, table
from llmswitch.sandbox.rules import lost_reasoning, switched
from llmswitch.sandbox.wire import Reply, identifier

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.sandbox.wire import Call

_GATEWAY, _INVALID, _UPSTREAM = "gateway_error", "invalid_request_error", "upstream_error"
_WRONG_KEY = (
    "The API Key does not exist or signature verification failed. Please check whether the API Key is correct. "
    "See: https://console.cloud.tencent.com/tokenhub/apikey"
)
_TOO_FAST = (
    "The request rate exceeds the current model {model} limit 60. Please reduce the request frequency or contact Tencent "
    "Cloud support to request a higher limit."
)


@dataclass(frozen=True, slots=True)
class _Bilingual(Variant):
    """An error with its words in Chinese beside the English ones."""

    chinese: str = ""


def _coded(status: int, code: str | int, english: str, chinese: str, kind: str | None = _GATEWAY) -> Variant:
    return _Bilingual(status, code, english, kind, chinese=chinese)


class TokenHub(Compatible):
    """`tokenhub.tencentmaas.com` and its twin outside mainland China."""

    owner = "tencent"
    base64_vectors = False
    ranges: ClassVar = {"temperature": "[0.0, 2.0]", "top_p": "[0.0, 1.0]"}
    out_of_range = "The request is invalid: {name} must be {range}."
    errors: ClassVar = {
        "quota": (
            _coded(
                402, "401008", "The free quota of the service is used up.", "服务的免费体验额度已耗尽，且未开启后付费。"
            ),
            _coded(
                402, "401007", "The service {model} has no free package.", "服务无可用免费体验额度，且未开启后付费。"
            ),
        ),
        "arrears": (_coded(402, "403004", "The account is in arrears.", "账号欠费，服务被隔离。"),),
        "rate_limit": (
            _coded(429, 429001, _TOO_FAST, "请求速率超过当前模型 {model} 阈值 60，请降低访问频率。", None),
            _coded(429, 429002, "The RPM limit is exceeded.", "RPM 超过阈值。", None),
            _coded(429, 429003, "The TPM limit is exceeded.", "TPM 超过阈值。", None),
            _coded(429, 429005, "The concurrency limit is exceeded.", "并发超过阈值。", None),
        ),
        "refusal": (_coded(451, "451001", "The content triggered the security policy.", "输入或输出触发安全策略。"),),
        "overload": (
            _coded(429, 429006, "The upstream service is busy.", "上游服务繁忙。", None),
            _coded(503, "503001", "The service is temporarily unavailable.", "服务暂不可用。"),
        ),
        "server_error": (
            _coded(500, "500001", "Internal error, please try again.", "未知错误，请重试。"),
            _coded(
                502,
                "502001",
                "The upstream model service is abnormal or unreachable.",
                "上游模型服务异常或不可达，请重试。",
                _UPSTREAM,
            ),
            _coded(504, "504001", "The upstream response timed out.", "上游响应超时。"),
        ),
        "auth": (
            _coded(401, "401002", _WRONG_KEY, "API Key 不存在或签名校验失败，请检查 API Key 是否正确。"),
            _coded(401, "401001", "No authentication information was carried.", "未携带认证信息或无法识别。"),
            _coded(401, "401003", "The API Key has expired.", "API Key 已过期。"),
            _coded(401, "401004", "The API Key is disabled.", "API Key 已被禁用。"),
        ),
        "permission": (
            _coded(403, "403002", "The API Key may not access the model {model}.", "API Key 无权访问该模型。"),
            _coded(403, "403001", "Permission denied.", "套餐包被禁用或无调用权限。"),
            _coded(403, "403003", "The account is blocked.", "账号已被禁用。"),
            _coded(403, "403005", "The IP is not on the key's list.", "请求来源 IP 不在 API Key 白名单。"),
        ),
        "model_not_found": (
            _coded(
                400,
                "400004",
                "The model or service ID {model} does not exist. Please check whether the service ID is correct.",
                "请求中的模型或服务 ID 不存在，请检查服务 ID 是否正确。",
            ),
        ),
        "context_length": (
            _coded(400, "400003", "The input tokens exceed the context of the model.", "输入 Token 超出模型上下文。"),
        ),
        "bad_request": (
            _coded(
                400,
                "400002",
                "The request parameter messages is invalid or missing. Please check the value of this parameter.",
                "请求参数无效或缺失，请检查该参数取值是否正确。",
            ),
            _coded(
                400,
                "400001",
                "The request is invalid.",
                "请求不合法，请检查请求体、必填字段及请求格式是否正确。",
                _INVALID,
            ),
            _coded(400, "400005", "The model does not support the protocol.", "模型不支持所请求的协议或能力。"),
            _coded(400, "400006", "The model does not support the format.", "模型不支持请求的 response_format。"),
        ),
    }
    models: ClassVar = {
        **dict.fromkeys(("hy3", "hy3-preview"), Model(192_000)),
        **dict.fromkeys(("Hy4", "hy-mt2-pro"), Model(128_000)),
        **dict.fromkeys(("deepseek-v4-pro", "deepseek-v4-flash"), Model(1_000_000, thinks=True)),
        **dict.fromkeys(("deepseek-v4.1-flash", "glm-5.3", "glm-5.3-flash", "kimi-k3"), Model(1_000_000, thinks=True)),
        **dict.fromkeys(("kimi-k2.7-code",), Model(256_000, thinks=True)),
        "minimax-m3": Model(1_000_000),
        "kinfra-text-embedding-0.6b": Model(32_000, dimensions=(1024,)),
        "kinfra-text-embedding-4b": Model(32_000, dimensions=(2560,)),
    }

    def authenticate(self, call: Call) -> None:
        """Tell a missing key from a wrong one."""
        if call.bearer() is None:
            refused = self.variant(call, "auth", "401001")
            raise self.refuse(call, "auth", refused.message)
        super().authenticate(call)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return the error in both languages."""
        chinese = variant.chinese if isinstance(variant, _Bilingual) else variant.message
        request = identifier(length=32)
        error: Json = {
            "message": variant.message,
            "message_zh": chinese.replace("{model}", call.model or ""),
            "code": variant.code,
            "request_id": request,
        }
        if variant.type is not None:
            error["type"] = variant.type
        return Reply(variant.status, {"error": error}, {"X-Request-Id": request})

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` decides, else the model's own way."""
        return switched(call.body, model.thinks)

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject what a hosted model rejects; what a model does not know is dropped in silence."""
        name, thinking = call.model or "", table(call.body.get("thinking")).get("type")
        if name.startswith("minimax") and thinking == "enabled":
            return "The request is invalid: thinking.type must be adaptive or disabled."
        if (
            name.startswith(("deepseek-v4", "kimi"))
            and self.thinks(call, model)
            and lost_reasoning(messages) is not None
        ):
            return "The `reasoning_content` in the thinking mode must be passed back to the API."
        if len(array(call.body.get("stop"))) > 4:
            return "The request is invalid: stop takes at most 4 strings."
        return super().wrong(call, model, messages)


PROVIDER = Provider(name="hunyuan", dialects=(TokenHub,), sites=(Site.of("hunyuan", "cn"), Site.of("hunyuan", "intl")))
