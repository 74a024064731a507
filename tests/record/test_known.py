"""What another life reads back, and what is forgotten when a person says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.engine import commands
from paiwatch.engine.events import LingeringEnded
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from tests.record.runs import FAILED, INTERRUPTED, Records, a_step, accept, carry, hold, tree_of

STEP = a_step("web", "w" * 64)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path) as opened:
        yield opened


def test_services_that_are_gone_are_those_of_the_newest_plan(record: Records, tmp_path: Path) -> None:
    accept(record, [STEP], kept=("old", "older"), renamed={"old": "new"})
    accept(record, [STEP], kept=("db", "old"), renamed={"old": "front"})
    accept(record, [STEP], kept=("db", "old"))  # only the plan that meets the new name can tell

    with History.open(tmp_path) as history:
        assert history.absent() == {"db": "", "old": "front"}
    record.reopen()
    assert record.state.retained == {"db": "", "old": "front"}

    accept(record, [STEP])

    record.reopen()
    assert record.state.retained == {}


def test_what_was_last_to_be_removed_or_was_cut_off_is_known(record: Records) -> None:
    carry(record, STEP)
    record.reopen()
    assert (record.state.removing, record.store.cut_off()) == (frozenset(), ())

    carry(record, a_step("web", "w" * 64, Operator.STOP, kind=Kind.REMOVED), INTERRUPTED)

    record.reopen()
    assert record.state.removing == {"web"}
    assert [log.name for log in record.store.cut_off()] == ["2.log"]


def test_the_newest_run_of_a_release_is_known(record: Records) -> None:
    for _ in range(2):
        newest = carry(record, STEP, FAILED)
    carry(record, a_step("web", "another"))

    assert record.past("web", leaves="w" * 64).last_run == newest
    assert record.past("web", leaves="never").last_run == 0


def test_what_failed_is_known_with_its_newest_run(record: Records) -> None:
    for _ in range(2):
        newest = carry(record, STEP, FAILED)

    record.reopen()

    assert record.state.failures["web"]["w" * 64].run == newest


def test_processes_that_nobody_could_end_hold_their_service_until_they_are_gone(
    record: Records, tmp_path: Path
) -> None:
    accept(record, [STEP])
    run = record.begin(STEP)
    record.reopen()
    record.recover(at=110.0, left={run: [7, 5]})

    record.reopen()
    assert record.state.lingering[run].pids == {5, 7}
    assert record.state.all_holds["web"].by is HeldBy.LINGERING
    with History.open(tmp_path) as history:
        assert history.holds() == record.state.all_holds

    record.feed(LingeringEnded(runs=frozenset({run})))

    assert record.state.all_holds == {}
    record.reopen()
    assert record.state.all_holds == {}


def test_what_is_forgotten_is_gone_from_the_file_too(record: Records, tmp_path: Path) -> None:
    carry(record, STEP)
    carry(record, a_step("web", "x" * 64), FAILED)
    hold(record, Hold(service="web", by=HeldBy.SUSPENDED, reason="", since=1.0))
    record.look(tree_of())

    record.ask(commands.Adopt(services=frozenset({"web"})))

    with History.open(tmp_path) as history:
        assert (history.applied(), history.failures(), history.holds()) == ({}, {}, {})
        assert [run.digest for run in history.runs()] == ["x" * 64, "w" * 64]
