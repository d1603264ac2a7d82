"""How long to wait: `Retry-After` as openai's SDK reads it, and the durations and reset times that vendors write into their texts."""

from __future__ import annotations

import email.utils
import math
import re
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNIT: Final = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|毫秒|秒钟?|分钟?|小时|天)"
_DURATION: Final = rf"((?:\d{{1,9}}(?:\.\d{{1,9}})?\s?{_UNIT}\s{{0,2}}){{1,4}})"
_IN: Final = re.compile(
    rf"(?:try again|retry|wait|available|resets?)\b[^.\n\d]{{0,40}}?(?:in|after|for|:)?\s*{_DURATION}(?![a-z])"
    rf"|(?:请在?|等待|等候)\s*{_DURATION}\s*(?:后|之后|再)",
    re.IGNORECASE,
)
_PART: Final = re.compile(rf"(\d{{1,9}}(?:\.\d{{1,9}})?)\s?({_UNIT})", re.IGNORECASE)
_SECONDS: Final = {
    "ms": 0.001,
    "mi": 60.0,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "毫": 0.001,
    "秒": 1.0,
    "分": 60.0,
    "小": 3600.0,
    "天": 86400.0,
}
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[t ](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?\s{0,2}(z|utc|[+-]\d{2}:?\d{2})?")
_RESETS: Final = ("reset", "重置", "刷新", "恢复", "flush")
_MILLISECONDS: Final = 1e11  # unix seconds stay below until the year 5138
_EARLIEST: Final = 1e9


def retry_after(headers: Mapping[str, str]) -> tuple[float | None, bool]:
    """(seconds, unusable) from `retry-after-ms` and `Retry-After`; header names in lower case.

    A value that is there but gives no wait (not a number or date, NaN, negative, too large for a float) is pushback: (None, True).
    A date that has passed means now.
    """
    present = False
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        present = True
        try:
            delay = float(value)
        except ValueError:
            continue
        usable = math.isfinite(delay) and delay >= 0
        return (delay / divisor, False) if usable else (None, True)
    if not present:
        return None, False
    try:
        date = email.utils.parsedate_tz(headers.get("retry-after"))
        moment = None if date is None else float(email.utils.mktime_tz(date))
    except (TypeError, ValueError, OverflowError, OSError, IndexError):
        moment = None
    return (None, True) if moment is None else (max(0.0, moment - time.time()), False)


def wait_in_text(field: str | None, text: str) -> float | None:
    """Seconds from a body's own field ("48s", "1.5") or its words ("try again in 6m0s", "请在 30 秒后重试")."""
    if field:
        try:
            seconds = float(field)
        except ValueError:
            seconds = _seconds(field)
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    match = _IN.search(text)
    if match is None:
        return None
    return _seconds(match.group(1) or match.group(2)) or None


def _seconds(duration: str) -> float:
    total = 0.0
    for number, unit in _PART.findall(duration.lower()):
        total += float(number) * (_SECONDS.get(unit[:2]) or _SECONDS[unit[0]])
    return total


def reset_time(field: object, text: str, utc_offset: float | None) -> float | None:
    """Unix time of a reset from a body's own field, or from a text that names one.

    Args:
        field: a number of seconds or milliseconds, or a text.
        text: the vendor's words, lower case.
        utc_offset: hours east of UTC of times without a zone; None: such a time is not taken.
    """
    if isinstance(field, (int, float, str)) and not isinstance(field, bool):
        try:
            number = float(field)
        except (ValueError, OverflowError):
            return _moment(str(field).lower(), utc_offset)
        if number > _MILLISECONDS:
            number /= 1000
        return number if math.isfinite(number) and number > _EARLIEST else None
    return _moment(text, utc_offset) if any(word in text for word in _RESETS) else None


def _moment(text: str, utc_offset: float | None) -> float | None:
    match = _MOMENT.search(text)
    if match is None:
        return None
    day, clock, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in ('z', 'utc') else zone or ''}")
        if moment.tzinfo is None:
            if utc_offset is None:
                return None
            moment = moment.replace(tzinfo=timezone(timedelta(hours=utc_offset)))
        return moment.timestamp()
    except (ValueError, OverflowError):
        return None
