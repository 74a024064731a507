"""Writing: each change of the engine as the statements that make it durable. It decides nothing; the transaction is the caller's."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from paiwatch.domain.run import Outcome
from paiwatch.engine import changes
from paiwatch.engine.changes import Change
from paiwatch.plan.plan import StepId
from paiwatch.record import applied_rows, encoding, event_rows, hold_rows, layout, run_rows
from paiwatch.record.encoding import milliseconds
from paiwatch.record.schema import (
    absent,
    applied,
    approvals,
    events,
    failures,
    formers,
    generations,
    held_plans,
    holds,
    pins,
    runs,
    steps,
)
from paiwatch.record.statements import CHANGE_RUN, DROP_FAILURE, mark_step, put, put_new

#: Writes one change.
_Write = Callable[[Connection, Any], None]


def write(connection: Connection, change: Change) -> None:
    """Carry it out, inside the caller's transaction."""
    _WRITERS[type(change)](connection, change)


# ── generations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _open_generation(connection: Connection, change: changes.GenerationOpened) -> None:
    row = {
        "id": change.generation,
        "digest": change.plan.digest,
        "config": encoding.revision_to_json(change.config),
        "config_id": change.config.id,
        "src": encoding.revision_to_json(change.src),
        "src_id": change.src.id,
        "accepted": milliseconds(change.at),
    }
    connection.execute(insert(generations), row)
    listed = [
        run_rows.step_to_row(change.generation, position, step)
        for position, step in enumerate(change.plan.steps)
    ]
    if listed:
        connection.execute(insert(steps), listed)


def _close_generation(connection: Connection, change: changes.GenerationClosed) -> None:
    connection.execute(
        update(generations)
        .where(generations.c.id == change.generation)
        .values(closed=milliseconds(change.at), succeeded=int(change.succeeded))
    )


def _abandon(connection: Connection, change: changes.GenerationsAbandoned) -> None:
    opened = select(generations.c.id).where(generations.c.closed.is_(None))
    connection.execute(
        update(steps)
        .where(steps.c.generation.in_(opened), steps.c.outcome.is_(None))
        .values(outcome=str(Outcome.SUPERSEDED), because=change.because)
    )
    connection.execute(
        update(generations)
        .where(generations.c.closed.is_(None))
        .values(closed=milliseconds(change.at), succeeded=0)
    )


def _settle_step(connection: Connection, change: changes.StepSettled) -> None:
    mark_step(connection, _step(change.generation, change.step), change.outcome, change.because)


def _step(generation: int, step: StepId) -> tuple[int, str, str]:
    return generation, step.service, str(step.operator)


# ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _intend(connection: Connection, change: changes.RunIntended) -> None:
    layout.refuse_bad_name(change.step.id.service)  # else every reader of this run would fail
    connection.execute(insert(runs), run_rows.intent_to_row(change))


def _identify(connection: Connection, change: changes.RunIdentified) -> None:
    identity = change.identity
    row = {"pid": identity.pid, "started_ticks": identity.started_ticks, "boot": identity.boot}
    connection.execute(CHANGE_RUN, {"key": change.run, **row})


def _finish(connection: Connection, change: changes.RunFinished) -> None:
    connection.execute(CHANGE_RUN, {"key": change.run, **run_rows.result_to_row(change.result, change.at)})
    mark_step(connection, _step(change.generation, change.step), change.result.outcome)


def _interrupt(connection: Connection, change: changes.RunInterrupted) -> None:
    began = connection.execute(select(runs.c.began).where(runs.c.id == change.run)).scalar_one()
    row = {
        "ended": max(milliseconds(change.at), began),
        "outcome": str(Outcome.INTERRUPTED),
        "message": change.because,
        "lingering": run_rows.lingering_to_json(change.lingering),
        "milliseconds": max(0, milliseconds(change.at) - began),
    }
    connection.execute(CHANGE_RUN, {"key": change.run, **row})
    mark_step(connection, _step(change.generation, change.step), Outcome.INTERRUPTED, change.because)


def _forget_lingering(connection: Connection, change: changes.LingeringGone) -> None:
    connection.execute(CHANGE_RUN, {"key": change.run, "lingering": ""})


# ── what services are ───────────────────────────────────────────────────────────────────────────────────────────────


def _put_applied(connection: Connection, change: changes.AppliedPut) -> None:
    put(connection, applied, applied_rows.applied_to_row(change.applied))


def _drop_applied(connection: Connection, change: changes.AppliedDropped) -> None:
    for table in (applied, formers, pins):
        _delete(connection, table, change.service)


def _keep_former(connection: Connection, change: changes.FormerKept) -> None:
    put(connection, formers, applied_rows.former_to_row(change.applied, change.generation))


def _put_pin(connection: Connection, change: changes.PinPut) -> None:
    put_new(connection, formers, applied_rows.former_to_row(change.pin.release, change.pin.left))
    put(connection, pins, applied_rows.pin_to_row(change.service, change.pin))


def _drop_pin(connection: Connection, change: changes.PinDropped) -> None:
    _delete(connection, pins, change.service)


def _put_hold(connection: Connection, change: changes.HoldPut) -> None:
    put(connection, holds, hold_rows.hold_to_row(change.hold))


def _drop_hold(connection: Connection, change: changes.HoldDropped) -> None:
    _delete(connection, holds, change.service)


def _put_failure(connection: Connection, change: changes.FailurePut) -> None:
    put(connection, failures, hold_rows.failure_to_row(change.failure))


def _drop_failure(connection: Connection, change: changes.FailureDropped) -> None:
    connection.execute(DROP_FAILURE, {"key": change.service, "of_digest": change.digest})


def _delete(connection: Connection, table: Table, service: str) -> None:
    connection.execute(delete(table).where(table.c.service == service))


# ── the rest ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hold_plan(connection: Connection, change: changes.HeldPlanPut) -> None:
    connection.execute(delete(held_plans))
    if change.plan is not None:
        connection.execute(insert(held_plans), hold_rows.held_plan_to_row(change.plan))


def _approve(connection: Connection, change: changes.ApprovalPut) -> None:
    connection.execute(delete(approvals))
    if change.digest:
        connection.execute(insert(approvals), {"digest": change.digest, "at": milliseconds(change.at)})


def _retain(connection: Connection, change: changes.RetainedPut) -> None:
    connection.execute(delete(absent))
    rows = _retained_rows(change.services)
    if rows:
        connection.execute(insert(absent), rows)


def _retained_rows(services: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"service": name, "renamed_to": renamed} for name, renamed in sorted(services.items())]


def _record_event(connection: Connection, change: changes.EventRecorded) -> None:
    connection.execute(insert(events), event_rows.to_row(change))


def _nothing(_: Connection, __: changes.ServiceAdopted | changes.FailuresForgiven) -> None:
    """What follows from it is written by the changes beside it."""


_WRITERS: Mapping[type, _Write] = {
    changes.GenerationOpened: _open_generation,
    changes.GenerationClosed: _close_generation,
    changes.GenerationsAbandoned: _abandon,
    changes.StepSettled: _settle_step,
    changes.RunIntended: _intend,
    changes.RunIdentified: _identify,
    changes.RunFinished: _finish,
    changes.RunInterrupted: _interrupt,
    changes.LingeringGone: _forget_lingering,
    changes.AppliedPut: _put_applied,
    changes.AppliedDropped: _drop_applied,
    changes.FormerKept: _keep_former,
    changes.PinPut: _put_pin,
    changes.PinDropped: _drop_pin,
    changes.ServiceAdopted: _nothing,
    changes.HoldPut: _put_hold,
    changes.HoldDropped: _drop_hold,
    changes.FailurePut: _put_failure,
    changes.FailureDropped: _drop_failure,
    changes.FailuresForgiven: _nothing,
    changes.HeldPlanPut: _hold_plan,
    changes.ApprovalPut: _approve,
    changes.RetainedPut: _retain,
    changes.EventRecorded: _record_event,
}


def places(committed: Iterable[Change]) -> Iterable[str]:
    """The fail-points that are reached once these are durable, in their order."""
    has_pins = any(isinstance(change, changes.PinPut) for change in committed)
    for change in committed:
        match change:
            case changes.FailurePut(failure=failure) if failure.quarantined and not has_pins:
                yield "service.quarantined"
            case changes.ApprovalPut(digest=digest):
                yield "plan.approved" if digest else "plan.withdrawn"
            case changes.HoldPut(asked=True):
                yield "service.held"
            case changes.HoldDropped(asked=True):
                yield "service.lifted"
            case changes.StepSettled(dismissed=True):
                yield "step.dismissed"
            case _:
                if place := _PLACES.get(type(change)):
                    yield place


_PLACES: Mapping[type, str] = {
    changes.GenerationOpened: "plan.accepted",
    changes.GenerationClosed: "generation.closed",
    changes.GenerationsAbandoned: "past.abandoned",
    changes.RunIntended: "run.intended",
    changes.RunIdentified: "run.identified",
    changes.RunFinished: "run.finished",
    changes.RunInterrupted: "past.interrupted",
    changes.PinPut: "service.pinned",
    changes.PinDropped: "service.unpinned",
    changes.ServiceAdopted: "service.adopted",
    changes.FailuresForgiven: "service.forgiven",
    changes.HeldPlanPut: "plan.held",
}
