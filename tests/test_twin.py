"""A key of the other site: the error and doctor name the site it may belong to, and nobody tries it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import OpenAI, Switch, adapter
from llmswitch.failure import classify, twin
from tests.servers import Server, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
ORDINARY = "sk-canary0123456789abcdef"
PLAN = "sk-sp-canary0123456789"
REFUSED = json.dumps({"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}).encode()
WELCOME = json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}).encode()  # fmt: skip


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Server]]:
    """Every site of Qwen and of Zhipu; the Chinese ones refuse each key, the others take any."""
    names = [f"{name}@{site.name}" for name in ("qwen", "zhipu") for site in adapter.get(name).sites]
    with Server(answer(401, REFUSED)) as cn, Server(answer(200, WELCOME)) as elsewhere:
        for name in names:
            variable = f"LLMSWITCH_{name.upper().replace('@', '_').replace('-', '_')}_BASE_URL"
            monkeypatch.setenv(
                variable, f"{(cn if name.endswith('@cn') else elsewhere).url}/{name.partition('@')[2]}/v1"
            )
        monkeypatch.setenv("LLMSWITCH_REGION", "CN")
        yield {"cn": cn, "elsewhere": elsewhere}


def hints(error: openai.APIError) -> str:
    return " ".join(getattr(error, "__notes__", []))


@pytest.mark.parametrize(
    ("variable", "key", "named", "not_named"),
    [
        ("DASHSCOPE_API_KEY", ORDINARY, "qwen@intl (set DASHSCOPE_INTL_API_KEY)", "qwen@coding"),
        (
            "DASHSCOPE_API_KEY",
            PLAN,
            "looks like a key of qwen@coding (set LLMSWITCH_QWEN_CODING_API_KEY) or qwen@coding-intl",
            "qwen@intl",
        ),
        ("ZHIPUAI_API_KEY", "0123456789abcdef.canary", "zhipu@intl (set ZAI_API_KEY)", "zhipu@cn (set"),
    ],
)
def test_the_error_names_site_and_variable_and_the_key_reaches_no_other_host(
    sites: dict[str, Server], monkeypatch: pytest.MonkeyPatch, variable: str, key: str, named: str, not_named: str
) -> None:
    monkeypatch.setenv(variable, key)
    with OpenAI() as client:
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(**CALL)
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(**CALL)
    with Switch() as switch, pytest.raises(llmswitch.ProviderError) as ours:
        switch.chat.completions.create(**CALL)
    for said in (hints(caught.value), str(ours.value)):
        assert named in said
        assert not_named not in said
        assert "canary" not in said
    assert len(sites["cn"].requests) == 3
    assert sites["elsewhere"].requests == []
    assert sites["elsewhere"].connections == 0


def test_where_the_other_site_has_a_key_of_its_own_that_alone_goes_there(
    sites: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIPUAI_API_KEY", "0123456789abcdef.canarycn")
    monkeypatch.setenv("ZAI_API_KEY", "0123456789abcdef.canaryintl")
    with OpenAI() as client:
        assert client.chat.completions.create(**CALL).llmswitch.endpoint == "zhipu@intl"
    (request,) = sites["elsewhere"].requests
    assert request.headers["authorization"] == "Bearer 0123456789abcdef.canaryintl"
    assert "canarycn" not in str(request)


def test_a_key_that_changes_from_call_to_call_has_no_shape(sites: dict[str, Server]) -> None:
    with (
        OpenAI(api_key=lambda: PLAN, base_url="https://dashscope.aliyuncs.com/compatible-mode/v1") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(**CALL)
    assert "each site of Alibaba Qwen" in hints(caught.value)
    assert "looks like" not in hints(caught.value)
    assert sites["elsewhere"].connections == 0


def test_a_rule_that_knows_better_keeps_its_hint(sites: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    sites["cn"].behaviour = answer(429, json.dumps({"error": {"code": "1113", "message": "arrears"}}).encode())
    monkeypatch.setenv("ZHIPUAI_API_KEY", "0123456789abcdef.canary")
    with Switch(max_retries=0) as switch, pytest.raises(llmswitch.LLMSwitchError, match="Coding Plan key"):
        switch.chat.completions.create(**CALL)


def test_of_the_vendor_alone_all_sites_are_named() -> None:
    failure = classify(provider="zhipu", status=401, body=REFUSED)
    assert failure.hint is not None
    assert "zhipu@cn (set ZHIPUAI_API_KEY), zhipu@intl (set ZAI_API_KEY)" in failure.hint
    assert classify(provider="openai", status=401, body=REFUSED).hint is None


def test_a_shape_that_every_site_has_says_nothing() -> None:
    zhipu = adapter.get("zhipu")
    assert twin.misplaced(zhipu, zhipu.site("cn"), "0123456789abcdef.canary") is None
    assert twin.misplaced(zhipu, zhipu.site("cn"), "no shape at all") is None


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmswitch", "doctor", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_doctor_says_it_before_anything_is_sent() -> None:
    environment = {"DASHSCOPE_API_KEY": PLAN, "LLMSWITCH_REGION": "CN"}
    said = doctor(**environment).stdout
    assert "key of qwen@cn (DASHSCOPE_API_KEY): this looks like a key of qwen@coding (set LLMSWITCH_QWEN_CODING" in said
    assert PLAN not in said
    (row,) = json.loads(doctor("--json", **environment).stdout)["endpoints"]
    assert row["key_hint"].startswith("this looks like a key of qwen@coding")
    (row,) = json.loads(doctor("--json", DASHSCOPE_API_KEY=ORDINARY).stdout)["endpoints"]
    assert row["key_hint"] is None


def test_doctor_says_nothing_of_a_key_for_an_address_of_ones_own() -> None:
    moved = {
        "DASHSCOPE_API_KEY": PLAN,
        "LLMSWITCH_QWEN_CN_BASE_URL": "https://relay.example.com/v1",
        "LLMSWITCH_REGION": "CN",
    }
    (row,) = json.loads(doctor("--json", **moved).stdout)["endpoints"]
    assert row["key_hint"] is None
