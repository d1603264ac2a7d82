"""A model that its vendor has retired: it takes out only that vendor's candidate, and errors name what takes its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import OpenAI, Switch

if TYPE_CHECKING:
    from llmswitch.sandbox import Sandbox

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
NAMED = "gpt-3.5-turbo was retired on 2026-10-23; OpenAI names gpt-5.6-terra in its place"


def test_others_serve_by_its_tier(pair: Sandbox) -> None:
    with OpenAI() as client:
        for model in ("gpt-3.5-turbo", "gpt-4", "o1"):
            answer = client.chat.completions.create(model=model, messages=MESSAGES)
            assert answer.llmswitch.provider == "qwen"  # type: ignore[attr-defined]
    assert pair.hits("openai") == 0


def test_a_lone_vendors_refusal_names_the_successor(lone: Sandbox) -> None:
    lone.fault("openai", "model_not_found")
    with OpenAI() as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-3.5-turbo", messages=MESSAGES)
    assert f"llmswitch: {NAMED}" in caught.value.__notes__
    assert caught.value.failure.hint == NAMED  # type: ignore[attr-defined]
    with Switch() as switch, pytest.raises(llmswitch.ProviderError, match=r"OpenAI names gpt-5\.6-terra in its place"):
        switch.chat.completions.create(model="gpt-3.5-turbo", messages=MESSAGES)


def test_where_nothing_is_named_it_is_the_tiers_model(lone: Sandbox) -> None:
    lone.fault("openai", "model_not_found")
    with Switch() as switch, pytest.raises(llmswitch.ProviderError, match=r"gpt-4\.1-mini is its tier's model there"):
        switch.chat.completions.create(model="gpt-3.5-turbo-1106", messages=MESSAGES)


def test_a_model_that_answers_gets_no_such_hint(lone: Sandbox) -> None:
    lone.fault("openai", "model_not_found")
    with Switch() as switch, pytest.raises(llmswitch.ProviderError) as caught:
        switch.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert "retired" not in str(caught.value)


def test_where_nobody_may_serve_the_error_names_it_too(lone: Sandbox) -> None:
    with OpenAI(region="CN") as client, pytest.raises(llmswitch.NoProviderError) as caught:
        client.chat.completions.create(model="gpt-3.5-turbo", messages=MESSAGES)
    assert f"And {NAMED}." in str(caught.value)
    assert lone.hits() == 0
