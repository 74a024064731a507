"""What happens now: from a running daemon's reply to "progress", or, with no daemon, from the last generation's steps. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from paiwatch.domain.run import Outcome
from paiwatch.plan.applied import EVERYTHING, Applied, Hold, Memory
from paiwatch.plan.plan import Kind
from paiwatch.record.rows import RunRow, StepRow
from paiwatch.report.status import Daemon, LiveStep


def daemon(reply: Mapping[str, Any]) -> Daemon:
    """The process behind a reply to {"verb": "progress"}."""
    return Daemon(
        pid=int(reply["pid"]),
        since=float(reply["since"]),
        settled=bool(reply["settled"]),
        is_draining=bool(reply.get("draining", False)),
        faults={str(name): str(fault) for name, fault in reply.get("faults", {}).items()},
    )


def steps(reply: Mapping[str, Any]) -> tuple[LiveStep, ...]:
    """Where each step of the generation in force stands, as the daemon says."""
    return tuple(
        LiveStep(
            service=str(step["service"]),
            operator=str(step["operator"]),
            state=str(step["state"]),
            waiting_for=tuple(map(str, step["waiting_for"])),
            attempt=int(step["attempt"]),
            not_before=float(step["not_before"]),
        )
        for step in reply["steps"]
    )


def names(reply: Mapping[str, Any], key: str) -> frozenset[str]:
    """One of the reply's lists of services: kept, invalid."""
    return frozenset(map(str, reply.get(key, ())))


def left_over(
    rows: Iterable[StepRow], *, last_runs: Mapping[str, RunRow], holds: Mapping[str, Hold], memory: Memory
) -> tuple[LiveStep, ...]:
    """Steps of the last generation that a daemon would still have to do, were there one; what was cut off is not among them."""
    found = []
    for row in rows:
        if row.outcome is Outcome.BLOCKED:
            found.append(LiveStep(service=row.service, operator=str(row.operator), state="blocked"))
        elif _is_owed(row, memory.get(row.service)) and not _has_begun(row, last_runs.get(row.service)):
            is_held = row.service in holds or EVERYTHING in holds
            state = "held" if is_held else "waiting"
            found.append(LiveStep(service=row.service, operator=str(row.operator), state=state))
    return tuple(found)


def _is_owed(row: StepRow, applied: Applied | None) -> bool:
    """Without an outcome; or put off when paiwatch stopped, and not done by an older generation's run meanwhile."""
    if row.outcome is not Outcome.SUPERSEDED:
        return row.outcome is None
    is_applied = applied is not None and applied.digest == row.digest and not applied.touched
    return row.kind is Kind.DEPENDENT or not is_applied


def _has_begun(row: StepRow, last: RunRow | None) -> bool:
    """Whether the service's last run is one of this step: it runs, or was cut off."""
    return last is not None and (last.generation, last.operator) == (row.generation, row.operator)
