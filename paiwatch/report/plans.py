"""A plan as rows and as its JSON document. What is shown is the plan itself, in its own order."""

from collections.abc import Sequence
from typing import Any

from paiwatch.plan.plan import Plan, Reason, Step
from paiwatch.problem import Problem


def plan_document(plan: Plan, problems: Sequence[Problem] | None = None) -> dict[str, Any]:
    """The shape of `plan -o json` (docs/cli.md). `problems` are those to show; the plan's own if None."""
    shown = plan.problems if problems is None else problems
    return {
        "digest": plan.digest,
        "snapshot": {"config": plan.config, "src": plan.src},
        "steps": [step_document(step) for step in plan.steps],
        "problems": [problem_document(problem) for problem in shown],
    }


def step_document(step: Step) -> dict[str, Any]:
    """One step, with its reasons."""
    return {
        "service": step.id.service,
        "operator": str(step.id.operator),
        "kind": str(step.kind),
        "level": step.level,
        "reasons": [reason_document(reason) for reason in step.reasons],
    }


def reason_document(reason: Reason) -> dict[str, Any]:
    """`kind` and `detail` always; the rest where it applies."""
    facts = {"file": reason.file, "key": reason.key, "before": reason.before, "after": reason.after}
    document: dict[str, Any] = {"kind": reason.kind, "detail": reason.detail}
    document |= {name: fact for name, fact in facts.items() if fact}
    return document | ({"chain": [*reason.chain]} if reason.chain else {})


def problem_document(problem: Problem) -> dict[str, Any]:
    """Where, how bad, what; the remedy is part of the message."""
    return {
        "file": problem.file,
        "line": problem.line,
        "severity": str(problem.severity),
        "message": problem_text(problem),
    }


def problem_text(problem: Problem) -> str:
    """What is wrong and what to do."""
    return f"{problem.message}; {problem.remedy}" if problem.remedy else problem.message


def plan_rows(plan: Plan) -> list[tuple[str, ...]]:
    """Number, level, operator, service, kind, reasons (one to a line), and what a held step waits for."""
    return [
        (
            str(number),
            str(step.level),
            str(step.id.operator),
            step.id.service,
            str(step.kind),
            "\n".join(_whys(step)),
        )
        for number, step in enumerate(plan.steps, 1)
    ]


def _whys(step: Step) -> list[str]:
    """The reasons as they read aloud; a step that cannot run says so first."""
    held = [f"held: waits for {', '.join(step.held_by)}"] if step.held_by else []
    return held + [reason.detail for reason in step.reasons]
