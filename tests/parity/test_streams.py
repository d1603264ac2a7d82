"""Streams, chunk by chunk, however they are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.parity import calls, shapes
from tests.parity.case import Case, Program
from tests.parity.shapes import chunk
from tests.parity.upstream import Answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench

FIRST, HELLO, THERE, STOP = shapes.CHUNKS

JSON = "JSONDecodeError"
INTERRUPTED = {"differs": ("interrupted",)}
BROKEN = {"differs": ("broken-chunk",)}
IN_BAND = {"differs": ("stream-error",), "fails": "APIError"}
LENIENT = {"differs": ("lenient-events",)}
# httpx's own error came through until openai 3.
CUT = {"fails": ("APIConnectionError", "RemoteProtocolError", "ReadError"), "differs": ("interrupted",)}
HOW: dict[str, dict[str, Any]] = {
    "two blanks": {"fails": JSON, **BROKEN},
    "a byte order mark": LENIENT,
    "the last chunk without its blank line": LENIENT,
    "the last chunk with one line end": LENIENT,
    "an empty event": {"fails": JSON, **BROKEN},
    "an event with a name alone": {"fails": JSON, **LENIENT},
    "a chunk that is a list": BROKEN,
    "a chunk that is text": BROKEN,
    "a chunk that is null": BROKEN,
    "a chunk that is a number": BROKEN,
    "an error at once": {**IN_BAND},
    "an error after content": {**IN_BAND},
    "an error as text": {**IN_BAND},
    "an error by its event's name": BROKEN,
    "an error by its event's name, as text": {"fails": JSON, **BROKEN},
    "not JSON": {"fails": JSON, **BROKEN},
    "half a chunk": INTERRUPTED,
    "not UTF-8": {"fails": "UnicodeDecodeError", **BROKEN},
    "nothing": INTERRUPTED,
    "[DONE] alone": INTERRUPTED,
    "it just ends": INTERRUPTED,
    "it just ends, by its connection's end": INTERRUPTED,
    "it ends inside a chunk": CUT,
    "it is reset": CUT,
    "as JSON": {"bug": "exchange: a stream whose head says JSON is not read as one"},
    "reasoning": {"differs": ("reasoning",)},
    "a whole answer": {"differs": ("no-answer",)},
    "an empty whole answer": {"differs": ("no-answer",)},
}


def streamed(name: str, *values: object, **more: Any) -> Case:
    """A stream of these events."""
    how = {key: more.pop(key) for key in ("done", "headers", "framing", "then", "pause") if key in more}
    return played(name, events(*values, **how), **more)


def played(name: str, answer: Answer, **more: Any) -> Case:
    call: Program = calls.stream
    return Case(name, call, (answer,), **HOW.get(name, {}), **more)


def data(value: object) -> bytes:
    return json.dumps(value).encode()


def written(text: str) -> Answer:
    """A stream whose events are written by hand; {0} to {3} are the usual chunks."""
    for number, value in enumerate(shapes.CHUNKS):
        text = text.replace(f"{{{number}}}", json.dumps(value))
    return events(text.encode(), done=False)


def cut(answer: Answer, size: int) -> Answer:
    """The same in pieces of so many bytes."""
    whole = b"".join(answer.pieces)
    pieces = tuple(whole[at : at + size] for at in range(0, len(whole), size))
    return Answer(headers=answer.headers, framing="chunked", pieces=pieces)


CASES = [
    streamed("plain", *shapes.CHUNKS),
    streamed("with usage", *shapes.CHUNKS, shapes.USAGE_CHUNK),
    streamed("usage in every chunk", *[{**value, "usage": shapes.USAGE} for value in shapes.CHUNKS]),
    streamed("usage is null", *[{**value, "usage": None} for value in shapes.CHUNKS], shapes.USAGE_CHUNK),
    streamed("tools", *shapes.TOOL_CHUNKS),
    streamed(
        "reasoning", chunk({"reasoning_content": "Hm"}), chunk({"reasoning": "Hm", "content": None}), *shapes.CHUNKS
    ),
    streamed("refusal", FIRST, chunk({"refusal": "No"}), STOP),
    streamed("logprobs", FIRST, chunk(choices=[{**HELLO["choices"][0], "logprobs": shapes.LOGPROBS}]), STOP),
    streamed(
        "several choices", *[chunk(choices=[{**c["choices"][0], "index": i}]) for c in shapes.CHUNKS for i in (0, 1)]
    ),
    streamed(
        "two choices in a chunk",
        chunk(choices=[HELLO["choices"][0], {**HELLO["choices"][0], "index": 1}]),
        STOP,
        chunk(choices=[{**STOP["choices"][0], "index": 1}]),
    ),
    streamed("an old function call", chunk({"function_call": {"name": "f", "arguments": ""}}), STOP),
    streamed("audio", chunk({"audio": {"id": "a", "data": "AAAA"}}), STOP),
    streamed("nothing but the end", STOP),
    streamed("no role", HELLO, STOP),
    streamed(
        "a first chunk without choices (Azure)", chunk(choices=[], prompt_filter_results=[{"a": 1}]), *shapes.CHUNKS
    ),
    streamed("a hundred chunks", FIRST, *[HELLO] * 100, STOP),
    streamed("a long line", FIRST, chunk({"content": "x" * 300_000}), STOP),
    streamed("unicode", FIRST, chunk({"content": "你好\u2028\u2029\x85\U0001f600"}), STOP),
    streamed(
        "unicode as it is",
        (
            "data: " + json.dumps(chunk({"content": "你好\u2028\u2029\x85\U0001f600é"}), ensure_ascii=False) + "\n\n"
        ).encode(),
        STOP,
    ),
    streamed("by its connection's end", *shapes.CHUNKS, framing="close"),
    streamed("by its length", *shapes.CHUNKS, framing="length"),
    streamed("no [DONE]", *shapes.CHUNKS, done=False),
    streamed("no [DONE], by its connection's end", *shapes.CHUNKS, done=False, framing="close"),
    streamed("finished twice", *shapes.CHUNKS, STOP),
    streamed("content after the end", *shapes.CHUNKS, HELLO),
    # How events may be written.
    played("no blank", written("data:{0}\n\ndata:{1}\n\ndata:{3}\n\ndata:[DONE]\n\n")),
    played("two blanks", written("data:  {0}\n\ndata:  {3}\n\ndata:  [DONE]\n\n")),
    played("CRLF", written("data: {0}\r\n\r\ndata: {1}\r\n\r\ndata: {3}\r\n\r\ndata: [DONE]\r\n\r\n")),
    played("CR", written("data: {0}\r\rdata: {1}\r\rdata: {3}\r\rdata: [DONE]\r\r")),
    played("mixed line ends", written("data: {0}\r\n\ndata: {1}\n\r\ndata: {3}\r\r\ndata: [DONE]\n\n")),
    played("comments", written(": hello\n\ndata: {0}\n\n:\n\n: keep-alive\ndata: {3}\n\ndata: [DONE]\n\n")),
    played("ids", written("id: 1\ndata: {0}\n\nid: 2\nretry: 10\ndata: {3}\n\nid: 3\ndata: [DONE]\n\n")),
    played("event names", written("event: message\ndata: {0}\n\nevent: chunk\ndata: {3}\n\ndata: [DONE]\n\n")),
    played("unknown fields", written("other: 1\ndata: {0}\n\nx\ndata: {3}\n\ndata: [DONE]\n\n")),
    played(
        "several lines of data",
        written('data: {"id": "1", "object": "o", "choices":\ndata: []}\n\ndata: {0}\n\ndata: {3}\n\ndata: [DONE]\n\n'),
    ),
    played("a byte order mark", written("\ufeffdata: {0}\n\ndata: {3}\n\ndata: [DONE]\n\n")),
    played("many blank lines", written("\n\n\ndata: {0}\n\n\n\n\ndata: {3}\n\n\ndata: [DONE]\n\n\n\n")),
    played("[DONE] with more", written("data: {0}\n\ndata: {3}\n\ndata: [DONE] bye\n\n")),
    played("[DONE] without its blank line", written("data: {0}\n\ndata: {3}\n\ndata: [DONE]")),
    played("the last chunk without its blank line", written("data: {0}\n\ndata: {1}\n\ndata: {3}")),
    played("the last chunk with one line end", written("data: {0}\n\ndata: {1}\n\ndata: {3}\n")),
    played("chunks after [DONE]", written("data: {0}\n\ndata: {3}\n\ndata: [DONE]\n\ndata: {1}\n\n")),
    played("an empty event", written("data: {0}\n\ndata: {1}\n\ndata:\n\ndata: {3}\n\ndata: [DONE]\n\n")),
    played("an event with a name alone", written("data: {0}\n\nevent: ping\n\ndata: {3}\n\ndata: [DONE]\n\n")),
    *[
        played(f"in pieces of {size}", cut(events(*shapes.CHUNKS[:1], chunk({"content": "你好"}), STOP), size))
        for size in (1, 2, 7)
    ],
    # What vendors bend.
    *[
        streamed(f"chunk without {name}", *[{k: v for k, v in value.items() if k != name} for value in shapes.CHUNKS])
        for name in ("id", "object", "created", "model", "service_tier")
    ],
    streamed("chunks without choices", FIRST, {"id": "1", "object": "chat.completion.chunk"}, STOP),
    streamed("choices is null", FIRST, chunk(choices=None), STOP),
    streamed(
        "no index",
        *[chunk(choices=[{k: v for k, v in value["choices"][0].items() if k != "index"}]) for value in shapes.CHUNKS],
    ),
    streamed("no delta", chunk(), STOP),
    streamed("delta is null", HELLO, chunk(None), chunk(None, finish="stop")),
    streamed("delta is text", HELLO, chunk("a"), STOP),
    streamed("delta is a list", HELLO, chunk([1]), STOP),
    streamed(
        "no finish_reason",
        *[
            chunk(choices=[{k: v for k, v in value["choices"][0].items() if k != "finish_reason"}])
            for value in shapes.CHUNKS[:3]
        ],
        STOP,
    ),
    streamed("finish_reason is empty", chunk({"content": "a"}, finish=""), STOP),
    streamed("finish_reason is the word null", chunk({"content": "a"}, finish="null"), STOP),
    streamed("finish_reason is a list", HELLO, chunk({}, finish=["stop"]), STOP),
    streamed("finish_reason is unknown", HELLO, chunk({}, finish="eos")),
    streamed("finish_reason is a number", HELLO, chunk({}, finish=1)),
    streamed(
        "a tool call without index",
        chunk({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}),
        STOP,
    ),
    streamed(
        "a tool call's empty id",
        *shapes.TOOL_CHUNKS[:1],
        chunk({"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": "{"}}]}),
        STOP,
    ),
    streamed("a tool call that is null", FIRST, chunk({"tool_calls": [None]}), chunk({"tool_calls": None}), STOP),
    streamed("a tool call that is text", FIRST, chunk({"tool_calls": ["a"]}), chunk({"tool_calls": "b"}), STOP),
    streamed("content is a list", FIRST, chunk({"content": [{"type": "text", "text": "a"}]}), STOP),
    streamed("content is a number", FIRST, chunk({"content": 1}), STOP),
    streamed("more everywhere", chunk({"content": "a", "x": 1}, x={"y": [1]}, usage={"x": 1}), STOP),
    streamed("created is a float", *[{**value, "created": 1.5} for value in shapes.CHUNKS]),
    streamed("created is text", *[{**value, "created": "1"} for value in shapes.CHUNKS]),
    streamed("service_tier is unknown", *[{**value, "service_tier": "x"} for value in shapes.CHUNKS]),
    streamed(
        "a lone surrogate",
        FIRST,
        b'data: {"object": "o", "choices": [{"index": 0, "delta": {"content": "\\ud800"}}]}\n\n',
        STOP,
    ),
    streamed(
        "NaN",
        FIRST,
        b'data: {"object": "o", "created": NaN, "choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n',
        STOP,
    ),
    streamed("a twice named field", FIRST, b'data: {"object": "o", "object": "p", "choices": []}\n\n', STOP),
    streamed("a chunk that is a list", FIRST, HELLO, [1], STOP),
    streamed("a chunk that is text", FIRST, HELLO, "a", STOP),
    streamed("a chunk that is null", FIRST, HELLO, None, STOP),
    streamed("a chunk that is a number", FIRST, HELLO, 1, STOP),
    streamed("an empty chunk", FIRST, {}, STOP),
    streamed("llmswitch in a chunk", *[{**value, "llmswitch": "theirs"} for value in shapes.CHUNKS]),
    # Errors inside.
    streamed("an error at once", shapes.error("boom", code="some_code")),
    streamed("an error after content", FIRST, HELLO, shapes.error("boom", type="server_error")),
    streamed("an error as text", FIRST, HELLO, {"error": "boom"}),
    streamed("an error that is empty", FIRST, HELLO, {"error": {}}, STOP),
    streamed("an error that is null", FIRST, {**HELLO, "error": None}, STOP),
    streamed("an error by its event's name", FIRST, HELLO, b'event: error\ndata: {"message": "boom"}\n\n'),
    streamed("an error by its event's name, as text", FIRST, HELLO, b"event: error\ndata: boom\n\n"),
    streamed("not JSON", FIRST, HELLO, b"data: boom\n\n", STOP),
    streamed("half a chunk", FIRST, HELLO, b'data: {"id": "1", "choi', done=False),
    streamed("not UTF-8", FIRST, HELLO, b'data: {"id": "\xff"}\n\n', STOP),
    # Ends.
    streamed("nothing", done=False),
    streamed("[DONE] alone"),
    streamed("it just ends", FIRST, HELLO, THERE, done=False),
    streamed("it just ends, by its connection's end", FIRST, HELLO, done=False, framing="close"),
    streamed("it ends inside a chunk", FIRST, HELLO, done=False, then="cut"),
    streamed("it is reset", FIRST, HELLO, done=False, then="reset"),
    streamed("a usage chunk alone", shapes.USAGE_CHUNK),
    # A head that promises something else.
    streamed("as JSON", *shapes.CHUNKS, headers=(("Content-Type", "application/json"),)),
    streamed("as text", *shapes.CHUNKS, headers=(("Content-Type", "text/plain"),)),
    streamed("as nothing", *shapes.CHUNKS, headers=()),
    played("a whole answer", Answer(pieces=(data(shapes.CHAT),))),
    played("an empty whole answer", Answer(pieces=(b"",))),
]


def test_streams_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)
