import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from paiwatch.daemon.recorded_acceptance import seen
from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.settings.sections import Source
from paiwatch.sources.nudge import Nudges
from paiwatch.sources.origin import mirror_home
from paiwatch.sources.sources import Sources
from tests.sources.origins import (
    a_bare,
    a_work_tree,
    children,
    descriptors,
    git,
    plain,
    processes_naming,
    push,
    wipe,
    write,
)
from tests.sources.servers import Gate, serve_http, serve_silence


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = a_work_tree(tmp_path / "cluster", {"clusters/prod/layout.yaml": "one\n", "src/a/file": "a\n"})
    a_bare(folder)
    return folder


@pytest.fixture
def bare(work: Path) -> str:
    return str(work.with_name("cluster.git"))


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    write(tmp_path, {"srv/src/a/file": "live\n"})
    return tmp_path / "srv"


def lasting_threads() -> set[threading.Thread]:
    """Without timers: GitPython cancels its own and lets them go."""
    return {thread for thread in threading.enumerate() if not isinstance(thread, threading.Timer)}


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    threads, processes, files = lasting_threads(), children(), descriptors()
    yield
    assert lasting_threads() <= threads
    assert children() == processes
    assert descriptors() <= files


@asynccontextmanager
async def opened(
    tmp_path: Path, config: dict[str, Any], src: dict[str, Any], nudges: Nudges | None = None
) -> AsyncIterator[Sources]:
    """Sources on these settings, with their state in tmp_path."""
    state, memories = tmp_path / "state", seen(tmp_path / "no record")
    made = Sources(Source(**config), Source(**src), state, nudges or Nudges(), memories=memories)
    try:
        yield made
    finally:
        await made.stop()


async def expect(nudges: Nudges, what: str) -> None:
    """Wait for a nudge that says so; others may come before."""
    async with asyncio.timeout(15):
        while not any(what in why for why in await nudges.wait()):
            continue


async def test_a_repository_and_a_directory_make_one_snapshot(tmp_path: Path, bare: str, srv: Path) -> None:
    config, src = {"repo": bare, "folder": "clusters/prod/"}, {"directory": srv, "folder": "./src"}
    async with opened(tmp_path, config, src) as sources:
        snapshot = (await sources.look()).snapshot

        assert snapshot.config.prefix == "clusters/prod/"
        assert snapshot.src.prefix == "src/"
        assert snapshot.src.files == {"src/a/file": plain("live\n")}
        layout = snapshot.config.files["clusters/prod/layout.yaml"].oid
        assert sources.read_config([layout]) == {layout: b"one\n"}
        oid = plain("live\n").oid
        assert sources.read_src([oid]) == {oid: b"live\n"}


async def test_what_did_not_change_stays_the_same_object(
    tmp_path: Path, work: Path, bare: str, srv: Path
) -> None:
    async with opened(tmp_path, {"repo": bare}, {"directory": srv}) as sources:
        first = (await sources.look()).snapshot
        again = (await sources.look(first)).snapshot
        assert again.config is first.config
        assert again.src is first.src

        push(work, {"clusters/prod/layout.yaml": "two\n"})
        second = (await sources.look(first)).snapshot

        assert second.src is first.src
        assert second.config.files["clusters/prod/layout.yaml"] == plain("two\n")
        assert second.ids != first.ids


@pytest.mark.parametrize("kind", ["repository", "directory"])
async def test_both_in_one_place_give_one_revision(tmp_path: Path, work: Path, bare: str, kind: str) -> None:
    place: dict[str, Any] = {"repo": Path(bare).as_uri()} if kind == "repository" else {"directory": work}
    async with opened(tmp_path, {**place, "folder": "clusters/prod"}, {**place, "folder": "src"}) as sources:
        first = (await sources.look()).snapshot
        push(work, {"clusters/prod/layout.yaml": "two\n", "src/a/file": "b\n"})
        second = (await sources.look(first)).snapshot

        assert first.config.revision == first.src.revision
        assert second.config.revision == second.src.revision != first.src.revision
        assert (second.config.folder, second.src.folder) == ("clusters/prod", "src")
        assert second.config.files is second.src.files
        assert (await sources.look(second)).snapshot.src is second.src


async def test_two_branches_of_one_repository_are_kept_apart(tmp_path: Path, work: Path, bare: str) -> None:
    git(work, "push", "-q", "origin", "main:prod")
    tip = push(work, {"src/a/file": "b\n"})
    async with opened(tmp_path, {"repo": bare, "branch": "prod"}, {"repo": bare}) as sources:
        snapshot = (await sources.look()).snapshot

        assert snapshot.src.revision.id == tip != snapshot.config.revision.id


async def test_a_switch_of_branch_or_repository_reads_the_new_one_and_drops_the_old_copies(
    tmp_path: Path, work: Path, bare: str
) -> None:
    url, other = Path(bare).as_uri(), tmp_path / "elsewhere" / "cluster.git"
    git(work, "push", "-q", "origin", "main:prod")
    tip = push(work, {"src/a/file": "b\n"})
    git(tmp_path, "clone", "-q", "--bare", bare, str(other))
    git(other, "update-ref", "refs/heads/prod", tip)
    seen = []
    for source in (
        {"repo": url},
        {"repo": url, "branch": "prod"},
        {"repo": other.as_uri(), "branch": "prod"},
    ):
        async with opened(tmp_path, source, source) as sources:
            sources.start()
            snapshot = (await sources.look()).snapshot
            mine = mirror_home(tmp_path / "state", Source(**source))
            await asyncio.to_thread(wait_until, partial(is_alone, mine))
            seen.append(snapshot.ids)
            assert git(mine / "git", "for-each-ref", "--format=%(refname)") == (
                f"refs/heads/{source.get('branch', 'main')}"
            )

    old = git(work, "rev-parse", "main~1")
    assert seen == [(tip, tip), (old, old), (tip, tip)]


async def test_older_revisions_can_be_looked_at(tmp_path: Path, work: Path, bare: str) -> None:
    old = git(work, "rev-parse", "HEAD")
    new = push(work, {"src/a/file": "b\n"})
    async with opened(tmp_path, {"repo": bare}, {"repo": bare}) as sources:
        now = (await sources.look()).snapshot
        assert (await sources.look(now, config_rev="main~1")).snapshot.ids == (old, new)
        assert (await sources.look(now, config_rev=old, src_rev=old)).snapshot.ids == (old, old)
        assert (await sources.look(now)).snapshot.ids == (new, new)
        with pytest.raises(ConfigError, match="no revision 'gone'"):
            await sources.look(now, src_rev="gone")


async def test_a_source_that_fails_does_not_harm_the_next_look(
    tmp_path: Path, work: Path, bare: str, srv: Path
) -> None:
    async with opened(tmp_path, {"repo": bare}, {"directory": srv}) as sources:
        first = (await sources.look()).snapshot
        Path(bare).rename(tmp_path / "away")
        with pytest.raises(TransientError, match="no such folder"):
            await sources.look(first)
        (tmp_path / "away").rename(bare)
        git(Path(bare), "branch", "-m", "main", "other")
        with pytest.raises(StalledError, match="no branch 'main'"):
            await sources.look(first)
        git(work, "push", "-q", "origin", "main")

        assert (await sources.look(first)).snapshot.config is first.config


async def test_a_lent_state_folder_is_only_read(tmp_path: Path, bare: str) -> None:
    source = Source(repo=Path(bare).as_uri())
    async with opened(tmp_path, source.model_dump(), source.model_dump()) as owner:
        await owner.look()
        before = sorted((tmp_path / "state").rglob("*"))
        memories = seen(tmp_path / "state")
        guest = Sources(
            source, source, tmp_path / "scratch", Nudges(), memories=memories, lender=tmp_path / "state"
        )

        snapshot = (await guest.look()).snapshot
        oid = snapshot.src.files["src/a/file"].oid

        assert guest.read_src([oid]) == {oid: b"a\n"}
        assert sorted((tmp_path / "state").rglob("*")) == before
        assert not list((mirror_home(tmp_path / "scratch", source) / "git/objects").glob("??/*"))
        await guest.stop()


def is_alone(folder: Path) -> bool:
    """Whether nothing else lies beside it."""
    return [*folder.parent.iterdir()] == [folder]


def wait_until(claim: Callable[[], object]) -> None:
    """Ten seconds at most."""
    pause = threading.Event()
    for _ in range(1000):
        if claim():
            return
        pause.wait(0.01)
    raise AssertionError("not in time")


async def test_stop_does_not_wait_for_a_server_that_hangs(tmp_path: Path, srv: Path) -> None:
    with serve_silence() as address:
        async with opened(tmp_path, {"repo": f"http://{address}/x.git"}, {"directory": srv}) as sources:
            looking = asyncio.create_task(sources.look())
            await asyncio.to_thread(wait_until, lambda: processes_naming(address))
            async with asyncio.timeout(5):
                await sources.stop()
                with pytest.raises(TransientError):
                    await looking


@pytest.mark.parametrize("kind", ["repository", "submodules"])
async def test_contents_are_read_and_commits_listed_while_a_look_hangs(
    tmp_path: Path, work: Path, bare: str, srv: Path, kind: str
) -> None:
    gate, old = Gate(), git(work, "rev-parse", "HEAD")
    with serve_http(Path(bare).parent, gate=gate) as url:
        config = {"repo": f"{url}/cluster.git", "submodules": "on" if kind == "submodules" else "off"}
        async with opened(tmp_path, config, {"directory": srv}) as sources:
            first = (await sources.look()).snapshot
            oid = first.config.files["src/a/file"].oid
            assert await asyncio.to_thread(sources.read_config, [oid]) == {oid: b"a\n"}
            new = push(work, {"src/a/file": "b\n"})
            second = (await sources.look(first)).snapshot
            gate.shut()
            looking = asyncio.create_task(sources.look(second))
            await asyncio.to_thread(gate.wait_for_somebody)

            fresh = second.config.files["src/a/file"].oid
            async with asyncio.timeout(10):
                assert await asyncio.to_thread(sources.read_config, [oid, fresh]) == {
                    oid: b"a\n",
                    fresh: b"b\n",
                }
                (commit,) = await asyncio.to_thread(sources.log_config, old, new)

            assert commit.changes == {"src/a/file": (oid, fresh)}
            assert not looking.done()
            gate.open()
            assert (await looking).snapshot.ids == second.ids


async def test_a_push_nudges_at_once(tmp_path: Path, work: Path, bare: str, srv: Path) -> None:
    nudges = Nudges()
    async with opened(tmp_path, {"repo": bare, "poll": 3600}, {"directory": srv}, nudges) as sources:
        sources.start()
        await expect(nudges, "config: watch began")
        push(work, {"src/a/file": "b\n"})

        await expect(nudges, "config: branch moved")


async def test_a_saved_file_nudges_after_it_settled(tmp_path: Path, bare: str, srv: Path) -> None:
    nudges = Nudges()
    async with opened(tmp_path, {"repo": bare}, {"directory": srv, "settle": 0.05}, nudges) as sources:
        sources.start()
        await expect(nudges, "src: watch began")
        write(srv, {"src/a/file": "saved\n"})
        await expect(nudges, "src: files changed")

        assert (await sources.look()).snapshot.src.files["src/a/file"] == plain("saved\n")


@pytest.mark.parametrize("how", ["re-created", "symlink"])
async def test_a_replaced_directory_is_noticed_and_watched_again(
    tmp_path: Path, bare: str, srv: Path, how: str
) -> None:
    write(tmp_path, {"two/src/a/file": "two\n"})
    root = tmp_path / "current"
    root.symlink_to("srv")
    nudges = Nudges()
    async with opened(tmp_path, {"repo": bare}, {"directory": root, "settle": 0}, nudges) as sources:
        sources.start()
        await expect(nudges, "src: watch began")
        if how == "symlink":
            (tmp_path / "next").symlink_to("two")
            (tmp_path / "next").replace(root)
        else:
            root.unlink()
            (tmp_path / "two").rename(root)
        await expect(nudges, "src: watch began")
        assert (await sources.look()).snapshot.src.files["src/a/file"] == plain("two\n")

        write(root, {"src/a/file": "three\n"})
        await expect(nudges, "src: files changed")


async def test_polls_come_whatever_the_events_say(tmp_path: Path, bare: str, srv: Path) -> None:
    nudges = Nudges()
    remote = {"repo": Path(bare).as_uri(), "poll": 0.02}
    async with opened(tmp_path, remote, {"directory": srv, "look": 0.02}, nudges) as sources:
        sources.start()
        await expect(nudges, "config: poll")
        await expect(nudges, "src: poll")


async def test_a_directory_that_cannot_be_watched_is_polled(
    tmp_path: Path, bare: str, srv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wipe(srv)
    nudges = Nudges()
    blind = {"directory": srv, "look": 3600, "poll": 0.02}
    async with opened(tmp_path, {"repo": bare, "poll": 3600}, blind, nudges) as sources:
        sources.start()

        await expect(nudges, "src: poll")
