"""Runs: from the intent to the end, and what each makes of the service, of its step and of its generation. One event, one transaction."""

from dataclasses import replace

from paiwatch.domain.run import Outcome
from paiwatch.engine import changes, remembering
from paiwatch.engine import holds as holding
from paiwatch.engine.changes import Failure
from paiwatch.engine.draft import Draft
from paiwatch.engine.effects import Launch
from paiwatch.engine.events import Prepared, RunEnded, RunStarted, Started
from paiwatch.engine.state import Lingering, Run
from paiwatch.engine.step_table import Standing
from paiwatch.engine.transitions import failures, quarantine, scheduling
from paiwatch.news import RunInterrupted, StepBegan, StepEnded
from paiwatch.plan.applied import DOWN, Applied, Hold
from paiwatch.plan.plan import Step

_ABANDONED = "paiwatch ended before it was done"
_CUT_OFF = "paiwatch ended while it ran"


# ── the beginning ───────────────────────────────────────────────────────────────────────────────────────────────────


def intend(draft: Draft, event: Prepared) -> None:
    """Intent before act: write the run, touch the service; what a person brings up is not held any more.

    A run that is known to start nothing does not touch the service: its release may not even be archived.
    """
    run = next((run for run in draft.running.values() if run.ticket == event.ticket), None)
    if run is None or run.number:
        return  # it was given up meanwhile
    if not scheduling.may_still_begin(draft, run.step):
        draft.running.drop(run.step.id.service)
        draft.table.make_ready(run.step.id)
        draft.table.unpark(run.step.id.service)
        return
    draft.last_run += 1
    step, service, number = run.step, run.step.id.service, draft.last_run
    before = draft.applied.get(service)
    attempt = failures.look_up(draft, step).attempts + 1
    marker = f"{number}-{draft.before.life}"
    versions = remembering.versions_of(draft.applied.value, step.prerequisites)
    draft.note(
        changes.RunIntended(
            run=number,
            generation=run.generation,
            step=step,
            attempt=attempt,
            marker=marker,
            at=draft.now.wall,
        )
    )
    if event.touches:
        if (left := remembering.leaves(before, step)) is not None:
            draft.note(changes.FormerKept(applied=left, generation=run.generation))
        draft.put_applied(remembering.touch(before, step))
        if holding.lifts(step, draft.holds.get(service)):
            draft.drop_hold(service)
    failures.begun(draft, step, number)
    draft.running.put(
        service,
        replace(
            run,
            number=number,
            attempt=attempt,
            marker=marker,
            before=before,
            versions=versions,
            began=draft.now.wall,
        ),
    )
    draft.tell(StepBegan(run=number, generation=run.generation, attempt=attempt, step=step))
    draft.do(Launch(ticket=run.ticket, run=number, marker=marker, step=step, generation=run.generation))


def identify(draft: Draft, event: RunStarted) -> None:
    """Its process is known: after a crash it can be found."""
    run = _of(draft, event.run)
    if run is not None:
        draft.running.put(run.step.id.service, replace(run, identity=event.identity))
        draft.note(changes.RunIdentified(run=event.run, identity=event.identity))


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def end(draft: Draft, event: RunEnded) -> None:
    """Everything that follows from the end of a run, as one."""
    run = _of(draft, event.run)
    if run is None:
        return
    draft.running.drop(run.step.id.service)
    step = draft.table.steps[run.step.id] if run.counts else run.step
    at = max(draft.now.wall, run.began)  # a clock may have been set back
    draft.note(
        changes.RunFinished(
            run=run.number, generation=run.generation, step=step.id, result=event.result, at=at
        )
    )
    failure = _judge(draft, run, step, event, at)
    _tell_end(draft, run, step, event, failure)
    if event.result.lingering:
        draft.put_lingering(
            Lingering(
                run=run.number,
                step=step.id,
                marker=run.marker,
                identity=run.identity,
                pids=event.result.lingering,
                since=at,
            )
        )
        scheduling.unpark_all(draft)
    _settle(draft, run, step, failure, event.result.outcome)
    draft.table.unpark(step.id.service)


def _tell_end(draft: Draft, run: Run, step: Step, event: RunEnded, failure: Failure | None) -> None:
    is_counted = event.result.outcome not in {Outcome.SUCCEEDED, Outcome.INTERRUPTED}
    draft.tell(
        StepEnded(
            run=run.number,
            generation=run.generation,
            attempt=run.attempt,
            step=step,
            result=event.result,
            retry_in=failures.retry_in(step, failure) if is_counted and failure is not None else None,
        )
    )


def _judge(draft: Draft, run: Run, step: Step, event: RunEnded, at: float) -> Failure | None:
    """What the outcome means for the service; gives what is known of its failures, None after a success."""
    if event.result.outcome is Outcome.SUCCEEDED:
        _succeeded(draft, run, step, at)
        return None
    if event.result.outcome is Outcome.INTERRUPTED and event.result.begun:
        _hold(draft, holding.after_interruption(step.id, run.number, step.spec.interrupted, at=at))
    return failures.count(draft, step, event.result, run.number)


def _succeeded(draft: Draft, run: Run, step: Step, at: float) -> None:
    """The stop of a restart proves nothing yet, so only a last step clears what failed before."""
    service = step.id.service
    if (done := holding.fulfilled(step, draft.holds.get(service))) is not None:
        draft.put_hold(done)
    after = _remembered(draft, run, step, at)
    if after is None:
        draft.drop_applied(service)
        kept = draft.holds.get(service)
        if kept is not None and kept.by in DOWN:  # what a person took down is gone now, for good
            draft.drop_hold(service)
    elif after is not draft.applied[service]:
        draft.put_applied(after)
    if step.last:
        failures.clear(draft, step)
        _outdate_dependents(draft, service)
        failures.give_new_chances(draft)


def _remembered(draft: Draft, run: Run, step: Step, at: float) -> Applied | None:
    """The service's memory after a success. It may have been rolled back while this ran: the pin stays."""
    now = draft.applied[step.id.service]
    generation = draft.open[run.generation]
    release = generation.plan.releases.get(step.id.service)
    if release is not None and release.digest != step.digest:
        release = None
    after = remembering.settle(
        now,
        run,
        step,
        release,
        revisions=(generation.plan.config, generation.plan.src),
        at=at,
    )
    return after if after is None or after.pin is now.pin else replace(after, pin=now.pin)


def _hold(draft: Draft, hold: Hold | None) -> None:
    """What a person said outlives what a crash says."""
    if hold is not None and hold.service not in draft.holds:
        draft.put_hold(hold)
        scheduling.unpark_all(draft)


def _outdate_dependents(draft: Draft, service: str) -> None:
    """Runs that began before their prerequisite was applied anew are no longer what a plan asks for."""
    for name, run in [*draft.running.items()]:
        if service in run.step.prerequisites:
            draft.running.put(name, replace(run, is_stale=True))


def _settle(draft: Draft, run: Run, step: Step, failure: Failure | None, outcome: Outcome) -> None:
    """The outcome counts for the run's own generation, and for the plan in force if that takes the run for its own."""
    succeeded = failure is None
    is_older = run.generation != draft.table.generation
    if is_older or not run.counts:
        scheduling.settle(draft, run.generation, succeeded=succeeded)
    if is_older and run.counts:
        because = f"a run of generation {run.generation} did it"
        draft.note(
            changes.StepSettled(
                generation=draft.table.generation,
                step=step.id,
                outcome=outcome,
                because=because,
                dismissed=False,
            )
        )
    if not run.counts:
        if not is_older:
            draft.table.standing[step.id] = Standing.SUCCEEDED if succeeded else Standing.FAILED
        if failure is not None and failure.quarantined:
            quarantine.follow(draft, step, run.generation, failure)
    elif failure is None:
        scheduling.succeed(draft, step)
    elif failure.quarantined:
        scheduling.fail(draft, step, failure)
    else:
        draft.table.make_ready(step.id)


# ── what a crash left ───────────────────────────────────────────────────────────────────────────────────────────────


def recover(draft: Draft, event: Started) -> None:
    """Runs that an earlier paiwatch left without an end get it; their services stay touched, so they count as changed."""
    failures.inherit(draft)
    for each in event.recovered:
        unfinished = draft.unfinished[each.run]
        at = max(draft.now.wall, unfinished.began)
        hold = holding.after_interruption(
            unfinished.step, each.run, unfinished.interrupted, at=draft.now.wall
        )
        draft.note(
            changes.RunInterrupted(
                run=each.run,
                generation=unfinished.generation,
                step=unfinished.step,
                because=_CUT_OFF,
                lingering=each.left,
                at=at,
            )
        )
        _hold(draft, hold)
        if each.left:
            draft.put_lingering(
                Lingering(
                    run=each.run,
                    step=unfinished.step,
                    marker=unfinished.marker,
                    identity=unfinished.identity,
                    pids=each.left,
                    since=at,
                )
            )
        draft.tell(
            RunInterrupted(
                run=each.run,
                service=unfinished.service,
                operator=str(unfinished.operator),
                ended=each.ended,
                held=hold is not None,
            )
        )
    draft.unfinished = {}
    draft.note(changes.GenerationsAbandoned(because=_ABANDONED, at=draft.now.wall))


def _of(draft: Draft, number: int) -> Run | None:
    return next((run for run in draft.running.values() if run.number == number), None)
