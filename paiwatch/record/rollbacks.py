"""Rollbacks as rows: releases that ran successfully before the present ones, and the pins of services that went back to one."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select

from paiwatch.catalog.service import Operator
from paiwatch.convergence.events import Outcome
from paiwatch.plan.applied import Applied, Former, Pin, PinnedBy
from paiwatch.plan.plan import Kind
from paiwatch.record import encoding
from paiwatch.record.encoding import milliseconds, seconds
from paiwatch.record.rows import FailureRow
from paiwatch.record.schema import applied, failures, formers, generations, pins, runs, steps
from paiwatch.record.sharing import Sharing
from paiwatch.record.statements import put, put_new

_ROWS = 100  # in memory at once
#: The reasons of a step that went back begin so: it is not what its revision asked for.
_ROLLED_BACK = '[{"kind":"rollback"%'
_BRINGS_UP = (Operator.START, Operator.REFRESH)


@dataclass(frozen=True, slots=True)
class RanOnce:
    """A run that a person named: whose, and the release, when it was applied by that."""

    service: str
    digest: str
    brought_up: bool


def read_pins(connection: Connection) -> dict[str, Pin]:
    """By service. One whose release is not known any more is none."""
    found = {}
    for row in connection.execute(select(pins)).mappings().all():
        chosen = select(formers).where(formers.c.service == row["service"], formers.c.digest == row["digest"])
        if (release := connection.execute(chosen).mappings().first()) is not None:
            found[row["service"]] = _pin(row, _release(release))
    return found


def read_applied(connection: Connection) -> dict[str, Applied]:
    """What is applied, by service, with its pins. Row by row: the text of ten thousand takes several times what it says."""
    rows = connection.execute(
        select(applied).order_by(applied.c.service).execution_options(yield_per=_ROWS)
    ).mappings()
    sharing = Sharing()
    found = {row["service"]: encoding.applied_from_row(dict(row), sharing) for row in rows}
    pins = read_pins(connection)
    return found | {name: replace(found[name], pin=pin) for name, pin in pins.items() if name in found}


def keep_former(connection: Connection, applied: Applied, generation: int) -> None:
    """Remember what is applied now as a release that can be gone back to; `generation` is about to leave it."""
    put(connection, formers, _former_to_row(applied, generation))


def forget(connection: Connection, service: str) -> None:
    """The service was removed."""
    for table in (formers, pins):
        connection.execute(delete(table).where(table.c.service == service))


def drop_pins(connection: Connection, services: Iterable[str]) -> None:
    """These run again what the tree asks for."""
    connection.execute(delete(pins).where(pins.c.service.in_([*services])))


def prune(connection: Connection, keep: int) -> frozenset[str]:
    """Forget former releases beyond this many for each service, but none that is pinned; the digests of those left."""
    per_service = select(formers.c.service).group_by(formers.c.service).having(func.count() > keep)
    pinned = select(pins.c.digest)
    for service in connection.execute(per_service).scalars().all():
        newest = _of(service).with_only_columns(formers.c.digest).limit(keep)
        connection.execute(
            delete(formers).where(
                formers.c.service == service, formers.c.digest.not_in(newest), formers.c.digest.not_in(pinned)
            )
        )
    return frozenset(connection.execute(select(formers.c.digest)).scalars())


class Rollbacks:
    """What a rollback is chosen from, and the writing of pins; each call is one transaction. Raises StoreError."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def past(self, services: Iterable[str]) -> dict[str, tuple[Former, ...]]:
        """The former releases of these services, newest first."""
        with self._transaction() as connection:
            found = {name: connection.execute(_of(name)).mappings().all() for name in services}
        return {
            name: tuple(Former(release=_release(row), left=row["left_in"]) for row in rows)
            for name, rows in found.items()
        }

    def changed(self, generation: int) -> frozenset[tuple[str, str]]:
        """Services and release digests that this generation was to bring in."""
        chosen = select(steps.c.service, steps.c.digest).where(
            steps.c.generation == generation, steps.c.kind == str(Kind.CHANGED)
        )
        with self._transaction() as connection:
            return frozenset((row.service, row.digest) for row in connection.execute(chosen))

    def run(self, number: int) -> RanOnce | None:
        """What became of this run; None when it is not (or no longer) known."""
        with self._transaction() as connection:
            row = connection.execute(select(runs).where(runs.c.id == number)).mappings().first()
        if row is None:
            return None
        brought_up = row["outcome"] == Outcome.SUCCEEDED and row["operator"] in _BRINGS_UP
        return RanOnce(row["service"], row["digest"], brought_up)

    def last_runs(self, inputs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """By service and release digest, the newest run; those without one are left out."""
        found = {}
        with self._transaction() as connection:
            for service, digest in inputs:
                chosen = select(func.max(runs.c.id)).where(runs.c.service == service, runs.c.digest == digest)
                if (run := connection.execute(chosen).scalar_one()) is not None:
                    found[service, digest] = int(run)
        return found

    def applied_at(self, service: str, prefix: str) -> dict[str, str]:
        """By each revision of config or src that begins so: the release that the service had after it ("": none yet)."""
        found = {}
        with self._transaction() as connection:
            for column in (generations.c.config_id, generations.c.src_id):
                newest = select(column, func.max(generations.c.id)).where(
                    column.istartswith(prefix, autoescape=True)
                )
                for revision, generation in connection.execute(newest.group_by(column)).all():
                    found[revision] = _digest_after(connection, service, generation)
        return found

    def pin(self, found: Mapping[str, Pin], failure: FailureRow) -> None:
        """Roll these services back; the release that failed is quarantined with it, as one."""
        with self._transaction("service.pinned") as connection:
            for name, pin in found.items():
                put_new(connection, formers, _former_to_row(pin.release, pin.left))
                put(connection, pins, _pin_to_row(name, pin))
            put(connection, failures, encoding.failure_to_row(failure))

    def unpin(self, services: Iterable[str]) -> None:
        """These run again what the tree asks for."""
        with self._transaction("service.unpinned") as connection:
            drop_pins(connection, services)


def _digest_after(connection: Connection, service: str, generation: int) -> str:
    chosen = (
        select(runs.c.digest)
        .join(
            steps,
            (steps.c.generation == runs.c.generation)
            & (steps.c.service == runs.c.service)
            & (steps.c.operator == runs.c.operator),
        )
        .where(
            steps.c.reasons.not_like(_ROLLED_BACK),
            runs.c.service == service,
            runs.c.generation <= generation,
            runs.c.outcome == str(Outcome.SUCCEEDED),
            or_(*(runs.c.operator == str(operator) for operator in _BRINGS_UP)),
        )
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    return str(connection.execute(chosen).scalar() or "")


def _of(service: str) -> Select[Any]:
    return (
        select(formers)
        .where(formers.c.service == service)
        .order_by(formers.c.left_in.desc(), formers.c.at.desc())
    )


def _release(row: RowMapping) -> Applied:
    return encoding.applied_from_row({**row, "touched": "", "touched_by": "", "prerequisites": "{}"})


def _former_to_row(applied: Applied, left: int) -> dict[str, Any]:
    row = encoding.applied_to_row(applied)
    return {"left_in": left, **{name: value for name, value in row.items() if name in formers.c}}


def _pin(row: RowMapping, release: Applied) -> Pin:
    return Pin(
        instead_of=row["instead_of"],
        release=release,
        since=seconds(row["since"]),
        by=PinnedBy(row["by"]),
        because=row["because"],
        origin=row["origin"],
        leader=row["leader"],
    )


def _pin_to_row(service: str, pin: Pin) -> dict[str, Any]:
    return {
        "service": service,
        "instead_of": pin.instead_of,
        "digest": pin.release.digest,
        "since": milliseconds(pin.since),
        "by": str(pin.by),
        "because": pin.because,
        "origin": pin.origin,
        "leader": pin.leader,
    }
