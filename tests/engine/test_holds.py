"""What waits for a person, from the command or the crash that says so until somebody lets it go."""

from dataclasses import replace

import pytest

from paiwatch.catalog.service import OnInterruption, Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine import holds as holding
from paiwatch.engine.events import Draining, LingeringEnded, RunEnded
from paiwatch.plan.applied import EVERYTHING, HeldBy, Hold
from paiwatch.plan.plan import Kind, Step, StepId
from tests.builders import a_desired, a_service
from tests.engine import steps
from tests.engine.bench import Bench, a_result
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import STOP

STEP = StepId(service="web", operator=Operator.REFRESH)


def test_only_what_asks_for_it_is_held() -> None:
    hold = holding.after_interruption(STEP, 7, OnInterruption.HOLD, at=5.0)

    assert holding.after_interruption(STEP, 7, OnInterruption.RERUN, at=5.0) is None
    assert hold is not None
    assert (hold.service, hold.by, hold.since) == ("web", HeldBy.INTERRUPTED, 5.0)
    assert hold.reason == "run 7 (refresh) was cut off; look at `paiwatch logs 7`, then `paiwatch retry web`"


@pytest.mark.parametrize("kind", [*Kind])
def test_processes_that_nobody_can_end_hold_back_whatever_is_asked(kind: Kind) -> None:
    hold = holding.lingering(STEP, 7, {31, 9}, since=5.0)

    assert holding.is_held(a_step(Operator.START, kind=kind), {"web": hold})
    assert not holding.lifts(a_step(Operator.START, kind=kind), hold)
    assert "-p 9,31` shows them" in hold.reason


def a_step(operator: Operator, *, kind: Kind) -> Step:
    return steps.a_step("web", operator=operator, kind=kind)


def test_a_stop_is_done_once_it_succeeded_and_a_start_that_begins_ends_it() -> None:
    hold = holding.asked("web", Operator.STOP, at=5.0)
    assert hold is not None
    assert not hold.done

    assert holding.fulfilled(a_step(Operator.DELETE, kind=Kind.ASKED), hold) is None
    assert holding.fulfilled(a_step(Operator.STOP, kind=Kind.REMOVED), hold) is None
    done = holding.fulfilled(a_step(Operator.STOP, kind=Kind.ASKED), hold)
    assert done == replace(hold, done=True)
    assert holding.fulfilled(a_step(Operator.STOP, kind=Kind.ASKED), done) is None

    assert holding.lifts(a_step(Operator.START, kind=Kind.ASKED), done)
    assert not holding.lifts(a_step(Operator.REFRESH, kind=Kind.ASKED), done)
    assert not holding.lifts(a_step(Operator.START, kind=Kind.CHANGED), done)


# ── in the engine ───────────────────────────────────────────────────────────────────────────────────────────────────


def held(*services: str, by: HeldBy) -> Bench:
    """A bench on which these are held so since an earlier life."""
    holds = {name: Hold(service=name, by=by, reason="", since=0.0) for name in services}
    return Bench(store=MemoryStore(holds=holds))


def test_a_held_service_and_its_dependents_wait_for_a_person() -> None:
    bench = Bench(desired=a_desired(a_service("a")))
    bench.command(commands.Suspend(service="a", reason="maintenance"))

    assert bench.accept(steps.a_step("a"), steps.a_step("b", after="a"), steps.a_step("c")) == ["begin c"]
    bench.end("c", at=1)
    assert bench.states["start a"] == "held"
    assert bench.state.is_idle
    assert not bench.state.is_settled
    request = bench.command(commands.Resume(service="a"), at=2)
    assert bench.propose_again() == ["begin a"]
    assert bench.answers[request] == {"resumed": True}


@pytest.mark.parametrize(
    ("by", "services", "begun"),
    [
        (HeldBy.STOPPED, "abc", ["begin a", "begin b"]),
        (HeldBy.DELETED, "abc", ["begin a", "begin b"]),
        (HeldBy.SUSPENDED, EVERYTHING, ["begin a"]),
        (HeldBy.INTERRUPTED, "abc", ["begin a"]),
    ],
)
def test_holds_let_pass_what_a_person_asked_for_and_removals_unless_suspended(
    by: HeldBy, services: str, begun: list[str]
) -> None:
    found = held(*services, by=by).accept(
        steps.a_step("a", kind=Kind.ASKED),
        steps.a_step("b", operator=STOP, kind=Kind.REMOVED),
        steps.a_step("c"),
    )

    assert found == begun


def test_a_hold_ends_with_the_beginning_of_the_start_and_not_before() -> None:
    bench = held("a", by=HeldBy.STOPPED)
    bench.prepares = False
    bench.accept(steps.a_step("a", kind=Kind.ASKED))
    assert "a" in bench.store.holds

    bench.prepare("a")

    assert "a" not in bench.store.holds


def test_a_stop_holds_with_its_plan_and_is_done_with_its_end() -> None:
    bench = Bench(desired=a_desired(a_service("a")), plans=True)
    bench.look()
    bench.end("a")

    bench.command(commands.Service(operator=STOP, names=("a",)))
    assert (bench.store.holds["a"].by, bench.store.holds["a"].done) == (HeldBy.STOPPED, False)
    bench.end("a")

    assert bench.store.holds["a"].done


def test_a_stop_that_fails_is_never_called_done() -> None:
    bench = Bench(desired=a_desired(a_service("a")), plans=True)
    bench.look()
    bench.end("a")
    request = bench.command(commands.Service(operator=STOP, names=("a",)))

    bench.end("a", Outcome.FAILED)

    assert not bench.store.holds["a"].done
    assert bench.answers[request] == {"steps": 1, "left_out": [], "succeeded": False}


@pytest.mark.parametrize(("by", "left"), [(HeldBy.STOPPED, set()), (HeldBy.QUARANTINED, {"a"})])
def test_what_is_gone_for_good_is_forgotten_with_the_stop_that_held_it(by: HeldBy, left: set[str]) -> None:
    bench = held("a", by=by)
    bench.accept(steps.a_step("a", operator=STOP, kind=Kind.REMOVED))
    assert "a" in bench.store.applied

    bench.end("a")

    assert bench.store.applied == {}
    assert set(bench.store.holds) == left


def test_what_a_person_took_down_cannot_be_suspended() -> None:
    bench = held("a", by=HeldBy.DELETED)
    bench.look(a_desired(a_service("a")))
    bench.propose()

    request = bench.command(commands.Suspend(service="a"))

    assert "a is deleted by a person" in str(bench.answers[request])
    assert bench.store.holds["a"].by is HeldBy.DELETED


def test_a_run_that_was_cut_off_holds_its_service_where_the_release_asks_for_that() -> None:
    first = Bench()
    first.accept(
        steps.a_step("a", interrupted=OnInterruption.HOLD),
        steps.a_step("b", interrupted=OnInterruption.RERUN),
    )

    bench = first.another_life()

    assert {name: hold.by for name, hold in bench.store.holds.items()} == {"a": HeldBy.INTERRUPTED}
    assert set(bench.store.ended.values()) == {"interrupted"}
    assert bench.accept(steps.a_step("a"), steps.a_step("b")) == ["begin b"]


def test_a_script_that_the_drain_cut_off_holds_its_service_and_one_that_never_began_does_not() -> None:
    for begun in (True, False):
        bench = Bench()
        bench.accept(steps.a_step("a", interrupted=OnInterruption.HOLD))
        bench.feed(Draining())
        ended = RunEnded(run=bench.running["a"].run, result=a_result(Outcome.INTERRUPTED, begun=begun))

        bench.feed(ended)

        assert ("a" in bench.store.holds) is begun


def test_a_retry_lets_go_what_was_cut_off_and_leaves_what_a_person_holds() -> None:
    bench = held("a", by=HeldBy.INTERRUPTED)
    bench.store.holds["b"] = Hold(service="b", by=HeldBy.SUSPENDED, reason="", since=0.0)
    bench = bench.another_life()
    bench.accept(steps.a_step("a"), steps.a_step("b"))

    request = bench.command(commands.Retry())
    bench.propose_again()

    assert set(bench.running) == {"a"}
    assert set(bench.store.holds) == {"b"}
    assert bench.answers[request] == {"services": ["a"], "rollbacks_ended": [], "remark": ""}


def test_processes_that_nobody_could_end_hold_their_service_until_they_are_gone() -> None:
    bench = Bench()
    bench.accept(steps.a_step("a"), steps.a_step("b"))
    run = bench.running.pop("a").run
    bench.feed(RunEnded(run=run, result=a_result(Outcome.FAILED, lingering=frozenset({7}))), at=1)

    assert bench.tick(100) == []
    assert bench.states["start a"] == "held"
    assert bench.feed(LingeringEnded(runs=frozenset({run})), at=101) == ["begin a"]
