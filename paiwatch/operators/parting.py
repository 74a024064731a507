"""Output of a script that ended, and a process that went on and still writes to it: who does, and how the two are parted."""

import errno
import fcntl
import os
from pathlib import Path

from paiwatch import private


def is_held(log: Path) -> bool:
    """Whether some process still has it open for writing: the kernel grants no lease then (fcntl(2))."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as fault:
        return fault.errno == errno.EAGAIN  # else this file system has no leases, and nobody can tell
    finally:
        os.close(descriptor)
    return False


def part(log: Path) -> None:
    """Put a copy in its place; what is written from now on is lost. The output is short enough for memory by now."""
    private.replace_file(log, log.read_bytes())
