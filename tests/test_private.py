"""Private files: their modes, and removal whatever the modes."""

import os
import subprocess
from pathlib import Path

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
