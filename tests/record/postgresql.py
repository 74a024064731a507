"""What the record asks of its database, as PostgreSQL would be asked: compiled, never sent. Needs no driver and no server."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Executable, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement
from sqlalchemy.sql import ClauseElement

from paiwatch.record.dialects import upserts
from paiwatch.record.schema import metadata

DIALECT = make_url("postgresql://").get_dialect()()
_UPSERTS = (upserts.replacing, upserts.keeping)


def tables_and_indexes() -> list[str]:
    """What makes the tables."""
    found: list[DDLElement] = []
    for table in metadata.sorted_tables:
        found += [
            CreateTable(table),
            *map(CreateIndex, sorted(table.indexes, key=lambda each: str(each.name))),
        ]
    return [str(each.compile(dialect=DIALECT)) for each in found]


def spell(statement: Executable, names: Iterable[str] = ()) -> list[str]:
    """A statement that sets these columns or has these parameters; of those that each database has its own of, both kinds.

    Raises CompileError where PostgreSQL has no such thing.
    """
    return [
        str(each.compile(dialect=DIALECT, column_keys=sorted(names) or None)) for each in _alike(statement)
    ]


def _alike(statement: Any) -> tuple[ClauseElement, ...]:
    if not isinstance(statement, sqlite.Insert):
        return (statement,)
    table = metadata.tables[statement.table.name]
    assert any(statement is build(sqlite.dialect.name, table) for build in _UPSERTS)
    return tuple(build(DIALECT.name, table) for build in _UPSERTS)


@contextmanager
def spelling() -> Iterator[list[str]]:
    """Whatever is executed meanwhile, spelled as soon as it is. Tables have a test of their own."""
    heard: list[str] = []

    def overhear(
        _connection: Connection,
        statement: Executable,
        rows: Sequence[Mapping[str, Any]],
        row: Mapping[str, Any],
        _options: Mapping[str, Any],
    ) -> None:
        if not isinstance(statement, DDLElement):
            heard.extend(spell(statement, row.keys() | {name for each in rows for name in each}))

    event.listen(Engine, "before_execute", overhear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_execute", overhear)
