"""What a vendor's answer or an exception means: `classify(...) -> Failure`.

Status alone never decides: arrears is 429 at Zhipu, 400 at Qwen, 403 at Ernie, 402 at DeepSeek, and MiniMax reports it with 500 or 200.
The order is: the vendor's code, its words, the HTTP status, the exception. What codes and words mean is data, `[[errors]]` in the adapters'
TOMLs; `compatible.toml` holds the shared rows, which are all that a provider nobody knows gets.

    body, exception ── evidence.read ──> codes, words, statuses ── rule rows ──> Kind
                    └─ connection ─────> nothing came back: DNS, TLS, timeout
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from llmswitch.errors import ConfigError
from llmswitch.failure import twin
from llmswitch.failure.answer import Body, answer
from llmswitch.failure.connection import of_exception, of_text, words
from llmswitch.failure.evidence import Evidence, read
from llmswitch.failure.rule import ErrorRule, Kind, parse
from llmswitch.failure.status import kind_of
from llmswitch.failure.wait import reset_time, retry_after, wait_in_text
from llmswitch.secret import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmswitch.adapter import Adapter

__all__ = ["ErrorRule", "Failure", "Kind", "classify", "parse"]

Source = Literal["code", "text", "status", "exception"]

SHARED: Final = "compatible"  # the adapter whose rows are everybody's
_MESSAGE: Final = 512
_CLIENT_ERRORS: Final = range(400, 500)
_SERVER_ERRORS: Final = range(500, 600)
KEY_KINDS: Final = frozenset({Kind.AUTH, Kind.KEY_SITE_MISMATCH})
# What the words of a page may mean; a page that speaks of rights or keys is still no vendor's word.
_ON_PAGES: Final = frozenset({Kind.REGION_BLOCKED, Kind.EDGE_BLOCKED, Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.TIMEOUT})
_REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "x-bc-request-id",
    "x-ds-trace-id",
)
_CODE_HEADERS: Final = ("x-amzn-errortype", "policy-id", "x-error-code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong.

    Attributes:
        kind: the meaning, the same for every vendor.
        provider: the adapter's name; as given where no adapter has it.
        status: the HTTP status, or the one the body names.
        code: the vendor's code or type, as found.
        message: the vendor's own words, at most 512 characters, without what looks like a key.
        retry_after: seconds to wait before the next try.
        no_retry: the vendor asks for no retry, or asks to wait in a way that cannot be read.
        reset_at: unix time at which a quota is filled again.
        model_scoped: the verdict is about this model, not the whole endpoint.
        source: what decided.
        sent: False where nothing reached the vendor, so that repeating is safe.
        hint: the next step, one sentence.
    """

    kind: Kind
    provider: str | None = None
    status: int | None = None
    code: str | None = None
    message: str = ""
    retry_after: float | None = None
    no_retry: bool = False
    reset_at: float | None = None
    model_scoped: bool = False
    source: Source = "status"
    sent: bool = True
    request_id: str | None = None
    hint: str | None = None


@dataclass(slots=True)
class _Verdict:
    kind: Kind
    source: Source
    rule: ErrorRule | None = None
    code: str | None = None
    sent: bool = True


def classify(
    *,
    provider: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    body: Body = None,
    exception: BaseException | None = None,
) -> Failure:
    """The meaning of a failed exchange. Pure, and it never raises.

    Args:
        provider: the adapter's name or an alias; others get the shared rows.
        status: the HTTP status, None where there was none or nobody knows it.
        headers: the response's headers, names in any case.
        body: as it came (bytes, text, an SSE event), or parsed. The first 64 KiB count.
        exception: what the transport or another SDK raised; status, headers and body are taken from it where it has them.
    """
    if not isinstance(status, int | None):
        status = int(status) if str(status).isdecimal() else None  # read from a log or a queue
    status, fields, body = answer(status, headers, body, exception)
    adapter = _adapter(provider)
    evidence = read(words(exception) if exception is not None and body is None else body)
    for name in _CODE_HEADERS:
        if name in fields:
            evidence.state(fields[name].partition(":")[0])
    decisive = _decisive(status, evidence)
    name = adapter.name if adapter else (provider or "").lower()
    verdict = (
        _lost(exception, status)
        or _challenge(fields)
        or _by_rules(_rules(adapter), evidence, decisive, name)
        or _Verdict(kind_of(decisive, evidence), "status")
    )
    rule, text = verdict.rule, evidence.text
    delay, unusable = retry_after(fields)
    if delay is None and not unusable:
        delay = wait_in_text(evidence.retry, text)
    return Failure(
        kind=verdict.kind,
        provider=adapter.name if adapter else provider,
        status=decisive if status is None else status,
        code=verdict.code or next(iter(evidence.stated), None),
        message=_clean(evidence.message),
        retry_after=delay,
        no_retry=unusable or fields.get("x-should-retry") == "false",
        reset_at=reset_time(evidence.reset, text, rule.utc_offset if rule else None),
        model_scoped=_model_scoped(verdict, evidence),
        source=verdict.source,
        sent=verdict.sent,
        request_id=next((fields[name] for name in _REQUEST_ID_HEADERS if name in fields), evidence.request_id),
        hint=_hint(adapter, verdict),
    )


def _adapter(provider: str | None) -> Adapter | None:
    from llmswitch import adapter  # noqa: PLC0415 - facts are read when the first failure needs them

    try:
        return None if provider is None else adapter.get(provider)
    except ConfigError:
        return None


def _rules(adapter: Adapter | None) -> tuple[ErrorRule, ...]:
    """The rows that hold for a provider: its own before the shared ones."""
    shared = _adapter(SHARED)
    own = () if adapter is None or adapter is shared else adapter.errors
    return (*own, *(shared.errors if shared else ()))


def _decisive(status: int | None, evidence: Evidence) -> int | None:
    """The status that counts: a relay's 2xx or 5xx gives way to the client error it reports from upstream."""
    if status is not None and status in _CLIENT_ERRORS:
        return status
    reported = next((number for number in evidence.statuses if number in _CLIENT_ERRORS), None)
    if reported is None and (status is None or status not in _SERVER_ERRORS):
        reported = next(iter(evidence.statuses), None)
    return status if reported is None else reported


def _lost(exception: BaseException | None, status: int | None) -> _Verdict | None:
    """The exchange broke: an answer's head, if there was one, was no error."""
    if exception is None or (status is not None and status >= _CLIENT_ERRORS.start):
        return None
    found = of_exception(exception)
    return None if found is None else _Verdict(found.kind, "exception", sent=found.sent)


def _challenge(fields: Mapping[str, str]) -> _Verdict | None:
    """Cloudflare names its own challenge page in a header."""
    return _Verdict(Kind.EDGE_BLOCKED, "text") if fields.get("cf-mitigated") == "challenge" else None


def _by_rules(rules: tuple[ErrorRule, ...], evidence: Evidence, status: int | None, provider: str) -> _Verdict | None:
    """Codes, then words, then, where there is no error status, what a text says of the connection, then the weak rows."""
    keys, text = evidence.codes.keys(), evidence.text

    def first(chosen: Iterable[ErrorRule]) -> _Verdict | None:
        for rule in chosen:
            found = rule.match(keys, text, status, provider)
            if found is not None:
                return _Verdict(rule.kind, "code" if rule.names_code else "text", rule, evidence.codes.get(found))
        return None

    verdict = first(rule for rule in rules if rule.names_code and not rule.weak)
    wordy = (rule for rule in rules if not rule.names_code and not rule.weak)
    verdict = verdict or first(rule for rule in wordy if not evidence.html or rule.kind in _ON_PAGES)
    if verdict is None and (status is None or status < _CLIENT_ERRORS.start) and (broken := of_text(text)):
        verdict = _Verdict(broken.kind, "text", sent=broken.sent)
    return verdict or first(rule for rule in rules if rule.weak)


def _model_scoped(verdict: _Verdict, evidence: Evidence) -> bool:
    if verdict.rule is not None and verdict.rule.model_scoped:
        return True
    # A relay that names a model beside its region error has others that work: opencode#40162.
    return verdict.kind is Kind.MODEL_NOT_FOUND or (verdict.kind is Kind.REGION_BLOCKED and evidence.model is not None)


def _hint(adapter: Adapter | None, verdict: _Verdict) -> str | None:
    """The next step: the row's own, and of a refused key where else it may belong."""
    told = verdict.rule.hint if verdict.rule else None
    other = twin.hint(adapter) if adapter and verdict.kind in KEY_KINDS else None
    return "; ".join(part for part in (told, other) if part) or None


def _clean(message: str) -> str:
    text = scrub(" ".join(message[: 8 * _MESSAGE].split())).encode("utf-8", "replace").decode()
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"
