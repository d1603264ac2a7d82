"""OpenAI's own wire format, which most vendors speak, and the small differences between those who do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from llmswitch._json import dumps
from llmswitch.adapter import REASONING
from llmswitch.dialects._payload import broke_off, json_object, no_answer
from llmswitch.dialects.base import NO_REASON, WireAnswer, WireRequest, encode_json, finish_word
from llmswitch.parameters import fit

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader

_PATHS: Final = {"chat": "/chat/completions", "embeddings": "/embeddings"}


class OpenAI:
    """See `llmswitch.dialects.base.Dialect`. `completing`: whether to mend what vendors leave out or leave empty."""

    foreign = False

    def __init__(self, *, completing: bool = True) -> None:
        self._completing = completing

    def encode(
        self, operation: str, params: Json, adapter: Adapter, model: str, *, body: bytes | None = None
    ) -> WireRequest:
        """The caller's parameters, fitted to the provider, with its model."""
        if operation == "models":
            return WireRequest("GET", f"/models/{quote(model, safe='')}" if model else "/models", None)
        fitted, changes = fit(params, adapter, model, stream=bool(params.get("stream")))
        if model and fitted.get("model") != model:
            fitted = {**fitted, "model": model}
        if body is None or fitted is not params:
            body = encode_json(fitted)
        return WireRequest("POST", _PATHS[operation], body, changes)

    def headers(self, key: str | None) -> dict[str, str]:
        """`Authorization: Bearer …`."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def decode(self, adapter: Adapter, body: bytes, operation: str = "chat") -> WireAnswer:
        """The answer, with the vendor's finish reasons in OpenAI's words."""
        value = json_object(adapter, body)
        if missing := _missing(value, operation):
            raise no_answer(adapter, body, missing, value.get("usage"))
        if operation != "chat":
            return WireAnswer(value, body)
        word = finish_word(value)
        changed = _counted(value, adapter) | _renamed(value, adapter) | self._reasoned(value["choices"], adapter)
        if self._completing and "object" not in value:
            value["object"] = "chat.completion"
            changed = True
        return WireAnswer(value, dumps(value) if changed else body, word)

    def reader(self, adapter: Adapter, params: Json) -> StreamReader:  # noqa: ARG002 - nothing hangs on what was asked
        """Each event is a chunk."""
        return partial(self.chunk, adapter)

    def chunk(self, adapter: Adapter, data: Json, _event: bytes = b"") -> Json:
        """The chunk with the vendor's finish reasons in OpenAI's words, without empty ids and names of tool calls."""
        choices = data.get("choices")
        if not isinstance(choices, list) or not (self._completing or adapter.rewords):
            return data
        if (adapter.reasoning_field != REASONING and self._reasoned(choices, adapter)) | (
            (adapter.cached_field is not None or adapter.usage_in_choice) and _counted(data, adapter)
        ):
            data = dict(data)  # another object: the bytes as they came no longer say the same
        if not (self._completing or adapter.finish_reasons):
            return data
        changed: list[JsonValue] | None = None
        for index, choice in enumerate(choices):
            if type(choice) is dict and (found := _choice(choice, adapter)) is not choice:
                changed = changed or list(choices)
                changed[index] = found
        if "object" in data or not self._completing:
            return data if changed is None else {**data, "choices": changed}
        return {**data, "object": "chat.completion.chunk", "choices": choices if changed is None else changed}

    def _reasoned(self, choices: JsonValue, adapter: Adapter) -> bool:
        """Put reasoning where callers look for it, in place; whether there was some.

        Where nothing is mended, the vendor's own field stays beside it.
        """
        name, changed = adapter.reasoning_field, False
        if name == REASONING:
            return False
        for choice in choices if isinstance(choices, list) else ():
            for part in (choice.get("message"), choice.get("delta")) if isinstance(choice, dict) else ():
                if not isinstance(part, dict) or not part.get(name) or part.get(REASONING):
                    continue
                value = part[name]
                if isinstance(value, list):  # kept beside: some vendors want it back as it was
                    value = "".join(str(item.get("text") or "") for item in value if isinstance(item, dict))
                elif self._completing:
                    del part[name]
                part[REASONING] = value
                changed = True
        return changed


def _counted(value: Json, adapter: Adapter) -> bool:
    """Put usage where OpenAI has it, in place; whether something was elsewhere."""
    changed = False
    if adapter.usage_in_choice and not value.get("usage"):
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict) and isinstance(first.get("usage"), dict):
            value["usage"] = first.pop("usage")
            changed = True
    usage = value.get("usage")
    if adapter.cached_field and isinstance(usage, dict) and isinstance(usage.get(adapter.cached_field), int):
        details = usage.get("prompt_tokens_details")
        if not isinstance(details, dict) or details.get("cached_tokens") is None:
            usage["prompt_tokens_details"] = {**(details if isinstance(details, dict) else {}),
                                              "cached_tokens": usage[adapter.cached_field]}  # fmt: skip
            changed = True
    return changed


def _renamed(value: Json, adapter: Adapter) -> bool:
    """Put the answer's finish reasons into OpenAI's words, in place; whether there was one to be changed.

    Raises:
        PayloadError: one says that the answer broke off.
    """
    changed, choices = False, value["choices"]
    for choice in choices if isinstance(choices, list) else ():
        reason = choice.get("finish_reason") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(reason, str):
            continue
        if reason in adapter.failing_finish_reasons:
            raise broke_off(adapter, reason, value.get("usage"))
        if reason in adapter.finish_reasons:
            choice["finish_reason"] = adapter.finish_reasons[reason]
            changed = True
    return changed


def _choice(choice: Json, adapter: Adapter) -> Json:
    """One choice of a chunk; the same object where nothing had to change."""
    reason = choice.get("finish_reason")
    if type(reason) is str:
        mapped = None if reason in NO_REASON else adapter.finish_reasons.get(reason, reason)
        if mapped != reason:
            choice = {**choice, "finish_reason": mapped}
    delta = choice.get("delta")
    if type(delta) is dict and "tool_calls" in delta:
        calls = delta["tool_calls"]
        if isinstance(calls, list) and any(isinstance(call, dict) and _hollow(call) for call in calls):
            filled: list[JsonValue] = [_filled(call) if isinstance(call, dict) else call for call in calls]
            choice = {**choice, "delta": {**delta, "tool_calls": filled}}
    return choice


def _hollow(call: Json) -> bool:
    """Whether a tool call's fragment repeats id or name as empty text (Qwen), which in many programs replaces them."""
    function = call.get("function")
    return call.get("id") == "" or (isinstance(function, dict) and "name" in function and not function["name"])


def _filled(call: Json) -> Json:
    """The fragment without them."""
    kept = {name: value for name, value in call.items() if name != "id" or value != ""}
    function = call.get("function")
    if isinstance(function, dict):
        kept["function"] = {name: value for name, value in function.items() if name != "name" or value}
    return kept


def _missing(value: Json, operation: str) -> str | None:
    """What an answer to this operation lacks."""
    if operation == "chat":
        choices = value.get("choices")
        if not isinstance(choices, list) or not choices:
            return "the answer has no choices"
        if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
            return "a choice of the answer has no message"
        return None
    data = value.get("data")
    if operation == "embeddings":
        return None if isinstance(data, list) and data else "the answer has no embeddings"
    return None if isinstance(data, list) or isinstance(value.get("id"), str) else "the answer names no models"


DIALECT: Final = OpenAI()
OWN: Final = OpenAI(completing=False)
