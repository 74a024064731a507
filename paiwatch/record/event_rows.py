"""Events as rows, and as what readers get of them. The kind is the name under which the same thing stands in the log."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from paiwatch import logs
from paiwatch.domain.principal import Principal
from paiwatch.engine.changes import EventRecorded
from paiwatch.news import (
    CommandGiven,
    GenerationAccepted,
    GenerationClosed,
    News,
    PlanApproved,
    PlanHeld,
    RollbackEnded,
    RunInterrupted,
    ServiceRolledBack,
    StepBegan,
    StepDismissed,
    StepEnded,
    StepQuarantined,
)
from paiwatch.record.encoding import milliseconds, seconds, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that happened: `number` counts from 1 for good, `at` is epoch seconds, `data` are its facts by name."""

    number: int
    at: float
    kind: str
    service: str = ""
    run: int | None = None
    generation: int | None = None
    principal: Principal | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in order, and the numbers of the oldest and the newest that the record had at that moment (0: none), whomever they concern."""

    events: tuple[EventRow, ...] = ()
    oldest: int = 0
    newest: int = 0


def to_row(event: EventRecorded) -> dict[str, Any]:
    """The columns of table events."""
    kind, facts = _facts(event.news)
    return {
        "seq": event.number,
        "at": milliseconds(event.at),
        "kind": kind,
        "service": facts.pop("service", ""),
        "run": facts.pop("run", None),
        "generation": facts.pop("generation", None),
        "principal": to_json(facts.pop("principal")) if "principal" in facts else "",
        "data": to_json(facts),
    }


def from_row(row: Mapping[str, Any]) -> EventRow:
    """The inverse."""
    return EventRow(
        number=row["seq"],
        at=seconds(row["at"]),
        kind=row["kind"],
        service=row["service"],
        run=row["run"],
        generation=row["generation"],
        principal=Principal.from_json(json.loads(row["principal"])) if row["principal"] else None,
        data=json.loads(row["data"]),
    )


def _facts(news: News) -> tuple[str, dict[str, Any]]:
    """Its kind and its facts. Only what the engine tells for good comes here."""
    match news:
        case StepBegan() | StepEnded() | StepDismissed() | StepQuarantined():
            return _of_step(news)
        case GenerationAccepted(generation=generation, plan=plan):
            facts = {"generation": generation, "steps": len(plan.steps), "digest": plan.digest}
            return logs.PLAN_ACCEPTED, {**facts, "config": plan.config, "src": plan.src}
        case PlanHeld(plan=held, steps=count):
            told = {"digest": held.digest, "reasons": [*held.reasons], "services": [*held.services]}
            return logs.PLAN_HELD, {**told, "steps": count}
        case CommandGiven(services=services):
            facts = {"service": services[0] if len(services) == 1 else "", **asdict(news)}
            if not news.source:
                del facts["source"], facts["commit"]
            return logs.COMMAND_GIVEN, facts
        case GenerationClosed():
            return logs.GENERATION_CLOSED, {**asdict(news), "seconds": round(news.seconds, 3)}
        case _:
            return _KINDS[type(news)], asdict(news)


#: News that are told as they are.
_KINDS: Mapping[type, str] = {
    PlanApproved: logs.PLAN_APPROVED,
    RollbackEnded: logs.ROLLBACK_ENDED,
    ServiceRolledBack: logs.SERVICE_ROLLED_BACK,
    RunInterrupted: logs.RUN_INTERRUPTED,
}


def _of_step(news: StepBegan | StepEnded | StepDismissed | StepQuarantined) -> tuple[str, dict[str, Any]]:
    step = news.step
    facts: dict[str, Any] = {
        "service": step.id.service,
        "generation": news.generation,
        "operator": str(step.id.operator),
        "release": step.digest,
    }
    match news:
        case StepBegan(run=run, attempt=attempt):
            why = [reason.detail for reason in step.reasons]
            return logs.STEP_STARTED, {**facts, "run": run, "attempt": attempt, "why": why}
        case StepEnded(run=run, attempt=attempt, result=result):
            facts |= {"run": run, "attempt": attempt, "outcome": str(result.outcome), "exit": result.exit}
            facts |= {"seconds": round(result.seconds, 3), "message": result.message}
            return logs.STEP_FINISHED, {**facts, "retry_in": _rounded(news.retry_in)}
        case StepDismissed(outcome=outcome, because=because):
            return logs.STEP_DISMISSED, {**facts, "outcome": str(outcome), "because": because}
        case StepQuarantined(attempts=attempts, note=note):
            return logs.STEP_HELD, {**facts, "attempts": attempts, "note": note}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
