"""What retention no longer keeps: runs and releases beyond so many for each service, old events, and generations that no run refers to."""

from sqlalchemy import Connection, delete, func, select

from paiwatch.domain.run import Outcome
from paiwatch.record import formers
from paiwatch.record.schema import applied, events, generations, runs, steps


def prune(
    connection: Connection, *, keep_runs: int, keep_generations: int, keep_releases: int, keep_events: int
) -> tuple[list[tuple[str, int]], frozenset[str]]:
    """Delete what is older; gives the runs deleted, and the digests of all releases that are still needed."""
    gone = prune_runs(connection, keep_runs)
    prune_generations(connection, keep_generations)
    needed = formers.prune(connection, keep_releases)
    newest = connection.execute(select(func.max(events.c.seq))).scalar_one() or 0
    connection.execute(delete(events).where(events.c.seq <= newest - keep_events))
    for column in (applied.c.digest, applied.c.touched):
        needed |= frozenset(connection.execute(select(column).where(column != "")).scalars())
    under_way = select(runs.c.digest).where(runs.c.ended.is_(None))
    return gone, needed | frozenset(connection.execute(under_way).scalars())


def cut_off(connection: Connection) -> list[tuple[str, int]]:
    """Service and run, where a service's newest run was cut off."""
    newest = select(func.max(runs.c.id)).group_by(runs.c.service)
    chosen = select(runs.c.service, runs.c.id).where(
        runs.c.outcome == str(Outcome.INTERRUPTED), runs.c.id.in_(newest)
    )
    return [(row.service, row.id) for row in connection.execute(chosen)]


def prune_runs(connection: Connection, keep: int) -> list[tuple[str, int]]:
    """Delete all but the newest of each service, and those under way; gives service and id of what was deleted."""
    rank = func.row_number().over(partition_by=runs.c.service, order_by=runs.c.id.desc()).label("rank")
    ranked = select(runs.c.id, runs.c.service, runs.c.ended, rank).subquery()
    old = select(ranked.c.service, ranked.c.id).where(ranked.c.rank > keep, ranked.c.ended.is_not(None))
    gone = [(row.service, row.id) for row in connection.execute(old.order_by(ranked.c.id))]
    if gone:
        connection.execute(runs.delete().where(runs.c.id.in_(select(old.subquery().c.id))))
    return gone


def prune_generations(connection: Connection, keep: int) -> None:
    """Delete what is closed, with its steps; not the newest, and not one that a run refers to."""
    newest = select(generations.c.id).order_by(generations.c.id.desc()).limit(keep)
    connection.execute(
        delete(generations).where(
            generations.c.closed.is_not(None),
            generations.c.id.not_in(newest),
            generations.c.id.not_in(select(runs.c.generation)),
        )
    )
    connection.execute(delete(steps).where(steps.c.generation.not_in(select(generations.c.id))))
