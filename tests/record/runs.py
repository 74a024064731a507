"""One life of paiwatch over the real store, moved by hand; and builders of what it does: steps, results, plans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Identity, Outcome, RunResult
from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.engine import changes
from paiwatch.engine.changes import Change, Failure
from paiwatch.engine.commands import Act, Adopt
from paiwatch.engine.effects import Commit
from paiwatch.engine.engine import handle
from paiwatch.engine.events import (
    Archived,
    Commanded,
    Event,
    Key,
    LingeringEnded,
    Moment,
    Past,
    Prepared,
    Proposed,
    Recovered,
    RunEnded,
    RunStarted,
    Started,
)
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.state import Ask, Rules, Run
from paiwatch.plan.applied import Applied, Former, Hold, Pin
from paiwatch.plan.plan import Kind, Plan, Reason, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.record import layout
from paiwatch.record.rows import Pruned
from paiwatch.record.store import Store
from paiwatch.releases.release import Desired, Release
from paiwatch.snapshot import Revision, Snapshot, Tree
from tests.builders import ALL_SCRIPTS, SPEC_FIELDS, a_desired

CONFIG, SRC = Revision(id="c" * 40, author="Ana", subject="port", at=5.5), Revision(id="d" * 40)
SUCCEEDED = RunResult(outcome=Outcome.SUCCEEDED, exit=0, signal=None, seconds=0.25)
FAILED = RunResult(outcome=Outcome.FAILED, exit=3, signal=None, seconds=0.5, reaped=2, message="exit code 3")
INTERRUPTED = RunResult(outcome=Outcome.INTERRUPTED, exit=None, signal=15, seconds=0.5, message="draining")
ANA = Principal(uid=1000, user="ana", login="ana", door="a test")


@dataclass(frozen=True, slots=True)
class Begun:
    """A run whose intent is written."""

    run: int
    marker: str
    log: Path


class Record:
    """The store, and the engine whose changes it is given: each call is one event, or one fact that a test sets up."""

    def __init__(self, state: Path, store: Store) -> None:
        self._folder = state
        self.store = store
        self.state = store.load(Rules(policy=Policy(), parallel=99))

    @classmethod
    def open(cls, state: Path) -> Self:
        """Another life; nothing of an earlier one is settled."""
        return cls(state, Store.open(state))

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def feed(self, event: Event, *, at: float = 100.0, past: Past | None = None) -> None:
        """Handle it at this time, and write what that changes; then the state is another one."""
        state, effects = handle(self.state, event, Moment(at, at), past or Past())
        if effects and isinstance(commit := effects[0], Commit):
            self.store.commit(commit.changes)
        self.state = state

    def write(self, *facts: Change, **state: Any) -> None:
        """Facts as they are, and the state that they are of."""
        self.store.commit(facts)
        self.state = replace(self.state, **state)

    # ── what is known ───────────────────────────────────────────────────────────────────────────────────────────────

    def memory(self) -> dict[str, Applied]:
        return dict(self.state.applied)

    def holds(self) -> dict[str, Hold]:
        return dict(self.state.all_holds)

    def failures(self) -> dict[Key, Failure]:
        """What another life would know of them."""
        durable = (
            each for found in self.state.failures.values() for each in found.values() if each.is_durable
        )
        return {(each.service, each.digest): each for each in durable}

    def past(self, service: str, *, leaves: str = "", to: str = "") -> Past:
        """As if all releases were archived."""
        return self.store.past(service, leaves=leaves, to=to, is_archived=bool)

    def formers(self, service: str) -> tuple[Former, ...]:
        return self.past(service).formers[service]

    # ── plans and runs ──────────────────────────────────────────────────────────────────────────────────────────────

    def accept(
        self, plan: Plan, config: Revision, src: Revision, *, at: float, holds: Iterable[Hold] = ()
    ) -> int:
        """Make this plan the newest generation; gives its number."""
        trees = [Tree(revision=revision, folder=".", files={}) for revision in (config, src)]
        desired = a_desired(snapshot=Snapshot(config=trees[0], src=trees[1]))
        self.state = replace(self.state, desired=desired, asked=Ask(anew=True), snapshot=("", ""))
        target = make_target(desired, {})
        proposal = Proposal(version=self.state.version, target=target, plan=plan, chosen=plan)
        self.feed(Proposed(proposal=proposal), at=at)
        for hold in holds:
            self.hold(hold)
        return self.state.generation

    def begin(
        self, step: Step, generation: int, attempt: int = 1, *, at: float, touches: bool = True
    ) -> Begun:
        """Write the intent of a run, whatever the plan in force says of its step."""
        log = layout.log_file(self._folder, step.id.service, self.state.last_run + 1)
        ticket = self.state.tickets + 1
        counts = generation == self.state.table.generation and step.id in self.state.table.steps
        run = Run(ticket=ticket, step=step, generation=generation, counts=counts)
        running = {**self.state.running, step.id.service: run}
        self.state = replace(self.state, tickets=ticket, running=running, asked=None)
        self.feed(Prepared(ticket=ticket, touches=touches), at=at)
        begun = self.state.running[step.id.service]
        assert begun.number, "it was given back"
        assert attempt in {1, begun.attempt}
        return Begun(begun.number, begun.marker, log)

    def started(self, run: int, identity: Identity) -> None:
        self.feed(RunStarted(run=run, identity=identity))

    def finish(self, run: int, result: RunResult, *, at: float, release: Release | None = None) -> None:
        """`release` is the one that ran, where the plan did not say so."""
        if release is not None:
            under_way = next(each for each in self.state.running.values() if each.number == run)
            entry = self.state.open[under_way.generation]
            releases = {**entry.plan.releases, release.service: release}
            opened = {
                **self.state.open,
                under_way.generation: replace(entry, plan=replace(entry.plan, releases=releases)),
            }
            self.state = replace(self.state, open=opened)
        self.feed(RunEnded(run=run, result=result), at=at)

    def recover(self, *runs: int, at: float, left: Iterable[int] = ()) -> None:
        """What a paiwatch that died left is settled: these runs, whose processes `left` nobody could end."""
        recovered = tuple(Recovered(run=run, left=frozenset(left)) for run in runs)
        self.feed(Started(recovered=recovered), at=at)

    def gone(self, run: int) -> None:
        self.feed(LingeringEnded(runs=frozenset({run})))

    def close_generation(self, generation: int, *, succeeded: bool, at: float) -> None:
        self.write(changes.GenerationClosed(generation=generation, succeeded=succeeded, at=at))

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def obey(self, command: Act, *, at: float = 100.0) -> None:
        self.state = replace(self.state, asked=None)
        self.feed(Commanded(number=1, command=command, principal=ANA), at=at)

    def adopt(self, desired: Desired, names: Iterable[str], *, at: float) -> None:
        """Take these for applied; those that are not in the tree are forgotten."""
        self.state = replace(self.state, desired=desired, asked=None, running={})
        asked = Commanded(number=1, command=Adopt(services=frozenset(names)), principal=ANA)
        self.feed(Archived(asked=asked, desired=desired), at=at)

    def hold(self, hold: Hold) -> None:
        self.write(changes.HoldPut(hold=hold), holds={**self.state.holds, hold.service: hold})

    def lift(self, service: str) -> None:
        holds = {name: hold for name, hold in self.state.holds.items() if name != service}
        self.write(changes.HoldDropped(service=service), holds=holds)

    def quarantine(self, service: str, digest: str, *, attempts: int, at: float, because: str = "") -> None:
        failure = Failure(
            service=service, digest=digest, attempts=attempts, quarantined=True, since=at, because=because
        )
        known = {**self.state.failures.get(service, {}), digest: failure}
        self.write(changes.FailurePut(failure=failure), failures={**self.state.failures, service: known})

    def roll_back(
        self, service: str, failed: str, pins: Mapping[str, Pin], *, because: str, at: float
    ) -> None:
        """Pins, and the quarantine of what the service goes back from."""
        self.quarantine(service, failed, attempts=0, at=at, because=because)
        applied = {name: replace(self.state.applied[name], pin=pin) for name, pin in pins.items()}
        facts = (changes.PinPut(service=name, pin=pin) for name, pin in pins.items())
        self.write(*facts, applied={**self.state.applied, **applied})

    def unpin(self, service: str) -> None:
        applied = replace(self.state.applied[service], pin=None)
        self.write(changes.PinDropped(service=service), applied={**self.state.applied, service: applied})

    def prune(self, *, runs: int, generations: int, releases: int = 3, events: int = 100_000) -> Pruned:
        return self.store.prune(runs=runs, generations=generations, releases=releases, events=events)


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


def a_plan(*steps: Step, digest: str = "p" * 64) -> Plan:
    """These steps, for the revisions above."""
    return Plan(digest=digest, config=CONFIG.id, src=SRC.id, steps=steps)


def accept(record: Record, steps: Iterable[Step] = (), *, at: float = 100.0) -> int:
    """A generation of these steps."""
    return record.accept(a_plan(*steps), CONFIG, SRC, at=at)


def carry(
    record: Record, step: Step, result: RunResult = SUCCEEDED, *, release: Release | None = None, **ends: Any
) -> int:
    """Accept, begin and finish this one step; gives the run's number."""
    generation = accept(record, [step])
    run = record.begin(step, generation, 1, at=101.0).run
    record.finish(run, result, release=release, **({"at": 102.5} | ends))
    return run
