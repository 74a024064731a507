"""`status` with a daemon: what it says now is laid over the record."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import a_release
from tests.cli.daemons import a_daemon
from tests.cli.worlds import World, a_world
from tests.record.runs import SUCCEEDED, Records, a_step, carry

REPLY: dict[str, Any] = {
    "ok": True,
    "pid": 4711,
    "since": 100.0,
    "generation": 1,
    "snapshot": {"config": "c" * 40, "src": "d" * 40},
    "settled": False,
    "steps": [
        {
            "service": "db",
            "operator": "refresh",
            "state": "running",
            "waiting_for": [],
            "attempt": 1,
            "not_before": 0.0,
        },
        {
            "service": "web",
            "operator": "refresh",
            "state": "waiting",
            "waiting_for": ["db"],
            "attempt": 0,
            "not_before": 0.0,
        },
    ],
    "kept": ["old"],
    "invalid": ["broken"],
    "problems": [],
    "draining": True,
    "faults": {"config": "git.example.com does not answer"},
}


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    world = a_world(tmp_path)
    world.state.mkdir()
    with Records.open(world.state) as record:
        for name in ("db", "web", "old"):
            release = a_release(name)
            carry(record, a_step(name, release.digest), SUCCEEDED, release=release)
    return world


def test_the_daemons_word_comes_first(world: World) -> None:
    with a_daemon(world.state, REPLY):
        document = world.document("status")

    assert {each["name"]: each["state"] for each in document["services"]} == {
        "broken": "invalid",
        "db": "running",
        "old": "kept",
        "web": "waiting",
    }
    assert document["settled"] is False


def test_people_read_of_the_daemon_first(world: World) -> None:
    with a_daemon(world.state, REPLY):
        lines = world.paiwatch("status").stdout.splitlines()

    assert lines[0].startswith("daemon: pid 4711, started ")
    assert lines[0].endswith(", draining")
    assert "not settled: broken (invalid), db (running), web (waiting)" in lines
    assert "config: git.example.com does not answer" in lines
    assert any(line.startswith("web") and line.endswith("waits for db") for line in lines)


def test_a_fault_is_no_work_of_the_daemon(world: World) -> None:
    faulty = {**REPLY, "steps": [], "kept": [], "invalid": []}
    with a_daemon(world.state, faulty):
        failing = world.paiwatch("status").stdout
    with a_daemon(world.state, {**faulty, "faults": {}}):
        working = world.paiwatch("status").stdout

    assert "not settled: something keeps the daemon from its work\nconfig: git.example.com" in failing
    assert "not settled: the daemon is at work\n" in working


def test_a_daemon_that_refuses_leaves_the_record(world: World) -> None:
    with a_daemon(world.state, {"ok": False, "error": "unknown verb"}):
        document = world.document("status")

    assert {each["state"] for each in document["services"]} == {"up-to-date"}
