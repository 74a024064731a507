"""The reading statements, on a connection that cannot write."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from paiwatch import logs
from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine.changes import Failure
from paiwatch.plan.applied import EVERYTHING, Applied, Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind
from paiwatch.record import acceptances, encoding, event_rows, formers, layout, loading
from paiwatch.record.dialects import sqlite
from paiwatch.record.encoding import milliseconds, seconds
from paiwatch.record.event_rows import EventPage, EventRow
from paiwatch.record.rows import AcceptanceRow, GenerationRow, RunRow, StepRow
from paiwatch.record.schema import events, generations, runs, steps
from paiwatch.snapshot import Revision


def open_reader(state: Path) -> "Reader | None":
    """None when the record is not made yet. Raises StoreError."""
    connection = sqlite.open_reader(layout.record_file(state))
    return None if connection is None else Reader(state, connection)


class Reader:
    """One read transaction for each call."""

    def __init__(self, state: Path, connection: Connection) -> None:
        self._state = state
        self._connection = connection

    def close(self) -> None:
        """Close the file."""
        sqlite.close(self._connection)

    def _all(self, statement: Select[Any]) -> Sequence[RowMapping]:
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return self._connection.execute(statement).mappings().all()

    def generations(self, *, limit: int) -> tuple[GenerationRow, ...]:
        """The newest first."""
        chosen = _generations().order_by(generations.c.id.desc()).limit(limit)
        return tuple(_generation(row) for row in self._all(chosen))

    def generation(self, number: int) -> tuple[GenerationRow, tuple[StepRow, ...]] | None:
        """One with its steps, in plan order."""
        found = self._all(_generations().where(generations.c.id == number))
        if not found:
            return None
        listed = select(steps).where(steps.c.generation == number).order_by(steps.c.position)
        return _generation(found[0]), tuple(_step(row) for row in self._all(listed))

    def runs(self, *, service: str | None, limit: int) -> tuple[RunRow, ...]:
        """The newest first."""
        chosen = _runs().order_by(runs.c.id.desc()).limit(limit)
        if service is not None:
            chosen = chosen.where(runs.c.service == service)
        return tuple(self._run(row) for row in self._all(chosen))

    def run(self, number: int) -> RunRow | None:
        """One run."""
        found = self._all(_runs().where(runs.c.id == number))
        return self._run(found[0]) if found else None

    def last_runs(self) -> Mapping[str, RunRow]:
        """By service."""
        newest = select(func.max(runs.c.id)).group_by(runs.c.service)
        rows = self._all(_runs().where(runs.c.id.in_(newest)).order_by(runs.c.service))
        return {row["service"]: self._run(row) for row in rows}

    def applied(self) -> Mapping[str, Applied]:
        """By service."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return formers.read_applied(self._connection)

    def acceptance(self, source: str) -> AcceptanceRow | None:
        """Of one source, by the name of its mirror."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return acceptances.read(self._connection).get(source)

    def absent(self) -> Mapping[str, str]:
        """Services gone from the tree that stay as they are, each with the name that it seems to have now."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return loading.read_retained(self._connection)

    def held_plan(self) -> HeldPlan | None:
        """The plan that waits for an approval."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return loading.read_held_plan(self._connection)

    def holds(self) -> dict[str, Hold]:
        """Persons' holds by service; before those, what lingers."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            found = loading.read_holds(self._connection)
            lingering = loading.read_lingering(self._connection)
        return found | {each.step.service: each.hold for each in lingering.values()}

    def failures(self) -> Mapping[tuple[str, str], Failure]:
        """By service and release digest."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            found = loading.read_failures(self._connection)
        return {(failure.service, failure.digest): failure for failure in found}

    def events(
        self, *, since: int, after: float, service: str | None, kind: str | None, limit: int
    ) -> tuple[EventRow, ...]:
        """Those with a greater number, from this moment on, oldest first."""
        chosen = _events(service=service, kind=kind)
        chosen = chosen.where(events.c.seq > since, events.c.at >= milliseconds(after))
        rows = self._all(chosen.order_by(events.c.seq).limit(limit))
        return tuple(event_rows.from_row(dict(row)) for row in rows)

    def last_events(self, *, service: str | None, kind: str | None, limit: int) -> tuple[EventRow, ...]:
        """The newest, oldest of them first."""
        chosen = _events(service=service, kind=kind).order_by(events.c.seq.desc()).limit(limit)
        return tuple(event_rows.from_row(dict(row)) for row in reversed(self._all(chosen)))

    def event_page(self, *, since: int, service: str | None, limit: int) -> EventPage:
        """Those with a greater number, oldest first, and what there is beside them at that moment."""
        chosen = _events(service=service, kind=None).where(events.c.seq > since).order_by(events.c.seq)
        ends = select(func.min(events.c.seq), func.max(events.c.seq))
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            rows = self._connection.execute(chosen.limit(limit)).mappings().all()
            oldest, newest = self._connection.execute(ends).one()
        found = tuple(event_rows.from_row(dict(row)) for row in rows)
        return EventPage(events=found, oldest=oldest or 0, newest=newest or 0)

    def last_event(self) -> int:
        """The newest number, 0 before the first."""
        with sqlite.faults(layout.record_file(self._state)), self._connection.begin():
            return int(self._connection.execute(select(func.max(events.c.seq))).scalar_one() or 0)

    def _run(self, row: RowMapping) -> RunRow:
        return RunRow(
            id=row["id"],
            generation=row["generation"],
            service=row["service"],
            operator=Operator(row["operator"]),
            digest=row["digest"],
            attempt=row["attempt"],
            began=seconds(row["began"]),
            ended=None if row["ended"] is None else seconds(row["ended"]),
            outcome=Outcome(row["outcome"]) if row["outcome"] else None,
            exit=row["exit"],
            signal=row["signal"],
            seconds=seconds(row["milliseconds"]),
            reaped=row["reaped"],
            message=row["message"],
            config=row["config_id"] or "",
            src=row["src_id"] or "",
            reasons=encoding.reasons_from_json(row["reasons"]),
            newest=_newest(row["config"], row["src"]),
            log=layout.log_file(self._state, row["service"], row["id"]),
        )


def _generations() -> Select[Any]:
    counted = select(func.count()).where(steps.c.generation == generations.c.id).scalar_subquery()
    return select(generations, counted.label("steps"))


def _events(*, service: str | None, kind: str | None) -> Select[Any]:
    """Of one service: also what was done to several at once, or to all, if it is among them."""
    chosen = select(events)
    if kind is not None:
        chosen = chosen.where(events.c.kind == kind)
    if service is None:
        return chosen
    named = events.c.data.contains(encoding.to_json(service), autoescape=True)
    is_for_all = events.c.data.contains('"verb":"retry","services":[]') & (
        events.c.kind == logs.COMMAND_GIVEN
    )
    of_several = events.c.kind.in_(_OF_SEVERAL) & (named | is_for_all)
    return chosen.where(events.c.service.in_([service, EVERYTHING]) | of_several)


#: Kinds that may name other services than the one in their column.
_OF_SEVERAL = (logs.COMMAND_GIVEN, logs.PLAN_HELD, logs.SERVICE_ROLLED_BACK)


def _runs() -> Select[Any]:
    step = (
        (steps.c.generation == runs.c.generation)
        & (steps.c.service == runs.c.service)
        & (steps.c.operator == runs.c.operator)
    )
    joined = runs.outerjoin(generations, generations.c.id == runs.c.generation).outerjoin(steps, step)
    planned = (generations.c[name] for name in ("config_id", "src_id", "config", "src"))
    return select(runs, *planned, steps.c.reasons).select_from(joined)


@lru_cache(maxsize=1024)
def _newest(config: str | None, src: str | None) -> tuple[Revision, ...]:
    """Many runs belong to one generation."""
    if not config or not src:
        return ()
    return encoding.revision_from_json(config), encoding.revision_from_json(src)


def _generation(row: RowMapping) -> GenerationRow:
    return GenerationRow(
        id=row["id"],
        digest=row["digest"],
        config=encoding.revision_from_json(row["config"]),
        src=encoding.revision_from_json(row["src"]),
        accepted=seconds(row["accepted"]),
        closed=None if row["closed"] is None else seconds(row["closed"]),
        succeeded=None if row["succeeded"] is None else bool(row["succeeded"]),
        steps=row["steps"],
    )


def _step(row: RowMapping) -> StepRow:
    return StepRow(
        generation=row["generation"],
        service=row["service"],
        operator=Operator(row["operator"]),
        kind=Kind(row["kind"]),
        digest=row["digest"],
        level=row["level"],
        reasons=encoding.reasons_from_json(row["reasons"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        because=row["because"],
    )
