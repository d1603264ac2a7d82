"""One call on its way: what the caller asked, what is sent, what came back. Plain records, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmswitch._json import Json
    from llmswitch.errors import Partial
    from llmswitch.failure import Failure
    from llmswitch.patience import Limits
    from llmswitch.report import Report
    from llmswitch.routing import Candidate
    from llmswitch.secret import Secret
    from llmswitch.transport.base import Headers
    from llmswitch.vectors import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds, None for no limit; openai's defaults.

    `read` bounds everything until the first content and afterwards each gap; `deadline` bounds the whole call.
    """

    connect: float | None = 5.0
    read: float | None = 600.0
    write: float | None = 600.0
    deadline: float | None = None


@dataclass(slots=True, kw_only=True)
class Call:
    """What the caller asked.

    Attributes:
        operation: "chat", "embeddings" or "models".
        params: the body in OpenAI's shape, without llmswitch's own options.
        body: the caller's own encoding of `params`, sent as it is where nothing needs changing.
        path: where openai's client sends it, below the first endpoint's base_url; "" where the dialect says.
        headers: all of them, as openai built them for the first endpoint; None where the engine builds its own.
        credential: whose key is in `headers`, where it changes from call to call; else "".
        extra_headers: further ones of the caller's; like `path`, `headers` and `query` they never reach another endpoint.
        extra: names in `params` that came through `extra_body`; they stay with the first endpoint, too.
        options: llmswitch's own options for this call.
        max_retries: how often a lone candidate is tried again, as openai does.
        numbers: vectors may come as numbers although base64 is asked for: openai's client does that by itself, and reads both.
        rows: of embeddings, what has come so far where one request does not suffice.
    """

    operation: str
    params: Json
    body: bytes | None = None
    path: str = ""
    headers: Headers | None = None
    credential: str = ""
    query: str = ""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Json = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    max_retries: int = 0
    numbers: bool = False
    rows: Rows | None = field(default=None, repr=False)

    @property
    def stream(self) -> bool:
        """Whether the answer comes as events."""
        return bool(self.params.get("stream"))

    @property
    def model(self) -> str:
        """The model as the caller named it, empty where there is none."""
        model = self.params.get("model")
        return model if isinstance(model, str) else ""

    def path_for(self, model: str) -> str:
        """`path`, with this model where the caller's stands in it."""
        if model == self.model:
            return self.path
        return self.path.replace(f"/{quote(self.model, safe='')}/", f"/{quote(model, safe='')}/", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Ask the driver to send one attempt; it answers with `Answered` or the transport's exception."""

    operation: str
    candidate: Candidate
    method: str
    url: str
    headers: Headers
    body: bytes | None
    stream: bool
    limits: Limits


@dataclass(frozen=True, slots=True)
class Start:
    """Ask the driver to start the local model; it answers with where it listens, or with the exception."""

    path: str | None


@dataclass(frozen=True, slots=True)
class Started:
    """The local model's address and key."""

    base_url: str
    key: Secret


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask the driver to wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A response: whole, or with `body` None as an open stream that the driver holds."""

    status: int
    headers: Headers
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream of this attempt may be read; the driver answers with `Ended`."""

    send: Send
    answer: Answered


@dataclass(frozen=True, slots=True)
class Ended:
    """How reading went: `failure` None where the stream was complete; `committed` where content had been delivered.

    `error` is the event that told of the failure, where one did.
    """

    failure: Failure | None
    committed: bool
    partial: Partial
    error: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer in OpenAI's shape, as bytes and read; `value` None where it is none and a lone caller gets it all the same."""

    status: int
    headers: Headers
    body: bytes
    value: Json | None
    report: Report
