"""The daemon and its shorter lives: starts what `assembly` built, and sees it to its end. Decides nothing.

`run` is the daemon, `once` converges and returns, `obey` carries out one command where no daemon runs.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from paiwatch.control import commands
from paiwatch.control.desk import Request
from paiwatch.control.parsing import parse
from paiwatch.control.peers import local_principal
from paiwatch.control.server import ControlServer
from paiwatch.daemon import crew, notify, upkeep
from paiwatch.daemon.assembly import Parts, assemble
from paiwatch.daemon.bus import Bus
from paiwatch.daemon.lookout import tell_refusals
from paiwatch.engine.commands import Resume, Suspend
from paiwatch.engine.progress import progress
from paiwatch.errors import ConfigError, PaiwatchError
from paiwatch.news import DaemonMoved, Listener, Phase
from paiwatch.plan import pins
from paiwatch.plan.guard import HeldPlan
from paiwatch.problem import Problem, errors
from paiwatch.scrub import Scrubber
from paiwatch.settings.sections import Settings

# ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def run(settings: Settings, scrubber: Scrubber, listen: Listener) -> None:
    """Converge until told to stop. READY goes to systemd after the first plan; SIGTERM drains, a second one cuts short."""
    crew.muster()
    bus = Bus(listen, upkeep.show)
    async with assemble(
        settings, command="run", bus=bus, scrubber=scrubber, converges=True, patient=True
    ) as parts:
        control = ControlServer(settings.state, lambda *asked: commands.answer(parts.desk, *asked))
        await control.start()
        parts.tell(DaemonMoved(phase=Phase.STARTED))
        try:
            await _serve(parts)
        except BaseExceptionGroup as together:  # not except*: early Pythons 3.11 wrap what is raised there
            expected, bugs = together.split(PaiwatchError)
            if expected is None or bugs is not None:
                raise
            raise _first(expected) from together
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
    loop, faults, tell = parts.loop, parts.desk.faults, parts.tell
    async with asyncio.TaskGroup() as group:
        deciding = group.create_task(loop.run(), name="event loop")
        looking = upkeep.keep_looking(parts.lookout, parts.nudges, loop, faults=faults, tell=tell)
        chores = (
            looking,
            upkeep.announce(loop, faults=faults, tell=tell),
            upkeep.feed_watchdog(loop),
            upkeep.keep_looking_back(loop),
        )
        tasks = [group.create_task(chore) for chore in (*chores, stop.wait())]
        await asyncio.wait({deciding, tasks[-1]}, return_when=asyncio.FIRST_COMPLETED)
        notify.send(
            notify.STOPPING, notify.status("waiting for running scripts to finish"), environ=os.environ
        )
        tell(DaemonMoved(phase=Phase.STOPPING))
        for task in tasks:
            task.cancel()
        loop.drain()
        await upkeep.ask_for_time(deciding)


def _on_signals(parts: Parts, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_stop() -> None:
        if stop.is_set():
            parts.loop.cut_short()
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: parts.nudges.nudge("SIGHUP"))


# ── without a daemon ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """How `once` ended: whether everything is as the trees ask, and what waits for a person (steps; the whole plan).

    `rolled_back` are services that run something else than the trees ask for, `problems` the errors of those that stay as they are.
    """

    succeeded: bool
    held: tuple[str, ...]
    rolled_back: tuple[str, ...]
    held_plan: HeldPlan | None
    problems: tuple[Problem, ...]


async def once(settings: Settings, scrubber: Scrubber, listen: Listener) -> Converged:
    """Look once and converge. Raises ConfigError when no plan can be made from what was seen: the last good state stays."""
    crew.muster()
    bus = Bus()
    bus.observe(listen)  # a terminal, perhaps, that goes away: no reason to end what runs
    async with (
        assemble(settings, command="once", bus=bus, scrubber=scrubber, converges=True) as parts,
        _turning(parts),
    ):
        desired = await parts.lookout.look()
        refusals = parts.lookout.observation.refusals
        tell_refusals({}, refusals, parts.tell)
        await parts.loop.saw(desired)
        if desired.is_broken:
            raise ConfigError("the trees cannot be used; the last good state stays", errors(desired.problems))
        succeeded = await parts.loop.wait_until_idle() and not refusals
        held = tuple(str(step) for step, at in progress(parts.loop.state).items() if at.state == "held")
        held_plan = parts.loop.state.held_plan
        rolled_back = tuple(sorted(pins.pinned(parts.loop.state.applied)))
        problems = errors(desired.problems)
        return Converged(
            succeeded=succeeded and held_plan is None and not rolled_back and not problems,
            held=held,
            rolled_back=rolled_back,
            held_plan=held_plan,
            problems=problems,
        )


async def obey(
    settings: Settings, scrubber: Scrubber, request: Request, hear: Callable[[dict[str, Any]], None]
) -> None:
    """Carry out one command under the state lock; `hear` gets its replies. Raises ConfigError for a request that is none."""
    command = parse(request)
    async with (
        assemble(
            settings,
            command=str(request["verb"]),
            bus=Bus(),
            scrubber=scrubber,
            converges=False,
            recovers=not isinstance(command, Suspend | Resume),  # these work though nothing else does
        ) as parts,
        _turning(parts),
    ):
        if isinstance(command, commands.NEED_THE_TREE):
            await parts.loop.saw(await parts.lookout.look())
        async for reply in commands.carry_out(parts.desk, command, await local_principal()):
            hear(reply)


@asynccontextmanager
async def _turning(parts: Parts) -> AsyncIterator[None]:
    """The event loop turns while the block does; ^C and TERM end it and what it runs. One that cannot go on ends the block."""
    deciding = asyncio.create_task(parts.loop.run(), name="event loop")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    is_left = False

    def end_the_block(_: object) -> None:
        # The call may be on its way already when the block is left: then it would strike the clearing up.
        if not is_left:
            task.cancel()

    deciding.add_done_callback(end_the_block)
    try:
        yield
    except BaseException:
        parts.loop.cut_short()
        raise
    finally:
        is_left = True
        parts.loop.drain()
        await deciding
