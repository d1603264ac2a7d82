"""What openai and httpx log of a call, at DEBUG; and OPENAI_LOG."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from llmswitch._httpx import httpx
from tests.parity import calls, picture, shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import Answer, answer, events

if TYPE_CHECKING:
    from tests.parity.bench import Bench


def chat(client: Any) -> Any:
    return client.chat.completions.create(**shapes.CALL)


BUSY = answer(shapes.error("busy"), 503, ("Retry-After-Ms", "1"))


def logged(
    name: str,
    call: Program,
    *answers: Answer,
    fails: str | tuple[str, ...] = (),
    differs: tuple[str, ...] = (),
    **client: Any,
) -> Case:
    return Case(
        name,
        call,
        answers,
        fails=fails,
        differs=differs,
        client={"timeout": 60, **client},
        logs=("openai", httpx.__name__),
    )


CASES = [
    logged("chat", calls.chat, answer(shapes.CHAT)),
    logged("a stream", calls.stream, events(*shapes.CHUNKS)),
    logged("embeddings", calls.embed, answer(shapes.EMBEDDING)),
    logged("models", calls.models, answer(shapes.MODELS)),
    logged("files", calls.files, answer({"data": []})),
    logged("an error", calls.chat, answer(shapes.error(), 400), fails="BadRequestError"),
    logged("a broken connection", chat, Answer(status=0, then="reset", framing="close"), fails="APIConnectionError"),
    logged("a timeout", chat, Answer(status=0, then="stall", framing="close"), fails="APITimeoutError", timeout=0.1),
    logged("a broken body", chat, Answer(then="reset"), fails="APIConnectionError", differs=("unlogged-head",)),
    logged(
        "a timeout in the body",
        chat,
        Answer(then="stall"),
        fails="APITimeoutError",
        timeout=0.1,
        differs=("unlogged-head",),
    ),
    logged("retries", calls.chat, BUSY, answer(shapes.CHAT), max_retries=1),
    logged("with a key in the headers", calls.chat_with(extra_headers={"api-key": "k"}), answer(shapes.CHAT)),
]


def test_logs_are_the_same(bench: Bench, case: Case, mode: str) -> None:
    bench.compare(case, mode)


PROGRAM = """
from {package} import OpenAI
client = OpenAI(base_url={url!r}, api_key="sk-x", max_retries=0)
print(client.chat.completions.create(model="m", messages=[]).id)
"""
_TIME = re.compile(r"^\[[\d\- :]+ ")


def test_openai_log(bench: Bench) -> None:
    bench.upstream.play(answer(shapes.CHAT))
    said = []
    for package in ("openai", "llmswitch"):
        program = PROGRAM.format(package=package, url=bench.upstream.url)
        environ = {**os.environ, "OPENAI_LOG": "debug"}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "chatcmpl-1\n"
        said.append(
            [picture.clean(_TIME.sub("", line)) for line in done.stderr.splitlines() if " - httpcore" not in line]
        )
    assert said[0]
    assert [line for line in said[1] if "llmswitch" not in line and "asyncio" not in line] == said[0]
