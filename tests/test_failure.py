"""Every known error body and exception comes out as what it means."""

from __future__ import annotations

import email.utils
import errno
import http.client
import json
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx2
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmswitch import adapter
from llmswitch.errors import ConfigError
from llmswitch.failure import Failure, Kind, classify, parse
from llmswitch.transport import base as transport

if TYPE_CHECKING:
    from collections.abc import Mapping

WIRE = Path(__file__).parent / "wire" / "errors"

# The labels of the collections, in the words of `Kind`.
LABELS = {
    "billing": {"quota_exhausted"},
    "free_quota_exhausted": {"quota_exhausted"},
    "key_region_mismatch": {"key_site_mismatch", "auth"},
    "edge_block": {"edge_blocked"},
    "edge_challenge": {"edge_blocked"},
    "connection_reset": {"unreachable"},
    "tls_interrupted": {"unreachable"},
    "local_tls": {"tls_verify"},
    "not_activated": {"permission"},
    "account_restricted": {"permission"},
    "network_policy": {"permission"},
    "region_blocked_transient": {"region_blocked"},
    "dns_failure": {"unreachable"},
    "dns_poisoned": {"unreachable"},
    "network_unreachable": {"unreachable"},
    "network_timeout": {"unreachable"},
}
# Labels that we read otherwise, and why.
DISPUTED = {
    83: "auth",  # https://github.com/cline/cline/issues/1734: the same body for a key of Mistral's other platform
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (WIRE / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["samples.jsonl", "collected.jsonl", "documented.jsonl"])
def test_every_body_that_was_seen_is_understood(name: str) -> None:
    wrong = []
    for row in rows(name):
        label = DISPUTED.get(row["id"], row["class"])
        failure = classify(
            provider=row["provider"], status=row["http_status"], headers=row["headers"], body=row["body"]
        )
        if failure.kind not in LABELS.get(label, {label}):
            wrong.append(
                f"{row['id']} {row['provider']} {row['http_status']}: {label}, not {failure.kind}: {row['body']}"
            )
    assert not wrong, "\n".join(wrong)


def test_a_body_reads_the_same_as_bytes_text_json_and_exception() -> None:
    body = {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}}
    text = json.dumps(body, ensure_ascii=False)
    forms: list[Any] = [
        body,
        text,
        text.encode(),
        text.encode("gb18030"),
        json.dumps(text),
        f"Error code: 429 - {body}",
        f"event: error\ndata: {text}\n\n",
        f"id:1\nevent:error\n:HTTP_STATUS/429\ndata:{text}\n\n",
        [body],
        {"error": {"message": text, "code": 429}},
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": text}}},
        f"upstream error: {json.dumps(text)[1:-1]}",
        text[:-6],
        f"<html><body>{text}</body></html>",
    ]
    for form in forms:
        failure = classify(provider="zhipu", status=429, body=form)
        assert (failure.kind, failure.code) == (Kind.QUOTA_EXHAUSTED, "1113"), form
        assert "您的账户已欠费" in failure.message
        assert failure.source == "code"


def test_a_python_repr_keeps_its_words() -> None:
    for message in ("it's full", 'say "full"', """it's "full" \u00e9 \x07\n end""", "C:\\dir", "余额"):
        body = f"Error code: 429 - { ({'error': {'message': message, 'code': 'rate_limit_exceeded', 'param': None}})!r} and more"
        failure = classify(body=body)
        assert (failure.message, failure.code) == (" ".join(message.split()), "rate_limit_exceeded")


def test_the_same_code_is_final_at_one_vendor_and_passing_at_another() -> None:
    body = {
        "error": {
            "code": "insufficient_quota",
            "type": "insufficient_quota",
            "message": "You exceeded your current quota",
        }
    }
    for provider in ("openai", "compatible", "somebody", None):
        assert classify(provider=provider, status=429, body=body).kind is Kind.QUOTA_EXHAUSTED
    for provider in ("qwen", "dashscope", "Alibaba"):
        assert classify(provider=provider, status=429, body=body).kind is Kind.RATE_LIMITED
    flat = "429 You exceeded your current quota, please check your plan and billing details."
    assert classify(provider="qwen", body=flat).kind is Kind.RATE_LIMITED
    assert classify(provider="openai", body=flat).kind is Kind.QUOTA_EXHAUSTED


def test_an_alias_is_the_provider() -> None:
    assert classify(provider="dashscope", status=400, body="x").provider == "qwen"
    assert classify(provider="glm", status=400, body="x").provider == "zhipu"
    assert classify(provider="nobody", status=400, body="x").provider == "nobody"


def test_no_vendors_numbers_leak_to_another() -> None:
    body = {"error": {"code": "1113", "message": "x"}}
    assert classify(provider="zhipu", status=429, body=body).kind is Kind.QUOTA_EXHAUSTED
    assert classify(provider="openai", status=429, body=body).kind is Kind.RATE_LIMITED
    assert classify(provider="spark", status=200, body={"code": 10013, "message": "x"}).kind is Kind.CONTENT_FILTER
    assert classify(provider="openai", status=400, body={"code": 10013, "message": "x"}).kind is Kind.BAD_REQUEST


def test_the_code_goes_before_the_status_and_the_words_between_them() -> None:
    said = {"error": {"code": "context_length_exceeded", "message": "rate limit"}}
    assert classify(status=500, body=said).kind is Kind.CONTEXT_LENGTH
    vague = {
        "error": {"type": "invalid_request_error", "message": "This model's maximum context length is 4096 tokens"}
    }
    failure = classify(status=400, body=vague)
    assert (failure.kind, failure.source) == (Kind.CONTEXT_LENGTH, "text")
    failure = classify(status=400, body={"error": {"type": "invalid_request_error", "message": "no"}})
    assert (failure.kind, failure.source, failure.code) == (Kind.BAD_REQUEST, "code", "invalid_request_error")
    assert classify(status=418, body="").source == "status"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"), (401, "auth"), (402, "quota_exhausted"), (403, "permission"), (404, "model_not_found"),
        (408, "timeout"), (409, "server_error"), (413, "bad_request"), (422, "bad_request"), (429, "rate_limited"),
        (451, "region_blocked"), (500, "server_error"), (502, "server_error"), (503, "overloaded"), (504, "timeout"),
        (522, "server_error"), (524, "timeout"), (529, "overloaded"), (200, "bad_payload"), (204, "bad_payload"),
        (302, "bad_payload"), (None, "unknown"), (700, "unknown"), (-1, "unknown"),
    ],
)  # fmt: skip
def test_a_status_without_words(status: int | None, kind: str) -> None:
    for body in (None, b"", "", "{}"):
        assert classify(provider="openai", status=status, body=body).kind == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "<!doctype html><title>Sign in to the network</title>", "bad_payload"),
        (200, "certainly not JSON", "bad_payload"),
        (200, '{"error":{}}', "bad_payload"),
        (200, '{"error":{"message":"something new"}}', "unknown"),
        (200, '{"base_resp":{"status_code":1008,"status_msg":""}}', "quota_exhausted"),
        (200, '{"base_resp":{"status_code":0,"status_msg":"success"},"choices":[]}', "bad_payload"),
        (200, '{"error_code":336501,"error_msg":""}', "rate_limited"),
        (403, "<html><title>403 Forbidden</title><center>nginx</center></html>", "edge_blocked"),
        (502, "<html><title>502 Bad Gateway</title><center>nginx</center></html>", "server_error"),
        (429, "error code: 1015", "rate_limited"),
        (403, "error code: 1020", "edge_blocked"),
    ],
)
def test_pages_and_in_band_errors(status: int, body: str, kind: str) -> None:
    assert classify(status=status, body=body).kind == kind


def test_a_challenge_is_known_by_its_header() -> None:
    assert classify(status=403, headers={"CF-Mitigated": "challenge"}, body="").kind is Kind.EDGE_BLOCKED


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


REQUEST = httpx2.Request("POST", "https://api.openai.com/v1/chat/completions")
UNTRUSTED = ssl.SSLCertVerificationError(
    1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
)
MISMATCH = ssl.SSLCertVerificationError(
    1, "certificate verify failed: Hostname mismatch, certificate is not valid for 'api.openai.com'."
)


@pytest.mark.parametrize(
    ("exception", "kind", "sent"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), "unreachable", False),
        (ConnectionRefusedError(111, "Connection refused"), "unreachable", False),
        (ConnectionResetError(104, "Connection reset by peer"), "unreachable", True),
        (TimeoutError("timed out"), "timeout", True),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "unreachable", False),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable", False),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1131)"), "unreachable", False),
        (UNTRUSTED, "tls_verify", False),
        (MISMATCH, "unreachable", False),
        (http.client.IncompleteRead(b"abc", 10), "stream_interrupted", True),
        (http.client.RemoteDisconnected("Remote end closed connection without response"), "unreachable", True),
        (http.client.BadStatusLine("?"), "bad_payload", True),
        (json.JSONDecodeError("Expecting value", "<html>", 0), "bad_payload", True),
        (httpx2.ConnectTimeout("timed out"), "unreachable", False),
        (httpx2.ReadTimeout("timed out"), "timeout", True),
        (httpx2.ConnectError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred"), "unreachable", False),
        (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "tls_verify", False),
        (httpx2.RemoteProtocolError("Server disconnected without sending a response."), "unreachable", True),
        (httpx2.RemoteProtocolError("peer closed connection (incomplete chunked read)"), "stream_interrupted", True),
        (httpx2.ProxyError("407 Proxy Authentication Required"), "unreachable", False),
        (aiohttp.ServerDisconnectedError(), "unreachable", True),
        (aiohttp.ClientPayloadError("Response payload is not completed"), "stream_interrupted", True),
        (aiohttp.ConnectionTimeoutError("x"), "unreachable", False),
        (aiohttp.SocketTimeoutError("x"), "timeout", True),
        (openai.APIConnectionError(request=REQUEST), "unreachable", True),
        (openai.APITimeoutError(request=REQUEST), "timeout", True),
        (caused(openai.APITimeoutError(request=REQUEST), httpx2.ConnectTimeout("t")), "unreachable", False),
        (caused(openai.APIConnectionError(request=REQUEST), caused(httpx2.ConnectError("x"), UNTRUSTED)), "tls_verify", False),
        (caused(openai.APIConnectionError(request=REQUEST), caused(httpx2.ConnectError("x"), MISMATCH)), "unreachable", False),
        (transport.ConnectError("x", phase="dns"), "unreachable", False),
        (transport.ConnectTimeout("x", phase="connect"), "unreachable", False),
        (caused(transport.ConnectTimeout("x", phase="tls"), TimeoutError("timed out")), "unreachable", False),
        (transport.TLSError("x", phase="tls"), "unreachable", False),
        (caused(transport.TLSVerifyError("x", phase="tls"), UNTRUSTED), "tls_verify", False),
        (caused(transport.TLSVerifyError("x", phase="tls"), MISMATCH), "unreachable", False),
        (transport.WriteError("x", phase="write"), "unreachable", True),
        (transport.WriteTimeout("x", phase="write"), "timeout", True),
        (transport.ReadTimeout("x", phase="head"), "timeout", True),
        (caused(transport.ReadError("x", phase="head"), ConnectionResetError(104, "x")), "unreachable", True),
        (caused(transport.ReadError("x", phase="body"), ConnectionResetError(104, "x")), "stream_interrupted", True),
        (caused(transport.ReadError("x", phase="body"), http.client.IncompleteRead(b"")), "stream_interrupted", True),
        (transport.ProtocolError("x", phase="head"), "bad_payload", True),
        (RuntimeError("Error code: 402 - {'error': {'message': 'Insufficient Balance'}}"), "quota_exhausted", True),
        (KeyError("whatever"), "unknown", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)  # fmt: skip
def test_exceptions(exception: BaseException, kind: str, sent: bool) -> None:
    failure = classify(provider="openai", exception=exception)
    assert (failure.kind, failure.sent) == (kind, sent)


def test_an_exception_that_carries_an_answer_is_judged_by_the_answer() -> None:
    body = {"error": {"code": "insufficient_quota", "message": "You exceeded", "type": "insufficient_quota"}}
    response = httpx2.Response(429, request=REQUEST, json=body, headers={"retry-after": "7", "x-request-id": "req_1"})
    failure = classify(
        provider="openai", exception=openai.RateLimitError("Error", response=response, body=body["error"])
    )
    assert failure.kind is Kind.QUOTA_EXHAUSTED
    assert (failure.status, failure.retry_after, failure.request_id) == (429, 7.0, "req_1")
    response = httpx2.Response(503, request=REQUEST, text="busy")
    failure = classify(
        exception=caused(ValueError("x"), httpx2.HTTPStatusError("e", request=REQUEST, response=response))
    )
    assert (failure.kind, failure.status) == (Kind.OVERLOADED, 503)


def test_exceptions_that_cannot_be_read_do_no_harm() -> None:
    class Hostile(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no")

        def __getattr__(self, name: str) -> object:
            raise ZeroDivisionError(name)

    loop = ValueError("a")
    loop.__cause__ = caused(ValueError("b"), loop)
    assert classify(exception=Hostile()).kind is Kind.UNKNOWN
    assert classify(exception=loop).kind is Kind.UNKNOWN
    group = ExceptionGroup("all", [ConnectionRefusedError(111, "Connection refused")])
    assert classify(exception=group).kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("headers", "seconds", "no_retry"),
    [
        ({"Retry-After": "20"}, 20.0, False),
        ({"retry-after": "1.5"}, 1.5, False),
        ({"retry-after": "0"}, 0.0, False),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25, False),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0, False),
        ({"retry-after": "nan"}, None, True),
        ({"retry-after": "inf"}, None, True),
        ({"retry-after": "-5"}, None, True),
        ({"retry-after": "1e999"}, None, True),
        ({"retry-after": "later"}, None, True),
        ({"retry-after": ""}, None, True),
        ({"retry-after": "Mon, 99 Foo 9999999999 99:99:99 GMT"}, None, True),
        ({"retry-after": email.utils.formatdate(0)}, 0.0, False),
        ({"x-should-retry": "false"}, None, True),
        ({"x-should-retry": "true"}, None, False),
        ({}, None, False),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None, no_retry: bool) -> None:
    failure = classify(status=429, headers=headers)
    assert (failure.retry_after, failure.no_retry) == (seconds, no_retry)


def test_retry_after_as_a_date() -> None:
    failure = classify(status=429, headers={"Retry-After": email.utils.formatdate(time.time() + 90, usegmt=True)})
    assert failure.retry_after is not None
    assert 80 < failure.retry_after <= 91


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (
            "Rate limit reached on requests per min (RPM): Limit 3. Please try again in 20s. Visit https://platform.openai.com",
            20.0,
        ),
        ("Rate limit reached on tokens per day (TPD). Please try again in 2m47.616s.", 167.616),
        ("Rate limit reached. Please try again in 6m0s.", 360.0),
        ("Rate limit reached. Please try again in 820ms.", 0.82),
        ("have exceeded token rate limit of your current pricing tier. Please retry after 26 seconds.", 26.0),
        ("request reached organization max RPM: 3, please try again after 1 seconds", 1.0),
        ('{"error":{"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"48s"}]}}', 48.0),
        ("请求过于频繁，请在 30 秒后重试", 30.0),
        ("Rate limit reached, retry later. Error 42 seconds", None),
        ("Rate limit reached", None),
    ],
)
def test_waits_that_stand_in_the_text(body: str, seconds: float | None) -> None:
    assert classify(status=429, body=body).retry_after == (None if seconds is None else pytest.approx(seconds))


def test_reset_times() -> None:
    beijing = {"error": {"code": "1308", "message": "已达到 5 小时的使用上限。您的限额将在 2025-10-03 20:22:52 重置。"}}
    assert classify(provider="zhipu", status=429, body=beijing).reset_at == 1759494172.0
    zoned = "usage limit exceeded, 5-hour usage limit reached, resets at 2026-05-15T15:00:00Z (2056)"
    assert classify(provider="minimax", status=429, body=zoned).reset_at == 1778857200.0
    field = {"error": {"code": "1310", "message": "x", "next_flush_time": 1759494172000}}
    assert classify(provider="zhipu", status=429, body=field).reset_at == 1759494172.0
    nowhere = "Usage limit reached. Your limit will reset at 2025-10-03 20:22:52"
    assert classify(provider="openai", status=429, body=nowhere).reset_at is None


def test_the_message_is_the_innermost_short_and_without_keys() -> None:
    said = "Incorrect API key provided: sk-proj-abcdef1234567890. " + "x" * 2000
    inner = json.dumps({"error": {"message": said, "code": "invalid_api_key"}})
    outer = {"error": {"message": "Provider returned error", "code": 401, "metadata": {"raw": inner}}}
    failure = classify(status=401, body=outer)
    assert failure.message.startswith("Incorrect API key provided:")
    assert "abcdef" not in failure.message
    assert len(failure.message) <= 512
    assert "abcdef" not in repr(failure)


def test_scope_and_hints() -> None:
    free = classify(
        provider="qwen", status=403, body={"error": {"code": "AllocationQuota.FreeTierOnly", "message": "x"}}
    )
    assert free.model_scoped
    assert free.hint
    assert not classify(provider="qwen", status=400, body={"code": "Arrearage", "message": "x"}).model_scoped
    assert classify(status=403, body="This model is not available in your region.").model_scoped
    assert not classify(status=403, body="This service is not available in your region.").model_scoped
    refused = classify(provider="zhipu", status=401, body={"error": {"code": "1000", "message": "身份验证失败。"}})
    assert refused.kind is Kind.AUTH
    assert refused.hint is not None
    assert "intl" in refused.hint
    assert classify(provider="openai", status=401, body="").hint is None


def test_request_ids() -> None:
    assert classify(status=500, headers={"X-Request-Id": "a"}, body={"request_id": "b"}).request_id == "a"
    assert classify(status=500, body={"error": {"message": "x"}, "request_id": "b"}).request_id == "b"
    assert classify(status=500, body={"requestId": "c", "message": "x"}).request_id == "c"


def test_what_the_caller_wrote_is_not_taken_for_the_vendors_words() -> None:
    body = {"error": {"message": "bad"}, "messages": [{"content": "insufficient balance"}], "input": "rate limit"}
    assert classify(status=400, body=body).kind is Kind.BAD_REQUEST


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "code",
                    "message",
                    "type",
                    "status",
                    "details",
                    "metadata",
                    "raw",
                    "base_resp",
                    "retryDelay",
                    "reset_at",
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
PIECES = [
    "{",
    "}",
    "[",
    "'",
    '"',
    "\\",
    "data: ",
    "\n",
    "<html>",
    "<script",
    "event: error\n",
    "error",
    ": ",
    "429",
    "None",
    ",",
    "\ud800",
]
texts = st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
header_names = st.sampled_from(["retry-after", "retry-after-ms", "x-should-retry"]) | st.text(max_size=5)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    provider=st.none() | st.sampled_from(["openai", "qwen", "ernie", "zhipu"]) | st.text(max_size=10),
    status=st.none() | st.integers(-10, 1200),
    headers=st.none() | st.dictionaries(header_names, st.text(max_size=30)),
    body=st.none()
    | texts
    | st.binary(max_size=300)
    | json_values
    | json_values.map(repr)
    | json_values.map(json.dumps),
    exception=st.none() | st.builds(ValueError, st.text(max_size=40)),
)
def test_anything_becomes_a_failure(provider: Any, status: Any, headers: Any, body: Any, exception: Any) -> None:
    failure = classify(provider=provider, status=status, headers=headers, body=body, exception=exception)
    assert isinstance(failure, Failure)
    assert failure.retry_after is None or failure.retry_after >= 0
    assert len(failure.message) <= 512
    failure.message.encode()


@pytest.mark.parametrize(
    "unit",
    [
        "x",
        "{",
        '{"a":',
        "'",
        "\\'",
        '\\"',
        "<script",
        "<",
        "[{",
        "data: {\n",
        "a.",
        "Aa",
        "code ",
        "429 ",
        "model ",
        "模型",
        "try again in 1s ",
    ],
)
def test_a_huge_body_costs_next_to_nothing(unit: str) -> None:
    body = (unit * (1024 * 1024 // len(unit) + 1))[: 1024 * 1024]
    for form in (body, body.encode(), "{" + body, "Error code: 429 - {'" + body, {"error": {"message": body}}):
        assert (
            classify(provider="zhipu", status=429, body=form).status == 429
        )  # at most 50 ms; a quadratic reading takes minutes


def test_rows_are_checked_when_they_are_read() -> None:
    def read(**row: object) -> None:
        parse([{"source": "s", "as_of": "2026", "confidence": "high", "rules": [row]}], file="x.toml")

    read(code="1", kind="auth")
    for row, said in (
        ({"code": "1", "kind": "nope"}, "kind"),
        ({"kind": "auth"}, "condition"),
        ({"code": "1", "kind": "auth", "stauts": 400}, "stauts"),
        ({"pattern": "(", "kind": "auth"}, "x.toml"),
        ({"code": "1", "kind": "auth", "status": "many"}, "x.toml"),
    ):
        with pytest.raises(ConfigError, match=said):
            read(**row)
    with pytest.raises(ConfigError, match="confidence"):
        parse([{"confidence": "sure", "rules": []}], file="x.toml")


def test_every_row_names_its_source_and_date() -> None:
    for name in adapter.adapters():
        for rule in adapter.get(name).errors:
            assert rule.source, rule
            assert rule.as_of, rule
