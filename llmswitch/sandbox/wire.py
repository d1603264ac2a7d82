"""What travels inside the sandbox: the call that came in, and the reply or stream that goes out. No sockets here."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from llmswitch import _json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmswitch._json import Json, JsonValue

_IN_PATH: Final = re.compile(r"/models/([^/:]+):\w+$")
Part = Literal["preamble", "content", "end", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, read and parsed.

    `body` is the JSON object sent, or `{}`; `readable` says whether the bytes were a JSON object at all.
    `filtered` asks the dialect for an answer that the vendor's content filter cut short (fault `refusal`); `ending` is
    the vendor's word for it, or for whatever else cut it short.
    """

    endpoint: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    readable: bool = True
    filtered: bool = False
    ending: str | None = None
    host: str = ""
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """The model the body names, else the path as Gemini's do (`/models/{model}:{method}`)."""
        name = self.body.get("model")
        if isinstance(name, str):
            return name
        found = _IN_PATH.search(self.path)
        return found[1] if found else None

    def bearer(self) -> str | None:
        """Return the token of `Authorization: Bearer`, None without one."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole response: a JSON value, or the very bytes."""

    status: int
    body: JsonValue | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """Return the bytes of the body."""
        return self.body if isinstance(self.body, bytes) else _json.dumps(self.body)


class Frame(NamedTuple):
    """One event of a stream: what part of the answer it is, and its bytes.

    `preamble` comes before any content (the role), `content` is counted by faults' `after`, `end` carries the finish
    reason or the usage, `done` is `[DONE]`.
    """

    part: Part
    data: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A streamed response with HTTP 200."""

    frames: Iterator[Frame]
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - a refusal is the vendor's answer, no failure of the sandbox
    """The vendor does not answer this call: carries the error reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def event(data: JsonValue, *, name: str | None = None) -> bytes:
    """Return one server-sent event carrying JSON."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + _json.dumps(data) + b"\n\n"


def identifier(prefix: str = "", length: int = 24) -> str:
    """Return a fresh id such as `chatcmpl-3f2a...`."""
    return prefix + (uuid.uuid4().hex + uuid.uuid4().hex)[:length]


def signature(said: str) -> str:
    """Return what stands for a vendor's signature of its own reasoning, the same for the same text.

    It is base64 in either alphabet: some SDKs send the other one back.
    """
    digest = hashlib.sha256(f"llmswitch sandbox\0{said}".encode("utf-8", "surrogatepass")).hexdigest()
    return base64.b64encode(digest.encode()).decode()
