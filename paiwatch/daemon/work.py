"""Work: what the engine sets in motion beside the event loop, each as a task whose end is an event.

Plans are made one after the other, on a lane of their own; releases are archived and scripts run side by side; pruning
comes when nothing else is under way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from paiwatch.daemon.planner import PlanningLane
from paiwatch.daemon.pruning import Pruning
from paiwatch.engine import effects as wanted
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.effects import Effect
from paiwatch.engine.events import Archived, Event, Past, Prepared, Proposed, RunEnded, RunStarted
from paiwatch.engine.state import State
from paiwatch.errors import PaiwatchError, StoreError
from paiwatch.execution.outage import Outage
from paiwatch.execution.runner import LocalExecutor
from paiwatch.operators import script
from paiwatch.record.store import Store


def _nobody(*_: Any) -> Any:
    raise AssertionError("nobody listens yet")


class Work:
    """The tasks of one event loop, which sets `post`, `told` (the same, and it returns once that is handled), `crash`, `lose` and `refuse`; call `live_in` first."""

    def __init__(
        self, *, executor: LocalExecutor, planner: PlanningLane, pruning: Pruning, outage: Outage
    ) -> None:
        self._executor = executor
        self._planner = planner
        self._pruning = pruning
        self._outage = outage
        self._group: asyncio.TaskGroup | None = None
        self._is_planning = self._plan_again = False
        self.post: Callable[[Event], None] = _nobody
        self.told: Callable[[Event], Awaitable[None]] = _nobody
        self.crash: Callable[[Exception], None] = _nobody
        self.lose: Callable[[StoreError], None] = _nobody
        self.refuse: Callable[[int, PaiwatchError], None] = _nobody

    def live_in(self, group: asyncio.TaskGroup) -> None:
        """Its tasks are of this group, so that none outlives it."""
        self._group = group

    def cut_short(self) -> None:
        """End what runs: TERM, then KILL."""
        self._executor.cut_short()

    def past(self, store: Store, needed: PastNeeded) -> Past:
        """What only the store and the archive remember of a service. Blocks; raises StoreError."""
        is_archived = self._executor.staging.is_archived
        return store.past(needed.service, leaves=needed.leaves, to=needed.to, is_archived=is_archived)

    def do(self, effect: Effect) -> None:
        """Set it in motion."""
        match effect:
            case wanted.OpenScene(generation=generation, scene=scene):
                self._executor.open(generation, scene)
            case wanted.CloseScene(generation=generation):
                self._executor.close(generation)
            case wanted.Prepare():
                self._begin(self._prepare(effect), f"prepare {effect.step.id}")
            case wanted.Launch():
                self._begin(self._run(effect), f"run {effect.run}: {effect.step.id}")
            case wanted.Archive():
                self._begin(self._archive(effect), "archive")
            case wanted.Prune():
                self._pruning.ask(self._begin)
            case _:
                raise AssertionError(f"the event loop does {type(effect).__name__} itself")

    def plan(self, state: Callable[[], State]) -> None:
        """Make the plan of the state as it is when that begins. One that is being made is out of date: it is made again."""
        self._plan_again = True
        if not self._is_planning:
            self._is_planning = True
            self._begin(self._plan(state), "plan")

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        assert self._group is not None, "nothing is set in motion before the event loop runs"
        self._group.create_task(self._guard(work), name=name)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """A bug in here must not end the other tasks: their scripts run."""
        try:
            await work
        except StoreError as fault:
            self.lose(fault)
        except Exception as bug:  # noqa: BLE001 (not swallowed: the event loop ends with it)
            self.crash(bug)

    async def _plan(self, state: Callable[[], State]) -> None:
        try:
            while self._plan_again:
                self._plan_again = False
                proposal = await self._outage.outlast(lambda: self._planner.make(state()))
        finally:
            self._is_planning = False
        self.post(Proposed(proposal=proposal))

    async def _prepare(self, order: wanted.Prepare) -> None:
        touches = await self._executor.prepare(order)
        self.post(Prepared(ticket=order.ticket, touches=touches))

    async def _run(self, order: wanted.Launch) -> None:
        result = script.put_off(
            "paiwatch itself failed while it ran"
        )  # as the next start will say of an end that was lost

        try:
            attempt = await self._executor.start(order)
            if attempt.handle is not None:
                self.post(RunStarted(run=order.run, identity=attempt.handle))
            ended = await attempt.wait()
            result = ended.result
            if ended.fault is not None:
                raise ended.fault
        finally:
            self.post(RunEnded(run=order.run, result=result))

    async def _archive(self, order: wanted.Archive) -> None:
        """Only the person who asks waits for it: what fails is told to them, and nothing has happened."""
        async with self._pruning.kept_off():
            try:
                files = await self._planner.render(order.desired, order.services)
                await self._executor.staging.keep(files)
            except PaiwatchError as fault:
                self.refuse(order.asked.number, fault)
            else:
                await self.told(Archived(asked=order.asked, desired=order.desired))
