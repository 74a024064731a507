"""What must not be forgotten of a run's end, where the engine met a bug over the rest."""

import pytest

from paiwatch.domain.run import Outcome
from paiwatch.engine import changes, commands
from paiwatch.engine.changes import Change
from paiwatch.engine.events import Moment, RunEnded
from paiwatch.engine.salvage import salvage
from paiwatch.plan.plan import Kind
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.engine.bench import Bench, a_result
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import REFRESH, STOP, a_restart, a_step


def salvaged(bench: Bench, service: str, outcome: Outcome = Outcome.SUCCEEDED) -> tuple[Change, ...]:
    event = RunEnded(run=bench.running[service].run, result=a_result(outcome))
    return salvage(bench.state, event, Moment(bench.now, bench.now))


def running(*services: str) -> Bench:
    """The planner's own steps of new services run."""
    bench = Bench(desired=a_desired(*map(a_service, services)), plans=True)
    bench.look(at=5)
    assert set(bench.running) == set(services)
    return bench


def test_what_ran_well_is_remembered_as_by_the_engine_itself() -> None:
    bench = running("a")
    found = salvaged(bench, "a")

    bench.end("a")

    (finished, put) = found
    assert isinstance(finished, changes.RunFinished)
    assert put == changes.AppliedPut(applied=bench.store.applied["a"])
    assert found == tuple(
        change for change in bench.committed if isinstance(change, changes.RunFinished | changes.AppliedPut)
    )


def test_what_ran_well_is_not_run_again_by_the_next_start() -> None:
    bench = running("a")
    bench.store.commit(salvaged(bench, "a"))

    fresh = bench.another_life()
    fresh.look()

    assert fresh.running == {}
    assert fresh.store.ended == {1: "succeeded"}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT, Outcome.INTERRUPTED])
def test_what_failed_ended_and_costs_no_attempt(outcome: Outcome) -> None:
    bench = running("a")

    (finished,) = found = salvaged(bench, "a", outcome)
    assert isinstance(finished, changes.RunFinished)
    bench.store.commit(found)
    fresh = bench.another_life()
    fresh.look()

    assert fresh.store.ended == {1: str(outcome)}
    assert fresh.began("a").attempt == 1


def test_what_was_removed_is_forgotten() -> None:
    gone = an_applied(a_release("a"))
    bench = Bench(store=MemoryStore(applied={"a": gone}))
    bench.accept(a_step("a", operator=STOP, kind=Kind.REMOVED, digest=gone.digest))

    bench.store.commit(salvaged(bench, "a"))

    assert bench.store.applied == {}


def test_the_stop_of_a_restart_applies_nothing() -> None:
    bench = Bench()
    bench.accept(*a_restart("a"))
    touched = bench.store.applied["a"]

    bench.store.commit(salvaged(bench, "a"))

    assert bench.store.applied == {"a": touched}


def test_what_is_rolled_back_meanwhile_keeps_its_pin() -> None:
    older, newer = a_release("a", {"start.sh": "older"}), a_release("a", {"start.sh": "newer"})
    bench = Bench(
        store=MemoryStore(applied={"a": an_applied(older)}),
        desired=a_desired(a_service("a"), releases=[newer]),
        plans=True,
    )
    bench.archive.add(older.digest)
    bench.look()
    bench.command(commands.Rollback(service="a"))
    pin = bench.store.applied["a"].pin
    assert pin is not None

    bench.store.commit(salvaged(bench, "a"))

    assert bench.store.applied["a"].pin == pin
    assert bench.store.applied["a"].digest == newer.digest


def test_a_run_that_nobody_knows_leaves_nothing() -> None:
    bench = running("a")

    assert salvage(bench.state, RunEnded(run=7, result=a_result()), Moment(9, 9)) == ()


def test_what_was_only_being_prepared_is_no_run() -> None:
    bench = Bench(prepares=False)
    bench.accept(a_step("a", operator=REFRESH))

    assert salvage(bench.state, RunEnded(run=7, result=a_result()), Moment(9, 9)) == ()


def test_a_clock_that_was_set_back_ends_no_run_before_it_began() -> None:
    bench = running("a")
    event = RunEnded(run=1, result=a_result())

    finished = salvage(bench.state, event, Moment(6, 1.0))[0]

    assert isinstance(finished, changes.RunFinished)
    assert finished.at == 5
