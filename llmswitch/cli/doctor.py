"""`llmswitch doctor`: what is configured here, what is missing, and, only when asked, what answers."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmswitch.cli import _probe
from llmswitch.cli._output import FAILED, print_json, print_table, verb

if TYPE_CHECKING:
    from llmswitch.cli._probe import Finding
    from llmswitch.config import Config, Endpoint
    from llmswitch.routing import Plan


@verb
def doctor(
    region: Annotated[str | None, typer.Option(help="Look as from there, e.g. CN. Default: as configured.")] = None,
    reach: Annotated[
        bool, typer.Option("--reach", help="Connect (TCP, TLS) to each configured endpoint; send nothing.")
    ] = False,
    ping: Annotated[
        bool, typer.Option("--ping", help="Make a real call of one token to each configured endpoint.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say which keys were found and where, the region and who said so, who would be asked first, and what is missing.

    \b
    llmswitch doctor                 opens no connection
    llmswitch doctor --reach         can the endpoints be reached from here?
    llmswitch doctor --ping          do the keys work? (spends a token each)
    llmswitch doctor --region CN     what would it be like from there?

    Exit code 1: nobody could answer.
    """
    from llmswitch import config as configuration
    from llmswitch import routing

    config = configuration.load(environ=os.environ, region=region)
    plan = routing.candidates(config, routing.need("chat", {"model": "gpt-4o"}), dt.datetime.now(dt.UTC))
    probes = (*((_probe.reach,) if reach else ()), *((_probe.ping,) if ping else ()))
    found = Examination(config, plan, {probe.__name__: _probe.every(probe, config) for probe in probes})
    if as_json:
        print_json(found.to_dict())
    else:
        found.print()
    if not found.usable:
        raise typer.Exit(FAILED)


def _misplaced(endpoint: Endpoint) -> str | None:
    """What the shape of the key says. At an address of the user's own, keys look as they like."""
    from llmswitch.failure import twin

    if endpoint.key is None or endpoint.moved:
        return None
    return twin.misplaced(endpoint.adapter, endpoint.site, endpoint.key.reveal())


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found; `probes` maps "reach" and "ping" to endpoint -> finding."""

    config: Config
    plan: Plan
    probes: dict[str, dict[str, Finding]]

    @property
    def usable(self) -> bool:
        """Whether somebody could answer a call: has a key, serves the region, and passed the probes that were made."""
        names = {candidate.endpoint.name for candidate in self.plan.candidates}
        return bool(names) and all(any(found[name].ok for name in names) for found in self.probes.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data; no key is in it."""
        config = self.config
        out = {f"{row.provider}@{row.site}": row.reason for row in self.plan.excluded}
        return {
            "usable": self.usable,
            "region": {"code": config.region.code, "source": config.region.source},
            "user_region": {"code": config.user_region.code, "source": config.user_region.source},
            "config": config.source,
            "endpoints": [
                {
                    "endpoint": endpoint.name,
                    "base_url": endpoint.base_url,
                    "key": endpoint.key_source or None,
                    "via": endpoint.via.sdk.name if endpoint.via is not None else None,
                    "key_hint": _misplaced(endpoint),
                    "first": endpoint.first,
                    "out": out.get(endpoint.name),
                    **{name: found[endpoint.name].to_dict() for name, found in self.probes.items()},
                }
                for endpoint in config.endpoints
            ],
            "absent": [
                {"endpoint": absent.endpoint.name, "reason": absent.reason, "configured": absent.configured}
                for absent in config.absent
            ],
            "warnings": list(config.warnings),
        }

    def print(self) -> None:
        """For people."""
        config = self.config
        typer.echo(f"region        {config.region}")
        typer.echo(f"users in      {config.user_region}")
        typer.echo(f"config file   {config.source or 'none (./llmswitch.toml, or LLMSWITCH_CONFIG)'}\n")
        if config.endpoints:
            self._print_endpoints()
        for endpoint in config.endpoints:
            if told := _misplaced(endpoint):
                typer.echo(f"\nkey of {endpoint.name} ({endpoint.key_source}): {told}")
        rows = [(absent.endpoint.name, absent.reason) for absent in config.absent]
        if rows:
            typer.echo("\nnot taking part:" if config.endpoints else "nobody takes part:")
            print_table(("endpoint", "why"), rows)
        for warning in config.warnings:
            typer.echo(f"\nwarning: {warning}")
        typer.echo(f"\n{self._verdict()}")

    def _print_endpoints(self) -> None:
        ranks = {candidate.endpoint.name: str(rank) for rank, candidate in enumerate(self.plan.candidates, 1)}
        reasons = {candidate.endpoint.name: candidate.reason.partition(";")[0] for candidate in self.plan.candidates}
        reasons |= {f"{row.provider}@{row.site}": f"out: {row.reason}" for row in self.plan.excluded}
        rows = [
            (
                ranks.get(endpoint.name, "-"),
                endpoint.name,
                endpoint.key_source or "none needed",
                _address(endpoint),
                reasons.get(endpoint.name, ""),
                *(str(found[endpoint.name]) for found in self.probes.values()),
            )
            for endpoint in self.config.endpoints
        ]
        print_table(("", "endpoint", "key from", "address", "region", *self.probes), sorted(rows))

    def _verdict(self) -> str:
        from llmswitch.config import no_provider_message

        if not self.config.endpoints:
            return no_provider_message(self.config)
        if not self.plan.candidates:
            return "nobody who has a key serves this region: set the key of a provider that does (llmswitch explain gpt-4o)"
        if not self.usable:
            return "nobody who serves this region passed the check above"
        return f"calls go to {self.plan.candidates[0].endpoint.name} first"


def _address(endpoint: Endpoint) -> str:
    address = endpoint.base_url or "(starts when it is asked)"
    return f"{address} through {endpoint.via.sdk.name}" if endpoint.via is not None else address
