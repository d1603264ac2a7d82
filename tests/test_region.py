"""Which country the calls leave from, by what is configured."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmswitch.errors import ConfigError
from llmswitch.region import Region, detect, normalise


@pytest.mark.parametrize(("given", "code"), [("CN", "CN"), (" cn ", "CN"), ("hk\n", "HK"), ("Xk", "XK"), ("gb", "GB")])
def test_a_country_code_is_accepted_in_any_case(given: str, code: str) -> None:
    assert normalise(given) == code


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("UK", "GB"),
        ("el", "GR"),
        ("China", "CN"),
        ("chnia", "CN"),
        ("中国", "CN"),
        ("香港", "HK"),
        ("Hong Kong", "HK"),
        ("USA", "US"),
        ("cn-beijing", "CN"),
        ("zh-CN", "CN"),
        ("eu-frankfurt", "DE"),
    ],
)
def test_what_people_write_instead_gets_a_suggestion(found: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'") as error:
        normalise(found, where="LLMSWITCH_REGION")
    assert "LLMSWITCH_REGION" in str(error.value)
    assert found in str(error.value)


def test_the_eu_is_no_country() -> None:
    with pytest.raises(ConfigError, match="EU is many"):
        normalise("EU")


@pytest.mark.parametrize("found", ["", "  ", "ZZ", "C", "CNN!", "AA", "\x00", "C" * 10_000])
def test_other_words_are_refused_with_what_is_allowed(found: str) -> None:
    with pytest.raises(ConfigError, match="ISO 3166-1") as error:
        normalise(found)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("found", [1, None, ["CN"], b"CN", True])
def test_other_types_are_refused(found: object) -> None:
    with pytest.raises(ConfigError, match="two-letter country code"):
        normalise(found)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_code_or_a_config_error(text: str) -> None:
    try:
        code = normalise(text)
    except ConfigError:
        return
    assert len(code) == 2


def test_the_argument_goes_before_the_variable_the_file_and_the_platform() -> None:
    environ = {"LLMSWITCH_REGION": "DE", "AWS_REGION": "ap-east-1"}
    assert detect("cn", environ, "FR") == Region("CN", "argument region")
    assert detect(None, environ, "FR") == Region("DE", "LLMSWITCH_REGION")
    assert detect(None, {"AWS_REGION": "ap-east-1"}, "FR", file="here.toml") == Region("FR", "region in here.toml")
    assert detect(None, {"AWS_REGION": "ap-east-1"}) == Region("HK", "AWS_REGION=ap-east-1")
    assert detect(None, {}).code is None


def test_an_empty_variable_is_no_variable() -> None:
    assert detect(None, {"LLMSWITCH_REGION": " "}, "FR").code == "FR"


def test_unknown_stops_the_platforms_word() -> None:
    assert detect(None, {"LLMSWITCH_REGION": "unknown", "AWS_REGION": "us-east-1"}).code is None


def test_a_variable_that_is_no_country_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match="LLMSWITCH_REGION"):
        detect(None, {"LLMSWITCH_REGION": "Atlantis"})


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("AWS_REGION", "cn-northwest-1", "CN"),
        ("FC_REGION", "cn-hangzhou", "CN"),
        ("FC_REGION", "cn-hongkong", "HK"),
        ("ALIBABA_CLOUD_REGION", "ap-southeast-1", "SG"),
        ("TENCENTCLOUD_REGION", "ap-hongkong", "HK"),
        ("TENCENTCLOUD_REGION", "ap-guangzhou", "CN"),
        ("REGION_NAME", "East Asia", "HK"),
        ("VERCEL_REGION", "hkg1", "HK"),
        ("FLY_REGION", "hkg", "HK"),
        ("GOOGLE_CLOUD_REGION", "asia-east2", "HK"),
        ("RAILWAY_REPLICA_REGION", "us-east4-eqdc4a", "US"),
        ("CLOUDFLARE_COUNTRY_A2", "JP", "JP"),
    ],
)
def test_a_platform_says_where_its_program_runs(variable: str, value: str, code: str) -> None:
    assert detect(None, {variable: value}) == Region(code, f"{variable}={value}")


@pytest.mark.parametrize(
    ("variable", "value"), [("AWS_REGION", "auto"), ("REGION_NAME", "Narnia"), ("VERCEL_REGION", "dev1")]
)
def test_a_platforms_unknown_word_is_ignored(variable: str, value: str) -> None:
    assert detect(None, {variable: value}).code is None
    assert detect(None, {variable: value, "ALIBABA_CLOUD_REGION": "cn-beijing"}).code == "CN"


def test_what_only_a_platform_sets_goes_before_what_people_set_for_their_storage() -> None:
    assert detect(None, {"AWS_REGION": "us-east-1", "FLY_REGION": "hkg"}).code == "HK"


def test_platforms_say_nothing_about_users() -> None:
    environ = {"AWS_REGION": "cn-north-1"}
    assert detect(None, environ, name="user_region").code is None
    assert detect(None, {"LLMSWITCH_USER_REGION": "hk"}, name="user_region").code == "HK"
