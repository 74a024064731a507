"""Asked: the plan for `paiwatch service start|stop|refresh|delete` over a list of services. PURE; one planner, the verb is data."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paiwatch.catalog.service import Operator
from paiwatch.plan import build, changes, graph, operators, removal, task, wording
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.operators import Operators
from paiwatch.plan.plan import Kind, Plan, Reason, Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import Target
from paiwatch.plan.task import Task
from paiwatch.problem import Problem, Severity

_TEARDOWN = frozenset({Operator.STOP, Operator.DELETE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for. No names mean all; `skip` wins over names; `only` leaves prerequisites alone."""

    operator: Operator
    names: tuple[str, ...] = ()
    skip: frozenset[str] = frozenset()
    only: bool = False


@dataclass(frozen=True, slots=True)
class _World:
    """What a request is judged by."""

    wanted: Wanted
    memory: Memory
    policy: Policy
    prefix: str

    def is_started(self, name: str) -> bool:
        """Whether a start of this service ever succeeded."""
        return name in self.memory and bool(self.memory[name].digest)


def asked(request: Request, target: Target, memory: Memory, policy: Policy) -> Plan:
    """Start and refresh take prerequisites first, stop and delete dependents first.

    An unknown name (also one to skip) is an error, and then nothing is done at all. What has no script for the
    operator, or has errors, is left out with a warning. `problems` are those of the request only.
    """
    world = _World(changes.split(target), memory, policy, target.snapshot.src.prefix)
    known = sorted({*target.services, *target.invalid, *(name for name in memory if memory[name].archived)})
    unknown = tuple(_unknown(name, known) for name in sorted({*request.names, *request.skip} - set(known)))
    if unknown:
        return build.assemble(target, (), unknown)
    names = frozenset(request.names or known) - request.skip
    plan = _plan_teardown if request.operator in _TEARDOWN else _plan_bringing_up
    steps, problems = plan(request, names, world)
    return build.assemble(target, steps, problems)


def _unknown(name: str, known: Iterable[str]) -> Problem:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean '{close[0]}'?" if close else "`paiwatch status` lists all services"
    return Problem(file="service", message=f"there is no service '{name}'", remedy=remedy)


def _left_out(name: str, why: str, remedy: str = "") -> Problem:
    return Problem(
        file="service",
        severity=Severity.WARNING,
        message=f"'{name}' is left out: {why}",
        remedy=remedy,
        service=name,
    )


# ── stop, delete ────────────────────────────────────────────────────────────────────────────────────────────────────


def _plan_teardown(
    request: Request, names: frozenset[str], world: _World
) -> tuple[tuple[Step, ...], list[Problem]]:
    tasks: dict[str, Task] = {}
    problems: list[Problem] = []
    for name in sorted(names):
        made = _tear_down(name, request.operator, world)
        if isinstance(made, Problem):
            problems.append(made)
        else:
            tasks[name] = made
    return removal.dependents_first(tasks, _dependents(world)), problems


def _tear_down(name: str, operator: Operator, world: _World) -> Task | Problem:
    """With the release that runs, as far as the archive has one; else with that of the tree."""
    reason = (Reason(kind="asked", detail=f"{operator} was asked for"),)
    applied = world.memory.get(name)
    if applied is not None and applied.archived and not _is_of_tree(applied, world):
        if operator not in applied.spec.scripts:
            return _left_out(name, f"the release that was last run has no {operator}-script")
        return removal.archived_task(
            applied,
            world.policy,
            operators=(operator,),
            kind=Kind.ASKED,
            reasons=reason,
            prefix=world.prefix,
        )
    return _declared(name, (operator,), world, operator=operator, reasons=reason)


def _is_of_tree(applied: Applied, world: _World) -> bool:
    """Whether the archived release is the very one that the tree has."""
    release = world.wanted.releases.get(applied.service)
    return release is not None and release.digest == applied.archived


def _dependents(world: _World) -> graph.Before:
    """Who stands on whom, by the tree and by what was last run."""
    needs: dict[str, set[str]] = {name: set(applied.prerequisites) for name, applied in world.memory.items()}
    for name, service in world.wanted.services.items():
        needs.setdefault(name, set()).update(edge.service for edge in service.prerequisites)
    return graph.invert(needs)


# ── start, refresh ──────────────────────────────────────────────────────────────────────────────────────────────────


def _plan_bringing_up(
    request: Request, names: frozenset[str], world: _World
) -> tuple[tuple[Step, ...], list[Problem]]:
    wanted = world.wanted
    before = build.edges(wanted, names)
    pulled = (
        {} if request.only or request.operator is not Operator.START else _pull(names, before, request, world)
    )
    order = graph.order({*names, *pulled}, before)
    missing = frozenset(name for name in wanted.broken if not request.only and not world.is_started(name))
    holders = graph.every(order, missing)
    tasks: dict[str, Task] = {}
    problems: list[Problem] = []
    for name in sorted({*names, *pulled}):
        made = _bring_up(name, request, world, needed_by=pulled.get(name, ""), holders=holders[name])
        if isinstance(made, Problem):
            problems.append(made)
            continue
        tasks[name] = made
        if made.held_by:
            problems.append(wording.waits(wanted.services[name], made.held_by))
    waits = graph.nearest(order, tasks)
    return task.lay_out([tasks[name] for name in order.names if name in tasks], waits), problems


def _pull(names: frozenset[str], before: graph.Before, request: Request, world: _World) -> Mapping[str, str]:
    """Prerequisites that were never started, each with a service that needs it."""
    pulled: dict[str, str] = {}
    stack = sorted(names, reverse=True)
    seen = set(stack)
    while stack:
        name = stack.pop()
        for other in sorted(set(before.get(name, ())) - seen, reverse=True):
            seen.add(other)
            stack.append(other)
            if other in world.wanted.releases and other not in request.skip and not world.is_started(other):
                pulled[other] = name
    return pulled


def _bring_up(
    name: str, request: Request, world: _World, *, needed_by: str, holders: frozenset[str]
) -> Task | Problem:
    """Start, or refresh with its fallbacks. A refresh of what never ran would pass for a start, so it is left out."""
    operator = request.operator
    service = world.wanted.services.get(name)
    if operator is Operator.REFRESH and not world.is_started(name):
        return _left_out(name, "it was never started", f"`paiwatch service start -n {name}`")
    verbs: Operators = (operator,)
    if operator is Operator.REFRESH and service is not None:
        verbs = operators.refresh(service, world.memory.get(name)) or verbs
    detail = (
        f"start of '{needed_by}' needs it, and it was never started"
        if needed_by
        else f"{operator} was asked for"
    )
    reason = (Reason(kind="asked", detail=detail),)
    return _declared(name, verbs, world, operator=operator, reasons=reason, holders=holders)


def _declared(
    name: str,
    verbs: Operators,
    world: _World,
    *,
    operator: Operator,
    reasons: tuple[Reason, ...],
    holders: frozenset[str] = frozenset(),
) -> Task | Problem:
    """A task with the release of the tree, or why there is none."""
    wanted = world.wanted
    if name not in wanted.releases:
        why = "it has errors" if wanted.exists(name) else "it is gone from the tree"
        return _left_out(
            name, why, "`paiwatch validate` lists them" if wanted.exists(name) else "bring its folder back"
        )
    service = wanted.services[name]
    if any(verb not in service.scripts for verb in verbs):
        return _left_out(name, f"it has no {operator}-script", f"add it to {service.file}")
    return task.declared(
        service,
        wanted.releases[name],
        world.policy,
        operators=verbs,
        kind=Kind.ASKED,
        reasons=reasons,
        prerequisites=build.remember(wanted, world.memory, name),
        held_by=tuple(sorted(holders)),
    )
