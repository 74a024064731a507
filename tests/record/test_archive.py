"""The archive: whole releases or none, and damage is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from paiwatch.errors import StoreError
from paiwatch.record.archive import Archive, static_ids
from paiwatch.releases.release import RenderedFiles
from paiwatch.snapshot import Mode, blob_id
from tests.builders import rendered_files

TEXTS = {"stop.sh": "echo stop\n", "conf/a.cfg": "a = ü\n", "conf/deep/link": "../a.cfg"}
MODES = {"stop.sh": Mode.EXECUTABLE, "conf/deep/link": Mode.LINK}
BLOBS = {blob_id(text.encode()): text.encode() for text in TEXTS.values()}


def the_files() -> RenderedFiles:
    return rendered_files("grafana", TEXTS, rendered={"start.sh": "echo secret\n"}, modes=MODES)


def test_a_kept_release_is_given_back_exactly(tmp_path: Path) -> None:
    archive, files = Archive(tmp_path / "archive"), the_files()
    assert not archive.has(files.release.digest)

    archive.keep(files, BLOBS)
    archive.keep(files, {})  # kept already: nothing is needed

    assert archive.has(files.release.digest)
    assert archive.load(files.release.digest) == {
        "conf/a.cfg": (Mode.FILE, "a = ü\n".encode()),
        "conf/deep/link": (Mode.LINK, b"../a.cfg"),
        "start.sh": (Mode.FILE, b"echo secret\n"),
        "stop.sh": (Mode.EXECUTABLE, b"echo stop\n"),
    }
    assert static_ids(files.release) == set(BLOBS)


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.keep(the_files(), BLOBS)

    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "archive").rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600, 0o700}, {0o700})


@pytest.mark.parametrize("damage", ["changed", "missing", "no listing", "bad listing", "replaced by a link"])
def test_damage_is_noticed_and_the_folder_named(tmp_path: Path, damage: str) -> None:
    archive, files = Archive(tmp_path), the_files()
    archive.keep(files, BLOBS)
    folder = tmp_path / files.release.digest
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

    with pytest.raises(StoreError, match=files.release.digest):
        archive.load(files.release.digest)


def test_a_release_that_lost_its_listing_is_kept_anew(tmp_path: Path) -> None:
    archive, files = Archive(tmp_path), the_files()
    archive.keep(files, BLOBS)
    (tmp_path / files.release.digest / "release.json").unlink()

    archive.keep(files, BLOBS)

    assert set(archive.load(files.release.digest)) == set(files.release.files)


def test_pruning_leaves_what_is_needed(tmp_path: Path) -> None:
    archive, files, other = (
        Archive(tmp_path),
        the_files(),
        rendered_files("loki", rendered={"a": "b"}, files={}),
    )
    for each in (files, other):
        archive.keep(each, BLOBS)
    (tmp_path / ".unfinished").mkdir()

    assert archive.prune({files.release.digest}) == 1

    assert [path.name for path in tmp_path.iterdir()] == [files.release.digest]
    assert Archive(tmp_path / "none").prune(set()) == 0


@pytest.mark.parametrize("digest", ["../x", "", ".", "a/b"])
def test_what_is_no_digest_is_refused(tmp_path: Path, digest: str) -> None:
    with pytest.raises(StoreError, match="no release digest"):
        Archive(tmp_path).load(digest)


def test_a_killed_writer_leaves_whole_releases_only(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from paiwatch.record.archive import Archive;"
        "from tests.builders import rendered_files;"
        "archive = Archive(Path(sys.argv[1]));\n"
        "for i in range(100000):\n"
        "    files = rendered_files('s%d' % i, {}, rendered={'f%d' % n: str(i) * 999 for n in range(9)})\n"
        "    archive.keep(files, {}); print(files.release.digest, flush=True)"
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
    archive, files = Archive(tmp_path), the_files()
    assert archive.secrets(files.release.digest) == frozenset()

    archive.keep(files, BLOBS, secrets={"echo secret", "ü"})

    assert archive.secrets(files.release.digest) == {"echo secret", "ü"}
    assert "secrets.json" not in archive.load(files.release.digest)


def test_unreadable_secrets_are_no_reason_to_show_them(tmp_path: Path) -> None:
    archive, files = Archive(tmp_path), the_files()
    archive.keep(files, BLOBS, secrets={"echo secret"})
    (tmp_path / files.release.digest / "secrets.json").write_text("[")

    with pytest.raises(StoreError, match=files.release.digest):
        archive.secrets(files.release.digest)
