"""llmswitch.toml, the environment and the arguments: who takes part, with which key, where; and what a mistake is answered with."""

from __future__ import annotations

import contextlib
import datetime
import math
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmswitch import config as configuration
from llmswitch.config import Config, Endpoint, no_provider_message
from llmswitch.errors import ConfigError

KEY = "sk-canary-4711"
ALL = {
    "OPENAI_API_KEY": "sk-o",
    "DASHSCOPE_API_KEY": "sk-d",
    "ZHIPUAI_API_KEY": "z.z",
    "QIANFAN_API_KEY": "bce-v3/q",
}


def load(environ: dict[str, str] | None = None, **arguments: Any) -> Config:
    return configuration.load(environ=environ or {}, **arguments)


def names(config: Config) -> list[str]:
    return [endpoint.name for endpoint in config.endpoints]


def only(config: Config) -> Endpoint:
    (endpoint,) = config.endpoints
    return endpoint


def key(endpoint: Endpoint) -> str | None:
    return endpoint.key.reveal() if endpoint.key else None


def write(text: str) -> Path:
    path = Path("llmswitch.toml")
    path.write_text(text, encoding="utf-8")
    return path


# --- who takes part --------------------------------------------------------------------------------------------------


def test_a_provider_takes_part_when_its_key_is_set() -> None:
    assert names(load()) == []
    assert names(load({"DASHSCOPE_API_KEY": "x"})) == ["qwen@cn"]
    assert names(load(ALL)) == ["openai@global", "qwen@cn", "zhipu@cn", "ernie@cn"]


def test_everyone_else_is_absent_with_the_variable_that_would_help() -> None:
    reasons = {absent.endpoint.name: absent.reason for absent in load({"OPENAI_API_KEY": "x"}).absent}
    assert reasons["qwen@cn"] == "no key: set DASHSCOPE_API_KEY"
    assert reasons["zhipu@cn"] == "no key: set ZHIPUAI_API_KEY"
    assert reasons["zhipu@intl"] == "no key: set ZAI_API_KEY"
    assert "LLMSWITCH_QWEN_EU_BASE_URL" in reasons["qwen@eu"]
    assert "openai@global" not in reasons


def test_an_empty_key_is_no_key() -> None:
    assert names(load({"OPENAI_API_KEY": "", "DASHSCOPE_API_KEY": "  "})) == []


@pytest.mark.parametrize(
    ("region", "site"), [(None, "qwen@cn"), ("CN", "qwen@cn"), ("SG", "qwen@intl"), ("US", "qwen@intl")]
)
def test_a_bare_key_belongs_to_the_regions_site_alone(region: str | None, site: str) -> None:
    assert names(load({"DASHSCOPE_API_KEY": "x"}, region=region)) == [site]


def test_a_configured_site_takes_the_bare_key() -> None:
    write('[providers.qwen]\nsite = "us"')
    assert names(load({"DASHSCOPE_API_KEY": "x"}, region="CN")) == ["qwen@us"]


def test_a_sites_own_variable_makes_that_sites_endpoint() -> None:
    found = load({"DASHSCOPE_API_KEY": "bare", "DASHSCOPE_INTL_API_KEY": "intl"}, region="SG")
    assert {endpoint.name: key(endpoint) for endpoint in found.endpoints} == {"qwen@intl": "intl", "qwen@cn": "bare"}
    assert names(load({"LLMSWITCH_QWEN_HK_API_KEY": "x"}, region="CN")) == ["qwen@hk"]


def test_ours_goes_before_the_file_and_the_file_before_the_vendors_variable() -> None:
    write('[providers.qwen]\napi_key = "file"')
    assert key(only(load({"DASHSCOPE_API_KEY": "vendor"}))) == "file"
    assert key(only(load({"DASHSCOPE_API_KEY": "vendor", "LLMSWITCH_QWEN_API_KEY": "ours"}))) == "ours"


def test_a_variable_named_in_the_file_replaces_the_vendors() -> None:
    write('[providers.qwen]\napi_key_env = "MY_KEY"')
    assert key(only(load({"DASHSCOPE_API_KEY": "vendor", "MY_KEY": "mine"}))) == "mine"
    missing = load({"DASHSCOPE_API_KEY": "vendor"})
    assert names(missing) == []
    assert "MY_KEY" in {absent.endpoint.name: absent.reason for absent in missing.absent}["qwen@cn"]


def test_a_provider_can_be_switched_off_in_the_file() -> None:
    write("[providers.qwen]\nenabled = false")
    assert names(load(ALL)) == ["openai@global", "zhipu@cn", "ernie@cn"]


def test_providers_restricts_from_every_place() -> None:
    assert names(load(ALL, providers=["qwen", "ERNIE"])) == ["qwen@cn", "ernie@cn"]
    assert names(load({**ALL, "LLMSWITCH_PROVIDERS": "zhipu, qwen@cn"})) == ["qwen@cn", "zhipu@cn"]
    assert names(load({**ALL, "LLMSWITCH_PROVIDERS": "zhipu"}, providers=("qwen",))) == ["qwen@cn"]
    assert names(load(ALL, providers=[])) == []
    write('providers = ["dashscope"]')
    assert names(load(ALL)) == ["qwen@cn"]


def test_the_local_model_takes_part_only_when_asked_for() -> None:
    assert names(load({"OPENAI_API_KEY": "x"})) == ["openai@global"]
    for asked in (load(local=True), load({"LLMSWITCH_LOCAL": "1"}), load(providers=["local"])):
        assert names(asked) == ["local@local"]
    write('local = { model = "small.gguf" }')
    found = load({"OPENAI_API_KEY": "x"})
    assert names(found) == ["openai@global", "local@local"]
    assert found.local_model == "small.gguf"
    assert names(load({"LLMSWITCH_LOCAL": "off"})) == []


# --- the first endpoint, and the order ---------------------------------------------------------------------------------


def test_the_first_endpoint_is_openai_where_it_has_a_key() -> None:
    first = load(ALL, region="CN").first
    assert first is not None
    assert first.name == "openai@global"
    without = load({"ZHIPUAI_API_KEY": "z", "DASHSCOPE_API_KEY": "d"}).first
    assert without is not None
    assert without.name == "qwen@cn"


def test_who_is_at_home_goes_before_the_others() -> None:
    environ = {"DASHSCOPE_API_KEY": "d", "ZAI_API_KEY": "z", "QIANFAN_API_KEY": "q"}
    assert names(load(environ, region="CN")) == ["qwen@cn", "ernie@cn", "zhipu@intl"]


def test_order_stands_above_everything() -> None:
    assert names(load(ALL, order=["ernie", "zhipu@cn"]))[:2] == ["ernie@cn", "zhipu@cn"]
    assert names(load({**ALL, "LLMSWITCH_ORDER": "zhipu"}))[0] == "zhipu@cn"
    write('order = ["ernie"]')
    assert names(load(ALL))[0] == "ernie@cn"


def test_api_key_is_openais() -> None:
    found = load({"OPENAI_API_KEY": "environment"}, api_key="argument")
    assert key(only(found)) == "argument"
    assert only(found).key_source == "argument api_key"


def test_a_known_host_is_that_vendor() -> None:
    found = only(load(base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1/", api_key="x"))
    assert (found.name, found.first, found.explicit, found.moved) == ("qwen@intl", True, True, False)


def test_a_workspace_host_is_that_vendor_and_keeps_its_path() -> None:
    url = "https://ws1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1"
    found = only(load({"OPENAI_BASE_URL": url + "//"}, api_key="x"))
    assert (found.name, found.base_url, found.moved) == ("qwen@cn", url, True)


def test_an_unknown_host_is_compatible() -> None:
    found = only(load(base_url="https://relay.example.com/v1", api_key="x"))
    assert (found.name, found.base_url) == ("compatible@custom", "https://relay.example.com/v1")


def test_the_argument_goes_before_the_variable() -> None:
    found = load({"OPENAI_BASE_URL": "https://one.example/v1"}, base_url="https://two.example/v1", api_key="x")
    assert only(found).base_url == "https://two.example/v1"


def test_a_compatible_server_needs_no_key() -> None:
    assert only(load(base_url="http://localhost:8000/v1")).key is None


def test_openai_api_key_goes_where_openai_would_send_it_and_nowhere_else() -> None:
    found = only(load({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": "https://relay.example.com/v1"}))
    assert (found.name, key(found)) == ("compatible@custom", "sk-o")
    found = only(
        load({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": "https://dashscope.aliyuncs.com/compatible-mode/v1"})
    )
    assert (found.name, key(found)) == ("qwen@cn", "sk-o")
    found = only(load({"OPENAI_API_KEY": "sk-o"}, base_url="https://relay.example.com/v1"))
    assert (found.name, key(found)) == ("compatible@custom", "sk-o")


def test_the_vendors_own_key_goes_before_openais_at_the_vendors_host() -> None:
    environ = {"OPENAI_API_KEY": "sk-o", "DASHSCOPE_API_KEY": "sk-d"}
    found = only(load(environ, base_url="https://dashscope.aliyuncs.com/compatible-mode/v1"))
    assert key(found) == "sk-d"


def test_openai_stays_a_candidate_where_another_host_has_its_key_in_the_call() -> None:
    found = load({"OPENAI_API_KEY": "sk-o"}, base_url="https://relay.example.com/v1", api_key="relay")
    assert {e.name: key(e) for e in found.endpoints} == {"compatible@custom": "relay", "openai@global": "sk-o"}


def test_openais_own_host_is_openai() -> None:
    found = only(load({"OPENAI_API_KEY": "sk-o", "OPENAI_BASE_URL": "https://api.openai.com/v1"}))
    assert (found.name, key(found), found.first) == ("openai@global", "sk-o", True)


# --- addresses ---------------------------------------------------------------------------------------------------------


def test_a_provider_is_moved_without_changing_who_it_is() -> None:
    environ = {"DASHSCOPE_API_KEY": "x", "LLMSWITCH_QWEN_BASE_URL": "http://127.0.0.1:9/v1/"}
    found = only(load(environ, region="SG"))
    assert (found.name, found.base_url, found.moved, found.explicit) == (
        "qwen@intl",
        "http://127.0.0.1:9/v1",
        True,
        False,
    )
    assert "http://127.0.0.1:9/v1" in found.identity


def test_one_site_is_moved_by_its_own_variable() -> None:
    environ = {
        "DASHSCOPE_API_KEY": "x",
        "DASHSCOPE_INTL_API_KEY": "y",
        "LLMSWITCH_QWEN_INTL_BASE_URL": "https://intl.example/v1",
    }
    urls = {endpoint.name: endpoint.base_url for endpoint in load(environ, region="CN").endpoints}
    assert urls["qwen@intl"] == "https://intl.example/v1"
    assert urls["qwen@cn"] == "https://dashscope.aliyuncs.com/compatible-mode/v1"


def test_the_variable_moves_the_only_site_that_has_a_key() -> None:
    environ = {"ZAI_API_KEY": "x", "LLMSWITCH_ZHIPU_BASE_URL": "http://localhost:9"}
    found = only(load(environ, region="CN"))
    assert (found.name, found.base_url) == ("zhipu@intl", "http://localhost:9")


def test_the_operators_variable_moves_openai_also_where_the_app_names_its_host() -> None:
    environ = {"OPENAI_API_KEY": "x", "LLMSWITCH_OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    found = load(environ, base_url="https://api.openai.com/v1")
    assert only(found).base_url == "http://127.0.0.1:9/v1"
    assert not found.stays


def test_the_file_moves_too() -> None:
    write(
        '[providers.qwen]\nbase_url = "https://a.example/v1"\n[providers.qwen.sites.eu]\nbase_url = "https://b.example/v1"'
    )
    urls = {e.name: e.base_url for e in load({"DASHSCOPE_API_KEY": "x", "DASHSCOPE_EU_API_KEY": "y"}).endpoints}
    assert urls == {"qwen@cn": "https://a.example/v1", "qwen@eu": "https://b.example/v1"}


def test_a_moved_vendor_speaks_http_on_this_machine_only() -> None:
    with pytest.raises(ConfigError, match=r"LLMSWITCH_QWEN_BASE_URL.*https://, or http:// on this machine"):
        load({"DASHSCOPE_API_KEY": "x", "LLMSWITCH_QWEN_BASE_URL": "http://10.0.0.5/v1"})


def test_http_of_the_callers_own_is_accepted_with_one_warning_off_private_networks() -> None:
    assert load(base_url="http://192.168.1.5:8000/v1").warnings == ()
    assert load(base_url="http://vllm:8000/v1").warnings == ()
    (warning,) = load(base_url="http://relay.example.com/v1").warnings
    assert "not encrypted" in warning


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://10.1.2.3/v1",
        "http://vllm:8000/v1",
        "https://llm.corp.internal/v1",
    ],
)
def test_calls_do_not_leave_a_private_base_url_unless_asked(url: str) -> None:
    assert load(ALL, base_url=url, api_key="x").stays
    assert not load(ALL, base_url=url, api_key="x", failover=True).stays
    assert load({**ALL, "OPENAI_BASE_URL": url}).stays
    assert not load(ALL, base_url="https://relay.example.com/v1", api_key="x").stays


@pytest.mark.parametrize(
    "url",
    [
        "relay.example.com/v1",
        "ftp://host/v1",
        "https://",
        "https://host:99999/v1",
        "https://ho st/v1",
        "https://h/v1?a=b",
        "https://[x/",
    ],
)
def test_an_address_that_is_none_is_an_error_that_names_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"argument base_url: found .*https://host/v1"):
        load(base_url=url, api_key="x")


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as error:
        load(base_url=f"https://me:{KEY}@host/v1")
    assert KEY not in "".join(traceback.format_exception(error.value))


# --- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (KEY + "\n", "line break"),
        (KEY + "\r\n", "line break"),
        ("sk\n" + KEY, "line break"),
        (" " + KEY, "space"),
        (KEY + " ", "space"),
        (KEY + "…", "no header can carry"),
        ("\x7f" + KEY, "control character"),
        ("Bearer " + KEY, "Bearer"),
    ],
)
@pytest.mark.parametrize("place", ["argument", "variable", "file"])
def test_a_key_that_no_header_can_carry_is_named_by_its_place_and_not_shown(value: str, says: str, place: str) -> None:
    environ: dict[str, str] = {}
    arguments: dict[str, str] = {}
    named = {"argument": "argument api_key", "variable": "DASHSCOPE_API_KEY", "file": "providers.qwen.api_key"}[place]
    if place == "argument":
        arguments["api_key"] = value
    elif place == "variable":
        environ["DASHSCOPE_API_KEY"] = value
    else:
        escaped = "".join(f"\\u{ord(c):04x}" for c in value)
        write(f'[providers.qwen]\napi_key = "{escaped}"')
    with pytest.raises(ConfigError, match=says) as error:
        load(environ, **arguments)
    assert named in str(error.value)
    assert "canary" not in "".join(traceback.format_exception(error.value))


def test_a_config_shows_no_key() -> None:
    write(f'[providers.qwen]\napi_key = "{KEY}"')
    found = load({"OPENAI_API_KEY": KEY}, api_key=KEY)
    assert names(found) == ["openai@global", "qwen@cn"]
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        f'openai_api_key = "{KEY}"',
        f'[providers]\nqwen = "{KEY}"',
        f'providers = "{KEY}"' + "\n[providers.x]",
        f'[providers.qwen]\napi_kye = "{KEY}"',
        f'[providers.qwen]\napi_key = ["{KEY}"]',
        f'[providers.qwen.sites.cn]\nkey = "{KEY}"',
        f'[providers.qwen]\nsites = "{KEY}"',
        f'[providers.qwen]\napi_key = "{KEY}',
    ],
)
def test_a_mistake_beside_a_key_does_not_show_it(text: str) -> None:
    write(text)
    with pytest.raises(ConfigError) as error:
        load()
    assert "canary" not in "".join(traceback.format_exception(error.value))


def test_without_any_key_the_message_says_which_to_set() -> None:
    message = no_provider_message(load())
    assert "OPENAI_API_KEY" in message
    assert "DASHSCOPE_API_KEY" in message
    assert "ZHIPUAI_API_KEY" in message
    there = no_provider_message(load(region="CN"))
    assert "serves CN" in there
    assert "OPENAI_API_KEY (" not in there


def test_a_key_that_was_overruled_is_named() -> None:
    message = no_provider_message(load({"OPENAI_API_KEY": "x"}, providers=["qwen"]))
    assert "openai@global: not among the providers allowed: qwen" in message


# --- the file ----------------------------------------------------------------------------------------------------------


def test_every_key_of_the_file_is_read() -> None:
    path = write(
        """
        region = "cn"
        user_region = "hk"
        order = ["zhipu"]
        failover = false
        strict = true
        deadline = 30
        on_interrupt = "buffer"
        on_content_filter = "next"
        local = true
        [models]
        "gpt-4o" = "qwen/qwen-plus"
        [providers.openai]
        api_key_env = "MY_KEY"
        serves_also = ["cn"]
        [providers.qwen.sites.intl]
        api_key = "x"
        [[cutover]]
        provider = "openai"
        region = "CN"
        at = 2027-01-01
        """
    )
    found = load({"MY_KEY": "mine"})
    assert found.source == str(path)
    assert (found.region.code, found.user_region.code, found.region.source) == ("CN", "HK", "region in llmswitch.toml")
    assert (found.failover, found.strict, found.deadline) == (False, True, 30.0)
    assert (found.on_interrupt, found.on_content_filter, found.local) == ("buffer", "next", True)
    assert found.models["gpt-4o"].exact == (("qwen", "qwen-plus"),)
    assert found.order == ("zhipu",)
    assert next(e for e in found.endpoints if e.provider == "openai").serves_also == {"CN"}
    assert {e.name for e in found.endpoints} == {"openai@global", "qwen@intl", "local@local"}
    assert len(found.cutovers) == 1


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ('a = "b"\nb = "a"', "a -> b -> a"),
        ('a = "b"\nb = "c"\nc = "d"\nd = "b"', "b -> c -> d -> b"),
    ],
)
def test_names_that_lead_back_to_themselves_are_an_error(text: str, loop: str) -> None:
    write(f"[models]\n{text}")
    with pytest.raises(ConfigError) as caught:
        load(ALL)
    first, second, *_ = loop.split(" -> ")
    assert str(caught.value).startswith(f"llmswitch.toml: models.{first}: found {second!r}, a loop ({loop}); allowed: ")


def test_names_of_the_file_and_of_an_argument_can_lead_in_a_loop_together() -> None:
    write('[models]\na = "b"')
    with pytest.raises(ConfigError, match=r"a -> b -> a"):
        load(ALL, models={"b": "a"})
    with pytest.raises(ConfigError, match=r"argument: models.a: found 'b'"):
        load(ALL, models={"b": "a", "a": "b"})


def test_a_name_may_stand_for_itself() -> None:
    write('[models]\na = "qwen/qwen-plus"')
    assert load(ALL, models={"a": "a"}).models["a"].exact == ()


def test_arguments_and_variables_go_before_the_file() -> None:
    write('failover = false\nstrict = true\nregion = "CN"\n[models]\na = "qwen/one"\nb = "qwen/two"')
    found = load({"LLMSWITCH_FAILOVER": "yes"}, strict=False, models={"b": "qwen/three"})
    assert (found.failover, found.strict) == (True, False)
    assert found.models["a"].exact == (("qwen", "one"),)
    assert found.models["b"].exact == (("qwen", "three"),)


def test_the_file_is_found_by_variable_or_directory(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("strict = true", encoding="utf-8-sig")
    assert load({"LLMSWITCH_CONFIG": str(other)}).source == str(other)
    assert load().source is None
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "llmswitch.toml").write_text("strict = true")
    assert load(directory=tmp_path / "sub").strict


def test_an_address_of_the_callers_own_that_may_not_be_used_is_said_and_a_private_one_never_left() -> None:
    environ = {"LLMSWITCH_PROVIDERS": "qwen", "DASHSCOPE_API_KEY": "x"}
    (warning,) = load(environ, base_url="https://relay.example.com/v1", api_key=KEY).warnings
    assert warning.startswith(
        "argument base_url: compatible@custom takes no part: not among the providers allowed: qwen"
    )
    assert KEY not in warning
    private = load(environ, base_url="http://10.0.0.5:8000/v1")
    assert private.stays
    assert not load(environ, base_url="http://10.0.0.5:8000/v1", failover=True).stays
    write("[providers.compatible]\nenabled = false")
    (warning,) = load(
        {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://10.0.0.5:8000/v1", "DASHSCOPE_API_KEY": "y"}
    ).warnings
    assert warning.startswith("OPENAI_BASE_URL: compatible@custom takes no part: enabled = false in llmswitch.toml")


@pytest.mark.parametrize("name", ["nowhere.toml", "a\x00b", "x" * 5000])
def test_a_named_file_must_exist(name: str) -> None:
    with pytest.raises(ConfigError, match="LLMSWITCH_CONFIG"):
        load({"LLMSWITCH_CONFIG": name})


def test_a_file_that_is_no_toml_is_named_with_the_line() -> None:
    write("region = \n")
    with pytest.raises(ConfigError, match=r"llmswitch.toml: not valid TOML: .*line 1"):
        load()
    Path("llmswitch.toml").write_bytes(b"region = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('regoin = "CN"', r"llmswitch.toml: regoin: .*allowed: the keys .*did you mean 'region'"),
        ('region = "UK"', r"region in llmswitch.toml = 'UK'.*'GB'"),
        ("region = 86", r"llmswitch.toml: region: found 86; allowed: a string"),
        ('failover = "yes"', r"failover: found 'yes'; allowed: true or false"),
        ("deadline = 0", r"deadline: found 0.0; allowed: a number of seconds above 0"),
        ("deadline = nan", "deadline"),
        ("deadline = true", "deadline"),
        ('order = ["quen"]', r"order\[0\]: found 'quen'; allowed: openai, qwen.*did you mean 'qwen'"),
        ('order = ["qwen@mars"]', r"allowed: .*qwen@cn"),
        ('providers = "qwen"', r"providers: found 'qwen'; allowed: a list"),
        ("providers = [1]", r"providers\[0\]: found 1"),
        ('on_interrupt = "bufer"', r"allowed: error, buffer; did you mean 'buffer'"),
        ('on_content_filter = ["x"]', "on_content_filter"),
        ("local = 1", "local"),
        ('local = "ture"', r"local: found 'ture'; allowed: true, false"),
        ("[providers.quen]", r"\[providers.quen\] is no provider; .*did you mean 'qwen'"),
        ('[providers.qwen]\nsite = "hongkong"', r"providers.qwen.site: found 'hongkong'; allowed: cn, intl"),
        ('[providers.qwen]\nsite = "sk-4711canary"', r"providers.qwen.site: found a string; allowed: cn, intl"),
        ("[providers.qwen.sites.mars]", r"\[providers.qwen.sites.mars\] is no site; allowed: cn, intl"),
        ('[providers.qwen]\nenabled = "no"', r"providers.qwen.enabled: found 'no'; allowed: true or false"),
        ('[providers.qwen]\nserves_also = ["EU"]', r"serves_also.*EU is many"),
        ("[providers.qwen]\nbase_url = ''", "providers.qwen.base_url"),
        ('[providers.qwen]\nsite = "CN"', r"providers.qwen.site: found 'CN'; allowed: cn, .*did you mean 'cn'"),
        ('[models]\ngpt-4.1 = "qwen/qwen-plus"', r"models.gpt-4.1: found '1'; allowed: openai, .*quotes.*\"gpt-4.1\""),
        ('[models]\na = "qwen/"', r"models.a: found 'qwen/'; allowed: \"model\""),
        (
            '[models]\na = "qwen@cn/qwen-plus"',
            r"found 'qwen@cn/qwen-plus'; allowed: .*\{ \"qwen@cn\" = \"qwen-plus\" \}",
        ),
        ('[cutover]\nprovider = "openai"', r"cutover: found .*; allowed: a list of tables: \[\[cutover\]\]"),
        ("[models]\na = 1", r"models.a: found 1; allowed: \"model\""),
        ("[models]\na = []", "models.a"),
        ('[models]\na = ["qwen-plus"]', r"models.a\[0\]: found 'qwen-plus'; allowed: \"provider/model\""),
        ('[models]\na = ["quen/qwen-plus"]', r"did you mean 'qwen'"),
        ('[models]\na = { quen = "x" }', r"models.a.quen: .*did you mean 'qwen'"),
        ("[models]\na = { qwen = 1 }", "models.a.qwen"),
        ("cutover = 1", "cutover"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"', r"cutover\[0\].at: found nothing"),
        ('[[cutover]]\nprovider = "opnai"\nregion = "CN"\nat = 2027-01-01', r"did you mean 'openai'"),
        ('[[cutover]]\nprovider = "openai"\nat = 2027-01-01', r"cutover\[0\].regions: found nothing"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nregions = ["HK"]\nat = 2027-01-01', r"one of region"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = 2027-01-01T09:00:00', r"no offset: .*\+08:00"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = "soon"', r"found 'soon'; allowed: a date"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = 0001-01-01T00:00:00+14:00', "years 1 and 9999"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = 2027-01-01\nramp = "1w"', r"ramp: found '1w'"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = 2027-01-01\nramp = -1', "ramp: found -1"),
        ('[[cutover]]\nprovider = "openai"\nregion = "CN"\nat = 2027-01-01\nrampp = 1', r"did you mean 'ramp'"),
    ],
)
def test_a_mistake_in_the_file_names_file_key_found_and_allowed(text: str, says: str) -> None:
    write(text)
    with pytest.raises(ConfigError, match=says) as error:
        load()
    assert "llmswitch.toml" in str(error.value)


def test_a_list_and_tables_of_providers_in_one_file_get_a_hint() -> None:
    write('providers = ["qwen"]\n[providers.qwen]\nsite = "cn"')
    with pytest.raises(ConfigError, match="enabled = false"):
        load()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"LLMSWITCH_PROVIDERS": "openai,quen"}, r"LLMSWITCH_PROVIDERS\[1\]: found 'quen'.*did you mean 'qwen'"),
        ({"LLMSWITCH_FAILOVER": "ture"}, r"LLMSWITCH_FAILOVER: found 'ture'; allowed: true or false"),
        ({"LLMSWITCH_REGION": "UK"}, r"LLMSWITCH_REGION = 'UK'"),
        ({"LLMSWITCH_LOCAL": "ture"}, "LLMSWITCH_LOCAL"),
    ],
)
def test_a_mistake_in_a_variable_names_it(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(environ)


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": -1},
        {"timeout": math.nan},
        {"timeout": True},
        {"timeout": "5"},
        {"max_retries": -1},
        {"max_retries": True},
        {"max_retries": 1.5},
        {"max_retries": 10**9},
        {"deadline": -1},
        {"deadline": math.inf},
        {"region": 1},
        {"region": ""},
        {"providers": "qwen"},
        {"models": ["a"]},
        {"failover": 1},
        {"strict": "yes"},
        {"on_interrupt": "x"},
        {"cutovers": [{"provider": "openai"}]},
        {"local": 3},
        {"api_key": 5},
        {"base_url": 5},
    ],
)
def test_a_mistake_in_an_argument_names_it(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(ConfigError) as error:
        load(**arguments)
    assert name.removesuffix("s") in str(error.value)


# --- cutovers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("2027-01-01", datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)),
        ("2027-01-01T09:00:00+08:00", datetime.datetime(2027, 1, 1, 1, tzinfo=datetime.UTC)),
        ("2027-01-01T09:00:00Z", datetime.datetime(2027, 1, 1, 9, tzinfo=datetime.UTC)),
    ],
)
def test_a_date_is_midnight_in_utc_and_an_offset_counts(at: str, moment: datetime.datetime) -> None:
    for text in (at, f'"{at}"'):
        write(f'[[cutover]]\nprovider = "openai"\nregions = ["CN", "hk"]\nat = {text}')
        (cutover,) = load().cutovers
        assert cutover.at == moment
        assert cutover.regions == {"CN", "HK"}


@pytest.mark.parametrize(
    ("ramp", "seconds"), [("7200", 7200), ('"2h"', 7200), ('"30m"', 1800), ('"1d"', 86400), ('"1.5 h"', 5400)]
)
def test_a_ramp_grows_evenly_until_the_moment(ramp: str, seconds: float) -> None:
    write(f'[[cutover]]\nprovider = "openai"\nregion = "*"\nat = 2027-01-01\nramp = {ramp}')
    (cutover,) = load().cutovers
    at = cutover.at.timestamp()
    assert cutover.share(at - seconds - 1) == 0
    assert cutover.share(at - seconds / 2) == pytest.approx(0.5)
    assert cutover.share(at - seconds / 4) == pytest.approx(0.75)
    assert cutover.share(at) == 1
    assert cutover.share(at + 10**8) == 1


def test_cutovers_can_be_given_as_argument() -> None:
    (cutover,) = load(cutovers=[{"provider": "openai", "region": "CN", "at": datetime.date(2027, 1, 1)}]).cutovers
    assert cutover.at == datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)


# --- garbage -----------------------------------------------------------------------------------------------------------

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.times()
    | st.sampled_from(
        ["CN", "qwen", "qwen@cn", "qwen/qwen-plus", "2027-01-01", "2h", "https://h/v1", "x.gguf", "10" * 3000]
    )
)
_KEYS = st.sampled_from(
    [
        "provider",
        "region",
        "regions",
        "at",
        "ramp",
        "model",
        "qwen",
        "sites",
        "cn",
        "base_url",
        "api_key",
        "serves_also",
        "hosted_in",
        "headquarters",
        "tags",
        "providers",
    ]
) | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=8
)
_NAMES = st.sampled_from(
    [
        "region",
        "user_region",
        "providers",
        "order",
        "failover",
        "strict",
        "deadline",
        "on_interrupt",
        "on_content_filter",
        "local",
        "models",
        "cutover",
        "exclude",
        "hosted_in",
        "x",
    ]
)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(_NAMES, _VALUES, max_size=4))
@example(values={"deadline": 10**5000})
@example(values={"models": {"a": {"qwen": 10**5000}}})
@example(values={"cutover": [{"provider": "openai", "region": "CN", "at": "2027-01-01", "ramp": 10**5000}]})
def test_any_values_give_a_config_or_a_config_error(values: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    # The parsed file is what varies here: TOML itself is tomllib's.
    monkeypatch.setattr("tomllib.loads", lambda _: values)
    write("")
    with contextlib.suppress(ConfigError):
        assert isinstance(load(ALL), Config)


@settings(max_examples=200, deadline=None)
@given(url=st.text(max_size=40) | st.text("htps:/@[].%-0x ", max_size=20), api_key=st.text(max_size=10))
def test_any_address_and_key_give_a_config_or_a_config_error(url: str, api_key: str) -> None:
    for arguments in ({"base_url": url}, {"api_key": api_key}):
        with contextlib.suppress(ConfigError):
            assert isinstance(load(None, **arguments), Config)
