"""Moments of the past as people write them: `10m`, `2 h ago`, `02:15`, `yesterday`, `2026-11-22 21:30`. Without a zone it is the local one."""

import re
from datetime import datetime, time, timedelta

#: What is told to somebody who wrote something else.
FORMS = "write a number of an event, or a time such as 10m, 2h, 3d, 02:15, yesterday, 2026-11-22 or 2026-11-22T21:30:00Z"

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_AGO = re.compile(
    r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?"
    r"(?:(?P<unit>[smhdw])|sec(?:ond)?s?|min(?:ute)?s?|hours?|days?|weeks?)(?: ago)?"
)


def parse(text: str, *, now: float) -> float:
    """Epoch seconds. Raises ValueError for what is no time, or lies ahead of now (epoch seconds)."""
    words = " ".join(text.lower().split())
    if (found := _AGO.fullmatch(words)) is not None:
        unit = found["unit"] or words.removeprefix(found["number"]).strip()[0]
        return now - float(found["number"]) * _UNITS[unit]
    at = _of_the_clock(words, datetime.fromtimestamp(now).astimezone()) or _of_the_calendar(text.strip())
    if at > now:
        raise ValueError(f"{text!r} has not come yet")
    return at


def _of_the_clock(words: str, now: datetime) -> float | None:
    """A day that has a word, or the last time that clocks showed this."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if words in {"today", "yesterday"}:
        return (midnight - timedelta(days=words == "yesterday")).timestamp()
    if not re.fullmatch(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?", words):
        return None
    try:
        shown = datetime.combine(midnight, time.fromisoformat(words.zfill(5 if words.count(":") == 1 else 8)))
    except ValueError:
        raise ValueError(FORMS) from None
    is_ahead = shown.timestamp() > now.timestamp()
    return (shown - timedelta(days=is_ahead)).timestamp()


def _of_the_calendar(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(FORMS) from None
