"""A person's command that is cut off: it is not repeated, and nobody is told that it was done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.wreck import Wreck


@pytest.fixture
def wreck(tmp_path: Path, nursery: Nursery) -> Iterator[Wreck]:
    """Everything runs; its daemon is gone afterwards."""
    wreck = Wreck.build(tmp_path / "lab")
    wreck.lab.nursery = nursery
    wreck.start()
    wreck.recover("the beginning")
    yield wreck
    if wreck.lab.process is not None and wreck.lab.process.poll() is None:
        wreck.lab.kill()


def arm(wreck: Wreck, place: str) -> None:
    """Die there as soon as somebody asks for something."""
    wreck.lab.kill()
    before = wreck.lab.log().count('"daemon.ready"')
    wreck.start(place)
    wreck.lab.wait_until(lambda: wreck.lab.log().count('"daemon.ready"') > before, "ready")
    wreck.pull()


def manage(wreck: Wreck, operator: str, *names: str) -> dict[str, Any]:
    """`paiwatch service OPERATOR -n NAMES --only`."""
    return wreck.ask(verb="service", operator=operator, names=[*names], only=True)


def state_of(wreck: Wreck, name: str) -> str:
    lines = wreck.lab.json("status")["services"]
    return next(str(row["state"]) for row in lines if row["name"] == name)


def test_a_stop_that_did_not_begin_is_not_called_stopped_and_waits_for_a_person(wreck: Wreck) -> None:
    arm(wreck, "plan.accepted")
    said = wreck.lab.cli("service", "stop", "-n", "db", "web", code=1)
    wreck.die("plan.accepted")
    before = len(wreck.runs())
    wreck.start()
    wreck.settle("plan.accepted")

    assert "ended before it answered" in said
    assert [state_of(wreck, name) for name in ("db", "web")] == ["unfinished"] * 2
    assert wreck.lab.value("db") != ""
    assert len(wreck.runs()) == before
    shown = " ".join(wreck.lab.cli("status").replace("│", " ").split())
    assert "`paiwatch service stop -n web` does it again" in shown.replace("- n", "-n")

    assert manage(wreck, "stop", "db", "web")["succeeded"]
    assert [state_of(wreck, name) for name in ("db", "web")] == ["stopped"] * 2
    assert wreck.lab.value("db") == ""


def test_a_stop_that_ended_well_is_stopped_whatever_comes_after(wreck: Wreck) -> None:
    arm(wreck, "run.finished")
    manage(wreck, "stop", "solo")
    wreck.die("run.finished")
    wreck.start()
    wreck.settle("run.finished")

    assert state_of(wreck, "solo") == "stopped"


def test_a_stop_that_failed_is_not_called_stopped(wreck: Wreck) -> None:
    wreck.mark("fail", "solo")

    assert manage(wreck, "delete", "solo")["succeeded"] is False

    wreck.unmark()
    assert state_of(wreck, "solo") == "unfinished"
    assert manage(wreck, "delete", "solo")["succeeded"]
    assert state_of(wreck, "solo") == "deleted"


def test_a_start_that_did_not_begin_leaves_it_stopped_and_one_that_did_is_made_up_for(wreck: Wreck) -> None:
    manage(wreck, "stop", "solo")

    arm(wreck, "plan.accepted")
    manage(wreck, "start", "solo")
    wreck.die("plan.accepted")
    arm(wreck, "run.intended")
    assert state_of(wreck, "solo") == "stopped"
    manage(wreck, "start", "solo")
    wreck.die("run.intended")
    wreck.start()
    wreck.recover("run.intended")

    assert state_of(wreck, "solo") == "up-to-date"
    assert rows(wreck.state, "select * from holds") == []
