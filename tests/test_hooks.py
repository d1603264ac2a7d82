from __future__ import annotations

import dataclasses
import itertools
import logging
from typing import TYPE_CHECKING, Any, cast

import pytest

from llmswitch import hooks
from llmswitch.hooks import Event, Hook, emit, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

# Crossings and broken hooks are remembered for the life of the process: each test takes names of its own.
_numbers = itertools.count()


@pytest.fixture
def provider() -> str:
    return f"vendor{next(_numbers)}"


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG, logger="llmswitch"):
        yield caplog


def levels(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in log.records]


def test_every_hook_gets_the_same_event(provider: str) -> None:
    first: list[Event] = []
    second: list[Event] = []
    event = Event(name="attempt", provider=provider, site="cn", model="m", status=200, milliseconds=12.3, region="CN")
    emit([first.append, second.append], event)
    assert first == second == [event]


def test_events_are_frozen_and_carry_no_text_of_the_call() -> None:
    names = {field.name for field in dataclasses.fields(Event)}
    assert names == {
        "name", "provider", "site", "model", "kind", "status", "milliseconds", "region", "hold", "to", "call", "time",
    }  # fmt: skip
    with pytest.raises(dataclasses.FrozenInstanceError):
        Event(name="attempt", provider="p", site="s").kind = "auth"  # type: ignore[misc]


def test_a_hook_that_raises_is_logged_once_and_hurts_nobody(log: pytest.LogCaptureFixture, provider: str) -> None:
    seen: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError(event.provider)

    for _ in range(3):
        emit([broken, seen.append], Event(name="attempt", provider=provider, site="cn"))
    assert len(seen) == 3
    (warning,) = [record for record in log.records if record.levelno == logging.WARNING]
    assert "broken" in warning.message
    assert f"ValueError: {provider}" in warning.message


def test_a_coroutine_function_is_refused_without_a_stray_warning(log: pytest.LogCaptureFixture, provider: str) -> None:
    async def wrong(event: Event) -> None: ...

    emit([cast("Hook", wrong)], Event(name="attempt", provider=provider, site="cn"))
    assert "a hook is a plain function" in log.text


def test_only_the_first_crossing_of_a_pair_is_a_warning(log: pytest.LogCaptureFixture, provider: str) -> None:
    for to in ("b@x", "b@x", "c@x"):
        emit([], Event(name="failover", provider=provider, site="cn", to=to))
    assert levels(log) == ["WARNING", "INFO", "WARNING"]


@pytest.mark.parametrize(
    ("kind", "level"),
    [("auth", "WARNING"), ("key_site_mismatch", "WARNING"), ("tls_verify", "WARNING"), ("rate_limited", "INFO")],
)
def test_holds_that_only_a_person_can_end_are_warnings(
    log: pytest.LogCaptureFixture, provider: str, kind: str, level: str
) -> None:
    emit([], Event(name="block", provider=provider, site="cn", kind=kind))
    assert levels(log) == [level]


def test_lines_for_people() -> None:
    about: dict[str, Any] = {"provider": "openai", "site": "global", "model": "gpt-4o"}
    lines = {
        "attempt: openai@global gpt-4o: answered (200) after 12 ms": Event(
            name="attempt", status=200, milliseconds=12.3, **about
        ),
        "failover: openai@global gpt-4o: region_blocked (403), to qwen@cn": Event(
            name="failover", kind="region_blocked", status=403, to="qwen@cn", **about
        ),
        "block: openai@global gpt-4o: quota_exhausted, held back for 900 s": Event(
            name="block", kind="quota_exhausted", hold=900.0, **about
        ),
        "block: openai@global gpt-4o: auth, held back": Event(name="block", kind="auth", **about),
        "recovery: openai@global": Event(name="recovery", provider="openai", site="global"),
    }
    for line, event in lines.items():
        assert str(event) == line


def test_nobody_listens_unless_there_is_a_hook_or_a_debug_log(log: pytest.LogCaptureFixture) -> None:
    assert listening([])
    log.set_level(logging.INFO, logger="llmswitch")
    assert not listening([])
    assert listening([print])


def test_what_is_remembered_is_bounded(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, provider: str
) -> None:
    monkeypatch.setattr(hooks, "_MOST_REMEMBERED", 0)
    emit([], Event(name="failover", provider=provider, site="cn", to="b@x"))
    assert levels(log) == ["INFO"]
