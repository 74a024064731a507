"""A bug of ours: told as one, never as somebody's bad input; what runs ends and is recorded, and nothing is repeated."""

from pathlib import Path

import pytest

from tests.e2e.audit import rows
from tests.e2e.platform import Platform

#: Put in front of every import of the processes under test: the bug is part of the paiwatch that they run.
_IN_A_TRANSITION = """
from paiwatch.engine import engine, events
def broken(draft, event):
    raise TypeError("a bug that a test put in")
engine._TRANSITIONS[events.{event}] = broken
"""
_IN_PLANNING = """
from paiwatch.engine import propose
def broken(state, make_plan):
    raise KeyError("a bug that a test put in")
propose.propose = broken
"""
BUG = 3


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """a; b stands on a; c. Not started."""
    platform = Platform(root=tmp_path)
    platform.build({"a": (), "b": ("a",), "c": ()})
    return platform


def put_in(platform: Platform, bug: str) -> None:
    """From now on every process of paiwatch has this bug."""
    folder = platform.root / "bug"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(bug)
    platform.environment = {"PYTHONPATH": str(folder)}


def begun(platform: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in platform.trace() if line.what == "begin"]


def ended_by_itself(platform: Platform) -> int:
    assert platform.process is not None
    return platform.process.wait(30)


def test_a_bug_in_a_command_is_told_as_a_bug_and_what_runs_ends_as_it_should(platform: Platform) -> None:
    gate = platform.root / "go"
    platform.add("a", work=f"while [ ! -e {gate} ]; do read -rt 0.05 <> <(:); done")
    put_in(platform, _IN_A_TRANSITION.format(event="Commanded"))
    platform.start()
    platform.wait_until(lambda: "start a" in begun(platform), "a runs")
    platform.wait_until(lambda: '"event": "daemon.ready"' in platform.log(), "the daemon is ready")

    said = platform.cli("suspend", "c", "--reason", "a test", code=BUG)

    assert "a bug of its own (TypeError)" in said
    assert "cannot be understood" not in said
    gate.touch()
    assert ended_by_itself(platform) == BUG
    assert "a bug that a test put in" in platform.log()
    assert '"event": "engine.crashed"' in platform.log()
    assert platform.value("a") == "0 steady"
    runs = rows(platform.root / "state", "select service, outcome from runs order by id")
    assert {run["outcome"] for run in runs} == {"succeeded"}
    assert "start b" not in begun(platform), "nothing begins any more"

    platform.environment = {}
    platform.start()
    platform.wait_until(lambda: platform.value("b") == "0 steady", "the next start converges")
    assert begun(platform).count("start a") == 1
    assert platform.stop() == 0


def test_the_same_bug_at_three_starts_repeats_no_finished_run_and_counts_no_attempt(
    platform: Platform,
) -> None:
    platform.add("c", start="exit 7")
    put_in(platform, _IN_A_TRANSITION.format(event="RunEnded"))

    for _ in range(3):
        platform.start()
        assert ended_by_itself(platform) == BUG

    assert begun(platform).count("start a") == 1
    assert begun(platform).count("start b") == 1
    assert rows(platform.root / "state", "select * from failures") == []
    assert [row["state"] for row in platform.json("status")["services"]][:2] == ["up-to-date"] * 2


def test_hands_can_be_taken_off_while_paiwatch_cannot_start(platform: Platform) -> None:
    put_in(platform, _IN_PLANNING)
    platform.start()
    assert ended_by_itself(platform) == BUG

    platform.cli("suspend", "--reason", "it crashes over the newest commit")

    platform.environment = {}
    platform.start()
    platform.wait_until(lambda: '"event": "daemon.ready"' in platform.log(), "the mended one is ready")
    assert begun(platform) == []
    platform.cli("resume")
    platform.wait_until(lambda: platform.value("b") == "0 steady", "all goes on")
    assert platform.stop() == 0
