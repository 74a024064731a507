"""The state lock: at most one paiwatch acts on a state folder at a time, and the other learns who does.

An flock: it goes with its holder, however that ends, so there is never a stale one to remove.
"""

import fcntl
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from paiwatch import disk, private
from paiwatch.errors import BusyError, StoreError


class StateLock:
    """Holds `<state>/lock` while entered. `command` is what the next comer is told: `run`, `once`, `service stop`."""

    def __init__(self, state: Path, *, command: str = "run") -> None:
        self._file = state / "lock"
        self._command = command
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take it. Raises BusyError naming the holder, StoreError when the folder cannot be used."""
        try:
            private.make_folder(self._file.parent)
            self._descriptor = self._take()
            self._sign()
        except OSError as error:
            self._let_go()
            raise StoreError(f"{self._file}: cannot be written: {disk.explain(error)}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a name that stays there says nothing: the lock does
            os.ftruncate(self._descriptor, 0)
        self._let_go()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _take(self) -> int:
        """The locked descriptor. Whoever removed or replaced the file meanwhile left us with a lock on nothing: again."""
        while True:
            descriptor = private.open_file(self._file, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _describe(os.pread(descriptor, 4096, 0))
                os.close(descriptor)
                raise BusyError(f"{self._file.parent}: in use by {holder}") from None
            if self._is_still(descriptor):
                return descriptor
            os.close(descriptor)

    def _is_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._file.stat())
        except FileNotFoundError:
            return False

    def _sign(self) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps({"pid": os.getpid(), "command": self._command, "since": since})
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)


def _describe(content: bytes) -> str:
    """The holder in words; one that has not signed yet (or is leaving) is just another."""
    try:
        holder = json.loads(content)
        return f"paiwatch {holder['command']}, pid {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another paiwatch"
