"""Store: durable memory. It loads the state, writes changes, and answers what only it remembers; it decides nothing.

SQLAlchemy is loaded when a store is opened, not before. Call it from one thread at a time.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from paiwatch.engine.changes import Change
from paiwatch.engine.events import Past
from paiwatch.engine.state import Rules, State
from paiwatch.failpoint import reach
from paiwatch.record import layout
from paiwatch.record.rows import AcceptanceRow, Pruned

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Store:
    """The one connection that writes. Every method raises StoreError; what raised has changed nothing."""

    def __init__(self, state: Path, connection: "Connection") -> None:
        self._state = state
        self._file = layout.record_file(state)
        self._connection = connection

    @classmethod
    def open(cls, state: Path, *, judged: Collection[Path] = ()) -> Self:
        """The store of this state folder, made or migrated as needed. Hold its StateLock. See layout.loss for `judged`.

        Raises StoreError, also where it was lost.
        """
        from paiwatch.record.dialects import sqlite  # noqa: PLC0415 (SQLAlchemy takes 120 ms: only who opens pays)

        return cls(state, sqlite.open_writer(layout.record_file(state), judged=judged))

    def close(self) -> None:
        """Close the file."""
        from paiwatch.record.dialects import sqlite  # noqa: PLC0415 (as above)

        sqlite.close(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, rules: Rules) -> State:
        """The state of a paiwatch that begins now."""
        from paiwatch.record import loading  # noqa: PLC0415 (as above)

        with self._transaction() as connection:
            return loading.load(connection, rules, life=secrets.token_hex(8))

    def commit(self, changes: Iterable[Change]) -> None:
        """Write these as one transaction; they are durable on return."""
        from paiwatch.record import writing  # noqa: PLC0415 (as above)

        written = tuple(changes)
        with self._writing() as connection:
            for change in written:
                writing.write(connection, change)
        for place in writing.places(written):
            with suppress(OSError):  # only death can come here: what is durable has not failed
                reach(place)

    def past(
        self, service: str, *, leaves: str = "", to: str = "", is_archived: Callable[[str], bool]
    ) -> Past:
        """What a rollback of this service is chosen from. `leaves` is the release that it goes back from, `to` what a person named."""
        from paiwatch.record import formers  # noqa: PLC0415 (as above)

        with self._transaction() as connection:
            return formers.read_past(connection, service, leaves=leaves, to=to, is_archived=is_archived)

    def prune(self, *, runs: int, generations: int, releases: int, events: int) -> Pruned:
        """Forget runs and former releases beyond so many for each service, old generations and events; says which files may go."""
        from paiwatch.record import retention  # noqa: PLC0415 (as above)
        from paiwatch.record.dialects import sqlite  # noqa: PLC0415

        with self._transaction() as connection:
            gone, kept = retention.prune(
                connection,
                keep_runs=runs,
                keep_generations=generations,
                keep_releases=releases,
                keep_events=events,
            )
        with suppress(OSError):
            reach("record.pruned")
        with sqlite.faults(self._file), self._connection.begin():
            sqlite.give_back_space(self._connection)
        logs = tuple(layout.log_file(self._state, service, run) for service, run in gone)
        return Pruned(logs=logs, keep=kept)

    def cut_off(self) -> tuple[Path, ...]:
        """Output of newest runs that were cut off: nobody may have masked it yet, for that comes before the next run."""
        from paiwatch.record import retention  # noqa: PLC0415 (as above)

        with self._transaction() as connection:
            found = retention.cut_off(connection)
        return tuple(layout.log_file(self._state, service, run) for service, run in found)

    # -- what sources accepted and refused: facts of theirs, of which the engine knows nothing

    def acceptance(self, source: str) -> AcceptanceRow | None:
        """What is known of this source, by the name of its mirror."""
        from paiwatch.record import acceptances  # noqa: PLC0415 (as above)

        with self._transaction() as connection:
            return acceptances.read(connection).get(source)

    def put_acceptance(self, source: str, *, accepted: str | None = None, refused: str | None = None) -> None:
        """Its last good commit (JSON) and what it refuses now, "" for nothing; None stays as it is. Durable on return."""
        known = self.acceptance(source)
        before = known or AcceptanceRow(source=source)
        row = AcceptanceRow(
            source=source,
            accepted=before.accepted if accepted is None else accepted,
            refused=before.refused if refused is None else refused,
        )
        if row != known:
            self._write_acceptances((row,))

    def import_acceptances(self, earlier: Collection[AcceptanceRow]) -> None:
        """Take these over as one transaction, where nothing newer is known."""
        from paiwatch.record import acceptances  # noqa: PLC0415 (as above)

        with self._transaction() as connection:
            known = acceptances.read(connection)
        if rows := acceptances.missing(known, earlier):
            self._write_acceptances(rows)

    def _write_acceptances(self, rows: Iterable[AcceptanceRow]) -> None:
        from paiwatch.record import acceptances  # noqa: PLC0415 (as above)

        with self._writing() as connection:
            acceptances.write(connection, rows)

    @contextmanager
    def _writing(self) -> "Iterator[Connection]":
        with self._transaction() as connection:
            yield connection
            reach("record.uncommitted")

    @contextmanager
    def _transaction(self) -> "Iterator[Connection]":
        from paiwatch.record.dialects import sqlite  # noqa: PLC0415 (as above)

        with sqlite.faults(self._file), self._connection.begin():
            yield self._connection
