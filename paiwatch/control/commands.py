"""What people may ask of a running paiwatch: each command is one function on the decider and the record.

The same functions serve the daemon (through its control socket) and a command line that holds the state lock itself.
Requests are plain mappings, which `parsing` turns into values; replies are plain mappings, the last one with "ok".
"""

import difflib
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from paiwatch import logs
from paiwatch.clock import Clock
from paiwatch.control import management, undoing
from paiwatch.control.desk import Desk, Reply, Request
from paiwatch.control.parsing import parse
from paiwatch.convergence.events import Retried
from paiwatch.convergence.progress import progress
from paiwatch.domain.principal import Principal
from paiwatch.engine.commands import (
    AcceptRewrite,
    Adopt,
    Approve,
    Command,
    Follow,
    Nudge,
    Progress,
    Resume,
    Retry,
    Rollback,
    Service,
    Suspend,
)
from paiwatch.errors import ConfigError, PaiwatchError
from paiwatch.news import Missed
from paiwatch.plan import pins
from paiwatch.plan.applied import DOWN, EVERYTHING, HeldBy, Hold
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


async def carry_out(desk: Desk, command: Command, _: Principal) -> AsyncGenerator[Reply, None]:
    """Do it and tell how it goes. What is refused or fails becomes a last reply with "ok": false; a bug is raised."""
    try:
        async with aclosing(_work(desk, command)) as replies:
            async for reply in replies:
                yield reply
    except ConfigError as fault:
        yield _bad_input(fault)
    except PaiwatchError as fault:
        yield {"ok": False, "error": str(fault)}


def _bad_input(fault: ConfigError) -> Reply:
    problems = [str(problem) for problem in fault.problems]
    return {"ok": False, "bad_input": True, "error": str(fault), "problems": problems}


def _work(desk: Desk, command: Command) -> AsyncGenerator[Reply, None]:
    match command:
        case Service():
            return management.manage(desk, command)
        case Rollback():
            return undoing.roll_back(desk, command)
        case Follow():
            return _follow(desk)
        case _:
            return _at_once(desk, command)


async def _at_once(desk: Desk, command: _Short) -> AsyncGenerator[Reply, None]:
    """The commands that have one reply."""
    match command:
        case Progress():
            reply = await _progress(desk)
        case Nudge():
            desk.nudge("asked")
            reply = {}
        case Retry():
            reply = await _retry(desk, command)
        case Suspend():
            reply = await _suspend(desk, command)
        case Resume():
            reply = await _resume(desk, command)
        case Adopt(services=services):
            reply = await desk.decider.between_events(lambda: adopt(desk, services))
        case Approve(digest=digest):
            reply = {"digest": await desk.decider.between_events(lambda: desk.course.approve(digest))}
        case AcceptRewrite():
            reply = await _accept_rewrite(desk, command)
    yield {"ok": True, **reply}


async def _follow(desk: Desk) -> AsyncGenerator[Reply, None]:
    """Tell news as it happens until the listener goes away; one that reads too slowly is sent away."""
    async with desk.bus.follow() as following:
        yield {"news": "following", "generation": desk.course.generation}
        if desk.course.in_force is not None and (reply := told(desk.course.in_force)) is not None:
            yield reply  # what was accepted just before somebody listened
        async for news in following:
            if isinstance(news, Missed):
                break
            if (reply := told(news)) is not None:
                yield reply
        yield {"ok": False, "error": "you read too slowly and missed news"}


# ── the short ones ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _progress(desk: Desk) -> Reply:
    decider = desk.decider
    course = desk.course
    seen = course.seen
    faults = dict(desk.faults)
    if seen is not None and seen.is_broken:
        faults["newest commit"] = _unusable(seen)
    if decider.outage:
        faults["state"] = decider.outage
    return {
        "pid": os.getpid(),
        "since": desk.since,
        "generation": course.generation,
        "snapshot": {"config": course.ids[0], "src": course.ids[1]} if course.generation else None,
        "steps": [
            {
                "service": step.service,
                "operator": step.operator,
                "state": at.state,
                "waiting_for": list(at.waiting_for),
                "attempt": at.attempt,
                "not_before": _as_wall(desk.clock, at.not_before),
            }
            for step, at in progress(course.machine).items()
        ],
        "settled": decider.is_settled and not faults,
        "draining": course.is_draining,
        "kept": list(course.kept),
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


async def _retry(desk: Desk, command: Retry) -> Reply:
    services = command.services
    remark = "; ".join([said for service in sorted(services) if (said := await _unheard_of(desk, service))])
    return {**await desk.decider.between_events(lambda: retry(desk, services)), "remark": remark}


async def retry(desk: Desk, services: frozenset[str]) -> Reply:
    """Forget failures and interruptions of these services (all when empty), so that they are tried again at once.

    A service that is named is no longer rolled back either.
    """
    failed = {service for service, _ in await desk.writer.do(desk.record.failures.all)}
    failed |= await _lift_interrupted(desk, services)
    await desk.writer.do(lambda: desk.record.failures.forgive(services))
    ended = await desk.course.rollbacks.end(services)
    await desk.course.feed(Retried(services=services))
    await desk.course.replan(anew=True)
    return {"services": sorted(failed & services if services else failed), "rollbacks_ended": list(ended)}


async def _lift_interrupted(desk: Desk, services: frozenset[str]) -> set[str]:
    """Let services go (all when empty) that wait since their script was cut off; which they are."""
    holds = await desk.writer.do(desk.record.holds)
    waiting = {name for name, hold in holds.items() if hold.by is HeldBy.INTERRUPTED}
    freed = waiting & services if services else waiting
    for service in sorted(freed):
        await desk.writer.do(partial(desk.record.lift, service))
    await desk.course.refresh_holds()
    return freed


async def _suspend(desk: Desk, command: Suspend) -> Reply:
    service = command.service
    remark = await _unheard_of(desk, service)
    hold = Hold(
        service=service,
        by=HeldBy.SUSPENDED,
        reason=command.reason,
        since=desk.clock.wall(),
    )

    async def work() -> None:
        present = (await desk.writer.do(desk.record.holds)).get(service)
        if present is not None and present.by in DOWN:  # else `resume` would take it for one that runs
            raise ConfigError(
                f"{service} is {present.by} by a person, so nothing begins for it before `paiwatch service start -n {service}`"
            )
        await desk.writer.do(lambda: desk.record.hold(hold))
        await desk.course.refresh_holds()

    await desk.decider.between_events(work)
    return {"remark": remark}


async def _resume(desk: Desk, command: Resume) -> Reply:
    service = command.service

    async def work() -> bool:
        holds = await desk.writer.do(desk.record.holds)
        if service not in holds or holds[service].by not in {HeldBy.SUSPENDED, HeldBy.INTERRUPTED}:
            return False
        await desk.writer.do(lambda: desk.record.lift(service))
        await desk.course.refresh_holds()
        await desk.course.replan()
        return True

    return {"resumed": await desk.decider.between_events(work)}


async def _unheard_of(desk: Desk, service: str) -> str:
    """A remark on a service of which nobody knows, while the tree was not looked at. Raises ConfigError once it was."""
    desired = desk.course.desired
    known = set(await desk.writer.do(desk.record.memory))
    if desired is not None:
        known |= desired.services.keys() | desired.invalid
    if service == EVERYTHING or service in known:
        return ""
    close = difflib.get_close_matches(service, sorted(known), n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "`paiwatch status` lists them"
    if desired is None:
        return f"no service {service!r} was ever applied; {remedy}"
    raise ConfigError(f"there is no service {service!r}; {remedy}")


async def adopt(desk: Desk, names: frozenset[str]) -> Reply:
    """Record these services (all of the tree when empty) as applied at the present tree, running nothing.

    Of one that is gone from the tree nothing is remembered any more: that is what the tree asks for.
    """
    desired = desk.desired
    memory = await desk.writer.do(desk.record.memory)
    gone = tuple(sorted(name for name in names if name in memory and not pins.exists(name, desired)))
    if unknown := sorted(names - desired.releases.keys() - set(gone)):
        raise ConfigError(f"no release to adopt for: {', '.join(unknown)}; `paiwatch validate` says why")
    if busy := sorted(desk.course.machine.running.keys() & set(gone)):
        raise ConfigError(f"{', '.join(busy)}: a script of it runs now; wait for its end")
    chosen = tuple(sorted((names or desired.releases.keys()) - set(gone)))
    await desk.course.adopt(chosen)
    if gone:
        await desk.writer.do(lambda: desk.record.forget(gone))
        await desk.course.refresh_holds()
    await desk.course.replan()
    return {"services": list(chosen), "forgotten": list(gone)}


async def _accept_rewrite(desk: Desk, command: AcceptRewrite) -> Reply:
    source, tip = await desk.sources.accept_rewrite(command.source)
    desk.nudge(f"{source}: rewrite accepted")
    return {"source": source, "commit": tip.id, "author": tip.author, "subject": tip.subject}
