"""What each source accepted last and what it refused since, by the name of its mirror. It decides nothing; the transaction is the caller's."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from paiwatch.record.rows import AcceptanceRow
from paiwatch.record.schema import acceptances
from paiwatch.record.statements import put


def read(connection: Connection) -> dict[str, AcceptanceRow]:
    """All of them."""
    rows = connection.execute(select(acceptances)).mappings()
    return {row["source"]: AcceptanceRow(**row) for row in rows}


def write(connection: Connection, rows: Iterable[AcceptanceRow]) -> None:
    """Each in place of what is known of its source."""
    for row in rows:
        put(
            connection,
            acceptances,
            {"source": row.source, "accepted": row.accepted, "refused": row.refused},
        )


def missing(
    known: Mapping[str, AcceptanceRow], earlier: Iterable[AcceptanceRow]
) -> tuple[AcceptanceRow, ...]:
    """What is known with what was known earlier in its gaps, where that is more."""
    filled = (_filled(known.get(row.source), row) for row in earlier)
    return tuple(row for row in filled if row != known.get(row.source))


def _filled(known: AcceptanceRow | None, earlier: AcceptanceRow) -> AcceptanceRow:
    """The refusal of a row is newer than any earlier one, also when there is none."""
    if known is None:
        return earlier
    return known if known.accepted else replace(known, accepted=earlier.accepted)
