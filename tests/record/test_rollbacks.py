"""What the record keeps for a rollback, and what it remembers of one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.engine import commands
from paiwatch.engine.changes import Failure
from paiwatch.engine.events import NamedRun
from paiwatch.plan.applied import Pin, PinnedBy
from paiwatch.plan.plan import Kind
from paiwatch.record.history import History
from paiwatch.releases.release import Release
from tests.builders import a_read, a_release, a_service, scripts
from tests.record.runs import CONFIG, FAILED, SRC, Records, a_step, accept, carry, tree_of

OLD = a_release("web", {"start.sh": "old"}, reads=(a_read("web.port", 1),), watched={"VERSION": "v1"})
NEW, NEWER = a_release("web", {"start.sh": "new"}), a_release("web", {"start.sh": "newer"})
STEP, NEW_STEP, NEWER_STEP = (a_step("web", each.digest, kind=Kind.CHANGED) for each in (OLD, NEW, NEWER))


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Records]:
    with Records.open(tmp_path) as opened:
        opened.desired = tree_of(a_service("web"), releases=[NEW])
        yield opened


def digests(record: Records) -> list[tuple[str, int]]:
    return [(former.release.digest, former.left) for former in record.past("web").formers["web"]]


def failures(record: Records) -> dict[str, Failure]:
    """Of web, by release."""
    return dict(record.state.failures.get("web", {}))


def a_pin(record: Records) -> Pin:
    (former,) = (each for each in record.past("web").formers["web"] if each.release.digest == OLD.digest)
    return Pin(
        instead_of=NEW.digest,
        release=former.release,
        since=7.25,
        by=PinnedBy.PERSON,
        because="slow",
        origin="run 1",
    )


def roll_back(record: Records) -> Pin:
    """A person pins web to OLD."""
    pin = a_pin(record)
    record.ask(commands.Rollback(service="web", to="1", reason="slow"), at=7.25)
    return pin


def a_rolled_back_record(record: Records) -> Pin:
    """OLD ran, NEW ran after it, web is pinned to OLD."""
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, release=NEW)
    return roll_back(record)


def pin_of(record: Records) -> Pin | None:
    """As another life knows it."""
    record.reopen()
    return record.state.applied["web"].pin


def test_a_good_release_is_kept_whole_when_a_run_leaves_it(record: Records) -> None:
    carry(record, a_step("web", OLD.digest, env={"A": "1"}), release=OLD)
    good = record.state.applied["web"]

    carry(record, NEW_STEP, FAILED)
    carry(record, NEW_STEP, release=NEW)

    (former,) = record.past("web").formers["web"]
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


def test_a_release_that_never_succeeded_is_none_to_go_back_to(record: Records) -> None:
    carry(record, STEP, FAILED)
    carry(record, NEW_STEP, FAILED)

    assert digests(record) == []


def test_the_same_release_again_leaves_nothing(record: Records) -> None:
    carry(record, STEP, release=OLD)
    carry(record, a_step("web", OLD.digest, Operator.REFRESH), release=OLD)

    assert digests(record) == []


def test_former_releases_are_kept_newest_first_and_only_so_many(record: Records) -> None:
    third = a_release("web", {"start.sh": "third"})
    for release in (OLD, NEW, NEWER, third):
        carry(record, a_step("web", release.digest), release=release)
    assert digests(record) == [(NEWER.digest, 4), (NEW.digest, 3), (OLD.digest, 2)]

    kept = record.store.prune(runs=9, generations=9, releases=1, events=99).keep

    assert digests(record) == [(NEWER.digest, 4)]
    assert kept == {third.digest, NEWER.digest}


def test_what_a_service_is_rolled_back_to_is_never_forgotten(record: Records) -> None:
    pin = a_rolled_back_record(record)
    carry(record, NEWER_STEP, release=NEWER)

    assert OLD.digest in record.store.prune(runs=9, generations=9, releases=1, events=99).keep
    assert pin_of(record) == pin


def test_a_pin_survives_reopening_and_readers_see_it(record: Records, tmp_path: Path) -> None:
    pin = a_rolled_back_record(record)

    with History.open(tmp_path) as history:
        assert pin_of(record) == history.applied()["web"].pin == pin
        failure = failures(record)[NEW.digest]
        assert (failure.quarantined, failure.since, failure.because) == (True, 7.25, "slow")
        record.ask(commands.Retry(services=frozenset({"web"})))
        assert pin_of(record) is None
        assert history.applied()["web"].pin is None


def test_a_rollback_that_succeeds_makes_the_old_release_applied_and_keeps_the_new_one_quarantined(
    record: Records,
) -> None:
    a_rolled_back_record(record)

    carry(record, a_step("web", OLD.digest, kind=Kind.CHANGED, instead_of=NEW.digest), release=OLD)

    record.reopen()
    web = record.state.applied["web"]
    assert (web.digest, web.files, web.touched) == (OLD.digest, OLD.files, "")
    assert failures(record).keys() == {NEW.digest}
    assert digests(record) == [(NEW.digest, 3), (OLD.digest, 2)]
    carry(record, NEWER_STEP, release=NEWER)
    record.reopen()
    assert not failures(record)


def test_a_pin_made_while_a_script_runs_is_not_lost_with_its_end(record: Records) -> None:
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, release=NEW)
    stop = a_step("web", NEW.digest, Operator.STOP, kind=Kind.ASKED)
    accept(record, [stop])
    run = record.begin(stop)
    pin = roll_back(record)

    record.end(run, FAILED)

    assert pin_of(record) == pin


def test_a_service_that_is_removed_takes_its_past_along(record: Records) -> None:
    a_rolled_back_record(record)

    carry(record, a_step("web", NEW.digest, Operator.DELETE, kind=Kind.REMOVED))

    assert digests(record) == []
    assert "web" not in record.state.applied
    carry(record, STEP, release=OLD)
    assert pin_of(record) is None


@pytest.mark.parametrize(
    ("release", "left"), [(NEW, [OLD.digest]), (NEWER, [NEW.digest, OLD.digest])], ids=["same", "newer"]
)
def test_adopting_the_tree_ends_a_rollback_and_remembers_what_was_left(
    record: Records, tmp_path: Path, release: Release, left: list[str]
) -> None:
    a_rolled_back_record(record)
    service = a_service("web", scripts=scripts(Operator.START))
    record.look(tree_of(service, releases=(release,)))

    record.ask(commands.Adopt(services=frozenset({"web"})), at=9.0)

    assert pin_of(record) is None
    assert record.state.applied["web"].digest == release.digest
    assert [digest for digest, _ in digests(record)] == left
    with History.open(tmp_path) as history:
        assert history.applied()["web"].pin is None


def test_runs_and_revisions_lead_to_releases(record: Records) -> None:
    carry(record, STEP, release=OLD)
    carry(record, NEW_STEP, FAILED)

    def run(to: str) -> NamedRun | None:
        return record.past("web", to=to).run

    def revisions(service: str, to: str) -> Mapping[str, str]:
        return record.past(service, to=to).revisions

    assert run("1") == NamedRun(service="web", digest=OLD.digest, brought_up=True)
    assert run("2") == NamedRun(service="web", digest=NEW.digest, brought_up=False)
    assert run("3") is run("9" * 18) is run("²") is None
    assert revisions("web", CONFIG.id[:6]) == {CONFIG.id: OLD.digest}
    assert revisions("web", SRC.id) == {SRC.id: OLD.digest}
    assert revisions("web", SRC.id.upper()) == {SRC.id: OLD.digest}
    assert revisions("other", SRC.id) == {SRC.id: ""}
    assert revisions("web", "____") == revisions("web", "ccc") == {}


def test_what_the_generations_that_left_a_release_brought_in_is_known(record: Records) -> None:
    carry(record, STEP, release=OLD)
    assert record.past("web").changed == {1: {("web", OLD.digest)}}

    carry(record, NEW_STEP, FAILED)
    accept(record, [a_step("other", "o" * 64)])

    assert record.past("web").changed == {2: {("web", NEW.digest)}, 3: frozenset()}
