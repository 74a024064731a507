"""Salvage: the least of a run's end that must not be forgotten, where the engine met a bug over the rest. PURE.

What ran well is not run again by the next start, and what failed costs no attempt: the bug is ours.
"""

from paiwatch.domain.run import Outcome
from paiwatch.engine import changes, remembering
from paiwatch.engine.changes import Change
from paiwatch.engine.events import Moment, RunEnded
from paiwatch.engine.state import State


def salvage(state: State, event: RunEnded, now: Moment) -> tuple[Change, ...]:
    """That it ended, and what is remembered of its service after a success."""
    run = next((run for run in state.running.values() if run.number == event.run), None)
    if run is None:
        return ()
    at = max(now.wall, run.began)
    finished = changes.RunFinished(
        run=run.number, generation=run.generation, step=run.step.id, result=event.result, at=at
    )
    if event.result.outcome is not Outcome.SUCCEEDED:
        return (finished,)
    service, plan = run.step.id.service, state.open[run.generation].plan
    release = plan.releases.get(service)
    if release is not None and release.digest != run.step.digest:
        release = None
    revisions = (plan.config, plan.src)
    after = remembering.settle(state.applied[service], run, run.step, release, revisions=revisions, at=at)
    if after is None:
        return (finished, changes.AppliedDropped(service=service))
    return (finished, changes.AppliedPut(applied=after))
