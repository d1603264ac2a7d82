"""ERNIE through `qianfan`: V2 with a bearer, V2 with the access key of IAM, V1 with the keys of an app.

The keys of IAM are exchanged for a bearer, those of an app for an access token; both are remembered while they last.
Sources: qianfan 0.4.12.3 (consts.py, resources/auth, resources/console/iam.py, resources/requestor/openapi_requestor.py).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
import time
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from llmswitch._json import dumps, loads
from llmswitch.sdk import qianfan_v1, shape
from llmswitch.sdk.base import NO_KEY, Fetch, Whole, Written, library, stop, stopped
from llmswitch.secret import Secret
from llmswitch.transport.base import Headers, Veiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json
    from llmswitch.sdk.base import Ask, Steps
    from llmswitch.transport.base import Request

NAME: Final = "qianfan"
_OPERATIONS: Final = {"v2": ("chat",), "v1": ("chat", "embeddings")}
_V1_ROOT: Final = "/rpc/2.0/ai_custom/v1/wenxinworkshop"
_BEARER_SECONDS: Final = 43_200  # as the SDK asks for
_EARLY: Final = 60.0  # seconds before its end a token is renewed
_REMEMBERED: Final = 64  # credentials
# What both protocols say of a token that is not good, or not any more.
_STALE: Final = (b"invalid_iam_token", b'"error_code":110', b'"error_code":111')


@dataclass(frozen=True, slots=True)
class _Token:
    secret: Secret
    until: float  # unix time


_tokens: dict[tuple[str, str], _Token] = {}


def write(ask: Ask) -> Steps:
    """As `Writer.write`."""
    request, token, remembered = ask.request, None, False
    if ask.via.secrets is not None:
        token = _remembered(ask)
        remembered = token is not None
        if token is None:
            answer = yield Fetch(_exchange(ask))
            assert answer is not None  # noqa: S101 - the driver's answer to a Fetch
            token = _kept(ask, answer)
            if token is None:
                return answer
    stale = partial(_is_stale, ask) if remembered else None
    if ask.operation not in _OPERATIONS[ask.via.protocol]:
        if ask.via.protocol == "v1":
            return Whole(404, [], b'{"error":{"message":"ERNIE\'s V1 has no list of models; nothing was sent"}}')
        return Written(_with_bearer(request, token), stale=stale)
    written = _v1(ask, token) if ask.via.protocol == "v1" else _v2(ask, token)
    written.stale = stale
    return written


# --- requests ------------------------------------------------------------------------------------------------------------------


def _v2(ask: Ask, token: Secret | None) -> Written:
    params = ask.params()
    authorization = ask.authorization if token is None else ("Authorization", f"Bearer {token.reveal()}")
    return Written(_chat(ask, "2", ask.endpoint.base_url, params, authorization))


def _v1(ask: Ask, token: Secret | None) -> Written:
    assert token is not None  # noqa: S101 - V1 is spoken with the keys of an app only
    params, address = ask.params(), _address(ask, "v1")
    if ask.operation == "embeddings":
        given = params.get("input")
        body: Json = {"input": given if isinstance(given, list) else [given]}
        body |= {name: params[name] for name in ("user_id",) if name in params}
        embedding = _resource("Embedding", "1", address)
        place = _place(embedding, ask.model)
        sent = stopped(NAME, lambda: embedding.do(texts=[""], endpoint=place, retry_count=1))
        request = replace(ask.request, url=sent.url, headers=ask.headers(sent.headers.items(), None), body=dumps(body))
        translation: qianfan_v1.Chat | qianfan_v1.Embeddings = qianfan_v1.Embeddings(ask.model)
    else:
        counted = shape.table(params.pop("stream_options", None)).get("include_usage") is True
        request = _chat(ask, "1", address, qianfan_v1.body(params), None)
        translation = qianfan_v1.Chat(ask.model, usage=counted)
    url = Veiled(f"{request.url}?{urlencode({'access_token': token.reveal()})}")
    return Written(replace(request, url=url), translation)


def _chat(ask: Ask, version: str, address: str, body: Json, authorization: tuple[str, str] | None) -> Request:
    """The SDK's request with this body: a parameter may bear the name of one of the SDK's own arguments."""
    chat, streamed = _resource("ChatCompletion", version, address), body.get("stream") is True
    where = {"model": ask.model} if version == "2" else {"endpoint": _place(chat, ask.model)}
    sent = stopped(
        NAME,
        lambda: chat.do(messages=[{"role": "user", "content": ""}], stream=streamed, retry_count=1, **where),
    )
    return replace(
        ask.request, url=sent.url, headers=ask.headers(sent.headers.items(), authorization), body=dumps(body)
    )


def _with_bearer(request: Request, token: Secret | None) -> Request:
    if token is None:
        return request
    headers = Headers((name, value) for name, value in request.headers if name.lower() != "authorization")
    return replace(request, headers=Headers([("Authorization", f"Bearer {token.reveal()}"), *headers]))


class _Session:
    """In place of `requests.Session`."""

    @staticmethod
    def request(*, method: str, url: str, headers: dict[str, str], json: Json, **_: object) -> None:
        """As requests'."""
        stop(method, url, headers, json)


@lru_cache(maxsize=16)
def _resource(kind: str, version: str, address: str) -> Any:  # noqa: ANN401 - an untyped package
    """One of the SDK's objects for this address, without a key, a limiter or a session."""
    module = library(NAME)
    settings = module.config.Config(
        _env_file=None, AK=None, SK=None, ACCESS_KEY=None, SECRET_KEY=None, ACCESS_TOKEN=NO_KEY, BEARER_TOKEN=NO_KEY, APP_ID=None,
        BASE_URL=address, MODEL_API_PREFIX=_V1_ROOT, CONSOLE_API_BASE_URL=address, CHAT_V2_API_ROUTE="/chat/completions",
        NO_AUTH=False, ENABLE_PRIVATE=False, V2_INFER_API_DOWNGRADE=False, USE_CUSTOM_ENDPOINT=False,
    )  # fmt: skip
    made = getattr(module, kind)(
        config=settings, forcing_disable=True, **({"version": version} if kind == "ChatCompletion" else {})
    )
    resource = getattr(made, "_real", made)
    resource._client._client._session = _Session()  # noqa: SLF001 - it takes no session
    return resource


def _place(resource: Any, model: str) -> str:  # noqa: ANN401 - as above
    """Where V1 has this model, the end of its path: from the SDK's own list, else its name."""
    known = {name.lower(): found.endpoint for name, found in resource._local_models().items()}  # noqa: SLF001 - the public one goes online
    return (known.get(model.lower()) or model).rpartition("/")[2]


# --- tokens --------------------------------------------------------------------------------------------------------------------


def _address(ask: Ask, name: str) -> str:
    """Another address of the vendor's; where the user has moved the endpoint, the same server."""
    endpoint = ask.endpoint
    if not endpoint.moved:
        return ask.via.sdk.addresses[name]
    parts = urlsplit(endpoint.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _key(ask: Ask) -> tuple[str, str]:
    return ask.via.credential, ask.endpoint.base_url


def _remembered(ask: Ask) -> Secret | None:
    token = _tokens.get(_key(ask))
    return token.secret if token is not None and token.until > time.time() else None


def _exchange(ask: Ask) -> Request:
    """The request for a token."""
    assert ask.via.secrets is not None  # noqa: S101 - asked for where there are some
    assert ask.via.pair is not None  # noqa: S101 - likewise
    key, secret = (part.reveal() for part in ask.via.secrets)
    module = library(NAME)
    if ask.via.pair.name == "app":
        query = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
        url = Veiled(f"{_address(ask, 'v1')}{module.consts.Consts.AuthAPI}?{urlencode(query)}")
        headers = Headers([("Content-Type", "application/json"), ("Accept", "application/json")])
        return replace(ask.request, method="POST", url=url, headers=headers, body=b"{}")
    base = _address(ask, "iam")
    signed = _signed(module, base, key, secret)
    headers = Headers((name, value) for name, value in signed.headers.items() if name.lower() != "host")
    return replace(
        ask.request, method="GET", url=f"{base}{signed.url}?{urlencode(signed.query)}", headers=headers, body=None
    )


def _signed(module: Any, base: str, key: str, secret: str) -> Any:  # noqa: ANN401 - an untyped package
    """IAM's request for a bearer, signed by the SDK."""
    request = library(f"{NAME}.resources.typing").QfRequest(
        method="GET",
        url=module.consts.Consts.IAMBearerTokenAPI,
        query={"expireInSeconds": str(_BEARER_SECONDS)},
        headers={"Content-Type": "application/json", "Host": urlsplit(base).netloc},
    )
    with _silent("baidubce.auth.bce_v1_signer"):  # it logs the signature
        library(f"{NAME}.resources.auth.iam").iam_sign(key, secret, request)
    return request


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep this thread out of a log meanwhile."""
    logger, thread = logging.getLogger(name), threading.get_ident()

    def others(_: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    logger.addFilter(others)
    try:
        yield
    finally:
        logger.removeFilter(others)


def _kept(ask: Ask, answer: Whole) -> Secret | None:
    """The token in this answer, remembered; None where there is none."""
    try:
        value = loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or answer.status >= 300:  # noqa: PLR2004 - HTTP's own numbers
        return None
    text = value.get("access_token") or value.get("token")
    if not isinstance(text, str):
        return None
    token = _Token(Secret(text), _until(value) - _EARLY)
    if len(_tokens) >= _REMEMBERED:
        _tokens.clear()
    _tokens[_key(ask)] = token
    return token.secret


def _until(value: Json) -> float:
    """When the token ends, unix time: V1 gives seconds, IAM the moment."""
    seconds, moment = value.get("expires_in"), value.get("expireTime")
    if isinstance(seconds, (int, float)):
        return time.time() + seconds
    if isinstance(moment, str):
        try:
            return dt.datetime.fromisoformat(moment).timestamp()
        except ValueError:
            pass
    return time.time()


def _is_stale(ask: Ask, answer: Whole) -> bool:
    """Whether a remembered token is not good any more; it is forgotten, then."""
    compact = b"".join(answer.body[:4096].split())
    stale = any(word in compact for word in _STALE)
    if stale:
        _tokens.pop(_key(ask), None)
    return stale
