"""Keys that do not print themselves."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# In place of a key that only the request itself shows: a function gives it, or it is a token that lasts an hour.
CHANGING: Final = "changes-from-call-to-call"
_SALT: Final = os.urandom(16)
_PATTERNS: Final = re.compile(
    # sk-…, Qianfan's bce-v3/ALTAK-…, Zhipu's id.secret, and whatever follows "Bearer".
    r"(?i)(bearer\s+)[\w.\-/+=*~]{6,}|\bsk-[\w*\-]{4,}|\bbce-v3/[\w\-/*]+|\b[0-9a-f]{32}\.[\w]{8,}\b"
)
_REDACTED: Final = "[redacted]"


class Secret:
    """A key. `reveal()` is the only way to read it; every other view is redacted, also in pickles and tracebacks."""

    __slots__ = ("__reveal", "id")

    def __init__(self, value: str) -> None:
        # A closure, not an attribute: debuggers and error reporters that list attributes find no text.
        self.__reveal: Callable[[], str] = lambda: value
        self.id = hmac.new(_SALT, value.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:16]

    def reveal(self) -> str:
        """The key itself, for the one place that builds the request's headers."""
        return self.__reveal()

    def __repr__(self) -> str:
        return f"Secret({_REDACTED!r})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.id, other.id)

    def __hash__(self) -> int:
        return hash(self.id)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return Secret, (_REDACTED,)


def scrub(text: str, *secrets: Secret | None) -> str:
    """`text` without the given secrets, and without anything shaped like a vendor's key."""
    for secret in secrets:
        if secret is not None and (value := secret.reveal()):
            text = text.replace(value, _REDACTED)
    return _PATTERNS.sub(lambda match: (match.group(1) or "") + _REDACTED, text)
