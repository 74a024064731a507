"""The event loop: the one task that owns the state. It gives the engine one event after the other, and does what that wants.

It awaits nothing but the store: looks, plans, archives, stages and scripts are tasks of their own, whose ends are events. What
the engine has decided is written before anything else is done about it.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import Any

from paiwatch import logs
from paiwatch.clock import Clock
from paiwatch.daemon import lookback
from paiwatch.daemon.inbox import Inbox, Item
from paiwatch.daemon.requests import Reply, Requests, asked_by, bug_met
from paiwatch.daemon.work import Work
from paiwatch.domain.principal import Principal
from paiwatch.engine import effects as wanted
from paiwatch.engine import events
from paiwatch.engine.changes import Change
from paiwatch.engine.commands import Act
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.effects import Commit, Effect
from paiwatch.engine.engine import handle
from paiwatch.engine.events import Event, Moment, Past
from paiwatch.engine.salvage import salvage
from paiwatch.engine.state import State
from paiwatch.errors import ConfigError, StoreError
from paiwatch.execution.store_thread import StoreThread
from paiwatch.news import Listener
from paiwatch.releases.release import Desired

_LOG = logs.get_logger(__name__)


class EventLoop:
    """Start it with `run`; talk to it through the other methods. `state` is for reading: nobody ever changes it."""

    def __init__(self, state: State, *, store: StoreThread, work: Work, tell: Listener, clock: Clock) -> None:
        self.state = state
        self._store = store
        self._work = work
        self._tell = tell
        self._clock = clock
        self._inbox = Inbox(clock)
        self._urgent: deque[Event] = deque()
        self._has_ended = False
        self._task: asyncio.Task[Any] | None = None
        self._moved = asyncio.Condition()
        self._requests = Requests(held_up=self._held_up, is_under_way=self._is_under_way)
        self._lost: StoreError | None = None  # why something that happened is not written down
        self._bug: Exception | None = None
        self._unwritten: set[int] = set()  # runs that ended, which is not in the store as it should be
        self.planned = asyncio.Event()  # set after the first plan
        work.post, work.told = self.post, self._waited_for
        work.crash, work.lose, work.refuse = self._crash_later, self._lose, self._requests.refuse

    # ── its life ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Handle events until drained. What it sets in motion are its children: none outlives this call.

        Raises StoreError, at its end, when something could not be written down before that; and a bug of ours, once what ran has ended.
        """
        self._task = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as group:
                self._work.live_in(group)
                while not self._is_over:
                    await self._serve(await self._inbox.take(until=self.state.wake_at))
        finally:
            self._end()
        if self._bug is not None:
            raise self._bug
        if self._lost is not None:
            raise StoreError(
                f"not everything could be written down, the next start makes up for it: {self._lost}"
            ) from self._lost

    async def begin(self, event: Event) -> None:
        """Handle the first event of this life, before `run`."""
        await self._handle(event)

    async def look_back(self) -> None:
        """Let services go on whose processes nobody could end, once those are gone."""
        if self.state.lingering and (gone := await lookback.find_gone(self.state.lingering.values())):
            await self._handle(events.LingeringEnded(runs=gone))

    def drain(self) -> None:
        """Begin nothing more; `run` returns when what runs has finished. What cannot be written then is lost."""
        self._store.outage.give_up()
        self.post(events.Draining())

    def cut_short(self) -> None:
        """End what still runs: its scripts get TERM, then KILL, and are recorded as interrupted."""
        self._work.cut_short()

    # ── what is told to it ──────────────────────────────────────────────────────────────────────────────────────────

    def post(self, event: Event) -> None:
        """Have it handled in its turn: it happened."""
        self._inbox.post(event)

    async def saw(self, desired: Desired) -> None:
        """Tell it what the world asks for; returns once this is planned, found to be known, or of no interest any more."""
        await self._waited_for(events.Looked(desired=desired))

    async def pulse(self) -> None:
        """Returns when it has handled everything that came before. Raises StoreError where it waits for the disk."""
        await self._waited_for(None, patience=1.0)

    async def _waited_for(self, event: Event | None, *, patience: float | None = None) -> None:
        if self._has_ended:
            return
        done = self._inbox.post_and_wait(event)
        while not (await asyncio.wait({done}, timeout=patience))[0]:
            if fault := self._held_up():
                raise StoreError(fault)

    async def obey(self, command: Act, principal: Principal) -> Reply:
        """Have this done, and give the answer. Raises ConfigError where it is refused, StoreError where it waits for the disk."""
        number = self._requests.open()
        self.post(events.Commanded(number=number, command=command, principal=principal))
        return await self._requests.wait(number)

    async def wait_until_idle(self) -> bool:
        """Wait until nothing runs and time alone changes nothing; whether all that was asked for is done."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.state.is_idle and self._inbox.is_empty)
        return self.state.has_succeeded

    @property
    def outage(self) -> str:
        """What cannot be written now, and is waited for."""
        return self._store.outage.fault

    @property
    def tries(self) -> int:
        """How often it was tried again to write: an outage is no hang while this grows."""
        return self._store.outage.tries

    # ── one event ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _is_over(self) -> bool:
        under_way = {run.number for run in self.state.running.values() if run.number}
        return self.state.is_draining and under_way <= self._unwritten

    async def _serve(self, item: Item) -> None:
        if item.event is not None:
            await self._survive(item.event)
        while self._urgent:
            await self._survive(self._urgent.popleft())
        self._inbox.handled(item)
        if self.state.has_planned:
            self.planned.set()
        if self.state.asked is None or self._is_over:
            self._inbox.release()
        async with self._moved:
            self._moved.notify_all()

    async def _survive(self, event: Event) -> None:
        """Handle it; what cannot be written down ends paiwatch, and so does a bug, in an orderly way."""
        if isinstance(event, events.Commanded) and not self._requests.take(event.number):
            return  # nobody waits for it any more
        try:
            await self._handle(event)
        except StoreError as fault:
            self._lose(fault, event)
        except Exception as bug:  # noqa: BLE001 (not swallowed: raised when what runs has ended)
            await self._crash(bug, event)

    async def _handle(self, event: Event) -> None:
        past = Past()
        while True:
            now = Moment(self._clock.monotonic(), self._clock.wall())
            try:
                state, effects = handle(self.state, event, now, past)
                break
            except PastNeeded as needed:
                found = await self._recall(needed, event)
                if found is None:
                    return
                past = found
        if effects and isinstance(commit := effects[0], Commit) and not await self._commit(commit, event):
            return
        self.state = state
        for effect in effects:
            self._do(effect)

    async def _recall(self, needed: PastNeeded, event: Event) -> Past | None:
        """What only the store remembers; None where that cannot be read now, and the one who asked was told."""
        asked = asked_by(event, self.state)
        read = self._store.do if asked else self._store.insist
        try:
            return await read(lambda store: self._work.past(store, needed))
        except StoreError as fault:
            if not asked:
                raise
            await self._give_up(asked, fault, event)
            return None

    async def _commit(self, commit: Commit, event: Event) -> bool:
        """Whether it is written. What nobody but one person waits for is tried once: they are told, and may ask again."""
        write = self._store.do if commit.asked_by else self._store.insist
        try:
            await write(lambda store: store.commit(commit.changes))
        except StoreError as fault:
            if not commit.asked_by:
                raise
            await self._give_up(commit.asked_by, fault, event)
            return False
        return True

    async def _give_up(self, number: int, fault: StoreError, event: Event) -> None:
        """The one person who waits for this is told; for everybody else all is as before."""
        self._requests.refuse(number, fault)
        if not isinstance(event, events.Commanded):
            await self._handle(events.Withdrawn(number=number))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Commit():
                pass  # it is written already
            case wanted.Tell(news=news):
                self._tell(news)
            case wanted.Answer(number=number, reply=reply):
                self._requests.answer(number, reply)
            case wanted.Refuse(number=number, why=why, problems=problems):
                self._requests.refuse(number, ConfigError(why, problems))
            case wanted.TakeUp():
                self._urgent.append(events.TakenUp())
            case wanted.MakePlan():
                self._work.plan(lambda: self.state)
            case _:
                self._work.do(effect)

    # ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────

    def _held_up(self) -> str:
        """What keeps it from handling the next event; "" when nothing does."""
        return self._store.outage.fault if self._store.outage.holds_up(self._task) else ""

    def _is_under_way(self, number: int) -> bool:
        return any(request.number == number for request in self.state.requests)

    def _lose(self, fault: StoreError, event: Event | None = None) -> None:
        """Something happened and is not in the store: only the next start, which looks at the world anew, may go on."""
        self._lost = self._lost or fault
        self._forgo(event)

    def _crash_later(self, bug: Exception) -> None:
        """A task of ours met a bug."""
        _LOG.error(logs.ENGINE_CRASHED, exc_info=bug)
        self._bug = self._bug or bug
        self.drain()

    async def _crash(self, bug: Exception, event: Event) -> None:
        """The engine met a bug: begin nothing more. The state is as before the event, so what runs ends as it should."""
        _LOG.error(logs.ENGINE_CRASHED, met=type(event).__name__, exc_info=bug)
        self._bug = self._bug or bug
        if isinstance(event, events.Commanded):
            self._requests.refuse(event.number, bug_met(bug, "nothing was done"))
        if isinstance(event, events.RunEnded):
            await self._salvage(event)
        self._forgo(event)
        if not self.state.is_draining:
            await self._survive(events.Draining())

    def _forgo(self, event: Event | None) -> None:
        """Go on without what this event would have made of the state, to the end."""
        self._store.outage.give_up()
        if isinstance(event, events.RunEnded):
            self._unwritten.add(event.run)
        if isinstance(event, events.Draining):
            self.state = replace(self.state, is_draining=True)
        else:
            self.post(events.Draining())

    async def _salvage(self, event: events.RunEnded) -> None:
        """Write down that it ended, and what its service has run, without what else would follow."""
        now = Moment(self._clock.monotonic(), self._clock.wall())
        found: tuple[Change, ...] = ()
        with suppress(Exception):  # where not even this can be told, the next start takes it for cut off
            found = salvage(self.state, event, now)
        try:
            await self._store.do(lambda store: store.commit(found))
        except StoreError as fault:
            self._lost = self._lost or fault

    def _end(self) -> None:
        """Nobody waits for ever."""
        self._has_ended = True
        self._requests.end(crashed=self._bug is not None)
        self._inbox.close()
        self.state = replace(self.state, asked=None)
