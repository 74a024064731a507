import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch import private
from paiwatch.catalog.catalog import declare
from paiwatch.catalog.components import components
from paiwatch.documents.document import Document
from paiwatch.errors import ConfigError, TransientError
from paiwatch.snapshot import Entry, Mode, blob_id
from paiwatch.sources.directory import LiveDirectory
from paiwatch.sources.keep import Keep
from tests.catalog.trees import read_catalog
from tests.sources.origins import a_work_tree, commit, descriptors, git, plain, wipe, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "srv"
    write(folder, {"src/a/deploy/start.sh": "echo a\n", "src/b/file": "b\n"})
    return folder


@pytest.fixture
def live(tmp_path: Path, root: Path) -> Iterator[LiveDirectory]:
    made = LiveDirectory(root, keep=Keep(tmp_path / "home"))
    yield made
    made.close()


def test_files_links_and_modes_are_named_as_git_names_them(root: Path, live: LiveDirectory) -> None:
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("src/b")
    (root / os.fsdecode(b"raw\xff")).touch()
    (root / "empty folder").mkdir()
    git(root, "init", "-q")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "socket"))

    tree = live.look(folder="src")

    assert tree.files == {
        "src/a/deploy/start.sh": plain("echo a\n"),
        "src/b/file": plain("b\n"),
        "run": Entry(Mode.EXECUTABLE, blob_id(b"#!/bin/sh\n")),
        "link": Entry(Mode.LINK, blob_id(b"src/b")),
        os.fsdecode(b"raw\xff"): plain(""),
    }
    assert list(tree.files) == sorted(tree.files)
    assert (tree.folder, tree.revision.author, tree.revision.subject) == ("src", "", f"files in {root}")


def test_a_work_tree_and_its_commit_list_the_same_files(
    tmp_path: Path, live: LiveDirectory, root: Path
) -> None:
    from tests.sources.origins import a_repository

    git(root, "init", "-q", "-b", "main")
    (root / "link").symlink_to("x")
    commit(root, {"more": "m"})
    repository = a_repository(tmp_path / "mirror", root)

    assert live.look(folder=".").files == repository.look(folder=".").files
    repository.close()


def test_nothing_new_gives_the_same_tree_and_the_same_name(root: Path, live: LiveDirectory) -> None:
    first = live.look(folder="src")
    (root / "src/b/file").touch()
    write(root, {"src/b/file": "b\n"})

    assert live.look(folder="src", since=first) is first


def test_changes_back_and_forth_give_the_same_name(root: Path, live: LiveDirectory) -> None:
    first = live.look(folder=".")
    write(root, {"src/b/file": "other\n"})
    second = live.look(folder=".", since=first)
    write(root, {"src/b/file": "b\n"})

    assert second.revision.id != first.revision.id
    assert live.look(folder=".", since=second).revision.id == first.revision.id


def test_an_edit_of_equal_length_within_one_clock_tick_is_seen(root: Path, live: LiveDirectory) -> None:
    file = root / "src/b/file"
    for turn in range(50):
        file.write_text(f"{turn % 10}\n")

        assert live.look(folder=".").files["src/b/file"] == plain(f"{turn % 10}\n")


def test_an_editors_atomic_save_is_seen(root: Path, live: LiveDirectory) -> None:
    live.look(folder=".")
    fresh = root / "src/b/.file.swp"
    fresh.write_text("saved\n")
    fresh.replace(root / "src/b/file")

    tree = live.look(folder=".")

    assert tree.files["src/b/file"] == plain("saved\n")
    assert "src/b/.file.swp" not in tree.files


@pytest.mark.parametrize(
    "scratch",
    [
        ".file.swp",
        ".file.swo",
        "4913",
        "file~",
        "#file#",
        ".#file",
        "file___jb_tmp___",
        ".nfs000000000012ab340000001",
    ],
)
def test_what_an_editor_keeps_beside_its_file_is_no_change(
    root: Path, live: LiveDirectory, scratch: str
) -> None:
    before = live.look(folder="src")
    if scratch.startswith(".#"):
        (root / "src/b" / scratch).symlink_to("me@host.4711")
    else:
        (root / "src/b" / scratch).write_text("half a line")

    assert live.look(folder="src", since=before) is before


def test_folders_may_be_called_as_they_like(root: Path, live: LiveDirectory) -> None:
    write(root, {"src/b/old~/4913.txt": "x", "src/b/swp": "", "src/b/~": "", "src/b/.swp": ""})

    assert {"src/b/old~/4913.txt", "src/b/swp", "src/b/~", "src/b/.swp"} <= live.look(folder=".").files.keys()


def test_content_is_read_as_it_was_at_the_look(root: Path, live: LiveDirectory) -> None:
    tree = live.look(folder=".")
    oid = tree.files["src/b/file"].oid
    write(root, {"src/b/file": None})

    assert live.read([oid]) == {oid: b"b\n"}
    with pytest.raises(TransientError, match="no longer kept"):
        live.read(["0" * 40])


@pytest.fixture
def shut() -> Iterator[Path]:
    """A directory that others may read, but for a file, a folder and a component."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "srv"
        write(root, {"secret": "x", "locked/file": "y", "open": "z", "src/a/deploy/service.yaml": ""})
        root.parent.chmod(0o755)
        for path in ("secret", "locked", "src/a/deploy"):
            (root / path).chmod(0)
        yield root
        (root / "src/a/deploy").chmod(0o700)


def test_what_may_not_be_read_is_named_and_does_not_look_as_if_it_were_gone(shut: Path) -> None:
    live = LiveDirectory(shut, keep=Keep(shut.parent / "home"))

    with as_nobody():
        tree = live.look(folder="src")

    locked = Entry(Mode.UNREADABLE, "0" * 40)
    assert tree.files == {
        "locked/.": locked,
        "open": plain("z"),
        "secret": locked,
        "src/a/deploy/.": locked,
    }
    assert [problem.file for problem in live.problems] == [
        f"{shut}/{path}" for path in ("locked", "secret", "src/a/deploy")
    ]
    with pytest.raises(TransientError, match=r"secret: .*Permission denied"):
        live.read([locked.oid])
    found = components(tree)
    catalog = read_catalog("src/", found, {"a": Document(file="src/a/deploy/service.yaml", value=None)}, {})
    assert catalog.invalid == {"a"}
    assert [problem.message for problem in catalog.problems] == ["may not be read"]

    for path in ("secret", "locked", "src/a/deploy"):
        (shut / path).chmod(0o755)
    assert live.look(folder="src").files.keys() == {
        "open",
        "secret",
        "locked/file",
        "src/a/deploy/service.yaml",
    }
    assert live.problems == ()
    live.close()


def test_nothing_is_said_of_components_whose_folder_may_not_be_read(shut: Path) -> None:
    (shut / "src").chmod(0)
    live = LiveDirectory(shut, keep=Keep(shut.parent / "home"))

    with as_nobody(), pytest.raises(TransientError, match="src: may not be read"):
        live.look(folder="src")

    (shut / "src").chmod(0o755)
    live.close()


def test_a_file_that_is_too_large_is_named_and_not_read(root: Path, live: LiveDirectory) -> None:
    for place in ("src/a/deploy/dump", "dump"):
        with (root / place).open("w") as file:
            file.truncate(1 << 40)

    tree = live.look(folder="src")

    assert tree.files["src/a/deploy/dump"] == tree.files["dump"] == Entry(Mode.REFUSED, "0" * 40)
    assert tree.files["src/b/file"] == plain("b\n")
    assert [problem.file for problem in live.problems] == [f"{root}/dump", f"{root}/src/a/deploy/dump"]
    assert "has 1,099,511,627,776 bytes, and a file may have 104,857,600" in live.problems[0].message
    declared = declare(
        "a", "src/a", Document(file="src/a/deploy/service.yaml", value={}), components(tree)["a"], {}
    )
    assert not declared.is_valid
    assert "is too large" in declared.problems[0].message


def test_folders_deeper_than_anybody_needs_are_left_alone(root: Path, live: LiveDirectory) -> None:
    for place in ("lib", "src/a/deploy"):
        top = root / place
        top.mkdir(exist_ok=True)
        folder = os.open(top, os.O_RDONLY)
        for _ in range(1200):  # more than Python recurses, and longer than the kernel takes a path
            os.mkdir("dddd", dir_fd=folder)
            inner = os.open("dddd", os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = inner
        os.close(folder)

    tree = live.look(folder="src")

    assert tree.files["src/b/file"] == plain("b\n")
    deep = [path for path, entry in tree.files.items() if entry.mode is Mode.REFUSED]
    assert len(deep) == len(live.problems) == 2
    assert all(len(path) < 1100 and path.endswith("/.") for path in deep)
    assert components(tree)["a"].keys() > {"start.sh"}
    private.remove_tree(root)


def test_a_look_ends_when_paiwatch_is_asked_to(root: Path, live: LiveDirectory) -> None:
    live.abort()

    with pytest.raises(TransientError, match="asked to end"):
        live.look(folder=".")


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so be somebody else for a while."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


def test_no_revision_can_be_asked_of_a_directory(live: LiveDirectory) -> None:
    with pytest.raises(ConfigError, match="has no revisions"):
        live.look(folder=".", revision="main")


def test_a_root_that_is_missing_comes_back_by_itself(root: Path, live: LiveDirectory) -> None:
    first = live.look(folder=".")
    wipe(root)
    with pytest.raises(TransientError, match="cannot read the directory"):
        live.look(folder=".")

    write(root, {"src/a/deploy/start.sh": "echo a\n", "src/b/file": "b\n"})

    assert live.look(folder=".", since=first) is first


def test_a_switched_symlink_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"one/file": "1", "two/file": "2"})
    current = tmp_path / "current"
    current.symlink_to("one")
    live = LiveDirectory(current, keep=Keep(tmp_path / "home"))
    assert live.look(folder=".").files == {"file": plain("1")}

    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(current)

    assert live.look(folder=".").files == {"file": plain("2")}
    live.close()


def test_a_directory_that_never_holds_still_is_given_up_with_the_culprit(tmp_path: Path, root: Path) -> None:
    busy = root / "src" / "busy.log"
    writes = [0]

    def time_passes() -> float:
        """Something is written whenever the clock is read, so between any two passes."""
        writes[0] += 1
        busy.write_text(str(writes[0]))
        return busy.stat().st_mtime

    live = LiveDirectory(root, keep=Keep(tmp_path / "home"), clock=time_passes)

    with pytest.raises(TransientError, match=r"does not hold still \(src/busy\.log kept changing"):
        live.look(folder=".")
    live.close()


def test_every_look_during_a_checkout_of_thousands_of_files_shows_one_instant_of_it(tmp_path: Path) -> None:
    folder = a_work_tree(tmp_path / "work", {f"src/c{n % 50}/{n}": "old" for n in range(2000)})
    commit(folder, {f"src/c{n % 50}/{n}": "new" for n in range(2000)})
    live = LiveDirectory(folder, keep=Keep(tmp_path / "home"))
    new = live.look(folder=".").revision.id
    git(folder, "checkout", "-q", "HEAD~1")
    looks = [live.look(folder=".")]

    switching = threading.Thread(target=lambda: git(folder, "checkout", "-q", "main"))
    switching.start()
    while switching.is_alive():
        with contextlib.suppress(TransientError):
            looks.append(live.look(folder="."))
    switching.join()

    # Git writes in path order: at any instant there are new files, at most one half done, then old ones.
    ranks = {plain("new"): 0, plain("old"): 2}
    for tree in looks:
        order = [ranks.get(entry, 1) for entry in tree.files.values()]
        assert order == sorted(order)
        assert order.count(1) <= 1
    assert live.look(folder=".").revision.id == new
    live.close()


def test_no_descriptor_stays_behind(tmp_path: Path, root: Path) -> None:
    before = descriptors()
    live = LiveDirectory(root, keep=Keep(tmp_path / "home"))
    live.look(folder=".")
    live.look(folder=".")

    assert descriptors() == before + 1  # the kept contents
    live.close()
    assert descriptors() == before
    assert list((tmp_path / "home").iterdir()) == []


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "d/a", "d/e/a", "ä x"]),
        st.sampled_from(["write", "remove", "link", "chmod", "rename", "folder"]),
        st.sampled_from(["1", "22", ""]),
    ),
    max_size=12,
)


@given(rounds=st.lists(EDITS, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_looking_again_gives_what_a_first_look_gives(rounds: list[list[tuple[str, str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        root.mkdir()
        live = LiveDirectory(root, keep=Keep(Path(name) / "home"))
        tree = None
        for edits in rounds:
            for path, verb, text in edits:
                edit(root / path, verb, text)
            tree = live.look(folder=".", since=tree)
            fresh = LiveDirectory(root, keep=Keep(Path(name) / "other"))

            assert tree.files == fresh.look(folder=".").files
            assert {
                blob_id(content) for content in live.read(e.oid for e in tree.files.values()).values()
            } == {e.oid for e in tree.files.values()}
            fresh.close()
        live.close()


def edit(file: Path, verb: str, text: str) -> None:
    """One edit as a person or a tool makes it; edits that cannot be done there are skipped."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if verb == "write":
            file.write_text(text)
        elif verb == "link":
            file.unlink(missing_ok=True)
            file.symlink_to(text or "x")
        elif verb == "chmod":
            file.chmod(0o755 if text else 0o644)
        elif verb == "rename":
            file.rename(file.with_name("renamed"))
        elif verb == "folder":
            file.mkdir()
        else:
            file.unlink()
    except OSError:
        return
