"""The two lanes of a source: what is read while somebody looks, and whatever happens to the mirror meanwhile."""

import asyncio
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from paiwatch.settings.sections import Source
from paiwatch.snapshot import Entry, Tree, blob_id
from paiwatch.sources import keep, origin
from paiwatch.sources.directory import LiveDirectory
from paiwatch.sources.keep import Keep
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.room import Origin, Room
from tests.sources.nests import a_library, a_whole, head, link, publish, push_staged
from tests.sources.origins import a_bare, a_repository, a_work_tree, children, descriptors, git, push, write
from tests.sources.servers import Gate, serve_http
from tests.sources.test_mirror_damage import HARMS


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    processes, files = children(), descriptors()
    yield
    assert children() == processes
    assert descriptors() <= files


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = a_work_tree(tmp_path / "cluster", {"layout.yaml": "one\n", "keep/file": "kept\n"})
    a_bare(folder)
    return folder


def a_room(tmp_path: Path, repo: str) -> Room:
    return Room("src", lambda: origin.repository(Source(repo=repo), tmp_path / "state", None))


async def looked(room: Room) -> Tree:
    return (await room.look(folder=".", since=None, revision=None)).tree


async def texts(room: Room, files: Mapping[str, Entry]) -> dict[str, str]:
    contents = await asyncio.to_thread(room.read, [entry.oid for entry in files.values()])
    return {path: contents[entry.oid].decode() for path, entry in files.items()}


@pytest.mark.parametrize("harm", HARMS)
async def test_a_mirror_that_is_harmed_before_it_is_read_is_mended(
    tmp_path: Path, work: Path, harm: str
) -> None:
    room = a_room(tmp_path, work.with_name("cluster.git").as_uri())
    tree = await looked(room)
    (home,) = (tmp_path / "state" / "sources").iterdir()
    HARMS[harm](home)

    try:
        found = await texts(room, tree.files)
    except TransientError:  # locks and the loss of the whole folder cost one look
        await looked(room)
        found = await texts(room, tree.files)

    assert found == {"layout.yaml": "one\n", "keep/file": "kept\n"}
    await room.close()


def test_a_git_that_has_read_before_sees_what_is_fetched_packed_and_mirrored_anew(
    tmp_path: Path, work: Path
) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, work.with_name("cluster.git").as_uri())
    reader = repository.reader()
    before = children()
    old = repository.look(folder=".").files["layout.yaml"].oid
    assert reader.read([old]) == {old: b"one\n"}
    (git_of_reader,) = [pid for pid in children() - before if b"cat-file" in told(pid)][-1:]

    for content in ("two\n", "three\n"):
        push(work, {"layout.yaml": content})
        new = repository.look(folder=".").files["layout.yaml"].oid
        assert reader.read([new, old]) == {new: content.encode(), old: b"one\n"}
        git(home / "git", "repack", "-a", "-d", "-q")
        assert reader.read([old, new]) == {new: content.encode(), old: b"one\n"}
    assert git_of_reader in children()

    (home / "git").rename(tmp_path / "away")
    repository.newest()
    assert reader.read([new]) == {new: b"three\n"}
    with pytest.raises(DamagedMirrorError):
        reader.read(["0" * 40])
    assert reader.read([old]) == {old: b"one\n"}
    reader.close()
    repository.close()


def told(pid: int) -> bytes:
    """Its words."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


async def test_closing_waits_for_no_read(tmp_path: Path, work: Path) -> None:
    room = a_room(tmp_path, work.with_name("cluster.git").as_uri())
    tree = await looked(room)
    layout, kept = tree.files["layout.yaml"].oid, tree.files["keep/file"].oid
    before = children()
    assert await asyncio.to_thread(room.read, [layout])
    (reading,) = children() - before
    os.kill(reading, signal.SIGSTOP)

    waiting = asyncio.create_task(asyncio.to_thread(room.read, [kept]))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await room.close()
        with pytest.raises(TransientError):
            await waiting
    with pytest.raises(TransientError, match="closed while it was asked"):
        await asyncio.to_thread(room.read, [kept])


async def test_contents_of_a_submodule_are_read_while_its_server_hangs(tmp_path: Path) -> None:
    lib = a_library(tmp_path / "lib", {"run.sh": "one\n"})
    platform = a_work_tree(tmp_path / "platform", {"own": "own\n"})
    a_bare(platform)
    gate = Gate()
    with serve_http(tmp_path, gate=gate) as url:
        link(platform, "src/lib", head(lib), f"{url}/lib.git")
        push_staged(platform)
        room = Room("src", partial(_whole, tmp_path))
        first = await looked(room)
        link(platform, "src/lib", publish(lib, {"run.sh": "two\n"}), f"{url}/lib.git")
        push_staged(platform)
        second = await looked(room)
        link(platform, "src/lib", publish(lib, {"run.sh": "three\n"}), f"{url}/lib.git")
        push_staged(platform)
        gate.shut()
        looking = asyncio.create_task(looked(room))
        await asyncio.to_thread(gate.wait_for_somebody)

        before, now = (tree.files["src/lib/run.sh"] for tree in (first, second))
        assert await texts(room, {"before": before, "now": now, "own": second.files["own"]}) == {
            "before": "one\n",
            "now": "two\n",
            "own": "own\n",
        }
        (change,) = await asyncio.to_thread(
            room.log, first.revision.id, second.revision.id, ["src/lib/run.sh"]
        )
        assert change.changes == {"src/lib/run.sh": (before.oid, now.oid)}
        assert not looking.done()
        gate.open()
        assert (await looking).files["src/lib/run.sh"].oid == blob_id(b"three\n")
    await room.close()


def _whole(tmp_path: Path) -> Origin:
    return a_whole(tmp_path / "state", tmp_path / "platform.git")


async def test_a_live_directory_is_read_while_it_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path, {"srv/a": "one\n", "srv/b": "b\n"})
    gate = Gate()

    def clock() -> float:
        gate.pass_through()
        return 0.0  # no time stamp is older: every look reads every file

    room = Room("src", lambda: LiveDirectory(tmp_path / "srv", keep=Keep(tmp_path / "home"), clock=clock))
    tree = await looked(room)
    write(tmp_path, {"srv/a": "two\n"})
    gate.shut()
    looking = asyncio.create_task(looked(room))
    await asyncio.to_thread(gate.wait_for_somebody)

    assert await texts(room, tree.files) == {"a": "one\n", "b": "b\n"}
    assert not looking.done()
    gate.open()
    after = await looking
    assert await texts(room, after.files) == {"a": "two\n", "b": "b\n"}
    await room.close()


def test_what_is_kept_is_read_while_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "_SLACK", 0)
    kept, over = Keep(tmp_path), threading.Event()
    content = os.urandom(5000)

    oid = kept.add(len(content), _parts(content)) or ""

    def read_on() -> int:
        times = 0
        while not over.is_set() or not times:
            assert kept.read([oid]) == {oid: content}
            times += 1
        return times

    with ThreadPoolExecutor(1) as other:
        reading = other.submit(read_on)
        for _ in range(300):
            noise = os.urandom(20_000)
            kept.add(len(noise), _parts(noise))
            kept.retain({oid})
        over.set()
        assert reading.result()
    kept.close()


def _parts(content: bytes) -> Callable[[int], bytes]:
    """A reader of it from the beginning on."""
    return io.BytesIO(content).read
