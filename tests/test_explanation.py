"""`llmswitch.explain`: every known endpoint, in or out, with reason, source and date."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

import llmswitch
from llmswitch import adapter, config
from llmswitch.errors import ConfigError
from llmswitch.explanation import Row, explain

KEYS = {"OPENAI_API_KEY": "sk-canary", "DASHSCOPE_API_KEY": "sk-canary"}
NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)


def rows(*arguments: Any, **more: Any) -> dict[str, Row]:
    found = explain(*arguments, now=NOW, **{"environ": KEYS, **more})
    return {f"{row.provider}@{row.site}": row for row in found.rows}


def test_every_known_endpoint_has_one_row() -> None:
    found = explain("gpt-4o", region="CN", environ=KEYS, now=NOW)
    known = [f"{name}@{site.name}" for name in adapter.adapters() for site in adapter.get(name).sites]
    assert sorted(f"{row.provider}@{row.site}" for row in found.rows) == sorted(known)


def test_who_is_in_has_rank_model_and_reason_who_is_out_source_and_date() -> None:
    found = rows("gpt-4o", "CN")
    assert found["qwen@cn"].rank == 1
    assert found["qwen@cn"].model == adapter.get("qwen").tiers["standard"]
    assert "serves CN" in found["qwen@cn"].reason
    out = found["openai@global"]
    assert not out.included
    assert out.reason == "does not serve CN, where the call leaves from"
    assert "help.openai.com" in out.source
    assert out.as_of == "2026-08-21"


def test_without_a_key_the_row_says_which_and_whether_it_would_help() -> None:
    found = rows("gpt-4o", "CN", environ={})
    assert not any(row.included for row in found.values())
    assert found["qwen@cn"].reason == "no key: set DASHSCOPE_API_KEY; serves CN"
    assert found["openai@global"].reason == "does not serve CN, where the call leaves from; no key: set OPENAI_API_KEY"
    assert found["compatible@custom"].reason.startswith("no base_url")


def test_a_region_given_stands_above_the_environment() -> None:
    found = explain("gpt-4o", "US", environ={**KEYS, "LLMSWITCH_REGION": "CN"}, now=NOW)
    assert (found.region.code, found.region.source) == ("US", "argument region")
    assert explain("gpt-4o", environ={**KEYS, "LLMSWITCH_REGION": "CN"}, now=NOW).region.code == "CN"


def test_a_clients_configuration_can_be_looked_at_from_elsewhere() -> None:
    mine = config.load(environ=KEYS, region="US")
    assert rows("gpt-4o", config=mine)["openai@global"].rank == 1
    there = rows("gpt-4o", "CN", config=mine)
    assert there["openai@global"].rank is None
    assert rows("gpt-4o", user_region="HK", config=mine)["openai@global"].rank is None


def test_a_cutover_ahead_is_announced() -> None:
    mine = config.load(
        environ=KEYS, region="SG", cutovers=[{"provider": "openai", "region": "SG", "at": "2026-12-01", "ramp": "1h"}]
    )
    assert (
        "out from 2026-12-01T00:00:00+00:00, ramping for 3600 s before"
        in rows("gpt-4o", config=mine)["openai@global"].reason
    )


def test_needs_and_options_count() -> None:
    assert (
        "has no vision"
        in rows("glm-5.3", environ={**KEYS, "ZHIPUAI_API_KEY": "x"}, requires=["vision"])["zhipu@cn"].reason
    )
    assert "allows only qwen" in rows("gpt-4o", options={"providers": ["qwen"]})["openai@global"].reason
    assert "equal dimension or not" in rows("text-embedding-3-small", operation="embeddings")["qwen@cn"].reason


def test_it_prints_a_table_and_gives_plain_data_without_keys() -> None:
    found = explain("gpt-4o", region="CN", environ=KEYS, now=NOW)
    text = str(found)
    assert text.startswith("gpt-4o · region CN (argument region) · users unknown (not set)\n")
    assert "openai@global" in text
    assert "(2026-08-21)" in text
    data = json.loads(json.dumps(found.to_dict()))
    assert data["region"] == {"code": "CN", "source": "argument region"}
    assert [row["rank"] for row in data["rows"] if row["included"]] == [1]
    assert "canary" not in text + json.dumps(data) + repr(found)


def test_a_region_that_is_no_country_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'GB'"):
        explain("gpt-4o", "UK", environ={})


@pytest.mark.parametrize(
    ("operation", "meant"),
    [("foo", None), ("", None), ("fils", "files"), ("embedings", "embeddings"), ("chat.completions", "chat")],
)
def test_an_operation_that_nobody_has_is_refused(operation: str, meant: str | None) -> None:
    with pytest.raises(ConfigError, match="argument operation: found ") as caught:
        explain("gpt-4o", operation=operation, environ=KEYS)
    said = str(caught.value)
    assert f"found {operation!r}; allowed: chat, embeddings, models, " in said
    assert (f"did you mean {meant!r}?" in said) if meant else ("did you mean" not in said)


@pytest.mark.parametrize("operation", ["files", "images", "audio", "responses", "assistants", "fine_tuning", "batches"])
def test_the_resources_that_only_openai_has_can_be_asked_about(operation: str) -> None:
    found = rows("gpt-4o", operation=operation)
    assert found["openai@global"].included
    assert not found["qwen@cn"].included


def test_a_capability_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"argument requires: found 'tool'; allowed: .*; did you mean 'tools'\?"):
        explain("gpt-4o", requires=["tool"], environ=KEYS)
    assert (
        "has no vision"
        in rows("glm-5.3", environ={**KEYS, "ZHIPUAI_API_KEY": "x"}, requires="vision")["zhipu@cn"].reason
    )


def test_it_is_public_and_needs_no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "x")
    assert any(row.included for row in llmswitch.explain().rows)
    assert llmswitch.explain(model="gpt-4o", region="CN").rows[0].provider == "qwen"


def test_a_rule_shows_beside_a_missing_key() -> None:
    found = explain("gpt-4o", region="CN", environ={}, options={"exclude": {"tags": ["us-entity-list"]}})
    reasons = {f"{row.provider}@{row.site}": row for row in found.rows}
    assert "no key" in reasons["zhipu@cn"].reason
    assert "tagged us-entity-list" in reasons["zhipu@cn"].reason
    assert reasons["zhipu@cn"].as_of == "2025-01-16"
