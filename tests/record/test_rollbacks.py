"""What the record keeps for a rollback, and what it remembers of one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.engine.events import NamedRun
from paiwatch.plan.applied import Pin, PinnedBy
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from tests.builders import a_desired, a_read, a_release, a_service, scripts
from tests.record.runs import CONFIG, FAILED, SRC, Record, a_step, accept, carry

OLD = a_release("web", {"start.sh": "old"}, reads=(a_read("web.port", 1),), watched={"VERSION": "v1"})
NEW, NEWER = a_release("web", {"start.sh": "new"}), a_release("web", {"start.sh": "newer"})
STEP, NEW_STEP, NEWER_STEP = (a_step("web", each.digest, kind=Kind.CHANGED) for each in (OLD, NEW, NEWER))


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path) as opened:
        yield opened


def digests(record: Record) -> list[tuple[str, int]]:
    return [(former.release.digest, former.left) for former in record.formers("web")]


def a_pin(record: Record) -> Pin:
    (former,) = (each for each in record.formers("web") if each.release.digest == OLD.digest)
    return Pin(
        instead_of=NEW.digest,
        release=former.release,
        since=7.25,
        by=PinnedBy.PERSON,
        because="slow",
        origin="run 1",
    )


def a_rolled_back_record(record: Record) -> Pin:
    """OLD ran, NEW ran after it, web is pinned to OLD."""
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, release=NEW)
    pin = a_pin(record)
    record.roll_back("web", NEW.digest, {"web": pin}, because="slow", at=7.25)
    return pin


def test_a_good_release_is_kept_whole_when_a_run_leaves_it(record: Record) -> None:
    carry(record, a_step("web", OLD.digest, env={"A": "1"}), release=OLD)
    good = record.memory()["web"]

    carry(record, NEW_STEP, FAILED)
    carry(record, NEW_STEP, release=NEW)

    (former,) = record.formers("web")
    assert former.left == 2
    release = former.release
    assert (release.digest, release.files, release.reads, release.watched) == (
        OLD.digest,
        OLD.files,
        OLD.reads,
        OLD.watched,
    )
    assert release.spec == good.spec
    assert (release.spec.env, release.spec.folder) == ({"A": "1"}, "src/web")
    assert (release.config, release.src, release.at) == (CONFIG.id, SRC.id, 102.5)


def test_a_release_that_never_succeeded_is_none_to_go_back_to(record: Record) -> None:
    carry(record, STEP, FAILED)
    carry(record, NEW_STEP, FAILED)

    assert digests(record) == []


def test_the_same_release_again_leaves_nothing(record: Record) -> None:
    carry(record, STEP, release=OLD)
    carry(record, a_step("web", OLD.digest, Operator.REFRESH), release=OLD)

    assert digests(record) == []


def test_former_releases_are_kept_newest_first_and_only_so_many(record: Record) -> None:
    third = a_release("web", {"start.sh": "third"})
    for release in (OLD, NEW, NEWER, third):
        carry(record, a_step("web", release.digest), release=release)
    assert digests(record) == [(NEWER.digest, 4), (NEW.digest, 3), (OLD.digest, 2)]

    kept = record.prune(runs=9, generations=9, releases=1).keep

    assert digests(record) == [(NEWER.digest, 4)]
    assert kept == {third.digest, NEWER.digest}


def test_what_a_service_is_rolled_back_to_is_never_forgotten(record: Record) -> None:
    pin = a_rolled_back_record(record)
    carry(record, NEWER_STEP, release=NEWER)

    assert OLD.digest in record.prune(runs=9, generations=9, releases=1).keep
    assert record.memory()["web"].pin == pin


def test_a_pin_survives_reopening_and_readers_see_it(record: Record, tmp_path: Path) -> None:
    pin = a_rolled_back_record(record)
    record.close()

    with Record.open(tmp_path) as again, History.open(tmp_path) as history:
        assert again.memory()["web"].pin == history.applied()["web"].pin == pin
        failure = again.failures()["web", NEW.digest]
        assert (failure.quarantined, failure.since, failure.because) == (True, 7.25, "slow")
        again.unpin("web")
        assert again.memory()["web"].pin is None
        assert history.applied()["web"].pin is None


def test_a_rollback_that_succeeds_makes_the_old_release_applied_and_keeps_the_new_one_quarantined(
    record: Record,
) -> None:
    a_rolled_back_record(record)

    carry(record, a_step("web", OLD.digest, kind=Kind.CHANGED, instead_of=NEW.digest), release=OLD)

    web = record.memory()["web"]
    assert (web.digest, web.files, web.touched) == (OLD.digest, OLD.files, "")
    assert record.failures().keys() == {("web", NEW.digest)}
    assert digests(record) == [(NEW.digest, 3), (OLD.digest, 2)]
    carry(record, NEWER_STEP, release=NEWER)
    assert not record.failures()


def test_a_pin_made_while_a_script_runs_is_not_lost_with_its_end(record: Record) -> None:
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, release=NEW)
    stop = a_step("web", NEW.digest, Operator.STOP, kind=Kind.ASKED)
    run = record.begin(stop, accept(record, [stop]), 1, at=8.0).run
    pin = a_pin(record)
    record.roll_back("web", NEW.digest, {"web": pin}, because="slow", at=9.0)

    record.finish(run, FAILED, at=10.0)

    assert record.memory()["web"].pin == pin


def test_a_service_that_is_removed_takes_its_past_along(record: Record) -> None:
    a_rolled_back_record(record)

    carry(record, a_step("web", NEW.digest, Operator.DELETE, kind=Kind.REMOVED))

    assert digests(record) == []
    assert "web" not in record.memory()
    carry(record, STEP, release=OLD)
    assert record.memory()["web"].pin is None


def test_adopting_the_tree_ends_a_rollback_and_remembers_what_was_left(
    record: Record, tmp_path: Path
) -> None:
    a_rolled_back_record(record)
    service = a_service("web", scripts=scripts(Operator.START))

    record.adopt(a_desired(service, releases=(NEWER,)), ["web"], at=9.0)

    assert record.memory()["web"].pin is None
    assert [digest for digest, _ in digests(record)] == [NEW.digest, OLD.digest]
    with History.open(tmp_path) as history:
        assert history.applied()["web"].pin is None


def test_runs_and_revisions_lead_to_releases(record: Record) -> None:
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, FAILED)

    assert record.past("web", to="1").run == NamedRun(service="web", digest=OLD.digest, brought_up=True)
    assert record.past("web", to="2").run == NamedRun(service="web", digest=NEW.digest, brought_up=False)
    assert record.past("web", to="3").run is None
    assert record.past("web", to=CONFIG.id[:6]).revisions == {CONFIG.id: OLD.digest}
    assert record.past("web", to=SRC.id).revisions == {SRC.id: OLD.digest}
    assert record.past("web", to=SRC.id.upper()).revisions == {SRC.id: OLD.digest}
    assert record.past("other", to=SRC.id).revisions == {SRC.id: ""}
    assert record.past("web", to="____").revisions == {}
    assert record.past("web").changed == {2: {("web", NEW.digest)}}
    assert record.past("web", leaves=NEW.digest).last_run == 2
