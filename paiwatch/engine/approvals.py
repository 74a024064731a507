"""Approvals: which plan may be accepted, and what becomes of the approval when another plan comes in its place. PURE.

An approval binds to the digest of one plan: it ends when that plan is done, and when another one comes in its place. What a crash left of
the plan is no other one: the approval goes over to it.
"""

from dataclasses import replace

from paiwatch.engine.draft import Draft
from paiwatch.engine.state import Approval
from paiwatch.news import PlanApproved, PlanHeld
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan

#: Characters of a digest that people must give at least.
SHORTEST = 8


def moved(approval: Approval, plan: Plan, judged: HeldPlan | None) -> Approval:
    """The approval that is in force when this plan comes; none where it was for another plan."""
    if not approval.digest or approval.digest == plan.digest:
        return approval
    if judged is None or not _covers(approval, plan):
        return Approval()
    return replace(approval, digest=plan.digest)


def opens(approval: Approval, plan: Plan, judged: HeldPlan | None) -> bool:
    """Whether this plan may be accepted. It breaks the limits that `judged` names."""
    return judged is None or moved(approval, plan, judged).digest == plan.digest


def _covers(approval: Approval, plan: Plan) -> bool:
    """Whether this is what is left of the approved plan once that was accepted: same snapshot, no step that it did not have."""
    if approval.snapshot != (plan.config, plan.src):
        return False
    return all((step.id.service, str(step.id.operator), step.digest) in approval.steps for step in plan.steps)


def enter(draft: Draft, plan: Plan, judged: HeldPlan | None) -> bool:
    """Let the trees' newest plan come to the gate: whether it opens. If not, the plan is held from now on."""
    draft.approve(moved(draft.approval, plan, judged))
    if opens(draft.approval, plan, judged):
        draft.hold_plan(None)
        return True
    assert judged is not None
    _hold(draft, judged)
    if draft.told_held != judged.digest:
        draft.tell(PlanHeld(plan=judged, steps=len(plan.steps)))
        draft.told_held = judged.digest
    return False


def approve(draft: Draft, prefix: str, judged: HeldPlan | None) -> str:
    """Let the plan that waits go ahead, if it is called so; gives why not, "" when it does."""
    if judged is None:
        return "no plan waits for an approval; `paiwatch plan` shows what would happen now"
    if not names(prefix, judged):
        return (
            f"{prefix!r} is not the plan that waits: that is {judged.digest[:12]} ({'; '.join(judged.reasons)}); "
            f"look at it with `paiwatch plan`, then give at least {SHORTEST} characters of its digest"
        )
    _hold(draft, judged)
    draft.approve(Approval(digest=judged.digest))
    draft.tell(PlanApproved(digest=judged.digest))
    return ""


def names(prefix: str, judged: HeldPlan | None) -> bool:
    """Whether this beginning of a digest names the plan that waits."""
    return judged is not None and len(prefix) >= SHORTEST and judged.digest.startswith(prefix.lower())


def accepted(draft: Draft, plan: Plan) -> None:
    """The approved plan is accepted: what a crash leaves of it goes on under the same approval."""
    if plan.digest and plan.digest == draft.approval.digest:
        steps = frozenset((step.id.service, str(step.id.operator), step.digest) for step in plan.steps)
        draft.approve(Approval(digest=plan.digest, snapshot=(plan.config, plan.src), steps=steps))


def closed(draft: Draft, plan: Plan) -> None:
    """Use up the approval of a plan that is done, unless it goes on as another generation."""
    goes_on = any(each.plan.digest == plan.digest for each in draft.open.values())
    if plan.digest and plan.digest == draft.approval.digest and not goes_on:
        draft.approve(Approval())


def _hold(draft: Draft, judged: HeldPlan) -> None:
    """Since when it waits is remembered, however often it is made anew."""
    held = draft.held_plan
    since = held.since if held is not None and held.digest == judged.digest else draft.now.wall
    draft.hold_plan(replace(judged, since=since))
