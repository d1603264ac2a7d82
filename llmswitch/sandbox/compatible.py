"""Chat, embeddings and models in OpenAI's shape, as OpenAI and the compatible endpoints of the others serve them."""

from __future__ import annotations

import base64
import struct
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from llmswitch.sandbox import answers
from llmswitch.sandbox.answers import Choice, Prompt
from llmswitch.sandbox.dialect import Dialect, Route
from llmswitch.sandbox.fields import array, integer, number, table, tables, text
from llmswitch.sandbox.rules import roles_in_order, within
from llmswitch.sandbox.wire import Frame, Reply, Stream, event, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox.dialect import Model, Variant
    from llmswitch.sandbox.wire import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One chat call under way: what identifies its answer, and the choices to be spoken."""

    call: Call
    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    def usage(self) -> Json:
        """Return the usage in OpenAI's words, once the choices were spoken."""
        completion = sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": sum(choice.reasoning_tokens for choice in self.choices)},
        }


class Compatible(Dialect):
    """OpenAI's paths under the site's base; a subclass states how its vendor differs."""

    prefix = "/"
    most_choices: ClassVar[int] = 1
    embeddings_batch: ClassVar[int] = 2048
    id_prefix: ClassVar[str] = "chatcmpl-"
    owner: ClassVar[str]
    base64_vectors: ClassVar[bool] = True
    last_delta: ClassVar[Json] = {"content": ""}
    """The delta of the chunk that carries the finish reason: OpenAI's is empty, the others' holds an empty text."""
    error_fields: ClassVar[tuple[str, ...]] = ("message", "type", "param", "code")
    """What an error says, in `{"error": {...}}`."""
    ranges: ClassVar[Mapping[str, str]] = {}
    """The intervals of the parameters, such as "(0, 1]"."""
    out_of_range: ClassVar[str] = "{name} should be in {range}"
    roles: ClassVar[tuple[str, ...]] = ()
    """The roles it knows; () takes whatever comes."""
    wrong_role: ClassVar[str] = "messages[{index}].role: {role} is not valid"
    usage_comes: ClassVar[Literal["asked", "always", "last"]] = "asked"
    """In a stream: in a chunk of its own, when asked for or always, or on the last chunk of the answer."""
    too_many: ClassVar[str] = "batch size is invalid, it should not be larger than {most}."
    reasoning_field: ClassVar[str] = "reasoning_content"
    unfinished: ClassVar[JsonValue] = None
    """The finish reason of a chunk before the last."""

    def routes(self) -> tuple[Route, ...]:
        """Return chat and models, and embeddings where a model makes them."""
        return tuple(route for base in self.bases() for route in self._routes(base))

    def _routes(self, base: str) -> Iterator[Route]:
        yield Route("POST", f"{base}/chat/completions", self.chat)
        yield Route("GET", f"{base}/models", self.list_models)
        yield Route("GET", f"{base}/models/{{id}}", self.show_model)
        if any(model.dimensions for model in self.models.values()):
            yield Route("POST", f"{base}/embeddings", self.embeddings)

    # What a subclass may state its own way.

    def bases(self) -> tuple[str, ...]:
        """Return where its paths begin."""
        return (self.site.base,)

    def authenticate(self, call: Call) -> None:
        """Take this site's key as `Authorization: Bearer`."""
        if call.bearer() != self.site.key:
            raise self.refuse(call, "auth")

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {...}}` with the vendor's fields."""
        del call
        return Reply(variant.status, {"error": {name: getattr(variant, name) for name in self.error_fields}})

    def check(self, call: Call, model: Model) -> None:
        """Raise `Refused` for a chat body that the vendor rejects."""
        if wrong := self.wrong(call, model, answers.messages_of(call.body)):
            raise self.refuse(call, "bad_request", wrong)

    def wrong(self, call: Call, model: Model, messages: list[Json]) -> str | None:
        """Return what the vendor rejects about a chat body, in its words, or None."""
        del model
        for name, interval in self.ranges.items():
            value = number(call.body.get(name))
            if value is not None and not within(value, interval):
                return self.out_of_range.format(name=name, range=interval)
        for index, message in enumerate(messages):
            if self.roles and message.get("role") not in self.roles:
                return self.wrong_role.format(index=index, role=message.get("role"))
        return roles_in_order(messages) if messages else "messages must not be empty"

    def thinks(self, call: Call, model: Model) -> bool:
        """Say whether the answer shows its reasoning (`reasoning_content`)."""
        del call
        return model.thinks

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add the vendor's own fields to a completion or chunk."""
        del turn
        return body

    def dress_choice(self, choice: Choice, body: Json) -> Json:
        """Add the vendor's own fields to a finished choice."""
        del choice
        return body

    def closing(self, turn: Turn, choice: Choice, chunk: Json) -> Json:
        """Change the chunk that finishes a choice."""
        del choice
        return {**chunk, "usage": self.usage(turn)} if self.usage_comes == "last" else chunk

    def usage(self, turn: Turn) -> Json:
        """Return what was counted, in the vendor's words."""
        return turn.usage()

    def usage_chunk(self, turn: Turn) -> bool:
        """Say whether usage comes in a chunk of its own, with no choices."""
        asked = table(turn.call.body.get("stream_options")).get("include_usage") is True
        return self.usage_comes == "always" or (asked and self.usage_comes == "asked")

    def reasoned(self, call: Call, said: str) -> Json:
        """Return what carries reasoning in a message or delta."""
        del call
        return {self.reasoning_field: said}

    def message(self, call: Call, choice: Choice, reasoning: str, said: str) -> Json:
        """Return the message of a whole answer."""
        message: Json = {"role": "assistant", "content": said}
        if reasoning:
            message |= self.reasoned(call, reasoning)
        if choice.tool_calls:
            message["content"] = None
            message["tool_calls"] = [one.encoded() for one in choice.tool_calls]
        return message

    def deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield the deltas of a stream: reasoning, text, tool calls."""
        for piece in choice.think():
            yield self.reasoned(call, piece)
        for piece in choice.speak():
            yield {"content": piece}
        yield from self.call_deltas(call, choice)

    def call_deltas(self, call: Call, choice: Choice) -> Iterator[Json]:
        """Yield the tool calls of a stream: id and name first, the arguments in fragments."""
        del call
        for index, one in enumerate(choice.tool_calls):
            opening = one.encoded(index)
            opening["function"] = {"name": one.name, "arguments": ""}
            yield {"tool_calls": [opening]}
            for start in range(0, len(one.arguments), 12):
                fragment: Json = {"index": index, "function": {"arguments": one.arguments[start : start + 12]}}
                yield {"tool_calls": [fragment]}

    # Chat.

    def chat(self, call: Call) -> Reply | Stream:
        """Answer `chat/completions`."""
        if not call.readable:
            raise self.refuse(call, "bad_request", "We could not parse the JSON body of your request.")
        model = self.known_model(call, call.model)
        self.check(call, model)
        turn = self.turn(call, model)
        if turn.prompt_tokens > model.context:
            raise self.refuse(
                call, "context_length", self.too_long(model.context, turn.prompt_tokens), param="messages"
            )
        if call.body.get("stream") is True:
            return Stream(self.frames(turn))
        return Reply(200, self.completion(turn))

    def too_long(self, limit: int, found: int) -> str | None:
        """Return the vendor's words for a prompt over the model's context; None leaves the usual ones."""
        del limit, found
        return None

    def turn(self, call: Call, model: Model) -> Turn:
        """Decide what is answered; nothing is spoken yet."""
        body, messages = call.body, answers.messages_of(call.body)
        limit = integer(body.get("max_completion_tokens")) or integer(body.get("max_tokens"))
        stop = body.get("stop")
        stops = (stop,) if isinstance(stop, str) else tuple(text(one) for one in array(stop))
        parallel = body.get("parallel_tool_calls") is not False
        calls = answers.tool_calls(messages, tables(body.get("tools")), body.get("tool_choice"), parallel=parallel)
        wanted = answers.json_text(table(body.get("response_format")), messages)
        thoughts = tuple(answers.pieces(answers.THOUGHTS)) if self.thinks(call, model) else ()
        choices = []
        for index in range(min(integer(body.get("n")) or 1, self.most_choices)):
            prompt = Prompt(
                endpoint=self.endpoint,
                model=call.model or "",
                messages=messages,
                index=index,
                limit=limit,
                stop=stops,
                temperature=number(body.get("temperature")),
            )
            source = iter(answers.pieces(wanted)) if wanted is not None else self.generator.text(prompt)
            choices.append(
                Choice(
                    index=index,
                    thoughts=thoughts,
                    source=source,
                    tool_calls=calls,
                    limit=limit,
                    filtered=call.filtered,
                    ending=call.ending,
                )
            )
        return Turn(
            call=call,
            id=identifier(self.id_prefix),
            created=int(time.time()),
            model=call.model or "",
            choices=tuple(choices),
            prompt_tokens=answers.count(messages),
        )

    def finish(self, choice: Choice) -> str:
        """Return the vendor's word for how the choice ended."""
        return choice.ending or choice.finish if choice.finish == "content_filter" else choice.finish

    def completion(self, turn: Turn) -> Json:
        """Return the whole answer."""
        found: list[JsonValue] = []
        for choice in turn.choices:
            reasoning, said = "".join(choice.think()), list(choice.speak())
            message = self.message(turn.call, choice, reasoning, "".join(said))
            body: Json = {"index": choice.index, "message": message}
            if turn.call.body.get("logprobs") is True:
                body["logprobs"] = {"content": [_logprob(turn.call, piece) for piece in said]}
            body["finish_reason"] = self.finish(choice)
            found.append(self.dress_choice(choice, body))
        return self.dress(turn, {**self._head(turn, "chat.completion"), "choices": found, "usage": self.usage(turn)})

    def frames(self, turn: Turn) -> Iterator[Frame]:
        """Yield the events of a streamed answer, its choices taking turns."""
        for choice in turn.choices:
            yield Frame("preamble", self._chunk(turn, choice, self.opening()))
        speaking = deque((choice, self.deltas(turn.call, choice)) for choice in turn.choices)
        while speaking:
            choice, deltas = speaking.popleft()
            delta = next(deltas, None)
            if delta is None:
                yield Frame("end", self._chunk(turn, choice, dict(self.last_delta), last=True))
            else:
                yield Frame("content", self._chunk(turn, choice, delta))
                speaking.append((choice, deltas))
        if self.usage_chunk(turn):
            body: Json = {**self._head(turn, "chat.completion.chunk"), "choices": [], "usage": self.usage(turn)}
            yield Frame("end", event(self.dress(turn, body)))
        yield Frame("done", b"data: [DONE]\n\n")

    def opening(self) -> Json:
        """Return the delta of the first chunk."""
        return {"role": "assistant", "content": ""}

    def _head(self, turn: Turn, kind: str) -> Json:
        return {"id": turn.id, "object": kind, "created": turn.created, "model": turn.model}

    def _chunk(self, turn: Turn, choice: Choice, delta: Json, *, last: bool = False) -> bytes:
        body: Json = {"index": choice.index, "delta": delta}
        if turn.call.body.get("logprobs") is True:
            piece = delta.get("content")
            body["logprobs"] = {"content": [_logprob(turn.call, piece)]} if isinstance(piece, str) and piece else None
        body["finish_reason"] = self.finish(choice) if last else self.unfinished
        chunk: Json = {**self._head(turn, "chat.completion.chunk"), "choices": [body]}
        if last:
            self.dress_choice(choice, body)
            chunk = self.closing(turn, choice, chunk)
        return event(self.dress(turn, chunk))

    # Embeddings and models.

    def embeddings(self, call: Call) -> Reply | Stream:
        """Answer `embeddings`: text or texts, where OpenAI takes them also as tokens."""
        model = self.known_model(call, call.model)
        if not model.dimensions:
            raise self.refuse(call, "model_not_found", param="model")
        inputs = _inputs(call.body.get("input"))
        if not inputs or any(not one for one in inputs):
            raise self.refuse(
                call,
                "bad_request",
                "'input' must be a string or an array of strings, none of them empty",
                param="input",
            )
        if len(inputs) > self.embeddings_batch:
            message = self.too_many.format(found=len(inputs), most=self.embeddings_batch)
            raise self.refuse(call, "bad_request", message, param="input")
        size = integer(call.body.get("dimensions")) or model.dimensions[0]
        if not self.takes_dimensions(model, size):
            raise self.refuse(
                call, "bad_request", f"dimensions {size} is not supported by {call.model}", param="dimensions"
            )
        packed = self.base64_vectors and call.body.get("encoding_format") == "base64"
        data: list[JsonValue] = []
        for index, said in enumerate(inputs):
            values = answers.vector(said, call.model or "", size)
            coded = base64.b64encode(struct.pack(f"<{size}f", *values)).decode()
            vector: JsonValue = coded if packed else [*values]
            data.append({"object": "embedding", "index": index, "embedding": vector})
        tokens = sum(len(answers.pieces(said)) for said in inputs)
        usage: Json = {"prompt_tokens": tokens, "total_tokens": tokens}
        body: Json = {"object": "list", "data": data, "model": call.model, "usage": usage}
        return Reply(200, self.dress_embeddings(body))

    def takes_dimensions(self, model: Model, size: int) -> bool:
        """Say whether the model gives vectors of this size."""
        return size in model.dimensions

    def dress_embeddings(self, body: Json) -> Json:
        """Add the vendor's own fields to embeddings."""
        return body

    def list_models(self, call: Call) -> Reply | Stream:
        """Answer `models`."""
        del call
        return Reply(200, {"object": "list", "data": [self._model(name) for name in self.models]})

    def show_model(self, call: Call) -> Reply | Stream:
        """Answer `models/{id}`."""
        name = call.places["id"]
        self.known_model(call, name)
        return Reply(200, self._model(name))

    def _model(self, name: str) -> Json:
        return {"id": name, "object": "model", "created": 1_735_689_600, "owned_by": self.owner}


def _inputs(value: JsonValue | None) -> list[str]:
    """Return the texts to embed; a list of tokens counts as one text."""
    if isinstance(value, str):
        return [value]
    items = array(value)
    if items and all(integer(item) is not None for item in items):
        return [" ".join(map(str, items))]
    return [item if isinstance(item, str) else " ".join(map(str, array(item))) for item in items]


def _logprob(call: Call, piece: str) -> Json:
    one: Json = {"token": piece, "logprob": -0.01, "bytes": list(piece.encode())}
    alternatives = integer(call.body.get("top_logprobs")) or 0
    top: list[JsonValue] = [{**one, "logprob": -0.01 - 2.0 * rank} for rank in range(alternatives)]
    return {**one, "top_logprobs": top}
