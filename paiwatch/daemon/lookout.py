"""Looking at the world: sources and survey together, off the event loop, one look at a time.

It reads and says what the tree asks for. It decides nothing and remembers only what saves work next time.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from paiwatch import disk
from paiwatch.errors import StalledError, TransientError
from paiwatch.failpoint import reach
from paiwatch.news import CommitRefused, Listener, RefusalEnded
from paiwatch.releases.release import Desired, RenderedFiles
from paiwatch.snapshot import Snapshot
from paiwatch.sources.observation import Observation
from paiwatch.sources.refused_commit import Refusal
from paiwatch.sources.sources import Sources
from paiwatch.survey import Survey
from paiwatch.survey.rendering import Rendering, expect

T = TypeVar("T")

_KEPT = 3  # looks whose files can be rendered: the planned one, the newest, and one to spare

#: Keeps these values out of every text from now on.
Hide = Callable[[Iterable[str]], Awaitable[None]]


class Lookout:
    """Owns the survey's thread. `render` gives the bytes of what a look found, also beside later looks."""

    def __init__(self, sources: Sources, survey: Survey, *, hide: Hide) -> None:
        self.sources = sources
        self._hide = hide
        self._observation: Observation | None = None
        self._survey = survey
        self._snapshot: Snapshot | None = None
        self._desired: Desired | None = None
        self._renderings: deque[tuple[Desired, Rendering]] = deque(maxlen=_KEPT)
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
        desired, rendering = await self._apart(lambda: self._survey_at(snapshot))
        await self._hide(desired.secrets)  # before anybody can tell of it
        self._desired = replace(desired, problems=(*desired.problems, *seen.left_out))
        if not desired.is_broken:  # of such a one nobody plans: the last good one stays
            self._renderings.append((self._desired, rendering))
        self._snapshot = snapshot
        reach("snapshot.taken")
        return self._desired

    @property
    def observation(self) -> Observation:
        """What the sources said at the last look; for who has looked."""
        assert self._observation is not None
        return self._observation

    def render(self, desired: Desired, services: Iterable[str]) -> dict[str, RenderedFiles]:
        """The rendered files of these services as the look saw them that gave `desired`; blocks, from any thread.

        Raises StalledError when one has no release, or when that look is too long ago; TransientError when contents cannot be read.
        """
        rendering = next((rendering for found, rendering in self._renderings if found is desired), None)
        if rendering is None:
            raise StalledError("the trees have moved on since this was planned")
        return {name: expect(rendering.render(name)) for name in services}

    async def stop(self) -> None:
        """Stop watching and give the thread back."""
        await self.sources.stop()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _survey_at(self, snapshot: Snapshot) -> tuple[Desired, Rendering]:
        desired = self._survey.look(snapshot, self.sources.read_config, self.sources.read_src)
        return desired, self._survey.rendering

    async def _apart(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def tell_refusals(before: Mapping[str, Refusal], now: Mapping[str, Refusal], tell: Listener) -> None:
    """Tell each refusal of a source's newest commit once when it comes and once when it goes."""
    for source, refusal in now.items():
        if before.get(source) != refusal:
            tell(CommitRefused(source=source, refusal=refusal))
    for source in before.keys() - now.keys():
        tell(RefusalEnded(source=source))
