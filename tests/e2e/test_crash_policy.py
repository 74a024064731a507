"""`interrupted: hold`: what paiwatch's own end cut off waits for a person, whoever changes the tree meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.control import client
from paiwatch.record.history import History
from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.platform import Platform


@pytest.fixture
def lab(tmp_path: Path, nursery: Nursery) -> Iterator[Platform]:
    """Nothing is there yet; the daemon is gone afterwards."""
    lab = Platform(tmp_path, nursery=nursery)
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


@pytest.fixture
def platform(tmp_path: Path, lab: Platform) -> Platform:
    """`web` and `other`; scripts of `web` take long while there is a file `slow`, and must not be run twice."""
    lab.build({"web": (), "other": ()})
    lab.add("web", work=f"[ ! -e {tmp_path}/slow ] || sleep 60")
    say(lab, "hold")
    (tmp_path / "slow").touch()
    lab.start()
    lab.wait_until(lambda: any(line.service == "web" for line in lab.trace()), "web is being started")
    return lab


def say(lab: Platform, policy: str) -> None:
    declaration = lab.root / "tree" / "src" / "web" / "deploy" / "service.yaml"
    lines = [line for line in declaration.read_text().splitlines() if not line.startswith("interrupted")]
    declaration.write_text("\n".join([*lines, f"interrupted: {policy}", ""]))


def start_again(lab: Platform) -> None:
    """Until everything is done that need not wait."""
    (lab.root / "slow").unlink()
    before = lab.log().count('"daemon.ready"')
    lab.start()
    lab.wait_until(lambda: lab.log().count('"daemon.ready"') > before, "ready")
    lab.wait_until(lambda: lab.value("other") != "", "other runs")


def outcomes(lab: Platform) -> list[str]:
    """Of the runs of web, oldest first."""
    runs = rows(lab.root / "state", "select outcome from runs where service = 'web' order by id")
    return [run["outcome"] for run in runs]


def holds(lab: Platform) -> list[tuple[str, str]]:
    """Who waits for a person, and why."""
    return [(row["service"], row["by"]) for row in rows(lab.root / "state", "select * from holds")]


def test_after_a_crash_it_waits_though_the_tree_says_otherwise_now_until_it_is_retried(
    platform: Platform,
) -> None:
    platform.kill()
    say(platform, "rerun")
    start_again(platform)

    status = platform.json("status")
    line = next(row for row in status["services"] if row["name"] == "web")
    run = line["last_run"]["run"]
    assert (line["state"], line["held"]["by"]) == ("interrupted", "interrupted")
    assert line["held"]["reason"] == (
        f"run {run} (start) was cut off; look at `paiwatch logs {run}`, then `paiwatch retry web`"
    )
    assert line["held"]["reason"] in platform.cli("why", "web")
    assert not status["settled"]
    assert outcomes(platform) == ["interrupted"]

    assert "web" in platform.cli("retry", "web")
    platform.wait_until(lambda: platform.value("web") != "", "web runs")
    platform.wait_until(lambda: outcomes(platform) == ["interrupted", "succeeded"], "its end is written down")
    assert holds(platform) == []


def test_after_an_end_in_haste_it_waits_until_it_is_resumed(platform: Platform) -> None:
    assert platform.process is not None
    platform.process.terminate()
    platform.wait_until(lambda: "daemon.stop_begun" in platform.log(), "the first TERM heard")
    assert platform.stop() == 0
    assert holds(platform) == [("web", "interrupted")]
    start_again(platform)

    assert outcomes(platform) == ["interrupted"]
    platform.cli("resume", "web")
    platform.wait_until(lambda: platform.value("web") != "", "web runs")


def test_what_a_crash_left_of_an_approved_plan_needs_no_second_approval(
    tmp_path: Path, lab: Platform
) -> None:
    lab.build(dict.fromkeys(("one", "two", "three"), ()))
    for name in ("one", "two"):
        lab.add(name, work=f"[ ! -e {tmp_path}/slow ] || sleep 60")
    (tmp_path / "slow").touch()
    with (tmp_path / "config.yaml").open("a") as settings:
        settings.write("guard: {max_services: 1}\n")
    lab.start()
    lab.wait_until(lambda: bool(approve(lab)), "the plan waits for an approval")
    lab.wait_until(lambda: lab.value("three") != "" and len(lab.trace()) == 4, "one step done, two under way")

    lab.kill()
    (tmp_path / "slow").unlink()
    lab.start()
    lab.wait_settled(lab.git(lab.work, "rev-parse", "HEAD").strip())

    assert [lab.value(name) for name in ("one", "two", "three")] == ["0 steady"] * 3
    assert lab.log().count('"plan.held"') == 1


def approve(lab: Platform) -> bool:
    """Approve the plan that waits; whether one did."""
    with History.open(lab.root / "state") as past:
        waiting = past.held_plan()
    if waiting is None:
        return False
    reply = client.ask(lab.root / "state", {"verb": "approve", "digest": waiting.digest})
    return bool(reply and reply["ok"])
