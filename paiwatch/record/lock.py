"""The state lock: at most one paiwatch acts on a state folder at a time, and the other learns who does.

An flock: it goes with its holder, however that ends, so there is never a stale one to remove. Only a script that a dead holder
was about to start has it for an instant longer, until it is bash: that is waited for, because it is found by its marker only then.
The folder itself is locked as well: whoever tidies up may remove the file, and would let a second one in.
"""

import fcntl
import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from paiwatch import disk, private
from paiwatch.errors import BusyError, StoreError, TransientError

_DAEMON = "run"
#: How everything begins that paiwatch itself puts into a state folder.
_OURS = (
    "lock",
    "record.db",
    ".record.db",
    "control.sock",
    "archive",
    "runs",
    "sources",
    "stages",
    "surroundings",
)

_PATIENCE = 5.0  # seconds that what a dead holder was about to start may take
_BRIEFLY = 0.5  # the same, once it has let the file go
_PAUSE = 0.005  # seconds between two tries


class StateLock:
    """Holds `<state>/lock` while entered. `command` is what the next comer is told: `run`, `once`, `service stop`."""

    def __init__(self, state: Path, *, command: str = "run") -> None:
        self._file = state / "lock"
        self._command = command
        self._descriptor = self._folder = -1

    def __enter__(self) -> Self:
        """Take it. Raises BusyError naming the holder, StoreError when the folder cannot be used.

        TransientError where a daemon meets a command that is over soon: whoever starts daemons tries again after that.
        """
        try:
            _claim(private.make_folder(self._file.parent, durable=True))
            self._descriptor = self._take()
            self._folder = self._take_folder()
            self._sign()
        except (BusyError, TransientError):
            self._let_go()
            raise
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
        for descriptor in (self._descriptor, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._folder = -1

    def _take(self) -> int:
        """The locked descriptor. Whoever removed or replaced the file meanwhile left us with a lock on nothing: again."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            descriptor = private.open_file(self._file, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 4096, 0)
                os.close(descriptor)
                if _is_dead(holder) and time.monotonic() < deadline:
                    time.sleep(_PAUSE)
                    continue
                raise self._refusal(holder) from None
            if self._is_still(descriptor):
                return descriptor
            os.close(descriptor)

    def _refusal(self, holder: bytes) -> BusyError | TransientError:
        text = f"{self._file.parent}: in use by {_describe(holder)}"
        if self._command != _DAEMON or _command(holder) in {_DAEMON, ""}:
            is_daemon = _command(holder) == _DAEMON
            other = "`paiwatch nudge` has it look now" if is_daemon else "try again when that has ended"
            return BusyError(f"{text}; {other}, and another platform needs a `state` of its own")
        return TransientError(f"{text}; start again once that has ended")

    def _take_folder(self) -> int:
        """The locked descriptor of the folder, -1 where a file system locks no folders (NFS): the file must do there."""
        deadline = time.monotonic() + _BRIEFLY
        descriptor = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(_PAUSE)
                    continue
                os.close(descriptor)
                raise BusyError(
                    f"{self._file.parent}: in use by another paiwatch, whose {self._file.name} file was removed or replaced; "
                    f"`fuser -v {self._file.parent}` names it; end it before you start another"
                ) from None
            except OSError:
                os.close(descriptor)
                return -1
            return descriptor

    def _is_still(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._file.stat())
        except FileNotFoundError:
            return False

    def _sign(self) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps({"pid": os.getpid(), "command": self._command, "since": since})
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        private.write_all(self._descriptor, text.encode())


def _claim(folder: Path) -> None:
    """Close it to others, if nothing but ours lies there. Raises StoreError when it is another user's."""
    found = folder.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        raise StoreError(
            f"{folder}: belongs to user {found.st_uid}, who could change what scripts are run; "
            f"give it to paiwatch's user (chown {os.geteuid()}), or name another folder in `state`"
        )
    is_open = found.st_uid == os.geteuid() and found.st_mode & 0o077
    if is_open and all(
        entry.name.startswith(_OURS) for entry in folder.iterdir()
    ):  # a slip may have named /var/lib
        folder.chmod(0o700)


def _is_dead(content: bytes) -> bool:
    """Whether the holder signed and has ended since."""
    try:
        os.kill(json.loads(content)["pid"], 0)
    except ProcessLookupError:
        return True
    except (ValueError, KeyError, TypeError, PermissionError, OverflowError):
        return False
    return False


def _command(content: bytes) -> str:
    """The holder's; "" when it has not signed."""
    try:
        return str(json.loads(content)["command"])
    except (ValueError, KeyError, TypeError):
        return ""


def _describe(content: bytes) -> str:
    """The holder in words; one that has not signed yet (or is leaving) is just another."""
    try:
        holder = json.loads(content)
        return f"paiwatch {holder['command']}, pid {holder['pid']}, since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another paiwatch"
