"""The processes of a run: the upstream, and each client in its own interpreter. None outlives the run, however it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / ".bench"
# Of the caller's variables, what an interpreter needs to run; no key, no proxy, nothing that turns a client's knobs.
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR")


def interpreter(client: str) -> Path:
    """Python with this client installed; the one that is running for the bare client."""
    return ENVIRONMENTS / client / "bin" / "python" if client != "bare" else Path(sys.executable)


def variables() -> dict[str, str]:
    """The environment of every process of a run."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}


class Failed(Exception):  # noqa: N818 - what happened, not whose error it is
    """A measurement that gave no number: the reason, in words."""


class Process:
    """A module that serves lines on its standard output until its standard input ends.

    In a session of its own, so that Ctrl-C reaches only the run, which then ends it; where the run is killed, its input ends.
    """

    def __init__(self, python: Path, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")  # an empty one: no settings lie about
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [str(python), "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=self._folder.name,
            env=variables(),
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()
        self._folder.cleanup()

    def write(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)

    def read(self, limit: float) -> str:
        """Its next line.

        Raises:
            Failed: none came within `limit` seconds, or it is gone. It is killed, then.
        """
        assert self._process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            return line
        raise Failed(f"no answer in {limit:.0f} s" if late.is_set() else self._said() or "it ended")

    def _said(self) -> str:
        """The last line of its standard error."""
        self._errors.seek(0)
        return (self._errors.read().strip().splitlines() or [""])[-1][:200]


class Upstream(Process):
    """The local server."""

    def __init__(self) -> None:
        super().__init__(Path(sys.executable), "benchmarks.upstream")
        self._port = 0

    @property
    def url(self) -> str:
        """Its root."""
        self._port = self._port or int(self.read(30))
        return f"http://127.0.0.1:{self._port}"


class Worker(Process):
    """One client, ready for tasks; in its environment, unless `python` names another."""

    def __init__(self, client: str, upstream: Upstream, python: Path | None = None) -> None:
        self._upstream = upstream
        super().__init__(python or interpreter(client), "benchmarks.worker", client)

    def run(self, task: str, patience: float, **arguments: object) -> Any:
        """What the task gives.

        Raises:
            Failed: nothing within `patience` seconds, or an exception: its first line.
        """
        self.write(json.dumps({"task": task, "upstream": self._upstream.url, **arguments}))
        answer: Mapping[str, Any] = json.loads(self.read(patience))
        if "error" in answer:
            raise Failed(answer["error"])
        return answer


def seconds_of_import(client: str, statement: str) -> tuple[float, float]:
    """CPU and elapsed seconds of an import in a fresh interpreter, without anything of ours in its path."""
    code = (
        "import time; wall, cpu = time.perf_counter(), time.process_time(); "
        f"{statement}; print(time.process_time() - cpu, time.perf_counter() - wall)"
    )
    done = subprocess.run(
        [interpreter(client), "-I", "-c", code],
        env=variables(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it ended"])[-1][:200])
    cpu, wall = done.stdout.split()[-2:]
    return float(cpu), float(wall)
