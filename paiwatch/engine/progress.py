"""Progress: where each step of the plan in force stands, as people see it. PURE; it reads a state and moves nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from paiwatch.engine import holds as holding
from paiwatch.engine.changes import Failure
from paiwatch.engine.state import State
from paiwatch.engine.step_table import Standing
from paiwatch.engine.transitions.scheduling import in_the_way
from paiwatch.plan.plan import Step, StepId

#: Standings that are called the same to people.
_STATES = {
    Standing.RUNNING: "running",
    Standing.RESTING: "backing-off",
    Standing.SUCCEEDED: "succeeded",
    Standing.FAILED: "failed",
    Standing.BLOCKED: "blocked",
    Standing.SUPERSEDED: "blocked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """Where one step stands. `waiting_for` names services; `not_before` is a moment of the monotonic clock, 0 for none."""

    state: str  # waiting | running | backing-off | succeeded | failed | blocked | held
    waiting_for: tuple[str, ...] = ()
    attempt: int = 0
    not_before: float = 0.0


def progress(state: State) -> Mapping[StepId, StepProgress]:
    """In plan order."""
    return {name: _show(state, step) for name, step in state.table.steps.items()}


def _show(state: State, step: Step) -> StepProgress:
    known = state.failures.get(step.id.service, {}).get(step.digest)
    failure = known or Failure(service=step.id.service, digest=step.digest)
    standing = state.table.standing[step.id]
    word = _STATES.get(standing, "waiting")
    if word == "waiting" and holding.is_held(step, state.all_holds):
        word = "held"
    return StepProgress(
        state=word,
        waiting_for=_waiting_for(state, step),
        attempt=failure.attempts + (standing is Standing.RUNNING),
        not_before=failure.not_before if standing is Standing.RESTING else 0.0,
    )


def _waiting_for(state: State, step: Step) -> tuple[str, ...]:
    """Services that must succeed first, or run just now, and those with errors; none for what is done or runs."""
    standing = state.table.standing
    if standing[step.id] in {Standing.SUCCEEDED, Standing.RUNNING}:
        return ()
    waits = (other.service for other in step.waits if standing[other] is not Standing.SUCCEEDED)
    under_way = set(in_the_way(step, state.running)) - {step.id.service}
    return tuple(sorted({*waits, *step.held_by, *under_way}))
