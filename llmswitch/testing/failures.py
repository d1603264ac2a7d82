"""What every vendor's failures have in common: the right kind, openai's class for it, and no broken stream passed off as whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import openai

from llmswitch import errors
from llmswitch.failure import Kind, classify
from llmswitch.testing.bench import expect, given
from llmswitch.testing.vendor import KINDS, stated, variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from llmswitch.sandbox.dialect import Variant
    from llmswitch.testing.bench import Bench, Case

_CLASSES: Final = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
# The sandbox's names are coarser than the kinds.
_MEANT: Final = {name: {kind} for name, (kind, _) in KINDS.items()} | {
    "quota": {Kind.QUOTA_EXHAUSTED},
    "auth": {Kind.AUTH, Kind.KEY_SITE_MISMATCH, Kind.PERMISSION},  # the key is right, the account is switched off
    "permission": {Kind.PERMISSION, Kind.MODEL_NOT_FOUND},  # to who may not use it, a model does not exist
    "model_not_found": {Kind.MODEL_NOT_FOUND, Kind.PERMISSION},
    "rate_limit": {Kind.RATE_LIMITED, Kind.OVERLOADED},  # the caller's limit, or everybody's
    "overload": {Kind.OVERLOADED, Kind.RATE_LIMITED},
    "server_error": {Kind.SERVER_ERROR, Kind.TIMEOUT},  # the vendor's own timeout
}
_LONG: Final = "count to 90"
_AFTER: Final = 60  # pieces of text and of reasoning that go out before a stream breaks


async def error_classes(case: Case) -> None:
    """Each error the vendor is known to give: its kind, and the class that a program written for openai catches."""
    wrong = []
    for name, variants in case.bench.dialect.errors.items():
        for said in variants:
            wrong += await _error(case, name, said)
    expect(not wrong, "; ".join(wrong))


async def _error(case: Case, name: str, said: Variant) -> list[str]:
    """What is wrong about the answer to this error."""
    case.bench.sandbox.reset()
    form = {"form": "http"} if name == "refusal" else {}
    case.fault(name, code=said.known_as, status=said.status, **form)
    label = f"{name} ({said.status} {said.known_as})"
    try:
        answer = await case.chat()
    except openai.APIError as error:
        failure: Any = getattr(error, "failure", None)
        kind = failure.kind if failure is not None else None
        problems = [] if kind in _MEANT[name] else [f"{label} is taken for {kind}: {failure and failure.message}"]
        wanted = openai.InternalServerError if said.status >= 500 else _CLASSES.get(said.status, openai.APIError)  # noqa: PLR2004
        if not isinstance(error, wanted):
            problems.append(f"{label} raises {type(error).__name__}, not {wanted.__name__}")
        return problems
    # A refusal may be an answer, which says so.
    refused = name == "refusal" and answer.choices[0].finish_reason == "content_filter"
    return [] if refused else [f"{label} raises nothing"]


async def broken_streams(case: Case) -> None:
    """A stream that breaks is an error with what was delivered, an exact prefix; one that was complete is none."""
    whole = (await case.chat(_LONG)).choices[0].message.content
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("cut", {}),
        ("cut", {"close": "reset"}),
        ("clean_eof", {}),
        ("garbage", {}),
    ]
    if told := _first_error(case.bench):
        kinds.append(("in_band_error", {"error": told}))
    for kind, options in kinds:
        case.bench.sandbox.reset()
        case.fault(kind, after=_AFTER, **options)
        delivered, error = await _read(case)
        expect(isinstance(error, errors.StreamInterruptedError), f"{kind}: {error!r} is no StreamInterruptedError")
        expect(delivered and whole.startswith(delivered), f"{kind}: {delivered!r} is no prefix of the answer")
        partial = getattr(error, "partial", None)
        expect(partial == delivered, f"{kind}: partial is {partial!r}, delivered was {delivered!r}")
    case.bench.sandbox.reset()
    case.fault("no_done")
    delivered, error = await _read(case)
    expect(error is None and delivered == whole, f"no_done: a complete stream without its last event gave {error!r}")


async def broken_answers(case: Case) -> None:
    """An answer that is none is an error, never an empty success. One that is cut inside its JSON is json's own error, as in openai."""
    for kind in ("garbage", "empty", "html", "cut", "in_band_error"):
        told = _first_error(case.bench)
        if kind == "in_band_error" and told is None:
            continue
        case.bench.sandbox.reset()
        case.fault(kind, **({"error": told} if kind == "in_band_error" else {}))
        try:
            answer = await case.chat()
        except (openai.APIError, json.JSONDecodeError):
            continue
        # openai itself gives an empty body back as an object without anything in it.
        expect(not getattr(answer, "choices", None), f"{kind}: {answer!r} is passed off as an answer")


async def _read(case: Case) -> tuple[str, Exception | None]:
    """What a stream delivers, and what it raises."""
    said = ""
    chunks = await _opened(case)
    try:
        async for chunk in _each(chunks):
            said += "".join(choice.delta.content or "" for choice in chunk.choices)
    except openai.OpenAIError as error:
        return said, error
    return said, None


async def _opened(case: Case) -> Any:
    messages = [{"role": "user", "content": _LONG}]
    call = case.client.chat.completions.create(model=case.named, messages=messages, stream=True)
    return await given(call)


async def _each(chunks: Any) -> AsyncIterator[Any]:
    if hasattr(chunks, "__aiter__"):
        async for chunk in chunks:
            yield chunk
    else:
        for chunk in chunks:
            yield chunk


def _first_error(bench: Bench) -> str | None:
    return next((name for name in ("server_error", "overload", "rate_limit") if name in bench.dialect.errors), None)


def unreachable(bench: Bench) -> Iterable[str]:
    """Error rows that never decide: another one does, for the very codes and words that they name."""
    found = bench.adapter
    usual = dict(KINDS.values())
    for row in found.errors:
        if not stated(row) or row.providers:
            continue
        said = variant(row, usual.get(row.kind, 400))
        body = {"error": {"code": said.code, "message": said.message}}
        kind = classify(provider=found.name, status=said.status, body=body).kind
        if kind is not row.kind:
            yield f"{said.status} {said.code} {said.message!r} is stated as {row.kind}, and taken for {kind}"
