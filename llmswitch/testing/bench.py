"""What the contract's checks work with: an adapter, a server of its vendor on loopback, a client for one of its sites."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from llmswitch import adapter as adapters
from llmswitch.engine import Engine
from llmswitch.sandbox import Sandbox
from llmswitch.sandbox.providers import providers
from llmswitch.testing.vendor import vendor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    from llmswitch.adapter import Adapter
    from llmswitch.sandbox.dialect import Dialect, Provider

# What an account calls its models where the adapter cannot know it.
_ANY: Final = {"embeddings": "text-embedding-3-small"}
_ANY_CHAT: Final = "gpt-4o"
# Nothing of whoever runs the checks: no keys, regions, proxies or files.
_OUTSIDE: Final = ("OPENAI_", "AZURE_", "LLMSWITCH_", "AWS_REGION", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Absent(Exception):  # noqa: N818 - no error
    """The vendor does not have what a check is about; the text says why."""


class Bench:
    """An adapter with its server, which runs while this is used as a context manager.

    Args:
        found: an adapter, its name, or the path of its TOML file.
        server: the vendor as a sandbox serves it; by default the sandbox's own, else one made of the adapter alone.
    """

    def __init__(self, found: Adapter | str | Path, server: Provider | None = None) -> None:
        self.adapter = adapter_of(found)
        own = next((one for one in providers() if one.name == self.adapter.name), None)
        self.server = server or own or vendor(self.adapter)
        self.sandbox = Sandbox(providers=[self.server])
        known = {site.name for site in self.adapter.sites}
        self._served = [site for site in self.server.sites if site.name in known]
        self.sites = [site.name for site in self._served]

    def start(self) -> Self:
        """Register the adapter and serve its vendor."""
        adapters.register(self.adapter)
        self._folder = tempfile.TemporaryDirectory(prefix="llmswitch-")
        Path(self._folder.name, "llmswitch.toml").touch()
        self.sandbox.start()
        return self

    def close(self) -> None:
        """Stop serving; the adapter stays registered."""
        self.sandbox.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def dialect(self) -> type[Dialect]:
        """The wire format in which llmswitch is answered."""
        return self.server.dialects[0]

    @contextlib.asynccontextmanager
    async def case(self, needs: tuple[str, ...], *, asynchronous: bool, site: str = "") -> AsyncIterator[Case]:
        """A client of one site and nobody else, and a model there that has these capabilities; nothing is known of earlier calls.

        Raises:
            Absent: no model has them.
        """
        import llmswitch  # noqa: PLC0415 - whoever only makes a class of checks needs no openai yet

        place, model = self._place(needs, [site] if site else self.sites)
        name = f"{self.adapter.name}@{place}"
        self.sandbox.reset()
        Engine.shared_health().clear()
        with self._environment():
            made: Any = llmswitch.AsyncOpenAI if asynchronous else llmswitch.OpenAI
            client = made(providers=[name], max_retries=0)
            try:
                yield Case(self, name, model, client)
            finally:
                await given(client.close())
                self.sandbox.reset()
                Engine.shared_health().clear()

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OUTSIDE)}
        config = {"LLMSWITCH_CONFIG": str(Path(self._folder.name, "llmswitch.toml"))}
        here = {site.base_variable: self.sandbox.url(f"{self.adapter.name}@{site.name}") for site in self._served}
        keys = {site.key_variable: site.key for site in self._served}
        with patch.dict(os.environ, {**kept, **here, **keys, **config}, clear=True):
            yield

    def _place(self, needs: tuple[str, ...], sites: list[str]) -> tuple[str, str]:
        """The first site that has a model with these capabilities, and the model: one of the tiers' own, else any.

        Raises:
            Absent: none has.
        """
        found = self.adapter
        if not found.models:
            if "reasoning" in needs:
                raise Absent("which models there are is the account's own matter")
            return sites[0], next((_ANY[need] for need in needs if need in _ANY), _ANY_CHAT)
        today = dt.datetime.now(dt.UTC).date()
        # Where a site says which models it has, the others are not to be had everywhere either.
        split = any(site.tiers for site in found.sites)
        for place in sites:
            tiers = found.site(place).tiers or found.tiers
            order = dict.fromkeys([*(tiers[tier] for tier in ("standard", "fast") if tier in tiers), *tiers.values()])
            for name in order if split else (*order, *found.models):
                model = found.models[name]
                if not model.is_retired(today) and model.capabilities.issuperset(needs):
                    return place, name
        raise Absent(f"no model has {', '.join(need for need in needs if need != 'chat')}")


@dataclass(frozen=True, slots=True)
class Case:
    """One client at one endpoint, and a model there that has what the check is about."""

    bench: Bench
    endpoint: str
    model: str
    client: Any

    async def chat(self, content: Any = "say hello", **arguments: Any) -> Any:
        """A chat call; with `stream=True` all of its chunks."""
        arguments.setdefault("model", self.named)
        arguments.setdefault("messages", [{"role": "user", "content": content}])
        answer = await given(self.client.chat.completions.create(**arguments))
        if not arguments.get("stream"):
            return answer
        return [chunk async for chunk in answer] if hasattr(answer, "__aiter__") else list(answer)

    async def embed(self, texts: Any, **arguments: Any) -> Any:
        """An embeddings call."""
        return await given(self.client.embeddings.create(model=self.named, input=texts, **arguments))

    @property
    def named(self) -> str:
        """The model as a call names it exactly; plain where the account has names of its own."""
        return f"{self.bench.adapter.name}/{self.model}" if self.bench.adapter.models else self.model

    def fault(self, kind: str, **options: Any) -> None:
        """Let the server fail."""
        self.bench.sandbox.fault(self.endpoint, kind, **options)


async def given(value: Any) -> Any:
    """What a call gives, whichever client it is of."""
    return await value if inspect.isawaitable(value) else value


def adapter_of(found: Adapter | str | Path) -> Adapter:
    """The adapter of this name, or in this TOML file."""
    if isinstance(found, adapters.Adapter):
        return found
    if str(found).endswith(".toml"):
        return adapters.load(found)
    return adapters.get(str(found))


def expect(condition: object, message: str) -> None:
    """Fail with these words unless it holds.

    Raises:
        AssertionError: it does not.
    """
    if not condition:
        raise AssertionError(message)
