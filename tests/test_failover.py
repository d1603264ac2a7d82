"""What a caller sees of each fault: the whole path, client to sandbox, over real sockets; sync and async, whole and streamed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, AsyncSwitch, OpenAI, Switch
from tests.servers import Server, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

MESSAGES: list[Any] = [{"role": "user", "content": "say hello"}]
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}


def _text(chunks: list[Any]) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def _openai_whole(**more: Any) -> tuple[str, Any]:
    with OpenAI() as client:
        answer = client.chat.completions.create(**{**CALL, **more})
        return answer.choices[0].message.content or "", answer.llmswitch


def _openai_stream(**more: Any) -> tuple[str, Any]:
    with OpenAI() as client:
        chunks = list(client.chat.completions.create(**{**CALL, **more}, stream=True))
        return _text(chunks), chunks[-1].llmswitch


def _async_whole(**more: Any) -> tuple[str, Any]:
    async def go() -> tuple[str, Any]:
        async with AsyncOpenAI() as client:
            answer = await client.chat.completions.create(**{**CALL, **more})
            return answer.choices[0].message.content or "", answer.llmswitch

    return asyncio.run(go())


def _async_stream(**more: Any) -> tuple[str, Any]:
    async def go() -> tuple[str, Any]:
        async with AsyncOpenAI() as client:
            chunks = [c async for c in await client.chat.completions.create(**{**CALL, **more}, stream=True)]
            return _text(chunks), chunks[-1].llmswitch

    return asyncio.run(go())


def _switch_whole(**more: Any) -> tuple[str, Any]:
    with Switch() as switch:
        answer = switch.chat.completions.create(**{**CALL, **more})
        return answer["choices"][0]["message"]["content"], answer.llmswitch


def _switch_stream(**more: Any) -> tuple[str, Any]:
    with Switch() as switch:
        chunks = list(switch.chat.completions.create(**{**CALL, **more}, stream=True))
        return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]), chunks[
            -1
        ].llmswitch


def _async_switch_whole(**more: Any) -> tuple[str, Any]:
    async def go() -> tuple[str, Any]:
        async with AsyncSwitch() as switch:
            answer = await switch.chat.completions.create(**{**CALL, **more})
            return answer["choices"][0]["message"]["content"], answer.llmswitch

    return asyncio.run(go())


def _async_switch_stream(**more: Any) -> tuple[str, Any]:
    async def go() -> tuple[str, Any]:
        async with AsyncSwitch() as switch:
            chunks = [c async for c in await switch.chat.completions.create(**{**CALL, **more}, stream=True)]
            text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
            return text, chunks[-1].llmswitch

    return asyncio.run(go())


WHOLE = [_openai_whole, _async_whole, _switch_whole, _async_switch_whole]
STREAMED = [_openai_stream, _async_stream, _switch_stream, _async_switch_stream]


def named(function: Any) -> str:
    return str(function.__name__).strip("_")


@pytest.mark.parametrize("ask", WHOLE + STREAMED, ids=named)
@pytest.mark.parametrize(
    ("fault", "options", "hits"),
    [
        ("region_block", {}, 1),
        ("quota", {}, 1),
        ("arrears", {}, 1),
        ("auth", {}, 1),
        ("rate_limit", {"retry_after": 60}, 1),
        ("model_not_found", {}, 1),
        ("overload", {}, 5),
        ("server_error", {}, 5),
        ("html", {}, 5),
        ("html", {"status": 403}, 5),
        ("garbage", {"after": -1}, 5),
        ("empty", {}, 5),
        ("reset", {}, 5),
        ("cut", {"after": 0}, 5),
        ("in_band_error", {"after": 0}, 5),
    ],
)
def test_no_user_error_while_another_provider_answers(
    pair: Sandbox, ask: Any, fault: str, options: dict[str, Any], hits: int
) -> None:
    pair.fault("openai", fault, **options)
    for _ in range(20):
        text, report = ask()
        assert text
        assert report.endpoint == "qwen@cn"
    assert pair.hits("openai") <= hits
    assert report.model != "gpt-4o"


@pytest.mark.parametrize("ask", WHOLE + STREAMED, ids=named)
def test_a_region_block_costs_one_hit_in_a_hundred_calls(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "region_block")
    for number in range(100):
        _, report = ask()
        assert len(report.attempts) == (2 if number == 0 else 1)
    assert pair.hits("openai") == 1
    assert pair.hits("qwen") == 100


def test_a_region_block_inside_a_stream_costs_one_hit_too(pair: Sandbox) -> None:
    pair.fault("openai", "region_block", wire="sse")
    for _ in range(100):
        assert _openai_stream()[0]
    assert pair.hits("openai") == 1


@pytest.mark.parametrize("ask", WHOLE + STREAMED, ids=named)
def test_a_region_that_is_known_beforehand_costs_none(pair: Sandbox, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_REGION", "CN")
    for _ in range(5):
        assert ask()[1].endpoint == "qwen@cn"
    assert pair.hits("openai") == 0


@pytest.mark.parametrize("ask", WHOLE, ids=named)
def test_a_refusal_is_an_answer(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "refusal", form="finish")
    assert ask()[1].provider == "openai"
    assert pair.hits("qwen") == 0


@pytest.mark.parametrize("ask", WHOLE + STREAMED, ids=named)
@pytest.mark.parametrize(("fault", "status"), [("refusal", 400), ("bad_request", 400)])
def test_what_is_the_callers_own_is_raised_at_once(pair: Sandbox, ask: Any, fault: str, status: int) -> None:
    pair.fault("openai", fault, **({"form": "http"} if fault == "refusal" else {}))
    with pytest.raises(openai.BadRequestError) as caught:
        ask()
    assert caught.value.status_code == status
    assert len(caught.value.attempts) == 1  # type: ignore[attr-defined]
    assert (pair.hits("openai"), pair.hits("qwen")) == (1, 0)


def test_a_refusal_goes_on_only_where_this_call_says_so(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.fault("openai", "refusal", form="http")
    allowed = {"on_content_filter": "next", "providers": ["openai", "qwen"]}
    assert _openai_whole(extra_body={"llmswitch": allowed})[1].provider == "qwen"
    pair.reset()
    pair.fault("openai", "refusal", form="finish")
    assert _openai_whole(extra_body={"llmswitch": allowed})[1].provider == "qwen"
    monkeypatch.delenv("LLMSWITCH_PROVIDERS")
    with pytest.raises(llmswitch.InvalidRequestError, match="providers"):
        _openai_whole(extra_body={"llmswitch": {"on_content_filter": "next"}})


@pytest.mark.parametrize("ask", STREAMED, ids=named)
@pytest.mark.parametrize(
    ("fault", "options"),
    [("cut", {}), ("cut", {"close": "reset"}), ("clean_eof", {}), ("garbage", {}), ("in_band_error", {})],
)
def test_a_stream_that_breaks_after_content_gives_the_exact_partial(
    pair: Sandbox, ask: Any, fault: str, options: dict[str, Any]
) -> None:
    whole, _ = ask()
    pair.fault("openai", fault, after=3, **options)
    with pytest.raises(openai.APIConnectionError) as caught:
        ask()
    error = caught.value
    assert isinstance(error, llmswitch.StreamInterruptedError)
    assert error.partial
    assert whole.startswith(error.partial)
    assert error.delivered.text == error.partial
    assert error.attempts[-1].provider == "openai"
    assert pair.hits("qwen") == 0


def test_the_partial_is_what_the_caller_saw(pair: Sandbox) -> None:
    pair.fault("openai", "cut", after=4)
    seen = ""
    with OpenAI() as client, pytest.raises(llmswitch.StreamInterruptedError) as caught:
        for chunk in client.chat.completions.create(**CALL, stream=True):
            seen += chunk.choices[0].delta.content or ""
    assert seen == caught.value.partial


def test_buffering_repeats_a_broken_stream_unseen(pair: Sandbox) -> None:
    pair.fault("openai", "cut", after=3)
    with OpenAI(on_interrupt="buffer") as client:
        chunks = list(client.chat.completions.create(**CALL, stream=True))
    assert chunks[-1].llmswitch.provider == "qwen"
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_done_but_with_a_finish_is_complete(pair: Sandbox) -> None:
    pair.fault("openai", "no_done")
    assert _openai_stream()[1].provider == "openai"


@pytest.mark.parametrize("ask", WHOLE + STREAMED, ids=named)
def test_both_down_is_one_error_that_names_both(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "region_block")
    pair.fault("qwen", "arrears")
    for number in range(3):
        with pytest.raises(openai.APIError) as caught:
            ask()
        error = caught.value
        assert isinstance(error, llmswitch.AllProvidersFailedError)
        assert {attempt.provider for attempt in error.attempts} == {"openai", "qwen"}
        assert "openai@global" in str(error)
        assert "qwen@cn" in str(error)
        if number == 0:
            assert isinstance(error, openai.PermissionDeniedError)
            assert isinstance(error, llmswitch.RegionBlockedError)
            assert error.status_code == 403
    assert pair.hits() <= 2 + 2


def test_a_full_outage_is_not_amplified(pair: Sandbox) -> None:
    pair.fault("openai", "server_error")
    pair.fault("qwen", "server_error")
    calls = 500
    with OpenAI() as client:
        for _ in range(calls):
            with pytest.raises(openai.InternalServerError):
                client.chat.completions.create(**CALL)
    assert pair.hits() <= 1.10 * calls
    assert pair.hits("openai") > 0


def test_a_lone_provider_is_retried_as_openai_retries(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai")
    pair.fault("openai", "server_error", count=2, retry_after=0)
    assert _openai_whole()[1].provider == "openai"
    assert pair.hits("openai") == 3
    pair.reset()
    pair.fault("openai", "overload")
    with OpenAI(max_retries=1) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(**CALL)
    assert type(caught.value) is openai.InternalServerError
    assert pair.hits("openai") == 2
    pair.reset()
    pair.fault("openai", "server_error", count=1)
    assert _switch_whole()[1].provider == "openai"
    assert pair.hits("openai") == 2


def test_a_lone_provider_is_asked_again_after_every_failure(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai")
    pair.fault("openai", "region_block")
    for number in range(1, 4):
        with pytest.raises(llmswitch.RegionBlockedError) as caught:
            _openai_whole()
        assert caught.value.status_code == 403
        assert caught.value.code == "unsupported_country_region_territory"
        assert pair.hits("openai") == number


def test_a_second_provider_is_not_spared_when_the_first_recovers(pair: Sandbox) -> None:
    pair.fault("openai", "rate_limit", retry_after=0.3, count=1)
    assert _openai_whole()[1].provider == "qwen"
    time.sleep(0.4)
    assert _openai_whole()[1].provider == "openai"


def test_short_waits_are_waited_out_where_nobody_else_is_left(pair: Sandbox) -> None:
    pair.fault("qwen", "auth")
    pair.fault("openai", "rate_limit", retry_after=0.2, count=1)
    assert _openai_whole()[1].provider == "openai"


@pytest.mark.parametrize("ask", [_openai_stream, _async_stream], ids=named)
def test_a_slow_first_token_fails_over_within_the_timeout(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "slow_first_token", seconds=30)
    started = time.monotonic()
    assert ask(timeout=3)[1].provider == "qwen"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("ask", [_openai_whole, _async_whole], ids=named)
def test_a_silent_provider_fails_over_within_the_timeout(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "slow_head", seconds=30)
    assert ask(timeout=3)[1].provider == "qwen"


@pytest.mark.parametrize("ask", STREAMED, ids=named)
def test_a_stall_ends_with_the_timeout_and_keeps_the_partial(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "stall", after=3)
    with pytest.raises(llmswitch.StreamInterruptedError) as caught:
        ask(timeout=1)
    assert caught.value.partial
    assert caught.value.failure is not None
    assert caught.value.failure.kind == "timeout"


@pytest.mark.parametrize("ask", [_openai_stream, _async_stream], ids=named)
def test_the_deadline_bounds_a_whole_stream(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "stall", after=3)
    started = time.monotonic()
    with pytest.raises(llmswitch.StreamInterruptedError):
        ask(extra_body={"llmswitch": {"deadline": 1}})
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("ask", WHOLE, ids=named)
def test_a_timeout_at_every_provider_is_an_openai_timeout(pair: Sandbox, ask: Any) -> None:
    pair.fault("openai", "slow_head", seconds=30)
    pair.fault("qwen", "slow_head", seconds=30)
    with pytest.raises(openai.APITimeoutError):
        ask(timeout=1)


def test_closing_a_stream_frees_the_connection(pair: Sandbox) -> None:
    others = pair.open_connections("openai")  # of an earlier test, whose request the sandbox is still sitting out
    pair.fault("openai", "stall", after=2)
    with OpenAI() as client:
        for how in ("close", "drop", "with"):
            stream = client.chat.completions.create(**CALL, stream=True)
            next(iter(stream))
            assert pair.open_connections("openai") > others
            if how == "close":
                stream.close()
            elif how == "with":
                with stream:
                    pass
            del stream
            _until(lambda: pair.open_connections("openai") <= others)


def test_cancelling_a_task_frees_the_connection(pair: Sandbox) -> None:
    others = pair.open_connections("openai")
    pair.fault("openai", "stall", after=2)
    pair.fault("qwen", "slow_head", seconds=30)

    async def go() -> None:
        async with AsyncOpenAI() as client:

            async def read() -> None:
                async for _ in await client.chat.completions.create(**CALL, stream=True):
                    pass

            task = asyncio.create_task(read())
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            for _ in range(100):
                if pair.open_connections("openai") <= others:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("still open after a second")

    asyncio.run(go())


def test_a_cancelled_probe_does_not_wedge_the_endpoint(pair: Sandbox) -> None:
    pair.fault("openai", "slow_head", seconds=30)

    async def go() -> None:
        async with AsyncOpenAI() as client:
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.chat.completions.create(**CALL), 0.1)
            pair.clear()
            answer = await client.chat.completions.create(**CALL)
            assert answer.llmswitch.provider == "openai"

    asyncio.run(go())


def _until(true: Callable[[], bool], seconds: float = 1.0) -> None:
    for _ in range(int(seconds * 100)):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("not within a second")


def test_threads_share_what_was_learned(pair: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    pair.fault("openai", "region_block")
    with OpenAI() as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.chat.completions.create(**CALL), range(200)))
    assert all(answer.llmswitch.provider == "qwen" for answer in answers)
    assert pair.hits("openai") <= 16  # those in flight when the first answer came


def test_hooks_see_what_happens(pair: Sandbox) -> None:
    events: list[llmswitch.Event] = []
    pair.fault("openai", "quota")
    with OpenAI(hooks=[events.append]) as client:
        client.chat.completions.create(**CALL)
        client.chat.completions.create(**CALL)
    assert [(e.name, e.provider, e.kind) for e in events] == [
        ("attempt", "openai", "quota_exhausted"),
        ("block", "openai", "quota_exhausted"),
        ("failover", "openai", "quota_exhausted"),
        ("attempt", "qwen", None),
        ("attempt", "qwen", None),
    ]
    assert len({e.call for e in events[:4]}) == 1


def test_tools_go_through_and_come_back(pair: Sandbox) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    pair.fault("openai", "quota")
    with OpenAI() as client:
        answer = client.chat.completions.create(**CALL, tools=[tool])  # type: ignore[list-item]
        calls = answer.choices[0].message.tool_calls
        assert calls
        assert calls[0].function.name == "weather"  # type: ignore[union-attr]
        history = [
            *MESSAGES,
            answer.choices[0].message,
            {"role": "tool", "tool_call_id": calls[0].id, "content": "21 C"},
        ]
        again = client.chat.completions.create(model="gpt-4o", messages=history, tools=[tool])  # type: ignore[list-item]
        assert again.choices[0].message.content


def test_what_was_meant_for_the_first_provider_stays_there(pair: Sandbox) -> None:
    pair.fault("openai", "quota")
    client = OpenAI(organization="org-1", project="proj-1", default_headers={"X-Mine": "1"}, default_query={"q": "1"})
    with client:
        client.chat.completions.create(
            **CALL, extra_headers={"X-Extra": "2"}, extra_query={"z": "2"}, extra_body={"mine": True}
        )
    first, second = pair.requests("openai")[0], pair.requests("qwen")[0]
    names = {name.lower() for name in first.headers}
    assert {"openai-organization", "openai-project", "x-mine", "x-extra"} <= names
    assert first.body["mine"] is True
    names = {name.lower() for name in second.headers}
    assert not names & {"openai-organization", "openai-project", "x-mine", "x-extra", "cookie", "x-stainless-lang"}
    assert "mine" not in second.body
    assert "?" not in second.path


def test_the_report_says_what_stayed_with_the_first_provider(pair: Sandbox) -> None:
    extra = {"top_k": 5, "note": "for your eyes only"}
    pair.fault("openai", "server_error")
    with OpenAI() as client:
        report = client.chat.completions.create(**CALL, extra_body=extra).llmswitch
    left = [change for change in report.changes if change.parameter in extra]
    assert [(change.parameter, change.action, change.before, change.loss) for change in left] == [
        ("top_k", "dropped", 5, True),
        ("note", "dropped", "a text", True),
    ]
    pair.reset()
    with OpenAI() as client:
        answer = client.chat.completions.create(**CALL, extra_body={**extra, "llmswitch": {"strict": True}})
        assert not [change for change in answer.llmswitch.changes if change.parameter in extra]


def test_openais_endpoint_gets_openais_own_bytes(pair: Sandbox) -> None:
    with OpenAI() as client:
        client.chat.completions.create(**CALL, temperature=2, logit_bias={"1": 1}, store=True, seed=1, user="u")
    body = pair.requests("openai")[0].body
    assert body == {**CALL, "temperature": 2, "logit_bias": {"1": 1}, "store": True, "seed": 1, "user": "u"}


def test_changes_are_reported_and_strict_refuses_them(pair: Sandbox) -> None:
    pair.fault("openai", "quota")
    _, report = _openai_whole(temperature=2, store=True)
    changed = {change.parameter: change.action for change in report.changes}
    assert changed["temperature"] == "clamped"
    assert changed["store"] == "dropped"
    assert changed["model"] == "converted"
    pair.reset()
    llmswitch_options = {"strict": True, "providers": ["qwen"]}
    with pytest.raises(llmswitch.InvalidRequestError, match="temperature"):
        _openai_whole(temperature=2, extra_body={"llmswitch": llmswitch_options})
    assert pair.hits() == 0


def test_models_can_be_listed(pair: Sandbox) -> None:
    with OpenAI() as client:
        assert any(model.id == "gpt-4o" for model in client.models.list())
        pair.fault("openai", "region_block")
        assert any(model.id.startswith("qwen") for model in client.models.list())


def test_embeddings_never_cross_models(pair: Sandbox) -> None:
    with OpenAI() as client:
        assert len(client.embeddings.create(model="text-embedding-3-small", input="hi").data[0].embedding) > 10
        pair.fault("openai", "server_error")
        with pytest.raises(openai.InternalServerError):
            client.with_options(max_retries=0).embeddings.create(model="text-embedding-3-small", input="hi")
        assert pair.hits("qwen") == 0
        data = client.embeddings.create(model="text-embedding-v4", input=["a", "b"], dimensions=64).data
        assert [len(one.embedding) for one in data] == [64, 64]


@pytest.mark.parametrize("fault", ["garbage", "empty"])
def test_a_lone_providers_broken_body_is_an_error_of_ours_in_switch(lone: Sandbox, fault: str) -> None:
    lone.fault("openai", fault)
    with Switch(max_retries=0) as switch:
        if fault == "empty":
            assert switch.chat.completions.create(**CALL) == {}
            return
        with pytest.raises(llmswitch.errors.ProviderError, match="not JSON, or broke off") as caught:
            switch.chat.completions.create(**CALL)
    assert caught.value.failure is not None
    assert caught.value.failure.kind == "bad_payload"


@pytest.mark.parametrize(
    "body",
    [
        b'{"detail": "Unauthorized"}',
        b'{"code": 10, "msg": "x"}',
        b'{"error": {"message": "weird thing", "code": "zzz"}}',
        b'{"message": "hello"}',
        b'{"error": "no"}',
    ],
)
@pytest.mark.parametrize("client", [OpenAI, Switch])
def test_no_outage_with_a_status_of_success_passes_for_an_answer(
    client: Any, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "mistral")
    monkeypatch.setenv("MISTRAL_API_KEY", "a-key")
    with Server(answer(200, body)) as server:
        monkeypatch.setenv("LLMSWITCH_MISTRAL_BASE_URL", f"http://127.0.0.1:{server.port}/v1")
        with client(max_retries=0) as one, pytest.raises(llmswitch.errors.CallError):
            one.chat.completions.create(**CALL)
    assert len(server.requests) == 1
