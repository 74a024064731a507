"""The power goes: what was not flushed is lost. The next start still keeps every promise, by itself, with an honest history.

What scripts did lies on another disk: a run that happened and is not in the record is found out.
"""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paiwatch.record.migrations import newest
from tests.e2e import power
from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.power import HARSH, ORDERED, Disk, Kind
from tests.e2e.test_crash import FIXTURES, SCENES, Scene
from tests.e2e.test_disk import fill
from tests.e2e.wreck import Wreck

#: Wherever something was just made durable, or is half made.
TRANSITIONS = (
    "source.fetched",
    "source.accepted",
    "snapshot.taken",
    "plan.approved",
    "plan.accepted",
    "archive.unpublished",
    "archive.published",
    "run.intended",
    "surroundings.prepared",
    "stage.built",
    "script.started",
    "output.finished",
    "run.finished",
    "service.quarantined",
    "generation.closed",
    "archive.pruning",
    "service.held",
    "service.pinned",
)
KINDS = pytest.mark.parametrize("kind", [ORDERED, HARSH], ids=["ordered", "harsh"])


@pytest.fixture
def kind() -> Kind:
    """The file system of tests that try one only: the one that forgives least."""
    return HARSH


@pytest.fixture
def wreck(tmp_path: Path, nursery: Nursery) -> Wreck:
    """Laid out and never started."""
    wreck = Wreck.build(tmp_path / "lab")
    wreck.lab.nursery = nursery
    return wreck


@pytest.fixture
def disk(wreck: Wreck, kind: Kind) -> Iterator[Disk]:
    """What the state folder lies on. Whoever uses it at the end is ended."""
    with power.disk(wreck.state, kind) as disk:
        yield disk


@pytest.fixture
def unruly(wreck: Wreck) -> Wreck:
    """One that takes any history: its mirror is no more than a copy, and nobody waits until the disk has it."""
    settings = wreck.lab.root / "config.yaml"
    settings.write_text(settings.read_text().replace(", history: fast-forward-only", ""))
    return wreck


@KINDS
def test_a_cut_loses_what_nobody_waited_for_and_nothing_else(tmp_path: Path, kind: Kind) -> None:
    folder = tmp_path / "disk"
    with power.disk(folder, kind) as disk:
        for name, content in (("flushed", "there"), ("forgotten", "gone"), ("new", "gone")):
            with (folder / name).open("w") as file:
                file.write(content)
                file.flush()
                if content == "there":
                    os.fsync(file.fileno())
        (folder / "new").rename(folder / "flushed")

        disk.cut()

        assert [file.read_text() for file in folder.iterdir() if file.is_file()] == ["there"]


def test_cut_at_a_durable_transition_it_converges_and_keeps_its_promises(wreck: Wreck, disk: Disk) -> None:
    wreck.start(TRANSITIONS[0])
    wreck.recover("the beginning")
    wreck.raise_value("lone")  # so that it has something to go back to
    wreck.recover("the second commit")
    for place, following in zip(TRANSITIONS, [*TRANSITIONS[1:], ""], strict=True):
        scene = SCENES.get(place, Scene())
        wreck.mark("slow", *scene.slow)
        wreck.pull()
        scene.play(wreck)
        wreck.die(place)
        disk.cut()

        wreck.start(following)
        wreck.unmark()
        if scene.after:
            wreck.insist(scene.after, "lone")
        wreck.recover(place)


SECRET = "hunter22-of-the-tree"


def add_talker(wreck: Wreck, work: str) -> None:
    """A service whose scripts say the password that its template reads, and then do this."""
    wreck.lab.add("talker", work=f"echo the password is {SECRET}; {work}")
    template = wreck.lab.root / "tree" / "src" / "talker" / "deploy" / "value.txt.template"
    template.write_text("{{ cluster_cfg.talker.password }}")
    wreck.lab.write_config(wreck.values)
    with (wreck.lab.work / "services-configuration.yaml").open("a") as settings:
        settings.write(f"talker: {{password: {SECRET}}}\n")
    wreck.commit = wreck.lab.push("a secret")


def said(wreck: Wreck) -> str:
    """Everything that scripts of the talker said, as it is kept."""
    return "".join(file.read_text() for file in (wreck.state / "runs" / "talker").iterdir())


def test_cut_again_and_again_in_its_very_first_start_it_begins_again(unruly: Wreck, disk: Disk) -> None:
    for place in ("record.created", "record.uncommitted", "source.fetched", "snapshot.taken", "plan.held"):
        unruly.start(place, at_once=True)
        unruly.die(place)
        disk.cut()
    unruly.start()
    unruly.recover("plan.held")

    assert {run["outcome"] for run in unruly.runs()} == {"succeeded"}


def test_cut_again_and_again_while_it_settles_the_past_and_mends_its_mirror_it_converges(
    unruly: Wreck, disk: Disk
) -> None:
    unruly.start("script.started")
    unruly.recover("the beginning")
    unruly.mark("slow", "db")
    unruly.pull()
    unruly.raise_value("db")
    unruly.die("script.started")
    disk.cut()
    unruly.unmark()

    for place in ("past.swept", "past.interrupted", "past.abandoned", "past.cleared", "source.recreated"):
        unruly.start(place, at_once=True)
        unruly.die(place)
        disk.cut()
    unruly.start()
    unruly.recover("source.recreated")

    assert [run["outcome"] for run in unruly.runs()][-3:] == ["interrupted", "succeeded", "succeeded"]


@KINDS
def test_what_a_finished_run_said_is_there_after_a_cut(wreck: Wreck, disk: Disk) -> None:
    add_talker(wreck, "true")
    wreck.start()
    wreck.settle("the beginning")

    disk.cut()

    assert "the password is" in said(wreck)
    assert SECRET not in said(wreck)
    for name in wreck.values:
        (log,) = (wreck.state / "runs" / name).iterdir()
        assert "bytes of output were cut here" in log.read_text()


def test_secrets_in_output_are_masked_however_often_the_power_goes(wreck: Wreck, disk: Disk) -> None:
    add_talker(wreck, f"while [ ! -e {wreck.lab.root}/go ]; do sleep 0.02; done")
    wreck.start()
    wreck.approve()
    wreck.lab.wait_until(
        lambda: any((wreck.state / "runs").glob("talker/*")) and SECRET in said(wreck), "it is said"
    )
    wreck.lab.kill()
    os.sync()

    wreck.start("past.cleared", at_once=True)
    wreck.die("past.cleared")
    disk.cut()
    (wreck.lab.root / "go").touch()
    wreck.start()
    wreck.settle("past.cleared")
    disk.cut()

    assert len(list((wreck.state / "runs" / "talker").iterdir())) == 2
    assert "the password is" in said(wreck)
    assert SECRET not in said(wreck)


def test_cut_in_a_migration_the_next_start_completes_it_and_the_copy_is_whole(
    unruly: Wreck, disk: Disk
) -> None:
    with closing(sqlite3.connect(unruly.state / "record.db")) as connection:
        connection.executescript((FIXTURES / "version-1.sql").read_text())
    os.sync()

    for place in ("record.backed-up", "record.migrating", ""):
        unruly.start(place, at_once=True)
        if place:
            unruly.die(place)
        else:
            unruly.settle("record.migrating")
        disk.cut()
        with closing(sqlite3.connect(unruly.state / "record.db.1.bak")) as copy:
            assert copy.execute("select version from schema_version").fetchall() == [(1,)], place

    assert rows(unruly.state, "select version from schema_version") == [{"version": newest()}]


def test_cut_while_the_disk_is_full_it_waits_again_and_then_converges(wreck: Wreck) -> None:
    def is_told() -> bool:
        return "free space" in str(wreck.ask(verb="progress").get("faults"))

    with power.disk(wreck.state, HARSH, size=16 << 20) as disk:
        wreck.start()
        wreck.recover("the beginning")
        full = fill(wreck.lab)
        os.sync()
        wreck.raise_value("db")
        wreck.lab.wait_until(is_told, "the outage is told")

        disk.cut()
        wreck.start()
        wreck.lab.wait_until(is_told, "it is told again")
        full.unlink()
        wreck.recover("the cut")


def test_the_last_good_commit_outlives_a_cut_where_the_other_side_has_it_no_more(
    wreck: Wreck, disk: Disk
) -> None:
    lab = wreck.lab
    wreck.start()
    wreck.recover("the beginning")
    lab.git(lab.work, "checkout", "--quiet", "--orphan", "another")
    lab.git(lab.work, "commit", "--quiet", "--message", "another past")
    lab.git(lab.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    lab.wait_until(lambda: "history was rewritten" in lab.log(), "it is refused")
    lab.git(lab.root / "config.git", "gc", "--quiet", "--prune=now")

    disk.cut()
    (lab.root / "tree" / "src" / "solo" / "deploy" / "more.txt").write_text("news")
    wreck.start()
    lab.wait_until(lambda: wreck.runs()[-1]["generation"] == 2, "what changes is deployed")

    assert [run["service"] for run in wreck.runs()][len(wreck.values) :] == ["solo"]


def test_a_clock_that_is_years_behind_after_a_cut_keeps_nobody_waiting(wreck: Wreck, disk: Disk) -> None:
    wreck.start("run.finished")
    wreck.recover("the beginning")
    wreck.mark("fail", "lone")
    wreck.pull()
    wreck.raise_value("lone")
    wreck.die("run.finished")
    disk.cut()
    with closing(sqlite3.connect(wreck.state / "record.db")) as record, record:
        assert record.execute("update failures set retry_at = retry_at + 1e11").rowcount == 1

    wreck.start()
    wreck.recover("the cut")

    assert [run["outcome"] for run in wreck.runs()][-2:] == ["failed", "succeeded"]


def test_cut_at_random_instants_it_converges_and_the_history_has_every_run_once(
    unruly: Wreck, disk: Disk
) -> None:
    chance = random.Random(7)
    for _ in range(8):
        unruly.start()
        time.sleep(chance.random() * 0.4)  # how far the start gets before there is news
        unruly.mark("slow", *chance.sample(sorted(unruly.values), chance.randint(0, 1)))
        unruly.raise_value(*chance.sample(sorted(unruly.values), chance.randint(1, 3)))
        time.sleep(chance.random() * 0.5)  # the instant
        disk.cut()
        unruly.lab.kill()  # it may not have come as far as the disk
        unruly.unmark()
    unruly.start()
    unruly.recover("random instants")

    told = unruly.lab.json("history", "-n", "1000")
    assert sorted(run["run"] for run in told) == [run["id"] for run in unruly.runs()]
    assert {run["outcome"] for run in told} <= {"succeeded", "interrupted"}
