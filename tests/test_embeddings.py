"""Embeddings: texts in batches, rows in order, the encoding and the dimensions asked for, and the space they lie in."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, OpenAI, Switch
from llmswitch.sandbox import answers
from tests.recorder import given
from tests.servers import Exchange, Server, answer, close, head, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

MODEL = "text-embedding-v4"
TEXTS = [f"text {number}" for number in range(100)]
WAYS = ("fast", "transport", "async", "async transport")

Row = dict[str, Any]


async def _made(way: str, retries: int = 0, **arguments: Any) -> Any:
    """An embeddings call, by the fast path or by way of openai's own request."""
    options = {"extra_headers": {"X-Own": "1"}} if "transport" in way else {}
    client: Any = AsyncOpenAI(max_retries=retries) if "async" in way else OpenAI(max_retries=retries)
    try:
        return await given(client.embeddings.create(**{"model": MODEL, **options, **arguments}))
    finally:
        await given(client.close())


def made(way: str = "fast", retries: int = 0, **arguments: Any) -> Any:
    return asyncio.run(_made(way, retries, **arguments))


def vector(text: str, size: int = 1024) -> list[float]:
    return answers.vector(text, MODEL, size)


def inputs(sandbox: Sandbox, provider: str = "qwen") -> list[Any]:
    return [request.body["input"] for request in sandbox.requests() if request.endpoint.startswith(provider)]


@pytest.fixture
def qwen(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Qwen's mainland site alone."""
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn")
    return sandbox


# Batches.


@pytest.mark.parametrize("way", WAYS)
def test_many_texts_go_out_in_batches_and_come_back_as_one_answer(qwen: Sandbox, way: str) -> None:
    answered = made(way, input=TEXTS, encoding_format="float")
    assert inputs(qwen) == [TEXTS[start : start + 10] for start in range(0, 100, 10)]
    assert [row.index for row in answered.data] == list(range(100))
    assert [row.embedding for row in answered.data] == [vector(text) for text in TEXTS]
    assert answered.model == MODEL
    assert answered.object == "list"
    (attempt,) = answered.llmswitch.attempts
    assert attempt.requests == 10
    assert attempt.kind is None
    one = made(way, input=TEXTS[:10])
    assert answered.usage.total_tokens > one.usage.total_tokens
    assert answered.usage.prompt_tokens == sum(made(way, input=[text]).usage.prompt_tokens for text in TEXTS)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("one text", ["one text"]),
        (["a"] * 10, [["a"] * 10]),
        (["a"] * 11, [["a"] * 10, ["a"]]),
    ],
    ids=["text", "the limit", "one more"],
)
def test_what_is_within_the_limit_goes_out_as_it_is(qwen: Sandbox, given: Any, sent: list[Any]) -> None:
    made(input=given)
    assert inputs(qwen) == sent


def _openais(handler: Callable[[Row], Row | bytes]) -> Callable[[Exchange], Any]:
    async def behaviour(exchange: Exchange) -> None:
        found = handler(json.loads(exchange.request.body))
        await answer(200, found if isinstance(found, bytes) else json.dumps(found).encode())(exchange)

    return behaviour


def rows(*vectors: Any) -> list[Row]:
    return [{"object": "embedding", "index": index, "embedding": found} for index, found in enumerate(vectors)]


def body(data: Any, **more: Any) -> Row:
    usage = {"prompt_tokens": 2, "total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1, "kind": "x"}}
    return {"object": "list", "data": data, "model": MODEL, "usage": usage, "request": "first", **more}


@pytest.fixture
def server(qwen: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Qwen's mainland site, answered by a function of the request's body."""
    del qwen
    with Server(_openais(lambda _: body(rows([1.0])))) as running:
        monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", running.url)
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_tokens_are_one_text_and_lists_of_tokens_many(server: Server, way: str) -> None:
    server.behaviour = _openais(
        lambda asked: body(rows(*([[1.0]] * (len(asked["input"]) if isinstance(asked["input"][0], list) else 1))))
    )
    tokens = list(range(30))
    assert len(made(way, input=tokens).data) == 1
    assert len(made(way, input=[[number] for number in tokens]).data) == 30
    sent = [json.loads(request.body)["input"] for request in server.requests]
    assert sent == [tokens, *[[[number] for number in tokens[start : start + 10]] for start in (0, 10, 20)]]


def test_of_several_answers_the_usage_is_added_up_and_the_rest_is_the_first_ones(server: Server) -> None:
    said = iter(("first", "second", "third"))
    server.behaviour = _openais(lambda asked: body(rows(*([[1.0]] * len(asked["input"]))), request=next(said)))
    answered = made(input=TEXTS[:25])
    assert answered.usage.to_dict() == {
        "prompt_tokens": 6, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 3, "kind": "x"},
    }  # fmt: skip
    assert answered.request == "first"
    assert answered.llmswitch.attempts[0].requests == 3


def test_where_one_of_several_answers_counts_nothing_the_cost_is_unknown(server: Server) -> None:
    usages = iter(({"prompt_tokens": 2, "total_tokens": 2}, None, {"prompt_tokens": 2, "total_tokens": 2}))
    server.behaviour = _openais(lambda asked: body(rows(*([[1.0]] * len(asked["input"]))), usage=next(usages)))
    report = made(input=TEXTS[:25]).llmswitch
    assert (report.usage, report.cost, report.total_cost) == (None, None, {})


def test_a_models_own_limit_goes_before_its_vendors(server: Server) -> None:
    server.behaviour = _openais(lambda asked: body(rows(*([[1.0]] * len(asked["input"])))))
    made(model="text-embedding-v2", input=TEXTS[:30])
    assert [len(json.loads(request.body)["input"]) for request in server.requests] == [25, 5]


def test_plain_dicts_and_raw_responses(qwen: Sandbox) -> None:
    del qwen
    with Switch() as switch:
        plain = switch.embeddings.create(model=MODEL, input=TEXTS[:12])
    assert [row["index"] for row in plain["data"]] == list(range(12))
    with OpenAI() as client:
        whole = client.embeddings.with_raw_response.create(model=MODEL, input=TEXTS[:12])
    assert [row["index"] for row in json.loads(whole.text)["data"]] == list(range(12))
    assert len(whole.parse().data) == 12
    assert "content-length" not in whole.headers


# Order and number.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [3, 13])
def test_rows_that_come_in_another_order_are_sorted(server: Server, way: str, count: int) -> None:
    def reversed_rows(asked: Row) -> Row:
        return body(rows(*[[float(text)] for text in asked["input"]])[::-1])

    server.behaviour = _openais(reversed_rows)
    answered = made(way, input=[str(number) for number in range(count)])
    assert [row.embedding for row in answered.data] == [[float(number)] for number in range(count)]
    assert [row.index for row in answered.data] == list(range(count))


def test_rows_without_a_count_are_in_the_order_they_came(server: Server) -> None:
    server.behaviour = _openais(
        lambda asked: body([{**row, "index": 0} for row in rows(*[[float(text)] for text in asked["input"]])])
    )
    answered = made(input=[str(number) for number in range(12)])
    assert [row.embedding[0] for row in answered.data] == list(range(12))
    assert [row.index for row in answered.data] == list(range(12))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("texts", [3, 13])
@pytest.mark.parametrize("off", [-1, 1])
def test_another_number_of_rows_is_no_answer(server: Server, way: str, texts: int, off: int) -> None:
    server.behaviour = _openais(lambda asked: body(rows(*([[1.0]] * (len(asked["input"]) + off)))))
    with pytest.raises(openai.APIResponseValidationError, match="vectors came for") as caught:
        made(way, input=TEXTS[:texts])
    assert getattr(caught.value, "failure").kind == "bad_payload"  # noqa: B009 - ours, on openai's class


# Failing on the way.


def vectors_until(good: int, then: Callable[[Exchange], Any]) -> Callable[[Exchange], Any]:
    """So many good answers, then something else, once; then good ones again."""
    count = 0

    async def behaviour(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        if count == good + 1:
            await then(exchange)
        else:
            await _openais(lambda asked: body(rows(*[vector(text) for text in asked["input"]])))(exchange)

    return behaviour


def sent_to(server: Server) -> list[Any]:
    return [json.loads(request.body)["input"] for request in server.requests]


CUT = raw(head(200, "Content-Length: 9") + b"{", then=close)
ERROR = json.dumps({"error": {"message": "busy", "code": "internal_error"}}).encode()


@pytest.fixture
def twins(server: Server, qwen: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The server in the mainland's place, then the sandbox's international site."""
    del server
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen")
    monkeypatch.setenv("LLMSWITCH_ORDER", "qwen@cn,qwen@intl")
    return qwen


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("failing", [answer(500, ERROR), answer(200, b"{"), CUT], ids=["error", "no JSON", "cut"])
def test_the_next_candidate_goes_on_with_the_rows_that_came(
    server: Server, twins: Sandbox, way: str, failing: Callable[[Exchange], Any]
) -> None:
    server.behaviour = vectors_until(2, failing)
    answered = made(way, input=TEXTS[:35], encoding_format="float")
    assert sent_to(server) == [TEXTS[:10], TEXTS[10:20], TEXTS[20:30]]
    assert inputs(twins) == [TEXTS[20:30], TEXTS[30:35]]
    assert [row.index for row in answered.data] == list(range(35))
    assert [row.embedding for row in answered.data] == [vector(text) for text in TEXTS[:35]]
    failed, good = answered.llmswitch.attempts
    assert (failed.site, failed.requests, good.site, good.kind, good.requests) == ("cn", 3, "intl", None, 2)


def test_rows_of_another_size_do_not_mix(server: Server, twins: Sandbox) -> None:
    def small(asked: Row) -> Row:
        return body(rows(*([[1.0, 2.0]] * len(asked["input"]))))

    server.behaviour = vectors_until(1, answer(500, ERROR))
    large, served = server.behaviour, 0

    async def behaviour(exchange: Exchange) -> None:
        nonlocal served
        served += 1
        await (_openais(small) if served == 1 else large)(exchange)

    server.behaviour = behaviour
    with pytest.raises(llmswitch.AllProvidersFailedError, match="1024 dimensions came after some of 2"):
        made(input=TEXTS[:30])
    assert len(inputs(twins)) <= 1


def test_another_model_starts_anew(server: Server, twins: Sandbox) -> None:
    server.behaviour = vectors_until(2, answer(500, ERROR))
    models = {"mine": {"qwen@cn": "text-embedding-v4", "qwen@intl": "text-embedding-v3"}}
    with OpenAI(models=models) as client:
        answered: Any = client.embeddings.create(model="mine", input=TEXTS[:25])
    assert inputs(twins) == [TEXTS[:10], TEXTS[10:20], TEXTS[20:25]]
    assert answered.llmswitch.space == "qwen/text-embedding-v3/1024"


@pytest.mark.parametrize("way", WAYS)
def test_a_lone_endpoint_is_asked_again_for_the_rest_only(server: Server, way: str) -> None:
    server.behaviour = vectors_until(1, answer(500, ERROR, "Retry-After: 0.01"))
    answered = made(way, retries=1, input=TEXTS[:25], encoding_format="float")
    assert [row.embedding for row in answered.data] == [vector(text) for text in TEXTS[:25]]
    assert sent_to(server) == [TEXTS[:10], TEXTS[10:20], TEXTS[10:20], TEXTS[20:25]]


def test_plain_dicts_try_each_request_as_often_as_openai_would(server: Server) -> None:
    count = 0

    async def every_other(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        good = _openais(lambda asked: body(rows(*[vector(text) for text in asked["input"]])))
        await (answer(500, ERROR, "Retry-After: 0.01") if count % 2 else good)(exchange)

    server.behaviour = every_other
    with Switch(max_retries=1) as switch:
        plain = switch.embeddings.create(model=MODEL, input=TEXTS[:30])
    assert [row["embedding"] for row in plain["data"]] == [vector(text) for text in TEXTS[:30]]
    assert sent_to(server) == [TEXTS[start : start + 10] for start in (0, 0, 10, 10, 20, 20)]


def test_a_lone_endpoints_error_is_openais_own(server: Server) -> None:
    server.behaviour = vectors_until(1, answer(400, ERROR.replace(b"internal_error", b"invalid_parameter_error")))
    with pytest.raises(openai.BadRequestError) as caught:
        made(input=TEXTS[:25])
    assert len(sent_to(server)) == 2
    (attempt,) = getattr(caught.value, "attempts")  # noqa: B009 - ours, on openai's class
    assert attempt.requests == 2


def test_one_deadline_bounds_all_batches(server: Server) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        await vectors_until(1, close)(exchange)

    server.behaviour = slow
    with pytest.raises(openai.APITimeoutError):
        made(input=TEXTS, extra_body={"llmswitch": {"deadline": 0.35}})
    assert 2 <= len(sent_to(server)) <= 4


def test_the_timeout_is_each_requests(server: Server) -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        await vectors_until(1, close)(exchange)

    server.behaviour = slow
    assert len(made(input=TEXTS[:60], timeout=0.5).data) == 60


# The encoding.


def packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [2, 12])
def test_who_asks_for_base64_gets_it(qwen: Sandbox, way: str, count: int) -> None:
    answered = made(way, input=TEXTS[:count], encoding_format="base64")
    assert [row.embedding for row in answered.data] == [packed(vector(text)) for text in TEXTS[:count]]
    assert all(request.body["encoding_format"] == "float" for request in qwen.requests())
    assert any(change.parameter == "encoding_format" for change in answered.llmswitch.changes)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", [{}, {"encoding_format": openai.NOT_GIVEN}, {"encoding_format": "float"}])
def test_openais_own_default_stays_numbers_as_the_vendor_sent_them(qwen: Sandbox, way: str, encoding: Row) -> None:
    answered = made(way, input=["a"], **encoding)
    assert answered.data[0].embedding == vector("a")
    assert qwen.hits() == 1


def test_plain_dicts_get_base64_too(qwen: Sandbox) -> None:
    del qwen
    with Switch() as switch:
        plain = switch.embeddings.create(model=MODEL, input="a", encoding_format="base64")
    assert plain["data"][0]["embedding"] == packed(vector("a"))


@pytest.mark.parametrize("way", WAYS)
def test_strict_takes_openais_default(qwen: Sandbox, way: str) -> None:
    del qwen
    assert len(made(way, input="a", extra_body={"llmswitch": {"strict": True}}).data) == 1


# Dimensions.


def test_a_model_without_these_dimensions_is_out(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn,zhipu@cn")
    models = {"mine": {"qwen": "text-embedding-v4", "zhipu": "embedding-3"}}
    with OpenAI(models=models) as client:
        answered: Any = client.embeddings.create(model="mine", input="a", dimensions=64)
        assert answered.llmswitch.space == "qwen/text-embedding-v4/64"
        monkeypatch.undo()
        sandbox.fault("qwen", "server_error")
        with pytest.raises(openai.InternalServerError):  # zhipu's model has no 64 dimensions
            client.with_options(max_retries=0).embeddings.create(model="mine", input="a", dimensions=64)
        assert sandbox.hits("zhipu") == 0


def test_the_error_names_the_dimensions_there_are(qwen: Sandbox) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        made(input="a", dimensions=100)
    (attempt,) = getattr(caught.value, "attempts")  # noqa: B009 - ours, on openai's class
    assert "text-embedding-v4 makes vectors of 1024, 2048, 1536, 768, 512, 256, 128 or 64 dimensions" in str(attempt)
    assert qwen.hits() == 1


def test_vectors_of_another_size_than_asked_for_are_no_answer(server: Server) -> None:
    server.behaviour = _openais(lambda _: body(rows([1.0, 2.0])))
    with pytest.raises(openai.APIResponseValidationError, match="2 dimensions came where 64 were asked for"):
        made(input="a", dimensions=64)


def test_openais_models_can_be_shortened(lone: Sandbox) -> None:
    answered = made(model="text-embedding-3-small", input="a", dimensions=100)
    assert answered.llmswitch.space == "openai/text-embedding-3-small/100"
    assert lone.requests()[0].body == {
        "model": "text-embedding-3-small", "input": "a", "dimensions": 100, "encoding_format": "base64",
    }  # fmt: skip


# The space.


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_names_its_space(qwen: Sandbox, way: str) -> None:
    del qwen
    assert made(way, input="a").llmswitch.space == "qwen/text-embedding-v4/1024"
    assert made(way, input=TEXTS[:11], dimensions=64).llmswitch.space == "qwen/text-embedding-v4/64"
    assert made(way, input="a", encoding_format="base64").llmswitch.space == "qwen/text-embedding-v4/1024"


def test_one_model_is_one_space_wherever_it_is_served(
    sandbox: Sandbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "text-embedding-3-small"
    server.behaviour = _openais(lambda _: body(rows([1.0] * 1536), model=model))
    monkeypatch.delenv("LLMSWITCH_PROVIDERS")
    with OpenAI(base_url=server.url, api_key="sk-any") as client:
        elsewhere: Any = client.embeddings.create(model=model, input="a")
        unknown: Any = client.embeddings.create(model="bge-own", input="a")
    with OpenAI(providers=["openai"], api_key=sandbox.key("openai@global")) as client:
        at_home: Any = client.embeddings.create(model=model, input="a")
    assert elsewhere.llmswitch.space == at_home.llmswitch.space == "openai/text-embedding-3-small/1536"
    assert elsewhere.llmswitch.provider == "compatible"
    assert unknown.llmswitch.space == "openai/text-embedding-3-small/1536"  # as it says itself


def test_chats_have_no_space(sandbox: Sandbox) -> None:
    del sandbox
    with OpenAI() as client:
        answered: Any = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert answered.llmswitch.space is None
