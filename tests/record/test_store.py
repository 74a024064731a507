"""The record: what is written survives, and each end of a run has its exact consequences."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.domain.run import Identity, Outcome
from paiwatch.engine import backoff, commands
from paiwatch.engine import holds as holding
from paiwatch.engine.changes import Failure, FailurePut, HoldDropped
from paiwatch.errors import ConfigError, StoreError
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from paiwatch.record.store import Store
from tests.builders import a_read, a_release, a_service, scripts
from tests.record.runs import (
    CONFIG,
    FAILED,
    INTERRUPTED,
    SOMEBODY,
    SRC,
    Records,
    a_step,
    accept,
    carry,
    hold,
    tree_of,
)

RELEASE = a_release(
    "grafana",
    reads=(a_read("grafana.port", 3000), a_read("list.0", "x")),
    watched={"version/PAI.VERSION": "v1"},
)
NEWER = a_release("grafana", {"start.sh": "echo newer\n"})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def record(state: Path) -> Iterator[Records]:
    with Records.open(state) as opened:
        yield opened


def failures(record: Records) -> dict[tuple[str, str], Failure]:
    """What is known of failures, by service and digest."""
    return {
        (each.service, each.digest): each for book in record.state.failures.values() for each in book.values()
    }


def test_a_success_makes_the_release_applied_and_survives_reopening(record: Records, state: Path) -> None:
    prometheus = a_release("prometheus")
    carry(record, a_step("prometheus", prometheus.digest), release=prometheus)
    step = a_step("grafana", RELEASE.digest, prerequisites=("loki", "prometheus"), env={"A": "ü"})

    run = carry(record, step, release=RELEASE)

    before = record.state.applied
    record.reopen()
    applied = record.state.applied["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (RELEASE.digest, "", None)
    assert (applied.config, applied.src, applied.at, applied.version) == (CONFIG.id, SRC.id, 102.5, run)
    assert applied.prerequisites == {"loki": 0, "prometheus": record.state.applied["prometheus"].version}
    assert (applied.files, applied.reads) == (RELEASE.files, RELEASE.reads)
    assert applied.watched == RELEASE.watched
    assert (applied.spec.folder, applied.spec.env, applied.spec.timeout) == ("src/grafana", {"A": "ü"}, 60.0)
    assert applied.spec.scripts == scripts(*Operator)
    assert record.state.applied == before


def test_what_a_release_asks_for_when_it_is_cut_off_is_remembered_with_its_scripts(
    record: Records, state: Path
) -> None:
    step = a_step("grafana", RELEASE.digest, interrupted=OnInterruption.HOLD)
    carry(record, step, release=RELEASE)
    spec = record.state.applied["grafana"].spec
    stop = a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.ASKED, spec=spec)
    accept(record, [stop])
    record.begin(stop)

    record.reopen()
    assert record.state.applied["grafana"].spec.interrupted is OnInterruption.HOLD


def test_a_clock_that_was_set_back_ends_no_run_before_it_began(record: Records, state: Path) -> None:
    steps = [a_step(name, RELEASE.digest) for name in ("grafana", "loki")]
    accept(record, steps)
    ended, _ = [record.begin(step, at=500.0) for step in steps]

    record.end(ended, FAILED, at=100.0)
    record.reopen()
    record.recover(at=100.0)

    with History.open(state) as past:
        assert [(run.began, run.ended) for run in past.runs()] == [(500.0, 500.0)] * 2


def test_what_began_is_touched_until_it_succeeds(record: Records, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    has = scripts(Operator.REFRESH, Operator.STOP)
    step = a_step("grafana", NEWER.digest, Operator.REFRESH, kind=Kind.CHANGED, scripts=has)

    accept(record, [step])
    record.begin(step, at=200.0)

    record.reopen()
    applied = record.state.applied["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (
        RELEASE.digest,
        NEWER.digest,
        Operator.REFRESH,
    )
    assert applied.archived == NEWER.digest
    assert applied.spec.scripts == has


def test_a_failure_leaves_it_touched_and_is_counted(record: Records, state: Path) -> None:
    step = a_step("grafana", RELEASE.digest)
    for at in (150.0, 170.0):
        carry(record, step, FAILED, at=at)
    rest = backoff.delay("grafana", RELEASE.digest, 2, step.spec.retries)

    record.reopen()
    failure = failures(record)["grafana", RELEASE.digest]
    assert (failure.attempts, failure.retry_at, failure.quarantined) == (2, round(170.0 + rest, 3), False)
    assert failure.because == "exit code 3"
    assert record.state.applied["grafana"].touched == RELEASE.digest


def test_an_interruption_counts_no_attempt(record: Records) -> None:
    step = a_step("grafana", RELEASE.digest)
    carry(record, step, INTERRUPTED)
    record.reopen()
    assert failures(record) == {}

    carry(record, step, FAILED)
    carry(record, step, INTERRUPTED)

    record.reopen()
    assert failures(record)["grafana", RELEASE.digest].attempts == 1


def test_a_success_clears_the_failures_of_all_its_releases(record: Records) -> None:
    carry(record, a_step("grafana", RELEASE.digest), FAILED)
    carry(record, a_step("loki", "l" * 64), FAILED)

    carry(record, a_step("grafana", NEWER.digest), release=NEWER)

    record.reopen()
    assert set(failures(record)) == {("loki", "l" * 64)}


def test_the_stop_of_a_restart_settles_nothing(record: Records) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    carry(record, a_step("grafana", NEWER.digest), FAILED)

    carry(record, a_step("grafana", NEWER.digest, Operator.STOP, kind=Kind.CHANGED, last=False))

    record.reopen()
    applied = record.state.applied["grafana"]
    assert (applied.digest, applied.touched, applied.touched_by) == (
        RELEASE.digest,
        NEWER.digest,
        Operator.STOP,
    )
    assert failures(record)["grafana", NEWER.digest].attempts == 1


def test_a_removed_service_is_forgotten_once_it_is_stopped(record: Records, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    stop = a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.REMOVED)
    carry(record, stop, FAILED)
    assert record.state.applied["grafana"].touched == RELEASE.digest

    carry(record, stop)

    record.reopen()
    assert record.state.applied == {}
    assert failures(record) == {}


def test_a_service_that_came_back_never_repeats_a_version(record: Records) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    before = record.state.applied["grafana"].version
    carry(record, a_step("grafana", RELEASE.digest, Operator.STOP, kind=Kind.REMOVED))

    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)

    assert record.state.applied["grafana"].version > before


def test_a_stop_by_a_person_keeps_the_memory_and_holds_the_service_in_one(
    record: Records, state: Path
) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    before = record.state.applied["grafana"]
    held = Hold(
        service="grafana",
        by=HeldBy.STOPPED,
        reason="service stop",
        since=99.5,
        done=False,
        principal=SOMEBODY,
    )
    record.look(tree_of(a_service("grafana"), releases=[RELEASE]))
    record.ask(commands.Service(operator=Operator.STOP, names=("grafana",)), at=99.5)
    with History.open(state) as past:
        assert past.holds() == {"grafana": held}

    run = record.begin(a_step("grafana", RELEASE.digest, Operator.STOP), at=101.0)
    record.end(run, at=102.0)

    record.reopen()
    assert record.state.applied["grafana"] == before
    assert record.state.holds == {"grafana": replace(held, done=True)}


def test_a_start_by_a_person_ends_the_hold_when_it_begins(record: Records, state: Path) -> None:
    hold(record, Hold(service="grafana", by=HeldBy.STOPPED, reason="upgrade", since=99.5))
    start = a_step("grafana", RELEASE.digest, kind=Kind.ASKED)
    accept(record, [start])

    run = record.begin(start, touches=False)
    assert "grafana" in record.state.holds
    record.end(run, replace(INTERRUPTED, begun=False))
    with History.open(state) as past:
        assert "grafana" in past.holds()
    record.begin(start)

    record.reopen()
    assert record.state.holds == {}


def test_an_interruption_holds_the_service_unless_a_person_does_already(record: Records, state: Path) -> None:
    asked = Hold(service="loki", by=HeldBy.STOPPED, reason="upgrade", since=9.0)
    hold(record, asked)
    steps = [
        a_step("grafana", RELEASE.digest, interrupted=OnInterruption.HOLD),
        a_step("loki", "l" * 64, Operator.REFRESH, kind=Kind.ASKED, interrupted=OnInterruption.HOLD),
    ]
    for step in steps:
        carry(record, step, INTERRUPTED)

    record.reopen()
    cut_off = holding.after_interruption(steps[0].id, 1, OnInterruption.HOLD, at=102.5)
    assert record.state.holds == {"grafana": cut_off, "loki": asked}


def test_a_crash_finds_what_the_release_that_ran_asks_for_then(record: Records, state: Path) -> None:
    strict = a_step("grafana", RELEASE.digest, interrupted=OnInterruption.HOLD)
    steps = (strict, a_step("loki", "l" * 64))
    accept(record, steps)
    for step in steps:
        record.begin(step)

    record.reopen()
    unfinished = tuple(record.state.unfinished.values())
    record.recover(at=109.0)
    record.reopen()

    assert [str(each.step) for each in unfinished] == ["start grafana", "start loki"]
    assert [each.interrupted for each in unfinished] == [OnInterruption.HOLD, OnInterruption.RERUN]
    cut_off = holding.after_interruption(strict.id, 1, OnInterruption.HOLD, at=109.0)
    assert record.state.holds == {"grafana": cut_off}


def test_stopping_what_was_in_doubt_leaves_it_in_doubt(record: Records) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    carry(record, a_step("grafana", NEWER.digest), FAILED)

    carry(record, a_step("grafana", NEWER.digest, Operator.STOP, kind=Kind.ASKED))

    record.reopen()
    applied = record.state.applied["grafana"]
    assert (applied.touched, applied.touched_by) == (NEWER.digest, Operator.STOP)


def test_asked_for_again_with_the_same_release_is_no_new_version(record: Records) -> None:
    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)
    version = record.state.applied["grafana"].version

    carry(record, a_step("grafana", RELEASE.digest, Operator.REFRESH, kind=Kind.ASKED), release=RELEASE)
    assert record.state.applied["grafana"].version == version

    carry(record, a_step("grafana", RELEASE.digest, Operator.REFRESH, kind=Kind.DEPENDENT), release=RELEASE)
    assert record.state.applied["grafana"].version > version


def test_a_prerequisite_that_changes_meanwhile_still_owes_a_refresh(record: Records) -> None:
    base = a_release("base")
    carry(record, a_step("base", base.digest), release=base)
    old = record.state.applied["base"].version
    step = a_step("grafana", RELEASE.digest, prerequisites=("base",))
    accept(record, [step], releases=[RELEASE])
    run = record.begin(step)
    carry(record, a_step("base", "n" * 64, kind=Kind.CHANGED))
    assert record.state.applied["base"].version > old

    record.end(run)

    record.reopen()
    assert record.state.applied["grafana"].prerequisites == {"base": old}


def test_unfinished_runs_are_told_after_a_crash_and_can_be_interrupted(record: Records, state: Path) -> None:
    first, second = a_step("grafana", RELEASE.digest), a_step("loki", "l" * 64)
    waiting = a_step("tempo", "t" * 64)
    generation = accept(record, [first, second, waiting])
    one, two = record.begin(first), record.begin(second)
    markers = {run.number: run.marker for run in record.state.running.values()}
    logs = {run: record.log(run) for run in (one, two)}
    identity = Identity(pid=4711, started_ticks=99, boot="b")
    record.started(two, identity)

    record.reopen()
    unfinished = tuple(record.state.unfinished.values())
    assert [(each.run, each.marker, each.identity) for each in unfinished] == [
        (one, markers[one], None),
        (two, markers[two], identity),
    ]
    with History.open(state) as history:
        assert {run.id: run.log for run in history.runs()} == logs
    record.recover(at=109.0)

    assert record.state.unfinished == {}
    record.reopen()
    assert record.state.unfinished == {}
    with History.open(state) as history:
        found = history.generation(generation)
        assert found is not None
        assert (found[0].closed, found[0].succeeded) == (109.0, False)
        assert [step.outcome for step in found[1]] == [
            Outcome.INTERRUPTED,
            Outcome.INTERRUPTED,
            Outcome.SUPERSEDED,
        ]
        assert {run.outcome for run in history.runs()} == {Outcome.INTERRUPTED}


def test_run_markers_differ_even_for_equal_numbers(tmp_path: Path) -> None:
    markers = set()
    for name in ("one", "two"):
        with Records.open(tmp_path / name) as record:
            step = a_step("grafana", RELEASE.digest)
            accept(record, [step])
            record.begin(step)
            markers |= {run.marker for run in record.state.running.values()}

    assert len(markers) == 2


def test_holds_come_and_go(record: Records, state: Path) -> None:
    kept = Hold(service="grafana", by=HeldBy.SUSPENDED, reason="maintenance", since=3.25)
    hold(record, replace(kept, by=HeldBy.STOPPED), kept)
    hold(record, Hold(service="loki", by=HeldBy.DELETED, reason="", since=4.0))
    record.write(HoldDropped(service="loki"))

    record.reopen()
    assert record.state.holds == {"grafana": kept}


def test_quarantine_stays_until_forgiven(record: Records, state: Path) -> None:
    carry(record, a_step("grafana", RELEASE.digest), FAILED)
    known = failures(record)["grafana", RELEASE.digest]
    record.write(FailurePut(failure=replace(known, quarantined=True, since=7.0, attempts=5)))

    record.reopen()
    failure = failures(record)["grafana", RELEASE.digest]
    assert (failure.quarantined, failure.since, failure.attempts) == (True, 7.0, 5)
    record.look(tree_of(a_service("grafana"), a_service("loki")))
    record.ask(commands.Retry(services=frozenset({"loki"})))
    record.reopen()
    assert failures(record)
    record.ask(commands.Retry())
    record.reopen()
    assert failures(record) == {}


def test_adopted_releases_are_applied_without_a_run(record: Records) -> None:
    loki, grafana = a_service("loki"), a_service("grafana", needs=("loki", "missing"))
    desired = tree_of(loki, grafana)
    carry(record, a_step("grafana", "x" * 64), FAILED)

    record.look(desired)

    record.ask(commands.Adopt(services=frozenset({"grafana", "loki"})), at=50.0)

    record.reopen()
    memory = record.state.applied
    assert memory["grafana"].digest == desired.releases["grafana"].digest
    assert memory["grafana"].prerequisites == {"loki": memory["loki"].version}
    assert (memory["grafana"].touched, memory["grafana"].spec.scripts) == ("", grafana.scripts)
    assert failures(record) == {}
    version = memory["loki"].version
    record.ask(commands.Adopt(services=frozenset({"loki"})), at=51.0)
    assert record.state.applied["loki"].version == version


def test_memory_given_out_does_not_change_afterwards(record: Records) -> None:
    before = record.state

    carry(record, a_step("grafana", RELEASE.digest), release=RELEASE)

    assert (before.applied, before.open, before.running) == ({}, {}, {})


def test_pruning_keeps_the_newest_runs_and_what_they_refer_to(record: Records, state: Path) -> None:
    step = a_step("grafana", RELEASE.digest)
    runs = [carry(record, step, release=RELEASE) for _ in range(5)]
    carry(record, a_step("loki", "l" * 64), FAILED)
    open_generation = accept(record, [a_step("tempo", "t" * 64)])

    pruned = record.store.prune(runs=2, generations=1, releases=3, events=100)

    assert [path.name for path in pruned.logs] == [f"{run}.log" for run in runs[:3]]
    assert pruned.keep == {RELEASE.digest, "l" * 64}
    with History.open(state) as history:
        assert [run.id for run in history.runs("grafana")] == runs[:2:-1]
        assert {run.config for run in history.runs()} == {CONFIG.id}
        assert [row.id for row in history.generations()] == [open_generation, 6, 5, 4]


def test_a_name_that_leaves_the_folder_is_refused_before_anything_is_written(record: Records) -> None:
    step = a_step("../grafana", RELEASE.digest)

    accept(record, [step])
    with pytest.raises(ConfigError, match="not a name for a folder"):
        record.begin(step)

    record.reopen()
    assert (record.state.unfinished, record.state.applied) == ({}, {})


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    code = (
        "import os, sys; from pathlib import Path; from paiwatch.record.store import Store;"
        "from paiwatch.engine.changes import HoldDropped;"
        "state = Path(sys.argv[1]); os.umask(int(sys.argv[2]));"
        "store = Store.open(state); store.commit([HoldDropped(service='x')]);"
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
        Store.open(state)


def test_a_refused_write_changes_nothing_in_memory(record: Records) -> None:
    record.look(tree_of(a_service("grafana")))
    before = record.state
    record.store._connection.exec_driver_sql("PRAGMA query_only = ON")
    record.store._connection.rollback()

    with pytest.raises(StoreError, match="readonly"):
        record.ask(commands.Suspend(service="grafana", reason="secret"))

    assert record.state is before
    record.reopen()
    assert (record.state.holds, record.state.last_event) == ({}, before.last_event)


def test_a_killed_writer_leaves_whole_transactions(state: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from tests.record.runs import Records, a_step, carry;"
        "record = Records.open(Path(sys.argv[1]));"
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

    with Records.open(state) as record, History.open(state) as history:
        runs = history.runs(limit=100000)
        assert runs[0].id in {promised, promised + 1}
        assert all(run.outcome is Outcome.SUCCEEDED for run in runs[1:])
        assert all(run.reasons for run in runs)
        newest = record.state.applied[f"s{(promised - 1) % 7}"]
        assert (newest.digest if runs[0].id == promised else newest.archived) == f"{promised - 1:064d}"
        for run in tuple(record.state.unfinished.values()):
            assert record.state.applied[run.service].touched


def test_opening_loads_sqlalchemy_and_importing_does_not() -> None:
    code = (
        "import sys, paiwatch.record.store, paiwatch.record.history, paiwatch.record.lock;"
        "print('sqlalchemy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_step_that_an_older_generations_run_did_has_the_outcome_of_that_run(
    record: Records, state: Path
) -> None:
    step, other = a_step("grafana", RELEASE.digest), a_step("loki", "e" * 64, held_by=("broken",))
    older = accept(record, [step], releases=[RELEASE])
    run = record.begin(step)
    newer = accept(record, [step, other], releases=[RELEASE])

    record.end(run, at=102.0)

    with History.open(state) as history:
        found = history.generation(newer)
    assert found is not None
    outcomes = {row.service: (row.outcome, row.because) for row in found[1]}
    assert outcomes["grafana"] == (Outcome.SUCCEEDED, f"a run of generation {older} did it")
    assert outcomes["loki"] == (Outcome.BLOCKED, "prerequisites with errors: broken")
