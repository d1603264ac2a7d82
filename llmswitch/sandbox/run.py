"""Serving until Ctrl-C, for the command line."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from llmswitch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmswitch.sandbox.answers import Generator


def run(
    *,
    providers: Iterable[str] | None = None,
    host: str = "127.0.0.1",
    port_base: int | None = None,
    generator: Generator | None = None,
    pace: float = 0.0,
    on_ready: Callable[[Sandbox], None] | None = None,
) -> None:
    """Serve the sandbox until Ctrl-C or SIGTERM; `on_ready` is called once every port answers.

    Raises:
        ValueError: a vendor it does not have, a host that is not loopback.
        OSError: a port that is taken.
    """
    stopped = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.set()) if main else None
    try:
        with Sandbox(providers=providers, host=host, port_base=port_base, generator=generator, pace=pace) as sandbox:
            if on_ready is not None:
                on_ready(sandbox)
            try:
                while not stopped.wait(3600):
                    pass
            except KeyboardInterrupt:
                pass
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
