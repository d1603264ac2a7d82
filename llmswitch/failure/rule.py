"""What a vendor's error means: one row of a TOML's `[[errors]]`, and how rows are looked up.

    [[errors]]
    source = "https://docs.bigmodel.cn/cn/api/api-code"
    as_of = "2026-11-23"
    confidence = "high"
    rules = [
      { code = ["1113"], kind = "quota_exhausted" },
      { code = ["invalid_model"], status = [401], kind = "model_not_found" },
      { text = ["余额不足", "insufficient balance"], kind = "quota_exhausted" },
    ]

A row holds when each condition it states holds; within one condition any entry is enough. Rows are tried from the top, the vendor's before
the shared ones of `compatible.toml`: first those that name a code, then those that name only words, then the `weak` ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from llmswitch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet


class Kind(StrEnum):
    """What went wrong, whoever said it and however."""

    REGION_BLOCKED = "region_blocked"
    EDGE_BLOCKED = "edge_blocked"
    UNREACHABLE = "unreachable"
    TLS_VERIFY = "tls_verify"
    AUTH = "auth"
    KEY_SITE_MISMATCH = "key_site_mismatch"
    PERMISSION = "permission"
    QUOTA_EXHAUSTED = "quota_exhausted"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONTENT_FILTER = "content_filter"
    CONTEXT_LENGTH = "context_length"
    MODEL_NOT_FOUND = "model_not_found"
    BAD_REQUEST = "bad_request"
    BAD_PAYLOAD = "bad_payload"
    STREAM_INTERRUPTED = "stream_interrupted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """One row. In the TOML, the names are those of `_COLUMNS`.

    Attributes:
        kind: the meaning.
        codes: the vendor's codes, types or reasons, lower case; `*` at an end stands for anything. A code that means something only under
            its own key is written with it: `error_code:17` (Baidu V1), `base_resp:1008` (MiniMax). `(1008)` is a number in a text.
        statuses: HTTP statuses under which the row holds; empty: any. A weak row holds without a status, too.
        texts: lower-case phrases, any of which must occur in what the vendor says.
        pattern: the same as a regular expression, for the few wordings that need one; case-insensitive.
        providers: in the shared rows, providers (or their aliases) for which alone the row holds.
        weak: the code is a bin ("invalid_request_error"): it decides only where no other row does.
        model_scoped: the verdict is about the model asked for, not the endpoint.
        hint: the next step, one sentence.
        utc_offset: hours east of UTC of the reset times that this vendor's texts state without a zone.
        source, as_of, confidence: where the meaning was read, when, and how sure that is.
    """

    kind: Kind
    codes: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset()
    texts: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    providers: frozenset[str] = frozenset()
    weak: bool = False
    model_scoped: bool = False
    hint: str | None = None
    utc_offset: float | None = None
    source: str = ""
    as_of: str = ""
    confidence: Literal["high", "medium", "low"] = "medium"

    @property
    def names_code(self) -> bool:
        """Whether the row asks for a code (else for words only)."""
        return bool(self.codes or self.globs)

    def match(self, codes: AbstractSet[str], text: str, status: int | None, provider: str) -> str | None:
        """What made the row hold: the code, else the words, else None. `codes`, `text` and `provider` are in lower case."""
        if self.statuses and status not in self.statuses and not (self.weak and status is None):
            return None
        if self.providers and provider not in self.providers:
            return None
        found: str | None = None
        if self.names_code:
            found = next((code for code in codes if code in self.codes), None) or self._glob(codes)
            if found is None:
                return None
        if self.texts or self.pattern:
            words = next((phrase for phrase in self.texts if phrase in text), None)
            if words is None and self.pattern and (match := self.pattern.search(text)):
                words = match.group()
            if words is None:
                return None
            found = found or words
        return found

    def _glob(self, codes: AbstractSet[str]) -> str | None:
        for glob in self.globs:
            core = glob.strip("*")
            for code in codes:
                if (
                    (glob[0] == "*" and glob[-1] == "*" and core in code)
                    or (glob[0] != "*" and code.startswith(core))
                    or (glob[-1] != "*" and code.endswith(core))
                ):
                    return code
        return None


_COLUMNS: Final = frozenset(
    {"code", "status", "text", "pattern", "providers", "kind", "weak", "model_scoped", "hint", "utc_offset"}
)
_TABLE: Final = frozenset({"source", "as_of", "confidence", "rules"})
_CONFIDENCE: Final = ("high", "medium", "low")


def parse(tables: object, *, file: str) -> tuple[ErrorRule, ...]:
    """The rows of all `[[errors]]` tables of one TOML, in order.

    Raises:
        ConfigError: names `file`, the row, what was found and what is allowed.
    """
    rules: list[ErrorRule] = []
    if not isinstance(tables, list):
        raise ConfigError(f"{file}: errors is {tables!r}; write [[errors]] tables")
    for number, table in enumerate(tables):
        where = f"{file}: errors[{number}]"
        _known(table, _TABLE, where)
        confidence = table.get("confidence", "medium")
        if confidence not in _CONFIDENCE:
            raise ConfigError(f"{where}.confidence is {confidence!r}; allowed: {', '.join(_CONFIDENCE)}")
        fact = {"source": str(table.get("source", "")), "as_of": str(table.get("as_of", ""))}
        for index, row in enumerate(table.get("rules", [])):
            place = f"{where}.rules[{index}]"
            _known(row, _COLUMNS, place)
            rules.append(_row(row, place, confidence, fact))
    return tuple(rules)


def _row(
    row: Mapping[str, object], place: str, confidence: Literal["high", "medium", "low"], fact: dict[str, str]
) -> ErrorRule:
    try:
        kind = Kind(str(row.get("kind")))
    except ValueError:
        raise ConfigError(f"{place}.kind is {row.get('kind')!r}; allowed: {', '.join(Kind)}") from None
    codes = [str(code).lower() for code in _many(row.get("code"))]
    texts = tuple(str(text).lower() for text in _many(row.get("text")))
    pattern = row.get("pattern")
    try:
        compiled = re.compile(str(pattern), re.IGNORECASE) if pattern else None
        statuses = frozenset(int(str(status)) for status in _many(row.get("status")))
        offset = row.get("utc_offset")
        utc_offset = None if offset is None else float(str(offset))
    except (ValueError, re.error) as error:
        raise ConfigError(f"{place}: {error}") from None
    rule = ErrorRule(
        kind=kind,
        codes=frozenset(code for code in codes if "*" not in code),
        globs=tuple(code for code in codes if "*" in code),
        statuses=statuses,
        texts=texts,
        pattern=compiled,
        providers=frozenset(str(name).lower() for name in _many(row.get("providers"))),
        weak=bool(row.get("weak", False)),
        model_scoped=bool(row.get("model_scoped", False)),
        hint=str(row["hint"]) if row.get("hint") else None,
        utc_offset=utc_offset,
        confidence=confidence,
        **fact,
    )
    if not (rule.names_code or rule.texts or rule.pattern or rule.statuses):
        raise ConfigError(f"{place} states no condition; give code, text, pattern or status")
    return rule


def _many(value: object) -> Iterable[object]:
    """One value or a list of them, as a list."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _known(table: object, allowed: frozenset[str], where: str) -> None:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} is {table!r}; write a table")
    if unknown := set(table) - allowed:
        raise ConfigError(f"{where} has {', '.join(sorted(map(str, unknown)))}; allowed: {', '.join(sorted(allowed))}")
