"""What the writer reads back, and what it forgets when a person says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from paiwatch.record.store import Record
from tests.record.runs import FAILED, INTERRUPTED, a_step, accept, carry

STEP = a_step("web", "w" * 64)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path) as opened:
        yield opened


def test_services_that_are_gone_are_those_of_the_newest_plan(record: Record, tmp_path: Path) -> None:
    record.absent.write({"old": "new", "older": ""})
    record.absent.write({"web": "front", "db": ""})

    assert record.absent.read() == {"db": "", "web": "front"}
    with History.open(tmp_path) as history:
        assert history.absent() == {"db": "", "web": "front"}

    record.absent.write({})

    assert record.absent.read() == {}


def test_what_was_last_to_be_removed_or_was_cut_off_is_known(record: Record) -> None:
    carry(record, STEP)
    assert (record.known.removing(), record.cut_off()) == (frozenset(), ())

    carry(record, a_step("web", "w" * 64, Operator.STOP, kind=Kind.REMOVED), INTERRUPTED)

    assert record.known.removing() == {"web"}
    assert [log.name for log in record.cut_off()] == ["2.log"]


def test_the_newest_run_of_a_release_is_known(record: Record) -> None:
    for _ in range(2):
        newest = carry(record, STEP, FAILED)
    carry(record, a_step("web", "another"))

    asked = [("web", "w" * 64), ("web", "never")]
    assert record.rollbacks.last_runs(asked) == {("web", "w" * 64): newest}


def test_processes_that_nobody_could_end_hold_their_service_until_they_are_gone(record: Record) -> None:
    run = record.begin(STEP, accept(record, [STEP]), 1, at=101.0).run
    record.interrupt(run, at=110.0, because="killed", lingering=[7, 5])
    assert record.holds()["web"].by is HeldBy.LINGERING

    record.lingering.gone(run)

    assert record.holds() == {}


def test_what_is_forgotten_is_gone_from_the_file_too(record: Record, tmp_path: Path) -> None:
    carry(record, STEP)
    carry(record, a_step("web", "x" * 64), FAILED)
    record.hold(Hold(service="web", by=HeldBy.SUSPENDED, reason="", since=1.0))

    record.forget(["web"])

    with History.open(tmp_path) as history:
        assert (history.applied(), history.failures(), history.holds()) == ({}, {}, {})
        assert [run.digest for run in history.runs()] == ["x" * 64, "w" * 64]
