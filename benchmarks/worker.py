"""One client in its own interpreter: takes a task a line as JSON on standard input, and answers each with a line.

python -m benchmarks.worker openai
{"task": "calls", "upstream": "http://127.0.0.1:8080", "mode": "sync"}
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def versions(*_: str, packages: list[str], **__: str) -> dict[str, str]:
    """The installed version of each package."""
    return {package: version(package) for package in packages}


def task(name: str) -> Callable[..., Any]:
    """The function of a task: `module` means `measure` in it, `module.function` another one."""
    if name == "versions":
        return versions
    module, _, function = name.partition(".")
    found: Callable[..., Any] = getattr(import_module(f"benchmarks.{module}"), function or "measure")
    return found


def main() -> None:
    """Serve until standard input ends, then go at once, whatever the client has left running."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # clients print
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer: object = task(given.pop("task"))(sys.argv[1], **given)
        except Exception as error:  # noqa: BLE001 - told to the other side
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")[:200]}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
