"""What people may ask of a running paiwatch, and how each command is told and answered.

The same functions serve the daemon (through its control socket) and a command line that holds the state lock itself.
Requests are plain mappings, which `parsing` turns into values; replies are plain mappings, the last one with "ok".
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from paiwatch import logs
from paiwatch.clock import Clock
from paiwatch.control.desk import Desk, Reply, Request
from paiwatch.control.parsing import parse
from paiwatch.domain.principal import Principal
from paiwatch.engine.commands import (
    AcceptRewrite,
    Act,
    Adopt,
    Approve,
    Command,
    Follow,
    Nudge,
    Progress,
    Resume,
    Retry,
    RewriteAccepted,
    Rollback,
    Service,
    Suspend,
)
from paiwatch.engine.progress import progress
from paiwatch.errors import ConfigError, CrashedError, PaiwatchError, StoreError
from paiwatch.news import Missed
from paiwatch.problem import errors
from paiwatch.releases.release import Desired
from paiwatch.report.tidings import told

_LOG = logs.get_logger(__name__)
_BUG = (
    "a bug in paiwatch ({bug}) ended this command, which may have begun: `paiwatch status` shows where things stand; "
    "the traceback is in the daemon's log, as " + logs.COMMAND_CRASHED
)

#: Commands that need to know what the tree asks for.
NEED_THE_TREE = (Service, Adopt, Approve, Rollback)

_Short = Progress | Nudge | Retry | Suspend | Resume | Adopt | Approve | AcceptRewrite


async def answer(desk: Desk, request: Request, principal: Principal) -> AsyncGenerator[Reply, None]:
    """Do what one request of somebody asks; whatever happens becomes a last reply with "ok".

    "bad_input" says that whoever asks must ask for something else, "bug" that paiwatch is wrong: then the traceback is in the log.
    """
    try:
        command = parse(request)
    except ConfigError as fault:
        yield _bad_input(fault)
        return
    try:
        async with aclosing(carry_out(desk, command, principal)) as replies:
            async for reply in replies:
                yield reply
    except Exception as bug:  # noqa: BLE001 (not swallowed: logged, and told to whoever asked)
        name = type(command).__name__.lower()
        _LOG.exception(logs.COMMAND_CRASHED, command=name, principal=principal.name)
        yield {"ok": False, "bug": True, "error": _BUG.format(bug=type(bug).__name__)}


async def carry_out(desk: Desk, command: Command, principal: Principal) -> AsyncGenerator[Reply, None]:
    """Do it and tell how it goes. What is refused or fails becomes a last reply with "ok": false; a bug is raised."""
    try:
        async with aclosing(_work(desk, command, principal)) as replies:
            async for reply in replies:
                yield reply
    except ConfigError as fault:
        yield _bad_input(fault)
    except CrashedError as fault:
        yield {"ok": False, "bug": True, "error": str(fault)}
    except PaiwatchError as fault:
        yield {"ok": False, "error": str(fault)}


def _bad_input(fault: ConfigError) -> Reply:
    problems = [str(problem) for problem in fault.problems]
    return {"ok": False, "bad_input": True, "error": str(fault), "problems": problems}


def _work(desk: Desk, command: Command, principal: Principal) -> AsyncGenerator[Reply, None]:
    match command:
        case Service() | Rollback():
            return _step_by_step(desk, command, principal)
        case Follow():
            return _follow(desk)
        case _:
            return _at_once(desk, command, principal)


async def _step_by_step(
    desk: Desk, command: Service | Rollback, principal: Principal
) -> AsyncGenerator[Reply, None]:
    """Have it done, telling each step as it begins and ends. The last reply has "succeeded", null where nothing of it runs now."""
    async with desk.bus.follow() as following:
        answer = asyncio.create_task(_answered(desk, command, principal), name="command")
        answer.add_done_callback(lambda _: following.end())
        try:
            async for news in following:
                if (reply := told(news)) is not None:
                    yield reply
            yield {"ok": True, **answer.result()}
        finally:
            answer.cancel()


async def _answered(desk: Desk, command: Act, principal: Principal) -> Reply:
    spoken = replace(command, reason=desk.scrub(command.reason))
    return dict(await desk.loop.obey(spoken, principal))


async def _at_once(desk: Desk, command: _Short, principal: Principal) -> AsyncGenerator[Reply, None]:
    """The commands that have one reply."""
    match command:
        case Progress():
            reply = _progress(desk)
        case Nudge():
            desk.nudge("asked")
            reply = {}
        case AcceptRewrite():
            reply = await _accept_rewrite(desk, command, principal)
        case _:
            reply = await _answered(desk, command, principal)
    yield {"ok": True, **reply}


async def _follow(desk: Desk) -> AsyncGenerator[Reply, None]:
    """Tell news as it happens until the listener goes away; one that reads too slowly is sent away."""
    async with desk.bus.follow() as following:
        state = desk.loop.state
        yield {"news": "following", "generation": state.generation}
        if state.in_force is not None and (reply := told(state.in_force)) is not None:
            yield reply  # what was accepted just before somebody listened
        async for news in following:
            if isinstance(news, Missed):
                break
            if (reply := told(news)) is not None:
                yield reply
        yield {"ok": False, "error": "you read too slowly and missed news"}


def _progress(desk: Desk) -> Reply:
    state = desk.loop.state
    seen = state.seen
    faults = dict(desk.faults)
    if seen is not None and seen.is_broken:
        faults["newest commit"] = _unusable(seen)
    if desk.loop.outage:
        faults["state"] = desk.loop.outage
    config, src = state.snapshot
    return {
        "pid": os.getpid(),
        "since": desk.since,
        "generation": state.generation,
        "snapshot": {"config": config, "src": src} if state.generation else None,
        "steps": [
            {
                "service": step.service,
                "operator": step.operator,
                "state": at.state,
                "waiting_for": list(at.waiting_for),
                "attempt": at.attempt,
                "not_before": _as_wall(desk.clock, at.not_before),
            }
            for step, at in progress(state).items()
        ],
        "settled": state.is_settled and not faults,
        "draining": state.is_draining,
        "kept": sorted(state.retained),
        "invalid": sorted(seen.invalid) if seen else [],
        "problems": [str(problem) for problem in seen.problems] if seen else [],
        "faults": faults,
    }


def _unusable(seen: Desired) -> str:
    """Why no plan can be made from the newest commit."""
    config, src = seen.snapshot.ids
    first = next(problem for problem in errors(seen.problems) if not problem.service)
    return f"config {config[:8]} with src {src[:8]} cannot be used, the last good one stays: {first}"


def _as_wall(clock: Clock, moment: float) -> float:
    """A moment of the machine's clock as epoch seconds; 0 stays 0."""
    return moment - clock.monotonic() + clock.wall() if moment else 0.0


async def _accept_rewrite(desk: Desk, command: AcceptRewrite, principal: Principal) -> Reply:
    """What the source accepted stays so, also where the event of it cannot be written."""
    source, tip = await desk.sources.accept_rewrite(command.source)
    desk.nudge(f"{source}: rewrite accepted")
    told, remark = RewriteAccepted(source=source, commit=tip.id, reason=command.reason), ""
    try:
        await _answered(desk, told, principal)
    except StoreError:
        remark = "`events` does not tell so: that could not be written down"
    named = {"source": source, "commit": tip.id, "author": tip.author, "subject": tip.subject}
    return {**named, "remark": remark}
