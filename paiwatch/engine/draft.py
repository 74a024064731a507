"""Draft: the state that an event leads to, while it is being made, and the effects that go with it. PURE.

Whatever the store remembers is changed by a method that also notes the change to be written, so that the state
and the store cannot come apart. Everything else is set by the transitions themselves.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from paiwatch.engine import changes
from paiwatch.engine.changes import Change, Failure
from paiwatch.engine.effects import Answer, Commit, Effect, MakePlan, Refuse, Tell
from paiwatch.engine.events import Moment, Past
from paiwatch.engine.overlay import Overlay
from paiwatch.engine.state import Approval, Lingering, OpenGeneration, Run, State
from paiwatch.engine.step_table import StepTable
from paiwatch.news import News
from paiwatch.plan.applied import Applied, Hold, Pin
from paiwatch.plan.guard import HeldPlan
from paiwatch.problem import Problem

#: What planning compares: another object in any of these makes a plan stale.
_COMPARED = ("applied", "holds", "lingering", "approval", "desired", "requests", "asked")


class PastNeeded(Exception):  # noqa: N818 (no error: the caller asks the store and calls again)
    """The event cannot be handled without what only the store remembers of this service, and of what a person named (`to`)."""

    def __init__(self, service: str, *, leaves: str = "", to: str = "") -> None:
        super().__init__(service)
        self.service = service
        self.leaves = leaves
        self.to = to


class Draft:
    """Begins as a state; `finish` gives the next one. Use it for one event."""

    def __init__(self, state: State, now: Moment, past: Past) -> None:
        self.before = state
        self.now = now
        self.rules = state.rules
        self._past = past
        self.applied: Overlay[str, Applied] = Overlay(state.applied)
        self.holds: Overlay[str, Hold] = Overlay(state.holds)
        self.failures: Overlay[str, Mapping[str, Failure]] = Overlay(state.failures)
        self.lingering: Overlay[int, Lingering] = Overlay(state.lingering)
        self.open: Overlay[int, OpenGeneration] = Overlay(state.open)
        self.running: Overlay[str, Run] = Overlay(state.running)
        self.unfinished = state.unfinished
        self.removing = state.removing
        self.held_plan = state.held_plan
        self.approval = state.approval
        self.retained = state.retained
        self.generation = state.generation
        self.snapshot = state.snapshot
        self.last_run = state.last_run
        self.last_event = state.last_event
        self.seen = state.seen
        self.desired = state.desired
        self.has_planned = state.has_planned
        self.releases = state.releases
        self.accepted = state.accepted
        self.forgiven = state.forgiven
        self.requests = state.requests
        self.asked = state.asked
        self.deferred = state.deferred
        self.told_held = state.told_held
        self.tickets = state.tickets
        self.is_draining = state.is_draining
        self.asked_by = 0  # the request that nobody else waits for
        self.needs_plan = False  # the one that was asked for is to be made
        self._table: StepTable | None = None
        self._changes: list[Change] = []
        self._effects: list[Effect] = []

    @property
    def table(self) -> StepTable:
        """Where the steps stand; it is the draft's own."""
        if self._table is None:
            self._table = self.before.table.copy()
        return self._table

    @table.setter
    def table(self, table: StepTable) -> None:
        self._table = table

    @property
    def is_planning(self) -> bool:
        """Whether a plan is being made."""
        return self.asked is not None

    @property
    def all_holds(self) -> Mapping[str, Hold]:
        """See State."""
        if not len(self.lingering):
            return self.holds.value
        return {**self.holds.value, **{each.step.service: each.hold for each in self.lingering.values()}}

    def past(self, service: str, *, leaves: str = "", to: str = "") -> Past:
        """What only the store remembers. Raises PastNeeded where it was not asked for that yet."""
        if self._past.service != service:
            raise PastNeeded(service, leaves=leaves, to=to)
        return self._past

    # ── what is done about it ───────────────────────────────────────────────────────────────────────────────────────

    def do(self, effect: Effect) -> None:
        """Have this done, once the changes are written."""
        self._effects.append(effect)

    def tell(self, news: News) -> None:
        """Tell it for good: it is written with what it tells."""
        self.last_event += 1
        self.note(changes.EventRecorded(number=self.last_event, at=self.now.wall, news=news))
        self.do(Tell(news=news, number=self.last_event))

    def answer(self, number: int, reply: Mapping[str, Any]) -> None:
        """Answer a request."""
        self.do(Answer(number=number, reply=reply))

    def refuse(self, number: int, why: str, problems: tuple[Problem, ...] = ()) -> None:
        """Answer that it is not done."""
        self.do(Refuse(number=number, why=why, problems=problems))

    def note(self, change: Change) -> None:
        """Have this written."""
        self._changes.append(change)

    # ── what the store remembers ────────────────────────────────────────────────────────────────────────────────────

    def put_applied(self, applied: Applied) -> None:
        """Remember this of a service; its pin is written by `pin` and `unpin`."""
        self.applied.put(applied.service, applied)
        self.note(changes.AppliedPut(applied=applied))

    def drop_applied(self, service: str) -> None:
        """Forget the service and what it could go back to."""
        self.applied.drop(service)
        self.note(changes.AppliedDropped(service=service))

    def pin(self, service: str, pin: Pin) -> None:
        """Roll it back."""
        self.applied.put(service, _pinned(self.applied[service], pin))
        self.note(changes.PinPut(service=service, pin=pin))

    def unpin(self, service: str) -> None:
        """End its rollback."""
        self.applied.put(service, _pinned(self.applied[service], None))
        self.note(changes.PinDropped(service=service))

    def put_hold(self, hold: Hold, *, asked: bool = False) -> None:
        """Hold a service, in place of whatever holds it."""
        self.holds.put(hold.service, hold)
        self.note(changes.HoldPut(hold=hold, asked=asked))

    def drop_hold(self, service: str, *, asked: bool = False) -> None:
        """Let it go, as far as persons hold it."""
        if service in self.holds:
            self.holds.drop(service)
            self.note(changes.HoldDropped(service=service, asked=asked))

    def put_failure(self, failure: Failure) -> None:
        """Know this of the failures of one release now."""
        known = self.failures.get(failure.service) or {}
        self.failures.put(failure.service, {**known, failure.digest: failure})
        if failure.is_durable:
            self.forgiven -= {(failure.service, failure.digest)}
            self.note(changes.FailurePut(failure=failure))

    def drop_failure(self, service: str, digest: str) -> None:
        """They do not count any more."""
        known = self.failures.get(service) or {}
        is_remembered = (digest in known and known[digest].is_durable) or (service, digest) in self.forgiven
        self.overlook(service, digest)
        self.forgiven -= {(service, digest)}
        if is_remembered:
            self.note(changes.FailureDropped(service=service, digest=digest))

    def overlook(self, service: str, digest: str) -> None:
        """They do not count for this life; the store remembers them all the same."""
        known = self.failures.get(service) or {}
        rest = {name: failure for name, failure in known.items() if name != digest}
        if rest:
            self.failures.put(service, rest)
        else:
            self.failures.drop(service)

    def put_lingering(self, lingering: Lingering) -> None:
        """Processes of a run cannot be ended; they are written with its end."""
        self.lingering.put(lingering.run, lingering)

    def drop_lingering(self, run: int) -> None:
        """They are gone."""
        if run in self.lingering:
            self.lingering.drop(run)
            self.note(changes.LingeringGone(run=run))

    def hold_plan(self, plan: HeldPlan | None) -> None:
        """Let this plan wait for a person, or none."""
        if plan != self.held_plan:
            self.held_plan = plan
            self.note(changes.HeldPlanPut(plan=plan))

    def approve(self, approval: Approval) -> None:
        """Let this plan go ahead, or none."""
        if approval.digest != self.approval.digest:
            self.note(changes.ApprovalPut(digest=approval.digest, at=self.now.wall))
        self.approval = approval

    def retain(self, services: Mapping[str, str]) -> None:
        """These are gone from the tree and stay as they are."""
        if services != self.retained:
            self.retained = services
            self.note(changes.RetainedPut(services=services))

    # ── the end of it ───────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> tuple[State, tuple[Effect, ...]]:
        """The next state, and what to do, the changes first."""
        found = {field.name: self._value(field.name) for field in fields(State)}
        if any(found[name] is not getattr(self.before, name) for name in _COMPARED):
            found["version"] = self.before.version + 1
        commit = Commit(changes=tuple(self._changes), asked_by=self.asked_by)
        first = (commit,) if self._changes else ()
        last = (MakePlan(),) if self.needs_plan else ()
        return State(**found), (*first, *self._effects, *last)

    def _value(self, name: str) -> Any:
        if name == "table":
            return self.before.table if self._table is None else self._table
        if name in {"version", "life"}:
            return getattr(self.before, name)
        value = getattr(self, name)
        return value.value if isinstance(value, Overlay) else value


def _pinned(applied: Applied, pin: Pin | None) -> Applied:
    return replace(applied, pin=pin)
