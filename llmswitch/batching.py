"""Embeddings of more texts than a vendor takes at once: the requests that they go out as, and what has come of them. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from llmswitch import vectors
from llmswitch.vectors import Rows

if TYPE_CHECKING:
    from llmswitch._json import Json, JsonValue
    from llmswitch.call import Call
    from llmswitch.dialects.base import WireAnswer
    from llmswitch.routing import Candidate


class Batches:
    """One attempt's requests, one after the other. Rows that have come stay in the call, for whoever goes on with the same model."""

    def __init__(self, call: Call, candidate: Candidate, texts: list[JsonValue], most: int | None) -> None:
        if call.rows is None:
            call.rows = Rows(candidate.model)
        self._call, self._rows, self._texts = call, call.rows, texts
        self._provider = candidate.endpoint.provider
        self._most = most or len(texts)
        self._usages: list[JsonValue] = []

    @classmethod
    def of(cls, call: Call, candidate: Candidate) -> Self | None:
        """The requests of a call that goes out, or has begun to, as several; None where one will do."""
        if call.operation != "embeddings":
            return None
        if call.rows is not None and call.rows.model != candidate.model:
            call.rows = None  # another model is another space
        texts = vectors.texts(call.params)
        most = candidate.endpoint.adapter.batch(candidate.model)
        if texts is None or (not call.rows and (most is None or len(texts) <= most)):
            return None
        return cls(call, candidate, texts, most)

    @property
    def complete(self) -> bool:
        """Whether every text has its row."""
        return len(self._rows) == len(self._texts)

    def next(self) -> Call:
        """The request for the next texts."""
        return replace(self._call, params={**self._call.params, "input": self._part()}, body=None)

    def counted(self, said: Json, *, failed: bool) -> Json:
        """What the vendor said of this request and of those before, as one; one that failed need not have been counted."""
        usage = said.get("usage")
        if usage or not failed:
            self._usages.append(usage)
        return {"usage": vectors.total(self._usages)}

    def take(self, value: Json) -> None:
        """Keep the rows of the answer.

        Raises:
            PayloadError: they do not go with the texts, or with the rows before.
        """
        self._rows.take(value, len(self._part()), self._provider)

    def merged(self) -> WireAnswer:
        """The whole answer."""
        return self._rows.merged()

    def _part(self) -> list[JsonValue]:
        return self._texts[len(self._rows) : len(self._rows) + self._most]
