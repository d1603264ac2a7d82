"""`llmswitch sandbox`: the providers on this machine, until Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from llmswitch.cli._output import print_json, verb
from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from llmswitch.sandbox import Generator, Sandbox


@verb
def sandbox(
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault to begin with: PROVIDER:KIND[,OPTION=VALUE...]; may be given again.", show_default=False
        ),
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(
            help="Whom to serve: qwen, or qwen@cn; may be given again. Default: everybody.", show_default=False
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The admin API's port; the endpoints follow. Default: any free.")
    ] = None,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    pace: Annotated[float, typer.Option(help="Seconds between the pieces of a stream.")] = 0.0,
    local: Annotated[
        bool | None, typer.Option(help="Let the local model write the answers. Default: if it is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say in JSON where everything is.")] = False,
) -> None:
    """Serve the providers on this machine, with their answers and their errors, until Ctrl-C.

    \b
    llmswitch sandbox
    llmswitch sandbox --provider openai --provider qwen@cn
    llmswitch sandbox --port 8100 --fault openai:region_block
    llmswitch sandbox --fault openai:region_block,at=+10 --fault qwen@cn:rate_limit,count=3,retry_after=2

    Paste the lines it prints into the shell that runs your app. Faults can be changed while it runs, over the admin API:

    \b
    curl -X POST "$ADMIN/faults" -d '{"provider": "zhipu", "kind": "quota"}'
    curl -X DELETE "$ADMIN/faults"
    """
    from llmswitch import sandbox as served

    faults = [_parse(text) for text in fault or ()]

    def ready(running: Sandbox) -> None:
        for name, kind, options in faults:
            running.fault(name, kind, **options)
        if as_json:
            print_json({"admin": running.admin_url, "endpoints": running.endpoints, "environment": running.environment})
        else:
            typer.echo(running.describe())
            typer.echo("\nCtrl-C stops it.", err=True)

    try:
        served.run(
            providers=provider or None,
            host=host,
            port_base=port,
            generator=generator(local),
            pace=pace,
            on_ready=ready,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error


def generator(local: bool | None) -> Generator | None:
    """Who writes the sandbox's answers: the local model if it is asked for, or there and not refused; None for the sandbox itself.

    Raises:
        ConfigError: it was asked for and is not there.
    """
    if local is False:
        return None
    from llmswitch.local import Voice

    try:
        return Voice()
    except ConfigError:
        if local:
            raise
        return None


def _parse(text: str) -> tuple[str, str, dict[str, object]]:
    """`"openai:region_block,at=+5"` -> `("openai", "region_block", {"at": <unix time>})`.

    Raises:
        ConfigError: it is not of that form.
    """
    name, colon, rest = text.partition(":")
    kind, *pairs = rest.split(",")
    options = {option: value for option, _, value in (pair.partition("=") for pair in pairs)}
    if not (name and colon and kind and all(options)):
        raise ConfigError(
            f"--fault: found {text!r}; allowed: PROVIDER:KIND[,OPTION=VALUE...], such as openai:region_block,at=+5"
        )
    return (
        name.strip(),
        kind.strip(),
        {option.strip(): _value(option.strip(), value.strip()) for option, value in options.items()},
    )


def _value(option: str, text: str) -> object:
    if option == "at" and text.startswith("+"):
        text = text[1:]
        return time.time() + float(text) if text.replace(".", "", 1).isdigit() else text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
