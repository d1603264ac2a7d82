"""What one request asks for, read from the request itself. Part of `routing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmswitch import _options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmswitch._options import Options

# No tokenizer makes fewer tokens: 32 characters to one is only reached by runs of spaces.
CHARACTERS_PER_TOKEN: Final = 32
_IMAGES: Final = frozenset({"image_url", "input_image", "image"})
_SOUNDS: Final = frozenset({"input_audio", "audio_url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one request asks for.

    Attributes:
        operation: "chat", "embeddings", "models", or another resource of OpenAI's.
        model: as the caller named it, "" where there is none.
        requires: the capabilities it uses, the operation among them.
        tokens: input tokens, at the very least.
        dimensions: of the vectors, None where it does not say.
    """

    operation: str
    model: str = ""
    requires: frozenset[str] = frozenset()
    tokens: int = 0
    dimensions: int | None = None
    options: Options | None = None


def need(operation: str, params: Mapping[str, object], options: Mapping[str, object] | None = None) -> Need:
    """Read from a request what routing has to know. What the vendor must judge (roles, odd contents) passes unseen.

    Raises:
        InvalidRequestError: llmswitch's own options are wrong; the message lists the allowed ones.
    """
    model = params.get("model")
    requires = [operation]
    tokens, dimensions = 0, None
    if operation == "chat":
        tokens = _chat(params, requires)
    elif operation == "embeddings":
        tokens = _longest(params.get("input"))
        asked = params.get("dimensions")
        dimensions = asked if type(asked) is int else None
    return Need(
        operation=operation,
        model=model if isinstance(model, str) else "",
        requires=frozenset(requires),
        tokens=tokens,
        dimensions=dimensions,
        options=_options.read(options) if options else None,
    )


def _chat(params: Mapping[str, object], requires: list[str]) -> int:
    """Add what a chat uses to `requires`; its least number of tokens."""
    if params.get("stream"):
        requires.append("stream")
    if params.get("tools") or params.get("functions"):
        requires.append("tools")
    if params.get("logprobs") is True:
        requires.append("logprobs")
    form = params.get("response_format")
    if isinstance(form, dict) and form.get("type") in ("json_object", "json_schema"):
        requires.append(str(form["type"]))
    messages = params.get("messages")
    characters = 0
    for message in messages if isinstance(messages, (list, tuple)) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            characters += len(content)
        elif isinstance(content, (list, tuple)):
            characters += _parts(content, requires)
    return characters // CHARACTERS_PER_TOKEN


def _parts(content: Iterable[object], requires: list[str]) -> int:
    characters = 0
    for part in content:
        if not isinstance(part, dict):
            continue
        kind, text = part.get("type"), part.get("text")
        if isinstance(kind, str) and kind in _IMAGES:
            requires.append("vision")
            if _is_fetched(part):
                requires.append("image_urls")
        elif isinstance(kind, str) and kind in _SOUNDS:
            requires.append("audio")
        elif isinstance(text, str):
            characters += len(text)
    return characters


def _is_fetched(part: Mapping[str, object]) -> bool:
    """Whether the vendor is to fetch this image itself: it has an http(s) address."""
    image = part.get("image_url", part.get("image"))
    url = image.get("url") if isinstance(image, dict) else image
    return isinstance(url, str) and url[:8].lower().startswith(("http://", "https://"))


def _longest(texts: object) -> int:
    """The least number of tokens of the longest input of an embeddings request: texts, or the caller's own tokens."""
    if isinstance(texts, str):
        return len(texts) // CHARACTERS_PER_TOKEN
    if not isinstance(texts, (list, tuple)):
        return 0
    if texts and isinstance(texts[0], int):
        return len(texts)
    return max((_longest(text) for text in texts if isinstance(text, (str, list))), default=0)
