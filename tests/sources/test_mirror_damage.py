"""Whatever happens to the private copy: it becomes whole again, and the old one serves until then."""

from collections.abc import Callable
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from tests.sources.origins import a_bare, a_repository, a_work_tree, git, push, texts, wipe
from tests.sources.servers import serve_http


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = a_work_tree(tmp_path / "cluster", {"layout.yaml": "one\n", "keep/file": "kept\n"})
    a_bare(folder)
    return folder


@pytest.fixture
def bare(work: Path) -> Path:
    return work.with_name("cluster.git")


def packed(home: Path) -> tuple[Path, Path]:
    """All objects in one pack, as after many fetches; gives the pack and its index, which may be written to."""
    git(home / "git", "repack", "-a", "-d", "-q")
    pack, index = (next(home.glob(f"git/objects/pack/*.{end}")) for end in ("pack", "idx"))
    for file in (pack, index):
        file.chmod(0o600)
    return pack, index


def truncate_pack(home: Path) -> None:
    pack, _ = packed(home)
    pack.write_bytes(pack.read_bytes()[:100])


def lose_index(home: Path) -> None:
    packed(home)[1].unlink()


def garble_index(home: Path) -> None:
    packed(home)[1].write_bytes(b"\xfftOcgarbage")


def flip_a_byte(home: Path) -> None:
    pack, _ = packed(home)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    pack.write_bytes(content)


def lose_the_tip(home: Path) -> None:
    tip = (home / "git/refs/heads/main").read_text().strip()
    (home / "git/objects" / tip[:2] / tip[2:]).unlink()


def empty_objects(home: Path) -> None:
    for file in home.glob("git/objects/??/*"):
        file.chmod(0o600)
        file.write_bytes(b"")


def garble_ref(home: Path) -> None:
    (home / "git/refs/heads/main").write_bytes(b"\0\xff\n")


def garble_the_rest(home: Path) -> None:
    (home / "git/packed-refs").write_text("what is this\n")
    (home / "git/shallow").write_text("no id\n")
    (home / "git/objects/info/alternates").write_bytes(b"/nowhere\0\n")
    (home / "git/commondir").write_text("/nowhere\n")
    (home / "git/config.worktree").write_text("[core\n")
    (home / "git/HEAD").unlink()
    (home / "git/HEAD").symlink_to("/nowhere")


def replace_by_file(folder: Path) -> None:
    wipe(folder)
    folder.write_text("x")


def empty(folder: Path) -> None:
    wipe(folder)
    folder.mkdir()


def leave_every_lock(home: Path) -> None:
    for name in ("index", "HEAD", "packed-refs", "shallow", "config", "FETCH_HEAD", "refs/heads/main",
                 "objects/info/alternates", "objects/maintenance", "objects/info/commit-graph"):  # fmt: skip
        (home / "git" / f"{name}.lock").write_text("half an id")
    (home / "git/gc.pid").write_text("1 somewhere")
    (home / "git/objects/pack/tmp_pack_x").touch()


def empty_files(home: Path, *names: str) -> None:
    """As a power cut leaves files that nobody waited for."""
    for name in names:
        (home / "git" / name).write_bytes(b"")


HARMS: dict[str, Callable[[Path], None]] = {
    "a truncated pack": truncate_pack,
    "a pack without its index": lose_index,
    "an index that is garbage": garble_index,
    "a flipped byte in a pack": flip_a_byte,
    "the tip's object gone": lose_the_tip,
    "empty objects": empty_objects,
    "garbage in the ref": garble_ref,
    "an empty ref": lambda home: empty_files(home, "refs/heads/main", "shallow"),
    "garbage in every other file": garble_the_rest,
    "a file in place of the objects": lambda home: replace_by_file(home / "git/objects"),
    "a file in place of the repository": lambda home: replace_by_file(home / "git"),
    "a file in place of the folder": replace_by_file,
    "an empty folder": empty,
    "no folder": wipe,
    "every lock there is": leave_every_lock,
}


@pytest.mark.parametrize("harm", HARMS)
def test_between_two_starts(tmp_path: Path, work: Path, bare: Path, harm: str) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, bare.as_uri())
    repository.look(folder=".")
    repository.close()
    HARMS[harm](home)
    made = push(work, {"layout.yaml": "after\n"})

    repository = a_repository(home, bare.as_uri())

    tree = repository.look(folder=".")
    assert tree.revision.id == made
    assert texts(repository, tree) == {"layout.yaml": "after\n", "keep/file": "kept\n"}
    assert sorted(file.name for file in home.iterdir()) == ["git", "gitconfig", "held"]
    repository.close()


@pytest.mark.parametrize("harm", HARMS)
def test_while_it_is_used(tmp_path: Path, work: Path, bare: Path, harm: str) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, bare.as_uri())
    before = repository.look(folder=".")
    HARMS[harm](home)
    made = push(work, {"layout.yaml": "after\n"})

    after = None
    for _ in range(2):  # locks cost one look: they are removed when git stumbled over them
        try:
            after = repository.look(folder=".", since=before)
        except TransientError:
            continue

    assert after is not None
    assert after.revision.id == made
    assert texts(repository, after) == {"layout.yaml": "after\n", "keep/file": "kept\n"}
    repository.close()


@pytest.mark.parametrize("harm", ["a file in place of the folder", "no folder", "every lock there is"])
def test_of_a_path_it_costs_nothing(tmp_path: Path, work: Path, bare: Path, harm: str) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, bare)
    before = repository.look(folder=".")
    HARMS[harm](home)
    made = push(work, {"layout.yaml": "after\n"})

    after = repository.look(folder=".", since=before)

    assert (after.revision.id, texts(repository, after)["layout.yaml"]) == (made, "after\n")
    repository.close()


def test_a_damaged_copy_serves_what_it_can_while_the_other_side_is_away(
    tmp_path: Path, work: Path, bare: Path
) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    tree = repository.look(folder=".")
    gone, kept = tree.files["layout.yaml"].oid, tree.files["keep/file"].oid
    (tmp_path / "home/git/objects" / gone[:2] / gone[2:]).unlink()
    bare.rename(tmp_path / "away")

    with pytest.raises(TransientError):
        repository.read([gone])
    assert repository.read([kept]) == {kept: b"kept\n"}

    (tmp_path / "away").rename(bare)
    repository.newest()
    assert repository.read([gone]) == {gone: b"one\n"}
    repository.close()


def test_what_was_never_there_is_no_damage(tmp_path: Path, work: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    lost = push(work, {"layout.yaml": "lost\n"})
    repository.newest()
    git(work, "reset", "-q", "--hard", "HEAD~1")
    git(work, "push", "-q", "--force", "origin", "main")
    repository.newest()

    with pytest.raises(TransientError, match="0123456789abcdef0123456789abcdef01234567"):
        repository.read(["0123456789abcdef0123456789abcdef01234567"])

    assert repository.revision(lost).id == lost  # a new mirror would not have it
    repository.close()


def test_the_token_is_found_again_with_the_folder(tmp_path: Path, work: Path) -> None:
    with serve_http(tmp_path, password="s3cret") as url:
        (tmp_path / "token").write_text("s3cret\n")
        repository = a_repository(tmp_path / "home", f"{url}/cluster.git", token_file=tmp_path / "token")
        repository.newest()
        wipe(tmp_path / "home")

        assert repository.newest() == git(work, "rev-parse", "HEAD")
        repository.close()


def test_an_empty_ref_is_fetched_again_without_what_is_there(tmp_path: Path, work: Path, bare: Path) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, bare.as_uri())
    before = repository.look(folder=".")
    repository.close()
    pack, _ = packed(home)
    empty_files(home, "refs/heads/main")
    told = pack.stat()

    repository = a_repository(home, bare.as_uri())

    assert repository.look(folder=".").revision == before.revision
    assert pack.stat().st_ino == told.st_ino
    repository.close()
