"""Undoing: `paiwatch rollback` runs an earlier good release of a service again, and tells each step as it goes."""

import asyncio
from collections.abc import AsyncGenerator, Collection

from paiwatch.control.desk import Desk, Reply
from paiwatch.control.management import until
from paiwatch.convergence.events import RolledBack
from paiwatch.convergence.holding import is_held
from paiwatch.engine.commands import Rollback
from paiwatch.engine.rollbacks import Turn
from paiwatch.plan.applied import Memory
from paiwatch.plan.build import build
from paiwatch.plan.excerpt import excerpt, once
from paiwatch.plan.plan import Plan
from paiwatch.plan.target import Target, make_target
from paiwatch.report.tidings import told


async def roll_back(desk: Desk, command: Rollback) -> AsyncGenerator[Reply, None]:
    """Roll one service back. The last reply has "succeeded", null when it is written down and nothing of it runs now."""
    async with desk.bus.follow() as following:
        turn, outcome = await desk.decider.between_events(lambda: _begin(desk, command))
        if not isinstance(outcome, str):
            async for news in until(outcome, following):
                if (reply := told(news)) is not None:
                    yield reply
        yield {
            "ok": True,
            "succeeded": None if isinstance(outcome, str) else outcome.result(),
            "service": turn.service,
            "release": turn.release,
            "instead_of": turn.failed,
            "followers": sorted(turn.pins.keys() - {turn.service}),
            "note": outcome if isinstance(outcome, str) else "",
        }


async def _begin(desk: Desk, command: Rollback) -> "tuple[Turn, asyncio.Future[bool] | str]":
    turn = await desk.course.rollbacks.choose(command.service, command.to, command.reason, desk.desired)
    return turn, await _run(desk, turn)


async def _run(desk: Desk, turn: Turn) -> "asyncio.Future[bool] | str":
    """Run what a person goes back to, once and at once; or say why nothing of it runs now."""
    course, services = desk.course, frozenset(turn.pins)
    await course.rollbacks.write(turn)
    await course.feed(RolledBack(service=turn.service, instead_of=turn.failed, release=turn.release))
    if course.is_draining:
        return "paiwatch is ending; the next start does it"
    if not services.isdisjoint(course.machine.running):
        await course.go_back(services)
        return "it begins when the script that runs now has ended"

    def again(names: Collection[str], target: Target, memory: Memory) -> Plan:
        plan = build(target, memory, desk.policy)
        return once(excerpt(plan, lambda step: step.id.service in names))

    memory = await desk.writer.do(desk.record.memory)
    plan = again(services, make_target(desk.desired, memory), memory)
    if any(is_held(step, course.machine.holds) for step in plan.steps):
        await course.replan()
        return "a person holds it; it begins once that is over"
    if not plan.steps:
        await course.replan()
        return "nothing has to run for it"
    return await course.fulfil(plan, again, lambda step: bool(step.instead_of))
