"""Machine: what may run now. Events in, intents out. PURE: no clock, no chance, no I/O; the daemon acts on the intents.

A step runs as soon as it may: everything it waits for succeeded under this plan, neither its service nor one that it
stands on runs something, nobody holds it, its backoff is over, and a slot is free. The newest plan replaces whatever has not started. Each generation
is closed once, when all its steps have an outcome: a success, a Quarantine, a Dismiss, or, for what an older
generation still had running, the end of that run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from paiwatch.convergence import adoption, holding
from paiwatch.convergence.board import Board, Standing
from paiwatch.convergence.events import (
    Begin,
    Dismiss,
    Draining,
    Ended,
    Event,
    FailureBook,
    Failures,
    Forgiven,
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
from paiwatch.convergence.failing import Failing
from paiwatch.convergence.generations import Generations
from paiwatch.convergence.running import Run, in_the_way
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Plan, Step

_QUARANTINED = "quarantined: a new release or a retry by a person is needed"

_NO_PLAN = Plan(digest="", config="", src="", steps=())


class Machine:
    """One task owns it and feeds it. `board`, `running`, `failing` and `holds` are for reading; `removing` as in Failing."""

    def __init__(
        self,
        limits: Limits,
        *,
        failures: FailureBook | None = None,
        holds: Mapping[str, Hold] | None = None,
        removing: Iterable[str] = (),
    ) -> None:
        self.board = Board(_NO_PLAN, 0)
        self.running: dict[str, Run] = {}
        self.failing = Failing(failures or {}, removing)
        self.holds: Mapping[str, Hold] = dict(holds or {})
        self.is_draining = False
        self._limits = limits
        self._generations = Generations()
        self._intents: list[Intent] = []

    def step(self, event: Event, now: float) -> tuple[Intent, ...]:
        """Take in one event; what to do about it, in this order. `now` never goes back."""
        match event:
            case Planned():
                self._accept(event)
            case Ended():
                self._end(event, now)
            case HoldsChanged():
                self._hold(event.holds)
            case Retried():
                self._retry(event.services)
            case RolledBack():
                self.failing.turn_back(event)
                self._rouse(frozenset((event.service,)))
            case Forgiven(inputs=inputs):
                self.failing.forgive_inputs(inputs)
            case Draining():
                self._drain()
            case Tick():
                pass
            case _:
                assert_never(event)
        self.board.wake(now)
        self._begin_what_may(now)
        self._intents.extend(self._generations.take_closed())
        if (at := self.board.next_wake()) is not None:
            self._intents.append(Wake(at=at))
        intents, self._intents = tuple(self._intents), []
        return intents

    # ── a new plan ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _accept(self, planned: Planned) -> None:
        """Replace what has not started, adopt what runs already, and queue what waits for nothing."""
        self._supersede(f"generation {planned.generation} replaced it")
        self.board = Board(planned.plan, planned.generation)
        self._generations.open(planned.generation, len(planned.plan.steps))
        if self.is_draining:
            self._supersede("paiwatch is stopping")
            return
        self.failing.meet(planned.plan.steps)
        self.holds = {**self.holds, **{hold.service: hold for hold in planned.holds}}
        for service, run in self.running.items():
            self.running[service] = self._adopt(run)
        for step in planned.plan.steps:
            if self.board.standing[step.id] is Standing.WAITING:
                self._admit(step)

    def _supersede(self, because: str) -> None:
        """Dismiss what has no outcome and no run of its own. Runs go on, for whoever asks for their work next."""
        for step in self.board.unfinished():
            run = self.running.get(step.id.service)
            if run is None or run.step.id != step.id or run.generation != self.board.generation:
                self._dismiss(step, Outcome.SUPERSEDED, because)
        for service, run in self.running.items():
            self.running[service] = replace(run, counts=False)

    def _adopt(self, run: Run) -> Run:
        """Let a run count for the new plan, if that asks for the same work."""
        adopters = adoption.find_adopter(run.step, self.board.steps)
        if run.is_stale or not adopters:
            return run
        for stop in adopters[:-1]:
            self._skip(stop, f"generation {run.generation} did it, and its start is running")
        self.board.standing[adopters[-1].id] = Standing.RUNNING
        return replace(run, counts=True)

    def _admit(self, step: Step) -> None:
        """Queue it, leave it waiting, or block it for as long as this plan lasts.

        Of what is quarantined while another release runs only the end of that run tells: its success forgives.
        """
        if step.held_by:
            self._block(step, f"prerequisites with errors: {', '.join(step.held_by)}")
        elif self.board.is_free(step.id):
            if self.failing.look_up(step).quarantined and step.id.service not in self.running:
                self._block(step, _QUARANTINED)
            else:
                self.board.make_ready(step.id)

    # ── beginning ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin_what_may(self, now: float) -> None:
        """Fill the free slots. What cannot run now is put aside and costs no slot."""
        if self.is_draining:
            return
        while len(self.running) < self._limits.parallel and (step := self.board.next_ready()) is not None:
            failures = self.failing.look_up(step)
            if under_way := in_the_way(step, self.running):
                self.board.park(step.id, until=under_way[0])
            elif holding.is_held(step, self.holds):
                self.board.park(step.id, until=step.id.service)
            elif failures.quarantined:
                self._block(step, _QUARANTINED)
            elif self.failing.is_used_up(step):
                self._fail(step, self.failing.give_up(step))
            elif failures.not_before > now:
                self.board.rest(step.id, failures.not_before)
            else:
                self._begin(step, failures)

    def _begin(self, step: Step, failures: Failures) -> None:
        self.board.standing[step.id] = Standing.RUNNING
        self.running[step.id.service] = Run(step, self.board.generation, counts=True)
        if holding.lifts(step, self.holds.get(step.id.service)):
            self.holds = {name: hold for name, hold in self.holds.items() if name != step.id.service}
        self._intents.append(
            Begin(step=step, generation=self.board.generation, attempt=failures.attempts + 1)
        )

    # ── the end of a run ────────────────────────────────────────────────────────────────────────────────────────────

    def _end(self, event: Ended, now: float) -> None:
        """Record the outcome for the run's own generation, and for the current one if it counts there."""
        run = self.running.get(event.step.service)
        if run is None or (run.step.id, run.generation) != (event.step, event.generation):
            return
        del self.running[event.step.service]
        step = self.board.steps[run.step.id] if run.counts else run.step
        succeeded = event.outcome is Outcome.SUCCEEDED
        failures = self._judge(step, event.outcome, now)
        if run.generation != self.board.generation or not run.counts:
            self._generations.settle(run.generation, succeeded=succeeded)
        if not run.counts:
            self._end_elsewhere(run, succeeded=succeeded, failures=failures)
        elif succeeded:
            self._succeed(step)
        elif failures.quarantined:
            self._fail(step, failures)
        else:
            self.board.make_ready(step.id)
        self.board.unpark(event.step.service)

    def _judge(self, step: Step, outcome: Outcome, now: float) -> Failures:
        """Count it. The stop of a restart proves nothing yet, so only a last step clears what failed before."""
        if outcome is Outcome.SUCCEEDED:
            if step.last:
                self.failing.clear(step)
                self._outdate_dependents(step.id.service)
            return self.failing.look_up(step)
        if outcome is Outcome.INTERRUPTED:
            return self.failing.rest(step, now)
        return self.failing.count(step, now)

    def _outdate_dependents(self, service: str) -> None:
        """Runs that began before their prerequisite was applied anew are no longer what a plan asks for."""
        for name, run in self.running.items():
            if service in run.step.prerequisites:
                self.running[name] = replace(run, is_stale=True)

    def _end_elsewhere(self, run: Run, *, succeeded: bool, failures: Failures) -> None:
        """A run that the current plan does not count: of an older generation, or while draining."""
        if run.generation == self.board.generation:
            self.board.standing[run.step.id] = Standing.SUCCEEDED if succeeded else Standing.FAILED
        if not succeeded and failures.quarantined:
            self._quarantine(run.step, run.generation, failures)

    def _succeed(self, step: Step) -> None:
        """Free what waited for it. For dependents this is a new situation: what failed before does not count."""
        for dependent in self.board.waiting_for(step.id):
            if dependent.id.service != step.id.service:
                self.failing.forgive(dependent)
        for freed in self.board.succeed(step.id):
            self.board.make_ready(freed)
        self._generations.settle(self.board.generation, succeeded=True)

    def _fail(self, step: Step, failures: Failures) -> None:
        """Retries are used up: only its dependents are held up by that."""
        self.board.standing[step.id] = Standing.FAILED
        self._generations.settle(self.board.generation, succeeded=False)
        self._quarantine(step, self.board.generation, failures)
        self._block_dependents(step)

    def _quarantine(self, step: Step, generation: int, failures: Failures) -> None:
        self._intents.append(Quarantine(step=step, generation=generation, attempts=failures.attempts))

    # ── steps that will not run ─────────────────────────────────────────────────────────────────────────────────────

    def _block(self, step: Step, because: str) -> None:
        if not self.board.is_final(step.id):
            self._dismiss(step, Outcome.BLOCKED, because)
        self._block_dependents(step)

    def _block_dependents(self, step: Step) -> None:
        for name in self.board.dependents(step.id):
            self._dismiss(
                self.board.steps[name], Outcome.BLOCKED, f"it waits for {step.id}, which cannot go on"
            )

    def _dismiss(self, step: Step, outcome: Outcome, because: str) -> None:
        blocked = outcome is Outcome.BLOCKED
        self.board.standing[step.id] = Standing.BLOCKED if blocked else Standing.SUPERSEDED
        self._generations.settle(self.board.generation, succeeded=False)
        self._say_dismissed(step, outcome, because)

    def _skip(self, step: Step, because: str) -> None:
        """An older generation has done it already: as good as a success."""
        self.board.standing[step.id] = Standing.SUCCEEDED
        self._generations.settle(self.board.generation, succeeded=True)
        self._say_dismissed(step, Outcome.SUPERSEDED, because)

    def _say_dismissed(self, step: Step, outcome: Outcome, because: str) -> None:
        self._intents.append(
            Dismiss(step=step, generation=self.board.generation, outcome=outcome, because=because)
        )

    # ── persons ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _hold(self, holds: Mapping[str, Hold]) -> None:
        """What is no longer held goes on; what is held now is put aside when its turn comes."""
        self.holds = dict(holds)
        for service in self.board.parked():
            self.board.unpark(service)

    def _retry(self, services: frozenset[str]) -> None:
        """Forget failures and rests. What already has its outcome keeps it: the next plan tries that again."""
        self.failing.forgive_services(services)
        self._rouse(services)

    def _rouse(self, services: frozenset[str]) -> None:
        """End the rests of these services, of all when empty."""
        for step in self.board.resting():
            if not services or step.service in services:
                self.board.make_ready(step)

    def _drain(self) -> None:
        """Begin nothing more; what runs may finish."""
        self.is_draining = True
        self._supersede("paiwatch is stopping")
