"""Where a refused key may belong: a vendor's sites have keys of their own, and each key works at one of them. Nothing is tried.

hint(adapter)             what is known of the vendor alone
hint(adapter, site, key)  what the key's shape says beside it
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmswitch.adapter import Adapter, Site

__all__ = ["hint", "misplaced"]


def misplaced(adapter: Adapter, site: Site, key: str) -> str | None:
    """What to do with a key that looks like another site's and not like this one's; None where its shape says nothing."""
    if not site.key_pattern or re.fullmatch(site.key_pattern, key):
        return None
    meant = [_named(adapter, other) for other in adapter.sites if other is not site and _fits(other, key)]
    own = f"{adapter.name}@{site.name} has keys of its own"
    return f"this looks like a key of {' or '.join(meant)}; {own}" if meant else None


def hint(adapter: Adapter, site: Site | None = None, key: str | None = None) -> str | None:
    """The next step after a key was refused, one sentence; None where the vendor has one site alone."""
    others = [other for other in adapter.sites if other is not site]
    if len(adapter.sites) == 1:
        return None
    if site is not None and key is not None:
        if told := misplaced(adapter, site, key):
            return told
        # A site whose keys look otherwise is not meant.
        others = [other for other in others if not other.key_pattern or _fits(other, key)] or others
    where = ", ".join(_named(adapter, other) for other in others)
    return f"each site of {adapter.title} has its own keys; a key of another site belongs there: {where}"


def _fits(site: Site, key: str) -> bool:
    return site.key_pattern is not None and re.fullmatch(site.key_pattern, key) is not None


def _named(adapter: Adapter, site: Site) -> str:
    """`zhipu@intl (set ZAI_API_KEY)`: by the vendor's own variable, else by ours."""
    variable = next(iter((*site.key_env[1:], *site.key_env)), "")
    return f"{adapter.name}@{site.name}" + (f" (set {variable})" if variable else "")
