"""Verbs that act, and a daemon that says no: each reason has its exit code."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.daemons import a_daemon
from tests.cli.worlds import a_world


@pytest.mark.parametrize("verb", [("suspend", "web", "--reason", "r"), ("retry",), ("nudge",)], ids="-".join)
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param({"error": "the disk is full"}, 1, id="failed"),
        pytest.param({"error": "a bug (KeyError); the daemon's log", "bug": True}, 3, id="bug"),
    ],
)
def test_a_refusal_has_its_exit_code(
    tmp_path: Path, verb: tuple[str, ...], reply: dict[str, Any], code: int
) -> None:
    world = a_world(tmp_path)
    world.state.mkdir()

    with a_daemon(world.state, {"ok": False, **reply}):
        result = world.paiwatch(*verb)

    assert result.exit_code == code
    assert str(reply["error"]) in result.stderr


def test_a_bug_of_the_daemon_is_to_be_reported_with_its_log(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.state.mkdir()

    with a_daemon(world.state, {"ok": False, "bug": True, "error": "a bug in paiwatch (KeyError)"}):
        result = world.paiwatch("retry")

    assert "a bug in paiwatch (KeyError)" in result.stderr
    assert "report it with the daemon's log" in result.stderr
    assert "bad input" not in result.stderr


def test_faults_of_a_request_are_told_one_a_line(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.state.mkdir()
    refusal = {"ok": False, "bad_input": True, "error": "no", "problems": ["a: one", "a: two"]}

    with a_daemon(world.state, refusal):
        result = world.paiwatch("retry")

    assert result.exit_code == 2
    assert result.stderr.splitlines() == ["paiwatch: no", "a: one", "a: two"]


def test_a_name_that_cannot_be_written_down_is_bad_input_without_a_daemon_too(tmp_path: Path) -> None:
    result = a_world(tmp_path).paiwatch("resume", "\udcff")

    assert result.exit_code == 2
    assert "'service' is a text" in result.stderr
