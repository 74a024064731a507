"""Planning as its callers do it, in one call: the target is made of what the tree asks for and of the memory."""

from paiwatch.plan import asked as asking
from paiwatch.plan import beside as besides
from paiwatch.plan import build as building
from paiwatch.plan import why as explaining
from paiwatch.plan.applied import Memory
from paiwatch.plan.asked import Request
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.releases.release import Desired


def build(desired: Desired, memory: Memory, policy: Policy) -> Plan:
    """What the tree asks for."""
    return building.build(make_target(desired, memory), memory, policy)


def asked(request: Request, desired: Desired, memory: Memory, policy: Policy) -> Plan:
    """What a person asks for."""
    return asking.asked(request, make_target(desired, memory), memory, policy)


def beside(plan: Plan, wished: Plan, desired: Desired, memory: Memory) -> Plan:
    """Both."""
    return besides.beside(plan, wished, make_target(desired, memory), memory)


def why_not(service: str, desired: Desired, memory: Memory, plan: Plan) -> tuple[str, ...]:
    """Why a service has no step in this plan."""
    return explaining.why_not(service, make_target(desired, memory), memory, plan)
