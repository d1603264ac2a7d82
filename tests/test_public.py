"""The public surface: `llmswitch.__all__`, and every name of the installed openai for who writes `import llmswitch as openai`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import openai
import pytest
from openai.types.chat import ChatCompletion

import llmswitch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

CALL: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "say hello"}]}
# Where the two differ: our clients, our own version (openai's is `VERSION`), and the exceptions that ours refine.
OURS = {
    "OpenAI", "AsyncOpenAI", "Client", "AsyncClient", "AzureOpenAI", "AsyncAzureOpenAI", "__version__",
}  # fmt: skip
RESOURCES = sorted(
    name for name, value in vars(openai).items() if type(value).__module__ == "openai._module_client"
)  # without the annotation `__class__`, which would make a client
SETTINGS = sorted(name for name in openai.__annotations__ if not name.startswith("_"))
PUBLIC = sorted({*openai.__all__, *(name for name in dir(openai) if not name.startswith("_"))} - {"annotations"})


AS_IMPORTED = {name: getattr(openai, name) for name in SETTINGS}


@pytest.fixture(autouse=True)
def _settings_as_imported() -> Iterator[None]:
    """The module-level settings before and after each test are those of a fresh import."""
    reset()
    yield
    reset()


def reset() -> None:
    for name, value in AS_IMPORTED.items():
        setattr(openai, name, value)
    llmswitch._reset_client()


def run(code: str) -> str:
    """What a program prints that a fresh interpreter runs."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- our own names ---


def test_the_names_are_sorted_and_each_is_there() -> None:
    assert llmswitch.__all__ == sorted(set(llmswitch.__all__))
    assert set(llmswitch.__all__) <= set(dir(llmswitch))
    for name in llmswitch.__all__:
        assert getattr(llmswitch, name) is not None


@pytest.mark.parametrize("name", llmswitch.__all__)
def test_each_name_is_documented_and_says_where_it_lives(name: str) -> None:
    value = getattr(llmswitch, name)

    assert inspect.getdoc(value)
    assert value.__module__.startswith("llmswitch.")
    assert value.__name__ == name


@pytest.mark.parametrize("name", ["adapter", "config", "errors", "failure", "hooks", "local", "routing", "weights"])
def test_modules_name_only_what_they_have(name: str) -> None:
    module = importlib.import_module(f"llmswitch.{name}")

    assert list(module.__all__) == sorted(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)


def test_a_module_of_ours_is_reached_without_importing_openai() -> None:
    code = "import sys, llmswitch; print(llmswitch.adapter.get('qwen').name, llmswitch.errors, 'openai' in sys.modules)"

    assert run(code).startswith("qwen <module 'llmswitch.errors'")
    assert run(code).endswith("False")


# --- openai's names ---


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in {*OURS, *RESOURCES}])
def test_every_other_name_is_openais_own(name: str) -> None:
    assert getattr(llmswitch, name) is getattr(openai, name)


def test_every_name_of_openais_is_listed() -> None:
    assert set(PUBLIC) <= set(dir(llmswitch))
    for name in dir(llmswitch):
        getattr(llmswitch, name)


def test_the_clients_are_ours() -> None:
    for name in ("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"):
        client = getattr(llmswitch, name)
        assert client is not getattr(openai, name)
        assert issubclass(client, getattr(openai, name))
    assert llmswitch.Client is llmswitch.OpenAI
    assert llmswitch.AsyncClient is llmswitch.AsyncOpenAI
    assert issubclass(llmswitch.AzureOpenAI, llmswitch.OpenAI)
    assert issubclass(llmswitch.AsyncAzureOpenAI, llmswitch.AsyncOpenAI)


def test_submodules_stay_openais_own(pair: Sandbox) -> None:
    assert llmswitch.types is openai.types
    assert llmswitch.types.chat.ChatCompletion is ChatCompletion
    assert llmswitch.lib is openai.lib
    with llmswitch.OpenAI() as client:
        assert type(client.chat.completions.create(**CALL)) is ChatCompletion
    assert not [name for name in sys.modules if name.startswith(("llmswitch.types", "llmswitch.resources"))]
    assert pair.hits() == 1


def test_no_module_of_ours_stands_in_the_way_of_a_name_of_openais() -> None:
    ours = {module.name for module in pkgutil.iter_modules(llmswitch.__path__) if not module.name.startswith("_")}

    assert not ours & set(PUBLIC)


def test_a_name_that_neither_has() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = llmswitch.no_such_name
    with pytest.raises(AttributeError, match="__wrapped__"):
        _ = llmswitch.__wrapped__
    with pytest.raises(ImportError, match="no_such_name"):
        exec("from llmswitch import no_such_name")


def test_checkers_see_every_name() -> None:
    seen = set(re.findall(r"(\w+) as \1,", (Path(llmswitch.__file__).parent / "_openai_names.pyi").read_text()))
    gone = {name for name in PUBLIC if type(vars(openai).get(name)).__module__ == "openai.lib._old_api"}

    modules = {
        name for name in PUBLIC if isinstance(getattr(openai, name), types.ModuleType)
    }  # grows with what is imported

    assert set(PUBLIC) - gone - modules - OURS - {"override"} <= seen
    assert not seen & OURS


def test_what_was_replaced_in_openai_is_replaced_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert llmswitch.file_from_path is openai.file_from_path
    monkeypatch.setattr(openai, "file_from_path", len)
    assert llmswitch.file_from_path is len  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("name", ["OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI"])
def test_our_clients_need_no_name_that_others_may_replace(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = getattr(llmswitch, name)
    azure = {"azure_endpoint": "https://a.example", "api_version": "v"} if "Azure" in name else {}
    for place in (openai, openai.lib.azure):
        monkeypatch.setattr(place, name, None, raising=False)
    assert ours(api_key="sk-x", **azure).with_options(timeout=3).api_key == "sk-x"


def test_the_old_api_is_explained_as_openai_explains_it() -> None:
    with pytest.raises(openai.OpenAIError, match="no longer supported"):
        llmswitch.ChatCompletion.create(model="gpt-4o", messages=[])


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import sys; before = set(sys.modules); import llmswitch; print(*sorted(set(sys.modules) - before))"

    assert set(run(code).split()) <= {"__future__", "types", "llmswitch"}
    assert run("import sys, llmswitch; llmswitch.Failure; llmswitch.Switch; print('openai' in sys.modules)") == "False"


# --- settings and calls of the module itself ---


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_openais_own_in_both_directions(name: str) -> None:
    assert getattr(llmswitch, name) is getattr(openai, name)
    setattr(openai, name, "theirs")
    assert getattr(llmswitch, name) == "theirs"
    setattr(llmswitch, name, "ours")
    assert getattr(openai, name) == getattr(llmswitch, name) == "ours"
    with mock.patch.object(llmswitch, name, "for a while"):
        assert getattr(openai, name) == "for a while"
    assert getattr(openai, name) == "ours"


def test_what_is_no_setting_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llmswitch, "RateLimitError", ValueError)
    monkeypatch.setattr(llmswitch, "mine", 1, raising=False)
    assert openai.RateLimitError.__name__ == "RateLimitError"
    assert not hasattr(openai, "mine")
    assert llmswitch.mine == 1
    monkeypatch.undo()
    assert llmswitch.RateLimitError is openai.RateLimitError
    assert not hasattr(llmswitch, "mine")


@pytest.mark.parametrize("name", RESOURCES)
def test_each_resource_is_reached_through_a_client_of_ours(name: str, pair: Sandbox) -> None:
    resource = getattr(llmswitch, name)
    assert isinstance(resource, type(getattr(llmswitch.OpenAI(), name)))
    client = getattr(resource, "_client", None)
    assert isinstance(client, llmswitch.OpenAI)
    assert client is llmswitch.chat._client
    assert getattr(llmswitch, name) is resource
    assert pair.hits() == 0


def test_a_resource_may_be_named_before_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmswitch import chat, embeddings  # noqa: PLC0415 - what is tested

    with pytest.raises(llmswitch.OpenAIError):
        chat.completions.create(**CALL)
    monkeypatch.setattr(llmswitch, "api_key", "sk-mine")
    monkeypatch.setattr(llmswitch, "base_url", "https://elsewhere.example/v1")
    assert chat._client.api_key == embeddings._client.api_key == "sk-mine"
    assert str(chat._client.base_url) == "https://elsewhere.example/v1/"


@pytest.mark.skipif(
    "_enforce_credentials" not in inspect.signature(openai.OpenAI.__init__).parameters, reason="came with openai 2"
)
def test_an_address_may_be_set_before_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llmswitch, "base_url", "https://elsewhere.example/v1")
    assert str(llmswitch.chat._client.base_url) == "https://elsewhere.example/v1/"
    with pytest.raises(llmswitch.OpenAIError, match=r"Missing credentials|api_key"):
        llmswitch.chat.completions.create(**CALL)


def test_calls_follow_the_settings(pair: Sandbox) -> None:
    answer = llmswitch.chat.completions.create(**CALL)
    assert answer.llmswitch.provider == "openai"
    client = llmswitch.chat._client
    assert llmswitch.embeddings.create(model="text-embedding-3-small", input="hi").data
    assert llmswitch.chat._client is client
    llmswitch.max_retries = 0
    llmswitch.timeout = None
    llmswitch.default_headers = {"X-Mine": "1"}
    llmswitch.default_query = {"mine": "1"}
    assert llmswitch.chat._client is not client
    assert llmswitch.chat._client.max_retries == 0
    assert llmswitch.chat._client.timeout is None
    llmswitch.chat.completions.create(**CALL)
    assert "x-mine" in [name.lower() for name in pair.requests("openai")[-1].headers]
    pair.fault("openai", "region_block")
    assert llmswitch.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert "x-mine" not in [name.lower() for name in pair.requests("qwen")[-1].headers]


def test_an_api_key_set_on_the_module_is_openais(pair: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert llmswitch.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    assert llmswitch.api_key is None  # another vendor's key never becomes openai's
    llmswitch.api_key = pair.key("openai@global")
    assert llmswitch.chat.completions.create(**CALL).llmswitch.provider == "openai"


def test_the_client_is_made_anew_after_a_reset(pair: Sandbox) -> None:
    client = llmswitch.chat._client
    llmswitch._reset_client()
    assert llmswitch.chat._client is not client
    assert llmswitch._load_client() is llmswitch.chat._client
    assert pair.hits() == 0


def test_azure_is_chosen_as_openai_chooses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-key")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    client: Any = llmswitch.chat._client
    assert isinstance(client, llmswitch.AzureOpenAI)
    assert llmswitch.api_type == "azure"
    assert str(client.base_url) == "https://mine.openai.azure.com/openai/"
    assert client._custom_query == {"api-version": "2024-10-21"}
    llmswitch.api_type = None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with pytest.raises(llmswitch.OpenAIError, match="Ambiguous"):
        _ = llmswitch.chat._client
    llmswitch.api_type = "openai"
    assert not isinstance(llmswitch.chat._client, llmswitch.AzureOpenAI)
    llmswitch.api_type, llmswitch.azure_endpoint, llmswitch.api_version = "azure", "https://other.openai.azure.com", "v"
    llmswitch.azure_ad_token_provider = lambda: "token"
    client = llmswitch.chat._client
    assert str(client.base_url) == "https://other.openai.azure.com/openai/"
    assert client._azure_ad_token_provider() == "token"


@pytest.mark.skipif("amazon-bedrock" not in inspect.getsource(openai), reason="came with openai 2")
def test_bedrock_is_openais_own_client(monkeypatch: pytest.MonkeyPatch) -> None:
    llmswitch.api_type = "amazon-bedrock"
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "token")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert isinstance(llmswitch.responses._client, openai.BedrockOpenAI)


def test_it_is_a_module_like_any_other() -> None:
    assert isinstance(llmswitch, types.ModuleType)
    assert importlib.reload(llmswitch) is llmswitch
    assert llmswitch.OpenAI.__name__ == "OpenAI"
