"""What one Claude takes and another refuses.

Sources: platform.claude.com/docs/en/models/sonnet-5-5/whats-new-sonnet-5-5 (forced tools, thinking) and the bodies of
earendil-works/pi#3297 (a budget), UKGovernmentBEIS/inspect_ai#3721 and The-PR-Agent/pr-agent#2456 (sampling); requests
measured by others on Opus 5 and 5.5 (2026-09-24), Sonnet 5.5 (2026-09-29) and Haiku 4.5. That text of thoughts is left
out unless asked for since Opus 4.7: AAswordman/Operit#568.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch.sandbox.fields import integer, table, text
from llmswitch.sandbox.vendors.anthropic_messages import turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json

OLDEST: Final = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
"""They continue an answer and write 64 000 tokens at most."""
_OLDER: Final = (*OLDEST, "claude-opus-4-6", "claude-sonnet-4-6")
_ALWAYS_THINKING: Final = ("claude-opus-5-5", "claude-fable-", "claude-mythos-")
_BETWEEN_TOOLS: Final = ("claude-sonnet-5-5",)
_UNFORCED: Final = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-", "claude-mythos-5-")
_WITHOUT_EFFORT: Final = ("claude-haiku-4-5", "claude-sonnet-4-5")
_DEFAULTS: Final = {"temperature": 1, "top_p": 1, "top_k": None}


def longest(model: str) -> int:
    """Return how many tokens it writes at most."""
    return 64_000 if model.startswith(OLDEST) else 128_000


def shows(model: str, thinking: Json) -> bool:
    """Say whether the text of its thoughts is shown."""
    return text(thinking.get("display"), "summarized" if model.startswith(_OLDER) else "omitted") == "summarized"


def unfit(model: str, body: Json) -> Iterator[str]:
    """Yield what this model does not take of a body that is right in itself."""
    most, asked = longest(model), integer(body.get("max_tokens")) or 0
    if asked > most:
        yield f"max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens for {model}"
    if model.startswith(_OLDER):
        if None not in (body.get("temperature"), body.get("top_p")):
            yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    else:
        for name, usual in _DEFAULTS.items():
            if body.get(name) not in (None, usual):
                yield f"`{name}` is deprecated for this model."
    yield from _unthinkable(model, text(table(body.get("thinking")).get("type")))
    if model.startswith(_WITHOUT_EFFORT) and table(body.get("output_config")).get("effort") is not None:
        yield "This model does not support the effort parameter."
    if model.startswith(_UNFORCED) and table(body.get("tool_choice")).get("type") in ("any", "tool"):
        yield 'tool_choice: type "tool" and "any" are not supported for this model.'
    conversation = turns(body)
    if conversation and conversation[-1][0] == "assistant" and not model.startswith(OLDEST):
        yield "This model does not support assistant message prefill. The conversation must end with a user message."


def _unthinkable(model: str, kind: str) -> Iterator[str]:
    if model.startswith(OLDEST):
        known: tuple[str, ...] = ("enabled", "disabled")
    elif model.startswith(_OLDER):
        known = ("enabled", "adaptive", "disabled")
    elif model.startswith(_BETWEEN_TOOLS):
        known = ("adaptive", "between_tools")
    else:
        known = ("adaptive",) if model.startswith(_ALWAYS_THINKING) else ("adaptive", "disabled")
    if not kind or kind in known:
        return
    if kind == "adaptive":
        yield "adaptive thinking is not supported on this model"
    refused = f'"thinking.type.{kind}" is not supported for this model.'
    control = '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    if kind == "between_tools":
        yield refused
    elif kind == "disabled" and "between_tools" in known:
        yield f'{refused} Use "thinking.type.between_tools" for the lowest thinking setting, or {control}'
    yield f"{refused} Use {control}"
