"""Keep: the bytes of a live directory as they were when it was read, by git blob id. What changes later is not seen.

One unlinked file: nothing to clean up, however the process ends.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from paiwatch import disk, private
from paiwatch.errors import TransientError

_CHUNK = 1 << 20
_PREFIX = ".live-"
_SLACK = 64 << 20  # bytes of forgotten content that are not worth a rewrite


class Keep:
    """Content by id, on disk under `home`. Used by one thread; `read` by another one, too.

    What has an id stays where it is until `retain` moves it; only that and a `read` exclude each other.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._moving = threading.Lock()
        self._file = _unnamed(home)
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0

    def add(self, size: int, read: Callable[[int], bytes]) -> str | None:
        """Keep `size` bytes from `read(most)`; gives their blob id, or None when there were fewer."""
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        at = self._end
        while at - self._end < size:
            chunk = read(min(_CHUNK, size - (at - self._end)))
            if not chunk:
                return None
            digest.update(chunk)
            self._write(chunk, at)
            at += len(chunk)
        oid = digest.hexdigest()
        if oid not in self._places:
            self._places[oid] = (self._end, size)
            self._end = at
        return oid

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents by id. Raises TransientError for one that is not kept."""
        found = {}
        for oid in oids:
            with self._moving:
                found[oid] = self._read(oid)
        return found

    def retain(self, oids: Collection[str]) -> None:
        """Forget all others, once that frees enough to be worth the copying."""
        wanted = {oid: self._places[oid] for oid in oids if oid in self._places}
        useful = sum(size for _, size in wanted.values())
        if self._end - useful <= max(_SLACK, useful):
            return
        try:
            fresh = self._copied(wanted.values())
        except TransientError:  # no room for a copy: what is kept stays where it is
            return
        with self._moving:
            os.close(self._file)
            self._file, self._places, self._end = fresh._file, fresh._places, fresh._end  # noqa: SLF001 (one of us)

    def close(self) -> None:
        """Give the space back."""
        os.close(self._file)

    def _read(self, oid: str) -> bytes:
        if oid not in self._places:
            raise TransientError(
                f"content {oid} of a live directory is no longer kept; the next look reads it again"
            )
        start, size = self._places[oid]
        parts = []
        try:
            while size and (part := os.pread(self._file, min(_CHUNK, size), start)):
                parts.append(part)
                start, size = start + len(part), size - len(part)
        except OSError as fault:
            raise TransientError(
                f"{self._home}: cannot read a live directory's content: {disk.explain(fault)}"
            ) from fault
        return b"".join(parts)

    def _write(self, chunk: bytes, at: int) -> None:
        try:
            while chunk:
                written = os.pwrite(self._file, chunk, at)
                chunk, at = chunk[written:], at + written
        except OSError as fault:
            raise TransientError(
                f"{self._home}: cannot keep a live directory's content: {disk.explain(fault)}"
            ) from fault

    def _copied(self, places: Iterable[tuple[int, int]]) -> "Keep":
        """Another one with these contents of ours."""
        fresh = Keep(self._home)
        try:
            for start, size in places:
                fresh._take(self._file, start, size)
        except TransientError:
            fresh.close()
            raise
        return fresh

    def _take(self, source: int, start: int, size: int) -> None:
        offsets = iter(range(start, start + size, _CHUNK))
        end = start + size
        self.add(size, lambda most: os.pread(source, min(most, end - (here := next(offsets))), here))


def _unnamed(home: Path) -> int:
    """A private file that has no name."""
    try:
        private.make_folder(home)
        descriptor, _ = tempfile.mkstemp(prefix=_PREFIX, dir=home)
        for file in home.glob(f"{_PREFIX}*"):  # also what a crash in between has left
            file.unlink(missing_ok=True)
    except OSError as fault:
        raise TransientError(
            f"{home}: cannot keep a live directory's content: {disk.explain(fault)}"
        ) from fault
    return descriptor
