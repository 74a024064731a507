"""Notes: what status says of a service beside its state. Pure."""

from typing import TYPE_CHECKING

from paiwatch.plan import pins
from paiwatch.report import times

if TYPE_CHECKING:
    from paiwatch.report.status import Line


def note(line: "Line", *, now: float) -> str:
    """What a person wants to know next: for whom it waits, until when, or why it is held."""
    found = []
    if line.waiting_for:
        found.append(f"waits for {', '.join(line.waiting_for)}")
    if line.step is not None and line.step.not_before > now:
        found.append(f"next try in {times.rough(line.step.not_before - now)}")
    if line.state == "held" and line.held_plan is not None:
        found.append(f"awaiting approval of plan {line.held_plan.digest[:12]}")
    if line.renamed_to:
        found.append(f"renamed to {line.renamed_to}")
    if line.renamed_from:
        found.append(f"renamed from {line.renamed_from}")
    if line.pin is not None:
        found.append(f"rolled back {times.ago(line.pin.since, now)}: {pins.tell(line.pin)}")
    if line.held is not None:
        found.append(
            f"{line.held.by} {times.ago(line.held.since, now)}: {line.held.reason or 'no reason given'}"
        )
    return "\n".join(found)
