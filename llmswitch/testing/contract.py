"""The contract: what every adapter does, checked through `llmswitch.OpenAI` and `AsyncOpenAI` against a server of its vendor.

For an adapter of your own, in a test file:

    from llmswitch.testing.contract import TestAcme            # the adapter "acme", installed or registered

or, of a TOML file that is not installed:

    TestAcme = contract("acme.toml")

The server is the sandbox's own where it has the vendor, else one made of the adapter: its models, its error rows, OpenAI's format; another
format brings one of its own (`server=`). What the vendor does not have is skipped, with the reason. `python -m llmswitch.testing.contract
acme.toml` prints what was found as a table, without pytest.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from llmswitch import adapter as adapters
from llmswitch.testing import facts, failures, features
from llmswitch.testing.bench import Absent, Bench, Case, adapter_of, expect
from llmswitch.testing.vendor import Generic, vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from pathlib import Path

    from llmswitch.adapter import Adapter
    from llmswitch.sandbox.dialect import Provider

    Check = Callable[[Case], Coroutine[Any, Any, None]]

__all__ = ["CHECKS", "Absent", "Bench", "Case", "Generic", "contract", "expect", "table", "vendor"]

# What a model must have for a check, where a plain chat will not do.
_NEEDS: Final = {
    "tools": ("chat", "tools"),
    "parallel tools": ("chat", "tools"),
    "vision": ("chat", "vision"),
    "json_object": ("chat", "json_object"),
    "json_schema": ("chat", "json_schema"),
    "reasoning": ("chat", "reasoning"),
    "reasoning history": ("chat", "reasoning", "tools"),
    "embeddings": ("embeddings",),
}
CHECKS: Final[Mapping[str, Check]] = {
    "chat": features.chat,
    "stream": features.stream,
    "developer role": features.developer,
    "max tokens": features.max_tokens,
    "tools": features.tools,
    "parallel tools": features.parallel,
    "vision": features.vision,
    "json_object": features.json_object,
    "json_schema": features.json_schema,
    "reasoning": features.reasoning,
    "reasoning history": features.reasoning_history,
    "usage": features.usage,
    "embeddings": features.embeddings,
    "models": features.models,
    "errors": failures.error_classes,
    "broken streams": failures.broken_streams,
    "broken answers": failures.broken_answers,
}


def run(bench: Bench, name: str, *, asynchronous: bool = False, site: str = "") -> None:
    """One check.

    Raises:
        AssertionError: it fails.
        Absent: the vendor does not have what it is about.
    """

    async def go() -> None:
        async with bench.case(_NEEDS.get(name, ("chat",)), asynchronous=asynchronous, site=site) as case:
            await CHECKS[name](case)

    asyncio.run(go())


def contract(found: Adapter | str | Path, server: Provider | None = None) -> type:
    """A class of tests for pytest: all checks over one adapter, sync and async.

    Args:
        found: an adapter, its name, or the path of its TOML file.
        server: the vendor as a sandbox serves it, where the usual one (see the module) will not do.

    Raises:
        ConfigError: there is no such adapter, or its file is wrong.
    """
    import pytest  # noqa: PLC0415 - the table needs none

    adapter = adapter_of(found)

    class Contract:
        """Of the adapter in its name."""

        _bench: ClassVar[Bench]

        @classmethod
        def setup_class(cls) -> None:
            cls._bench = Bench(adapter, server).start()

        @classmethod
        def teardown_class(cls) -> None:
            cls._bench.close()

        def test_facts(self) -> None:
            wrong = facts.problems(self._bench)
            expect(not wrong, "\n".join(wrong))

        @pytest.mark.parametrize("mode", ["sync", "async"])
        @pytest.mark.parametrize("check", CHECKS)
        def test_check(self, check: str, mode: str) -> None:
            try:
                run(self._bench, check, asynchronous=mode == "async")
            except Absent as absent:
                pytest.skip(f"{adapter.name}: {absent}")

        def test_every_site_answers(self) -> None:
            for site in self._bench.sites:
                run(self._bench, "chat", site=site)

    Contract.__name__ = Contract.__qualname__ = f"Test{adapter.name.title()}"
    return Contract


def __getattr__(name: str) -> Any:
    """`TestAcme`: the contract of the adapter "acme"."""
    if name.startswith("Test"):
        wanted = name.removeprefix("Test").lower()
        for known in adapters.adapters():
            if known.replace("-", "").replace("_", "") == wanted:
                return contract(known)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def table(names: Iterable[Adapter | str | Path]) -> tuple[str, list[str]]:
    """What the checks find, as a Markdown table, and what fails.

    "yes": it works; "–": the vendor does not have it; "no": it fails.
    """
    columns = ["facts", *CHECKS]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    failed: list[str] = []
    for name in names:
        with Bench(name) as bench:
            wrong = facts.problems(bench)
            failed += [f"{bench.adapter.name} facts: {problem}" for problem in wrong]
            cells = ["no" if wrong else "yes", *(_cell(bench, check, failed) for check in CHECKS)]
            lines.append(f"| {bench.adapter.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines), failed


def _cell(bench: Bench, check: str, failed: list[str]) -> str:
    try:
        run(bench, check)
    except Absent:
        return "–"
    except Exception as error:  # noqa: BLE001 - whatever it is, the table goes on
        failed.append(f"{bench.adapter.name} {check}: {type(error).__name__}: {error}")
        return "no"
    return "yes"


def main(arguments: list[str]) -> int:
    """Print the table of these adapters, of all without any; the exit code says whether something fails."""
    names = arguments or [name for name in adapters.adapters() if not adapters.get(name).keyless]
    text, failed = table(names)
    print(text)  # noqa: T201 - a command
    for line in failed:
        print(line, file=sys.stderr)  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    for noisy in ("llmswitch", "aiohttp.server"):  # failures are asked for here
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    sys.exit(main(sys.argv[1:]))
