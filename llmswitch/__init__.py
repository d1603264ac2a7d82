"""Swap one import line: `from llmswitch import OpenAI`. Names are resolved when they are asked for; importing this does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmswitch.adapter import Adapter, adapters, register
    from llmswitch.errors import ConfigError, InvalidRequestError, LLMSwitchError
    from llmswitch.explanation import explain
    from llmswitch.failure import Failure, classify
    from llmswitch.hooks import Event, Hook
    from llmswitch.openai import (
        AllProvidersFailedError,
        AsyncOpenAI,
        NoProviderError,
        OpenAI,
        ProviderError,
        QuotaExhaustedError,
        RegionBlockedError,
        StreamInterruptedError,
    )
    from llmswitch.report import Attempt, Change, Report
    from llmswitch.switch import AsyncSwitch, Switch

__all__ = [
    "Adapter",
    "AllProvidersFailedError",
    "AsyncOpenAI",
    "AsyncSwitch",
    "Attempt",
    "Change",
    "ConfigError",
    "Event",
    "Failure",
    "Hook",
    "InvalidRequestError",
    "LLMSwitchError",
    "NoProviderError",
    "OpenAI",
    "ProviderError",
    "QuotaExhaustedError",
    "RegionBlockedError",
    "Report",
    "StreamInterruptedError",
    "Switch",
    "adapters",
    "classify",
    "explain",
    "register",
]

__version__ = "0.1.0"

_HOMES = {
    "adapter": ("Adapter", "adapters", "register"),
    "errors": ("ConfigError", "InvalidRequestError", "LLMSwitchError"),
    "explanation": ("explain",),
    "failure": ("Failure", "classify"),
    "hooks": ("Event", "Hook"),
    "report": ("Attempt", "Change", "Report"),
    "switch": ("AsyncSwitch", "Switch"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - every name of openai's, classes among them
    """Resolve a public name, or a submodule; what is not ours is openai's, so that `import llmswitch as openai` goes on working."""
    if name.startswith("__"):
        raise AttributeError(f"module 'llmswitch' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - importing this module does nothing
    from importlib.util import find_spec  # noqa: PLC0415

    if name in _MODULES:
        value: object = getattr(import_module(f"llmswitch.{_MODULES[name]}"), name)
    elif name not in __all__ and find_spec(f"llmswitch.{name}") is not None:
        return import_module(f"llmswitch.{name}")
    else:
        ours, theirs = import_module("llmswitch.openai"), import_module("openai")
        value = getattr(ours if name in __all__ else theirs, name)
        if isinstance(
            value, import_module("openai._utils").LazyProxy
        ):  # `openai.chat` and its like: calls on a client of ours
            return getattr(ours.module_client(globals()), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
