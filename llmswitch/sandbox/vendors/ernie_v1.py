"""ERNIE's first API (`/rpc/2.0/ai_custom/v1/wenxinworkshop/...`), its OAuth tokens and IAM signatures.

Errors come with HTTP 200 and a number; the model is the path's end; the answer stands in `result`.
Sources: qianfan's SDK (consts.py, resources/auth), baidubce's signer, ai.baidu.com/ai-doc/WENXINWORKSHOP.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import time
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from llmswitch import _json
from llmswitch.sandbox import answers
from llmswitch.sandbox.answers import Choice, Prompt
from llmswitch.sandbox.dialect import Dialect, Provider, Route, Site, Variant
from llmswitch.sandbox.fields import integer, number, tables, text
from llmswitch.sandbox.vendors.ernie import BEARER, Ernie, out_of_range
from llmswitch.sandbox.wire import Frame, Refused, Reply, Stream, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.wire import Call

_ROOT = "/rpc/2.0/ai_custom/v1/wenxinworkshop"
API_KEY, SECRET_KEY = "llmswitch-sandbox-app-key", "llmswitch-sandbox-app-secret-not-real"
"""Of an app: exchanged for an access token."""
ACCESS_KEY, ACCESS_SECRET = "ALTAK-llmswitch-sandbox-iam", "llmswitch-sandbox-iam-secret-not-real"
"""Of IAM: sign requests."""
_TOKEN = "24.llmswitch-sandbox-access-token-not-a-real-one"  # noqa: S105 - made up
_MONTH = 2_592_000
_CHATS = {
    "completions_pro": "ernie-4.0-8k",
    "completions": "ernie-3.5-8k",
    "eb-instant": "ernie-lite-8k",
    "ernie-lite-8k": "ernie-lite-8k",
    "ernie_speed": "ernie-speed-8k",
    "ernie-speed-128k": "ernie-speed-128k",
    "ernie-4.5-turbo-128k": "ernie-4.5-turbo-128k",
}


def _coded(*codes: tuple[int, str]) -> tuple[Variant, ...]:
    return tuple(Variant(200, code, message) for code, message in codes)


class ErnieV1(Dialect):
    """`aip.baidubce.com`, with `iam.bj.baidubce.com` for temporary bearers."""

    prefix = "/rpc"
    models = Ernie.models
    filtered_finish = "content_filter"
    errors: ClassVar = {
        "quota": _coded(
            (17, "Open api daily request limit reached"),
            (19, "Open api total request limit reached"),
        ),
        "arrears": _coded((17, "Open api daily request limit reached")),
        "rate_limit": _coded(
            (18, "Open api qps request limit reached"),
            (4, "Open api request limit reached"),
            (336501, "Rate limit reached for RPM"),
            (336502, "Rate limit reached for TPM"),
        ),
        "overload": _coded((336100, "try again"), (2, "Service temporarily unavailable")),
        "server_error": _coded((336000, "Internal error"), (1, "Unknown error")),
        "auth": _coded(
            (110, "Access token invalid or no longer valid"),
            (111, "Access token expired"),
            (14, "IAM Certification failed"),
            (13, "Get service token failed"),
            (100, "Invalid parameter"),
        ),
        "permission": _coded((6, "No permission to access data"), (336004, "permission denied")),
        "model_not_found": _coded((3, "Unsupported openapi method")),
        "context_length": _coded((336103, "Prompt tokens too long"), (336007, "the max input characters is 20000")),
        "bad_request": _coded((336003, "Invalid parameter"), (336001, "Invalid Argument"), (336002, "Invalid JSON")),
        # Refusals have no code of their own here: the answer comes, cut off and flagged.
        "refusal": _coded((336104, "the content of system field is invalid")),
    }

    def owns(self, path: str) -> bool:
        """Own the calls, the token exchange and IAM's paths."""
        return path.startswith(("/rpc", "/oauth", "/v1/BCE-BEARER"))

    def routes(self) -> tuple[Route, ...]:
        """Return chat and embeddings, and the two ways to a token."""
        return (
            Route("POST", _ROOT + "/chat/{name}", self.chat),
            Route("POST", _ROOT + "/embeddings/{name}", self.embed),
            Route("POST", "/oauth/2.0/token", self.token),
            Route("GET", "/oauth/2.0/token", self.token),
            Route("GET", "/v1/BCE-BEARER/token", self.bearer),
        )

    def authenticate(self, call: Call) -> None:
        """Take an access token in the query or an IAM signature; the token exchange checks its own."""
        if not call.path.startswith("/rpc"):
            return
        if signed := call.headers.get("Authorization", ""):
            if not _signature_holds(call, signed):
                raise Refused(self.error(call, self.variant(call, "auth", "14")))
        elif call.query.get("access_token") != _TOKEN:
            raise self.refuse(call, "auth")

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error_code", "error_msg", "id"}` with HTTP 200."""
        del call
        return Reply(
            variant.status, {"error_code": variant.code, "error_msg": variant.message, "id": identifier("as-", 10)}
        )

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the error as a bare line of JSON, as V1's streams have it."""
        body = self.error(call, variant).body
        return (body if isinstance(body, bytes) else _json.dumps(body)) + b"\n\n"

    def unknown_path(self, call: Call) -> Reply:
        """Return V1's answer to an unknown method."""
        return self.error(call, self.variant(call, "model_not_found"))

    def token(self, call: Call) -> Reply | Stream:
        """Exchange an app's keys for an access token."""
        given = call.query
        if given.get("grant_type") != "client_credentials" or given.get("client_id") != API_KEY:
            return Reply(401, {"error": "invalid_client", "error_description": "unknown client id"})
        if given.get("client_secret") != SECRET_KEY:
            return Reply(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        return Reply(200, {"access_token": _TOKEN, "expires_in": _MONTH, "scope": "public ai_custom_all"})

    def bearer(self, call: Call) -> Reply | Stream:
        """Give a temporary bearer of V2 to whoever signs with IAM's keys."""
        if not _signature_holds(call, call.headers.get("Authorization", "")):
            body: Json = {
                "code": "SignatureDoesNotMatch",
                "message": "SignatureDoesNotMatch, cause: Fail to authn user: Signature does not match",
                "requestId": identifier(),
            }
            return Reply(
                403, body, {"X-Bce-Error-Code": "SignatureDoesNotMatch", "X-Bce-Error-Message": str(body["message"])}
            )
        now = dt.datetime.now(dt.UTC)
        seconds = int(call.query.get("expireInSeconds", "86400"))
        stamps = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now, now + dt.timedelta(seconds=seconds))]
        return Reply(
            201,
            {
                "userId": "sandbox",
                "token": BEARER,
                "status": "enable",
                "createTime": stamps[0],
                "expireTime": stamps[1],
            },
        )

    def chat(self, call: Call) -> Reply | Stream:
        """Answer a chat; the path names the model."""
        model = _CHATS.get(call.places["name"])
        if model is None:
            raise self.refuse(call, "model_not_found")
        if not call.readable:
            raise Refused(self.error(call, Variant(200, 336002, "Invalid JSON")))
        messages = answers.messages_of(call.body)
        if wrong := _wrong_about(messages) or out_of_range(call.body):
            raise self.refuse(call, "bad_request", wrong)
        spent = answers.count(messages)
        if spent > self.models[model].context:
            raise self.refuse(call, "context_length")
        prompt = Prompt(
            endpoint=self.endpoint,
            model=model,
            messages=messages,
            limit=integer(call.body.get("max_output_tokens")),
            temperature=number(call.body.get("temperature")),
        )
        functions = tables(call.body.get("functions"))
        choice = Choice(
            source=self.generator.text(prompt),
            tool_calls=answers.tool_calls(messages, functions, None, parallel=False),
            limit=prompt.limit,
            filtered=call.filtered,
        )
        if call.body.get("stream") is True:
            return Stream(_frames(choice, spent))
        said = "".join(choice.speak())
        return Reply(200, {**_head(), "is_truncated": False, "result": said, **_ending(choice, spent)})

    def embed(self, call: Call) -> Reply | Stream:
        """Answer embeddings."""
        name = {"embedding-v1": "embedding-v1", "bge_large_zh": "bge-large-zh", "tao_8k": "tao-8k"}.get(
            call.places["name"]
        )
        if name is None:
            raise self.refuse(call, "model_not_found")
        given = call.body.get("input")
        texts = [text(one) for one in given] if isinstance(given, list) else []
        if not texts or not all(texts) or len(texts) > 16:
            raise self.refuse(call, "bad_request", "input must be an array of 1 to 16 strings, none of them empty")
        data: list[JsonValue] = [
            {
                "object": "embedding",
                "embedding": [*answers.vector(said, name, self.models[name].dimensions[0])],
                "index": index,
            }
            for index, said in enumerate(texts)
        ]
        tokens = sum(len(answers.pieces(said)) for said in texts)
        usage: Json = {"prompt_tokens": tokens, "total_tokens": tokens}
        head: Json = {"id": identifier("as-", 10), "object": "embedding_list", "created": int(time.time())}
        return Reply(200, {**head, "data": data, "usage": usage})


def _head() -> Json:
    return {"id": identifier("as-", 10), "object": "chat.completion", "created": int(time.time())}


def _ending(choice: Choice, spent: int) -> Json:
    filtered = choice.finish == "content_filter"
    words = {"stop": "normal", "tool_calls": "function_call"}
    ending: Json = {
        "need_clear_history": filtered,
        "finish_reason": words.get(choice.finish, choice.finish),
        "usage": {"prompt_tokens": spent, "completion_tokens": choice.tokens, "total_tokens": spent + choice.tokens},
    }
    if filtered:
        ending |= {"flag": 4, "ban_round": -1}
    if choice.tool_calls:
        one = choice.tool_calls[0]
        ending["function_call"] = {"name": one.name, "arguments": one.arguments, "thoughts": "the sandbox calls it"}
    return ending


def _frames(choice: Choice, spent: int) -> Iterator[Frame]:
    head = _head()
    number_ = 0
    for piece in choice.speak():
        body: Json = {"sentence_id": number_, "is_end": False, "is_truncated": False, "result": piece}
        usage: Json = {
            "prompt_tokens": spent,
            "completion_tokens": choice.tokens,
            "total_tokens": spent + choice.tokens,
        }
        yield Frame("content", event({**head, **body, "need_clear_history": False, "usage": usage}))
        number_ += 1
    body = {"sentence_id": number_, "is_end": True, "is_truncated": False, "result": ""}
    yield Frame("end", event({**head, **body, **_ending(choice, spent)}))


def _wrong_about(messages: list[Json]) -> str | None:
    """Return what is wrong about V1's messages, or None: odd in number, user first and last, no system among them."""
    if not messages:
        return "messages can not be empty"
    if any(message.get("role") not in ("user", "assistant", "function") for message in messages):
        return "the role of message must be user, assistant or function"
    if len(messages) % 2 == 0:
        return "the length of messages must be an odd number"
    for index, message in enumerate(messages):
        if (message.get("role") == "assistant") != (index % 2 == 1):
            return "the role of message with even index in messages must be user or function"
        if not message.get("content") and not message.get("function_call"):
            return "message content can not be empty"
    return None


def _signature_holds(call: Call, given: str) -> bool:
    """Check a `bce-auth-v1` signature, as baidubce's signer makes it."""
    version, _, rest = given.partition("/")
    parts = rest.split("/")
    if version != "bce-auth-v1" or len(parts) != 5 or parts[0] != ACCESS_KEY:
        return False
    key, moment, seconds, names, signature = parts
    info = f"bce-auth-v1/{key}/{moment}/{seconds}"
    signing = hmac.new(ACCESS_SECRET.encode(), info.encode(), hashlib.sha256).hexdigest()
    signed = (names or "host").split(";")
    headers = sorted(
        f"{_plain(name)}:{_plain(value.strip())}"
        for name, value in ((name, call.headers.get(name, "")) for name in signed)
        if value.strip()
    )
    queried = "&".join(sorted(f"{_plain(name)}={_plain(value)}" for name, value in call.query.items()))
    said = "\n".join((call.method, call.path, queried, "\n".join(headers)))
    return hmac.compare_digest(hmac.new(signing.encode(), said.encode(), hashlib.sha256).hexdigest(), signature)


def _plain(value: str) -> str:
    return quote(value, safe="-_.~")


PROVIDER = Provider(
    name="ernie",
    rank=30,
    dialects=(Ernie, ErnieV1),
    sites=(
        Site(
            name="cn",
            key="bce-v3/ALTAK-llmswitch-sandbox/not-a-real-key",
            base="/v2",
            native=_ROOT,
            base_variable="LLMSWITCH_ERNIE_BASE_URL",
            key_variable="QIANFAN_API_KEY",
            sdk={
                "QIANFAN_BEARER_TOKEN": "{key}",
                "QIANFAN_CONSOLE_API_BASE_URL": "{origin}",
                "QIANFAN_BASE_URL": "{origin}",
                "QIANFAN_IAM_BASE_URL": "{origin}",
                "QIANFAN_AK": API_KEY,
                "QIANFAN_SK": SECRET_KEY,
            },
        ),
    ),
)
