"""`python -m llmswitch` is the command `llmswitch`."""

from __future__ import annotations

from llmswitch.cli import main

if __name__ == "__main__":
    main()
