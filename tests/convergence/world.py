"""A simulated world: a tree that changes, a record, a daemon that can be killed, and scripts that take time and fail.

It follows the record's contract to the letter (intent before act, applied only after success, versions never used
twice) and checks every promise at every moment it can be broken. Nothing in it is random but the `chance` it is given.
"""

import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from paiwatch.catalog.service import OnFailure, Operator, Prerequisite, Retries, Service
from paiwatch.convergence import holding
from paiwatch.convergence.events import (
    Begin,
    Close,
    Dismiss,
    Draining,
    Ended,
    Event,
    HoldsChanged,
    Intent,
    Limits,
    Outcome,
    Planned,
    Quarantine,
    Retried,
    RolledBack,
    Tick,
    Wake,
)
from paiwatch.convergence.machine import Machine
from paiwatch.convergence.progress import is_idle
from paiwatch.convergence.wishes import Wish, Wishes
from paiwatch.plan import pins, rollback
from paiwatch.plan.applied import Applied, Former, Hold, Memory, PinnedBy
from paiwatch.plan.asked import Request, asked
from paiwatch.plan.beside import beside
from paiwatch.plan.build import build
from paiwatch.plan.excerpt import once
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.plan.rollback import Grounds
from paiwatch.plan.target import Target, make_target
from paiwatch.record import memory as remembering
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service
from tests.convergence.promises import Promises

CURSED = "text 4"
UP = frozenset({Operator.START, Operator.REFRESH})


@dataclass(frozen=True)
class Running:
    """A script under way: when it ends and how, and the versions its prerequisites had when it began."""

    step: Step
    generation: int
    began: float
    ends: float
    outcome: Outcome
    versions: dict[str, int]


@dataclass
class Tree:
    """What people commit."""

    services: dict[str, Service] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    invalid: set[str] = field(default_factory=set)

    def desired(self) -> Desired:
        """What the newest commit asks for."""
        texts = {
            name: f"{service.scripts} {service.prerequisites} {self.texts[name]}"
            for name, service in self.services.items()
        }
        return a_desired(*self.services.values(), texts=texts, invalid=self.invalid & set(self.services))


class World:
    """Everything outside the machine, and the daemon's loop around it."""

    def __init__(self, chance: random.Random, *, parallel: int, policy: Policy, calm: bool = False) -> None:
        self.chance = chance
        self.policy = policy
        self.limits = Limits(parallel=parallel)
        self.calm = calm
        self.now = 0.0
        self.tree = Tree()
        self.memory: dict[str, Applied] = {}
        self.holds: dict[str, Hold] = {}
        self.archive: dict[str, Mapping[Operator, str]] = {}
        self.past: dict[str, list[Former]] = {}
        self.changed: dict[int, set[tuple[str, str]]] = {}
        self.has_gone_back = False
        self.cursed: set[str] = set()  # releases that always fail
        self.up: dict[str, str] = {}
        self.down: set[str] = set()
        self.began_last: dict[str, float] = {}
        self.succeeded_last: dict[str, float] = {}
        self.running: dict[str, Running] = {}
        self.wake: float | None = None
        self.versions = 0
        self.generation = 0
        self.wishes = Wishes()
        self.answers: list[bool] = []
        self.promises = Promises(self)
        self.machine = Machine(self.limits)

    # ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: Event, *, carried_out: int | None = None) -> None:
        """Give the machine an event and carry out its intents (or only so many of them, before a crash)."""
        self.wake = None
        intents = self.machine.step(event, self.now)
        for intent in intents[:carried_out]:
            self._carry_out(intent)
        has_answered = carried_out is None and self.wishes.settle(self.machine.board)
        if (self.has_gone_back or has_answered) and carried_out is None and not self.machine.is_draining:
            self.look()
        if carried_out is None:
            self.promises.check_no_slot_is_wasted()
            if is_idle(self.machine) and not self.machine.is_draining:
                self.promises.check_only_people_are_waited_for()

    def _carry_out(self, intent: Intent) -> None:
        match intent:
            case Begin():
                self.promises.check_begin(intent)
                self._begin(intent)
            case Dismiss():
                self.promises.check_dismiss(intent)
            case Quarantine():
                self.promises.check_quarantine(intent)
                self._go_back_by_policy(intent.step)
            case Close():
                self.promises.check_close(intent)
            case Wake():
                assert intent.at > self.now
                self.wake = intent.at

    def accept(self, plan: Plan, *, carried_out: int | None = None, holds: tuple[Hold, ...] = ()) -> None:
        """Make this plan the newest generation; `holds` begin with it."""
        self.holds |= {hold.service: hold for hold in holds}
        self.generation += 1
        self.changed[self.generation] = {
            (step.id.service, step.digest) for step in plan.steps if step.kind is Kind.CHANGED
        }
        self.promises.expect(self.generation, plan)
        planned = Planned(plan=plan, generation=self.generation, holds=holds)
        self.feed(planned, carried_out=carried_out)

    def target(self) -> Target:
        """What should run now."""
        return make_target(self.tree.desired(), self.memory)

    def look(self, *, carried_out: int | None = None) -> None:
        """Plan what the tree asks for, from the record as it is now, beside what a person waits for."""
        self.has_gone_back = False
        self._unpin(pins.void(self.tree.desired(), self.memory))
        target = self.target()
        plan = build(target, self.memory, self.policy)
        if (wished := self.wishes.rest(target, self.memory)) is not None:
            self.promises.note_asked(wished)
            plan = beside(plan, wished, target, self.memory)
        self.accept(plan, carried_out=carried_out)

    def crash(self) -> None:
        """Kill the daemon and all it runs, at any moment; then start it again on what the record knows."""
        for run in self.running.values():
            self._half_done(run.step)
        book = self.machine.failing.book
        self.running.clear()
        self.promises.forget_open()
        self.wishes = Wishes()
        self.machine = Machine(self.limits, failures=book, holds=self.holds)
        self.look()

    def drain(self) -> None:
        """Stop in an orderly way, and start again."""
        self.feed(Draining())
        while self.running:
            self.pass_time()
        assert is_idle(self.machine)
        self.promises.check_all_closed()
        self.promises.forget_open()
        self.wishes = Wishes()
        self.machine = Machine(self.limits, failures=self.machine.failing.book, holds=self.holds)
        self.look()

    # ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, begin: Begin) -> None:
        step, name = begin.step, begin.step.id.service
        if (left := remembering.leaves(self.memory.get(name), step)) is not None:
            others = [each for each in self.past.get(name, ()) if each.release.digest != left.digest]
            self.past[name] = [Former(release=left, left=begin.generation), *others]
        self.memory[name] = replace(
            self.memory.get(name, Applied(service=name)),
            touched=step.digest,
            touched_by=step.id.operator,
            spec=replace(step.spec, scripts=self._archive(step)),
        )
        if holding.lifts(step, self.holds.get(name)):
            self.holds = {other: hold for other, hold in self.holds.items() if other != name}
        self.running[name] = Running(
            step=step,
            generation=begin.generation,
            began=self.now,
            ends=self.now + self.chance.randint(1, 20),
            outcome=self._choose_outcome(step),
            versions={other: self.version_of(other) for other in step.prerequisites},
        )

    def _archive(self, step: Step) -> Mapping[Operator, str]:
        """The scripts of a release, remembered from when the tree had it."""
        release = self.tree.desired().releases.get(step.id.service)
        if release is not None and release.digest == step.digest:
            self.archive[step.digest] = self.tree.services[step.id.service].scripts
            if self.tree.texts[step.id.service] == CURSED:
                self.cursed.add(step.digest)
        return self.archive[step.digest]

    def _choose_outcome(self, step: Step) -> Outcome:
        if step.digest in self.cursed and not self.calm:
            return Outcome.FAILED
        if self.calm or self.chance.random() < 0.65:
            return Outcome.SUCCEEDED
        return self.chance.choice((Outcome.FAILED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.INTERRUPTED))

    def version_of(self, name: str) -> int:
        """As the record would say it: 0 when it is not applied."""
        applied = self.memory.get(name)
        return applied.version if applied is not None and applied.digest else 0

    def pass_time(self) -> None:
        """Go on to whatever comes first: the end of a script, or a wake-up."""
        ends = min((run.ends for run in self.running.values()), default=None)
        moments = [moment for moment in (ends, self.wake) if moment is not None]
        if not moments:
            return
        self.now = max(self.now, min(moments))
        if ends is not None and ends <= self.now:
            self.end(min(self.running.values(), key=lambda run: (run.ends, run.step.id.service)))
        else:
            self.feed(Tick())

    def end(self, run: Running) -> None:
        """A script ends: the world first, then the record, then the machine."""
        step = run.step
        if run.outcome is Outcome.SUCCEEDED:
            self._done(run)
        else:
            self._half_done(step)
        del self.running[step.id.service]
        self.promises.note_end(step, run.generation, run.outcome)
        self.feed(
            Ended(step=step.id, digest=step.digest, generation=run.generation, outcome=run.outcome),
        )

    def _done(self, run: Running) -> None:
        """The world is as the operator says, and the record notes it if it was the last step."""
        step, name = run.step, run.step.id.service
        if step.id.operator in UP:
            assert step.id.operator is Operator.START or name not in self.down, (
                f"refreshed {name}, which was down"
            )
            self.up[name] = step.digest
            self.down.discard(name)
            self.began_last[name], self.succeeded_last[name] = run.began, self.now
        else:
            self.up.pop(name, None)
            self.down.add(name)
        if step.last:
            self._record(run)

    def _record(self, run: Running) -> None:
        step, name = run.step, run.step.id.service
        if step.id.operator in UP:
            self.versions += 1
            self.memory[name] = replace(
                self.memory[name],
                digest=step.digest,
                touched="",
                touched_by=None,
                version=self.versions,
                prerequisites=run.versions,
            )
        elif step.kind is Kind.REMOVED:
            del self.memory[name]
            self.past.pop(name, None)
        else:
            self.memory[name] = replace(self.memory[name], digest="")
            if (done := holding.fulfilled(step, self.holds.get(name))) is not None:
                self.holds = {**self.holds, name: done}

    def _half_done(self, step: Step) -> None:
        """Nobody knows how far it came."""
        name = step.id.service
        self.down.discard(name)
        match self.chance.randint(0, 2):
            case 0:
                self.up.pop(name, None)
            case 1:
                self.up[name] = step.digest

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def change_holds(self, holds: dict[str, Hold]) -> None:
        """Suspend and resume."""
        self.holds = holds
        self.feed(HoldsChanged(holds=dict(holds)))

    def roll_back(self, name: str) -> None:
        """As `paiwatch rollback`, where there is something to go back to."""
        desired, applied = self.tree.desired(), self.memory.get(name)
        if name in desired.releases:
            wanted = desired.releases[name].digest
        elif name in desired.services and applied is not None and applied.archived:
            wanted = applied.pin.instead_of if applied.pin is not None else applied.archived
        else:
            return
        if self._pin(name, wanted, PinnedBy.PERSON):
            pin = self.memory[name].pin
            assert pin is not None
            self.promises.note_rolled_back(name, wanted, pin.release.digest)
            self.feed(RolledBack(service=name, instead_of=wanted, release=pin.release.digest))
            self.look()

    def _go_back_by_policy(self, step: Step) -> None:
        """As the daemon does when retries are used up."""
        name, release = step.id.service, self.tree.desired().releases.get(step.id.service)
        if self.policy.on_failure is OnFailure.KEEP or step.kind in {Kind.ASKED, Kind.REMOVED}:
            return
        if step.instead_of or release is None or release.digest != step.digest:
            return
        applied = self.memory[name]
        if applied.digest != step.digest and (applied.pin is None or applied.pin.instead_of != step.digest):
            self.has_gone_back |= self._pin(name, step.digest, PinnedBy.POLICY)

    def _pin(self, name: str, wanted: str, by: PinnedBy) -> bool:
        """Choose and write down; whether there was anything to go back to."""
        book = self.machine.failing.book
        bad = {key for key, failures in book.items() if failures.quarantined}
        past = self.past.get(name, ())
        good = rollback.good_releases(self.memory.get(name), past, generation=self.generation)
        target = rollback.last_good(name, wanted, good, bad)
        if target is None:
            return False
        found = rollback.pins(
            name,
            target,
            Grounds(by=by, since=self.now, because="a test"),
            wanted=wanted,
            desired=self.tree.desired(),
            memory=self.memory,
            past=self.past,
            changed=self.changed[target.left],
        )
        for other, pin in found.items():
            self.memory[other] = replace(self.memory[other], pin=pin)
        return True

    def _unpin(self, services: Iterable[str]) -> None:
        for name in services:
            self.memory[name] = replace(self.memory[name], pin=None)

    def retry(self, services: Iterable[str] = ()) -> None:
        """As `paiwatch retry`: forget failures and the rollbacks of those that are named, then look again."""
        chosen = set(services)
        held = pins.pinned(self.memory)
        self._unpin([name for name, pin in held.items() if {name, pin.leader} & chosen])
        self.promises.note_retry(frozenset(services))
        self.feed(Retried(services=frozenset(services)))
        self.look()

    def ask(self, request: Request) -> None:
        """As `paiwatch service …`."""
        target = self.target()
        wished = once(asked(request, target, self.memory, self.policy))
        self.promises.note_asked(wished)

        def again(names: Collection[str], target: Target, memory: Memory) -> Plan:
            rest = replace(request, names=tuple(names), skip=frozenset(), only=True)
            return once(asked(rest, target, memory, self.policy))

        pending = {step.id for step in wished.steps}
        self.wishes.add(Wish(again, lambda step: step.kind is Kind.ASKED, pending, self.answers.append))
        made = (holding.asked(step.id.service, request.operator, at=self.now) for step in wished.steps)
        plan = beside(build(target, self.memory, self.policy), wished, target, self.memory)
        self.accept(plan, holds=tuple(filter(None, made)))

    # ── convergence ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run_until_idle(self) -> None:
        """Let everything happen that happens by itself."""
        for _ in range(10_000):
            if is_idle(self.machine):
                self.feed(HoldsChanged(holds=dict(self.holds)))
                if not is_idle(self.machine):
                    continue
                assert self.wishes.rest(self.target(), self.memory) is None, "a person waits in vain"
                return
            self.pass_time()
        raise AssertionError("this never comes to rest")

    def excused(self) -> set[str]:
        """Services that need not be as desired: held, invalid, quarantined, or standing on one that is."""
        target = self.target()
        quarantined = {
            service
            for (service, digest), failures in self.machine.failing.book.items()
            if failures.quarantined
            and (service not in target.releases or target.releases[service].digest == digest)
        }
        bad = set(self.holds) | set(target.invalid) | quarantined
        for name in self.tree.services:  # prerequisites come first in it
            if any(edge.service in bad for edge in self.tree.services[name].prerequisites):
                bad.add(name)
        return bad

    def check_converged(self) -> None:
        """The world is what the newest commit asks for, rollbacks heeded, wherever nothing excuses it."""
        target, excused = self.target(), self.excused()
        for name, release in target.releases.items():
            if name in excused:
                continue
            assert self.up.get(name) == release.digest, f"{name} does not run its release"
            for edge in target.services[name].prerequisites:
                if self.policy.follows(edge) and edge.service in target.releases:
                    assert self.succeeded_last[edge.service] <= self.began_last[name], f"{name} missed {edge}"
        if self.policy.removed != "keep":
            kept = build(target, self.memory, self.policy).kept
            left = set(self.memory).difference(self.tree.services, kept)
            for name in left & excused:
                left -= {name} | self.promises.remembered(name)
            assert not left, f"{left} should be removed"


RETRIES = Retries(attempts=3, first=4.0, max=30.0)


def a_random_service(chance: random.Random, name: str, earlier: Iterable[str]) -> Service:
    """With some scripts, and prerequisites among the earlier ones (also some that do not exist)."""
    extra = [verb for verb in (Operator.STOP, Operator.REFRESH, Operator.DELETE) if chance.random() < 0.75]
    edges = tuple(Prerequisite(service=other) for other in earlier if chance.random() < 0.3)
    return a_service(
        name,
        needs=edges,
        scripts={verb: f"{verb}.sh" for verb in (Operator.START, *extra)},
        retries=RETRIES,
    )


def steps_by_id(plan: Plan) -> dict[StepId, Step]:
    """The steps of a plan by their names."""
    return {step.id: step for step in plan.steps}
