"""Steps and their runs, as rows. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from paiwatch.domain import run_spec
from paiwatch.domain.run import Identity, RunResult
from paiwatch.domain.run_spec import Operator
from paiwatch.engine.changes import RunIntended
from paiwatch.engine.state import Lingering, Unfinished
from paiwatch.plan.plan import Step, StepId
from paiwatch.record.encoding import milliseconds, reasons_to_json, seconds, to_json


def step_to_row(generation: int, position: int, step: Step) -> dict[str, Any]:
    """The columns of table steps, before its outcome."""
    return {
        "generation": generation,
        "service": step.id.service,
        "operator": str(step.id.operator),
        "position": position,
        "kind": str(step.kind),
        "digest": step.digest,
        "level": step.level,
        "reasons": reasons_to_json(step.reasons),
    }


def result_to_row(result: RunResult, at: float) -> dict[str, Any]:
    """The columns of table runs that its end fills."""
    return {
        "ended": milliseconds(at),
        "outcome": str(result.outcome),
        "exit": result.exit,
        "signal": result.signal,
        "milliseconds": milliseconds(result.seconds),
        "reaped": result.reaped,
        "message": result.message,
        "lingering": lingering_to_json(result.lingering),
    }


def lingering_to_json(pids: Iterable[int]) -> str:
    """A list of pids, "" where there are none."""
    found = sorted(pids)
    return to_json(found) if found else ""


def intent_to_row(intent: RunIntended) -> dict[str, Any]:
    """The columns of table runs before the script begins. The marker repeats the run's number: only the rest is kept."""
    step = intent.step
    return {
        "id": intent.run,
        "generation": intent.generation,
        "service": step.id.service,
        "operator": str(step.id.operator),
        "digest": step.digest,
        "attempt": intent.attempt,
        "marker": intent.marker.partition("-")[2],
        "began": milliseconds(intent.at),
        "spec": run_spec.to_json(step.spec),
    }


def unfinished_from_row(row: Mapping[str, Any]) -> Unfinished:
    """A run without an end."""
    return Unfinished(
        run=row["id"],
        generation=row["generation"],
        service=row["service"],
        operator=Operator(row["operator"]),
        marker=_marker(row),
        identity=_identity(row),
        interrupted=run_spec.from_json(row["spec"]).interrupted,
        began=seconds(row["began"]),
    )


def lingering_from_row(row: Mapping[str, Any]) -> Lingering:
    """A run that has ended, and its processes that have not."""
    return Lingering(
        run=row["id"],
        step=StepId(service=row["service"], operator=Operator(row["operator"])),
        marker=_marker(row),
        identity=_identity(row),
        pids=frozenset(json.loads(row["lingering"])),
        since=seconds(row["ended"] or row["began"]),
    )


def _marker(row: Mapping[str, Any]) -> str:
    """PAIWATCH_RUN_ID: readable by its number, unique across restarts and state folders by the random part."""
    return f"{row['id']}-{row['marker']}"


def _identity(row: Mapping[str, Any]) -> Identity | None:
    if row["pid"] is None:
        return None
    return Identity(pid=row["pid"], started_ticks=row["started_ticks"], boot=row["boot"])
