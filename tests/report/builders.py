"""Plans for tests of what is shown, with only what a test cares about spelled out."""

from paiwatch.catalog.service import Operator, Retries
from paiwatch.plan.plan import Kind, Plan, Reason, Step, StepId
from paiwatch.problem import Problem


def a_step(
    service: str,
    operator: Operator = Operator.REFRESH,
    *,
    kind: Kind = Kind.CHANGED,
    level: int = 0,
    reasons: tuple[Reason, ...] = (),
    held_by: tuple[str, ...] = (),
) -> Step:
    return Step(
        id=StepId(service=service, operator=operator),
        kind=kind,
        digest="d" * 64,
        script=f"{operator}.sh",
        folder=f"src/{service}",
        reasons=reasons or (Reason(kind="file", detail="start.sh changed", file="start.sh"),),
        held_by=held_by,
        level=level,
        timeout=60.0,
        retries=Retries(),
    )


def a_plan(*steps: Step, problems: tuple[Problem, ...] = (), kept: tuple[str, ...] = ()) -> Plan:
    return Plan(digest="p" * 64, config="c" * 40, src="5" * 40, steps=steps, problems=problems, kept=kept)
