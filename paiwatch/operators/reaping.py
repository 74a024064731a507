"""Reaping: how the event loop learns that a script has ended."""

import asyncio
import os
import sys


def by_descriptor() -> None:
    """In the running loop: learn it from a descriptor of the process, as Pythons after 3.11 do of themselves, where the kernel has such.

    3.11 starts a thread for each process, which can take longer than the process itself.
    """
    if sys.version_info < (3, 12) and _has_descriptors():
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


def _has_descriptors() -> bool:
    """Old kernels and some containers refuse."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True
