"""Former releases: what ran successfully before the present ones, and what a rollback is chosen from."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select

from paiwatch.domain.run import Outcome
from paiwatch.domain.run_spec import Operator
from paiwatch.engine.events import Key, NamedRun, Past
from paiwatch.plan.applied import Applied, Former, Pin
from paiwatch.plan.plan import Kind
from paiwatch.record import applied_rows
from paiwatch.record.schema import applied, formers, generations, pins, runs, steps
from paiwatch.record.sharing import Sharing

_ROWS = 100  # in memory at once
_LONGEST = 18  # digits of a run's number
_SHORTEST = 4  # characters of a revision, as for git
#: The reasons of a step that went back begin so: it is not what its revision asked for.
_ROLLED_BACK = '[{"kind":"rollback"%'
_BRINGS_UP = (Operator.START, Operator.REFRESH)

#: Whether the files of a release are kept.
Archived = Callable[[str], bool]


def read_applied(connection: Connection) -> dict[str, Applied]:
    """What is applied, by service, with its pins. Row by row: the text of ten thousand takes several times what it says."""
    rows = connection.execute(
        select(applied).order_by(applied.c.service).execution_options(yield_per=_ROWS)
    ).mappings()
    sharing = Sharing()
    found = {row["service"]: applied_rows.applied_from_row(dict(row), sharing) for row in rows}
    pinned = read_pins(connection)
    return found | {name: replace(found[name], pin=pin) for name, pin in pinned.items() if name in found}


def read_pins(connection: Connection) -> dict[str, Pin]:
    """By service. One whose release is not known any more is none."""
    found = {}
    for row in connection.execute(select(pins)).mappings().all():
        chosen = select(formers).where(formers.c.service == row["service"], formers.c.digest == row["digest"])
        if (release := connection.execute(chosen).mappings().first()) is not None:
            found[row["service"]] = applied_rows.pin_from_row(
                dict(row), applied_rows.former_from_row(dict(release))
            )
    return found


def read_past(connection: Connection, service: str, *, leaves: str, to: str, is_archived: Archived) -> Past:
    """What a rollback of this service is chosen from. `leaves` is the release that it goes back from, `to` what a person named."""
    own = _formers(connection, service)
    newest = connection.execute(select(func.max(generations.c.id))).scalar_one() or 0
    changed = {left: _changed(connection, left) for left in {newest, *(former.left for former in own)}}
    names = {name for found in changed.values() for name, _ in found} - {service}
    found = {service: own, **{name: _formers(connection, name) for name in sorted(names)}}
    digests = {former.release.digest for each in found.values() for former in each}
    digests.update(_present(connection, found))
    last = select(func.max(runs.c.id)).where(runs.c.service == service, runs.c.digest == leaves)
    run = _named_run(connection, to)
    return Past(
        service=service,
        formers=found,
        changed=changed,
        archived=frozenset(filter(is_archived, digests)),
        last_run=int(connection.execute(last).scalar_one() or 0),
        run=run,
        revisions=_applied_at(connection, service, to.lower())
        if run is None and len(to) >= _SHORTEST
        else {},
    )


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


def _formers(connection: Connection, service: str) -> tuple[Former, ...]:
    """The former releases of a service, newest first."""
    rows = connection.execute(_of(service)).mappings().all()
    return tuple(Former(release=applied_rows.former_from_row(dict(row)), left=row["left_in"]) for row in rows)


def _of(service: str) -> Select[Any]:
    return (
        select(formers)
        .where(formers.c.service == service)
        .order_by(formers.c.left_in.desc(), formers.c.at.desc())
    )


def _present(connection: Connection, services: Iterable[str]) -> frozenset[str]:
    """Digests of what is applied now."""
    chosen = select(applied.c.digest).where(applied.c.service.in_([*services]), applied.c.digest != "")
    return frozenset(connection.execute(chosen).scalars())


def _changed(connection: Connection, generation: int) -> frozenset[Key]:
    """Services and release digests that this generation was to bring in."""
    chosen = select(steps.c.service, steps.c.digest).where(
        steps.c.generation == generation, steps.c.kind == str(Kind.CHANGED)
    )
    return frozenset((row.service, row.digest) for row in connection.execute(chosen))


def _named_run(connection: Connection, to: str) -> NamedRun | None:
    """The run that a person named by its number; None when it is none, or not (any longer) known."""
    if not to.isdecimal() or len(to) >= _LONGEST:
        return None
    row = connection.execute(select(runs).where(runs.c.id == int(to))).mappings().first()
    if row is None:
        return None
    brought_up = row["outcome"] == Outcome.SUCCEEDED and row["operator"] in _BRINGS_UP
    return NamedRun(service=row["service"], digest=row["digest"], brought_up=brought_up)


def _applied_at(connection: Connection, service: str, prefix: str) -> dict[str, str]:
    """By each revision of config or src that begins so: the release that the service had after it ("": none yet)."""
    found = {}
    for column in (generations.c.config_id, generations.c.src_id):
        newest = select(column, func.max(generations.c.id)).where(column.istartswith(prefix, autoescape=True))
        for revision, generation in connection.execute(newest.group_by(column)).all():
            found[revision] = _digest_after(connection, service, generation)
    return found


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
