import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.sources import orphans
from tests.sources.origins import a_bare, a_repository, a_work_tree, processes_naming
from tests.sources.servers import serve_silence

_PAIWATCH = """
import sys
from pathlib import Path
from paiwatch.sources.access import Access
from paiwatch.sources.repository import Repository
Repository(home=Path(sys.argv[1]), branch="main", access=Access(repo=sys.argv[2], timeout=600)).newest()
"""


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for sleeper in made:
        sleeper.kill()
        sleeper.wait()


def test_the_gits_of_a_killed_paiwatch_end_at_the_next_start(tmp_path: Path) -> None:
    bare = a_bare(a_work_tree(tmp_path / "cluster"))
    with serve_silence() as address:
        url = f"http://{address}/of-the-dead.git"
        dead = subprocess.Popen([sys.executable, "-c", _PAIWATCH, tmp_path / "home", url])
        pause = threading.Event()
        while not any("git remote-http" in line for line in processes_naming(url)):
            assert dead.poll() is None
            pause.wait(0.02)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert processes_naming(url)

        repository = a_repository(tmp_path / "home", bare)

        assert not processes_naming(url)  # at once, not when they are tired of waiting
        assert repository.newest()
        repository.close()


def test_nobody_else_is_touched(tmp_path: Path, sleepers: list[subprocess.Popen[bytes]]) -> None:
    marks = [f"{tmp_path}/home", f"{tmp_path}/home2", f"{tmp_path}/hom", ""]
    for mark in marks:
        environ = {**os.environ, orphans.MARKER: mark, "OTHER": f"{orphans.MARKER}={tmp_path}/home"}
        sleepers.append(subprocess.Popen(("sleep", "600"), env=environ))

    orphans.end(tmp_path / "home")

    assert sleepers[0].wait(20) == -signal.SIGKILL
    assert [sleeper.poll() for sleeper in sleepers[1:]] == [None, None, None]
