"""Proposal: the plan that is offered for a state, beside what a person asked for. Values only. PURE.

The engine takes it only if nothing that it was made from has changed since: else it asks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.plan.applied import Hold
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.plan.target import Target
from paiwatch.problem import Problem
from paiwatch.releases.release import RenderedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`plan` is what the trees ask for, and `judged` which limits it breaks; `chosen` is what may be accepted now (None: nothing).

    `wanted` is the part of it that a person asked for, if somebody waits. The rest concerns the request that needs this plan: `refusal` is why
    it cannot be done, with its `problems`; `note` is why nothing of it runs now; `holds` begin with it; `left_out` tells what it leaves out.
    `rendered` are the files of what `chosen` runs.
    """

    version: int
    target: Target
    plan: Plan
    judged: HeldPlan | None = None
    chosen: Plan | None = None
    wanted: Plan | None = None
    refusal: str = ""
    problems: tuple[Problem, ...] = ()
    note: str = ""
    holds: tuple[Hold, ...] = ()
    left_out: tuple[str, ...] = ()
    rendered: Mapping[str, RenderedFiles] = field(default_factory=dict, repr=False)
