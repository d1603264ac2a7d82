"""WebSockets of resources that only OpenAI has: opened where OpenAI may be called, as its other resources are.

openai opens them past its HTTP client: `realtime`, `live` and `responses` have a `connect`, itself or in a part of theirs.
"""

from __future__ import annotations

from functools import cache, cached_property, partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Hashable

    from llmswitch.engine import Engine

_T = TypeVar("_T")

_HOLDERS = ("realtime", "live", "beta", "responses", "translations", "sideband", "forks")


def watched(kind: type[_T]) -> type[_T]:
    """A client's class, or a resource's, whose parts ask before they open a WebSocket."""
    for name in _HOLDERS:
        held = getattr(kind, name, None)
        if isinstance(held, cached_property):
            part: cached_property[Any] = cached_property(partial(_part, held))
            part.__set_name__(kind, name)
            setattr(kind, name, part)
    return kind


def _part(held: cached_property[Any], holder: Any) -> Any:
    part = held.func(holder)
    part.__class__ = _asking(cast("Hashable", type(part)))
    return part


def check_socket(engine: Engine, client: Any, resource: str) -> None:
    """Whether a WebSocket of `resource` may be opened. One at a `websocket_base_url` is the caller's own affair, but for his policy.

    Raises:
        RegionBlockedError: OpenAI does not serve the region.
        NoProviderError: OpenAI has no key here, or the policy excludes it.
    """
    if client.websocket_base_url is None:
        engine.check_resource(f"/v1/{resource}")
    else:
        engine.check_address(str(client.websocket_base_url))


@cache
def _asking(kind: Any) -> type[Any]:
    """The resource's class with a `connect` that asks first, and parts that do."""
    members: dict[str, Any] = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
    }
    if hasattr(kind, "connect"):
        # `openai.resources.beta.realtime.realtime` -> `realtime`
        name = next(word for word in kind.__module__.split(".")[2:] if word != "beta")

        @wraps(kind.connect)
        def connect(self: Any, *arguments: Any, **more: Any) -> Any:
            self._client._check_socket(name)  # noqa: SLF001 - our own client's
            return kind.connect(self, *arguments, **more)

        members["connect"] = connect
    return watched(type(kind.__name__, (kind,), members))
