"""Vigil: for one source, the watcher and the timer that say "look again". It reads nothing and decides nothing."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from paiwatch import logs
from paiwatch.errors import TransientError
from paiwatch.sources import gitdir, route
from paiwatch.sources.nudge import POLL, Nudges
from paiwatch.sources.route import Route

if TYPE_CHECKING:
    from paiwatch.settings.sections import Source
    from paiwatch.sources.filesystem import Place, Watch

_LOG = logs.get_logger(__name__)

T = TypeVar("T")
_CHECK = 10.0  # seconds between two looks at the watch itself: a replaced root makes it blind
_REST = 1.0  # seconds until it is begun anew after events were lost: whatever made so many may still go on


class Vigil:
    """Nudges at every poll, and at once when watched files or refs move."""

    def __init__(self, name: str, source: "Source", nudges: Nudges) -> None:
        self.name = name
        self._source = source
        self._nudges = nudges
        self._watch: Watch | None = None
        self._watched: Route | Path | None = None
        self._complaint = ""
        self._suspect = asyncio.Event()

    async def poll(self) -> None:
        """Nudge for the look that comes whatever the events say; more often while nothing watches. Runs until cancelled."""
        source = self._source
        while True:
            slow = source.look if source.directory else source.poll
            blind = self._is_watchable and self._watch is None
            await asyncio.sleep(min(slow, source.poll) if blind else slow)
            self._nudges.nudge(f"{self.name}{POLL}")

    async def watch(self) -> None:
        """Watch what is on this machine, and the watch itself. Runs until cancelled; gives its thread back."""
        if not self._is_watchable:
            return
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"watch-{self.name}")
        try:
            while True:
                if not await loop.run_in_executor(thread, self._is_sound):
                    await loop.run_in_executor(thread, self._renew, loop)
                await self._suspicion()
        finally:
            thread.submit(self._end_watch)  # after a renewal that may still be under way
            thread.shutdown(wait=True)

    @property
    def _is_watchable(self) -> bool:
        return self._source.directory is not None or self._source.repo.startswith("/")

    async def _suspicion(self) -> None:
        """Until somebody doubts the watch, or it is time to."""
        try:
            async with asyncio.timeout(_CHECK):
                await self._suspect.wait()
        except TimeoutError:
            return
        self._suspect.clear()

    def _is_sound(self) -> bool:
        """Whether it watches, and the name still leads to the folder that is watched."""
        if self._watch is None or not self._watch.is_sound():
            return False
        try:
            return self._watched == self._target()
        except OSError:
            return False

    def _renew(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch anew, and ask for a look: what happened in between was not seen."""
        from paiwatch.sources.filesystem import Watch  # noqa: PLC0415 (remote repositories need no watchdog)

        self._end_watch()
        try:
            self._watched = self._target()
            watch = Watch(self._places(self._watched, loop), lost=partial(self._lose, loop))
            watch.start()
            if self._target() != self._watched:
                loop.call_soon_threadsafe(self._suspect.set)  # it moved while the watch was set up
        except (TransientError, OSError) as fault:
            self._complain(str(fault))
            return
        self._watch = watch
        self._complaint = ""
        self._nudges.nudge(f"{self.name}: watch began")

    def _lose(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called by watchdog's thread, once in the life of a watch."""
        self._tell("file events were lost", settle=self._source.settle)()
        loop.call_soon_threadsafe(loop.call_later, _REST, self._suspect.set)

    def _end_watch(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _target(self) -> Route | Path | None:
        if self._source.directory is not None:
            return route.find(self._source.directory)
        return gitdir.find(Path(self._source.repo))

    def _places(self, watched: Route | Path | None, loop: asyncio.AbstractEventLoop) -> "tuple[Place, ...]":
        from paiwatch.sources import filesystem  # noqa: PLC0415 (as above)

        def suspect() -> None:
            self._tell("directory replaced", settle=self._source.settle)()
            loop.call_soon_threadsafe(self._suspect.set)

        if isinstance(watched, Route):
            tell = self._tell("files changed", settle=self._source.settle)
            return filesystem.directory_places(watched, tell=tell, replaced=suspect)
        if watched is None:
            raise TransientError(f"{self._source.repo}: no repository to watch")
        return filesystem.ref_places(watched, tell=self._tell("branch moved"))

    def _tell(self, what: str, *, settle: float = 0.0) -> Callable[[], None]:
        why = f"{self.name}: {what}"
        return lambda: self._nudges.nudge(why, settle=settle)

    def _complain(self, fault: str) -> None:
        """Once for each fault: it comes back every few seconds."""
        if fault != self._complaint:
            _LOG.warning(logs.WATCH_FAILED, source=self.name, error=fault, instead="polling")
        self._complaint = fault
