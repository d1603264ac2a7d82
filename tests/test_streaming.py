from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmswitch import adapter, dialects
from llmswitch.failure import Kind
from llmswitch.streaming import EVENT_BYTES, Events, Reader

OPENAI = adapter.get("openai")


def reader(provider: str = "openai", *, buffer: bool = False) -> Reader:
    known = adapter.get(provider)
    return Reader(known, dialects.get(known.dialect).reader(known, {}), buffer=buffer)


def chunk(text: str | None = None, finish: str | None = None, **more: object) -> bytes:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def oracle(data: bytes) -> list[tuple[bytes, bytes]]:
    """Server-sent events, read the slow way: by lines, from the standard's text."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    found: list[tuple[bytes, bytes]] = []
    name, parts = b"", list[bytes]()
    for line in [*lines, b""]:
        if not line:
            if parts:
                found.append((name, b"\n".join(parts)))
            name, parts = b"", []
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if field == b"data":
            parts.append(value)
        elif field == b"event":
            name = value
    return found


LINES = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b'data: {"x": 1}',
        b": ping",
        b"event: error",
        b"id: 7",
        b"data",
        b"retry: 3",
        b"data: \xe4\xbd\xa0",
        b"",
    ]
)


@given(st.lists(LINES, max_size=12), st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_events_are_the_same_however_the_bytes_are_split(lines: list[bytes], ending: bytes, size: int) -> None:
    data = ending.join([*lines, b"", b""])
    events = Events()
    found = [event for start in range(0, len(data), size) for event in events.feed(data[start : start + size])]
    assert found + list(events.rest()) == oracle(data)


def test_every_split_point_of_a_real_stream_gives_the_same_text() -> None:
    data = chunk(role="x") + chunk("你") + b": ping\n\n" + chunk("好") + chunk(finish="stop") + DONE
    for cut in range(len(data) + 1):
        one = reader()
        one.feed(data[:cut])
        one.feed(data[cut:])
        one.end()
        assert (one.partial.text, one.failure, one.done) == ("你好", None, True), cut


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    one = reader()
    block = b"x" * (1024 * 1024)
    for _ in range(EVENT_BYTES // len(block) + 2):
        one.feed(block)
    assert one.failure is not None
    assert "16 MiB" in one.failure.message


def test_the_role_is_held_until_the_first_text() -> None:
    one = reader()
    one.feed(chunk(""))
    assert (one.committed, one.ready) == (False, [])
    one.feed(chunk("hello"))
    assert one.committed
    assert len(one.ready) == 2


@pytest.mark.parametrize(
    "delta",
    [{"reasoning_content": "hm"}, {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
     {"refusal": "no"}, {"audio": {"data": "x"}}, {"content": " "}],
)  # fmt: skip
def test_whatever_a_reader_would_see_commits(delta: dict[str, object]) -> None:
    one = reader()
    body = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    one.feed(b"data: " + json.dumps(body).encode() + b"\n\n")
    assert one.committed


def test_held_events_are_let_go_after_sixty_four() -> None:
    one = reader()
    for _ in range(63):
        one.feed(chunk(""))
    assert not one.committed
    one.feed(chunk(""))
    assert one.committed


def test_buffering_holds_everything_until_the_end() -> None:
    one = reader(buffer=True)
    for _ in range(100):
        one.feed(chunk("x" * 2000))
    assert (one.committed, one.ready) == (False, [])
    one.feed(chunk(finish="stop") + DONE)
    assert len(one.ready) == 101


@pytest.mark.parametrize(
    ("data", "complete"),
    [
        (chunk("a") + chunk(finish="stop") + DONE, True),
        (chunk("a") + chunk(finish="stop"), True),  # no [DONE]
        (chunk("a") + DONE, True),  # no reason
        (chunk("a"), False),
        (b"", False),
        (DONE, False),
        (b": ping\n\n", False),
        (chunk("a") + chunk(finish="stop").rstrip(), True),  # the last blank line is missing
        (chunk("a") + b'data: {"choices": [', False),
        (chunk("a") + b"data: <html>\n\n", False),
        (chunk("a") + b'data: {"error": {"message": "boom"}}\n\n', False),
        (chunk("a") + b"event: error\ndata: boom\n\n", False),
    ],
)
def test_a_stream_is_complete_only_when_it_says_so(data: bytes, complete: bool) -> None:
    one = reader()
    one.feed(data)
    one.end()
    assert (one.failure is None) == complete
    assert one.done == complete


def test_every_choice_must_finish() -> None:
    one = reader()
    for index in (0, 1):
        body = {"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": None}]}
        one.feed(b"data: " + json.dumps(body).encode() + b"\n\n")
    one.feed(chunk(finish="stop"))
    one.end()
    assert one.failure is not None
    assert one.failure.kind == "stream_interrupted"


def test_a_choice_that_has_finished_stays_so() -> None:
    stream = reader()
    stream.feed(chunk("a", finish="stop") + chunk("", usage={"prompt_tokens": 1}))
    stream.end()
    assert (stream.failure, stream.done) == (None, True)
    assert stream.usage == {"prompt_tokens": 1}


@pytest.mark.parametrize("choices", [{}, {"choices": None}, {"choices": []}])
def test_minimaxs_status_says_whether_a_chunk_is_an_error(choices: dict[str, object]) -> None:
    last = {**choices, "usage": {"prompt_tokens": 1}, "base_resp": {"status_code": 0, "status_msg": "success"}}
    stream = reader("minimax")
    stream.feed(chunk("a", finish="stop") + b"data: " + json.dumps(last).encode() + b"\n\n" + DONE)
    assert (stream.failure, stream.usage) == (None, {"prompt_tokens": 1})
    broken = {**choices, "base_resp": {"status_code": 1027, "status_msg": "output new_sensitive"}}
    stream = reader("minimax")
    stream.feed(chunk("a") + b"data: " + json.dumps(broken).encode() + b"\n\n" + DONE)
    assert stream.failure is not None
    assert stream.failure.kind is Kind.CONTENT_FILTER


def test_no_finish_reason_is_invented() -> None:
    one = reader()
    one.feed(chunk("a") + DONE)
    assert all(choice["finish_reason"] is None for value, _ in one.ready for choice in value["choices"])  # type: ignore[index,union-attr,call-overload]


def test_the_vendors_finish_reason_is_told_in_openais_words() -> None:
    one = reader("zhipu")
    one.feed(chunk("a") + chunk(finish="sensitive") + DONE)
    assert json.loads(one.ready[-1][1])["choices"][0]["finish_reason"] == "content_filter"


def test_a_finish_reason_that_means_broken_is_a_failure() -> None:
    one = reader("zhipu")
    one.feed(chunk("a") + chunk(finish="network_error") + DONE)
    assert one.failure is not None
    assert one.failure.kind == "server_error"


def test_the_partial_keeps_tool_calls_apart_and_unrepaired() -> None:
    one = reader()
    for fragment in (
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": '{"city": "Bei'}},
    ):
        body = {"choices": [{"index": 0, "delta": {"tool_calls": [fragment]}, "finish_reason": None}]}
        one.feed(b"data: " + json.dumps(body).encode() + b"\n\n")
    one.end()
    assert one.partial.tool_calls == (
        {"id": "a", "name": "f", "arguments": '{"city": "Bei'},
        {"id": "b", "name": "g", "arguments": "{}"},
    )


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise(data: bytes) -> None:
    one = reader()
    one.feed(data)
    one.feed(b"data: " + data + b"\n\n")
    one.end()
    assert one.done or one.failure is not None
