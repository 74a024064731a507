"""A plan as rows and as its JSON document. What is shown is the plan itself, in its own order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Kind, Plan, Reason, Step
from paiwatch.plan.wording import tell
from paiwatch.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many services a plan touches (not steps: a restart has two), by what brought them in."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    dependents: int = 0

    @property
    def own(self) -> int:
        """Services that are in the plan because they themselves are new, different or gone."""
        return self.new + self.changed + self.removed

    @property
    def sentence(self) -> str:
        """`3 services: 1 changed, 2 pulled in as dependents`."""
        total = self.own + self.dependents
        named = {"new": self.new, "changed": self.changed, "removed": self.removed}
        parts = [f"{number} {word}" for word, number in named.items() if number]
        parts = parts or ["none changed"]
        return f"{total} service{'' if total == 1 else 's'}: {', '.join(parts)}, {self.dependents} pulled in as dependents"


def counts(plan: Plan) -> Counts:
    """Both numbers: what changed, and what follows it."""
    kinds = [kind for _, kind in {(step.id.service, step.kind) for step in plan.steps}]
    return Counts(
        new=kinds.count(Kind.NEW),
        changed=kinds.count(Kind.CHANGED),
        removed=kinds.count(Kind.REMOVED),
        dependents=kinds.count(Kind.DEPENDENT),
    )


def plan_document(plan: Plan, problems: Sequence[Problem] | None = None) -> dict[str, Any]:
    """The shape of `plan -o json` (docs/cli.md). `problems` are those to show; the plan's own if None."""
    shown = plan.problems if problems is None else problems
    numbers = counts(plan)
    return {
        "digest": plan.digest,
        "snapshot": {"config": plan.config, "src": plan.src},
        "summary": {
            "new": numbers.new,
            "changed": numbers.changed,
            "removed": numbers.removed,
            "dependents": numbers.dependents,
        },
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
    names = ("file", "key", "before", "after", "template", "line", "origin")
    document: dict[str, Any] = {"kind": reason.kind, "detail": reason.detail}
    document |= {name: fact for name in names if (fact := getattr(reason, name))}
    if reason.chain:
        document["chain"] = [*reason.chain]
    if reason.commit:
        document["commit"] = {"id": reason.commit, "author": reason.author, "subject": reason.subject}
    return document


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
    return held + [tell(reason) for reason in step.reasons]


def held_document(held: HeldPlan) -> dict[str, Any]:
    """A plan that waits for an approval: its name, why, whom it touches."""
    return {
        "digest": held.digest,
        "reasons": [*held.reasons],
        "services": [*held.services],
        "approved": held.approved,
    }


def held_text(held: HeldPlan) -> str:
    """What a person reads about it."""
    why = "; ".join(held.reasons)
    if held.approved:
        return (
            f"plan {held.digest[:12]} is approved ({why}); it runs with the daemon, or with `paiwatch once`"
        )
    return f"plan {held.digest[:12]} is held: {why}; nothing of it runs until {held.remedy}"
