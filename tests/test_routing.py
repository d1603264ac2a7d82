"""Who may serve a request, in which order, and why the others may not."""

from __future__ import annotations

import dataclasses
import datetime
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmswitch import adapter, config, routing
from llmswitch.errors import InvalidRequestError
from llmswitch.routing import Candidate, Plan, Router, need

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
KEYS = {
    "OPENAI_API_KEY": "o",
    "DASHSCOPE_API_KEY": "d",
    "ZHIPUAI_API_KEY": "z",
    "QIANFAN_API_KEY": "q",
}
TEXT = [{"role": "user", "content": "hi"}]
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]


def plan(
    model: str | None = "gpt-4o",
    *,
    environ: dict[str, str] | None = None,
    operation: str = "chat",
    options: dict[str, Any] | None = None,
    now: datetime.datetime = NOW,
    draw: float = 0.0,
    params: dict[str, Any] | None = None,
    **arguments: Any,
) -> Plan:
    found = config.load(environ=KEYS if environ is None else environ, **arguments)
    body = {"messages": TEXT, **({} if model is None else {"model": model}), **(params or {})}
    return routing.candidates(found, need(operation, body, options), now, draw)


def who(found: Plan) -> list[str]:
    return [candidate.endpoint.name for candidate in found.candidates]


def models(found: Plan) -> dict[str, str]:
    return {candidate.endpoint.provider: candidate.model for candidate in found.candidates}


def why(found: Plan, provider: str) -> str:
    return next(out.reason for out in found.excluded if provider in (out.provider, f"{out.provider}@{out.site}"))


def first(found: Plan) -> Candidate:
    return found.candidates[0]


# --- regions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["CN", "HK", "MO", "RU", "BY", "IR", "KP", "SY", "CU", "VE"])
def test_openai_is_out_where_it_does_not_serve_with_source_and_date(region: str) -> None:
    found = plan(region=region)
    assert "openai@global" not in who(found)
    out = next(out for out in found.excluded if out.provider == "openai")
    assert out.reason == f"does not serve {region}, where the call leaves from"
    assert (out.kind, out.as_of) == ("region_blocked", "2026-08-21")
    assert "help.openai.com" in out.source
    assert found.region == region


@pytest.mark.parametrize("region", ["US", "DE", "TW", "UA", "SA", "JP"])
def test_openai_is_first_where_it_serves(region: str) -> None:
    assert who(plan(region=region))[0] == "openai@global"


def test_an_unknown_region_filters_nothing() -> None:
    assert len(plan().candidates) == 4
    assert plan().region is None


def test_a_territory_that_nobody_lists_is_not_excluded() -> None:
    found = plan(region="GL")
    assert who(found)[0] == "openai@global"
    assert "nobody says whether it serves GL" in first(found).reason


def test_the_terms_bind_users_too_but_only_where_they_say_so() -> None:
    found = plan(region="SG", user_region="HK")
    assert why(found, "openai") == "does not serve HK, where the users are"
    assert "qwen@intl" in who(found)


def test_terms_that_do_not_bind_users_leave_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # A provider of our own, in a registry of its own: no shipped one has a list that binds callers alone.
    site = dataclasses.replace(adapter.get("openai").sites[0], binds=frozenset({"caller"}))
    monkeypatch.setattr(adapter, "_registry", adapter._Registry())
    adapter.register(dataclasses.replace(adapter.get("openai"), sites=(site,)))
    assert "openai@global" in who(plan(region="SG", user_region="HK"))
    assert "openai@global" not in who(plan(region="HK"))


def test_the_caller_counts_also_where_the_users_are_in_the_same_place() -> None:
    found = plan(region="CN", user_region="CN")
    assert why(found, "openai") == "does not serve CN, where the call leaves from"


def test_the_users_own_word_stands_above_the_list() -> None:
    from pathlib import Path  # noqa: PLC0415

    Path("llmswitch.toml").write_text('[providers.openai]\nserves_also = ["CN"]')
    found = plan(region="CN")
    assert who(found)[0] == "openai@global"
    assert "serves_also" in first(found).reason
    assert "openai@global" not in who(plan(region="HK"))


def test_a_moved_vendor_keeps_its_regions_and_a_host_of_ones_own_has_none() -> None:
    moved = {**KEYS, "LLMSWITCH_OPENAI_BASE_URL": "http://127.0.0.1:1"}
    assert "openai@global" not in who(plan(environ=moved, region="CN"))
    relay = plan(environ={}, base_url="https://relay.example.com/v1", api_key="x", region="CN")
    assert who(relay) == ["compatible@custom"]


def test_what_is_meant_for_elsewhere_comes_last_and_is_never_excluded() -> None:
    environ = {"ZAI_API_KEY": "z", "QIANFAN_API_KEY": "q", "DASHSCOPE_API_KEY": "d"}
    found = plan(environ=environ, region="CN")
    assert who(found) == ["qwen@cn", "ernie@cn", "zhipu@intl"]
    assert found.candidates[-1].discouraged
    abroad = plan(environ={"DASHSCOPE_CN_API_KEY": "a", "ZAI_API_KEY": "b"}, region="DE")
    assert who(abroad) == ["zhipu@intl", "qwen@cn"]


def test_an_order_of_the_users_stands_above_what_is_meant_for_elsewhere() -> None:
    environ = {"ZAI_API_KEY": "z", "DASHSCOPE_API_KEY": "d"}
    assert who(plan(environ=environ, region="CN", order=["zhipu"]))[0] == "zhipu@intl"


def test_a_vendor_at_home_goes_before_the_first_in_rank() -> None:
    environ = {"OPENAI_API_KEY": "o", "ZAI_API_KEY": "z", "QIANFAN_API_KEY": "q"}
    assert who(plan(environ=environ, region="CN"))[0] == "ernie@cn"


# --- models ------------------------------------------------------------------------------------------------------------


def test_a_model_goes_by_tier_elsewhere_and_unchanged_at_home() -> None:
    found = plan("gpt-4o")
    assert models(found)["openai"] == "gpt-4o"
    assert first(found).changes == ()
    for name in ("qwen", "zhipu", "ernie"):
        assert models(found)[name] == adapter.get(name).tiers["standard"]
    (change,) = found.candidates[1].changes
    assert (change.parameter, change.before, change.after) == ("model", "gpt-4o", models(found)["qwen"])


@pytest.mark.parametrize(
    ("model", "tier"), [("gpt-5.5", "flagship"), ("gpt-4o-mini", "fast"), ("gpt-3.5-turbo", "fast")]
)
def test_the_tier_is_the_one_the_models_adapter_states(model: str, tier: str) -> None:
    assert models(plan(model, region="CN"))["qwen"] == adapter.get("qwen").tiers[tier]


def test_who_has_the_model_itself_is_asked_first() -> None:
    found = plan("qwen-plus")
    assert who(found)[0] == "qwen@cn"
    assert first(found).model == "qwen-plus"


def test_a_prefix_names_one_provider_exactly() -> None:
    found = plan("qwen/some-new-model")
    assert [(c.endpoint.name, c.model) for c in found.candidates] == [("qwen@cn", "some-new-model")]
    assert "asks for qwen exactly" in why(found, "openai")


def test_an_unknown_prefix_is_part_of_the_name() -> None:
    found = plan("meta-llama/Llama-3", environ=KEYS)
    assert [(c.endpoint.name, c.model) for c in found.candidates] == [("openai@global", "meta-llama/Llama-3")]


@pytest.mark.parametrize("model", ["openai/gpt-4o", "qwen/qwen3-max", "Qwen/Qwen2.5-7B-Instruct", "gpt-4o", "anything"])
def test_a_host_of_ones_own_gets_every_name_unchanged(model: str) -> None:
    found = plan(model, base_url="https://relay.example.com/v1", api_key="x")
    assert (who(found)[0], first(found).model) == ("compatible@custom", model)


def test_an_unknown_model_goes_to_the_first_endpoint_alone() -> None:
    found = plan("ft:gpt-4o:acme")
    assert [(c.endpoint.name, c.model) for c in found.candidates] == [("openai@global", "ft:gpt-4o:acme")]
    assert '[models] "ft:gpt-4o:acme" = { qwen' in why(found, "qwen")
    assert plan("ft:gpt-4o:acme", region="CN").candidates == ()


def test_a_retired_model_takes_out_only_its_own_candidate() -> None:
    found = plan("gpt-3.5-turbo")
    assert "retired on 2026-10-23" in why(found, "openai")
    assert who(found) == ["qwen@cn", "zhipu@cn", "ernie@cn"]
    assert why(found, "openai") == "gpt-3.5-turbo was retired on 2026-10-23; OpenAI names gpt-5.6-terra in its place"
    assert why(plan("gpt-3.5-turbo-1106"), "openai") == (
        "gpt-3.5-turbo-1106 was retired on 2026-09-28; gpt-4.1-mini is its tier's model there"
    )
    assert who(plan("gpt-3.5-turbo", environ={"OPENAI_API_KEY": "o"})) == ["openai@global"]  # the vendor judges
    before = plan("gpt-3.5-turbo", now=datetime.datetime(2026, 10, 23, 23, tzinfo=datetime.UTC))
    assert who(before)[0] == "openai@global"


def test_a_client_notices_that_a_model_has_retired() -> None:
    router = Router(config.load(environ=KEYS))
    asked = need("chat", {"model": "gpt-3.5-turbo", "messages": TEXT})
    assert who(router.candidates(asked, NOW - datetime.timedelta(days=60)))[0] == "openai@global"
    assert "openai@global" not in who(router.candidates(asked, NOW))


def test_overrides_of_every_shape() -> None:
    assert models(plan(models={"gpt-4o": "gpt-4o-mini"}))["qwen"] == adapter.get("qwen").tiers["fast"]
    assert models(plan("mine", models={"mine": "gpt-4o", "gpt-4o": "qwen/qwen-max"})) == {"qwen": "qwen-max"}
    chained = plan("a", models={"a": "b", "b": "gpt-4o", "gpt-4o": {"qwen": "qwen-max"}})
    assert (models(chained)["qwen"], models(chained)["openai"]) == ("qwen-max", "gpt-4o")
    assert models(plan(models={"gpt-4o": "gpt-4o"})) == models(plan())
    assert models(plan(models={"gpt-4o": "qwen/qwen-max"})) == {"qwen": "qwen-max"}
    listed = plan(models={"gpt-4o": ["zhipu/glm-x", "qwen/qwen-max"]})
    assert [(c.endpoint.provider, c.model) for c in listed.candidates] == [("zhipu", "glm-x"), ("qwen", "qwen-max")]
    table = models(plan(models={"gpt-4o": {"qwen": "qwen-max"}}))
    assert (table["qwen"], table["openai"]) == ("qwen-max", "gpt-4o")
    assert "[models]" in why(listed, "openai") or "models.gpt-4o" in why(listed, "openai")


def test_embeddings_never_cross_models_unless_told() -> None:
    asked: dict[str, Any] = {"environ": KEYS, "operation": "embeddings", "params": {"input": "x"}}
    found = plan("text-embedding-3-small", **asked)
    assert who(found) == ["openai@global"]
    assert "equal dimension or not" in why(found, "qwen")
    assert plan("text-embedding-3-small", region="CN", **asked).candidates == ()
    told = plan(
        "text-embedding-3-small", region="CN", models={"text-embedding-3-small": {"qwen": "text-embedding-v4"}}, **asked
    )
    assert models(told) == {"qwen": "text-embedding-v4"}


def test_the_same_embedding_model_at_another_site_is_a_candidate() -> None:
    environ = {"DASHSCOPE_CN_API_KEY": "a", "DASHSCOPE_INTL_API_KEY": "b"}
    found = plan("text-embedding-v4", environ=environ, operation="embeddings", params={"input": "x"})
    assert set(who(found)) == {"qwen@cn", "qwen@intl"}


# --- what the request needs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.5"])
def test_pictures_take_a_model_that_sees_them(model: str) -> None:
    served = models(plan(model, params={"messages": PICTURE}, region="CN"))
    assert set(served) == {"qwen", "zhipu", "ernie"}
    for name, wire in served.items():
        facts = adapter.get(name).model(wire)
        assert facts is not None
        assert "vision" in facts.capabilities


def test_what_a_model_certainly_lacks_takes_it_out() -> None:
    lacking = plan("glm-5.3", params={"messages": PICTURE})
    assert "glm-5.3 has no vision" in why(lacking, "zhipu")
    assert "qwen@cn" in who(lacking)
    assert "zhipu@cn" in who(plan("glm-5.3"))


def test_a_context_that_is_certainly_too_small_takes_a_candidate_out() -> None:
    long = {"messages": [{"role": "user", "content": "x" * 32 * 130_000}]}
    found = plan("gpt-4.1", params=long)
    assert "ernie@cn" not in who(found)
    assert "input tokens, this call has at least 130000" in why(found, "ernie")
    assert "qwen@cn" in who(found)


def test_the_bound_is_certain_and_is_looked_at_in_every_call() -> None:
    router = Router(config.load(environ=KEYS))
    short = need("chat", {"model": "gpt-4.1", "messages": TEXT})
    long = need("chat", {"model": "gpt-4.1", "messages": [{"content": "x" * 32 * 130_000}]})
    possible = need("chat", {"model": "gpt-4.1", "messages": [{"content": "x" * 300_000}]})
    for asked, fits in ((short, True), (long, False), (possible, True), (short, True)):
        assert ("ernie@cn" in who(router.candidates(asked, NOW))) is fits


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("gpt-3.5-turbo", {}),
        ("gpt-3.5-turbo", {"messages": PICTURE}),
        ("gpt-3.5-turbo", {"messages": [{"content": "x" * 32 * 200_000}]}),
    ],
)
def test_the_vendor_judges_where_it_is_the_only_one_left(model: str, params: dict[str, Any]) -> None:
    found = plan(model, environ={"OPENAI_API_KEY": "x"}, params=params)
    assert [(c.endpoint.name, c.model) for c in found.candidates] == [("openai@global", model)]
    assert found.excluded == ()


def test_but_not_where_a_region_list_or_a_filter_says_no() -> None:
    assert plan(environ={"OPENAI_API_KEY": "x"}, region="CN").candidates == ()
    assert plan(environ={"OPENAI_API_KEY": "x"}, options={"exclude": ["openai"]}).candidates == ()


def test_resources_that_only_openai_has_stay_there() -> None:
    found = plan(None, operation="files")
    assert who(found) == ["openai@global"]
    assert why(found, "qwen") == "has no files"
    two = plan(None, operation="files", base_url="https://relay.example.com/v1", api_key="x")
    assert who(two) == ["compatible@custom"]
    assert "no failover" in why(two, "openai")


def test_listing_models_needs_no_model() -> None:
    assert len(plan(None, operation="models").candidates) == 4


@pytest.mark.parametrize(
    ("part", "asks"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}, {"vision", "image_urls"}),
        (
            {"type": "image_url", "image_url": {"url": "HTTP://a.example/x.png", "detail": "low"}},
            {"vision", "image_urls"},
        ),
        ({"type": "image_url", "image_url": "https://a.example/x.png"}, {"vision", "image_urls"}),
        ({"type": "input_image", "image_url": "https://a.example/x.png"}, {"vision", "image_urls"}),
        ({"type": "image", "image": "https://a.example/x.png"}, {"vision", "image_urls"}),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,https://"}}, {"vision"}),
        ({"type": "image_url", "image_url": {"url": 1}}, {"vision"}),
        ({"type": "image_url"}, {"vision"}),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, {"audio"}),
        ({"type": "audio_url", "audio_url": {"url": "https://a.example/x.wav"}}, {"audio"}),
        ({"type": "text", "text": "https://a.example/x.png"}, set()),
    ],
)
def test_parts_say_what_a_model_must_take(part: dict[str, Any], asks: set[str]) -> None:
    asked = need("chat", {"model": "m", "messages": [{"role": "user", "content": [part]}]})
    assert asked.requires == {"chat"} | asks


def test_a_model_that_certainly_lacks_a_kind_of_part_is_out(tmp_path: Path) -> None:
    (tmp_path / "acme.toml").write_text(
        """
name = "acme"
title = "Acme"
rank = 1
key_env = ["ACME_API_KEY"]
capabilities = ["chat", "stream", "vision"]
[facts.sites]
source = "s"
as_of = "2026"
confidence = "low"
[facts.models]
source = "m"
as_of = "2026"
confidence = "low"
[sites.only]
base_url = "https://api.acme.example/v1"
serves = "all-except"
[tiers]
standard = "large"
[models]
large = { tier = "standard", lacks = ["image_urls", "audio"] }
""",
        encoding="utf-8",
    )
    program = f"""
import datetime
from llmswitch import adapter, config, routing
adapter.register(adapter.load({str(tmp_path / "acme.toml")!r}))
found = config.load(environ={{"ACME_API_KEY": "a", "OPENAI_API_KEY": "o"}})
def plan(*parts):
    body = {{"model": "gpt-4o", "messages": [{{"role": "user", "content": list(parts)}}]}}
    return routing.candidates(found, routing.need("chat", body), datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC))
fetched = {{"type": "image_url", "image_url": {{"url": "https://a.example/x.png"}}}}
given = {{"type": "image_url", "image_url": {{"url": "data:,"}}}}
sound = {{"type": "input_audio", "input_audio": {{"data": "", "format": "wav"}}}}
assert [c.endpoint.provider for c in plan(given).candidates] == ["openai", "acme"]
(out,) = plan(fetched).excluded
assert (out.reason, out.source) == ("large has no image_urls", "m")
assert plan(sound, fetched).excluded[0].reason == "large has no audio, image_urls"
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent)


@settings(deadline=None)  # the first one reads the adapters
@given(
    st.dictionaries(
        st.sampled_from(["model", "messages", "tools", "response_format", "stream", "input", "logprobs"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["content", "type", "text", "role"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
    st.sampled_from(["chat", "embeddings", "models", "files"]),
)
def test_any_request_can_be_read(params: dict[str, Any], operation: str) -> None:
    found = plan(None, operation=operation, params=params)
    assert set(who(found)).isdisjoint(f"{out.provider}@{out.site}" for out in found.excluded)


# --- filters -------------------------------------------------------------------------------------------------------------


def test_a_call_narrows_providers() -> None:
    assert who(plan(options={"providers": ["qwen", "ernie"]})) == ["qwen@cn", "ernie@cn"]
    assert who(plan(options={"providers": ["qwen@intl"]})) == []
    assert who(plan(options={"providers": []})) == []
    assert "openai@global" not in who(plan(options={"exclude": ["openai"]}))
    assert "this call allows only qwen" in why(plan(options={"providers": ["qwen"]}), "openai")


def test_a_call_sets_its_own_order_and_regions() -> None:
    assert who(plan(order=["qwen"], options={"order": ["ernie"]}))[0] == "ernie@cn"
    found = plan(region="US", options={"region": "CN", "user_region": "hk"})
    assert (found.region, found.user_region) == ("CN", "HK")
    assert "openai@global" not in who(found)


def test_the_calls_options_are_completed_by_the_clients() -> None:
    found = plan(
        strict=True, deadline=9, on_interrupt="buffer", options={"deadline": 3, "on_content_filter": "next"}
    ).options
    assert (found.strict, found.deadline, found.on_interrupt, found.on_content_filter) == (True, 3.0, "buffer", "next")
    default = plan().options
    assert (default.strict, default.on_interrupt, default.on_content_filter) == (False, "error", "return")


def test_without_failover_one_candidate_is_asked() -> None:
    assert who(plan(failover=False)) == ["openai@global"]
    assert who(plan(failover=False, region="CN")) == ["qwen@cn"]
    assert who(plan(options={"failover": False})) == ["openai@global"]
    assert len(plan(failover=False, options={"failover": True}).candidates) == 4


def test_a_private_base_url_is_not_left_unless_asked() -> None:
    private: dict[str, Any] = {"base_url": "http://10.0.0.1/v1", "api_key": "x"}
    assert who(plan(**private)) == ["compatible@custom"]
    assert "failover=True" in why(plan(**private), "openai")
    assert len(plan(**private, failover=True).candidates) == 5
    assert len(plan(**private, options={"failover": True}).candidates) == 5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"provider": ["qwen"]}, r"allowed: the keys .*did you mean 'providers'"),
        ({"providers": ["quen"]}, r"providers\[0\]: found 'quen'; .*did you mean 'qwen'"),
        ({"providers": "qwen"}, "providers: found 'qwen'; allowed: a list"),
        ({"hosted_in": ["EU"]}, "EU is many"),
        ({"regions": ["CN"]}, "allowed: the keys .*hosted_in"),
        ({"exclude": "qwen"}, "exclude: found 'qwen'; allowed: a list of providers, or a table"),
        ({"exclude": ["quen"]}, r"exclude\[0\]: found 'quen'; .*did you mean 'qwen'"),
        ({"exclude": {"headquarters": ["USA"]}}, r"exclude\.headquarters = 'USA' is not a country. Did you mean 'US'"),
        ({"exclude": {"headquarter": ["US"]}}, r"allowed: the keys .*did you mean 'headquarters'"),
        (
            {"exclude": {"tags": ["us-entity"]}},
            r"exclude\.tags\[0\]: found 'us-entity'; .*did you mean 'us-entity-list'",
        ),
        ({"region": "UK"}, "'GB'"),
        ({"region": 1}, "region: found 1"),
        ({"deadline": -1}, "deadline"),
        ({"strict": "yes"}, "strict"),
        ({"failover": 1}, "failover"),
        ({"on_content_filter": "pass"}, "return, next"),
        ({"on_interrupt": "x"}, "error, buffer"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says) as error:
        plan(options=options)
    assert 'extra_body["llmswitch"]' in str(error.value)


# --- cutovers ------------------------------------------------------------------------------------------------------------

CUTOVER = {"provider": "openai", "regions": ["CN", "SG"], "at": "2026-12-01T00:00:00+08:00"}
AT = datetime.datetime(2026, 11, 30, 16, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


def test_from_its_moment_on_a_provider_is_out() -> None:
    router = Router(config.load(environ=KEYS, region="SG", cutovers=[CUTOVER]))
    asked = need("chat", {"model": "gpt-4o", "messages": TEXT})
    assert who(router.candidates(asked, AT - SECOND))[0] == "openai@global"
    after = router.candidates(asked, AT)
    assert "openai@global" not in who(after)
    assert "cutover: out for CN, SG from 2026-11-30T16:00:00+00:00" in why(after, "openai")
    assert who(router.candidates(asked, AT - SECOND))[0] == "openai@global"


def test_a_cutover_counts_for_its_regions_alone() -> None:
    later = AT + SECOND
    assert who(plan(region="US", now=later, cutovers=[CUTOVER]))[0] == "openai@global"
    assert who(plan(now=later, cutovers=[CUTOVER]))[0] == "openai@global"
    assert "openai@global" not in who(plan(region="US", user_region="SG", now=later, cutovers=[CUTOVER]))
    everywhere = {**CUTOVER, "regions": ["*"]}
    assert "openai@global" not in who(plan(now=later, cutovers=[everywhere]))


def test_a_cutover_of_one_site_leaves_the_others() -> None:
    environ = {"DASHSCOPE_CN_API_KEY": "a", "DASHSCOPE_INTL_API_KEY": "b"}
    one = {"provider": "qwen@intl", "regions": ["*"], "at": "2026-01-01"}
    assert who(plan(environ=environ, cutovers=[one])) == ["qwen@cn"]


def test_a_cutover_stops_a_lone_candidate() -> None:
    assert plan(environ={"OPENAI_API_KEY": "x"}, region="SG", now=AT, cutovers=[CUTOVER]).candidates == ()


def test_a_ramp_holds_back_a_growing_share_of_calls() -> None:
    router = Router(config.load(environ=KEYS, region="SG", cutovers=[{**CUTOVER, "ramp": 100}]))
    asked = need("chat", {"model": "gpt-4o", "messages": TEXT})

    def share(seconds_before: int) -> float:
        moment = AT - seconds_before * SECOND
        firsts = [who(router.candidates(asked, moment, draw / 100))[0] for draw in range(100)]
        return firsts.count("qwen@intl") / 100

    assert [share(seconds) for seconds in (101, 75, 50, 1, 0)] == [0.0, 0.25, 0.5, 0.99, 1.0]


# --- speed ---------------------------------------------------------------------------------------------------------------


def test_a_call_like_the_last_one_costs_next_to_nothing() -> None:
    router = Router(config.load(environ=KEYS, region="CN", cutovers=[CUTOVER]))
    asked = need("chat", {"model": "gpt-4o", "messages": TEXT}, {"providers": ["qwen", "zhipu"]})
    assert router.candidates(asked, NOW) is router.candidates(asked, NOW)
    best = min(_took(router, asked) for _ in range(20))
    assert best < 20e-6


def _took(router: Router, asked: routing.Need) -> float:
    started = time.perf_counter()
    for _ in range(100):
        router.candidates(asked, NOW, 0.5)
    return (time.perf_counter() - started) / 100


def test_what_is_remembered_does_not_grow_without_end() -> None:
    router = Router(config.load(environ=KEYS))
    for number in range(3000):
        router.candidates(need("chat", {"model": f"model-{number}"}), NOW)
    assert len(router._cases) <= 1024
