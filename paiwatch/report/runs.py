"""Past runs as rows and as their JSON documents."""

from collections.abc import Sequence
from dataclasses import replace
from signal import Signals
from typing import Any

from paiwatch.domain.run import Outcome
from paiwatch.record.rows import RunRow
from paiwatch.report import plans, times

_LONGEST = 40  # characters of a subject


def as_seen(run: RunRow, *, is_alive: bool) -> RunRow:
    """The run as its readers should see it: one without an end, when nobody works on the state, was cut off."""
    if run.outcome is None and not is_alive:
        return replace(run, outcome=Outcome.INTERRUPTED)
    return run


def run_document(run: RunRow) -> dict[str, Any]:
    """One element of `history -o json`, and `last_run` of `status -o json` (docs/cli.md)."""
    return {
        "run": run.id,
        "generation": run.generation,
        "service": run.service,
        "operator": str(run.operator),
        "outcome": outcome(run),
        "exit": run.exit,
        "signal": _signal(run),
        "message": run.message,
        "started": times.iso(run.began),
        "ended": times.iso_or_none(run.ended),
        "config": run.config,
        "src": run.src,
        "newest": {
            name: {"id": commit.id, "author": commit.author, "subject": commit.subject}
            for name, commit in zip(("config", "src"), run.newest, strict=False)
        },
        "reasons": [plans.reason_document(reason) for reason in run.reasons],
    }


def outcome(run: RunRow) -> str:
    """The outcome's word; "running" for a run without one."""
    return str(run.outcome or "running")


def _signal(run: RunRow) -> str | None:
    """The name of the signal that ended it."""
    if run.signal is None:
        return None
    known = {number.value: number.name for number in Signals}
    return known.get(run.signal, str(run.signal))


def _config(run: RunRow) -> str:
    """`3f2a1b9c Ana: Move it`; of a live directory its id alone."""
    commit = run.newest[0] if run.newest else None
    if commit is None or not commit.author:
        return run.config[:8]
    subject = commit.subject if len(commit.subject) <= _LONGEST else f"{commit.subject[: _LONGEST - 1]}…"
    return f"{commit.short} {commit.author}: {subject}"


def run_rows(runs: Sequence[RunRow], *, now: float) -> list[tuple[str, ...]]:
    """Run, generation, service, operator, outcome, exit, when, how long, config, why."""
    return [
        (
            str(run.id),
            str(run.generation),
            run.service,
            str(run.operator),
            outcome(run),
            _signal(run) or ("" if run.exit is None else str(run.exit)),
            times.ago(run.began, now),
            times.rough((run.ended or now) - run.began),
            _config(run),
            "\n".join(reason.detail for reason in run.reasons),
        )
        for run in runs
    ]
