from pathlib import Path

from paiwatch.sources.mirror import Mirror, prune


def test_only_mirrors_that_nobody_names_or_holds_are_removed(tmp_path: Path) -> None:
    Mirror(tmp_path / "named", branch="main").close()
    Mirror(tmp_path / "old", branch="main").close()
    (tmp_path / "of a live directory").write_text("kept")
    held = Mirror(tmp_path / "held", branch="main")

    assert prune(tmp_path, keep={"named"}) == ("old",)

    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "held",
        "named",
        "of a live directory",
    ]
    assert (tmp_path / "named/git/HEAD").is_file()
    held.close()


def test_pruning_follows_no_link_and_needs_no_folder(tmp_path: Path) -> None:
    Mirror(tmp_path / "elsewhere", branch="main").close()
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/link").symlink_to(tmp_path / "elsewhere")

    assert prune(tmp_path / "sources", keep=()) == ("link",)
    assert prune(tmp_path / "nowhere", keep=()) == ()

    assert (tmp_path / "elsewhere/git").is_dir()


def test_another_branch_of_the_mirror_is_written_down(tmp_path: Path) -> None:
    Mirror(tmp_path / "home", branch="main").close()
    Mirror(tmp_path / "home", branch="prod").close()

    assert (tmp_path / "home/git/HEAD").read_text() == "ref: refs/heads/prod\n"


def test_a_mirror_and_the_folders_made_for_it_are_private(tmp_path: Path) -> None:
    home = tmp_path / "state" / "sources" / "mirror"

    Mirror(home, branch="main").close()

    folders = (home, home.parent, home.parent.parent)
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
