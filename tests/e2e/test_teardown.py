"""What leaves the tree is taken down with its own last scripts, dependents first; a new name is told; everything is not."""

from pathlib import Path
from shutil import copytree

import pytest

from tests.e2e.inside import Inside as Platform


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """base, web on it, app on web, and side run; what leaves the tree is stopped."""
    lab = Platform(tmp_path)
    lab.operators = lab.operators.replace("{", "{removed: stop, ", 1)
    lab.build({"base": (), "web": ("base",), "app": ("web",), "side": ()})
    lab.cli("once")
    return lab


def began(lab: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in lab.trace() if line.what == "begin"]


def test_a_new_name_is_a_removal_and_a_start_that_know_of_each_other(platform: Platform) -> None:
    before = len(began(platform))
    components = platform.root / "tree" / "src"
    (components / "app").rename(components / "shop")  # it still shows what the section app says

    assert "renamed to 'shop'" in platform.cli("why", "app")
    platform.cli("once")

    assert sorted(began(platform)[before:]) == ["start shop", "stop app"]
    told = {run["service"]: run["reasons"] for run in platform.json("history", "-n", "2")}
    assert told["app"][-1]["detail"] == "renamed to 'shop', which has most of its files"
    assert told["shop"][-1]["detail"] == "renamed from 'app', which had most of its files"


def test_what_a_person_stopped_and_then_left_the_tree_is_new_when_it_comes_back(platform: Platform) -> None:
    platform.cli("service", "stop", "-n", "app")
    (platform.root / "tree/src/app").rename(platform.root / "app")
    platform.cli("once")
    assert platform.json("status")["settled"]
    assert "app" not in {row["name"] for row in platform.json("status")["services"]}

    (platform.root / "app").rename(platform.root / "tree/src/app")
    platform.cli("once")
    assert began(platform)[-1] == "start app"


def test_what_is_kept_and_its_new_name_are_remembered(platform: Platform) -> None:
    settings = platform.root / "config.yaml"
    settings.write_text(settings.read_text().replace("removed: stop", "removed: keep"))
    components = platform.root / "tree" / "src"
    (components / "app").rename(components / "shop")
    platform.cli("once")

    for _ in range(2):
        (app,) = (line for line in platform.cli("status").splitlines() if line.startswith("app"))
        assert "kept" in app
        assert app.endswith("renamed to shop")
        platform.cli("once")

    (components / "shop").rename(components / "app")
    platform.cli("once")
    states = {row["name"]: row["state"] for row in platform.json("status")["services"]}
    assert (states["app"], states["shop"]) == ("up-to-date", "kept")


def test_a_removal_that_fails_can_be_tried_again_and_given_up(platform: Platform) -> None:
    platform.add("app", ("web",), stop="exit 7")
    platform.cli("once")
    (platform.root / "tree/src/app").rename(platform.root / "app")
    platform.cli("once", code=1)
    tries = began(platform).count("stop app")

    platform.cli("retry", "app")
    platform.cli("once", code=1)
    assert began(platform).count("stop app") == 2 * tries

    assert "forgot app" in platform.cli("adopt", "app")
    platform.cli("once")
    assert began(platform).count("stop app") == 2 * tries
    assert "app" not in {row["name"] for row in platform.json("status")["services"]}
    assert "settled" in platform.cli("status").splitlines()
    assert "no release to adopt for: app" in platform.cli("adopt", "app", code=2)


def test_dependents_go_first_and_the_last_ones_wait_for_an_approval(platform: Platform) -> None:
    before = len(began(platform))
    components = platform.root / "tree" / "src"
    for name in ("web", "app"):
        (components / name).rename(platform.root / name)
    platform.cli("once")
    assert began(platform)[before:] == ["stop app", "stop web"]

    (components / "README").touch()  # the folder itself stays
    for name in ("base", "side"):
        (components / name).rename(platform.root / name)
    said = platform.cli("once", code=1)
    assert "it takes down everything that is applied (2 services), and guard.max_stops is 50%" in said

    (platform.root / "side").rename(components / "side")
    platform.cli("once")
    (components / "side").rename(platform.root / "side")
    said = platform.cli("once", code=1)
    assert "it takes down everything that is applied (1 service), and guard.max_stops is 50%" in said
    assert began(platform)[before:] == ["stop app", "stop web", "stop base"]


@pytest.mark.parametrize("folder", [".", "src"])
def test_an_emptied_repository_of_components_removes_nothing(platform: Platform, folder: str) -> None:
    repo = platform.root / "components"
    copytree(platform.root / "tree" / "src", repo / folder)
    platform.git(repo, "init", "--quiet", "--initial-branch=main")
    platform.git(repo, "add", "--all")
    platform.git(repo, "commit", "--quiet", "--message", "as they are")
    settings = platform.root / "config.yaml"
    live = f"{{directory: {platform.root / 'tree'}, folder: src, settle: 50ms}}"
    settings.write_text(settings.read_text().replace(live, f"{{repo: '{repo}', folder: '{folder}'}}"))
    platform.cli("once")
    before = began(platform)

    platform.git(repo, "rm", "--quiet", "-r", ".")
    platform.git(repo, "commit", "--quiet", "--message", "gone")

    assert "the trees cannot be used; the last good state stays" in platform.cli("once", code=2)
    assert began(platform) == before
