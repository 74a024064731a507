"""Requests: what people wait for, until each has its answer."""

from dataclasses import replace

from paiwatch.engine.draft import Draft
from paiwatch.engine.state import Request
from paiwatch.engine.step_table import Standing
from paiwatch.plan.plan import Plan, StepId


def add(draft: Draft, request: Request) -> None:
    """From now on somebody waits for it. A newer one takes the place of an older one, but for the steps that both name."""
    draft.requests = (*draft.requests, request)


def extend(draft: Draft, wanted: Plan) -> None:
    """The newest one has these steps under the newest plan."""
    *others, newest = draft.requests
    pending = newest.pending | {step.id for step in wanted.steps}
    if pending != newest.pending:
        draft.requests = (*others, replace(newest, pending=pending))


def withdraw(draft: Draft, number: int) -> None:
    """Nobody waits for it any more."""
    draft.requests = tuple(request for request in draft.requests if request.number != number)


def settle(draft: Draft) -> bool:
    """Answer those of which every step has its outcome under the plan in force; whether there was one."""
    settled = tuple(_settled(draft, request) for request in draft.requests)
    over = [request for request in settled if not request.pending]
    if over or settled != draft.requests:
        draft.requests = tuple(request for request in settled if request.pending)
    for request in over:
        _answer(draft, request)
    return bool(over)


def _settled(draft: Draft, request: Request) -> Request:
    over = {step for step in request.pending if _is_over(draft, request, step)}
    if not over:
        return request
    has_succeeded = all(draft.table.standing.get(step) is Standing.SUCCEEDED for step in over)
    return replace(request, pending=request.pending - over, succeeded=request.succeeded and has_succeeded)


def _is_over(draft: Draft, request: Request, step: StepId) -> bool:
    """Whether it has its outcome. One that is not in the plan was given up."""
    found = draft.table.steps.get(step)
    return found is None or not request.owns(found) or draft.table.is_final(step)


def _answer(draft: Draft, request: Request) -> None:
    draft.answer(request.number, {**request.reply, "succeeded": _has_succeeded(request)})


def _has_succeeded(request: Request) -> bool:
    """Nothing was done for whom everything was left out."""
    return request.succeeded and (bool(request.steps) or not request.left_out)
