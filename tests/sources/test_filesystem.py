import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, WatchDescriptor

from paiwatch.errors import TransientError
from paiwatch.sources import filesystem, route
from paiwatch.sources.filesystem import Place, Watch
from tests.sources.origins import a_bare, a_work_tree, git, push, wipe, write


class Bell:
    """Rings when told; waits with a bound."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def has_rung(self, seconds: float = 10) -> bool:
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung


def comes_true(claim: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it does within so many seconds."""
    end = time.monotonic() + seconds
    while not claim() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return claim()


@contextmanager
def watching(*places: Place, lost: Callable[[], None] = lambda: None) -> Iterator[Watch]:
    with ExitStack() as stack:
        watch = Watch(places, lost=lost)
        stack.callback(watch.stop)
        watch.start()
        yield watch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, {"srv/src/a/file": "1"})
    return tmp_path / "srv"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "src/a/file").write_text("2"),
        lambda root: (root / "src/a/file").unlink(),
        lambda root: (root / "src/a/file").chmod(0o755),
        lambda root: (root / "src/a/file").rename(root / "src/other"),
        lambda root: (root / "link").symlink_to("src"),
        lambda root: write(root, {"new/deep/er/file": "x"}),
        lambda root: wipe(root / "src"),
    ],
    ids=["write", "unlink", "chmod", "rename", "symlink", "nested", "wipe"],
)
def test_every_kind_of_change_rings(root: Path, change: Callable[[Path], object]) -> None:
    bell = Bell()
    with watching(*filesystem.directory_places(route.find(root), tell=bell.ring, replaced=bell.ring)):
        change(root)

        assert bell.has_rung()


def test_reading_and_gits_own_files_do_not_ring(root: Path) -> None:
    git(root, "init", "-q")
    bell = Bell()
    with watching(*filesystem.directory_places(route.find(root), tell=bell.ring, replaced=bell.ring)):
        (root / "src/a/file").read_text()
        (root / ".git/index.lock").touch()
        write(root, {".git/refs/heads/x": "y"})

        assert not bell.has_rung(0.1)


def test_an_atomic_save_rings(root: Path) -> None:
    bell = Bell()
    (root.parent / "outside").write_text("2")
    with watching(*filesystem.directory_places(route.find(root), tell=bell.ring, replaced=lambda: None)):
        (root.parent / "outside").replace(root / "src/a/file")

        assert bell.has_rung()


@pytest.mark.parametrize("how", ["deleted", "renamed", "re-created"])
def test_a_watch_whose_root_was_replaced_is_not_sound(root: Path, how: str) -> None:
    bell = Bell()
    with watching(
        *filesystem.directory_places(route.find(root), tell=lambda: None, replaced=bell.ring)
    ) as watch:
        assert watch.is_sound()
        if how == "renamed":
            root.rename(root.with_name("elsewhere"))
        else:
            wipe(root)
        if how != "deleted":
            root.mkdir()

        assert bell.has_rung()
        assert comes_true(
            lambda: not watch.is_sound()
        )  # an inode may come back: then the dead reader tells, a moment later


def test_a_push_rings_at_once_and_a_lock_does_not(tmp_path: Path) -> None:
    work = a_work_tree(tmp_path / "work")
    bare = a_bare(work)
    bell = Bell()
    with watching(*filesystem.ref_places(bare, tell=bell.ring)):
        (bare / "refs/heads/other.lock").touch()
        assert not bell.has_rung(0.1)

        push(work, {"file": "x"})
        assert bell.has_rung()

        git(bare, "pack-refs", "--all")
        assert bell.has_rung()


def test_lost_events_are_told_once_and_the_watch_is_no_longer_sound(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    losses: list[str] = []
    overflow = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    place = Place(folder=root, recursive=True, counts=lambda _: True, tell=lambda: None)
    with watching(place, lost=lambda: losses.append("some")) as watch:
        (reader,) = (thread for thread in threading.enumerate() if isinstance(thread, InotifyFD))
        assert watch.is_sound()

        for _ in range(3):
            reader.handle_event(overflow)

        assert losses == ["some"]
        assert not watch.is_sound()
        assert not caplog.records


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    place = Place(folder=tmp_path / "gone", recursive=True, counts=lambda _: True, tell=print)
    watch = Watch([place], lost=print)

    with pytest.raises(TransientError, match="gone: cannot be watched"):
        watch.start()


def test_no_thread_stays_behind(root: Path) -> None:
    before = threading.active_count()
    with watching(*filesystem.directory_places(route.find(root), tell=print, replaced=print)):
        assert threading.active_count() > before

    assert threading.active_count() == before


SCARCE = """
import sys, threading
from pathlib import Path
from paiwatch.errors import TransientError
from paiwatch.sources import filesystem, route
from paiwatch.sources.filesystem import Watch

root = Path(sys.argv[1])
limit = Path("/proc/sys/user/max_inotify_watches")
limit.write_text("40")
watch = Watch(filesystem.directory_places(route.find(root), tell=print, replaced=print), lost=print)
watch.start()
print(watch.is_sound())
for number in range(60):
    (root / str(number)).mkdir()
for _ in range(500):
    if not watch.is_sound():
        break
    threading.Event().wait(0.01)
else:
    print("never noticed")
watch.stop()
try:
    Watch(filesystem.directory_places(route.find(root), tell=print, replaced=print), lost=print).start()
except TransientError as fault:
    print(fault)
print(threading.active_count())
"""


def test_the_kernels_limit_is_noticed_and_named(root: Path, project_root: Path) -> None:
    command = ("unshare", "--user", "--map-root-user", sys.executable, "-c", SCARCE, str(root))
    ran = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    if "unshare failed" in ran.stderr:
        pytest.skip("user namespaces are not allowed here")

    words = [line for line in ran.stdout.splitlines() if line]
    assert words[0] == "True", ran.stderr
    assert "never noticed" not in words
    assert words[-2:] == [
        f"{root}: cannot be watched: the limit fs.inotify.max_user_watches is reached; raise it with sysctl",
        "1",
    ]


MOUNTED = """
import subprocess, sys
from pathlib import Path
from paiwatch.sources import filesystem, route
from paiwatch.sources.filesystem import Watch

root = Path(sys.argv[1])
watch = Watch(filesystem.directory_places(route.find(root), tell=print, replaced=print), lost=print)
watch.start()
sound = [watch.is_sound()]
for words in (["mount", "--bind", root / "src/a", root / "src/b"], ["umount", root / "src/b"]):
    subprocess.run(words, check=True)
    sound.append(watch.is_sound())
watch.stop()
print(*sound)
"""


def test_a_watch_is_not_sound_where_something_was_mounted_over_it(root: Path, project_root: Path) -> None:
    (root / "src/b").mkdir()
    command = ("unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", MOUNTED, str(root))
    ran = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    if "unshare failed" in ran.stderr or "permission denied" in ran.stderr.lower():
        pytest.skip("nothing can be mounted here")

    assert ran.stdout.splitlines()[-1:] == ["True False True"], ran.stderr
