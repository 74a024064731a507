"""The archive: whole releases or none, and damage is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from paiwatch.errors import StoreError
from paiwatch.record.archive import Archive, static_ids
from paiwatch.releases.release import Release
from paiwatch.snapshot import Mode, blob_id
from tests.builders import a_release

TEXTS = {"stop.sh": "echo stop\n", "conf/a.cfg": "a = ü\n", "conf/deep/link": "../a.cfg"}
MODES = {"stop.sh": Mode.EXECUTABLE, "conf/deep/link": Mode.LINK}
BLOBS = {blob_id(text.encode()): text.encode() for text in TEXTS.values()}


def the_release() -> Release:
    return a_release("grafana", TEXTS, rendered={"start.sh": "echo secret\n"}, modes=MODES)


def test_a_kept_release_is_given_back_exactly(tmp_path: Path) -> None:
    archive, release = Archive(tmp_path / "archive"), the_release()
    assert not archive.has(release.digest)

    archive.keep(release, BLOBS)
    archive.keep(release, {})  # kept already: nothing is needed

    assert archive.has(release.digest)
    assert archive.load(release.digest) == {
        "conf/a.cfg": (Mode.FILE, "a = ü\n".encode()),
        "conf/deep/link": (Mode.LINK, b"../a.cfg"),
        "start.sh": (Mode.FILE, b"echo secret\n"),
        "stop.sh": (Mode.EXECUTABLE, b"echo stop\n"),
    }
    assert static_ids(release) == set(BLOBS)


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.keep(the_release(), BLOBS)

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "archive").rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600, 0o700}, {0o700})


@pytest.mark.parametrize("damage", ["changed", "missing", "no listing", "bad listing", "replaced by a link"])
def test_damage_is_noticed_and_the_folder_named(tmp_path: Path, damage: str) -> None:
    archive, release = Archive(tmp_path), the_release()
    archive.keep(release, BLOBS)
    folder = tmp_path / release.digest
    match damage:
        case "changed":
            (folder / "files/stop.sh").write_text("rm -rf /\n")
        case "missing":
            (folder / "files/stop.sh").unlink()
        case "no listing":
            (folder / "release.json").unlink()
        case "bad listing":
            (folder / "release.json").write_text("[1")
        case _:
            (folder / "files/stop.sh").unlink()
            (folder / "files/stop.sh").symlink_to("/etc/hostname")

    with pytest.raises(StoreError, match=release.digest):
        archive.load(release.digest)


def test_a_release_that_lost_its_listing_is_kept_anew(tmp_path: Path) -> None:
    archive, release = Archive(tmp_path), the_release()
    archive.keep(release, BLOBS)
    (tmp_path / release.digest / "release.json").unlink()

    archive.keep(release, BLOBS)

    assert set(archive.load(release.digest)) == set(release.files)


def test_pruning_leaves_what_is_needed(tmp_path: Path) -> None:
    archive, release, other = (
        Archive(tmp_path),
        the_release(),
        a_release("loki", rendered={"a": "b"}, files={}),
    )
    for each in (release, other):
        archive.keep(each, BLOBS)
    (tmp_path / ".unfinished").mkdir()

    assert archive.prune({release.digest}) == 1

    assert [path.name for path in tmp_path.iterdir()] == [release.digest]
    assert Archive(tmp_path / "none").prune(set()) == 0


@pytest.mark.parametrize("digest", ["../x", "", ".", "a/b"])
def test_what_is_no_digest_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(StoreError, match="no release digest"):
        Archive(tmp_path).load(digest)


def test_a_killed_writer_leaves_whole_releases_only(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from paiwatch.record.archive import Archive;"
        "from tests.builders import a_release;"
        "archive = Archive(Path(sys.argv[1]));\n"
        "for i in range(100000):\n"
        "    release = a_release('s%d' % i, {}, rendered={'f%d' % n: str(i) * 999 for n in range(9)})\n"
        "    archive.keep(release, {}); print(release.digest, flush=True)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    promised = [writer.stdout.readline().strip() for _ in range(20)]
    writer.kill()
    promised += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()

    archive = Archive(tmp_path)
    for folder in tmp_path.iterdir():
        if not folder.name.startswith("."):
            assert len(archive.load(folder.name)) == 9
    assert all(archive.has(digest) for digest in promised)
    archive.prune(set(promised))
    assert {folder.name for folder in tmp_path.iterdir()} == set(promised)


def test_the_secrets_of_a_release_are_kept_with_it(tmp_path: Path) -> None:
    archive, release = Archive(tmp_path), the_release()
    assert archive.secrets(release.digest) == frozenset()

    archive.keep(release, BLOBS, secrets={"echo secret", "ü"})

    assert archive.secrets(release.digest) == {"echo secret", "ü"}
    assert "secrets.json" not in archive.load(release.digest)


def test_unreadable_secrets_are_no_reason_to_show_them(tmp_path: Path) -> None:
    archive, release = Archive(tmp_path), the_release()
    archive.keep(release, BLOBS, secrets={"echo secret"})
    (tmp_path / release.digest / "secrets.json").write_text("[")

    with pytest.raises(StoreError, match=release.digest):
        archive.secrets(release.digest)
