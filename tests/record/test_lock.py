"""The state lock: one holder, named to the next."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from paiwatch.errors import BusyError, StoreError, TransientError
from paiwatch.record.lock import StateLock


def test_the_second_comer_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        StateLock(tmp_path, command="run"),
        pytest.raises(
            BusyError,
            match=rf"in use by paiwatch run, pid {os.getpid()}, since 20.*; `paiwatch nudge` has it look",
        ),
        StateLock(tmp_path, command="once"),
    ):
        pytest.fail("two hold it")


def test_it_is_free_again_after_its_holder_left(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        pass
    with StateLock(tmp_path, command="once"):
        assert json.loads((tmp_path / "lock").read_text())["command"] == "once"
    assert (tmp_path / "lock").read_text() == ""


def test_it_goes_with_a_killed_holder(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from paiwatch.record.lock import StateLock;"
        "StateLock(Path(sys.argv[1])).__enter__(); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(BusyError, match=f"pid {holder.pid}"), StateLock(tmp_path):
        pass

    holder.kill()
    holder.wait()
    holder.stdout.close()

    with StateLock(tmp_path):
        pass


def test_it_waits_for_what_a_dead_holder_was_about_to_start(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from paiwatch.record.lock import StateLock;"
        "StateLock(Path(sys.argv[1])).__enter__()\n"
        "if os.fork(): os._exit(0)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.wait()
    became_a_script = threading.Timer(0.1, holder.stdin.close)
    became_a_script.start()

    with StateLock(tmp_path, command="once"):
        assert json.loads((tmp_path / "lock").read_text())["command"] == "once"

    became_a_script.join()
    holder.stdout.close()


def test_a_child_process_does_not_inherit_it(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    with StateLock(tmp_path):
        pass
    child.kill()
    child.wait()


def test_a_lock_on_a_removed_file_is_no_lock(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    with lock:
        (tmp_path / "lock").unlink()
        assert not lock._is_still(lock._descriptor)


def test_a_daemon_that_meets_a_command_may_be_started_again(tmp_path: Path) -> None:
    with (
        StateLock(tmp_path, command="service"),
        pytest.raises(TransientError, match=r"in use by paiwatch service, pid .*; start again once"),
        StateLock(tmp_path, command="run"),
    ):
        pytest.fail("two hold it")


def test_whoever_removes_the_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to("state")
    with StateLock(tmp_path / "state"):
        for name in ("state", "link"):
            (tmp_path / "state" / "lock").unlink()
            with (
                pytest.raises(
                    BusyError, match=rf"{name}: in use by another paiwatch, whose lock file was removed"
                ),
                StateLock(tmp_path / name),
            ):
                pytest.fail("two hold it")
    with StateLock(tmp_path / "link"):
        pass


def test_the_folder_and_file_are_private(tmp_path: Path) -> None:
    with StateLock(tmp_path / "a" / "state"):
        modes = [
            path.stat().st_mode & 0o777 for path in (tmp_path / "a" / "state", tmp_path / "a/state/lock")
        ]
    assert modes == [0o700, 0o600]


def test_a_state_folder_that_cannot_be_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(StoreError, match=r"file/state/lock: Not a directory|file.*exists"),
        StateLock(tmp_path / "file" / "state"),
    ):
        pass


@pytest.mark.parametrize("before", [0o755, 0o777])
def test_a_state_folder_that_somebody_made_is_closed_to_others(tmp_path: Path, before: int) -> None:
    state = tmp_path / "state"
    (state / "runs").mkdir(parents=True)
    state.chmod(before)

    with StateLock(state):
        assert state.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_in_it_is_left_as_open_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dpkg").mkdir()
    tmp_path.chmod(0o755)

    with StateLock(tmp_path):
        assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)

    with pytest.raises(StoreError, match=r"belongs to user 12345.*chown 0"), StateLock(tmp_path):
        pytest.fail("taken")
    assert not list(tmp_path.iterdir())
