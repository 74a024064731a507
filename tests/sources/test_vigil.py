"""Whatever is done to a live directory's root, its new content is looked at, and what happens in it later is seen."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, WatchDescriptor

from paiwatch.settings.sections import Source
from paiwatch.sources import vigil
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.vigil import Vigil
from tests.sources.origins import wipe, write

PATIENCE = 20.0


@asynccontextmanager
async def watched(source: Source) -> AsyncIterator[Nudges]:
    """The nudges of a vigil that has begun."""
    nudges = Nudges()
    task = asyncio.create_task(Vigil("src", source, nudges).watch())
    try:
        yield nudges
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(nudges: Nudges, why: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while f"src: {why}" not in await nudges.wait():
            pass


@pytest.fixture(autouse=True)
def only_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check that comes every few seconds must not be what finds it."""
    monkeypatch.setattr(vigil, "_CHECK", 3600.0)


def switch(link: Path, target: str) -> None:
    """As release tools do it: at once."""
    (link.parent / "next").symlink_to(target)
    (link.parent / "next").replace(link)


def recreate(top: Path) -> None:
    wipe(top / "v1")
    write(top, {"v1/conf/file": "new"})


def exchange(top: Path) -> None:
    (top / "v1").rename(top / "old")
    write(top, {"v1/file": "new"})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("v1/conf", recreate, id="deleted-and-made-anew"),
        pytest.param("v1", exchange, id="renamed"),
        pytest.param("current", lambda top: switch(top / "current", "v2"), id="link-switched"),
        pytest.param("current/conf", lambda top: switch(top / "current", "v2"), id="link-above-switched"),
        pytest.param("cm/..data", lambda top: switch(top / "cm/..data", "..2"), id="config-map"),
        pytest.param("late/conf", lambda top: write(top, {"late/conf/file": "x"}), id="comes-late"),
    ],
)
async def test_a_replaced_root_is_seen_at_once_and_watched_again(
    tmp_path: Path, name: str, change: Callable[[Path], object]
) -> None:
    write(tmp_path, {f"{folder}/file": "x" for folder in ("v1/conf", "v2/conf", "cm/..1", "cm/..2")})
    (tmp_path / "current").symlink_to("v1")
    (tmp_path / "cm" / "..data").symlink_to("..1")
    root = tmp_path / name
    async with watched(Source(directory=root, settle=0.0)) as nudges:
        await until(nudges, "watch began")

        change(tmp_path)

        await until(nudges, "watch began")
        write(root, {"deep/later": "y"})
        await until(nudges, "files changed")


async def test_after_events_were_lost_it_watches_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigil, "_REST", 0.0)
    overflow = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    async with watched(Source(directory=tmp_path, settle=0.0)) as nudges:
        await until(nudges, "watch began")
        (reader,) = (thread for thread in threading.enumerate() if isinstance(thread, InotifyFD))

        reader.handle_event(overflow)

        await until(nudges, "file events were lost")
        await until(nudges, "watch began")
        write(tmp_path, {"deep/later": "y"})
        await until(nudges, "files changed")


async def test_what_cannot_be_watched_is_logged_once_and_as_all_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vigil_of_nothing = Vigil("src", Source(repo=str(tmp_path / "none")), Nudges())
    task = asyncio.create_task(vigil_of_nothing.watch())
    try:
        async with asyncio.timeout(PATIENCE):
            while not caplog.records:
                await asyncio.to_thread(threading.Event().wait, 0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    (record,) = caplog.records
    assert record.name == "paiwatch.sources.vigil"
    assert "watch.failed" in str(record.msg)
    assert "no repository to watch" in str(record.msg)
