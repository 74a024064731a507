"""Assembly: every part of a paiwatch that holds the state lock, built in order and given back in reverse. Decides nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from paiwatch import disk, failpoint
from paiwatch.clock import Clock
from paiwatch.control.desk import Desk
from paiwatch.convergence import holding
from paiwatch.convergence.events import FailureBook, Failures, Limits
from paiwatch.convergence.machine import Machine
from paiwatch.daemon.bus import Bus
from paiwatch.daemon.composition import policy_of, survey_of
from paiwatch.engine import lookback
from paiwatch.engine.course import Course
from paiwatch.engine.decider import Decider
from paiwatch.engine.gate import Gate
from paiwatch.engine.inbox import Inbox
from paiwatch.engine.lookout import Lookout
from paiwatch.engine.masking import Masking
from paiwatch.engine.outage import Outage
from paiwatch.engine.rollbacks import Rollbacks
from paiwatch.engine.runner import Limits as RunLimits
from paiwatch.engine.runner import Runner
from paiwatch.engine.runs import Runs
from paiwatch.engine.staging import Staging
from paiwatch.engine.writer import Writer
from paiwatch.errors import StoreError
from paiwatch.news import Listener, RunInterrupted
from paiwatch.operators import leftovers, reaping, stage
from paiwatch.plan.build import Planner
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Record
from paiwatch.scrub import Scrubber
from paiwatch.settings.sections import Settings
from paiwatch.sources.acceptance_files import beside_mirrors
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources

_CLOCK = Clock(monotonic=time.monotonic, wall=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives while paiwatch holds the state lock."""

    decider: Decider
    lookout: Lookout
    nudges: Nudges
    desk: Desk
    tell: Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What most parts stand on."""

    settings: Settings
    record: Record
    writer: Writer
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
) -> AsyncIterator[Parts]:
    """Take the state lock, settle what an earlier paiwatch left, build the parts; give everything back in reverse.

    Who is `patient` waits for a disk that fills up later; others end, and can be called again.
    Raises BusyError when somebody else holds the state folder, StoreError when the record cannot be used.
    """
    failpoint.arm(os.environ)
    reaping.by_descriptor()

    async with AsyncExitStack() as stack:
        stack.enter_context(StateLock(settings.state, command=command))
        ground = await _ground(stack, settings, bus.tell, patient=patient)
        cut_off = await _past_settled(ground)
        nudges = Nudges()
        sources, lookout = await _eyes(ground, nudges)
        stack.push_async_callback(lookout.stop)
        masking = Masking(scrubber, log_limit=settings.operators.log_limit, unmasked=cut_off)
        staging = _staging(ground, sources, masking)
        inbox = Inbox()
        runner = _runner(ground, staging, masking)
        runs = Runs(runner, inbox)
        course = await _course(ground, staging, runner, runs, lookout, converges=converges)
        decider = Decider(course=course, runs=runs, inbox=inbox, outage=ground.writer.outage, clock=_CLOCK)
        desk = Desk(
            decider=decider,
            course=course,
            record=ground.record,
            writer=ground.writer,
            policy=policy_of(settings),
            clock=_CLOCK,
            nudge=nudges.nudge,
            faults={},
            bus=bus,
            since=_CLOCK.wall(),
            sources=sources,
        )
        yield Parts(decider=decider, lookout=lookout, nudges=nudges, desk=desk, tell=bus.tell)


async def _ground(stack: AsyncExitStack, settings: Settings, tell: Listener, *, patient: bool) -> _Ground:
    writer = Writer(Outage(tell, patient=patient))
    stack.callback(writer.stop)
    record = await writer.do(lambda: Record.open(settings.state))
    stack.push_async_callback(writer.do, record.close)
    return _Ground(settings=settings, record=record, writer=writer, tell=tell)


async def _eyes(ground: _Ground, nudges: Nudges) -> tuple[Sources, Lookout]:
    """What looks at the world, with what the record remembers of it."""
    settings, record = ground.settings, ground.record
    recorded = (await ground.writer.do(record.latest_generation))[1]
    memories = beside_mirrors(settings.state / "sources")
    sources = Sources(
        settings.config, settings.src, settings.state, nudges, memories=memories, recorded=recorded
    )
    survey = survey_of(settings)
    survey.remember(record.memory())
    return sources, Lookout(sources, survey)


def _staging(ground: _Ground, sources: Sources, masking: Masking) -> Staging:
    return Staging(
        state=ground.settings.state,
        writer=ground.writer,
        masking=masking,
        read=sources.read_src,
        log_limit=ground.settings.operators.log_limit,
    )


def _runner(ground: _Ground, staging: Staging, masking: Masking) -> Runner:
    operators = ground.settings.operators
    return Runner(
        state=ground.settings.state,
        record=ground.record,
        writer=ground.writer,
        staging=staging,
        masking=masking,
        limits=RunLimits(grace=operators.grace, log_limit=operators.log_limit),
        clock=_CLOCK,
        tell=ground.tell,
    )


async def _course(
    ground: _Ground, staging: Staging, runner: Runner, runs: Runs, lookout: Lookout, *, converges: bool
) -> Course:
    """The plan in force, beginning where the record says that the last one stood."""
    settings, record, writer, tell = ground.settings, ground.record, ground.writer, ground.tell
    policy = policy_of(settings)
    limits = Limits(parallel=settings.operators.parallel)
    failures = await _failures(record, writer, settings.operators.retries.max)
    return Course(
        gate=Gate(record=record, writer=writer, limits=policy.guard, clock=_CLOCK, tell=tell),
        rollbacks=Rollbacks(
            record=record,
            writer=writer,
            policy=policy,
            is_archived=staging.is_archived,
            clock=_CLOCK,
            tell=tell,
        ),
        machine=Machine(limits, failures=failures, removing=await writer.do(record.known.removing)),
        retention=settings.retention,
        seen_before=await writer.do(record.latest_generation),
        record=record,
        writer=writer,
        runner=runner,
        render=lookout.render,
        planner=Planner(policy),
        begin=runs.begin,
        clock=_CLOCK,
        tell=tell,
        converges=converges,
    )


async def _past_settled(ground: _Ground) -> tuple[Path, ...]:
    """Settles what an earlier paiwatch left; gives the output of its scripts. Raises StoreError where it cannot be cleared away."""
    state = ground.settings.state
    try:
        return await _settle_the_past(ground.record, ground.writer, ground.settings, ground.tell)
    except OSError as fault:
        raise StoreError(
            f"{state}: what an earlier paiwatch left cannot be cleared away: {disk.explain(fault)}"
        ) from fault


async def _settle_the_past(
    record: Record, writer: Writer, settings: Settings, tell: Listener
) -> tuple[Path, ...]:
    """Whatever an earlier paiwatch left: end its scripts before anything else may run, write their ends down; gives their output."""
    unfinished = await writer.do(record.unfinished)
    trails = (leftovers.trail_of(run.marker, run.identity) for run in unfinished)
    ends = (
        leftovers.end(trail, patience=0, grace=settings.operators.grace, hurry=asyncio.Event())
        for trail in trails
    )
    swept = await asyncio.gather(*ends)
    failpoint.reach("past.swept")
    for run, each in zip(unfinished, swept, strict=True):
        because = "paiwatch ended while it ran"
        at = _CLOCK.wall()
        hold = holding.after_interruption(run.step, run.run, run.interrupted, at=at)
        end = partial(record.interrupt, run.run, at=at, because=because, hold=hold, lingering=each.left)
        await writer.do(end)
        tell(
            RunInterrupted(
                run=run.run,
                service=run.service,
                operator=str(run.operator),
                ended=each.ended,
                held=hold is not None,
            )
        )
    await lookback.forget_gone(record, writer)
    await writer.do(lambda: record.generations.abandon("paiwatch ended before it was done", at=_CLOCK.wall()))
    await asyncio.to_thread(stage.clear, settings.state)
    failpoint.reach("past.cleared")
    return await writer.do(record.cut_off)


async def _failures(record: Record, writer: Writer, longest: float) -> FailureBook:
    """The record's failures on the machine's clock. A clock that was set back (power loss) makes nobody rest more than `longest` seconds."""
    now, wall = _CLOCK.monotonic(), _CLOCK.wall()
    rows = await writer.do(record.failures.all)
    return {
        key: Failures(
            attempts=row.attempts,
            not_before=now + min(longest, row.retry_at - wall),
            quarantined=row.quarantined,
        )
        for key, row in rows.items()
    }
