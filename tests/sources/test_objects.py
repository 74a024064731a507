import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from paiwatch.sources import objects as module
from paiwatch.sources.calls import Calls
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.objects import Object, Objects
from tests.sources.origins import a_work_tree, commit, descriptors, git
from tests.sources.origins import children as all_children


def children() -> set[int]:
    """The gits among our children: tests before these may have left others."""
    return {pid for pid in all_children() if Path(f"/proc/{pid}/comm").read_text() == "git\n"}


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    processes, files = children(), descriptors()
    yield
    assert children() == processes
    assert descriptors() <= files


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return a_work_tree(tmp_path / "work", {"file": "one\n"})


@pytest.fixture
def objects(work: Path) -> Iterator[Objects]:
    made = Objects(Calls({"GIT_DIR": str(work / ".git")}, timeout=30), timeout=30)
    yield made
    made.close()


def stored(work: Path, content: bytes) -> str:
    """Write a blob; gives its id."""
    (work / "blob").write_bytes(content)
    return git(work, "hash-object", "-w", "--no-filters", "blob")


def the_child() -> int:
    """The one process that we started."""
    (pid,) = children()
    return pid


def test_any_bytes_come_through_and_missing_ones_are_left_out(work: Path, objects: Objects) -> None:
    contents = [b"", b"\n", b"x missing\n", b"\0" * 70_000, os.urandom(500_000), b"no newline"]
    oids = [stored(work, content) for content in contents]

    found = objects.read([oids[0], "0" * 40, *oids[1:]], most=1 << 20)

    assert found == {
        oid: Object("blob", len(content), content) for oid, content in zip(oids, contents, strict=True)
    }


def test_thousands_are_asked_for_at_once(work: Path, objects: Objects) -> None:
    made = commit(work, {f"d/{number}": f"{number}\n" * 50 for number in range(2200)})
    listing = git(work, "ls-tree", "-r", made).splitlines()
    oids = {line.split("\t")[1]: line.split()[2] for line in listing}

    found = objects.read(oids.values(), most=1 << 20)

    assert {path: found[oid].content for path, oid in oids.items()} == {
        path: (work / path).read_bytes() for path in oids
    }


def test_one_child_answers_all_and_sees_what_comes_after_it(work: Path, objects: Objects) -> None:
    first = stored(work, b"first")
    objects.read([first], most=100)
    child = the_child()
    second = stored(work, b"second")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "more")
    git(work, "repack", "-a", "-d", "-q")
    git(work, "prune-packed", "-q")

    found = objects.read([first, second], most=100)

    assert found[second].content == b"second"
    assert the_child() == child


def test_a_child_that_dies_is_replaced(work: Path, objects: Objects) -> None:
    oid = stored(work, b"content")
    objects.read([oid], most=100)
    dead = the_child()

    os.kill(dead, signal.SIGKILL)

    assert objects.read([oid], most=100)[oid].content == b"content"
    assert the_child() != dead


def test_what_is_too_large_is_not_taken_into_memory(work: Path, objects: Objects) -> None:
    large, small = stored(work, b"x" * 1_000_001), stored(work, b"small")

    found = objects.read([large, small], most=1_000_000)

    assert found[large] == Object("blob", 1_000_001, None)
    assert found[small].content == b"small"


def test_an_object_that_cannot_be_read_is_damage_and_does_not_spoil_the_next(
    work: Path, objects: Objects
) -> None:
    bad, good = stored(work, os.urandom(100_000)), stored(work, b"good")
    file = work / ".git/objects" / bad[:2] / bad[2:]
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:60_000])

    with pytest.raises(DamagedMirrorError):
        objects.read([bad, good], most=1 << 20)

    assert objects.read([good], most=100)[good].content == b"good"


def test_a_child_that_says_nothing_is_given_up(work: Path, objects: Objects) -> None:
    oid = stored(work, b"content")
    slow = Objects(Calls({"GIT_DIR": str(work / ".git")}, timeout=30), timeout=0.1)
    slow.read([oid], most=100)
    os.kill(the_child(), signal.SIGSTOP)

    with pytest.raises(TransientError, match=r"within 0\.1 s"):
        slow.read([oid], most=100)

    assert children() == set()
    slow.close()


def test_it_rests_only_when_it_had_nothing_to_do(
    work: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    oid = stored(work, b"content")
    objects.read([oid], most=100)
    objects.rest()
    assert len(children()) == 1

    monkeypatch.setattr(module, "_IDLE", -1.0)
    objects.rest()

    assert children() == set()
    assert objects.read([oid], most=100)[oid].content == b"content"
