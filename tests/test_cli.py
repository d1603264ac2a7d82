"""The command line, as a shell sees it: output, exit codes, signals."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmswitch.cli._traffic import Sample, Story
from llmswitch.cli.demo import Summary

if TYPE_CHECKING:
    from pathlib import Path

    from llmswitch.sandbox import Sandbox

COMMAND = [sys.executable, "-m", "llmswitch"]
VERBS = ["chat", "doctor", "adapters", "explain", "models", "demo", "sandbox", "local"]
ESCAPE = "\x1b"
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def run(*arguments: str, said: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        input=said,
        encoding="utf-8",
        capture_output=True,
        timeout=60,
        check=False,
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *arguments], encoding="utf-8", stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )


def answered(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- the whole --------------------------------------------------------------------------------------------------------


def test_help_shows_every_verb_and_how_to_begin() -> None:
    done = run("--help")

    assert done.returncode == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb}\b", done.stdout, re.MULTILINE)
    assert "llmswitch demo" in done.stdout


@pytest.mark.parametrize("verb", [*VERBS, "local pull"])
def test_each_verb_has_help_with_an_example(verb: str) -> None:
    done = run(*verb.split(), "--help")

    assert done.returncode == 0
    assert re.search(rf"^ *(cat .* )?llmswitch {verb}\b", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(("typo", "meant"), [("doctr", "doctor"), ("sandbx", "sandbox"), ("local lst", "list")])
def test_a_typo_gets_a_suggestion(typo: str, meant: str) -> None:
    done = run(*typo.split())

    assert done.returncode == 2
    assert f"Did you mean '{meant}'?" in done.stderr


def test_version() -> None:
    assert re.fullmatch(r"llmswitch \d+\.\d+\.\d+\S*\n", run("--version").stdout)


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with start("adapters", "--json") as writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        writing.stdout.read(1)
        writing.stdout.close()
        assert "Traceback" not in writing.stderr.read()


# --- chat -------------------------------------------------------------------------------------------------------------


def test_chat_prints_the_answer_and_nothing_else(sandbox: Sandbox) -> None:
    done = run("chat", "你好")

    assert done.returncode == 0
    assert "沙箱" in done.stdout
    assert done.stdout.count("\n") == 1
    assert ESCAPE not in done.stdout
    assert done.stderr == ""
    assert sandbox.requests("openai")[0].stream
    assert sandbox.requests("openai")[0].model == "gpt-4o"


@pytest.mark.parametrize("arguments", [["-"], []])
def test_chat_reads_the_question_from_a_pipe(arguments: list[str], sandbox: Sandbox) -> None:
    done = run("chat", *arguments, said="What is in this letter?")

    assert "You said: “What is in this letter?”" in done.stdout
    assert sandbox.hits() == 1


def test_chat_says_who_answered_after_what(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "region_block")

    done = run("chat", "-v", "--no-stream", "Hello")

    assert done.returncode == 0
    assert "sandbox" in done.stdout
    assert re.search(r"openai@global gpt-4o: region_blocked \(403 .*\) after \d+ ms", done.stderr)
    assert re.search(r"qwen@intl \S+: answered after \d+ ms", done.stderr)


@pytest.mark.usefixtures("sandbox")
def test_chat_narrows_by_provider_and_answers_in_json() -> None:
    answer = answered(run("chat", "--json", "--provider", "zhipu@cn", "Hello"))

    assert answer["choices"][0]["message"]["content"]
    assert (answer["llmswitch"]["provider"], answer["llmswitch"]["site"]) == ("zhipu", "cn")


@pytest.mark.usefixtures("sandbox")
def test_chat_goes_where_the_region_is_served() -> None:
    assert answered(run("chat", "--json", "--region", "CN", "Hello"))["llmswitch"]["provider"] == "qwen"


def test_chat_fails_with_one_clear_message(sandbox: Sandbox) -> None:
    for name in ("openai", "qwen", "ernie", "zhipu"):
        sandbox.fault(name, "quota")

    done = run("chat", "Hello")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("quota_exhausted") == 3
    assert done.stderr.startswith("error: No provider could answer")
    assert "Traceback" not in done.stderr


def test_chat_without_a_key_says_which_to_set() -> None:
    done = run("chat", "Hello")

    assert done.returncode == 2
    assert "DASHSCOPE_API_KEY" in done.stderr


@posix
def test_an_interrupt_ends_a_stream_cleanly(sandbox: Sandbox) -> None:
    sandbox.fault("openai", "stall", after=2)
    with start("chat", "Hello") as asking:
        assert asking.stdout is not None
        assert asking.stdout.read(4) == "This"
        os.killpg(asking.pid, signal.SIGINT)
        _, errors = asking.communicate(timeout=10)

    assert asking.returncode == 130
    assert errors.strip() == ""


# --- explain, adapters ------------------------------------------------------------------------------------------------


def test_explain_names_reason_source_and_date() -> None:
    done = run("explain", "gpt-4o", "--region", "CN")

    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "openai@global" in line]
    assert "does not serve CN" in line
    assert "https://" in line
    assert re.search(r"\(20\d\d-\d\d-\d\d\)$", line)


@pytest.mark.usefixtures("sandbox")
def test_explain_in_json() -> None:
    found = answered(run("explain", "gpt-4o", "--region", "CN", "--json"))

    assert found["region"]["code"] == "CN"
    assert found["rows"][0]["included"]
    assert found["rows"][0]["rank"] == 1


@pytest.mark.usefixtures("sandbox")
def test_explain_under_rules() -> None:
    rules = [
        "--exclude",
        "headquarters=US",
        "--exclude",
        "tags=us-entity-list",
        "--exclude",
        "ernie",
        "--hosted-in",
        "cn",
    ]
    rows = {
        f"{row['provider']}@{row['site']}": row for row in answered(run("explain", "gpt-4o", *rules, "--json"))["rows"]
    }

    assert [name for name, row in rows.items() if row["included"]] == ["qwen@cn"]
    assert rows["openai@global"]["reason"].startswith("headquarters in US")
    assert (rows["zhipu@cn"]["reason"], rows["zhipu@cn"]["as_of"]) == (
        "tagged us-entity-list; this call excludes it",
        "2025-01-16",
    )
    done = run("explain", "gpt-4o", "--exclude", "tag=us-entity-list")
    assert done.returncode == 2
    assert "did you mean 'tags'" in done.stderr


def test_doctor_opens_nothing_to_who_is_excluded(sandbox: Sandbox) -> None:
    done = run("doctor", "--ping", "--json", LLMSWITCH_EXCLUDE_HEADQUARTERS="US")

    found = json.loads(done.stdout)
    assert "openai@global" not in [row["endpoint"] for row in found["endpoints"]]
    (out,) = [row for row in found["absent"] if row["endpoint"] == "openai@global"]
    assert out["reason"] == "headquarters in US; your policy excludes headquarters in US"
    assert sandbox.hits("openai") == 0


def test_a_region_that_is_no_country_gets_a_suggestion() -> None:
    done = run("explain", "gpt-4o", "--region", "UK")

    assert done.returncode == 2
    assert "Did you mean 'GB'?" in done.stderr


def test_adapters_lists_every_site_with_its_key() -> None:
    done = run("adapters")

    assert done.returncode == 0
    for words in (
        "openai@global.*OPENAI_API_KEY",
        "qwen@cn.*DASHSCOPE_API_KEY",
        "qwen@intl",
        "ernie@cn",
        "zhipu@cn",
        "zhipu@intl",
    ):
        assert re.search(words, done.stdout)
    assert ESCAPE not in done.stdout


def test_adapters_in_detail() -> None:
    done = run("adapters", "zhipu")

    assert "https://" in done.stdout
    assert "glm-" in done.stdout
    for wanted in (
        r"tag +us-entity-list +2\b",
        r"headquarters +CN +1\b",
        r"\n1 +Beijing: https",
        r"\n2 +added on 2025-01-15",
    ):
        assert re.search(wanted, done.stdout), wanted
    found = answered(run("adapters", "zhipu", "--json"))
    assert [site["name"] for site in found["sites"]] == ["cn", "intl", "coding", "coding-intl"]
    assert found["models"][0]["fact"]["source"]
    assert found["tags"]["us-entity-list"]["as_of"] == "2025-01-16"
    assert (found["headquarters"], found["headquarters_fact"]["confidence"]) == ("CN", "medium")


def test_an_unknown_adapter_gets_a_suggestion() -> None:
    done = run("adapters", "quen")

    assert done.returncode == 2
    assert "did you mean 'qwen'" in done.stderr


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_doctor_without_keys_says_what_to_set() -> None:
    done = run("doctor")

    assert done.returncode == 1
    assert "set OPENAI_API_KEY" in done.stdout
    assert "region        unknown (not set)" in done.stdout


def test_doctor_opens_no_connection_unless_asked(sandbox: Sandbox) -> None:
    found = answered(run("doctor", "--json"))

    assert found["usable"]
    assert found["region"] == {"code": "US", "source": "LLMSWITCH_REGION"}
    assert {entry["endpoint"]: entry["key"] for entry in found["endpoints"]}["qwen@cn"] == "DASHSCOPE_API_KEY"
    assert sandbox.hits() == 0


def test_doctor_shows_a_variable_that_nothing_reads() -> None:
    done = run("doctor", LLMSWITCH_REGON="CN")
    assert "warning: LLMSWITCH_REGON is set, and nothing reads it; did you mean LLMSWITCH_REGION?" in done.stdout


def test_explain_refuses_an_operation_that_nobody_has() -> None:
    done = run("explain", "gpt-4o", "--operation", "foo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "argument operation: found 'foo'; allowed: chat, embeddings, models" in done.stderr


def test_doctor_where_nobody_serves(sandbox: Sandbox) -> None:
    done = run("doctor", "--region", "CN", LLMSWITCH_PROVIDERS="openai")

    assert done.returncode == 1
    assert "does not serve CN" in done.stdout
    assert sandbox.hits() == 0


def test_doctor_reaches_without_sending(pair: Sandbox) -> None:
    assert run("doctor", "--reach").returncode == 0
    assert pair.hits() == 0

    found = run("doctor", "--reach", "--json", LLMSWITCH_OPENAI_BASE_URL="http://127.0.0.1:1/v1")

    openai, qwen = json.loads(found.stdout)["endpoints"]
    assert (openai["reach"]["ok"], openai["reach"]["kind"]) == (False, "unreachable")
    assert qwen["reach"]["ok"]
    assert found.returncode == 0


def test_doctor_pings_each_endpoint_with_one_token(sandbox: Sandbox) -> None:
    found = answered(run("doctor", "--ping", "--json"))

    assert all(entry["ping"]["ok"] for entry in found["endpoints"])
    assert [sandbox.hits(entry["endpoint"]) for entry in found["endpoints"]] == [1] * len(found["endpoints"])
    for request in sandbox.requests():
        limits = {request.body.get("max_tokens"), request.body.get("max_completion_tokens")}
        listing = (
            request.endpoint == "azure@global" and request.path == "/openai/v1/models"
        )  # its models are the account's
        assert limits & {1, 2} or listing, request.body


def test_doctor_says_that_a_key_may_be_the_twin_sites(sandbox: Sandbox) -> None:
    key = sandbox.key("zhipu@intl")

    done = run("doctor", "--ping", LLMSWITCH_PROVIDERS="zhipu@cn", ZHIPUAI_API_KEY=key)

    assert done.returncode == 1
    assert "intl" in done.stdout
    assert key not in done.stdout


# --- sandbox ----------------------------------------------------------------------------------------------------------


@posix
def test_sandbox_serves_until_interrupted() -> None:
    served = ("--provider", "openai", "--provider", "qwen@cn")
    with start("sandbox", "--no-local", *served, "--fault", "openai:region_block", "--json") as serving:
        assert serving.stdout is not None
        text = ""
        while not text.rstrip().endswith("\n}"):
            text += serving.stdout.readline()
        environment = json.loads(text)["environment"]
        endpoints = json.loads(text)["endpoints"]

        refused = run("chat", "--provider", "openai", "Hello", **environment)
        answer = run("chat", "Hello", **environment)
        os.killpg(serving.pid, signal.SIGINT)
        _, errors = serving.communicate(timeout=20)

    assert list(endpoints) == ["openai@global", "qwen@cn"]
    assert refused.returncode == 1
    assert "region_blocked" in refused.stderr
    assert answer.returncode == 0
    assert "qwen" in answer.stdout
    assert serving.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("openai", "PROVIDER:KIND"),
        ("openai:", "PROVIDER:KIND"),
        ("opnai:quota", "opnai"),
        ("openai:qota", "qota"),
        ("openai:quota,x=1", "'x'"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused(fault: str, message: str) -> None:
    done = run("sandbox", "--no-local", "--fault", fault)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sandbox_stays_on_this_machine() -> None:
    done = run("sandbox", "--no-local", "--host", "0.0.0.0")

    assert done.returncode == 2
    assert "this machine only" in done.stderr


# --- local ------------------------------------------------------------------------------------------------------------


def test_local_without_a_model(tmp_path: Path) -> None:
    nowhere = {"XDG_CACHE_HOME": str(tmp_path)}

    assert "llmswitch local pull" in run("local", "list", **nowhere).stdout
    assert answered(run("local", "list", "--json", **nowhere))["models"] == []
    assert run("local", "path", **nowhere).returncode == 2
    assert answered(run("local", "remove", "--json", **nowhere)) == {"removed": []}


def test_local_finds_lists_and_removes(tmp_path: Path) -> None:
    here = {"XDG_CACHE_HOME": str(tmp_path)}
    model = tmp_path / "llmswitch" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    model.parent.mkdir()
    model.write_bytes(b"GGUF" + b"\0" * 100)

    assert answered(run("local", "path", "--json", **here)) == {"path": str(model)}
    assert answered(run("local", "list", "--json", **here))["models"] == [
        {"path": str(model), "bytes": 104, "used": True}
    ]
    assert run("local", "remove", **here).stdout.strip() == f"removed {model}"
    assert not model.exists()


# --- demo -------------------------------------------------------------------------------------------------------------


def test_the_demo_survives_the_block() -> None:
    started = time.monotonic()
    found = answered(run("demo", "--seconds", "5", "--no-local", "--json"))

    assert time.monotonic() - started < 20
    assert found["passed"]
    assert found["failed"] == 0
    assert found["requests"] >= 10
    assert 1 <= found["blocked_hits"] <= found["blocked_hits_allowed"]
    assert set(found["providers"]) == {"openai@global", "qwen@cn"}
    assert all(provider["tokens"] > 0 for provider in found["providers"].values())


def test_the_demo_in_a_pipe_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own keys, settings and proxies must not matter."""
    for name, value in {
        "DASHSCOPE_API_KEY": "sk-mine",
        "LLMSWITCH_PROVIDERS": "ernie",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)

    done = run("demo", "--seconds", "4", "--no-local")

    assert done.returncode == 0, done.stdout + done.stderr
    assert ESCAPE not in done.stdout
    assert done.stderr == ""
    for words in (
        "This is a sandbox",
        "- from openai import OpenAI",
        "+ from llmswitch import OpenAI",
        "OpenAI announces",
        "failover",
        "Passed",
    ):
        assert words in done.stdout
    assert re.search(r"^failed +0$", done.stdout, re.MULTILINE)
    assert re.search(r"^hits on the blocked endpoint +[1-3] ", done.stdout, re.MULTILINE)


@posix
@pytest.mark.parametrize("colour", [True, False])
def test_the_demo_on_a_terminal_is_a_live_picture(colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    leader, follower = os.openpty()
    shown = b""
    with subprocess.Popen(
        [*COMMAND, "demo", "--seconds", "4", "--no-local"], stdin=follower, stdout=follower, stderr=follower
    ) as playing:
        os.close(follower)
        while select.select([leader], [], [], 20)[0]:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
    os.close(leader)

    assert playing.returncode == 0
    assert b"who answers" in shown
    assert "▪".encode() in shown
    assert b"Passed" in shown
    coloured = re.search(rb"\x1b\[[0-9;]*3[0-7]m", shown)
    assert bool(coloured) is colour


@posix
def test_the_demo_can_be_interrupted() -> None:
    with start("demo", "--seconds", "20", "--no-local") as playing:
        assert playing.stdout is not None
        while "announces" not in playing.stdout.readline():
            pass
        os.killpg(playing.pid, signal.SIGINT)
        _, errors = playing.communicate(timeout=15)

    assert playing.returncode == 130
    assert "Traceback" not in errors


def sample(provider: str, *, error: str | None = None, lost: float = 0.0) -> Sample:
    return Sample(time=0, provider=provider, pieces=9, first=0.1, total=1, lost=lost, error=error)


@pytest.mark.parametrize(
    ("samples", "hits", "passed"),
    [
        ([sample("openai@global"), sample("qwen@cn", lost=2)], 1, True),
        ([sample("openai@global"), sample("qwen@cn", lost=2)], 3, False),
        ([sample("openai@global"), sample("qwen@cn", lost=2), sample("", error="it broke")], 1, False),
        ([sample("openai@global")], 0, False),
        ([sample("openai@global")], 1, False),
        ([], 0, False),
    ],
)
def test_the_demos_verdict_is_the_truth(samples: list[Sample], hits: int, passed: bool) -> None:
    assert Summary(story=Story(samples), hits=hits, allowed=2).passed is passed
