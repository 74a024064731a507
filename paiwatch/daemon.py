"""The composition root: builds the parts, starts them, stops them in reverse. Decides nothing.

`run` is the daemon, `once` converges and returns, `obey` carries out one command where no daemon runs.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from paiwatch import commands, disk, failpoint, notify, upkeep
from paiwatch.clock import Clock
from paiwatch.composition import policy_of, survey_of
from paiwatch.control import ControlServer
from paiwatch.convergence import holding
from paiwatch.convergence.events import FailureBook, Failures, Limits
from paiwatch.convergence.machine import Machine
from paiwatch.decider import Decider
from paiwatch.desk import Desk, Request
from paiwatch.errors import ConfigError, PaiwatchError, StoreError
from paiwatch.gate import Gate
from paiwatch.lookout import Lookout, tell_refusals
from paiwatch.news import DaemonMoved, Listener, News, Phase, RunInterrupted
from paiwatch.operators import leftovers, reaping, stage
from paiwatch.outage import Outage
from paiwatch.plan import pins
from paiwatch.plan.guard import HeldPlan
from paiwatch.problem import errors
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Record
from paiwatch.rollbacks import Rollbacks
from paiwatch.runner import Limits as RunLimits
from paiwatch.runner import Runner
from paiwatch.scrub import Scrubber
from paiwatch.settings import Settings
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from paiwatch.writer import Writer

_CLOCK = Clock(monotonic=time.monotonic, wall=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives while paiwatch holds the state lock."""

    decider: Decider
    lookout: Lookout
    nudges: Nudges
    desk: Desk
    tell: Listener


@asynccontextmanager
async def assemble(
    settings: Settings,
    *,
    command: str,
    listeners: set[Listener],
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
    state, operators = settings.state, settings.operators

    def tell(news: News) -> None:
        for listener in tuple(listeners):
            listener(news)

    async with AsyncExitStack() as stack:
        stack.enter_context(StateLock(state, command=command))
        writer = Writer(Outage(tell, patient=patient))
        stack.callback(writer.stop)
        record = await writer.do(lambda: Record.open(state))
        stack.push_async_callback(writer.do, record.close)
        try:
            cut_off = await _settle_the_past(record, writer, settings, tell)
        except OSError as fault:
            raise StoreError(
                f"{state}: what an earlier paiwatch left cannot be cleared away: {disk.explain(fault)}"
            ) from fault
        nudges = Nudges()
        recorded = (await writer.do(record.latest_generation))[1]
        sources = Sources(settings.config, settings.src, state, nudges, recorded=recorded)
        survey = survey_of(settings)
        survey.remember(record.memory())
        lookout = Lookout(sources, survey)
        stack.push_async_callback(lookout.stop)
        runner = Runner(
            state=state,
            record=record,
            writer=writer,
            limits=RunLimits(grace=operators.grace, log_limit=operators.log_limit),
            scrubber=scrubber,
            read=sources.read_src,
            clock=_CLOCK,
            tell=tell,
        )
        runner.mask_later(cut_off)
        policy = policy_of(settings)
        gate = Gate(record=record, writer=writer, limits=policy.guard, clock=_CLOCK, tell=tell)
        rollbacks = Rollbacks(
            record=record,
            writer=writer,
            policy=policy,
            is_archived=runner.is_archived,
            clock=_CLOCK,
            tell=tell,
        )
        decider = Decider(
            gate=gate,
            rollbacks=rollbacks,
            machine=Machine(Limits(parallel=operators.parallel), failures=await _failures(record, writer)),
            retention=settings.retention,
            seen_before=await writer.do(record.latest_generation),
            record=record,
            writer=writer,
            runner=runner,
            render=lookout.render,
            policy=policy,
            clock=_CLOCK,
            tell=tell,
            converges=converges,
        )
        desk = Desk(
            decider=decider,
            record=record,
            writer=writer,
            policy=policy,
            clock=_CLOCK,
            nudge=nudges.nudge,
            faults={},
            listeners=listeners,
            since=_CLOCK.wall(),
            sources=sources,
        )
        yield Parts(decider=decider, lookout=lookout, nudges=nudges, desk=desk, tell=tell)


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
        hold = holding.after_interruption(run.step, run.run, run.interrupted, at=at, left=each.left)
        await writer.do(partial(record.interrupt, run.run, at=at, because=because, hold=hold))
        tell(
            RunInterrupted(
                run=run.run,
                service=run.service,
                operator=str(run.operator),
                ended=each.ended,
                held=hold is not None,
            )
        )
    await writer.do(lambda: record.abandon("paiwatch ended before it was done", at=_CLOCK.wall()))
    await asyncio.to_thread(stage.clear, settings.state)
    failpoint.reach("past.cleared")
    return tuple(run.log for run in unfinished)


async def _failures(record: Record, writer: Writer) -> FailureBook:
    """The record's failures, their times moved to the machine's clock."""
    shift = _CLOCK.monotonic() - _CLOCK.wall()
    rows = await writer.do(record.failures)
    return {
        key: Failures(attempts=row.attempts, not_before=row.retry_at + shift, quarantined=row.quarantined)
        for key, row in rows.items()
    }


# ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def run(settings: Settings, scrubber: Scrubber, listen: Listener) -> None:
    """Converge until told to stop. READY goes to systemd after the first plan; SIGTERM drains, a second one cuts short."""
    listeners: set[Listener] = {listen, upkeep.show}
    async with assemble(
        settings, command="run", listeners=listeners, scrubber=scrubber, converges=True, patient=True
    ) as parts:
        control = ControlServer(settings.state, lambda request: commands.answer(parts.desk, request))
        await control.start()
        parts.tell(DaemonMoved(phase=Phase.STARTED))
        try:
            await _serve(parts)
        except* PaiwatchError as together:
            raise _first(together) from together
        finally:
            await control.stop()
            parts.tell(DaemonMoved(phase=Phase.STOPPED))


def _first(together: BaseExceptionGroup[PaiwatchError]) -> PaiwatchError:
    """The expected failure that ended all tasks: it is no bug, and says what to do."""
    found: BaseException = together
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, PaiwatchError)
    return found


async def _serve(parts: Parts) -> None:
    stop = asyncio.Event()
    _on_signals(parts, stop)
    decider, faults, tell = parts.decider, parts.desk.faults, parts.tell
    async with asyncio.TaskGroup() as group:
        deciding = group.create_task(decider.run(), name="decider")
        looking = upkeep.keep_looking(parts.lookout, parts.nudges, decider, faults=faults, tell=tell)
        chores = (
            looking,
            upkeep.announce(decider, faults=faults, tell=tell),
            upkeep.feed_watchdog(decider),
        )
        tasks = [group.create_task(chore) for chore in (*chores, stop.wait())]
        await asyncio.wait({deciding, tasks[-1]}, return_when=asyncio.FIRST_COMPLETED)
        notify.send(
            notify.STOPPING, notify.status("waiting for running scripts to finish"), environ=os.environ
        )
        tell(DaemonMoved(phase=Phase.STOPPING))
        for task in tasks:
            task.cancel()
        decider.drain()
        await upkeep.ask_for_time(deciding)


def _on_signals(parts: Parts, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_stop() -> None:
        if stop.is_set():
            parts.decider.cut_short()
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: parts.nudges.nudge("SIGHUP"))


# ── without a daemon ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """How `once` ended: whether everything is as the trees ask, and what waits for a person (steps; the whole plan).

    `rolled_back` are services that run something else than the trees ask for.
    """

    succeeded: bool
    held: tuple[str, ...]
    rolled_back: tuple[str, ...]
    held_plan: HeldPlan | None


async def once(settings: Settings, scrubber: Scrubber, listen: Listener) -> Converged:
    """Look once and converge. Raises ConfigError when no plan can be made from what was seen: the last good state stays."""
    listeners: set[Listener] = {listen}
    async with (
        assemble(settings, command="once", listeners=listeners, scrubber=scrubber, converges=True) as parts,
        _deciding(parts),
    ):
        desired = await parts.lookout.look()
        refusals = parts.lookout.sources.refusals
        tell_refusals({}, refusals, parts.tell)
        await parts.decider.saw(desired)
        if desired.is_broken:
            raise ConfigError("the trees cannot be used; the last good state stays", errors(desired.problems))
        succeeded = await parts.decider.wait_until_idle() and not refusals
        held = tuple(
            str(step) for step, progress in parts.decider.progress().items() if progress.state == "held"
        )
        held_plan = parts.decider.held
        memory = parts.desk.record.memory()
        rolled_back = tuple(sorted(pins.pinned(memory)))
        return Converged(
            succeeded=succeeded and held_plan is None and not rolled_back,
            held=held,
            rolled_back=rolled_back,
            held_plan=held_plan,
        )


async def obey(
    settings: Settings, scrubber: Scrubber, request: Request, hear: Callable[[dict[str, Any]], None]
) -> None:
    """Carry out one command under the state lock; `hear` gets its replies."""
    listeners: set[Listener] = set()
    async with (
        assemble(
            settings, command=str(request["verb"]), listeners=listeners, scrubber=scrubber, converges=False
        ) as parts,
        _deciding(parts),
    ):
        if request["verb"] in commands.NEED_THE_TREE:
            await parts.decider.saw(await parts.lookout.look())
        async for reply in commands.answer(parts.desk, request):
            hear(reply)


@asynccontextmanager
async def _deciding(parts: Parts) -> AsyncIterator[None]:
    """The decider runs while the block does; ^C and TERM end it and what it runs. A decider that cannot go on ends the block."""
    deciding = asyncio.create_task(parts.decider.run(), name="decider")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    def end_the_block(_: object) -> None:
        task.cancel()

    deciding.add_done_callback(end_the_block)
    try:
        yield
    except BaseException:
        parts.decider.cut_short()
        raise
    finally:
        deciding.remove_done_callback(end_the_block)
        parts.decider.drain()
        await deciding
