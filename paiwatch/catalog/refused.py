"""Files of a live directory that cannot be had: paiwatch may not read them, or does not take them. PURE."""

from paiwatch.snapshot import DEEPEST, LARGEST, LONGEST, Entry, Mode


def fault(entry: Entry) -> tuple[str, str] | None:
    """What is wrong with a file, and what to do; None when it can be had."""
    if entry.mode is Mode.UNREADABLE:
        return "may not be read", "let paiwatch's user read it"
    if entry.mode is Mode.REFUSED:
        limits = f"a file may have {LARGEST >> 20} MiB, a path {LONGEST:,} bytes and {DEEPEST} folders"
        return f"is too large or lies too deep: {limits}", "keep it elsewhere and let a script fetch it"
    return None
