"""One call's way through its candidates: try, judge, wait, next.

A generator that asks a driver to send, wait or open a stream and is told what came of it. No I/O, no clock of its own, no locks, so the
sync and the async driver share it (the idea is httpx's `Auth.auth_flow`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from llmswitch import errors, gathering, vectors, wording
from llmswitch.batching import Batches
from llmswitch.call import Answer, Answered, Ended, Opened, Send, Start, Started, Wait
from llmswitch.dialects._payload import tells_of_no_error
from llmswitch.failure import Failure, Kind, classify
from llmswitch.hooks import Event, Name
from llmswitch.patience import Patience
from llmswitch.report import Attempt, Report
from llmswitch.turns import Tried, Turns

if TYPE_CHECKING:
    from collections.abc import Generator

    from llmswitch._json import Json
    from llmswitch.call import Call
    from llmswitch.config import Endpoint
    from llmswitch.engine import Engine
    from llmswitch.health import Key
    from llmswitch.price import PriceList
    from llmswitch.report import Change
    from llmswitch.routing import Candidate, Plan

Step = Send | Start | Wait | Opened
Outcome = Answered | Started | Ended | Exception | None

# The caller's own: sent elsewhere they would fail the same way, or must not be sent elsewhere.
_CALLERS = frozenset({Kind.BAD_REQUEST, Kind.CONTENT_FILTER})


class _Details(TypedDict, total=False):
    """What an event says beside who and why."""

    status: int | None
    milliseconds: float | None
    hold: float | None
    to: str | None


class _Body(NamedTuple):
    """An answer, read and as bytes; `value` None where it is none, and a lone caller gets it all the same."""

    value: Json | None
    body: bytes


class LoneFailure(Exception):  # noqa: N818 - not an error of its own: the client turns it into openai's
    """The one candidate that counts failed: its own error goes to the caller as openai would raise it."""

    def __init__(self, case: errors.Case, *, exact: bool) -> None:
        super().__init__(case.message)
        self.case = case
        self.exact = exact  # whether there was never another candidate, so that openai's own retries apply


class Failover:
    """One call in the engine. `run` is the generator; `report` says at any moment what has happened."""

    def __init__(self, engine: Engine, call: Call, plan: Plan) -> None:
        self._engine, self._call, self._plan = engine, call, plan
        self._started = self._since = engine.clock()
        self._tried: list[Tried] = []
        self._lone = len(plan.candidates) == 1
        self._turns = Turns(engine, call, plan)
        self._patience = Patience(call.timeouts, self._lone)
        self._changes: tuple[Change, ...] = ()
        self._requests = 1  # of the attempt that is under way
        self._left = 1  # attempts
        self._said: Json = {}  # at the end of the present attempt's answer, see `Attempt.said`
        self._sent: float | None = None  # when it was sent, by the wall clock
        self.report = Report("", "", call.model, plan.region)

    def run(self) -> Generator[Step, Outcome, Answer | None]:
        """Try the candidates in order.

        Returns:
            The answer, or None where it was delivered as a stream.

        Raises:
            LoneFailure: the caller's own fault, or the only candidate failed.
            CallError: every candidate failed, none was left, or a stream broke after content had been delivered.
        """
        queue = self._turns.queue()
        self._left = self._turns.attempts()
        self._engine.budget.earn()
        while queue:
            candidate = queue.pop(0)
            if not self._turns.admit(candidate, self._tried, others=bool(queue)):
                continue
            self._left -= 1
            failure, answer = yield from self._attempt(candidate, last=not queue)
            if failure is None:
                return answer
            if failure.kind in _CALLERS and not self._may_pass_on(failure):
                raise LoneFailure(self._case(), exact=self._lone)
            if failure.kind is Kind.CONTEXT_LENGTH:
                queue = [c for c in queue if _larger(c, candidate)]
            if self._left <= 0 or not self._patience.worth_another(self._passed()):
                break
            if not queue and (again := self._turns.again(self._tried, self._patience.left(self._passed()))) is not None:
                retry, seconds = again
                if seconds:
                    yield Wait(seconds)
                queue.append(retry)
            elif queue:
                self._tell("failover", candidate, failure.kind, status=failure.status, to=queue[0].endpoint.name)
        self._raise()
        return None  # unreachable: _raise raises

    # --- one attempt ---------------------------------------------------------------------------------------------------------

    def _attempt(
        self, candidate: Candidate, *, last: bool
    ) -> Generator[Step, Outcome, tuple[Failure | None, Answer | None]]:
        """Send once and judge: (None, the answer), or (None, None) where a stream was delivered, or (the failure, None)."""
        engine = self._engine
        key = self._turns.key(candidate)
        self._said, self._sent = {}, engine.now()
        if not candidate.endpoint.base_url:
            outcome = yield Start(engine.config.local_model)
            if not isinstance(outcome, Started):
                unable = Failure(kind=Kind.UNREACHABLE, message=str(outcome), source="exception", sent=False)
                self._note(candidate, key, unable, engine.clock(), None, None)
                return unable, None
            endpoint = replace(candidate.endpoint, base_url=outcome.base_url, key=outcome.key)
            candidate = replace(candidate, endpoint=endpoint)
        self._requests = 1
        sending = Batches.of(self._call, candidate) or self._send(self._call, candidate, last=last)
        started, event = engine.clock(), b""
        try:
            if isinstance(sending, Batches):
                outcome, failure, answer = yield from self._send_all(sending, candidate, started, last=last)
            else:
                outcome = yield sending
                failure, answer = self._judge(candidate, outcome, started)
                if failure is None and sending.stream and isinstance(outcome, Answered):
                    ended = yield Opened(sending, outcome, self._said)
                    if isinstance(ended, Ended) and ended.failure is not None:
                        failure, event = ended.failure, ended.error
                        if ended.committed:
                            self._note(candidate, key, failure, started, _reply(outcome, event), None)
                            raise self._interrupted(failure, ended)
        except GeneratorExit:
            engine.health.release(key, started=started)
            raise
        cause = outcome if isinstance(outcome, Exception) else None
        self._note(candidate, key, failure, started, _reply(outcome, event), cause)
        return failure, answer

    def _send_all(
        self, batches: Batches, candidate: Candidate, started: float, *, last: bool
    ) -> Generator[Step, Outcome, tuple[Outcome, Failure | None, Answer | None]]:
        """One request after the other, each judged like any. Rows that have come stay for whoever goes on with the same model."""
        self._requests = 0
        while True:
            call = batches.next()
            self._requests += 1
            self._said = {}
            outcome = yield self._send(call, candidate, last=last)
            found = self._read(call, candidate, outcome)
            self._said = batches.counted(self._said, failed=isinstance(found, Failure))
            if isinstance(found, Failure):
                return outcome, found, None
            assert isinstance(outcome, Answered)  # noqa: S101 - as in `_judge`
            assert found is not None  # noqa: S101 - nothing is streamed
            assert found.value is not None  # noqa: S101 - what only openai would take is a failure here
            try:
                batches.take(found.value)
            except errors.PayloadError as error:
                return outcome, error.failure, None
            self._patience, self._since = self._patience.after(self._passed()), self._engine.clock()
            if self._lone:  # each request is tried as often as openai tries one
                self._left = self._turns.attempts() - 1
            if batches.complete:
                merged = batches.merged()
                whole = replace(outcome, headers=outcome.headers.without("content-length"))
                return outcome, None, self._answer(candidate, whole, started, merged.value, merged.body)

    def _send(self, call: Call, candidate: Candidate, *, last: bool) -> Send:
        """What to send, and how long each part of it may take."""
        engine = self._engine
        wire, headers, self._changes = engine.encode(call, candidate)
        limits = self._patience.limits(
            self._passed(), last=last, stream=call.stream, reasoning=candidate.tier == "reasoning"
        )
        return Send(
            operation=call.operation,
            candidate=candidate,
            method=wire.method,
            url=candidate.endpoint.base_url + wire.path + (call.query if candidate.endpoint.first else ""),
            headers=headers,
            body=wire.body,
            stream=call.stream,
            limits=limits,
        )

    def _judge(self, candidate: Candidate, outcome: Outcome, started: float) -> tuple[Failure | None, Answer | None]:
        """What the driver's outcome means: a failure, an answer, or neither where a stream has begun."""
        found = self._read(self._call, candidate, outcome)
        if isinstance(found, Failure):
            return found, None
        assert isinstance(outcome, Answered)  # noqa: S101 - anything else is a failure
        if found is None:
            self.report = self._reported(candidate, outcome, started)
            return None, None
        return None, self._answer(candidate, outcome, started, found.value, found.body)

    def _read(self, call: Call, candidate: Candidate, outcome: Outcome) -> Failure | _Body | None:
        """The answer in an outcome; None where a stream has begun."""
        provider = candidate.endpoint.provider
        if isinstance(outcome, Exception):
            return classify(provider=provider, exception=outcome)
        if not isinstance(outcome, Answered):
            raise TypeError(f"a driver answered Send with {outcome!r}")
        if not 200 <= outcome.status < 300:  # noqa: PLR2004 - HTTP's own numbers
            failure = classify(
                provider=provider, status=outcome.status, headers=dict(outcome.headers), body=outcome.body
            )
            return vectors.explained(failure, call.params, candidate)
        if call.stream:
            return None if outcome.body is None else self._no_stream(provider, outcome)
        body = outcome.body or b""
        try:
            decoded = self._engine.decode(call, candidate, body)
        except errors.PayloadError as error:
            self._said = error.said
            if not (self._lone and call is self._call and tells_of_no_error(error.failure, body)):
                return vectors.explained(error.failure, call.params, candidate)
            return _Body(None, body)
        self._said = {"usage": decoded.value.get("usage"), "finish_reason": decoded.finish_reason}
        if self._on_refusal == "next" and self._engine.finished_by_filter(decoded.value):
            return Failure(kind=Kind.CONTENT_FILTER, provider=provider, status=outcome.status, source="code",
                           message="the answer was stopped by the content filter")  # fmt: skip
        return _Body(decoded.value, decoded.body)

    def _answer(
        self, candidate: Candidate, outcome: Answered, started: float, value: Json | None, body: bytes
    ) -> Answer:
        self.report = self._reported(candidate, outcome, started)
        if value is not None and self._call.operation == "embeddings":
            space = vectors.space(candidate.endpoint.provider, candidate.model, value)
            self.report = replace(self.report, space=space)
        headers = gathering.headers(outcome.headers) if gathering.is_stream(outcome.body or b"") else outcome.headers
        return Answer(status=outcome.status, headers=headers, body=body, value=value, report=self.report)

    def _no_stream(self, provider: str, outcome: Answered) -> Failure:
        """A whole body where a stream was asked for: an error in it, or nothing that can be read as one."""
        failure = classify(provider=provider, status=outcome.status, headers=dict(outcome.headers), body=outcome.body)
        if failure.kind is not Kind.UNKNOWN:
            return failure
        return replace(failure, kind=Kind.BAD_PAYLOAD, message="not an event stream")

    def _reported(self, candidate: Candidate, outcome: Answered, started: float) -> Report:
        endpoint = candidate.endpoint
        took = 1000 * (self._engine.clock() - started)
        attempt = Attempt(endpoint.provider, endpoint.site.name, candidate.model, status=outcome.status,
                          request_id=_request_id(outcome.headers), milliseconds=took, requests=self._requests,
                          said=self._said, at=self._sent, prices=self._prices(endpoint))  # fmt: skip
        return Report(
            provider=endpoint.provider,
            site=endpoint.site.name,
            model=candidate.model,
            region=self._plan.region,
            attempts=(*(tried.attempt for tried in self._tried), attempt),
            changes=self._changes,
        )

    def _note(
        self,
        candidate: Candidate,
        key: Key,
        failure: Failure | None,
        started: float,
        reply: errors.Reply | None,
        cause: BaseException | None,
    ) -> None:
        """Tell health, the hooks and our own list."""
        engine = self._engine
        failure = failure and wording.advised(failure, candidate)
        took = 1000 * (engine.clock() - started)
        status = reply.status if reply is not None else None
        changes = engine.health.record(key, failure, started=started)
        endpoint = candidate.endpoint
        if failure is not None:
            attempt = Attempt(endpoint.provider, endpoint.site.name, candidate.model, kind=failure.kind.value,
                              status=failure.status, code=failure.code, message=failure.message,
                              request_id=failure.request_id, milliseconds=took, hint=failure.hint,
                              requests=self._requests, said=self._said, at=self._sent,
                              prices=self._prices(endpoint))  # fmt: skip
            self._tried.append(Tried(candidate, attempt, failure, reply, cause))
        if engine.watched:
            self._tell("attempt", candidate, failure.kind if failure else None, status=status, milliseconds=took)
        for change in changes:
            self._tell(change.name, candidate, change.kind, hold=change.hold)

    def _prices(self, endpoint: Endpoint) -> tuple[PriceList, ...]:
        """The user's own for this endpoint."""
        own = self._engine.config.prices
        return own and tuple(prices for prices in own if prices.covers(endpoint.provider, endpoint.site.name))

    def _tell(self, name: Name, candidate: Candidate, kind: Kind | None, **more: Unpack[_Details]) -> None:
        endpoint = candidate.endpoint
        self._engine.emit(
            Event(
                name=name,
                provider=endpoint.provider,
                site=endpoint.site.name,
                model=candidate.model,
                kind=kind and kind.value,
                region=self._plan.region,
                call=f"{id(self):x}-{self._started:.6f}",
                **more,
            )
        )

    # --- the end -------------------------------------------------------------------------------------------------------------

    @property
    def buffers(self) -> bool:
        """Whether a stream is held back until it is complete."""
        return self._plan.options.on_interrupt == "buffer"

    def deadline_left(self) -> float | None:
        """Seconds left of the whole call, None without a deadline."""
        return self._patience.deadline_left(self._passed())

    def _passed(self) -> float:
        return self._engine.clock() - self._since

    @property
    def _on_refusal(self) -> object:
        return self._plan.options.on_content_filter

    def _may_pass_on(self, failure: Failure) -> bool:
        """Whether a refusal may go to the next provider: only where this very call says so."""
        return failure.kind is Kind.CONTENT_FILTER and self._on_refusal == "next" and not self._lone

    def _case(self) -> errors.Case:
        """The first failure as a case, a lone candidate's last: its class, reply and cause decide the error's."""
        tried = self._tried[-1 if self._lone else 0]
        attempts = (*(one.attempt for one in self._tried), *self._turns.held_back)
        url = tried.candidate.endpoint.base_url
        return errors.Case(str(tried.attempt), attempts, tried.failure, tried.reply, None, url, tried.cause)

    def _interrupted(self, failure: Failure, ended: Ended) -> errors.CallError:
        text = wording.interrupted(self._tried[-1].candidate, failure, ended.partial)
        case = replace(self._case(), message=text, failure=failure, partial=ended.partial)
        return errors.build(errors.StreamInterruptedError, case)

    def _raise(self) -> None:
        """Raise what the failures amount to."""
        case = self._case()
        if self._lone:
            raise LoneFailure(case, exact=True)
        text = wording.all_failed(self._call.model, self._plan, case.attempts)
        raise errors.build(errors.AllProvidersFailedError, replace(case, message=text))


_REQUEST_IDS: Final = ("x-request-id", "request-id", "apim-request-id", "x-dashscope-request-id")


def _reply(outcome: Outcome, said: bytes) -> errors.Reply | None:
    """What the vendor answered; of a stream the event that told of the failure."""
    if not isinstance(outcome, Answered):
        return None
    return errors.Reply(outcome.status, tuple(outcome.headers), outcome.body or said)


def _request_id(headers: list[tuple[str, str]]) -> str | None:
    return next((value for name, value in headers if name.lower() in _REQUEST_IDS), None)


def _larger(candidate: Candidate, than: Candidate) -> bool:
    """Whether the context of `candidate` is known to be larger."""
    return candidate.context is not None and (than.context is None or candidate.context > than.context)
