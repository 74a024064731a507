"""Orphans: gits that a paiwatch which was killed left behind, found by the mirror that they were told of, and ended.

Only the holder of a mirror calls this: whoever else works in it then has lost its paiwatch, and would work against this one.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: In the environment of every git and of all that it starts: the home of the mirror it works in.
MARKER = "PAIWATCH_MIRROR"

_KILLING = 2.0  # seconds after which one that even KILL does not end is left to itself
_PAUSE = 0.005


def end(home: Path) -> None:
    """End all that works in this mirror, and wait until it is gone."""
    mark = os.fsencode(f"{MARKER}={home}")
    until = time.monotonic() + _KILLING
    while [pid for pid in _pids() if _kill(pid, mark)] and time.monotonic() < until:
        time.sleep(_PAUSE)


def _pids() -> Iterator[int]:
    own = os.getpid()
    pids = (int(place.name) for place in Path("/proc").iterdir() if place.name.isdecimal())
    return (pid for pid in pids if pid != own)


def _kill(pid: int, mark: bytes) -> bool:
    """Whether it was one of them; what has ended has no environment any more."""
    with suppress(OSError):
        process = os.pidfd_open(pid)  # so that nobody else can have the number by the time it is used
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                signal.pidfd_send_signal(process, signal.SIGKILL)
                return True
        finally:
            os.close(process)
    return False
