"""How a record gets to the schema of today: made anew as `schema` says, or brought there from the version that it has.

The way is an ordered list, applied in one transaction. A migration never changes once it is released: files in the field have gone
through it. These are SQLite's own words: no other database has had these versions.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Update, insert, inspect, select, update

from paiwatch.failpoint import reach
from paiwatch.record.schema import metadata, schema_version

Migration = tuple[int, Callable[[Connection], None]]

_FIRST = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    "INSERT INTO schema_version (version) VALUES (0)",
    """CREATE TABLE generations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL DEFAULT '',
        config TEXT NOT NULL DEFAULT '', config_id TEXT NOT NULL DEFAULT '',
        src TEXT NOT NULL DEFAULT '', src_id TEXT NOT NULL DEFAULT '',
        accepted INTEGER NOT NULL, closed INTEGER, succeeded INTEGER)""",
    """CREATE TABLE steps (
        generation INTEGER NOT NULL, service TEXT NOT NULL, operator TEXT NOT NULL, position INTEGER NOT NULL,
        kind TEXT NOT NULL DEFAULT '', digest TEXT NOT NULL DEFAULT '', level INTEGER NOT NULL,
        reasons TEXT NOT NULL DEFAULT '', outcome TEXT, because TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (generation, service, operator)) WITHOUT ROWID""",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, service TEXT NOT NULL DEFAULT '',
        operator TEXT NOT NULL DEFAULT '', digest TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL,
        marker TEXT NOT NULL DEFAULT '', began INTEGER NOT NULL, pid INTEGER, started_ticks INTEGER, boot TEXT,
        ended INTEGER, outcome TEXT, exit INTEGER, signal INTEGER, milliseconds INTEGER NOT NULL DEFAULT 0,
        reaped INTEGER NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX runs_by_service ON runs (service, id)",
    "CREATE INDEX runs_by_generation ON runs (generation)",
    "CREATE INDEX runs_unfinished ON runs (id) WHERE ended IS NULL",
    """CREATE TABLE applied (
        service TEXT PRIMARY KEY NOT NULL, digest TEXT NOT NULL DEFAULT '', touched TEXT NOT NULL DEFAULT '',
        touched_by TEXT NOT NULL DEFAULT '', version INTEGER NOT NULL, prerequisites TEXT NOT NULL DEFAULT '',
        config TEXT NOT NULL DEFAULT '', src TEXT NOT NULL DEFAULT '', at INTEGER NOT NULL,
        files TEXT NOT NULL DEFAULT '', reads TEXT NOT NULL DEFAULT '', scripts TEXT NOT NULL DEFAULT '',
        folder TEXT NOT NULL DEFAULT '', env TEXT NOT NULL DEFAULT '', timeout INTEGER NOT NULL)""",
    """CREATE TABLE holds (
        service TEXT PRIMARY KEY NOT NULL, "by" TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
        since INTEGER NOT NULL, digest TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE failures (
        service TEXT NOT NULL, digest TEXT NOT NULL, attempts INTEGER NOT NULL, retry_at INTEGER NOT NULL,
        quarantined INTEGER, because TEXT NOT NULL DEFAULT '', PRIMARY KEY (service, digest)) WITHOUT ROWID""",
)


#: What a service watches outside its folder, the seal on what its templates read; plans that wait for an approval.
_SECOND = (
    "ALTER TABLE applied ADD COLUMN watched TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE applied ADD COLUMN seal TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE held_plans (
        digest TEXT PRIMARY KEY NOT NULL, since INTEGER NOT NULL, services TEXT NOT NULL DEFAULT '',
        reasons TEXT NOT NULL DEFAULT '')""",
    "CREATE TABLE approvals (digest TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL)",
)


#: Releases that services can go back to, and services that did.
_THIRD = (
    """CREATE TABLE formers (
        service TEXT NOT NULL, digest TEXT NOT NULL, left_in INTEGER NOT NULL, version INTEGER NOT NULL,
        config TEXT NOT NULL DEFAULT '', src TEXT NOT NULL DEFAULT '', at INTEGER NOT NULL,
        files TEXT NOT NULL DEFAULT '', reads TEXT NOT NULL DEFAULT '', scripts TEXT NOT NULL DEFAULT '',
        folder TEXT NOT NULL DEFAULT '', env TEXT NOT NULL DEFAULT '', timeout INTEGER NOT NULL,
        watched TEXT NOT NULL DEFAULT '', seal TEXT NOT NULL DEFAULT '', PRIMARY KEY (service, digest))""",
    """CREATE TABLE pins (
        service TEXT PRIMARY KEY NOT NULL, instead_of TEXT NOT NULL DEFAULT '', digest TEXT NOT NULL DEFAULT '',
        since INTEGER NOT NULL, "by" TEXT NOT NULL DEFAULT '', because TEXT NOT NULL DEFAULT '',
        origin TEXT NOT NULL DEFAULT '', leader TEXT NOT NULL DEFAULT '')""",
)

#: What a run's release asks for when the run is cut off.
_FOURTH = ("ALTER TABLE runs ADD COLUMN interrupted TEXT NOT NULL DEFAULT ''",)

#: Whether a person's stop was done; what an archived release asks for when it is cut off; processes that nobody could end.
_FIFTH = (
    "ALTER TABLE holds ADD COLUMN done INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE applied ADD COLUMN interrupted TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE formers ADD COLUMN interrupted TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN lingering TEXT NOT NULL DEFAULT ''",
)

#: Services gone from the tree that stay as they are, and what they seem to have become.
_SIXTH = ("CREATE TABLE absent (service TEXT PRIMARY KEY NOT NULL, renamed_to TEXT NOT NULL DEFAULT '')",)

#: What happened, in order; what each source accepted and refused last; who did something, and after which run a release had failed.
_EIGHTH = (
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL DEFAULT '',
        service TEXT NOT NULL DEFAULT '', run INTEGER, generation INTEGER, principal TEXT NOT NULL DEFAULT '',
        data TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX events_by_service ON events (service, seq)",
    "CREATE INDEX events_by_kind ON events (kind, seq)",
    """CREATE TABLE acceptances (
        source TEXT PRIMARY KEY NOT NULL, accepted TEXT NOT NULL DEFAULT '', refused TEXT NOT NULL DEFAULT '')""",
    "ALTER TABLE failures ADD COLUMN run INTEGER NOT NULL DEFAULT 0",
    """UPDATE failures SET run = coalesce(
        (SELECT max(runs.id) FROM runs WHERE runs.service = failures.service AND runs.digest = failures.digest), 0)""",
    "ALTER TABLE holds ADD COLUMN principal TEXT NOT NULL DEFAULT ''",
)


def _all(statements: Sequence[str]) -> Callable[[Connection], None]:
    """A migration that carries these out in order."""

    def change(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    return change


def _seventh(connection: Connection) -> None:
    """The columns that each told one option of a run become one that tells them all, as JSON; what was as in the settings is not in it."""
    for table in ("applied", "formers"):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN spec TEXT NOT NULL DEFAULT ''")
        read = f"SELECT rowid, scripts, folder, env, timeout, interrupted FROM {table}"  # noqa: S608 (ours)
        specs = [(_spec(*said), row) for row, *said in connection.exec_driver_sql(read).all()]
        if specs:
            write = f"UPDATE {table} SET spec = ? WHERE rowid = ?"  # noqa: S608 (ours)
            connection.exec_driver_sql(write, specs)
        for column in ("scripts", "folder", "env", "timeout", "interrupted"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN spec TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql(
        """UPDATE runs SET spec = '{"interrupted":"' || interrupted || '"}' WHERE interrupted <> ''"""
    )
    connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN interrupted")


def _spec(scripts: str, folder: str, env: str, timeout: int, interrupted: str) -> str:
    """`timeout` is milliseconds; 0, and "" for `interrupted`, were as in the settings."""
    said: dict[str, Any] = {
        "scripts": json.loads(scripts or "{}"),
        "folder": folder,
        "env": json.loads(env or "{}"),
    }
    if timeout:
        said["timeout"] = timeout / 1000
    if interrupted:
        said["interrupted"] = interrupted
    return json.dumps(said, separators=(",", ":"))


#: Every version there ever was, oldest first.
MIGRATIONS: Sequence[Migration] = (
    (1, _all(_FIRST)),
    (2, _all(_SECOND)),
    (3, _all(_THIRD)),
    (4, _all(_FOURTH)),
    (5, _all(_FIFTH)),
    (6, _all(_SIXTH)),
    (7, _seventh),
    (8, _all(_EIGHTH)),
)


def version_of(connection: Connection) -> int:
    """The schema version of this record; 0 when it is empty."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.version)).scalar_one())


def newest(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The version that this paiwatch writes."""
    return migrations[-1][0]


def create(connection: Connection) -> None:
    """Make the tables of the newest version where there are none, inside the caller's transaction."""
    metadata.create_all(connection, checkfirst=False)
    _sign(connection, insert(schema_version).values(version=newest()))


def migrate(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring an older file from its version to the newest, inside the caller's transaction."""
    present = version_of(connection)
    for version, change in migrations:
        if version > present:
            change(connection)
            _sign(connection, update(schema_version).values(version=version))


def _sign(connection: Connection, version: Insert | Update) -> None:
    """The tables are as this version has them: say so."""
    reach("record.migrating")
    connection.execute(version)
