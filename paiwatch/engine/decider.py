"""The decider: the one task that owns the state.

Everything that happens (a look at the world, the end of a run, a person's command, time) arrives in one inbox and
is handled to the end before the next, so nothing in the middle needs a lock. It computes no plan and runs no script itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from paiwatch.clock import Clock
from paiwatch.convergence.events import Draining, Tick
from paiwatch.convergence.progress import is_idle, is_settled
from paiwatch.engine.course import Course
from paiwatch.engine.errands import Errands
from paiwatch.engine.inbox import Command, Held, Inbox, Item, Looked, Lost
from paiwatch.engine.outage import Outage
from paiwatch.engine.runs import Runs
from paiwatch.errors import StoreError
from paiwatch.releases.release import Desired

T = TypeVar("T")

_ENDED = "paiwatch is ending; nothing was done"


class Decider:
    """Takes in what happens and hands it to the course. Start it with `run`; talk to it through the other methods."""

    def __init__(self, *, course: Course, runs: Runs, inbox: Inbox, outage: Outage, clock: Clock) -> None:
        self.course = course
        self._runs = runs
        self._inbox = inbox
        self._outage = outage
        self._clock = clock
        self._errands = Errands(outage)
        self._idle = asyncio.Condition()
        self._draining = False
        self._has_ended = False
        self._lost: StoreError | None = None  # why something that happened is not written down

    async def run(self) -> None:
        """Handle the inbox until drained. Runs are its children: none outlives this call.

        Raises StoreError, at its end, when something could not be written down before that.
        """
        try:
            await self._decide()
        finally:
            self._has_ended = True
            while not self._inbox.empty():
                if isinstance(item := self._inbox.get_nowait(), Command) and not item.done.done():
                    item.done.set_exception(StoreError(_ENDED))
        if self._lost is not None:
            raise StoreError(
                f"not everything could be written down, the next start makes up for it: {self._lost}"
            ) from self._lost

    async def saw(self, desired: Desired) -> None:
        """Tell it what the world asks for; returns once this is planned (or found to be known)."""
        consumed = asyncio.Event()
        self._inbox.put_nowait(Looked(desired=desired, consumed=consumed))
        await consumed.wait()

    async def between_events(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do this in the decider's own task, when nothing else is half done. Raises StoreError where that waits for the disk, or has ended."""
        if self._has_ended:
            raise StoreError(_ENDED)
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        errand = Command(work=work, done=done)
        self._inbox.put_nowait(errand)
        return await self._errands.wait(errand)  # type: ignore[return-value]  # it gives what `work` returned

    def drain(self) -> None:
        """Begin nothing more; `run` returns when what runs has finished. What cannot be written then is lost."""
        self._outage.give_up()
        self._inbox.put_nowait(Draining())

    def cut_short(self) -> None:
        """End what still runs: its scripts get TERM, then KILL, and are recorded as interrupted."""
        self._runs.cut_short()

    async def wait_until_idle(self) -> bool:
        """Wait until nothing runs and time alone changes nothing; whether all that was asked for is done."""
        async with self._idle:
            await self._idle.wait_for(lambda: is_idle(self.course.machine))
        return is_settled(self.course.machine)

    @property
    def is_settled(self) -> bool:
        """Whether nothing runs, is owed to anybody or waits for an approval."""
        return self.course.is_settled and not self._runs.any

    @property
    def outage(self) -> str:
        """What cannot be written now, and is waited for."""
        return self._outage.fault

    @property
    def tries(self) -> int:
        """How often it was tried again to write: an outage is no hang while this grows."""
        return self._outage.tries

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _decide(self) -> None:
        self._errands.take_over()
        async with asyncio.TaskGroup() as group:
            self._runs.live_in(group)
            while not (self._draining and not self._runs.any):
                item = await self._next()
                try:
                    await self._handle(item)
                except StoreError as fault:
                    self._lose(fault)

    async def _next(self) -> Item | Tick:
        if self.course.wake_at is None:
            return await self._inbox.get()
        delay = max(0.0, self.course.wake_at - self._clock.monotonic())
        try:
            return await asyncio.wait_for(self._inbox.get(), delay)
        except TimeoutError:
            return Tick()

    async def _handle(self, item: Item | Tick) -> None:
        match item:
            case Looked():
                await self.course.look_at(item.desired)
                item.consumed.set()
            case Command():
                await self._errands.do(item)
            case Held():
                await self.course.refresh_holds()
            case Lost():
                self._lose(item.fault)
            case Draining():
                self._draining = True
                await self.course.feed(item)
            case _:
                await self.course.feed(item)
        async with self._idle:
            self._idle.notify_all()

    def _lose(self, fault: StoreError) -> None:
        """Something happened and is not in the record: only the next start, which looks at the world anew, may go on."""
        self._lost = self._lost or fault
        self.drain()
