"""The httpx that the installed openai speaks: `httpx2` from openai 3 on, `httpx` before. The one place that looks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from openai import _base_client
from openai._base_client import AsyncHttpxClientWrapper, SyncHttpxClientWrapper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import httpx2 as httpx
else:
    # openai's own client module imports exactly one of the two; both have the same names and shapes.
    httpx = sys.modules["httpx2" if hasattr(_base_client, "httpx2") else "httpx"]


def _loaded() -> Iterator[ModuleType]:
    return (sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules)


def family(value: object) -> Any:  # noqa: ANN401 - either module
    """The httpx that a client or a request belongs to: openai 3 also takes clients of the older one, and answers in kind."""
    for module in _loaded():
        if isinstance(value, module.Request | module.Client | module.AsyncClient):
            return module
    return httpx


__all__ = ["AsyncHttpxClientWrapper", "SyncHttpxClientWrapper", "family", "httpx"]
