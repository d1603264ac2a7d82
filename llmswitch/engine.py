"""What all calls of one client share: its configuration, its router, what is known about health, the retry budget, the hooks."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from llmswitch import _explicit, dialects, errors, gathering, hooks, routing, vectors, wording
from llmswitch import config as configuration
from llmswitch._json import loads
from llmswitch._withheld import withheld
from llmswitch.call import Call, Timeouts
from llmswitch.dialects.base import encode_json
from llmswitch.failover import Failover
from llmswitch.failure import Failure, Kind
from llmswitch.health import Budget, Health
from llmswitch.report import Attempt, Change, told
from llmswitch.transport.base import Headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmswitch._json import Json
    from llmswitch.config import Config, Endpoint
    from llmswitch.dialects.base import Dialect, WireAnswer, WireRequest
    from llmswitch.hooks import Event, Hook
    from llmswitch.routing import Candidate, Exclusion, Plan

# Learned by every client of the process: apps often make one per request.
_health: Final = Health()

# What only OpenAI has, and what to use elsewhere.
_INSTEAD: Final = {
    "responses": "chat.completions.create, which every provider serves",
    "completions": "chat.completions.create, which every provider serves",
    "assistants": "chat.completions.create with tools",
    "threads": "chat.completions.create, keeping the messages yourself",
    "moderations": "the provider's own content filter",
    "files": "the provider's own console or SDK",
    "batches": "chat.completions.create in a loop, or the provider's own batch service",
    "fine_tuning": "the provider's own fine-tuning service",
    "vector_stores": "embeddings.create with a vector database of your own",
}


class Engine:
    """See the module. `first` is the endpoint that the caller's own address, key and headers belong to."""

    def __init__(self, config: Config, *, watchers: Sequence[Hook] = (), health: Health | None = None) -> None:
        self.config = config
        self.health = health if health is not None else _health
        self.budget = Budget()
        self.clock = time.monotonic
        self.now = time.time
        self.random = random.random
        self._router = routing.Router(config)
        self._hooks = tuple(watchers)
        self.first: Endpoint = config.first or config.endpoints[0]
        via = self.first.via
        spoken = via.sdk.parameters.get(via.protocol, ()) if via is not None else ()
        self._unfitted = replace(self.first.adapter, parameters=spoken)
        for warning in config.warnings:
            hooks.logger.warning(warning)

    @staticmethod
    def shared_health() -> Health:
        """What every client of this process has learned."""
        return _health

    @classmethod
    def load(
        cls,
        *,
        environ: Mapping[str, str],
        hooks: Sequence[Hook] = (),
        health: Health | None = None,
        **arguments: Any,  # noqa: ANN401 - checked by config.load, one by one
    ) -> Engine:
        """The engine for these arguments of `config.load`.

        Raises:
            ConfigError: something is wrong, or no provider is configured at all.
        """
        config = configuration.load(environ=environ, **arguments)
        if not config.endpoints:
            raise errors.ConfigError(configuration.no_provider_message(config))
        return cls(config, watchers=hooks, health=health)

    def call(
        self,
        *,
        operation: str,
        params: Json,
        timeouts: Timeouts,
        options: Mapping[str, object],
        body: bytes | None = None,
        path: str = "",
        headers: Headers | None = None,
        credential: str = "",
        extra_headers: Mapping[str, str] | None = None,
        query: str = "",
        extra: Json | None = None,
        max_retries: int | None = 0,
        numbers: bool = False,
    ) -> Call:
        """A call with this client's defaults filled in.

        Raises:
            InvalidRequestError: a value has no JSON form.
        """
        return Call(
            operation=operation,
            params=_with_lists(params) if _has_tuples(params) else params,
            body=body,
            path=path,
            headers=headers,
            credential=credential,
            extra_headers=extra_headers or {},
            query=query,
            extra=extra or {},
            options=options,
            timeouts=self.bounded(timeouts),
            max_retries=max_retries or 0,
            numbers=numbers,
        )

    def bounded(self, timeouts: Timeouts) -> Timeouts:
        """These timeouts with this client's deadline where they have none."""
        if timeouts.deadline is not None or self.config.deadline is None:
            return timeouts
        return replace(timeouts, deadline=self.config.deadline)

    def failover(self, call: Call) -> Failover:
        """The way of this call through its candidates.

        Raises:
            InvalidRequestError: an option is wrong, or `strict` forbids what every candidate would need.
            NoProviderError: there is no candidate.
        """
        need = routing.need(call.operation, call.params, call.options)
        plan = self._router.candidates(need, now=datetime.now(UTC), draw=self.random())
        if not plan.candidates:
            raise self._no_provider(call, plan)
        if plan.options.deadline is not None:
            call.timeouts = replace(call.timeouts, deadline=plan.options.deadline)
        if (
            plan.options.on_content_filter == "next"
            and plan.options.providers is None
            and self.config.providers is None
        ):
            raise errors.InvalidRequestError(
                'on_content_filter="next" sends refused text to another vendor, so it wants the providers that may see it: '
                'providers=["qwen", ...]. Nothing was sent.'
            )
        if plan.options.strict:
            plan = self._strict(call, plan)
        return Failover(self, call, plan)

    def _strict(self, call: Call, plan: Plan) -> Plan:
        """The plan without the candidates for which something would be lost."""
        kept, lost = [], []
        for candidate in plan.candidates:
            _, _, changes = self.encode(call, candidate)
            losses = [change for change in changes if change.loss]
            if losses:
                names = ", ".join(f"{change.parameter} would be {change.action} ({change.reason})" for change in losses)
                lost.append(f"{candidate.endpoint.name} {candidate.model}: {names}")
            else:
                kept.append(candidate)
        if not kept:
            raise errors.InvalidRequestError(
                "strict=True, and no provider takes these parameters as they are:\n  " + "\n  ".join(lost)
                + "\nLeave the parameters out, or allow the changes with strict=False. Nothing was sent."
            )  # fmt: skip
        return replace(plan, candidates=tuple(kept))

    def _no_provider(self, call: Call, plan: Plan) -> errors.CallError:
        attempts = tuple(
            Attempt(
                out.provider, out.site, out.model or call.model, kind=out.kind or Kind.UNKNOWN.value, message=out.reason
            )
            for out in plan.excluded
        )
        blocked = next((out for out in plan.excluded if out.kind == Kind.REGION_BLOCKED), None)
        failure = _blocked(blocked) if blocked is not None else None
        message = wording.no_candidate(self.config, plan, call.operation, call.model)
        return errors.build(errors.NoProviderError, errors.Case(message, attempts, failure))

    def dialect(self, endpoint: Endpoint) -> Dialect:
        """How this provider speaks; who has all that OpenAI has, or was named by the caller, is heard as openai would hear it."""
        return dialects.get(endpoint.adapter.dialect, own=endpoint.heard_as_openai)

    def encode(self, call: Call, candidate: Candidate) -> tuple[WireRequest, Headers, tuple[Change, ...]]:
        """The request for this candidate. What was meant for the first endpoint stays with it.

        Raises:
            InvalidRequestError: a value has no JSON form.
        """
        endpoint = candidate.endpoint
        dialect = self.dialect(endpoint)
        params, body = call.params, call.body
        left: tuple[Change, ...] = ()
        if not endpoint.first and call.extra:
            params, body = {name: value for name, value in params.items() if name not in call.extra}, None
            left = tuple(
                Change(
                    name, "dropped", told(name, value), None, "extra_body is for the first endpoint alone", loss=True
                )
                for name, value in call.extra.items()
            )
        adapter = endpoint.adapter
        # Behind an address that nobody knows may be anything: it may have written those fields itself.
        if endpoint.site.serves != "anywhere" and (kept := withheld(params, adapter)) is not params:
            params, body = kept, None
        if endpoint.explicit and candidate.model == call.model and not dialect.foreign:
            adapter = self._unfitted  # the caller wrote for this very vendor: sent as openai would send it
        wire = dialect.encode(call.operation, params, adapter, candidate.model, body=body)
        if endpoint.first and call.path and not dialect.foreign:
            wire = replace(wire, path=call.path_for(candidate.model))
        changes = candidate.changes + left + wire.changes
        if endpoint.first and call.headers is not None and not endpoint.adapter.keyless:
            return wire, _rekeyed(call.headers, dialect) if dialect.foreign else call.headers, changes
        headers = Headers(dialect.headers(endpoint.key.reveal() if endpoint.key is not None else None).items())
        headers.append(("Accept", "text/event-stream" if call.stream else "application/json"))
        if wire.body is not None:
            headers.append(("Content-Type", "application/json"))
        if endpoint.first:
            headers.extend(call.extra_headers.items())
        return wire, headers, changes

    def decode(self, call: Call, candidate: Candidate, body: bytes) -> WireAnswer:
        """The answer in OpenAI's shape.

        Raises:
            PayloadError: it is none.
        """
        endpoint, dialect = candidate.endpoint, self.dialect(candidate.endpoint)
        if call.operation == "chat" and gathering.is_stream(body):
            return gathering.gather(endpoint.adapter, dialect.reader(endpoint.adapter, call.params), body)
        answer = dialect.decode(endpoint.adapter, body, call.operation)
        if call.operation != "embeddings" or endpoint.heard_as_openai:
            return answer
        wanted = not call.numbers and call.params.get("encoding_format") == "base64"
        return vectors.received(answer, call.params, endpoint.provider, base64_wanted=wanted)

    def finished_by_filter(self, value: Json) -> bool:
        """Whether the first choice of this answer ended because of its content."""
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        return isinstance(first, dict) and first.get("finish_reason") == "content_filter"

    def emit(self, event: Event) -> None:
        """Tell the log and the hooks."""
        hooks.emit(self._hooks, event)

    @property
    def watched(self) -> bool:
        """Whether anyone would see events that the log shows at DEBUG only."""
        return hooks.listening(self._hooks)

    def check_address(self, url: str) -> None:
        """Whether the user's policy lets anything go to an address that is the caller's own.

        Raises:
            NoProviderError: it does not.
        """
        config = self.config
        adapter, site = _explicit.whose(url)
        endpoint = configuration.Endpoint(adapter=adapter, site=site, base_url=url, hosted_in=site.hosted_in)
        objection = config.policy.objection(endpoint, config.region.code, "your policy")
        if objection is not None:
            raise errors.build(errors.NoProviderError, errors.Case(f"{url}: {objection.reason}. Nothing was sent."))

    def check_resource(self, path: str, options: Mapping[str, object] | None = None) -> None:
        """Whether a call of a resource that only OpenAI has may go out; `options` are llmswitch's own of this call.

        Raises:
            InvalidRequestError: an option is wrong.
            RegionBlockedError: OpenAI does not serve the region.
            NoProviderError: OpenAI has no key here.
        """
        first = self.config.first
        parts = [part for part in path.split("/") if part]
        name = next((part for part in parts if part in _INSTEAD), parts[1] if len(parts) > 1 else path)
        instead = _INSTEAD.get(name, "chat.completions.create or embeddings.create, which other providers serve")
        if first is None:
            named = next(absent for absent in self.config.absent if absent.endpoint.explicit)
            message = (
                f"{name} is a resource of {named.endpoint.name}, which takes no part: {named.reason}. Use {instead}."
            )
            raise errors.build(errors.NoProviderError, errors.Case(f"{message} Nothing was sent."))
        need = routing.need(name, {}, options)
        plan = self._router.candidates(need, now=datetime.now(UTC), draw=self.random())
        own = (first.provider, first.site.name)
        out = next((out for out in plan.excluded if (out.provider, out.site) == own), None)
        asked = out is not None and out.asked
        if (first.explicit and not asked) or any(candidate.endpoint is first for candidate in plan.candidates):
            return
        if out is not None and out.kind == Kind.REGION_BLOCKED:
            dated = f"{out} (source: {out.source}, as of {out.as_of})"
            message = f"{name} is a resource that only {first.adapter.title} has, and {dated}."
            case = errors.Case(f"{message} Use {instead}. Nothing was sent.", failure=_blocked(out))
            raise errors.build(errors.RegionBlockedError, case)
        why = "it has no key here: set OPENAI_API_KEY"
        if out is not None and (out.asked or "*" in first.adapter.resources):
            why = f"{out}"
        elif kept_out := next(
            (absent for absent in self.config.absent if absent.objection and absent.configured), None
        ):
            why = f"{kept_out.endpoint.name}: {kept_out.reason}"
        message = f"{name} is a resource of OpenAI's own, and {why}. Or use {instead}. Nothing was sent."
        raise errors.build(errors.NoProviderError, errors.Case(message))


def _has_tuples(params: Mapping[str, object]) -> bool:
    """Whether a parameter, or the content of a message, is a tuple."""
    if any(type(value) is tuple for value in params.values()):
        return True
    messages = params.get("messages")
    return type(messages) is list and any(
        type(message) is dict and type(message.get("content")) is tuple for message in messages
    )


def _with_lists(params: Json) -> Json:
    """The parameters as JSON has them: rules and dialects know lists."""
    return cast("Json", loads(encode_json(params)))


def _rekeyed(headers: Headers, dialect: Dialect) -> Headers:
    """What openai built, with the key where a foreign wire format has it."""
    bearer = next((value for name, value in headers if name.lower() == "authorization"), "")
    kept = headers.without("authorization")
    given = {name.lower() for name, _ in kept}
    own = dialect.headers(bearer.removeprefix("Bearer ") or None)
    kept.extend((name, value) for name, value in own.items() if name not in given)
    return kept


def _blocked(out: Exclusion) -> Failure:
    return Failure(kind=Kind.REGION_BLOCKED, provider=out.provider, message=out.reason, source="code")
