"""Whole answers, as they come and as a program sees them."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any

from tests.parity import calls, shapes
from tests.parity.case import Case
from tests.parity.upstream import Answer, answer

if TYPE_CHECKING:
    from tests.parity.bench import Bench


def chatted(name: str, *answers: Answer, **more: Any) -> Case:
    return Case(name, calls.chat, answers, **more)


def listed(client: Any) -> Any:
    return client.models.list()


def raw(client: Any) -> Any:
    return client.chat.completions.with_raw_response.create(**shapes.CALL)


def two_raw(client: Any) -> Any:
    yield raw(client)
    yield raw(client)


PLAIN = answer(shapes.CHAT)
DATA = PLAIN.pieces[0]

CASES = [
    chatted("chat", PLAIN),
    chatted("tool calls", answer(shapes.message(content=None, tool_calls=[shapes.TOOL_CALL] * 2))),
    chatted(
        "a custom tool's call",
        answer(shapes.message(tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "n", "input": "i"}}])),
    ),
    chatted("logprobs", answer(shapes.choice(logprobs=shapes.LOGPROBS))),
    chatted("refusal", answer(shapes.message(content=None, refusal="I will not."))),
    chatted("content filter", answer(shapes.choice(finish_reason="content_filter"))),
    chatted("several choices", answer(shapes.chat(choices=[{**shapes.CHOICE, "index": index} for index in range(3)]))),
    chatted("unicode", answer(shapes.message(content="你好 \u2028 \U0001f600 \x7f é"))),
    chatted(
        "unicode as it is", answer('{"id": "1", "object": "o", "choices": [{"message": {"content": "你好"}}]}'.encode())
    ),
    chatted("large", answer(shapes.message(content="x" * 300_000))),
    chatted("chunked", Answer(pieces=(DATA[:20], DATA[20:21], DATA[21:]), framing="chunked")),
    chatted("until the connection ends", Answer(pieces=(DATA,), framing="close")),
    Case("gzip", raw, (answer(gzip.compress(DATA, mtime=0), 200, ("Content-Encoding", "gzip")),), differs=("decoded",)),
    Case("deflate", raw, (answer(zlib.compress(DATA), 200, ("Content-Encoding", "deflate")),), differs=("decoded",)),
    Case("another reason", raw, (Answer(pieces=(DATA,), reason="Fine"),), differs=("reason-phrase",)),
    chatted("a redirect", answer({}, 307, ("Location", "/v1/elsewhere")), PLAIN, differs=("redirects",)),
    chatted("201", answer(shapes.CHAT, 201)),
    chatted("another content type", answer(shapes.CHAT, kind="text/plain")),
    chatted("no content type", Answer(pieces=(DATA,), headers=())),
    chatted("json with a suffix", answer(shapes.CHAT, kind="application/vnd.api+json; charset=utf-8")),
    chatted("latin-1 as its charset", answer(shapes.CHAT, kind="application/json; charset=latin-1")),
    chatted("no request id", Answer(pieces=(DATA,), headers=(("Content-Type", "application/json"),))),
    Case(
        "cookies",
        two_raw,
        (answer(shapes.CHAT, 200, ("Set-Cookie", "a=b; Path=/")),),
        client={"timeout": 60},
        differs=("cookies",),
    ),
    Case("embeddings", calls.embed, (answer(shapes.EMBEDDING),)),
    Case("models", listed, (answer(shapes.MODELS),)),
    Case("no models", listed, (answer({"object": "list", "data": []}),)),
    Case("models without a list", listed, (answer({"object": "list"}),)),
    Case("models with more", listed, (answer({**shapes.MODELS, "has_more": True, "first_id": "a"}),)),
    Case("model", lambda client: client.models.retrieve("gpt-4o"), (answer(shapes.MODELS["data"][0]),)),
    Case("model with a slash", lambda client: client.models.retrieve("org/a b"), (answer(shapes.MODELS["data"][0]),)),
]


def test_answers_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
