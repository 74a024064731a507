"""Notes: what status says of a service beside its state. Pure."""

from typing import TYPE_CHECKING

from paiwatch.plan import pins
from paiwatch.plan.applied import EVERYTHING, HeldBy, Hold
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
        found.append(
            f"rolled back {times.ago(line.pin.since, now)}: {pins.tell(line.pin, has_errors=line.has_errors)}"
        )
    if line.has_errors and line.pin is None:
        found.append("its files have errors: `paiwatch validate`")
    if line.held is not None:
        other = (
            f"release {line.held.digest[:8]}: " if line.held.digest and line.state != "quarantined" else ""
        )
        found.append(f"{other}{held(line.held, line.name, now=now)}")
    return "\n".join(found)


def remedy(hold: Hold) -> str:
    """What lets the service go on; "" where its reason says so."""
    named = "" if hold.service == EVERYTHING else f" {hold.service}"
    match hold.by:
        case HeldBy.SUSPENDED:
            return f"go on with `paiwatch resume{named}`"
        case HeldBy.STOPPED | HeldBy.DELETED:
            return f"bring it up with `paiwatch service start -n{named}`"
        case HeldBy.QUARANTINED:
            return f"push a fix, or `paiwatch retry{named}`"
        case _:
            return ""


def held(hold: Hold, service: str, *, now: float) -> str:
    """Since when, by whom and why a service is held; of a stop or a delete that has not succeeded, what to do."""
    since = times.ago(hold.since, now)
    if hold.principal is not None:
        since = f"by {hold.principal.name}, {since}"
    command = _COMMANDS.get(hold.by, "")
    why = hold.reason.removeprefix(f"{command}: ") if command else hold.reason
    if hold.done:
        return f"{hold.by} {since}: {why or 'no reason given'}"
    because = f" ({why})" if why != command else ""
    return (
        f"`{command}` was asked for {since}{because} and has not succeeded, so what is up is not known: "
        f"`paiwatch {command} -n {service}` does it again, `paiwatch service start -n {service}` brings it up"
    )


#: What a person ran that holds a service like this; the reason of the hold begins so.
_COMMANDS = {HeldBy.STOPPED: "service stop", HeldBy.DELETED: "service delete"}
