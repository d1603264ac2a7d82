"""The httpx that the installed openai speaks: `httpx2` from openai 3 on, `httpx` before. The one place that looks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from openai import _base_client
from openai._base_client import AsyncHttpxClientWrapper, SyncHttpxClientWrapper

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    # openai's own client module imports exactly one of the two; both have the same names and shapes.
    httpx = sys.modules["httpx2" if hasattr(_base_client, "httpx2") else "httpx"]


def is_client(value: object, kind: str) -> bool:
    """Whether this is a `Client` or an `AsyncClient` of either httpx."""
    loaded = (sys.modules.get(name) for name in ("httpx2", "httpx"))
    return any(module is not None and isinstance(value, getattr(module, kind)) for module in loaded)


__all__ = ["AsyncHttpxClientWrapper", "SyncHttpxClientWrapper", "httpx", "is_client"]
