"""The transport over an httpx client: a caller's own, or one made for proxies and SOCKS.

Works with httpx and httpx2 alike: nothing of either is imported before a client has to be made, and errors are known by their names.
What httpx cannot do stays undone: in threads `total` bounds each wait for the response's head, not their sum.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from llmswitch.transport import wire
from llmswitch.transport.base import (
    AsyncResponse,
    ConnectError,
    ConnectTimeout,
    ProtocolError,
    ReadError,
    ReadTimeout,
    Response,
    TransportError,
    WriteError,
    WriteTimeout,
)
from llmswitch.transport.causes import connecting

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Mapping

    from llmswitch.transport.base import Phase, Request

