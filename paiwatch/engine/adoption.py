"""Adoption: when a run that a newer plan finds going is the very work that plan asks for. PURE."""

from collections.abc import Mapping

from paiwatch.catalog.service import Operator
from paiwatch.plan.plan import Step, StepId

_TEARDOWN = frozenset({Operator.STOP, Operator.DELETE})


def find_adopter(running: Step, steps: Mapping[StepId, Step]) -> tuple[Step, ...]:
    """The steps of the new plan that this run does: none, one, or the stop and the start of a restart.

    A step that still waits for a prerequisite is not done by a run that began before that prerequisite's change. The
    start of a restart, though, was begun after its own stop: then the new plan's stop is done as well.
    """
    step = steps.get(running.id)
    if step is None or step.held_by or not _is_same_work(running, step):
        return ()
    if not step.waits:
        return (step,)
    stop = steps.get(StepId(service=step.id.service, operator=Operator.STOP))
    if (
        stop is not None
        and step.waits == (stop.id,)
        and stop.id in running.waits
        and not stop.waits
        and stop.digest == step.digest
    ):
        return (stop, step)
    return ()


def _is_same_work(running: Step, step: Step) -> bool:
    """The same operator on the same release, and remembered in the same way when it succeeds.

    What a service stands on is no part of its release: a start that knew less of that would be remembered without it.
    """
    if running.digest != step.digest or running.last is not step.last:
        return False
    if running.id.operator in _TEARDOWN:
        return running.kind is step.kind
    return set(step.prerequisites) <= set(running.prerequisites)
