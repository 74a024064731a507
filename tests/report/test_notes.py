"""What status and why say of a hold: who, since when, and why."""

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.domain.principal import Principal
from paiwatch.engine import holds
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.report import notes

ALICE = Principal(uid=0, user="root", login="alice", door="control socket")
NOW = 3 * 3600.0


def stopped(*, reason: str = "", principal: Principal | None = ALICE, done: bool = True) -> Hold:
    hold = holds.asked("web", Operator.STOP, at=0.0, reason=reason, principal=principal)
    assert hold is not None
    return Hold(service="web", by=hold.by, reason=hold.reason, since=0.0, done=done, principal=hold.principal)


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        (
            Hold(service="web", by=HeldBy.SUSPENDED, reason="new disk", since=0.0, principal=ALICE),
            "suspended by alice (as root), 3 h ago: new disk",
        ),
        (
            Hold(service="web", by=HeldBy.SUSPENDED, reason="", since=0.0),
            "suspended 3 h ago: no reason given",
        ),
        (stopped(), "stopped by alice (as root), 3 h ago: service stop"),
        (stopped(reason="new disk"), "stopped by alice (as root), 3 h ago: new disk"),
        (stopped(principal=None), "stopped 3 h ago: service stop"),
    ],
    ids=["suspended", "nobody known", "stopped", "stopped with a reason", "stopped by nobody known"],
)
def test_a_hold_says_who_when_and_why(hold: Hold, said: str) -> None:
    assert notes.held(hold, "web", now=NOW) == said


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        (stopped(done=False, principal=None), "`service stop` was asked for 3 h ago and has not succeeded"),
        (
            stopped(done=False, reason="new disk"),
            "`service stop` was asked for by alice (as root), 3 h ago (new disk) and has not succeeded",
        ),
    ],
    ids=["as before", "with who and why"],
)
def test_a_stop_that_did_not_succeed_says_what_to_run_again(hold: Hold, said: str) -> None:
    text = notes.held(hold, "web", now=NOW)

    assert text.startswith(said)
    assert "`paiwatch service stop -n web` does it again" in text
