"""The orderly end: nothing begins any more, and everybody who waits is told."""

from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine.events import Draining, Proposed
from tests.builders import a_desired, a_service
from tests.engine.bench import Bench
from tests.engine.steps import REFRESH, a_plan, a_step


def test_draining_begins_nothing_and_gives_every_step_its_outcome() -> None:
    bench = Bench(parallel=1)
    bench.accept(a_step("a"), a_step("b"))

    assert bench.feed(Draining(), at=1) == ["dismiss b of 1: superseded"]
    assert bench.look(at=2) == []
    assert not bench.is_planning  # so no plan comes that had to be dismissed
    assert bench.end("a", at=3) == ["close 1 False"]
    assert bench.state.is_idle
    assert bench.running == {}


def test_a_plan_that_comes_after_the_end_began_is_not_taken() -> None:
    bench = Bench()
    bench.look()
    late = Proposed(proposal=bench.proposal(a_plan(a_step("a"), digest="late")))
    bench.feed(Draining())

    assert bench.feed(late, at=1) == []
    assert bench.state.generation == 0


def test_what_is_being_prepared_is_given_up_without_a_run() -> None:
    bench = Bench(prepares=False)
    bench.accept(a_step("a"))

    assert bench.feed(Draining(), at=1) == ["dismiss a of 1: superseded", "close 1 False"]
    assert bench.prepare("a", at=2) == []
    assert bench.store.runs == {}


def test_a_failure_while_draining_is_not_tried_again_and_its_generation_closes() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.feed(Draining(), at=1)

    assert bench.end("a", Outcome.FAILED, at=2) == ["close 1 False"]
    assert bench.state.wake_at is None
    assert bench.state.is_idle


def test_who_waits_for_a_plan_or_behind_one_is_told_that_none_comes() -> None:
    bench = Bench(desired=a_desired(a_service("a")))
    bench.look()
    bench.propose()
    first = bench.command(commands.Service(operator=REFRESH, names=("a",)))
    retry = bench.command(commands.Retry())
    third = bench.command(commands.Suspend(service="a"))

    bench.feed(Draining())

    assert {bench.answers[number] for number in (first, retry, third)} == {
        "paiwatch is stopping; nothing was done"
    }
    assert bench.state.holds == {}


def test_what_a_person_asks_for_after_the_end_began_is_refused_or_left_to_the_next_start() -> None:
    bench = Bench(desired=a_desired(a_service("a")))
    bench.look()
    bench.propose()
    bench.feed(Draining())

    service = bench.command(commands.Service(operator=REFRESH, names=("a",)))
    assert bench.answers[service] == "paiwatch is ending; nothing was done"
    retry = bench.command(commands.Retry())
    assert bench.answers[retry] == {"services": [], "rollbacks_ended": [], "remark": ""}
    assert not bench.is_planning
