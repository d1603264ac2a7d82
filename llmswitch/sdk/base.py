"""What the SDKs' files have in common: what they are asked, what they give, and how an SDK is stopped once it has written a request."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, TypeAlias

from llmswitch._json import loads
from llmswitch.secret import scrub
from llmswitch.transport.base import Headers, Request

if TYPE_CHECKING:
    from llmswitch._json import Json
    from llmswitch._via import Via
    from llmswitch.config import Endpoint

# What SDKs get in place of a key, which only the request itself shows.
NO_KEY: Final = "llmswitch-puts-the-key-into-the-request"
# Of our own request's headers, those that an SDK speaks for; the others are the caller's, and sent where the SDK has none.
_OURS: Final = frozenset({"authorization", "user-agent", "api-key"})
_OPENAIS: Final = "x-stainless-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One attempt, as it would go over HTTP.

    Attributes:
        operation: "chat", "embeddings" or "models".
        request: in OpenAI's shape, fitted to the vendor and the protocol.
    """

    operation: str
    model: str
    endpoint: Endpoint
    via: Via
    request: Request

    def params(self) -> Json:
        """The body, the caller of this owning it."""
        value = loads(self.request.body or b"{}")
        return value if isinstance(value, dict) else {}

    @property
    def authorization(self) -> tuple[str, str] | None:
        """The header with the key."""
        return next((header for header in self.request.headers if header[0].lower() == "authorization"), None)

    def headers(self, written: Iterable[tuple[str, str]], authorization: tuple[str, str] | None) -> Headers:
        """The SDK's own headers, with the key in place of `NO_KEY`, and the caller's."""
        found = Headers((name, value) for name, value in written if name.lower() not in _FRAMING)
        have = {name.lower() for name, _ in found}
        if authorization is not None:
            found.append(authorization)
        for name, value in self.request.headers:
            low = name.lower()
            if low not in have and low not in _OURS and not low.startswith(_OPENAIS):
                found.append((name, value))
        return found


# What our transport writes itself, and the SDK's placeholder of a key.
_FRAMING: Final = frozenset(
    {"authorization", "host", "content-length", "connection", "accept-encoding", "transfer-encoding"}
)


class Translation(Protocol):
    """An answer of another protocol in OpenAI's shape; what is none passes as it is, to be judged."""

    def whole(self, body: bytes) -> bytes:
        """A whole body."""
        ...

    def feed(self, data: bytes) -> bytes:
        """The events that these bytes complete."""
        ...

    def end(self) -> bytes:
        """What is left to say where the bytes end."""
        ...


@dataclass(slots=True)
class Whole:
    """An answer read to its end."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Fetch:
    """Ask the driver for the answer to a request that comes before the call's own."""

    request: Request


@dataclass(slots=True)
class Written:
    """The call's own request. `stale` says of an answer whether a remembered token was to blame; it is forgotten, then."""

    request: Request
    translation: Translation | None = None
    stale: Callable[[Whole], bool] | None = None


# Gives the request, or the answer that kept it from being written (a token was refused).
Steps: TypeAlias = Generator[Fetch, Whole | None, Written | Whole]


class Writer(Protocol):
    """The file of an SDK."""

    def write(self, ask: Ask) -> Steps:
        """Have the SDK write the request; where it has no such operation, the request is the one over HTTP.

        Raises:
            ValueError: the SDK cannot write it.
        """
        ...


class Stopped(BaseException):
    """The SDK was about to send this."""

    def __init__(self, method: str, url: str, headers: dict[str, str], body: Any) -> None:  # noqa: ANN401 - as SDKs have it
        super().__init__()
        self.method, self.url, self.headers, self.body = method, url, headers, body


def stop(method: str, url: str, headers: dict[str, str], body: object) -> NoReturn:
    """Called where an SDK would send."""
    raise Stopped(method, url, headers, body)


def stopped(name: str, call: Callable[[], Any]) -> Stopped:
    """What the SDK `name` would have sent for this call of it.

    Raises:
        ValueError: it cannot write the request.
    """
    try:
        result = call()
        if isinstance(result, Iterable):  # streams begin when they are read
            for _ in result:
                break
    except Stopped as written:
        # Without its traceback, which holds the SDK's frames.
        return written.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - whatever an SDK raises
        told = scrub(f"{type(error).__name__}: {error}"[:300])
    else:
        told = "it sent nothing"
    raise ValueError(f"{name} does not write this request ({told})")


def library(name: str) -> Any:  # noqa: ANN401 - untyped packages
    """The SDK itself, imported by the first call that needs it.

    Raises:
        ValueError: it is there, and cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ValueError(f"{name} is installed, and its import fails ({error})") from None
