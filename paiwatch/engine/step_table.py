"""Step table: where every step of one generation stands, and which is next. PURE.

Transitions work on a copy. Queues are heaps whose stale entries are skipped: no call but the copy walks all steps.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from copy import copy
from enum import StrEnum

from paiwatch.plan.plan import Plan, Step, StepId


class Standing(StrEnum):
    """Where a step stands. The last four are final."""

    WAITING = "waiting"  # for other steps
    READY = "ready"  # for a free slot
    PARKED = "parked"  # for a person, or for an older run of its service or of one it stands on
    RESTING = "resting"  # until its backoff ends
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    SUPERSEDED = "superseded"


_FINAL = frozenset({Standing.SUCCEEDED, Standing.FAILED, Standing.BLOCKED, Standing.SUPERSEDED})


class StepTable:
    """The steps of one accepted plan."""

    def __init__(self, plan: Plan, generation: int) -> None:
        self.generation = generation
        self.steps: dict[StepId, Step] = {step.id: step for step in plan.steps}
        self.standing: dict[StepId, Standing] = dict.fromkeys(self.steps, Standing.WAITING)
        self._place = {step.id: place for place, step in enumerate(plan.steps)}
        self._missing = {step.id: len(step.waits) for step in plan.steps}
        self._after: dict[StepId, list[StepId]] = defaultdict(list)
        self._ready: list[tuple[int, int, StepId]] = []
        self._resting: list[tuple[float, int, StepId]] = []
        self._parked: dict[str, tuple[StepId, ...]] = {}
        for step in plan.steps:
            for other in step.waits:
                self._after[other].append(step.id)

    def copy(self) -> "StepTable":
        """Another one that stands as this does now. What never changes is shared."""
        fresh = copy(self)
        fresh.standing = dict(self.standing)
        fresh._missing = dict(self._missing)  # noqa: SLF001 (its own class)
        fresh._ready = [*self._ready]  # noqa: SLF001
        fresh._resting = [*self._resting]  # noqa: SLF001
        fresh._parked = dict(self._parked)  # noqa: SLF001
        return fresh

    @property
    def has_succeeded(self) -> bool:
        """Whether every step has."""
        return all(standing is Standing.SUCCEEDED for standing in self.standing.values())

    def is_final(self, step: StepId) -> bool:
        """Whether the step has had its outcome."""
        return self.standing[step] in _FINAL

    def unfinished(self) -> Iterator[Step]:
        """Steps without an outcome, in plan order."""
        return (step for step in self.steps.values() if not self.is_final(step.id))

    def is_free(self, step: StepId) -> bool:
        """Whether everything it waits for has succeeded."""
        return not self._missing[step]

    def make_ready(self, step: StepId) -> None:
        """Queue it: longest remaining path first, then plan order."""
        self.standing[step] = Standing.READY
        heapq.heappush(self._ready, (-self.steps[step].weight, self._place[step], step))

    def next_ready(self) -> Step | None:
        """Take the next step from the queue."""
        while self._ready:
            step = heapq.heappop(self._ready)[2]
            if self.standing[step] is Standing.READY:
                return self.steps[step]
        return None

    def rest(self, step: StepId, until: float) -> None:
        """Keep it back until then."""
        self.standing[step] = Standing.RESTING
        heapq.heappush(self._resting, (until, self._place[step], step))

    def wake(self, now: float) -> None:
        """Queue those whose rest is over."""
        while self._resting and (self._resting[0][0] <= now or not self._is_resting(0)):
            step = heapq.heappop(self._resting)[2]
            if self.standing[step] is Standing.RESTING:
                self.make_ready(step)

    def next_wake(self) -> float | None:
        """When the earliest rest ends. Only reads: the table may be in anybody's hands."""
        return min(
            (until for until, _, step in self._resting if self.standing[step] is Standing.RESTING),
            default=None,
        )

    def resting(self) -> tuple[StepId, ...]:
        """Those that back off."""
        return tuple(step for _, _, step in self._resting if self.standing[step] is Standing.RESTING)

    def _is_resting(self, place: int) -> bool:
        return self.standing[self._resting[place][2]] is Standing.RESTING

    def park(self, step: StepId, *, until: str) -> None:
        """Put it aside until this service is free or no longer held."""
        self.standing[step] = Standing.PARKED
        self._parked[until] = (*self._parked.get(until, ()), step)

    def parked(self) -> tuple[str, ...]:
        """Services for which steps are put aside."""
        return tuple(self._parked)

    def unpark(self, service: str) -> None:
        """Queue what was put aside for this service."""
        for step in self._parked.pop(service, ()):
            if self.standing[step] is Standing.PARKED:
                self.make_ready(step)

    def waiting_for(self, step: StepId) -> tuple[Step, ...]:
        """The steps that wait for this one directly."""
        return tuple(self.steps[other] for other in self._after.get(step, ()))

    def succeed(self, step: StepId) -> list[StepId]:
        """Mark it; the steps that wait for nothing more now."""
        self.standing[step] = Standing.SUCCEEDED
        freed = []
        for other in self._after.get(step, ()):
            self._missing[other] -= 1
            if not self._missing[other] and self.standing[other] is Standing.WAITING:
                freed.append(other)
        return freed

    def dependents(self, step: StepId) -> list[StepId]:
        """Everything without an outcome that waits for this step, at any distance, nearest first."""
        found: dict[StepId, None] = {}
        queue = [step]
        for name in queue:  # grows while it is walked
            fresh = [
                other
                for other in self._after.get(name, ())
                if other not in found and not self.is_final(other)
            ]
            found.update(dict.fromkeys(fresh))
            queue.extend(fresh)
        return list(found)
