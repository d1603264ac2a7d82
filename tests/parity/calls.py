"""The calls that most cases make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.parity import shapes

if TYPE_CHECKING:
    from tests.parity.case import Program


def chat(client: Any) -> Any:
    """A chat."""
    return client.chat.completions.create(**shapes.CALL)


def stream(client: Any) -> Any:
    """A streamed chat."""
    return client.chat.completions.create(**shapes.CALL, stream=True)


def raw(client: Any) -> Any:
    """A chat as a raw response."""
    return client.chat.completions.with_raw_response.create(**shapes.CALL)


def raw_stream(client: Any) -> Any:
    """A streamed chat as a raw response, whose `parse()` is the stream itself."""
    return client.chat.completions.with_raw_response.create(**shapes.CALL, stream=True)


def embed(client: Any) -> Any:
    """Embeddings."""
    return client.embeddings.create(**shapes.EMBED)


def models(client: Any) -> Any:
    """The list of models."""
    return client.models.list()


def files(client: Any) -> Any:
    """A resource that only OpenAI has."""
    return client.files.list()


def chat_with(**arguments: Any) -> Program:
    """A chat with further arguments."""
    return lambda client: client.chat.completions.create(**shapes.CALL, **arguments)
