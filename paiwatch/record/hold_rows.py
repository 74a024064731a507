"""What keeps a service or a plan from going on, as rows: holds of people, failures, plans that break a limit. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from paiwatch.domain.principal import Principal
from paiwatch.engine.changes import Failure
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.record.encoding import milliseconds, seconds, to_json


def hold_to_row(hold: Hold) -> dict[str, Any]:
    """The columns of table holds."""
    return {
        "service": hold.service,
        "by": str(hold.by),
        "reason": hold.reason,
        "since": milliseconds(hold.since),
        "digest": hold.digest,
        "done": int(hold.done),
        "principal": to_json(hold.principal.to_json()) if hold.principal is not None else "",
    }


def hold_from_row(row: Mapping[str, Any]) -> Hold:
    """A person's hold."""
    return Hold(
        service=row["service"],
        by=HeldBy(row["by"]),
        reason=row["reason"],
        since=seconds(row["since"]),
        digest=row["digest"],
        done=bool(row["done"]),
        principal=Principal.from_json(json.loads(row["principal"])) if row["principal"] else None,
    )


def failure_from_row(row: Mapping[str, Any]) -> Failure:
    """Failures of one release."""
    return Failure(
        service=row["service"],
        digest=row["digest"],
        attempts=row["attempts"],
        retry_at=seconds(row["retry_at"]),
        quarantined=row["quarantined"] is not None,
        since=seconds(row["quarantined"] or 0),
        because=row["because"],
        run=row["run"],
    )


def failure_to_row(failure: Failure) -> dict[str, Any]:
    """The columns of table failures."""
    return {
        "service": failure.service,
        "digest": failure.digest,
        "attempts": failure.attempts,
        "retry_at": milliseconds(failure.retry_at),
        "quarantined": milliseconds(failure.since) if failure.quarantined else None,
        "because": failure.because,
        "run": failure.run,
    }


def held_plan_to_row(plan: HeldPlan) -> dict[str, Any]:
    """The columns of table held_plans."""
    return {
        "digest": plan.digest,
        "since": milliseconds(plan.since),
        "services": to_json(plan.services),
        "reasons": to_json(plan.reasons),
    }


def held_plan_from_row(row: Mapping[str, Any], *, approved: bool) -> HeldPlan:
    """The inverse."""
    return HeldPlan(
        digest=row["digest"],
        services=tuple(json.loads(row["services"])),
        reasons=tuple(json.loads(row["reasons"])),
        since=seconds(row["since"]),
        approved=approved,
    )
