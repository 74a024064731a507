"""Private files: their modes, and removal whatever the modes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paiwatch import private


def test_a_tree_goes_whatever_modes_it_has_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    tree = tmp_path / "tree"
    (tree / "locked" / "inner").mkdir(parents=True)
    (tree / "locked" / "inner" / "file").write_text("x")
    (tree / "link").symlink_to(outside)
    (tree / "locked" / "inner").chmod(0)
    (tree / "locked").chmod(0o500)
    tree.chmod(0)

    assert private.remove_tree(tree)

    assert not tree.exists()
    assert (outside / "file").read_text() == "stays"
    assert private.remove_tree(tree)


def test_a_tree_deeper_than_recursion_goes_too(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    folder = str(tree)
    for _ in range(1500):
        Path(folder).mkdir()
        folder += "/d"

    assert private.remove_tree(tree)

    assert not tree.exists()


def test_a_tree_deeper_than_any_path_may_be_long_goes_too(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    deeper = (
        f"for n in {{1..150}}; do mkdir {'d' * 60} && cd {'d' * 60} || exit 1; done; echo > file; chmod 0 ."
    )
    subprocess.run(["bash", "-c", f"mkdir {tree}; cd {tree}; {deeper}"], check=True)

    assert private.remove_tree(tree)

    assert not tree.exists()


def test_replacing_leaves_one_private_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private.replace_file(tmp_path / "file", b"one")
        private.replace_file(tmp_path / "file", b"two")
        folder = private.make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"two"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


_MOUNTED = """
import subprocess, sys
from pathlib import Path
from paiwatch import private

top, precious = map(Path, sys.argv[1:])
for number in range(2):  # one upon the other
    subprocess.run(["mount", "--bind", precious, top / "in\\n it"], check=True)
print(private.remove_tree(top), top.exists(), (precious / "file").read_text())
"""


def test_what_is_mounted_in_a_tree_is_unmounted_and_not_emptied(tmp_path: Path, project_root: Path) -> None:
    (tmp_path / "tree" / "in\n it").mkdir(parents=True)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("stays")

    # paths are given as in the mount table: with links followed
    places = [str((tmp_path / name).resolve()) for name in ("tree", "precious")]
    command = ("unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", _MOUNTED, *places)
    ran = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
    if "unshare failed" in ran.stderr or "permission denied" in ran.stderr.lower():
        pytest.skip("nothing can be mounted here")

    assert ran.stdout == "True False stays\n", ran.stderr
    assert (tmp_path / "precious" / "file").read_text() == "stays"


def test_attributes_that_bind_even_root_are_no_obstacle(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tree / "file").write_text("x")
    (tree / "inner" / "file").write_text("x")
    fixed = subprocess.run(
        ["chattr", "+i", tree / "file", tree / "inner" / "file"], capture_output=True, check=False
    )
    if fixed.returncode != 0:
        pytest.skip("files cannot be made immutable here")
    subprocess.run(["chattr", "+a", tree / "inner"], check=True)

    assert private.remove_tree(tree)

    assert not tree.exists()


def test_what_took_the_place_of_a_file_is_neither_waited_for_nor_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "file").write_text("x")

    private.sync_file(tmp_path / "file")

    for name in ("pipe", "link", "gone"):
        with pytest.raises(OSError, match=name if name != "pipe" else "Invalid argument"):
            private.sync_file(tmp_path / name)


def test_a_durable_folder_waits_for_the_name_of_each_that_was_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    opened = Path("/proc/self/fd")
    monkeypatch.setattr(os, "fsync", lambda number: flushed.append((opened / str(number)).readlink()))

    private.make_folder(tmp_path / "var" / "state", durable=True)
    private.make_folder(tmp_path / "var" / "state", durable=True)

    assert flushed == [tmp_path, tmp_path / "var"]
