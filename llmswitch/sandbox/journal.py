"""What reached the sandbox: every request, what it was answered with, whether the answer went out whole."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmswitch._json import Json

_KEPT = 10_000


@dataclass(slots=True)
class RecordedRequest:
    """One request.

    `status` is the HTTP status served, None while none was or when the connection was reset instead; `fault` the
    kind that struck, if any. `completed` says that the answer goes out whole: it turns true before the last of it is
    written, so that whoever has read to its end, or to `[DONE]`, finds it true. Header values, and with them keys,
    are not kept.
    """

    endpoint: str
    method: str
    path: str
    model: str | None
    stream: bool
    body: Json
    headers: tuple[str, ...]
    time: float = field(default_factory=time.time)
    status: int | None = None
    fault: str | None = None
    completed: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return it as the admin API shows it."""
        return asdict(self)


class Journal:
    """The newest 10 000 requests, and the count of all, by endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[RecordedRequest] = deque(maxlen=_KEPT)
        self._hits: Counter[str] = Counter()

    def add(self, record: RecordedRequest) -> None:
        """Keep a request."""
        with self._lock:
            self._kept.append(record)
            self._hits[record.endpoint] += 1

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self._hits.clear()

    def requests(self, name: str | None = None) -> list[RecordedRequest]:
        """Return the requests of a provider ("qwen"), an endpoint ("qwen@cn") or all, oldest first."""
        with self._lock:
            return [record for record in self._kept if name is None or concerns(name, record.endpoint)]

    def hits(self, name: str | None = None) -> int:
        """Return how many requests there were."""
        with self._lock:
            return sum(hits for endpoint, hits in self._hits.items() if name is None or concerns(name, endpoint))


def concerns(name: str, endpoint: str) -> bool:
    """Say whether a provider's or endpoint's name means this endpoint."""
    return name in (endpoint, endpoint.partition("@")[0])
