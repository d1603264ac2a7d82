"""OpenAI as the sandbox serves it: `/v1/...`, error bodies, retired models, and small parts of what only it has.

Sources: openai's SDK types; developers.openai.com/docs/guides/error-codes; the region body is the one reported in
home-assistant/core#120072 and songquanpeng/one-api#1692. Retirement dates: litellm's price table, October 2026.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox import answers
from llmswitch.sandbox.answers import Prompt
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Route, Site, Variant, masked
from llmswitch.sandbox.fields import array, number, table, tables
from llmswitch.sandbox.rules import lacks_json_word, roles_in_order
from llmswitch.sandbox.wire import Frame, Refused, Reply, Stream, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

_INVALID = "invalid_request_error"
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
_RATE = (
    "Rate limit reached for {model} in organization org-sandbox on requests per min (RPM): Limit 3, Used 3, "
    "Requested 1. Please try again in 1s. Visit https://platform.openai.com/account/rate-limits to learn more."
)
_REFUSED = (
    "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed by "
    "our safety system."
)
_DEACTIVATED = (
    "The OpenAI account associated with this API key has been deactivated. If you are the owner and believe this was "
    "done in error, please contact us through our help center."
)
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_SMALL, _MIDDLE, _LARGE = Model(128_000), Model(1_047_576), Model(272_000, reasoning=True)
_VAST, _NEWEST = Model(1_050_000, reasoning=True), Model(922_000, reasoning=True)


class OpenAI(Compatible):
    """`api.openai.com`."""

    prefix = "/v1"
    owner = "openai"
    most_choices = 128
    filtered_finish = "content_filter"
    last_delta: ClassVar[Json] = {}
    errors: ClassVar = {
        "region_block": (
            Variant(
                403,
                "unsupported_country_region_territory",
                "Country, region, or territory not supported",
                "request_forbidden",
            ),
        ),
        "quota": (Variant(429, "insufficient_quota", _QUOTA, "insufficient_quota"),),
        "arrears": (
            Variant(
                429,
                "billing_not_active",
                "Your account is not active, please check your billing details on our website.",
                "billing_not_active",
            ),
        ),
        "rate_limit": (Variant(429, "rate_limit_exceeded", _RATE, "requests"),),
        "refusal": (Variant(400, "content_policy_violation", _REFUSED, _INVALID),),
        "overload": (
            Variant(
                503,
                "server_is_overloaded",
                "Our servers are currently overloaded. Please try again later.",
                "service_unavailable_error",
            ),
            Variant(503, "slow_down", "Slow down", "service_unavailable_error"),
        ),
        "server_error": (
            Variant(
                500, None, "The server had an error while processing your request. Sorry about that!", "server_error"
            ),
        ),
        "auth": (
            Variant(
                401,
                "invalid_api_key",
                "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
                _INVALID,
            ),
            Variant(401, "account_deactivated", _DEACTIVATED, _INVALID),
        ),
        "permission": (
            Variant(403, "model_not_found", "Project `proj_sandbox` does not have access to model `{model}`", _INVALID),
        ),
        "model_not_found": (
            Variant(
                404, "model_not_found", "The model `{model}` does not exist or you do not have access to it.", _INVALID
            ),
        ),
        "context_length": (
            Variant(
                400,
                "context_length_exceeded",
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 "
                "tokens. Please reduce the length of the messages.",
                _INVALID,
                "messages",
            ),
        ),
        "bad_request": (Variant(400, None, "Invalid request.", _INVALID),),
    }
    retired: ClassVar = frozenset({"gpt-4o-2024-05-13"})
    models: ClassVar = {
        **dict.fromkeys(("gpt-4o", "gpt-4o-mini"), _SMALL),
        **dict.fromkeys(("gpt-4.1", "gpt-4.1-mini"), _MIDDLE),
        **dict.fromkeys(("o3", "o3-pro"), Model(200_000, reasoning=True)),
        **dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.2", "gpt-5.3-codex"), _LARGE),
        **dict.fromkeys(("gpt-5.4-mini", "gpt-5.4-nano"), _LARGE),
        **dict.fromkeys(("gpt-5.4", "gpt-5.5"), _VAST),
        **dict.fromkeys(("gpt-5.6", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna"), _NEWEST),
        **dict.fromkeys(("gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-sol"), _NEWEST),
        "text-embedding-3-small": Model(8191, dimensions=(1536,)),
        "text-embedding-3-large": Model(8191, dimensions=(3072,)),
        "text-embedding-ada-002": Model(8191, dimensions=(1536,)),
    }

    def routes(self) -> tuple[Route, ...]:
        """Return chat, embeddings, models, and a little of responses, moderations and files."""
        return (
            *super().routes(),
            Route("POST", "/v1/responses", self.responses),
            Route("POST", "/v1/moderations", self.moderations),
            Route("GET", "/v1/files", lambda _: Reply(200, {"object": "list", "data": [], "has_more": False})),
        )

    def authenticate(self, call: Call) -> None:
        """Take `Authorization: Bearer` with the sandbox's key."""
        key = call.bearer()
        if key is None:
            missing = (
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
            raise Refused(self.error(call, Variant(401, None, missing, _INVALID)))
        if key != self.site.key:
            wrong = f"Incorrect API key provided: {masked(key)}. You can find your API key at https://platform.openai.com/account/api-keys."
            raise self.refuse(call, "auth", wrong)

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {message, type, param, code}}`."""
        del call
        error: Json = {
            "message": variant.message,
            "type": variant.type or _INVALID,
            "param": variant.param,
            "code": variant.code,
        }
        return Reply(variant.status, {"error": error}, {"x-request-id": identifier("req_", 32)})

    def unknown_path(self, call: Call) -> Reply:
        """Return OpenAI's 404, or its 405 for a known path."""
        if any(route.match(call.path) is not None for route in self.routes()):
            hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
            return self.error(call, Variant(405, None, f"Not allowed to {call.method} on {call.path}. {hint}"))
        return self.error(call, Variant(404, None, f"Invalid URL ({call.method} {call.path})"))

    def too_long(self, limit: int, found: int) -> str:
        """Say how long the prompt was."""
        return (
            f"This model's maximum context length is {limit} tokens. However, your messages resulted in {found} "
            "tokens. Please reduce the length of the messages."
        )

    def thinks(self, call: Call, model: Model) -> bool:
        """OpenAI never shows reasoning in chat completions."""
        del call, model
        return False

    def check(self, call: Call, model: Model) -> None:
        """Reject what OpenAI rejects, with its words."""
        self._check_messages(call)
        body = call.body
        for name, low, high in (
            ("temperature", 0, 2),
            ("top_p", 0, 1),
            ("presence_penalty", -2, 2),
            ("frequency_penalty", -2, 2),
            ("n", 1, 128),
        ):
            value = body.get(name)
            if value is None:
                continue
            found = number(value)
            if found is None:
                raise self._invalid(call, name, "invalid_type", f"Invalid type for '{name}': expected a number.")
            if not low <= found <= high:
                side, word, sign = (
                    ("below_min", "below minimum", ">=") if found < low else ("above_max", "above maximum", "<=")
                )
                bound = low if found < low else high
                message = (
                    f"Invalid '{name}': decimal {word} value. Expected a value {sign} {bound}, but got {found} instead."
                )
                raise self._invalid(call, name, f"decimal_{side}_value", message)
        if model.reasoning:
            self._check_reasoning(call)
        if lacks_json_word(body):
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise self._invalid(call, "messages", None, message)

    def _check_messages(self, call: Call) -> None:
        messages = call.body.get("messages")
        if not isinstance(messages, list):
            raise self._invalid(
                call, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."
            )
        if not messages:
            message = (
                "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array "
                "instead."
            )
            raise self._invalid(call, "messages", "empty_array", message)
        for index, one in enumerate(messages):
            place = f"messages[{index}]"
            role = table(one).get("role")
            if role not in _ROLES:
                known = f"{', '.join(map(repr, _ROLES[:-1]))}, and {_ROLES[-1]!r}"
                message = f"Invalid value: '{role}'. Supported values are: {known}."
                raise self._invalid(call, place + ".role", "invalid_value", message)
            content = table(one).get("content")
            if not isinstance(content, (str, list)) and (content is not None or role != "assistant"):
                message = f"Invalid type for '{place}.content': expected one of a string or array of objects."
                raise self._invalid(call, place + ".content", "invalid_type", message)
        if wrong := roles_in_order(answers.messages_of(call.body)):
            raise self._invalid(call, "messages", None, f"Invalid parameter: {wrong}")

    def _check_reasoning(self, call: Call) -> None:
        if call.body.get("max_tokens") is not None:
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead."
            )
            raise self._invalid(call, "max_tokens", "unsupported_parameter", message)
        temperature = number(call.body.get("temperature"))
        if temperature not in (None, 1):
            message = (
                f"Unsupported value: 'temperature' does not support {temperature} with this model. Only the default "
                "(1) value is supported."
            )
            raise self._invalid(call, "temperature", "unsupported_value", message)

    def _invalid(self, call: Call, param: str, code: str | None, message: str) -> Refused:
        return Refused(self.error(call, Variant(400, code, message, _INVALID, param)))

    def opening(self) -> Json:
        """Return OpenAI's first delta, which names the refusal too."""
        return {"role": "assistant", "content": "", "refusal": None}

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add service tier and fingerprint, and usage null where usage comes last."""
        body |= {"service_tier": "default", "system_fingerprint": "fp_sandbox"}
        for choice in tables(body.get("choices")):
            choice.setdefault("logprobs", None)
            if "message" in choice:
                table(choice["message"]).update({"refusal": None, "annotations": []})
        if body.get("object") == "chat.completion.chunk" and self.usage_chunk(turn):
            body.setdefault("usage", None)
        return body

    def takes_dimensions(self, model: Model, size: int) -> bool:
        """The third generation's vectors can be shortened to any size."""
        return 0 < size <= model.dimensions[0]

    # What only OpenAI has, as far as trying it needs.

    def responses(self, call: Call) -> Reply | Stream:
        """Answer `responses` with one text message."""
        self.known_model(call, call.model)
        given = call.body.get("input")
        messages: list[Json] = [{"role": "user", "content": given}] if isinstance(given, str) else tables(given)
        prompt = Prompt(endpoint=self.endpoint, model=call.model or "", messages=messages)
        said = list(self.generator.text(prompt))
        part: Json = {"type": "output_text", "text": "".join(said), "annotations": []}
        item: Json = {
            "type": "message",
            "id": identifier("msg_"),
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        spent: Json = {"input_tokens": answers.count(messages), "output_tokens": len(said)}
        spent["total_tokens"] = answers.count(messages) + len(said)
        spent |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        body: Json = {
            "id": identifier("resp_"),
            "object": "response",
            "created_at": int(time.time()),
            "status": "completed",
            "model": call.model,
            "output": [item],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": spent,
        }
        return Stream(_response_events(body, item, said)) if call.body.get("stream") is True else Reply(200, body)

    def moderations(self, call: Call) -> Reply | Stream:
        """Answer `moderations`: nothing is ever flagged."""
        given = call.body.get("input")
        results: list[JsonValue] = [
            {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
            for _ in (array(given) or [given])
        ]
        return Reply(200, {"id": identifier("modr-"), "model": "omni-moderation-latest", "results": results})


def _response_events(body: Json, item: Json, said: list[str]) -> Iterator[Frame]:
    started: Json = {**body, "status": "in_progress", "output": []}
    place: Json = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    steps: list[tuple[str, Json]] = [("response.created", {"response": started})]
    steps += [("response.output_text.delta", {**place, "delta": piece, "logprobs": []}) for piece in said]
    steps.append(("response.completed", {"response": body}))
    last = len(steps) - 1
    for step, (name, fields) in enumerate(steps):
        data = event({"type": name, "sequence_number": step, **fields}, name=name)
        yield Frame("preamble" if step == 0 else "end" if step == last else "content", data)


PROVIDER = Provider(
    name="openai",
    rank=10,
    dialects=(OpenAI,),
    sites=(
        Site(
            name="global",
            key="sk-llmswitch-sandbox-openai-not-a-real-key",
            base="/v1",
            native="/v1",
            base_variable="LLMSWITCH_OPENAI_BASE_URL",
            key_variable="OPENAI_API_KEY",
            sdk={"OPENAI_BASE_URL": "{base}", "OPENAI_API_KEY": "{key}"},
        ),
    ),
)
