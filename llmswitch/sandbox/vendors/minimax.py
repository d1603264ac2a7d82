"""MiniMax (`api.minimaxi.com`, `api.minimax.io`): numbers in brackets, errors with HTTP 200, thoughts inside the text.

Sources: platform.minimax.io/docs/api-reference (errorcode, text-openai-api); bodies from nearai/ironclaw#1742 (no key),
MiniMax-AI/MiniMax-01#37 (key of the other site), MiniMax-AI/MiniMax-M2#62 (balance), and public reports of 402, 422 and the many faces of
2013.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch import _json
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import tables
from llmswitch.sandbox.rules import ROLES, functions_of, switched
from llmswitch.sandbox.wire import Refused, Reply, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_BAD, _RATE = "bad_request_error", "rate_limit_error"
_NO_KEY = "login fail: Please carry the API secret key in the 'Authorization' field of the request header"


def _base(code: int, message: str) -> Variant:
    return Variant(200, code, message)


class MiniMax(Compatible):
    """`api.minimaxi.com` and its twin `api.minimax.io`."""

    owner = "minimax"
    roles = ROLES
    wrong_role = "invalid params, invalid role: {role}"
    usage_comes = "last"
    id_prefix = ""
    ranges: ClassVar = {"temperature": "(0, 1]", "top_p": "(0, 1]"}
    out_of_range = "invalid params, {name} must be in {range}"
    errors: ClassVar = {
        "quota": (_base(2056, "usage limit exceeded"),),
        "arrears": (
            Variant(500, 1008, "insufficient balance", "api_error"),
            Variant(402, 1008, "insufficient balance", "insufficient_balance_error"),
            _base(1008, "insufficient balance"),
        ),
        "rate_limit": (
            Variant(429, 1002, "rate limit exceeded(RPM)", _RATE),
            Variant(429, 1039, "rate limit exceeded(TPM)", _RATE),
            _base(1002, "rate limit exceeded(RPM)"),
            _base(1041, "conn limit"),
            _base(2045, "rate growth limit"),
        ),
        "refusal": (
            Variant(422, 1026, "input new_sensitive", "unprocessable_entity_error"),
            _base(1026, "input new_sensitive"),
            _base(1027, "output new_sensitive"),
        ),
        "server_error": (
            Variant(500, 1000, "unknown error", "api_error"),
            *(_base(code, "internal error") for code in (1000, 1013, 1024, 1033)),
            _base(1001, "request timeout"),
        ),
        "auth": (Variant(401, 1004, _NO_KEY, "authorized_error"), _base(2049, "invalid api key")),
        "model_not_found": (Variant(400, 2013, "invalid params, unknown model '{model}'", _BAD),),
        "context_length": (Variant(400, 2013, "invalid params, context window exceeds limit", _BAD),),
        "bad_request": (
            Variant(400, 2013, "invalid params", _BAD),
            Variant(400, 1042, "invisible character ratio limit", _BAD),
            _base(2013, "invalid params"),
        ),
    }
    models: ClassVar = {
        "MiniMax-M3": Model(1_000_000, thinks=True),
        **dict.fromkeys(
            (
                *("MiniMax-M2.7", "MiniMax-M2.7-highspeed", "MiniMax-M2.5", "MiniMax-M2.5-highspeed"),
                *("MiniMax-M2.5-lightning", "MiniMax-M2.1", "MiniMax-M2.1-lightning", "MiniMax-M2"),
            ),
            Model(204_800, thinks=True),
        ),
    }

    def authenticate(self, call: Call) -> None:
        """Refuse a missing key with HTTP 401, a wrong one with HTTP 200."""
        if call.bearer() is None:
            raise self.refuse(call, "auth")
        if call.bearer() != self.site.key:
            raise Refused(self.error(call, self.variant(call, "auth", "2049")))

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"type": "error", "error": {...}}` with the number in brackets, or `base_resp` with HTTP 200."""
        del call
        if variant.status == 200:
            return Reply(200, {"choices": None, "base_resp": _base_resp(variant.code, variant.message)})
        message = f"{variant.message} ({variant.code})"
        error: Json = {"type": variant.type or _BAD, "message": message, "http_code": str(variant.status)}
        return Reply(variant.status, {"type": "error", "error": error, "request_id": identifier(length=32)})

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return it as `base_resp` without choices."""
        return event(_json.loads(self.error(call, replace(variant, status=200)).encoded()))

    def thinks(self, call: Call, model: Model) -> bool:
        """`thinking` switches M3 off; the others always think."""
        return switched(call.body, model.thinks) if call.model == "MiniMax-M3" else model.thinks

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Reject what it does not know and what is not where it wants it, all of it as 2013."""
        found = next(_complaints(call.body, messages), None)
        if "stream_options" in call.body and call.model != "MiniMax-M3":
            found = "unknown parameter stream_options"
        return f"invalid params, {found}" if found else super().wrong(call, model, messages)

    def message(self, call: Call, choice: Choice, reasoning: str, said: str) -> Json:
        """Put the thoughts into the text, unless `reasoning_split` keeps them apart."""
        if reasoning and not _split(call):
            said, reasoning = f"<think>\n{reasoning}\n</think>\n\n{said}", ""
        return {**super().message(call, choice, reasoning, said), "content": said}

    def reasoned(self, call: Call, said: str) -> Json:
        """Return the thoughts as `reasoning_details`."""
        del call
        detail: Json = {"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1"}
        return {"reasoning_details": [{**detail, "index": 0, "text": said}]}

    def deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield the thoughts inside the text, unless `reasoning_split` keeps them apart."""
        if not _split(call) and choice.thoughts:
            yield {"content": "<think>\n"}
            for piece in choice.think():
                yield {"content": piece}
            yield {"content": "\n</think>\n\n"}
        yield from super().deltas(call, choice)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add what its filter found, and to what is whole the state of it all."""
        del turn
        body |= {"input_sensitive": False, "output_sensitive": False, "input_sensitive_type": 0}
        return {**body, "base_resp": _base_resp(0, "")} if body.get("usage") else body


def _base_resp(code: str | int | None, message: str) -> Json:
    return {"status_code": code, "status_msg": message}


def _split(call: Call) -> bool:
    return call.body.get("reasoning_split") is True


def _complaints(body: Json, messages: list[Json]) -> Iterator[str]:
    if "parallel_tool_calls" in body:
        yield "unknown parameter parallel_tool_calls"
    if any(message.get("role") == "system" for message in messages[1:]):
        yield "only the first message may be a system message"
    for message in messages:
        if message.get("tool_calls") and message.get("content") is None:
            yield "chat content is empty"
    for tool in tables(body.get("tools")):
        if tool.get("type") != "function":
            yield f"invalid tool type: {tool.get('type') or ''}"
    for function in functions_of(body):
        if not function.get("name") or "parameters" not in function:
            yield "function name or parameters is empty"
        if "strict" in function and function["strict"] is None:
            yield "strict must be a boolean"


PROVIDER = Provider(name="minimax", dialects=(MiniMax,), sites=(Site.of("minimax", "cn"), Site.of("minimax", "io")))
