"""Whom the user excludes and where calls may be answered: hard, in every mode, with source and date."""

from __future__ import annotations

import asyncio
import datetime
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncOpenAI, AsyncSwitch, OpenAI, Switch, config, routing
from llmswitch.errors import ConfigError, InvalidRequestError, NoProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.routing import Plan
    from llmswitch.sandbox import Sandbox

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
KEYS = {
    "OPENAI_API_KEY": "o",
    "LLMSWITCH_QWEN_CN_API_KEY": "d",
    "LLMSWITCH_QWEN_US_API_KEY": "u",
    "ZHIPUAI_API_KEY": "z",
    "ZAI_API_KEY": "i",
    "QIANFAN_API_KEY": "q",
}
MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
CALL: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
ALL = {"openai@global", "qwen@cn", "qwen@us", "zhipu@cn", "zhipu@intl", "ernie@cn"}

# What a rule leaves of ALL.
RULES: list[tuple[dict[str, Any], set[str]]] = [
    ({"exclude": {"headquarters": ["us"]}}, ALL - {"openai@global"}),
    ({"exclude": {"headquarters": ["CN"]}}, {"openai@global"}),
    ({"exclude": {"hosted_in": ["CN"]}}, {"qwen@us"}),  # nobody says where Z.ai is, and OpenAI promises no place
    ({"exclude": {"tags": ["us-entity-list"]}}, {"openai@global", "qwen@cn", "qwen@us", "ernie@cn"}),
    ({"exclude": {"providers": ["qwen", "zhipu@intl"]}}, {"openai@global", "zhipu@cn", "ernie@cn"}),
    ({"exclude": ["qwen", "zhipu@intl"]}, {"openai@global", "zhipu@cn", "ernie@cn"}),
    ({"exclude": {"headquarters": ["US"], "tags": ["us-entity-list"]}}, {"qwen@cn", "qwen@us", "ernie@cn"}),
    ({"exclude": {"tags": ["us-dod-1260h"]}}, ALL),
    ({"exclude": {}}, ALL),
    ({"hosted_in": ["cn"]}, {"qwen@cn", "zhipu@cn", "ernie@cn"}),
    ({"hosted_in": ["CN", "US"], "exclude": ["ernie"]}, {"qwen@us", "qwen@cn", "zhipu@cn"}),
    ({"hosted_in": []}, set()),
]


def plan(options: dict[str, Any] | None = None, environ: dict[str, str] | None = None, **arguments: Any) -> Plan:
    found = config.load(environ={"LLMSWITCH_REGION": "SG", **KEYS, **(environ or {})}, **arguments)
    return routing.candidates(found, routing.need("chat", CALL, options), NOW)


def who(found: Plan) -> set[str]:
    return {candidate.endpoint.name for candidate in found.candidates}


# --- the rules ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "left"), RULES)
def test_of_a_call(rule: dict[str, Any], left: set[str]) -> None:
    assert who(plan(rule)) == left


@pytest.mark.parametrize(("rule", "left"), RULES)
def test_of_a_client(rule: dict[str, Any], left: set[str]) -> None:
    assert who(plan(**rule)) == left


@pytest.mark.parametrize(("rule", "left"), RULES)
def test_of_the_file(rule: dict[str, Any], left: set[str], tmp_path: Path) -> None:
    lines = []
    if "hosted_in" in rule:
        lines.append(f"hosted_in = {rule['hosted_in']}")
    excluded = rule.get("exclude", {})
    if isinstance(excluded, list):
        lines.append(f"exclude = {excluded}")
    else:
        lines += ["[exclude]", *(f"{name} = {value}" for name, value in excluded.items())]
    (tmp_path / "llmswitch.toml").write_text("\n".join(lines), encoding="utf-8")
    assert who(plan(directory=tmp_path)) == left


def test_of_the_environment() -> None:
    variables = {
        "LLMSWITCH_HOSTED_IN": "CN, US",
        "LLMSWITCH_EXCLUDE_HEADQUARTERS": "US",
        "LLMSWITCH_EXCLUDE_TAGS": "us-entity-list",
        "LLMSWITCH_EXCLUDE_PROVIDERS": "ernie",
    }
    assert who(plan(environ=variables)) == {"qwen@cn", "qwen@us"}
    assert config.load(environ={**KEYS, **variables}).warnings == ()
    assert who(plan(environ={"LLMSWITCH_EXCLUDE_HOSTED_IN": "CN"})) == {"qwen@us"}
    with pytest.raises(ConfigError, match=r"environment: LLMSWITCH_EXCLUDE_TAGS\[0\]: found 'spies'"):
        plan(environ={"LLMSWITCH_EXCLUDE_TAGS": "spies"})


def test_rules_of_all_places_add_up_and_a_call_cannot_widen() -> None:
    found = plan(
        {"exclude": {"tags": ["us-entity-list"]}, "hosted_in": ["CN", "US"]},
        environ={"LLMSWITCH_EXCLUDE_PROVIDERS": "ernie"},
        exclude={"headquarters": ["US"]},
        hosted_in=["CN"],
    )
    assert who(found) == {"qwen@cn"}
    assert who(plan({"exclude": {}, "hosted_in": ["US"], "providers": ["qwen"]}, hosted_in=["CN"])) == set()


def test_what_nobody_states_is_excluded_unless_you_state_it(tmp_path: Path) -> None:
    assert "zhipu@intl" not in who(plan(exclude={"hosted_in": ["JP"]}))
    assert "zhipu@intl" not in who(plan(hosted_in=["SG"]))
    (tmp_path / "llmswitch.toml").write_text('[providers.zhipu.sites.intl]\nhosted_in = "sg"\n', encoding="utf-8")
    assert who(plan(directory=tmp_path, hosted_in=["SG"])) == {"zhipu@intl"}
    assert who(plan({"hosted_in": ["SG"]}, directory=tmp_path)) == {"zhipu@intl"}


def test_a_server_of_ones_own_has_no_headquarters_and_the_place_you_state(tmp_path: Path) -> None:
    mine: dict[str, Any] = {"base_url": "https://llm.example.net/v1", "api_key": "x", "environ": {}}
    assert "compatible@custom" in who(plan(**mine, exclude={"headquarters": ["US", "CN"]}))
    assert "compatible@custom" not in who(plan({"exclude": {"hosted_in": ["US"]}}, **mine))
    (tmp_path / "llmswitch.toml").write_text('[providers.compatible]\nhosted_in = "DE"\n', encoding="utf-8")
    assert who(plan(**mine, directory=tmp_path, hosted_in=["DE"])) == {"compatible@custom"}


def test_the_local_model_is_hosted_where_the_call_leaves_from() -> None:
    assert who(plan(local=True, region="DE", hosted_in=["DE"])) == {"local@local"}
    assert who(plan(local=True, region="DE", exclude={"hosted_in": ["DE", "CN", "US"]})) == set()


def test_a_known_vendor_without_headquarters_and_a_site_of_another_company(tmp_path: Path) -> None:
    text = """
name = "acme"
title = "Acme"
rank = 60
key_env = ["ACME_API_KEY"]
[facts.sites]
source = "https://acme.example"
as_of = "2026"
confidence = "low"
[sites.eu]
base_url = "https://api.acme.example/v1"
serves = "all-except"
hosted_in = "DE"
"""
    (tmp_path / "acme.toml").write_text(text, encoding="utf-8")
    (tmp_path / "beta.toml").write_text(
        text.replace("acme", "beta")
        .replace("ACME", "BETA")
        .replace(
            "[facts",
            'headquarters = "CN"\n[facts.headquarters]\nsource = "x"\nas_of = "2026"\nconfidence = "low"\n[facts',
            1,
        )
        + 'headquarters = "SG"\n',
        encoding="utf-8",
    )
    program = f"""
import llmswitch
from llmswitch import adapter, explain
for name in ("acme", "beta"):
    adapter.register(adapter.load({str(tmp_path)!r} + "/" + name + ".toml"))
keys = {{"ACME_API_KEY": "a", "BETA_API_KEY": "b"}}
def reasons(*codes):
    rows = explain("x", environ=keys, options={{"exclude": {{"headquarters": list(codes)}}}}).rows
    return {{row.provider: row.reason for row in rows}}
assert reasons("US")["acme"] == "nobody says where its headquarters are; this call excludes headquarters in US"
assert "headquarters" not in reasons("US")["beta"]
assert reasons("CN")["beta"] == "headquarters in CN; this call excludes headquarters in CN"
assert reasons("SG")["beta"].startswith("its company's headquarters are in SG; ")
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent)


# --- what is said ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", ["call", "client"])
def test_explain_shows_rule_source_and_date(whose: str) -> None:
    rule: dict[str, Any] = {"exclude": {"headquarters": ["US"], "hosted_in": ["SG"], "tags": ["us-entity-list"]}}
    if whose == "call":
        found = llmswitch.explain("gpt-4o", "CN", environ=KEYS, options=rule)
        word = "this call"
    else:
        found = llmswitch.explain("gpt-4o", "CN", config=config.load(environ=KEYS, region="CN", **rule))
        word = "your policy"
    rows = {f"{row.provider}@{row.site}": row for row in found.rows}
    out = rows["openai@global"]
    assert out.reason == f"headquarters in US; {word} excludes headquarters in US"
    assert (out.source.partition(":")[0], out.as_of) == ("San Francisco", "2026-11-24")
    out = rows["zhipu@cn"]
    assert out.reason == f"tagged us-entity-list; {word} excludes it"
    assert out.as_of == "2025-01-16"
    assert "techcentral" in out.source
    if whose == "client":
        assert rows["qwen@intl"].reason == "hosted in SG; your policy excludes SG"
    assert rows["qwen@cn"].rank == 1


def test_a_place_of_your_own_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "llmswitch.toml").write_text('[providers.zhipu.sites.intl]\nhosted_in = "SG"\n', encoding="utf-8")
    mine = config.load(environ=KEYS, region="CN", directory=tmp_path, exclude={"hosted_in": ["SG"]})
    rows = {row.site: row for row in llmswitch.explain("gpt-4o", config=mine).rows if row.provider == "zhipu"}
    assert (rows["intl"].reason, rows["intl"].source) == (
        "hosted in SG; your policy excludes SG",
        "hosted_in in your settings",
    )


def test_the_error_says_what_keeps_whom_out_and_advises_nobody_who_is_excluded(sandbox: Sandbox) -> None:
    rule = {"exclude": {"headquarters": ["CN"]}, "providers": ["qwen", "ernie", "zhipu"]}
    with OpenAI(region="CN") as client, pytest.raises(llmswitch.NoProviderError) as caught:
        client.chat.completions.create(**CALL, extra_body={"llmswitch": rule})
    said = str(caught.value)
    assert "qwen@cn: headquarters in CN; this call excludes headquarters in CN (source: Alibaba, Hangzhou" in said
    assert "DASHSCOPE_API_KEY" not in said
    assert sandbox.hits() == 0


def test_a_client_without_anybody_left_says_so_when_it_is_made(sandbox: Sandbox) -> None:
    with pytest.raises(llmswitch.ConfigError, match="openai@global: headquarters in US; your policy excludes"):
        OpenAI(exclude={"headquarters": ["US", "CN"]})
    assert sandbox.hits() == 0


# --- never bypassed -----------------------------------------------------------------------------------------------------------------


def _whole(options: dict[str, Any], **arguments: Any) -> str:
    with OpenAI(**arguments) as client:
        return str(client.chat.completions.create(**CALL, extra_body={"llmswitch": options}).llmswitch.endpoint)


def _streamed(options: dict[str, Any], **arguments: Any) -> str:
    with OpenAI(**arguments) as client:
        stream: Any = client.chat.completions.create(**CALL, stream=True, extra_body={"llmswitch": options})
        return str([chunk.llmswitch.endpoint for chunk in stream][-1])


def _async(options: dict[str, Any], **arguments: Any) -> str:
    async def go() -> str:
        async with AsyncOpenAI(**arguments) as client:
            answer = await client.chat.completions.create(**CALL, extra_body={"llmswitch": options})
            return str(answer.llmswitch.endpoint)

    return asyncio.run(go())


def _switch(options: dict[str, Any], **arguments: Any) -> str:
    with Switch(**arguments) as switch:
        return str(switch.chat.completions.create(**CALL, llmswitch=options).llmswitch.endpoint)


def _async_switch(options: dict[str, Any], **arguments: Any) -> str:
    async def go() -> str:
        async with AsyncSwitch(**arguments) as switch:
            return str((await switch.chat.completions.create(**CALL, llmswitch=options)).llmswitch.endpoint)

    return asyncio.run(go())


WAYS = [_whole, _streamed, _async, _switch, _async_switch]
NO_US: dict[str, Any] = {"exclude": {"headquarters": ["US"]}}


@pytest.mark.parametrize("way", WAYS)
def test_of_a_call_and_of_a_client_through_every_entrance(sandbox: Sandbox, way: Callable[..., str]) -> None:
    assert not way(NO_US).startswith("openai")
    assert not way({}, **NO_US).startswith("openai")
    assert way({"hosted_in": ["SG"]}) == "qwen@intl"
    assert (sandbox.hits("openai"), sandbox.hits("qwen@cn")) == (0, 0)


@pytest.mark.parametrize("whose", ["call", "client"])
@pytest.mark.parametrize(
    ("way", "fault"),
    [
        *((way, "server_error") for way in WAYS),
        *((_whole, fault) for fault in ("rate_limit", "overload", "reset", "auth")),
    ],
)
def test_failover_never_leads_to_who_is_excluded(
    pair: Sandbox, way: Callable[..., str], fault: str, whose: str
) -> None:
    pair.fault("qwen", fault)
    rules, options = (NO_US, {}) if whose == "client" else ({}, NO_US)
    for _ in range(7):  # long enough for the breaker to open, and to be bypassed
        with pytest.raises((openai.APIError, llmswitch.errors.LLMSwitchError)):
            way(options, max_retries=0, **rules)
    assert pair.hits("openai") == 0
    assert pair.hits("qwen") > 0


@pytest.mark.parametrize("more", [{"order": ["openai"]}, {"failover": False}, {"providers": ["openai"]}])
def test_neither_order_nor_being_alone_opens_a_way(pair: Sandbox, more: dict[str, Any]) -> None:
    for options, arguments in (({**NO_US, **more}, {}), (NO_US, more), (more, NO_US)):
        with OpenAI(**arguments) as client:
            try:
                answer = client.chat.completions.create(**CALL, extra_body={"llmswitch": options})
            except NoProviderError:
                continue
            assert answer.llmswitch.provider == "qwen"
    assert pair.hits("openai") == 0


def test_an_explicit_base_url_opens_no_way(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    with OpenAI(**NO_US) as client:
        assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"
        with pytest.raises(llmswitch.NoProviderError, match=r"openai@global, which takes no part: headquarters in US"):
            client.files.list()
    with OpenAI() as client:
        answer = client.chat.completions.create(**CALL, extra_body={"llmswitch": NO_US})
        assert answer.llmswitch.provider == "qwen"
        with pytest.raises(llmswitch.NoProviderError, match="openai@global: headquarters in US; this call excludes"):
            client.files.list(extra_body={"llmswitch": NO_US})
    assert pair.hits("openai") == 0


def test_resources_that_only_openai_has_keep_the_rules(pair: Sandbox) -> None:
    with OpenAI(**NO_US) as client, pytest.raises(llmswitch.NoProviderError, match="openai@global: headquarters in US"):
        client.files.list()
    with OpenAI() as client:
        with pytest.raises(llmswitch.NoProviderError, match="openai@global: headquarters in US; this call excludes"):
            client.responses.create(model="gpt-4o", input="hi", extra_body={"llmswitch": NO_US})
        with pytest.raises(llmswitch.InvalidRequestError, match="did you mean 'exclude'"):
            client.responses.create(model="gpt-4o", input="hi", extra_body={"llmswitch": {"exclud": ["qwen"]}})
        assert pair.hits("openai") == 0
        client.files.list(extra_body={"llmswitch": {"exclude": ["qwen"]}})
    assert "llmswitch" not in str(pair.requests("openai")[-1].body)


def test_resources_of_an_async_client_keep_the_rules(pair: Sandbox) -> None:
    async def go() -> None:
        async with AsyncOpenAI() as client:
            with pytest.raises(llmswitch.NoProviderError, match="headquarters in US; this call excludes"):
                await client.files.list(extra_body={"llmswitch": NO_US})
            await client.files.list(extra_body={"llmswitch": {"exclude": ["qwen"]}})

    asyncio.run(go())
    assert pair.hits("openai") == 1


def test_a_websocket_at_an_address_of_ones_own_keeps_the_rules() -> None:
    arguments: dict[str, Any] = {"api_key": "x", "websocket_base_url": "wss://api.openai.com/v1"}
    with (
        OpenAI(**arguments, **NO_US, base_url="https://llm.example.net/v1") as client,
        pytest.raises(llmswitch.NoProviderError, match="headquarters in US"),
    ):
        client.realtime.connect(model="gpt-realtime")


def test_what_openai_sends_by_itself_is_refused_beside_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    identity = {"type": "x509", "identity_provider_id": "p", "service_account_id": "s"}
    with pytest.raises(llmswitch.ConfigError, match="openai sends these calls by itself"):
        OpenAI(workload_identity=identity, exclude={"headquarters": ["CN"]})


def test_a_copy_keeps_the_rules(pair: Sandbox) -> None:
    with OpenAI(**NO_US) as client:
        for copied in (
            client.with_options(timeout=5),
            client.copy(order=["openai"]),
            client.copy(hosted_in=["CN", "US"]),
        ):
            assert copied.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert pair.hits("openai") == 0


def test_switch_refuses_wrong_rules() -> None:
    with pytest.raises(ConfigError, match=r"argument: exclude\.hosted_in = 'Mars' is not a country"):
        Switch(environ=KEYS, exclude={"hosted_in": ["Mars"]})
    with Switch(environ=KEYS) as switch, pytest.raises(InvalidRequestError, match="did you mean 'tags'"):
        switch.chat.completions.create(**CALL, llmswitch={"exclude": {"tag": ["us-entity-list"]}})
