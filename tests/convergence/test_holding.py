"""What waits for a person after paiwatch's own end cut a script off."""

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.convergence import holding
from paiwatch.plan.applied import HeldBy
from paiwatch.plan.plan import StepId

STEP = StepId(service="web", operator=Operator.REFRESH)


def test_only_what_asks_for_it_is_held() -> None:
    hold = holding.after_interruption(STEP, 7, OnInterruption.HOLD, at=5.0)

    assert holding.after_interruption(STEP, 7, OnInterruption.RERUN, at=5.0) is None
    assert hold is not None
    assert (hold.service, hold.by, hold.since) == ("web", HeldBy.INTERRUPTED, 5.0)
    assert hold.reason == "run 7 (refresh) was cut off; look at `paiwatch logs 7`, then `paiwatch retry web`"


def test_processes_that_cannot_be_killed_hold_whatever_is_asked() -> None:
    hold = holding.after_interruption(STEP, 7, OnInterruption.RERUN, at=5.0, left=2)

    assert hold is not None
    assert "left 2 processes that cannot be killed" in hold.reason
