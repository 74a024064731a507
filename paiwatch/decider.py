"""The decider: one task that owns the state, feeds the pure core and carries out its intents.

Everything that happens (a look at the world, the end of a run, a person's command, time) arrives in one inbox and
is handled to the end before the next, so nothing in the middle needs a lock. It computes no plan and runs no script itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

from paiwatch.clock import Clock
from paiwatch.convergence.events import (
    Begin,
    Close,
    Dismiss,
    Draining,
    Ended,
    Event,
    HoldsChanged,
    Intent,
    Outcome,
    Planned,
    Progress,
    Quarantine,
    RolledBack,
    Tick,
    Wake,
)
from paiwatch.convergence.holding import is_held
from paiwatch.convergence.machine import Machine
from paiwatch.convergence.progress import is_idle, is_settled, progress
from paiwatch.convergence.wishes import Belongs, Make, Wish, Wishes
from paiwatch.errands import Errands
from paiwatch.errors import ConfigError, StoreError
from paiwatch.gate import Gate
from paiwatch.inbox import Command, Looked, Underway
from paiwatch.news import (
    GenerationAccepted,
    GenerationClosed,
    Listener,
    ProblemsFound,
    PruneFailed,
    StepDismissed,
)
from paiwatch.plan import pins
from paiwatch.plan.applied import Memory
from paiwatch.plan.beside import beside
from paiwatch.plan.build import Planner
from paiwatch.plan.excerpt import excerpt, once
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.record.rows import Begun
from paiwatch.record.store import Record
from paiwatch.releases.release import Desired, Release
from paiwatch.rollbacks import Rollbacks, Turn
from paiwatch.runner import Runner
from paiwatch.settings import Retention
from paiwatch.writer import Writer

T = TypeVar("T")


class Decider:
    """Owns machine, plan in force and open generations. Start it with `run`; talk to it through the other methods."""

    def __init__(
        self,
        *,
        machine: Machine,
        record: Record,
        writer: Writer,
        runner: Runner,
        gate: Gate,
        rollbacks: Rollbacks,
        render: Callable[[tuple[str, ...]], Awaitable[Mapping[str, Release]]],
        policy: Policy,
        clock: Clock,
        tell: Listener,
        retention: Retention,
        seen_before: tuple[int, tuple[str, str]],
        converges: bool,
    ) -> None:
        self._machine = machine
        self._record = record
        self._writer = writer
        self._runner = runner
        self._gate = gate
        self.rollbacks = rollbacks
        self._turned: frozenset[str] = frozenset()  # services that policy has just rolled back
        self._render = render
        self._planner = Planner(policy)
        self._wishes = Wishes()
        self._clock = clock
        self._tell = tell
        self._retention = retention
        self._converges = converges
        self._idle = asyncio.Condition()
        self._errands = Errands(writer.outage)
        self._inbox: asyncio.Queue[Looked | Ended | Command | Draining] = asyncio.Queue()
        self._runs: set[asyncio.Task[None]] = set()
        self._open: dict[int, Underway] = {}
        self._wake_at: float | None = None
        self._draining = False
        self._lost: StoreError | None = None  # why something that happened is not written down
        self._latest: GenerationAccepted | None = None
        self.renamed: dict[str, str] = {}  # what services gone from the tree are called now
        self.seen: Desired | None = None  # the newest look, usable or not
        self.desired: Desired | None = None  # the newest look that a plan can be made from
        self.generation, self.ids = seen_before  # of the newest generation, and its snapshot
        self.planned = asyncio.Event()  # set after the first plan

    # ── from outside ────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Handle the inbox until drained. Runs are its children: none outlives this call.

        Raises StoreError, at its end, when something could not be written down before that.
        """
        self._errands.take_over()
        async with asyncio.TaskGroup() as group:
            while not (self._draining and not self._runs):
                item = await self._next()
                try:
                    await self._handle(item, group)
                except StoreError as fault:
                    self._lose(fault)
        if self._lost is not None:
            raise StoreError(
                f"not everything could be written down, the next start makes up for it: {self._lost}"
            ) from self._lost

    async def saw(self, desired: Desired) -> None:
        """Tell it what the world asks for; returns once this is planned (or found to be known)."""
        consumed = asyncio.Event()
        self._inbox.put_nowait(Looked(desired=desired, consumed=consumed))
        await consumed.wait()

    async def between_events(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do this in the decider's own task, when nothing else is half done. Raises StoreError where that waits for the disk."""
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        errand = Command(work=work, done=done)
        self._inbox.put_nowait(errand)
        return await self._errands.wait(errand)  # type: ignore[return-value]  # it gives what `work` returned

    def drain(self) -> None:
        """Begin nothing more; `run` returns when what runs has finished. What cannot be written then is lost."""
        self._writer.outage.give_up()
        self._inbox.put_nowait(Draining())

    def cut_short(self) -> None:
        """End what still runs: its scripts get TERM, then KILL, and are recorded as interrupted."""
        self._runner.cut_short()

    async def wait_until_idle(self) -> bool:
        """Wait until nothing runs and time alone changes nothing; whether all that was asked for is done."""
        async with self._idle:
            await self._idle.wait_for(lambda: is_idle(self._machine))
        return is_settled(self._machine)

    def progress(self) -> Mapping[StepId, Progress]:
        """Where each step of the generation in force stands."""
        return progress(self._machine)

    @property
    def in_force(self) -> GenerationAccepted | None:
        """The newest generation while it is not closed."""
        return self._latest if self.generation in self._open else None

    @property
    def kept(self) -> tuple[str, ...]:
        """Services gone from the tree that policy keeps, as of the newest plan."""
        return self._latest.plan.kept if self._latest else ()

    @property
    def is_draining(self) -> bool:
        """Whether nothing more will begin."""
        return self._draining

    @property
    def is_settled(self) -> bool:
        """Whether the newest look is planned, every generation is closed, nothing runs, no plan waits for an approval."""
        at_rest = not self._open and not self._runs and self._gate.held is None
        return self.planned.is_set() and at_rest and self.seen is self.desired

    @property
    def outage(self) -> str:
        """What cannot be written now, and is waited for."""
        return self._writer.outage.fault

    @property
    def tries(self) -> int:
        """How often it was tried again to write: an outage is no hang while this grows."""
        return self._writer.outage.tries

    @property
    def held(self) -> HeldPlan | None:
        """The newest plan, when it waits for an approval."""
        return self._gate.held

    # ── for commands, inside `between_events` ───────────────────────────────────────────────────────────────────────

    async def fulfil(self, wished: Plan, make: Make, belongs: Belongs) -> asyncio.Future[bool]:
        """Do what a person asks, beside what the trees ask of services that have nothing to do with it.

        The future tells whether all of it succeeded. Raises StoreError when it cannot be written down.
        """
        assert self.desired is not None
        plan, memory = await self._plan(self.desired)
        is_open = self._converges and await self._gate.opens(plan, memory)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._wishes.add(Wish(make, belongs, {step.id for step in wished.steps}, answer.set_result))
        try:
            await self.accept(beside(plan, wished, self.desired, memory) if is_open else wished, asked=True)
        except StoreError:
            self._wishes.take_back()
            raise
        return answer

    async def accept(self, plan: Plan, *, asked: bool = False) -> None:
        """Make this plan the generation in force. Raises StoreError when it cannot be written and somebody who `asked` is told."""
        assert self.desired is not None
        plan = self._runner.without_secrets(plan)
        snapshot = self.desired.snapshot
        archived = {name: release for name, release in plan.releases.items() if release.instead_of}
        releases = await self._render(tuple(sorted(plan.releases.keys() - archived.keys())))
        wanted = pins.substitute(self.desired, await self._writer.do(self._record.memory))
        revisions = snapshot.config.revision, snapshot.src.revision
        at = self._clock.wall()
        write = self._writer.do if asked else self._writer.insist  # a person is told, and may ask again
        self.generation = await write(lambda: self._record.accept(plan, *revisions, at=at))
        self.ids = snapshot.ids
        self._open[self.generation] = Underway(plan=plan, began=self._clock.monotonic())
        self._runner.prepare(self.generation, wanted, {**releases, **archived})
        self._latest = GenerationAccepted(
            generation=self.generation, config=revisions[0], src=revisions[1], plan=plan
        )
        self.renamed |= plan.renamed
        self._tell(self._latest)
        await self.feed(Planned(plan=plan, generation=self.generation))

    async def replan(self, *, anew: bool = False) -> None:
        """Compare the record with the world again; accept the plan unless it is the one in force.

        `anew` accepts that too, if it has steps: what got its outcome under the old generation is tried under a new one.
        A plan that waits for an approval is not accepted: what was accepted before goes on.
        """
        if self.desired is None or not self._converges:
            return
        await self.rollbacks.end_void(self.desired)
        plan, memory = await self._plan(self.desired)
        is_open = await self._gate.opens(plan, memory)
        if (wished := self._wishes.rest(self.desired, memory)) is not None:
            plan = beside(plan, wished, self.desired, memory) if is_open else wished
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
        digest = await self._gate.approve(prefix, *await self._plan(self.desired))
        await self.replan()
        return digest

    async def roll_back(self, turn: Turn) -> "asyncio.Future[bool] | str":
        """Run what a person goes back to, once and at once; or say why nothing of it runs now."""
        assert self.desired is not None
        await self.rollbacks.write(turn)
        await self.feed(RolledBack(service=turn.service, instead_of=turn.failed, release=turn.release))
        services = frozenset(turn.pins)
        if self._draining:
            return "paiwatch is ending; the next start does it"
        if not services.isdisjoint(self._machine.running):
            await self._go_back(services)
            return "it begins when the script that runs now has ended"
        plan, _ = await self._plan(self.desired)
        plan = excerpt(plan, lambda step: step.id.service in services)
        if any(is_held(step, self._machine.holds) for step in plan.steps):
            await self.replan()
            return "a person holds it; it begins once that is over"
        if not plan.steps:
            await self.replan()
            return "nothing has to run for it"

        def again(names: Collection[str], desired: Desired, memory: Memory) -> Plan:
            plan = self._planner.plan(desired, memory)
            return once(excerpt(plan, lambda step: step.id.service in names))

        return await self.fulfil(once(plan), again, lambda step: bool(step.instead_of))

    async def _go_back(self, services: frozenset[str]) -> None:
        """Plan anew. Where that plan waits for an approval these go back all the same, beside what was accepted before."""
        await self.replan()
        if self._gate.held is None or self.desired is None:
            return
        accepted = {step.id: step.digest for step in self.in_force.plan.steps} if self.in_force else {}

        def belongs(step: Step) -> bool:
            return step.id.service in services or accepted.get(step.id) == step.digest

        plan, memory = await self._plan(self.desired)
        plan = excerpt(plan, belongs)
        if (wished := self._wishes.rest(self.desired, memory)) is not None:
            plan = beside(plan, wished, self.desired, memory)
        await self.accept(plan)

    async def refresh_holds(self) -> None:
        """Read the holds of the record again and tell the machine."""
        holds = await self._writer.do(self._record.holds)
        await self.feed(HoldsChanged(holds=holds))

    async def adopt(self, services: tuple[str, ...]) -> None:
        """Record the present releases of these services as applied; nothing runs."""
        assert self.desired is not None
        desired, at = self.desired, self._clock.wall()
        await self._runner.keep(tuple((await self._render(services)).values()))
        await self._writer.do(lambda: self._record.adopt(desired, services, at=at))

    async def feed(self, event: Event) -> None:
        """Give the machine an event and carry out what it intends."""
        self._wake_at = None
        for intent in self._machine.step(event, self._clock.monotonic()):
            await self._carry_out(intent)
        has_answered = self._wishes.settle(self._machine.board)
        turned, self._turned = self._turned, frozenset()
        if turned and not self._draining:
            await self._go_back(turned)
        elif has_answered and not self._draining:
            await self.replan()  # what was left to the wish is the trees' again

    async def _plan(self, desired: Desired) -> tuple[Plan, Memory]:
        """What is to be done now, and the memory it was compared with."""
        memory = await self._writer.do(self._record.memory)
        return self._planner.plan(desired, memory), memory

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _next(self) -> Looked | Ended | Command | Draining | Tick:
        if self._wake_at is None:
            return await self._inbox.get()
        delay = max(0.0, self._wake_at - self._clock.monotonic())
        try:
            return await asyncio.wait_for(self._inbox.get(), delay)
        except TimeoutError:
            return Tick()

    async def _handle(
        self, item: Looked | Ended | Command | Draining | Tick, group: asyncio.TaskGroup
    ) -> None:
        self._group = group
        match item:
            case Looked():
                await self._look_at(item.desired)
                item.consumed.set()
            case Command():
                await self._errands.do(item)
            case Draining():
                self._draining = True
                await self.feed(item)
            case _:
                await self.feed(item)
        async with self._idle:
            self._idle.notify_all()

    async def _look_at(self, desired: Desired) -> None:
        if desired is self.seen:
            return
        self.seen = desired
        await self._runner.hide(desired.secrets)
        self._tell(ProblemsFound(problems=desired.problems))
        if desired.is_broken:  # nothing can be planned from it: the last good state keeps running
            self.planned.set()
            return
        self.desired = desired
        await self.refresh_holds()
        await self.replan()

    def _lose(self, fault: StoreError) -> None:
        """Something happened and is not in the record: only the next start, which looks at the world anew, may go on."""
        self._lost = self._lost or fault
        self.drain()

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
                await self._writer.insist(lambda: self._record.dismiss(generation, step, outcome, because))
                self._tell(StepDismissed(generation=generation, step=step, outcome=outcome, because=because))
            case Quarantine():
                self._turned |= await self.rollbacks.quarantine(intent, self.desired)
            case Close(generation=generation, succeeded=succeeded):
                await self._close(generation, succeeded=succeeded)
            case Wake(at=moment):
                self._wake_at = moment if self._wake_at is None else min(moment, self._wake_at)

    async def _begin(self, intent: Begin) -> None:
        begun = await self._runner.begin(intent)
        task = self._group.create_task(self._run(begun, intent), name=f"run {begun.run}: {intent.step.id}")
        self._runs.add(task)

    async def _run(self, begun: Begun, intent: Begin) -> None:
        step, outcome = intent.step, Outcome.INTERRUPTED  # as the next start will say of an end that was lost
        try:
            outcome = await self._runner.carry(begun, intent)
        except StoreError as fault:
            self._lose(fault)
        task = asyncio.current_task()
        assert task is not None
        self._runs.discard(task)  # before the inbox hears of it: a drain must not wait for a run that is over
        self._inbox.put_nowait(
            Ended(step=step.id, digest=step.digest, generation=intent.generation, outcome=outcome)
        )

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
            self._wishes.settle(self._machine.board)  # what is over must not be planned again
            await self.replan()
