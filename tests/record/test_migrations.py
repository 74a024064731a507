"""Migrations: every released version opens, all or nothing, with a copy of the file as it was."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from paiwatch import failpoint
from paiwatch.catalog.service import Removal
from paiwatch.domain.run_spec import OnInterruption, Operator, Retries, declared
from paiwatch.errors import StoreError
from paiwatch.plan.policy import Policy
from paiwatch.record.dialects import sqlite
from paiwatch.record.history import History
from paiwatch.record.migrations import MIGRATIONS, newest, version_of
from paiwatch.record.schema import metadata
from paiwatch.record.store import Store
from tests.builders import ALL_SCRIPTS, a_desired
from tests.planning import build
from tests.record.runs import Records

HOLD, RERUN = OnInterruption.HOLD, OnInterruption.RERUN

FIXTURES = Path(__file__).parent / "fixtures"


def a_file_of_version(version: int, state: Path) -> Path:
    file = state / "record.db"
    with sqlite3.connect(file) as connection:
        connection.executescript((FIXTURES / f"version-{version}.sql").read_text())
    connection.close()
    return file


def dumped(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    told = [*connection.iterdump()]
    connection.close()
    return told


def add_colour(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


def spoil(connection: Connection) -> None:
    connection.exec_driver_sql("DELETE FROM runs")
    connection.exec_driver_sql("THIS IS NOT SQL")


OLDER = [version for version, _ in MIGRATIONS[:-1]]


@pytest.mark.parametrize("version", OLDER)
def test_every_version_opens_with_what_it_remembered(tmp_path: Path, version: int) -> None:
    a_file_of_version(version, tmp_path)

    with Records.open(tmp_path) as record, History.open(tmp_path) as history:
        grafana = record.state.applied["grafana"]
        assert (grafana.digest, grafana.version) == ("g" * 64, 1)
        assert grafana.reads[0].path == ("grafana", "port")
        assert (grafana.spec.scripts, grafana.spec.folder) == (ALL_SCRIPTS, "src/grafana")
        assert (grafana.spec.env, grafana.spec.timeout) == ({}, 60.0)
        assert grafana.spec.unset == {"retries", "interrupted"}
        assert record.state.holds["loki"].reason == "maintenance"
        assert record.state.failures["loki"]["l" * 64].quarantined
        assert [run.service for run in history.runs()] == ["loki", "grafana"]
        assert history.runs()[0].reasons[0].chain == ("a", "b")


#: Rows of versions 5 and 6: what a service said of its runs, 0 and "" for what it left to the settings.
SAID = {
    "all": ('{"stop":"s.sh","start":"a.sh"}', "src/all", '{"A":"ü","B":"\\ud800"}', 7250, "hold"),
    "folder": ('{"stop":"stop.sh"}', "", "{}", 90000, "rerun"),
    "nothing": ('{"delete":"d.sh","stop":"s.sh"}', "src/nothing", "{}", 0, ""),
    "blank": ("", "", "", 0, ""),
}


def a_file_of_options(state: Path) -> None:
    file = a_file_of_version(6, state)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM pins")
        for table, keys in (("applied", "version, at"), ("formers", "version, at, left_in")):
            connection.execute(f"DELETE FROM {table}")
            for name, said in SAID.items():
                row = (name, "d" * 64, *said, *(1 for _ in keys.split()))
                connection.execute(
                    f"INSERT INTO {table} (service, digest, scripts, folder, env, timeout, interrupted, {keys}, "
                    f"files, reads) VALUES ({', '.join('?' * len(row))}, '{{}}', '[]')",
                    row,
                )
        connection.execute("UPDATE applied SET prerequisites = '{}'")
        for number, word in enumerate(("hold", "rerun", ""), 3):
            connection.execute(
                "INSERT INTO runs (id, generation, service, operator, attempt, began, interrupted) "
                "VALUES (?, 1, 'all', 'start', 1, 1, ?)",
                (number, word),
            )
    connection.close()


def test_what_services_said_of_their_runs_is_remembered_as_before(tmp_path: Path) -> None:
    a_file_of_options(tmp_path)

    with Records.open(tmp_path) as record:
        specs = {name: applied.spec for name, applied in record.state.applied.items()}
        formers = {name: former.release.spec for name in SAID for former in record.past(name).formers[name]}
        asked = [run.interrupted for run in record.state.unfinished.values()]

    stop, start, delete = Operator.STOP, Operator.START, Operator.DELETE
    assert specs == {
        "all": declared(
            scripts={stop: "s.sh", start: "a.sh"},
            folder="src/all",
            env={"A": "ü", "B": "\ud800"},
            timeout=7.25,
            interrupted=HOLD,
        ),
        "folder": declared(scripts={stop: "stop.sh"}, timeout=90.0, interrupted=RERUN),
        "nothing": declared(scripts={delete: "d.sh", stop: "s.sh"}, folder="src/nothing"),
        "blank": declared(),
    }
    assert formers == specs
    assert asked == [HOLD, RERUN, RERUN]


@pytest.mark.parametrize("of_settings", [RERUN, HOLD])
def test_a_plan_of_removals_is_as_it_was_before_the_options_became_one(
    tmp_path: Path, of_settings: OnInterruption
) -> None:
    a_file_of_options(tmp_path)
    policy = Policy(removed=Removal.STOP, timeout=33.0, retries=Retries(attempts=2), interrupted=of_settings)

    with Records.open(tmp_path) as record:
        plan = build(a_desired(), record.state.applied, policy)

    assert plan.kept == ("blank",)
    assert plan.digest == "2672e496d0cf309067fe5cf5c7145367e5a476dbab2b0eb344caf8caa6cb243c"
    assert {
        step.id.service: (step.script, step.spec.folder, step.spec.timeout, step.spec.interrupted)
        for step in plan.steps
    } == {
        "all": ("s.sh", "src/all", 7.25, HOLD),
        "folder": ("stop.sh", "src/folder", 90.0, RERUN),
        "nothing": ("s.sh", "src/nothing", 33.0, of_settings),
    }
    assert {step.spec.retries for step in plan.steps} == {policy.retries}


def test_a_new_file_has_the_tables_that_statements_are_built_from(tmp_path: Path) -> None:
    connection = sqlite.open_writer(tmp_path / "record.db")
    with connection.begin():
        found = inspect(connection)
        assert {
            table: {(column["name"], str(column["type"])) for column in found.get_columns(table)}
            for table in found.get_table_names()
            if table != "sqlite_sequence"
        } == {
            name: {(column.name, str(column.type)) for column in table.columns}
            for name, table in metadata.tables.items()
        }
    sqlite.close(connection)


def test_a_file_that_was_not_made_whole_is_made_at_the_next_start(tmp_path: Path) -> None:
    failpoint.arm({failpoint.VARIABLE: "record.migrating:1:ENOSPC"})
    try:
        with pytest.raises(StoreError, match=r"record\.db: No space left on device"):
            Store.open(tmp_path)
    finally:
        failpoint.arm({})
    with sqlite3.connect(tmp_path / "record.db") as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
    connection.close()

    with Records.open(tmp_path) as record:
        assert (record.state.generation, record.state.snapshot) == (0, ("", ""))


@pytest.mark.parametrize("version", [version for version in OLDER if version < 8])
def test_what_failed_is_known_by_its_newest_run(tmp_path: Path, version: int) -> None:
    file = a_file_of_version(version, tmp_path)
    with sqlite3.connect(file) as connection:
        connection.execute(
            "INSERT INTO failures (service, digest, attempts, retry_at) VALUES ('tempo', 't', 1, 0)"
        )
        connection.execute(
            "INSERT INTO runs (generation, service, digest, attempt, began) VALUES (2, 'loki', 'another', 1, 0)"
        )
    connection.close()

    opened = sqlite.open_writer(file)

    with opened.begin():
        runs = opened.exec_driver_sql("SELECT service, run FROM failures ORDER BY service").all()
        assert runs == [("loki", 2), ("tempo", 0)]  # retention forgot the runs of tempo
        assert opened.exec_driver_sql("SELECT service, principal FROM holds").all() == [("loki", "")]
    sqlite.close(opened)


def test_a_migration_keeps_a_private_copy_of_the_file_as_it_was(tmp_path: Path) -> None:
    file = a_file_of_version(1, tmp_path)

    connection = sqlite.open_writer(file, [*MIGRATIONS[:1], (2, add_colour)])

    with connection.begin():
        assert version_of(connection) == 2
        assert connection.exec_driver_sql("SELECT DISTINCT colour FROM runs").scalars().all() == ["red"]
    sqlite.close(connection)
    copy = tmp_path / "record.db.1.bak"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as before:
        assert before.execute("SELECT version FROM schema_version").fetchone() == (1,)
        assert before.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    before.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = a_file_of_version(1, tmp_path)

    with pytest.raises(StoreError, match="syntax error"):
        sqlite.open_writer(file, [*MIGRATIONS[:1], (2, add_colour), (3, spoil)])

    connection = sqlite.open_writer(file, MIGRATIONS[:1])
    with connection.begin():
        assert version_of(connection) == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 2
    sqlite.close(connection)


def test_columns_that_were_to_go_are_all_there_after_a_migration_that_fails(tmp_path: Path) -> None:
    file = a_file_of_version(6, tmp_path)
    before = dumped(file)

    with pytest.raises(StoreError, match="syntax error"):
        sqlite.open_writer(file, [*MIGRATIONS[:7], (8, spoil)])

    assert dumped(file) == before


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = a_file_of_version(1, tmp_path)
    sqlite.close(sqlite.open_writer(file, [*MIGRATIONS[:1], (newest() + 1, add_colour)]))

    with pytest.raises(
        StoreError, match=rf"schema {newest() + 1} is from a newer paiwatch .* install that version"
    ):
        Store.open(tmp_path)


def test_a_copy_that_was_not_finished_is_no_obstacle(tmp_path: Path) -> None:
    file = a_file_of_version(1, tmp_path)
    (tmp_path / "record.db.1.tmp").write_bytes(b"half a copy")

    sqlite.close(sqlite.open_writer(file, [*MIGRATIONS[:1], (2, add_colour)]))

    assert not (tmp_path / "record.db.1.tmp").exists()
