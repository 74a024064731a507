"""Board: where every step of one generation stands, and which is next. PURE state; the machine moves the pieces."""

import heapq
from collections import defaultdict
from collections.abc import Iterator
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


class Board:
    """The steps of one accepted plan. Queues are heaps whose stale entries are skipped: no call walks all steps."""

    def __init__(self, plan: Plan, generation: int) -> None:
        self.generation = generation
        self.steps: dict[StepId, Step] = {step.id: step for step in plan.steps}
        self.standing: dict[StepId, Standing] = dict.fromkeys(self.steps, Standing.WAITING)
        self._place = {step.id: place for place, step in enumerate(plan.steps)}
        self._missing = {step.id: len(step.waits) for step in plan.steps}
        self._after: dict[StepId, list[StepId]] = defaultdict(list)
        self._ready: list[tuple[int, int, StepId]] = []
        self._resting: list[tuple[float, int, StepId]] = []
        self._parked: dict[str, list[StepId]] = {}
        for step in plan.steps:
            for other in step.waits:
                self._after[other].append(step.id)

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
        while (until := self.next_wake()) is not None and until <= now:
            self.make_ready(heapq.heappop(self._resting)[2])

    def next_wake(self) -> float | None:
        """When the earliest rest ends."""
        while self._resting and self.standing[self._resting[0][2]] is not Standing.RESTING:
            heapq.heappop(self._resting)
        return self._resting[0][0] if self._resting else None

    def resting(self) -> tuple[StepId, ...]:
        """Those that back off."""
        return tuple(step for _, _, step in self._resting if self.standing[step] is Standing.RESTING)

    def park(self, step: StepId, *, until: str) -> None:
        """Put it aside until this service is free or no longer held."""
        self.standing[step] = Standing.PARKED
        self._parked.setdefault(until, []).append(step)

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
        return tuple(self.steps[other] for other in self._after[step])

    def succeed(self, step: StepId) -> list[StepId]:
        """Mark it; the steps that wait for nothing more now."""
        self.standing[step] = Standing.SUCCEEDED
        freed = []
        for other in self._after[step]:
            self._missing[other] -= 1
            if not self._missing[other] and self.standing[other] is Standing.WAITING:
                freed.append(other)
        return freed

    def dependents(self, step: StepId) -> list[StepId]:
        """Everything without an outcome that waits for this step, at any distance, nearest first."""
        found: dict[StepId, None] = {}
        queue = [step]
        for name in queue:  # grows while it is walked
            fresh = [other for other in self._after[name] if other not in found and not self.is_final(other)]
            found.update(dict.fromkeys(fresh))
            queue.extend(fresh)
        return list(found)
