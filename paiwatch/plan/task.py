"""Task: everything to do for one service, before it is laid out as steps. PURE."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paiwatch.catalog.service import Operator, Service
from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan.operators import Operators
from paiwatch.plan.plan import Kind, Reason, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Release

#: Order of operators of one service and level; stop comes before start.
_RANK = {Operator.STOP: 0, Operator.DELETE: 1, Operator.REFRESH: 2, Operator.START: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The operators one service goes through, one after the other, for one release; else as in Step."""

    service: str
    operators: Operators
    kind: Kind
    digest: str
    spec: RunSpec
    reasons: tuple[Reason, ...]
    held_by: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    instead_of: str = ""

    @property
    def ids(self) -> tuple[StepId, ...]:
        """Its steps, in the order they run."""
        return tuple(StepId(service=self.service, operator=operator) for operator in self.operators)


def declared(
    service: Service,
    release: Release,
    policy: Policy,
    *,
    operators: Operators,
    kind: Kind,
    reasons: tuple[Reason, ...],
    prerequisites: tuple[str, ...] = (),
    held_by: tuple[str, ...] = (),
) -> Task:
    """A task on a service as the tree declares it."""
    return Task(
        service=service.name,
        operators=operators,
        kind=kind,
        digest=release.digest,
        spec=policy.complete(service.spec),
        reasons=reasons,
        held_by=held_by,
        prerequisites=prerequisites,
        instead_of=release.instead_of,
    )


def lay_out(tasks: Sequence[Task], waits: Mapping[str, Collection[str]]) -> tuple[Step, ...]:
    """Steps with levels and weights. `tasks` come after those they wait for; `waits` names services among them."""
    last: dict[str, StepId] = {}
    waiting: dict[StepId, tuple[StepId, ...]] = {}
    for task in tasks:
        earlier = tuple(last[name] for name in sorted(waits.get(task.service, ())))
        for step in task.ids:
            waiting[step] = earlier
            earlier = (step,)
        last[task.service] = earlier[0]
    levels, weights = _levels(waiting), _weights(waiting)
    return tuple(
        _step(task, step, waiting[step], levels[step], weights[step]) for task in tasks for step in task.ids
    )


def _levels(waiting: dict[StepId, tuple[StepId, ...]]) -> dict[StepId, int]:
    levels: dict[StepId, int] = {}
    for step, earlier in waiting.items():
        levels[step] = 1 + max((levels[other] for other in earlier), default=-1)
    return levels


def _weights(waiting: dict[StepId, tuple[StepId, ...]]) -> dict[StepId, int]:
    weights = dict.fromkeys(waiting, 1)
    for step in reversed(waiting):
        for other in waiting[step]:
            weights[other] = max(weights[other], weights[step] + 1)
    return weights


def _step(task: Task, step: StepId, waits: tuple[StepId, ...], level: int, weight: int) -> Step:
    return Step(
        id=step,
        kind=task.kind,
        digest=task.digest,
        spec=task.spec,
        reasons=task.reasons,
        waits=waits,
        held_by=task.held_by,
        prerequisites=task.prerequisites,
        level=level,
        weight=weight,
        last=step.operator is task.operators[-1],
        instead_of=task.instead_of,
    )


def in_order(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The documented total order: removals first, then by level, then by name, then stop before start."""
    return tuple(
        sorted(
            steps,
            key=lambda step: (
                step.kind is not Kind.REMOVED,
                step.level,
                step.id.service,
                _RANK[step.id.operator],
            ),
        )
    )


def digest(steps: Iterable[Step]) -> str:
    """Names what would be done, whatever commit asked for it: sha256 over the steps in their order."""
    lines = [
        (
            step.id.service,
            step.id.operator,
            step.digest,
            step.script,
            step.kind,
            [str(other) for other in step.waits],
            step.held_by,
        )
        for step in steps
    ]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()
