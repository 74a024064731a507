"""Plans and runs for tests of what is shown, with only what a test cares about spelled out."""

from pathlib import Path
from typing import Any

from paiwatch.domain.run import Outcome
from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.plan.plan import Kind, Plan, Reason, Step, StepId
from paiwatch.problem import Problem
from paiwatch.record.rows import RunRow
from tests.builders import ALL_SCRIPTS


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
        spec=RunSpec(scripts=ALL_SCRIPTS, folder=f"src/{service}", timeout=60.0),
        reasons=reasons or (Reason(kind="file", detail="start.sh changed", file="start.sh"),),
        held_by=held_by,
        level=level,
    )


def a_plan(*steps: Step, problems: tuple[Problem, ...] = (), kept: tuple[str, ...] = ()) -> Plan:
    return Plan(digest="p" * 64, config="c" * 40, src="5" * 40, steps=steps, problems=problems, kept=kept)


def a_run(outcome: Outcome | None = Outcome.SUCCEEDED, **fields: Any) -> RunRow:
    """Run 3, which refreshed web."""
    defaults: dict[str, Any] = {
        "id": 3,
        "generation": 2,
        "service": "web",
        "operator": Operator.REFRESH,
        "digest": "d" * 64,
        "attempt": 1,
        "began": 990.0,
        "ended": 1000.0 if outcome else None,
        "exit": 0,
        "signal": None,
        "seconds": 10.0,
        "reaped": 0,
        "message": "",
        "config": "c" * 40,
        "src": "5" * 40,
        "reasons": (),
        "log": Path("3.log"),
    }
    return RunRow(outcome=outcome, **(defaults | fields))
