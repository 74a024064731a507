"""History: what other processes read."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.domain.run_spec import Retries
from paiwatch.errors import StoreError
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.record.history import History
from paiwatch.record.store import Store
from tests.builders import a_release
from tests.record.runs import CONFIG, FAILED, SRC, Records, a_step, accept, carry, hold


def test_without_a_record_everything_is_empty_and_nothing_is_made(tmp_path: Path) -> None:
    with History.open(tmp_path / "state") as history:
        assert (history.generations(), history.generation(1), history.runs(), history.run(1)) == (
            (),
            None,
            (),
            None,
        )
        assert (history.applied(), history.holds(), history.failures(), history.last_runs()) == (
            {},
            {},
            {},
            {},
        )
    assert not (tmp_path / "state").exists()


def test_a_record_that_is_being_made_is_empty_too(tmp_path: Path) -> None:
    (tmp_path / "record.db").write_bytes(b"")

    with History.open(tmp_path) as history:
        assert history.applied() == {}


def test_runs_tell_what_happened_and_why(tmp_path: Path) -> None:
    with Records.open(tmp_path) as record:
        step = a_step("grafana", "g" * 64)
        carry(record, step, FAILED)
        accept(record, [step], at=200.0)
        begun = record.begin(step, at=201.0)

        with History.open(tmp_path) as history:
            running, failed = history.runs("grafana")
            assert (running.id, running.outcome, running.ended, running.log) == (
                begun,
                None,
                None,
                record.log(begun),
            )
            assert (running.attempt, failed.attempt) == (2, 1)
            assert (failed.outcome, failed.exit, failed.seconds, failed.reaped) == (Outcome.FAILED, 3, 0.5, 2)
            assert (failed.config, failed.src, failed.message) == (CONFIG.id, SRC.id, "exit code 3")
            assert failed.reasons == step.reasons
            assert history.run(failed.id) == failed
            assert history.last_runs() == {"grafana": running}
            assert history.runs(limit=1) == (running,)
            assert history.runs("loki") == ()


def test_a_generation_lists_its_steps_in_plan_order(tmp_path: Path) -> None:
    with Records.open(tmp_path) as record:
        stop = a_step("a", "2", Operator.STOP, retries=Retries(attempts=1))
        steps = [a_step("z", "1"), stop, a_step("a", "2", level=1, waits=(stop.id,))]
        generation = accept(record, steps)
        record.end(record.begin(stop), FAILED)
        with History.open(tmp_path) as history:
            (opened,) = history.generations()
            assert (opened.closed, opened.succeeded) == (None, None)
        record.end(record.begin(steps[0]), at=109.0)

    with History.open(tmp_path) as history:
        found = history.generation(generation)
        assert found is not None
        row, listed = found
        assert (row.config, row.src, row.accepted, row.steps) == (CONFIG, SRC, 100.0, 3)
        assert [(step.service, step.operator) for step in listed] == [
            (s.id.service, s.id.operator) for s in steps
        ]
        assert (listed[2].outcome, listed[2].because, listed[2].level) == (
            Outcome.BLOCKED,
            "it waits for stop a, which cannot go on",
            1,
        )
        assert [step.outcome for step in listed[:2]] == [Outcome.SUCCEEDED, Outcome.FAILED]
        assert (row.closed, row.succeeded) == (109.0, False)
        assert history.generations() == (row,)


def test_quarantine_is_shown_as_a_hold_unless_a_person_holds_it(tmp_path: Path) -> None:
    suspended = Hold(service="loki", by=HeldBy.SUSPENDED, reason="why", since=1.0)
    with Records.open(tmp_path) as record:
        for service in ("grafana", "loki"):
            carry(record, a_step(service, "g" * 64, retries=Retries(attempts=1)), FAILED)
        hold(record, suspended)

    with History.open(tmp_path) as history:
        found = history.holds()
        assert found["loki"] == suspended
        assert (found["grafana"].by, found["grafana"].reason) == (HeldBy.QUARANTINED, "exit code 3")


def test_the_record_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    release = a_release("grafana")
    over = threading.Event()
    seen: list[int] = []

    def read() -> None:
        with History.open(tmp_path) as history:
            while not over.is_set():
                runs = history.runs(limit=1000)
                assert [run.id for run in runs] == list(range(len(runs), 0, -1))
                seen.append(len(runs))

    with Records.open(tmp_path) as record:
        reader = threading.Thread(target=read)
        reader.start()
        while len(seen) < 3:
            carry(record, a_step("grafana", release.digest), release=release)
        for _ in range(20):
            carry(record, a_step("grafana", release.digest), release=release)
        over.set()
        reader.join()
    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_a_reader_holding_the_file_does_not_stop_the_writer(tmp_path: Path) -> None:
    with Records.open(tmp_path) as record, History.open(tmp_path) as history:
        history.applied()
        carry(record, a_step("grafana", "g" * 64))
        assert set(history.applied()) == {"grafana"}


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with History.open(tmp_path) as history:
        assert history._reader is not None
        with pytest.raises(Exception, match="readonly"):
            history._reader._connection.exec_driver_sql("DELETE FROM runs")
        history._reader._connection.rollback()


def test_the_record_of_a_dead_paiwatch_can_be_read(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from tests.record.runs import Records, a_step, carry;"
        "carry(Records.open(Path(sys.argv[1])), a_step('grafana', 'g' * 64)); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=Path(__file__).parents[2], check=False)

    with History.open(tmp_path) as history:
        assert set(history.applied()) == {"grafana"}
        assert len(history.runs()) == 1


def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        connection = store._connection
        with connection.begin():
            connection.exec_driver_sql("UPDATE schema_version SET version = 99")

    with pytest.raises(StoreError, match="schema 99 is from a newer paiwatch"):
        History.open(tmp_path)
