"""Objects of a mirror by id, through one `git cat-file` that lives on between questions. Bounded in time and memory.

It sees what is fetched or packed while it lives. It is started at the first question, ended when it has had nothing to do for
long, and started again when it dies.
"""

import os
import select
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from paiwatch.errors import TransientError
from paiwatch.sources.calls import Calls, Process
from paiwatch.sources.mirror import DamagedMirrorError

_BATCH = (
    500  # questions written at once: 20 KB always fit into the pipe, so nobody waits for somebody who waits
)
_CHUNK = 1 << 18  # bytes
_IDLE = 60.0  # seconds without a question after which it is ended


@dataclass(frozen=True, slots=True)
class Object:
    """`kind` as git says it (blob, commit, …); `content` is None when it was larger than wanted."""

    kind: str
    size: int
    content: bytes | None


class Objects:
    """Used by one thread. `timeout` is the longest wait for the next bytes."""

    def __init__(self, calls: Calls, *, timeout: float) -> None:
        self._calls = calls
        self._timeout = timeout
        self._child: Process | None = None
        self._pending = bytearray()
        self._used = 0.0

    def read(self, oids: Iterable[str], *, most: int) -> dict[str, Object]:
        """Those that exist, by id, with contents of up to `most` bytes. Raises DamagedMirrorError when git dies of it."""
        found: dict[str, Object] = {}
        waiting = iter(oids)
        try:
            while batch := tuple(islice(waiting, _BATCH)):
                found |= self._ask(batch, most)
        except BaseException:
            self.close()
            raise
        self._used = time.monotonic()
        return found

    def rest(self) -> None:
        """End the child if it had nothing to do for long."""
        if time.monotonic() - self._used > _IDLE:
            self.close()

    def close(self) -> None:
        """End the child; the next question starts another one."""
        child, self._child = self._child, None
        self._pending.clear()
        if child is not None:
            self._calls.end(child)

    def _ask(self, oids: tuple[str, ...], most: int) -> dict[str, Object]:
        """One batch; once more from a new child if the old one turns out to be dead."""
        is_old = self._child is not None
        try:
            return dict(self._answers(oids, most))
        except DamagedMirrorError:
            if not is_old:
                raise
        self.close()
        return dict(self._answers(oids, most))

    def _answers(self, oids: tuple[str, ...], most: int) -> Iterator[tuple[str, Object]]:
        if self._child is None:
            self._child = self._calls.start("cat-file", "--batch", talks=True)
        child = self._child
        try:
            child.stdin.write("".join(f"{oid}\n" for oid in oids).encode())
            child.stdin.flush()
        except OSError as fault:
            raise DamagedMirrorError(self._last_words(child)) from fault
        for oid in oids:
            header = self._line(child).decode(errors="replace").split(" ")
            if len(header) == 3:
                size = int(header[2])
                content = self._take(child, size + 1, keep=size <= most)
                yield oid, Object(header[1], size, content if content is None else content[:-1])

    def _line(self, child: Process) -> bytes:
        while (end := self._pending.find(b"\n")) < 0:
            self._fill(child)
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def _take(self, child: Process, size: int, *, keep: bool) -> bytes | None:
        """The next bytes; read and dropped, a piece at a time, unless they are to be kept."""
        if keep:
            while len(self._pending) < size:
                self._fill(child)
            content = bytes(self._pending[:size])
            del self._pending[:size]
            return content
        while size:
            if not self._pending:
                self._fill(child)
            dropped = min(size, len(self._pending))
            del self._pending[:dropped]
            size -= dropped
        return None

    def _fill(self, child: Process) -> None:
        waiting = select.poll()
        waiting.register(child.stdout, select.POLLIN)
        if not waiting.poll(self._timeout * 1000):
            raise TransientError(
                f"git gave no object within {self._timeout:g} s; check the disk, or raise `timeout`"
            )
        chunk = os.read(child.stdout.fileno(), _CHUNK)
        if not chunk:
            raise DamagedMirrorError(self._last_words(child))
        self._pending += chunk

    def _last_words(self, child: Process) -> str:
        """What it complained of. It is dead or dying: its end is not far."""
        os.set_blocking(child.stderr.fileno(), False)
        said = child.stderr.read() or b""
        return said.decode(errors="replace").strip()
