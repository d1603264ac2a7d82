"""For tests of apps that use llmswitch: the pytest fixture `llmswitch_sandbox`, loaded by pytest itself.

    def test_survives_the_block(llmswitch_sandbox):
        llmswitch_sandbox.fault("openai", "region_block")
        assert my_app.answer("hello")

The fixture is a running `llmswitch.sandbox.Sandbox`, one per test process, emptied of faults and requests around each
test. The environment points at it meanwhile, so `llmswitch.OpenAI()` needs no arguments. It serves every vendor; a
fixture `llmswitch_sandbox_providers` of your own, of scope "session", names those that you want instead.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmswitch.sandbox import Sandbox

# Read without pytest installed, this module has nothing to offer and nothing to break.
if TYPE_CHECKING or find_spec("pytest") is not None:
    import pytest

    @pytest.fixture(scope="session")
    def llmswitch_sandbox_providers() -> Iterable[str] | None:
        """Whom `llmswitch_sandbox` serves: names such as "qwen" or "qwen@cn"; None is everybody."""
        return None

    @pytest.fixture(scope="session")
    def _llmswitch_sandbox_server(llmswitch_sandbox_providers: Iterable[str] | None) -> Iterator[Sandbox]:
        # Imported here: this module is read in every pytest run of whoever installed llmswitch.
        from llmswitch.sandbox import Sandbox  # noqa: PLC0415

        with Sandbox(providers=llmswitch_sandbox_providers) as sandbox:
            yield sandbox

    @pytest.fixture
    def llmswitch_sandbox(_llmswitch_sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
        """The providers on this machine, with faults on demand; the environment points llmswitch at them."""
        from llmswitch import adapter  # noqa: PLC0415

        sandbox = _llmswitch_sandbox_server
        sandbox.reset()
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        # No other provider whose key happens to be set takes part, and no other base URL goes before the sandbox's.
        served = dict.fromkeys(name.partition("@")[0] for name in sandbox.endpoints)
        monkeypatch.setenv("LLMSWITCH_PROVIDERS", ",".join(name for name in served if name in adapter.adapters()))
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        yield sandbox
        sandbox.reset()
