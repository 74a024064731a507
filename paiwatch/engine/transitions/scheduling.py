"""Scheduling: what may run now, and what will not run under this plan.

A step runs when everything it waits for succeeded under this plan, neither its service nor one that it stands on runs something,
nobody holds it, its backoff is over, and a slot is free. Nothing begins while a plan is being made.
"""

from collections.abc import Collection
from dataclasses import replace

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine import changes
from paiwatch.engine import holds as holding
from paiwatch.engine.changes import Failure
from paiwatch.engine.draft import Draft
from paiwatch.engine.effects import Prepare
from paiwatch.engine.state import Run
from paiwatch.engine.step_table import Standing
from paiwatch.engine.transitions import failures, quarantine
from paiwatch.news import StepDismissed
from paiwatch.plan.plan import Step

_QUARANTINED = "quarantined: a new release or a retry by a person is needed"

#: A stop that is followed by a start builds too.
_BUILDING = frozenset({Operator.START, Operator.REFRESH})


def in_the_way(step: Step, running: Collection[str]) -> tuple[str, ...]:
    """Services whose runs must end before the step: its own and, for what builds, those it stands on, whichever plan began them."""
    builds = step.id.operator in _BUILDING or not step.last
    involved = (step.id.service, *(step.prerequisites if builds else ()))
    return tuple(service for service in involved if service in running)


def begin_what_may(draft: Draft) -> None:
    """Fill the free slots. What cannot run now is put aside and costs no slot."""
    if draft.is_draining or draft.is_planning:
        return
    table, holds = draft.table, draft.all_holds
    table.wake(draft.now.steady)
    while len(draft.running) < draft.rules.parallel and (step := table.next_ready()) is not None:
        if _waits_for_a_plan(draft):  # what has just used up its retries goes back: a new plan comes first
            table.make_ready(step.id)
            return
        failure = failures.look_up(draft, step)
        if under_way := in_the_way(step, draft.running.value):
            table.park(step.id, until=under_way[0])
        elif holding.is_held(step, holds):
            table.park(step.id, until=step.id.service)
        elif failure.quarantined:
            block(draft, step, _QUARANTINED)
        elif failures.is_used_up(failure, step):
            fail(draft, step, failures.give_up(draft, step))
        elif failure.not_before > draft.now.steady:
            table.rest(step.id, failure.not_before)
        else:
            _begin(draft, step)


def _waits_for_a_plan(draft: Draft) -> bool:
    return draft.is_planning


def may_still_begin(draft: Draft, step: Step) -> bool:
    """Whether nothing has come between a step and its beginning, while its release was being archived."""
    scripts = {name for name, run in draft.running.items() if run.number}
    return not (
        draft.is_planning
        or in_the_way(step, scripts)
        or holding.is_held(step, draft.all_holds)
        or failures.look_up(draft, step).quarantined
    )


def admit(draft: Draft, step: Step) -> None:
    """Queue it, leave it waiting, or block it for as long as this plan lasts.

    Of what is quarantined while another release runs only the end of that run tells: its success forgives.
    """
    if step.held_by:
        block(draft, step, f"prerequisites with errors: {', '.join(step.held_by)}")
    elif draft.table.is_free(step.id):
        if failures.look_up(draft, step).quarantined and step.id.service not in draft.running:
            block(draft, step, _QUARANTINED)
        else:
            draft.table.make_ready(step.id)


def _begin(draft: Draft, step: Step) -> None:
    draft.table.standing[step.id] = Standing.RUNNING
    draft.tickets += 1
    run = Run(ticket=draft.tickets, step=step, generation=draft.table.generation)
    draft.running.put(step.id.service, run)
    draft.do(Prepare(ticket=run.ticket, step=step, generation=run.generation))


# ── steps that will not run ─────────────────────────────────────────────────────────────────────────────────────────


def succeed(draft: Draft, step: Step) -> None:
    """Free what waited for it. For dependents this is a new situation: what failed before does not count."""
    for dependent in draft.table.waiting_for(step.id):
        if dependent.id.service != step.id.service:
            draft.drop_failure(dependent.id.service, dependent.digest)
    for freed in draft.table.succeed(step.id):
        draft.table.make_ready(freed)
    settle(draft, draft.table.generation, succeeded=True)


def fail(draft: Draft, step: Step, failure: Failure) -> None:
    """Retries are used up: only its dependents are held up by that."""
    draft.table.standing[step.id] = Standing.FAILED
    settle(draft, draft.table.generation, succeeded=False)
    quarantine.follow(draft, step, draft.table.generation, failure)
    _block_dependents(draft, step)


def block(draft: Draft, step: Step, because: str) -> None:
    """It cannot run under this plan, nor can what waits for it."""
    if not draft.table.is_final(step.id):
        dismiss(draft, step, Outcome.BLOCKED, because)
    _block_dependents(draft, step)


def _block_dependents(draft: Draft, step: Step) -> None:
    for name in draft.table.dependents(step.id):
        because = f"it waits for {step.id}, which cannot go on"
        dismiss(draft, draft.table.steps[name], Outcome.BLOCKED, because)


def dismiss(draft: Draft, step: Step, outcome: Outcome, because: str) -> None:
    """It gets no run under its generation."""
    blocked = outcome is Outcome.BLOCKED
    draft.table.standing[step.id] = Standing.BLOCKED if blocked else Standing.SUPERSEDED
    settle(draft, draft.table.generation, succeeded=False)
    _say_dismissed(draft, step, outcome, because)


def skip(draft: Draft, step: Step, because: str) -> None:
    """An older generation has done it already: as good as a success."""
    draft.table.standing[step.id] = Standing.SUCCEEDED
    settle(draft, draft.table.generation, succeeded=True)
    _say_dismissed(draft, step, Outcome.SUPERSEDED, because)


def _say_dismissed(draft: Draft, step: Step, outcome: Outcome, because: str) -> None:
    generation = draft.table.generation
    draft.note(changes.StepSettled(generation=generation, step=step.id, outcome=outcome, because=because))
    draft.tell(StepDismissed(generation=generation, step=step, outcome=outcome, because=because))


def supersede(draft: Draft, because: str) -> None:
    """Dismiss what has no outcome and no run of its own. Runs go on, for whoever asks for their work next.

    What was only being prepared is given up: nothing of it is written down.
    """
    for service, run in [*draft.running.items()]:
        if not run.number:
            draft.running.drop(service)
    for step in draft.table.unfinished():
        under_way = draft.running.get(step.id.service)
        own = (step.id, draft.table.generation)
        if under_way is None or (under_way.step.id, under_way.generation) != own:
            dismiss(draft, step, Outcome.SUPERSEDED, because)
    for service, run in [*draft.running.items()]:
        draft.running.put(service, replace(run, counts=False))


def settle(draft: Draft, generation: int, *, succeeded: bool) -> None:
    """One step of it had its outcome."""
    entry = draft.open[generation]
    draft.open.put(
        generation,
        replace(entry, missing=entry.missing - 1, succeeded=entry.succeeded and succeeded),
    )


def unpark_all(draft: Draft) -> None:
    """Holds have changed: what is no longer held goes on; what is held now is put aside when its turn comes."""
    for service in draft.table.parked():
        draft.table.unpark(service)


def rouse(draft: Draft, services: Collection[str]) -> None:
    """End the rests of these services, of all when empty."""
    for step in draft.table.resting():
        if not services or step.service in services:
            draft.table.make_ready(step)
