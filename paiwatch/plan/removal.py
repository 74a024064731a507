"""Removal: what to do with services that are gone from the tree. PURE; dependents first, with their archived release."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from paiwatch.catalog.service import Operator, Removal
from paiwatch.plan import graph, task
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.operators import Operators
from paiwatch.plan.plan import Kind, Reason, Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.task import Task
from paiwatch.problem import Problem, Severity


@dataclass(frozen=True, slots=True)
class Removals:
    """Steps of removals, the services that stay although they are gone from the tree, and warnings about those."""

    steps: tuple[Step, ...] = ()
    kept: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """All that are gone from the tree."""
        return frozenset(self.kept) | {step.id.service for step in self.steps}


def plan_removals(wanted: Wanted, memory: Memory, policy: Policy, *, prefix: str) -> Removals:
    """Apply the removal policy. A service that merely has errors is not gone: its last good release keeps running.

    `prefix` is what paths of components begin with, for memories that do not tell their folder.
    """
    absent = memory.keys() - wanted.services.keys() - wanted.broken
    gone = sorted(name for name in absent if memory[name].archived)
    if not gone:
        return Removals()
    if policy.removed is Removal.KEEP:
        return Removals(kept=tuple(gone))
    choices = {name: _choose(memory[name], policy.removed) for name in gone}
    kept = tuple(name for name in gone if not choices[name])
    tasks = {
        name: _removal(memory[name], operators, policy, prefix=prefix)
        for name, operators in choices.items()
        if operators
    }
    return Removals(
        steps=dependents_first(tasks, remembered_dependents(memory)),
        kept=kept,
        problems=tuple(_nothing_to_run(name, policy.removed, prefix=prefix) for name in kept),
    )


def dependents_first(tasks: Mapping[str, Task], dependents: graph.Before) -> tuple[Step, ...]:
    """Steps that each wait for those of their dependents, also through services that have no step.

    Dependents in a circle have no first one: these do not wait for each other.
    """
    order = graph.order(tasks, dependents)
    return task.lay_out([tasks[name] for name in order.names if name in tasks], graph.nearest(order, tasks))


def remembered_dependents(memory: Memory) -> graph.Before:
    """Who named whom as prerequisite when it last ran: for teardown, dependents come before."""
    return graph.invert({name: tuple(applied.prerequisites) for name, applied in memory.items()})


def archived_task(
    applied: Applied,
    policy: Policy,
    *,
    operators: Operators,
    kind: Kind,
    reasons: tuple[Reason, ...],
    prefix: str,
) -> Task:
    """A task that runs the archived release of a service. How often it is tried is not the release's word but the settings'."""
    remembered = applied.spec
    spec = policy.complete(replace(remembered, unset=remembered.unset.union(("retries",))))
    return Task(
        service=applied.service,
        operators=operators,
        kind=kind,
        digest=applied.archived,
        spec=replace(spec, folder=spec.folder or f"{prefix}{applied.service}"),
        reasons=reasons,
        prerequisites=tuple(sorted(applied.prerequisites)),
    )


def _choose(applied: Applied, policy: Removal) -> Operators:
    """Delete falls back to stop; with neither script there is nothing to run."""
    wanted = (Operator.DELETE, Operator.STOP) if policy is Removal.DELETE else (Operator.STOP,)
    return next(((operator,) for operator in wanted if operator in applied.spec.scripts), ())


def _removal(applied: Applied, operators: Operators, policy: Policy, *, prefix: str) -> Task:
    detail = f"'{applied.service}' is gone from the tree, and the settings say removed: {policy.removed}"
    reason = Reason(kind="removed", detail=detail)
    return archived_task(
        applied, policy, operators=operators, kind=Kind.REMOVED, reasons=(reason,), prefix=prefix
    )


def _nothing_to_run(name: str, policy: Removal, *, prefix: str) -> Problem:
    return Problem(
        file=f"{prefix}{name}",
        severity=Severity.WARNING,
        message=f"'{name}' is gone from the tree, but its last release has no {policy}-script, so it is kept",
        remedy=f"stop it by hand, then `paiwatch adopt {name}` forgets it",
        service=name,
    )
