"""The local model where its engine is not installed; `tests/matrix/test_local_model.py` asks the real one."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from llmswitch import Switch
from llmswitch.errors import ConfigError, LLMSwitchError
from llmswitch.local import LocalModel, endpoint_url

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is not None, reason="the engine is installed")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "some.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setenv("LLMSWITCH_LOCAL_MODEL", str(path))
    return path


@pytest.mark.usefixtures("weights")
def test_the_error_says_what_to_install() -> None:
    for load in (LocalModel, endpoint_url):
        with pytest.raises(ConfigError, match=r"pip install 'llmswitch\[local\]'"):
            load()


def test_weights_come_before_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(ConfigError, match="llmswitch local pull"):
        LocalModel()


@pytest.mark.usefixtures("weights")
def test_a_call_that_only_it_could_answer_says_so() -> None:
    with Switch(local=True) as switch, pytest.raises(LLMSwitchError, match=r"llmswitch\[local\]"):
        switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
