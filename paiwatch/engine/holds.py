"""Holding: whether a step waits for a person. PURE."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.domain.principal import Principal
from paiwatch.plan.applied import DOWN, EVERYTHING, HeldBy, Hold
from paiwatch.plan.plan import Kind, Step, StepId

#: Holds that end when a person brings the service up.
_LIFTED = {Operator.START: DOWN | {HeldBy.INTERRUPTED}, Operator.REFRESH: frozenset({HeldBy.INTERRUPTED})}
_TAKEN_DOWN = {Operator.STOP: HeldBy.STOPPED, Operator.DELETE: HeldBy.DELETED}


def asked(
    service: str, operator: Operator, *, at: float, reason: str = "", principal: Principal | None = None
) -> Hold | None:
    """The hold of a service that a person wants taken down, and why; not done yet. None for operators that bring it up."""
    by = _TAKEN_DOWN.get(operator)
    if by is None:
        return None
    said = f"service {operator}: {reason}" if reason else f"service {operator}"
    return Hold(service=service, by=by, reason=said, since=at, done=False, principal=principal)


def fulfilled(step: Step, hold: Hold | None) -> Hold | None:
    """The hold that asked for this step, once that succeeded; None when the step does nothing for it."""
    if (
        hold is None
        or hold.done
        or step.kind is not Kind.ASKED
        or _TAKEN_DOWN.get(step.id.operator) is not hold.by
    ):
        return None
    return replace(hold, done=True)


def lifts(step: Step, hold: Hold | None) -> bool:
    """Whether this hold ends when the step begins: a person brings the service up."""
    if hold is None or step.kind is not Kind.ASKED:
        return False
    return hold.by in _LIFTED.get(step.id.operator, frozenset())


def is_held(step: Step, holds: Mapping[str, Hold]) -> bool:
    """By a hold of its service, or of everything."""
    found = (holds.get(step.id.service), holds.get(EVERYTHING))
    return any(hold is not None and _holds_back(hold, step.kind) for hold in found)


def _holds_back(hold: Hold, kind: Kind) -> bool:
    """What a person asked for is not held; a removal not by a stop or a delete. Quarantine is the machine's own matter.

    Processes that linger hold back everything: whatever began would overlap with them.
    """
    if hold.by is HeldBy.LINGERING:
        return True
    if kind is Kind.ASKED or hold.by is HeldBy.QUARANTINED:
        return False
    return kind is not Kind.REMOVED or hold.by in {HeldBy.SUSPENDED, HeldBy.INTERRUPTED}


def after_interruption(step: StepId, run: int, asked: OnInterruption, *, at: float) -> Hold | None:
    """The hold that follows when this run of the step was cut off, if its release asks for one. `at` is epoch seconds."""
    if asked is OnInterruption.RERUN:
        return None
    reason = (
        f"run {run} ({step.operator}) was cut off; "
        f"look at `paiwatch logs {run}`, then `paiwatch retry {step.service}`"
    )
    return Hold(service=step.service, by=HeldBy.INTERRUPTED, reason=reason, since=at)


def lingering(step: StepId, run: int, pids: Collection[int], *, since: float) -> Hold:
    """The hold for as long as these processes of a run that has ended are there."""
    named = ",".join(map(str, sorted(pids)))
    reason = (
        f"processes of run {run} ({step.operator}) cannot be ended, and nothing of {step.service} begins while they are there; "
        f"`ps -o pid,user,stat,wchan:20,args -p {named}` shows them; end them or what they wait for, it goes on by itself then"
    )
    return Hold(service=step.service, by=HeldBy.LINGERING, reason=reason, since=since)
