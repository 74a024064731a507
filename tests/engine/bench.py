"""A bench for the engine: one event after the other at a clock that stands still, and in short words what comes of it.

The opposite of `world`: nothing happens by itself but what a test asks for, so that one rule can be looked at alone.
"""

from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace

from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Outcome, RunResult
from paiwatch.engine import effects
from paiwatch.engine.changes import Change
from paiwatch.engine.commands import Act
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.effects import Commit, Effect, Launch
from paiwatch.engine.engine import handle
from paiwatch.engine.events import (
    Commanded,
    Event,
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
)
from paiwatch.engine.progress import progress
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.propose import propose
from paiwatch.engine.state import Rules, State
from paiwatch.news import (
    GenerationClosed,
    News,
    PlanApproved,
    PlanHeld,
    RollbackEnded,
    ServiceRolledBack,
    StepBegan,
    StepDismissed,
    StepQuarantined,
)
from paiwatch.plan.build import Planner
from paiwatch.plan.plan import Plan, Step
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Desired
from tests.builders import a_desired
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import a_plan

SOMEBODY = Principal(uid=1000, user="ana", login="ana", door="a test")

#: Does the next thing that was set in motion: gives the event, None when it has become needless.
Coming = Callable[[], Event | None]


def in_words(news: News) -> str:
    """`begin a`, `close 1 True`; "" for what tests do not look at."""
    match news:
        case StepBegan(step=step):
            return f"begin {step.id.service}"
        case StepDismissed(step=step, generation=generation, outcome=outcome):
            return f"dismiss {step.id.service} of {generation}: {outcome}"
        case StepQuarantined(step=step):
            return f"quarantine {step.id.service}"
        case GenerationClosed(generation=generation, succeeded=succeeded):
            return f"close {generation} {succeeded}"
        case _:
            return _of_people(news)


def _of_people(news: News) -> str:
    match news:
        case PlanHeld(plan=held):
            return f"hold plan {held.digest[:4]}"
        case PlanApproved(digest=digest):
            return f"approve plan {digest[:4]}"
        case ServiceRolledBack(service=service):
            return f"roll back {service}"
        case RollbackEnded(service=service):
            return f"end rollback of {service}"
        case _:
            return ""


class Bench:
    """Holds a state. `words` is what the newest event led to, with all that followed at once.

    A release is archived as soon as that is wanted, unless a test `prepares` by itself. With `plans` every plan that is asked for is
    made at once by the planner of the daemon; else a test proposes one.
    """

    def __init__(
        self,
        *,
        store: MemoryStore | None = None,
        desired: Desired | None = None,
        parallel: int = 4,
        policy: Policy | None = None,
        prepares: bool = True,
        plans: bool = False,
    ) -> None:
        self.store = store or MemoryStore()
        self.desired = desired or a_desired()
        self.rules = Rules(policy=policy or Policy(), parallel=parallel)
        self.prepares = prepares
        self.plans = plans
        self.planner = Planner(self.rules.policy)
        self.now = 0.0
        self.words: list[str] = []
        self.news: list[News] = []
        self.effects: list[Effect] = []
        self.answers: dict[int, object] = {}
        self.archive: set[str] = set()
        self.preparing: dict[str, int] = {}  # tickets, by service
        self.running: dict[str, Launch] = {}
        self.recalled: list[PastNeeded] = []
        self._requests = 0
        self._coming: deque[Coming] = deque()
        self.state = self._begin_life()

    def _begin_life(self) -> State:
        self.state = self.store.load(self.rules, life=f"after {len(self.store.runs)} runs")
        self.feed(Started(recovered=tuple(Recovered(run=run) for run in self.state.unfinished)))
        return self.state

    # ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: Event, *, at: float | None = None) -> list[str]:
        """Hand the engine this event, then whatever that set in motion; gives the words."""
        self.now = self.now if at is None else at
        self.words, self.effects = [], []
        self._handle(event)
        while self._coming:
            following = self._coming.popleft()()
            if following is not None:
                self._handle(following)
        return self.words

    def look(self, desired: Desired | None = None, *, at: float | None = None) -> list[str]:
        """The world is read anew: a plan is asked for."""
        self.desired = desired or replace(self.desired)
        return self.feed(Looked(desired=self.desired), at=at)

    def proposal(self, plan: Plan | None = None) -> Proposal:
        """What the daemon would propose now, if the trees asked for this plan (None: what they do ask for)."""
        return propose(self.state, (lambda *_: plan) if plan is not None else self.planner.plan)

    def propose(self, plan: Plan | None = None, *, at: float | None = None) -> list[str]:
        """The plan that was asked for is there."""
        return self.feed(Proposed(proposal=self.proposal(plan)), at=at)

    def propose_again(self) -> list[str]:
        """The trees ask for what they asked for before."""
        return self.propose(self.state.open[self.state.generation].plan)

    def follow(self, plan: Plan, *, at: float | None = None) -> list[str]:
        """The trees ask for this plan now."""
        self.look(at=at)
        return self.propose(plan)

    def accept(self, *steps: Step, at: float | None = None) -> list[str]:
        """The trees ask for these steps now, as another plan than before."""
        return self.follow(a_plan(*steps, digest=f"plan {self.state.generation + 1}"), at=at)

    def tick(self, at: float) -> list[str]:
        """Nothing but time passes."""
        return self.feed(Ticked(), at=at)

    def prepare(self, service: str, *, at: float | None = None) -> list[str]:
        """The release of what is about to begin for this service is archived."""
        return self.feed(Prepared(ticket=self.preparing.pop(service)), at=at)

    def end(
        self, service: str, outcome: Outcome = Outcome.SUCCEEDED, *, at: float | None = None
    ) -> list[str]:
        """The script of this service ends so."""
        return self.feed(RunEnded(run=self.running.pop(service).run, result=a_result(outcome)), at=at)

    def command(self, command: Act, *, at: float | None = None) -> int:
        """A person asks for this; gives the number of the request."""
        self._requests += 1
        self.feed(Commanded(number=self._requests, command=command, principal=SOMEBODY), at=at)
        return self._requests

    def another_life(self) -> "Bench":
        """What begins on that store if paiwatch is killed now."""
        fresh = Bench(
            store=deepcopy(self.store),
            desired=self.desired,
            parallel=self.rules.parallel,
            policy=self.rules.policy,
            prepares=self.prepares,
            plans=self.plans,
        )
        fresh.archive = self.archive
        return fresh

    # ── what is there ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def states(self) -> Mapping[str, str]:
        """Where each step of the plan in force stands."""
        return {str(step): each.state for step, each in progress(self.state).items()}

    @property
    def is_planning(self) -> bool:
        """Whether the newest event asked for a plan that is not there yet."""
        return self.state.asked is not None and effects.MakePlan() in self.effects

    def began(self, service: str) -> StepBegan:
        """The newest beginning of this service."""
        found = [
            each for each in self.news if isinstance(each, StepBegan) and each.step.id.service == service
        ]
        return found[-1]

    @property
    def committed(self) -> list[Change]:
        """What was written for the newest event and what followed."""
        return [change for effect in self.effects if isinstance(effect, Commit) for change in effect.changes]

    # ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _handle(self, event: Event) -> None:
        self.state, found = self.handled(event)
        commits = [effect for effect in found if isinstance(effect, Commit)]
        assert commits == [*found[: len(commits)]], "what is written comes before anything is done"
        for commit in commits:
            self.store.commit(commit.changes)
        self.store.check_knows(self.state)
        self.effects.extend(found)
        for effect in found:
            self._do(effect)

    def handled(self, event: Event, *, state: State | None = None) -> tuple[State, tuple[Effect, ...]]:
        """What the engine makes of this event; nothing of it is done."""
        before, moment = state or self.state, Moment(self.now, self.now)
        try:
            return handle(before, event, moment)
        except PastNeeded as needed:
            self.recalled.append(needed)
            return handle(before, event, moment, self._past(needed))

    def _past(self, needed: PastNeeded) -> Past:
        return self.store.past(needed, self.archive.__contains__)

    def _do(self, effect: Effect) -> None:
        match effect:
            case effects.Tell(news=news):
                self.news.append(news)
                self.words.extend(filter(None, [in_words(news)]))
            case effects.Answer(number=number, reply=reply):
                self._answer(number, reply)
            case effects.Refuse(number=number, why=why):
                self._answer(number, why)
            case effects.MakePlan():
                if self.plans:
                    self._coming.append(self._made)
            case effects.TakeUp():
                self._coming.appendleft(TakenUp)
            case effects.Prepare(ticket=ticket, step=step):
                self.archive.add(step.digest)
                if self.prepares:
                    self._coming.append(lambda: Prepared(ticket=ticket))
                else:
                    self.preparing[step.id.service] = ticket
            case Launch(step=step):
                assert step.id.service not in self.running
                self.running[step.id.service] = effect

    def _made(self) -> Event | None:
        return Proposed(proposal=self.proposal()) if self.state.asked is not None else None

    def _answer(self, number: int, reply: object) -> None:
        assert number not in self.answers, f"request {number} is answered twice"
        self.answers[number] = reply


def a_result(outcome: Outcome = Outcome.SUCCEEDED, **fields: object) -> RunResult:
    """How a script ended."""
    ended = RunResult(outcome=outcome, exit=0, signal=None, seconds=1.0, message=str(outcome))
    return replace(ended, **fields)  # type: ignore[arg-type]
