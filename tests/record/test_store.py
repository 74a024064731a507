"""The record: what is written survives, and each end of a run has its exact consequences."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.domain.run import Identity, Outcome
from paiwatch.engine import changes
from paiwatch.engine.backoff import delay
from paiwatch.engine.commands import Retry, Suspend
from paiwatch.errors import StoreError
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from tests.builders import a_desired, a_read, a_release, a_service, scripts
from tests.record.runs import (
    CONFIG,
    FAILED,
    INTERRUPTED,
    SRC,
    SUCCEEDED,
    Record,
    a_plan,
    a_step,
    accept,
    carry,
)

RELEASE = a_release(
    "grafana",
    reads=(a_read("grafana.port", 3000), a_read("list.0", "x")),
    watched={"version/PAI.VERSION": "v1"},
)
CUT_OFF = Hold(
    service="grafana",
    by=HeldBy.INTERRUPTED,
    reason="run 1 (start) was cut off; look at `paiwatch logs 1`, then `paiwatch retry grafana`",
    since=102.5,
)
NEWER = a_release("grafana", {"start.sh": "echo newer\n"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def record(state: Path) -> Iterator[Record]:
    with Record.open(state) as opened:
        yield opened


def reopened(record: Record, state: Path) -> Record:
    record.close()
    return Record.open(state)


def test_a_success_makes_the_release_applied_and_survives_reopening(record: Record, state: Path) -> None:
    prometheus = a_release("prometheus")
    carry(record, a_step("prometheus", prometheus.digest), release=prometheus)
    step = a_step("grafana", RELEASE.digest, prerequisites=("loki", "prometheus"), env={"A": "ü"})

    run = carry(record, step, release=RELEASE)

    again = reopened(record, state)
    applied = again.memory()["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (RELEASE.digest, "", None)
    assert (applied.config, applied.src, applied.at, applied.version) == (CONFIG.id, SRC.id, 102.5, run)
    assert applied.prerequisites == {"loki": 0, "prometheus": again.memory()["prometheus"].version}
    assert (applied.files, applied.reads) == (RELEASE.files, RELEASE.reads)
    assert applied.watched == RELEASE.watched
    assert (applied.spec.folder, applied.spec.env, applied.spec.timeout) == ("src/grafana", {"A": "ü"}, 60.0)
    assert applied.spec.scripts == scripts(*Operator)
    assert again.memory() == record.memory()
    again.close()


def test_what_a_release_asks_for_when_it_is_cut_off_is_remembered_with_its_scripts(
    record: Record, state: Path
) -> None:
    step = a_step("grafana", RELEASE.digest, interrupted=OnInterruption.HOLD)
    run = record.begin(step, accept(record, [step]), 1, at=1.0)
    record.finish(run.run, SUCCEEDED, at=2.0, release=RELEASE)
    spec = record.memory()["grafana"].spec
    stop = a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.ASKED, spec=spec)
    record.begin(stop, accept(record, [stop]), 1, at=3.0)

    again = reopened(record, state)
    assert again.memory()["grafana"].spec.interrupted is OnInterruption.HOLD
    again.close()


def test_a_clock_that_was_set_back_ends_no_run_before_it_began(record: Record, state: Path) -> None:
    steps = [a_step(name, RELEASE.digest) for name in ("grafana", "loki")]
    generation = accept(record, steps)
    ended, cut_off = (record.begin(step, generation, 1, at=500.0).run for step in steps)

    record.finish(ended, FAILED, at=100.0)
    again = reopened(record, state)
    again.recover(cut_off, at=100.0)
    again.close()

    with History.open(state) as past:
        assert [(run.began, run.ended) for run in past.runs()] == [(500.0, 500.0)] * 2


def test_what_began_is_touched_until_it_succeeds(record: Record, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    has = scripts(Operator.REFRESH, Operator.STOP)
    step = a_step("grafana", NEWER.digest, Operator.REFRESH, kind=Kind.CHANGED, scripts=has)

    record.begin(step, accept(record, [step]), 1, at=200.0)

    again = reopened(record, state)
    applied = again.memory()["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (
        RELEASE.digest,
        NEWER.digest,
        Operator.REFRESH,
    )
    assert applied.archived == NEWER.digest
    assert applied.spec.scripts == has
    again.close()


def test_a_failure_leaves_it_touched_and_is_counted(record: Record, state: Path) -> None:
    step = a_step("grafana", RELEASE.digest)
    carry(record, step, FAILED)
    carry(record, step, FAILED)

    again = reopened(record, state)
    failure = again.failures()["grafana", RELEASE.digest]
    rest = delay("grafana", RELEASE.digest, 2, step.spec.retries)
    assert (failure.attempts, failure.quarantined) == (2, False)
    assert failure.retry_at == pytest.approx(102.5 + rest, abs=0.001), "the file counts milliseconds"
    assert failure.because == "exit code 3"
    assert again.memory()["grafana"].touched == RELEASE.digest
    again.close()


def test_an_interruption_counts_no_attempt(record: Record) -> None:
    step = a_step("grafana", RELEASE.digest)
    carry(record, step, INTERRUPTED)
    assert record.failures() == {}

    carry(record, step, FAILED)
    carry(record, step, INTERRUPTED)

    assert record.failures()["grafana", RELEASE.digest].attempts == 1


def test_a_success_clears_the_failures_of_all_its_releases(record: Record) -> None:
    carry(record, a_step("grafana", RELEASE.digest), FAILED)
    carry(record, a_step("loki", "l" * 64), FAILED)

    carry(record, a_step("grafana", NEWER.digest), release=NEWER)

    assert set(record.failures()) == {("loki", "l" * 64)}


def test_the_stop_of_a_restart_settles_nothing(record: Record) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    carry(record, a_step("grafana", NEWER.digest), FAILED)

    carry(record, a_step("grafana", NEWER.digest, Operator.STOP, kind=Kind.CHANGED, last=False))

    applied = record.memory()["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (
        RELEASE.digest,
        NEWER.digest,
        Operator.STOP,
    )
    assert record.failures()["grafana", NEWER.digest].attempts == 1


def test_a_removed_service_is_forgotten_once_it_is_stopped(record: Record, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    stop = a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.REMOVED)
    carry(record, stop, FAILED)
    assert record.memory()["grafana"].touched == RELEASE.digest

    carry(record, stop)

    again = reopened(record, state)
    assert again.memory() == {}
    assert again.failures() == {}
    again.close()


def test_a_service_that_came_back_never_repeats_a_version(record: Record) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    before = record.memory()["grafana"].version
    carry(record, a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.REMOVED))

    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)

    assert record.memory()["grafana"].version > before


def test_a_stop_by_a_person_keeps_the_memory_and_holds_the_service_in_one(
    record: Record, state: Path
) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    before = record.memory()["grafana"]
    hold = Hold(service="grafana", by=HeldBy.STOPPED, reason="upgrade", since=99.5, done=False)
    stop = a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.ASKED)
    generation = record.accept(a_plan(stop), CONFIG, SRC, at=100.0, holds=[hold])
    with History.open(state) as past:
        assert past.holds() == {"grafana": hold}

    run = record.begin(stop, generation, 1, at=101.0).run
    record.finish(run, SUCCEEDED, at=102.0)

    again = reopened(record, state)
    assert again.memory()["grafana"] == before
    assert again.holds() == {"grafana": replace(hold, done=True)}
    again.close()


def test_a_start_by_a_person_ends_the_hold_when_it_begins(record: Record, state: Path) -> None:
    record.hold(Hold(service="grafana", by=HeldBy.STOPPED, reason="upgrade", since=99.5))
    start = a_step("grafana", RELEASE.digest, kind=Kind.ASKED)

    record.begin(start, accept(record, [start]), 1, at=101.0, touches=False)
    assert "grafana" in record.holds()
    record.begin(start, accept(record, [start]), 1, at=101.0)

    again = reopened(record, state)
    assert again.holds() == {}
    again.close()


def test_an_interruption_holds_the_service_unless_a_person_does_already(record: Record, state: Path) -> None:
    strict: dict[str, Any] = {"interrupted": OnInterruption.HOLD, "kind": Kind.ASKED}
    carry(record, a_step("grafana", RELEASE.digest, **strict), INTERRUPTED)
    asked = Hold(service="loki", by=HeldBy.STOPPED, reason="run 1", since=9.0)
    record.hold(asked)
    carry(record, a_step("loki", "l" * 64, Operator.STOP, **strict), INTERRUPTED)

    again = reopened(record, state)
    assert again.holds() == {"grafana": CUT_OFF, "loki": asked}
    again.close()


def test_a_crash_finds_what_the_release_that_ran_asks_for_then(record: Record, state: Path) -> None:
    strict = a_step("grafana", RELEASE.digest, interrupted=OnInterruption.HOLD)
    generation = accept(record, [strict, a_step("loki", "l" * 64)])
    for step in (strict, a_step("loki", "l" * 64)):
        record.begin(step, generation, 1, at=1.0)

    again = reopened(record, state)
    unfinished = tuple(again.state.unfinished.values())
    again.recover(*(each.run for each in unfinished), at=102.5)
    again = reopened(again, state)

    assert [str(each.step) for each in unfinished] == ["start grafana", "start loki"]
    assert [each.interrupted for each in unfinished] == [OnInterruption.HOLD, OnInterruption.RERUN]
    assert again.holds() == {"grafana": CUT_OFF}
    again.close()


def test_stopping_what_was_in_doubt_leaves_it_in_doubt(record: Record) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    carry(record, a_step("grafana", NEWER.digest), FAILED)

    carry(record, a_step("grafana", NEWER.digest, Operator.STOP, kind=Kind.ASKED))

    applied = record.memory()["grafana"]
    assert (applied.touched, applied.touched_by) == (NEWER.digest, Operator.STOP)


def test_asked_for_again_with_the_same_release_is_no_new_version(record: Record) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    version = record.memory()["grafana"].version

    carry(record, a_step("grafana", RELEASE.digest, Operator.REFRESH, kind=Kind.ASKED), release=RELEASE)
    assert record.memory()["grafana"].version == version

    carry(record, a_step("grafana", RELEASE.digest, Operator.REFRESH, kind=Kind.DEPENDENT), release=RELEASE)
    assert record.memory()["grafana"].version > version


def test_a_prerequisite_that_changes_meanwhile_still_owes_a_refresh(record: Record) -> None:
    base = a_release("base")
    carry(record, a_step("base", base.digest), release=base)
    old = record.memory()["base"].version
    step = a_step("grafana", RELEASE.digest, prerequisites=("base",))
    run = record.begin(step, accept(record, [step]), 1, at=1.0).run
    carry(record, a_step("base", "n" * 64, kind=Kind.CHANGED), release=base)

    record.finish(run, SUCCEEDED, at=2.0, release=RELEASE)

    assert record.memory()["grafana"].prerequisites == {"base": old}


def test_unfinished_runs_are_told_after_a_crash_and_can_be_interrupted(record: Record, state: Path) -> None:
    first, second = a_step("grafana", RELEASE.digest), a_step("loki", "l" * 64)
    waiting = a_step("tempo", "t" * 64)
    generation = accept(record, [first, second, waiting])
    one = record.begin(first, generation, 1, at=1.0)
    two = record.begin(second, generation, 1, at=1.0)
    identity = Identity(pid=4711, started_ticks=99, boot="b")
    record.started(two.run, identity)

    again = reopened(record, state)
    unfinished = tuple(again.state.unfinished.values())
    assert [(each.run, each.marker, each.identity) for each in unfinished] == [
        (one.run, one.marker, None),
        (two.run, two.marker, identity),
    ]
    again.recover(*(each.run for each in unfinished), at=9.0)

    again = reopened(again, state)
    assert not again.state.unfinished
    with History.open(state) as history:
        found = history.generation(generation)
        assert found is not None
        assert (found[0].closed, found[0].succeeded) == (9.0, False)
        assert [step.outcome for step in found[1]] == [
            Outcome.INTERRUPTED,
            Outcome.INTERRUPTED,
            Outcome.SUPERSEDED,
        ]
        assert {run.outcome for run in history.runs()} == {Outcome.INTERRUPTED}
    again.close()


def test_run_markers_differ_even_for_equal_numbers(tmp_path: Path) -> None:
    markers = set()
    for name in ("one", "two"):
        with Record.open(tmp_path / name) as record:
            step = a_step("grafana", RELEASE.digest)
            markers.add(record.begin(step, accept(record, [step]), 1, at=1.0).marker)

    assert len(markers) == 2


def test_holds_come_and_go(record: Record, state: Path) -> None:
    hold = Hold(service="grafana", by=HeldBy.SUSPENDED, reason="maintenance", since=3.25)
    record.hold(hold)
    record.hold(Hold(service="loki", by=HeldBy.DELETED, reason="", since=4.0))
    record.lift("loki")

    again = reopened(record, state)
    assert again.holds() == {"grafana": hold}
    again.close()


def test_quarantine_stays_until_forgiven(record: Record, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), FAILED)
    record.quarantine("grafana", RELEASE.digest, attempts=5, at=7.0)

    again = reopened(record, state)
    failure = again.failures()["grafana", RELEASE.digest]
    assert (failure.quarantined, failure.since, failure.attempts) == (True, 7.0, 5)
    carry(again, a_step("loki", "l" * 64), SUCCEEDED)
    again.obey(Retry(services=frozenset({"loki"})))
    assert again.failures()
    again.obey(Retry())
    assert again.failures() == {}
    again.close()


def test_adopted_releases_are_applied_without_a_run(record: Record) -> None:
    loki, grafana = a_service("loki"), a_service("grafana", needs=("loki", "missing"))
    desired = a_desired(loki, grafana)
    carry(record, a_step("grafana", "x" * 64), FAILED)

    record.adopt(desired, ["grafana", "loki"], at=50.0)

    memory = record.memory()
    assert memory["grafana"].digest == desired.releases["grafana"].digest
    assert memory["grafana"].prerequisites == {"loki": memory["loki"].version}
    assert (memory["grafana"].touched, memory["grafana"].spec.scripts) == ("", grafana.scripts)
    assert record.failures() == {}
    version = memory["loki"].version
    record.adopt(desired, ["loki"], at=51.0)
    assert record.memory()["loki"].version == version


def test_memory_given_out_does_not_change_afterwards(record: Record) -> None:
    before = record.memory()

    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)

    assert before == {}


def test_pruning_keeps_the_newest_runs_and_what_they_refer_to(record: Record, state: Path) -> None:
    step = a_step("grafana", RELEASE.digest)
    runs = [carry(record, step, release=RELEASE) for _ in range(5)]
    carry(record, a_step("loki", "l" * 64), FAILED)
    open_generation = accept(record)
    for number in range(4):
        record.close_generation(number + 1, succeeded=True, at=1.0)

    pruned = record.prune(runs=2, generations=1)

    assert [path.name for path in pruned.logs] == [f"{run}.log" for run in runs[:3]]
    assert pruned.keep == {RELEASE.digest, "l" * 64}
    with History.open(state) as history:
        assert [run.id for run in history.runs("grafana")] == runs[:2:-1]
        assert {run.config for run in history.runs()} == {CONFIG.id}
        assert [row.id for row in history.generations()] == [open_generation, 6, 5, 4]


def test_a_name_that_leaves_the_folder_is_refused_before_anything_is_written(
    record: Record, state: Path
) -> None:
    step = a_step("../grafana", RELEASE.digest)

    with pytest.raises(Exception, match="not a name for a folder"):
        record.begin(step, accept(record, [step]), 1, at=1.0)

    with History.open(state) as history:
        assert history.runs() == ()


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    code = (
        "import os, sys; from pathlib import Path; from paiwatch.record.store import Store;"
        "from paiwatch.engine import changes;"
        "state = Path(sys.argv[1]); os.umask(int(sys.argv[2]));"
        "record = Store.open(state); record.commit((changes.HoldDropped(service='x'),));"
        "print([oct(p.stat().st_mode & 0o777) for p in [state, *sorted(state.iterdir())]])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "deep" / "state", str(umask)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == str(["0o700", "0o600", "0o600", "0o600"])


def test_what_is_no_record_is_a_store_error_that_names_the_file(state: Path) -> None:
    state.mkdir()
    (state / "record.db").write_bytes(b"not a database, certainly " * 100)

    with pytest.raises(StoreError, match=r"record\.db: file is not a database"):
        Record.open(state)


def test_a_refused_write_changes_nothing_in_memory(record: Record) -> None:
    record.store._connection.exec_driver_sql("PRAGMA query_only = ON")
    record.store._connection.rollback()

    with pytest.raises(StoreError, match="readonly"):
        record.obey(Suspend(service="*", reason="secret"))

    assert record.holds() == {}


def test_a_killed_writer_leaves_whole_transactions(state: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from tests.record.runs import Record, a_step, carry;"
        "record = Record.open(Path(sys.argv[1]));"
        "[print(carry(record, a_step('s%d' % (i % 7), '%064d' % i)), flush=True) for i in range(100000)]"
    )
    root = Path(__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", code, state], stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
    )
    assert writer.stdout is not None
    promised = 0
    while promised < 40:
        promised = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    promised = int(([str(promised), *writer.stdout.read().split()])[-1])
    writer.wait()
    writer.stdout.close()

    with Record.open(state) as record, History.open(state) as history:
        runs = history.runs(limit=100000)
        assert runs[0].id in {promised, promised + 1}
        assert all(run.outcome is Outcome.SUCCEEDED for run in runs[1:])
        assert all(run.reasons for run in runs)
        newest = record.memory()[f"s{(promised - 1) % 7}"]
        assert (newest.digest if runs[0].id == promised else newest.archived) == f"{promised - 1:064d}"
        for run in record.state.unfinished.values():
            assert record.memory()[run.service].touched


def test_opening_loads_sqlalchemy_and_importing_does_not() -> None:
    code = (
        "import sys, paiwatch.record.store, paiwatch.record.history, paiwatch.record.lock;"
        "print('sqlalchemy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_step_that_an_older_generations_run_did_has_the_outcome_of_that_run(
    record: Record, state: Path
) -> None:
    step, other = a_step("grafana", RELEASE.digest), a_step("loki", "e" * 64)
    older = accept(record, [step])
    run = record.begin(step, older, 1, at=101.0).run
    newer = accept(record, [step, other])
    held = changes.StepSettled(generation=newer, step=other.id, outcome=Outcome.BLOCKED, because="held")
    record.write(held)
    record.finish(run, SUCCEEDED, release=RELEASE, at=102.0)

    record.close_generation(newer, succeeded=True, at=103.0)

    with History.open(state) as history:
        found = history.generation(newer)
    assert found is not None
    outcomes = {row.service: (row.outcome, row.because) for row in found[1]}
    assert outcomes["grafana"] == (Outcome.SUCCEEDED, f"a run of generation {older} did it")
    assert outcomes["loki"] == (Outcome.BLOCKED, "held")
