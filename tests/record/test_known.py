"""What the writer reads back, and what it forgets when a person says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.engine.changes import RetainedPut
from paiwatch.engine.state import State
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from tests.builders import a_desired, a_service
from tests.record.runs import FAILED, INTERRUPTED, Record, a_step, accept, carry

STEP = a_step("web", "w" * 64)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path) as opened:
        yield opened


def known(record: Record) -> State:
    """What another life would begin from."""
    return record.store.load(record.state.rules)


def test_services_that_are_gone_are_those_of_the_newest_plan(record: Record, tmp_path: Path) -> None:
    record.write(RetainedPut(services={"old": "new", "older": ""}))
    record.write(RetainedPut(services={"web": "front", "db": ""}))

    assert known(record).retained == {"db": "", "web": "front"}
    with History.open(tmp_path) as history:
        assert history.absent() == {"db": "", "web": "front"}

    record.write(RetainedPut(services={}))

    assert known(record).retained == {}


def test_what_was_last_to_be_removed_or_was_cut_off_is_known(record: Record) -> None:
    carry(record, STEP)
    assert (known(record).removing, record.store.cut_off()) == (frozenset(), ())

    carry(record, a_step("web", "w" * 64, Operator.STOP, kind=Kind.REMOVED), INTERRUPTED)

    assert known(record).removing == {"web"}
    assert [log.name for log in record.store.cut_off()] == ["2.log"]


def test_the_newest_run_of_a_release_is_known(record: Record) -> None:
    for _ in range(2):
        newest = carry(record, STEP, FAILED)
    carry(record, a_step("web", "another"))

    assert record.past("web", leaves="w" * 64).last_run == newest
    assert record.past("web", leaves="never").last_run == 0


def test_failures_know_their_newest_run(record: Record) -> None:
    for _ in range(2):
        newest = carry(record, STEP, FAILED)

    assert known(record).failures["web"]["w" * 64].run == newest


def test_processes_that_nobody_could_end_hold_their_service_until_they_are_gone(record: Record) -> None:
    run = record.begin(STEP, accept(record, [STEP]), 1, at=101.0).run
    record.state = known(record)
    record.recover(run, at=110.0, left=[7, 5])
    assert record.holds()["web"].by is HeldBy.LINGERING
    assert known(record).all_holds == record.holds()

    record.gone(run)

    assert record.holds() == known(record).all_holds == {}


def test_what_is_forgotten_is_gone_from_the_file_too(record: Record, tmp_path: Path) -> None:
    carry(record, STEP)
    carry(record, a_step("web", "x" * 64), FAILED)
    record.hold(Hold(service="web", by=HeldBy.SUSPENDED, reason="", since=1.0))

    record.adopt(a_desired(a_service("db")), ["web"], at=120.0)

    with History.open(tmp_path) as history:
        assert (history.applied(), history.failures(), history.holds()) == ({}, {}, {})
        assert [run.digest for run in history.runs()] == ["x" * 64, "w" * 64]
