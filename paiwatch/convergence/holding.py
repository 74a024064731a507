"""Holding: whether a person keeps a step back. PURE."""

from collections.abc import Mapping

from paiwatch.plan.applied import EVERYTHING, HeldBy, Hold
from paiwatch.plan.plan import Kind, Step


def is_held(step: Step, holds: Mapping[str, Hold]) -> bool:
    """By a hold of its service, or of everything."""
    found = (holds.get(step.id.service), holds.get(EVERYTHING))
    return any(hold is not None and _holds_back(hold, step.kind) for hold in found)


def _holds_back(hold: Hold, kind: Kind) -> bool:
    """What a person asked for is not held; a removal only by a suspension. Quarantine is the machine's own matter."""
    if kind is Kind.ASKED or hold.by is HeldBy.QUARANTINED:
        return False
    return kind is not Kind.REMOVED or hold.by is HeldBy.SUSPENDED
