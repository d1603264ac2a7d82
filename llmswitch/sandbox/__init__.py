"""The providers on this machine: their paths, answers and errors, and faults on demand, for tests and the demo.

    with Sandbox() as sandbox:
        os.environ.update(sandbox.environment)
        sandbox.fault("openai", "region_block")

Nothing here is a model: the text of an answer says so. Listeners bind to loopback and to nothing else.
"""

from __future__ import annotations

from llmswitch.sandbox.answers import Deterministic, Generator, Prompt
from llmswitch.sandbox.faults import KINDS, Fault
from llmswitch.sandbox.journal import RecordedRequest
from llmswitch.sandbox.run import run
from llmswitch.sandbox.server import Sandbox

__all__ = ["KINDS", "Deterministic", "Fault", "Generator", "Prompt", "RecordedRequest", "Sandbox", "run"]
