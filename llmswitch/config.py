"""llmswitch.toml, the environment and the arguments -> `Config`: who may be called, where, with which key.

Precedence: arguments, then `LLMSWITCH_*` variables, then the file, then the vendors' own variables
(`DASHSCOPE_API_KEY`, ...).
Reads one file and the mapping it is given; no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmswitch import _endpoints, _override, _settings, _source
from llmswitch import adapter as adapters
from llmswitch import region as regions
from llmswitch._cutover import Cutover
from llmswitch._endpoints import Absent, Endpoint
from llmswitch._override import Override
from llmswitch._policy import NONE, Policy
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from llmswitch._settings import OnContentFilter, OnInterrupt
    from llmswitch.price import PriceList
    from llmswitch.region import Region

__all__ = ["Absent", "Config", "Cutover", "Endpoint", "Override", "Policy", "load", "no_provider_message"]

_RETRIES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Config:
    """Everything a client was told, checked.

    Attributes:
        endpoints: who takes part, in the order in which they are asked; one of them has `.first`, unless the caller
            named one that takes no part.
        absent: every known endpoint that does not take part, with the reason.
        models: the overrides of `[models]`, by the caller's name.
        prices: the user's own, of `[[prices]]`.
        providers: the only ones allowed, None for all; `order` ranks before everything else. Entries are `name` or
            `name@site`.
        policy: whom the user excludes, and where calls may be answered: already applied, `absent` has those it keeps out.
        failover: as set; None means yes, except from a private base_url (`stays`).
        stays: the caller named a private host as base_url and did not ask for failover: calls never leave it.
        timeout, deadline: seconds; None leaves openai's default, or no deadline.
        local: whether the local model was asked for; `local_model` is the path of its weights, None for the default.
        warnings: what the engine logs once.
        source: the path of the file that was read.
    """

    region: Region
    user_region: Region
    endpoints: tuple[Endpoint, ...]
    absent: tuple[Absent, ...] = ()
    models: Mapping[str, Override]
    prices: tuple[PriceList, ...] = ()
    providers: tuple[str, ...] | None = None
    order: tuple[str, ...] = ()
    policy: Policy = NONE
    cutovers: tuple[Cutover, ...] = ()
    failover: bool | None = None
    stays: bool = False
    strict: bool = False
    timeout: float | None = None
    deadline: float | None = None
    max_retries: int | None = None
    on_interrupt: OnInterrupt = "error"
    on_content_filter: OnContentFilter = "return"
    local: bool = False
    local_model: str | None = None
    warnings: tuple[str, ...] = ()
    source: str | None = None

    @property
    def first(self) -> Endpoint | None:
        """The first endpoint: the one that the caller's own base_url, headers and unknown model names belong to."""
        return next((endpoint for endpoint in self.endpoints if endpoint.first), None)


def load(
    *,
    environ: Mapping[str, str],
    directory: Path | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    provider: str | None = None,
    region: str | None = None,
    user_region: str | None = None,
    providers: Sequence[str] | None = None,
    order: Sequence[str] | None = None,
    exclude: Mapping[str, object] | Sequence[str] | None = None,
    hosted_in: Sequence[str] | None = None,
    models: Mapping[str, object] | None = None,
    prices: Sequence[Mapping[str, object]] | None = None,
    failover: bool | None = None,
    strict: bool | None = None,
    timeout: float | None = None,
    deadline: float | None = None,
    max_retries: int | None = None,
    on_interrupt: str | None = None,
    on_content_filter: str | None = None,
    local: bool | str | None = None,
    cutovers: Sequence[Mapping[str, object]] | None = None,
) -> Config:
    """Read the file, the environment and the arguments.

    Args:
        environ: usually `os.environ`.
        directory: where llmswitch.toml is looked for, unless `LLMSWITCH_CONFIG` names one; default: the current
            directory.
        api_key: the first endpoint's key: of base_url's host, else OpenAI's.
        base_url: names the first endpoint by its host, before `OPENAI_BASE_URL`.
        provider: whose base_url it is, whatever its host; nothing moves it elsewhere.
        region: ISO 3166-1 alpha-2 code of where the calls leave from.
        user_region: the code of where the users are.
        providers: the only providers allowed.
        order: the providers to ask first.
        exclude: whom never to ask: `{"headquarters": ["US"], "hosted_in": ["CN"], "tags": [...], "providers": [...]}`, or a
            list of providers. Adds to what the environment and the file exclude.
        hosted_in: the only countries whose servers may answer; what the environment and the file allow stays the limit.
        models: as `[models]` in the file.
        prices: as `[[prices]]` in the file.
        failover: False: one candidate a call. True: also away from a private `base_url`.
        strict: raise instead of dropping a parameter.
        timeout: seconds until the first content, then of each gap.
        deadline: seconds for the whole call.
        max_retries: as openai's.
        on_interrupt: "error" or "buffer".
        on_content_filter: "return" or "next".
        local: whether the local model takes part, or the path of its weights.
        cutovers: as `[[cutover]]` in the file.

    Raises:
        ConfigError: something is wrong; the message names where, what was found and what is allowed.
    """
    given: dict[str, object] = {
        "providers": providers, "order": order, "exclude": exclude, "hosted_in": hosted_in,
        "models": models, "prices": prices, "failover": failover, "strict": strict,
        "deadline": deadline, "on_interrupt": on_interrupt, "on_content_filter": on_content_filter, "local": local, "cutover": cutovers,
    }  # fmt: skip
    arguments = {name: _source.plain(value) for name, value in given.items() if value is not None}
    file, path = _settings.from_file(environ, directory)
    settings = _settings.from_values(arguments, "argument").over(_settings.from_environ(environ)).over(file)
    _override.check(settings.models or {})
    name = path or "llmswitch.toml"
    here = regions.detect(region, environ, file.region, file=name)
    found = _endpoints.find(
        environ, settings, here.code, api_key=api_key, base_url=base_url, provider=provider, file=name
    )
    return Config(
        region=here,
        user_region=regions.detect(user_region, environ, file.user_region, name="user_region", file=name),
        endpoints=found.endpoints,
        absent=found.absent,
        models=settings.models or {},
        prices=settings.prices or (),
        providers=settings.providers,
        order=settings.order or (),
        policy=settings.policy,
        cutovers=settings.cutovers or (),
        failover=settings.failover,
        stays=found.private and settings.failover is not True,
        strict=settings.strict or False,
        timeout=_timeout(timeout),
        deadline=settings.deadline,
        max_retries=_max_retries(max_retries),
        on_interrupt=settings.on_interrupt or "error",
        on_content_filter=settings.on_content_filter or "return",
        local=bool(settings.local),
        local_model=settings.local if isinstance(settings.local, str) else None,
        warnings=found.warnings,
        source=path,
    )


def no_provider_message(config: Config) -> str:
    """What to do when `config.endpoints` is empty: for the error at construction."""
    kept_out = {
        f"{absent.endpoint.name}: {absent.reason}": absent.reason for absent in config.absent if absent.configured
    }
    told = "".join(f"{told} " for told in config.warnings if not any(reason in told for reason in kept_out.values()))
    if kept_out:
        return f"No provider can be used. {'; '.join(kept_out)}. {told}`llmswitch doctor` shows what was found."
    code = config.region.code
    keys = [key for name in adapters.adapters() if (key := key_variable(config, name))]
    where = f" of a provider that serves {code}" if code else " of a provider"
    only = f" Only {', '.join(config.providers)} may be used (providers)." if config.providers is not None else ""
    return (
        f"No key was found, so no provider can be called.{only} "
        f"Set the key{where}: {', '.join(keys) or 'none is known'}; or pass api_key= (OpenAI's). "
        f"{told}`llmswitch doctor` shows what was found, `llmswitch explain` who serves where."
    )


def key_variable(config: Config, name: str, policy: Policy = NONE) -> str:
    """`"DASHSCOPE_API_KEY (Alibaba Qwen)"`: the vendor's own variable; "" where its key would not help.

    `policy` is a call's own, beside the client's.
    """
    adapter, code = adapters.get(name), config.region.code
    site = adapter.site_for(code)
    known = (*config.endpoints, *(absent.endpoint for absent in config.absent))
    rules = config.policy & policy
    if any(endpoint.site is site and rules.objection(endpoint, code, "") for endpoint in known):
        return ""
    if config.providers is not None and not {name, f"{name}@{site.name}"}.intersection(config.providers):
        return ""
    if adapter.keyless or not site.base_url or (code and site.verdict(code) == "not_served"):
        return ""
    variables = (*adapter.key_env, *site.key_env)
    variable = next((variable for variable in variables if not variable.startswith("LLMSWITCH_")), variables[0])
    return f"{variable} ({adapter.title})"


def _timeout(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value) or value <= 0:
        raise ConfigError(
            f"argument timeout: found {value!r}; allowed: a number of seconds above 0, or None for openai's default."
        )
    return float(value)


def _max_retries(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _RETRIES:
        raise ConfigError(f"argument max_retries: found {value!r}; allowed: a whole number from 0 to {_RETRIES}.")
    return value
