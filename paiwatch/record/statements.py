"""Statements that every run needs, built once: SQLAlchemy takes longer to build one than SQLite to carry it out.

Which columns an update sets is said by the parameters it is executed with.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, update

from paiwatch.domain.run import Outcome
from paiwatch.record.dialects import upserts
from paiwatch.record.schema import failures, runs, steps

#: Set columns of the run `key`.
CHANGE_RUN = update(runs).where(runs.c.id == bindparam("key"))
#: Set columns of one step.
CHANGE_STEP = update(steps).where(
    steps.c.generation == bindparam("of_generation"),
    steps.c.service == bindparam("of_service"),
    steps.c.operator == bindparam("of_operator"),
)
#: Forget the failures of the release `of_digest` of the service `key`.
DROP_FAILURE = delete(failures).where(
    failures.c.service == bindparam("key"), failures.c.digest == bindparam("of_digest")
)


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or replace the one with its key."""
    connection.execute(upserts.replacing(connection.dialect.name, table), row)


def put_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, unless one with its key is there."""
    connection.execute(upserts.keeping(connection.dialect.name, table), row)


def mark_step(
    connection: Connection, step: tuple[int, str, str], outcome: Outcome, because: str = ""
) -> None:
    """The outcome of a step: its generation, service and operator."""
    generation, service, operator = step
    connection.execute(
        CHANGE_STEP,
        {
            "of_generation": generation,
            "of_service": service,
            "of_operator": str(operator),
            "outcome": str(outcome),
            "because": because,
        },
    )
