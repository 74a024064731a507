"""Commits that come faster than scripts: the newest wins, nobody waits for a stranger, and nothing piles up."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.platform import Platform

PUSHES = 60


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """`slow` refreshes for as long as the file `gate` is there; `quick` has nothing to do with it."""
    lab = Platform(tmp_path)
    lab.build({"slow": (), "quick": ()})
    gate = tmp_path / "gate"
    wait = f"while [ -e {gate} ]; do read -t 0.05 <> <(:) || :; done\ncp value.txt {lab.out('slow')}"
    lab.add("slow", refresh=wait)
    lab.start()
    lab.wait_settled(lab.git(lab.work, "rev-parse", "HEAD").strip())
    gate.touch()
    yield lab
    gate.unlink(missing_ok=True)
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def push_both(platform: Platform, value: int) -> str:
    platform.write_config({"slow": value, "quick": value})
    return platform.push(f"both to {value}")


def has(platform: Platform, service: str, value: int) -> bool:
    return platform.value(service) == f"{value} steady"


def refreshes(platform: Platform, service: str) -> list[str]:
    return [
        line.run
        for line in platform.trace()
        if (line.what, line.service, line.operator) == ("begin", service, "refresh")
    ]


def resident(platform: Platform) -> int:
    """Bytes of memory that the daemon holds now."""
    assert platform.process is not None
    pages = Path(f"/proc/{platform.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_a_slow_script_holds_up_neither_strangers_nor_memory_and_then_runs_once_for_the_newest(
    platform: Platform,
) -> None:
    push_both(platform, 1)
    platform.wait_until(lambda: len(refreshes(platform, "slow")) == 1, "the slow script runs")
    before = resident(platform)

    for value in range(2, PUSHES):
        push_both(platform, value)
    newest = push_both(platform, PUSHES)
    platform.wait_until(partial(has, platform, "quick", PUSHES), "quick has the newest commit")

    assert len(refreshes(platform, "slow")) == 1
    assert platform.value("slow") == "0 steady"
    assert resident(platform) - before < 16 << 20

    (platform.root / "gate").unlink()
    platform.wait_settled(newest)

    assert platform.value("slow") == f"{PUSHES} steady"
    assert len(refreshes(platform, "slow")) == 2
    generations = platform.json("history", "-n", "1000")
    assert {run["outcome"] for run in generations} == {"succeeded"}


def test_what_a_newer_commit_replaced_is_recorded_as_superseded(platform: Platform) -> None:
    for value in (1, 2, 3):
        push_both(platform, value)
        platform.wait_until(partial(has, platform, "quick", value), "quick has it")
    (platform.root / "gate").unlink()
    newest = push_both(platform, 4)
    platform.wait_settled(newest)

    log = platform.log()

    assert "superseded" in log
    assert platform.value("slow") == "4 steady"


def test_a_stuck_script_of_an_old_commit_holds_up_its_service_no_longer_than_its_time_limit(
    platform: Platform,
) -> None:
    (platform.root / "gate").unlink()
    stuck = "trap '' TERM; while :; do read -t 1 <> <(:) || :; done"
    platform.add("slow", refresh=stuck)
    deploy = platform.root / "tree" / "src" / "slow" / "deploy" / "service.yaml"
    deploy.write_text(deploy.read_text() + "timeout: 1s\n")
    platform.wait_until(lambda: len(refreshes(platform, "slow")) == 1, "the stuck script runs")

    platform.add("slow")
    newest = push_both(platform, 5)
    platform.wait_settled(newest)

    assert platform.value("slow") == "5 steady"
    outcomes = [run["outcome"] for run in platform.json("history", "-n", "100") if run["service"] == "slow"]
    assert outcomes[:2] == ["succeeded", "timed-out"]
