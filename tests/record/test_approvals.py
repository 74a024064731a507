"""The plan that waits for an approval, and what an approval covers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paiwatch.documents.units import Limit
from paiwatch.engine import approvals, commands
from paiwatch.engine.changes import ApprovalPut, HeldPlanPut
from paiwatch.engine.state import Approval
from paiwatch.plan.guard import HeldPlan
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Guard, Policy
from paiwatch.record.history import History
from tests.record.runs import Records, a_plan, a_step

WEB, DB = a_step("web", "w" * 64), a_step("db", "d" * 64)
WAITING = HeldPlan(digest="p" * 64, services=("db", "web"), reasons=("2 of 2 services",), since=140.5)
STRICT = Policy(guard=Guard(max_services=Limit(0)))


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path, STRICT) as opened:
        yield opened


def test_a_plan_waits_until_nothing_or_another_does(record: Records, tmp_path: Path) -> None:
    record.write(HeldPlanPut(plan=replace(WAITING, digest="o" * 64)))
    record.write(HeldPlanPut(plan=WAITING))
    with History.open(tmp_path) as history:
        assert history.held_plan() == record.state.held_plan == WAITING

    record.write(HeldPlanPut(plan=None))

    assert record.state.held_plan is None


def test_an_approval_is_for_one_plan_and_can_be_withdrawn(record: Records, tmp_path: Path) -> None:
    record.write(HeldPlanPut(plan=WAITING))
    record.write(ApprovalPut(digest="another", at=141.0))
    record.write(ApprovalPut(digest=WAITING.digest, at=142.0))
    with History.open(tmp_path) as history:
        held = history.held_plan()
    assert held is not None
    assert held.approved
    assert record.state.approval.digest == WAITING.digest

    record.write(ApprovalPut(digest="", at=143.0))

    assert record.state.approval == Approval()
    with History.open(tmp_path) as history:
        assert history.held_plan() == WAITING


def test_an_approval_covers_what_is_left_of_its_plan_and_nothing_else(record: Records) -> None:
    approved = a_plan(WEB, DB)
    record.write(ApprovalPut(digest=approved.digest, at=142.0))
    assert not covers(record, a_plan(WEB, digest="q" * 64))  # it was not accepted yet

    record.accept(approved, at=143.0)
    record.reopen()

    assert covers(record, a_plan(WEB, digest="q" * 64))
    assert not covers(record, a_plan(WEB, a_step("db", "e" * 64), digest="r" * 64))


def covers(record: Records, plan: Plan) -> bool:
    return approvals.opens(record.state.approval, plan, WAITING)


def test_what_a_person_approves_is_written_with_its_time_and_used_up_once_it_is_done(
    record: Records, tmp_path: Path
) -> None:
    plan = a_plan(WEB)
    assert record.accept(plan, at=140.5) == 0
    with History.open(tmp_path) as history:
        held = history.held_plan()
    assert held is not None
    assert (held.digest, held.services, held.since, held.approved) == (plan.digest, ("web",), 140.5, False)

    assert record.ask(commands.Approve(digest=plan.digest[:8]), at=142.0, plan=plan) == {
        "digest": plan.digest
    }
    record.end(record.begin(WEB))

    record.reopen()
    assert (record.state.held_plan, record.state.approval) == (None, Approval())
