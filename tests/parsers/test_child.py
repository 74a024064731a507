"""A child process ends, one way or the other, and leaves nothing behind."""

import os
import select
import sys
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from paiwatch.parsers import child

_IGNORES_TERM = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); open('began', 'w').close(); time.sleep(60)"
)


def run(code: str, tmp_path: Path, *, seconds: float = 20) -> child.Ended:
    program = f"import os; os.chdir({str(tmp_path)!r}); {code}"
    return child.run((sys.executable, "-c", program), {"ONLY": "this"}, tmp_path / "errors", seconds=seconds)


@pytest.mark.parametrize(("code", "status"), [("pass", 0), ("exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)])
def test_its_status_is_told(code: str, status: int, tmp_path: Path) -> None:
    assert run(code, tmp_path) == child.Ended(status=status, timed_out=False)


def test_it_has_the_environment_that_it_is_given_and_a_session_of_its_own(tmp_path: Path) -> None:
    run(
        "open('told', 'w').write(f'{os.environ.get(\"ONLY\")} {len(os.environ) < 4} {os.getsid(0) == os.getpid()}')",
        tmp_path,
    )

    assert (tmp_path / "told").read_text() == "this True True"


def test_standard_error_is_kept(tmp_path: Path) -> None:
    run("import missing_thing", tmp_path)

    assert "ModuleNotFoundError" in (tmp_path / "errors").read_text()


def test_one_that_ignores_term_is_killed(tmp_path: Path) -> None:
    ended = run(_IGNORES_TERM, tmp_path, seconds=1.0)

    assert ended.timed_out
    assert ended.status in {-9, -15}


_FORKS = """
pid = os.fork()
if pid:
    open('left', 'w').write(str(pid))
else:
    import time
    time.sleep(60)
"""


def test_what_it_left_behind_is_ended(tmp_path: Path) -> None:
    run(_FORKS, tmp_path)

    assert has_ended(int((tmp_path / "left").read_text()))


def has_ended(pid: int) -> bool:
    """Wait until it has, for ten seconds at most."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(10_000))
    finally:
        os.close(descriptor)


def test_one_that_cannot_be_started_may_work_later(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="cannot be started"):
        child.run(("/nowhere/python",), {}, tmp_path / "errors", seconds=1)
