"""GLM through `zhipuai`: the same protocol as over HTTP, with the SDK's own address and headers.

All parameters go through `extra_body`: the SDK's own arguments change temperature and top_p, cut pictures in the caller's messages and
refuse what they do not know (zhipuai 2.1.5, api_resource/chat/completions.py).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from llmswitch._json import dumps, loads
from llmswitch.sdk.base import NO_KEY, Written, library, stop, stopped

if TYPE_CHECKING:
    from llmswitch.sdk.base import Ask, Steps

NAME: Final = "zhipuai"


def write(ask: Ask) -> Steps:
    """As `Writer.write`."""
    if ask.operation not in ("chat", "embeddings"):
        return Written(ask.request)
    yield from ()
    params, client = ask.params(), _client(ask.endpoint.base_url)
    if ask.operation == "embeddings":
        written = stopped(NAME, lambda: client.embeddings.create(model=ask.model, input="", extra_body=params))
    else:
        streamed = params.get("stream") is True
        written = stopped(
            NAME,
            lambda: client.chat.completions.create(model=ask.model, messages=[], stream=streamed, extra_body=params),
        )
    body = loads(written.body)
    if isinstance(body, dict):  # the SDK adds nulls of its own, and `stream` where nobody asked for it
        written.body = dumps({name: value for name, value in body.items() if name in params})
    headers = ask.headers(written.headers.items(), ask.authorization)
    return Written(
        replace(ask.request, method=written.method, url=written.url, headers=headers, body=written.body),
    )


@lru_cache(maxsize=16)
def _client(base_url: str) -> Any:  # noqa: ANN401 - an untyped package
    """The SDK's client, without a key, with an httpx client that stops it."""
    httpx: Any = library("httpx")

    class Transport(httpx.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:  # noqa: ANN401 - httpx's
            stop(request.method, str(request.url), dict(request.headers), request.content)

    return library(NAME).ZhipuAI(
        api_key=NO_KEY,
        base_url=base_url,
        max_retries=0,
        http_client=httpx.Client(transport=Transport(), trust_env=False),
        disable_token_cache=True,
    )
