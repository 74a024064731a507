"""The reading statements, on a connection that cannot write."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from paiwatch.catalog.service import Operator
from paiwatch.convergence.events import Outcome
from paiwatch.plan.applied import Applied, Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind
from paiwatch.record import encoding, layout, lingering, rollbacks
from paiwatch.record.absent import read_absent
from paiwatch.record.approvals import read_held
from paiwatch.record.dialects import sqlite
from paiwatch.record.encoding import seconds
from paiwatch.record.rows import FailureRow, GenerationRow, RunRow, StepRow
from paiwatch.record.schema import failures, generations, holds, runs, steps
from paiwatch.snapshot import Revision


def open_reader(state: Path) -> "Reader | None":
    """None when the record is not made yet. Raises StoreError."""
    connection = sqlite.open_reader(layout.record_file(state))
    return None if connection is None else Reader(state, connection)


class Reader:
    """One read transaction for each call."""

    def __init__(self, state: Path, connection: Connection) -> None:
        self._state = state
        self._connection = connection

    def close(self) -> None:
        """Close the file."""
        sqlite.close(self._connection)

    def _all(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return self._connection.execute(statement).mappings().all()

    def generations(self, *, limit: int) -> tuple[GenerationRow, ...]:
        """The newest first."""
        chosen = _generations().order_by(generations.c.id.desc()).limit(limit)
        return tuple(_generation(row) for row in self._all(chosen))

    def generation(self, number: int) -> tuple[GenerationRow, tuple[StepRow, ...]] | None:
        """One with its steps, in plan order."""
        found = self._all(_generations().where(generations.c.id == number))
        if not found:
            return None
        listed = select(steps).where(steps.c.generation == number).order_by(steps.c.position)
        return _generation(found[0]), tuple(_step(row) for row in self._all(listed))

    def runs(self, *, service: str | None, limit: int) -> tuple[RunRow, ...]:
        """The newest first."""
        chosen = _runs().order_by(runs.c.id.desc()).limit(limit)
        if service is not None:
            chosen = chosen.where(runs.c.service == service)
        return tuple(self._run(row) for row in self._all(chosen))

    def run(self, number: int) -> RunRow | None:
        """One run."""
        found = self._all(_runs().where(runs.c.id == number))
        return self._run(found[0]) if found else None

    def last_runs(self) -> Mapping[str, RunRow]:
        """By service."""
        newest = select(func.max(runs.c.id)).group_by(runs.c.service)
        rows = self._all(_runs().where(runs.c.id.in_(newest)).order_by(runs.c.service))
        return {row["service"]: self._run(row) for row in rows}

    def applied(self) -> Mapping[str, Applied]:
        """By service."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return rollbacks.read_applied(self._connection)

    def absent(self) -> Mapping[str, str]:
        """Services gone from the tree that stay as they are, each with the name that it seems to have now."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return read_absent(self._connection)

    def held_plan(self) -> HeldPlan | None:
        """The plan that waits for an approval."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return read_held(self._connection)

    def holds(self) -> dict[str, Hold]:
        """Persons' holds by service; before those, what lingers."""
        rows = self._all(select(holds).order_by(holds.c.service))
        found = {row["service"]: encoding.hold_from_row(dict(row)) for row in rows}
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return found | {each.hold.service: each.hold for each in lingering.read(self._connection)}

    def failures(self) -> Mapping[tuple[str, str], FailureRow]:
        """By service and release digest."""
        rows = self._all(select(failures).order_by(*failures.primary_key))
        return {(row["service"], row["digest"]): encoding.failure_from_row(dict(row)) for row in rows}

    def _run(self, row: RowMapping) -> RunRow:
        return RunRow(
            id=row["id"],
            generation=row["generation"],
            service=row["service"],
            operator=Operator(row["operator"]),
            digest=row["digest"],
            attempt=row["attempt"],
            began=seconds(row["began"]),
            ended=None if row["ended"] is None else seconds(row["ended"]),
            outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            exit=row["exit"],
            signal=row["signal"],
            seconds=seconds(row["milliseconds"]),
            reaped=row["reaped"],
            message=row["message"],
            config=row["config_id"] or "",
            src=row["src_id"] or "",
            reasons=encoding.reasons_from_json(row["reasons"]),
            newest=_newest(row["config"], row["src"]),
            log=layout.log_file(self._state, row["service"], row["id"]),
        )


def _generations() -> Select[Any]:
    counted = select(func.count()).where(steps.c.generation == generations.c.id).scalar_subquery()
    return select(generations, counted.label("steps"))


def _runs() -> Select[Any]:
    step = (
        (steps.c.generation == runs.c.generation)
        & (steps.c.service == runs.c.service)
        & (steps.c.operator == runs.c.operator)
    )
    joined = runs.outerjoin(generations, generations.c.id == runs.c.generation).outerjoin(steps, step)
    planned = (generations.c[name] for name in ("config_id", "src_id", "config", "src"))
    return select(runs, *planned, steps.c.reasons).select_from(joined)


@lru_cache(maxsize=1024)
def _newest(config: str | None, src: str | None) -> tuple[Revision, ...]:
    """Many runs belong to one generation."""
    if not config or not src:
        return ()
    return encoding.revision_from_json(config), encoding.revision_from_json(src)


def _generation(row: RowMapping) -> GenerationRow:
    return GenerationRow(
        id=row["id"],
        digest=row["digest"],
        config=encoding.revision_from_json(row["config"]),
        src=encoding.revision_from_json(row["src"]),
        accepted=seconds(row["accepted"]),
        closed=None if row["closed"] is None else seconds(row["closed"]),
        succeeded=None if row["succeeded"] is None else bool(row["succeeded"]),
        steps=row["steps"],
    )


def _step(row: RowMapping) -> StepRow:
    return StepRow(
        generation=row["generation"],
        service=row["service"],
        operator=Operator(row["operator"]),
        kind=Kind(row["kind"]),
        digest=row["digest"],
        level=row["level"],
        reasons=encoding.reasons_from_json(row["reasons"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        because=row["because"],
    )
