"""SQL that one database alone has stands in the dialect room (what reaches the database from elsewhere: see `conftest`)."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Table, create_engine
from sqlalchemy.dialects import sqlite

from paiwatch.record.dialects import upserts
from paiwatch.record.schema import applied, metadata
from tests.record.runs import Records, a_step, carry

#: SQL as text, databases by name, drivers.
_ONE_DATABASE = re.compile(
    r"exec_driver_sql|\btext\(|\bPRAGMA\b|\bVACUUM\b|sqlite_master|sqlalchemy\.dialects|import sqlite3"
)
#: Defaults of columns are text in every database; older files were SQLite's.
_EXEMPT = {"schema.py", "migrations.py"}


def test_only_the_dialect_room_knows_one_database(project_root: Path) -> None:
    room = project_root / "paiwatch" / "record"

    found = {path.name: _ONE_DATABASE.findall(path.read_text()) for path in room.glob("*.py")}

    assert {name for name, words in found.items() if words} <= _EXEMPT


def test_what_the_record_executes_is_spelled_for_postgresql(
    tmp_path: Path, spelled_for_postgresql: list[str]
) -> None:
    with Records.open(tmp_path) as record:
        carry(record, a_step("grafana", "g" * 64))

    words = "\n".join(spelled_for_postgresql)
    assert "INSERT INTO runs" in words
    assert "INSERT INTO events" in words
    assert "ON CONFLICT (service) DO UPDATE SET" in words


def test_what_postgresql_does_not_have_is_noticed() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(AssertionError):
        connection.execute(sqlite.insert(applied).on_conflict_do_nothing())
    engine.dispose()


@pytest.mark.parametrize("table", [table for table in metadata.sorted_tables if table.primary_key], ids=str)
def test_both_databases_replace_and_keep_rows_alike(table: Table) -> None:
    for build in (upserts.replacing, upserts.keeping):
        ours, theirs = (
            str(build(dialect, table)).replace('"', "")  # words that only one of them reserves
            for dialect in ("sqlite", "postgresql")
        )
        assert "ON CONFLICT" in theirs
        assert ours.split("ON CONFLICT")[1] == theirs.split("ON CONFLICT")[1]
