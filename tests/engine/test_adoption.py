"""When a run that a newer plan finds going is the very work that plan asks for."""

from paiwatch.domain.run import Outcome
from tests.engine.bench import Bench
from tests.engine.steps import STOP, a_restart, a_step


def test_the_same_work_is_adopted_and_counts_for_both() -> None:
    bench = Bench()
    bench.accept(a_step("a"))

    assert bench.accept(a_step("a"), a_step("b", after="a"), at=1) == []
    assert bench.states == {"start a": "running", "start b": "waiting"}
    assert bench.end("a", at=2) == ["close 1 True", "begin b"]
    assert bench.end("b", at=3) == ["close 2 True"]


def test_the_failure_of_adopted_work_counts_as_an_attempt() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.accept(a_step("a"), at=1)

    assert bench.end("a", Outcome.FAILED, at=2) == ["close 1 False"]
    assert bench.state.wake_at is not None
    assert bench.tick(50) == ["begin a"]
    assert (bench.began("a").generation, bench.began("a").attempt) == (2, 2)


def test_work_is_not_adopted_when_it_began_before_its_prerequisite_changed() -> None:
    bench = Bench()
    bench.accept(a_step("b"))

    bench.accept(a_step("a"), a_step("b", after="a"), at=1)
    assert bench.end("a", at=2) == []
    assert bench.end("b", at=3) == ["close 1 True", "begin b"]


def test_stale_work_is_not_adopted_later_either() -> None:
    bench = Bench()
    bench.accept(a_step("a"), a_step("b", after="a"))
    bench.end("a", at=1)
    bench.accept(a_step("a", digest="d2"), a_step("b", after="a"), at=2)
    bench.end("a", at=3)

    bench.accept(a_step("b"), at=4)
    assert bench.end("b", at=5) == ["close 1 True", "begin b"]


def test_work_is_not_adopted_when_its_service_stands_on_more_by_now() -> None:
    bench = Bench()
    bench.accept(a_step("b", on="c"))

    bench.accept(a_step("b", on=("a", "c")), at=1)
    assert bench.end("b", at=2) == ["close 1 True", "begin b"]


def test_a_removal_is_adopted_whatever_its_service_stands_on_by_now() -> None:
    bench = Bench()
    bench.accept(a_step("b", operator=STOP))

    bench.accept(a_step("b", operator=STOP, on="a"), at=1)
    assert bench.end("b", at=2) == ["close 1 True", "close 2 True"]


def test_work_whose_service_stands_on_less_by_now_is_adopted() -> None:
    bench = Bench()
    bench.accept(a_step("b", on=("a", "c")))

    bench.accept(a_step("b", on="c"), at=1)
    assert bench.end("b", at=2) == ["close 1 True", "close 2 True"]


def test_the_start_of_a_restart_is_adopted_with_its_stop() -> None:
    bench = Bench()
    bench.accept(*a_restart("a"))
    bench.end("a", at=1)

    assert bench.accept(*a_restart("a"), at=2) == ["dismiss a of 2: superseded"]
    assert bench.end("a", at=3) == ["close 1 True", "close 2 True"]


def test_a_plain_start_is_no_restart() -> None:
    bench = Bench()
    bench.accept(a_step("a"))

    assert bench.accept(*a_restart("a"), at=1) == []
    assert bench.end("a", at=2) == ["close 1 True", "begin a"]
    assert bench.began("a").step.id.operator is STOP
