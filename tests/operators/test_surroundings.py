"""Surroundings: the tree without deploy folders, written once, read-only, equal files stored once."""

import errno
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.errors import StalledError
from paiwatch.operators import surroundings
from paiwatch.snapshot import Entry, Mode, Revision, Tree, blob_id


class Blobs:
    """A tree's files by text, and the contents that were asked for."""

    def __init__(self, texts: Mapping[str, str], modes: Mapping[str, Mode] | None = None) -> None:
        kinds = modes or {}
        self.files = {
            path: Entry(kinds.get(path, Mode.FILE), blob_id(text.encode())) for path, text in texts.items()
        }
        self._bytes = {blob_id(text.encode()): text.encode() for text in texts.values()}
        self.asked: list[str] = []

    def contents(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        chosen = sorted(oids)
        self.asked += chosen
        return {oid: self._bytes[oid] for oid in chosen}


def a_tree(files: Mapping[str, Entry]) -> Tree:
    return Tree(revision=Revision(id="d" * 40), folder="src", files=files)


PATHS = st.lists(st.sampled_from(["a", "deploy", "b", "src"]), min_size=1, max_size=5).map("/".join)


@given(st.sets(PATHS, max_size=12), st.sets(PATHS, max_size=3))
def test_the_listing_has_every_file_that_is_in_no_deploy_folder(paths: set[str], deploys: set[str]) -> None:
    files = {path: Entry(Mode.FILE, "0" * 40) for path in paths}

    listed = surroundings.listing(a_tree(files), deploys)

    assert set(listed) == {
        path for path in paths if not any(path.startswith(f"{deploy}/") for deploy in deploys)
    }


def test_submodules_are_not_listed() -> None:
    assert surroundings.listing(a_tree({"sub": Entry(Mode.SUBMODULE, "0" * 40)}), []) == {}


def test_the_digest_tells_path_mode_and_content_apart() -> None:
    one = Entry(Mode.FILE, "1" * 40)
    states: list[dict[str, Entry]] = [
        {},
        {"a": one},
        {"b": one},
        {"a": Entry(Mode.EXECUTABLE, one.oid)},
        {"a": Entry(Mode.FILE, "2" * 40)},
        {"a": one, "b": one},
    ]
    assert len({surroundings.digest(state) for state in states}) == len(states)
    assert surroundings.digest({"a": one, "b": one}) == surroundings.digest({"b": one, "a": one})


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join),
        st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=5).map("/".join),
        max_size=5,
    )
)
def test_links_lead_outside_exactly_where_following_them_does(links: dict[str, str]) -> None:
    plain = {path: target for path, target in links.items() if not _has_ancestor(path, links)}
    for path in plain:
        assert surroundings.leads_outside(path, plain) == _walks_outside(path, plain)


def _has_ancestor(path: str, links: Mapping[str, str]) -> bool:
    return any(path.startswith(f"{other}/") for other in links if other != path)


def _walks_outside(path: str, links: Mapping[str, str], hops: int = 0) -> bool:
    """Brute force: replace the first link on the way by its target until none is left."""
    at: list[str] = []
    parts = path.split("/")
    for index, part in enumerate(parts):
        if part in {".", ""}:
            continue
        if part == "..":
            if not at:
                return True
            at.pop()
        elif "/".join([*at, part]) in links:
            if hops >= 40:
                return True
            target = links["/".join([*at, part])]
            return _walks_outside("/".join([*at, target, *parts[index + 1 :]]), links, hops + 1)
        else:
            at.append(part)
    return False


def test_absolute_links_lead_outside() -> None:
    assert surroundings.leads_outside("a", {"a": "/etc/passwd"})


def test_a_file_that_is_too_large_is_left_out_and_those_beside_it_are_not(tmp_path: Path) -> None:
    blobs = Blobs({name: name * 10 for name in "abc"})
    huge = blobs.files["b"].oid

    def read(oids: Iterable[str]) -> Mapping[str, bytes]:
        wanted = set(oids)
        if huge in wanted:
            raise StalledError("'b' is too large")
        return blobs.contents(wanted)

    folder = surroundings.prepare(tmp_path, blobs.files, read)

    assert sorted(path.name for path in folder.iterdir()) == ["a", "c"]


def test_a_tree_without_measure_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_LARGEST", 250)
    monkeypatch.setattr(surroundings, "_BATCH", 1)
    large = Blobs({name: name * 100 for name in "abc"})

    with pytest.raises(StalledError, match="more than 250 bytes; keep large ones elsewhere"):
        surroundings.prepare(tmp_path, large.files, large.contents)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    small = Blobs({name: name * 100 for name in "ab"})
    assert surroundings.prepare(tmp_path, small.files, small.contents).is_dir()


@pytest.mark.parametrize("target", ["", "a\0b", "x/" * 2048])
def test_links_that_no_system_makes_are_left_out(tmp_path: Path, target: str) -> None:
    blobs = Blobs({"link": target, "file": "one"}, {"link": Mode.LINK})

    folder = surroundings.prepare(tmp_path, blobs.files, blobs.contents)

    assert [path.name for path in folder.iterdir()] == ["file"]


def test_they_are_written_as_they_are_and_read_only(tmp_path: Path) -> None:
    blobs = Blobs(
        {"version/X": "1\n", "src/g/tool.sh": "echo\n", "src/g/link": "../../version/X", "out": "../../etc"},
        {"src/g/tool.sh": Mode.EXECUTABLE, "src/g/link": Mode.LINK, "out": Mode.LINK},
    )

    folder = surroundings.prepare(tmp_path, blobs.files, blobs.contents)

    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert found == ["src", "src/g", "src/g/link", "src/g/tool.sh", "version", "version/X"]
    assert (folder / "src/g/link").read_text() == "1\n"
    assert [
        (folder / path).stat().st_mode & 0o777 for path in (".", "src/g", "version/X", "src/g/tool.sh")
    ] == [
        0o500,
        0o500,
        0o400,
        0o500,
    ]
    assert (tmp_path / "surroundings").stat().st_mode & 0o777 == 0o700


def test_the_next_state_asks_only_for_what_changed(tmp_path: Path) -> None:
    first = Blobs({f"version/{number}": f"{number}" for number in range(600)})
    second = Blobs({f"version/{number}": f"{number}" for number in range(1, 601)})
    surroundings.prepare(tmp_path, first.files, first.contents)

    folder = surroundings.prepare(tmp_path, second.files, second.contents)
    again = surroundings.prepare(tmp_path, second.files, second.contents)

    assert second.asked == [blob_id(b"600")]
    assert again == folder
    assert len(list((folder / "version").iterdir())) == 600


def test_what_a_script_wrote_into_them_does_not_last(tmp_path: Path) -> None:
    one, two = Blobs({"version/X": "good\n"}), Blobs({"version/X": "good\n", "y": ""})
    folder = surroundings.prepare(tmp_path, one.files, one.contents)
    (folder / "version/X").chmod(0o600)
    (folder / "version/X").write_text("evil\n")

    fresh = surroundings.prepare(tmp_path, two.files, two.contents)

    assert (fresh / "version/X").read_text() == "good\n"


def test_pruning_keeps_those_in_use_and_the_files_they_share(tmp_path: Path) -> None:
    one, two = Blobs({"a": "1", "b": "2"}), Blobs({"a": "1", "c": "3"})
    old = surroundings.prepare(tmp_path, one.files, one.contents)
    new = surroundings.prepare(tmp_path, two.files, two.contents)

    surroundings.prune(tmp_path, [new.name])

    assert not old.exists()
    assert (new / "a").read_text() == "1"
    assert len(list((tmp_path / "surroundings/pool").iterdir())) == 2
    surroundings.prune(tmp_path / "nowhere", [])


def test_an_unfinished_state_is_begun_anew(tmp_path: Path) -> None:
    blobs = Blobs({"a": "1"})
    (tmp_path / "surroundings/unfinished/b").mkdir(parents=True)

    folder = surroundings.prepare(tmp_path, blobs.files, blobs.contents)

    assert [path.name for path in folder.iterdir()] == ["a"]


def test_a_file_with_too_many_places_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))

    monkeypatch.setattr(Path, "hardlink_to", full)
    blobs = Blobs({"a": "1"})

    assert (surroundings.prepare(tmp_path, blobs.files, blobs.contents) / "a").read_text() == "1"
