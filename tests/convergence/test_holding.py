"""What waits for a person after paiwatch's own end cut a script off."""

from dataclasses import replace

import pytest

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.convergence import holding
from paiwatch.plan.applied import HeldBy
from paiwatch.plan.plan import Kind, Step, StepId
from tests.record import runs

STEP = StepId(service="web", operator=Operator.REFRESH)


def test_only_what_asks_for_it_is_held() -> None:
    hold = holding.after_interruption(STEP, 7, OnInterruption.HOLD, at=5.0)

    assert holding.after_interruption(STEP, 7, OnInterruption.RERUN, at=5.0) is None
    assert hold is not None
    assert (hold.service, hold.by, hold.since) == ("web", HeldBy.INTERRUPTED, 5.0)
    assert hold.reason == "run 7 (refresh) was cut off; look at `paiwatch logs 7`, then `paiwatch retry web`"


@pytest.mark.parametrize("kind", [*Kind])
def test_processes_that_nobody_can_end_hold_back_whatever_is_asked(kind: Kind) -> None:
    hold = holding.lingering(STEP, 7, {31, 9}, since=5.0)

    assert holding.is_held(a_step(Operator.START, kind=kind), {"web": hold})
    assert not holding.lifts(a_step(Operator.START, kind=kind), hold)
    assert "-p 9,31` shows them" in hold.reason


def a_step(operator: Operator, *, kind: Kind) -> Step:
    return runs.a_step("web", "d" * 64, operator, kind=kind)


def test_a_stop_is_done_once_it_succeeded_and_a_start_that_begins_ends_it() -> None:
    hold = holding.asked("web", Operator.STOP, at=5.0)
    assert hold is not None
    assert not hold.done

    assert holding.fulfilled(a_step(Operator.DELETE, kind=Kind.ASKED), hold) is None
    assert holding.fulfilled(a_step(Operator.STOP, kind=Kind.REMOVED), hold) is None
    done = holding.fulfilled(a_step(Operator.STOP, kind=Kind.ASKED), hold)
    assert done == replace(hold, done=True)
    assert holding.fulfilled(a_step(Operator.STOP, kind=Kind.ASKED), done) is None

    assert holding.lifts(a_step(Operator.START, kind=Kind.ASKED), done)
    assert not holding.lifts(a_step(Operator.REFRESH, kind=Kind.ASKED), done)
    assert not holding.lifts(a_step(Operator.START, kind=Kind.CHANGED), done)
