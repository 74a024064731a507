"""Proposing: the plan for a state, and what a person's request makes of it. PURE; it costs what planning costs, so it has a lane of its own.

What is decided here is compared with the state once more when it is taken: see transitions.planning.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from paiwatch.catalog.service import Operator
from paiwatch.domain.principal import Principal
from paiwatch.engine import approvals
from paiwatch.engine import holds as holding
from paiwatch.engine.commands import Approve, Rollback, Service
from paiwatch.engine.events import Commanded
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.state import Request, State
from paiwatch.plan import guard
from paiwatch.plan.applied import DOWN, Memory
from paiwatch.plan.asked import Request as AskedFor
from paiwatch.plan.asked import asked
from paiwatch.plan.beside import beside
from paiwatch.plan.build import assemble
from paiwatch.plan.excerpt import excerpt, once
from paiwatch.plan.plan import Plan, Step
from paiwatch.plan.target import Target, make_target
from paiwatch.problem import Problem, errors

#: Makes the plan of the trees; a `Planner` remembers what saves work.
MakePlan = Callable[[Target, Memory], Plan]


def propose(state: State, make_plan: MakePlan) -> Proposal:
    """What is to be done now. `state.desired` is known, and a plan is asked for."""
    assert state.desired is not None
    target = make_target(state.desired, state.applied)
    plan = make_plan(target, state.applied)
    judged = guard.judge(plan, state.applied, state.rules.policy.guard)
    is_open = state.rules.converges and approvals.opens(state.approval, plan, judged)
    base = Proposal(version=state.version, target=target, plan=plan, judged=judged)
    by = state.asked.by if state.asked is not None else None
    match by:
        case Commanded(command=Service() as command, principal=principal):
            return _for_service(state, base, command, principal, is_open=is_open)
        case Commanded(command=Rollback()):
            return _for_rollback(state, base, is_open=is_open)
        case Commanded(command=Approve(digest=prefix)):
            return _for_trees(state, base, is_open=is_open or approvals.names(prefix, judged))
        case _:
            return _for_trees(state, base, is_open=is_open)


def _for_trees(state: State, base: Proposal, *, is_open: bool) -> Proposal:
    """What the trees ask for, beside what is left of the newest request, of which somebody waits for the end."""
    if not state.rules.converges:
        return base
    back = state.asked.back if state.asked is not None else frozenset()
    wanted = _rest(state, base)
    if is_open:
        chosen = base.plan
    elif back:
        chosen = _going_back(state, base.plan, back)
    else:
        return replace(base, wanted=wanted, chosen=wanted)
    if wanted is not None:
        chosen = beside(chosen, wanted, base.target, state.applied)
    return replace(base, wanted=wanted, chosen=chosen)


def _going_back(state: State, plan: Plan, back: Collection[str]) -> Plan:
    """The plan waits for an approval; what goes back goes all the same, beside what was accepted before."""
    in_force = state.in_force
    accepted = {step.id: step.digest for step in in_force.plan.steps} if in_force else {}

    def belongs(step: Step) -> bool:
        return step.id.service in back or accepted.get(step.id) == step.digest

    return excerpt(plan, belongs)


def _rest(state: State, base: Proposal) -> Plan | None:
    """What is still to be done of the newest request, as the trees are now; None when nobody waits."""
    if not state.requests:
        return None
    request = state.requests[-1]
    target = base.target
    known = {*target.services, *target.invalid, *state.applied}
    left = sorted({step.service for step in request.pending} & known)
    if not left:  # to name nobody might be to ask for all
        return assemble(target, (), ())
    return _again(state, base, request, left)


def _again(state: State, base: Proposal, request: Request, left: Collection[str]) -> Plan:
    match request.command:
        case Rollback():
            return once(excerpt(base.plan, lambda step: step.id.service in left))
        case Service(operator=operator):
            wish = AskedFor(operator=operator, names=tuple(left), only=True)
            return once(asked(wish, base.target, state.applied, state.rules.policy))


# ── rollback ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _for_rollback(state: State, base: Proposal, *, is_open: bool) -> Proposal:
    """Run what a person goes back to, once and at once; or say why nothing of it runs now."""
    assert state.asked is not None
    services = state.asked.back
    if not services.isdisjoint(state.running):
        note = "it begins when the script that runs now has ended"
        return replace(_for_trees(state, base, is_open=is_open), note=note)
    wanted = once(excerpt(base.plan, lambda step: step.id.service in services))
    if any(holding.is_held(step, state.all_holds) for step in wanted.steps):
        note = "a person holds it; it begins once that is over"
        return replace(_for_trees(state, base, is_open=is_open), note=note)
    if not wanted.steps:
        return replace(_for_trees(state, base, is_open=is_open), note="nothing has to run for it")
    chosen = beside(base.plan, wanted, base.target, state.applied) if is_open else wanted
    return replace(base, wanted=wanted, chosen=chosen)


# ── service start | stop | refresh | delete ─────────────────────────────────────────────────────────────────────────


def _for_service(
    state: State, base: Proposal, command: Service, principal: Principal, *, is_open: bool
) -> Proposal:
    operator = command.operator
    if refusal := _down_by_name(state, command):
        return replace(base, refusal=refusal)
    wish = AskedFor(
        operator=operator,
        names=command.names,
        skip=frozenset(command.without) | _down(state, operator),
        only=command.only,
    )
    wanted = once(asked(wish, base.target, state.applied, state.rules.policy))
    if faults := errors(wanted.problems):
        return replace(base, refusal=f"cannot {operator} that", problems=tuple(faults))
    services = sorted({step.id.service for step in wanted.steps})
    if lingering := _lingering(state, services):
        return replace(base, refusal=f"cannot {operator} {lingering}")
    holds = (
        holding.asked(name, operator, at=0.0, reason=command.reason, principal=principal) for name in services
    )
    return replace(
        base,
        wanted=wanted,
        chosen=beside(base.plan, wanted, base.target, state.applied) if is_open else wanted,
        holds=tuple(filter(None, holds)),
        left_out=_left_out(wanted.problems),
    )


def _left_out(problems: Collection[Problem]) -> tuple[str, ...]:
    return tuple(str(problem) for problem in problems)


def _lingering(state: State, services: Collection[str]) -> str:
    """Nobody waits with a person for processes that cannot be ended."""
    holds = {each.step.service: each.hold for each in state.lingering.values()}
    return next((f"{name}: {holds[name].reason}" for name in services if name in holds), "")


def _down(state: State, operator: Operator) -> frozenset[str]:
    """What a refresh passes over: services that a person stopped."""
    if operator is not Operator.REFRESH:
        return frozenset()
    return frozenset(name for name, hold in state.holds.items() if hold.by in DOWN)


def _down_by_name(state: State, command: Service) -> str:
    """Naming one of them is a mistake worth hearing of."""
    named = sorted(_down(state, command.operator) & set(command.names))
    if not named:
        return ""
    remedy = f"`paiwatch service start -n {named[0]}` starts it"
    return f"{', '.join(named)}: {state.holds[named[0]].by} by a person; nothing to refresh; {remedy}"
