"""Running: what is under way, and what must wait for its end. PURE."""

from collections.abc import Collection
from dataclasses import dataclass

from paiwatch.catalog.service import Operator
from paiwatch.plan.plan import Step

#: A stop that is followed by a start builds too.
_BUILDING = frozenset({Operator.START, Operator.REFRESH})


@dataclass(frozen=True, slots=True)
class Run:
    """What a service runs now, since which generation, and whether the current plan counts it as its own.

    It is stale when one of its prerequisites was applied after it began: then it saw the old one.
    """

    step: Step
    generation: int
    counts: bool
    is_stale: bool = False


def in_the_way(step: Step, running: Collection[str]) -> tuple[str, ...]:
    """Services whose runs must end before the step: its own and, for what builds, those it stands on, whichever plan began them."""
    builds = step.id.operator in _BUILDING or not step.last
    involved = (step.id.service, *(step.prerequisites if builds else ()))
    return tuple(service for service in involved if service in running)
