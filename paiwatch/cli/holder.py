"""Who works on a state folder now, seen without touching its lock: an unfinished run of nobody was cut off."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds the state lock, and its verb, as it signed."""

    pid: int
    command: str


def find(state: Path, *, locks: Path = _LOCKS) -> Holder | None:
    """The holder of the state lock, None when nobody has it. Trying the lock instead could turn away who wants it."""
    file = state / "lock"
    try:
        status = file.stat()
        signed = json.loads(file.read_bytes() or b"{}")
        held = locks.read_text()
    except (OSError, ValueError):
        return None
    holder = Holder(int(signed.get("pid", 0)), str(signed.get("command", "another command")))
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    return (
        holder
        if any(_is_ours(line.split(), device, status.st_ino, holder.pid) for line in held.splitlines())
        else None
    )


def _is_ours(words: Sequence[str], device: str, inode: int, pid: int) -> bool:
    """A line of /proc/locks: `1: FLOCK ADVISORY WRITE pid device:inode …`. See proc(5).

    Some file systems show another device there than stat does, and other pid namespaces another pid: one of them must do.
    """
    if len(words) < 6 or words[1] != "FLOCK":
        return False
    where, _, number = words[5].rpartition(":")
    return number == str(inode) and (where == device or words[4] == str(pid))
