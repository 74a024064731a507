"""Skeletons are used again where a script left them alone, and never where it did not."""

from pathlib import Path

import pytest

from paiwatch.operators import stage, surroundings
from paiwatch.operators.stage import Stage
from tests.operators.test_stage import AROUND, a_stage


def spares(state: Path) -> list[Path]:
    return [tree for folder in (state / "surroundings").glob("*.spare/*") for tree in folder.iterdir()]


def names(built: Stage) -> set[str]:
    """Every path of a stage, with what links point to."""
    return {
        f"{path.relative_to(built.tree)} {path.readlink() if path.is_symlink() else ''}"
        for path in built.tree.rglob("*")
    }


def test_the_next_stage_is_put_on_the_skeleton_of_the_last(tmp_path: Path) -> None:
    first = a_stage(tmp_path, number=1)
    inode = first.tree.stat().st_ino
    stage.remove(first)
    assert len(spares(tmp_path)) == 1

    second = a_stage(tmp_path, number=2, folder="src/loki")

    assert second.tree.stat().st_ino == inode
    assert spares(tmp_path) == []
    assert (second.tree / "src/grafana/config/grafana.yaml").read_text() == "c\n"
    assert (second.tree / "src/loki/config/loki.yaml").read_text() == "l\n"
    assert names(second) == names(a_stage(tmp_path, number=3, folder="src/loki"))


def test_a_component_without_other_files_leaves_no_trace(tmp_path: Path) -> None:
    stage.remove(a_stage(tmp_path, number=1, folder="src/new"))

    again = a_stage(tmp_path, number=2)

    assert not (again.tree / "src/new").exists()
    assert names(again) == names(a_stage(tmp_path, number=3))


@pytest.mark.parametrize("place", [".", "src"])
@pytest.mark.parametrize("change", ["add", "remove", "replace"])
def test_what_a_script_changed_is_not_used_again(tmp_path: Path, place: str, change: str) -> None:
    built = a_stage(tmp_path, number=1)
    folder = built.tree / place
    link = next(path for path in sorted(folder.iterdir()) if path.is_symlink())
    match change:
        case "add":
            (folder / "new").write_text("")
        case "remove":
            link.unlink()
        case _:
            (tmp_path / "evil").symlink_to("/etc")
            (tmp_path / "evil").rename(link)

    assert stage.remove(built)

    assert spares(tmp_path) == []
    assert not built.top.exists()


def test_what_a_script_did_in_its_own_component_is_gone(tmp_path: Path) -> None:
    built = a_stage(tmp_path, number=1)
    (built.tree / "src/grafana/new").mkdir()
    (built.tree / "src/grafana/config").unlink()
    (built.tree / "src/grafana/deploy").chmod(0)

    stage.remove(built)

    assert len(spares(tmp_path)) == 1
    assert names(a_stage(tmp_path, number=2)) == names(a_stage(tmp_path, number=3))


def test_spares_go_with_their_surroundings(tmp_path: Path) -> None:
    stage.remove(a_stage(tmp_path, number=1))
    kept = surroundings.digest(AROUND.files)

    surroundings.prune(tmp_path, [kept])
    assert len(spares(tmp_path)) == 1
    surroundings.prune(tmp_path, [])

    assert spares(tmp_path) == []
