"""iFlytek Spark over HTTP (`spark-api-open.xf-yun.com`): `code`, `message` and `sid` on top, a password for each version of the model.

Sources: xfyun.cn/doc/spark (HTTP, X1, error codes), docs.iflyaicloud.com/doc/237; bodies and statuses (11200 and 11202 with HTTP 500,
10005, a whole answer without id and finish reason, the missing `/models`) from public reports of 2026. In a stream, and from the model
itself, errors stand on top with HTTP 200.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch import _json
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Route, Site, Variant
from llmswitch.sandbox.fields import integer, tables
from llmswitch.sandbox.rules import ROLES, switched
from llmswitch.sandbox.wire import Reply, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_API, _INVALID = "api_error", "invalid_request_error"
_CALLS_TOOLS = frozenset({"4.0Ultra", "generalv3.5", "max-32k", "spark-x", "x1-preview"})
_OF_SITE = {"x1": ("x1", "x1-preview"), "x2": ("spark-x",)}


def _top(code: int, message: str) -> Variant:
    return Variant(200, code, message)


class Spark(Compatible):
    """`/v1` for Lite to Ultra, `/v2` for X1, `/x2` for X2."""

    owner = "iflytek"
    roles = ROLES
    wrong_role = "'$.messages[{index}].role' value must be one of system, user, assistant, tool"
    usage_comes = "last"
    ranges: ClassVar = {"temperature": "[0, 2]", "top_p": "(0, 1]", "top_k": "[1, 6]"}
    out_of_range = "invalid param {name}: the range is {range}"
    errors: ClassVar = {
        "quota": (Variant(500, 11201, "AppIdDailyLimitError", _API),),
        "rate_limit": (
            Variant(500, 11202, "AppIdQpsOverFlowError", _API),
            Variant(500, 11203, "AppIdConcOverFlowError", _API),
            _top(10007, "user traffic limited: the former question is still being answered"),
        ),
        "refusal": (
            _top(10013, "the input was refused"),
            _top(10014, "the output was refused"),
            _top(10019, "the content is suspected"),
        ),
        "overload": (
            _top(10008, "the service is at its capacity"),
            _top(10010, "no engine is free"),
            _top(10110, "the service is busy"),
        ),
        "server_error": (_top(10012, "engine internal error"), _top(10222, "engine network error")),
        "auth": (
            Variant(401, None, "HMAC secret key does not match", "Unauthorized"),
            Variant(500, 10313, "AppIdNotMatchError", _API),
        ),
        "permission": (Variant(500, 11200, "AppIdNoAuthError", _API),),
        "model_not_found": (
            Variant(400, 10005, "invalid param model:{model}", _INVALID),
            Variant(400, 10404, "invalid domain {model}", _INVALID),
        ),
        "context_length": (_top(10907, "the number of tokens exceeds the limit"),),
        "bad_request": (
            Variant(400, 10163, "the request does not match the schema", _INVALID),
            Variant(400, 10005, "invalid param", _INVALID),
            _top(10004, "the schema of the request is wrong"),
        ),
    }
    models: ClassVar = {
        **dict.fromkeys(("lite", "generalv3", "generalv3.5", "4.0Ultra"), Model(8_192)),
        "max-32k": Model(32_768),
        "pro-128k": Model(131_072),
        **dict.fromkeys(("spark-x", "x1", "x1-preview"), Model(64_000, thinks=True)),
    }

    def routes(self) -> tuple[Route, ...]:
        """Return chat, its only path."""
        return (Route("POST", f"{self.site.base}/chat/completions", self.chat),)

    def unknown_path(self, call: Call) -> Reply:
        """Return a bare 404."""
        del call
        return Reply(404, b"404 page not found", content_type="text/plain")

    def known_model(self, call: Call, name: str | None) -> Model:
        """Find the X models at their own bases only, and the others at `/v1`."""
        apart = [model for models in _OF_SITE.values() for model in models]
        if name not in _OF_SITE.get(self.site.name, [model for model in self.models if model not in apart]):
            raise self.refuse(call, "model_not_found")
        return super().known_model(call, name)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return the code on top with HTTP 200, the gateway's bare message, or `{"error": {...}}`."""
        sid = _sid()
        if variant.status == 200:
            return Reply(200, {"code": variant.code, "message": variant.message, "sid": sid})
        if variant.code is None:
            return Reply(variant.status, {"message": variant.message})
        worded = replace(variant, message=f"{variant.message} (sid: {sid})", code=str(variant.code))
        return super().error(call, worded)

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the code on top."""
        return event(_json.loads(self.error(call, replace(variant, status=200)).encoded()))

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` switches an X model off."""
        return model.thinks and switched(call.body, default=True)

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject a content that is no text, and too long an answer where no model is an X."""
        most = integer(call.body.get("max_tokens"))
        if most is not None and self.site.name not in _OF_SITE and not 1 <= most <= 8192:
            return self.out_of_range.format(name="max_tokens", range="[1, 8192]")
        for index, message in enumerate(messages):
            if isinstance(message.get("content"), list):
                return f"'$.messages[{index}].content' value must be string"
        return super().wrong(call, model, messages)

    def turn(self, call: Call, model: Model) -> Turn:
        """Ignore the tools of a model that has none."""
        body = call.body if call.model in _CALLS_TOOLS else {**call.body, "tools": []}
        return super().turn(replace(call, body=body), model)

    def message(self, call: Call, choice: Choice, reasoning: str, said: str) -> Json:
        """Return the call itself in place of a list of them, unless `tool_calls_switch` asks for the list."""
        message = super().message(call, choice, reasoning, said)
        return {**message, **_calls(call, choice)}

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield the calls whole."""
        if choice.tool_calls:
            yield _calls(call, choice)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Put the code on top in place of id, object, model and time; leave out that it stopped."""
        for choice in tables(body.get("choices")):
            if choice.get("finish_reason") in (None, "stop"):
                choice.pop("finish_reason", None)
        kept: Json = {name: value for name, value in body.items() if name in ("choices", "usage")}
        return {"code": 0, "message": "Success", "sid": turn.id, **kept}


def _sid() -> str:
    return f"cha000{identifier(length=5)}@dx{identifier(length=16)}"


def _calls(call: Call, choice: Choice) -> Json:
    if not choice.tool_calls:
        return {}
    whole = call.body.get("tool_calls_switch") is True
    listed = [one.encoded(index) for index, one in enumerate(choice.tool_calls)]
    return {"tool_calls": [*listed] if whole else choice.tool_calls[0].encoded()}


PROVIDER = Provider(
    name="spark",
    dialects=(Spark,),
    sites=(Site.of("spark", "cn"), Site.of("spark", "x1", base="/v2"), Site.of("spark", "x2", base="/x2")),
)
