"""INSERT … ON CONFLICT: SQLite and PostgreSQL spell it alike, SQLAlchemy has one for each. Built once for each table."""

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import sqlite


@cache
def replacing(dialect: str, table: Table) -> Insert:
    """Insert the row, or put it in place of the one with its key: columns that are not named have their defaults then."""
    statement = _insert(dialect, table)
    others = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    replaced: Insert = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=others)
    return replaced


@cache
def keeping(dialect: str, table: Table) -> Insert:
    """Insert the row, unless one with its key is there."""
    kept: Insert = _insert(dialect, table).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return kept


def _insert(dialect: str, table: Table) -> Any:
    """The two have nothing in common but their methods."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import dml  # noqa: PLC0415 (20 ms that SQLite need not pay)

        return dml.insert(table)
    return sqlite.insert(table)
