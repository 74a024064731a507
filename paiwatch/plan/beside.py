"""Beside: what a person asked for and what the trees ask for, as one plan. PURE.

Services that have nothing to do with what a person asked for do not wait for it. Those that it names, what they stand on and
what stands on them are left to it; what the trees ask of them is planned when it is done.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from paiwatch.plan import graph, task
from paiwatch.plan.applied import Memory
from paiwatch.plan.plan import Plan, Step, StepId
from paiwatch.plan.target import Target


def beside(plan: Plan, asked: Plan, target: Target, memory: Memory) -> Plan:
    """All steps of `asked`, and those of `plan` that have nothing to do with them. Both are made from `target` and `memory`."""
    names = {step.id.service for step in asked.steps}
    apart = _apart(plan.steps, related(names, target, memory))
    steps = task.in_order((*asked.steps, *apart))
    used = {step.id.service for step in steps}
    releases = {name: each for name, each in {**plan.releases, **asked.releases}.items() if name in used}
    return replace(plan, digest=task.digest(steps), steps=steps, releases=dict(sorted(releases.items())))


def related(names: Collection[str], target: Target, memory: Memory) -> frozenset[str]:
    """These services, all they stand on and all that stand on them, by the tree and by what was last run."""
    needs: dict[str, set[str]] = {name: set(applied.prerequisites) for name, applied in memory.items()}
    for name, service in target.services.items():
        needs.setdefault(name, set()).update(edge.service for edge in service.prerequisites)
    return frozenset(graph.reach(names, needs)).union(graph.reach(names, graph.invert(needs)))


def _apart(steps: Collection[Step], related: frozenset[str]) -> Iterator[Step]:
    """Steps of other services, in plan order, but for those that wait, at any distance, for one that is left out."""
    left_out: set[StepId] = set()
    for step in steps:
        if step.id.service in related or not left_out.isdisjoint(step.waits):
            left_out.add(step.id)
        else:
            yield step
