"""GLM at bigmodel.cn and z.ai (`/api/paas/v4/...`, the Coding Plan under `/api/coding`): digit-string codes, one 429 for five things.

Sources: docs.bigmodel.cn/cn/api/api-code, docs.z.ai/api-reference/api-code, zhipuai's SDK (core/_jwt_token.py,
types/chat), bodies from langgenius/dify#5850. A reset time is written in China's time, without its zone.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch import _json
from llmswitch.sandbox import answers
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import number, table, tables, text
from llmswitch.sandbox.rules import roles_in_order
from llmswitch.sandbox.wire import Refused, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice, Generator
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_CHINA = dt.timezone(dt.timedelta(hours=8))
_FIVE_HOURS = dt.timedelta(hours=5)
PLAN_KEYS = {name: f"llmswitchsandbox{name}plan.not-a-real-key-and-never-will-be" for name in ("cn", "intl")}
"""The keys of the Coding Plan, by the general site of the same host."""
_SENSITIVE = "系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。"
_SENSITIVE_ENGLISH = (
    "The system detected potentially unsafe or sensitive content in the input or the answer. Please avoid prompts that "
    "may produce such content."
)


@dataclass(frozen=True, slots=True)
class _Bilingual(Variant):
    """An error in Chinese, and in English for who asks so or calls z.ai; `{reset}` is five hours from now."""

    english: str = ""


def _coded(status: int, code: str, chinese: str, english: str) -> _Bilingual:
    return _Bilingual(status, code, chinese, english=english)


class Zhipu(Compatible):
    """`open.bigmodel.cn` and `api.z.ai`."""

    prefix = "/api/paas/v4"
    owner = "z-ai"
    usage_comes = "last"
    id_prefix = ""
    embeddings_batch = 64
    base64_vectors = False
    filtered_finish = "sensitive"
    errors: ClassVar = {
        "quota": (
            _coded(
                429,
                "1308",
                "已达到 5 小时的使用上限。您的限额将在 {reset} 重置。",
                "Usage limit reached for 5 hour. Your limit will reset at {reset}",
            ),
            _coded(
                429,
                "1304",
                "该 API 已达到今日调用次数上限，如有更多需求请联系客服购买。",
                "The API has reached its daily call limit. If you need more, please contact customer service.",
            ),
            _coded(
                429,
                "1310",
                "已达到每周使用上限，您的限额将在 {reset} 重置。",
                "Weekly/Monthly Limit Exhausted. Your limit will reset at {reset}",
            ),
        ),
        "arrears": (
            _coded(
                429,
                "1113",
                "您的账户已欠费，请充值后重试。",
                "Insufficient balance or no resource package. Please recharge.",
            ),
        ),
        "rate_limit": (
            _coded(429, "1302", "您的账户已达到速率限制，请您控制请求频率。", "Rate limit reached for requests"),
            _coded(
                429,
                "1303",
                "您当前使用该 API 的频率过高，请降低频率。",
                "The frequency of your use of this API is too high, please reduce it.",
            ),
            _coded(
                429,
                "1305",
                "该模型当前访问量过大，请您稍后再试。",
                "The model is receiving too many requests, please try again later.",
            ),
        ),
        "overload": (
            _coded(
                429,
                "1312",
                "该模型当前访问量过大，请您稍后再试。",
                "The model is currently busy, please try again later.",
            ),
        ),
        "refusal": (
            _coded(
                400,
                "1301",
                _SENSITIVE,
                _SENSITIVE_ENGLISH,
            ),
        ),
        "server_error": (
            _coded(500, "500", "内部错误", "Internal Error"),
            _coded(
                500,
                "1234",
                "网络错误，错误id：sandbox，请联系客服。",
                "Network error, error id: sandbox, please contact customer service.",
            ),
        ),
        "auth": (
            _coded(401, "401", "令牌已过期或验证不正确", "token expired or incorrect"),
            _coded(401, "1000", "身份验证失败。", "Authentication Failed"),
            _coded(
                401,
                "1001",
                "Header 中未收到 Authorization 参数，无法进行身份验证。",
                "Authentication parameter not received in Header, unable to authenticate",
            ),
            _coded(
                401,
                "1002",
                "Authentication Token 非法，请确认 Authentication Token 正确传递。",
                "Invalid Authentication Token, please confirm the correct transmission of the Authentication Token",
            ),
            _coded(
                401,
                "1003",
                "Authentication Token 已过期，请重新生成/获取。",
                "Authentication Token expired, please regenerate/obtain",
            ),
        ),
        "permission": (
            _coded(403, "1220", "您无权访问 {model}。", "You do not have permission to access {model}"),
            _coded(
                403,
                "1311",
                "当前订阅套餐暂未开放 {model} 权限",
                "Your current subscription plan does not include {model}",
            ),
            _coded(
                429,
                "1112",
                "您的账户已被锁定，请联系客服解锁。",
                "Your account has been locked, please contact customer service to unlock it.",
            ),
        ),
        "model_not_found": (
            _coded(400, "1211", "模型不存在，请检查模型代码。", "Unknown Model, please check the model code."),
        ),
        "context_length": (_coded(400, "1261", "Prompt 超长", "Prompt exceeds max length"),),
        "bad_request": (
            _coded(
                400, "1210", "API 调用参数有误，请检查文档。", "Invalid API parameter, please check the documentation."
            ),
            _coded(400, "1213", "未正常接收到 prompt 参数。", "The prompt parameter was not received normally."),
            _coded(
                400,
                "1214",
                "messages 参数非法。请检查文档。",
                "The messages parameter is illegal. Please check the documentation.",
            ),
            _coded(400, "1231", "您已有请求：{model}。", "There is a request already: {model}"),
        ),
    }
    models: ClassVar = {
        "glm-5.3": Model(1_000_000, thinks=True),
        "glm-5.3-flash": Model(1_048_576, thinks=True),
        "glm-5.2": Model(1_000_000, thinks=True),
        **dict.fromkeys(
            ("glm-5.1", "glm-5", "glm-5-code", "glm-4.7", "glm-4.7-flash", "glm-4.6"), Model(200_000, thinks=True)
        ),
        **dict.fromkeys(
            ("glm-4.5", "glm-4.5-air", "glm-4.5-x", "glm-4.5-airx", "glm-4.5-flash"), Model(128_000, thinks=True)
        ),
        **dict.fromkeys(("glm-4.5v", "glm-5v-turbo"), Model(128_000, thinks=True)),
        **dict.fromkeys(("glm-4-plus", "glm-4-flash", "glm-4-air"), Model(128_000)),
        "embedding-3": Model(8_192, dimensions=(2048, 256, 512, 1024)),
        "embedding-2": Model(8_192, dimensions=(1024,)),
    }

    def __init__(self, endpoint: str, site: Site, generator: Generator) -> None:
        super().__init__(endpoint, site, generator)
        self._request_ids: set[str] = set()

    def authenticate(self, call: Call) -> None:
        """Take the key itself, `id.secret`, or a JWT signed with its secret."""
        token = call.bearer()
        if token is None:
            raise self._coded(call, "auth", "1001")
        if token == self.site.key:
            return
        if token == PLAN_KEYS.get(self.site.name):
            # The plan's key belongs to a path of its own; here it has no balance.
            raise self._coded(call, "arrears", "1113")
        if token.count(".") != 2:
            raise self._coded(call, "auth", "401")
        if (wrong := _wrong_token(token, self.site.key)) is not None:
            raise self._coded(call, "auth", wrong)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {"code": digits, "message"}}`, in the caller's language."""
        message = variant.message
        english = call.headers.get("Accept-Language", "").startswith("en") or self.site.name not in ("cn", "coding")
        if isinstance(variant, _Bilingual) and english and message == self._chinese(call, variant):
            message = variant.english.replace("{model}", call.model or "")
        reset = dt.datetime.now(_CHINA) + _FIVE_HOURS
        message = message.replace("{reset}", reset.strftime("%Y-%m-%d %H:%M:%S"))
        return Reply(variant.status, {"error": {"code": str(variant.code), "message": message}})

    def _chinese(self, call: Call, variant: Variant) -> str | None:
        """Return the words of the table, to tell them from words a caller or a fault put in their place."""
        known = (one for variants in self.errors.values() for one in variants if one.code == variant.code)
        return next((one.message.replace("{model}", call.model or "") for one in known), None)

    def unknown_path(self, call: Call) -> Reply:
        """Return a plain 404, as its gateway does."""
        body: Json = {"timestamp": int(time.time() * 1000), "status": 404, "error": "Not Found", "path": call.path}
        return Reply(404, body)

    def _coded(self, call: Call, kind: str, code: str, detail: str = "") -> Refused:
        variant = self.variant(call, kind, code)
        return Refused(self.error(call, replace(variant, message=variant.message + detail) if detail else variant))

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` decides; from GLM-4.5 on it is enabled."""
        asked = table(call.body.get("thinking")).get("type")
        return asked == "enabled" if asked in ("enabled", "disabled") else model.thinks

    def check(self, call: Call, model: Model) -> None:
        """Reject what GLM rejects."""
        del model
        messages = answers.messages_of(call.body)
        known = ("system", "user", "assistant", "tool")
        if not messages or any(message.get("role") not in known for message in messages) or roles_in_order(messages):
            raise self._coded(call, "bad_request", "1214")
        if all(message.get("role") == "system" for message in messages):
            raise self._coded(call, "bad_request", "1214")
        if any(not message.get("content") and not message.get("tool_calls") for message in messages):
            raise self._coded(call, "bad_request", "1213")
        for name, low in (("temperature", 0.0), ("top_p", 0.01)):
            value = number(call.body.get(name))
            if value is not None and not low <= value <= 1:
                raise self._coded(call, "bad_request", "1210", f" {name}: [{low:g}, 1]")
        request = text(call.body.get("request_id"))
        if request and request in self._request_ids:
            raise self._coded(call, "bad_request", "1231")
        self._request_ids.add(request)

    def turn(self, call: Call, model: Model) -> Turn:
        """Ignore what GLM ignores: schemas, and any tool choice but auto."""
        body = {**call.body, "tool_choice": "auto"}
        if table(body.get("response_format")).get("type") == "json_schema":
            del body["response_format"]
        return super().turn(replace(call, body=body), model)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add the request's id; leave out `object`, which GLM does not send."""
        del body["object"]
        for choice in tables(body.get("choices")):
            if "delta" in choice:
                # Each delta names the role.
                choice["delta"] = {"role": "assistant", **table(choice["delta"])}
        return {**body, "request_id": text(turn.call.body.get("request_id")) or turn.id}

    def closing(self, turn: Turn, choice: Choice, chunk: Json) -> Json:
        """Name what was filtered on the chunk that finishes."""
        chunk = super().closing(turn, choice, chunk)
        if choice.finish == "content_filter":
            chunk["content_filter"] = [{"role": "assistant", "level": 1}]
        return chunk

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield tool calls whole, unless `tool_stream` asks for fragments."""
        if call.body.get("tool_stream") is True:
            yield from super().call_deltas(call, choice)
        elif choice.tool_calls:
            yield {"tool_calls": [one.encoded(index) for index, one in enumerate(choice.tool_calls)]}


def _wrong_token(token: str, key: str) -> str | None:
    """Return the code of what is wrong about a JWT (HS256, times in milliseconds), or None."""
    identity, _, secret = key.partition(".")
    signed, _, signature = token.rpartition(".")
    wanted = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    try:
        found = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        payload_part = signed.partition(".")[2]
        payload = table(_json.loads(base64.urlsafe_b64decode(payload_part + "=" * (-len(payload_part) % 4))))
    except (binascii.Error, ValueError):
        return "1002"
    if not hmac.compare_digest(found, wanted) or payload.get("api_key") != identity:
        return "1000"
    expires = number(payload.get("exp"))
    return "1003" if expires is None or expires < time.time() * 1000 else None


def _site(name: str, base_variable: str, key_variable: str, sdk: dict[str, str]) -> Site:
    return Site(
        name=name,
        key=f"llmswitchsandbox{name}.not-a-real-key-and-never-will-be",
        base="/api/paas/v4",
        native="/api/paas/v4",
        base_variable=base_variable,
        key_variable=key_variable,
        sdk=sdk,
    )


PROVIDER = Provider(
    name="zhipu",
    rank=40,
    dialects=(Zhipu,),
    sites=(
        _site(
            "cn",
            "LLMSWITCH_ZHIPU_CN_BASE_URL",
            "ZHIPUAI_API_KEY",
            {"ZHIPUAI_API_KEY": "{key}", "ZHIPUAI_BASE_URL": "{base}"},
        ),
        _site(
            "intl", "LLMSWITCH_ZHIPU_INTL_BASE_URL", "ZAI_API_KEY", {"ZAI_API_KEY": "{key}", "ZAI_BASE_URL": "{base}"}
        ),
        Site.of("zhipu", "coding", base="/api/coding/paas/v4", key=PLAN_KEYS["cn"]),
        Site.of("zhipu", "coding-intl", base="/api/coding/paas/v4", key=PLAN_KEYS["intl"]),
    ),
)
