"""The public surface is what `llmswitch.__all__` says."""

from __future__ import annotations

import importlib
import inspect

import openai
import pytest

import llmswitch


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


def test_it_stands_in_for_the_openai_module() -> None:
    assert llmswitch.RateLimitError is openai.RateLimitError
    assert llmswitch.NOT_GIVEN is openai.NOT_GIVEN
    assert llmswitch.OpenAI is not openai.OpenAI
    assert issubclass(llmswitch.OpenAI, openai.OpenAI)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = llmswitch.no_such_name


@pytest.mark.parametrize("name", ["adapter", "config", "errors", "failure", "hooks", "local", "routing", "weights"])
def test_modules_name_only_what_they_have(name: str) -> None:
    module = importlib.import_module(f"llmswitch.{name}")

    assert list(module.__all__) == sorted(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)
