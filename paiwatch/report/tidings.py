"""News as the JSON lines that clients of the control socket read. Never prints."""

from dataclasses import asdict
from typing import Any

from paiwatch.news import (
    CommitRefused,
    GenerationAccepted,
    GenerationClosed,
    Missed,
    News,
    PlanApproved,
    PlanHeld,
    RollbackEnded,
    ServiceRolledBack,
    StateFailed,
    StepBegan,
    StepDismissed,
    StepEnded,
    StepQuarantined,
)
from paiwatch.report.plans import held_document


def told(news: News | Missed) -> dict[str, Any] | None:
    """The line for one piece of news; None for what clients are not told."""
    match news:
        case GenerationAccepted():
            return _accepted(news)
        case StepEnded():
            return _ended(news)
        case StateFailed(message=message):
            return {"news": "waiting", "message": message}
        case PlanHeld(plan=plan, steps=count):
            return {"news": "held", **held_document(plan), "steps": count}
        case PlanApproved(digest=digest):
            return {"news": "approved", "digest": digest}
        case _:
            return _short(news)


def _short(news: News | Missed) -> dict[str, Any] | None:
    match news:
        case CommitRefused(source=source, refusal=refusal):
            facts = {"commit": refusal.tip.id, "because": refusal.why, "in_force": refusal.kept}
            return {"news": "refused", "source": source, **facts, "message": str(refusal)}
        case StepBegan(run=run, step=step, attempt=attempt):
            return {"news": "began", "run": run, "step": str(step.id), "attempt": attempt}
        case StepDismissed(step=step, outcome=outcome, because=because):
            return {"news": "dismissed", "step": str(step.id), "outcome": str(outcome), "because": because}
        case StepQuarantined(step=step, attempts=attempts):
            reply = {"news": "quarantined", "step": str(step.id), "attempts": attempts}
            return {**reply, "service": step.id.service, "note": news.note}
        case GenerationClosed(generation=generation, succeeded=succeeded, seconds=seconds):
            return {"news": "closed", "generation": generation, "succeeded": succeeded, "seconds": seconds}
        case _:
            return _rest(news)


def _rest(news: News | Missed) -> dict[str, Any] | None:
    match news:
        case ServiceRolledBack():
            return {"news": "rolled-back", **asdict(news), "followers": [*news.followers]}
        case RollbackEnded():
            return {"news": "rollback-ended", **asdict(news)}
        case Missed(count=count):
            return {"news": "missed", "count": count}
        case _:
            return None


def _accepted(news: GenerationAccepted) -> dict[str, Any]:
    steps = [
        {
            "step": str(step.id),
            "service": step.id.service,
            "operator": str(step.id.operator),
            "kind": str(step.kind),
            "reasons": [reason.detail for reason in step.reasons],
        }
        for step in news.plan.steps
    ]
    snapshot = {"config": news.config.id, "src": news.src.id, "subject": news.config.subject}
    return {"news": "accepted", "generation": news.generation, "snapshot": snapshot, "steps": steps}


def _ended(news: StepEnded) -> dict[str, Any]:
    return {
        "news": "ended",
        "run": news.run,
        "step": str(news.step.id),
        "outcome": str(news.result.outcome),
        "seconds": news.result.seconds,
        "message": news.result.message,
        "retry_in": news.retry_in,
    }
