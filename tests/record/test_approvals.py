"""The plan that waits for an approval, and what an approval covers, in another life."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.engine import approvals
from paiwatch.engine.changes import ApprovalPut, HeldPlanPut
from paiwatch.engine.state import State
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.record.history import History
from tests.record.runs import CONFIG, SRC, Record, a_plan, a_step

WEB, DB = a_step("web", "w" * 64), a_step("db", "d" * 64)
WAITING = HeldPlan(digest="p" * 64, services=("db", "web"), reasons=("2 of 2 services",), since=140.5)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path) as opened:
        yield opened


def known(record: Record) -> State:
    """What another life would begin from."""
    return record.store.load(record.state.rules)


def test_a_plan_waits_until_nothing_or_another_does(record: Record, tmp_path: Path) -> None:
    record.write(HeldPlanPut(plan=WAITING))
    with History.open(tmp_path) as history:
        assert history.held_plan() == known(record).held_plan == WAITING

    record.write(HeldPlanPut(plan=None))

    assert known(record).held_plan is None


def test_an_approval_is_for_one_plan_and_can_be_withdrawn(record: Record, tmp_path: Path) -> None:
    record.write(HeldPlanPut(plan=WAITING))
    record.write(ApprovalPut(digest="another", at=141.0))
    record.write(ApprovalPut(digest=WAITING.digest, at=142.0))
    with History.open(tmp_path) as history:
        held = history.held_plan()
    assert held is not None
    assert held.approved
    assert known(record).approval.digest == WAITING.digest

    record.write(ApprovalPut(digest="", at=143.0))

    assert known(record).approval.digest == ""


def test_an_approval_covers_what_is_left_of_its_plan_and_nothing_else(record: Record) -> None:
    approved = a_plan(WEB, DB)
    record.write(ApprovalPut(digest=approved.digest, at=142.0))
    assert not covers(record, a_plan(WEB, digest="q" * 64))  # it was not accepted yet

    record.accept(approved, CONFIG, SRC, at=143.0)

    assert covers(record, a_plan(WEB, digest="q" * 64))
    assert not covers(record, a_plan(WEB, a_step("db", "e" * 64), digest="q" * 64))


def covers(record: Record, plan: Plan) -> bool:
    """Whether another life lets this plan, which breaks a limit, go ahead."""
    return approvals.opens(known(record).approval, plan, WAITING)
