"""Ends that come at a bad moment: asked twice to stop while stages are built, a source that goes away under queued steps."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Two services, one after the other; the daemon is gone afterwards."""
    lab = Platform(tmp_path)
    lab.build({"base": (), "top": ("base",)})
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def began(platform: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in platform.trace() if line.what == "begin"]


def test_second_term_ends_the_daemon_also_while_a_stage_is_built(platform: Platform) -> None:
    platform.add("base", work="sleep 60")
    around = platform.root / "tree" / "src" / "common"
    around.mkdir()
    for number in range(4000):  # what takes a while to put around the script
        (around / f"{number}.txt").write_text(str(number))
    platform.start()
    platform.wait_until(lambda: "step.started" in platform.log(), "a run is begun")
    assert platform.process is not None

    platform.process.terminate()
    platform.wait_until(lambda: "daemon.stop_begun" in platform.log(), "the first TERM heard")
    assert platform.stop() == 0

    assert [run["outcome"] for run in platform.json("history", "base")] == ["interrupted"]


def test_source_that_goes_away_under_queued_steps_ends_nothing(platform: Platform) -> None:
    tree, away = platform.root / "tree", platform.root / "away"
    platform.add("base", work="sleep 0.5")
    platform.git(tree, "init", "--quiet", "--initial-branch=main")
    platform.git(tree, "add", "--all")
    platform.git(tree, "commit", "--quiet", "--message", "components")
    settings = platform.root / "config.yaml"
    live = f"{{directory: {tree}, folder: src, settle: 50ms}}"
    assert live in settings.read_text()
    settings.write_text(settings.read_text().replace(live, f"{{repo: {tree}, folder: src, poll: 100ms}}"))
    platform.start()
    platform.wait_until(lambda: began(platform) == ["start base"], "base in flight")

    tree.rename(away)
    platform.wait_until(lambda: platform.value("base") != "", "base done")
    platform.wait_until(lambda: '"run": 2' in platform.log(), "top tried")
    away.rename(tree)
    platform.wait_until(lambda: platform.value("top") == "0 steady", "top started")

    last, *others = [run["outcome"] for run in platform.json("history", "top")]
    assert (last, set(others)) == ("succeeded", {"interrupted"})


def test_request_to_look_again_is_no_end_while_the_daemon_still_starts(platform: Platform) -> None:
    platform.start()
    process = platform.process
    assert process is not None
    platform.wait_until((platform.root / "state" / "lock").exists, "it has begun to start")

    for _ in range(200):
        process.send_signal(signal.SIGHUP)

    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    assert process.poll() is None
