"""Promises: what must hold in every history, checked from the outside, by what the engine tells and what scripts do."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine.propose import propose
from paiwatch.engine.state import State
from paiwatch.news import (
    CommandGiven,
    GenerationAccepted,
    GenerationClosed,
    News,
    RollbackEnded,
    ServiceRolledBack,
    StepBegan,
    StepDismissed,
    StepEnded,
    StepQuarantined,
)
from paiwatch.plan.applied import HeldBy
from paiwatch.plan.build import build
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from paiwatch.plan.target import make_target

if TYPE_CHECKING:
    from tests.engine.world import World

_FAILURES = frozenset({Outcome.FAILED, Outcome.TIMED_OUT})


@dataclass
class Expected:
    """One generation: its steps, and what became of each."""

    steps: dict[StepId, Step]
    succeeded: set[StepId] = field(default_factory=set)
    failed: set[StepId] = field(default_factory=set)
    dismissed: dict[StepId, Outcome] = field(default_factory=dict)
    quarantined: set[StepId] = field(default_factory=set)
    done_before: dict[StepId, Step] = field(default_factory=dict)  # by a run of an older plan
    removed_after: dict[str, set[str]] = field(default_factory=dict)

    def has_outcome(self, step: StepId) -> bool:
        return step in self.dismissed or step in self.quarantined or step in self.succeeded


@dataclass
class Streak:
    """Failures in a row of one input, by this observer's own count."""

    count: int = 0
    at: float = 0.0
    run: int = 0  # the newest
    rests: bool = True
    is_condemned: bool = False  # a person went back from it
    is_quarantined: bool = False

    def is_spent(self, step: Step) -> bool:
        return self.is_condemned or self.is_quarantined or self.count >= step.spec.retries.attempts


class Promises:
    """Watches a world."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.open: dict[int, Expected] = {}
        self.newest = Expected({})
        self.streaks: dict[tuple[str, str], Streak] = {}
        self.set_aside: dict[tuple[str, str], Streak] = {}  # until what a person asks for begins
        self.removing: set[str] = set()
        self.adopted: set[str] = set()  # a person says how these are; nobody looked
        self.before = world.state if hasattr(world, "state") else State(rules=world.rules)

    def hear(self, news: News, before: State) -> None:
        """The engine told this of an event; `before` is the state that the event met."""
        self.before = before
        match news:
            case GenerationAccepted(generation=generation, plan=plan):
                self.expect(generation, plan)
            case StepBegan():
                self.check_begin(news)
            case StepEnded():
                self.note_end(news)
            case StepDismissed():
                self.check_dismiss(news)
            case StepQuarantined():
                self.check_quarantine(news)
            case GenerationClosed():
                self.check_close(news)
            case ServiceRolledBack(by="person"):
                self.note_rolled_back(news.service, news.instead_of, news.release)
            case CommandGiven(verb="retry"):
                self.note_retry(frozenset(news.services))
            case CommandGiven(verb="adopt"):
                self.adopted |= set(news.services)
                self.note_retry(frozenset(news.services))
            case RollbackEnded() | _:
                pass

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def expect(self, generation: int, plan: Plan) -> None:
        """A generation begins."""
        self.newest = Expected({step.id: step for step in plan.steps})
        self.open[generation] = self.newest
        self._check_adopted()
        memory = self.before.applied
        removals = {step.id.service for step in plan.steps if step.kind is Kind.REMOVED}
        for name in removals:
            self.newest.removed_after[name] = {other for other in removals if name in self.remembered(other)}
        for step in plan.steps:
            if (step.kind is Kind.REMOVED) is not (step.id.service in self.removing):
                (self.removing.discard if step.id.service in self.removing else self.removing.add)(
                    step.id.service
                )
                self.streaks.pop((step.id.service, step.digest), None)
            if step.kind is Kind.ASKED and (known := self.streaks.pop((step.id.service, step.digest), None)):
                self.set_aside[step.id.service, step.digest] = known
        assert all(memory[name].archived for name in removals)

    def _check_adopted(self) -> None:
        """What runs already counts for a newer plan only if it began beside what its prerequisites are now."""
        world = self.world
        for name, run in world.state.running.items():
            if run.counts and name in world.running:
                began = world.running[name].began
                for other in run.step.prerequisites:
                    assert world.succeeded_last.get(other, began) <= began, (
                        f"{name} began before {other} changed"
                    )

    def remembered(self, name: str) -> set[str]:
        """All it stood on when it last ran, at any distance."""
        applied = self.world.state.applied.get(name)
        direct = set(applied.prerequisites) if applied else set()
        return direct.union(*(self.remembered(other) for other in direct))

    def forget_open(self) -> None:
        """The daemon was killed: nobody will close what was open. What was tried last, the store knows."""
        self.open.clear()
        self.newest = Expected({})
        self.streaks |= self.set_aside
        self.set_aside.clear()
        self.removing = set(self.world.store.removing())

    def note_end(self, end: StepEnded) -> None:
        """A run ended; it also counts for a newer generation whose same work was never begun there."""
        step, outcome = end.step, end.result.outcome
        key = (step.id.service, step.digest)
        own = self.open[end.generation]
        counts = self._counts_for_newest(step, own)
        if outcome is Outcome.SUCCEEDED:
            own.succeeded.add(step.id)
            own.failed.discard(step.id)
            if counts:
                self.newest.succeeded.add(step.id)
            if own is not self.newest and not self.before.running[step.id.service].is_stale:
                self.newest.done_before[step.id] = step
            if step.last and step.instead_of:
                self.streaks.pop(key, None)
            elif step.last:
                self._forget_service(step.id.service)
            if counts or (own is self.newest and not self.before.is_draining):
                self._forget_dependents(step.id)
            if step.last:
                self._give_new_chances()
            return
        own.failed.add(step.id)
        if outcome in _FAILURES:
            self.set_aside.pop(key, None)
            streak = self.streaks.setdefault(key, Streak())
            streak.count, streak.at, streak.rests = streak.count + 1, self.world.now, True
            streak.run = end.run

    def _counts_for_newest(self, step: Step, own: Expected) -> bool:
        run = self.before.running.get(step.id.service)
        return self.newest is not own and run is not None and run.counts

    def _forget_service(self, service: str) -> None:
        for streaks in (self.streaks, self.set_aside):
            for key in [key for key in streaks if key[0] == service]:
                del streaks[key]

    def _forget_dependents(self, done: StepId) -> None:
        """A prerequisite succeeded: what stands on it is in a new situation."""
        for step in self.newest.steps.values():
            if done in step.waits and step.id.service != done.service:
                for streaks in (self.streaks, self.set_aside):
                    streaks.pop((step.id.service, step.digest), None)

    def _give_new_chances(self) -> None:
        """What used up its retries beside the old release of a prerequisite may be tried beside the new one."""
        for key, streak in [*self.streaks.items()]:
            if streak.is_quarantined and self._has_new_chance(key):
                del self.streaks[key]

    def note_retry(self, services: frozenset[str]) -> None:
        """A person asked for it."""
        for service in services or {key[0] for key in (*self.streaks, *self.set_aside)}:
            self._forget_service(service)

    def note_rolled_back(self, service: str, failed: str, good: str) -> None:
        """A person went back from one release to another."""
        self.streaks.setdefault((service, failed), Streak()).is_condemned = True
        self.set_aside.pop((service, failed), None)
        for streaks in (self.streaks, self.set_aside):
            streaks.pop((service, good), None)

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────

    def check_begin(self, begin: StepBegan) -> None:
        """All that must be so when a script starts."""
        world, step, name = self.world, begin.step, begin.step.id.service
        expected = self.open[begin.generation]
        self.set_aside.pop((name, step.digest), None)
        assert expected is self.newest, "only the newest plan begins anything"
        assert not self.before.is_draining
        assert self.before.asked is None, f"{name} began while a plan was being made"
        assert name not in world.running, f"two operators of {name} at once"
        assert len(world.running) < world.rules.parallel, "more than parallel at once"
        assert expected.steps[step.id] is step
        assert not expected.has_outcome(step.id), f"{step.id} had its outcome"
        assert set(step.waits) <= expected.succeeded, f"{step.id} did not wait"
        assert not step.held_by
        assert not self._is_held(step), f"{step.id} is held"
        self._check_rest(begin)
        self._check_left(step)
        self._check_is_not_done(step)
        assert not self._is_shaken(step), f"{step.id} began while what it stands on ran"
        if step.kind is Kind.REMOVED:
            assert expected.removed_after[name].isdisjoint(world.state.applied), (
                f"{name} was removed before its dependents"
            )
        elif step.kind is not Kind.ASKED and not step.instead_of:  # what goes back ran beside the others once
            self._check_prerequisites(name)

    def _check_is_not_done(self, step: Step) -> None:
        """What an older plan had under way when this one came, and did well, is not done once more."""
        done = self.newest.done_before.get(step.id)
        if done is None or step.waits or (done.digest, done.last) != (step.digest, step.last):
            return
        if step.id.operator in {Operator.STOP, Operator.DELETE}:
            if done.kind is not step.kind:
                return  # it is remembered in another way
        elif not set(step.prerequisites) <= set(done.prerequisites):
            return  # it began when its service stood on less
        raise AssertionError(f"{step.id} is done once more")

    def _check_left(self, step: Step) -> None:
        """A good release that the service is about to leave is kept: somebody may want to go back to it."""
        applied = self.before.applied.get(step.id.service)
        if applied is not None and applied.digest and not applied.touched and applied.digest != step.digest:
            kept = self.world.store.formers[step.id.service][0]
            assert kept.release.digest == applied.digest

    def _is_held(self, step: Step) -> bool:
        if step.id.service in self.world.lingering.values():
            return True
        hold = self.before.holds.get(step.id.service)
        if hold is None or step.kind is Kind.ASKED:
            return False
        return step.kind is not Kind.REMOVED or hold.by in {HeldBy.SUSPENDED, HeldBy.INTERRUPTED}

    def _is_shaken(self, step: Step) -> bool:
        """Whether a script of something that it stands on is under way, for whatever plan, while it is to be brought up."""
        scripts = {name for name, run in self.before.running.items() if run.number}
        return self._builds(step) and not scripts.isdisjoint(step.prerequisites)

    @staticmethod
    def _builds(step: Step) -> bool:
        return not (step.last and step.id.operator in {Operator.STOP, Operator.DELETE})

    def _check_rest(self, begin: StepBegan) -> None:
        """Backoff and quarantine of the same input, whatever was planned meanwhile."""
        step = begin.step
        streak = self.streaks.get((step.id.service, step.digest), Streak())
        assert begin.attempt == streak.count + 1, f"{step.id}: attempt {begin.attempt}, {streak}"
        if step.kind is not Kind.ASKED:  # a person's own try is made, whatever failed just before
            assert streak.count < step.spec.retries.attempts, f"{step.id} is quarantined"
        assert not streak.is_condemned, f"{step.id} was rolled back"
        if streak.count:
            rest = min(step.spec.retries.max, step.spec.retries.first * 2 ** (streak.count - 1)) / 2
            assert self.world.now >= streak.at + rest, f"{step.id} did not rest"

    def _check_prerequisites(self, name: str) -> None:
        """Nothing it stands on, at any distance, needs anything: asked of the planner itself."""
        world = self.world
        if self.before.held_plan is not None:
            return  # the trees ask for more than may be done: what was accepted before goes on
        desired = make_target(self.before.desired or world.tree.desired(), world.state.applied)
        pending = {
            step.id.service
            for step in build(desired, world.state.applied, world.policy).steps
            if step.kind is not Kind.REMOVED
        }
        stack = [name]
        while stack:
            service = desired.services.get(stack.pop())
            for edge in service.prerequisites if service else ():
                if edge.service in desired.services:
                    assert edge.service not in desired.invalid, (
                        f"{name} stands on {edge.service}, which has errors"
                    )
                    assert edge.service not in pending, f"{name} began before {edge.service} settled"
                    stack.append(edge.service)

    def check_dismiss(self, dismiss: StepDismissed) -> None:
        """One outcome only; blocked only for a reason that lies under it."""
        expected = self.open[dismiss.generation]
        assert not expected.has_outcome(dismiss.step.id), f"{dismiss.step.id} has two outcomes"
        expected.dismissed[dismiss.step.id] = dismiss.outcome
        if dismiss.outcome is Outcome.BLOCKED:
            assert any(self._is_stuck(step, expected) for step in self._below(dismiss.step, expected))
        elif "its start is running" in dismiss.because:
            expected.succeeded.add(dismiss.step.id)

    def _below(self, step: Step, expected: Expected) -> list[Step]:
        found = [step]
        for other in found:
            found.extend(expected.steps[name] for name in other.waits)
        return found

    def _is_stuck(self, step: Step, expected: Expected) -> bool:
        streak = self.streaks.get((step.id.service, step.digest), Streak())
        return bool(step.held_by) or step.id in expected.quarantined or streak.is_spent(step)

    def check_quarantine(self, quarantine: StepQuarantined) -> None:
        """Only after all attempts failed, or when a person went back from it while it ran."""
        step = quarantine.step
        streak = self.streaks[step.id.service, step.digest]
        assert streak.count == quarantine.attempts
        assert streak.is_spent(step)
        streak.is_quarantined = True
        expected = self.open[quarantine.generation]
        assert not expected.has_outcome(step.id)
        expected.quarantined.add(step.id)

    def check_close(self, close: GenerationClosed) -> None:
        """Once, when every step has its outcome."""
        expected = self.open.pop(close.generation)
        superseded = expected is not self.newest or self.world.state.is_draining
        for step in expected.steps:
            assert expected.has_outcome(step) or (superseded and step in expected.failed), (
                f"{step} has no outcome"
            )
        assert close.succeeded is (expected.succeeded >= expected.steps.keys())
        assert self.world.store.closed[close.generation] is close.succeeded

    def check_is_of_now(self, before: State, state: State) -> None:
        """What is accepted is what would be planned now: nothing that happened while it was made is forgotten.

        What goes back also depends on what runs and what is in force, and goes back whatever comes of that.
        """
        if state.generation == before.generation or before.asked is None or before.asked.back:
            return
        now = propose(before, lambda target, memory: build(target, memory, self.world.policy))
        assert now.chosen is not None
        assert state.accepted is not None
        assert state.accepted.plan.digest == now.chosen.digest, "a plan of yesterday"

    def check_quarantine_is_known(self) -> None:
        """What is said to wait for a person or another release is what used up its tries, or was gone back from."""
        found = {
            (service, digest)
            for service, known in self.world.state.failures.items()
            for digest, failure in known.items()
            if failure.quarantined
        }
        expected = {
            key for key, streak in self.streaks.items() if streak.is_quarantined or streak.is_condemned
        }
        for key in [key for key in expected - found if self._has_new_chance(key)]:
            expected.discard(key)  # the trees asked for it again, beside what was applied since
            del self.streaks[key]
        assert found == expected, f"{found - expected} {expected - found}"

    def _has_new_chance(self, key: tuple[str, str]) -> bool:
        """Whether the trees ask for it beside something that was applied since."""
        state, (name, digest) = self.world.state, key
        target = make_target(state.desired or self.world.tree.desired(), state.applied)
        if name not in target.releases or target.releases[name].digest != digest:
            return False
        needed = (state.applied.get(edge.service) for edge in target.services[name].prerequisites)
        run = self.streaks[key].run
        return any(each is not None and not each.touched and each.version > run for each in needed)

    def check_all_closed(self) -> None:
        """Nothing runs any more, so nothing is open."""
        assert not self.open

    def check_only_people_are_waited_for(self) -> None:
        """At rest, what has no outcome yet waits for somebody's hold; everything else was told why it will not run."""
        self.before = self.world.state
        for step in self.newest.steps.values():
            if not self.newest.has_outcome(step.id):
                assert any(self._is_held(other) for other in self._below(step, self.newest)), (
                    f"{step.id} is forgotten"
                )

    def check_no_slot_is_wasted(self) -> None:
        """While a slot is free, nothing that may run is left waiting."""
        world, expected = self.world, self.newest
        state = self.before = world.state
        if state.is_draining or state.asked is not None or len(state.running) >= world.rules.parallel:
            return
        for step in expected.steps.values():
            if expected.has_outcome(step.id) or step.id.service in state.running or step.held_by:
                continue
            if not set(step.waits) <= expected.succeeded or self._is_held(step):
                continue
            if self._builds(step) and not state.running.keys().isdisjoint(step.prerequisites):
                continue
            known = state.failures.get(step.id.service, {}).get(step.digest)
            rests = known is not None and known.not_before > world.now
            assert rests, (
                f"{step.id} could run, and does not: {state.table.standing[step.id]} {state.table._parked}"
            )
