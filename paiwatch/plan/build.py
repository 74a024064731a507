"""Build: the target, the memory and the policy become one Plan. PURE; the engine decides when it runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from paiwatch.plan import changes, graph, impact, operators, reasons, removal, renames, task, wording
from paiwatch.plan.applied import Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.comparison import Comparison, compare
from paiwatch.plan.impact import Impact
from paiwatch.plan.plan import Kind, Plan, Reason, Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import Target, rolled_back
from paiwatch.plan.task import Task
from paiwatch.problem import Problem


def build(target: Target, memory: Memory, policy: Policy) -> Plan:
    """What must be done so that what runs is the target, in which order, and why. The target was made with this memory.

    Services in a circle should be invalid already (the catalog says so); if some are not, they count as invalid here.
    """
    return Planner(policy).plan(target, memory)


class Planner:
    """Builds plans one after the other. What it remembers changes how long a plan takes, never the plan."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._known: Comparison | None = None

    def plan(self, target: Target, memory: Memory) -> Plan:
        """As `build`; it costs what is another object than last time in either."""
        if target.is_broken:  # nobody can tell what should be: the last good state stays
            return assemble(target, (), target.problems)
        self._known = compare(changes.split(target), memory, self._policy, before=self._known)
        return _plan(target, self._known)


def _plan(target: Target, compared: Comparison) -> Plan:
    wanted, memory, policy, found = compared.wanted, compared.memory, compared.policy, compared.changes
    hit = impact.find_impact(compared)
    order = graph.order(hit.kinds, edges(wanted, hit.kinds))
    if not order.ring <= wanted.broken:
        target = replace(target, invalid=target.invalid | order.ring)
        return _plan(target, compare(changes.split(target), memory, policy, before=None))
    holders = graph.every(order, wanted.broken)
    tasks = _make_tasks(hit, wanted, memory, policy, holders=holders)
    steps = task.lay_out(
        [tasks[name] for name in order.names if name in tasks],
        graph.nearest(order, tasks),
    )
    gone = removal.plan_removals(wanted, memory, policy, prefix=target.snapshot.src.prefix)
    problems = (
        *target.problems,
        *rolled_back(target, memory),
        *gone.problems,
        *(wording.inert(wanted.services[name]) for name in found.inert),
        *(wording.waits(wanted.services[name], holders[name]) for name in tasks if holders[name]),
    )
    new = [name for name, kind in hit.kinds.items() if kind is Kind.NEW]
    renamed = renames.find(gone.names, new, wanted, memory)
    told = renames.tell((*gone.steps, *steps), renamed)
    return replace(assemble(target, told, problems, kept=gone.kept), renamed=renamed)


def edges(wanted: Wanted, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The prerequisites that exist in the tree, of these services and of all they stand on."""
    found: dict[str, tuple[str, ...]] = {}
    stack = list(names)
    while stack:
        name = stack.pop()
        if name in found:
            continue
        service = wanted.services.get(name)
        edges = service.prerequisites if service else ()
        found[name] = tuple(edge.service for edge in edges if wanted.exists(edge.service))
        stack.extend(found[name])
    return found


def assemble(
    target: Target, steps: Iterable[Step], problems: Iterable[Problem], *, kept: Sequence[str] = ()
) -> Plan:
    """Steps in their total order, problems in theirs, and the name of it all."""
    ordered = task.in_order(steps)
    releases = target.releases
    used = {
        step.id.service: releases[step.id.service]
        for step in ordered
        if step.id.service in releases and releases[step.id.service].digest == step.digest
    }
    return Plan(
        digest=task.digest(ordered),
        config=target.snapshot.config.revision.id,
        src=target.snapshot.src.revision.id,
        steps=ordered,
        problems=tuple(sorted(set(problems))),
        kept=tuple(kept),
        releases=dict(sorted(used.items())),
    )


def remember(wanted: Wanted, memory: Memory, name: str) -> tuple[str, ...]:
    """The direct prerequisites whose version is remembered with success: all that exist, in the tree or in memory.

    One that is only in memory (kept after it left the tree) counts, so that its return is not taken for a change.
    """
    declared = dict.fromkeys(edge.service for edge in wanted.services[name].prerequisites)
    return tuple(other for other in declared if other != name and (wanted.exists(other) or other in memory))


def _make_tasks(
    hit: Impact, wanted: Wanted, memory: Memory, policy: Policy, *, holders: Mapping[str, frozenset[str]]
) -> dict[str, Task]:
    """One task for each service of the impact."""
    roots = _explain_roots(hit, wanted, memory)
    told = wording.prerequisites(hit, roots)
    tasks = {}
    for name, kind in hit.kinds.items():
        service = wanted.services[name]
        tasks[name] = task.declared(
            service,
            wanted.releases[name],
            policy,
            operators=operators.choose(service, kind, memory.get(name)),
            kind=kind,
            reasons=reasons.bound((*roots.get(name, ()), *(told[source] for source in hit.causes[name]))),
            prerequisites=remember(wanted, memory, name),
            held_by=tuple(sorted(holders[name])),
        )
    return tasks


def _explain_roots(hit: Impact, wanted: Wanted, memory: Memory) -> dict[str, tuple[Reason, ...]]:
    """The own reasons of new and changed services; dependents have none."""
    return {
        name: reasons.explain_change(kind, wanted.services[name], wanted.releases[name], memory.get(name))
        for name, kind in hit.kinds.items()
        if kind is not Kind.DEPENDENT
    }
