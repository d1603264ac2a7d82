"""llmswitch's own options of one call. Part of `routing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from llmswitch import _policy
from llmswitch._settings import ON_CONTENT_FILTER, ON_INTERRUPT
from llmswitch._source import Source, choice, country, plain, provider_names, seconds_above_zero
from llmswitch.errors import ConfigError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._policy import Policy
    from llmswitch._settings import OnContentFilter, OnInterrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """llmswitch's own options of one call (`extra_body={"llmswitch": {...}}`); None where it says nothing.

    Attributes:
        providers: the only ones allowed, `name` or `name@site`. Hard, in every mode, as is `policy`.
        policy: whom the call excludes, and where it may be answered; beside the client's own, which it cannot widen.
        order: who is asked first.
        region, user_region: instead of the client's.
        strict, deadline, on_content_filter, on_interrupt, failover: instead of the client's.
    """

    providers: tuple[str, ...] | None = None
    policy: Policy = _policy.NONE
    order: tuple[str, ...] | None = None
    region: str | None = None
    user_region: str | None = None
    strict: bool | None = None
    deadline: float | None = None
    on_content_filter: OnContentFilter | None = None
    on_interrupt: OnInterrupt | None = None
    failover: bool | None = None


def read(values: Mapping[str, object]) -> Options:
    """The options in a mapping such as `extra_body["llmswitch"]`.

    Raises:
        InvalidRequestError: one is wrong; the message lists the allowed ones.
    """
    source = Source({name: plain(value) for name, value in values.items()}, 'extra_body["llmswitch"]')
    try:
        options = Options(
            providers=provider_names(source, "providers"),
            policy=_policy.read(source),
            order=provider_names(source, "order"),
            region=country(source, "region"),
            user_region=country(source, "user_region"),
            strict=source.take("strict", bool),
            deadline=seconds_above_zero(source, "deadline"),
            on_content_filter=cast("OnContentFilter | None", choice(source, "on_content_filter", ON_CONTENT_FILTER)),
            on_interrupt=cast("OnInterrupt | None", choice(source, "on_interrupt", ON_INTERRUPT)),
            failover=source.take("failover", bool),
        )
        source.close()
    except ConfigError as error:
        raise InvalidRequestError(str(error)) from None
    return options
