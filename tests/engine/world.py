"""A simulated world around the engine that the daemon runs: a tree that changes, a store in memory, scripts that take time and fail.

Plans and archives take time too, so that their answers come late, in any order, or for a state that is gone. The daemon can be
killed between any two of its doings. Every promise is checked at every moment it can be broken. Nothing in it is random but the `chance` it is given.
"""

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count

from paiwatch.catalog.service import Operator
from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Outcome, RunResult
from paiwatch.engine import effects
from paiwatch.engine.commands import Act, Approve, Retry
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.effects import Commit, Effect, Launch
from paiwatch.engine.engine import handle
from paiwatch.engine.events import (
    Archived,
    Commanded,
    Draining,
    Event,
    LingeringEnded,
    Looked,
    Moment,
    Past,
    Prepared,
    Proposed,
    Recovered,
    RunEnded,
    Started,
    TakenUp,
    Ticked,
    Withdrawn,
)
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.propose import propose
from paiwatch.engine.state import Rules, State
from paiwatch.plan.build import Planner, build
from paiwatch.plan.plan import Kind, Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from tests.engine.memory_store import MemoryStore
from tests.engine.promises import Promises
from tests.engine.promises_to_people import PromisesToPeople
from tests.engine.tree import Tree

CURSED = "text 4"
UP = frozenset({Operator.START, Operator.REFRESH})
SOMEBODY = Principal(uid=1000, user="ana", login="ana", door="a test")


@dataclass(frozen=True)
class Running:
    """A script under way: when it began, and how it will end."""

    run: int
    step: Step
    generation: int
    began: float
    outcome: Outcome


class World:
    """Everything outside the engine, and the daemon's loop around it."""

    def __init__(self, chance: random.Random, *, parallel: int, policy: Policy, calm: bool = False) -> None:
        self.chance = chance
        self.rules = Rules(policy=policy, parallel=parallel)
        self.policy = policy
        self.calm = calm
        self.now = 0.0
        self.tree = Tree()
        self.store = MemoryStore()
        self.planner = Planner(policy)
        self.archive: dict[str, bool] = {}  # releases whose files are kept, and whether they always fail
        self.up: dict[str, str] = {}
        self.down: set[str] = set()
        self.began_last: dict[str, float] = {}
        self.succeeded_last: dict[str, float] = {}
        self.running: dict[str, Running] = {}
        self.answers: dict[int, object] = {}
        self.asked: set[int] = set()  # requests that have no answer yet
        self.archiving: set[int] = set()  # those of them that wait for an archive
        self.plans_coming = 0
        self.lingering: dict[int, str] = {}  # services, by the runs of which processes are left
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count(1)
        self._lives = count(1)
        self._urgent: list[Event] = []
        self.promises = Promises(self)
        self.to_people = PromisesToPeople(self)
        self.state = self.store.load(self.rules, life="0")

    # ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: Event, *, dies: bool = False) -> None:
        """Give the engine an event and do what it wants; or die once that is written, before anything is done about it."""
        before = self.state
        state, found = self.handled(event)
        commit = found[0] if found and isinstance(found[0], Commit) else None
        if commit is not None and commit.asked_by and self._is_disk_full():
            self._give_up(commit.asked_by, event)
            return
        if commit is not None:
            self.store.commit(commit.changes)
        if dies:
            return
        self.state = state
        self.store.check_knows(state)
        if isinstance(event, Proposed):
            self.promises.check_is_of_now(before, state)
            is_fresh = event.proposal.version == before.version
        else:
            is_fresh = before.asked is None
        if isinstance(event, TakenUp):
            assert before.deferred[0] not in state.deferred, "who came first is served first"
        assert is_fresh or not any(isinstance(effect, effects.Prepare) for effect in found)
        for effect in found:
            self._do(effect, before)
        while self._urgent:
            self.feed(self._urgent.pop(0))
        if state is self.state:
            self._check()

    def _check(self) -> None:
        """What must hold between any two events."""
        self.promises.check_no_slot_is_wasted()
        self.promises.check_quarantine_is_known()
        self.to_people.check_nobody_is_left_waiting()
        self.to_people.check_what_is_told()
        if self.state.is_idle and not self.state.is_draining:
            self.promises.check_only_people_are_waited_for()
            self.to_people.check_held_plan_is_of_now()

    def _is_disk_full(self) -> bool:
        return not self.calm and self.chance.random() < 0.03

    def _give_up(self, number: int, event: Event) -> None:
        """What only one person waits for could not be written: they are told, and nothing has happened."""
        self._answer(number, "no space left")
        if not isinstance(event, Commanded):
            self.feed(Withdrawn(number=number))

    def handled(self, event: Event) -> tuple[State, tuple[Effect, ...]]:
        """What the engine makes of it; nothing of that is done yet."""
        past = Past()
        while True:
            try:
                return handle(self.state, event, Moment(self.now, self.now), past)
            except PastNeeded as needed:
                known, past = past, self.store.past(needed, self.archive.__contains__)
            assert known.service != past.service, "it was told already"

    def _do(self, effect: Effect, before: State) -> None:
        match effect:
            case effects.Tell(news=news):
                self.promises.hear(news, before)
                self.to_people.hear(news, before)
            case effects.Answer(number=number, reply=reply):
                self.to_people.check_answer(number, reply)
                self._answer(number, reply)
            case effects.Refuse(number=number, why=why):
                self._answer(number, why)
            case effects.MakePlan():
                self._plan()
            case Launch():
                self._begin(effect)
            case effects.TakeUp():
                self._urgent.append(TakenUp())
            case _:
                self._keep(effect)

    def _keep(self, effect: Effect) -> None:
        """Archives take their time, too."""
        match effect:
            case effects.Prepare(ticket=ticket, step=step):
                self._archive(step)
                self._later(self._a_while(), lambda: self.feed(Prepared(ticket=ticket)))
            case effects.Archive(asked=asked, desired=desired, services=services):
                self.archiving.add(asked.number)
                for name in services:
                    self.archive.setdefault(desired.releases[name].digest, False)
                self._later(self._a_while(), lambda: self.feed(Archived(asked=asked, desired=desired)))

    def _plan(self) -> None:
        """Over the state as it is now, or as it will be when the lane is free; the answer takes its time."""
        self.plans_coming += 1
        early = propose(self.state, self.planner.plan) if self.chance.random() < 0.5 else None
        self._later(self._a_while(), lambda: self._planned(early))

    def _planned(self, early: Proposal | None) -> None:
        self.plans_coming -= 1
        if self.state.asked is not None:
            self.feed(Proposed(proposal=early or propose(self.state, self.planner.plan)))

    def _a_while(self) -> float:
        return 0.0 if self.calm else self.chance.choice((0.0, 0.0, 0.5, 2.0, 6.0))

    def _later(self, delay: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (self.now + delay, next(self._order), do))

    def _answer(self, number: int, reply: object) -> None:
        assert number in self.asked, f"request {number} is answered twice"
        self.asked.discard(number)
        self.archiving.discard(number)
        self.answers[number] = reply

    def look(self) -> None:
        """Look at the world."""
        self.feed(Looked(desired=self.tree.desired()))

    def command(self, command: Act) -> int:
        """A person asks for this."""
        number = next(self._numbers)
        self.asked.add(number)
        self.feed(Commanded(number=number, command=command, principal=SOMEBODY))
        return number

    def die_over_a_look(self) -> None:
        """Killed once what follows from a look is written, before anything is done about it."""
        self.feed(Looked(desired=self.tree.desired()), dies=True)
        self.crash()

    def crash(self) -> None:
        """Kill the daemon and all it runs, at any moment; then start it again on what the store knows."""
        for run in self.running.values():
            self._half_done(run.step)
        self._restart()

    def drain(self) -> None:
        """Stop in an orderly way, and start again."""
        self.feed(Draining())
        while self.running:
            self.pass_time()
        assert self.state.is_idle
        assert not self.state.running
        self.promises.check_all_closed()
        assert self.asked <= self.archiving, "somebody is not told"  # this world waits for no archive
        self._restart()

    def _restart(self) -> None:
        self.running.clear()
        self.asked.clear()
        self.archiving.clear()
        self._coming.clear()
        self.plans_coming = 0
        self.promises.forget_open()
        self.to_people.forget_life()
        self.state = self.store.load(self.rules, life=str(next(self._lives)))
        self.planner = Planner(self.policy)
        found = tuple(Recovered(run=run) for run in self.state.unfinished)
        self.feed(Started(recovered=found))
        for number in [*self.lingering]:
            self._linger(number)
        self.look()

    # ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, order: Launch) -> None:
        run = Running(
            run=order.run,
            step=order.step,
            generation=order.generation,
            began=self.now,
            outcome=self._choose_outcome(order.step),
        )
        self.running[order.step.id.service] = run
        self._later(self.chance.randint(1, self.chance.choice((10, 20, 90))), lambda: self.end(run))

    def _archive(self, step: Step) -> None:
        """The files of a release are kept while the tree has them."""
        name = step.id.service
        release = self.tree.desired().releases.get(name)
        if release is not None and release.digest == step.digest:
            self.archive[step.digest] = self.tree.texts[name] == CURSED

    def _choose_outcome(self, step: Step) -> Outcome:
        if self.archive.get(step.digest) and not self.calm:
            return Outcome.FAILED
        if self.calm or self.chance.random() < 0.65:
            return Outcome.SUCCEEDED
        return self.chance.choice((Outcome.FAILED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.INTERRUPTED))

    def pass_time(self) -> None:
        """Go on to whatever comes first: something that was set in motion, or a wake-up."""
        coming = self._coming[0][0] if self._coming else None
        wake = self.state.wake_at if self.state.asked is None else None
        moments = [moment for moment in (coming, wake) if moment is not None]
        if not moments:
            return
        self.now = max(self.now, min(moments))
        if coming is not None and coming <= self.now:
            heapq.heappop(self._coming)[2]()
        else:
            self.feed(Ticked())

    def end(self, run: Running) -> None:
        """A script ends: the world first, then the daemon hears of it."""
        if run.outcome is Outcome.SUCCEEDED:
            self._done(run)
        else:
            self._half_done(run.step)
        del self.running[run.step.id.service]
        result = RunResult(outcome=run.outcome, exit=0, signal=None, seconds=1.0, message=str(run.outcome))
        if not self.calm and self.chance.random() < 0.03:
            result = replace(result, lingering=frozenset({4_000_000 + run.run}))
            self.lingering[run.run] = run.step.id.service
            self._linger(run.run)
        self.feed(RunEnded(run=run.run, result=result))

    def _linger(self, number: int) -> None:
        """Processes of a run cannot be ended; they are gone some day."""
        self._later(self.chance.randint(1, 60), lambda: self._vanish(number))

    def _vanish(self, number: int) -> None:
        del self.lingering[number]
        self.feed(LingeringEnded(runs=frozenset({number})))

    def _done(self, run: Running) -> None:
        """The world is as the operator says."""
        step, name = run.step, run.step.id.service
        if step.id.operator in UP:
            is_known = name not in self.down or name in self.promises.adopted
            assert step.id.operator is Operator.START or is_known, f"refreshed {name}, which was down"
            self.up[name] = step.digest
            self.down.discard(name)
            self.began_last[name] = run.began
            if not self._is_the_same_again(step):
                self.succeeded_last[name] = self.now
        else:
            self.up.pop(name, None)
            self.down.add(name)

    def _is_the_same_again(self, step: Step) -> bool:
        """A person started what was applied: for those that stand on it nothing is new."""
        before = self.state.running[step.id.service].before
        return step.kind is Kind.ASKED and before is not None and before.digest == step.digest

    def _half_done(self, step: Step) -> None:
        """Nobody knows how far it came."""
        name = step.id.service
        self.down.discard(name)
        match self.chance.randint(0, 2):
            case 0:
                self.up.pop(name, None)
            case 1:
                self.up[name] = step.digest

    # ── convergence ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run_until_idle(self) -> None:
        """Let everything happen that happens by itself; a plan that waits for a person gets its approval."""
        for _ in range(20_000):
            if not self._coming and self.state.is_idle:
                if (held := self.state.held_plan) is None:
                    assert not self.state.requests, "a person waits in vain"
                    assert not self.asked, "a person was not answered"
                    return
                self.command(Approve(digest=held.digest))
            self.pass_time()
        raise AssertionError("this never comes to rest")

    def retry(self, services: Iterable[str] = ()) -> None:
        """As `paiwatch retry`."""
        self.command(Retry(services=frozenset(services)))

    def excused(self) -> set[str]:
        """Services that need not be as desired: held, invalid, quarantined, or standing on one that is."""
        state, desired = self.state, make_target(self.tree.desired(), self.state.applied)
        quarantined = {
            service
            for service, found in state.failures.items()
            for digest, failure in found.items()
            if failure.quarantined
            and (service not in desired.releases or desired.releases[service].digest == digest)
        }
        bad = (set(state.holds) & set(self.tree.services)) | set(desired.invalid) | quarantined
        for name in self.tree.services:  # prerequisites come first in it
            if any(edge.service in bad for edge in self.tree.services[name].prerequisites):
                bad.add(name)
        return bad

    def check_converged(self) -> None:
        """The world is what the newest commit asks for, rollbacks heeded, wherever nothing excuses it."""
        memory = self.state.applied
        desired, excused = make_target(self.tree.desired(), memory), self.excused()
        for name, release in desired.releases.items():
            if name in excused or name in self.promises.adopted:
                continue
            assert self.up.get(name) == release.digest, f"{name} does not run its release"
            for edge in desired.services[name].prerequisites:
                if self.policy.follows(edge) and edge.service in desired.releases:
                    if edge.service in self.promises.adopted:
                        continue
                    assert self.succeeded_last[edge.service] <= self.began_last[name], f"{name} missed {edge}"
        if self.policy.removed != "keep":
            kept = build(desired, memory, self.policy).kept
            state_holds = set(self.state.holds)
            left = set(memory).difference(self.tree.services, kept)
            for name in left & (excused | state_holds):
                left -= {name} | self.promises.remembered(name)
            assert not left, f"{left} should be removed"
