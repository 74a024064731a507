import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.snapshot import Commit, Mode, Revision
from paiwatch.sources.listing import parse_commit, parse_log, parse_mode, parse_refs
from tests.sources.origins import a_repository, a_work_tree, git

NAMES = ("a", "a b", "ä", "-x", "ta\tb", "new\nline", os.fsdecode(b"\xfe"), "z\"q'")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
KINDS = st.sampled_from(["100644", "100755", "120000", "160000"])
TREES = st.dictionaries(PATHS, st.tuples(KINDS, st.sampled_from(["one", "two", "three"])), max_size=6)


def without_conflicts(tree: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Drop files that lie below another file."""
    return {path: what for path, what in tree.items() if not any(path.startswith(f"{p}/") for p in tree)}


def commit_tree(folder: Path, tree: dict[str, tuple[str, str]], blobs: dict[str, str]) -> str:
    """Commit exactly this tree, without touching the disk."""
    git(folder, "read-tree", "--empty")
    lines = "".join(
        f"{mode} {'1' * 40 if mode == '160000' else blobs[content]}\t{path}\0"
        for path, (mode, content) in without_conflicts(tree).items()
    )
    import subprocess

    subprocess.run(
        ("git", "update-index", "-z", "--index-info"), cwd=folder, check=True, input=os.fsencode(lines)
    )
    made = git(folder, "commit-tree", git(folder, "write-tree", "--missing-ok"), "-m", "x")
    git(folder, "update-ref", "refs/heads/main", made)
    return made


@given(first=TREES, second=TREES)
@settings(max_examples=15, deadline=None)
def test_the_difference_applied_gives_what_a_full_listing_gives(
    first: dict[str, tuple[str, str]], second: dict[str, tuple[str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = a_work_tree(Path(name) / "work")
        blobs = {
            text: git(folder, "hash-object", "-w", "--stdin", stdin=text) for text in ("one", "two", "three")
        }
        repository = a_repository(Path(name) / "home", folder)
        commit_tree(folder, first, blobs)
        before = repository.look(folder=".")

        commit_tree(folder, second, blobs)
        after = repository.look(folder=".", since=before)
        full = repository.tree(after.revision, folder=".")

        assert list(after.files.items()) == list(full.files.items())
        assert set(after.files) == set(without_conflicts(second))
        repository.close()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("100664", Mode.FILE), ("100775", Mode.EXECUTABLE), ("120000", Mode.LINK), ("160000", Mode.SUBMODULE)],
)
def test_modes_of_old_commits_are_understood(mode: str, kind: Mode) -> None:
    assert parse_mode(mode) is kind


def test_refs_are_parsed_by_full_name() -> None:
    assert parse_refs(b"aa\trefs/heads/main\nbb\trefs/heads/x\n") == {
        "refs/heads/main": "aa",
        "refs/heads/x": "bb",
    }


def test_a_subject_cannot_write_to_the_terminal() -> None:
    content = b"tree t\nauthor Ana\x1b[2J <a@b> 1 +0000\ncommitter B <b> 12 +0100\n\nred \x1b[31m\n\nmore\n"

    assert parse_commit("c", content) == Revision(id="c", author="Ana [2J", subject="red  [31m", at=12.0)


@pytest.mark.parametrize(
    ("content", "author", "subject"),
    [
        (b"author \xe9 <a> 1 +0\ncommitter b <b> 1 +0\nencoding latin-1\n\n\xe8\n", "é", "è"),
        (b"author A B <a> 1 +0\nencoding klingon\n\ntwo\nlines\n\nbody", "A B", "two lines"),
        (b"author  <a> 1 +0\ngpgsig -----BEGIN\n author X <x> 1\n -----END\n\n\n\nlate\n", "", "late"),
        (b"author A <a> 1 +0\ncommitter A <a> soon\n\n", "A", ""),
        (b"", "", ""),
    ],
    ids=["encoding", "unknown encoding", "signed, no name", "no subject", "nothing at all"],
)
def test_commits_of_any_make_are_understood(content: bytes, author: str, subject: str) -> None:
    found = parse_commit("c", content)

    assert (found.author, found.subject) == (author, subject)


def test_a_log_is_commits_with_what_each_changed() -> None:
    zero, old, new = "0" * 40, "a" * 40, "b" * 40
    output = (
        f"{'1' * 40}\0Ana\x005\0\0\n:000000 100644 {zero} {new} A\0c d\0"
        f"\0{'2' * 40}\0B\x1bo\x006\0two\0\n:100644 100644 {old} {new} M\0:x\0:100644 000000 {old} {zero} D\0b\0"
        f"\0{'3' * 40}\0\x007\0nothing\0"
    ).encode()

    first, second, third = parse_log(output)

    assert first == Commit(revision=Revision(id="1" * 40, author="Ana", at=5.0), changes={"c d": ("", new)})
    assert second.revision == Revision(id="2" * 40, author="B o", subject="two", at=6.0)
    assert second.changes == {":x": (old, new), "b": (old, "")}
    assert (third.revision.subject, third.changes) == ("nothing", {})
    assert parse_log(b"") == ()
