"""Services that are gone from the tree and stay as they are, each with the name that it seems to have now ("" for none)."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from sqlalchemy import Connection, delete, insert, select

from paiwatch.record.schema import absent


def read_absent(connection: Connection) -> dict[str, str]:
    """By service, as of the newest plan."""
    rows = connection.execute(select(absent.c.service, absent.c.renamed_to).order_by(absent.c.service))
    return {row.service: row.renamed_to for row in rows}


class Absent:
    """Each call is one transaction. Raises StoreError."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def read(self) -> dict[str, str]:
        """Who they are."""
        with self._transaction() as connection:
            return read_absent(connection)

    def write(self, found: Mapping[str, str]) -> None:
        """These, and no others."""
        with self._transaction() as connection:
            connection.execute(delete(absent))
            if found:
                rows = [{"service": name, "renamed_to": now} for name, now in sorted(found.items())]
                connection.execute(insert(absent), rows)
