"""The machine's rules one by one; `test_simulation` has them all at once."""

import time
from collections.abc import Iterable
from dataclasses import replace

from paiwatch.catalog.service import Operator, Retries
from paiwatch.convergence.events import (
    Begin,
    Close,
    Dismiss,
    Draining,
    Ended,
    Failures,
    HoldsChanged,
    Intent,
    Limits,
    Outcome,
    Planned,
    Quarantine,
    Retried,
    RolledBack,
    Tick,
    Wake,
)
from paiwatch.convergence.machine import Machine
from paiwatch.convergence.progress import is_idle, is_settled, progress
from paiwatch.domain.run_spec import RunSpec
from paiwatch.plan.applied import EVERYTHING, HeldBy, Hold
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from tests.builders import ALL_SCRIPTS

START, STOP, REFRESH = Operator.START, Operator.STOP, Operator.REFRESH
RETRIES = Retries(attempts=2, first=10.0, max=300.0)


def a_step(
    service: str,
    *,
    after: Iterable[str] = (),
    operator: Operator = START,
    digest: str = "d1",
    kind: Kind = Kind.CHANGED,
    weight: int = 1,
    waits: Iterable[StepId] = (),
    held_by: tuple[str, ...] = (),
    last: bool = True,
) -> Step:
    """A step that waits for the starts of these services."""
    needs = tuple(after)
    return Step(
        id=StepId(service=service, operator=operator),
        kind=kind,
        digest=digest,
        spec=RunSpec(scripts=ALL_SCRIPTS, folder=f"src/{service}", timeout=60.0, retries=RETRIES),
        reasons=(),
        waits=tuple(waits) or tuple(StepId(service=other, operator=START) for other in needs),
        held_by=held_by,
        prerequisites=needs,
        weight=weight,
        last=last,
    )


def a_restart(service: str, digest: str = "d1") -> tuple[Step, Step]:
    """Stop, then start."""
    stop = a_step(service, operator=STOP, digest=digest, last=False)
    return stop, a_step(service, digest=digest, waits=(stop.id,))


def planned(generation: int, *steps: Step) -> Planned:
    return Planned(plan=Plan(digest=str(generation), config="c", src="s", steps=steps), generation=generation)


def ended(
    service: str,
    *,
    generation: int = 1,
    operator: Operator = START,
    outcome: Outcome = Outcome.SUCCEEDED,
) -> Ended:
    return Ended(
        step=StepId(service=service, operator=operator), digest="d1", generation=generation, outcome=outcome
    )


def held(*services: str, by: HeldBy = HeldBy.SUSPENDED) -> HoldsChanged:
    return HoldsChanged(
        holds={service: Hold(service=service, by=by, reason="", since=0.0) for service in services}
    )


def told(intents: Iterable[Intent]) -> list[str]:
    """The intents in short: `["begin a", "close 1 True"]`."""
    words = []
    for intent in intents:
        match intent:
            case Begin(step=step):
                words.append(f"begin {step.id.service}")
            case Dismiss(step=step, generation=generation, outcome=outcome):
                words.append(f"dismiss {step.id.service} of {generation}: {outcome}")
            case Quarantine(step=step):
                words.append(f"quarantine {step.id.service}")
            case Close(generation=generation, succeeded=succeeded):
                words.append(f"close {generation} {succeeded}")
            case Wake():
                words.append("wake")
    return words


def states(machine: Machine) -> dict[str, str]:
    return {str(step): each.state for step, each in progress(machine).items()}


def test_steps_run_as_soon_as_they_may_and_the_generation_closes() -> None:
    machine = Machine(Limits(parallel=4))

    assert told(machine.step(planned(1, a_step("a"), a_step("b", after="a"), a_step("c")), 0)) == [
        "begin a",
        "begin c",
    ]
    assert states(machine) == {"start a": "running", "start b": "waiting", "start c": "running"}
    assert progress(machine)[StepId(service="b", operator=START)].waiting_for == ("a",)
    assert told(machine.step(ended("a"), 1)) == ["begin b"]
    assert told(machine.step(ended("c"), 2)) == []
    assert told(machine.step(ended("b"), 3)) == ["close 1 True"]
    assert is_settled(machine)
    assert is_idle(machine)


def test_an_empty_plan_is_closed_at_once() -> None:
    machine = Machine(Limits())

    assert told(machine.step(planned(1), 0)) == ["close 1 True"]


def test_slots_go_to_the_longest_path_then_to_plan_order() -> None:
    machine = Machine(Limits(parallel=2))
    plan = planned(1, a_step("a"), a_step("b"), a_step("c", weight=3), a_step("d"))

    assert told(machine.step(plan, 0)) == ["begin c", "begin a"]
    assert told(machine.step(ended("c"), 1)) == ["begin b"]


def test_a_failure_rests_is_tried_again_and_then_quarantined() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a"), a_step("b", after="a"), a_step("c", after="b"), a_step("z")), 0)

    (wake,) = machine.step(ended("a", outcome=Outcome.FAILED), 100)
    assert isinstance(wake, Wake)
    assert 105 <= wake.at <= 110
    assert states(machine)["start a"] == "backing-off"
    assert told(machine.step(Tick(), wake.at - 0.1)) == ["wake"]
    (begin,) = machine.step(Tick(), wake.at)
    assert isinstance(begin, Begin)
    assert begin.attempt == 2
    assert told(machine.step(ended("a", outcome=Outcome.TIMED_OUT), 200)) == [
        "quarantine a",
        "dismiss b of 1: blocked",
        "dismiss c of 1: blocked",
    ]
    assert told(machine.step(ended("z"), 201)) == ["close 1 False"]
    assert states(machine) == {
        "start a": "failed",
        "start b": "blocked",
        "start c": "blocked",
        "start z": "succeeded",
    }


def quarantined() -> Machine:
    """A machine that knows that release d1 of a is quarantined."""
    book = {("a", "d1"): Failures(attempts=2, not_before=0.0, quarantined=True)}
    return Machine(Limits(), failures=book)


def test_an_unrelated_plan_does_not_retry_what_is_quarantined() -> None:
    machine = quarantined()

    assert told(machine.step(planned(1, a_step("a"), a_step("b", after="a"), a_step("c")), 0)) == [
        "dismiss a of 1: blocked",
        "dismiss b of 1: blocked",
        "begin c",
    ]


def test_the_fix_runs_at_once() -> None:
    assert told(quarantined().step(planned(1, a_step("a", digest="d2")), 0)) == ["begin a"]


def test_a_prerequisite_applied_anew_is_a_new_chance() -> None:
    machine = quarantined()

    assert told(machine.step(planned(1, a_step("p"), a_step("a", after="p")), 0)) == ["begin p"]
    assert told(machine.step(ended("p"), 1)) == ["begin a"]


def test_what_a_person_asks_for_is_tried() -> None:
    assert told(quarantined().step(planned(1, a_step("a", kind=Kind.ASKED)), 0)) == ["begin a"]


def test_a_removal_is_not_quarantined_by_failed_starts() -> None:
    removal = a_step("a", operator=STOP, kind=Kind.REMOVED)

    assert told(quarantined().step(planned(1, removal), 0)) == ["begin a"]


def test_failures_of_a_removal_still_count_after_a_restart() -> None:
    book = {("a", "d1"): Failures(attempts=2, not_before=0.0, quarantined=True)}
    machine = Machine(Limits(), failures=book, removing=["a"])
    removal = a_step("a", operator=STOP, kind=Kind.REMOVED)

    assert told(machine.step(planned(1, removal), 0)) == ["dismiss a of 1: blocked", "close 1 False"]


def test_what_had_all_its_tries_before_a_death_is_quarantined_without_another() -> None:
    used_up = Failures(attempts=RETRIES.attempts, not_before=99.0)
    machine = Machine(Limits(), failures={("a", "d1"): used_up})

    first, *others = machine.step(planned(1, a_step("a"), a_step("b", after="a")), 0)

    assert first == Quarantine(step=a_step("a"), generation=1, attempts=used_up.attempts)
    assert told(others) == ["dismiss b of 1: blocked", "close 1 False"]


def test_a_retry_lets_the_next_plan_try_again() -> None:
    machine = quarantined()
    machine.step(planned(1, a_step("a")), 0)

    assert told(machine.step(Retried(), 1)) == []
    assert told(machine.step(planned(2, a_step("a")), 1)) == ["begin a"]


def test_a_retry_ends_a_rest() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a"), a_step("b")), 0)
    machine.step(ended("a", outcome=Outcome.FAILED), 1)
    machine.step(ended("b", outcome=Outcome.FAILED), 1)

    (begin, wake) = machine.step(Retried(services=frozenset({"a"})), 1)
    assert isinstance(begin, Begin)
    assert (begin.step.id.service, begin.attempt) == ("a", 1)
    assert isinstance(wake, Wake)


def test_a_rest_goes_on_across_plans() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)
    machine.step(ended("a", outcome=Outcome.FAILED), 1)

    assert told(machine.step(planned(2, a_step("a"), a_step("b")), 2)) == [
        "dismiss a of 1: superseded",
        "begin b",
        "close 1 False",
        "wake",
    ]


def test_an_interruption_does_not_count_but_rests_ever_longer() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)

    rests = []
    for moment in (100, 200, 300):
        (wake,) = machine.step(ended("a", outcome=Outcome.INTERRUPTED), moment)
        assert isinstance(wake, Wake)
        rests.append(wake.at - moment)
        (begin,) = machine.step(Tick(), wake.at)
        assert isinstance(begin, Begin)
        assert begin.attempt == 1

    assert [5 <= rests[0] <= 10, 10 <= rests[1] <= 20, 20 <= rests[2] <= 40] == [True] * 3


def test_a_failure_that_counts_makes_interruptions_rest_as_at_first() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)
    for moment, outcome in ((100, Outcome.INTERRUPTED), (200, Outcome.FAILED)):
        (wake,) = machine.step(ended("a", outcome=outcome), moment)
        assert isinstance(wake, Wake)
        machine.step(Tick(), wake.at)

    (wake,) = machine.step(ended("a", outcome=Outcome.INTERRUPTED), 300)

    assert isinstance(wake, Wake)
    assert 5 <= wake.at - 300 <= 10


def test_a_newer_plan_replaces_what_has_not_started_and_waits_for_what_runs() -> None:
    machine = Machine(Limits(parallel=1))
    machine.step(planned(1, a_step("a"), a_step("b")), 0)

    assert told(machine.step(planned(2, a_step("a", digest="d2"), a_step("c")), 1)) == [
        "dismiss b of 1: superseded",
    ]
    assert told(machine.step(ended("a"), 2)) == ["begin a", "close 1 False"]
    assert told(machine.step(ended("a", generation=2), 3)) == ["begin c"]
    assert told(machine.step(ended("c", generation=2), 4)) == ["close 2 True"]


def test_the_same_work_is_adopted_and_counts_for_both() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)

    assert told(machine.step(planned(2, a_step("a"), a_step("b", after="a")), 1)) == []
    assert states(machine) == {"start a": "running", "start b": "waiting"}
    assert told(machine.step(ended("a"), 2)) == ["begin b", "close 1 True"]
    assert told(machine.step(ended("b", generation=2), 3)) == ["close 2 True"]


def test_the_failure_of_adopted_work_counts_as_an_attempt() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)
    machine.step(planned(2, a_step("a")), 1)

    assert told(machine.step(ended("a", outcome=Outcome.FAILED), 2)) == ["close 1 False", "wake"]
    (begin,) = machine.step(Tick(), 50)
    assert isinstance(begin, Begin)
    assert (begin.generation, begin.attempt) == (2, 2)


def test_work_is_not_adopted_when_it_began_before_its_prerequisite_changed() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("b")), 0)

    machine.step(planned(2, a_step("a"), a_step("b", after="a")), 1)
    assert told(machine.step(ended("a", generation=2), 2)) == []
    assert told(machine.step(ended("b", generation=1), 3)) == ["begin b", "close 1 True"]


def test_stale_work_is_not_adopted_later_either() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a"), a_step("b", after="a")), 0)
    machine.step(ended("a"), 1)
    machine.step(planned(2, a_step("a", digest="d2"), a_step("b", after="a")), 2)
    machine.step(ended("a", generation=2), 3)

    machine.step(planned(3, a_step("b")), 4)
    assert told(machine.step(ended("b", generation=1), 5)) == ["begin b", "close 1 True"]


def test_the_start_of_a_restart_is_adopted_with_its_stop() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, *a_restart("a")), 0)
    machine.step(ended("a", operator=STOP), 1)

    assert told(machine.step(planned(2, *a_restart("a")), 2)) == ["dismiss a of 2: superseded"]
    assert told(machine.step(ended("a"), 3)) == ["close 1 True", "close 2 True"]


def test_a_plain_start_is_no_restart() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)

    assert told(machine.step(planned(2, *a_restart("a")), 1)) == []
    (begin, _) = machine.step(ended("a"), 2)
    assert isinstance(begin, Begin)
    assert begin.step.id.operator is STOP


def test_only_the_start_of_a_restart_is_tried_again() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, *a_restart("a")), 0)
    machine.step(ended("a", operator=STOP), 1)
    machine.step(ended("a", outcome=Outcome.FAILED), 2)

    (begin,) = machine.step(Tick(), 50)
    assert isinstance(begin, Begin)
    assert begin.step.id.operator is START


def test_the_stop_of_a_restart_does_not_excuse_its_start() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, *a_restart("a")), 0)
    machine.step(ended("a", operator=STOP), 1)
    machine.step(ended("a", outcome=Outcome.FAILED), 2)
    machine.step(planned(2, *a_restart("a")), 50)

    machine.step(ended("a", generation=2, operator=STOP), 51)
    assert told(machine.step(ended("a", generation=2, outcome=Outcome.FAILED), 52)) == [
        "quarantine a",
        "close 2 False",
    ]


def test_a_held_service_and_its_dependents_wait_for_a_person() -> None:
    machine = Machine(Limits())
    machine.step(held("a"), 0)

    assert told(machine.step(planned(1, a_step("a"), a_step("b", after="a"), a_step("c")), 0)) == ["begin c"]
    machine.step(ended("c"), 1)
    assert states(machine)["start a"] == "held"
    assert is_idle(machine)
    assert not is_settled(machine)
    assert told(machine.step(held(), 2)) == ["begin a"]


def test_holds_let_pass_what_a_person_asked_for_and_removals_unless_suspended() -> None:
    plan = planned(
        1,
        a_step("a", kind=Kind.ASKED),
        a_step("b", operator=STOP, kind=Kind.REMOVED),
        a_step("c"),
    )

    stopped = Machine(Limits(), holds=held("a", "b", "c", by=HeldBy.STOPPED).holds)
    assert told(stopped.step(plan, 0)) == ["begin a", "begin b"]
    suspended = Machine(Limits(), holds=held(EVERYTHING).holds)
    assert told(suspended.step(plan, 0)) == ["begin a"]
    interrupted = Machine(Limits(), holds=held("a", "b", "c", by=HeldBy.INTERRUPTED).holds)
    assert told(interrupted.step(plan, 0)) == ["begin a"]


def test_prerequisites_with_errors_block_for_as_long_as_the_plan_lasts() -> None:
    machine = Machine(Limits())

    assert told(machine.step(planned(1, a_step("a", held_by=("x",)), a_step("b", after="a")), 0)) == [
        "dismiss a of 1: blocked",
        "dismiss b of 1: blocked",
        "close 1 False",
    ]


def test_draining_begins_nothing_and_gives_every_step_its_outcome() -> None:
    machine = Machine(Limits(parallel=1))
    machine.step(planned(1, a_step("a"), a_step("b")), 0)

    assert told(machine.step(Draining(), 1)) == ["dismiss b of 1: superseded"]
    assert told(machine.step(planned(2, a_step("c")), 2)) == ["dismiss c of 2: superseded", "close 2 False"]
    assert told(machine.step(ended("a"), 3)) == ["close 1 False"]
    assert is_idle(machine)


def test_the_end_of_a_run_that_nobody_knows_is_ignored() -> None:
    machine = Machine(Limits())
    machine.step(planned(1, a_step("a")), 0)

    assert machine.step(ended("a", generation=7), 1) == ()
    assert machine.step(ended("b"), 1) == ()
    assert states(machine) == {"start a": "running"}


def test_an_event_costs_what_it_changes_not_what_waits() -> None:
    def per_event(count: int) -> float:
        machine = Machine(Limits(parallel=4))
        steps = [a_step(f"s{number}") for number in range(count)]
        machine.step(planned(1, *steps), 0)
        began = time.process_time()
        for number in range(500):
            machine.step(ended(f"s{number}"), number)
        return (time.process_time() - began) / 500

    small = min(per_event(1_000) for _ in range(3))
    large = min(per_event(16_000) for _ in range(3))

    assert large < 8 * small  # sixteen times the steps; a walk over all of them would show


def test_a_rollback_that_succeeds_leaves_the_release_it_replaces_quarantined() -> None:
    machine = quarantined()
    back = replace(a_step("a", digest="d0"), instead_of="d1")
    machine.step(planned(1, back), 0)
    machine.step(Ended(step=back.id, digest="d0", generation=1, outcome=Outcome.SUCCEEDED), 1)

    assert machine.failing.look_up(a_step("a")).quarantined
    assert told(machine.step(planned(2, a_step("a", digest="d2")), 2)) == ["begin a"]
    machine.step(Ended(step=back.id, digest="d2", generation=2, outcome=Outcome.SUCCEEDED), 3)
    assert not machine.failing.look_up(a_step("a")).quarantined


def test_a_person_who_rolls_back_quarantines_one_release_and_forgives_the_other() -> None:
    machine = quarantined()

    machine.step(RolledBack(service="a", instead_of="d2", release="d1"), 0)

    assert told(machine.step(planned(1, a_step("a", digest="d2")), 0)) == [
        "dismiss a of 1: blocked",
        "close 1 False",
    ]
    assert told(machine.step(planned(2, a_step("a")), 0)) == ["begin a"]


def a_step_on(prerequisite: str, service: str, *, operator: Operator = REFRESH) -> Step:
    """A step that a person asked for by itself: it waits for no other step of its plan."""
    return replace(a_step(service, operator=operator, kind=Kind.ASKED), prerequisites=(prerequisite,))


def test_what_is_brought_up_lets_a_running_prerequisite_end_first_though_its_plan_does_not_name_it() -> None:
    machine = Machine(Limits(parallel=4))
    machine.step(planned(1, a_step("db", operator=REFRESH)), 0)

    assert told(machine.step(planned(2, a_step_on("db", "api"), a_step("c")), 1)) == ["begin c"]
    assert progress(machine)[StepId(service="api", operator=REFRESH)].waiting_for == ("db",)
    assert told(machine.step(ended("db", operator=REFRESH), 2)) == ["begin api", "close 1 True"]


def test_what_goes_down_does_not_wait_for_a_running_prerequisite() -> None:
    machine = Machine(Limits(parallel=4))
    machine.step(planned(1, a_step("db", operator=REFRESH)), 0)

    assert told(machine.step(planned(2, a_step_on("db", "api", operator=STOP)), 1)) == ["begin api"]


def back_to_what_is_quarantined() -> Machine:
    """Release d1 of a is quarantined, d2 runs, and a newer plan asks for d1 again."""
    machine = quarantined()
    machine.step(planned(1, a_step("a", digest="d2")), 0)
    assert told(machine.step(planned(2, a_step("a"), a_step("b", after="a")), 1)) == []
    return machine


def test_a_success_of_another_release_forgives_also_what_is_asked_for_meanwhile() -> None:
    machine = back_to_what_is_quarantined()

    assert told(machine.step(ended("a"), 2)) == ["begin a", "close 1 True"]


def test_what_is_quarantined_stays_so_when_the_run_before_it_fails() -> None:
    machine = back_to_what_is_quarantined()

    assert told(machine.step(ended("a", outcome=Outcome.FAILED), 2)) == [
        "dismiss a of 2: blocked",
        "dismiss b of 2: blocked",
        "close 1 False",
        "close 2 False",
    ]
