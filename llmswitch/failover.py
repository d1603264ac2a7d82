"""One call's way through its candidates: try, judge, wait, next.

A generator that asks a driver to send, wait or open a stream and is told what came of it. No I/O, no clock of its own, no locks, so the
sync and the async driver share it (the idea is httpx's `Auth.auth_flow`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from llmswitch import errors, gathering, vectors, wording
from llmswitch.call import Answer, Answered, Ended, Opened, Send, Start, Started, Wait
from llmswitch.failure import KEY_KINDS, Failure, Kind, classify, twin
from llmswitch.health import Key
from llmswitch.hooks import Event, Name
from llmswitch.patience import Patience
from llmswitch.report import Attempt, Report
from llmswitch.secret import CHANGING
from llmswitch.transport.base import Headers
from llmswitch.vectors import Rows

if TYPE_CHECKING:
    from collections.abc import Generator

    from llmswitch._json import Json, JsonValue
    from llmswitch.call import Call
    from llmswitch.config import Endpoint
    from llmswitch.engine import Engine
    from llmswitch.health import Admission
    from llmswitch.price import PriceList
    from llmswitch.report import Change
    from llmswitch.routing import Candidate, Plan

Step = Send | Start | Wait | Opened
Outcome = Answered | Started | Ended | Exception | None

MAX_ATTEMPTS: Final = 3
# The caller's own: sent elsewhere they would fail the same way, or must not be sent elsewhere.
_CALLERS = frozenset({Kind.BAD_REQUEST, Kind.CONTENT_FILTER})
# Worth one more try at the same endpoint: the vendor was busy, or nothing reached it.
_AGAIN = frozenset({Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.UNREACHABLE, Kind.UNKNOWN})


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
        self._tried: list[tuple[Candidate, Attempt, Failure]] = []
        self._held_back: list[Attempt] = []
        self._last_reply: dict[int, tuple[errors.Reply | None, BaseException | None]] = {}
        self._lone = len(plan.candidates) == 1
        self._patience = Patience(call.timeouts, self._lone)
        self._bypassing = False  # every candidate is held back: the least bad one is tried, once
        self._changes: tuple[Change, ...] = ()
        self._requests = 1  # of the attempt that is under way
        self._left = 1  # attempts
        self._said: Json = {}  # at the end of the present attempt's answer, see `Attempt.said`
        self._sent: float | None = None  # when it was sent, by the wall clock
        self._keys: dict[Candidate, Key] = {}
        self.report = Report("", "", call.model, plan.region)

    def run(self) -> Generator[Step, Outcome, Answer | None]:
        """Try the candidates in order.

        Returns:
            The answer, or None where it was delivered as a stream.

        Raises:
            LoneFailure: the caller's own fault, or the only candidate failed.
            CallError: every candidate failed, none was left, or a stream broke after content had been delivered.
        """
        queue = self._queue()
        self._left = self._attempts_left()
        self._engine.budget.earn()
        while queue:
            candidate = queue.pop(0)
            if not self._admit(candidate, others=bool(queue)):
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
            if not queue and (again := self._again()) is not None:
                retry, seconds = again
                if seconds:
                    yield Wait(seconds)
                queue.append(retry)
            elif queue:
                self._tell("failover", candidate, failure.kind, status=failure.status, to=queue[0].endpoint.name)
        self._raise()
        return None  # unreachable: _raise raises

    # --- the candidates ------------------------------------------------------------------------------------------------------

    def _attempts_left(self) -> int:
        if self._lone:
            return 1 + max(0, self._call.max_retries)
        return MAX_ATTEMPTS if not self._bypassing else 1

    def _queue(self) -> list[Candidate]:
        """The admitted candidates, else the least bad one: soft-open before hard, the soonest to end first."""
        candidates = list(self._plan.candidates)
        if self._lone:
            return candidates
        keys = [self._key(candidate) for candidate in candidates]
        admissions = [self._engine.health.peek(key) for key in keys]
        open_ = [index for index, admission in enumerate(admissions) if admission.state in ("closed", "probe")]
        if not open_:
            self._bypassing = True
            open_ = [self._engine.health.least_bad(keys)]
        self._held_back = [
            self._untried(candidate, admissions[index])
            for index, candidate in enumerate(candidates)
            if index not in open_
        ]
        # One that is back only just goes behind the others until it has proved itself.
        open_.sort(key=lambda index: admissions[index].later)
        return [candidates[index] for index in open_]

    def _admit(self, candidate: Candidate, *, others: bool) -> bool:
        """Count the attempt, unless another call took the endpoint's only probe since we looked and there is somebody else."""
        admission = self._engine.health.admit(self._key(candidate))
        if self._lone or self._bypassing or admission.state in ("closed", "probe"):
            return True
        if not others and not self._tried:
            self._bypassing = True
            return True
        if all(candidate is not tried for tried, *_ in self._tried):
            self._held_back.append(self._untried(candidate, admission))
        return False

    def _key(self, candidate: Candidate) -> Key:
        key = self._keys.get(candidate)
        if key is not None:
            return key
        endpoint = candidate.endpoint
        credential = (endpoint.first and self._call.credential) or endpoint.credential
        # "" would stand for every model: what is learned about a call without one is about that alone.
        model = candidate.model or f"({self._call.operation})"
        key = self._keys[candidate] = Key(endpoint.identity, self._plan.region or "", model, credential)
        return key

    def _again(self) -> tuple[Candidate, float] | None:
        """Who is worth a second attempt, and after how many seconds; None when nobody is."""
        if self._lone:
            return self._lone_again()
        if self._bypassing:
            return None
        for candidate, _, failure in self._tried:
            if sum(other is candidate for other, *_ in self._tried) > 1 or failure.no_retry:
                continue
            if failure.kind is Kind.RATE_LIMITED:
                wait = failure.retry_after
                if wait is None or wait > min(2.0, self._patience.left(self._passed()) or 2.0):
                    continue
            elif failure.kind in _AGAIN:
                wait = 0.2 * self._engine.random()
            else:
                continue
            if self._engine.budget.take():
                return candidate, wait
        return None

    def _lone_again(self) -> tuple[Candidate, float] | None:
        """Openai's own rules (`_base_client.py` `_should_retry`): 408, 409, 429, 5xx, connection and timeout; 0.5 to 8 s."""
        candidate, _, failure = self._tried[-1]
        retried = len(self._tried) - 1
        if failure.no_retry and failure.retry_after is None:
            return None
        if failure.status is not None and failure.status not in (408, 409, 429) and failure.status < 500:  # noqa: PLR2004
            return None
        if failure.retry_after is not None and 0 < failure.retry_after <= 120:  # noqa: PLR2004 - openai's ceiling
            return candidate, failure.retry_after
        return candidate, min(0.5 * 2**retried, 8.0) * (1 - 0.25 * self._engine.random())

    # --- one attempt ---------------------------------------------------------------------------------------------------------

    def _attempt(
        self, candidate: Candidate, *, last: bool
    ) -> Generator[Step, Outcome, tuple[Failure | None, Answer | None]]:
        """Send once and judge: (None, the answer), or (None, None) where a stream was delivered, or (the failure, None)."""
        engine = self._engine
        key = self._key(candidate)
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
        parts = self._parts(candidate)
        send = self._send(self._call, candidate, last=last) if parts is None else None
        started, event = engine.clock(), b""
        try:
            if send is None:
                outcome, failure, answer = yield from self._send_parts(parts or [], candidate, started, last=last)
            else:
                outcome = yield send
                failure, answer = self._judge(candidate, outcome, started)
            if failure is None and send is not None and send.stream and isinstance(outcome, Answered):
                ended = yield Opened(send, outcome, self._said)
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

    def _parts(self, candidate: Candidate) -> list[JsonValue] | None:
        """The texts of a call that goes out, or has begun to, as several requests; None where one will do."""
        if self._call.operation != "embeddings":
            return None
        if self._call.rows is not None and self._call.rows.model != candidate.model:
            self._call.rows = None  # another model is another space
        texts = vectors.texts(self._call.params)
        most = candidate.endpoint.adapter.batch(candidate.model)
        if texts is None or (not self._call.rows and (most is None or len(texts) <= most)):
            return None
        return texts

    def _send_parts(
        self, texts: list[JsonValue], candidate: Candidate, started: float, *, last: bool
    ) -> Generator[Step, Outcome, tuple[Outcome, Failure | None, Answer | None]]:
        """One request after the other, each judged like any. Rows that have come stay for whoever goes on with the same model."""
        if self._call.rows is None:
            self._call.rows = Rows(candidate.model)
        rows, provider = self._call.rows, candidate.endpoint.provider
        most = candidate.endpoint.adapter.batch(candidate.model) or len(texts)
        self._requests, counted = 0, []
        while True:
            part = texts[len(rows) : len(rows) + most]
            call = replace(self._call, params={**self._call.params, "input": part}, body=None)
            self._requests += 1
            self._said = {}
            outcome = yield self._send(call, candidate, last=last)
            found = self._read(call, candidate, outcome)
            if (usage := self._said.get("usage")) or not isinstance(found, Failure):
                counted.append(usage)
            self._said = {"usage": vectors.total(counted)}
            if isinstance(found, Failure):
                return outcome, found, None
            assert isinstance(outcome, Answered)  # noqa: S101 - as in `_judge`
            assert found is not None  # noqa: S101 - nothing is streamed
            assert found.value is not None  # noqa: S101 - what only openai would take is a failure here
            try:
                rows.take(found.value, len(part), provider)
            except errors.PayloadError as error:
                return outcome, error.failure, None
            self._patience, self._since = self._patience.after(self._passed()), self._engine.clock()
            if self._lone:  # each request is tried as often as openai tries one
                self._left = self._attempts_left() - 1
            if len(rows) == len(texts):
                merged = rows.merged()
                whole = replace(
                    outcome, headers=Headers(h for h in outcome.headers if h[0].lower() != "content-length")
                )
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
            if not (self._lone and call is self._call and _openai_would_take(error.failure, body)):
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
            attempts=(*(attempt for _, attempt, _ in self._tried), attempt),
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
        failure = failure and self._advised(candidate, failure)
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
            self._last_reply[len(self._tried)] = reply, cause
            self._tried.append((candidate, attempt, failure))
        if engine.watched:
            self._tell("attempt", candidate, failure.kind if failure else None, status=status, milliseconds=took)
        for change in changes:
            self._tell(change.name, candidate, change.kind, hold=change.hold)

    def _prices(self, endpoint: Endpoint) -> tuple[PriceList, ...]:
        """The user's own for this endpoint."""
        own = self._engine.config.prices
        return own and tuple(prices for prices in own if prices.covers(endpoint.provider, endpoint.site.name))

    def _advised(self, candidate: Candidate, failure: Failure) -> Failure:
        """The failure with the hint that needs more than the answer: what replaces a retired model, whose key this looks like."""
        endpoint = candidate.endpoint
        if failure.kind is Kind.MODEL_NOT_FOUND and candidate.retired:
            return replace(failure, hint=candidate.retired)
        if failure.kind in KEY_KINDS and failure.hint == twin.hint(endpoint.adapter):
            key = endpoint.key.reveal() if endpoint.key is not None else CHANGING
            shown = None if key == CHANGING else key
            return replace(failure, hint=twin.hint(endpoint.adapter, endpoint.site, shown))
        return failure

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

    def _untried(self, candidate: Candidate, admission: Admission) -> Attempt:
        seconds = None if admission.until is None else max(0.0, admission.until - self._engine.clock())
        endpoint = candidate.endpoint
        return Attempt(endpoint.provider, endpoint.site.name, candidate.model, kind=str(admission.kind or Kind.UNKNOWN),
                       message=wording.held_back(seconds, admission.message))  # fmt: skip

    def _case(self, *, cause: BaseException | None = None) -> errors.Case:
        """The first failure as a case: its class, reply and cause decide the error's."""
        attempts = tuple(attempt for _, attempt, _ in self._tried)
        index = 0 if not self._lone else len(self._tried) - 1
        candidate, attempt, failure = self._tried[index]
        reply, sent_cause = self._last_reply.get(index, (None, None))
        return errors.Case(
            str(attempt),
            (*attempts, *self._held_back),
            failure,
            reply,
            None,
            candidate.endpoint.base_url,
            cause or sent_cause,
        )

    def _interrupted(self, failure: Failure, ended: Ended) -> errors.CallError:
        candidate, _, _ = self._tried[-1]
        text = wording.interrupted(candidate, failure, ended.partial)
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
    return next(
        (value for name, value in headers if name.lower() in _REQUEST_IDS),
        None,
    )


def _larger(candidate: Candidate, than: Candidate) -> bool:
    """Whether the context of `candidate` is known to be larger."""
    return candidate.context is not None and (than.context is None or candidate.context > than.context)


def _openai_would_take(failure: Failure, body: bytes) -> bool:
    """Whether openai's SDK would hand this body to a lone caller: empty, or a JSON object that is no error."""
    taken = failure.code not in ("not_json", vectors.WRONG_ROWS)
    return failure.kind is Kind.BAD_PAYLOAD and (not body or body.lstrip()[:1] == b"{") and taken
