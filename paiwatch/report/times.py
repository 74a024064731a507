"""Times as people and programs read them. Epoch seconds in, text out; "now" is an argument."""

from datetime import UTC, datetime

_STEPS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def iso(at: float) -> str:
    """ISO 8601 in UTC with milliseconds: 2026-11-22T21:30:00.250Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(at: float | None) -> str | None:
    """As `iso`; None for what has not happened (None or 0)."""
    return iso(at) if at else None


def ago(at: float, now: float) -> str:
    """`just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`; a clock that was set back gives `just now`."""
    seconds = now - at
    if seconds < 1:
        return "just now"
    return f"{rough(seconds)} ago"


def rough(seconds: float) -> str:
    """A length of time in its largest whole unit: 12 s, 3 min, 5 h, 2 d; below ten seconds with one decimal."""
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{int(seconds)} s"
