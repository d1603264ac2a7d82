"""What `llmswitch doctor` tries when it is asked to: a connection, or a call of one token."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmswitch.errors import CallError, LLMSwitchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.config import Config, Endpoint

CONNECT: Final = 5.0
CALL: Final = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """How a probe went: `kind` is a failure's kind, None where it went well; `hint` the next step."""

    ok: bool
    milliseconds: float
    kind: str | None = None
    detail: str = ""
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        if self.ok:
            return f"ok, {self.milliseconds:.0f} ms {self.detail}".rstrip()
        text = f"{self.kind}: {self.detail}" if self.kind else self.detail
        return f"{text} -> {self.hint}" if self.hint else text


def every(probe: Callable[[Endpoint], Finding], config: Config) -> dict[str, Finding]:
    """The finding for each endpoint that takes part, all at once."""
    found: dict[str, Finding] = {}

    def run(endpoint: Endpoint) -> None:
        try:
            found[endpoint.name] = probe(endpoint)
        except Exception as error:  # noqa: BLE001 - one endpoint's trouble is no other's
            found[endpoint.name] = Finding(ok=False, milliseconds=0, detail=f"{type(error).__name__}: {error}")

    # Daemons: Ctrl-C need not wait for a vendor that does not answer.
    threads = [threading.Thread(target=run, args=(endpoint,), daemon=True) for endpoint in config.endpoints]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {endpoint.name: found[endpoint.name] for endpoint in config.endpoints}


def reach(endpoint: Endpoint) -> Finding:
    """Connect, and shake hands where it is https; not a byte of HTTP is sent. Proxies are not used."""
    import socket
    import ssl

    from llmswitch.failure import classify

    parts = urlsplit(endpoint.base_url)
    if not parts.hostname:
        return Finding(ok=True, milliseconds=0, detail="(in this process)")
    started = time.monotonic()
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname, port), timeout=CONNECT) as connection:
            if parts.scheme == "https":
                ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname).close()
    except OSError as error:
        failure = classify(provider=endpoint.provider, exception=error)
        return Finding(
            ok=False,
            milliseconds=_since(started),
            kind=failure.kind.value,
            detail=failure.message or str(error),
            hint=failure.hint,
        )
    return Finding(ok=True, milliseconds=_since(started))


def ping(endpoint: Endpoint) -> Finding:
    """A chat of one token with the provider's fast model; where no model is known, a listing."""
    from llmswitch import Switch
    from llmswitch.health import Health

    tiers = endpoint.site.tiers or endpoint.adapter.tiers
    model = next((tiers[tier] for tier in ("fast", "standard") if tier in tiers), None)
    started = time.monotonic()
    try:
        arguments: dict[str, Any] = {"providers": [endpoint.name], "failover": False, "max_retries": 0, "timeout": CALL}
        # Health of its own: what this process learned elsewhere must not answer for the vendor.
        with Switch(**arguments, environ=os.environ, health=Health(), local=endpoint.adapter.keyless or None) as switch:
            if model is None:
                switch.models.list()
            else:
                messages = [{"role": "user", "content": "Hi"}]
                switch.chat.completions.create(model=f"{endpoint.provider}/{model}", messages=messages, max_tokens=1)
    except CallError as error:
        last = next((attempt for attempt in reversed(error.attempts) if attempt.kind), None)
        detail = " ".join(str(part) for part in (last.status, last.code, last.message) if part) if last else str(error)
        kind, hint = (last.kind, last.hint) if last else (None, None)
        return Finding(ok=False, milliseconds=_since(started), kind=kind, detail=detail, hint=hint)
    except LLMSwitchError as error:
        return Finding(ok=False, milliseconds=_since(started), detail=str(error))
    return Finding(ok=True, milliseconds=_since(started), detail=f"({model})" if model else "(its models were listed)")


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000
