"""An OpenAI chat request, fitted by the TOML's rules, as a request of the Messages API. Pure.

What the two call or shape differently is here; what a model takes, and within which range, is in the TOML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch._json import dumps
from llmswitch.dialects._anthropic_messages import turns
from llmswitch.dialects._anthropic_schema import fitted
from llmswitch.dialects._anthropic_thinking import reconcile
from llmswitch.dialects._anthropic_tools import take_tools
from llmswitch.report import Change, told

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Model

DEFAULT_MAX_TOKENS: Final = 4096  # of models whose limit nobody states
# What is sent as it is: what both know, and the Messages API's own parameters for who writes them.
_SAME: Final = (
    "temperature", "top_p", "top_k", "thinking", "output_config", "cache_control", "container", "context_management", "diagnostics",
    "inference_geo", "mcp_servers", "speed", "user_profile_id",
)  # fmt: skip
_OURS: Final = ("stream_options",)  # what the dialect itself sees to
_TIERS: Final = ("auto", "standard_only")
_ONLY_JSON: Final = "Answer with one JSON object and nothing else: no explanation, no Markdown."


def translated(params: Json, model: Model | None) -> tuple[Json, list[Change]]:
    """(the body, what was changed in it beyond its shape)."""
    changes: list[Change] = []
    rest: Json = {name: value for name, value in params.items() if value is not None and name not in _OURS}
    structured = model is not None and "json_schema" in model.capabilities
    body: Json = {"model": rest.pop("model", None), "max_tokens": _limit(rest, model, changes)}
    instructions, messages = turns(rest.pop("messages", None), changes)
    body["messages"] = [*messages]
    body |= {name: rest.pop(name) for name in _SAME if name in rest}
    if rest.pop("stream", False):
        body["stream"] = True
    take_tools(rest, body, messages, strict=structured, changes=changes)
    _take_stop(rest, body, changes)
    _take_user(rest, body, changes)
    _take_format(rest, body, instructions, structured=structured, changes=changes)
    changes.extend(
        Change(name, "dropped", told(name, value), None, "not a parameter there", loss=True)
        for name, value in rest.items()
    )
    reconcile(body, messages, changes)
    if instructions:
        plain = all(block.keys() == {"type", "text"} for block in instructions)
        body["system"] = "\n".join(str(block["text"]) for block in instructions) if plain else [*instructions]
    return body, changes


def _limit(rest: Json, model: Model | None, changes: list[Change]) -> JsonValue:
    """`max_tokens`, which must be stated."""
    newer, older = rest.pop("max_completion_tokens", None), rest.pop("max_tokens", None)
    if newer is not None:
        changes.append(
            Change("max_completion_tokens", "renamed", "max_completion_tokens", "max_tokens", "called max_tokens there")
        )
        return newer
    if older is not None:
        return older
    most = (model.max_output if model is not None else None) or DEFAULT_MAX_TOKENS
    changes.append(Change("max_tokens", "added", None, most, "it must be stated there; this is the model's most"))
    return most


def _take_stop(rest: Json, body: Json, changes: list[Change]) -> None:
    stop = rest.pop("stop", None)
    asked = [stop] if isinstance(stop, str) else stop
    if not isinstance(asked, list):
        return
    kept = [one for one in asked if not isinstance(one, str) or one.strip()]
    if kept:
        body["stop_sequences"] = kept
    if len(kept) < len(asked):
        changes.append(
            Change("stop", "dropped", stop, [*kept], "sequences of white space alone are refused there", loss=True)
        )


def _take_user(rest: Json, body: Json, changes: list[Change]) -> None:
    """Whom the call is for, and with which service."""
    user, safety, metadata = rest.pop("user", None), rest.pop("safety_identifier", None), rest.pop("metadata", None)
    if (who := user if safety is None else safety) is not None:
        body["metadata"] = {"user_id": who}
    elif isinstance(metadata, dict) and metadata.keys() == {"user_id"}:
        body["metadata"] = metadata
        metadata = None
    if metadata:
        changes.append(
            Change("metadata", "dropped", told("metadata", metadata), None, "takes user_id alone there", loss=True)
        )
    tier = rest.pop("service_tier", None)
    if tier in _TIERS:
        body["service_tier"] = tier
    elif tier not in (None, "default"):
        changes.append(Change("service_tier", "dropped", tier, None, "no such tier there", loss=True))


def _take_format(rest: Json, body: Json, instructions: list[Json], *, structured: bool, changes: list[Change]) -> None:
    """`response_format`: a schema is enforced where the model can, anything else is told to it."""
    asked = rest.pop("response_format", None)
    if not isinstance(asked, dict):
        if asked is not None:
            changes.append(Change("response_format", "dropped", told("", asked), None, "it is no object", loss=True))
        return
    if asked.get("type") == "text":
        return
    named = asked.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if structured and isinstance(schema, dict):
        form = fitted(schema)
        config = body.get("output_config")
        body["output_config"] = {
            **(config if isinstance(config, dict) else {}), "format": {"type": "json_schema", "schema": form},
        }  # fmt: skip
        if form != schema:
            reason = "objects are closed there, and what cannot be enforced is told to the model"
            changes.append(
                Change("response_format", "converted", "json_schema", "output_config.format", reason, loss=True)
            )
        return
    text = (
        f"{_ONLY_JSON} It fits this JSON schema: {dumps(schema).decode()}" if isinstance(schema, dict) else _ONLY_JSON
    )
    instructions.append({"type": "text", "text": text})
    reason = "there is no such mode there: the model is told"
    changes.append(Change("response_format", "converted", asked.get("type"), "an instruction", reason, loss=True))
