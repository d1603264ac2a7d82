"""Read an error body in whatever shape it comes: `read(body) -> Evidence`.

JSON, the python-repr of a dict, an exception's text around either, JSON inside a JSON string, a relay's envelope, a list, an SSE event,
HTML, XML or bare words. Only the first 64 KiB are looked at; nothing here raises, and nothing takes more than linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

_LIMIT: Final = 64 * 1024
_TEXT_LIMIT: Final = 16 * 1024
_DEPTH: Final = 12
_NODES: Final = 2_000
_PARSES: Final = 24

_decoder: Final = json.JSONDecoder(strict=False)

# Keys, in lower case without "_" and "-", by what stands under them.
_CODE_KEYS: Final = frozenset(
    {
        "code",
        "type",
        "status",
        "reason",
        "errortype",
        "subcode",
        "quotaid",
        "blockreason",
        "errorreason",
        "riskcode",
        "name",
    }
)
_OWN_CODE_KEYS: Final = frozenset({"errorcode", "errcode", "errno"})  # numbers under these mean something only here
_STATUS_KEYS: Final = frozenset({"statuscode", "httpstatus", "httpcode", "httpstatuscode", "statuscodevalue"})
_TEXT_KEYS: Final = frozenset(
    {
        "message", "msg", "errormsg", "errmsg", "errormessage", "statusmsg", "detail", "details", "title", "error", "errordescription",
        "description", "raw", "cause", "info", "body", "response", "responsebody", "upstreammessage", "localizedmessage", "errors",
        "reason", "data", "upstreamerror", "errorinfo", "desc", "tips", "faultstring", "providererror", "errortext", "content",
    }
)  # fmt: skip
_NAMES_STATUS: Final = _STATUS_KEYS | {"code", "status"}
_ERROR_KEYS: Final = frozenset({"error", "errors"})
_RESET_KEYS: Final = frozenset(
    {"nextflushtime", "resettime", "resetat", "resetsat", "xratelimitreset", "quotaresettimestamp"}
)
_RETRY_KEYS: Final = frozenset({"retrydelay", "retryafter", "retryafterseconds"})
_NO_CODES: Final = frozenset({"0", "", "200", "null", "none", "error", "ok", "success"})
_REQUEST_KEYS: Final = frozenset({"requestid", "reqid", "logid", "sid", "traceid"})
_ECHO_KEYS: Final = frozenset(
    {"messages", "prompt", "input", "inputs", "failedgeneration", "tools", "choices", "usage", "stack", "request"}
)
_ASIDE_KEYS: Final = frozenset(
    {"details", "metadata", "innererror", "violations", "links", "headers"}
)  # codes, but not the message

_LITERAL: Final = re.compile(
    r"""'((?:[^'\\]|\\.)*+)(?:'|$)|"((?:[^"\\]|\\.)*+)(?:"|$)|\b(None|True|False)\b|\\.""", re.DOTALL
)
_HEX: Final = re.compile(r"\\x([0-9a-fA-F]{2})")
_BARE_QUOTE: Final = re.compile(r'(?<!\\)"')
_WORDS: Final = {"None": "null", "True": "true", "False": "false"}
_SSE: Final = re.compile(r"(?:event|data|id|retry)[ \t]?:|:[^\n]*\n(?:event|data|id|retry)[ \t]?:")
_SSE_LINE: Final = re.compile(r"^data[ \t]?:[ \t]?(.*)$", re.MULTILINE)
_SSE_STATUS: Final = re.compile(r"^:HTTP_STATUS/(\d{3})", re.MULTILINE)
_HTML: Final = re.compile(r"<(?:!doctype html|html|head|title|body|center|h1)\b", re.IGNORECASE)
_SCRIPT: Final = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")
_SPACE: Final = re.compile(r"\s+")
_LOOSE: Final = re.compile(
    r"""["']([A-Za-z_]{3,20})["']\s*:\s*(?:"((?:[^"\\]|\\.)*+)(?:"|$)|'((?:[^'\\]|\\.)*+)(?:'|$)|(\d{1,9})\b)"""
)
_CODE_WORD: Final = re.compile(
    r"(?<![A-Za-z0-9._-])(?:[A-Za-z][A-Za-z0-9-]*+(?:[._][A-Za-z0-9]++)+|[A-Z]++[a-z0-9]++(?:[A-Z]++[a-z0-9]*+)+)"
)
_CODE_NUMBER: Final = re.compile(
    r"""(?:\b(?:error_?code|err_?code|code|errno|error)|错误码|错误代码|状态码)['"]?\s*[:=：]?\s*['"]?(\d{1,6})\b"""
    r"""|\[(\d{4,6})\]|\((\d{4,6})\)""",
    re.IGNORECASE,
)
_STATUS: Final = re.compile(
    r"""\b(?:(?:api[ _])?error(?:[ _]code)?|(?:http[ _]?|response )?status(?:[ _]?code)?|http(?:/\d(?:\.\d)?)?(?:[ _]error)?"""
    r"""|exception|code)\b['"]?[\s:=(\[<]{1,4}['"]?(?:http )?([45]\d\d)\b(?![.\d])"""
    r"""|[(\[<]\s*(?:http )?([45]\d\d)\s*[)\]>]|^\W{0,4}([45]\d\d)\b(?!\.\d)|\b([45]\d\d) (?:client|server) error\b""",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Evidence:
    """What a body says.

    Attributes:
        stated: the codes and types that stand under a key of that meaning, as found, innermost first.
        codes: lower-case code -> as found, those in words included; also `error_code:17`, `base_resp:1008` where the key gives the number
            its meaning, and `(1008)` for a number in a text.
        texts: (depth, words): what the vendor says; the deepest is the innermost envelope's.
        statuses: HTTP statuses that the body names, innermost first.
        html: it is a page.
        failed: some JSON object in it says that it is an error.
        model: the model that a relay's envelope names beside its error.
    """

    codes: dict[str, str] = field(default_factory=dict)
    stated: list[str] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    html: bool = False
    failed: bool = False
    model: str | None = None
    request_id: str | None = None
    retry: str | None = None
    reset: object = None
    _nodes: int = 0
    _parses: int = 0

    @property
    def text(self) -> str:
        """All words in lower case, for matching."""
        return "\n".join(words for _, words in self.texts)[: _TEXT_LIMIT * 2].lower()

    @property
    def message(self) -> str:
        """The vendor's own words: the innermost, and of those the longest."""
        return max(self.texts, key=lambda item: (item[0], len(item[1])), default=(0, ""))[1]

    def add_text(self, words: str, depth: int) -> None:
        """Note some words, the code-like ones among them, and the statuses and numbers they name."""
        words = words.strip()[:_TEXT_LIMIT]
        if not words:
            return
        self.texts.append((depth, words))
        for match in islice(_CODE_WORD.finditer(words), 64):
            self.codes.setdefault(match.group().lower(), match.group())
        for match in islice(_CODE_NUMBER.finditer(words), 16):
            named, square, round_ = match.groups()
            if round_:
                self.codes.setdefault(f"({round_})", round_)
            elif number := named or square:
                self.codes.setdefault(number, number)
        for match in islice(_STATUS.finditer(words), 4):
            self.statuses.append(int(next(group for group in match.groups() if group)))

    def state(self, code: str) -> None:
        """Note a code that stands under a key of that meaning."""
        self.codes.setdefault(code.lower(), code)
        self.stated.append(code)

    def add_field(self, name: str, value: object, depth: int, *, aside: bool, inside: str) -> None:
        """Note one scalar of a JSON object; `inside` is the key the object stood under, both as `_plain` gives them."""
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, str) and name in _REQUEST_KEYS:
            self.request_id = self.request_id or value[:128]
        elif name in _RESET_KEYS:
            self.reset = self.reset or value
        elif name in _RETRY_KEYS:
            self.retry = self.retry or str(value)[:32]
        elif name == "model" and isinstance(value, str):
            self.model = value
        else:
            self._add_meaning(name, value, depth, aside=aside, inside=inside)

    def _add_meaning(self, name: str, value: object, depth: int, *, aside: bool, inside: str) -> None:
        if name in _OWN_CODE_KEYS or (inside == "baseresp" and name == "statuscode"):
            self._add_own_code("base_resp" if inside == "baseresp" else "error_code", str(value)[:128])
            return
        status = _status(value)
        if status and name in _NAMES_STATUS:
            self.statuses.insert(0, status)
        if name in _STATUS_KEYS:
            return
        if name in _CODE_KEYS and (isinstance(value, int) or (isinstance(value, str) and " " not in value.strip())):
            if str(value).lower() not in _NO_CODES:
                self.state(str(value)[:128])
        elif isinstance(value, str) and (name in _TEXT_KEYS or name in _CODE_KEYS or value.lstrip()[:1] == "{"):
            if name in _ERROR_KEYS and value:
                self.failed = True
                if " " not in value:
                    self.state(value[:128])
            _text(self, value, 0 if aside and name != "raw" else depth)

    def _add_own_code(self, key: str, code: str) -> None:
        """A code whose meaning hangs on its key; a word means the same under any."""
        if code in _NO_CODES:
            return
        self.failed = True
        self.codes.setdefault(f"{key}:{code}".lower(), code)
        self.stated.append(code)
        if not code.isdigit():
            self.codes.setdefault(code.lower(), code)

    def walk(self, value: object, depth: int = 1, *, aside: bool = False, inside: str = "") -> None:
        """Note everything in a JSON value, the inner objects first."""
        if depth > _DEPTH or self._nodes > _NODES:
            return
        self._nodes += 1
        if isinstance(value, Mapping):
            self._walk_object(value, depth, aside=aside, inside=inside)
        elif isinstance(value, (list, tuple)):
            for item in islice(value, 50):
                self.walk(item, depth + 1, aside=aside, inside=inside)
        elif isinstance(value, str):
            _text(self, value, depth)

    def _walk_object(self, value: Mapping[object, object], depth: int, *, aside: bool, inside: str) -> None:
        scalars: list[tuple[str, object]] = []
        for key, item in islice(value.items(), 200):
            name = _plain(str(key))
            if not isinstance(item, (Mapping, list, tuple)):
                scalars.append((name, item))
            elif name not in _ECHO_KEYS:
                self.failed = self.failed or (name in _ERROR_KEYS and bool(item))
                self.walk(item, depth + 1, aside=aside or name in _ASIDE_KEYS, inside=name)
        for name, item in scalars:
            if name not in _ECHO_KEYS:
                self.add_field(name, item, depth, aside=aside, inside=inside)


def read(body: object) -> Evidence:
    """The evidence in a body: bytes, text, or JSON that somebody has parsed already."""
    evidence = Evidence()
    if isinstance(body, (bytes, bytearray, memoryview)):
        body = _decode(bytes(body[: _LIMIT + 4]))
    if isinstance(body, str):
        _text(evidence, body, 0)
    elif isinstance(body, (Mapping, list, tuple)):
        evidence.walk(body)
    return evidence


def _decode(raw: bytes) -> str:
    """UTF-8, else GB 18030: proxies in China still speak it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 4:  # cut inside a character
            return raw[: error.start].decode("utf-8-sig")
    return raw.decode("gb18030", errors="replace")


def _plain(key: str) -> str:
    return "".join(key.lower().replace("_", " ").replace("-", " ").split())


def _status(value: object) -> int | None:
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():  # noqa: PLR2004 - an HTTP status has three digits
        value = int(value)
    return value if isinstance(value, int) and 400 <= value < 600 else None  # noqa: PLR2004 - client and server errors


def _text(evidence: Evidence, text: str, depth: int) -> None:
    """Note what a text says, and each JSON document that stands in it."""
    text = text[:_LIMIT].strip()
    if depth > _DEPTH or not text:
        return
    if _SSE.match(text):
        evidence.statuses.extend(int(code) for code in _SSE_STATUS.findall(text)[:1])
        payloads = [line.strip() for line in _SSE_LINE.findall(text)]
        for payload in payloads[-8:]:  # an error is the last thing a stream says
            if payload != "[DONE]":
                _text(evidence, payload, depth + 1)
        return
    rest = _documents(evidence, text, depth)
    if _HTML.search(rest):
        evidence.html = True
        rest = _TAG.sub(" ", _SCRIPT.sub(" ", rest))
    evidence.add_text(_SPACE.sub(" ", rest), depth)


def _documents(evidence: Evidence, text: str, depth: int) -> str:
    """Walk the JSON documents (or python-reprs) that stand in `text`; what stands around them is returned."""
    if text[0] == '"':
        inner = _parse(text)
        if inner and isinstance(inner[0], str):
            rest = text[inner[1] :]
            if not rest.lstrip().startswith(":"):
                evidence.walk(inner[0], depth + 1)
                return rest
    around: list[str] = []
    position = 0
    while (start := text.find("{", position)) >= 0:
        found = None
        if evidence._parses < _PARSES:  # noqa: SLF001 - this module's own counter
            evidence._parses += 1  # noqa: SLF001
            found = _parse(text[start:]) if _opens(text, start) else None
        if found is None:
            break
        around.append(text[position:start].rstrip(" \t\n["))
        evidence.walk(found[0], depth + 1)
        position = start + found[1]
    rest = text[position:]
    start = 0 if rest.startswith('"') else rest.find("{")
    if start >= 0 and not _HTML.search(rest):
        before = len(evidence.texts)
        _loose(evidence, rest[start:], depth + 1)
        if len(evidence.texts) > before:
            rest = rest[:start]
    return " ".join([*around, rest]).replace("\\n", " ").strip(" ]")


def _opens(text: str, start: int) -> bool:
    """Whether the brace at `start` may open an object, not a CSS rule or a template."""
    return text[start + 1 : start + 40].lstrip(" \t\r\n")[:1] in {'"', "'", "\\", "}"}


def _parse(text: str) -> tuple[object, int] | None:
    """The JSON document at the start of `text` and where it ends; python's repr and escaped JSON count as well."""
    for reading in (_same, _from_repr, _unescaped):
        try:
            candidate = reading(text)
            if candidate is not None:
                value, end = _decoder.raw_decode(candidate)
                return value, end if reading is _same else _end(text, end, candidate)
        except (ValueError, RecursionError):
            continue
    return None


def _same(text: str) -> str:
    return text


def _from_repr(text: str) -> str:
    """A python-repr as JSON: quotes, escapes and the three constants."""

    def literal(match: re.Match[str]) -> str:
        single, double, word = match.groups()
        if word:
            return _WORDS[word]
        inner = single if single is not None else double
        if inner is None:
            return " "
        if "\\" in inner:
            inner = _HEX.sub(r"\\u00\1", inner.replace("\\'", "'"))
        if single is not None and '"' in inner:
            inner = _BARE_QUOTE.sub(r"\\" + '"', inner)
        return f'"{inner}"'

    return _LITERAL.sub(literal, text)


def _unescaped(text: str) -> str | None:
    """JSON whose quotes were escaped once more than they should be."""
    return text.replace('\\"', '"').replace("\\n", " ").replace("\\\\", "\\") if '\\"' in text[:40] else None


def _end(text: str, end: int, candidate: str) -> int:
    """Where a document that was read from a changed copy ends in `text`: at the brace of the same rank from the back."""
    behind = candidate.count("}", end)
    position = len(text)
    for _ in range(min(behind + 1, 16)):
        position = text.rfind("}", 0, position)
    return position + 1


def _loose(evidence: Evidence, text: str, depth: int) -> None:
    """Fields of JSON that was cut off or is not quite JSON."""
    for match in islice(_LOOSE.finditer(text), 100):
        key, double, single, number = match.groups()
        value = double if double is not None else single
        name = _plain(key)
        evidence.failed = evidence.failed or name in _ERROR_KEYS
        content = int(number) if value is None else value.replace('\\"', '"')
        evidence.add_field(name, content, depth, aside=False, inside="")
