"""What the errors say: who was tried, what each said, what to do next. Pure text; nothing of a prompt or a key is in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmswitch.adapter import adapters
from llmswitch.config import key_variable
from llmswitch.failure import KEY_KINDS, Kind, twin
from llmswitch.secret import CHANGING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmswitch.config import Config
    from llmswitch.errors import Partial
    from llmswitch.failure import Failure
    from llmswitch.report import Attempt
    from llmswitch.routing import Candidate, Plan

_ADVICE: Final = {
    Kind.REGION_BLOCKED: "set the key of a provider that serves this region (llmswitch explain shows which)",
    Kind.AUTH: "check the key (llmswitch doctor --ping says which is refused)",
    Kind.KEY_SITE_MISMATCH: "use the key of this site, or the site of this key (llmswitch doctor)",
    Kind.QUOTA_EXHAUSTED: "top up the account, or set another provider's key",
    Kind.PERMISSION: "activate the model or the service in the provider's console",
    Kind.MODEL_NOT_FOUND: "map the model in [models] of llmswitch.toml",
    Kind.TLS_VERIFY: "check the certificate authority of this machine (SSL_CERT_FILE)",
    Kind.UNREACHABLE: "check the network, or set the key of a provider that is reachable from here",
    Kind.EDGE_BLOCKED: "set the key of a provider that is reachable from here",
    Kind.RATE_LIMITED: "ask less often, or set another provider's key",
    Kind.CONTEXT_LENGTH: "shorten the conversation, or choose a model with a larger context",
}
# A pause is told in seconds up to here, then in minutes, then in hours.
_SECONDS: Final = 90
_MINUTES: Final = 5400


def advised(failure: Failure, candidate: Candidate) -> Failure:
    """The failure with the hint that needs more than the answer: what replaces a retired model, whose key this looks like."""
    endpoint = candidate.endpoint
    if failure.kind is Kind.MODEL_NOT_FOUND and candidate.retired:
        return replace(failure, hint=candidate.retired)
    known = twin.hint(endpoint.adapter)
    if failure.kind in KEY_KINDS and failure.hint and known and failure.hint.endswith(known):
        key = endpoint.key.reveal() if endpoint.key is not None else CHANGING
        shown = None if key == CHANGING else key
        own = failure.hint.removesuffix(known)  # the vendor's own words before it
        return replace(failure, hint=own + (twin.hint(endpoint.adapter, endpoint.site, shown) or known))
    return failure


def duration(seconds: float) -> str:
    """`12 s`, `15 min`, `24 h`."""
    if seconds < _SECONDS:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < _MINUTES else f"{seconds / 3600:.0f} h"


def held_back(seconds: float | None, message: str) -> str:
    """Why a candidate was not tried."""
    wait = f"for another {duration(seconds)}" if seconds is not None else "until its key changes"
    return f"held back {wait}: {message}" if message else f"held back {wait}"


def all_failed(model: str, plan: Plan, attempts: Iterable[Attempt]) -> str:
    """Every candidate failed."""
    attempts = list(attempts)
    where = f" from region {plan.region}" if plan.region else ""
    lines = [f"No provider could answer model {model!r}{where}:"]
    lines += [f"  {number}. {attempt}" for number, attempt in enumerate(attempts, 1)]
    advice = dict.fromkeys(_ADVICE[kind] for a in attempts if (kind := Kind(a.kind or Kind.UNKNOWN)) in _ADVICE)
    if advice:
        lines.append("Next: " + "; ".join(advice) + ".")
    return "\n".join(lines)


def no_candidate(config: Config, plan: Plan, operation: str, model: str) -> str:
    """Nobody may take the call."""
    what = f"model {model!r}" if model else operation
    where = f" from region {plan.region}" if plan.region else ""
    lines = [f"No provider may take {what}{where}; nothing was sent:"]
    for out in plan.excluded:
        source = f" (source: {out.source}{f', as of {out.as_of}' if out.as_of else ''})" if out.as_of else ""
        lines.append(f"  {out}{source}")
    if plan.retired and not any(plan.retired in line for line in lines):
        lines.append(f"And {plan.retired}.")
    if operation == "embeddings":
        lines.append(
            "Next: vectors of two models cannot be compared, so embeddings never change model by themselves. To move for good, name one "
            f'of another provider in [models] of llmswitch.toml ("{model}" = "provider/model") and index your texts again.'
        )
    elif plan.region and (
        missing := [key for name in adapters() if (key := key_variable(config, name, plan.options.policy))]
    ):
        lines.append(f"Next: set the key of a provider that serves {plan.region}: {', '.join(missing)}.")
    else:
        lines.append("Next: `llmswitch explain` shows every provider and what keeps it out.")
    return "\n".join(lines)


def interrupted(candidate: Candidate, failure: Failure, partial: Partial) -> str:
    """A stream broke after content had been delivered."""
    return (
        f"{candidate.endpoint.name} {candidate.model}: the stream broke after {len(partial.text)} characters had been delivered "
        f"({failure.kind}: {failure.message or 'no reason given'}). What was delivered is in .partial. Ask again, or set "
        f"on_interrupt='buffer': then nothing is delivered before the end, and a broken stream is repeated unseen."
    )
