"""A live directory and the real daemon: whatever the kernel cannot tell, the final state is reached, and then all is quiet."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Two services; each start writes down what it saw."""
    lab = Platform(tmp_path)
    lab.build({"metrics": (), "portal": ()})
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def value(lab: Platform, service: str, text: str) -> None:
    """What the service's scripts copy to its `out`."""
    (lab.root / "tree" / "src" / service / "deploy" / "value.txt.template").write_text(text)


def test_more_events_than_the_kernel_keeps_are_survived(platform: Platform) -> None:
    folders = [platform.root / "tree" / "lib" / str(number) for number in range(20)]
    for folder in folders:
        folder.mkdir(parents=True)
    platform.start()
    platform.wait_until(lambda: platform.value("portal") != "", "started")
    assert platform.process is not None

    os.kill(platform.process.pid, signal.SIGSTOP)
    for number in range(int(QUEUE.read_text()) // 2 + 1000):  # each is made and closed: two events
        (folders[number % 20] / str(number % 1000)).touch()
    value(platform, "portal", "last")
    os.kill(platform.process.pid, signal.SIGCONT)

    platform.wait_until(lambda: platform.value("portal") == "last", "the final state")
    (platform.root / "tree" / "lib" / "new").mkdir()
    value(platform, "metrics", "after")
    platform.wait_until(lambda: platform.value("metrics") == "after", "what came later")
    assert platform.stop() == 0
