"""`llmswitch chat`: one question, asked of whoever serves this region."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmswitch.cli._output import MISUSED, fail, print_json, verb

if TYPE_CHECKING:
    from llmswitch.report import Report
    from llmswitch.switch import Reply, Stream


@verb
def chat(
    prompt: Annotated[str | None, typer.Argument(help="What to ask; `-` or nothing reads standard input.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="As an app would name it.")] = "gpt-4o",
    region: Annotated[
        str | None, typer.Option(help="Where the calls leave from, e.g. CN. Default: as configured.")
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", "-p", help="Only this one, e.g. qwen or qwen@cn. May be given again."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="The local model may answer, too, where no other can.")
    ] = False,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Wait for the whole answer.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole answer as JSON, with what happened.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say who answered, after which attempts.")] = False,
) -> None:
    """Ask one question and print the answer as it comes.

    \b
    llmswitch chat "你好"
    llmswitch chat -m qwen/qwen-plus -v "Hello"
    llmswitch chat --provider local "Hello"          only the local model
    cat letter.txt | llmswitch chat --no-stream -
    """
    from llmswitch import Switch

    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": _question(prompt)}]}
    with Switch(region=region, providers=provider or None, local=local or None) as switch:
        for warning in switch.config.warnings:
            typer.echo(f"warning: {warning}", err=True)
        if as_json or no_stream:
            reply = switch.chat.completions.create(**asked)
            report: Report = reply.llmswitch
            if as_json:
                print_json({**reply, "llmswitch": {**asdict(report), **_ended(report)}})
            else:
                typer.echo(_text(reply, "message"))
        else:
            report = _stream(switch.chat.completions.create(**asked, stream=True))
    if verbose:
        for attempt in report.attempts:
            typer.echo(str(attempt), err=True)
        for change in report.changes:
            typer.echo(f"{change.parameter}: {change.action}, {change.reason}", err=True)
        if report.cost is not None:
            typer.echo(f"cost: {report.cost} (prices: {report.cost.source})", err=True)


def _ended(report: Report) -> dict[str, object]:
    """What the report works out only when it is asked."""
    usage, cost = report.usage, report.cost
    return {
        "usage": usage and asdict(usage),
        "cost": cost and {**asdict(cost), "amount": str(cost.amount)},
        "total_cost": {currency: str(amount) for currency, amount in report.total_cost.items()},
        "finish_reason": report.finish_reason,
    }


def _question(prompt: str | None) -> str:
    if prompt is None and sys.stdin.isatty():
        fail('what shall be asked? llmswitch chat "Hello"')
        raise typer.Exit(MISUSED)
    return sys.stdin.read() if prompt is None or prompt == "-" else prompt


def _stream(stream: Stream) -> Report:
    """Print the pieces as they come; the line ends also where the stream breaks."""
    last = "\n"
    try:
        with stream:
            for chunk in stream:
                piece = _text(chunk, "delta")
                typer.echo(piece, nl=False)
                sys.stdout.flush()
                last = piece or last
    finally:
        if not last.endswith("\n"):
            typer.echo()
    return stream.llmswitch


def _text(answer: Reply, part: str) -> str:
    choices = answer.get("choices") or ()
    return "".join((choice.get(part) or {}).get("content") or "" for choice in choices)
