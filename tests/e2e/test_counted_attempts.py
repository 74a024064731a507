"""Attempts are counted in the record: a death after the last failing one, or a restart, gives no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.wreck import Wreck


@pytest.fixture
def wreck(tmp_path: Path, nursery: Nursery) -> Iterator[Wreck]:
    """Everything runs, two attempts each; what is removed is stopped. Its daemon is gone afterwards."""
    wreck = Wreck.build(tmp_path / "lab")
    wreck.lab.operators = wreck.lab.operators.replace("{parallel", "{removed: stop, parallel")
    wreck.lab.nursery = nursery
    yield wreck
    if wreck.lab.process is not None and wreck.lab.process.poll() is None:
        wreck.lab.kill()


def attempts(wreck: Wreck, before: int) -> list[tuple[str, str]]:
    runs = rows(wreck.state, f"select operator, outcome from runs where service = 'lone' and id > {before}")
    return [(run["operator"], run["outcome"]) for run in runs]


def newest(wreck: Wreck) -> int:
    return int(rows(wreck.state, "select max(id) as newest from runs")[0]["newest"])


def state_of(wreck: Wreck) -> str:
    lines = wreck.lab.json("status")["services"]
    return next(str(row["state"]) for row in lines if row["name"] == "lone")


def begin(wreck: Wreck, place: str = "") -> int:
    wreck.start(place)
    wreck.recover("the beginning")
    return newest(wreck)


def go_on(wreck: Wreck) -> None:
    """Start again, and see everybody else through to a new commit."""
    wreck.start()
    wreck.lab.wait_until(lambda: bool(wreck.ask(verb="progress").get("generation")), "it answers")
    wreck.raise_value("solo")
    wreck.lab.wait_until(lambda: wreck.lab.value("solo") == f"{wreck.values['solo']} steady", "solo runs")


def test_a_death_after_the_last_failing_attempt_gives_no_other(wreck: Wreck) -> None:
    before = begin(wreck, "run.finished:2")
    wreck.mark("fail", "lone")
    wreck.pull()
    wreck.raise_value("lone")
    wreck.die("run.finished:2")

    go_on(wreck)

    assert attempts(wreck, before) == [("refresh", "failed")] * 2
    assert state_of(wreck) == "quarantined"


def test_a_death_after_the_last_failing_attempt_loses_no_rollback(wreck: Wreck) -> None:
    wreck.lab.operators = wreck.lab.operators.replace("{removed", "{on_failure: rollback, removed")
    wreck.lab.write_settings()
    before = begin(wreck, "run.finished:2")
    wreck.mark("fail", "lone")
    wreck.pull()
    wreck.raise_value("lone")
    wreck.die("run.finished:2")
    wreck.unmark()

    go_on(wreck)
    wreck.lab.wait_until(lambda: state_of(wreck) == "rolled-back", "lone is rolled back")

    assert attempts(wreck, before) == [("refresh", "failed")] * 2 + [("refresh", "succeeded")]
    assert wreck.lab.value("lone") == "0 steady"


def test_a_death_after_what_a_person_asked_for_has_failed_gives_no_attempt(wreck: Wreck) -> None:
    before = begin(wreck, "run.finished")
    wreck.mark("fail", "lone")
    wreck.pull()
    wreck.ask(verb="service", operator="start", names=["lone"], only=True)
    wreck.die("run.finished")

    go_on(wreck)

    assert attempts(wreck, before) == [("start", "failed")]
    assert state_of(wreck) == "quarantined"


def test_a_restart_gives_no_other_attempt_to_stop_what_is_gone(wreck: Wreck) -> None:
    wreck.lab.write_settings()
    before = begin(wreck)
    wreck.mark("fail", "lone")
    (wreck.lab.root / "tree" / "src" / "lone").rename(wreck.lab.root / "lone")
    wreck.lab.wait_until(lambda: state_of(wreck) == "quarantined", "the stop is given up")
    wreck.lab.kill()

    go_on(wreck)

    assert attempts(wreck, before) == [("stop", "failed")] * 2
    assert state_of(wreck) == "quarantined"
