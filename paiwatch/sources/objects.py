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

    def read(self, oids: Iterable[str], *, most: int, in_all: int | None = None) -> dict[str, Object]:
        """Those that exist, by id, with contents of up to `most` bytes each, and `in_all` together.

        Raises DamagedMirrorError when git dies of it.
        """
        found: dict[str, Object] = {}
        waiting = iter(oids)
        room = in_all
        try:
            while batch := tuple(islice(waiting, _BATCH)):
                answers = self._ask(batch, most, room)
                if room is not None:
                    room -= sum(len(each.content or b"") for each in answers.values())
                found |= answers
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

    def _ask(self, oids: tuple[str, ...], most: int, room: int | None) -> dict[str, Object]:
        """One batch; once more from a new child if the old one turns out to be dead."""
        is_old = self._child is not None
        try:
            return dict(self._answers(oids, most, room))
        except DamagedMirrorError:
            if not is_old:
                raise
        self.close()
        return dict(self._answers(oids, most, room))

    def _answers(self, oids: tuple[str, ...], most: int, room: int | None) -> Iterator[tuple[str, Object]]:
        self._write(oids)
        for asked, oid in enumerate(oids, start=1):
            child = self._child
            assert child is not None
            header = self._line(child).decode(errors="replace").split(" ")
            if len(header) != 3:
                continue
            size = int(header[2])
            if size > most or (room is not None and size > room):
                yield oid, Object(header[1], size, None)
                self.close()  # sooner than to listen to it: a small pack may hold a thousand times its size
                self._write(oids[asked:])
                continue
            room = None if room is None else room - size
            yield oid, Object(header[1], size, self._take(child, size + 1)[:-1])

    def _write(self, oids: tuple[str, ...]) -> None:
        """Ask for all of these."""
        if self._child is None:
            self._child = self._calls.start("cat-file", "--batch", talks=True)
        try:
            self._child.stdin.write("".join(f"{oid}\n" for oid in oids).encode())
            self._child.stdin.flush()
        except OSError as fault:
            raise DamagedMirrorError(self._last_words(self._child)) from fault

    def _line(self, child: Process) -> bytes:
        while (end := self._pending.find(b"\n")) < 0:
            self._fill(child)
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return line

    def _take(self, child: Process, size: int) -> bytes:
        """The next bytes."""
        while len(self._pending) < size:
            self._fill(child)
        content = bytes(self._pending[:size])
        del self._pending[:size]
        return content

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
