"""Statements that every run needs, built once: SQLAlchemy takes longer to build one than SQLite to carry it out.

Which columns an update sets is said by the parameters it is executed with.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, Text, bindparam, cast, delete, func, insert, literal, select, update

from paiwatch.convergence.events import Outcome
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
_ADOPTED = (
    select(runs.c.outcome, runs.c.generation)
    .where(
        runs.c.service == steps.c.service,
        runs.c.operator == steps.c.operator,
        runs.c.digest == steps.c.digest,
        runs.c.generation < steps.c.generation,
    )
    .order_by(runs.c.id.desc())
    .limit(1)
    .correlate(steps)
)
#: Steps of the generation `key` that a run of an older generation did: its outcome is theirs.
SETTLE_ADOPTED = (
    update(steps)
    .where(steps.c.generation == bindparam("key"), steps.c.outcome.is_(None))
    .values(
        outcome=_ADOPTED.with_only_columns(runs.c.outcome).scalar_subquery(),
        because=func.coalesce(
            literal("a run of generation ")
            + _ADOPTED.with_only_columns(cast(runs.c.generation, Text)).scalar_subquery()
            + " did it",
            "",
        ),
    )
)
#: Forget the failures of the service `key`.
DROP_FAILURES = delete(failures).where(failures.c.service == bindparam("key"))
#: Forget those of one release of it.
DROP_FAILURE = delete(failures).where(
    failures.c.service == bindparam("key"), failures.c.digest == bindparam("of_digest")
)


def inserted(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert the row; gives the number it got."""
    key = connection.execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])


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
