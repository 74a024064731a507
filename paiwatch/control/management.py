"""Service management: one operator over a list of services, in the right order, as `paiwatch service` asks for it."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import replace

from paiwatch.catalog.service import Operator
from paiwatch.control.desk import Desk, Following, Reply
from paiwatch.convergence import holding
from paiwatch.engine.commands import Service
from paiwatch.errors import ConfigError
from paiwatch.plan.applied import DOWN, Memory
from paiwatch.plan.asked import Request as AskedFor
from paiwatch.plan.asked import asked
from paiwatch.plan.excerpt import once
from paiwatch.plan.plan import Kind, Plan
from paiwatch.plan.target import Target, make_target
from paiwatch.problem import errors
from paiwatch.report.tidings import told


async def manage(desk: Desk, command: Service) -> AsyncGenerator[Reply, None]:
    """Run one operator over a list of services, telling each step as it begins and ends."""
    async with desk.bus.follow() as following:
        answer, plan = await desk.decider.between_events(lambda: _fulfil(desk, command))
        async for news in until(answer, following):
            if (reply := told(news)) is not None:
                yield reply
        left_out = [str(problem) for problem in plan.problems] if command.names else []
        is_done = answer.result() and (bool(plan.steps) or not left_out)
        yield {"ok": True, "succeeded": is_done, "steps": len(plan.steps), "left_out": left_out}


def until(answer: asyncio.Future[bool], following: Following) -> Following:
    """What is heard until all of it is done, its last news included."""
    answer.add_done_callback(lambda _: following.end())
    return following


async def _fulfil(desk: Desk, command: Service) -> "tuple[asyncio.Future[bool], Plan]":
    """The plan that was made of it, and whether all of that succeeds."""
    desired, memory = desk.desired, await desk.writer.do(desk.record.memory)
    operator, names = command.operator, command.names
    wish = AskedFor(
        operator=operator,
        names=names,
        skip=command.without | await _down(desk, operator, names),
        only=command.only,
    )
    plan = once(asked(wish, make_target(desired, memory), memory, desk.policy))
    if faults := errors(plan.problems):
        raise ConfigError(f"cannot {operator} that", faults)
    _refuse_to_overlap(desk, operator, plan)
    at = desk.clock.wall()
    services = sorted({step.id.service for step in plan.steps})
    holds = tuple(filter(None, (holding.asked(service, operator, at=at) for service in services)))

    def again(left: Collection[str], target: Target, memory: Memory) -> Plan:
        rest = replace(wish, names=tuple(left), skip=frozenset(), only=True)
        return once(asked(rest, target, memory, desk.policy))

    return await desk.course.fulfil(plan, again, lambda step: step.kind is Kind.ASKED, holds), plan


def _refuse_to_overlap(desk: Desk, operator: Operator, plan: Plan) -> None:
    """Nobody waits with a person for processes that cannot be ended."""
    lingering = desk.record.lingering.holds()
    if found := sorted({step.id.service for step in plan.steps} & lingering.keys()):
        raise ConfigError(f"cannot {operator} {found[0]}: {lingering[found[0]].reason}")


async def _down(desk: Desk, operator: Operator, names: tuple[str, ...]) -> frozenset[str]:
    """What a refresh passes over: services that a person stopped. Naming one of them is a mistake worth hearing of."""
    if operator is not Operator.REFRESH:
        return frozenset()
    holds = await desk.writer.do(desk.record.holds)
    down = frozenset(name for name, hold in holds.items() if hold.by in DOWN)
    if named := sorted(down & set(names)):
        remedy = f"`paiwatch service start -n {named[0]}` starts it"
        raise ConfigError(
            f"{', '.join(named)}: {holds[named[0]].by} by a person; nothing to refresh; {remedy}"
        )
    return down
