"""The benchmarks run, clean up behind them, and the documents show what they found. Nothing here looks at a clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from benchmarks import calls, chart, growth, memory, report
from benchmarks.processes import Failed, Upstream, Worker
from tests.servers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
HERE = Path(sys.executable)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def workers(upstream: Upstream) -> Iterator[dict[str, Worker]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Worker(name, upstream, HERE)) for name in ("bare", "openai", "llmswitch")}


@pytest.fixture(params=["bare", "openai", "llmswitch"])
def worker(request: pytest.FixtureRequest, workers: dict[str, Worker]) -> Worker:
    return workers[request.param]


@pytest.mark.parametrize("mode", calls.MODES)
def test_every_kind_of_call_is_measured(worker: Worker, mode: str) -> None:
    taken = worker.run("calls", 60, mode=mode, seconds=0.001)

    # The bare client has no embeddings.
    assert set(taken) in ({"cpu", "wall"}, set() if "embeddings" in mode else {"cpu", "wall"})


@pytest.mark.parametrize("how", ["threads", "loop"])
def test_streams_at_once_are_measured(worker: Worker, how: str) -> None:
    taken = worker.run("scale", 60, how=how, width=5, pace=1, chunks=8, limit=30)

    assert set(taken) == {"p50", "p99", "cpu", "memory", "chunks"}
    assert 0 < taken["p50"] <= taken["p99"]


@pytest.mark.parametrize("axis", growth.AXES)
def test_growth_is_measured(workers: dict[str, Worker], axis: str) -> None:
    assert workers["llmswitch"].run("growth", 60, axis=axis, size=growth.AXES[axis].sizes[0])["value"] > 0


@pytest.mark.parametrize(
    ("axis", "size"),
    [
        ("chunks of a stream", 200),
        ("chunks of a tool call", 200),
        ("bytes of an answer", 200_000),
        ("bytes of a request", 200_000),
        ("bytes of one chunk", 200_000),
        ("providers", 8),
        ("providers held back", 8),
        ("providers of a new client", 8),
        ("models", 50),
        ("endpoints in health", 50),
    ],
)
def test_work_grows_no_faster_than_what_it_is_given(workers: dict[str, Worker], axis: str, size: int) -> None:
    """Counted in calls of functions: twice the step costs twice the calls, and a little for how the bytes come in."""
    one, two, four = (
        workers["llmswitch"].run("growth.count", 60, axis=axis, size=size * times)["calls"] for times in (1, 2, 4)
    )

    assert four - two <= 1.25 * 2 * (two - one) + one / 20


@pytest.mark.parametrize("kind", memory.KINDS)
def test_memory_is_measured(workers: dict[str, Worker], kind: str) -> None:
    assert workers["llmswitch"].run("memory", 60, kind=kind, number=8)["first"] > 0


def test_a_profile_names_the_layers(workers: dict[str, Worker]) -> None:
    taken = workers["llmswitch"].run("profiling", 60, mode="sync", seconds=0.2)

    assert "llmswitch.transport" in taken["layers"]
    assert "  function" in taken["functions"]


def test_a_slope_is_bytes_a_call() -> None:
    assert memory.slope([(10, 1_000), (20, 1_500), (30, 2_000)]) == pytest.approx(50)


def test_a_measurement_that_fails_says_why(upstream: Upstream) -> None:
    with Worker("openai", upstream, HERE) as worker:
        with pytest.raises(Failed, match="nonsense"):
            worker.run("calls", 30, mode="nonsense")
        with pytest.raises(Failed, match=r"no answer in 0 s"):
            worker.run("scale", 0.2, how="loop", width=1, pace=1_000, chunks=60, limit=60)


def test_nothing_is_left_when_a_run_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "bare", "--parts", "scale"]
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert "bare" in run.stderr.readline()
        children = _children(run.pid)
        run.send_signal(signal.SIGINT)
        assert run.wait(30) == 130

    assert children
    wait_until(lambda: not any(map(_running, children)))
    assert not list(tmp_path.iterdir())


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task/{process}/children")
    if not tasks.exists():
        pytest.skip("needs /proc")
    while not (found := [int(child) for child in tasks.read_text().split()]):
        pass
    return found


def _running(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def kept() -> report.Result:
    found: report.Result = json.loads(report.KEPT.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("document", report.DOCUMENTS, ids=lambda path: path.name)
def test_documents_show_the_numbers_that_are_kept(document: Path, kept: report.Result) -> None:
    assert document.read_text(encoding="utf-8") == report.filled(document, kept), "run: python -m benchmarks draw"


def test_the_picture_shows_them_too(kept: report.Result) -> None:
    drawn = (ROOT / "docs" / "benchmark.svg").read_text(encoding="utf-8")

    assert drawn == chart.draw(kept)
    words = " ".join(ElementTree.fromstring(drawn).itertext())
    assert all(client in words for client in ("llmswitch", "openai", "litellm", "any-llm", "aisuite"))


def test_they_name_neither_host_nor_path(kept: report.Result) -> None:
    text = json.dumps(kept)

    assert not any(word in text for word in ("/home", "/root", "/usr", "127.0.0.1", os.uname().nodename + '"'))
