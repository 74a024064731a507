"""Quarantine: what follows when the retries of a release are used up, in the same transaction as the last failure."""

from dataclasses import replace

from paiwatch.catalog.service import OnFailure
from paiwatch.engine import rollback_checks
from paiwatch.engine.changes import Failure
from paiwatch.engine.draft import Draft
from paiwatch.engine.transitions import asking, rollbacks
from paiwatch.engine.transitions.rollbacks import Turn
from paiwatch.news import StepQuarantined
from paiwatch.plan.plan import Kind, Step
from paiwatch.releases.release import Desired


def follow(draft: Draft, step: Step, generation: int, failure: Failure) -> None:
    """Say that the release waits for a person, and go back to an earlier one where policy asks for that."""
    turn, note = _rollback(draft, step, failure)
    if note:
        draft.put_failure(replace(failure, because="; ".join(filter(None, (failure.because, note)))))
    draft.tell(StepQuarantined(generation=generation, step=step, attempts=failure.attempts, note=note))
    if turn is not None:
        rollbacks.go_back(draft, turn)
        asking.ask(draft, back=frozenset(turn.pins))


def _rollback(draft: Draft, step: Step, failure: Failure) -> tuple[Turn | None, str]:
    """The rollback that policy asks for, or why there is none ("" when none is asked for)."""
    service, desired = step.id.service, draft.desired
    if desired is None or not _asks(step, desired, draft.rules.policy.on_failure):
        return None, ""
    applied = draft.applied[service]
    if applied.pin is not None and applied.pin.instead_of == step.digest:
        return None, ""  # a person was faster
    if applied.digest == step.digest:
        return None, rollback_checks.ran_well(step)
    times = f"{failure.attempts} times" if failure.attempts > 1 else "once"
    because = f"{step.id.operator} failed {times}"
    turn = rollbacks.by_policy(draft, service, step.digest, because, desired)
    return turn, rollbacks.NOTHING if turn is None else ""


def _asks(step: Step, desired: Desired, on_failure: OnFailure) -> bool:
    """Whether policy wants a rollback of what failed, and the tree still asks for that.

    A rollback that fails leads to no other one; neither does a failure of what a person asked for.
    """
    service = desired.services.get(step.id.service)
    release = desired.releases.get(step.id.service)
    if step.kind in {Kind.ASKED, Kind.REMOVED} or step.instead_of or service is None or release is None:
        return False
    wants = (service.on_failure or on_failure) is OnFailure.ROLLBACK
    return wants and release.digest == step.digest
