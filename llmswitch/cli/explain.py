"""`llmswitch explain`: who would answer, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from llmswitch.cli import _rules
from llmswitch.cli._output import print_json, print_table, verb


@verb
def explain(
    model: Annotated[str, typer.Argument(help="The model as the app names it.")],
    region: Annotated[
        str | None, typer.Option(help="Where the calls leave from, e.g. CN. Default: as configured.")
    ] = None,
    user_region: Annotated[str | None, typer.Option(help="Where the users are. Default: as configured.")] = None,
    operation: Annotated[str, typer.Option(help="chat, embeddings, models, or a resource only OpenAI has.")] = "chat",
    requires: Annotated[
        list[str] | None, typer.Option(help="What the call uses: tools, vision, json_schema, ... May be given again.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help=_rules.EXCLUDE)] = None,
    hosted_in: Annotated[list[str] | None, typer.Option(help=_rules.HOSTED_IN)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say who would answer, in which order, and why the others would not. Sends nothing.

    \b
    llmswitch explain gpt-4o --region CN
    llmswitch explain text-embedding-3-small --operation embeddings
    llmswitch explain gpt-4o --region SG --requires tools --json
    llmswitch explain gpt-4o --region CN --exclude headquarters=US --exclude tags=us-entity-list
    """
    from llmswitch import explain as find

    found = find(
        model=model,
        region=region,
        user_region=user_region,
        operation=operation,
        requires=requires or (),
        options=_rules.options(exclude, hosted_in),
    )
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(f"{found.model} ({found.operation}), region {found.region}, users in {found.user_region}\n")
        rows = [
            (
                str(row.rank or "-"),
                f"{row.provider}@{row.site}",
                row.model or "-",
                row.reason,
                f"{row.source} ({row.as_of})" if row.as_of else row.source,
            )
            for row in found.rows
        ]
        print_table(("", "endpoint", "model", "reason", "source"), rows)
        for warning in found.warnings:
            typer.echo(f"\nwarning: {warning}")
