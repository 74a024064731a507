"""The course: the plan in force and the open generations, and all that may change them. For the decider's task alone.

It compares the record with the world, accepts plans, feeds the pure machine and carries out what that intends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from paiwatch.clock import Clock
from paiwatch.convergence.events import (
    Begin,
    Close,
    Dismiss,
    Ended,
    Event,
    HoldsChanged,
    Intent,
    Outcome,
    Planned,
    Quarantine,
    Wake,
)
from paiwatch.convergence.machine import Machine
from paiwatch.convergence.wishes import Belongs, Make, Wish, Wishes
from paiwatch.engine.gate import Gate
from paiwatch.engine.inbox import Underway
from paiwatch.engine.rollbacks import Rollbacks
from paiwatch.engine.runner import Runner
from paiwatch.engine.writer import Writer
from paiwatch.errors import ConfigError, StoreError
from paiwatch.news import (
    GenerationAccepted,
    GenerationClosed,
    Listener,
    ProblemsFound,
    PruneFailed,
    StepDismissed,
)
from paiwatch.plan.applied import Hold, Memory
from paiwatch.plan.beside import beside
from paiwatch.plan.build import Planner
from paiwatch.plan.excerpt import excerpt
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan, Step
from paiwatch.plan.target import Target, make_target
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired, Release
from paiwatch.settings.sections import Retention


class Course:
    """Owns the machine (others only read it), plan in force and open generations; `begin` starts a run. Nothing waits for a script."""

    def __init__(
        self,
        *,
        machine: Machine,
        record: Record,
        writer: Writer,
        runner: Runner,
        gate: Gate,
        rollbacks: Rollbacks,
        planner: Planner,
        begin: Callable[[Begin], Awaitable[None]],
        render: Callable[[tuple[str, ...]], Awaitable[Mapping[str, Release]]],
        clock: Clock,
        tell: Listener,
        retention: Retention,
        seen_before: tuple[int, tuple[str, str]],
        converges: bool,
    ) -> None:
        self.machine = machine
        self._record = record
        self._writer = writer
        self._runner = runner
        self._gate = gate
        self._planner = planner
        self._begin = begin
        self._render = render
        self._clock = clock
        self._tell = tell
        self._retention = retention
        self._converges = converges
        self._wishes = Wishes()
        self._turned: frozenset[str] = frozenset()  # services that policy has just rolled back
        self._open: dict[int, Underway] = {}
        self._latest: GenerationAccepted | None = None
        self.rollbacks = rollbacks
        self.wake_at: float | None = None  # when the machine wants a Tick, by its clock
        self.absent: dict[str, str] | None = (
            None  # gone from the tree and kept, to what they are called now; None: not read
        )
        self.seen: Desired | None = None  # the newest look, usable or not
        self.desired: Desired | None = None  # the newest look that a plan can be made from
        self.generation, self.ids = seen_before  # of the newest generation, and its snapshot
        self.planned = asyncio.Event()  # set after the first plan

    # ── where it stands ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def in_force(self) -> GenerationAccepted | None:
        """The newest generation while it is not closed."""
        return self._latest if self.generation in self._open else None

    @property
    def kept(self) -> tuple[str, ...]:
        """Services gone from the tree that policy keeps, as of the newest plan."""
        return tuple(sorted(self.absent or {}))

    @property
    def held(self) -> HeldPlan | None:
        """The newest plan, when it waits for an approval."""
        return self._gate.held

    @property
    def is_draining(self) -> bool:
        """Whether nothing more will begin."""
        return self.machine.is_draining

    @property
    def is_settled(self) -> bool:
        """Whether the newest look is planned, every generation is closed, no plan waits for an approval."""
        return (
            self.planned.is_set() and not self._open and self._gate.held is None and self.seen is self.desired
        )

    # ── what may change it ──────────────────────────────────────────────────────────────────────────────────────────

    async def look_at(self, desired: Desired) -> None:
        """Plan what the world asks for now, unless that is known already."""
        if desired is self.seen:
            return
        self.seen = desired
        await self._runner.masking.hide(desired.secrets)
        self._tell(ProblemsFound(problems=desired.problems))
        if desired.is_broken:  # nothing can be planned from it: the last good state keeps running
            self.planned.set()
            return
        self.desired = desired
        await self.refresh_holds()
        await self.replan()

    async def fulfil(
        self, wished: Plan, make: Make, belongs: Belongs, holds: tuple[Hold, ...] = ()
    ) -> asyncio.Future[bool]:
        """Do what a person asks, beside what the trees ask of services that have nothing to do with it; `holds` begin with it.

        The future tells whether all of it succeeded. Raises StoreError when it cannot be written down.
        """
        assert self.desired is not None
        plan, target, memory = await self.compare(self.desired)
        is_open = self._converges and await self._gate.opens(plan, memory)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._wishes.add(Wish(make, belongs, {step.id for step in wished.steps}, answer.set_result))
        try:
            chosen = beside(plan, wished, target, memory) if is_open else wished
            await self.accept(chosen, asked=True, holds=holds)
        except StoreError:
            self._wishes.take_back()
            raise
        return answer

    async def accept(self, plan: Plan, *, asked: bool = False, holds: tuple[Hold, ...] = ()) -> None:
        """Make this plan the generation in force. Raises StoreError when it cannot be written and somebody who `asked` is told."""
        assert self.desired is not None
        plan = self._runner.masking.without_secrets(plan)
        snapshot = self.desired.snapshot
        archived = {name: release for name, release in plan.releases.items() if release.instead_of}
        releases = await self._render(tuple(sorted(plan.releases.keys() - archived.keys())))
        target = make_target(self.desired, await self._writer.do(self._record.memory))
        revisions = snapshot.config.revision, snapshot.src.revision
        at = self._clock.wall()
        write = self._writer.do if asked else self._writer.insist  # a person is told, and may ask again
        self.generation = await write(lambda: self._record.accept(plan, *revisions, at=at, holds=holds))
        self.ids = snapshot.ids
        self._open[self.generation] = Underway(plan=plan, began=self._clock.monotonic())
        self._runner.prepare(self.generation, target, {**releases, **archived})
        self._latest = GenerationAccepted(
            generation=self.generation, config=revisions[0], src=revisions[1], plan=plan
        )
        self._tell(self._latest)
        await self.feed(Planned(plan=plan, generation=self.generation, holds=holds))

    async def replan(self, *, anew: bool = False) -> None:
        """Compare the record with the world again; accept the plan unless it is the one in force.

        `anew` accepts that too, if it has steps: what got its outcome under the old generation is tried under a new one.
        A plan that waits for an approval is not accepted: what was accepted before goes on.
        """
        if self.desired is None or not self._converges:
            return
        await self.rollbacks.end_void(self.desired)
        if (chance := await self.rollbacks.new_chances(self.desired)) is not None:
            await self.feed(chance)
        plan, target, memory = await self.compare(self.desired)
        await self._note_absent(plan)
        is_open = await self._gate.opens(plan, memory)
        if (wished := self._wishes.rest(target, memory)) is not None:
            plan = beside(plan, wished, target, memory) if is_open else wished
            is_open = True
        is_known = self._is_known(plan) and not (anew and plan.steps)
        if is_open and not is_known:
            await self.accept(plan)
        self.planned.set()

    async def approve(self, prefix: str) -> str:
        """Accept the plan that waits, if its digest begins so; gives the digest. Raises ConfigError for any other."""
        if self.desired is None:
            raise ConfigError(
                "the tree has not been read yet, or cannot be used; `paiwatch validate` says why"
            )
        plan, _, memory = await self.compare(self.desired)
        digest = await self._gate.approve(prefix, plan, memory)
        await self.replan()
        return digest

    async def go_back(self, services: frozenset[str]) -> None:
        """Plan anew. Where that plan waits for an approval these go back all the same, beside what was accepted before."""
        await self.replan()
        if self._gate.held is None or self.desired is None:
            return
        accepted = {step.id: step.digest for step in self.in_force.plan.steps} if self.in_force else {}

        def belongs(step: Step) -> bool:
            return step.id.service in services or accepted.get(step.id) == step.digest

        plan, target, memory = await self.compare(self.desired)
        plan = excerpt(plan, belongs)
        if (wished := self._wishes.rest(target, memory)) is not None:
            plan = beside(plan, wished, target, memory)
        await self.accept(plan)

    async def refresh_holds(self) -> None:
        """Read the holds of the record again and tell the machine."""
        holds = await self._writer.do(self._record.holds)
        await self.feed(HoldsChanged(holds=holds))

    async def adopt(self, services: tuple[str, ...]) -> None:
        """Record the present releases of these services as applied; nothing runs."""
        assert self.desired is not None
        desired, at = self.desired, self._clock.wall()
        await self._runner.staging.keep(tuple((await self._render(services)).values()))
        await self._writer.do(lambda: self._record.adopt(desired, services, at=at))

    async def feed(self, event: Event) -> None:
        """Give the machine an event and carry out what it intends."""
        self.wake_at = None
        is_success = isinstance(event, Ended) and event.outcome is Outcome.SUCCEEDED
        chance = await self.rollbacks.new_chances(self.desired) if is_success else None
        for each in (event,) if chance is None else (chance, event):
            for intent in self.machine.step(each, self._clock.monotonic()):
                await self._carry_out(intent)
        has_answered = self._wishes.settle(self.machine.board)
        turned, self._turned = self._turned, frozenset()
        if turned and not self.is_draining:
            await self.go_back(turned)
        elif has_answered and not self.is_draining:
            await self.replan()  # what was left to the wish is the trees' again

    async def compare(self, desired: Desired) -> tuple[Plan, Target, Memory]:
        """What is to be done now, what is to run, and the memory they were made with."""
        memory = await self._writer.do(self._record.memory)
        target = make_target(desired, memory)
        return self._planner.plan(target, memory), target, memory

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _note_absent(self, plan: Plan) -> None:
        """Only the plan that meets a renamed service as new can tell: written down, so that a restart knows it too."""
        known = self.absent
        if known is None:
            known = await self._writer.do(self._record.absent.read)
        found = {name: plan.renamed.get(name) or known.get(name, "") for name in plan.kept}
        if found != known:
            await self._writer.insist(lambda: self._record.absent.write(found))
        self.absent = found

    def _is_known(self, plan: Plan) -> bool:
        """Whether this plan is what already happens, or says that nothing is to happen for a snapshot already seen."""
        if self.ids != (plan.config, plan.src):
            return False
        in_force = self._open.get(self.generation)
        return in_force.plan.digest == plan.digest if in_force else not plan.steps

    async def _carry_out(self, intent: Intent) -> None:
        match intent:
            case Begin():
                await self._begin(intent)
            case Dismiss(step=step, generation=generation, outcome=outcome, because=because):
                await self._writer.insist(
                    lambda: self._record.generations.dismiss(generation, step, outcome, because)
                )
                self._tell(StepDismissed(generation=generation, step=step, outcome=outcome, because=because))
            case Quarantine():
                self._turned |= await self.rollbacks.quarantine(intent, self.desired)
            case Close(generation=generation, succeeded=succeeded):
                await self._close(generation, succeeded=succeeded)
            case Wake(at=moment):
                self.wake_at = moment if self.wake_at is None else min(moment, self.wake_at)

    async def _close(self, generation: int, *, succeeded: bool) -> None:
        at = self._clock.wall()
        await self._writer.insist(
            lambda: self._record.close_generation(generation, succeeded=succeeded, at=at)
        )
        underway = self._open.pop(generation)
        await self._gate.closed(underway.plan)
        self._runner.forget(generation)
        seconds = self._clock.monotonic() - underway.began
        replaced = generation != self.generation
        self._tell(
            GenerationClosed(generation=generation, succeeded=succeeded, replaced=replaced, seconds=seconds)
        )
        try:
            await self._runner.prune(self._retention)
        except StoreError as fault:
            self._tell(PruneFailed(message=str(fault)))
        if self._gate.held is not None:
            self._wishes.settle(self.machine.board)  # what is over must not be planned again
            await self.replan()
