"""The plan that waits for an approval, and the approval that a person gave. One of each at most."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import Connection, delete, insert, select

from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.record.encoding import milliseconds, seconds, to_json
from paiwatch.record.schema import approvals, generations, held_plans, steps


def read_held(connection: Connection) -> HeldPlan | None:
    """What waits, if anything does; it may be approved by now."""
    row = connection.execute(select(held_plans)).mappings().first()
    if row is None:
        return None
    return HeldPlan(
        digest=row["digest"],
        services=tuple(json.loads(row["services"])),
        reasons=tuple(json.loads(row["reasons"])),
        since=seconds(row["since"]),
        approved=read_approved(connection) == row["digest"],
    )


def read_approved(connection: Connection) -> str:
    """Digest of the plan that is approved and not done yet, "" when there is none."""
    return str(connection.execute(select(approvals.c.digest)).scalar() or "")


class Approvals:
    """Writes them; each call is one transaction. Raises StoreError."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction

    def held(self) -> HeldPlan | None:
        """What waits."""
        with self._transaction() as connection:
            return read_held(connection)

    def approved(self) -> str:
        """What may go ahead."""
        with self._transaction() as connection:
            return read_approved(connection)

    def covers(self, plan: Plan) -> bool:
        """Whether this is what is left of the approved plan once that was accepted: same snapshot, no step that it did not have."""
        with self._transaction() as connection:
            accepted = (
                select(generations.c.id)
                .where(
                    generations.c.digest == read_approved(connection),
                    generations.c.config_id == plan.config,
                    generations.c.src_id == plan.src,
                )
                .order_by(generations.c.id.desc())
                .limit(1)
            )
            had = select(steps.c.service, steps.c.operator, steps.c.digest).where(
                steps.c.generation == accepted.scalar_subquery()
            )
            approved = {tuple(row) for row in connection.execute(had)}
        return all((step.id.service, str(step.id.operator), step.digest) in approved for step in plan.steps)

    def hold(self, plan: HeldPlan | None) -> None:
        """Nothing, or this one, waits now."""
        with self._transaction("plan.held") as connection:
            connection.execute(delete(held_plans))
            if plan is not None:
                row = {
                    "digest": plan.digest,
                    "since": milliseconds(plan.since),
                    "services": to_json(plan.services),
                    "reasons": to_json(plan.reasons),
                }
                connection.execute(insert(held_plans), row)

    def approve(self, digest: str, *, at: float) -> None:
        """Let this plan go ahead, and no other."""
        with self._transaction("plan.approved") as connection:
            connection.execute(delete(approvals))
            connection.execute(insert(approvals), {"digest": digest, "at": milliseconds(at)})

    def withdraw(self) -> None:
        """The approval is used up, or was for another plan."""
        with self._transaction("plan.withdrawn") as connection:
            connection.execute(delete(approvals))
