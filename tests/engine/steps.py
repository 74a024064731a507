"""Steps and plans as tests of the engine write them down: `a_plan(a_step("db"), a_step("web", after=["db"]))`."""

from collections.abc import Iterable

from paiwatch.catalog.service import OnInterruption, Operator, Retries
from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from tests.builders import ALL_SCRIPTS, a_snapshot

START, STOP, REFRESH, DELETE = Operator.START, Operator.STOP, Operator.REFRESH, Operator.DELETE
RETRIES = Retries(attempts=2, first=10.0, max=300.0)


def a_step(
    service: str,
    *,
    after: Iterable[str] = (),
    operator: Operator = START,
    digest: str = "d1",
    kind: Kind = Kind.CHANGED,
    weight: int = 1,
    waits: Iterable[StepId] = (),
    held_by: tuple[str, ...] = (),
    last: bool = True,
    on: Iterable[str] = (),
    instead_of: str = "",
    interrupted: OnInterruption = OnInterruption.RERUN,
) -> Step:
    """A step that waits for the starts of the services `after` which it comes; `on` are prerequisites without a step of their own."""
    needs = tuple(after)
    spec = RunSpec(
        scripts=ALL_SCRIPTS, folder=f"src/{service}", timeout=60.0, retries=RETRIES, interrupted=interrupted
    )
    return Step(
        id=StepId(service=service, operator=operator),
        kind=kind,
        digest=digest,
        spec=spec,
        reasons=(),
        waits=tuple(waits) or tuple(StepId(service=other, operator=START) for other in needs),
        held_by=held_by,
        prerequisites=(*needs, *on),
        weight=weight,
        last=last,
        instead_of=instead_of,
    )


def a_restart(service: str, digest: str = "d1") -> tuple[Step, Step]:
    """Stop, then start."""
    stop = a_step(service, operator=STOP, digest=digest, last=False)
    return stop, a_step(service, digest=digest, waits=(stop.id,))


def a_plan(*steps: Step, digest: str, config: str = "") -> Plan:
    """A plan of these steps, for the snapshot that builders make."""
    config_id, src_id = a_snapshot().ids
    return Plan(digest=digest, config=config or config_id, src=src_id, steps=steps)
