"""The end of a script is learned without a thread that waits for it."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.domain.run import Identity, Outcome
from paiwatch.operators import reaping, script
from tests.operators.scripts import an_order

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python does it of itself")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = asyncio.get_child_watcher()
    yield
    asyncio.set_child_watcher(before)


async def test_no_thread_waits_for_a_script(tmp_path: Path) -> None:
    reaping.by_descriptor()
    waiting: list[str] = []

    async def on_start(_: Identity) -> None:
        waiting.extend(each.name for each in threading.enumerate() if each.name.startswith("waitpid"))

    result = await script.run(an_order(tmp_path, "exit 3"), on_start=on_start)

    assert (result.outcome, result.exit) == (Outcome.FAILED, 3)
    assert waiting == []


async def test_without_descriptors_scripts_end_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> int:
        raise PermissionError

    asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())  # as in a process that has just begun
    monkeypatch.setattr("os.pidfd_open", refuse)
    reaping.by_descriptor()

    async def on_start(_: Identity) -> None:
        pass

    result = await script.run(an_order(tmp_path, "exit 3"), on_start=on_start)

    assert (result.outcome, result.exit) == (Outcome.FAILED, 3)
