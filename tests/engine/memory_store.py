"""A store in memory: remembers what the engine tells it, as the real one does, and gives a state for the next life.

The one stand-in of the simulation. That the real store does the same with the same changes is tested in tests/record.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from paiwatch.engine import changes
from paiwatch.engine.changes import Change, Failure
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.events import Key, NamedRun, Past
from paiwatch.engine.state import Approval, Lingering, Rules, State, Unfinished
from paiwatch.plan.applied import Applied, Former, Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind, Plan


@dataclass
class MemoryStore:
    """What is durable."""

    applied: dict[str, Applied] = field(default_factory=dict)
    formers: dict[str, list[Former]] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    failures: dict[Key, Failure] = field(default_factory=dict)
    runs: dict[int, changes.RunIntended] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    lingering: dict[int, Lingering] = field(default_factory=dict)
    generations: dict[int, Plan] = field(default_factory=dict)
    closed: dict[int, bool] = field(default_factory=dict)  # and whether all their steps succeeded
    held_plan: HeldPlan | None = None
    approved: str = ""
    retained: dict[str, str] = field(default_factory=dict)
    events: list[int] = field(default_factory=list)

    def commit(self, committed: Iterable[Change]) -> None:
        """All of it, in order."""
        for change in committed:
            self._write(change)

    def _write(self, change: Change) -> None:
        match change:
            case changes.GenerationOpened(generation=generation, plan=plan):
                assert generation not in self.generations
                self.generations[generation] = plan
            case changes.GenerationClosed(generation=generation, succeeded=succeeded):
                assert generation not in self.closed
                self.closed[generation] = succeeded
            case changes.GenerationsAbandoned():
                self.closed = dict.fromkeys(self.generations, False) | self.closed
            case changes.EventRecorded(number=number):
                assert number == len(self.events) + 1, "events are numbered without a gap"
                self.events.append(number)
            case changes.HeldPlanPut(plan=held):
                self.held_plan = held
            case changes.ApprovalPut(digest=digest):
                self.approved = digest
            case changes.RetainedPut(services=services):
                self.retained = dict(services)
            case _:
                self._write_run(change)

    def _write_run(self, change: Change) -> None:
        match change:
            case changes.RunIntended(run=run):
                assert run not in self.runs
                self.runs[run] = change
            case changes.RunFinished(run=run, result=result, at=at):
                self._end(run, str(result.outcome), result.lingering, at)
            case changes.RunInterrupted(run=run, lingering=lingering, at=at):
                self._end(run, "interrupted", lingering, at)
            case changes.LingeringGone(run=run):
                del self.lingering[run]
            case _:
                self._write_service(change)

    def _end(self, run: int, outcome: str, lingering: frozenset[int], at: float) -> None:
        assert run not in self.ended, "a run ends once"
        self.ended[run] = outcome
        if lingering:
            row = self.runs[run]
            self.lingering[run] = Lingering(
                run=run, step=row.step.id, marker=row.marker, identity=None, pids=lingering, since=at
            )

    def _write_service(self, change: Change) -> None:
        match change:
            case changes.AppliedPut(applied=applied):
                pin = self.applied[applied.service].pin if applied.service in self.applied else None
                self.applied[applied.service] = replace(applied, pin=pin)
            case changes.AppliedDropped(service=service):
                self.applied.pop(service, None)
                self.formers.pop(service, None)
            case changes.FormerKept(applied=applied, generation=generation):
                others = [
                    each
                    for each in self.formers.get(applied.service, ())
                    if each.release.digest != applied.digest
                ]
                self.formers[applied.service] = [Former(release=applied, left=generation), *others]
            case changes.PinPut(service=service, pin=pin):
                self.applied[service] = replace(self.applied[service], pin=pin)
            case changes.PinDropped(service=service):
                self.applied[service] = replace(self.applied[service], pin=None)
            case changes.HoldPut(hold=hold):
                self.holds[hold.service] = hold
            case changes.HoldDropped(service=service):
                self.holds.pop(service, None)
            case changes.FailurePut(failure=failure):
                self.failures[failure.service, failure.digest] = failure
            case changes.FailureDropped(service=service, digest=digest):
                self.failures.pop((service, digest), None)

    # ── another life ────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, rules: Rules, *, life: str) -> State:
        """The state of a paiwatch that begins now."""
        failures: dict[str, dict[str, Failure]] = {}
        for (service, digest), failure in self.failures.items():
            failures.setdefault(service, {})[digest] = _durable(failure)
        newest = max(self.generations, default=0)
        plan = self.generations.get(newest)
        return State(
            rules=rules,
            life=life,
            applied=dict(self.applied),
            holds=dict(self.holds),
            failures=failures,
            removing=self.removing(),
            unfinished={run: _unfinished(self.runs[run]) for run in self.runs if run not in self.ended},
            lingering=dict(self.lingering),
            held_plan=self.held_plan,
            approval=self._approval(),
            retained=dict(self.retained),
            generation=newest,
            snapshot=(plan.config, plan.src) if plan else ("", ""),
            last_run=max(self.runs, default=0),
            last_event=len(self.events),
        )

    def removing(self) -> frozenset[str]:
        """Services whose newest run was to remove them."""
        newest = {run.step.id.service: run for _, run in sorted(self.runs.items())}
        return frozenset(name for name, run in newest.items() if run.step.kind is Kind.REMOVED)

    def _approval(self) -> Approval:
        accepted = [plan for plan in self.generations.values() if plan.digest == self.approved]
        if not self.approved or not accepted:
            return Approval(digest=self.approved)
        plan = accepted[-1]
        steps = frozenset((step.id.service, str(step.id.operator), step.digest) for step in plan.steps)
        return Approval(digest=self.approved, snapshot=(plan.config, plan.src), steps=steps)

    def past(self, needed: PastNeeded, is_archived: Callable[[str], bool]) -> Past:
        """What only the store remembers of a service."""
        lefts = {former.left for former in self.formers.get(needed.service, ())} | {
            max(self.generations, default=0)
        }
        changed = {
            left: frozenset(
                (step.id.service, step.digest)
                for step in self.generations[left].steps
                if step.kind is Kind.CHANGED
            )
            for left in lefts
            if left in self.generations
        }
        names = {needed.service} | {name for found in changed.values() for name, _ in found}
        formers = {name: tuple(self.formers.get(name, ())) for name in names}
        digests = {former.release.digest for found in formers.values() for former in found}
        digests |= {self.applied[name].digest for name in names if name in self.applied}
        runs = [run for run, row in self.runs.items() if row.step.id.service == needed.service]
        of_release = [run for run in runs if self.runs[run].step.digest == needed.leaves]
        return Past(
            service=needed.service,
            formers=formers,
            changed=changed,
            archived=frozenset(filter(is_archived, digests)),
            last_run=max(of_release, default=0),
            run=self._named(needed.to),
        )

    def _named(self, to: str) -> NamedRun | None:
        row = self.runs.get(int(to)) if to.isdecimal() else None
        if row is None:
            return None
        brought_up = row.step.id.operator in {"start", "refresh"} and self.ended.get(row.run) == "succeeded"
        return NamedRun(service=row.step.id.service, digest=row.step.digest, brought_up=brought_up)

    # ── the promise of every commit ─────────────────────────────────────────────────────────────────────────────────

    def check_knows(self, state: State) -> None:
        """Another life would begin from the very same memory."""
        assert state.applied == self.applied
        assert state.holds == self.holds
        assert {run: replace(each, identity=None) for run, each in state.lingering.items()} == self.lingering
        assert state.held_plan == self.held_plan
        assert state.approval.digest == self.approved
        assert state.retained == self.retained
        assert state.generation == max(self.generations, default=0)
        assert state.last_run == max(self.runs, default=0)
        assert state.last_event == len(self.events)
        known = {
            (service, digest): _durable(failure)
            for service, found in state.failures.items()
            for digest, failure in found.items()
            if failure.is_durable
        }
        durable = {
            key: _durable(failure) for key, failure in self.failures.items() if key not in state.forgiven
        }
        assert known == durable, f"{known}\n{durable}"
        assert {
            run.number for run in state.running.values() if run.number
        } == self.runs.keys() - self.ended.keys()
        assert state.open.keys() == self.generations.keys() - self.closed.keys()


def _durable(failure: Failure) -> Failure:
    """What another life knows of it."""
    return replace(failure, not_before=0.0, rests=0, inherited=False)


def _unfinished(row: changes.RunIntended) -> Unfinished:
    return Unfinished(
        run=row.run,
        generation=row.generation,
        service=row.step.id.service,
        operator=row.step.id.operator,
        marker=row.marker,
        identity=None,
        interrupted=row.step.spec.interrupted,
        began=row.at,
    )
