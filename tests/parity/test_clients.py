"""Clients: how they are made, copied, used and closed."""

from __future__ import annotations

import gc
import inspect
from typing import TYPE_CHECKING, Any

import openai

from llmswitch._httpx import httpx
from tests.parity import calls, shapes
from tests.parity.case import Case, Each, Program, Within
from tests.parity.clients import BUSY, OK, OMIT, attributes, made
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

# --- what a client shows ----------------------------------------------------------------------------------------------


def _copied(**arguments: Any) -> Program:
    def call(client: Any) -> Any:
        for copy in (client.copy(**arguments), client.with_options(**arguments)):
            yield from attributes(copy)
            yield calls.chat(copy)

    return call


def _signatures(client: Any) -> Any:
    completions = client.chat.completions
    methods = (completions.create, completions.parse, completions.stream, completions.with_raw_response.create,
               completions.with_streaming_response.create, client.embeddings.create,
               client.models.list, client.models.retrieve)  # fmt: skip
    for method in methods:
        yield str(inspect.signature(method))
        yield [method.__name__, method.__qualname__, method.__module__, method.__doc__]
        yield inspect.iscoroutinefunction(method)
    yield [type(part).__mro__[-1] for part in (client.chat, completions, client.embeddings, client.models)]
    yield isinstance(completions, (openai.resources.chat.Completions, openai.resources.chat.AsyncCompletions))
    yield isinstance(client.embeddings, (openai.resources.Embeddings, openai.resources.AsyncEmbeddings))
    yield client.chat is client.chat
    yield completions is client.chat.completions


def _copy_of_a_copy(client: Any) -> Any:
    other = client.with_options(timeout=5, default_headers={"X-A": "1"}).copy(
        max_retries=1, default_headers={"X-B": "2"}
    )
    yield from attributes(other)
    yield calls.chat(other)
    yield calls.chat(client)


def _set_later(client: Any) -> Any:
    client.api_key = "sk-later"
    yield calls.chat(client)
    client.max_retries = 0
    client.timeout = 9
    client.organization = "org-later"
    yield calls.chat(client)


def _context(client: Any) -> Any:
    def inside(entered: Any) -> Any:
        yield entered is client
        yield calls.chat(entered)

    yield Within(client, inside)
    yield client.is_closed()


def _closed(client: Any) -> Any:
    yield client.close()
    yield client.is_closed()
    yield client.close()
    yield calls.chat(client)


def _closed_stream(client: Any) -> Any:
    yield client.close()
    yield client.chat.completions.create(**shapes.CALL, stream=True)


def _twice(client: Any) -> Any:
    yield calls.chat(client)
    yield calls.chat(client)


# --- streams that end early -------------------------------------------------------------------------------------------


def _closed_early(client: Any) -> Any:
    stream = (yield calls.raw_stream(client)).parse()
    yield Each(stream, most=1)
    yield stream.close()
    yield stream.response.is_closed
    yield Each(stream)
    yield calls.chat(client)


def _dropped(client: Any) -> Any:
    stream = (yield calls.raw_stream(client)).parse()
    yield Each(stream, most=1)
    del stream
    gc.collect()
    yield calls.chat(client)


def _stream_as_context(client: Any) -> Any:
    stream = (yield calls.raw_stream(client)).parse()

    def inside(entered: Any) -> Any:
        yield entered is stream
        yield Each(entered, most=2)

    yield Within(stream, inside)
    yield stream.response.is_closed


def _streamattributes(client: Any) -> Any:
    stream = (yield calls.raw_stream(client)).parse()
    yield isinstance(stream, openai.Stream | openai.AsyncStream)
    yield sorted(name for name in dir(stream) if not name.startswith("_"))
    yield stream.response.status_code
    yield stream.response.headers["x-request-id"]
    yield Each(stream)
    yield Each(stream)
    yield stream.response.is_closed


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


# What 1.99 did not have: keys that are functions, a look at empty ones.
OLD = openai.__version__.startswith("1.")
CLOSED = ("RuntimeError", "APIConnectionError")

CASES = [
    made("attributes", call=attributes),
    made("signatures", call=_signatures),
    made(
        "attributes that are set",
        call=attributes,
        organization="org",
        project="proj",
        timeout=3,
        max_retries=7,
        webhook_secret="w",
        default_headers={"X-A": "1"},
        default_query={"q": "1"},
    ),
    made(
        "attributes from the environment",
        call=attributes,
        api_key=...,
        base_url=...,
        environ={
            "OPENAI_API_KEY": "sk-env",
            "OPENAI_BASE_URL": "{url}",
            "OPENAI_ORG_ID": "org-env",
            "OPENAI_PROJECT_ID": "proj-env",
            "OPENAI_WEBHOOK_SECRET": "w",
        },
    ),
    made(
        "the environment",
        api_key=...,
        base_url=...,
        environ={
            "OPENAI_API_KEY": "sk-env",
            "OPENAI_BASE_URL": "{url}",
            "OPENAI_ORG_ID": "org-env",
            "OPENAI_PROJECT_ID": "proj-env",
        },
    ),
    made(
        "arguments before the environment",
        organization="org",
        project="proj",
        environ={
            "OPENAI_API_KEY": "sk-env",
            "OPENAI_BASE_URL": "http://127.0.0.1:9",
            "OPENAI_ORG_ID": "org-env",
            "OPENAI_PROJECT_ID": "proj-env",
        },
    ),
    made("custom headers from the environment", environ={"OPENAI_CUSTOM_HEADERS": "X-Env: 1\nX-Other: 2"}),
    made("base_url with a slash", base_url=..., environ={"OPENAI_BASE_URL": "{url}/"}),
    made("base_url with a path", base_url=..., environ={"OPENAI_BASE_URL": "{url}/deep/er"}),
    made(
        "base_url with a query",
        bug="config: openai 3 takes a base_url with a query",
        base_url=...,
        environ={"OPENAI_BASE_URL": "{url}?a=1"},
    ),
    made(
        "base_url with a user",
        differs=("config-error",),
        base_url=...,
        environ={"OPENAI_BASE_URL": "http://me:word@127.0.0.1:{port}/v1"},
    ),
    made("organization and project", organization="org", project="proj"),
    made("an empty organization", organization="", project=""),
    made("default_headers", default_headers={"X-A": "1", "user-agent": "mine"}),
    made(
        "default_headers take away",
        "TypeError" if OMIT is openai.NOT_GIVEN else (),
        default_headers={"X-Stainless-Lang": OMIT, "X-A": "1"},
    ),
    made("default_headers without authorization", ("TypeError",), default_headers={"Authorization": OMIT}),
    made(
        "default_headers against extra_headers",
        default_headers={"X-A": "1", "X-B": "1"},
        call=calls.chat_with(extra_headers={"x-a": "2", "X-B": OMIT}),
    ),
    made("default_query", default_query={"q": "1", "l": ["a", "b"], "n": None, "o": {"a": 1}}),
    made(
        "default_query against extra_query",
        default_query={"q": "1", "r": "1"},
        call=calls.chat_with(extra_query={"q": "2"}),
    ),
    made("default_query for models", default_query={"q": "1"}, call=calls.models, answers=(answer(shapes.MODELS),)),
    *[
        made(f"timeout {value!r}", timeout=value)
        for value in (4, 2.5, None, httpx.Timeout(3), httpx.Timeout(9, connect=1), openai.NOT_GIVEN)
    ],
    made("timeout 0.1 and a slow vendor", "APITimeoutError", timeout=0.1, answers=(Answer(then="stall"),)),
    made(
        "timeout per call and a slow vendor",
        "APITimeoutError",
        answers=(Answer(then="stall"),),
        call=calls.chat_with(timeout=0.1),
    ),
    made(
        "timeout of reading and a slow stream",
        ("APITimeoutError", "ReadTimeout"),
        timeout=httpx.Timeout(5, read=0.15),
        differs=("interrupted",),
        answers=(events(*shapes.CHUNKS[:2], done=False, then="stall"),),
        call=calls.stream,
    ),
    # Copies.
    made("copy", call=_copied()),
    made(
        "copy with all",
        call=_copied(
            timeout=3,
            max_retries=2,
            api_key="sk-copy",
            organization="o",
            project="p",
            default_headers={"X": "1"},
            default_query={"q": "1"},
        ),
    ),
    made(
        "copy that replaces",
        call=_copied(set_default_headers={"X": "1"}, set_default_query={"q": "1"}),
        default_headers={"Y": "1"},
        default_query={"z": "1"},
    ),
    made(
        "copy that adds",
        call=_copied(default_headers={"X": "1"}, default_query={"q": "1"}),
        default_headers={"Y": "1"},
        default_query={"z": "1"},
    ),
    made("copy with both", "ValueError", call=_copied(default_headers={"X": "1"}, set_default_headers={"Y": "1"})),
    made("copy with an unknown argument", "TypeError", call=_copied(no_such=1)),
    made("copy without a timeout", call=_copied(timeout=None), timeout=3),
    made("copy of a copy", call=_copy_of_a_copy, default_headers={"X-C": "3"}),
    made("set later", call=_set_later),
    made("an unknown argument", "TypeError", no_such=1),
    # Life.
    made("as a context manager", call=_context),
    made("closed", CLOSED, call=_closed),
    made("closed, then a stream", CLOSED, call=_closed_stream),
    made("two calls", call=_twice),
    made(
        "a kept connection is reset",
        "APIConnectionError",
        call=_twice,
        answers=(OK, Answer(status=0, then="reset", framing="close")),
        differs=("stale-connection",),
    ),
    made("a stream closed early", call=_closed_early, differs=("closed-stream",), answers=(events(*shapes.CHUNKS), OK)),
    made("a stream dropped", call=_dropped, answers=(events(*shapes.CHUNKS), OK)),
    made("a stream as a context manager", call=_stream_as_context, answers=(events(*shapes.CHUNKS),)),
    made("a stream's attributes", call=_streamattributes, answers=(events(*shapes.CHUNKS),)),
    # Strict validation.
    *[
        made(f"strict validation, {name}", fails, _strict_response_validation=True, answers=(answer(body),))
        for name, fails, body in (
            ("whole", (), shapes.CHAT),
            ("more", (), shapes.chat(x=1)),
            ("no id", "APIResponseValidationError", shapes.chat(id=...)),
            ("a wrong type", "APIResponseValidationError", shapes.chat(created="later")),
            ("an unknown finish_reason", "APIResponseValidationError", shapes.choice(finish_reason="eos")),
        )
    ],
    made(
        "strict validation, a stream",
        _strict_response_validation=True,
        answers=(events(*shapes.CHUNKS),),
        call=calls.stream,
    ),
    made(
        "strict validation, a bent stream",
        "APIResponseValidationError",
        _strict_response_validation=True,
        answers=(events(*shapes.CHUNKS[:2], shapes.chunk({}, id=3)),),
        call=calls.stream,
    ),
    made(
        "strict validation, another content type",
        _strict_response_validation=True,
        answers=(answer(shapes.CHAT, kind="text/plain"),),
    ),
    # Keys.
    Case("api_key is a function", _twice, (OK,), client=_counting),
    Case(
        "api_key is a function, with retries",
        calls.chat,
        (BUSY, OK),
        client=lambda mode: {**_counting(mode), "max_retries": 1},
    ),
    Case(
        "api_key is a function, of a copy",
        lambda client: calls.chat(client.with_options(timeout=5)),
        (OK,),
        client=_counting,
    ),
    Case(
        "api_key is a function that fails",
        calls.chat,
        (OK,),
        fails=() if OLD else "ZeroDivisionError",
        client=_failing_key,
    ),
    made(
        "api_key with blanks", ("APIConnectionError", "LocalProtocolError"), api_key="sk a ", differs=("config-error",)
    ),
    made("api_key is empty", () if OLD else "OpenAIError", api_key=""),
]


def test_clients_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
