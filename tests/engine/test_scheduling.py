"""What begins when, in which order, and what lets what pass; `test_simulation` has all rules at once."""

import itertools
import time
from collections.abc import Callable

from paiwatch.domain.run import Outcome
from paiwatch.engine.engine import handle
from paiwatch.engine.events import Moment, Prepared, RunEnded
from paiwatch.engine.progress import progress
from paiwatch.plan.plan import Kind, StepId
from tests.engine.bench import Bench, a_result
from tests.engine.steps import REFRESH, START, STOP, a_step


def test_steps_run_as_soon_as_they_may_and_the_generation_closes() -> None:
    bench = Bench(parallel=4)

    assert bench.accept(a_step("a"), a_step("b", after="a"), a_step("c")) == ["begin a", "begin c"]
    assert bench.states == {"start a": "running", "start b": "waiting", "start c": "running"}
    assert progress(bench.state)[StepId(service="b", operator=START)].waiting_for == ("a",)
    assert bench.end("a", at=1) == ["begin b"]
    assert bench.end("c", at=2) == []
    assert bench.end("b", at=3) == ["close 1 True"]
    assert bench.state.is_settled
    assert bench.state.is_idle
    assert bench.state.has_succeeded


def test_an_empty_plan_is_closed_at_once() -> None:
    assert Bench().accept() == ["close 1 True"]


def test_slots_go_to_the_longest_path_then_to_plan_order() -> None:
    bench = Bench(parallel=2)

    assert bench.accept(a_step("a"), a_step("b"), a_step("c", weight=3), a_step("d")) == [
        "begin c",
        "begin a",
    ]
    assert bench.end("c", at=1) == ["begin b"]


def test_nothing_begins_while_a_plan_is_being_made() -> None:
    bench = Bench(parallel=1)
    bench.accept(a_step("a"), a_step("b"))

    bench.look()
    assert bench.is_planning
    assert bench.end("a", at=1) == []
    assert bench.propose_again() == ["begin b"]


def test_a_newer_plan_replaces_what_has_not_started_and_waits_for_what_runs() -> None:
    bench = Bench(parallel=1)
    bench.accept(a_step("a"), a_step("b"))

    assert bench.accept(a_step("a", digest="d2"), a_step("c"), at=1) == ["dismiss b of 1: superseded"]
    assert bench.end("a", at=2) == ["close 1 False", "begin a"]
    assert bench.end("a", at=3) == ["begin c"]
    assert bench.end("c", at=4) == ["close 2 True"]


def test_prerequisites_with_errors_block_for_as_long_as_the_plan_lasts() -> None:
    bench = Bench()

    assert bench.accept(a_step("a", held_by=("x",)), a_step("b", after="a")) == [
        "dismiss a of 1: blocked",
        "dismiss b of 1: blocked",
        "close 1 False",
    ]


def test_the_end_of_a_run_that_nobody_knows_is_ignored() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    before = bench.state

    for run in (0, 7):
        assert bench.feed(RunEnded(run=run, result=a_result()), at=1) == []
    assert bench.effects == []
    assert bench.store.ended == {}
    assert bench.state.running == before.running
    assert bench.states == {"start a": "running"}


def test_the_end_of_a_run_is_heard_once() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    run = bench.running["a"].run
    bench.end("a", at=1)

    assert bench.feed(RunEnded(run=run, result=a_result(Outcome.FAILED)), at=2) == []
    assert bench.store.ended == {run: "succeeded"}


# ── an older run of a prerequisite ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_brought_up_lets_a_running_prerequisite_end_first_though_its_plan_does_not_name_it() -> None:
    bench = Bench(parallel=4)
    bench.accept(a_step("db", operator=REFRESH))
    api = a_step("api", operator=REFRESH, kind=Kind.ASKED, on=["db"])

    assert bench.accept(api, a_step("c"), at=1) == ["begin c"]
    assert progress(bench.state)[StepId(service="api", operator=REFRESH)].waiting_for == ("db",)
    assert bench.end("db", at=2) == ["close 1 True", "begin api"]


def test_what_goes_down_does_not_wait_for_a_running_prerequisite() -> None:
    bench = Bench(parallel=4)
    bench.accept(a_step("db", operator=REFRESH))

    assert bench.accept(a_step("api", operator=STOP, kind=Kind.ASKED, on=["db"]), at=1) == ["begin api"]


# ── what an event costs ─────────────────────────────────────────────────────────────────────────────────────────────


def _seconds_of(work: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count


def _seconds(count: int) -> tuple[float, float]:
    """What the end of one of so many steps and the beginning of the next one cost, without the store; and what a copy of the table costs."""
    bench = Bench(parallel=4)
    bench.accept(*[a_step(f"s{number}") for number in range(count)])
    numbers, now = itertools.count(1), Moment(1.0, 1.0)

    def one_after_the_other() -> None:
        number = next(numbers)
        bench.state, _ = handle(bench.state, RunEnded(run=number, result=a_result()), now)
        bench.state, _ = handle(bench.state, Prepared(ticket=number + 4), now)

    found = _seconds_of(one_after_the_other, 300)
    assert len(bench.state.running) == 4
    return found, _seconds_of(bench.state.table.copy, 100)


def test_an_event_costs_what_it_changes_not_what_waits() -> None:
    small = min(_seconds(1_000)[0] for _ in range(3))
    large, copy = (min(found) for found in zip(*(_seconds(16_000) for _ in range(3)), strict=True))

    # sixteen times the steps: each of the two events may copy the table; a walk over all steps costs several copies
    assert large < 8 * small + 4 * copy
