"""Guard: whether a plan does so much that a person has to approve it first. PURE; the gate acts on what is decided here.

A number counts every service of the plan. A share counts those of the applied services that the plan touches: what is
new disturbs nothing that runs, so a first start is never held by a share. A share always lets one service pass, unless that
is the last one that is taken down: a plan that removes everything is a mistake more often than not.
Only what is taken down for good counts as a stop: not the stop of a restart, which its start follows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from paiwatch.catalog.service import Operator
from paiwatch.documents.units import Limit
from paiwatch.plan.applied import Memory
from paiwatch.plan.plan import Kind, Plan
from paiwatch.plan.policy import Guard

_TEARDOWN = frozenset({Operator.STOP, Operator.DELETE})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    """A plan that waits for a person's approval: its digest, whom it touches, and which limits it breaks."""

    digest: str
    services: tuple[str, ...]
    reasons: tuple[str, ...]
    since: float = 0.0  # epoch seconds; 0: not known
    approved: bool = False

    @property
    def remedy(self) -> str:
        """What a person may do about it."""
        return f"`paiwatch approve {self.digest[:12]}`"


def judge(plan: Plan, memory: Memory, guard: Guard) -> HeldPlan | None:
    """Which limits this plan breaks, or None. What a person asked for needs no approval."""
    steps = [step for step in plan.steps if step.kind is not Kind.ASKED]
    touched = {step.id.service for step in steps}
    stopped = {step.id.service for step in steps if step.last and step.id.operator in _TEARDOWN}
    applied = {name for name, each in memory.items() if each.digest}
    reasons = (
        *_excess(touched, applied, guard.max_services, verb="touches", key="max_services"),
        *_excess(stopped, applied, guard.max_stops, verb="takes down", key="max_stops"),
    )
    if not reasons:
        return None
    return HeldPlan(digest=plan.digest, services=tuple(sorted(touched)), reasons=reasons)


def _excess(
    services: Iterable[str], applied: set[str], limit: Limit | None, *, verb: str, key: str
) -> Iterator[str]:
    """The sentence about a limit that is broken."""
    if limit is None:
        return
    names = set(services)
    if limit.percent is None:
        if len(names) > limit.number:
            yield f"it {verb} {_count(len(names))}, and guard.{key} is {limit}"
        return
    running = len(names & applied)
    if key == "max_stops" and names >= applied > set() and limit.percent < 100:
        yield f"it {verb} everything that is applied ({_count(running)}), and guard.{key} is {limit}"
    elif running > 1 and running * 100 > len(applied) * limit.percent:
        yield f"it {verb} {running} of the {len(applied)} services that are applied, and guard.{key} is {limit}"


def _count(number: int) -> str:
    return f"{number} service" if number == 1 else f"{number} services"
