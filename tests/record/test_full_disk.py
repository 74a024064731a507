"""The record on a disk that is full, locked or not ours: what fails has changed nothing, and works once that is over."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from paiwatch.errors import DamagedError, StalledError, StoreError
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.record.archive import Archive
from paiwatch.record.history import History
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Store
from paiwatch.snapshot import Mode
from tests.builders import rendered_files
from tests.record.runs import INTERRUPTED, Records, a_step, accept, hold


def a_hold(service: str, reason: str = "a test") -> Hold:
    return Hold(service=service, by=HeldBy.SUSPENDED, reason=reason, since=1.0)


def is_whole(state: Path) -> bool:
    with closing(sqlite3.connect(state / "record.db")) as record:
        return record.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def file_limit() -> Iterator[None]:
    """What changes the limit on the size of files gets it back; no signal comes for what is beyond it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("file_limit")
def test_what_the_disk_did_not_take_has_changed_nothing_and_is_taken_later(state: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with Records.open(state) as record:
        hold(record, a_hold("grafana"))
        largest = max(file.stat().st_size for file in state.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
        with pytest.raises(StoreError, match=r"record\.db: .*(full|disk I/O error); free space there"):
            hold(record, a_hold("loki", "x" * 100_000))
        assert record.state.holds.keys() == {"grafana"}

        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        hold(record, a_hold("loki", "x" * 100_000))
    assert is_whole(state)
    with Records.open(state) as again:
        assert again.state.holds.keys() == {"grafana", "loki"}


@pytest.mark.usefixtures("file_limit")
def test_release_that_the_disk_did_not_take_leaves_nothing_and_is_kept_later(state: Path) -> None:
    archive, files = Archive(state), rendered_files("grafana", rendered={"start.sh": "echo\n" * 1000})
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    with pytest.raises(StalledError, match="the release cannot be kept: File too large; raise the limit"):
        archive.keep(files, {})
    assert (archive.has(files.release.digest), list(state.iterdir())) == (False, [])

    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    archive.keep(files, {})

    assert archive.load(files.release.digest).keys() == files.release.files.keys()


def test_record_that_another_program_keeps_locked_says_what_to_do(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.record.dialects.sqlite._WAIT", 10)
    with Records.open(state) as record, closing(sqlite3.connect(state / "record.db")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked; another program keeps it locked: end that"):
            hold(record, a_hold("grafana"))

        other.execute("ROLLBACK")
        hold(record, a_hold("grafana"))

        assert record.state.holds.keys() == {"grafana"}


@pytest.mark.parametrize("damage", ["no database", "cut"])
def test_damaged_record_is_refused_with_a_remedy_and_left_as_it_is(state: Path, damage: str) -> None:
    with Records.open(state) as record:
        for number in range(200):
            hold(record, a_hold(f"service-{number}", "x" * 1000))
    file = state / "record.db"
    damaged = b"nonsense" * 1000 if damage == "no database" else file.read_bytes()[: 3 * 4096 + 100]
    file.write_bytes(damaged)

    with pytest.raises(StoreError) as refused:
        Store.open(state)

    assert "nothing is written over it: stop paiwatch, move record.db" in str(refused.value)
    assert "sqlite3 record.db .recover" in str(refused.value)
    assert file.read_bytes() == damaged


def test_lost_record_is_no_first_start(state: Path) -> None:
    with Store.open(state):
        Archive(state / "archive").keep(rendered_files("grafana", rendered={"start.sh": "echo"}), {})
    for file in state.glob("record.db*"):
        file.unlink()

    for _ in range(2):
        with pytest.raises(
            StoreError, match=r"record\.db: missing or empty, but there are archived releases"
        ):
            Store.open(state)
    with pytest.raises(StoreError, match=r"record\.db: missing or empty"):
        History.open(state)


_AS_NOBODY = """
import os, sys
from pathlib import Path
from paiwatch.errors import DamagedError, StalledError, StoreError
from paiwatch.record.lock import StateLock
from paiwatch.record.store import Store
state, warm = Path(sys.argv[1]), Path(sys.argv[2])
Store.open(warm).close()  # loads what nobody may not read in root's Python
os.setgid(65534), os.setuid(65534)
for what in (lambda: StateLock(state).__enter__(), lambda: Store.open(state)):
    try:
        what()
    except StoreError as fault:
        print(fault)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_state_folder_of_somebody_else_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as place:  # others may not enter the tests' own folders
        Path(place).chmod(0o755)
        state = Path(place) / "state"
        state.mkdir(mode=0o755)
        with Store.open(state):
            pass
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, state, tmp_path / "warm"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.stderr == ""
    lock, record = done.stdout.splitlines()
    remedy = "let paiwatch's user own it and write there"
    assert lock == f"{state / 'lock'}: cannot be written: Permission denied; {remedy}"
    assert record.startswith(f"{state / 'record.db'}: ")
    assert remedy in record


@pytest.mark.usefixtures("file_limit")
def test_lock_that_cannot_be_signed_is_let_go(state: Path) -> None:
    state.mkdir()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    lock = StateLock(state)
    try:
        with pytest.raises(StoreError, match="state/lock: cannot be written"):
            lock.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    with StateLock(state):
        assert b"pid" in (state / "lock").read_bytes()


def test_release_with_a_name_that_no_disk_takes_is_no_fault_of_the_disk(state: Path) -> None:
    archive, files = Archive(state), rendered_files("grafana", {}, rendered={"x" * 300: ""})

    with pytest.raises(StalledError, match=r"the release cannot be kept: .*File name too long"):
        archive.keep(files, {})

    assert list(state.iterdir()) == []


def test_damaged_release_is_kept_anew(state: Path) -> None:
    archive, files = Archive(state), rendered_files("grafana", {}, rendered={"start.sh": "echo"})
    archive.keep(files, {})
    (state / files.release.digest / "files" / "start.sh").write_text("rm -rf /")
    with pytest.raises(DamagedError, match=r"start\.sh is damaged; restore that folder from a back-up"):
        archive.load(files.release.digest)

    archive.keep(files, {}, anew=True)

    assert archive.load(files.release.digest) == {"start.sh": (Mode.FILE, b"echo")}


def test_run_that_is_known_to_start_nothing_leaves_no_mark_on_its_service(state: Path) -> None:
    step = a_step("grafana", "d" * 64)
    with Records.open(state) as record:
        accept(record, [step])
        run = record.begin(step, touches=False)
        assert record.state.applied == {}
        record.end(run, replace(INTERRUPTED, begun=False))
    with Records.open(state) as again:
        assert (again.state.applied, again.state.unfinished) == ({}, {})
