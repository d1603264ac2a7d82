"""The demo's app and its traffic: OpenAI's own quickstart, run again and again by a few threads, and what came of it."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Self

from llmswitch.hooks import Event

if TYPE_CHECKING:
    from types import TracebackType

QUICKSTART: Final = """\
from openai import OpenAI

client = OpenAI()

stream = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Say this is a test"}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="")
"""
IMPORT: Final = "from openai import OpenAI"
SWAPPED: Final = "from llmswitch import OpenAI"
_PAUSES: Final = (
    0.10,
    0.17,
    0.23,
)  # seconds between the calls of each worker: apart, so that they do not march in step
_LAST_CALLS: Final = 8.0  # seconds that calls under way are given to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of the quickstart.

    `time` is unix time at its start; `first` and `total` are seconds until the first piece and the end; `lost` the
    milliseconds that attempts took which failed; `error` says why the run failed, None where it did not.
    """

    time: float
    provider: str
    pieces: int
    first: float
    total: float
    lost: float = 0.0
    error: str | None = None

    @property
    def rerouted(self) -> bool:
        """Whether another provider had failed first."""
        return self.lost > 0


@dataclass
class Story:
    """What happened so far; written by the workers, read by the view."""

    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def failed(self) -> list[Sample]:
        """The runs that ended with an exception."""
        return [sample for sample in self.samples if sample.error is not None]

    def calls(self) -> Counter[str]:
        """How many runs each provider answered."""
        return Counter(sample.provider for sample in list(self.samples) if sample.error is None)

    def tokens(self) -> Counter[str]:
        """How many pieces of text came from each provider; the sandbox and the local model send one token a piece."""
        counted: Counter[str] = Counter()
        for sample in list(self.samples):
            if sample.error is None:
                counted[sample.provider] += sample.pieces
        return counted

    def first_token(self, provider: str) -> float:
        """Median milliseconds until the first piece, of the runs whose first attempt was answered."""
        found = [s.first for s in list(self.samples) if s.provider == provider and s.error is None and not s.rerouted]
        return median(found) * 1000 if found else 0.0

    def under_way(self, moment: float) -> int:
        """How many runs were under way at this unix time."""
        return sum(sample.time <= moment <= sample.time + sample.total for sample in list(self.samples))

    def detour(self) -> float | None:
        """Milliseconds that the first run to meet the block lost; None if none met it."""
        return next((sample.lost for sample in list(self.samples) if sample.rerouted), None)


class _Listener(logging.Handler):
    """Collects the events that the engine logs, so that the app needs no hook."""

    def __init__(self, story: Story) -> None:
        super().__init__(logging.DEBUG)
        self._story = story

    def emit(self, record: logging.LogRecord) -> None:
        event: object = getattr(record, "llmswitch", None)
        if isinstance(event, Event):
            self._story.events.append(event)


class Traffic:
    """Runs the app in a few threads while the context lasts."""

    def __init__(self) -> None:
        self.story = Story()
        self._code = compile(QUICKSTART.replace(IMPORT, SWAPPED), "quickstart.py", "exec")
        self._stopped, self._over = threading.Event(), False
        self._threads = [threading.Thread(target=self._work, args=(pause,), daemon=True) for pause in _PAUSES]
        self._listener = _Listener(self.story)
        self._logger = logging.getLogger("llmswitch")
        self._before = (self._logger.level, self._logger.propagate)

    def __enter__(self) -> Self:
        self._logger.addHandler(self._listener)
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._logger.removeHandler(self._listener)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]

    def await_first(self, seconds: float) -> None:
        """Wait for the first run to end, at most so long."""
        deadline = time.monotonic() + seconds
        while not self.story.samples and time.monotonic() < deadline:
            time.sleep(_PAUSES[0])

    def stop(self) -> None:
        """Begin no more runs, and let those under way end; what does not has failed. Again is nothing."""
        self._stopped.set()
        deadline = time.monotonic() + _LAST_CALLS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = 0 if self._over else sum(thread.is_alive() for thread in self._threads)
        self._over = True
        error = f"TimeoutError: no end within {_LAST_CALLS:.0f} s"
        self.story.samples += [Sample(time=time.time(), provider="", pieces=0, first=0, total=0, error=error)] * late

    def _work(self, pause: float) -> None:
        while not self._stopped.wait(pause):
            sample = self._run()
            if not self._over:
                self.story.samples.append(sample)

    def _run(self) -> Sample:
        """The quickstart once; `print` collects instead of printing."""
        printed: list[float] = []

        def collect(text: str, **_: object) -> None:
            if text:
                printed.append(time.monotonic())

        names: dict[str, Any] = {"__name__": "__main__", "print": collect}
        error: str | None = None
        begun, started = time.time(), time.monotonic()
        try:
            exec(self._code, names)  # noqa: S102 - the constant above
        except Exception as failure:  # noqa: BLE001 - whatever the app would have died of is what is counted
            error = f"{type(failure).__name__}: {failure}"
        ended = time.monotonic()
        report = getattr(names.get("chunk"), "llmswitch", None)
        if (client := names.get("client")) is not None:
            client.close()
        return Sample(
            time=begun,
            provider=report.endpoint if report else "",
            pieces=len(printed),
            first=(printed[0] if printed else ended) - started,
            total=ended - started,
            lost=sum(attempt.milliseconds or 0.0 for attempt in report.attempts if attempt.kind) if report else 0.0,
            error=error,
        )
