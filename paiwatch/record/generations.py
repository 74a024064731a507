"""Accepted plans and what became of their steps. Each call is one transaction, durable when it returns. Raises StoreError."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, insert, select, update

from paiwatch.convergence.events import Outcome
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Plan, Step
from paiwatch.record import encoding
from paiwatch.record.encoding import milliseconds
from paiwatch.record.schema import generations, holds, steps
from paiwatch.record.statements import SETTLE_ADOPTED, inserted, mark_step, put
from paiwatch.snapshot import Revision


class Generations:
    """Writes them."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def insert(self, plan: Plan, config: Revision, src: Revision, at: float, held: Iterable[Hold]) -> int:
        """The generation and its steps, and what a person wants held with it."""
        row = {
            "digest": plan.digest,
            "config": encoding.revision_to_json(config),
            "config_id": config.id,
            "src": encoding.revision_to_json(src),
            "src_id": src.id,
            "accepted": milliseconds(at),
        }
        with self._transaction("plan.accepted") as connection:
            generation = inserted(connection, generations, row)
            listed = [
                encoding.step_to_row(generation, position, step) for position, step in enumerate(plan.steps)
            ]
            if listed:
                connection.execute(insert(steps), listed)
            for hold in held:
                put(connection, holds, encoding.hold_to_row(hold))
        return generation

    def close(self, generation: int, *, succeeded: bool, at: float) -> None:
        """Every step has its outcome; those that an older generation's run did get it here."""
        with self._transaction("generation.closed") as connection:
            connection.execute(SETTLE_ADOPTED, {"key": generation})
            connection.execute(
                update(generations)
                .where(generations.c.id == generation)
                .values(closed=milliseconds(at), succeeded=int(succeeded))
            )

    def abandon(self, because: str, at: float) -> None:
        """Close what a paiwatch that died left open: steps without an outcome are superseded."""
        opened = select(generations.c.id).where(generations.c.closed.is_(None))
        with self._transaction("past.abandoned") as connection:
            connection.execute(
                update(steps)
                .where(steps.c.generation.in_(opened), steps.c.outcome.is_(None))
                .values(outcome=str(Outcome.SUPERSEDED), because=because)
            )
            connection.execute(
                update(generations)
                .where(generations.c.closed.is_(None))
                .values(closed=milliseconds(at), succeeded=0)
            )

    def dismiss(self, generation: int, step: Step, outcome: Outcome, because: str) -> None:
        """The step got no run under its generation, or none that counts."""
        with self._transaction("step.dismissed") as connection:
            mark_step(connection, (generation, step.id.service, step.id.operator), outcome, because)
