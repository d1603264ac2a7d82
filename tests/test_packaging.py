"""What is built carries everything, works outside the checkout, and does nothing when it is imported."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOMLS = {path.name: path.read_bytes() for path in (ROOT / "adapters").glob("*.toml")}
HEAVY = {"aiohttp", "asyncio", "httpx", "httpx2", "openai", "pydantic", "rich", "socket", "ssl", "tomllib"}


def python(*arguments: str, path: Path | None = None, cwd: Path | None = None) -> str:
    environment = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and a wheel made from it: what is missing in the first is missing in the second."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed beside its dependencies, away from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    python("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


def test_the_wheel_carries_the_adapters_and_nothing_it_should_not(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        carried = {name.rpartition("/")[2]: archive.read(name) for name in names if "/_adapters/" in name}
        metadata = next(name for name in names if name.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(metadata).decode())

    assert carried == TOMLS
    assert len(carried) >= 6
    assert "llmswitch/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"llmswitch"}
    assert not [name for name in names if name.endswith(".pth") or "test_" in name or "__pycache__" in name]
    assert points["console_scripts"]["llmswitch"] == "llmswitch.cli:main"
    assert points["pytest11"]["llmswitch"] == "llmswitch.testing"


def test_the_sdist_carries_what_tests_and_readers_need(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {f"adapters/{name}" for name in TOMLS} <= names
    wanted = "LICENSE Makefile README.md README.zh-CN.md CHANGELOG.md CONTRIBUTING.md SECURITY.md .ci/run docs/architecture.md"
    assert set(wanted.split()) <= names
    assert "tests/test_packaging.py" in names
    assert "examples/quickstart.py" in names
    assert not [name for name in names if name.startswith((".venv", ".matrix", ".mypy_cache", "dist"))]


def test_the_wheel_works_outside_the_checkout(site: Path, tmp_path: Path) -> None:
    code = "import llmswitch; print(llmswitch.__file__); print(*llmswitch.adapters()); print(llmswitch.explain('gpt-4o', 'CN').rows[0])"
    where, names, row = python("-c", code, path=site, cwd=tmp_path).splitlines()

    assert where.startswith(str(site))
    assert set(names.split()) == {name.removesuffix(".toml") for name in TOMLS}
    assert "provider=" in row
    assert "qwen@cn" in python("-m", "llmswitch", "adapters", path=site, cwd=tmp_path)


def test_importing_does_nothing(site: Path, tmp_path: Path) -> None:
    code = f"""
import sys
events = []
sys.addaudithook(lambda name, _: events.append(name) if name.startswith(("socket.", "subprocess.")) else None)
before = set(sys.modules)
import llmswitch
new = set(sys.modules) - before
print(sorted({HEAVY!r} & new), sorted(name for name in new if name.startswith("llmswitch")), events)
"""
    assert python("-c", code, path=site, cwd=tmp_path) == "[] ['llmswitch'] []"


@pytest.mark.parametrize("module", ["llmswitch.testing", "llmswitch.cli", "llmswitch.local"])
def test_what_is_loaded_early_loads_little(module: str, site: Path, tmp_path: Path) -> None:
    """The pytest plugin is read in every pytest run of whoever installed llmswitch, the command for every `--help`."""
    heavy = sorted(HEAVY - {"socket", "asyncio"})
    code = f"import sys; import {module}; print(*({{*{heavy!r}}} & set(sys.modules)))"

    assert python("-c", code, path=site, cwd=tmp_path) == ""
