"""What an answer says of its tokens and its end, and what that costs: vendors' own bodies on loopback, and the sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openai
import pytest

from llmswitch import (
    AsyncOpenAI,
    AsyncSwitch,
    Attempt,
    ConfigError,
    Cost,
    OpenAI,
    StreamInterruptedError,
    Switch,
    Usage,
)
from tests.servers import Server, answer, chunked, close, framed, head, in_turn, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmswitch import Report
    from tests.servers import Behaviour

MESSAGES: list[Any] = [{"role": "user", "content": "say hello"}]
EVENTS = "Content-Type: text/event-stream"
JSON = "Content-Type: application/json"
# One vendor each: the model, and the variables that move it to a server on loopback.
QWEN = ("qwen@cn", "DASHSCOPE_CN_API_KEY", "LLMSWITCH_QWEN_CN_BASE_URL")
QWEN_INTL = ("qwen@intl", "DASHSCOPE_INTL_API_KEY", "LLMSWITCH_QWEN_INTL_BASE_URL")
ZHIPU = ("zhipu@cn", "ZHIPUAI_API_KEY", "LLMSWITCH_ZHIPU_CN_BASE_URL")
ZAI = ("zhipu@intl", "ZAI_API_KEY", "LLMSWITCH_ZHIPU_INTL_BASE_URL")
OPENAI = ("openai", "OPENAI_API_KEY", "LLMSWITCH_OPENAI_BASE_URL")
COMPATIBLE = ("compatible", "LLMSWITCH_COMPATIBLE_API_KEY", "LLMSWITCH_COMPATIBLE_BASE_URL")


def usage(sent: int, written: int, *, cached: int | None = None, thought: int | None = None, **details: int) -> Any:
    found: dict[str, Any] = {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written}
    if cached is not None or details:
        found["prompt_tokens_details"] = {"cached_tokens": cached, **details}
    if thought is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": thought}
    return found


def whole(counted: Any = None, finish: str = "stop") -> bytes:
    message = {"role": "assistant", "content": "hello"}
    body: dict[str, Any] = {
        "id": "a",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    return json.dumps(body | ({"usage": counted} if counted else {})).encode()


def chunk(text: str | None = None, finish: str | None = None, counted: Any = None) -> bytes:
    delta = {"role": "assistant", "content": text} if text else {}
    body: dict[str, Any] = {
        "id": "a",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}] if text or finish else [],
    }
    return b"data: " + json.dumps(body | ({"usage": counted} if counted else {})).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start vendors on loopback, asked in this order."""
    servers: list[Server] = []
    names: list[str] = []

    def start(who: tuple[str, str, str], behaviour: Behaviour | bytes) -> Server:
        name, key, url = who
        server = Server(answer(200, behaviour, JSON) if isinstance(behaviour, bytes) else behaviour)
        server.__enter__()
        servers.append(server)
        names.append(name)
        monkeypatch.setenv(key, "sk-x.y")
        monkeypatch.setenv(url, f"http://127.0.0.1:{server.port}/v1")
        monkeypatch.setenv("LLMSWITCH_REGION", "US")
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", ",".join(names))
        monkeypatch.setenv("LLMSWITCH_ORDER", ",".join(names))
        return server

    yield start
    for server in servers:
        server.__exit__(None, None, None)


def asked(model: str, **options: Any) -> Report:
    """The report of one call."""
    with Switch(**options) as switch:
        report: Report = switch.chat.completions.create(model=model, messages=MESSAGES).llmswitch
    return report


def amount(model: str, counted: Any, vendors: Callable[..., Server], who: tuple[str, str, str] = QWEN) -> str | None:
    """What a call with these tokens cost."""
    vendors(who, whole(counted))
    cost = asked(f"{who[0].partition('@')[0]}/{model}").cost
    return None if cost is None else str(cost)


# --- the same through every door --------------------------------------------------------------------------------------


def _openai(*, stream: bool, **options: Any) -> list[Any]:
    with OpenAI(**options) as client:
        create: Any = client.chat.completions.create
        if stream:
            return list(create(model="qwen/qwen-plus", messages=MESSAGES, stream=True))
        return [create(model="qwen/qwen-plus", messages=MESSAGES)]


def _raw(*, stream: bool, **options: Any) -> list[Any]:
    """By openai's own code, over our transport."""
    with OpenAI(**options) as client:
        create: Any = client.chat.completions.with_raw_response.create
        parsed = create(model="qwen/qwen-plus", messages=MESSAGES, stream=stream).parse()
        return list(parsed) if stream else [parsed]


def _async_openai(*, stream: bool, **options: Any) -> list[Any]:
    async def go() -> list[Any]:
        async with AsyncOpenAI(**options) as client:
            create: Any = client.chat.completions.create
            if stream:
                return [c async for c in await create(model="qwen/qwen-plus", messages=MESSAGES, stream=True)]
            return [await create(model="qwen/qwen-plus", messages=MESSAGES)]

    return asyncio.run(go())


def _switch(*, stream: bool, **options: Any) -> list[Any]:
    with Switch(**options) as switch:
        create: Any = switch.chat.completions.create
        if stream:
            return list(create(model="qwen/qwen-plus", messages=MESSAGES, stream=True))
        return [create(model="qwen/qwen-plus", messages=MESSAGES)]


def _async_switch(*, stream: bool, **options: Any) -> list[Any]:
    async def go() -> list[Any]:
        async with AsyncSwitch(**options) as switch:
            create: Any = switch.chat.completions.create
            if stream:
                return [c async for c in await create(model="qwen/qwen-plus", messages=MESSAGES, stream=True)]
            return [await create(model="qwen/qwen-plus", messages=MESSAGES)]

    return asyncio.run(go())


DOORS = [_openai, _raw, _async_openai, _switch, _async_switch]


@pytest.mark.parametrize("door", DOORS)
def test_an_answer_says_tokens_cost_and_the_vendors_word(door: Any, vendors: Callable[..., Server]) -> None:
    vendors(QWEN, whole(usage(1000, 100, cached=400)))
    report: Report = door(stream=False)[0].llmswitch
    assert report.usage == Usage(input_tokens=1000, output_tokens=100, cached_input_tokens=400)
    assert report.cost is not None
    # 600 at 0.8, 400 at a fifth of that, 100 at 2, of a million.
    assert (report.cost.amount, report.cost.currency) == (Decimal("0.000744"), "CNY")
    assert "aliyun" in report.cost.source
    assert report.cost.as_of == "2026-08"
    assert report.total_cost == {"CNY": Decimal("0.000744")}
    assert report.finish_reason == "stop"
    copy: Report = pickle.loads(pickle.dumps(report))
    assert (copy.usage, copy.cost, copy.finish_reason) == (report.usage, report.cost, "stop")
    assert json.loads(json.dumps(asdict(report)))["attempts"][0]["said"]["usage"]["prompt_tokens"] == 1000


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_says_so_once_it_was_read_on_every_chunk(door: Any, vendors: Callable[..., Server]) -> None:
    counted = usage(1000, 100)
    vendors(QWEN, chunked(chunk("hel"), chunk("lo", "stop"), chunk(counted=counted), DONE, headers=(EVENTS,)))
    for piece in door(stream=True):
        report: Report = piece.llmswitch
        assert report.usage == Usage(input_tokens=1000, output_tokens=100)
        assert str(report.cost) == "0.001 CNY"
        assert report.finish_reason == "stop"
        assert pickle.loads(pickle.dumps(report)).cost == report.cost


@pytest.mark.parametrize("door", DOORS)
def test_a_stream_without_usage_has_none(door: Any, vendors: Callable[..., Server]) -> None:
    vendors(QWEN, chunked(chunk("hel"), chunk("lo", "stop"), DONE, headers=(EVENTS,)))
    report: Report = door(stream=True)[0].llmswitch
    assert (report.usage, report.cost, report.total_cost, report.finish_reason) == (None, None, {}, "stop")


def test_while_a_stream_runs_nothing_is_known_yet(vendors: Callable[..., Server]) -> None:
    vendors(QWEN, chunked(chunk("hel"), chunk("lo", "stop", usage(1, 1)), DONE, headers=(EVENTS,)))
    with Switch() as switch:
        stream: Any = switch.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES, stream=True)
        first = next(stream)
        copy = pickle.loads(pickle.dumps(first))
        assert len(list(stream)) == 1
    assert first.llmswitch.usage == Usage(input_tokens=1, output_tokens=1)
    assert copy.llmswitch.finish_reason in (None, "stop")  # as it was when it was pickled


@pytest.mark.usefixtures("sandbox")
def test_the_sandbox_counts_as_vendors_do() -> None:
    with OpenAI() as client:
        stream = client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES, stream=True)
        without = [piece.llmswitch for piece in stream]  # type: ignore[attr-defined]
        options: Any = {"include_usage": True}
        stream = client.chat.completions.create(
            model="qwen/qwen-plus", messages=MESSAGES, stream=True, stream_options=options
        )
        pieces = list(stream)
        embedding: Any = client.embeddings.create(model="text-embedding-3-small", input=["a b", "c"])
    assert without[0].usage is None
    said = pieces[-1].usage
    report: Report = pieces[0].llmswitch  # type: ignore[attr-defined]
    assert said is not None
    assert report.usage is not None
    assert (report.usage.input_tokens, report.usage.output_tokens) == (said.prompt_tokens, said.completion_tokens)
    assert embedding.llmswitch.usage == Usage(input_tokens=embedding.usage.prompt_tokens)


def test_reports_stay_out_of_comparison_dumps_and_fields_set(vendors: Callable[..., Server]) -> None:
    vendors(QWEN, whole(usage(1, 1)))
    with OpenAI() as client:
        one, other = (client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES) for _ in range(2))
    assert one == other
    assert "llmswitch" not in one.model_dump()
    assert "llmswitch" not in one.model_fields_set


@pytest.mark.parametrize("counted", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": "7"}, {"total_tokens": 3}])
def test_usage_that_counts_nothing_is_none(counted: Any, vendors: Callable[..., Server]) -> None:
    vendors(QWEN, whole(counted))
    report = asked("qwen/qwen-plus")
    assert (report.usage, report.cost) == (None, None)


# --- prices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "counted", "expected"),
    [
        # The whole request at the price of its length; "0 < Token <= 32K" includes 32,000.
        ("qwen3-max", usage(32_000, 1000), "0.09 CNY"),
        ("qwen3-max", usage(32_001, 1000), "0.144004 CNY"),
        ("qwen3-max", usage(128_001, 0), "0.896007 CNY"),
        ("qwen3-max", usage(256_001, 0), None),  # longer than any bracket
        # Cached input, by itself and where the request marked it, and writing the cache.
        ("qwen3-max", usage(10_000, 0, cached=10_000), "0.005 CNY"),
        ("qwen3-max", usage(10_000, 0, cached=8_000, cache_creation_input_tokens=0), "0.007 CNY"),
        ("qwen3-max", usage(10_000, 0, cached=0, cache_creation_input_tokens=10_000), "0.03125 CNY"),
        # Thinking has its own price, the answer's text included.
        ("qwen-plus", usage(1000, 1000), "0.0028 CNY"),
        ("qwen-plus", usage(1000, 1000, thought=0), "0.0028 CNY"),
        ("qwen-plus", usage(1000, 1000, thought=900), "0.0088 CNY"),
        ("qwen-plus", usage(200_000, 1000, thought=900), "0.504 CNY"),
        # No price is invented.
        ("qwen3.8-max", usage(1000, 1000), "0.048 CNY"),
        ("qwen3.8-max", usage(1000, 1000, cached=1), None),
        ("qwen99", usage(1000, 1000), None),
        ("qwen-plus", usage(1000, 1000, cached=1001), None),  # counted in another way than OpenAI's
        ("qwen-plus", {"prompt_tokens": 1000}, None),
    ],
)
def test_prices_of_qwen_in_china(
    model: str, counted: Any, expected: str | None, vendors: Callable[..., Server]
) -> None:
    assert amount(model, counted, vendors) == expected


@pytest.mark.parametrize(
    ("model", "counted", "expected"),
    [
        ("glm-4.7", usage(31_999, 199), "0.06559 CNY"),  # "[0, 32)" and "[0, 0.2)": 32,000 and 200 are in the next
        ("glm-4.7", usage(31_999, 200), "0.098797 CNY"),
        ("glm-4.7", usage(32_000, 199), "0.131184 CNY"),
        ("glm-5.1", usage(32_000, 0, cached=32_000), "0.064 CNY"),
        ("glm-4.5-flash", usage(1000, 1000), "0 CNY"),
    ],
)
def test_prices_of_zhipu_in_china(model: str, counted: Any, expected: str, vendors: Callable[..., Server]) -> None:
    assert amount(model, counted, vendors, ZHIPU) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-11-24T00:59:59", "0.15"),  # a Tuesday
        ("2026-11-24T01:00:00", "0.3"),
        ("2026-11-24T03:59:59", "0.3"),
        ("2026-11-24T04:00:00", "0.15"),
        ("2026-11-24T06:00:00", "0.3"),
        ("2026-11-27T09:59:59", "0.3"),  # Friday
        ("2026-11-28T02:00:00", "0.15"),  # Saturday
        ("2026-11-29T02:00:00", "0.15"),
        ("2026-11-30T02:00:00", "0.3"),
    ],
)
def test_hours_and_weekdays(sent: str, expected: str) -> None:
    at = datetime.fromisoformat(f"{sent}+00:00").timestamp()
    said: Any = {"usage": usage(1_000_000, 0)}
    assert str(Attempt("deepseek", "global", "deepseek-flash", said=said, at=at).cost) == f"{expected} USD"
    assert Attempt("deepseek", "global", "deepseek-flash", said=said).cost is None


def test_each_site_has_its_currency(vendors: Callable[..., Server]) -> None:
    assert amount("qwen-plus", usage(1_000_000, 0), vendors, QWEN_INTL) == "1.2 USD"


def test_the_package_prices_whom_the_file_leaves_to_it(vendors: Callable[..., Server]) -> None:
    vendors(OPENAI, whole(usage(1000, 100, cached=200)))
    cost = asked("gpt-4o").cost
    assert cost is not None
    # 800 at 2.5, 200 at 1.25, 100 at 10, of a million.
    assert (cost.amount, cost.currency) == (Decimal("0.00325"), "USD")
    assert cost.source.startswith("genai-prices ")
    assert amount("glm-5.3", usage(1000, 1000), vendors, ZAI) is not None


@pytest.mark.parametrize(
    ("model", "counted"),
    [("gpt-99", usage(1, 1)), ("o3-pro", usage(10, 1, cached=5)), ("gpt-4o", {"prompt_tokens": 5})],
)
def test_the_package_is_not_believed_where_it_states_nothing(
    model: str, counted: Any, vendors: Callable[..., Server]
) -> None:
    assert amount(model, counted, vendors, OPENAI) is None


def test_without_the_package_its_prices_are_unknown(
    vendors: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    vendors(OPENAI, whole(usage(1000, 100)))
    monkeypatch.setitem(sys.modules, "genai_prices", None)  # as if it were not installed
    report = asked("gpt-4o")
    assert report.usage is not None
    assert report.cost is None


def test_the_package_is_imported_with_the_first_cost_that_needs_it(vendors: Callable[..., Server]) -> None:
    vendors(QWEN, whole(usage(1000, 100)))
    vendors(OPENAI, whole(usage(1000, 100)))
    code = """
import pickle, sys
from llmswitch import OpenAI
client = OpenAI()
messages = [{"role": "user", "content": "hi"}]
qwen = client.chat.completions.create(model="qwen/qwen-plus", messages=messages)
openai = client.chat.completions.create(model="openai/gpt-4o", messages=messages)
print(qwen.llmswitch.cost, openai.llmswitch.usage.input_tokens, len(pickle.dumps(openai)) > 0, "genai_prices" in sys.modules)
print(openai.llmswitch.cost, "genai_prices" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["0.001 CNY 1000 True False", "0.0035 USD True"]


def test_reasoning_that_is_counted_beside_the_output_is_output(vendors: Callable[..., Server]) -> None:
    """xAI's own example: 32 + 9 + 94 = 135; Gemini says the total only."""
    counted = usage(32, 9, thought=94)
    vendors(
        QWEN,
        in_turn(
            *(
                answer(200, whole(counted | {"total_tokens": 135} | more), JSON)
                for more in ({}, {"completion_tokens_details": None})
            )
        ),
    )
    for _ in range(2):
        report = asked("qwen/qwen-plus")
        assert report.usage == Usage(input_tokens=32, output_tokens=103, reasoning_tokens=94)
        assert str(report.cost) == "0.0008496 CNY"


def test_where_sources_disagree_nobody_knows(vendors: Callable[..., Server]) -> None:
    mistral = ("mistral", "MISTRAL_API_KEY", "LLMSWITCH_MISTRAL_BASE_URL")
    assert amount("mistral-large-latest", usage(1000, 1000), vendors, mistral) is None
    assert amount("mistral-large-4", usage(1_000_000, 0), vendors, mistral) == "0.7 USD"


# --- a user's own prices ----------------------------------------------------------------------------------------------

OWN = """
[[prices]]
provider = "qwen@cn"
currency = "EUR"
source = "our contract"
as_of = "2026-11"
models."qwen-plus" = { input = 1, output = 2 }

[[prices]]
provider = "compatible"
currency = "USD"
models."our-*" = [{ up_to = 1_000, input = 1, output = 1 }, { input = 2, output = 2 }]
"""


def test_a_users_prices_come_first(vendors: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "llmswitch.toml").write_text(OWN, encoding="utf-8")
    vendors(QWEN, whole(usage(1_000_000, 500_000)))
    with OpenAI() as client:
        one: Any = client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES)
        other: Any = client.chat.completions.create(model="qwen/qwen-max", messages=MESSAGES)
    expected = Cost(Decimal(2), "EUR", "our contract", "2026-11")
    assert one.llmswitch.cost == expected
    assert pickle.loads(pickle.dumps(one)).llmswitch.cost == expected
    assert other.llmswitch.cost.currency == "CNY"
    json.dumps(asdict(one.llmswitch))


def test_a_users_prices_for_servers_of_his_own(vendors: Callable[..., Server]) -> None:
    vendors(COMPATIBLE, whole(usage(1_001, 0)))
    own: Any = [{"provider": "compatible", "currency": "USD", "models": {"our-*": {"input": 2, "output": 2}}}]
    cost = asked("our-model", prices=own).cost
    assert cost is not None
    assert (str(cost), cost.source, cost.as_of) == ("0.002002 USD", "argument", "")
    assert asked("your-model", prices=own).cost is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[prices]\n", r"prices: found .*allowed: a list of tables: \[\[prices\]\]"),
        ('[[prices]]\nprovider = "qwem"\n', r"prices\[0\]\.provider: found 'qwem'; allowed: .*did you mean 'qwen'\?"),
        ('[[prices]]\nprovider = "qwen"\n', r"prices\[0\]\.currency: found nothing"),
        ('[[prices]]\nprovider = "qwen"\ncurrency = "CNY"\n', r"prices\[0\]\.models: found nothing; allowed: a table"),
        (
            '[[prices]]\nprovider = "qwen"\ncurrency = "CNY"\nmodels.m = { input = "1" }\n',
            r"prices\[0\]\.models\.m\.input: found '1'; allowed: a number",
        ),
    ],
)
def test_prices_that_are_wrong_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "llmswitch.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        OpenAI(api_key="sk-x")


# --- the vendor's own word --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_the_vendors_word_stays_beside_openais(stream: bool, vendors: Callable[..., Server]) -> None:
    body = chunked(chunk("hel"), chunk(finish="sensitive"), DONE, headers=(EVENTS,))
    vendors(ZHIPU, body if stream else whole(usage(1, 1), "sensitive"))
    with OpenAI() as client:
        create: Any = client.chat.completions.create
        made = create(model="zhipu/glm-5.3", messages=MESSAGES, stream=stream)
        last = list(made)[-1] if stream else made
    assert last.choices[0].finish_reason == "content_filter"
    assert last.llmswitch.finish_reason == "sensitive"


# --- failed attempts --------------------------------------------------------------------------------------------------


def test_an_answer_that_broke_off_is_paid_for(vendors: Callable[..., Server]) -> None:
    vendors(ZHIPU, whole(usage(1000, 100), "network_error"))
    vendors(QWEN, whole(usage(1000, 100)))
    report = asked("gpt-4o", order=["zhipu", "qwen"], models={"gpt-4o": {"zhipu": "glm-5.3", "qwen": "qwen-plus"}})
    failed, answered = report.attempts
    assert failed.kind == "server_error"
    assert failed.finish_reason == "network_error"
    assert (str(failed.cost), str(answered.cost), str(report.cost)) == ("0.0108 CNY", "0.001 CNY", "0.001 CNY")
    assert report.total_cost == {"CNY": Decimal("0.0118")}


def test_a_refusal_that_is_passed_on_is_paid_for(vendors: Callable[..., Server]) -> None:
    vendors(ZHIPU, whole(usage(1000, 100), "sensitive"))
    vendors(QWEN_INTL, whole(usage(1000, 100)))
    report = asked(
        "gpt-4o",
        order=["zhipu", "qwen"],
        models={"gpt-4o": {"zhipu": "glm-5.3", "qwen": "qwen-plus"}},
        on_content_filter="next",
    )
    assert report.provider == "qwen"
    assert report.attempts[0].finish_reason == "sensitive"
    assert report.total_cost == {"CNY": Decimal("0.0108"), "USD": Decimal("0.00052")}


def test_a_stream_that_breaks_after_its_usage_is_paid_for(vendors: Callable[..., Server]) -> None:
    begun = head(200, EVENTS, "Transfer-Encoding: chunked")
    vendors(QWEN, raw(begun + framed(chunk("hel", counted=usage(1000, 100)), end=False), then=close))
    with OpenAI() as client, pytest.raises(StreamInterruptedError) as caught:
        list(client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES, stream=True))
    copy: StreamInterruptedError = pickle.loads(pickle.dumps(caught.value))
    for attempt in (caught.value.attempts[0], copy.attempts[0]):
        assert attempt.usage == Usage(input_tokens=1000, output_tokens=100)
        assert str(attempt.cost) == "0.001 CNY"


def test_a_held_back_stream_that_breaks_is_paid_for(vendors: Callable[..., Server]) -> None:
    begun = head(200, EVENTS, "Transfer-Encoding: chunked")
    broken = raw(begun + framed(chunk("hel", counted=usage(1000, 100)), end=False), then=close)
    vendors(QWEN, broken)
    vendors(ZHIPU, chunked(chunk("hello", "stop", usage(1000, 100)), DONE, headers=(EVENTS,)))
    models = {"gpt-4o": {"zhipu": "glm-5.3", "qwen": "qwen-plus"}}
    with OpenAI(order=["qwen", "zhipu"], on_interrupt="buffer", models=models) as client:
        pieces = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    report: Report = pieces[0].llmswitch  # type: ignore[attr-defined]
    assert [str(attempt.cost) for attempt in report.attempts] == ["0.001 CNY", "0.0108 CNY"]
    assert report.total_cost == {"CNY": Decimal("0.0118")}


def test_an_attempt_starts_with_nothing_said(vendors: Callable[..., Server]) -> None:
    """What a failed attempt said does not stick to the next one."""
    vendors(QWEN, in_turn(answer(200, whole(usage(5, 5)), JSON), answer(503, b"{}", JSON)))
    with OpenAI(max_retries=0) as client:
        client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES)
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model="qwen/qwen-plus", messages=MESSAGES)
    error: Any = caught.value
    assert [attempt.usage for attempt in error.attempts] == [None]


def test_a_broken_answer_does_not_lend_its_tokens_to_the_next_attempt(vendors: Callable[..., Server]) -> None:
    """Within one call."""
    vendors(ZHIPU, whole(usage(1000, 100), "network_error"))
    vendors(QWEN, answer(503, b"{}", JSON))
    models = {"gpt-4o": {"zhipu": "glm-5.3", "qwen": "qwen-plus"}}
    with (
        OpenAI(order=["zhipu", "qwen"], models=models, max_retries=0) as client,
        pytest.raises(openai.APIError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    error: Any = caught.value
    assert [(attempt.provider, str(attempt.cost)) for attempt in error.attempts[:2]] == [
        ("zhipu", "0.0108 CNY"),
        ("qwen", "None"),
    ]


# --- the command line -------------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmswitch", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_adapters_shows_prices_with_source_and_date() -> None:
    shown = command("adapters", "qwen").stdout
    assert "Prices in CNY per million tokens at qwen@cn" in shown
    row = next(line for line in shown.splitlines() if line.startswith("qwen3-max ") and "up to 32,000" in line)
    *amounts, source = row.split()[-6:]
    assert amounts == ["2.5", "0.5", "0.25", "3.125", "10"]
    assert f"\n{source}  https://help.aliyun.com" in shown or f"\n{source}   https://help.aliyun.com" in shown
    assert "as the package genai-prices says of openai" in command("adapters", "openai").stdout
    prices = json.loads(command("adapters", "zhipu", "--json").stdout)["prices"]
    assert {entry["currency"] for entry in prices} == {"CNY", "USD"}


def test_chat_says_what_it_cost(vendors: Callable[..., Server]) -> None:
    vendors(QWEN, whole(usage(1000, 100)))
    said = json.loads(command("chat", "-m", "qwen/qwen-plus", "--json", "hi").stdout)["llmswitch"]
    assert said["cost"]["amount"] == "0.001"
    assert said["total_cost"] == {"CNY": "0.001"}
    assert said["usage"]["input_tokens"] == 1000
    done = command("chat", "-m", "qwen/qwen-plus", "--no-stream", "-v", "hi")
    assert "cost: 0.001 CNY" in done.stderr
