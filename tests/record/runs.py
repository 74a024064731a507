"""Builders for runs: steps, results, a record with runs in it."""

from collections.abc import Iterable
from typing import Any

from paiwatch.convergence.events import Outcome
from paiwatch.domain.run_spec import Operator, RunSpec
from paiwatch.operators.run import RunResult
from paiwatch.plan.plan import Kind, Plan, Reason, Step, StepId
from paiwatch.record.store import Record
from paiwatch.releases.release import Release
from paiwatch.snapshot import Revision
from tests.builders import ALL_SCRIPTS, SPEC_FIELDS

CONFIG, SRC = Revision(id="c" * 40, author="Ana", subject="port", at=5.5), Revision(id="d" * 40)
SUCCEEDED = RunResult(outcome=Outcome.SUCCEEDED, exit=0, signal=None, seconds=0.25)
FAILED = RunResult(outcome=Outcome.FAILED, exit=3, signal=None, seconds=0.5, reaped=2, message="exit code 3")
INTERRUPTED = RunResult(outcome=Outcome.INTERRUPTED, exit=None, signal=15, seconds=0.5, message="draining")


def a_step(service: str, digest: str, operator: Operator = Operator.START, **fields: Any) -> Step:
    """One operator on one service, with one reason; fields of its spec may be given by name."""
    spec: dict[str, Any] = {"scripts": ALL_SCRIPTS, "folder": f"src/{service}", "timeout": 60.0}
    spec |= {name: fields.pop(name) for name in SPEC_FIELDS & fields.keys()}
    defaults: dict[str, Any] = {
        "kind": Kind.NEW,
        "spec": RunSpec(**spec),
        "reasons": (Reason(kind="key", detail="grafana.port 1 → 2", key="grafana.port", chain=("a", "b")),),
    }
    return Step(id=StepId(service=service, operator=operator), digest=digest, **(defaults | fields))


def a_plan(*steps: Step, digest: str = "p" * 64) -> Plan:
    """These steps, for the revisions above."""
    return Plan(digest=digest, config=CONFIG.id, src=SRC.id, steps=steps)


def accept(record: Record, steps: Iterable[Step] = (), *, at: float = 100.0) -> int:
    """A generation of these steps."""
    return record.accept(a_plan(*steps), CONFIG, SRC, at=at)


def carry(
    record: Record, step: Step, result: RunResult = SUCCEEDED, *, release: Release | None = None, **ends: Any
) -> int:
    """Accept, begin and finish this one step; gives the run's number."""
    generation = accept(record, [step])
    run = record.begin(step, generation, 1, at=101.0).run
    record.finish(run, result, release=release, **({"at": 102.5} | ends))
    return run
