"""The server's side of a wire format: what every vendor file states and does in its own way."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch._variables import named
from llmswitch.sandbox.wire import Refused, Reply, event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llmswitch.sandbox.answers import Generator
    from llmswitch.sandbox.wire import Call, Stream


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the vendor's errors: HTTP status, its code, its words (`{model}` is filled in) and its type."""

    status: int
    code: str | int | None
    message: str
    type: str | None = None
    param: str | None = None

    @property
    def known_as(self) -> str:
        """Its code as text; its type where the vendor has no codes."""
        return str(self.code if self.code is not None else self.type)


@dataclass(frozen=True, slots=True)
class Model:
    """What the sandbox holds to be true of a model: its input limit in tokens, and what it does."""

    context: int = 128_000
    thinks: bool = False  # reasons unless told not to
    streams_only: bool = False
    dimensions: tuple[int, ...] = ()  # of an embedding model, the default first
    reasoning: bool = False  # OpenAI's reasoning models take fewer parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One platform of a vendor: where its paths start, the key that it alone accepts, the variables that point at it.

    `base_variable` and `key_variable` are read by llmswitch; `sdk` are variables of the vendor's own SDK, in which
    `{origin}`, `{base}`, `{native}` and `{key}` are filled in.
    """

    name: str
    key: str
    base: str
    native: str
    base_variable: str
    key_variable: str
    sdk: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, provider: str, name: str, *, base: str = "/v1", native: str | None = None, key: str | None = None
    ) -> Site:
        """Return a site with what follows from its name: a made-up key and llmswitch's own variables."""
        return cls(
            name=name,
            key=key or f"sk-llmswitch-sandbox-{provider}-{name}-not-a-real-key",
            base=base,
            native=base if native is None else native,
            base_variable=named(provider, name, "base_url"),
            key_variable=named(provider, name, "api_key"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A vendor: its sites, and the dialects that each of them speaks (the first is the OpenAI-compatible one).

    `rank` is its place among the vendors; those of the same rank stand by name.
    """

    name: str
    sites: tuple[Site, ...]
    dialects: tuple[type[Dialect], ...]
    rank: int = 100


@dataclass(frozen=True, slots=True)
class Route:
    """A path the dialect serves; `{name}` in it matches one segment."""

    method: str
    path: str
    handler: Callable[[Call], Reply | Stream]

    def match(self, path: str) -> dict[str, str] | None:
        """Return the named segments when the path is this one."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


class Dialect(ABC):
    """One wire format of one endpoint."""

    prefix: ClassVar[str]
    """Paths under it belong to this dialect, known or not."""
    errors: ClassVar[Mapping[str, tuple[Variant, ...]]]
    """The vendor's errors by kind (`faults.ERRORS`), the usual one first. A kind that is missing is none of its."""
    models: ClassVar[Mapping[str, Model]]
    retired: ClassVar[frozenset[str]] = frozenset()
    """Snapshots that are gone while their family is served."""
    filtered_finish: ClassVar[str | None] = None
    """The finish reason of an answer its content filter cut off, where that is how the vendor refuses."""
    finishes: ClassVar[Mapping[str, str]] = {}
    """Other finish reasons it cuts an answer off with, by kind of error: what a fault's form="finish" shows."""

    def __init__(self, endpoint: str, site: Site, generator: Generator) -> None:
        self.endpoint = endpoint
        self.site = site
        self.generator = generator

    def owns(self, path: str) -> bool:
        """Say whether the path is of this dialect, known or not."""
        return path.startswith(self.prefix)

    @abstractmethod
    def routes(self) -> tuple[Route, ...]:
        """Return the paths it serves."""

    @abstractmethod
    def authenticate(self, call: Call) -> None:
        """Raise `Refused` unless the call carries this site's credential."""

    @abstractmethod
    def error(self, call: Call, variant: Variant) -> Reply:
        """Return an error as the vendor writes it."""

    def error_event(self, call: Call, variant: Variant) -> bytes:
        """Return the same error as an event of a stream whose HTTP status was 200."""
        body = self.error(call, variant).body
        return event(body if not isinstance(body, bytes) else None)

    def unknown_path(self, call: Call) -> Reply:
        """Return the answer to a path or method that the vendor does not have."""
        return self.error(call, Variant(404, "not_found", f"{call.method} {call.path} not found"))

    def handle(self, call: Call) -> Reply | Stream:
        """Answer the call.

        Raises:
            Refused: the vendor answers with an error.
        """
        for route in self.routes():
            places = route.match(call.path)
            if places is not None and route.method == call.method:
                self.authenticate(call)
                return route.handler(replace(call, places=places))
        return self.unknown_path(call)

    def finish_of(self, kind: str) -> str | None:
        """Return the finish reason that stands for a kind of error, if the vendor has one."""
        return self.finishes.get(kind) or (self.filtered_finish if kind == "refusal" else None)

    def variant(self, call: Call, kind: str, code: str | None = None, status: int | None = None) -> Variant:
        """Return the vendor's error for a kind, its words filled in; code and status choose among several."""
        known = [one for one in self.errors[kind] if code in (None, one.known_as)] or self.errors[kind]
        chosen = next((one for one in known if one.status == status), known[0])
        return replace(chosen, message=chosen.message.replace("{model}", call.model or ""))

    def refuse(self, call: Call, kind: str, message: str | None = None, *, param: str | None = None) -> Refused:
        """Return the exception that answers with the vendor's error of this kind."""
        variant = self.variant(call, kind)
        changed = replace(variant, message=message or variant.message, param=param or variant.param)
        return Refused(self.error(call, changed))

    def known_model(self, call: Call, name: str | None) -> Model:
        """Return what is known of the model; a dated snapshot is its family's.

        Raises:
            Refused: the vendor has no such model.
        """
        found = self.models.get(name or "") or self.models.get(re.sub(r"-\d{4}-?\d{2}-?\d{2}$", "", name or ""))
        if found is None or name in self.retired:
            raise self.refuse(call, "model_not_found", param="model")
        return found


def masked(key: str) -> str:
    """Return a key as vendors quote it: the ends only."""
    return f"{key[:3]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
