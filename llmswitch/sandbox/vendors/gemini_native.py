"""Gemini's own protocol (`/v1/models/...:generateContent` and `/v1beta/...`), as far as google-genai needs it.

Sources: google-genai 3.6 (types.py, models.py: paths, fields, both spellings of names), ai.google.dev/api/generate-content.
A stream is events without a last one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmswitch import _json
from llmswitch.sandbox import answers
from llmswitch.sandbox.dialect import Provider, Route, Site, Variant
from llmswitch.sandbox.faults import is_streamed
from llmswitch.sandbox.fields import integer, spoken, table, tables, text
from llmswitch.sandbox.vendors.gemini import Gemini
from llmswitch.sandbox.wire import Frame, Reply, Stream, event, identifier, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.answers import Choice
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.dialect import Model
    from llmswitch.sandbox.wire import Call, Part

_REQUEST: Final = frozenset(
    {
        *("contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "safetySettings", "model"),
        *("cachedContent", "labels", "serviceTier", "store", "continuationToken"),
    }
)
_CONFIG: Final = frozenset(
    {
        *("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "responseLogprobs"),
        *("logprobs", "presencePenalty", "frequencyPenalty", "seed", "responseMimeType", "responseSchema"),
        *("responseJsonSchema", "responseModalities", "mediaResolution", "speechConfig", "thinkingConfig"),
        *("imageConfig", "enableEnhancedCivicAnswers", "audioTranscriptionConfig"),
    }
)
# What stands below these is the caller's own.
_OPAQUE: Final = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}


class GeminiNative(Gemini):
    """The native side of the same host and key."""

    prefix = "/v1"
    listed = False

    def routes(self) -> tuple[Route, ...]:
        """Return generation, embeddings and models, in both versions."""
        return tuple(
            route
            for root in ("/v1/models", "/v1beta/models")
            for route in (
                Route("POST", f"{root}/{{id}}:generateContent", self.generate),
                Route("POST", f"{root}/{{id}}:streamGenerateContent", self.generate),
                Route("POST", f"{root}/{{id}}:countTokens", self.count),
                Route("POST", f"{root}/{{id}}:embedContent", self.embed),
                Route("POST", f"{root}/{{id}}:batchEmbedContents", self.embed),
                Route("GET", root, self.list_models),
                Route("GET", f"{root}/{{id}}", self.show_model),
            )
        )

    def authenticate(self, call: Call) -> None:
        """Take the key in `x-goog-api-key` or in the query."""
        key = call.headers.get("x-goog-api-key") or call.query.get("key")
        if not key:
            message = (
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
                "other form of API consumer identity to call this API."
            )
            raise self.refuse(call, "auth", message)
        if key != self.site.key:
            raise self.refuse(call, "auth")

    def blocked(self, call: Call, variant: Variant) -> Json:
        """Return feedback in the place of candidates."""
        return {
            "promptFeedback": {"blockReason": variant.code},
            "usageMetadata": {},
            "modelVersion": call.places.get("id"),
        }

    def generate(self, call: Call) -> Reply | Stream:
        """Answer `generateContent`, or as events `streamGenerateContent`."""
        if not call.readable:
            raise self.refuse(call, "bad_request", "Invalid JSON payload received. Expected an object.")
        body = table(_camel(call.body))
        self.refuse_unknown(call, body, _REQUEST)
        self.refuse_unknown(call, table(body.get("generationConfig")), _CONFIG, "generation_config")
        inner = replace(call, body=_in_openais_words(call.places["id"], body))
        model = self.known_model(inner, inner.model)
        self._check_contents(inner, model, tables(body.get("contents")))
        turn = self.turn(inner, model)
        if turn.prompt_tokens > model.context:
            raise self.refuse(call, "context_length", self.too_long(model.context, turn.prompt_tokens))
        return Stream(_events(turn)) if is_streamed(call) else Reply(200, _whole(turn))

    def thinks(self, call: Call, model: Model) -> bool:
        """Thoughts are shown where they are asked for."""
        del model
        return call.body.get("include_thoughts") is True

    def _check_contents(self, call: Call, model: Model, contents: list[Json]) -> None:
        open_calls = 0
        signed: list[tuple[int, str, str]] = []
        for place, content in enumerate(contents, start=1):
            parts = tables(content.get("parts"))
            results = sum("functionResponse" in part for part in parts)
            if results != open_calls:
                message = (
                    "Please ensure that the number of function response parts is equal to the number of function call "
                    "parts of the function call turn."
                )
                raise self.refuse(call, "bad_request", message)
            calls = [part for part in parts if "functionCall" in part]
            open_calls = len(calls)
            if content.get("role") != "model" and not results:
                signed = []
            for part in calls[:1]:
                name = text(table(part.get("functionCall")).get("name"))
                signed.append((place, name, text(part.get("thoughtSignature"))))
        if wrong := self.wrong(call, model, answers.messages_of(call.body) if contents else []):
            raise self.refuse(call, "bad_request", wrong)
        if model.reasoning:
            self.check_signed(call, signed)

    # Tokens, embeddings and models.

    def count(self, call: Call) -> Reply | Stream:
        """Answer `countTokens`."""
        asked = _in_openais_words(call.places["id"], table(_camel(call.body)))
        self.known_model(call, call.places["id"])
        return Reply(200, {"totalTokens": answers.count(answers.messages_of(asked))})

    def embed(self, call: Call) -> Reply | Stream:
        """Answer `embedContent` and `batchEmbedContents`."""
        name = call.places["id"]
        model = self.known_model(call, name)
        if not model.dimensions:
            raise self.refuse(call, "model_not_found")
        body = table(_camel(call.body))
        found: list[JsonValue] = []
        for one in tables(body.get("requests")) or [body]:
            said = spoken({"content": table(one.get("content")).get("parts")})
            size = integer(one.get("outputDimensionality")) or model.dimensions[0]
            if not said or not self.takes_dimensions(model, size):
                raise self.refuse(call, "bad_request")
            found.append({"values": [*answers.vector(said, name, size)]})
        return Reply(200, {"embeddings": found} if "requests" in body else {"embedding": found[0]})

    def list_models(self, call: Call) -> Reply | Stream:
        """Answer `models`."""
        del call
        return Reply(200, {"models": [self._model(name) for name in self.models]})

    def _model(self, name: str) -> Json:
        method = "embedContent" if self.models[name].dimensions else "generateContent"
        return {
            "name": f"models/{name}",
            "displayName": name.replace("-", " ").title(),
            "inputTokenLimit": self.models[name].context,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": [method, "countTokens"],
        }


def _camel(value: JsonValue) -> JsonValue:
    """Return the body with the names of its fields in one spelling; both are taken."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for name, item in value.items():
        first, *rest = name.split("_")
        spelled = first + "".join(part.title() for part in rest)
        found[spelled] = item if spelled in _OPAQUE else _camel(item)
    return found


def _in_openais_words(model: str, body: Json) -> Json:
    config = table(body.get("generationConfig"))
    calling = table(table(body.get("toolConfig")).get("functionCallingConfig"))
    declared = [one for tool in tables(body.get("tools")) for one in tables(tool.get("functionDeclarations"))]
    messages: list[JsonValue] = []
    if system := spoken({"content": table(body.get("systemInstruction")).get("parts")}):
        messages.append({"role": "system", "content": system})
    open_calls: list[str] = []
    for content in tables(body.get("contents")):
        messages += _message(content, open_calls)
    wanted: Json = {
        "model": model,
        "messages": messages,
        "n": config.get("candidateCount"),
        "max_tokens": config.get("maxOutputTokens"),
        "stop": config.get("stopSequences"),
        "temperature": config.get("temperature"),
        "include_thoughts": table(config.get("thinkingConfig")).get("includeThoughts"),
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": one.get("name"),
                    "parameters": one.get("parametersJsonSchema") or _lower(one.get("parameters")),
                },
            }
            for one in declared
        ],
        "tool_choice": {"ANY": "required", "NONE": "none"}.get(text(calling.get("mode")), "auto"),
    }
    if config.get("responseMimeType") == "application/json":
        schema = config.get("responseJsonSchema") or _lower(config.get("responseSchema"))
        shaped: Json = {"type": "json_schema", "json_schema": {"schema": schema}}
        wanted["response_format"] = shaped if schema else {"type": "json_object"}
    return wanted


def _message(content: Json, open_calls: list[str]) -> list[Json]:
    """Return a turn's messages; results belong to the calls before them in their order, as Gemini's have no ids."""
    parts = tables(content.get("parts"))
    found: list[Json] = []
    for result in (table(part["functionResponse"]) for part in parts if "functionResponse" in part):
        said = _json.dumps(result.get("response")).decode()
        found.append({"role": "tool", "tool_call_id": open_calls.pop(0) if open_calls else "", "content": said})
    shown: list[JsonValue] = [{"type": "text", "text": part["text"]} for part in parts if text(part.get("text"))]
    shown.extend({"type": "image_url"} for part in parts if "inlineData" in part or "fileData" in part)
    calls: list[JsonValue] = []
    for part in parts:
        if "functionCall" in part:
            open_calls.append(identifier("call_"))
            calls.append({"id": open_calls[-1], "type": "function", "function": part["functionCall"]})
    role = "assistant" if content.get("role") == "model" else "user"
    message: Json = {"role": role, "content": shown, **({"tool_calls": calls} if calls else {})}
    return [*found, message] if shown or calls else found


def _lower(schema: JsonValue | None) -> JsonValue:
    """Return Google's schema as JSON Schema: its types are written large."""
    if isinstance(schema, list):
        return [_lower(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: item.lower() if name == "type" and isinstance(item, str) else _lower(item)
        for name, item in schema.items()
    }


def _usage(turn: Turn) -> Json:
    spoken_, thought = 0, 0
    for choice in turn.choices:
        spoken_ += choice.tokens - choice.reasoning_tokens
        thought += choice.reasoning_tokens
    usage: Json = {"promptTokenCount": turn.prompt_tokens, "candidatesTokenCount": spoken_}
    if thought:
        usage["thoughtsTokenCount"] = thought
    return {**usage, "totalTokenCount": turn.prompt_tokens + spoken_ + thought}


def _calls(choice: Choice) -> list[JsonValue]:
    """Return the calls as parts, the first one signed."""
    found: list[JsonValue] = []
    for index, one in enumerate(choice.tool_calls):
        part: Json = {"functionCall": {"name": one.name, "args": _json.loads(one.arguments)}}
        found.append({**part, **({"thoughtSignature": signature(one.name)} if index == 0 else {})})
    return found


def _candidate(choice: Choice, parts: list[JsonValue], *, last: bool) -> Json:
    found: Json = {"content": {"parts": parts, "role": "model"}, "index": choice.index}
    return {**found, "finishReason": _FINISH[choice.finish]} if last else found


def _head(turn: Turn) -> Json:
    return {"modelVersion": turn.model, "responseId": turn.id}


def _whole(turn: Turn) -> Json:
    candidates: list[JsonValue] = []
    for choice in turn.choices:
        thought, said = "".join(choice.think()), "".join(choice.speak())
        shown: list[tuple[str, Json]] = [(thought, {"thought": True}), (said, {})]
        parts: list[JsonValue] = [{"text": text_, **flag} for text_, flag in shown if text_]
        candidates.append(_candidate(choice, [*parts, *_calls(choice)], last=True))
    return {"candidates": candidates, "usageMetadata": _usage(turn), **_head(turn)}


def _events(turn: Turn) -> Iterator[Frame]:
    for choice in turn.choices:
        for piece in choice.think():
            yield _event(turn, "content", _candidate(choice, [{"text": piece, "thought": True}], last=False))
        for piece in choice.speak():
            yield _event(turn, "content", _candidate(choice, [{"text": piece}], last=False))
        for part in _calls(choice):
            yield _event(turn, "content", _candidate(choice, [part], last=False))
        yield _event(turn, "end", _candidate(choice, [{"text": ""}], last=True))


def _event(turn: Turn, part: Part, candidate: Json) -> Frame:
    return Frame(part, event({"candidates": [candidate], "usageMetadata": _usage(turn), **_head(turn)}))


PROVIDER = Provider(
    name="gemini",
    dialects=(Gemini, GeminiNative),
    sites=(
        Site(
            name="global",
            key="AIza-llmswitch-sandbox-not-a-real-key",
            base="/v1beta/openai",
            native="",  # where google-genai begins
            base_variable="LLMSWITCH_GEMINI_BASE_URL",
            key_variable="GEMINI_API_KEY",
            sdk={"GOOGLE_GEMINI_BASE_URL": "{native}", "GEMINI_API_KEY": "{key}"},
        ),
    ),
)
