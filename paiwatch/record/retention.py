"""What retention no longer keeps: runs beyond so many for each service, and old generations that no run refers to."""

from sqlalchemy import Connection, delete, func, select

from paiwatch.record.schema import generations, runs, steps


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
