"""The contract over every adapter that ships, over a made-up vendor of one file, and over adapters that break it.

`python tests/test_contract.py` writes the table in `docs/adapters.md` anew.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmswitch import adapter
from llmswitch.errors import ConfigError
from llmswitch.testing import contract as module
from llmswitch.testing.contract import CHECKS, Absent, Bench, contract, run, table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adapters.md"
# What runs in this process has no server.
SHIPPED = [name for name in adapter.adapters() if not adapter.get(name).keyless]

ACME = """
name = "acme"
title = "Acme AI"
headquarters = "SG"
rank = 60
docs = "https://docs.acme.example/api"
key_env = ["ACME_API_KEY"]
embeddings_batch = 4
capabilities = ["chat", "stream", "tools", "json_object"]

[facts.sites]
source = "https://docs.acme.example/regions"
as_of = "2026-11"
confidence = "high"

[facts.headquarters]
source = "https://acme.example/about"
as_of = "2026-11"
confidence = "high"

[facts.embeddings]
source = "https://docs.acme.example/embeddings"
as_of = "2026-11"
confidence = "high"

[facts.models]
source = "https://docs.acme.example/models"
as_of = "2026-11"
confidence = "high"

[facts.parameters]
source = "https://docs.acme.example/api"
as_of = "2026-11"
confidence = "high"

[sites.global]
base_url = "https://api.acme.example/v3"
paths = ["/v3"]
serves = "all-except"
preferred = ["*"]

[tiers]
standard = "acme-large"
reasoning = "acme-thinker"
embedding = "acme-embed"

[models]
"acme-large" = { tier = "standard", context = 128_000, max_output = 8_192, lacks = ["vision"] }
"acme-thinker" = { tier = "reasoning", context = 64_000, adds = ["reasoning"], lacks = ["vision"] }
"acme-embed" = { tier = "embedding", dimensions = [16] }

[reasoning]
fact = "parameters"
field = "reasoning"

[[parameters]]
names = ["max_completion_tokens"]
action = "rename"
to = "max_tokens"
reason = "called max_tokens there"

[[parameters]]
names = ["encoding_format"]
action = "drop"
reason = "embeddings come as numbers only"
loss = false

[[errors]]
source = "https://docs.acme.example/errors"
as_of = "2026-11"
confidence = "high"
rules = [
  { code = ["7001"], status = [200], kind = "quota_exhausted" },
  { code = ["too_fast"], kind = "rate_limited" },
  { text = ["not for your country"], status = [403], kind = "region_blocked" },
]
"""


for _name in SHIPPED:
    globals()[f"Test{_name.title()}"] = contract(_name)


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "acme.toml"
    path.write_text(ACME, encoding="utf-8")
    yield path
    adapter._registry._registered.pop("acme", None)
    adapter._registry._adapters = None


def pytested(folder: Path, line: str) -> str:
    """What pytest says of a test file with this one line beside the import."""
    (folder / "test_acme.py").write_text(f"from llmswitch.testing.contract import contract\n{line}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    return ended.stdout + ended.stderr


def test_a_vendor_is_one_file_and_its_tests_one_line(acme: Path) -> None:
    said = pytested(acme.parent, "TestAcme = contract('acme.toml')")
    assert re.search(r"\b(\d+) passed, (\d+) skipped", said), said
    assert "acme: no model has vision" in said
    assert "acme: no model has json_schema" in said
    assert "failed" not in said


def test_an_adapter_that_is_known_is_imported_by_its_name(acme: Path) -> None:
    adapter.register(adapter.load(acme))
    assert module.TestAcme.__name__ == "TestAcme"
    with pytest.raises(AttributeError, match="TestNobody"):
        module.TestNobody  # noqa: B018 - looking it up is what fails


@pytest.mark.parametrize(
    ("before", "after", "check", "said"),
    [
        (
            'field = "reasoning"',
            'field = "reasoning_content"\n[finish_reasons]\nfact = "models"\nstop = "length"',
            "chat",
            "finish_reason",
        ),
        ('to = "max_tokens"', 'to = "most_tokens"', "max tokens", "after max_completion_tokens"),
        ('names = ["encoding_format"]', 'names = ["tools", "encoding_format"]', "tools", "not 'tool_calls'"),
        ('names = ["encoding_format"]', 'names = ["response_format", "encoding_format"]', "json_object", "Expecting"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_file_that_claims_too_much_fails(
    acme: Path, before: str, after: str, check: str, said: str, asynchronous: bool
) -> None:
    assert before in ACME
    acme.write_text(ACME.replace(before, after), encoding="utf-8")
    with Bench(acme) as bench, pytest.raises((AssertionError, ValueError), match=said):
        run(bench, check, asynchronous=asynchronous)


def test_what_is_taken_away_and_told_is_absent(acme: Path) -> None:
    dropped = ACME.replace('names = ["encoding_format"]', 'names = ["stream_options", "encoding_format"]')
    acme.write_text(dropped, encoding="utf-8")
    with Bench(acme) as bench, pytest.raises(Absent, match="how many tokens"):
        run(bench, "usage")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            '{ code = ["too_fast"], kind',
            '{ status = [429], kind = "auth" },\n  { code = ["too_fast"], kind',
            "stated as auth",
        ),
        ('{ code = ["too_fast"]', '{ code = ["too_*"], kind = "auth" },\n  { code = ["too_fast"]', "taken for auth"),
        (
            '[facts.models]\nsource = "https://docs.acme.example/models"\nas_of = "2026-11"',
            '[facts.models]\nsource = "https://docs.acme.example/models"\nas_of = "2999-01"',
            "no day that has been",
        ),
    ],
)
def test_facts_that_do_not_hold_are_named(acme: Path, before: str, after: str, said: str) -> None:
    assert before in ACME
    acme.write_text(ACME.replace(before, after), encoding="utf-8")
    found, failed = table([acme])
    assert found.splitlines()[-1].startswith("| acme | no |")
    assert said in failed[0]


def test_a_file_that_cannot_be_read_is_an_error_at_once(acme: Path) -> None:
    acme.write_text(ACME.replace('standard = "acme-large"', 'standard = "acme-larger"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a name under \[models\].*acme-large"):
        contract(acme)


def test_the_table_can_be_printed(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert module.main([str(acme)]) == 0
    head, rule, row = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["", "facts", *CHECKS]
    assert rule.count("|") == head.count("|") == row.count("|")
    assert row.startswith("| acme | yes | yes |")


def with_table() -> str:
    """The page with the table as it is now."""
    text = PAGE.read_text(encoding="utf-8")
    found, failed = table(SHIPPED)
    assert not failed
    begin, end = "<!-- contract: written by tests/test_contract.py -->\n", "<!-- end -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}{found}\n{end}{rest.partition(end)[2]}"


def test_the_page_shows_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == with_table(), "run: python tests/test_contract.py"


if __name__ == "__main__":
    PAGE.write_text(with_table(), encoding="utf-8")
