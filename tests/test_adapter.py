"""The facts in adapters/*.toml, how they are read, and what is said about a file that is wrong."""

from __future__ import annotations

import datetime as dt
import pickle
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from llmswitch.adapter import CAPABILITIES, TIERS, Adapter, Site, adapters, by_url, get, load
from llmswitch.dialects import get as dialect
from llmswitch.errors import ConfigError

CHECKED = dt.date(2026, 11, 25)
FOLDER = Path(__file__).parent.parent / "adapters"
SHIPPED = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
VENDORS = ("openai", "qwen", "ernie", "zhipu")

MINIMAL = """
name = "acme"
title = "Acme"
rank = 60

[facts.sites]
source = "https://acme.example/docs"
as_of = "2026-11"
confidence = "medium"

[sites.eu]
base_url = "https://api.acme.example/v1"
serves = "all-except"
"""

FACT = """
[facts.models]
source = "https://acme.example/models"
as_of = "2026"
confidence = "low"

[facts.parameters]
source = "https://acme.example/parameters"
as_of = "2026"
confidence = "low"
"""


def acme(tmp_path: Path, text: str = "", *, top: str = "", minimal: str = MINIMAL) -> Adapter:
    path = tmp_path / "acme.toml"
    path.write_text(top + minimal + text, encoding="utf-8")
    return load(path)


# --- the shipped facts ---------------------------------------------------------------------------------------------------------


def test_every_toml_is_an_adapter_in_rank_order() -> None:
    names = adapters()
    assert set(SHIPPED) <= set(names)
    assert [get(name).rank for name in names] == sorted(get(name).rank for name in names)
    assert names[0] == "openai"
    assert names[-1] == "local"


@pytest.mark.parametrize("name", SHIPPED)
def test_file_and_adapter_have_one_name(name: str) -> None:
    adapter = load(FOLDER / f"{name}.toml")
    assert adapter.name == name
    assert adapter.title
    dialect(adapter.dialect)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_fact_has_source_date_and_confidence(name: str) -> None:
    adapter = get(name)
    facts = [site.fact for site in adapter.sites] + [rule.fact for rule in adapter.parameters]
    facts += [model.fact for model in adapter.models.values()]
    facts += [prices.fact for prices in adapter.prices]
    assert facts
    for fact in facts:
        assert len(fact.source) > 5
        assert re.fullmatch(r"20\d\d(-\d\d(-\d\d)?)?", fact.as_of)
        assert dt.date.fromisoformat((fact.as_of + "-01-01")[:10]) <= CHECKED
        assert fact.confidence in {"high", "medium", "low"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_companys_country_and_its_tags_are_dated_facts(name: str) -> None:
    adapter = get(name)
    assert bool(adapter.headquarters) == (adapter.headquarters_fact is not None)
    assert adapter.headquarters or all(site.serves == "anywhere" for site in adapter.sites)


def test_tags_are_stated_by_a_fact_of_their_name_or_by_one_for_all(tmp_path: Path) -> None:
    assert get("zhipu").tags["us-entity-list"].source.startswith("added on 2025-01-15")
    top = 'tags = ["us-entity-list", "us-dod-1260h"]\nheadquarters = "CN"\n'
    facts = [
        f'[facts.{name}]\nsource = "{name} said"\nas_of = "2025-01"\nconfidence = "medium"\n'
        for name in ("tags", "us-dod-1260h", "headquarters")
    ]
    adapter = acme(tmp_path, "".join(facts), top=top)
    assert {tag: fact.source for tag, fact in adapter.tags.items()} == {
        "us-entity-list": "tags said",
        "us-dod-1260h": "us-dod-1260h said",
    }
    assert adapter.headquarters_fact is not None
    with pytest.raises(ConfigError, match=r"tags: found 'us-entity-list'; .*add \[facts\.us-entity-list\]"):
        acme(tmp_path, top=top)


@pytest.mark.parametrize("name", SHIPPED)
def test_base_urls_are_https_and_found_by_their_address(name: str) -> None:
    adapter = get(name)
    for site in adapter.sites:
        if not site.base_url:
            continue
        url = urlsplit(site.base_url)
        assert url.scheme == "https"
        assert url.path in site.paths
        assert by_url(site.base_url) == (adapter, site)
        assert by_url(f"{site.base_url}/") == (adapter, site)


def test_no_host_belongs_to_two_vendors() -> None:
    hosts = [host for name in SHIPPED for host in {host for site in get(name).sites for host in site.hosts}]
    assert len(hosts) == len(set(hosts))


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("api.stepfun.com/v1", "stepfun@cn"),
        ("api.stepfun.com/step_plan/v1", "stepfun@plan"),
        ("api.stepfun.com/step_plan/v1/", "stepfun@plan"),
        ("api.stepfun.com/somewhere", "stepfun@cn"),
        ("API.STEPFUN.COM.", "stepfun@cn"),
        ("ark.cn-beijing.volces.com/api/coding/v3", "doubao@coding"),
        ("spark-api-open.xf-yun.com/x2", "spark@x2"),
        ("api.kimi.com/coding/v1", "moonshot@coding"),
        ("api.deepseek.com/v1", "deepseek@global"),
        ("workspace.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", "qwen@cn"),
    ],
)
def test_sites_of_one_host_are_told_apart_by_their_paths(address: str, site: str) -> None:
    found = by_url(f"https://{address}")
    assert found is not None
    assert f"{found[0].name}@{found[1].name}" == site


def test_sites_on_one_host_are_told_apart_by_the_path(tmp_path: Path) -> None:
    acme(tmp_path, '[sites.coding]\nbase_url = "https://api.acme.example/coding/v1"\nserves = "list"\n')
    program = f"""
from llmswitch.adapter import by_url, load, register
register(load({str(tmp_path / "acme.toml")!r}))
paths = {{"": "eu", "/v1": "eu", "/v1/": "eu", "/coding/v1": "coding", "/coding/v1/x": "coding", "/coding/v11": "eu"}}
found = {{path: by_url("https://API.acme.example:443" + path)[1].name for path in paths}}
assert found == paths, found
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=FOLDER.parent)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_said_of_answers_has_a_source(name: str) -> None:
    adapter = get(name)
    said = {
        "finish_reasons": adapter.finish_reasons or adapter.failing_finish_reasons,
        "reasoning": adapter.reasoning_field != "reasoning_content",
        "usage": adapter.cached_field or adapter.usage_in_choice,
        "embeddings": adapter.embeddings_batch,
    }
    assert adapter.answer_facts.keys() == {about for about, stated in said.items() if stated}


@pytest.mark.parametrize("name", SHIPPED)
def test_tier_targets_exist_and_answer(name: str) -> None:
    adapter = get(name)
    targets = [adapter.tiers, *(site.tiers for site in adapter.sites)]
    for tier, target in (pair for tiers in targets for pair in tiers.items()):
        assert tier in TIERS
        model = adapter.models[target]
        assert not model.is_retired(CHECKED)
        assert ("embeddings" if tier == "embedding" else "chat") in model.capabilities
    if adapter.tiers.get("vision"):
        assert "vision" in adapter.models[adapter.tiers["vision"]].capabilities


@pytest.mark.parametrize("name", VENDORS)
def test_every_tier_has_a_target_that_fits_a_migrants_call(name: str) -> None:
    adapter = get(name)
    assert set(adapter.tiers) == set(TIERS)
    standard = adapter.models[adapter.tiers["standard"]]
    assert {"chat", "stream", "tools"} <= standard.capabilities
    assert (standard.context or 0) >= 100_000  # gpt-4o's calls must fit


@pytest.mark.parametrize("name", SHIPPED)
def test_capabilities_are_known_words_and_never_contradict(name: str) -> None:
    for model in get(name).models.values():
        assert model.tier in TIERS
        assert model.capabilities <= set(CAPABILITIES)
        assert model.lacks <= set(CAPABILITIES)
        assert not model.capabilities & model.lacks
        assert (model.tier == "embedding") == ("embeddings" in model.capabilities)


def test_names_and_aliases_are_unique() -> None:
    words = [word for name in SHIPPED for word in (name, *get(name).aliases)]
    assert len(words) == len(set(words))
    for name in SHIPPED:
        names = [word for model in get(name).models.values() for word in (model.name, *model.aliases)]
        assert len(names) == len(set(names)), name


# --- whom a site serves --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["CN", "HK", "MO", "RU", "BY", "IR", "KP", "SY", "CU", "VE"])
def test_openai_does_not_serve(region: str) -> None:
    assert get("openai").home_site().verdict(region) == "not_served"


@pytest.mark.parametrize(
    "region", ["US", "DE", "JP", "SG", "TW", "UA", "SA", "AF", "AX", "AW", "BM", "KY", "FO", "GF", "PF", "TF"]
)
def test_openai_serves(region: str) -> None:
    assert get("openai").home_site().verdict(region) == "served"


@pytest.mark.parametrize("region", ["PR", "GU", "GI", "GG", "RE", "VG", "EH", "AQ"])
def test_territories_nobody_lists_are_unknown(region: str) -> None:
    assert get("openai").home_site().verdict(region) == "unknown"


def test_openai_binds_caller_and_end_user() -> None:
    site = get("openai").home_site()
    assert site.binds == {"caller", "end_user"}
    assert len(site.regions) == 196
    assert len(site.unknown) == 44
    assert not site.regions & site.unknown


@pytest.mark.parametrize("name", ["qwen", "ernie", "zhipu"])
def test_home_ranks_and_never_excludes(name: str) -> None:
    site = get(name).site("cn")
    assert site.verdict("CN") == "served"
    assert {site.verdict(region) for region in ("US", "HK", "RU", "DE")} == {"discouraged"}


def test_international_sites() -> None:
    assert get("qwen").site("intl").verdict("HK") == "served"
    assert get("qwen").site("intl").verdict("KP") == "unknown"
    assert get("zhipu").site("intl").verdict("DE") == "served"
    assert get("zhipu").site("intl").verdict("CN") == "discouraged"


def test_compatible_and_local_are_restricted_by_no_list() -> None:
    for name in ("compatible", "local"):
        assert {get(name).home_site().verdict(region) for region in ("CN", "KP", "US", "XX")} == {"served"}
    assert get("local").keyless
    assert not get("compatible").parameters


@pytest.mark.parametrize(
    ("provider", "region", "site"),
    [
        ("qwen", "CN", "cn"),
        ("qwen", "HK", "intl"),
        ("qwen", "US", "intl"),
        ("qwen", None, "cn"),
        ("zhipu", "CN", "cn"),
        ("zhipu", "SG", "intl"),
        ("zhipu", None, "cn"),
        ("ernie", "US", "cn"),
        ("openai", "CN", "global"),
    ],
)
def test_which_site_a_region_chooses(provider: str, region: str | None, site: str) -> None:
    assert get(provider).site_for(region).name == site


# --- keys and hosts ------------------------------------------------------------------------------------------------------------


def test_key_variables() -> None:
    assert get("openai").key_env == ("LLMSWITCH_OPENAI_API_KEY", "OPENAI_API_KEY")
    assert get("qwen").key_env == ("LLMSWITCH_QWEN_API_KEY", "DASHSCOPE_API_KEY")
    assert get("qwen").site("intl").key_env == ("LLMSWITCH_QWEN_INTL_API_KEY", "DASHSCOPE_INTL_API_KEY")
    assert get("ernie").key_env == ("LLMSWITCH_ERNIE_API_KEY", "QIANFAN_API_KEY", "QIANFAN_BEARER_TOKEN")
    assert "ZAI_API_KEY" in get("zhipu").site("intl").key_env
    assert {"ZHIPUAI_API_KEY", "ZHIPU_API_KEY", "BIGMODEL_API_KEY"} <= set(get("zhipu").site("cn").key_env)


def test_no_key_variable_has_two_meanings() -> None:
    variables = [
        v for name in SHIPPED for v in (*get(name).key_env, *(v for site in get(name).sites for v in site.key_env))
    ]
    assert len(variables) == len(set(variables))


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("api.openai.com", "openai@global"),
        ("eu.api.openai.com", "openai@global"),
        ("API.OpenAI.com.", "openai@global"),
        ("dashscope.aliyuncs.com", "qwen@cn"),
        ("coding.dashscope.aliyuncs.com", "qwen@coding"),
        ("dashscope-intl.aliyuncs.com", "qwen@intl"),
        ("coding-intl.dashscope.aliyuncs.com", "qwen@coding-intl"),
        ("dashscope-us.aliyuncs.com", "qwen@us"),
        ("cn-hongkong.dashscope.aliyuncs.com", "qwen@hk"),
        ("ws-1.cn-beijing.maas.aliyuncs.com", "qwen@cn"),
        ("token-plan.cn-beijing.maas.aliyuncs.com", "qwen@token"),
        ("ws-1.ap-southeast-1.maas.aliyuncs.com", "qwen@intl"),
        ("ws-1.us-east-1.maas.aliyuncs.com", "qwen@us"),
        ("ws-1.cn-hongkong.maas.aliyuncs.com", "qwen@hk"),
        ("ws-1.eu-central-1.maas.aliyuncs.com", "qwen@eu"),
        ("ws-1.ap-northeast-1.maas.aliyuncs.com", "qwen@jp"),
        ("qianfan.baidubce.com", "ernie@cn"),
        ("open.bigmodel.cn", "zhipu@cn"),
        ("api.z.ai", "zhipu@intl"),
        ("llm.corp.example", None),
        ("openai.com", None),
        ("api.openai.com.evil.example", None),
        ("notapi.openai.com", None),
        ("localhost", None),
        ("", None),
    ],
)
def test_whose_host(host: str, endpoint: str | None) -> None:
    found = by_url(f"https://{host}/v1")
    assert (found and f"{found[0].name}@{found[1].name}") == endpoint


def test_sites_without_a_fixed_url_are_never_chosen_by_region() -> None:
    adapter = get("qwen")
    assert {site.name for site in adapter.sites if not site.base_url} == {"eu", "jp"}
    assert adapter.site_for("JP").name == "intl"


# --- models --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "canonical", "tier"),
    [
        ("gpt-4o", "gpt-4o", "standard"),
        ("gpt-4o-2024-11-20", "gpt-4o-2024-11-20", "standard"),
        ("gpt-4o-2029-01-01", "gpt-4o", "standard"),
        ("gpt-4o-mini-2029-01-01", "gpt-4o-mini", "fast"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo", "fast"),
        ("gpt-3.5-turbo-16k", "gpt-3.5-turbo", "fast"),
        ("gpt-4-0613", "gpt-4", "standard"),
        ("gpt-4-0125-preview", "gpt-4-turbo", "standard"),
        ("gpt-4-1106-preview", "gpt-4-turbo", "standard"),
        ("o1-mini", "o1", "reasoning"),
        ("o3", "o3", "reasoning"),
        ("gpt-5", "gpt-5", "flagship"),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini", "fast"),
        ("gpt-6.1-sol", "gpt-6-astra", "flagship"),
        ("text-embedding-3-small", "text-embedding-3-small", "embedding"),
    ],
)
def test_openai_models_by_name_alias_and_pattern(name: str, canonical: str, tier: str) -> None:
    model = get("openai").model(name)
    assert model is not None
    assert (model.name, model.tier) == (canonical, tier)


@pytest.mark.parametrize("name", ["", "qwen-plus", "ft:gpt-4o-2024-08-06:acme::1", "whisper-1", "gpt-4oo"])
def test_models_nobody_lists(name: str) -> None:
    assert get("openai").model(name) is None


# The model table of litellm 1.106, of which the adapters' facts speak.
@pytest.mark.parametrize(
    ("provider", "name", "context", "max_output"),
    [
        ("openai", "gpt-4.1", 1_047_576, 32_768),
        ("openai", "gpt-4.1-mini-2025-04-14", 1_047_576, 32_768),
        ("openai", "gpt-5.2", 272_000, 128_000),
        ("openai", "gpt-5.4", 1_050_000, 128_000),
        ("openai", "gpt-5.5-2026-04-23", 1_050_000, 128_000),
        ("openai", "gpt-5.6-terra", 922_000, 128_000),
        ("openai", "gpt-6.1-sol", 922_000, 128_000),
        ("openai", "gpt-5-chat-latest", 128_000, 16_384),
        ("qwen", "qwen-plus", 129_024, 16_384),
        ("qwen", "qwen-plus-2025-01-25", 129_024, 8_192),
        ("qwen", "qwen-plus-2025-09-11", 997_952, 32_768),
        ("qwen", "qwen-turbo-latest", 1_000_000, 16_384),
        ("qwen", "qwen-turbo-2024-11-01", 1_000_000, 8_192),
        ("openrouter", "openai/gpt-5.5", 1_050_000, 128_000),
        ("ernie", "ernie-5.1", 119_000, 65_536),  # of Baidu's list, see the file
        ("qwen", "qwen4-max", 991_808, None),
        ("moonshot", "kimi-k3.1-pro", None, None),  # nobody states any
    ],
)
def test_a_models_limits_are_its_own(provider: str, name: str, context: int | None, max_output: int | None) -> None:
    model = get(provider).model(name)
    assert model is not None
    assert (model.context, model.max_output) == (context, max_output)


# https://github.com/diillson/chatcli/issues/1344 and https://github.com/anomalyco/models.dev/pull/6101
@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("kimi-k2-0905-preview", "2026-05-25"),
        ("kimi-k2.5", "2026-08-31"),
        ("kimi-latest", "2026-01-28"),
        ("moonshot-v1-8k", "2026-08-31"),
        ("moonshot-v1-auto", "2026-08-31"),
    ],
)
def test_the_day_on_which_kimis_models_ended(name: str, day: str) -> None:
    model = get("moonshot").model(name)
    assert model is not None
    assert (str(model.retired), model.successor) == (day, "kimi-k2.6")


def test_retirement_is_per_model() -> None:
    openai = get("openai")
    retired = {name for name, model in openai.models.items() if model.is_retired(CHECKED)}
    assert {
        "gpt-3.5-turbo",
        "gpt-4",
        "gpt-4-turbo",
        "gpt-4o-2024-05-13",
        "gpt-4.1-nano",
        "o1",
        "o3-mini",
        "o4-mini",
    } <= retired
    assert not retired & {
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-5",
        "gpt-5.4-mini",
        "text-embedding-3-large",
    }
    snapshot = openai.models["gpt-5-2025-08-07"]
    assert not snapshot.is_retired(dt.date(2026, 12, 11))
    assert snapshot.is_retired(dt.date(2026, 12, 12))


@pytest.mark.parametrize("name", SHIPPED)
def test_successors_are_stated_by_a_fact_and_live_longer(name: str) -> None:
    adapter = get(name)
    for model in adapter.models.values():
        assert (model.successor is None) == (model.successor_fact is None), model.name
        assert model.successor is None or model.retired is not None, model.name
        following = adapter.model(model.successor or "")
        if following is not None and model.retired is not None and following.retired is not None:
            assert following.retired > model.retired, model.name


def test_a_successor_is_said_by_the_fact_of_all_or_by_the_rows(tmp_path: Path) -> None:
    row = FACT + '[models]\nold = { tier = "fast", retired = 2026-01-01, successor = "new" }\n'
    old = acme(tmp_path, row).models["old"]
    assert (old.successor, old.successor_fact) == ("new", old.fact)
    fact = '[facts.successors]\nsource = "s"\nas_of = "2026"\nconfidence = "low"\n'
    old = acme(tmp_path, fact + row).models["old"]
    assert (old.successor, old.successor_fact and old.successor_fact.source) == ("new", "s")


def test_embeddings_state_their_dimensions() -> None:
    assert get("openai").models["text-embedding-3-large"].dimensions == (3072,)
    assert get("qwen").models["text-embedding-v4"].dimensions[0] == 1024
    assert get("zhipu").models["embedding-3"].dimensions[0] == 2048
    assert [get(name).embeddings_batch for name in VENDORS] == [2048, 10, 16, 64]


# --- finding, registering, reading once ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "name"),
    [("dashscope", "qwen"), ("Baidu", "ernie"), (" bigmodel ", "zhipu"), ("z.ai", "zhipu"), ("OpenAI", "openai")],
)
def test_get_takes_aliases_in_any_case(word: str, name: str) -> None:
    assert get(word).name == name


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown provider 'qwne'; known: openai, .*; did you mean 'qwen'\?$"):
        get("qwne")
    with pytest.raises(ConfigError, match=r"qwen: no site 'itl'; its sites: cn, intl.*; did you mean 'intl'\?$"):
        get("qwen").site("itl")


def test_register_adds_and_replaces(tmp_path: Path) -> None:
    ours = acme(tmp_path, top="")
    program = f"""
from llmswitch.adapter import adapters, by_url, get, load, register
register(load({str(tmp_path / "acme.toml")!r}))
assert adapters().index("ernie") < adapters().index("acme") < adapters().index("compatible"), adapters()
assert by_url("https://api.acme.example/v1")[1].name == "eu"
import dataclasses
register(dataclasses.replace(get("acme"), rank=1))
assert adapters()[0] == "acme", adapters()
"""
    assert ours.name == "acme"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=FOLDER.parent)  # the registry is the process's


def test_threads_share_one_reading() -> None:
    program = """
import threading
from llmswitch.adapter import get
found = []
threads = [threading.Thread(target=lambda: found.append(get("qwen"))) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(found) == 8 and len(set(map(id, found))) == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=FOLDER.parent)


def test_importing_reads_nothing() -> None:
    program = """
import sys
import llmswitch.adapter
assert not {"tomllib", "pathlib", "importlib.metadata"} & set(sys.modules) - set(started), sys.modules
"""
    program = "import sys; started = set(sys.modules)\n" + program
    subprocess.run([sys.executable, "-c", program], check=True, cwd=FOLDER.parent)


@pytest.mark.parametrize(
    ("value", "works"),
    [("acme.toml", True), ("broken.toml", False), ("adapter", True), ("number", False), ("missing", False)],
)
def test_add_ons_by_entry_point(tmp_path: Path, value: str, works: bool) -> None:
    """A package of its own brings a provider; a broken one is left out with a warning and takes nobody down."""
    acme(tmp_path)
    (tmp_path / "broken.toml").write_text('name = "acme"')
    module = {
        "adapter": f"from llmswitch.adapter import load\nfact = load({str(tmp_path / 'acme.toml')!r})",
        "number": "fact = 1",
        "missing": "",
    }.get(value, f"fact = {str(tmp_path / value)!r}")
    (tmp_path / "acme_llm.py").write_text(module)
    info = tmp_path / "acme_llm-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-llm\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[llmswitch.adapters]\nacme = acme_llm:fact\n")
    program = f"""
import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(FOLDER.parent)!r}]
from llmswitch.adapter import adapters
names = adapters()
assert "qwen" in names
assert ("acme" in names) is {works}, names
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("adapter 'acme' of acme_llm:fact left out" in done.stderr) is not works


def test_adapters_and_their_parts_can_be_pickled() -> None:
    adapter = get("qwen")
    copy: Adapter = pickle.loads(pickle.dumps(adapter))
    assert copy.name == "qwen"
    assert copy.sites == adapter.sites
    assert copy.model("qwen-plus-2025-12-01") == adapter.model("qwen-plus")


# --- files that are wrong ------------------------------------------------------------------------------------------------------


def test_a_minimal_file_is_enough(tmp_path: Path) -> None:
    adapter = acme(tmp_path)
    assert adapter.key_env == ("LLMSWITCH_ACME_API_KEY",)
    assert adapter.home_site().hosts == ("api.acme.example",)
    assert adapter.home_site().key_env == ("LLMSWITCH_ACME_EU_API_KEY",)
    assert adapter.resources == {"chat", "embeddings", "models"}
    assert adapter.models == {}


MODEL = '[models."m"]\ntier = "standard"\n'

PRICES = FACT.replace("facts.models", "facts.prices") + "[[prices]]\n"
EURO = 'sites = ["eu"]\ncurrency = "EUR"\n'
RULE = FACT + '[[parameters]]\nnames = ["n"]\nreason = "r"\n'
SITE = "[sites.us]\n"

WRONG = {
    "typo in a key": ('titel = "x"\n', "", r"titel: found 'x'; allowed: the keys .*; did you mean 'title'\?"),
    "typo in a site": ("", 'serve = "list"\n', r"sites\.eu\.serve: found 'list'; allowed: the keys .*did you mean 'serves'\?"),
    "unknown serves": ("", SITE + 'base_url = ""\nserves = "most"\n', r"sites\.us\.serves: found 'most'; allowed: list, all-except, home"),
    "http": ("", SITE + 'base_url = "http://x.example/v1"\nserves = "home"\n', r"sites\.us\.base_url: found 'http:.*allowed: an https URL"),
    "slash": ("", '[sites.us]\nbase_url = "https://x.example/v1/"\nserves = "home"\n', r"without a trailing slash"),
    "no url": ("", '[sites.us]\nserves = "home"\n', r"sites\.us\.base_url: found nothing; allowed: a string \(the key is required\)"),
    "region": ("", 'regions = ["China"]\n', r"sites\.eu\.regions\[0\]: found 'China'; allowed: an ISO 3166-1 alpha-2 code"),
    "region twice": ("", 'regions = ["CN", "CN"]\n', r"sites\.eu\.regions: found \['CN'\]; allowed: each code once"),
    "region no list": ("", 'regions = "CN"\n', r"sites\.eu\.regions: found 'CN'; allowed: a list"),
    "host": ("", 'hosts = ["https://x.example"]\n', r"sites\.eu\.hosts\[0\]: found .*allowed: a host name"),
    "binds": ("", 'binds = ["callers"]\n', r"sites\.eu\.binds\[0\]: found 'callers'; allowed: caller, end_user; did you mean 'caller'\?"),
    "hosted in": ("", 'hosted_in = "Beijing"\n', r"sites\.eu\.hosted_in: found 'Beijing'; allowed: an ISO 3166-1 alpha-2 code"),
    "key pattern": ("", 'key_pattern = "("\n', r"sites\.eu\.key_pattern: found '\('; allowed: a regular expression"),
    "fact": ("", 'fact = "site"\n', r"sites\.eu\.fact: found 'site'; allowed: a name under \[facts\]: sites"),
    "no fact": ("", MODEL, r"models\.m\.fact: found 'models'; allowed: a name under \[facts\]: sites"),
    "date": ("", '[facts.x]\nsource = "s"\nas_of = "May 2026"\nconfidence = "high"\n', r"facts\.x\.as_of: found 'May 2026'; allowed: YYYY"),
    "real date": ("", '[facts.x]\nsource = "s"\nas_of = 2026-11-23\nconfidence = "high"\n', r"facts\.x\.as_of: found .*allowed: a string"),
    "source": ("", '[facts.x]\nsource = " "\nas_of = "2026"\nconfidence = "high"\n', r"facts\.x\.source: found ' '"),
    "confidence": ("", '[facts.x]\nsource = "s"\nas_of = "2026"\nconfidence = "sure"\n', r"facts\.x\.confidence: found 'sure'"),
    "tier": ("", FACT + MODEL.replace("standard", "big"), r"models\.m\.tier: found 'big'; allowed: flagship, standard"),
    "context": ("", FACT + MODEL + 'context = "8k"\n', r"models\.m\.context: found '8k'; allowed: a whole number"),
    "context bool": ("", FACT + MODEL + "context = true\n", r"models\.m\.context: found True; allowed: a whole number"),
    "retired": ("", FACT + MODEL + 'retired = "2026-01-01"\n', r"models\.m\.retired: found '2026-01-01'; allowed: a date"),
    "retired instant": ("", FACT + MODEL + "retired = 2026-01-01T00:00:00Z\n", r"models\.m\.retired: found .*allowed: a date"),
    "capability": ("", FACT + MODEL + 'adds = ["images"]\n', r"models\.m\.adds\[0\]: found 'images'; allowed: chat, "),
    "like": ("", FACT + '[models.m]\nlike = "n"\n', r"models\.m\.like: found 'n'; allowed: a model further up"),
    "like with more": ("", FACT + MODEL + '[models.n]\nlike = "m"\ntier = "fast"\n', r"models\.n\.tier: found 'fast'; allowed: the keys "),
    "prices without sites": ("", PRICES + "sites = []\n", r"prices\[0\]\.sites: found nothing; allowed: the sites billed so: eu"),
    "prices of another site": ("", PRICES + 'sites = ["us"]\n', r"prices\[0\]\.sites\[0\]: found 'us'; allowed: eu"),
    "no currency": ("", PRICES + 'sites = ["eu"]\n', r"prices\[0\]\.currency: found nothing"),
    "currency": ("", PRICES + 'sites = ["eu"]\ncurrency = "yuan"\n', r"prices\[0\]\.currency: found 'yuan'; allowed: an ISO 4217 code"),
    "no prices": ("", PRICES + EURO, r"prices\[0\]\.models: found nothing"),
    "library's currency": ("", PRICES + EURO + 'library = "acme"\n', r"prices\[0\]\.currency: found 'EUR'; allowed: USD"),
    "price of nothing": ("", PRICES + EURO + "models.m={ output = 1 }\n", r"prices\[0\]\.models\.m\.input: found nothing"),
    "price as text": ("", PRICES + EURO + 'models.m={ input = "1" }\n', r"models\.m\.input: found '1'; allowed: a number"),
    "negative price": ("", PRICES + EURO + "models.m={ input = -1 }\n", r"models\.m\.input: found -1\.0; allowed: a price of 0 or more"),
    "endless price": ("", PRICES + EURO + "models.m={ input = inf }\n", r"prices\[0\]\.models\.m\.input: found inf"),
    "price as number": ("", PRICES + EURO + "models.m=1\n", r"prices\[0\]\.models\.m: found 1; allowed: a table such as"),
    "price limit": ("", PRICES + EURO + "models.m=[{ up_to = 0, input = 1 }]\n", r"models\.m\[0\]\.up_to: found 0; allowed: a number of"),
    "price hours": ("", PRICES + EURO + 'models.m={ hours = ["4-1"], input = 1 }\n', r"models\.m\.hours: found '4-1'; allowed: times"),
    "price key": ("", PRICES + EURO + "models.m={ input = 1, above = 3 }\n", r"models\.m\.above: found 3; allowed: the keys"),
    "tier target": ("", FACT + MODEL + '[tiers]\nfast = "mm"\n', r"tiers\.fast: found 'mm'; allowed: a name under \[models\]"),
    "tier name": ("", FACT + MODEL + '[tiers]\nquick = "m"\n', r"tiers\.quick: found 'm'; allowed: the keys "),
    "tier kind": ("", FACT + MODEL + '[tiers]\nembedding = "m"\n', r"tiers\.embedding: found 'm'; allowed: an embedding model"),
    "finish reason": ("", '[finish_reasons]\nfact = "sites"\ndone = "over"\n', r"finish_reasons\.done: found 'over'; allowed: stop"),
    "action": ("", RULE + 'action = "remove"\n', r"parameters\[0\]\.action: found 'remove'; allowed: rename"),
    "names": ("", FACT + '[[parameters]]\naction = "drop"\nreason = "r"\n', r"parameters\[0\]\.names: found nothing"),
    "no reason": ("", FACT + '[[parameters]]\nnames = ["n"]\naction = "drop"\n', r"parameters\[0\]\.reason: found nothing"),
    "no range": ("", RULE + 'action = "clamp"\n', r"parameters\[0\]\.range: found nothing; allowed: an interval"),
    "bad range": ("", RULE + 'action = "clamp"\nrange = "0-1"\n', r"parameters\[0\]\.range: found '0-1'; allowed: an interval"),
    "empty range": ("", RULE + 'action = "clamp"\nrange = "[2, 1]"\n', r"parameters\[0\]\.range: found '\[2, 1\]'"),
    "bad number": ("", RULE + 'action = "clamp"\nrange = "[1.2.3, 4]"\n', r"allowed: numbers as ends"),
    "rename to nothing": ("", RULE + 'action = "rename"\n', r"parameters\[0\]\.to: found nothing"),
    "add nothing": ("", RULE + 'action = "add"\n', r"parameters\[0\]\.to: found nothing"),
    "add a date": ("", RULE + 'action = "add"\nto = 2026-01-01\n', r"parameters\[0\]\.to: found .*allowed: what JSON has"),
    "when": ("", RULE + 'action = "drop"\nwhen = "streaming"\n', r"parameters\[0\]\.when: found 'streaming'"),
    "error kind": ("", '[[errors]]\nsource = "s"\nrules = [{ code = ["x"], kind = "quota" }]\n', r"errors\[0\]\.rules\[0\]\.kind"),
    "name": ("", "", r"name: found 'Acme'; allowed: lower-case"),
    "rank": ("", "", r"rank: found '60'; allowed: a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_file_key_found_and_allowed(tmp_path: Path, case: str) -> None:
    top, text, message = WRONG[case]
    minimal = {"name": MINIMAL.replace('"acme"', '"Acme"'), "rank": MINIMAL.replace("60", '"60"')}.get(case, MINIMAL)
    with pytest.raises(ConfigError, match=message) as caught:
        acme(tmp_path, text, top=top, minimal=minimal)
    assert str(caught.value).startswith(str(tmp_path / "acme.toml"))


def test_a_file_without_sites(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('name = "a"\ntitle = "A"\nrank = 1\n')
    with pytest.raises(ConfigError, match=r"a\.toml: sites: found nothing; allowed: at least one \[sites\.NAME\]"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = = 1\nrank = 1\n", r"not valid TOML: .*line 1"),
        (b'name = "\xff"', r"byte 8 is not UTF-8"),
        (None, r"cannot be read: No such file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_long_values_are_cut_in_messages(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        acme(tmp_path, top=f"title_zh = {['x' * 500]!r}\n")
    assert len(str(caught.value)) < 300


def test_verdict_of_a_list_with_exceptions() -> None:
    fact = get("openai").home_site().fact
    site = Site(
        name="x", base_url="", hosts=(), serves="list", regions=frozenset({"CN", "US"}), not_served=frozenset({"CN"}),
        discouraged=frozenset({"US"}), fact=fact,
    )  # fmt: skip
    assert [site.verdict(region) for region in ("CN", "US", "DE")] == ["not_served", "discouraged", "not_served"]
