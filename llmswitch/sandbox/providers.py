"""Which vendors there are, found in `vendors/`, and which of their sites are to be served."""

from __future__ import annotations

import functools
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from llmswitch.sandbox import vendors
from llmswitch.sandbox.dialect import Provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmswitch.sandbox.dialect import Site


@functools.cache
def providers() -> tuple[Provider, ...]:
    """Return all vendors: those with a rank first, the others by name."""
    modules = [import_module(f"{vendors.__name__}.{one.name}") for one in pkgutil.iter_modules(vendors.__path__)]
    # A dialect in a file of its own states no vendor.
    found = [one for module in modules if isinstance(one := vars(module).get("PROVIDER"), Provider)]
    return tuple(sorted(found, key=lambda provider: (provider.rank, provider.name)))


def endpoints(names: Iterable[str | Provider] | None = None) -> tuple[tuple[Provider, Site], ...]:
    """Return the sites to be served: all, or those of these vendors (`qwen`, or one of your own) and endpoints (`qwen@cn`).

    Raises:
        ValueError: a name that nobody has, or none at all.
    """
    found = {f"{provider.name}@{site.name}": (provider, site) for provider in providers() for site in provider.sites}
    if names is None:
        return tuple(found.values())
    given = [names] if isinstance(names, str) else list(names)
    own = [one for one in given if isinstance(one, Provider)]
    found |= {f"{provider.name}@{site.name}": (provider, site) for provider in own for site in provider.sites}
    wanted = {one.name if isinstance(one, Provider) else one for one in given}
    known = {*found, *(provider.name for provider, _ in found.values())}
    if not wanted or wanted - known:
        wrong = ", ".join(sorted(map(repr, wanted - known))) or "nobody"
        raise ValueError(f"providers: the sandbox does not serve {wrong}; it serves: {', '.join(found)}")
    return tuple(pair for name, pair in found.items() if wanted & {name, pair[0].name})
