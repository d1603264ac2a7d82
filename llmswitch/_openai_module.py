"""What `import llmswitch as openai` gives beside names of our own: openai's, read when they are asked for.

Settings such as `openai.api_key` are openai's own variables, read and set in both directions: a program may swap some of its imports and
not others. Calls of the module (`openai.chat`) go through a client of ours, made as openai makes its own.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import openai
from openai._utils import LazyProxy

import llmswitch
from llmswitch._openai_errors import ConfigError
from llmswitch.azure import AzureOpenAI
from llmswitch.openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Collection

# Every variable that openai's module declares is one, whatever its version; `_client` is what `_reset_client` is for.
SETTINGS: Final = frozenset(openai.__annotations__) - {"_client"}
_RESOURCES: Final = "openai._module_client"  # where openai makes `openai.chat` and its like
_AZURE: Final = "azure"
_BEDROCK: Final = "amazon-bedrock"
_LATE: Final = "_enforce_credentials"


def read(name: str) -> object:
    """What `openai` calls so; its resources on our client.

    Raises:
        AttributeError: openai has no such name.
    """
    value = getattr(openai, name)
    return _resource(name) if type(value).__module__ == _RESOURCES else value


class _Setting:
    """A variable of openai's, as an attribute of `llmswitch`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, module: object, _: object) -> Any:
        return getattr(openai, self._name)

    def __set__(self, module: object, value: object) -> None:
        setattr(openai, self._name, value)

    def __delete__(self, module: object) -> None:
        delattr(openai, self._name)


for _name in SETTINGS:
    setattr(type(llmswitch), _name, _Setting(_name))


class _Resource(LazyProxy[Any]):
    """`openai.chat` or its like: whatever client is there when it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __load__(self) -> Any:
        return getattr(_load_client(), self._name)


_resources: Final[dict[str, _Resource]] = {}


def _resource(name: str) -> _Resource:
    return _resources.setdefault(name, _Resource(name))


class _ModuleClient(OpenAI):
    """As openai's: without any key it exists all the same, and complains when it is called."""

    _missing = ""

    def request(self, *arguments: Any, **more: Any) -> Any:
        if self._missing:
            raise ConfigError(self._missing)
        return super().request(*arguments, **more)


class _AzureModuleClient(AzureOpenAI):
    pass


class _Settings(dict[str, Any]):
    """The settings at some moment; a key is among them, so their names are all that shows."""

    def __repr__(self) -> str:
        return f"_Settings({list(self)})"


_made: tuple[_Settings, OpenAI] | None = None


def _load_client() -> openai.OpenAI:
    """The client behind the module's calls, made anew where a setting has changed.

    Raises:
        OpenAIError: as openai's constructors.
    """
    global _made  # noqa: PLW0603 - the module's client, as openai has one
    if openai.api_type is None:
        openai.api_type = _meant()
    if openai.api_type == _BEDROCK:
        return openai._load_client()  # noqa: SLF001 - a client that does not switch
    settings = _Settings((name, getattr(openai, name)) for name in SETTINGS)
    if _made is None or _made[0] != settings:
        _made = settings, _azure(settings) if openai.api_type == _AZURE else _openai(settings)
    return _made[1]


def _reset_client() -> None:
    """Forget the module's client, as `openai._reset_client`."""
    global _made  # noqa: PLW0603 - as above
    _made = None
    openai._reset_client()  # noqa: SLF001


def _meant() -> Any:
    """Whose client is meant, where no `api_type` says so: openai's rule."""
    azure = openai._has_azure_credentials() or openai._has_azure_ad_credentials()  # noqa: SLF001
    if azure and openai._has_openai_credentials():  # noqa: SLF001
        raise openai._AmbiguousModuleClientUsageError  # noqa: SLF001
    return _AZURE if azure else "openai"


def _azure(settings: _Settings) -> OpenAI:
    return _AzureModuleClient(**_taken_by(_AzureModuleClient, settings))


def _openai(settings: _Settings) -> OpenAI:
    try:
        return _ModuleClient(**_taken_by(_ModuleClient, settings))
    except openai.OpenAIError as error:  # openai's own where only a base_url is there
        if _LATE not in _parameters(_ModuleClient):
            raise
        missing = str(error)
    client = _ModuleClient(**_Settings({**_taken_by(_ModuleClient, settings), _LATE: False}))
    client._missing = missing  # noqa: SLF001 - our own
    return client


def _taken_by(client: type[OpenAI], settings: _Settings) -> _Settings:
    """The settings that this client's constructor takes."""
    takes = _parameters(client)
    return _Settings((name, value) for name, value in settings.items() if name in takes)


def _parameters(client: type[OpenAI]) -> Collection[str]:
    """What openai's own constructor takes, whatever stands in its place in openai's module by now."""
    theirs = next(cls for cls in client.__mro__ if cls.__module__.partition(".")[0] == "openai")
    return inspect.signature(theirs).parameters
