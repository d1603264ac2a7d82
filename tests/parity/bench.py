"""Runs a case every way and compares what came of it."""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest
from openai._base_client import BasePage
from pydantic import BaseModel

from tests.parity import differences
from tests.parity.case import Case, Outcome, Stopped, run, sync
from tests.parity.ways import INSTRUMENTED, OPENAI, OURS, Way

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from tests.parity.picture import Picture
    from tests.parity.upstream import Upstream

KEY: Final = "sk-parity-0123456789"


class Bench:
    """Clients are kept: those without arguments of their own serve every case."""

    def __init__(self, upstream: Upstream, runner: asyncio.Runner) -> None:
        self.upstream = upstream
        self._runner = runner
        self._clients: dict[tuple[str, str, str], Any] = {}

    def compare(self, case: Case, mode: str) -> None:
        """Run the case every way; what differs is known, and what is known to differ does."""
        __tracebackhide__ = True
        expected = self.outcome(case, mode, OPENAI)
        ended, fails = expected.errors[-1:], (case.fails,) if isinstance(case.fails, str) else case.fails
        if (ended[0] not in fails) if ended else fails:
            pytest.fail(f"openai was to end with {fails} and gave {ended}: {expected.steps}"[:4000], pytrace=False)
        for way in OURS:
            found = self.outcome(case, mode, way)
            check(expected, found, case.differs, f"{case.name}, {mode}, by {way.name}")

    def outcome(self, case: Case, mode: str, way: Way) -> Outcome:
        """Run the case one way."""
        self.upstream.play(*case.answers)
        outcome = Outcome()
        with (
            way.around() as called,
            self._environ(case, way),
            _logged(case.logs, outcome.logs),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            if case.client or case.environ:
                arguments = case.client(mode) if callable(case.client) else case.client
                try:
                    client = self._make(way, mode, case.setting, **arguments)
                except Exception as error:  # noqa: BLE001 - constructors are compared, too
                    outcome.steps.append(error)
                else:
                    self._run(case, mode, client, outcome, close=True)
            else:
                self._run(case, mode, self._kept(way, mode, case.setting), outcome, close=False)
        outcome.sent = self.upstream.take()
        outcome.warnings = [f"{warning.category.__name__}: {warning.message}" for warning in warned]
        outcome.called = called
        assert called or not outcome.sent or way is not INSTRUMENTED, "instrumentation saw nothing of this call"
        return outcome

    def _run(self, case: Case, mode: str, client: Any, outcome: Outcome, *, close: bool) -> None:
        if mode == "sync":
            sync(run(case.call, client, outcome.steps))
            if close:
                client.close()
            return

        async def go() -> None:
            await run(case.call, client, outcome.steps)
            if close:
                await client.close()

        self._runner.run(go())

    def _make(self, way: Way, mode: str, setting: str, **arguments: Any) -> Any:
        cls: Any = way.sync if mode == "sync" else way.async_
        address = {"base_url": self.upstream.url} if setting == "base_url" or way is OPENAI else {}
        arguments = {**address, "api_key": KEY, "max_retries": 0, **arguments}
        return cls(**{name: value for name, value in arguments.items() if value is not ...})

    @contextlib.contextmanager
    def _environ(self, case: Case, way: Way) -> Iterator[None]:
        environ = dict(case.environ)
        if case.setting != "base_url" and way is not OPENAI:
            environ |= {"LLMSWITCH_OPENAI_BASE_URL": "{url}"}
        if case.setting == "others" and way is not OPENAI:
            environ |= {
                "DASHSCOPE_API_KEY": KEY,
                "LLMSWITCH_QWEN_BASE_URL": "http://127.0.0.1:9/v1",
                "LLMSWITCH_REGION": "US",
            }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value.format(url=self.upstream.url, port=self.upstream.port))
            yield

    def _kept(self, way: Way, mode: str, setting: str) -> Any:
        key = way.name, mode, setting
        if key not in self._clients:
            self._clients[key] = self._make(way, mode, setting)
        return self._clients[key]

    def close(self) -> None:
        """Close every client."""
        for (_, mode, _), client in self._clients.items():
            if mode == "sync":
                client.close()
            else:
                self._runner.run(client.close())


@contextlib.contextmanager
def _logged(names: tuple[str, ...], kept: list[str]) -> Iterator[None]:
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(f"{record.name} {record.levelname} {record.getMessage()}")  # type: ignore[method-assign]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)


def check(expected: Outcome, found: Outcome, differs: tuple[str, ...], where: str) -> None:
    """Compare two outcomes.

    Raises:
        AssertionError: they differ in a way that is not known, or do not where they are known to.
    """
    __tracebackhide__ = True
    left = differing(expected.picture(), found.picture())
    for name in differs:
        known = [path for path in left if differences.covers(name, path)]
        if not known:
            pytest.fail(f"{where}: {name} is a knowing difference no more; strike it from the case", pytrace=False)
        for path in known:
            del left[path]
    left = {path: texts for path, texts in left.items() if not differences.always(path)}
    shown = "\n".join(
        f"  {path}\n    openai: {mine[:600]}\n    ours:   {other[:600]}" for path, (mine, other) in left.items()
    )
    if left:
        pytest.fail(f"{where}: {len(left)} differences\n{shown}", pytrace=False)
    if not differs:
        for theirs, ours in zip(models(expected), models(found), strict=True):
            assert theirs == ours, where
            assert ours == theirs, where


def differing(expected: Picture, found: Picture) -> dict[str, tuple[str, str]]:
    """Where two pictures differ, and how."""
    names = dict.fromkeys((*expected, *found))
    pairs = {name: (expected.get(name, "(nothing)"), found.get(name, "(nothing)")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def models(outcome: Outcome) -> list[object]:
    """Every object in an outcome that can be compared; a page holds its client, so it is equal to none of another."""
    flat = [item for step in outcome.steps for item in (step.items if isinstance(step, Stopped) else [step])]
    return [item for item in flat if isinstance(item, BaseModel) and not isinstance(item, BasePage)]
