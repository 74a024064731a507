"""The raw watch that floors are made of: one inotify descriptor through ctypes, and when a branch became visible."""

import contextlib
import ctypes
import os
import select
import struct
import threading
import time
from pathlib import Path
from typing import Self

_MOVED_TO = 0x80
_CLOEXEC = 0o2000000
_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


def open_watch(folder: Path) -> int:
    """A descriptor on which renames into this folder are read; git publishes a branch by such a rename."""
    descriptor: int = _libc.inotify_init1(_CLOEXEC)
    if descriptor < 0 or _libc.inotify_add_watch(descriptor, os.fsencode(folder), _MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), "cannot watch", str(folder))
    return descriptor


def read_names(descriptor: int) -> list[str]:
    """The files that were renamed into the folder since the last time."""
    buffer = os.read(descriptor, 65536)
    names, at = [], 0
    while at < len(buffer):
        *_, length = _HEAD.unpack_from(buffer, at)
        start = at + _HEAD.size
        names.append(os.fsdecode(buffer[start : start + length].rstrip(b"\0")))
        at = start + length
    return names


class Sighting:
    """Notes when a branch becomes visible in a repository, from a thread of its own; used as a context."""

    def __init__(self, gitdir: Path, branch: str) -> None:
        self._branch = branch
        self._descriptor = open_watch(gitdir / "refs" / "heads")
        self._seen = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="sighting")
        self.at = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _wait(self) -> None:
        while not self._seen.is_set():
            if select.select([self._descriptor], [], [], 0.05)[0]:
                now = time.time()
                if self._branch in read_names(self._descriptor):
                    self.at = now
                    return
