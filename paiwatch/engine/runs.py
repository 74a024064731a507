"""The runs under way: each a task that carries one step to its end and tells the inbox."""

import asyncio

from paiwatch.convergence.events import Begin, Ended, Outcome
from paiwatch.engine.inbox import Held, Inbox, Lost
from paiwatch.engine.runner import Runner
from paiwatch.errors import StoreError
from paiwatch.record.rows import Begun


class Runs:
    """Children of the decider's task group: call `live_in` first."""

    def __init__(self, runner: Runner, inbox: Inbox) -> None:
        self._runner = runner
        self._inbox = inbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None

    @property
    def any(self) -> bool:
        """Whether something runs."""
        return bool(self._tasks)

    def live_in(self, group: asyncio.TaskGroup) -> None:
        """Runs are tasks of this group, so that none outlives it."""
        self._group = group

    async def begin(self, intent: Begin) -> None:
        """Write the intent down and start; returns when it may be relied on that it is written. Raises StoreError."""
        assert self._group is not None
        begun = await self._runner.begin(intent)
        task = self._group.create_task(self._carry(begun, intent), name=f"run {begun.run}: {intent.step.id}")
        self._tasks.add(task)

    def cut_short(self) -> None:
        """End what runs: TERM, then KILL."""
        self._runner.cut_short()

    async def _carry(self, begun: Begun, intent: Begin) -> None:
        step, outcome = intent.step, Outcome.INTERRUPTED  # as the next start will say of an end that was lost
        try:
            result = await self._runner.carry(begun, intent)
            outcome = result.outcome
            if result.lingering:
                self._inbox.put_nowait(Held())
        except StoreError as fault:
            self._inbox.put_nowait(Lost(fault=fault))
        task = asyncio.current_task()
        assert task is not None
        self._tasks.discard(
            task
        )  # before the inbox hears of it: a drain must not wait for a run that is over
        self._inbox.put_nowait(
            Ended(step=step.id, digest=step.digest, generation=intent.generation, outcome=outcome)
        )
