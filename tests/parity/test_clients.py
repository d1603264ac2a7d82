"""Clients: how they are made, copied, used and closed; retries, timeouts, the caller's own httpx client."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import openai

from llmswitch._httpx import httpx
from tests.parity import shapes
from tests.parity.case import Case, Each, Program, Within
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

OK = answer(shapes.CHAT)
OMIT: Any = getattr(openai, "omit", openai.NOT_GIVEN)
LATER = ("Retry-After-Ms", "1")
BUSY = answer(shapes.error("busy"), 503, LATER)


def chat(client: Any) -> Any:
    return client.chat.completions.create(**shapes.CALL)


def made(name: str, fails: str | tuple[str, ...] = (), /, *, call: Program = chat, answers: tuple[Answer, ...] = (OK,),
         environ: dict[str, str] | None = None, differs: tuple[str, ...] = (), bug: str | None = None, **client: Any) -> Case:  # fmt: skip
    """A client made with these arguments."""
    client = client or {"timeout": 60}
    return Case(name, call, answers, fails=fails, client=client, environ=environ or {}, differs=differs, bug=bug)


# --- what a client shows ----------------------------------------------------------------------------------------------


def _attributes(client: Any) -> Any:
    for name in ("api_key", "organization", "project", "webhook_secret", "max_retries", "timeout", "base_url", "websocket_base_url",
                 "default_headers", "default_query", "auth_headers", "user_agent", "custom_auth", "qs", "admin_api_key",
                 "_custom_headers", "_custom_query", "_strict_response_validation", "_version", "_base_url"):  # fmt: skip
        value = getattr(client, name, "absent")
        yield dict(value) if isinstance(value, dict) else value
    yield client.is_closed()
    yield sorted(name for name in dir(client) if not name.startswith("_"))
    yield [
        type(getattr(client, name)).__qualname__
        for name in ("chat", "embeddings", "models", "files", "beta", "responses")
    ]
    yield type(client.chat.completions).__qualname__


def _copied(**arguments: Any) -> Program:
    def call(client: Any) -> Any:
        for copy in (client.copy(**arguments), client.with_options(**arguments)):
            yield from _attributes(copy)
            yield chat(copy)

    return call


def _copy_of_a_copy(client: Any) -> Any:
    other = client.with_options(timeout=5, default_headers={"X-A": "1"}).copy(
        max_retries=1, default_headers={"X-B": "2"}
    )
    yield from _attributes(other)
    yield chat(other)
    yield chat(client)


def _set_later(client: Any) -> Any:
    client.api_key = "sk-later"
    yield chat(client)
    client.max_retries = 0
    client.timeout = 9
    client.organization = "org-later"
    yield chat(client)


def _context(client: Any) -> Any:
    yield Within(client, lambda entered: _two(entered is client, chat(entered)))
    yield client.is_closed()


def _two(*values: Any) -> Any:
    for value in values:
        yield value


def _closed(client: Any) -> Any:
    yield client.close()
    yield client.is_closed()
    yield client.close()
    yield chat(client)


def _closed_stream(client: Any) -> Any:
    yield client.close()
    yield client.chat.completions.create(**shapes.CALL, stream=True)


def _twice(client: Any) -> Any:
    yield chat(client)
    yield chat(client)


# --- streams that end early -------------------------------------------------------------------------------------------


def _start(client: Any) -> Any:
    """A stream whose items the program takes itself."""
    raw = client.chat.completions.with_raw_response.create(**shapes.CALL, stream=True)
    return raw


def _closed_early(client: Any) -> Any:
    stream = (yield _start(client)).parse()
    yield Each(stream, most=1)
    yield stream.close()
    yield stream.response.is_closed
    yield Each(stream)
    yield chat(client)


def _dropped(client: Any) -> Any:
    stream = (yield _start(client)).parse()
    yield Each(stream, most=1)
    del stream
    gc.collect()
    yield chat(client)


def _stream_as_context(client: Any) -> Any:
    stream = (yield _start(client)).parse()

    def inside(entered: Any) -> Any:
        yield entered is stream
        yield Each(entered, most=2)

    yield Within(stream, inside)
    yield stream.response.is_closed


def _stream_attributes(client: Any) -> Any:
    stream = (yield _start(client)).parse()
    yield isinstance(stream, openai.Stream | openai.AsyncStream)
    yield sorted(name for name in dir(stream) if not name.startswith("_"))
    yield stream.response.status_code
    yield stream.response.headers["x-request-id"]
    yield Each(stream)
    yield Each(stream)
    yield stream.response.is_closed


# --- httpx clients ----------------------------------------------------------------------------------------------------


def _httpx(**arguments: Any) -> Any:
    """A factory of httpx clients with these arguments."""

    def client(mode: str) -> dict[str, Any]:
        cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
        return {"http_client": cls(**{name: value() if name == "auth" else value for name, value in arguments.items()})}

    return client


class _Auth(httpx.Auth):
    def auth_flow(self, request: Any) -> Any:
        request.headers["X-Auth"] = "yes"
        yield request


def _own(
    name: str,
    call: Program = chat,
    answers: tuple[Answer, ...] = (OK,),
    fails: str | tuple[str, ...] = (),
    differs: tuple[str, ...] = (),
    **arguments: Any,
) -> Case:
    return Case(f"http_client, {name}", call, answers, fails=fails, client=_httpx(**arguments), differs=differs)


def _default(mode: str) -> dict[str, Any]:
    return {"http_client": openai.DefaultHttpxClient() if mode == "sync" else openai.DefaultAsyncHttpxClient()}


def _aiohttp(mode: str) -> dict[str, Any]:
    assert mode == "async"
    return {"http_client": openai.DefaultAioHttpClient()}


def _mock(mode: str) -> dict[str, Any]:
    """A transport that answers itself."""

    def reply(request: Any) -> Any:
        return httpx.Response(
            200, json={**shapes.CHAT, "asked": request.headers["accept"]}, headers={"x-request-id": "mocked"}
        )

    cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
    return {"http_client": cls(transport=httpx.MockTransport(reply))}


def _base(mode: str) -> dict[str, Any]:
    cls: Any = httpx.Client if mode == "sync" else httpx.AsyncClient
    return {"http_client": cls(headers={"X-Client": "1", "User-Agent": "mine"}, params={"p": "1"}, timeout=7)}


def _own_client_is_closed(client: Any) -> Any:
    yield chat(client)
    yield client.close()
    yield client.is_closed()


# --- keys -------------------------------------------------------------------------------------------------------------


def _counting(mode: str) -> dict[str, Any]:
    count = iter(range(10))
    if mode == "sync":
        return {"api_key": lambda: f"sk-{next(count)}"}

    async def key() -> str:
        return f"sk-{next(count)}"

    return {"api_key": key}


def _failing_key(mode: str) -> dict[str, Any]:
    if mode == "sync":
        return {"api_key": lambda: 1 / 0}

    async def key() -> str:
        raise ZeroDivisionError

    return {"api_key": key}


CASES = [
    made("attributes", call=_attributes),
    made("attributes that are set", call=_attributes, organization="org", project="proj", timeout=3, max_retries=7, webhook_secret="w",
         default_headers={"X-A": "1"}, default_query={"q": "1"}),
    made("attributes from the environment", call=_attributes, api_key=..., base_url=..., environ={
        "OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "{url}", "OPENAI_ORG_ID": "org-env", "OPENAI_PROJECT_ID": "proj-env", "OPENAI_WEBHOOK_SECRET": "w"}),
    made("the environment", api_key=..., base_url=..., environ={
        "OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "{url}", "OPENAI_ORG_ID": "org-env", "OPENAI_PROJECT_ID": "proj-env"}),
    made("arguments before the environment", organization="org", project="proj", environ={
        "OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://127.0.0.1:9", "OPENAI_ORG_ID": "org-env", "OPENAI_PROJECT_ID": "proj-env"}),
    made("custom headers from the environment", environ={"OPENAI_CUSTOM_HEADERS": "X-Env: 1\nX-Other: 2"}),
    made("base_url with a slash", base_url=..., environ={"OPENAI_BASE_URL": "{url}/"}),
    made("base_url with a path", base_url=..., environ={"OPENAI_BASE_URL": "{url}/deep/er"}),
    made("base_url with a query", bug="config: openai 3 takes a base_url with a query", base_url=..., environ={"OPENAI_BASE_URL": "{url}?a=1"}),
    made("base_url with a user", base_url=..., environ={"OPENAI_BASE_URL": "{url}"}),
    made("organization and project", organization="org", project="proj"),
    made("an empty organization", organization="", project=""),
    made("default_headers", default_headers={"X-A": "1", "user-agent": "mine"}),
    made("default_headers take away", default_headers={"X-Stainless-Lang": OMIT, "X-A": "1"}),
    made("default_headers without authorization", ("TypeError",) , default_headers={"Authorization": OMIT}),
    made("default_headers against extra_headers", default_headers={"X-A": "1", "X-B": "1"},
         call=lambda client: client.chat.completions.create(**shapes.CALL, extra_headers={"x-a": "2", "X-B": OMIT})),
    made("default_query", default_query={"q": "1", "l": ["a", "b"], "n": None, "o": {"a": 1}}),
    made("default_query against extra_query", default_query={"q": "1", "r": "1"},
         call=lambda client: client.chat.completions.create(**shapes.CALL, extra_query={"q": "2"})),
    made("default_query for models", default_query={"q": "1"}, call=lambda client: client.models.list(), answers=(answer(shapes.MODELS),)),
    *[made(f"timeout {value!r}", timeout=value) for value in (4, 2.5, None, httpx.Timeout(3), httpx.Timeout(9, connect=1), openai.NOT_GIVEN)],
    made("timeout 0.1 and a slow vendor", "APITimeoutError", timeout=0.1, answers=(Answer(then="stall"),)),
    made("timeout per call and a slow vendor", "APITimeoutError", answers=(Answer(then="stall"),),
         call=lambda client: client.chat.completions.create(**shapes.CALL, timeout=0.1)),
    made("timeout of reading and a slow stream", ("APITimeoutError", "ReadTimeout"), timeout=httpx.Timeout(5, read=0.15), differs=("interrupted",),
         answers=(events(*shapes.CHUNKS[:2], done=False, then="stall"),), call=lambda client: client.chat.completions.create(**shapes.CALL, stream=True)),
    # Retries of a lone provider are openai's.
    made("max_retries 2", max_retries=2, answers=(BUSY, BUSY, OK)),
    made("max_retries 1 and never", "InternalServerError", max_retries=1, answers=(BUSY,)),
    made("max_retries 0", "InternalServerError", max_retries=0, answers=(BUSY,)),
    made("max_retries of a copy", max_retries=0, answers=(BUSY, OK), call=lambda client: chat(client.with_options(max_retries=1))),
    *[made(f"{status} is tried again", (), max_retries=1, answers=(answer(shapes.error(), status, LATER), OK)) for status in (408, 409, 429, 500, 502, 529)],
    *[made(f"{status} is not", name, max_retries=1, answers=(answer(shapes.error(), status, LATER), OK))
      for status, name in {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 422: "UnprocessableEntityError"}.items()],
    made("x-should-retry: true", max_retries=1, answers=(answer(shapes.error(), 400, LATER, ("x-should-retry", "true")), OK)),
    made("x-should-retry: false", "RateLimitError", max_retries=1, answers=(answer(shapes.error(), 429, LATER, ("x-should-retry", "false")), OK)),
    made("no quota is tried again", max_retries=1, answers=(answer(shapes.error(code="insufficient_quota"), 429, LATER), OK)),
    made("a reset is tried again", max_retries=1, answers=(Answer(status=0, then="reset", framing="close"), OK)),
    made("a stream is tried again", max_retries=1, answers=(BUSY, events(*shapes.CHUNKS)), call=lambda client: client.chat.completions.create(**shapes.CALL, stream=True)),
    made("embeddings are tried again", max_retries=1, answers=(BUSY, answer(shapes.EMBEDDING)), call=lambda client: client.embeddings.create(**shapes.EMBED)),
    made("another resource is tried again", max_retries=1, answers=(BUSY, answer({"data": []})), call=lambda client: client.files.list()),
    made("retries as a raw response tells them", max_retries=2, answers=(BUSY, BUSY, OK), call=lambda client: client.chat.completions.with_raw_response.create(**shapes.CALL)),
    made("a retry count of our own", max_retries=1, answers=(BUSY, OK), call=lambda client: client.chat.completions.create(**shapes.CALL, extra_headers={"x-stainless-retry-count": "42"})),
    made("no retry count", max_retries=1, answers=(BUSY, OK), call=lambda client: client.chat.completions.create(**shapes.CALL, extra_headers={"x-stainless-retry-count": OMIT})),
    made("max_retries is None", "TypeError", max_retries=None),
    made("max_retries is text", ("TypeError", "ValueError"), max_retries="2"),
    made("max_retries is negative", ("ValueError", "AssertionError", "UnboundLocalError"), max_retries=-1),
    # Copies.
    made("copy", call=_copied()),
    made("copy with all", call=_copied(timeout=3, max_retries=2, api_key="sk-copy", organization="o", project="p", default_headers={"X": "1"}, default_query={"q": "1"})),
    made("copy that replaces", call=_copied(set_default_headers={"X": "1"}, set_default_query={"q": "1"}), default_headers={"Y": "1"}, default_query={"z": "1"}),
    made("copy that adds", call=_copied(default_headers={"X": "1"}, default_query={"q": "1"}), default_headers={"Y": "1"}, default_query={"z": "1"}),
    made("copy with both", "ValueError", call=_copied(default_headers={"X": "1"}, set_default_headers={"Y": "1"})),
    made("copy with an unknown argument", "TypeError", call=_copied(no_such=1)),
    made("copy without a timeout", call=_copied(timeout=None), timeout=3),
    made("copy of a copy", call=_copy_of_a_copy, default_headers={"X-C": "3"}),
    made("set later", call=_set_later),
    made("an unknown argument", "TypeError", no_such=1),
    # Life.
    made("as a context manager", call=_context),
    made("closed", "RuntimeError", call=_closed),
    made("closed, then a stream", "RuntimeError", call=_closed_stream),
    made("two calls", call=_twice),
    made("a kept connection is reset", "APIConnectionError", call=_twice, answers=(OK, Answer(status=0, then="reset", framing="close")), differs=("stale-connection",)),
    made("a stream closed early", call=_closed_early, differs=("closed-stream",), answers=(events(*shapes.CHUNKS), OK)),
    made("a stream dropped", call=_dropped, answers=(events(*shapes.CHUNKS), OK)),
    made("a stream as a context manager", call=_stream_as_context, answers=(events(*shapes.CHUNKS),)),
    made("a stream's attributes", call=_stream_attributes, answers=(events(*shapes.CHUNKS),)),
    # Strict validation.
    *[made(f"strict validation, {name}", fails, _strict_response_validation=True, answers=(answer(body),)) for name, fails, body in (
        ("whole", (), shapes.CHAT), ("more", (), shapes.chat(x=1)), ("no id", "APIResponseValidationError", shapes.chat(id=...)),
        ("a wrong type", "APIResponseValidationError", shapes.chat(created="later")), ("an unknown finish_reason", "APIResponseValidationError", shapes.choice(finish_reason="eos")))],
    made("strict validation, a stream", _strict_response_validation=True, answers=(events(*shapes.CHUNKS),), call=lambda client: client.chat.completions.create(**shapes.CALL, stream=True)),
    made("strict validation, a bent stream", "APIResponseValidationError", _strict_response_validation=True, answers=(events(*shapes.CHUNKS[:2], shapes.chunk({}, id=3)),),
         call=lambda client: client.chat.completions.create(**shapes.CALL, stream=True)),
    made("strict validation, another content type", _strict_response_validation=True, answers=(answer(shapes.CHAT, kind="text/plain"),)),
    # httpx clients.
    _own("plain"),
    Case("http_client, openai's default", chat, (OK,), client=_default),
    Case("http_client, aiohttp", chat, (OK,), client=_aiohttp, modes=("async",)),
    Case("http_client, aiohttp, streamed", lambda client: client.chat.completions.create(**shapes.CALL, stream=True), (events(*shapes.CHUNKS),), client=_aiohttp, modes=("async",)),
    Case("http_client, aiohttp, error", chat, (answer(shapes.error(), 429),), fails="RateLimitError", client=_aiohttp, modes=("async",)),
    Case("http_client, a mock", chat, (OK,), client=_mock),
    Case("http_client, its defaults", chat, (OK,), client=_base),
    Case("http_client, its defaults for a stream", lambda client: client.chat.completions.create(**shapes.CALL, stream=True), (events(*shapes.CHUNKS),), client=_base),
    Case("http_client, its defaults for models", lambda client: client.models.list(), (answer(shapes.MODELS),), client=_base),
    Case("http_client, its defaults for files", lambda client: client.files.list(), (answer({"data": []}),), client=_base),
    Case("http_client, attributes", _attributes, (OK,), client=_base),
    _own("auth", auth=_Auth),
    _own("a stream", lambda client: client.chat.completions.create(**shapes.CALL, stream=True), (events(*shapes.CHUNKS),)),
    _own("an error", answers=(answer(shapes.error(), 404),), fails="NotFoundError"),
    _own("retries", answers=(BUSY,), fails="InternalServerError"),
    _own("timeout", answers=(Answer(then="stall"),), fails="APITimeoutError", timeout=0.1),
    _own("reset", answers=(Answer(status=0, then="reset", framing="close"),), fails="APIConnectionError"),
    _own("closed with it", _own_client_is_closed),
    made("http_client is no client", ("TypeError", "AttributeError"), http_client=object()),
    Case("http_client of the other kind", chat, (OK,), fails="TypeError", client=lambda mode: _httpx()("async" if mode == "sync" else "sync")),
    # Keys.
    Case("api_key is a function", _twice, (OK,), client=_counting),
    Case("api_key is a function, with retries", chat, (BUSY, OK), client=lambda mode: {**_counting(mode), "max_retries": 1}),
    Case("api_key is a function, of a copy", lambda client: chat(client.with_options(timeout=5)), (OK,), client=_counting),
    Case("api_key is a function that fails", chat, (OK,), fails="ZeroDivisionError", client=_failing_key),
    made("api_key with blanks", ("APIConnectionError", "LocalProtocolError"), api_key="sk a ", differs=("config-error",)),
    made("api_key is empty", ("OpenAIError",), api_key=""),
]  # fmt: skip


def test_clients_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
