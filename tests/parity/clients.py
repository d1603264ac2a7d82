"""Cases about clients: each is made with arguments of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import openai

from tests.parity import calls, shapes
from tests.parity.case import Case, Program
from tests.parity.upstream import answer

if TYPE_CHECKING:
    from tests.parity.upstream import Answer

OK: Final = answer(shapes.CHAT)
# Tried again after a millisecond.
LATER: Final = ("Retry-After-Ms", "1")
BUSY: Final = answer(shapes.error("busy"), 503, LATER)
OMIT: Final[Any] = getattr(openai, "omit", openai.NOT_GIVEN)


def made(
    name: str,
    fails: str | tuple[str, ...] = (),
    /,
    *,
    call: Program = calls.chat,
    answers: tuple[Answer, ...] = (OK,),
    environ: dict[str, str] | None = None,
    differs: tuple[str, ...] = (),
    bug: str | None = None,
    **client: Any,
) -> Case:
    """A client made with these arguments."""
    client = client or {"timeout": 60}
    return Case(name, call, answers, fails=fails, client=client, environ=environ or {}, differs=differs, bug=bug)


def attributes(client: Any) -> Any:
    for name in (
        "api_key",
        "organization",
        "project",
        "webhook_secret",
        "max_retries",
        "timeout",
        "base_url",
        "websocket_base_url",
        "default_headers",
        "default_query",
        "auth_headers",
        "user_agent",
        "custom_auth",
        "qs",
        "admin_api_key",
        "_custom_headers",
        "_custom_query",
        "_strict_response_validation",
        "_version",
        "_base_url",
    ):
        value = getattr(client, name, "absent")
        yield dict(value) if isinstance(value, dict) else value
    yield client.is_closed()
    yield sorted(name for name in dir(client) if not name.startswith("_"))
    yield [
        type(getattr(client, name)).__qualname__
        for name in ("chat", "embeddings", "models", "files", "beta", "responses")
    ]
    yield type(client.chat.completions).__qualname__
