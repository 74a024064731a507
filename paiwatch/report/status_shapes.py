"""Status as a document, and as rows of a table. Pure."""

from collections.abc import Iterable
from typing import Any

from paiwatch.plan.applied import Applied, Hold, Pin
from paiwatch.plan.guard import HeldPlan
from paiwatch.report import acts, notes, plans, runs, times
from paiwatch.report.status import Line, Status


def status_document(status: Status) -> dict[str, Any]:
    """The shape of `status -o json` (docs/cli.md)."""
    return {
        "generation": status.generation,
        "snapshot": {"config": status.config.id or None, "src": status.src.id or None},
        "settled": status.settled,
        "faults": dict(status.faults),
        "held_plan": None if status.held_plan is None else _held_plan_document(status.held_plan),
        "services": [_line_document(line) for line in status.services],
    }


def _held_plan_document(held: HeldPlan) -> dict[str, Any]:
    return {**plans.held_document(held), "since": times.iso(held.since)}


def _line_document(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "state": str(line.state),
        "applied": None if line.applied is None else _applied_document(line.applied),
        "waiting_for": [*line.waiting_for],
        "last_run": None if line.last_run is None else runs.run_document(line.last_run),
        "held": None if line.held is None else _held_document(line.held),
        "rolled_back": None if line.pin is None else _pin_document(line.pin),
    }


def _applied_document(applied: Applied) -> dict[str, Any]:
    return {
        "digest": applied.digest,
        "config": applied.config,
        "src": applied.src,
        "at": times.iso(applied.at),
    }


def _held_document(hold: Hold) -> dict[str, Any]:
    document = {
        "by": str(hold.by),
        "reason": hold.reason,
        "since": times.iso(hold.since),
        "done": hold.done,
    }
    return document if hold.principal is None else {**document, "by_whom": acts.by_whom(hold.principal)}


def _pin_document(pin: Pin) -> dict[str, Any]:
    return {
        "release": pin.release.digest,
        "instead_of": pin.instead_of,
        "origin": pin.origin or None,
        "by": str(pin.by),
        "because": pin.because,
        "leader": pin.leader or None,
        "since": times.iso(pin.since),
    }


def status_rows(lines: Iterable[Line], *, now: float) -> list[tuple[str, ...]]:
    """Service, state, applied (config@src, when), last run, and what there is to say about it."""
    return [
        (
            line.name,
            str(line.state),
            _applied_text(line, now),
            _last_text(line, now),
            notes.note(line, now=now),
        )
        for line in lines
    ]


def _applied_text(line: Line, now: float) -> str:
    if line.applied is None:
        return "-"
    return f"{line.applied.config[:8]}@{line.applied.src[:8]} {times.ago(line.applied.at, now)}"


def _last_text(line: Line, now: float) -> str:
    if line.last_run is None:
        return "-"
    run = line.last_run
    return f"#{run.id} {run.operator} {runs.outcome(run)} {times.ago(run.ended or run.began, now)}"
