"""What a vendor's answer or an exception means: `classify(...) -> Failure`.

Status alone never decides: arrears is 429 at Zhipu, 400 at Qwen, 403 at Ernie, 402 at DeepSeek, and MiniMax reports it with 500 or 200.
The order is: the vendor's code, its words, the HTTP status, the exception. What codes and words mean is data, `[[errors]]` in the adapters'
TOMLs; `compatible.toml` holds the shared rows, which are all that a provider nobody knows gets.

    body, exception ── evidence.read ──> codes, words, statuses ── rule rows ──> Kind
                    └─ connection ─────> nothing came back: DNS, TLS, timeout
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from llmswitch.errors import ConfigError
from llmswitch.failure import connection, status as statuses
from llmswitch.failure.evidence import Evidence, read
from llmswitch.failure.rule import ErrorRule, Kind, parse
from llmswitch.failure.wait import reset_time, retry_after, wait_in_text
from llmswitch.secret import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmswitch.adapter import Adapter

__all__ = ["ErrorRule", "Failure", "Kind", "classify", "parse"]

Source = Literal["code", "text", "status", "exception"]

SHARED: Final = "compatible"  # the adapter whose rows are everybody's
_MESSAGE: Final = 512
_KEY_KINDS: Final = frozenset({Kind.AUTH, Kind.KEY_SITE_MISMATCH})
_REQUEST_ID_HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-bc-request-id", "x-ds-trace-id")


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
    code: str | None = None
    rule: ErrorRule | None = None
    sent: bool = True


def classify(
    *,
    provider: str | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | Mapping[str, object] | list[object] | None = None,
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
    if exception is not None:
        status, headers, body = _from_exception(exception, status, headers, body)
    fields = _lower(headers)
    adapter, rules = _known(provider)
    evidence = read(body)
    _read_headers(evidence, fields)
    lost = connection.of_exception(exception) if exception is not None and (status is None or status < 400) else None  # noqa: PLR2004
    if exception is not None and body is None:
        evidence.add_text(connection.words(exception), 0) if lost else _reread(evidence, connection.words(exception))
    status = _settle(status, evidence)
    verdict = _judge(evidence, rules, status, (adapter.name if adapter else provider or "").lower(), fields, lost)
    delay, unusable = retry_after(fields)
    text = evidence.text
    if delay is None and not unusable:
        delay = wait_in_text(evidence.retry, text)
    rule = verdict.rule
    return Failure(
        kind=verdict.kind,
        provider=adapter.name if adapter else provider,
        status=status if status is not None else next(iter(evidence.statuses), None),
        code=verdict.code or next((code for key, code in evidence.codes.items() if not key.startswith("(")), None),
        message=_clean(evidence.message),
        retry_after=delay,
        no_retry=unusable or fields.get("x-should-retry") == "false",
        reset_at=reset_time(evidence.reset, text, rule.utc_offset if rule else None),
        model_scoped=(rule is not None and rule.model_scoped)
        or verdict.kind is Kind.MODEL_NOT_FOUND
        or (verdict.kind is Kind.REGION_BLOCKED and evidence.model is not None),
        source=verdict.source,
        sent=verdict.sent,
        request_id=next((fields[name] for name in _REQUEST_ID_HEADERS if name in fields), evidence.request_id),
        hint=(rule.hint if rule else None) or (_twin_hint(adapter) if verdict.kind in _KEY_KINDS else None),
    )


def _judge(
    evidence: Evidence,
    rules: tuple[ErrorRule, ...],
    status: int | None,
    provider: str,
    fields: Mapping[str, str],
    lost: connection.Verdict | None,
) -> _Verdict:
    """Code, words, status, exception: the first that decides."""
    if lost is not None:
        return _Verdict(lost.kind, "exception", sent=lost.sent)
    codes, text = evidence.codes.keys(), evidence.text
    if fields.get("cf-mitigated") == "challenge":
        return _Verdict(Kind.EDGE_BLOCKED, "text")
    for chosen in (_strong, _wordy):
        if verdict := _first(filter(chosen, rules), evidence, codes, text, status, provider):
            return verdict
    named = status if status is not None and status >= 400 else None  # noqa: PLR2004
    if named is None and (words := connection.of_text(text)):
        return _Verdict(words.kind, "text", sent=words.sent)
    if verdict := _first(filter(_weak, rules), evidence, codes, text, status, provider):
        return verdict
    return _Verdict(statuses.kind_of(named or next(iter(evidence.statuses), status), evidence), "status")


def _first(
    rules: Iterable[ErrorRule], evidence: Evidence, codes: Iterable[str], text: str, status: int | None, provider: str
) -> _Verdict | None:
    keys = frozenset(codes)
    status = status if status is not None and status >= 400 else next(iter(evidence.statuses), status)  # noqa: PLR2004
    for rule in rules:
        found = rule.match(keys, text, status, provider)
        if found is not None:
            return _Verdict(rule.kind, "code" if rule.names_code else "text", evidence.codes.get(found), rule)
    return None


def _strong(rule: ErrorRule) -> bool:
    return rule.names_code and not rule.weak


def _wordy(rule: ErrorRule) -> bool:
    return not rule.names_code and not rule.weak


def _weak(rule: ErrorRule) -> bool:
    return rule.weak


def _settle(status: int | None, evidence: Evidence) -> int | None:
    """The status that counts: a relay's 2xx or 5xx gives way to the one it reports from upstream."""
    return status


def _known(provider: str | None) -> tuple[Adapter | None, tuple[ErrorRule, ...]]:
    """The provider's adapter, if any, and the rows that hold for it."""
    from llmswitch import adapter as adapters  # noqa: PLC0415 - facts are read when the first failure needs them

    found: Adapter | None = None
    if provider is not None:
        try:
            found = adapters.get(provider)
        except ConfigError:
            found = None
    shared = adapters.get(SHARED).errors
    return found, shared if found is None or found.name == SHARED else (*found.errors, *shared)


def _lower(headers: Mapping[str, str] | None) -> dict[str, str]:
    try:
        return {str(name).lower(): str(value).strip() for name, value in (headers or {}).items()}
    except Exception:  # noqa: BLE001 - a foreign SDK's mapping may raise anything
        return {}


def _read_headers(evidence: Evidence, fields: Mapping[str, str]) -> None:
    """Codes that some gateways put into headers."""
    for name in ("x-amzn-errortype", "policy-id", "x-error-code"):
        if value := fields.get(name):
            code = value.split(":", 1)[0].strip()[:128]
            evidence.codes.setdefault(code.lower(), code)


def _reread(evidence: Evidence, text: str) -> None:
    other = read(text)
    evidence.codes.update(other.codes)
    evidence.texts.extend(other.texts)
    evidence.statuses.extend(other.statuses)
    evidence.structured, evidence.failed = other.structured, other.failed
    evidence.request_id, evidence.retry, evidence.reset, evidence.model = other.request_id, other.retry, other.reset, other.model


def _from_exception(
    exception: BaseException,
    status: int | None,
    headers: Mapping[str, str] | None,
    body: bytes | str | Mapping[str, object] | list[object] | None,
) -> tuple[int | None, Mapping[str, str] | None, bytes | str | Mapping[str, object] | list[object] | None]:
    """The HTTP answer that an exception carries, as openai's, httpx's, requests', aiohttp's and botocore's do."""
    attribute = connection.attribute
    for error in connection.causes(exception):
        response = attribute(error, "response")
        if status is None:
            for holder in (response, error):
                number = next((attribute(holder, name) for name in ("status_code", "status", "code")), None)
                number = next(
                    (n for n in (attribute(holder, name) for name in ("status_code", "status", "code", "http_status")) if isinstance(n, int) and not isinstance(n, bool) and 100 <= n < 600),  # noqa: PLR2004
                    None,
                )
                if number is not None:
                    status = number
                    break
        if headers is None:
            found = attribute(response, "headers") or attribute(error, "headers")
            headers = found if isinstance(found, Mapping) else None
        if body is None:
            for value in (attribute(error, "body"), response if isinstance(response, Mapping) else None, attribute(response, "text")):
                if isinstance(value, (str, bytes, Mapping, list)) and value:
                    body = value
                    break
    return status, headers, body


def _twin_hint(adapter: Adapter | None) -> str | None:
    """Where else a refused key may belong."""
    if adapter is None or len(adapter.sites) < 2:  # noqa: PLR2004 - twins are two
        return None
    sites = [f"{site.name} ({site.key_env[0]})" if site.key_env else site.name for site in adapter.sites]
    return f"each site of {adapter.title} has its own keys; if this one is from another site, set it there: {', '.join(sites)}"


def _clean(message: str) -> str:
    text = scrub(" ".join(message[: 8 * _MESSAGE].split()))
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"
