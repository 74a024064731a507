"""A room: one source and its two lanes. One thread looks, which may take as long as a server likes; another one reads what is here."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar, runtime_checkable

from paiwatch.errors import ConfigError, TransientError
from paiwatch.snapshot import Commit, Revision, Tree
from paiwatch.sources.blobs import Blobs
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.observation import SourceObservation
from paiwatch.sources.refused_commit import Refusal, RefusedError

T = TypeVar("T")

#: Bytes of contents that each source remembers: enough that what a look read is not read again by the runs that follow it.
_REMEMBERED = 4 * 1024 * 1024


class Reading(Protocol):
    """What was looked at, for a thread of its own. `abort` by any."""

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents by id. Raises DamagedMirrorError for what only the origin can have again."""

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Commits between two revisions that changed one of these paths, newest first."""

    def rest(self) -> None:
        """Give up what was not needed for long."""

    def abort(self) -> None:
        """Give up what is under way."""

    def close(self) -> None:
        """Release everything."""


class Origin(Protocol):
    """What a repository and a live directory have in common. Used and closed by one thread; `abort` and `reader` by any."""

    def observe(
        self, *, folder: str, since: Tree | None = None, revision: str | None = None
    ) -> SourceObservation:
        """The tree now, or at a revision."""

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Contents by id; whatever is damaged is mended first."""

    def reader(self) -> Reading:
        """The same contents for another thread, which sees what was looked at last, and never waits for a look."""

    def abort(self) -> None:
        """Give up what waits for somebody else."""

    def close(self) -> None:
        """Release everything."""


@runtime_checkable
class Judging(Protocol):
    """An origin that does not take every history."""

    def accept_rewrite(self) -> Revision:
        """See StrictRepository.accept_rewrite."""


class Room:
    """An origin, the thread that looks with it, and the one that reads; the origin is made at the first use.

    `refused` is why the newest commit was not taken when that was looked at last, if it was not.
    """

    def __init__(self, name: str, build: Callable[[], Origin]) -> None:
        self.name = name
        self.refused: Refusal | None = None
        self._build = build
        self._making = threading.Lock()
        self._origin: Origin | None = None
        self._reader: Reading | None = None
        self._is_closing = False
        self._blobs = Blobs(_REMEMBERED)
        self._looks = ThreadPoolExecutor(1, thread_name_prefix=f"source-{name}")
        self._reads = ThreadPoolExecutor(1, thread_name_prefix=f"reader-{name}")

    async def look(self, *, folder: str, since: Tree | None, revision: str | None) -> SourceObservation:
        """See Origin.observe."""
        try:
            seen = await self._apart(
                lambda origin: origin.observe(folder=folder, since=since, revision=revision)
            )
        except RefusedError as fault:
            self.refused = fault.refusal
            raise
        if revision is None:
            self.refused = seen.refusal
        if not self._is_closing:
            self._submit(self._reads, self._rest)
        return seen

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blocks until the contents are there, but for no look; from any thread but the room's own.

        Only what is missing or damaged here waits for the other lane: to mend it takes a fetch.
        """
        wanted = tuple(oids)
        try:
            return self._submit(
                self._reads, lambda: self._blobs.read(wanted, self._opened_reader().read)
            ).result()
        except DamagedMirrorError:
            return self._submit(self._looks, lambda: self._opened().read(wanted)).result()

    def log(self, since: str, until: str, paths: Sequence[str]) -> tuple[Commit, ...]:
        """See Reading.log; blocks, as `read`."""
        return self._submit(self._reads, lambda: self._opened_reader().log(since, until, paths)).result()

    async def accept_rewrite(self) -> Revision:
        """See StrictRepository.accept_rewrite."""

        def accept(origin: Origin) -> Revision:
            if not isinstance(origin, Judging):
                raise ConfigError(f"{self.name}: takes any history; there is nothing to accept")
            return origin.accept_rewrite()

        return await self._apart(accept)

    async def close(self) -> None:
        """Abort what runs; close the reader, then the origin, each in its own thread; end the threads. Does nothing the second time."""
        if self._is_closing:
            return
        self._is_closing = True
        for part in (self._reader, self._origin):
            if part is not None:
                part.abort()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._reads, self._close_reader)
        await loop.run_in_executor(self._looks, self._close_origin)
        for lane in (self._reads, self._looks):
            lane.shutdown(wait=True)

    # -- in either lane

    def _opened(self) -> Origin:
        """The origin; the lane that comes first makes it."""
        with self._making:
            self._check()
            if self._origin is None:
                self._origin = self._build()
            if self._is_closing:  # who closes the room may not have seen it yet
                self._origin.abort()
            return self._origin

    def _check(self) -> None:
        if self._is_closing:
            raise TransientError(f"{self.name}: closed while it was asked")

    def _submit(self, lane: ThreadPoolExecutor, work: Callable[[], T]) -> Future[T]:
        try:
            return lane.submit(work)
        except RuntimeError:
            self._check()
            raise

    # -- in the lane of looks

    async def _apart(self, work: Callable[[Origin], T]) -> T:
        return await asyncio.wrap_future(self._submit(self._looks, lambda: work(self._opened())))

    def _close_origin(self) -> None:
        if self._origin is not None:
            self._origin.close()

    # -- in the lane of reads

    def _opened_reader(self) -> Reading:
        if self._reader is None:
            self._reader = self._opened().reader()
        if self._is_closing:
            self._reader.abort()
        return self._reader

    def _rest(self) -> None:
        if self._reader is not None:
            self._reader.rest()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
