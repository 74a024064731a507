"""The SQLite file: opened for the one writer or for readers, with what durability needs, its faults as StoreError."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from paiwatch import disk, private
from paiwatch.errors import OutdatedError, StoreError
from paiwatch.failpoint import reach
from paiwatch.record import layout, migrations
from paiwatch.record.migrations import MIGRATIONS, Migration

_WAIT = 5000  # milliseconds for another process's transaction to end

#: WAL lets readers go on while the daemon writes; FULL makes a commit survive power loss.
_WRITER = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


_RESTORE = (
    "nothing is written over it: stop paiwatch, move {name} with its -wal and -shm aside, and put a back-up in its place, "
    "or what `sqlite3 {name} .recover` still finds in it"
)
_CHECK = "check the disk and who owns the file"

#: What to do about SQLite's primary result codes.
_REMEDIES = {
    sqlite3.SQLITE_FULL: "free space there",
    sqlite3.SQLITE_READONLY: "let paiwatch's user own it and write there",
    sqlite3.SQLITE_CANTOPEN: "let paiwatch's user own it and write there; free space there",
    sqlite3.SQLITE_BUSY: 'another program keeps it locked: end that; a back-up is made with `sqlite3 {name} ".backup COPY"`',
    sqlite3.SQLITE_IOERR: "free space there; check the disk and the kernel's log",
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
}


def _explain(file: Path, fault: BaseException) -> str:
    if isinstance(fault, OSError):
        return disk.explain(fault)
    code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the rest of it tells variants apart
    return f"{fault}; {_REMEDIES.get(code, _CHECK).format(name=file.name)}"


@contextmanager
def faults(file: Path) -> Iterator[None]:
    """What SQLite or the disk complains of, as StoreError. Values of statements are left out: they may be secret."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None)
        raise StoreError(f"{file}: {_explain(file, cause) if cause else type(error).__name__}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{file}: {_explain(file, error)}") from error


def open_writer(
    file: Path, known: Sequence[Migration] = MIGRATIONS, *, judged: Collection[Path] = ()
) -> Connection:
    """The one long-lived connection that writes, its file made and migrated; see layout.loss for `judged`. Raises StoreError."""
    with faults(file):
        private.make_folder(file.parent)
        if not file.exists():
            private.replace_file(file, b"")  # SQLite gives -wal and -shm the modes of the file
            reach("record.created")
        engine = _engine(lambda: sqlite3.connect(file, check_same_thread=False), _WRITER, "BEGIN IMMEDIATE")
        connection = engine.connect()
        try:
            _bring_up(file, connection, known, judged)
        except BaseException:
            close(connection)
            raise
        return connection


def open_reader(file: Path) -> Connection | None:
    """A connection that only reads, also while another process writes; None when there is no record yet."""
    if not file.exists():
        return None
    address = f"file:{quote(str(file))}?mode=ro"
    with faults(file):
        engine = _engine(lambda: sqlite3.connect(address, uri=True, check_same_thread=False), (), "BEGIN")
        connection = engine.connect()
        try:
            with connection.begin():
                present = migrations.version_of(connection)
            _refuse_newer(file, present, MIGRATIONS)
        except BaseException:
            close(connection)
            raise
    if present == 0:
        close(connection)
        return None
    if present < migrations.newest():
        close(connection)
        raise OutdatedError(
            f"{file}: schema {present} is from an older paiwatch; start the daemon once to migrate it"
        )
    return connection


def close(connection: Connection) -> None:
    """Close the connection and its engine."""
    connection.close()
    connection.engine.dispose()


def give_back_space(connection: Connection) -> None:
    """Return the file's free pages to the disk."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA incremental_vacuum").fetchall()  # each step frees one page: all must be asked for


def _engine(connect: Callable[[], sqlite3.Connection], pragmas: tuple[str, ...], begin: str) -> Engine:
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in (f"PRAGMA busy_timeout = {_WAIT}", *pragmas):
            connection.execute(pragma)

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)  # a deferred begin of the writer could fail half-way with "locked"

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", start)
    return engine


def _bring_up(
    file: Path, connection: Connection, known: Sequence[Migration], judged: Collection[Path]
) -> None:
    with connection.begin():
        present = migrations.version_of(connection)
    _refuse_newer(file, present, known)
    if present == migrations.newest(known):
        return
    if not present:
        _refuse_to_forget(file, judged)
        with connection.begin():
            migrations.create(connection)
        return
    _back_up(file, connection, present)
    reach("record.backed-up")
    with connection.begin():
        migrations.migrate(connection, known)


def _refuse_newer(file: Path, present: int, known: Sequence[Migration]) -> None:
    if present > migrations.newest(known):
        raise StoreError(
            f"{file}: schema {present} is from a newer paiwatch (this one knows {migrations.newest(known)}); "
            f"install that version, or restore {file.name}.{migrations.newest(known)}.bak"
        )


def _refuse_to_forget(file: Path, judged: Collection[Path]) -> None:
    """A record that was lost must not look like a first start, at which every service would be started and any commit trusted."""
    if told := layout.loss(file.parent, judged):
        raise StoreError(told)


def _back_up(file: Path, connection: Connection, version: int) -> None:
    """Keep the file as it was, beside it, named by its version."""
    unfinished = file.with_name(f"{file.name}.{version}.tmp")
    unfinished.unlink(missing_ok=True)
    private.write_file(unfinished, b"")
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("VACUUM INTO ?", (str(unfinished),))
    private.sync_file(unfinished)  # SQLite promises no such thing of a copy
    unfinished.replace(file.with_name(f"{file.name}.{version}.bak"))
    private.sync_folder(file.parent)
