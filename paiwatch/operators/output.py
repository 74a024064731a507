"""The output file of a run: the script writes to it directly, never through a pipe; here it is kept within its limit.

While the script writes, the middle of what is too long is given back to the disk (a hole, so nothing is lost that is
counted), and room is kept reserved ahead of it, so that a disk that fills up meanwhile does not make the script fail. When
it ended, the hole becomes one line that says how much was cut, and secrets are masked.
"""

import asyncio
import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from paiwatch import private
from paiwatch.failpoint import reach

#: Masks secrets in a piece of output.
Scrub = Callable[[bytes], bytes]

#: Bytes that are reserved ahead of what a script has written.
RESERVE = 1024 * 1024

OVERLAP = 16 * 1024  # longest secret that is recognised across a border of two pieces
_PIECE = 1024 * 1024
_SLOW, _FAST = 0.25, 0.005  # seconds between looks at the size
_LEAST = (
    RESERVE // 4
)  # bytes kept on a full disk; twice that, and room for secrets at the borders, is in what was reserved
_IN_MEMORY = 64 * 1024 * 1024  # bytes that are masked there where the disk has no room for a copy
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # fallocate(2)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MISSING = b"\n[paiwatch: the disk was full, some of the output is missing]\n"


@dataclass(frozen=True, slots=True)
class Cut:
    """What is kept of a file: `head` bytes from its beginning and all from `tail` on; equal when nothing is cut."""

    head: int
    tail: int

    @property
    def bytes(self) -> int:
        """How many are cut."""
        return self.tail - self.head


def cut(size: int, limit: int) -> Cut:
    """Half of the limit at either end. Pure."""
    if size <= limit:
        return Cut(size, size)
    return Cut(limit // 2, size - (limit - limit // 2))


def open_log(log: Path) -> int:
    """Descriptor that appends to this file, made with its folder for the owner only."""
    private.make_folder(log.parent)
    return private.open_file(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def reserve(log: Path, limit: int) -> None:
    """Have room for output before its script begins. Raises OSError where there is none."""
    descriptor = open_log(log)
    try:
        _allocate(descriptor, 0, min(limit, RESERVE))
    finally:
        os.close(descriptor)


class Cap:
    """Keeps a file that grows within its limit on the disk. `start` and `stop` it inside the running loop.

    `limit` is less than was asked for once the disk is full: what is kept must be what `finish` is told to keep.
    """

    def __init__(self, log: Path, limit: int) -> None:
        self._log = log
        self.limit = limit
        self._pause = 0.02
        self._seen = 0
        self._punched = 0
        self._reserved = min(limit, RESERVE)
        self._is_short = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look at the size from now on, more often while it grows fast."""
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._look)

    def stop(self) -> None:
        """Look once more, and then no more. Does nothing the second time."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        with suppress(OSError):
            self._check(self._log.stat().st_size)

    def mark(self, log: Path) -> bool:
        """Say so at the end of what was kept, where the disk was too full for all of the output; whether that was the case."""
        with suppress(OSError):
            if self._is_short:
                _end_with(log, _MISSING)
        return self._is_short

    def _look(self) -> None:
        with suppress(OSError):  # what cannot be looked at now may be later; `finish` has the last word
            self._check(self._log.stat().st_size)
        self.start()

    def _check(self, size: int) -> None:
        is_fast = size - self._seen > min(self.limit, RESERVE) // 8
        self._pause = _FAST if is_fast else min(_SLOW, self._pause * 2)
        self._seen = size
        if size - self._punched > self.limit + 2 * OVERLAP:
            punch(self._log, cut(size, self.limit))
            self._punched = size - self.limit // 2
        if size + RESERVE // 2 > self._reserved >= _LEAST:
            self._reserve(size)

    def _reserve(self, size: int) -> None:
        """Ahead of the output; where the disk has nothing more to give, in place of the middle of it."""
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _allocate(descriptor, size, RESERVE)
        except OSError:
            self._is_short |= size >= self._reserved
            self.limit = min(self.limit, _LEAST)
            punch(self._log, cut(size, self.limit))
            if _fallocate(descriptor, _KEEP_SIZE, size, _LEAST) == 0:
                self._reserved = max(self._reserved, size + _LEAST)
        else:
            self._reserved = size + RESERVE
        finally:
            os.close(descriptor)


def punch(log: Path, middle: Cut) -> None:
    """Give the disk space of the middle back, short of the overlap that is needed to mask secrets at its borders."""
    start, stop = middle.head + OVERLAP, middle.tail - OVERLAP
    if stop <= start:
        return
    descriptor = os.open(log, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, stop - start) != 0:
            os.ftruncate(
                descriptor, start
            )  # no holes on this file system: the end goes instead of the middle
    finally:
        os.close(descriptor)


def finish(log: Path, limit: int, scrub: Scrub | None = None) -> int:
    """Cut and mask the output of a run that ended; gives the number of bytes cut. Raises OSError.

    The file is replaced as a whole, or overwritten where the disk has no room for that. What cannot be masked is cut off,
    rather than left with secrets in it. What is no file (a script put it there) is removed.
    """
    facts = log.lstat()
    if not stat.S_ISREG(facts.st_mode):
        private.remove_tree(log)
        raise FileNotFoundError(errno.ENOENT, "its script put something else in its place", str(log))
    size = facts.st_size
    kept = cut(size, limit)
    if not kept.bytes and (scrub is None or _is_clean(log, size, scrub)):
        os.truncate(log, size)  # what was reserved beyond it goes back to the disk
        return 0
    try:
        return _rewrite(log, size, kept, scrub or bytes)
    except OSError:
        if size - kept.bytes > _IN_MEMORY:
            os.truncate(log, 0)
            raise
    return _overwrite(log, size, kept, scrub or bytes)


def copy(old: int, new: BinaryIO, limit: int, scrub: Scrub | None) -> None:
    """Write what is to be kept of this output, cut and masked, into another file. Raises OSError."""
    size = os.fstat(old).st_size
    _copy_kept(old, new, size, cut(size, limit), scrub or bytes)


def safe_border(window: bytes, at: int, step: int, scrub: Scrub) -> int:
    """The border nearest to `at`, in the direction of `step` (-1 or 1), that divides no secret. Pure.

    A border is safe when masking both sides alone gives what masking them together gives.
    """
    border, distance = at, 0
    while True:
        left, right = window[max(0, border - OVERLAP) : border], window[border : border + OVERLAP]
        if not left or not right or scrub(left + right) == scrub(left) + scrub(right):
            return border
        distance = distance * 2 or 1
        border = min(len(window), max(0, at + step * distance))


def _is_clean(log: Path, size: int, scrub: Scrub) -> bool:
    """Whether there is nothing to mask, for output that is small enough to look at in one piece."""
    if size > _PIECE:
        return False
    content = log.read_bytes()
    return scrub(content) == content


def _rewrite(log: Path, size: int, kept: Cut, scrub: Scrub) -> int:
    descriptor, name = tempfile.mkstemp(prefix=f".{log.name}.", dir=log.parent)
    try:
        with os.fdopen(descriptor, "wb") as new, log.open("rb") as old:
            os.fchmod(new.fileno(), 0o600)
            missing = _copy_kept(old.fileno(), new, size, kept, scrub)
        reach("output.unpublished")
        Path(name).replace(log)
    finally:
        Path(name).unlink(missing_ok=True)
    return missing


def _overwrite(log: Path, size: int, kept: Cut, scrub: Scrub) -> int:
    """The same in the blocks that the file has. Not at once: whoever finds it half done (paiwatch died) does it again."""
    new = io.BytesIO()
    with log.open("r+b", buffering=0) as file:
        missing = _copy_kept(file.fileno(), new, size, kept, scrub)
        done = 0
        try:
            for start in range(0, len(new.getbuffer()), _PIECE):
                private.write_all(file.fileno(), new.getvalue()[start : start + _PIECE])
                done = file.tell()
        finally:
            file.truncate(done)
    return missing


def _end_with(log: Path, mark: bytes) -> None:
    """Append this; where there is no room even for that, in place of the last bytes."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CLOEXEC)
    try:
        end = os.fstat(descriptor).st_size
        os.lseek(descriptor, end, os.SEEK_SET)
        try:
            private.write_all(descriptor, mark)
        except OSError:
            os.ftruncate(descriptor, end)
            os.pwrite(descriptor, mark, max(0, end - len(mark)))
    finally:
        os.close(descriptor)


def _allocate(descriptor: int, start: int, length: int) -> None:
    """Reserve disk space. Raises OSError when the disk is full; a file system that reserves nothing is none the worse."""
    if length and (fault := _fallocate(descriptor, _KEEP_SIZE, start, length)) in _FULL:
        raise OSError(fault, os.strerror(fault))


def _fallocate(descriptor: int, mode: int, start: int, length: int) -> int:
    """The kernel's answer: 0 or an errno. Python's own cannot leave the size of the file alone."""
    import ctypes  # noqa: PLC0415 (10 ms that only who runs scripts pays)

    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return 0 if libc.fallocate(descriptor, mode, start, length) == 0 else ctypes.get_errno()


def _copy_kept(old: int, new: BinaryIO, size: int, kept: Cut, scrub: Scrub) -> int:
    if not kept.bytes:
        _copy(old, new, range(size), scrub)
        return 0
    before = max(0, kept.head - 2 * OVERLAP)
    window = os.pread(old, kept.head + OVERLAP - before, before)
    head = before + safe_border(window, kept.head - before, -1, scrub)
    after = max(0, kept.tail - OVERLAP)
    window = os.pread(old, kept.tail + 2 * OVERLAP - after, after)
    tail = after + safe_border(window, kept.tail - after, 1, scrub)
    _copy(old, new, range(head), scrub)
    new.write(b"\n[paiwatch: %d bytes of output were cut here]\n" % (tail - head))
    _copy(old, new, range(tail, size), scrub)
    return tail - head


def _copy(old: int, new: BinaryIO, span: range, scrub: Scrub) -> None:
    """Copy these bytes, masked piece by piece."""
    waiting, at = b"", span.start
    while at < span.stop:
        piece = os.pread(old, min(_PIECE, span.stop - at), at)
        if not piece:
            break
        at += len(piece)
        waiting += piece
        if len(waiting) > 2 * OVERLAP:
            border = safe_border(waiting, len(waiting) - OVERLAP, -1, scrub)
            new.write(scrub(waiting[:border]))
            waiting = waiting[border:]
    new.write(scrub(waiting))
