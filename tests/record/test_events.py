"""Events: numbered without a gap, written in the transaction of the facts they tell, read on from any number."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch import failpoint
from paiwatch.catalog.service import Operator
from paiwatch.domain.run_spec import Retries
from paiwatch.engine import commands
from paiwatch.engine.changes import EventRecorded, HoldPut
from paiwatch.errors import StoreError
from paiwatch.news import GenerationClosed
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.event_rows import EventRow
from paiwatch.record.history import History
from tests.builders import a_service
from tests.record.runs import FAILED, SOMEBODY, Records, a_step, accept, carry, tree_of

WEB, DB = a_step("web", "w" * 64), a_step("db", "d" * 64)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path) as opened:
        yield opened


def told(record: Records, **chosen: object) -> tuple[EventRow, ...]:
    with History.open(record.folder) as history:
        return history.events(**chosen)  # type: ignore[arg-type]  # each test names its own


def kinds(record: Records, **chosen: object) -> list[str]:
    return [event.kind for event in told(record, **chosen)]


def test_what_happens_is_told_in_order_and_without_a_gap(record: Records) -> None:
    carry(record, WEB)
    carry(record, a_step("db", "d" * 64, retries=Retries(attempts=1)), FAILED)

    assert [(event.kind, event.service) for event in told(record)] == [
        ("plan.accepted", ""),
        ("step.started", "web"),
        ("step.finished", "web"),
        ("generation.closed", ""),
        ("plan.accepted", ""),
        ("step.started", "db"),
        ("step.finished", "db"),
        ("step.held", "db"),
        ("generation.closed", ""),
    ]
    assert [event.number for event in told(record)] == [*range(1, 10)]
    with History.open(record.folder) as history:
        assert history.last_event() == 9


def test_an_event_has_its_facts(record: Records) -> None:
    accept(record, [WEB], at=100.25)
    run = record.begin(WEB, at=101.5)
    record.end(run, FAILED, at=102.75)

    accepted, began, ended = told(record)

    assert (accepted.at, accepted.generation, accepted.run) == (100.25, 1, None)
    assert accepted.data["steps"] == 1
    assert (began.at, began.run, began.generation) == (101.5, run, 1)
    assert began.data == {
        "operator": "start",
        "release": WEB.digest,
        "attempt": 1,
        "why": ["grafana.port 1 → 2"],
    }
    assert (ended.at, ended.run, ended.data["outcome"], ended.data["exit"]) == (102.75, run, "failed", 3)
    assert ended.data["message"] == "exit code 3"
    assert ended.data["retry_in"] > 0


def test_what_a_person_does_has_their_name(record: Records) -> None:
    record.look(tree_of(a_service("web")))
    record.ask(commands.Suspend(service="web", reason="the disk is full"), at=7.0)

    (event,) = told(record, kind="command.given")

    assert (event.at, event.service, event.principal) == (7.0, "web", SOMEBODY)
    assert (event.data["verb"], event.data["reason"]) == ("suspend", "the disk is full")


def test_numbers_go_on_in_another_life(record: Records) -> None:
    accept(record, [WEB])
    run = record.begin(WEB)
    record.reopen()

    record.recover()
    carry(record, DB)

    events = told(record)
    assert [event.number for event in events] == [*range(1, len(events) + 1)]
    assert [(event.kind, event.run) for event in events[1:4]] == [
        ("step.started", run),
        ("run.found_interrupted", run),
        ("plan.accepted", None),
    ]


def test_readers_choose_what_they_read(record: Records) -> None:
    carry(record, WEB, at=150.0)
    carry(record, DB, at=250.0)

    assert [event.number for event in told(record, since=2)] == [3, 4, 5, 6, 7, 8]
    assert [event.number for event in told(record, since=2, limit=2)] == [3, 4]
    assert [event.number for event in told(record, service="db")] == [6, 7]
    assert [event.number for event in told(record, kind="step.finished")] == [3, 7]
    assert [event.number for event in told(record, after=150.0)] == [3, 4, 7, 8]
    assert [event.number for event in told(record, kind="step.finished", service="db", since=3)] == [7]
    assert told(record, since=8) == told(record, service="nobody") == told(record, after=250.001) == ()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_reader_resumes_from_any_number(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with Records.open(tmp_path_factory.mktemp("state")) as record:
        for step in data.draw(st.lists(st.sampled_from([WEB, DB]), min_size=1, max_size=4)):
            carry(record, step, data.draw(st.sampled_from([FAILED, replace(FAILED, message="ä\0")])))
        whole = told(record)
        read: list[EventRow] = []
        while more := told(record, since=len(read), limit=data.draw(st.integers(1, 5))):
            read += more

    assert tuple(read) == whole
    assert [event.number for event in whole] == [*range(1, record.state.last_event + 1)]


# ── with the facts, or not at all ───────────────────────────────────────────────────────────────────────────────────


def test_a_commit_that_fails_leaves_neither_the_fact_nor_its_event(record: Records) -> None:
    accept(record, [WEB])
    run = record.begin(WEB)
    before, events = record.state, told(record)
    failpoint.arm({failpoint.VARIABLE: "record.uncommitted:1:ENOSPC"})
    try:
        with pytest.raises(StoreError, match=r"record\.db: No space left on device"):
            record.end(run)
    finally:
        failpoint.arm({})

    assert (record.state, told(record)) == (before, events)
    with History.open(record.folder) as history:
        found = history.run(run)
        assert found is not None
        assert found.ended is None
        assert history.applied()["web"].touched == WEB.digest

    record.end(run)

    assert [event.kind for event in told(record, since=len(events))] == ["step.finished", "generation.closed"]
    with History.open(record.folder) as history:
        assert history.applied()["web"].digest == WEB.digest


def test_while_another_program_locks_the_file_nothing_is_told(
    record: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.record.dialects.sqlite._WAIT", 10)
    record.reopen()
    with closing(sqlite3.connect(record.folder / "record.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked"):
            accept(record, [WEB])
        other.execute("ROLLBACK")

    assert (record.state.generation, told(record)) == (0, ())
    assert accept(record, [WEB]) == 1
    assert kinds(record) == ["plan.accepted"]


def test_a_number_that_is_taken_is_no_event_and_undoes_the_rest(record: Records) -> None:
    carry(record, WEB)
    closed = GenerationClosed(generation=1, succeeded=True, replaced=False, seconds=1.0)
    hold = Hold(service="web", by=HeldBy.SUSPENDED, reason="", since=1.0)

    with pytest.raises(StoreError):
        record.write(HoldPut(hold=hold), EventRecorded(number=1, at=1.0, news=closed))

    record.reopen()
    assert record.state.holds == {}
    assert [event.number for event in told(record)] == [1, 2, 3, 4]


# ── retention ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("keep", "left"), [(100, 8), (8, 8), (3, 3), (1, 1)])
def test_retention_keeps_the_newest_events(record: Records, keep: int, left: int) -> None:
    carry(record, WEB)
    carry(record, DB)
    newest = told(record)[-left:]

    record.store.prune(runs=9, generations=9, releases=9, events=keep)

    assert told(record) == newest


def test_numbers_never_come_again_after_retention(record: Records) -> None:
    carry(record, WEB)
    record.store.prune(runs=1, generations=1, releases=1, events=1)
    record.reopen()

    carry(record, a_step("web", "w" * 64, Operator.STOP, kind=Kind.REMOVED))

    assert [event.number for event in told(record)] == [4, 5, 6, 7, 8]
