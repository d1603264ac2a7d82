"""OpenAI's wire format: what is sent, what comes back, and what is no answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmswitch.adapter import get
from llmswitch.dialects import get as dialect
from llmswitch.errors import ConfigError, InvalidRequestError, PayloadError
from llmswitch.failure import Kind

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.adapter import Adapter

WIRE = dialect("openai")


def chunk(adapter: Adapter, data: Json) -> Json:
    """One event of a stream, read."""
    found = WIRE.reader(adapter, {})(data, b"")
    assert found is not None
    return found


OPENAI, QWEN, ERNIE, ZHIPU = (get(name) for name in ("openai", "qwen", "ernie", "zhipu"))
CHAT: Json = {"model": "gpt-4o", "messages": [{"role": "user", "content": "你好"}]}
ANSWER: Json = {
    "id": "1",
    "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "好"}}],
}


def test_unknown_dialects_get_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown dialect 'opnai'; known: .*openai.*; did you mean 'openai'\?$"):
        dialect("opnai")


# --- requests ------------------------------------------------------------------------------------------------------------------


def test_chat_goes_out_with_the_providers_model() -> None:
    wire = WIRE.encode("chat", CHAT, QWEN, "qwen-max")
    assert (wire.method, wire.path, wire.changes) == ("POST", "/chat/completions", ())
    assert wire.body == '{"model":"qwen-max","messages":[{"role":"user","content":"你好"}]}'.encode()
    assert CHAT["model"] == "gpt-4o"


def test_changes_are_reported() -> None:
    wire = WIRE.encode("chat", {**CHAT, "temperature": 2}, QWEN, "qwen-max")
    assert wire.body is not None
    assert json.loads(wire.body)["temperature"] == 1.99
    assert [change.parameter for change in wire.changes] == ["temperature"]


def test_streams_are_fitted_as_streams() -> None:
    bodies = [
        WIRE.encode("chat", {**CHAT, "stream": stream}, QWEN, "qwen3.8-max").body or b"" for stream in (True, False)
    ]
    assert ["enable_thinking" in json.loads(body) for body in bodies] == [False, True]


def test_the_callers_own_encoding_goes_out_where_nothing_changes() -> None:
    body = b'{ "model": "gpt-4o" , "messages": [{"role": "user", "content": "\\u4f60"}]}'
    assert WIRE.encode("chat", CHAT, OPENAI, "gpt-4o", body=body).body is body
    assert WIRE.encode("chat", CHAT, OPENAI, "gpt-4.1", body=body).body != body
    assert WIRE.encode("chat", {**CHAT, "n": 9}, QWEN, "gpt-4o", body=body).body != body


def test_a_request_without_a_model_stays_without() -> None:
    params: Json = {"messages": []}
    assert WIRE.encode("chat", params, OPENAI, "").body == b'{"messages":[]}'


def test_other_operations() -> None:
    embeddings = WIRE.encode("embeddings", {"model": "m", "input": "x"}, ZHIPU, "embedding-3")
    assert (embeddings.path, embeddings.body) == ("/embeddings", b'{"model":"embedding-3","input":"x"}')
    assert WIRE.encode("models", {}, OPENAI, "").path == "/models"
    one = WIRE.encode("models", {}, OPENAI, "org/model one")
    assert (one.method, one.path, one.body) == ("GET", "/models/org%2Fmodel%20one", None)


def test_headers() -> None:
    assert WIRE.headers("sk-1") == {"Authorization": "Bearer sk-1"}
    assert WIRE.headers(None) == {}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"temperature": float("nan")}, r"^temperature is nan, which JSON cannot hold: send a finite number"),
        ({"a": [{"b": float("-inf")}]}, r"^a\[0\]\.b is -inf"),
        (
            {"messages": [{"content": "x\udc00y"}]},
            r"^messages\[0\]\.content holds half a character \(a lone surrogate, at position 1\)",
        ),
        ({"metadata": {"\ud800": 1}}, r"^metadata has a key that holds half a character"),
        ({"metadata": {(1, 2): 1}}, r"^metadata has a key of type tuple: keys must be strings"),
        ({"tools": [{"x": {1, 2}}]}, r"^tools\[0\]\.x is of type set, which JSON has no form for"),
        ({"tools": [object()]}, r"^tools\[0\] is of type object"),
        ({"image": b"\x89PNG"}, r"^image is bytes: send text"),
        ({"seed": 10**5000}, r"^seed is an integer of thousands of digits"),
    ],
)
def test_what_json_cannot_hold_is_named_and_not_sent(broken: Json, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message) as caught:
        WIRE.encode("chat", {"model": "gpt-4o", **broken}, OPENAI, "gpt-4o")
    assert str(caught.value).endswith("Nothing was sent.")
    assert len(str(caught.value)) < 400
    assert isinstance(caught.value, ValueError)


def test_values_that_contain_themselves_or_are_too_deep() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidRequestError, match=r"^x\[0\]\[0\] is nested too deeply, or contains itself"):
        WIRE.encode("chat", {"x": loop}, OPENAI, "m")  # type: ignore[dict-item]
    deep: Json = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequestError, match=r"^a\.a\.a is nested too deeply"):
        WIRE.encode("chat", deep, OPENAI, "")


def test_prompts_do_not_stand_in_errors() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        WIRE.encode("chat", {"messages": [{"content": "my secret \ud800"}]}, OPENAI, "m")
    assert "secret" not in str(caught.value)


TEXT = st.text(st.characters(exclude_categories=()), max_size=5)  # half characters, too


@given(
    st.dictionaries(
        TEXT, st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, st.lists, max_leaves=5)
    )
)
def test_every_request_is_encoded_or_refused(params: Json) -> None:
    try:
        body = WIRE.encode("chat", params, OPENAI, "").body
    except InvalidRequestError:
        with pytest.raises(ValueError):  # noqa: PT011 - Python's own words
            json.dumps(params, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert body is not None
        assert json.loads(body) == params


# --- answers -------------------------------------------------------------------------------------------------------------------


def test_an_answer_that_needs_nothing_keeps_its_bytes() -> None:
    body = json.dumps(ANSWER, indent=1).encode()
    answer = WIRE.decode(QWEN, body)
    assert answer.body is body
    assert answer.value == ANSWER


@pytest.mark.parametrize(
    ("adapter", "word", "expected"),
    [
        (ZHIPU, "sensitive", "content_filter"),
        (ZHIPU, "model_context_window_exceeded", "length"),
        (ZHIPU, "tool_calls", "tool_calls"),
        (OPENAI, "sensitive", "sensitive"),
    ],
)
def test_finish_reasons_in_openais_words(adapter: object, word: str, expected: str) -> None:
    body = json.dumps(
        {**ANSWER, "choices": [{"index": 0, "finish_reason": word, "message": {"content": "x"}}]}
    ).encode()
    answer = WIRE.decode(adapter, body)  # type: ignore[arg-type]
    values: tuple[Any, ...] = (answer.value, json.loads(answer.body))
    for value in values:
        assert value["choices"][0]["finish_reason"] == expected
    data: Json = {"object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": word, "delta": {}}]}
    found = chunk(adapter, data)  # type: ignore[arg-type]
    assert found["choices"] == [{"index": 0, "finish_reason": expected, "delta": {}}]
    assert data["choices"] == [{"index": 0, "finish_reason": word, "delta": {}}]
    assert (found is data) == (word == expected)


def test_zhipu_may_leave_out_the_object() -> None:
    answer = WIRE.decode(ZHIPU, json.dumps({k: v for k, v in ANSWER.items() if k != "object"}).encode())
    assert json.loads(answer.body)["object"] == "chat.completion"
    assert chunk(ZHIPU, {"choices": []}) == {"object": "chat.completion.chunk", "choices": []}


@pytest.mark.parametrize(
    ("adapter", "body", "kind", "message"),
    [
        (QWEN, b"", Kind.BAD_PAYLOAD, "the answer is empty"),
        (QWEN, b"  \n", Kind.BAD_PAYLOAD, "the answer is empty"),
        (QWEN, b"OK", Kind.BAD_PAYLOAD, "the answer is not JSON"),
        (QWEN, b'{"choices":[{"mess', Kind.BAD_PAYLOAD, "the answer is not JSON"),
        (QWEN, b"\xff\xfe\x00", Kind.BAD_PAYLOAD, "the answer is not JSON"),
        (QWEN, b"[" * 100_000, Kind.BAD_PAYLOAD, "the answer is not JSON"),
        (QWEN, b"<!DOCTYPE html><html><body>Log in to the Wi-Fi</body></html>", Kind.BAD_PAYLOAD, "the answer is an HTML page"),
        (QWEN, b"[]", Kind.BAD_PAYLOAD, "the answer is no JSON object"),
        (QWEN, b"null", Kind.BAD_PAYLOAD, "the answer is no JSON object"),
        (QWEN, b"{}", Kind.BAD_PAYLOAD, "the answer has no choices"),
        (QWEN, b'{"choices":null}', Kind.BAD_PAYLOAD, "the answer has no choices"),
        (QWEN, b'{"choices":[]}', Kind.BAD_PAYLOAD, "the answer has no choices"),
        (QWEN, b'{"choices":[null]}', Kind.BAD_PAYLOAD, "a choice of the answer has no message"),
        (QWEN, b'{"choices":[{"finish_reason":"stop"}]}', Kind.BAD_PAYLOAD, "a choice of the answer has no message"),
        (ZHIPU, '{"error":{"code":"1113","message":"余额不足"}}'.encode(), Kind.QUOTA_EXHAUSTED, "余额不足"),
        (QWEN, b'{"code":"Arrearage","message":"overdue","request_id":"r"}', Kind.QUOTA_EXHAUSTED, "overdue"),
        (ERNIE, b'{"error_code":17,"error_msg":"daily limit"}', Kind.QUOTA_EXHAUSTED, "daily limit"),
        (
            OPENAI,
            b'{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported"}}',
            Kind.REGION_BLOCKED,
            "Country, region, or territory not supported",
        ),
        (ZHIPU, b'{"choices":[{"finish_reason":"network_error","message":{"content":"ha"}}]}', Kind.SERVER_ERROR, "the answer broke off"),
    ],
)  # fmt: skip
def test_a_success_that_is_no_answer(adapter: object, body: bytes, kind: Kind, message: str) -> None:
    with pytest.raises(PayloadError) as caught:
        WIRE.decode(adapter, body)  # type: ignore[arg-type]
    failure = caught.value.failure
    assert failure.kind is kind
    assert failure.message.startswith(message)
    assert len(failure.message) <= 512
    assert failure.status == 200


@pytest.mark.parametrize(
    ("operation", "body", "works"),
    [
        ("embeddings", b'{"data":[{"embedding":[0.1],"index":0}]}', True),
        ("embeddings", b'{"data":[]}', False),
        ("embeddings", b'{"object":"list"}', False),
        ("embeddings", b'{"choices":[{"message":{}}]}', False),
        ("models", b'{"object":"list","data":[]}', True),
        ("models", b'{"id":"gpt-4o","object":"model"}', True),
        ("models", b'{"error":{"message":"no"}}', False),
    ],
)
def test_answers_to_other_operations(operation: str, body: bytes, works: bool) -> None:
    if works:
        assert WIRE.decode(QWEN, body, operation).body is body
    else:
        with pytest.raises(PayloadError):
            WIRE.decode(QWEN, body, operation)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_failure(body: bytes) -> None:
    try:
        assert WIRE.decode(ZHIPU, body).value["choices"]
    except PayloadError as error:
        assert error.failure.message  # noqa: PT017 - either is right


# --- chunks --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}],
        },
        {"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 1}},
        {"object": "chat.completion.chunk", "choices": None},
        {"object": "chat.completion.chunk", "choices": [None, 1]},
        {
            "object": "chat.completion.chunk",
            "choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}}],
        },
        {
            "object": "chat.completion.chunk",
            "choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}}],
        },
        {"error": {"message": "x"}},
    ],
)
def test_a_chunk_that_needs_nothing_is_the_same_object(data: Json) -> None:
    assert chunk(ZHIPU, data) is data


@pytest.mark.parametrize("word", ["", "null"])
def test_no_reason_is_null(word: str) -> None:
    data: Json = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": word, "delta": {"content": "x"}}],
    }
    choices = chunk(QWEN, data)["choices"]
    assert choices == [{"index": 0, "finish_reason": None, "delta": {"content": "x"}}]


def test_a_failing_reason_is_left_for_the_stream_to_judge() -> None:
    data: Json = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": "network_error", "delta": {}}],
    }
    assert chunk(ZHIPU, data) is data
    assert ZHIPU.failing_finish_reasons == {"network_error"}


@pytest.mark.parametrize("name", ["", None])
def test_empty_ids_and_names_of_tool_calls_are_left_out(name: str | None) -> None:
    """Qwen repeats both, empty, in later fragments; a program that assigns them would lose the call's id."""
    fragment: Json = {"index": 0, "id": "", "type": "function", "function": {"name": name, "arguments": '{"a'}}
    data: Json = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"tool_calls": [fragment, 7]}, "finish_reason": None}],
    }
    before = json.dumps(data)
    choices = chunk(QWEN, data)["choices"]
    assert choices == [
        {
            "index": 0,
            "delta": {"tool_calls": [{"index": 0, "type": "function", "function": {"arguments": '{"a'}}, 7]},
            "finish_reason": None,
        }
    ]
    assert json.dumps(data) == before


def test_a_server_of_ones_own_may_call_reasoning_so() -> None:
    """As newer vLLM does; its own field stays beside ours."""
    own, wire = get("compatible"), dialect("openai", own=True)
    delta: Json = {"reasoning": "2+2", "content": None}
    data: Json = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    found = wire.reader(own, {})(data, b"")
    assert found is not None
    assert found is not data
    assert found["choices"] == [{"index": 0, "delta": {**delta, "reasoning_content": "2+2"}, "finish_reason": None}]
    plain: Json = {"choices": [{"index": 0, "delta": {"content": "4"}, "finish_reason": ""}]}
    assert wire.reader(own, {})(plain, b"") is plain
