"""What the documents show is true: every block of Python, TOML and console runs here, against the sandbox, and so does every example.

The READMEs' tables and docs/providers come out of adapters/*.toml; `python docs/write_tables.py` writes them anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmswitch import adapter, config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LONGEST = 40  # lines of an example
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(document.read_text(encoding="utf-8")) if name == language]


def documents_with(language: str) -> list[Path]:
    return [document for document in DOCUMENTS if blocks(document, language)]


def name(path: Path) -> str:
    return path.name


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("document", documents_with("python"), ids=name)
def test_python_blocks_run_in_the_order_of_the_page(document: Path, sandbox: Sandbox) -> None:
    names: dict[str, object] = {"sandbox": sandbox, "__name__": "__main__"}
    for block in blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)
    for function in [value for key, value in names.items() if key.startswith("test_")]:
        sandbox.reset()
        assert callable(function)
        function(sandbox)


@pytest.mark.parametrize("document", documents_with("toml"), ids=name)
def test_toml_blocks_are_settings_or_adapters(document: Path, tmp_path: Path) -> None:
    for block in blocks(document, "toml"):
        kind = config.load if not block.startswith("# adapters/") else adapter.load
        path = tmp_path / ("llmswitch.toml" if kind is config.load else block.splitlines()[0].rpartition("/")[2])
        path.write_text(block, encoding="utf-8")
        if kind is config.load:
            assert config.load(environ={}, directory=tmp_path).source == str(path)
        else:
            assert adapter.load(path).sites


def commands(block: str) -> Iterator[tuple[str, str]]:
    """`$ command` lines, each with the output that follows it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command.partition("  #")[0].strip(), expected


@pytest.mark.parametrize("document", documents_with("console"), ids=name)
@pytest.mark.usefixtures("sandbox")
def test_console_blocks_print_what_they_show(document: Path) -> None:
    for block in blocks(document, "console"):
        for command, expected in commands(block):
            program, *arguments = shlex.split(command)
            assert program == "llmswitch", f"a console block shows commands of llmswitch, not {command!r}"
            done = run("-m", "llmswitch", *arguments)
            said = " ".join(done.stdout.split())
            words = " ".join(expected.split())
            # `...` stands for anything, and the width of columns does not matter.
            assert re.fullmatch(re.escape(words).replace(r"\.\.\.", ".*"), said), (
                f"{command}\n{done.stdout}{done.stderr}"
            )


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_examples_run_and_are_short(example: Path, sandbox: Sandbox) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < LONGEST

    tests = example.name.startswith("test_")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(example)) if tests else run(str(example))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert tests or sandbox.hits()


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (document.parent / target).exists(), f"{document.name}: {target}"


def test_tables_and_pages_say_what_the_adapters_say() -> None:
    done = run(str(ROOT / "docs" / "write_tables.py"), "--check")
    assert done.returncode == 0, f"run: python docs/write_tables.py\n{done.stdout}{done.stderr}"
