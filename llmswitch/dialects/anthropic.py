"""Anthropic's Messages API: OpenAI's requests translated to it, its answers and streams translated back.

    _anthropic_request    parameters   _anthropic_messages  turns and blocks   _anthropic_tools  tools and the choice among them
    _anthropic_thinking   what thinking excludes             _anthropic_schema  JSON schemas
    _anthropic_answer     whole answers, usage, models       _anthropic_stream  events to chunks

Thinking comes as `reasoning_content`; its blocks with their signatures as `thinking_blocks` of our message, so that a program which appends
`response.choices[0].message` to its messages sends them back, as the vendor wants it in tool calls. Other vendors never see them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from llmswitch._json import dumps
from llmswitch.dialects._anthropic_answer import message, refusal, usage
from llmswitch.dialects._anthropic_answer import model as model_row
from llmswitch.dialects._anthropic_request import translated
from llmswitch.dialects._anthropic_stream import Stream
from llmswitch.dialects._payload import broke_off, json_object, no_answer
from llmswitch.dialects.base import WireAnswer, WireRequest, encode_json
from llmswitch.parameters import fit

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch.adapter import Adapter
    from llmswitch.dialects.base import StreamReader

# With this version the key goes into a header of its own; newer ones take it as a bearer token.
_VERSION: Final = "2023-06-01"
_PAGE: Final = 1000  # models in one answer, the most there can be


class Anthropic:
    """See `llmswitch.dialects.base.Dialect`. Not wholly pure: chunks and answers carry the time, which the vendor does not state."""

    foreign = True

    def encode(
        self,
        operation: str,
        params: Json,
        adapter: Adapter,
        model: str,
        *,
        body: bytes | None = None,  # noqa: ARG002 - the caller's bytes are OpenAI's
    ) -> WireRequest:
        """The caller's parameters, fitted to the model and translated."""
        if operation == "models":
            return WireRequest("GET", f"/models/{quote(model, safe='')}" if model else f"/models?limit={_PAGE}", None)
        fitted, changes = fit(params, adapter, model, stream=bool(params.get("stream")))
        if model and fitted.get("model") != model:
            fitted = {**fitted, "model": model}
        request, more = translated(fitted, adapter.model(model or str(fitted.get("model"))))
        return WireRequest("POST", "/messages", encode_json(request), (*changes, *more))

    def headers(self, key: str | None) -> dict[str, str]:
        """`x-api-key`, and the version."""
        return {"anthropic-version": _VERSION, **({"x-api-key": key} if key else {})}

    def decode(self, adapter: Adapter, body: bytes, operation: str = "chat") -> WireAnswer:
        """The answer as OpenAI's."""
        value = json_object(adapter, body)
        found = self._models(adapter, value) if operation == "models" else self._answer(adapter, value)
        if found is None:
            missing = "the answer names no models" if operation == "models" else "the answer has no content"
            raise no_answer(adapter, body, missing)
        return WireAnswer(found, dumps(found))

    def _answer(self, adapter: Adapter, value: Json) -> Json | None:
        if not isinstance(value.get("content"), list):
            return None
        reason = value.get("stop_reason")
        if isinstance(reason, str) and reason in adapter.failing_finish_reasons:
            raise broke_off(adapter, reason)
        said = message(value["content"])
        said["refusal"] = refusal(value.get("stop_details"))
        finish = adapter.finish_reasons.get(str(reason), reason)
        return {
            "id": value.get("id"),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": value.get("model"),
            "choices": [{"index": 0, "message": said, "finish_reason": finish, "logprobs": None}],
            "usage": usage(value.get("usage")),
        }

    def _models(self, adapter: Adapter, value: Json) -> Json | None:
        rows = value.get("data")
        if isinstance(rows, list):
            return {"object": "list", "data": [model_row(row, adapter.name) for row in rows]}
        return model_row(value, adapter.name) if isinstance(value.get("id"), str) else None

    def reader(self, adapter: Adapter, params: Json) -> StreamReader:
        """Made once a stream."""
        options = params.get("stream_options")
        counts = bool(isinstance(options, dict) and options.get("include_usage"))
        return Stream(adapter.finish_reasons, created=int(time.time()), counts=counts).read


DIALECT: Final = Anthropic()
