"""The suite's machine: an upstream, clients of every way, and the comparison."""

from __future__ import annotations

import asyncio
import pathlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.bench import Bench
from tests.parity.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.case import Case

TLS = pathlib.Path(__file__).parent.parent / "tls" / "authority.pem"


@pytest.fixture(scope="session")
def _session() -> Iterator[Bench]:
    with Upstream() as upstream, asyncio.Runner() as runner:
        bench = Bench(upstream, runner)
        yield bench
        bench.close()


@pytest.fixture
def bench(_session: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench, in a program that knows no provider but the one upstream."""
    # Reading the machine's certificates takes 0.1 s a client, and nothing here speaks TLS.
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return _session


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `case` and `mode`, and does not say which, runs every case of its file's CASES with every kind of client."""
    if {"case", "mode"} <= set(metafunc.fixturenames) and not metafunc.definition.get_closest_marker("parametrize"):
        cases: list[Case] = metafunc.module.CASES
        metafunc.parametrize(("case", "mode"), [_pair(case, mode) for case in cases for mode in case.modes])


def _pair(case: Case, mode: str) -> Any:
    marks = [pytest.mark.xfail(reason=case.bug, strict=True)] if case.bug else []
    return pytest.param(case, mode, id=f"{case}-{mode}", marks=marks)
