"""docs/parity.md says what is known; `python -m tests.parity.test_document` writes its list anew."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.parity import differences

HERE: Final = Path(__file__).parent
DOCUMENT: Final = HERE.parent.parent / "docs" / "parity.md"
_LIST: Final = re.compile(r"(<!-- differences: [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)
# In fives: exact numbers differ a little between the majors of openai.
_COUNT: Final = re.compile(r"([\d ]+) cases")


def rows() -> str:
    """The list, as a table."""
    shown = sorted(differences.ALL.values(), key=lambda difference: (not difference.always, difference.name))
    lines = [f"| `{difference.name}` | {difference.what} | {difference.why} |" for difference in shown]
    return "\n".join(("| name | what a program can see | why |", "|---|---|---|", *lines))


def cases() -> list[tuple[str, ...]]:
    """For every case and kind of client: the knowing differences it shows."""
    modules = [import_module(f"tests.parity.{path.stem}") for path in sorted(HERE.glob("test_*.py"))]
    return [case.differs for module in modules for case in getattr(module, "CASES", ()) for _ in case.modes]


def test_the_document_lists_the_differences() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    wanted, found = _LIST.subn(lambda mark: f"{mark[1]}{rows()}\n{mark[2]}", text)
    assert found == 1
    assert text == wanted, "run: python -m tests.parity.test_document"


def test_the_document_counts_the_cases() -> None:
    count = _COUNT.search(DOCUMENT.read_text(encoding="utf-8"))
    assert count is not None
    stated, real = int(count[1].replace(" ", "")), len(cases())
    assert stated <= real < stated * 1.1


def test_every_difference_is_shown_by_a_case() -> None:
    shown = {name for case in cases() for name in case}
    with_openai_3 = {"wrong-timeout"}
    assert {
        difference.name for difference in differences.ALL.values() if not difference.always
    } - shown <= with_openai_3


if __name__ == "__main__":
    DOCUMENT.write_text(
        _LIST.sub(lambda mark: f"{mark[1]}{rows()}\n{mark[2]}", DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8"
    )
