"""The composition root: builds the parts, starts them, stops them in reverse. Decides nothing.

`run` is the daemon, `once` converges and returns, `obey` carries out one command where no daemon runs.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from paiwatch import commands, notify
from paiwatch.clock import Clock
from paiwatch.composition import policy_of, survey_of
from paiwatch.control import ControlServer
from paiwatch.convergence.events import FailureBook, Failures, Limits
from paiwatch.convergence.machine import Machine
from paiwatch.decider import Decider
from paiwatch.errors import StalledError, TransientError
from paiwatch.lookout import Lookout
from paiwatch.news import Listener, LookFailed, LookRecovered, News, RunInterrupted
from paiwatch.operators import leftovers, stage
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Record
from paiwatch.runner import Limits as RunLimits
from paiwatch.runner import Runner
from paiwatch.scrub import Scrubber
from paiwatch.settings import Settings
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.sources import Sources
from paiwatch.writer import Writer

_CLOCK = Clock(monotonic=time.monotonic, wall=time.time)
_EXTEND_EVERY = 10.0  # seconds between requests for more start or stop time
_LOOK_AGAIN = 30.0  # seconds until a failed look is tried again, unless a nudge comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that lives while paiwatch holds the state lock."""

    decider: Decider
    lookout: Lookout
    nudges: Nudges
    desk: commands.Desk


@asynccontextmanager
async def assemble(
    settings: Settings, *, command: str, listeners: set[Listener], scrubber: Scrubber, converges: bool
) -> AsyncIterator[Parts]:
    """Take the state lock, settle what an earlier paiwatch left, build the parts; give everything back in reverse.

    Raises BusyError when somebody else holds the state folder, StoreError when the record cannot be used.
    """
    state, operators = settings.state, settings.operators

    def tell(news: News) -> None:
        for listener in tuple(listeners):
            listener(news)

    async with AsyncExitStack() as stack:
        stack.enter_context(StateLock(state, command=command))
        writer = Writer()
        stack.callback(writer.stop)
        record = await writer.do(lambda: Record.open(state))
        stack.push_async_callback(writer.do, record.close)
        await _settle_the_past(record, writer, settings, tell)
        nudges = Nudges()
        sources = Sources(settings.config, settings.src, state, nudges)
        lookout = Lookout(sources, survey_of(settings))
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
        policy = policy_of(settings)
        decider = Decider(
            machine=Machine(Limits(parallel=operators.parallel), failures=await _failures(record, writer)),
            retention=settings.retention,
            record=record,
            writer=writer,
            runner=runner,
            render=lookout.render,
            policy=policy,
            clock=_CLOCK,
            tell=tell,
            converges=converges,
        )
        desk = commands.Desk(
            decider=decider,
            record=record,
            writer=writer,
            policy=policy,
            clock=_CLOCK,
            nudge=nudges.nudge,
            faults={},
            listeners=listeners,
            since=_CLOCK.wall(),
        )
        yield Parts(decider=decider, lookout=lookout, nudges=nudges, desk=desk)


async def _settle_the_past(record: Record, writer: Writer, settings: Settings, tell: Listener) -> None:
    """Whatever an earlier paiwatch left: end its scripts before anything else may run, and write their ends down."""
    for run in await writer.do(record.unfinished):
        trail = leftovers.trail_of(run.marker, run.identity)
        swept = await leftovers.end(trail, patience=0, grace=settings.operators.grace, hurry=asyncio.Event())
        because = "paiwatch ended while it ran"
        await writer.do(partial(record.interrupt, run.run, at=_CLOCK.wall(), because=because))
        tell(RunInterrupted(run=run.run, service=run.service, operator=str(run.operator), ended=swept.ended))
    await writer.do(lambda: record.abandon("paiwatch ended before it was done", at=_CLOCK.wall()))
    await asyncio.to_thread(stage.clear, settings.state)


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
    listeners: set[Listener] = {listen}
    async with assemble(
        settings, command="run", listeners=listeners, scrubber=scrubber, converges=True
    ) as parts:
        control = ControlServer(settings.state, lambda request: commands.answer(parts.desk, request))
        await control.start()
        try:
            await _serve(parts, listeners)
        finally:
            await control.stop()


async def _serve(parts: Parts, listeners: set[Listener]) -> None:
    stop = asyncio.Event()
    _on_signals(parts, stop)
    async with asyncio.TaskGroup() as group:
        deciding = group.create_task(parts.decider.run(), name="decider")
        looking = group.create_task(_keep_looking(parts, listeners), name="lookout")
        readiness = group.create_task(_announce(parts), name="readiness")
        watchdog = group.create_task(_feed_watchdog(parts), name="watchdog")
        stopping = group.create_task(stop.wait(), name="stop")
        await asyncio.wait({deciding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        notify.send("STOPPING=1\nSTATUS=waiting for running scripts to finish", environ=os.environ)
        looking.cancel()
        readiness.cancel()
        watchdog.cancel()
        stopping.cancel()
        parts.decider.drain()
        while not deciding.done():
            notify.send(notify.extend(3 * _EXTEND_EVERY), environ=os.environ)
            await asyncio.wait({deciding}, timeout=_EXTEND_EVERY)


def _on_signals(parts: Parts, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_stop() -> None:
        if stop.is_set():
            parts.decider.cut_short()
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: parts.nudges.nudge("SIGHUP"))


async def _keep_looking(parts: Parts, listeners: set[Listener]) -> None:
    """Look, tell the decider, wait for a nudge, for ever. A failed look is told once and tried again by itself."""
    parts.lookout.sources.start()
    failing = ""
    while True:
        try:
            await parts.decider.saw(await parts.lookout.look())
        except (TransientError, StalledError) as fault:
            if str(fault) != failing:
                _tell_all(listeners, LookFailed(message=str(fault)))
            failing = str(fault)
            parts.desk.faults["sources"] = failing
        else:
            if failing:
                _tell_all(listeners, LookRecovered())
            failing = ""
            parts.desk.faults.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN if failing else None):
                await parts.nudges.wait()


def _tell_all(listeners: set[Listener], news: News) -> None:
    for listener in tuple(listeners):
        listener(news)


async def _announce(parts: Parts) -> None:
    """READY once the first plan is made; until then systemd is asked for patience."""
    while not parts.decider.planned.is_set():
        doing = parts.desk.faults.get("sources", "reading the trees")
        message = f"EXTEND_TIMEOUT_USEC={int(3 * _EXTEND_EVERY * 1e6)}\nSTATUS={doing.splitlines()[0]}"
        notify.send(message, environ=os.environ)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXTEND_EVERY):
                await parts.decider.planned.wait()
    notify.send("READY=1\nSTATUS=following the trees", environ=os.environ)


async def _feed_watchdog(parts: Parts) -> None:
    """Tell systemd that the decider still decides: each message has gone through its inbox. A living loop alone proves nothing."""
    interval = notify.watchdog_interval(os.environ, os.getpid())
    while interval is not None:
        await parts.decider.between_events(_nothing)
        notify.send(notify.WATCHDOG, environ=os.environ)
        await asyncio.sleep(interval)


async def _nothing() -> None:
    pass


# ── without a daemon ────────────────────────────────────────────────────────────────────────────────────────────────


async def once(settings: Settings, scrubber: Scrubber, listen: Listener) -> bool:
    """Look once, converge, and tell whether everything is as the trees ask."""
    listeners: set[Listener] = {listen}
    async with (
        assemble(settings, command="once", listeners=listeners, scrubber=scrubber, converges=True) as parts,
        _deciding(parts),
    ):
        await parts.decider.saw(await parts.lookout.look())
        return await parts.decider.wait_until_idle()


async def obey(
    settings: Settings, scrubber: Scrubber, request: commands.Request, hear: Callable[[dict[str, Any]], None]
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
    """The decider runs while the block does; ^C and TERM end it and what it runs."""
    deciding = asyncio.create_task(parts.decider.run(), name="decider")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    except BaseException:
        parts.decider.cut_short()
        raise
    finally:
        parts.decider.drain()
        await deciding
