"""The schema stands once: a file that was migrated from any version is built like one that is made anew, and PostgreSQL has all of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from paiwatch.record import migrations
from paiwatch.record.migrations import MIGRATIONS
from paiwatch.record.schema import metadata
from tests.record import postgresql

VERSIONS = [version for version, _ in MIGRATIONS]
Rows = list[tuple[Any, ...]]


@contextmanager
def an_empty_file() -> Iterator[Connection]:
    """A transaction in one, as plain as can be."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with an_empty_file() as opened:
        yield opened


def ask(connection: Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def columns(connection: Connection, table: str) -> Rows:
    """Name, type, default, whether it must have a value, place in the primary key, kind; in their order.

    Left out is whether a row's number (the one INTEGER of the key) must have a value: it always has, said or not.
    """
    rows = ask(connection, f"PRAGMA table_xinfo('{table}')")
    keys = [row for row in rows if row["pk"]]
    number = keys[0]["name"] if len(keys) == 1 and keys[0]["type"] == "INTEGER" else ""
    return [
        (
            row["name"],
            row["type"],
            row["dflt_value"],
            row["name"] == number or bool(row["notnull"]),
            row["pk"],
            row["hidden"],
        )
        for row in rows
    ]


def indexes(connection: Connection, table: str) -> Rows:
    """Name, whether unique, what for, columns with order and collation, and the condition of a partial one; by name."""
    return sorted(
        (
            index["name"],
            index["unique"],
            index["origin"],
            [
                (key["name"], key["desc"], key["coll"])
                for key in ask(connection, f"PRAGMA index_xinfo('{index['name']}')")
                if key["key"]
            ],
            [
                re.sub(r".*?\bWHERE\b|$", "", row["sql"] or "", count=1, flags=re.DOTALL).strip()
                if index["partial"]
                else ""
                for row in ask(connection, f"SELECT sql FROM sqlite_master WHERE name = '{index['name']}'")
            ],
        )
        for index in ask(connection, f"PRAGMA index_list('{table}')")
    )


def structure(connection: Connection) -> dict[str, dict[str, Any]]:
    """All that matters of each table. How its words are laid out, and the order in which tables were made, does not."""
    listed = ask(connection, "PRAGMA main.table_list")
    words = {
        row["name"]: row["sql"].upper()
        for row in ask(connection, "SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    }
    return {
        row["name"]: {
            "type": row["type"],
            "without rowid": row["wr"],
            "strict": row["strict"],
            "said": [word for word in ("AUTOINCREMENT", "CHECK", "COLLATE") if word in words[row["name"]]],
            "columns": columns(connection, row["name"]),
            "indexes": indexes(connection, row["name"]),
            "foreign keys": ask(connection, f"PRAGMA foreign_key_list('{row['name']}')"),
        }
        for row in listed
        if row["name"] in words
    }


@cache
def altered() -> frozenset[str]:
    """Tables that got or lost columns after they were made."""
    found: set[str] = set()
    with an_empty_file() as connection:
        before: dict[str, dict[str, Any]] = {}
        for end in range(1, len(MIGRATIONS) + 1):
            migrations.migrate(connection, MIGRATIONS[:end])
            after = structure(connection)
            found |= {name for name in before if before[name]["columns"] != after[name]["columns"]}
            before = after
    return frozenset(found)


def comparable(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Columns of altered tables by name: ALTER TABLE puts new ones last, and no statement counts on their order."""
    return {
        name: facts | {"columns": sorted(facts["columns"])} if name in altered() else facts
        for name, facts in found.items()
    }


@pytest.mark.parametrize(
    "end", range(1, len(MIGRATIONS) + 1), ids=[f"from-{version}" for version in VERSIONS]
)
def test_what_was_migrated_is_built_like_what_is_made_anew(connection: Connection, end: int) -> None:
    with an_empty_file() as older:
        migrations.migrate(older, MIGRATIONS[:end])
        assert migrations.version_of(older) == VERSIONS[end - 1]
        migrations.migrate(older)
        migrated = structure(older)

    migrations.create(connection)

    assert migrations.version_of(connection) == VERSIONS[-1]
    assert comparable(structure(connection)) == comparable(migrated)


def test_there_is_nothing_in_a_file_but_the_tables_and_their_indexes(connection: Connection) -> None:
    migrations.create(connection)

    assert structure(connection).keys() == metadata.tables.keys() | {"sqlite_sequence"}
    assert not ask(connection, "SELECT * FROM sqlite_master WHERE type NOT IN ('table', 'index')")


def test_postgresql_has_every_table_and_index() -> None:
    made = "\n".join(postgresql.tables_and_indexes())

    assert made.count("CREATE TABLE") == len(metadata.tables)
    assert "CREATE INDEX runs_unfinished ON runs (id) WHERE ended IS NULL" in made
    assert "id BIGSERIAL NOT NULL" in made


def test_times_and_spans_have_room_on_postgresql() -> None:
    """Milliseconds since the epoch do not fit into 32 bits, nor do ticks of a machine that is up for a year."""
    times = {"accepted", "at", "began", "closed", "ended", "milliseconds", "quarantined", "retry_at", "since"}
    found = {
        column.name: column.type.compile(dialect=postgresql.DIALECT)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name in times | {"started_ticks"}
    }

    assert found == dict.fromkeys(times | {"started_ticks"}, "BIGINT")


def test_text_is_sorted_by_its_bytes_on_postgresql_too() -> None:
    assert 'service TEXT COLLATE "C" NOT NULL' in "\n".join(postgresql.tables_and_indexes())
