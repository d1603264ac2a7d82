"""Measure llmswitch beside the openai SDK and other clients, in one run against one local server. No vendor is called.

Examples:
  make bench                                          everything; makes the environments first; 15 minutes
  python -m benchmarks --quick                        a rough picture in 2 minutes
  python -m benchmarks --only openai,llmswitch --parts calls,imports
  python -m benchmarks --json results.json --write    also keep the numbers, and bring docs/ up to date with them
  python -m benchmarks draw                           the documents and the picture anew, from docs/benchmark.json
  python -m benchmarks profile --mode stream          where a call's time goes in llmswitch; --only openai: in openai
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import calls, profiling, report
from benchmarks.processes import Failed, Upstream, Worker
from benchmarks.run import CLIENTS, PARTS, Run, everything, missing

if TYPE_CHECKING:
    from collections.abc import Callable

DESCRIPTION, _, EXAMPLES = (__doc__ or "").partition("\n\n")


def listed(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    """An argument that is some of these words, with commas between."""

    def read(text: str) -> list[str]:
        words = text.split(",")
        if unknown := sorted(set(words) - set(allowed)):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(allowed)}")
        return words

    return read


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=("run", "profile", "draw"), default="run", help="default: run")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no thousand streams")
    parser.add_argument(
        "--only", type=listed(CLIENTS), default=list(CLIENTS), metavar="CLIENTS", help=f"of {','.join(CLIENTS)}"
    )
    parser.add_argument(
        "--parts", type=listed(PARTS), default=list(PARTS), metavar="PARTS", help=f"of {','.join(PARTS)}"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help='where to write the numbers; "-": instead of the tables'
    )
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmark.json and .svg, and the tables in the documents"
    )
    parser.add_argument(
        "--mode", choices=tuple(calls.MODES), default="sync", help="the kind of call, for profile; default: sync"
    )
    return parser.parse_args()


def profile(client: str, mode: str) -> None:
    """Print where the time of one kind of call goes."""
    with Upstream() as upstream, Worker(client, upstream) as worker:
        print(profiling.text(client, mode, worker.run("profiling", 300, mode=mode)))


def main() -> None:
    """See the module."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are ended
    given = arguments()
    if given.what == "draw":
        report.write(json.loads(report.KEPT.read_text(encoding="utf-8")))
        return
    client = given.only[0] if len(given.only) == 1 else "llmswitch"
    if absent := missing(given.only if given.what == "run" else [client]):
        sys.exit(
            f"not installed: {', '.join(absent)}. `make bench` installs every client into .bench/, or leave some out with --only."
        )
    if given.what == "profile":
        profile(client, given.mode)
        return
    started = time.monotonic()

    def tell(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        print(f"{minutes:2}:{seconds:02}  {text}", file=sys.stderr, flush=True)

    result: report.Result = {}
    for result in everything(Run(given.only, quick=given.quick, tell=tell), given.parts):
        if given.json and given.json != Path("-"):
            given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1) if given.json == Path("-") else report.tables(result))
    if given.write:
        report.write(result)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Failed as failed:
        sys.exit(f"failed: {failed}")
