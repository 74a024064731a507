"""Assembly: every part of a paiwatch that holds the state lock, built in order and given back in reverse. Decides nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from paiwatch import disk, failpoint
from paiwatch.clock import Clock
from paiwatch.control.desk import Desk
from paiwatch.daemon import recorded_acceptance
from paiwatch.daemon.bus import Bus
from paiwatch.daemon.composition import rules_of, survey_of
from paiwatch.daemon.event_loop import EventLoop
from paiwatch.daemon.lookout import Lookout
from paiwatch.daemon.planner import PlanningLane
from paiwatch.daemon.pruning import Pruning
from paiwatch.daemon.work import Work
from paiwatch.engine.events import Started
from paiwatch.engine.state import State
from paiwatch.errors import StoreError
from paiwatch.execution.executor import Executor
from paiwatch.execution.masking import Masking
from paiwatch.execution.outage import Outage
from paiwatch.execution.runner import Limits, LocalExecutor
from paiwatch.execution.staging import Staging
from paiwatch.execution.store_thread import StoreThread
from paiwatch.news import Listener
from paiwatch.operators import reaping, stage
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Store
from paiwatch.scrub import Scrubber
from paiwatch.settings.sections import Settings
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.origin import judged_mirrors
from paiwatch.sources.sources import Sources

_CLOCK = Clock(monotonic=time.monotonic, wall=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives while paiwatch holds the state lock."""

    loop: EventLoop
    lookout: Lookout
    nudges: Nudges
    desk: Desk
    tell: Listener


@asynccontextmanager
async def assemble(
    settings: Settings,
    *,
    command: str,
    bus: Bus,
    scrubber: Scrubber,
    converges: bool,
    patient: bool = False,
    recovers: bool = True,
) -> AsyncIterator[Parts]:
    """Take the state lock, settle what an earlier paiwatch left (if it `recovers`), build the parts; give everything back in reverse.

    Who is `patient` waits for a disk that fills up later; others end, and can be called again.
    Raises BusyError when somebody else holds the state folder, StoreError when the store cannot be used.
    """
    failpoint.arm(os.environ)
    reaping.by_descriptor()
    async with AsyncExitStack() as stack:
        stack.enter_context(StateLock(settings.state, command=command))
        store = StoreThread(Outage(bus.tell, patient=patient))
        stack.push_async_callback(store.close)
        judged = judged_mirrors(settings.state, settings.config, settings.src)
        await store.open(lambda: Store.open(settings.state, judged=judged))
        await recorded_acceptance.import_earlier(store, settings.state)
        rules = rules_of(settings, converges=converges)
        state = await store.do(lambda opened: opened.load(rules))
        masking = Masking(scrubber, log_limit=settings.operators.log_limit)
        nudges = Nudges()
        lookout = _lookout(settings, state, store, nudges, masking)
        stack.push_async_callback(lookout.stop)
        executor = _executor(settings, lookout, masking, store)
        stack.callback(executor.staging.stop)
        planner = PlanningLane(rules.policy, mask=masking.without_secrets, render=lookout.render)
        stack.callback(planner.stop)
        loop = _event_loop(settings, state, store, executor, planner, tell=bus.tell)
        if recovers:
            masking.unmasked = await _settle_the_past(settings, store, executor, loop)
        desk = Desk(
            loop=loop,
            clock=_CLOCK,
            nudge=nudges.nudge,
            faults={},
            bus=bus,
            since=_CLOCK.wall(),
            sources=lookout.sources,
            scrub=scrubber.scrub,
        )
        yield Parts(loop=loop, lookout=lookout, nudges=nudges, desk=desk, tell=bus.tell)


def _lookout(
    settings: Settings, state: State, store: StoreThread, nudges: Nudges, masking: Masking
) -> Lookout:
    """What looks at the world, with what the store remembers of it."""
    memories = recorded_acceptance.recorded(store, settings.state)
    sources = Sources(
        settings.config, settings.src, settings.state, nudges, memories=memories, recorded=state.snapshot
    )
    survey = survey_of(settings)
    survey.remember(state.applied)
    return Lookout(sources, survey, hide=masking.hide)


def _executor(settings: Settings, lookout: Lookout, masking: Masking, store: StoreThread) -> LocalExecutor:
    operators = settings.operators
    staging = Staging(
        state=settings.state, masking=masking, read=lookout.sources.read_src, log_limit=operators.log_limit
    )
    return LocalExecutor(
        state=settings.state,
        staging=staging,
        masking=masking,
        limits=Limits(grace=operators.grace, log_limit=operators.log_limit),
        outage=store.outage,
    )


def _event_loop(
    settings: Settings,
    state: State,
    store: StoreThread,
    executor: LocalExecutor,
    planner: PlanningLane,
    *,
    tell: Listener,
) -> EventLoop:
    pruning = Pruning(settings.retention, state=settings.state, store=store, executor=executor, tell=tell)
    work = Work(executor=executor, planner=planner, pruning=pruning, outage=store.outage)
    return EventLoop(state, store=store, work=work, tell=tell, clock=_CLOCK)


async def _settle_the_past(
    settings: Settings, store: StoreThread, executor: Executor, loop: EventLoop
) -> tuple[Path, ...]:
    """End what an earlier paiwatch left running before anything else may run, and write that down; gives the output of its scripts.

    Raises StoreError where it cannot be cleared away.
    """
    try:
        recovered = await executor.reattach(loop.state.unfinished.values())
        await loop.begin(Started(recovered=recovered))
        await loop.look_back()
        await asyncio.to_thread(stage.clear, settings.state)
    except OSError as fault:
        raise StoreError(
            f"{settings.state}: what an earlier paiwatch left cannot be cleared away: {disk.explain(fault)}"
        ) from fault
    failpoint.reach("past.cleared")
    return await store.do(lambda opened: opened.cut_off())
