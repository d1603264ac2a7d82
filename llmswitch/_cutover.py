"""`[[cutover]]`: from when on a provider is out, and where."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmswitch import region
from llmswitch._source import provider_name

if TYPE_CHECKING:
    from llmswitch._source import Source

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhd])")
_LONGEST_RAMP: Final = 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutover:
    """From `at` on, `provider` is out for calls from, or for users in, `regions` (`*`: everywhere).

    During the `ramp` seconds before `at`, it is out for a share of calls that grows from 0 to 1.
    """

    provider: str
    regions: frozenset[str]
    at: datetime.datetime
    ramp: float = 0.0
    source: str = "argument cutovers"

    def covers(self, *codes: str | None) -> bool:
        """Whether one of these regions is meant."""
        return "*" in self.regions or not self.regions.isdisjoint(codes)

    def share(self, now: float) -> float:
        """Which share of calls it holds back at this unix time: 0.0 before the ramp, 1.0 from `at` on."""
        left = self.at.timestamp() - now
        if left <= 0:
            return 1.0
        return 1.0 - left / self.ramp if left < self.ramp else 0.0


def read(source: Source) -> tuple[Cutover, ...] | None:
    """`[[cutover]]`."""
    key = "cutover"
    if key not in source:
        source.raw(key)
        return None
    return tuple(_cutover(row) for row in source.each(key))


def _cutover(row: Source) -> Cutover:
    provider = provider_name(row, "provider", row.need("provider", str))
    at = _instant(row, "at")
    ramp = _ramp(row)
    cutover = Cutover(provider=provider, regions=_regions(row), at=at, ramp=ramp, source=f"{row.key} in {row.file}")
    row.close()
    return cutover


def _regions(row: Source) -> frozenset[str]:
    one, several = row.take("region", str), row.rows("regions", str)
    if (one is None) == (not several):
        raise row.error(
            "regions",
            None if one is None else one,
            'one of region = "CN" and regions = ["CN", "HK"]; "*" is everywhere',
        )
    codes = [one] if one is not None else [code for _, code in several]
    where = f"{row.file}: {row.path('regions')}"
    return frozenset("*" if code == "*" else region.normalise(code, where=where) for code in codes)


def _instant(row: Source, key: str) -> datetime.datetime:
    """A moment, in UTC. A date is its first moment in UTC; a time of day needs an offset."""
    value = row.raw(key)
    allowed = "a date (00:00 UTC), or a date and time with its offset such as 2026-12-01T09:00:00+08:00"
    found: object = value
    if isinstance(value, str):
        try:
            found = datetime.datetime.fromisoformat(value.strip())
            if len(value.strip()) <= len("2026-12-01"):
                found = found.date()
        except ValueError:
            raise row.error(key, value, allowed) from None
    if isinstance(found, datetime.datetime):
        if found.tzinfo is None:
            raise row.error(key, str(value), f"{allowed}; this one has no offset: add Z for UTC, or +08:00 for Beijing")
        try:
            return found.astimezone(datetime.UTC)
        except OverflowError:
            raise row.error(key, str(value), "a date between the years 1 and 9999, in UTC") from None
    if isinstance(found, datetime.date):
        return datetime.datetime(found.year, found.month, found.day, tzinfo=datetime.UTC)
    raise row.error(key, value, allowed)


def _ramp(row: Source) -> float:
    """Seconds; "30m", "2h", "1d" are understood."""
    value = row.raw("ramp")
    allowed = 'seconds, or a length such as "90s", "30m", "2h", "1d"; at most 366 days'
    seconds = math.nan
    if value is None:
        return 0.0
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _LONGEST_RAMP else math.inf
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match[1]) * _UNITS[match[2]]
    if not 0 <= seconds <= _LONGEST_RAMP:
        raise row.error("ramp", value, allowed)
    return seconds
