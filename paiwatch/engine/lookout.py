"""Looking at the world: sources and survey together, off the event loop, one look at a time.

It reads and says what the tree asks for. It decides nothing and remembers only what saves work next time.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from paiwatch import disk
from paiwatch.errors import TransientError
from paiwatch.failpoint import reach
from paiwatch.news import CommitRefused, Listener, RefusalEnded
from paiwatch.releases.release import Desired, Release
from paiwatch.snapshot import Snapshot
from paiwatch.sources.observation import Observation
from paiwatch.sources.rules import Refusal
from paiwatch.sources.sources import Sources
from paiwatch.survey import Survey

T = TypeVar("T")


class Lookout:
    """Owns the survey's thread. Between two looks, `render` gives the bytes of what the last look found."""

    def __init__(self, sources: Sources, survey: Survey) -> None:
        self.sources = sources
        self._observation: Observation | None = None
        self._survey = survey
        self._snapshot: Snapshot | None = None
        self._desired: Desired | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="survey")

    async def look(self) -> Desired:
        """What the tree asks for now; the very same object while neither source moved.

        Raises TransientError or StalledError when a source cannot be read.
        """
        try:
            return await self._look()
        except OSError as fault:
            place = fault.filename or "the trees"
            raise TransientError(f"{place}: cannot be read: {disk.explain(fault)}") from fault

    async def _look(self) -> Desired:
        seen = await self.sources.look(self._snapshot)
        self._observation, snapshot = seen, seen.snapshot
        if self._desired is not None and self._snapshot is not None and snapshot.ids == self._snapshot.ids:
            return self._desired
        desired = await self._apart(
            lambda: self._survey.look(snapshot, self.sources.read_config, self.sources.read_src)
        )
        self._desired = replace(desired, problems=(*desired.problems, *seen.left_out))
        self._snapshot = snapshot
        reach("snapshot.taken")
        return self._desired

    @property
    def observation(self) -> Observation:
        """What the sources said at the last look; for who has looked."""
        assert self._observation is not None
        return self._observation

    async def render(self, services: tuple[str, ...]) -> dict[str, Release]:
        """The releases of these services at the last look, with rendered bytes."""
        return await self._apart(lambda: {name: self._survey.render(name) for name in services})

    async def stop(self) -> None:
        """Stop watching and give the thread back."""
        await self.sources.stop()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _apart(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def tell_refusals(before: Mapping[str, Refusal], now: Mapping[str, Refusal], tell: Listener) -> None:
    """Tell each refusal of a source's newest commit once when it comes and once when it goes."""
    for source, refusal in now.items():
        if before.get(source) != refusal:
            tell(CommitRefused(source=source, refusal=refusal))
    for source in before.keys() - now.keys():
        tell(RefusalEnded(source=source))
