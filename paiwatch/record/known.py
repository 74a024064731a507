"""What the writer itself reads from its file: most of it once, when the record is opened."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, func, select

from paiwatch.convergence.events import Outcome
from paiwatch.plan.applied import Applied, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record import encoding, rollbacks
from paiwatch.record.rows import FailureRow
from paiwatch.record.schema import failures, generations, holds, runs, steps


class Known:
    """Each call is one transaction. Raises StoreError."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def applied(self) -> dict[str, Applied]:
        """All of it, by service, with pins."""
        with self._transaction() as connection:
            return rollbacks.read_applied(connection)

    def holds(self) -> dict[str, Hold]:
        """Persons' holds, by service."""
        with self._transaction() as connection:
            rows = connection.execute(select(holds).order_by(holds.c.service)).mappings().all()
        return {row["service"]: encoding.hold_from_row(dict(row)) for row in rows}

    def failures(self) -> dict[tuple[str, str], FailureRow]:
        """Failures in a row, by service and release."""
        with self._transaction() as connection:
            rows = connection.execute(select(failures).order_by(*failures.primary_key)).mappings().all()
        return {(row["service"], row["digest"]): encoding.failure_from_row(dict(row)) for row in rows}

    def latest_generation(self) -> int:
        """The newest id, 0 before the first."""
        with self._transaction() as connection:
            return int(connection.execute(select(func.max(generations.c.id))).scalar_one() or 0)

    def latest_run(self) -> int:
        """The newest id, 0 before the first."""
        with self._transaction() as connection:
            return int(connection.execute(select(func.max(runs.c.id))).scalar_one() or 0)

    def removing(self) -> frozenset[str]:
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
        with self._transaction() as connection:
            return frozenset(connection.execute(chosen).scalars())

    def revisions(self, generation: int) -> tuple[str, str]:
        """Config and src revision ids of a generation."""
        chosen = select(generations.c.config_id, generations.c.src_id).where(generations.c.id == generation)
        with self._transaction() as connection:
            row = connection.execute(chosen).one_or_none()
        return (row.config_id, row.src_id) if row else ("", "")

    def unfinished(self) -> list[Mapping[str, Any]]:
        """Rows of runs without an end, oldest first."""
        with self._transaction() as connection:
            chosen = select(runs).where(runs.c.ended.is_(None)).order_by(runs.c.id)
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def cut_off(self) -> list[tuple[str, int]]:
        """Service and run, where a service's newest run was cut off."""
        newest = select(func.max(runs.c.id)).group_by(runs.c.service)
        chosen = select(runs.c.service, runs.c.id).where(
            runs.c.outcome == str(Outcome.INTERRUPTED), runs.c.id.in_(newest)
        )
        with self._transaction() as connection:
            return [(row.service, row.id) for row in connection.execute(chosen)]
