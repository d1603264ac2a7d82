"""What a user may set, from any of three places: llmswitch.toml, `LLMSWITCH_*` variables, arguments. One set of rules.

Values of keys are never shown in an error, nor is anything below `[providers]`, nor an unknown entry: a key may stand
there by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Literal, cast

from llmswitch import _cutover, _override, _policy, _table, _variables, _via, adapter, region
from llmswitch._source import (
    Source,
    allowed_names,
    choice,
    country,
    provider_names,
    resolve,
    seconds_above_zero,
    short,
)
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llmswitch._cutover import Cutover
    from llmswitch._override import Override
    from llmswitch._policy import Policy
    from llmswitch.price import PriceList

OnInterrupt = Literal["error", "buffer"]
OnContentFilter = Literal["return", "next"]
ON_INTERRUPT: Final[tuple[OnInterrupt, ...]] = ("error", "buffer")
ON_CONTENT_FILTER: Final[tuple[OnContentFilter, ...]] = ("return", "next")
_SWITCHES: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """`[providers.<name>.sites.<site>]`."""

    base_url: str | None = None
    api_key: str | None = None
    api_key_env: str | None = None
    hosted_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """`[providers.<name>]`."""

    site: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    api_key_env: str | None = None
    serves_also: frozenset[str] = frozenset()
    via: str | None = None
    hosted_in: str | None = None
    enabled: bool = True
    sites: Mapping[str, SiteSettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One place's settings; None where it says nothing, of `policy` no rule."""

    region: str | None = None
    user_region: str | None = None
    providers: tuple[str, ...] | None = None
    order: tuple[str, ...] | None = None
    failover: bool | None = None
    strict: bool | None = None
    deadline: float | None = None
    on_interrupt: OnInterrupt | None = None
    on_content_filter: OnContentFilter | None = None
    local: bool | str | None = None
    models: Mapping[str, Override] | None = None
    prices: tuple[PriceList, ...] | None = None
    cutovers: tuple[Cutover, ...] | None = None
    policy: Policy = _policy.NONE
    tables: Mapping[str, ProviderSettings] = field(default_factory=dict)

    def over(self, other: Settings) -> Settings:
        """These settings, and the other's where these say nothing. `models` are joined name by name, rules of `policy` add up."""
        mine = {item.name: getattr(self, item.name) for item in fields(self)}
        merged = {name: getattr(other, name) if value is None else value for name, value in mine.items()}
        if self.models and other.models:
            merged["models"] = {**other.models, **self.models}
        merged["policy"] = self.policy & other.policy
        merged["tables"] = self.tables or other.tables
        return Settings(**merged)


def from_file(environ: Mapping[str, str], directory: Path | None) -> tuple[Settings, str | None]:
    """The settings of `$LLMSWITCH_CONFIG`, which must exist, else of the directory's llmswitch.toml; and the path."""
    from pathlib import Path  # noqa: PLC0415 - 5 ms that many programs never spend

    named = environ.get("LLMSWITCH_CONFIG", "").strip()
    path = Path(named) if named else Path(directory or ".") / "llmswitch.toml"
    try:
        if named and not path.is_file():
            raise ConfigError(
                f"LLMSWITCH_CONFIG = {short(named)}: there is no such file; name one, or unset the variable."
            )
        if not path.is_file():
            return Settings(), None
    except (ValueError, OSError) as error:  # an embedded null, a name too long
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"LLMSWITCH_CONFIG = {short(named)}: not a path: {error}.") from error
    return from_values(_values(path), str(path)), str(path)


def _values(path: Path) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415 - only a process that has a file pays for the parser

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        hint = ""
        if "providers" in str(error):
            hint = " (`providers = [...]` and `[providers.<name>]` exclude each other: use `enabled = false` instead)"
        # Without its cause: a parser's traceback holds the text of the file, and keys may stand in it.
        raise ConfigError(f"{path}: not valid TOML: {error}{hint}.") from None


def from_environ(environ: Mapping[str, str]) -> Settings:
    """What `LLMSWITCH_*` variables set; empty ones count as unset. Keys, hosts and regions are read elsewhere."""
    values: dict[str, object] = {}
    for name in _variables.LISTS:
        if text := environ.get(_variables.named(name), "").strip():
            values[name] = _words(text)
    texts = {name: environ.get(_variables.named("exclude", name), "") for name in _variables.EXCLUDED}
    if excluded := {name: _words(text) for name, text in texts.items() if text.strip()}:
        values["exclude"] = excluded
    for name in _variables.SWITCHES:
        if text := environ.get(_variables.named(name), "").strip():
            values[name] = _SWITCHES.get(text.lower(), text)
    return from_values(values, "environment")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def from_values(values: Mapping[str, object], file: str) -> Settings:
    """The settings in a mapping shaped like llmswitch.toml; `file` names it in errors.

    Raises:
        ConfigError: naming file, key, what was found and what is allowed.
    """
    source = Source(values, file)
    tables: Mapping[str, ProviderSettings] = {}
    providers: tuple[str, ...] | None = None
    if isinstance(values.get("providers"), dict):
        tables = _provider_tables(source.table("providers"))
    else:
        providers = provider_names(source, "providers")
    settings = Settings(
        region=source.take("region", str),
        user_region=source.take("user_region", str),
        providers=providers,
        order=provider_names(source, "order"),
        failover=source.take("failover", bool),
        strict=source.take("strict", bool),
        deadline=seconds_above_zero(source, "deadline"),
        on_interrupt=cast("OnInterrupt | None", choice(source, "on_interrupt", ON_INTERRUPT)),
        on_content_filter=cast("OnContentFilter | None", choice(source, "on_content_filter", ON_CONTENT_FILTER)),
        local=_local(source),
        models=_override.read(source),
        prices=_prices(source),
        cutovers=_cutover.read(source),
        policy=_policy.read(source),
        tables=tables,
    )
    source.close()
    return settings


def _local(source: Source) -> bool | str | None:
    """true, false, or the path of the weights."""
    value = source.raw("local")
    if isinstance(value, dict):
        inner = Source(cast("dict[str, object]", value), source.file, source.path("local"))
        path = inner.text_or_none("model")
        inner.close()
        return path or True
    if value is None or isinstance(value, bool) or (isinstance(value, str) and value.endswith(".gguf")):
        return value
    raise source.error("local", value, 'true, false, the path of a .gguf file, or { model = "path" }')


def _provider_tables(source: Source) -> Mapping[str, ProviderSettings]:
    tables: dict[str, ProviderSettings] = {}
    for name in source:
        provider = resolve(name)
        if provider is None or "@" in provider:
            raise ConfigError(f"{source.file}: [providers.{name[:40]}] is no provider; allowed: {allowed_names(name)}")
        table = source.table(name)
        known_sites = tuple(site.name for site in adapter.get(provider).sites)
        site_tables = table.table("sites")
        sites = {}
        for site in site_tables:
            if site not in known_sites:
                allowed = ", ".join(known_sites) + _table.nearest(site, known_sites)
                raise ConfigError(
                    f"{source.file}: [providers.{name}.sites.{site[:40]}] is no site; allowed: {allowed}."
                )
            sites[site] = _site_settings(site_tables.table(site))
        tables[provider] = _provider_settings(table, known_sites, sites)
    return tables


def _provider_settings(
    table: Source, known_sites: tuple[str, ...], sites: Mapping[str, SiteSettings]
) -> ProviderSettings:
    enabled = table.take("enabled", bool)
    serves = [
        region.normalise(code, where=f"{table.file}: {table.path('serves_also')}")
        for _, code in table.rows("serves_also", str)
    ]
    settings = ProviderSettings(
        site=choice(table, "site", known_sites),
        base_url=table.text_or_none("base_url"),
        api_key=table.text_or_none("api_key"),
        api_key_env=table.text_or_none("api_key_env"),
        serves_also=frozenset(serves),
        via=choice(table, "via", _via.WAYS),
        hosted_in=country(table, "hosted_in"),
        enabled=enabled is not False,
        sites=sites,
    )
    table.close()
    return settings


def _site_settings(table: Source) -> SiteSettings:
    settings = SiteSettings(
        base_url=table.text_or_none("base_url"),
        api_key=table.text_or_none("api_key"),
        api_key_env=table.text_or_none("api_key_env"),
        hosted_in=country(table, "hosted_in"),
    )
    table.close()
    return settings


def _prices(source: Source) -> tuple[PriceList, ...] | None:
    """`[[prices]]`."""
    key = "prices"
    if key not in source:
        source.raw(key)
        return None
    from llmswitch._price_table import of_user  # noqa: PLC0415 - few have prices of their own

    return tuple(of_user(row) for row in source.each(key))
