"""`[models]`: what the user says that a model's name means. Part of `_settings`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from llmswitch import adapter
from llmswitch._source import Source, allowed_names, provider_name, resolve
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHAPES: Final = '"model", "provider/model", a list of "provider/model", or a table { provider = "model" }; not empty'


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What `[models]` says about one name; exactly one of the three is set.

    Attributes:
        alias: another name to go on with.
        exact: (provider, model) pairs: these alone, in this order.
        providers: provider -> model; other providers map as always.
        file, key: where it stands.
    """

    alias: str | None = None
    exact: tuple[tuple[str, str], ...] = ()
    providers: Mapping[str, str] = field(default_factory=dict)
    file: str
    key: str

    @property
    def source(self) -> str:
        """Where it stands, in words."""
        return f"{self.key} in {self.file}"


def read(source: Source) -> Mapping[str, Override] | None:
    """`[models]`: a name -> "model", "provider/model", a list of "provider/model", or { provider = "model" }."""
    if "models" not in source:
        source.raw("models")
        return None
    table = source.table("models")
    return {name: _rule(table, name) for name in table}


def _rule(table: Source, name: str) -> Override:
    file, path = table.file, table.path(name)
    value = table.raw(name)
    if isinstance(value, str) and value.strip():
        provider, slash, model = value.partition("/")
        if slash and (not model or "@" in (resolve(provider) or "")):
            allowed = f'{{ "{provider}" = "{model}" }} for one site' if model else _SHAPES
            raise table.error(name, value, allowed)
        if slash and provider in adapter.adapters():
            return Override(exact=((provider, model),), file=file, key=path)
        return Override(alias=value, file=file, key=path)
    if isinstance(value, (list, tuple)) and value:
        return Override(
            exact=tuple(_exact(table, f"{name}[{index}]", item) for index, item in enumerate(value)),
            file=file,
            key=path,
        )
    if isinstance(value, dict) and value:
        inner = Source(cast("dict[str, object]", value), table.file, table.path(name))
        for key in inner:
            if resolve(key) is None:
                dotted = f'; where a name has a dot in it, put it in quotes: "{name}.{key}"'
                raise inner.error(key, key, f"{allowed_names(key)}{'' if '@' in key else dotted}")
        pairs = {provider_name(inner, key, key): inner.text_or_none(key) or "" for key in inner}
        return Override(providers=pairs, file=file, key=path)
    raise table.error(name, value, _SHAPES)


def _exact(table: Source, key: str, item: object) -> tuple[str, str]:
    if isinstance(item, str):
        provider, _, model = item.partition("/")
        if model and (found := resolve(provider)) and "@" not in found:
            return found, model
        if model:
            raise table.error(key, item, f"provider/model with a provider out of {allowed_names(provider)}")
    raise table.error(key, item, '"provider/model"')


def follow(models: Mapping[str, Override], name: str) -> tuple[str, Override | None]:
    """The name, and what is said about it, at the end of the other names that `name` stands for."""
    while (another := _another(models, name)) is not None:
        name = another
    return name, models.get(name)


def check(models: Mapping[str, Override]) -> None:
    """Whether every name leads somewhere.

    Raises:
        ConfigError: a loop.
    """
    for begin in models:
        names = [begin]
        while (another := _another(models, names[-1])) is not None:
            if another in names:
                loop = [*names[names.index(another) :], another]
                first = models[another]
                raise ConfigError(
                    f"{first.file}: {first.key}: found {first.alias!r}, a loop ({' -> '.join(loop)}); "
                    "allowed: a name that leads to a model."
                )
            names.append(another)


def _another(models: Mapping[str, Override], name: str) -> str | None:
    """The other name that this one stands for; a name that stands for itself ends there."""
    override = models.get(name)
    return override.alias if override is not None and override.alias != name else None
