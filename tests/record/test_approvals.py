"""The plan that waits for an approval, and what an approval covers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.plan.guard import HeldPlan
from paiwatch.record.history import History
from paiwatch.record.store import Record
from tests.record.runs import CONFIG, SRC, a_plan, a_step

WEB, DB = a_step("web", "w" * 64), a_step("db", "d" * 64)
WAITING = HeldPlan(digest="p" * 64, services=("db", "web"), reasons=("2 of 2 services",), since=140.5)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path) as opened:
        yield opened


def test_a_plan_waits_until_nothing_or_another_does(record: Record, tmp_path: Path) -> None:
    record.approvals.hold(WAITING)
    with History.open(tmp_path) as history:
        assert history.held_plan() == record.approvals.held() == WAITING

    record.approvals.hold(None)

    assert record.approvals.held() is None


def test_an_approval_is_for_one_plan_and_can_be_withdrawn(record: Record) -> None:
    record.approvals.hold(WAITING)
    record.approvals.approve("another", at=141.0)
    record.approvals.approve(WAITING.digest, at=142.0)
    held = record.approvals.held()
    assert held is not None
    assert held.approved
    assert record.approvals.approved() == WAITING.digest

    record.approvals.withdraw()

    assert record.approvals.approved() == ""


def test_an_approval_covers_what_is_left_of_its_plan_and_nothing_else(record: Record) -> None:
    approved = a_plan(WEB, DB)
    record.approvals.approve(approved.digest, at=142.0)
    assert not record.approvals.covers(a_plan(WEB))  # it was not accepted yet

    record.accept(approved, CONFIG, SRC, at=143.0)

    assert record.approvals.covers(a_plan(WEB, digest="q" * 64))
    assert not record.approvals.covers(a_plan(WEB, a_step("db", "e" * 64)))
