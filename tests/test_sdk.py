"""`via = "sdk"` as far as no SDK is needed: what may be set, who takes part with which credentials, and what is said where one is missing.

The SDKs themselves run in tests/matrix/test_sdk.py.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch import adapter, config
from llmswitch.errors import ConfigError
from llmswitch.failure import Kind, classify

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
IAM = {"QIANFAN_ACCESS_KEY": "canary-key-1", "QIANFAN_SECRET_KEY": "canary-secret-1"}
APP = {"QIANFAN_AK": "canary-key-2", "QIANFAN_SK": "canary-secret-2"}
VIA = {"LLMSWITCH_ERNIE_VIA": "sdk"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a distribution look installed in this version, as `pip` would have left it."""

    def add(name: str, version: str) -> None:
        folder = tmp_path / "packages" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    monkeypatch.syspath_prepend(tmp_path / "packages")
    return add


def endpoints(environ: Mapping[str, str], directory: Path | None = None) -> dict[str, config.Endpoint]:
    return {endpoint.name: endpoint for endpoint in config.load(environ=environ, directory=directory).endpoints}


def absent(environ: Mapping[str, str], name: str) -> config.Absent:
    return next(one for one in config.load(environ=environ).absent if one.endpoint.name == name)


# --- what may be set -----------------------------------------------------------------------------------------------------------


def test_a_provider_is_called_over_http_unless_told_otherwise() -> None:
    assert endpoints({"DASHSCOPE_API_KEY": "sk-x"})["qwen@cn"].via is None
    assert endpoints({"DASHSCOPE_API_KEY": "sk-x", "LLMSWITCH_QWEN_VIA": "http"})["qwen@cn"].via is None


@pytest.mark.parametrize("where", ["variable", "file"])
def test_the_variable_or_the_file_chooses_the_sdk(where: str, installed: Any, tmp_path: Path) -> None:
    installed("dashscope", "2.0.2")
    environ = {"DASHSCOPE_API_KEY": "sk-x", "DASHSCOPE_INTL_API_KEY": "sk-y"}
    if where == "variable":
        environ["LLMSWITCH_QWEN_VIA"] = "SDK"
    else:
        (tmp_path / "llmswitch.toml").write_text('[providers.qwen]\nvia = "sdk"\n')
    found = endpoints(environ, tmp_path)
    for name in ("qwen@cn", "qwen@intl"):
        via = found[name].via
        assert via is not None
        assert (via.sdk.name, via.protocol, via.pair) == ("dashscope", "native", None)


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "llmswitch.toml").write_text('[providers.qwen]\nvia = "sdk"\n')
    environ = {"DASHSCOPE_API_KEY": "sk-x", "LLMSWITCH_QWEN_VIA": "http"}
    assert endpoints(environ, tmp_path)["qwen@cn"].via is None


def test_a_site_that_the_sdk_does_not_reach_is_called_over_http(installed: Any) -> None:
    installed("dashscope", "2.0.2")
    keys = {"LLMSWITCH_QWEN_CN_API_KEY": "sk-x", "LLMSWITCH_QWEN_CODING_API_KEY": "sk-sp-x"}
    found = endpoints({**keys, "LLMSWITCH_QWEN_VIA": "sdk"})
    assert found["qwen@cn"].via is not None
    assert found["qwen@coding"].via is None


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"LLMSWITCH_QWEN_VIA: found 'sdkk'; allowed: http, sdk; did you mean 'sdk'\?"
    ):
        config.load(environ={"LLMSWITCH_QWEN_VIA": "sdkk"})
    (tmp_path / "llmswitch.toml").write_text('[providers.qwen]\nvia = "grpc"\n')
    with pytest.raises(ConfigError, match=r"providers\.qwen\.via: .*allowed: http, sdk"):
        config.load(environ={}, directory=tmp_path)


def test_a_vendor_without_an_sdk_is_refused_naming_those_that_have_one() -> None:
    with pytest.raises(ConfigError, match=r"LLMSWITCH_OPENAI_VIA: .*no SDK of OpenAI.*qwen, zhipu, ernie"):
        config.load(environ={"LLMSWITCH_OPENAI_VIA": "sdk"})


def test_the_variable_is_one_of_those_that_are_read() -> None:
    assert not config.load(environ={"LLMSWITCH_QWEN_VIA": "http", "DASHSCOPE_API_KEY": "sk-x"}).warnings
    (warning,) = config.load(environ={"LLMSWITCH_QWN_VIA": "sdk"}).warnings
    assert "LLMSWITCH_QWEN_VIA" in warning


# --- the SDK is missing --------------------------------------------------------------------------------------------------------


def missing(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return True
    return False


@pytest.mark.parametrize(
    ("provider", "key", "package", "extra"),
    [
        ("qwen", "DASHSCOPE_API_KEY", "dashscope", "qwen"),
        ("ernie", "QIANFAN_API_KEY", "qianfan", "ernie"),
        ("zhipu", "ZHIPUAI_API_KEY", "zhipuai", "zhipu"),
    ],
)
def test_a_missing_sdk_is_named_with_the_extra_that_brings_it(
    provider: str, key: str, package: str, extra: str
) -> None:
    if not missing(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError) as caught:
        config.load(environ={key: "canary", f"LLMSWITCH_{provider.upper()}_VIA": "sdk"})
    told = str(caught.value)
    assert f"{package} is not installed" in told
    assert f"pip install '.[{extra}]'" in told
    assert "canary" not in told
    # Who takes no part needs no SDK.
    assert config.load(environ={f"LLMSWITCH_{provider.upper()}_VIA": "sdk"}).endpoints == ()


def test_an_sdk_that_is_too_old_is_named_with_the_version_it_takes(installed: Any) -> None:
    if not missing("dashscope"):
        pytest.skip("dashscope is installed")
    installed("dashscope", "1.25.8")
    with pytest.raises(ConfigError, match=r"dashscope 1\.25\.8 is installed, and it takes 2\.0\.1 or newer"):
        config.load(environ={"DASHSCOPE_API_KEY": "sk-x", "LLMSWITCH_QWEN_VIA": "sdk"})


def test_zhipuai_without_sniffio_which_it_does_not_bring_is_told(
    installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("zhipuai", "2.1.5.20250825")
    found = metadata.version

    def version(name: str) -> str:  # sniffio is here because other packages bring it
        if name == "sniffio":
            raise metadata.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(
        ConfigError,
        match=r"sniffio is not installed: install llmswitch with its extra zhipu \(in a checkout: pip install '.\[zhipu\]'\)",
    ):
        config.load(environ={"ZHIPUAI_API_KEY": "x", "LLMSWITCH_ZHIPU_VIA": "sdk"})


def test_the_extras_bring_what_the_adapters_say_is_needed() -> None:
    import tomllib  # noqa: PLC0415 - the one test that reads it

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name in adapter.adapters():
        sdk = adapter.get(name).sdk
        if sdk is None:
            continue
        for package, oldest in sdk.requires.items():
            assert any(line.startswith(f"{package}>={oldest}") for line in extras[sdk.extra]), (name, package)


# --- credentials ---------------------------------------------------------------------------------------------------------------


def test_ernies_pairs_make_it_take_part(installed: Any) -> None:
    installed("qianfan", "0.4.12.3")
    for environ, name, protocol in ((IAM, "iam", "v2"), (APP, "app", "v1"), ({**IAM, **APP}, "iam", "v2")):
        endpoint = endpoints({**VIA, **environ})["ernie@cn"]
        via = endpoint.via
        assert via is not None
        assert via.pair is not None
        assert (via.pair.name, via.protocol, endpoint.key) == (name, protocol, None)
        assert endpoint.key_source == " and ".join(via.pair.variables)
        assert endpoint.credential
        assert "canary" not in repr(endpoint)


def test_an_ordinary_key_goes_before_a_pair(installed: Any) -> None:
    installed("qianfan", "0.4.12.3")
    via = endpoints({**VIA, **IAM, "QIANFAN_API_KEY": "bce-v3/x"})["ernie@cn"].via
    assert via is not None
    assert (via.pair, via.protocol) == (None, "v2")


def test_what_is_learned_about_one_pair_is_not_held_against_another(installed: Any) -> None:
    installed("qianfan", "0.4.12.3")
    first, same, other = (
        endpoints({**VIA, **APP, "QIANFAN_AK": key})["ernie@cn"].credential for key in ("one", "one", "two")
    )
    assert first == same != other


def test_pairs_without_the_sdk_are_told_how_they_would_work() -> None:
    out = absent(APP, "ernie@cn")
    assert "QIANFAN_AK and QIANFAN_SK work through the SDK only: set LLMSWITCH_ERNIE_VIA=sdk" in out.reason
    assert out.configured
    assert "work through the SDK only" in config.no_provider_message(config.load(environ=APP))


def test_half_a_pair_is_told() -> None:
    assert (
        "QIANFAN_SECRET_KEY is set without QIANFAN_ACCESS_KEY"
        in absent({**VIA, "QIANFAN_SECRET_KEY": "canary"}, "ernie@cn").reason
    )
    assert "or QIANFAN_ACCESS_KEY and QIANFAN_SECRET_KEY" in absent(VIA, "ernie@cn").reason


def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(installed: Any) -> None:
    installed("qianfan", "0.4.12.3")
    with pytest.raises(ConfigError, match="QIANFAN_SK") as caught:
        config.load(environ={**VIA, **APP, "QIANFAN_SK": "canary\u2028canary"})
    assert "canary" not in str(caught.value)


# --- facts ---------------------------------------------------------------------------------------------------------------------


def test_an_adapter_with_half_a_pair_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "adapters" / "ernie.toml").read_text(encoding="utf-8")
    broken = tmp_path / "ernie.toml"
    broken.write_text(text.replace('variables = ["QIANFAN_AK", "QIANFAN_SK"]', 'variables = ["QIANFAN_AK"]'))
    with pytest.raises(ConfigError, match=r"sdk\.pairs\[1\]\.variables: .*of the key and of its secret"):
        adapter.load(broken)


def test_each_sdk_has_its_file_and_its_protocols() -> None:
    for name in adapter.adapters():
        sdk = adapter.get(name).sdk
        if sdk is not None:
            assert (ROOT / "llmswitch" / "sdk" / f"{sdk.name}.py").is_file()
            assert sdk.sites <= {site.name for site in adapter.get(name).sites}
            assert set(sdk.parameters) <= {sdk.protocol, *(pair.protocol for pair in sdk.pairs)}


def test_qwens_native_words_for_a_bad_request_say_nothing_of_the_key() -> None:
    body = {
        "code": "InvalidParameter",
        "message": "Required parameter(s) missing or invalid, please check the request parameters.",
    }
    assert classify(provider="qwen", status=400, body=body).kind is Kind.BAD_REQUEST
