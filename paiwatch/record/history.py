"""History: the reading side, for other processes. Works while the daemon writes; without a record all is empty.

Loads SQLAlchemy only when there is a record to read.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from paiwatch.engine.changes import Failure
from paiwatch.errors import StoreError
from paiwatch.plan.applied import HeldBy, Hold, Memory
from paiwatch.plan.guard import HeldPlan
from paiwatch.record import layout
from paiwatch.record.rows import AcceptanceRow, GenerationRow, RunRow, StepRow

if TYPE_CHECKING:
    from paiwatch.record.event_rows import EventPage, EventRow
    from paiwatch.record.reader import Reader


class History:
    """Read-only. Each call sees one consistent state. Raises StoreError."""

    def __init__(self, state: Path, reader: "Reader | None") -> None:
        self._state = state
        self._reader = reader

    @classmethod
    def open(cls, state: Path, *, judged: Collection[Path] = ()) -> Self:
        """The history of this state folder; needs no lock, writes nothing. See layout.loss for `judged`.

        Raises StoreError, also when it was lost.
        """
        reader = None
        if layout.record_file(state).exists():
            from paiwatch.record.reader import open_reader  # noqa: PLC0415 (SQLAlchemy takes 120 ms)

            reader = open_reader(state)
        if reader is None and (told := layout.loss(state, judged)):
            raise StoreError(told)
        return cls(state, reader)

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def generations(self, limit: int = 50) -> tuple[GenerationRow, ...]:
        """The newest, newest first."""
        return self._reader.generations(limit=limit) if self._reader else ()

    def generation(self, id: int) -> tuple[GenerationRow, tuple[StepRow, ...]] | None:  # noqa: A002 (its name)
        """One with its steps in plan order; None when it is not (or no longer) there."""
        return self._reader.generation(id) if self._reader else None

    def runs(self, service: str | None = None, limit: int = 50) -> tuple[RunRow, ...]:
        """The newest, newest first; of one service or of all."""
        return self._reader.runs(service=service, limit=limit) if self._reader else ()

    def run(self, id: int) -> RunRow | None:  # noqa: A002 (its name)
        """One run."""
        return self._reader.run(id) if self._reader else None

    def last_runs(self) -> Mapping[str, RunRow]:
        """Each service's newest run."""
        return self._reader.last_runs() if self._reader else {}

    def applied(self) -> Memory:
        """What is applied, by service."""
        return self._reader.applied() if self._reader else {}

    def failures(self) -> Mapping[tuple[str, str], Failure]:
        """Failures in a row, by service and release digest."""
        return self._reader.failures() if self._reader else {}

    def events(
        self,
        *,
        since: int = 0,
        after: float = 0.0,
        service: str | None = None,
        kind: str | None = None,
        limit: int = 1000,
    ) -> "tuple[EventRow, ...]":
        """What happened, oldest first: with a number greater than `since`, from the moment `after` (epoch seconds) on.

        Of one service: also what was done to several at once, or to all, if it is among them.
        """
        if self._reader is None:
            return ()
        return self._reader.events(since=since, after=after, service=service, kind=kind, limit=limit)

    def last_events(
        self, *, service: str | None = None, kind: str | None = None, limit: int = 50
    ) -> "tuple[EventRow, ...]":
        """What happened last, the oldest of that first."""
        return self._reader.last_events(service=service, kind=kind, limit=limit) if self._reader else ()

    def event_page(self, *, since: int, service: str | None = None, limit: int = 1000) -> "EventPage":
        """What has a number greater than `since`, and from where to where the record reaches at that moment."""
        from paiwatch.record.event_rows import EventPage  # noqa: PLC0415 (without a record little is loaded)

        if self._reader is None:
            return EventPage()
        return self._reader.event_page(since=since, service=service, limit=limit)

    def last_event(self) -> int:
        """The number of what happened last, 0 before the first."""
        return self._reader.last_event() if self._reader else 0

    def acceptance(self, source: str) -> AcceptanceRow | None:
        """What a source with rules accepted and refused last, by the name of its mirror."""
        return self._reader.acceptance(source) if self._reader else None

    def absent(self) -> Mapping[str, str]:
        """Services gone from the tree that stay as they are, each with the name that it seems to have now ("" for none)."""
        return self._reader.absent() if self._reader else {}

    def held_plan(self) -> HeldPlan | None:
        """The plan that waits for an approval, if one does."""
        return self._reader.held_plan() if self._reader else None

    def holds(self) -> Mapping[str, Hold]:
        """What waits for a person, by service: persons' holds, and quarantine (the newest) where there is none."""
        if self._reader is None:
            return {}
        found = {
            row.service: Hold(
                service=row.service,
                by=HeldBy.QUARANTINED,
                reason=row.because or f"failed {row.attempts} times",
                since=row.since,
                digest=row.digest,
            )
            for row in sorted(self._reader.failures().values(), key=lambda row: row.since)
            if row.quarantined
        }
        return found | self._reader.holds()
