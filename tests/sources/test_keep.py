import io
from pathlib import Path

import pytest

from paiwatch.snapshot import blob_id
from paiwatch.sources import keep as module
from paiwatch.sources.keep import Keep


def test_content_is_kept_once_under_gits_name(tmp_path: Path) -> None:
    keep = Keep(tmp_path)
    contents = [b"", b"one", b"\0" * 3_000_000, b"one"]

    oids = [keep.add(len(content), io.BytesIO(content).read) for content in contents]

    assert oids == [blob_id(content) for content in contents]
    assert keep.read(oids[:3]) == dict(zip(oids[:3], contents[:3], strict=True))  # type: ignore[arg-type]  # none is None
    keep.close()


def test_content_that_ends_early_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    keep = Keep(tmp_path)

    assert keep.add(10, io.BytesIO(b"short").read) is None
    assert keep.add(2, io.BytesIO(b"ok").read) == blob_id(b"ok")
    assert keep.read([blob_id(b"ok")]) == {blob_id(b"ok"): b"ok"}
    keep.close()


def test_what_is_not_retained_gives_its_space_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLACK", 1000)
    keep = Keep(tmp_path)
    texts = [f"{n:0200d}".encode() for n in range(100)]
    for text in texts:
        keep.add(len(text), io.BytesIO(text).read)
    wanted = {blob_id(text): text for text in texts[::9]}

    keep.retain(wanted)

    assert keep.read(wanted) == wanted
    assert keep.add(3, io.BytesIO(b"new").read) == blob_id(b"new")
    assert keep.read([blob_id(b"new"), *wanted]) == {blob_id(b"new"): b"new", **wanted}
    keep.close()


def test_full_disk_while_space_is_given_back_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLACK", 1000)
    keep = Keep(tmp_path / "home")
    texts = [f"{n:0200d}".encode() for n in range(100)]
    for text in texts:
        keep.add(len(text), io.BytesIO(text).read)
    wanted = {blob_id(text): text for text in texts[::9]}
    (tmp_path / "home").rename(tmp_path / "away")
    (tmp_path / "home").touch()  # nothing can be made there

    keep.retain(wanted)

    assert keep.read(wanted) == wanted
    keep.close()


def test_what_a_crash_left_goes_and_the_folders_are_private(tmp_path: Path) -> None:
    home = tmp_path / "state" / "sources"
    Keep(home).close()
    (home / ".live-of-the-dead").write_bytes(b"x")

    Keep(home).close()

    assert [*home.iterdir()] == []
    assert {folder.stat().st_mode & 0o777 for folder in (home, home.parent)} == {0o700}
