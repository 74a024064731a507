"""Past runs as rows and as their JSON documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paiwatch.plan.plan import Reason
from paiwatch.report import plans, times


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt at a step, as recorded. Times are epoch seconds; `ended` 0 and `outcome` "" while it runs."""

    run: int
    generation: int
    service: str
    operator: str
    outcome: str
    exit: int | None
    started: float
    ended: float
    config: str  # revision ids
    src: str
    reasons: tuple[Reason, ...] = ()


def run_document(run: Run) -> dict[str, Any]:
    """One element of `history -o json`, and `last_run` of `status -o json` (docs/cli.md)."""
    return {
        "run": run.run,
        "generation": run.generation,
        "service": run.service,
        "operator": run.operator,
        "outcome": outcome(run),
        "exit": run.exit,
        "started": times.iso(run.started),
        "ended": times.iso_or_none(run.ended),
        "config": run.config,
        "src": run.src,
        "reasons": [plans.reason_document(reason) for reason in run.reasons],
    }


def outcome(run: Run) -> str:
    """The outcome's word; "running" for a run without one."""
    return run.outcome or "running"


def run_rows(runs: Sequence[Run], *, now: float) -> list[tuple[str, ...]]:
    """Run, generation, service, operator, outcome, exit, when, how long, config, why."""
    return [
        (
            str(run.run),
            str(run.generation),
            run.service,
            run.operator,
            outcome(run),
            "" if run.exit is None else str(run.exit),
            times.ago(run.started, now),
            times.rough((run.ended or now) - run.started),
            run.config[:8],
            "\n".join(reason.detail for reason in run.reasons),
        )
        for run in runs
    ]
