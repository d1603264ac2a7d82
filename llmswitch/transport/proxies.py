"""Which URLs the environment wants sent through a proxy."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from llmswitch.transport import wire

if TYPE_CHECKING:
    from collections.abc import Mapping


class Proxies:
    """HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY (or, on macOS and Windows, the system's settings) as they now stand.

    False where none is set.
    """

    def __init__(self) -> None:
        self._found: Mapping[str, str] = {}
        # urllib.request takes 15 ms to import
        if sys.platform in ("darwin", "win32") or any(name.lower().endswith("_proxy") for name in os.environ):
            from urllib.request import getproxies  # noqa: PLC0415

            self._found = getproxies()
        self.proxied = lru_cache(maxsize=1024)(self._proxied)

    def __bool__(self) -> bool:
        return any(self._found.get(scheme) for scheme in ("http", "https", "all"))

    def _proxied(self, url: str) -> bool:
        """Whether `url` goes through a proxy."""
        origin = wire.target(url).origin
        if not (self._found.get(origin.scheme) or self._found.get("all")):
            return False
        from urllib.request import proxy_bypass  # noqa: PLC0415

        return not proxy_bypass(f"{origin.host}:{origin.port}")
