"""What people may ask of a running paiwatch: each command is one function on the decider and the record.

The same functions serve the daemon (through its control socket) and a command line that holds the state lock itself.
Requests are plain mappings, checked here; replies are plain mappings, the last one with "ok".
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from paiwatch.catalog.service import Operator
from paiwatch.clock import Clock
from paiwatch.convergence.events import Retried
from paiwatch.decider import Decider
from paiwatch.errors import ConfigError, PaiwatchError
from paiwatch.news import News
from paiwatch.plan.applied import EVERYTHING, HeldBy, Hold
from paiwatch.plan.asked import Request as AskedFor
from paiwatch.plan.asked import asked
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Policy
from paiwatch.problem import errors
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired
from paiwatch.report.tidings import told
from paiwatch.writer import Writer

_DOWN = frozenset({HeldBy.STOPPED, HeldBy.DELETED})
_PATIENCE = 10_000  # news that may wait for one listener

Request = Mapping[str, Any]
Reply = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What commands work with. `nudge` asks for a look at the world; `faults` are the sources' present troubles."""

    decider: Decider
    record: Record
    writer: Writer
    policy: Policy
    clock: Clock
    nudge: Callable[[str], None]
    faults: dict[str, str]
    listeners: set[Callable[[News], None]]
    since: float


async def answer(desk: Desk, request: Request) -> AsyncIterator[Reply]:
    """Do what one request asks. A fault of the request or the tree becomes a last reply with "ok": false."""
    verb = request.get("verb")
    try:
        if verb == "service":
            async for reply in _service(desk, request):
                yield reply
        elif verb == "follow":
            async for reply in _follow(desk):
                yield reply
        elif verb in _SIMPLE:
            yield {"ok": True, **await _SIMPLE[verb](desk, request)}
        else:
            yield {"ok": False, "error": f"unknown verb {verb!r}; is the daemon older than this command?"}
    except ConfigError as fault:
        problems = [str(problem) for problem in fault.problems]
        yield {"ok": False, "bad_input": True, "error": str(fault), "problems": problems}
    except PaiwatchError as fault:
        yield {"ok": False, "error": str(fault)}


# ── service management ──────────────────────────────────────────────────────────────────────────────────────────────


async def _service(desk: Desk, request: Request) -> AsyncIterator[Reply]:
    """Run one operator over a list of services, telling each step as it begins and ends."""
    operator = Operator(request["operator"])
    heard: asyncio.Queue[News | None] = asyncio.Queue()
    desk.listeners.add(heard.put_nowait)
    try:
        closed = await desk.decider.between_events(lambda: _accept_asked(desk, operator, request))
        async for news in _until(closed, heard):
            if (reply := told(news)) is not None:
                yield reply
        yield {"ok": True, "succeeded": closed.result()}
    finally:
        desk.listeners.discard(heard.put_nowait)


async def _until(closed: asyncio.Future[bool], heard: asyncio.Queue[News | None]) -> AsyncIterator[News]:
    """What is heard until the generation is closed, its last news included."""
    closed.add_done_callback(lambda _: heard.put_nowait(None))
    while (news := await heard.get()) is not None:
        yield news


async def _accept_asked(desk: Desk, operator: Operator, request: Request) -> "asyncio.Future[bool]":
    desired = _desired(desk)
    memory = await desk.writer.do(desk.record.memory)
    names = tuple(request.get("names", ()))
    wish = AskedFor(
        operator=operator,
        names=names,
        skip=frozenset(request.get("without", ())) | await _down(desk, operator, names),
        only=bool(request.get("only", False)),
    )
    plan = _once(asked(wish, desired, memory, desk.policy))
    if faults := errors(plan.problems):
        raise ConfigError(f"cannot {operator} that", faults)
    await _hold_or_lift(desk, operator, frozenset(step.id.service for step in plan.steps))
    return await desk.decider.accept(plan, asked=True)


async def _down(desk: Desk, operator: Operator, names: tuple[str, ...]) -> frozenset[str]:
    """What a refresh passes over: services that a person stopped. Naming one of them is a mistake worth hearing of."""
    if operator is not Operator.REFRESH:
        return frozenset()
    holds = await desk.writer.do(desk.record.holds)
    down = frozenset(name for name, hold in holds.items() if hold.by in _DOWN)
    if named := sorted(down & set(names)):
        remedy = f"`paiwatch service start -n {named[0]}` starts it"
        raise ConfigError(
            f"{', '.join(named)}: {holds[named[0]].by} by a person; nothing to refresh; {remedy}"
        )
    return down


def _once(plan: Plan) -> Plan:
    """Tried once: a person waits, sees what went wrong, and asks again."""
    steps = tuple(replace(step, retries=replace(step.retries, attempts=1)) for step in plan.steps)
    return replace(plan, steps=steps)


async def _hold_or_lift(desk: Desk, operator: Operator, services: frozenset[str]) -> None:
    """What a person stopped stays stopped until a person starts it; written before the first script runs."""
    holds = await desk.writer.do(desk.record.holds)
    by = {Operator.STOP: HeldBy.STOPPED, Operator.DELETE: HeldBy.DELETED}.get(operator)
    at = desk.clock.wall()
    for service in sorted(services):
        if by is not None:
            hold = Hold(service=service, by=by, reason=f"service {operator}", since=at)
            await desk.writer.do(partial(desk.record.hold, hold))
        elif operator is Operator.START and service in holds and holds[service].by in _DOWN:
            await desk.writer.do(partial(desk.record.lift, service))
    await desk.decider.refresh_holds()


async def _follow(desk: Desk) -> AsyncIterator[Reply]:
    """Tell news as it happens until the listener goes away; one that reads too slowly is sent away."""
    heard: asyncio.Queue[News] = asyncio.Queue(maxsize=_PATIENCE)
    lost = asyncio.Event()

    def hear(news: News) -> None:
        try:
            heard.put_nowait(news)
        except asyncio.QueueFull:
            lost.set()

    desk.listeners.add(hear)
    try:
        yield {"news": "following", "generation": desk.decider.generation}
        if desk.decider.in_force is not None and (reply := told(desk.decider.in_force)) is not None:
            yield reply  # what was accepted just before somebody listened
        while not lost.is_set():
            if (reply := told(await heard.get())) is not None:
                yield reply
        yield {"ok": False, "error": "you read too slowly and missed news"}
    finally:
        desk.listeners.discard(hear)


# ── the short ones ──────────────────────────────────────────────────────────────────────────────────────────────────


async def _progress(desk: Desk, _: Request) -> Reply:
    decider = desk.decider
    desired = decider.desired
    return {
        "pid": os.getpid(),
        "since": desk.since,
        "generation": decider.generation,
        "snapshot": {"config": decider.ids[0], "src": decider.ids[1]} if decider.ids else None,
        "steps": [
            {
                "service": step.service,
                "operator": step.operator,
                "state": progress.state,
                "waiting_for": list(progress.waiting_for),
                "attempt": progress.attempt,
                "not_before": _as_wall(desk.clock, progress.not_before),
            }
            for step, progress in decider.progress().items()
        ],
        "settled": decider.is_settled,
        "draining": decider.is_draining,
        "kept": list(decider.kept),
        "invalid": sorted(desired.invalid) if desired else [],
        "problems": [str(problem) for problem in desired.problems] if desired else [],
        "faults": dict(desk.faults),
    }


def _as_wall(clock: Clock, moment: float) -> float:
    """A moment of the machine's clock as epoch seconds; 0 stays 0."""
    return moment - clock.monotonic() + clock.wall() if moment else 0.0


async def _nudge(desk: Desk, _: Request) -> Reply:
    desk.nudge("asked")
    return {}


async def _retry(desk: Desk, request: Request) -> Reply:
    services = frozenset(request.get("services", ()))
    return await desk.decider.between_events(lambda: retry(desk, services))


async def retry(desk: Desk, services: frozenset[str]) -> Reply:
    """Forget the failures of these services (all when empty), so that they are tried again at once."""
    failed = {service for service, _ in await desk.writer.do(desk.record.failures)}
    await desk.writer.do(lambda: desk.record.forgive(services))
    await desk.decider.feed(Retried(services=services))
    await desk.decider.replan(anew=True)
    return {"services": sorted(failed & services if services else failed)}


async def _suspend(desk: Desk, request: Request) -> Reply:
    service = request.get("service") or EVERYTHING
    _check_known(desk, service)
    hold = Hold(
        service=service,
        by=HeldBy.SUSPENDED,
        reason=str(request.get("reason", "")),
        since=desk.clock.wall(),
    )

    async def work() -> None:
        await desk.writer.do(lambda: desk.record.hold(hold))
        await desk.decider.refresh_holds()

    await desk.decider.between_events(work)
    return {}


async def _resume(desk: Desk, request: Request) -> Reply:
    service = request.get("service") or EVERYTHING

    async def work() -> bool:
        holds = await desk.writer.do(desk.record.holds)
        if service not in holds or holds[service].by is not HeldBy.SUSPENDED:
            return False
        await desk.writer.do(lambda: desk.record.lift(service))
        await desk.decider.refresh_holds()
        await desk.decider.replan()
        return True

    return {"resumed": await desk.decider.between_events(work)}


def _check_known(desk: Desk, service: str) -> None:
    desired = desk.decider.desired
    if (
        desired is not None
        and service != EVERYTHING
        and service not in desired.services.keys() | desired.invalid
    ):
        raise ConfigError(f"there is no service {service!r}; `paiwatch status` lists them")


async def _adopt(desk: Desk, request: Request) -> Reply:
    names = frozenset(request.get("services", ()))
    return await desk.decider.between_events(lambda: adopt(desk, names))


async def adopt(desk: Desk, names: frozenset[str]) -> Reply:
    """Record these services (all when empty) as applied at the present tree, running nothing."""
    desired = _desired(desk)
    if unknown := sorted(names - desired.releases.keys()):
        raise ConfigError(f"no release to adopt for: {', '.join(unknown)}; `paiwatch validate` says why")
    chosen = tuple(sorted(names or desired.releases))
    await desk.decider.adopt(chosen)
    await desk.decider.replan()
    return {"services": list(chosen)}


async def _approve(desk: Desk, request: Request) -> Reply:
    prefix = str(request.get("digest", ""))
    _desired(desk)
    digest = await desk.decider.between_events(lambda: desk.decider.approve(prefix))
    return {"digest": digest}


def _desired(desk: Desk) -> Desired:
    if desk.decider.desired is None:
        raise ConfigError("the tree has not been read yet, or cannot be used; `paiwatch validate` says why")
    return desk.decider.desired


#: Verbs that need to know what the tree asks for.
NEED_THE_TREE = frozenset({"service", "adopt", "approve"})

_SIMPLE = {
    "progress": _progress,
    "nudge": _nudge,
    "retry": _retry,
    "suspend": _suspend,
    "resume": _resume,
    "adopt": _adopt,
    "approve": _approve,
}
