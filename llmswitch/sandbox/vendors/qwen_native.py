"""DashScope's native protocol (`/api/v1/services/...`): input and parameters, cumulative streams, no `[DONE]`.

Sources: dashscope 2.0's SDK (aigc/generation.py, common/utils.py, v2/protocols/native.py, v2/resources/embeddings.py)
and help.aliyun.com/zh/dashscope/return-status-code-description.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch import _json
from llmswitch.sandbox import answers
from llmswitch.sandbox.dialect import Provider, Route, Site, Variant
from llmswitch.sandbox.faults import is_streamed
from llmswitch.sandbox.fields import array, integer, table, text
from llmswitch.sandbox.vendors.qwen import CODING_PLANS, TOKEN_PLAN, Qwen
from llmswitch.sandbox.wire import Frame, Reply, Stream, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_FILTERED = "Input data may contain inappropriate content."
_MULTIMODAL = "/services/aigc/multimodal-generation/generation"

# The native words for what the compatible endpoint says otherwise: status, code, message by kind.
_NATIVE: dict[str, tuple[tuple[int, str, str], ...]] = {
    "auth": ((401, "InvalidApiKey", "Invalid API-key provided."),),
    "permission": (
        (
            403,
            "AccessDenied.Unpurchased",
            "Access to model denied. Please make sure you are eligible for using the model.",
        ),
        (403, "Model.AccessDenied", "Model access denied."),
    ),
    "model_not_found": (
        (404, "ModelNotFound", "Model can not be found."),
        (400, "InvalidParameter", "Model not exist."),
    ),
    "rate_limit": (
        (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
        (429, "Throttling", "Requests throttling triggered."),
        (429, "Throttling.BurstRate", "Request rate increased too quickly."),
        (429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit."),
    ),
    "refusal": ((400, "DataInspectionFailed", _FILTERED),),
    "overload": ((503, "ServiceUnavailable", "Service temporarily unavailable, please try again later."),),
    "server_error": (
        (500, "InternalError", "An internal error has occured, please try again later or contact service support."),
        (500, "InternalError.Timeout", "An internal timeout error has occured, please try again later."),
    ),
    "context_length": ((400, "InvalidParameter", "Range of input length should be [1, 129024]"),),
    "bad_request": (
        (400, "InvalidParameter", "Required parameter(s) missing or invalid, please check the request parameters."),
    ),
}


class QwenNative(Qwen):
    """The native side of the same hosts and keys."""

    prefix = "/api/v1"
    errors: ClassVar = {
        **Qwen.errors,
        **{kind: tuple(Variant(*one) for one in variants) for kind, variants in _NATIVE.items()},
    }

    def routes(self) -> tuple[Route, ...]:
        """Return text and multimodal generation, and embeddings."""
        return (
            Route("POST", "/api/v1/services/aigc/text-generation/generation", self.generate),
            Route("POST", "/api/v1" + _MULTIMODAL, self.generate),
            Route("POST", "/api/v1/services/embeddings/text-embedding/text-embedding", self.embed),
        )

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"code", "message", "request_id"}`."""
        del call
        request = identifier()
        body: Json = {"code": variant.code, "message": variant.message, "request_id": request}
        return Reply(variant.status, body, {"x-request-id": request})

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the error as `event:error`, its status in a comment."""
        body = self.error(call, variant).body
        return _event(body if not isinstance(body, bytes) else None, 1, "error", variant.status)

    def generate(self, call: Call) -> Reply | Stream:
        """Answer a generation: whole, or as events when the header asks for them."""
        if not call.readable:
            raise self.refuse(call, "bad_request")
        parameters, given = table(call.body.get("parameters")), table(call.body.get("input"))
        prompt = given.get("prompt")
        messages: JsonValue = (
            [{"role": "user", "content": prompt}] if isinstance(prompt, str) else given.get("messages")
        )
        streamed = is_streamed(call)
        body: Json = {**parameters, "model": call.model, "messages": messages, "stream": streamed}
        inner = replace(call, body=body)
        model = self.known_model(call, call.model)
        self.check(inner, model)
        if streamed and self.thinks(inner, model) and parameters.get("incremental_output") is not True:
            message = 'The incremental_output parameter must be "true" when enable_thinking is true'
            raise self.refuse(call, "bad_request", message)
        turn = self.turn(inner, model)
        if turn.prompt_tokens > model.context:
            raise self.refuse(call, "context_length", f"Range of input length should be [1, {model.context}]")
        request = identifier()
        if streamed:
            return Stream(self._events(turn, request), {"x-request-id": request})
        return Reply(200, self._whole(turn, request), {"x-request-id": request})

    def _whole(self, turn: Turn, request: str) -> Json:
        spoken = []
        for choice in turn.choices:
            reasoning, said = "".join(choice.think()), "".join(choice.speak())
            calls = [one.encoded(index) for index, one in enumerate(choice.tool_calls)]
            spoken.append(self._choice(turn, said, reasoning, calls, self.finish(choice)))
        return self._answer(turn, spoken, request)

    def _choice(self, turn: Turn, said: str, reasoning: str, calls: list[Json], finish: str) -> Json:
        multimodal = turn.call.path.endswith(_MULTIMODAL)
        content: JsonValue = [{"text": said}] if multimodal else said
        message: Json = {"role": "assistant", "content": content}
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = [*calls]
        return {"finish_reason": finish, "message": message}

    def _answer(self, turn: Turn, choices: list[Json], request: str) -> Json:
        completion = sum(choice.tokens for choice in turn.choices)
        usage: Json = {
            "input_tokens": turn.prompt_tokens,
            "output_tokens": completion,
            "total_tokens": turn.prompt_tokens + completion,
        }
        plain = turn.call.body.get("result_format") != "message" and not turn.call.path.endswith(_MULTIMODAL)
        if plain:
            # The older format: the text alone, where `result_format` does not ask for messages.
            said = text(table(choices[0].get("message")).get("content"))
            output: Json = {"text": said, "finish_reason": choices[0].get("finish_reason")}
        else:
            output = {"choices": [*choices]}
        return {"output": output, "usage": usage, "request_id": request}

    def _events(self, turn: Turn, request: str) -> Iterator[Frame]:
        increments = turn.call.body.get("incremental_output") is True
        choice = turn.choices[0]
        number = 0
        said = reasoning = ""
        for said_piece, thought in _steps(choice):
            number += 1
            said, reasoning = (said_piece, thought) if increments else (said + said_piece, reasoning + thought)
            body = self._answer(turn, [self._choice(turn, said, reasoning, [], "null")], request)
            yield Frame("content", _event(body, number))
        calls = [one.encoded(index) for index, one in enumerate(choice.tool_calls)]
        if calls:
            number += 1
            body = self._answer(turn, [self._choice(turn, "", "", calls, "null")], request)
            yield Frame("content", _event(body, number))
        said, reasoning = ("", "") if increments else (said, reasoning)
        calls = [] if increments else calls
        body = self._answer(turn, [self._choice(turn, said, reasoning, calls, self.finish(choice))], request)
        yield Frame("end", _event(body, number + 1))

    def embed(self, call: Call) -> Reply | Stream:
        """Answer text embeddings."""
        model = self.known_model(call, call.model)
        texts = [text(one) for one in array(table(call.body.get("input")).get("texts"))]
        size = integer(table(call.body.get("parameters")).get("dimension")) or (model.dimensions or (0,))[0]
        if not texts or not all(texts) or len(texts) > self.embeddings_batch or not self.takes_dimensions(model, size):
            raise self.refuse(
                call, "bad_request", f"batch size is invalid, it should not be larger than {self.embeddings_batch}."
            )
        found: list[JsonValue] = [
            {"text_index": index, "embedding": [*answers.vector(said, call.model or "", size)]}
            for index, said in enumerate(texts)
        ]
        usage: Json = {"total_tokens": sum(len(answers.pieces(said)) for said in texts)}
        return Reply(200, {"output": {"embeddings": found}, "usage": usage, "request_id": identifier()})


def _steps(choice: Choice) -> Iterator[tuple[str, str]]:
    """Yield pairs of text and reasoning, one of them empty."""
    for piece in choice.think():
        yield "", piece
    for piece in choice.speak():
        yield piece, ""


def _event(body: JsonValue, number: int, kind: str = "result", status: int = 200) -> bytes:
    # No space after the colons: the 1.x SDK knows `event:error` only so.
    head = f"id:{number}\nevent:{kind}\n:HTTP_STATUS/{status}\ndata:".encode()
    return head + _json.dumps(body) + b"\n\n"


def _site(name: str, base_variable: str, key_variable: str, sdk: dict[str, str] | None = None) -> Site:
    return Site(
        name=name,
        key=f"sk-llmswitch-sandbox-qwen-{name}-not-a-real-key",
        base="/compatible-mode/v1",
        native="/api/v1",
        base_variable=base_variable,
        key_variable=key_variable,
        sdk=sdk or {},
    )


_SDK = {
    "DASHSCOPE_API_KEY": "{key}",
    "DASHSCOPE_HTTP_BASE_URL": "{native}",
    "DASHSCOPE_COMPATIBLE_BASE_URL": "{base}",
}

PROVIDER = Provider(
    name="qwen",
    rank=20,
    dialects=(Qwen, QwenNative),
    sites=(
        _site("cn", "LLMSWITCH_QWEN_CN_BASE_URL", "DASHSCOPE_API_KEY", _SDK),
        _site("intl", "LLMSWITCH_QWEN_INTL_BASE_URL", "DASHSCOPE_INTL_API_KEY"),
        *(Site.of("qwen", name, base="/compatible-mode/v1", native="/api/v1") for name in ("us", "hk", "eu", "jp")),
        *(Site.of("qwen", name, key=f"sk-sp-llmswitch-sandbox-{name}-not-a-real-key") for name in CODING_PLANS),
        Site.of("qwen", TOKEN_PLAN, base="/compatible-mode/v1"),
    ),
)
