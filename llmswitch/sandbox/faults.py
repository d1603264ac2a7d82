"""The faults that can be asked for, and the book that hands them out."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import math
import random
import threading
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llmswitch.sandbox.wire import Call

# What the vendor says itself: each dialect has its own body, code and status for these.
ERRORS = (
    "region_block",
    "quota",
    "arrears",
    "rate_limit",
    "refusal",
    "overload",
    "server_error",
    "auth",
    "permission",
    "model_not_found",
    "context_length",
    "bad_request",
)
# What happens to the connection or the bytes, whoever the vendor is.
WIRE = (
    "slow_head",
    "slow_first_token",
    "stall",
    "cut",
    "clean_eof",
    "no_done",
    "in_band_error",
    "html",
    "garbage",
    "empty",
    "reset",
    "error_rate",
)
KINDS = ERRORS + WIRE
_STREAMS_ONLY = frozenset({"clean_eof", "no_done"})
# A vendor checks these only where a model is called; the rest holds for every path.
_CALLS_ONLY = frozenset({"quota", "arrears", "refusal", "model_not_found", "context_length", "bad_request"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, as asked for.

    Which requests it meets:
        provider, site: whose; a site of None is all of them.
        at: unix time from which it holds; None is now.
        count: how many requests it meets before it is spent; None is all.
        path, model: only requests whose path contains, whose model equals this.
        stream_only: only streamed requests.
        probability: the share of requests it meets, drawn from the sandbox's seed (`error_rate`'s `p`).

    What it does:
        after: content events that still go out before it strikes a stream; 0 is before the first token (the role is
            sent), -1 before any event. A whole answer is struck half way through its body.
        seconds: how long slow_head, slow_first_token (2 by default) and stall (None: forever) last.
        status: HTTP status instead of the vendor's; for `html` 403 gives a Cloudflare page.
        code: which of the vendor's codes, where a kind has several; the first is the default.
        message: instead of the vendor's words.
        retry_after: value of the Retry-After header: any text or number; rate_limit sends 1 unless told otherwise,
            False sends none.
        wire: how an error of the vendor's travels: "http", "sse" (an event of a stream with HTTP 200; a request that
            is not streamed gets "http") or "200" (the error object as a body with HTTP 200).
        form: of a refusal, and of what else the vendor has a finish reason for: "http" (an error) or "finish" (an
            answer that ends with it).
        error: which kind in_band_error and error_rate show (server_error by default); error_rate also takes "reset".
        close: how `cut` ends the connection: "fin" (closed, no last chunk) or "reset" (RST, which may overtake data).
    """

    id: int
    kind: str
    provider: str
    site: str | None = None
    at: float | None = None
    count: int | None = None
    path: str | None = None
    model: str | None = None
    stream_only: bool = False
    probability: float = 1.0
    after: int = 3
    seconds: float | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: str | float | None = None
    wire: Literal["http", "sse", "200"] = "http"
    form: Literal["http", "finish"] | None = None
    error: str = "server_error"
    close: Literal["fin", "reset"] = "fin"

    def meets(self, call: Call, provider: str, site: str) -> bool:
        """Say whether the fault concerns this request, its moment and share aside."""
        streamed = is_streamed(call)
        return (
            self.provider == provider
            and self.site in (None, site)
            and (self.path is None or self.path in call.path)
            and (self.model is None or self.model == call.model)
            and (streamed or not (self.stream_only or self.kind in _STREAMS_ONLY))
            and (call.method == "POST" or self.kind not in _CALLS_ONLY)
        )


def is_streamed(call: Call) -> bool:
    """Say whether the request asks for a stream: in the body, in DashScope's headers or in Gemini's path."""
    native = call.headers.get("X-DashScope-SSE", "").lower() == "enable"
    accepts = call.headers.get("Accept", "") == "text/event-stream"
    named = call.path.endswith(":streamGenerateContent")
    return call.body.get("stream") is True or native or named or (accepts and "/services/" in call.path)


OPTIONS = tuple(field.name for field in fields(Fault) if field.name not in ("id", "kind", "provider", "site"))


def moment(at: object) -> float | None:
    """Return unix time from unix time, an aware datetime or ISO 8601 text with an offset.

    Raises:
        ValueError: a time without its offset from UTC, or something that is no time.
    """
    if at is None or (isinstance(at, (int, float)) and not isinstance(at, bool)):
        return None if at is None else float(at)
    if isinstance(at, str):
        with contextlib.suppress(ValueError):
            at = dt.datetime.fromisoformat(at)
    if not isinstance(at, dt.datetime):
        raise ValueError(  # noqa: TRY004 - one kind of error for whatever is wrong about a fault
            f"at={at!r}: expected unix time, a datetime or ISO 8601 text, such as 2026-07-09T00:00:00+00:00"
        )
    if at.tzinfo is None:
        raise ValueError(f"at={at}: give its offset from UTC, such as datetime(..., tzinfo=timezone.utc)")
    return at.timestamp()


class FaultBook:
    """The faults of one sandbox: added, cleared and taken from any thread."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._left: dict[int, int] = {}
        self._ids = itertools.count(1)
        self._draw = random.Random(seed)

    def prepare(self, kind: str, provider: str, site: str | None, options: dict[str, object]) -> Fault:
        """Return the fault described, not yet in force.

        Raises:
            ValueError: an unknown kind or option, or a value out of place.
        """
        options = dict(options)
        if "p" in options:
            options["probability"] = options.pop("p")
        _check(kind, options)
        options["at"] = moment(options.get("at"))
        return Fault(id=next(self._ids), kind=kind, provider=provider, site=site, **options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - checked above

    def add(self, fault: Fault) -> None:
        """Put a fault in force; the newest that concerns a request wins."""
        with self._lock:
            self._faults.append(fault)
            if fault.count is not None:
                self._left[fault.id] = fault.count

    def clear(self, provider: str | None = None, site: str | None = None) -> None:
        """Forget the faults of a provider, of one of its sites, or all."""
        with self._lock:
            self._faults = [
                fault
                for fault in self._faults
                if (provider is not None and fault.provider != provider) or (site is not None and fault.site != site)
            ]

    def faults(self) -> list[Fault]:
        """Return the faults in force or to come, oldest first."""
        with self._lock:
            return list(self._faults)

    def take(self, call: Call, provider: str, site: str) -> Fault | None:
        """Return the fault that strikes this request now, counting it."""
        now = time.time()
        with self._lock:
            for fault in reversed(self._faults):
                if (fault.at is not None and now < fault.at) or not fault.meets(call, provider, site):
                    continue
                if fault.probability < 1 and self._draw.random() >= fault.probability:
                    continue
                left = self._left.get(fault.id)
                if left is not None:
                    if left <= 0:
                        continue
                    self._left[fault.id] = left - 1
                return fault
        return None


_CHOICES: dict[str, tuple[str, ...]] = {
    "wire": ("http", "sse", "200"),
    "form": ("http", "finish"),
    "close": ("fin", "reset"),
    "error": (*ERRORS, "reset"),
}
_WHOLE = {"count": (1, math.inf), "after": (-1, math.inf), "status": (200, 599)}
_NUMBERS = {**_WHOLE, "seconds": (0, math.inf), "probability": (0, 1)}
_TEXTS = ("path", "model", "code", "message")


def _check(kind: str, options: dict[str, object]) -> None:
    """Check the options and fill in the kind's own defaults."""
    if kind not in KINDS:
        raise ValueError(f"no fault is called {kind!r}; there are: {', '.join(KINDS)}")
    for name, value in options.items():
        if name not in OPTIONS:
            raise ValueError(f"a fault has no option {name!r}; there are: {', '.join(OPTIONS)}")
        if value is not None and (expected := _expected(name, value)):
            raise ValueError(f"{name}={value!r}: expected {expected}")
    if options.get("seconds") is None and kind in ("slow_head", "slow_first_token"):
        options["seconds"] = 2.0
    if kind == "rate_limit":
        options.setdefault("retry_after", 1)
    if kind == "error_rate":
        options.setdefault("probability", 0.3)


def _expected(name: str, value: object) -> str | None:
    """Return what was expected in place of the value, or None when it is fine."""
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"one of {', '.join(_CHOICES[name])}"
    if name in _NUMBERS:
        least, most = _NUMBERS[name]
        kinds = int if name in _WHOLE else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            number = "a whole number" if name in _WHOLE else "a number"
            return f"{number} from {least}" + (f" to {most}" if most < math.inf else "")
    return "a string" if name in _TEXTS and not isinstance(value, str) else None
