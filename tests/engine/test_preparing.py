"""Between the wish to begin and the beginning lies the archive: what comes between them keeps a script from beginning."""

import pytest

from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine.events import LingeringEnded, Prepared, RunEnded
from paiwatch.plan.applied import EVERYTHING, HeldBy
from paiwatch.plan.plan import Kind
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.engine.bench import Bench, a_result
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import REFRESH, a_step

NOTHING: list[str] = []


def preparing(*names: str) -> Bench:
    """Releases of these services are being archived; nothing began yet."""
    bench = Bench(prepares=False, desired=a_desired(*map(a_service, names)))
    assert bench.accept(*map(a_step, names)) == NOTHING
    assert set(bench.preparing) == set(names)
    return bench


def test_nothing_is_written_down_before_the_release_is_archived() -> None:
    bench = preparing("a")
    assert bench.store.runs == {}
    assert bench.store.applied == {}

    assert bench.prepare("a") == ["begin a"]
    assert [*bench.store.runs] == [bench.running["a"].run]
    assert bench.store.applied["a"].touched == "d1"


def test_what_is_being_prepared_takes_a_slot() -> None:
    bench = Bench(prepares=False, parallel=1)
    bench.accept(a_step("a"), a_step("b"))

    assert set(bench.preparing) == {"a"}
    bench.prepare("a")
    assert bench.preparing == {}


def test_a_release_that_was_superseded_meanwhile_does_not_begin() -> None:
    bench = preparing("a")
    old = Prepared(ticket=bench.preparing.pop("a"))
    assert bench.accept(a_step("a", digest="d2")) == ["dismiss a of 1: superseded", "close 1 False"]

    assert bench.feed(old) == NOTHING
    assert bench.store.runs == {}
    assert bench.prepare("a") == ["begin a"]
    assert bench.running["a"].step.digest == "d2"


@pytest.mark.parametrize("held", ["a", EVERYTHING])
def test_what_is_held_meanwhile_does_not_begin_before_it_is_let_go(held: str) -> None:
    bench = preparing("a")
    bench.command(commands.Suspend(service=held))

    assert bench.prepare("a") == NOTHING
    assert bench.store.runs == {}
    assert bench.states == {"start a": "held"}
    bench.command(commands.Resume(service=held))
    bench.propose_again()
    assert bench.prepare("a") == ["begin a"]


def test_what_is_prepared_while_a_plan_is_made_waits_for_that_plan() -> None:
    bench = preparing("a")
    bench.look()

    assert bench.prepare("a") == NOTHING
    assert bench.store.runs == {}
    assert bench.propose_again() == NOTHING
    assert bench.prepare("a") == ["begin a"]


def test_what_a_person_goes_back_from_meanwhile_does_not_begin() -> None:
    older, newer = a_release("a", {"start.sh": "older"}), a_release("a", {"start.sh": "newer"})
    bench = Bench(
        store=MemoryStore(applied={"a": an_applied(older)}),
        desired=a_desired(a_service("a"), releases=[newer]),
        prepares=False,
    )
    bench.archive.add(older.digest)
    bench.look()
    bench.propose()
    late = bench.preparing["a"]

    bench.command(commands.Rollback(service="a"))
    assert bench.feed(Prepared(ticket=late)) == NOTHING
    bench.propose()

    assert bench.store.failures["a", newer.digest].quarantined
    assert bench.store.runs == {}
    assert newer.digest not in {launch.step.digest for launch in bench.running.values()}


def test_what_stands_on_a_service_that_began_meanwhile_waits_for_its_end() -> None:
    bench = Bench(prepares=False)
    bench.accept(a_step("db"), a_step("web", operator=REFRESH, kind=Kind.ASKED, on=["db"]))
    assert set(bench.preparing) == {"db"}  # being prepared is in the way already
    bench.prepare("db")
    bench.end("db", Outcome.FAILED, at=1)
    assert set(bench.preparing) == {"web"}
    bench.tick(50)
    bench.prepare("db")
    assert set(bench.running) == {"db"}

    assert bench.prepare("web") == NOTHING
    bench.end("db", at=51)
    assert bench.prepare("web") == ["begin web"]


def test_the_answer_for_what_has_begun_is_heard_once() -> None:
    bench = preparing("a")
    ticket = bench.preparing["a"]
    bench.prepare("a")

    assert bench.feed(Prepared(ticket=ticket)) == NOTHING
    assert bench.effects == []
    assert bench.feed(Prepared(ticket=99)) == NOTHING
    assert [*bench.store.runs] == [1]


def test_a_run_that_cannot_be_archived_ends_without_having_touched_its_service() -> None:
    bench = preparing("a")
    bench.feed(Prepared(ticket=bench.preparing.pop("a"), touches=False))
    assert "a" not in bench.store.applied
    run = bench.running.pop("a").run

    bench.feed(RunEnded(run=run, result=a_result(Outcome.INTERRUPTED, begun=False)), at=1)

    assert "a" not in bench.store.applied
    assert bench.store.ended == {run: "interrupted"}
    assert bench.states == {"start a": "backing-off"}


def test_a_start_that_cannot_be_archived_lifts_no_hold() -> None:
    bench = Bench(prepares=False)
    bench.command(commands.Suspend(service="other"))
    bench.accept(a_step("a", kind=Kind.ASKED))
    hold = bench.store.holds["other"]
    bench.store.holds["a"] = type(hold)(service="a", by=HeldBy.STOPPED, reason="", since=0.0)
    bench = bench.another_life()
    bench.accept(a_step("a", kind=Kind.ASKED))

    bench.feed(Prepared(ticket=bench.preparing.pop("a"), touches=False))

    assert "a" in bench.store.holds


def test_processes_that_linger_hold_back_what_is_being_prepared() -> None:
    bench = preparing("a", "b")
    bench.prepare("a")
    run = bench.running.pop("a").run
    bench.feed(RunEnded(run=run, result=a_result(Outcome.FAILED, lingering=frozenset({7}))), at=1)

    assert bench.tick(100) == NOTHING
    assert "a" not in bench.preparing
    bench.feed(LingeringEnded(runs=frozenset({run})), at=101)
    assert "a" in bench.preparing


def test_what_waited_for_a_preparation_goes_on_when_that_is_given_up() -> None:
    bench = Bench(prepares=False, desired=a_desired(a_service("db")))
    bench.accept(a_step("db"), a_step("web", operator=REFRESH, kind=Kind.ASKED, on=["db"]))
    assert set(bench.preparing) == {"db"}
    bench.command(commands.Suspend(service="db"))

    bench.prepare("db")

    assert bench.states["start db"] == "held"
    assert set(bench.preparing) == {"web"}
