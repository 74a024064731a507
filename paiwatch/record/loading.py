"""Loading: the state as the store remembers it, once, at a start."""

from dataclasses import replace

from sqlalchemy import Connection, func, select

from paiwatch.engine.changes import Failure
from paiwatch.engine.state import Approval, Failures, Lingering, Rules, State, Unfinished
from paiwatch.plan.applied import Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind
from paiwatch.record import hold_rows, run_rows
from paiwatch.record.formers import read_applied
from paiwatch.record.schema import (
    absent,
    approvals,
    events,
    failures,
    generations,
    held_plans,
    holds,
    runs,
    steps,
)


def load(connection: Connection, rules: Rules, *, life: str) -> State:
    """All of it. `life` is random: it makes the markers of this life's runs unique for good."""
    generation = int(connection.execute(select(func.max(generations.c.id))).scalar_one() or 0)
    return State(
        rules=rules,
        life=life,
        applied=read_applied(connection),
        holds=read_holds(connection),
        failures=by_service(read_failures(connection)),
        removing=_removing(connection),
        lingering=read_lingering(connection),
        unfinished=_unfinished(connection),
        held_plan=_waiting(connection),
        approval=_approval(connection),
        retained=read_retained(connection),
        generation=generation,
        snapshot=_revisions(connection, generation),
        last_run=int(connection.execute(select(func.max(runs.c.id))).scalar_one() or 0),
        last_event=int(connection.execute(select(func.max(events.c.seq))).scalar_one() or 0),
    )


def read_holds(connection: Connection) -> dict[str, Hold]:
    """Those of persons and interruptions, by service."""
    rows = connection.execute(select(holds).order_by(holds.c.service)).mappings().all()
    return {row["service"]: hold_rows.hold_from_row(dict(row)) for row in rows}


def read_failures(connection: Connection) -> tuple[Failure, ...]:
    """Failures in a row, by service and digest."""
    rows = connection.execute(select(failures).order_by(*failures.primary_key)).mappings().all()
    return tuple(hold_rows.failure_from_row(dict(row)) for row in rows)


def by_service(found: tuple[Failure, ...]) -> Failures:
    """As the state has them."""
    book: dict[str, dict[str, Failure]] = {}
    for failure in found:
        book.setdefault(failure.service, {})[failure.digest] = failure
    return book


def read_lingering(connection: Connection) -> dict[int, Lingering]:
    """Runs that have ended and left processes that nobody could end, oldest first."""
    chosen = select(runs).where(runs.c.lingering != "").order_by(runs.c.id)
    found = (run_rows.lingering_from_row(dict(row)) for row in connection.execute(chosen).mappings())
    return {each.run: each for each in found}


def read_retained(connection: Connection) -> dict[str, str]:
    """Services gone from the tree that stay as they are, as of the newest plan; each with the name that it seems to have now."""
    rows = connection.execute(select(absent.c.service, absent.c.renamed_to).order_by(absent.c.service))
    return {row.service: row.renamed_to for row in rows}


def read_held_plan(connection: Connection) -> HeldPlan | None:
    """What waits for a person, if anything does; it may be approved by now."""
    row = connection.execute(select(held_plans)).mappings().first()
    if row is None:
        return None
    approved = _approved(connection) == row["digest"]
    return hold_rows.held_plan_from_row(dict(row), approved=approved)


def _waiting(connection: Connection) -> HeldPlan | None:
    held = read_held_plan(connection)
    return None if held is None else replace(held, approved=False)


def _approved(connection: Connection) -> str:
    """Digest of the plan that is approved and not done yet, "" when there is none."""
    return str(connection.execute(select(approvals.c.digest)).scalar() or "")


def _unfinished(connection: Connection) -> dict[int, Unfinished]:
    """Runs that began and have no end, oldest first."""
    chosen = select(runs).where(runs.c.ended.is_(None)).order_by(runs.c.id)
    found = (run_rows.unfinished_from_row(dict(row)) for row in connection.execute(chosen).mappings())
    return {each.run: each for each in found}


def _removing(connection: Connection) -> frozenset[str]:
    """Services whose newest run was to remove them."""
    newest = select(func.max(runs.c.id)).group_by(runs.c.service)
    step = (
        (steps.c.generation == runs.c.generation)
        & (steps.c.service == runs.c.service)
        & (steps.c.operator == runs.c.operator)
    )
    chosen = (
        select(runs.c.service)
        .join(steps, step)
        .where(runs.c.id.in_(newest), steps.c.kind == str(Kind.REMOVED))
    )
    return frozenset(connection.execute(chosen).scalars())


def _revisions(connection: Connection, generation: int) -> tuple[str, str]:
    """Config and src revision ids of a generation."""
    chosen = select(generations.c.config_id, generations.c.src_id).where(generations.c.id == generation)
    row = connection.execute(chosen).one_or_none()
    return (row.config_id, row.src_id) if row else ("", "")


def _approval(connection: Connection) -> Approval:
    """The approval in force, with the steps of the newest generation that was accepted under it."""
    digest = _approved(connection)
    if not digest:
        return Approval()
    accepted = (
        select(generations.c.id, generations.c.config_id, generations.c.src_id)
        .where(generations.c.digest == digest)
        .order_by(generations.c.id.desc())
        .limit(1)
    )
    row = connection.execute(accepted).one_or_none()
    if row is None:
        return Approval(digest=digest)
    had = select(steps.c.service, steps.c.operator, steps.c.digest).where(steps.c.generation == row.id)
    return Approval(
        digest=digest,
        snapshot=(row.config_id, row.src_id),
        steps=frozenset((step.service, step.operator, step.digest) for step in connection.execute(had)),
    )
