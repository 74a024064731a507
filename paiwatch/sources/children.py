"""The processes that one thread of ours started, ended at once: for a git that hangs and for a daemon that stops."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def end_children_of(thread: int) -> int:
    """KILL everything that this thread (native id) of our process started, and its descendants; gives their number."""
    family = _descendants(_children(Path("/proc/self/task") / str(thread)))
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(family)


def _descendants(pids: tuple[int, ...]) -> tuple[int, ...]:
    """These and all below, collected before any is ended, while their parents still name them."""
    found = list(pids)
    for pid in found:
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                found.extend(_children(task))
    return tuple(found)


def _children(task: Path) -> tuple[int, ...]:
    """Direct children of one thread; see proc(5), children."""
    try:
        return tuple(int(pid) for pid in (task / "children").read_text().split())
    except OSError:
        return ()
