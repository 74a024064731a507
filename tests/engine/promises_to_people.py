"""What people are promised in every history: answers that are true, approvals that are asked for, holds and rollbacks that last."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paiwatch.catalog.service import OnFailure, OnInterruption, Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine.commands import Rollback
from paiwatch.engine.state import State
from paiwatch.news import (
    CommandGiven,
    GenerationAccepted,
    GenerationClosed,
    News,
    PlanApproved,
    PlanHeld,
    RunInterrupted,
    StepBegan,
    StepDismissed,
    StepEnded,
    StepQuarantined,
)
from paiwatch.plan import guard, pins
from paiwatch.plan.applied import DOWN, HeldBy
from paiwatch.plan.beside import related
from paiwatch.plan.build import build
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from paiwatch.plan.target import make_target

if TYPE_CHECKING:
    from tests.engine.world import World

_TAKES_DOWN = {Operator.STOP: HeldBy.STOPPED, Operator.DELETE: HeldBy.DELETED}


@dataclass
class Awaited:
    """What a person waits for: the operator, the steps without an outcome yet, and whether any was not what they wanted."""

    operator: str
    pending: set[StepId]
    has_steps: bool
    has_failed: bool = False

    def settle(self, step: StepId, *, outcome: bool) -> None:
        if step in self.pending:
            self.pending.remove(step)
            self.has_failed |= not outcome


@dataclass
class Approved:
    """What a person let go ahead: a plan by its digest, whom it touches, and the generations that went on under it."""

    digest: str
    services: frozenset[str] = frozenset()
    generations: set[int] = field(default_factory=set)
    is_left: bool = False  # a crash or another plan may have left a part of it


class PromisesToPeople:
    """Watches a world."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.awaited: dict[int, Awaited] = {}  # oldest first
        self.approved: Approved | None = None
        self.told_held: set[str] = set()
        self.in_force: dict[StepId, str] = {}  # digests of the newest plan's steps
        self.newest = 0  # generation
        self._newest_request: CommandGiven | None = None

    def forget_life(self) -> None:
        """The daemon begins anew: nobody waits any more; of an approved plan a part may be left."""
        self.awaited.clear()
        self.told_held.clear()
        self.in_force.clear()
        self._newest_request = None
        if self.approved is not None:
            self.approved.is_left = True
            self.approved.generations.clear()

    def hear(self, news: News, before: State) -> None:
        """The engine told this of an event; `before` is the state that the event met."""
        match news:
            case GenerationAccepted(generation=generation, plan=plan):
                self._check_limits(generation, plan, before)
                self.newest = generation
                self._expect(plan, before)
            case StepBegan(step=step):
                self._check_stays_down(step, before)
            case StepEnded(step=step, result=result):
                self._note_end(step, result.outcome, before)
            case StepDismissed(step=step, generation=generation):
                self._settle(step, generation, outcome="its start is running" in news.because)
            case StepQuarantined(step=step, generation=generation):
                self._settle(step, generation, outcome=False)
                self._check_goes_back(step, news.note, before)
            case GenerationClosed(generation=generation):
                self._use_up(generation, is_replaced=news.replaced)
            case RunInterrupted():
                self._check_interrupted(news)
            case _:
                self._hear_of_commands(news)

    def _hear_of_commands(self, news: News) -> None:
        match news:
            case CommandGiven(verb="service"):
                self._newest_request = news
            case CommandGiven(verb="adopt", services=services):
                pinned = pins.pinned(self.world.state.applied)
                assert pinned.keys().isdisjoint(services), "what a person declares applied is rolled back"
            case CommandGiven(verb="approve") if self.approved is not None:
                self.approved.services = frozenset(news.services)
            case PlanApproved(digest=digest):
                self.approved = Approved(digest)
            case PlanHeld(plan=held):
                self.told_held.add(held.digest)
            case _:
                pass

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _expect(self, plan: Plan, before: State) -> None:
        """What the newest request asks for belongs to it; what older ones asked for and this plan does not is given up."""
        asked = {step.id for step in plan.steps if step.kind is Kind.ASKED}
        if self._newest_request is not None:
            assert before.asked is not None
            assert before.asked.by is not None
            self.awaited[before.asked.by.number] = Awaited(
                self._newest_request.operator, set(asked), bool(asked)
            )
            self._check_leaves_others_alone(plan, asked, before)
        elif self.awaited:
            newest = [*self.awaited.values()][-1]
            self._check_goes_on(newest, asked, before)
            newest.pending |= asked
        self._newest_request = None
        for each in self.awaited.values():
            for step in each.pending - asked:
                each.settle(step, outcome=False)
        self.in_force = {step.id: step.digest for step in plan.steps}

    def _check_goes_on(self, newest: Awaited, asked: set[StepId], before: State) -> None:
        """Whoever waits gets what is left, whatever the trees say now, as long as it can be done."""
        assert before.desired is not None
        by = before.asked.by if before.asked is not None else None
        is_newest = before.requests and before.requests[-1].number == [*self.awaited][-1]
        if (
            not is_newest
            or (by is not None and isinstance(by.command, Rollback))
            or newest.operator not in {Operator.START, Operator.REFRESH}
        ):
            return
        again = {step.service for step in asked}
        for step in newest.pending:
            applied = before.applied.get(step.service)
            if step.service in before.desired.releases and applied is not None and applied.digest:
                assert step.service in again, f"somebody waits for {step}, and it is asked for no more"

    def _check_leaves_others_alone(self, plan: Plan, asked: set[StepId], before: State) -> None:
        """Services that have nothing to do with a request do not wait for its end."""
        if self.world.policy.guard.max_services is not None or not asked:
            return
        assert before.desired is not None
        target = make_target(before.desired, before.applied)
        meant = related({step.service for step in asked}, target, before.applied)
        found = {step.id for step in plan.steps}
        left_out: set[StepId] = set()
        for step in build(target, before.applied, self.world.policy).steps:
            if step.id.service in meant or not left_out.isdisjoint(step.waits):
                left_out.add(step.id)
            else:
                assert step.id in found, f"{step.id} waits for a request that is none of its business"

    def _note_end(self, step: Step, outcome: Outcome, before: State) -> None:
        """A run that ended counts where its plan is in force, or where that took it for its own."""
        run = before.running[step.id.service]
        generation = self.newest if run.counts else run.generation
        if outcome is Outcome.SUCCEEDED:
            self._settle(step, generation, outcome=True)
            self._check_after(step)
        elif before.is_draining:
            self._settle(step, generation, outcome=False)
        if outcome is Outcome.INTERRUPTED and step.spec.interrupted is OnInterruption.HOLD:
            assert step.id.service in self.world.state.holds, f"{step.id} was cut off, and nobody looks"

    def _settle(self, step: Step, generation: int, *, outcome: bool) -> None:
        if step.kind is Kind.ASKED and generation == self.newest:
            for each in self.awaited.values():
                each.settle(step.id, outcome=outcome)

    def check_answer(self, number: int, reply: object) -> None:
        """Not before its time, and true."""
        awaited = self.awaited.pop(number, None)
        if awaited is None:
            return
        assert isinstance(reply, dict), reply
        assert not awaited.pending, f"request {number} is answered, and {awaited.pending} is not done"
        is_done = not awaited.has_failed and (awaited.has_steps or not reply["left_out"])
        assert reply["succeeded"] is is_done, f"{reply}: {awaited}"

    # ── approvals ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_limits(self, generation: int, plan: Plan, before: State) -> None:
        """Beyond the limits only goes what a person let through, once; what goes back and what is in force already needs nobody."""
        fresh = tuple(
            step for step in plan.steps if not step.instead_of and self.in_force.get(step.id) != step.digest
        )
        rest = Plan(digest=plan.digest, config=plan.config, src=plan.src, steps=fresh)
        limits = self.world.policy.guard
        if self.approved is not None and self.approved.digest == plan.digest:
            self.approved.generations.add(generation)
        if guard.judge(rest, before.applied, limits) is None:
            return
        assert self.approved is not None, f"generation {generation} needs an approval"
        touched = {step.id.service for step in fresh if step.kind is not Kind.ASKED}
        assert touched <= self.approved.services, f"{touched - self.approved.services} was not approved"
        if self.approved.is_left and self.approved.digest != plan.digest:
            self.approved.digest = plan.digest
            self.approved.generations.add(generation)

    def _use_up(self, generation: int, *, is_replaced: bool) -> None:
        """What is done is done; of what was replaced a part may be left."""
        if self.approved is None or generation not in self.approved.generations:
            return
        self.approved.generations.remove(generation)
        if is_replaced:
            self.approved.is_left = True
        elif not self.approved.generations:
            self.approved = None

    # ── holds and rollbacks ─────────────────────────────────────────────────────────────────────────────────────────

    def _check_after(self, step: Step) -> None:
        """What was taken down by a person counts as done; of what is gone for good no such hold is left."""
        hold = self.world.state.holds.get(step.id.service)
        if hold is None or not step.last:
            return
        if step.kind is Kind.REMOVED:
            assert hold.by not in DOWN, f"{step.id.service} is gone, and still held: {hold.by}"
        if step.kind is Kind.ASKED and _TAKES_DOWN.get(step.id.operator) is hold.by:
            assert hold.done, f"{step.id} succeeded, and is not done"

    def _check_stays_down(self, step: Step, before: State) -> None:
        """Only a start brings up what a person took down."""
        hold = before.holds.get(step.id.service)
        if step.kind is not Kind.ASKED or hold is None or hold.by not in DOWN or not self.awaited:
            return
        owner = [each for each in self.awaited.values() if step.id in each.pending][-1]
        assert owner.operator != Operator.REFRESH, f"a refresh brings up {step.id.service}: {hold.by}"

    def _check_interrupted(self, news: RunInterrupted) -> None:
        asked = self.world.store.runs[news.run].step.spec.interrupted
        assert news.held is (asked is OnInterruption.HOLD)
        assert not news.held or news.service in self.world.state.holds

    def _check_goes_back(self, step: Step, note: str, before: State) -> None:
        """Where policy asks for it, what used up its tries goes back in the same moment, or it is said why not."""
        desired, name = before.desired, step.id.service
        if self.world.policy.on_failure is not OnFailure.ROLLBACK or note or step.instead_of:
            return
        if step.kind in {Kind.ASKED, Kind.REMOVED} or desired is None or name not in desired.releases:
            return
        if desired.releases[name].digest == step.digest:
            pin = self.world.state.applied[name].pin
            assert pin is not None, f"{name} does not go back"
            assert pin.instead_of == step.digest

    # ── after each event ────────────────────────────────────────────────────────────────────────────────────────────

    def check_nobody_is_left_waiting(self) -> None:
        """Whoever may know the end is told at once; nobody waits behind a plan that nobody makes."""
        state = self.world.state
        for number, each in self.awaited.items():
            assert each.pending, f"request {number} is over, and not answered"
        assert state.asked is None or self.world.plans_coming, "a plan is asked for, and nobody makes it"

    def check_what_is_told(self) -> None:
        """A plan that waits was told in this life; a rollback that the tree has overtaken is over."""
        state = self.world.state
        if state.held_plan is not None and state.has_planned:
            assert state.held_plan.digest in self.told_held, "a plan waits, and nobody knows"
            assert not state.approval.digest, "an approval outlives the plan that it was for"
        if state.desired is not None and not state.is_draining:
            assert not pins.void(state.desired, state.applied), "a rollback goes on for nothing"

    def check_held_plan_is_of_now(self) -> None:
        """At rest, what waits for an approval is what the trees ask for now, and it does break a limit."""
        state = self.world.state
        if state.held_plan is None or state.desired is None or state.is_draining or state.open:
            return
        plan = build(make_target(state.desired, state.applied), state.applied, self.world.policy)
        judged = guard.judge(plan, state.applied, self.world.policy.guard)
        assert judged is not None, "nothing needs an approval any more"
        assert judged.digest == state.held_plan.digest, "another plan waits than the one of now"
