"""`llmswitch models`: what would serve, best first, and every known model, with what is known of each."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import adapter, catalogue, config
from llmswitch.errors import ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from llmswitch.catalogue import Entry

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
KEYS = {"OPENAI_API_KEY": "sk-canary", "DASHSCOPE_API_KEY": "sk-canary", "ZHIPUAI_API_KEY": "canary"}
FIELDS = {
    "endpoint", "provider", "site", "model", "rank", "usable", "tier", "context", "max_output", "capabilities", "lacks",
    "retired", "successor", "key", "why", "source", "as_of", "facts", "prices",
}  # fmt: skip


def settings(environ: dict[str, str] | None = None, **arguments: Any) -> config.Config:
    return config.load(environ=KEYS if environ is None else environ, **arguments)


def by_endpoint(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {entry.endpoint: entry for entry in entries}


def by_model(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {entry.model: entry for entry in entries}


def test_what_would_serve_comes_first_in_the_order_of_the_call() -> None:
    found = catalogue.like(settings(region="CN"), "gpt-4o", NOW)
    assert [(entry.rank, entry.endpoint) for entry in found if entry.usable] == [(1, "qwen@cn"), (2, "zhipu@cn")]
    assert [entry.usable for entry in found] == sorted((entry.usable for entry in found), reverse=True)
    first, stated = found[0], adapter.get("qwen").model(adapter.get("qwen").tiers["standard"])
    assert stated is not None
    assert (first.model, first.tier, first.context, first.max_output) == (
        stated.name,
        "standard",
        stated.context,
        stated.max_output,
    )
    assert set(first.capabilities) == stated.capabilities
    assert first.key == "DASHSCOPE_API_KEY"
    assert first.facts["source"] == stated.fact.source


def test_the_others_say_why_they_are_out() -> None:
    found = by_endpoint(catalogue.like(settings(region="CN"), "gpt-4o", NOW))
    assert found["openai@global"].why == "does not serve CN, where the call leaves from"
    assert found["openai@global"].as_of == "2026-08-21"
    assert found["ernie@cn"].why == "no key: set QIANFAN_API_KEY; serves CN"
    assert found["ernie@cn"].model == adapter.get("ernie").tiers["standard"]
    assert found["ernie@cn"].key is None


def test_a_retired_model_shows_who_takes_its_calls() -> None:
    found = by_endpoint(catalogue.like(settings(region="US"), "gpt-3.5-turbo", NOW))
    assert found["openai@global"].rank is None
    assert (found["openai@global"].retired, found["openai@global"].successor) == ("2026-10-23", "gpt-5.6-terra")
    assert "OpenAI names gpt-5.6-terra in its place" in found["openai@global"].why
    assert found["qwen@intl"].tier == "fast"


def test_a_users_table_stands_above_the_mapping() -> None:
    mine = settings(region="CN", models={"gpt-4o": {"qwen": "qwen3.8-max"}, "mine": "zhipu/glm-4.7-flash"})
    first = catalogue.like(mine, "gpt-4o", NOW)[0]
    assert (first.model, first.tier) == ("qwen3.8-max", "flagship")
    assert "models.gpt-4o in argument says so" in first.why
    served = [entry for entry in catalogue.like(mine, "mine", NOW) if entry.usable]
    assert [(entry.endpoint, entry.model) for entry in served] == [("zhipu@cn", "glm-4.7-flash")]


def test_an_embedding_stays_with_its_vendor() -> None:
    found = catalogue.like(settings(region="US"), "text-embedding-3-small", NOW)
    assert [entry.endpoint for entry in found if entry.usable] == ["openai@global"]
    assert found[0].tier == "embedding"


def test_every_known_model_once() -> None:
    found = catalogue.known(settings(region="CN"), NOW)
    listed = [(name, model) for name in adapter.adapters() for model in adapter.get(name).models]
    assert [(entry.provider, entry.model) for entry in found] == listed
    one = {(entry.provider, entry.model): entry for entry in found}
    assert one["qwen", "qwen3.8-max"].usable
    assert one["qwen", "qwen3.8-max"].endpoint == "qwen@cn"
    assert one["openai", "gpt-4o"].why == "does not serve CN, where the call leaves from"
    assert all(entry.rank is None for entry in found)


def test_known_models_say_what_keeps_them_out() -> None:
    one = by_model(catalogue.known(settings(region="US"), NOW, provider="openai"))
    assert one["gpt-4o"].usable
    assert (one["gpt-4"].usable, one["gpt-4"].retired, one["gpt-4"].successor) == (False, "2026-10-23", "gpt-5.6-sol")
    without = by_model(catalogue.known(settings({}, region="US"), NOW, provider="openai"))
    assert without["gpt-4o"].why == "no key: set OPENAI_API_KEY"
    assert without["gpt-4"].why.startswith("gpt-4 was retired on 2026-10-23; ")
    excluded = by_model(catalogue.known(settings(exclude={"headquarters": ["US"]}), NOW, provider="openai"))["gpt-4o"]
    assert excluded.why == "headquarters in US; your policy excludes headquarters in US"
    assert excluded.source.startswith("San Francisco")


@pytest.mark.parametrize("name", ["zhipu", "zhipu@intl", "GLM"])
def test_narrowed_by_provider_and_tier(name: str) -> None:
    found = catalogue.known(settings(), NOW, provider=name, tier="fast")
    assert found
    assert {entry.provider for entry in found} == {"zhipu"}
    fast = adapter.get("zhipu").tiers["fast"]  # of the tier standard itself
    assert {entry.tier for entry in found if entry.model != fast} == {"fast"}
    assert fast in {entry.model for entry in found}
    if "@" in name:
        assert {entry.endpoint for entry in found} == {"zhipu@intl"}
    assert {entry.provider for entry in catalogue.like(settings(), "gpt-4o", NOW, provider=name)} == {"zhipu"}


def test_under_a_calls_rules() -> None:
    rules = {"exclude": {"tags": ["us-entity-list"]}}
    found = by_endpoint(catalogue.like(settings(region="CN"), "gpt-4o", NOW, options=rules))
    assert found["zhipu@cn"].why == "tagged us-entity-list; this call excludes it"
    assert not any(entry.usable for entry in catalogue.known(settings(), NOW, options=rules, provider="zhipu"))


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match=r"provider: found 'quen'; .*did you mean 'qwen'"):
        catalogue.known(settings(), NOW, provider="quen")
    with pytest.raises(InvalidRequestError, match="did you mean 'exclude'"):
        catalogue.like(settings(), "gpt-4o", NOW, options={"exclud": []})


# --- the verb ------------------------------------------------------------------------------------------------------------


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmswitch", "models", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **KEYS, **environment},
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_json_has_these_fields_and_no_key() -> None:
    done = run("--like", "gpt-4o", "--region", "CN", "--json")
    found = json.loads(done.stdout)
    assert set(found) == {"like", "region", "models", "warnings"}
    assert (found["like"], found["region"]["code"]) == ("gpt-4o", "CN")
    assert all(set(row) == FIELDS for row in found["models"])
    assert found["models"][0]["rank"] == 1
    assert "canary" not in done.stdout
    everything = json.loads(run("--json").stdout)
    assert everything["like"] is None
    assert all(set(row) == FIELDS for row in everything["models"])


def test_the_table_shows_the_users_mapping() -> None:
    Path("llmswitch.toml").write_text('[models]\n"gpt-4o" = { qwen = "qwen3.8-max" }\n', encoding="utf-8")
    done = run("--like", "gpt-4o", "--region", "CN")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("1 ")]
    assert line.split()[1:3] == ["qwen@cn", "qwen3.8-max"]
    assert "llmswitch.toml says so" in line


def test_the_list_of_one_provider() -> None:
    lines = run("--provider", "openai", "--tier", "fast").stdout.splitlines()
    assert lines[0].split()[:2] == ["endpoint", "model"]
    (line,) = [line for line in lines if line.split()[1] == "gpt-3.5-turbo"]
    assert "2026-10-23, then gpt-5.6-terra" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--tier", "quick"), "--tier: found 'quick'; allowed: flagship, standard, fast"),
        (("--provider", "opnai"), "did you mean 'openai'"),
        (("--region", "UK"), "'GB'"),
        (("--exclude", "tags=spies"), "found 'spies'"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], says: str) -> None:
    done = run("--like", "gpt-4o", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_help_has_examples() -> None:
    assert "llmswitch models --like gpt-4o --region CN" in run("--help").stdout
