"""Swap one import line: `from llmswitch import OpenAI`. Names are resolved when they are asked for; importing this does nothing."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # typing takes longer to import than all the rest; checkers know the name
if TYPE_CHECKING:
    from typing import Any

    from llmswitch._openai_names import *  # noqa: F403 # pyright: ignore[reportMissingModuleSource]
    from llmswitch.adapter import Adapter, adapters, register
    from llmswitch.azure import AsyncAzureOpenAI, AzureOpenAI
    from llmswitch.cost import Cost
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
    from llmswitch.openai import AsyncClient as AsyncClient
    from llmswitch.openai import Client as Client
    from llmswitch.report import Attempt, Change, Report
    from llmswitch.switch import AsyncSwitch, Switch
    from llmswitch.usage import Usage

__all__ = [
    "Adapter",
    "AllProvidersFailedError",
    "AsyncAzureOpenAI",
    "AsyncOpenAI",
    "AsyncSwitch",
    "Attempt",
    "AzureOpenAI",
    "Change",
    "ConfigError",
    "Cost",
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
    "Usage",
    "adapters",
    "classify",
    "explain",
    "register",
]

__version__ = "0.1.0"

_HOMES = {
    "_openai_module": ("_load_client", "_reset_client"),
    "adapter": ("Adapter", "adapters", "register"),
    "azure": ("AsyncAzureOpenAI", "AzureOpenAI"),
    "cost": ("Cost",),
    "errors": ("ConfigError", "InvalidRequestError", "LLMSwitchError"),
    "explanation": ("explain",),
    "failure": ("Failure", "classify"),
    "hooks": ("Event", "Hook"),
    "openai": (
        "AllProvidersFailedError",
        "AsyncClient",
        "AsyncOpenAI",
        "Client",
        "NoProviderError",
        "OpenAI",
        "ProviderError",
        "QuotaExhaustedError",
        "RegionBlockedError",
        "StreamInterruptedError",
    ),
    "report": ("Attempt", "Change", "Report"),
    "switch": ("AsyncSwitch", "Switch"),
    "usage": ("Usage",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - every name of openai's, classes among them
    """Resolve a public name, or a submodule; what is not ours is openai's, so that `import llmswitch as openai` goes on working."""
    from importlib import import_module  # noqa: PLC0415 - importing this module does nothing

    if name in _MODULES:
        value = globals()[name] = getattr(import_module(f"llmswitch.{_MODULES[name]}"), name)
        return value
    if name.startswith("__") and name != "__title__":
        raise AttributeError(f"module 'llmswitch' has no attribute {name!r}")
    if name in _submodules():
        return import_module(f"llmswitch.{name}")
    from llmswitch._openai_module import read  # noqa: PLC0415

    return read(name)


def __dir__() -> list[str]:
    import openai  # noqa: PLC0415 - who asks for every name asks for openai's

    return sorted(
        {*globals(), *_MODULES, *(name for name in dir(openai) if name[:2] != "__" or name in openai.__all__)}
    )


_found: frozenset[str] = frozenset()


def _submodules() -> frozenset[str]:
    """The names of our own modules."""
    global _found  # noqa: PLW0603 - the folder is read once
    if not _found:
        from pkgutil import iter_modules  # noqa: PLC0415 - as above

        _found = frozenset(module.name for module in iter_modules(sys.modules[__name__].__path__))
    return _found


class _Module(ModuleType):
    """This module. Openai's settings (`api_key`) get their places in its class once openai is imported: they stay openai's."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _MODULES and not name.startswith("__") and not isinstance(value, ModuleType):
            from llmswitch import _openai_module  # noqa: F401, PLC0415 - whether it is a setting, openai knows

        super().__setattr__(name, value)


if type(sys.modules[__name__]) is ModuleType:  # once, also where this is loaded again
    sys.modules[__name__].__class__ = _Module
