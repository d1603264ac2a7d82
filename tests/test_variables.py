"""`LLMSWITCH_*` variables that nothing reads: each is told once, with the one that may be meant."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import llmswitch
from llmswitch import Switch, config
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

KEY = "sk-canary-4711"


def warnings(**environ: str) -> tuple[str, ...]:
    return config.load(environ={"OPENAI_API_KEY": "sk-x", **environ}).warnings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LLMSWITCH_REGON", "LLMSWITCH_REGION"),
        ("LLMSWITCH_USERREGION", "LLMSWITCH_USER_REGION"),
        ("LLMSWITCH_PROVIDER", "LLMSWITCH_PROVIDERS"),
        ("LLMSWITCH_QWEN_URL", "LLMSWITCH_QWEN_BASE_URL"),
        ("LLMSWITCH_QWEN_CHINA_BASE_URL", "LLMSWITCH_QWEN_CN_BASE_URL"),
        ("LLMSWITCH_ZHIPU_KEY", "LLMSWITCH_ZHIPU_API_KEY"),
        ("LLMSWITCH_DASHSCOPE_API_KEY", "DASHSCOPE_API_KEY"),
        ("LLMSWITCH_API_KEY", "LLMSWITCH_<PROVIDER>_API_KEY"),
        ("LLMSWITCH_BASE_URL", "LLMSWITCH_<PROVIDER>_BASE_URL"),
        ("llmswitch_region", "LLMSWITCH_REGION"),
    ],
)
def test_an_unknown_variable_gets_a_warning_that_names_the_one_that_may_be_meant(name: str, meant: str) -> None:
    (warning,) = warnings(**{name: KEY})
    assert warning.startswith(f"{name} ")
    assert f"did you mean {meant}?" in warning
    assert KEY not in warning


@pytest.mark.parametrize("key", ["deadline", "on_interrupt", "on_content_filter"])
def test_a_setting_that_has_no_variable_is_said_to_stand_in_the_file(key: str) -> None:
    (warning,) = warnings(**{f"LLMSWITCH_{key.upper()}": "5"})
    assert f"`{key}` in llmswitch.toml" in warning


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    (warning,) = warnings(LLMSWITCH_XXXXXXXX="1")
    assert "did you mean" not in warning


def test_an_empty_variable_counts_as_unset() -> None:
    assert warnings(LLMSWITCH_REGON=" ") == ()


def test_every_variable_that_is_read_is_known() -> None:
    asked: set[str] = set()

    class Reading(dict[str, str]):
        def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
            asked.add(name)
            return super().get(name, default)

    config.load(environ=Reading(OPENAI_API_KEY="x"), local=True)
    ours = sorted(name for name in asked if name.startswith("LLMSWITCH_"))
    assert {"LLMSWITCH_REGION", "LLMSWITCH_CONFIG", "LLMSWITCH_ERNIE_CN_BASE_URL", "LLMSWITCH_QWEN_API_KEY"} < set(ours)
    file = Path("settings.toml")
    file.touch()
    values = {"CONFIG": str(file), "REGION": "US", "PROVIDERS": "qwen", "ORDER": "qwen", "LOCAL_MODEL": "a.gguf"}
    values |= {
        "HOSTED_IN": "US",
        "EXCLUDE_HEADQUARTERS": "CN",
        "EXCLUDE_HOSTED_IN": "CN",
        "EXCLUDE_TAGS": "us-entity-list",
    }
    values["EXCLUDE_PROVIDERS"] = "qwen"
    for name in [*ours, "LLMSWITCH_LOCAL_MODEL"]:
        value = values.get(name.removeprefix("LLMSWITCH_").removeprefix("USER_"), "1")
        value = "http" if name.endswith("_VIA") else value
        assert warnings(**{name: "https://a.example/v1" if name.endswith("_URL") else value}) == (), name


def test_a_variable_that_the_file_names_is_known() -> None:
    Path("llmswitch.toml").write_text('[providers.qwen]\napi_key_env = "LLMSWITCH_TEAM_SECRET"', encoding="utf-8")
    assert warnings(LLMSWITCH_TEAM_SECRET="x") == ()


def test_a_client_logs_it_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LLMSWITCH_ODER", "qwen")
    with caplog.at_level(logging.WARNING), Switch() as switch:
        for _ in range(3):
            switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert sandbox.hits() == 3
    assert [record.getMessage() for record in caplog.records].count(switch.config.warnings[0]) == 1
    assert llmswitch.explain("gpt-4o").warnings == switch.config.warnings


def test_where_no_provider_is_left_the_error_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_QWEN_KEY", KEY)
    with pytest.raises(ConfigError, match="did you mean LLMSWITCH_QWEN_API_KEY") as caught:
        llmswitch.OpenAI()
    assert KEY not in str(caught.value)
