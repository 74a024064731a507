"""Killed anywhere, it converges: a real daemon dies at every fail-point and at random instants, and keeps every promise.

Each start of the daemon recovers from one death and is armed for the next, so that a death costs one start.
"""

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from paiwatch.failpoint import POINTS
from paiwatch.record.history import History
from paiwatch.record.migrations import newest
from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.wreck import SERVICES, Wreck

FIXTURES = Path(__file__).parent.parent / "record" / "fixtures"


def raise_some(wreck: Wreck) -> None:
    wreck.raise_value("db", "solo")


def change_all(wreck: Wreck) -> None:
    """A plan that waits for an approval."""
    wreck.motto += "!"
    wreck.raise_value()


def approve_all(wreck: Wreck) -> None:
    """A plan that is approved as soon as it waits."""
    change_all(wreck)
    wreck.approve()


def overtake(wreck: Wreck) -> None:
    """A newer commit, while what waits for a slow script has not begun."""
    wreck.raise_value("db")
    wreck.lab.wait_until(lambda: wreck.is_busy("db"), "db runs")
    wreck.raise_value("db")


def change_around(wreck: Wreck) -> None:
    """Another file beside the components, and something that has to run."""
    (wreck.lab.root / "tree" / "src" / "words.txt").write_text(f"{wreck.values}")
    wreck.raise_value("db")


def exhaust(wreck: Wreck) -> None:
    wreck.mark("fail", "lone")
    wreck.raise_value("lone")


def adopt(wreck: Wreck) -> None:
    wreck.ask(verb="adopt", services=["lone"])


def suspend(wreck: Wreck) -> None:
    wreck.ask(verb="suspend", service="lone")


def resume(wreck: Wreck) -> None:
    suspend(wreck)
    wreck.ask(verb="resume", service="lone")


def roll_back(wreck: Wreck) -> None:
    wreck.ask(verb="rollback", service="lone")


def return_from_rollback(wreck: Wreck) -> None:
    roll_back(wreck)
    wreck.raise_value("lone")


def retry(wreck: Wreck) -> None:
    wreck.ask(verb="retry", services=["lone"])


@dataclass(frozen=True, slots=True)
class Scene:
    """What makes the daemon come by a place, and whose scripts take long meanwhile (they outlive the daemon).

    `after` is the verb with which a person lets `lone` go afterwards.
    """

    play: Callable[[Wreck], None] = raise_some
    slow: tuple[str, ...] = ("solo",)
    after: str = ""


_QUIET = Scene(slow=())
SCENES = {
    "plan.held": Scene(change_all, ()),
    "plan.approved": Scene(approve_all, ()),
    "plan.withdrawn": Scene(approve_all, ()),
    "surroundings.unpublished": Scene(change_around),
    "surroundings.prepared": Scene(change_around),
    "script.started": Scene(slow=("db", "solo")),
    "run.identified": Scene(slow=("db", "solo")),
    "step.dismissed": Scene(overtake, ("db",)),
    "service.quarantined": Scene(exhaust, (), after="retry"),
    "generation.closed": _QUIET,
    "record.pruned": _QUIET,
    "archive.pruning": _QUIET,
    "archive.pruned": _QUIET,
    "service.held": Scene(suspend, (), after="resume"),
    "service.lifted": Scene(resume, ()),
    "service.pinned": Scene(roll_back, (), after="retry"),
    "service.unpinned": Scene(return_from_rollback, ()),
    "service.forgiven": Scene(retry, ()),
    "service.adopted": Scene(adopt, ()),
}
#: A start comes by these; each has a test of its own below.
AT_THE_START = {
    "record.created",
    "record.backed-up",
    "record.migrating",
    "source.recreated",
    *(place for place in POINTS if place.startswith("past.")),
}
#: Where a run is written down and has no end.
HALF_RUN = [*POINTS][[*POINTS].index("run.intended") : [*POINTS].index("run.finished")]
_PLACES = [place for place in POINTS if place not in AT_THE_START]
GROUPS = [_PLACES[start::4] for start in range(4)]


@pytest.fixture
def wreck(tmp_path: Path, nursery: Nursery) -> Iterator[Wreck]:
    """Laid out and never started; its daemon is gone afterwards."""
    wreck = Wreck.build(tmp_path / "lab")
    wreck.lab.nursery = nursery
    yield wreck
    if wreck.lab.process is not None and wreck.lab.process.poll() is None:
        wreck.lab.kill()


@pytest.mark.parametrize("places", GROUPS, ids=lambda places: places[0])
def test_killed_at_a_durable_transition_it_converges_and_keeps_its_promises(
    wreck: Wreck, places: list[str]
) -> None:
    wreck.start(places[0])
    wreck.recover("the beginning")
    wreck.raise_value("lone")  # so that it has something to go back to
    wreck.recover("the second commit")
    for place, following in zip(places, [*places[1:], ""], strict=True):
        before = len(wreck.runs())
        scene = SCENES.get(place, Scene())
        wreck.mark("slow", *scene.slow)
        wreck.pull()
        scene.play(wreck)
        wreck.die(place)
        if place in {"script.started", "run.identified"}:
            wreck.lab.wait_until(lambda: any(map(wreck.is_busy, SERVICES)), "a script outlives the daemon")

        wreck.start(following)
        wreck.unmark()
        if scene.after:
            wreck.insist(scene.after, "lone")
        wreck.recover(place)

        fresh = [run["outcome"] for run in wreck.runs()[before:]]
        assert ("interrupted" in fresh) or place not in HALF_RUN, f"{place}: {fresh}"


def test_killed_again_and_again_while_it_settles_the_past_it_converges(wreck: Wreck) -> None:
    wreck.start("script.started")
    wreck.recover("the beginning")
    wreck.mark("slow", "db")
    wreck.pull()
    wreck.raise_value("db")
    wreck.die("script.started")
    wreck.lab.wait_until(lambda: wreck.is_busy("db"), "a script outlives the daemon")
    wreck.unmark()

    for place in ("past.swept", "past.interrupted", "past.abandoned", "past.cleared"):
        wreck.start(place, at_once=True)
        wreck.die(place)
        assert not wreck.is_busy("db")
    wreck.start()
    wreck.recover("past.cleared")

    assert [run["outcome"] for run in wreck.runs()][-3:] == ["interrupted", "succeeded", "succeeded"]


def test_killed_with_an_empty_record_or_a_mirror_half_made_it_begins_again(wreck: Wreck) -> None:
    wreck.start("record.created", at_once=True)
    wreck.die("record.created")
    wreck.start()
    wreck.recover("record.created")
    wreck.lab.kill()
    for file in wreck.state.glob("sources/*/git/objects/**/*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(bytes(file.stat().st_size))

    wreck.start("source.recreated", at_once=True)
    wreck.die("source.recreated")
    wreck.start()
    wreck.lab.wait_until(lambda: bool(wreck.ask(verb="progress")), "the daemon answers")
    wreck.raise_value("db")
    wreck.recover("source.recreated")


def test_killed_at_random_instants_it_converges_and_the_history_has_every_run_once(wreck: Wreck) -> None:
    chance = random.Random(4)
    wreck.lab.nursery = None
    wreck.start()
    wreck.recover("the beginning")
    for _ in range(5):
        wreck.mark("slow", *chance.sample(sorted(SERVICES), chance.randint(0, 2)))
        wreck.raise_value(*chance.sample(sorted(SERVICES), chance.randint(1, 3)))
        time.sleep(chance.random() * 0.5)  # the instant of death
        wreck.lab.kill()
        wreck.unmark()
        wreck.start()
        time.sleep(chance.random() * 1.2)  # how far the start gets before the next
    wreck.recover("random instants")

    told = wreck.lab.json("history", "-n", "1000")
    assert sorted(run["run"] for run in told) == [run["id"] for run in wreck.runs()]
    assert {run["outcome"] for run in told} <= {"succeeded", "interrupted"}


def test_killed_in_a_migration_the_next_start_completes_it(wreck: Wreck) -> None:
    settings = wreck.lab.root / "config.yaml"  # the old record knows commits of another repository
    settings.write_text(settings.read_text().replace(", history: fast-forward-only", ""))
    file = wreck.state / "record.db"
    wreck.state.mkdir(mode=0o700)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((FIXTURES / "version-1.sql").read_text())

    for place in ("record.backed-up", "record.migrating"):
        wreck.start(place, at_once=True)
        wreck.die(place)
        assert rows(wreck.state, "select version from schema_version") == [{"version": 1}]
    wreck.start()
    wreck.settle("record.migrating")

    assert rows(wreck.state, "select version from schema_version") == [{"version": newest()}]
    with History.open(wreck.state) as past:
        assert past.applied().keys() == {"grafana", "loki", *SERVICES}


def test_a_second_daemon_is_refused_at_once_and_told_who_holds_the_state_folder(wreck: Wreck) -> None:
    wreck.state.mkdir(mode=0o700)
    stale = {"pid": os.getpid(), "command": "run", "since": "2026-01-01T00:00:00+00:00"}
    (wreck.state / "lock").write_text(json.dumps(stale))  # its pid is somebody else's by now
    wreck.start()
    wreck.recover("the beginning")
    assert wreck.lab.process is not None

    said = wreck.lab.cli("run", code=2)

    assert f"{wreck.state}: in use by paiwatch run, pid {wreck.lab.process.pid}, since 20" in said
    assert wreck.ask(verb="progress")["settled"]


def insist_on_all(wreck: Wreck) -> None:
    """Each command, again for as long as the disk refuses it."""
    for verb in ("suspend", "resume", "rollback", "retry", "adopt"):
        wreck.insist(verb, "lone")


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO", "EACCES"])
def test_a_disk_that_fails_once_at_every_place_is_recovered_from_alone(wreck: Wreck, fault: str) -> None:
    wreck.start(",".join(f"{place}:1:{fault}" for place in _PLACES))
    wreck.recover("the beginning")
    wreck.raise_value("lone")
    wreck.recover("the second commit")
    before = len(wreck.runs())

    wreck.pull()
    change_around(wreck)
    wreck.recover(f"{fault} in a commit")
    insist_on_all(wreck)
    approve_all(wreck)
    wreck.recover(f"{fault} in commands")

    outcomes = {run["outcome"] for run in wreck.runs()[before:]}
    assert outcomes <= {"succeeded", "interrupted"}, wreck.lab.log()[-4000:]
    assert wreck.lab.process is not None
    assert wreck.lab.process.poll() is None
