"""For tests of apps that use llmswitch: the pytest fixture `llmswitch_sandbox`, loaded by pytest itself.

    def test_survives_the_block(llmswitch_sandbox):
        llmswitch_sandbox.fault("openai", "region_block")
        assert my_app.answer("hello")

The fixture is a running `llmswitch.sandbox.Sandbox`, one per test process, emptied of faults and requests around each
test. The environment points at it meanwhile, so `llmswitch.OpenAI()` needs no arguments.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.sandbox import Sandbox

# Read without pytest installed, this module has nothing to offer and nothing to break.
if TYPE_CHECKING or find_spec("pytest") is not None:
    import pytest

    @pytest.fixture(scope="session")
    def _llmswitch_sandbox_server() -> Iterator[Sandbox]:
        # Imported here: this module is read in every pytest run of whoever installed llmswitch.
        from llmswitch.sandbox import Sandbox  # noqa: PLC0415

        with Sandbox() as sandbox:
            yield sandbox

    @pytest.fixture
    def llmswitch_sandbox(_llmswitch_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
        """The providers on this machine, with faults on demand; the environment points llmswitch at them."""
        sandbox = _llmswitch_sandbox_server
        sandbox.reset()
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        # No other provider whose key happens to be set takes part, and no other base URL goes before the sandbox's.
        monkeypatch.setenv(
            "LLMSWITCH_PROVIDERS", ",".join(dict.fromkeys(name.partition("@")[0] for name in sandbox.endpoints))
        )
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        yield sandbox
        sandbox.reset()
