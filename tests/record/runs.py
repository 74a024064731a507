"""The engine over a real store, driven by hand: a test says what is planned and how each run ends. No trees, no scripts.

What the engine decides is committed before anything else, as the daemon does; so what a test reads back was written by the real path.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from paiwatch.catalog import service as catalog
from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Identity, Outcome, RunResult
from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.engine import effects
from paiwatch.engine.changes import Change, HoldPut
from paiwatch.engine.commands import Act, Service
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.effects import Commit, Effect
from paiwatch.engine.engine import handle
from paiwatch.engine.events import (
    Archived,
    Commanded,
    Event,
    Looked,
    Moment,
    Past,
    Prepared,
    Proposed,
    Recovered,
    RunEnded,
    RunStarted,
    Started,
    TakenUp,
    Ticked,
)
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.propose import propose
from paiwatch.engine.state import Rules, State
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Kind, Plan, Reason, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.record import layout
from paiwatch.record.store import Store
from paiwatch.releases.release import Desired, Release
from paiwatch.snapshot import Revision, Snapshot, Tree
from tests.builders import ALL_SCRIPTS, SPEC_FIELDS, a_desired

CONFIG, SRC = Revision(id="c" * 40, author="Ana", subject="port", at=5.5), Revision(id="d" * 40)
SNAPSHOT = Snapshot(
    config=Tree(revision=CONFIG, folder=".", files={}), src=Tree(revision=SRC, folder="src", files={})
)
SUCCEEDED = RunResult(outcome=Outcome.SUCCEEDED, exit=0, signal=None, seconds=0.25)
FAILED = RunResult(outcome=Outcome.FAILED, exit=3, signal=None, seconds=0.5, reaped=2, message="exit code 3")
INTERRUPTED = RunResult(outcome=Outcome.INTERRUPTED, exit=None, signal=15, seconds=0.5, message="draining")
SOMEBODY = Principal(uid=1000, user="ana", login="ana", door="a test")

#: Nothing to do, for the revisions above.
NOTHING = Plan(digest="", config=CONFIG.id, src=SRC.id, steps=())
_A_WHILE = 1000.0  # seconds between two events: longer than any rest


def a_step(service: str, digest: str, operator: Operator = Operator.START, **fields: Any) -> Step:
    """One operator on one service, with one reason; fields of its spec may be given by name."""
    spec: dict[str, Any] = {"scripts": ALL_SCRIPTS, "folder": f"src/{service}", "timeout": 60.0}
    spec |= {name: fields.pop(name) for name in SPEC_FIELDS & fields.keys()}
    defaults: dict[str, Any] = {
        "kind": Kind.NEW,
        "spec": RunSpec(**spec),
        "reasons": (Reason(kind="key", detail="grafana.port 1 → 2", key="grafana.port", chain=("a", "b")),),
    }
    return Step(id=StepId(service=service, operator=operator), digest=digest, **(defaults | fields))


def a_plan(*steps: Step, digest: str = "p" * 64, releases: Iterable[Release] = (), **fields: Any) -> Plan:
    """These steps, for the revisions above; of `releases` the steps know what is in them."""
    found = {release.service: release for release in releases}
    return Plan(digest=digest, config=CONFIG.id, src=SRC.id, steps=steps, releases=found, **fields)


class Records:
    """One life of paiwatch after another over one state folder. `state` is what it knows; all that lasts of it is in the store.

    `desired` is what the trees ask for: nothing, unless a test says so. Whoever asks for a plan gets the one that is given, or none.
    """

    def __init__(self, folder: Path, policy: Policy) -> None:
        self.folder = folder
        self.rules = Rules(policy=policy, parallel=99)
        self.store = Store.open(folder)
        self.state: State = self.store.load(self.rules)
        self.desired: Desired = a_desired(snapshot=SNAPSHOT)
        self.answers: list[Any] = []
        self._steady = 0.0

    @classmethod
    def open(cls, folder: Path, policy: Policy | None = None) -> Self:
        """A life that begins on what is there; it has not settled the past yet."""
        return cls(folder, policy or Policy())

    def close(self) -> None:
        """End this life, whatever it does."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reopen(self) -> None:
        """Die, and begin another life on what the store knows."""
        self.close()
        self.store = Store.open(self.folder)
        self.state = self.store.load(self.rules)

    def write(self, *written: Change) -> None:
        """Have the store remember this, as if an earlier life had decided it; the present one ends with that."""
        self.store.commit(written)
        self.state = self.store.load(self.rules)

    def log(self, run: int) -> Path:
        """The output of a run that is under way."""
        (service,) = (name for name, each in self.state.running.items() if each.number == run)
        return layout.log_file(self.folder, service, run)

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    def recover(self, *, at: float = 100.0, left: Mapping[int, Iterable[int]] | None = None) -> None:
        """Settle the past. `left` are processes of its runs that nobody could end."""
        pids = left or {}
        found = (Recovered(run=run, left=frozenset(pids.get(run, ()))) for run in self.state.unfinished)
        self.feed(Started(recovered=tuple(found)), at=at)

    def look(self, desired: Desired, *, at: float = 100.0) -> None:
        """The trees ask for this now; nothing is planned for it."""
        self.desired = desired
        self.feed(Looked(desired=replace(desired)), at=at)

    def accept(self, plan: Plan, *, at: float = 100.0) -> int:
        """Make this what the trees ask for; gives the newest generation."""
        self.feed(Looked(desired=replace(self.desired)), at=at, plan=plan)
        return self.state.generation

    def ask(self, command: Act, *, at: float = 100.0, plan: Plan | None = None) -> Any:
        """A person asks for this; gives the answer, or why it is not done; None while they wait. `plan` is what the trees ask for then."""
        self.answers.clear()
        if self.state.desired is None:
            self.look(self.desired, at=at)
        if isinstance(command, Service):
            plan = plan or NOTHING
        self.feed(Commanded(number=1, command=command, principal=SOMEBODY), at=at, plan=plan)
        return self.answers[0] if self.answers else None

    def begin(self, step: Step, *, at: float = 101.0, touches: bool = True) -> int:
        """The step's release is archived, so its run begins; gives its number."""
        if self._prepared(step) is None:
            self.feed(Ticked(), at=at)  # it rested
        ticket = self._prepared(step)
        assert ticket is not None, f"{step.id} may not begin: {self.state.table.standing.get(step.id)}"
        self.feed(Prepared(ticket=ticket, touches=touches), at=at)
        return self.state.last_run

    def started(self, run: int, identity: Identity, *, at: float = 101.0) -> None:
        """The process of a run is known."""
        self.feed(RunStarted(run=run, identity=identity), at=at)

    def end(self, run: int, result: RunResult = SUCCEEDED, *, at: float = 102.5) -> None:
        """A run ends."""
        self.feed(RunEnded(run=run, result=result), at=at)

    def _prepared(self, step: Step) -> int | None:
        run = self.state.running.get(step.id.service)
        return run.ticket if run is not None and not run.number and run.step.id == step.id else None

    # ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────

    def feed(self, event: Event, *, at: float = 100.0, plan: Plan | None = None) -> None:
        """Give the engine an event and do what it wants, the commit first. Where that fails the state is as before."""
        self._steady += _A_WHILE
        state, found = self._handled(event, Moment(self._steady, at))
        if found and isinstance(commit := found[0], Commit):
            self.store.commit(commit.changes)
        self.state = state
        for effect in found:
            self._do(effect, at, plan)

    def _handled(self, event: Event, now: Moment) -> tuple[State, tuple[Effect, ...]]:
        past = Past()
        while True:
            try:
                return handle(self.state, event, now, past)
            except PastNeeded as needed:
                past = self.past(needed.service, leaves=needed.leaves, to=needed.to)

    def past(self, service: str, *, leaves: str = "", to: str = "") -> Past:
        """What the store remembers for a rollback; every release is archived."""
        return self.store.past(service, leaves=leaves, to=to, is_archived=lambda _: True)

    def _do(self, effect: Effect, at: float, plan: Plan | None) -> None:
        match effect:
            case effects.Answer(reply=reply):
                self.answers.append(reply)
            case effects.Refuse(why=why):
                self.answers.append(why)
            case effects.Archive(asked=asked, desired=desired):
                self.feed(Archived(asked=asked, desired=desired), at=at)
            case effects.TakeUp():
                self.feed(TakenUp(), at=at)
            case effects.MakePlan():
                self.feed(Proposed(proposal=self._proposal(plan)), at=at)
            case _:
                pass  # it is written already, or of no interest here

    def _proposal(self, plan: Plan | None) -> Proposal:
        if plan is not None:
            return propose(self.state, lambda *_: plan)
        assert self.state.desired is not None
        target = make_target(self.state.desired, self.state.applied)
        return Proposal(version=self.state.version, target=target, plan=NOTHING)


def tree_of(*services: catalog.Service, releases: Iterable[Release] = ()) -> Desired:
    """What the trees ask for at the revisions above."""
    return a_desired(*services, releases=releases, snapshot=SNAPSHOT)


def hold(record: Records, *holds: Hold) -> None:
    """Persons held these services once."""
    record.write(*(HoldPut(hold=each) for each in holds))


def accept(
    record: Records,
    steps: Iterable[Step],
    *,
    at: float = 100.0,
    releases: Iterable[Release] = (),
    **fields: Any,
) -> int:
    """A generation of these steps; their plan is like no other."""
    digest = f"{record.state.generation + 1:064x}"
    return record.accept(a_plan(*steps, **({"digest": digest} | fields), releases=releases), at=at)


def carry(
    record: Records,
    step: Step,
    result: RunResult = SUCCEEDED,
    *,
    release: Release | None = None,
    at: float = 102.5,
) -> int:
    """Accept, begin and finish this one step, alone; gives the run's number."""
    accept(record, [replace(step, waits=())], releases=() if release is None else (release,))
    run = record.begin(step)
    record.end(run, result, at=at)
    return run
