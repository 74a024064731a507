"""The gate: which plan may be accepted. It remembers, in the record, the one that waits for a person and the one that was approved.

An approval binds to the digest of one plan: it ends when that plan is done, and when another one comes in its place. What a
crash left of the plan is no other one: the approval goes over to it.
"""

from dataclasses import replace

from paiwatch.clock import Clock
from paiwatch.engine.writer import Writer
from paiwatch.errors import ConfigError
from paiwatch.news import Listener, PlanApproved, PlanHeld
from paiwatch.plan import guard
from paiwatch.plan.applied import Memory
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Guard
from paiwatch.record.store import Record

#: Characters of a digest that people must give at least.
SHORTEST = 8


class Gate:
    """For the decider's task alone. `held` is what waits, as of the newest plan."""

    def __init__(
        self, *, record: Record, writer: Writer, limits: Guard, clock: Clock, tell: Listener
    ) -> None:
        self._record = record
        self._writer = writer
        self._limits = limits
        self._clock = clock
        self._tell = tell
        self._approved: str | None = None  # None: the record was not asked yet
        self._told = ""
        self.held: HeldPlan | None = None

    async def opens(self, plan: Plan, memory: Memory) -> bool:
        """Whether this plan may be accepted; if not, it is held from now on, and what was held before is not."""
        approved = await self._known()
        found = guard.judge(plan, memory, self._limits)
        if approved and approved != plan.digest:
            approved = await self._move_or_withdraw(plan, found)
        if found is None or approved == found.digest:
            await self._hold(None)
            return True
        await self._hold(found)
        if self._told != found.digest:
            self._tell(PlanHeld(plan=found, steps=len(plan.steps)))
        self._told = found.digest
        return False

    async def approve(self, prefix: str, plan: Plan, memory: Memory) -> str:
        """Let this plan go ahead, if it has to wait and is called so; gives its digest. Raises ConfigError otherwise."""
        await self._known()
        found = guard.judge(plan, memory, self._limits)
        if found is None:
            raise ConfigError("no plan waits for an approval; `paiwatch plan` shows what would happen now")
        if len(prefix) < SHORTEST or not found.digest.startswith(prefix.lower()):
            raise ConfigError(
                f"{prefix!r} is not the plan that waits: that is {found.digest[:12]} ({'; '.join(found.reasons)}); "
                f"look at it with `paiwatch plan`, then give at least {SHORTEST} characters of its digest"
            )
        await self._hold(found)
        at = self._clock.wall()
        await self._writer.do(lambda: self._record.approvals.approve(found.digest, at=at))
        self._approved = found.digest
        self._tell(PlanApproved(digest=found.digest))
        return found.digest

    async def closed(self, plan: Plan) -> None:
        """Use up the approval of a plan that is done."""
        if plan.digest and plan.digest == await self._known():
            await self._withdraw()

    async def _known(self) -> str:
        """The approval in force."""
        if self._approved is None:
            self._approved = await self._writer.do(self._record.approvals.approved)
            self.held = await self._writer.do(self._record.approvals.held)
        return self._approved

    async def _hold(self, plan: HeldPlan | None) -> None:
        """Since when it waits is remembered, however often it is made anew."""
        if plan is not None and self.held is not None and plan.digest == self.held.digest:
            return
        if plan is not None or self.held is not None:
            held = plan and replace(plan, since=self._clock.wall())
            await self._writer.insist(lambda: self._record.approvals.hold(held))
            self.held = held

    async def _move_or_withdraw(self, plan: Plan, found: HeldPlan | None) -> str:
        """The approval that is in force when this plan comes in place of the approved one."""
        approvals = self._record.approvals
        if found is None or not await self._writer.do(lambda: approvals.covers(plan)):
            await self._withdraw()
            return ""
        at = self._clock.wall()
        await self._writer.do(lambda: approvals.approve(found.digest, at=at))
        self._approved = found.digest
        return found.digest

    async def _withdraw(self) -> None:
        await self._writer.insist(self._record.approvals.withdraw)
        self._approved = ""
