"""Progress: the machine as people see it. PURE; reads, never moves anything."""

from collections.abc import Mapping

from paiwatch.convergence import holding
from paiwatch.convergence.board import Standing
from paiwatch.convergence.events import Progress
from paiwatch.convergence.machine import Machine
from paiwatch.convergence.running import in_the_way
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


def progress(machine: Machine) -> Mapping[StepId, Progress]:
    """Where each step of the newest generation stands, in plan order."""
    return {name: _show(machine, step) for name, step in machine.board.steps.items()}


def is_settled(machine: Machine) -> bool:
    """Whether all that the newest plan asked for is done."""
    return all(standing is Standing.SUCCEEDED for standing in machine.board.standing.values())


def is_idle(machine: Machine) -> bool:
    """Whether nothing runs, and nothing will by the mere passing of time."""
    return not machine.running and (machine.is_draining or machine.board.next_wake() is None)


def _show(machine: Machine, step: Step) -> Progress:
    failures = machine.failing.look_up(step)
    standing = machine.board.standing[step.id]
    state = _STATES.get(standing, "waiting")
    if state == "waiting" and holding.is_held(step, machine.holds):
        state = "held"
    running = standing is Standing.RUNNING
    return Progress(
        state=state,
        waiting_for=_waiting_for(machine, step),
        attempt=failures.attempts + running,
        not_before=failures.not_before if standing is Standing.RESTING else 0.0,
    )


def _waiting_for(machine: Machine, step: Step) -> tuple[str, ...]:
    """Services that must succeed first, or run just now, and those with errors; none for what is done or runs."""
    standing = machine.board.standing
    if standing[step.id] in {Standing.SUCCEEDED, Standing.RUNNING}:
        return ()
    waits = (other.service for other in step.waits if standing[other] is not Standing.SUCCEEDED)
    under_way = set(in_the_way(step, machine.running)) - {step.id.service}
    return tuple(sorted({*waits, *step.held_by, *under_way}))
