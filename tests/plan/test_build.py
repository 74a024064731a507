"""Plans: what runs, in which order, and that nothing else does."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import (
    Dependents,
    OnChange,
    OnInterruption,
    Operator,
    Prerequisite,
    Removal,
    Service,
)
from paiwatch.plan.applied import Applied
from paiwatch.plan.plan import Kind, Plan, Step, StepId
from paiwatch.plan.policy import Policy
from paiwatch.problem import Severity
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied, scripts
from tests.planning import build

START, STOP, DELETE, REFRESH = Operator.START, Operator.STOP, Operator.DELETE, Operator.REFRESH
POLICY = Policy()
Value = TypeVar("Value")


def verbs(plan: Plan) -> list[str]:
    """`["stop a", "start a"]`, in plan order."""
    return [str(step.id) for step in plan.steps]


def by_id(plan: Plan) -> dict[str, Step]:
    return {str(step.id): step for step in plan.steps}


def test_a_service_without_memory_is_started() -> None:
    plan = build(a_desired(a_service("grafana")), {}, POLICY)

    assert verbs(plan) == ["start grafana"]
    assert plan.steps[0].kind is Kind.NEW
    assert plan.steps[0].reasons[0].kind == "new"
    assert plan.releases.keys() == {"grafana"}


def test_what_is_applied_needs_nothing() -> None:
    desired = a_desired(a_service("a"), a_service("b", needs=("a",)))

    assert build(desired, all_applied(desired), POLICY).steps == ()


@pytest.mark.parametrize(
    ("on_change", "has", "expected"),
    [
        pytest.param(None, (START, STOP, REFRESH), ["refresh a"], id="default is refresh"),
        pytest.param(None, (START, STOP), ["stop a", "start a"], id="no refresh-script: restart"),
        pytest.param(None, (START,), ["start a"], id="neither: start"),
        pytest.param(OnChange.REFRESH, (START, STOP), ["stop a", "start a"], id="refresh falls back"),
        pytest.param(OnChange.RESTART, (START, STOP, REFRESH), ["stop a", "start a"], id="restart"),
        pytest.param(OnChange.RESTART, (START, REFRESH), ["start a"], id="restart without stop-script"),
        pytest.param(OnChange.START, (START, STOP, REFRESH), ["start a"], id="start"),
        pytest.param(None, (REFRESH,), ["refresh a"], id="only a refresh-script"),
        pytest.param(OnChange.START, (REFRESH,), ["refresh a"], id="start without start-script"),
        pytest.param(None, (STOP, DELETE), [], id="nothing brings it up"),
    ],
)
def test_on_change_and_scripts_choose_the_operator(
    on_change: OnChange | None, has: tuple[Operator, ...], expected: list[str]
) -> None:
    service = a_service("a", scripts=scripts(*has), on_change=on_change)
    memory = all_applied(a_desired(service))

    plan = build(a_desired(service, texts={"a": "second"}), memory, POLICY)

    assert verbs(plan) == expected
    assert [problem.service for problem in plan.problems] == ([] if expected else ["a"])


def test_a_restart_is_two_steps_and_only_the_start_makes_it_applied() -> None:
    service = a_service("a", scripts=scripts(START, STOP))
    plan = build(a_desired(service, texts={"a": "second"}), all_applied(a_desired(service)), POLICY)

    stop, start = plan.steps
    assert (stop.id.operator, stop.last, stop.level, stop.weight) == (STOP, False, 0, 2)
    assert (start.id.operator, start.last, start.level, start.weight) == (START, True, 1, 1)
    assert start.waits == (stop.id,)
    assert stop.digest == start.digest


def test_dependents_of_a_restart_wait_for_its_start() -> None:
    first = a_desired(a_service("a", scripts=scripts(START, STOP)), a_service("b", needs=("a",)))
    plan = build(
        replace(first, releases={**first.releases, "a": a_release("a", {"start.sh": "2"})}),
        all_applied(first),
        POLICY,
    )

    assert verbs(plan) == ["stop a", "start a", "refresh b"]
    assert by_id(plan)["refresh b"].waits == (StepId(service="a", operator=START),)


def test_a_run_that_did_not_succeed_makes_its_service_changed() -> None:
    desired = a_desired(a_service("a"))
    memory = {"a": an_applied(desired.releases["a"], touched="f" * 64, touched_by=REFRESH)}

    plan = build(desired, memory, POLICY)

    assert verbs(plan) == ["refresh a"]
    assert plan.steps[0].kind is Kind.CHANGED
    assert [reason.kind for reason in plan.steps[0].reasons] == ["unfinished"]


@pytest.mark.parametrize("operator", [START, STOP, DELETE])
def test_what_may_be_down_is_restarted_not_refreshed(operator: Operator) -> None:
    desired = a_desired(a_service("a"))
    memory = {"a": an_applied(desired.releases["a"], touched="f" * 64, touched_by=operator)}

    assert verbs(build(desired, memory, POLICY)) == ["stop a", "start a"]


def test_a_first_start_that_failed_is_a_start_again() -> None:
    desired = a_desired(a_service("a"))
    memory = {"a": Applied(service="a", touched=desired.releases["a"].digest, touched_by=START)}

    plan = build(desired, memory, POLICY)

    assert verbs(plan) == ["start a"]
    assert plan.steps[0].kind is Kind.NEW
    assert [reason.kind for reason in plan.steps[0].reasons] == ["new", "unfinished"]


def test_an_edge_may_only_order() -> None:
    edge = Prerequisite(service="a", dependents=Dependents.IGNORE)
    first = a_desired(a_service("a"), a_service("b", needs=(edge,)), a_service("c", needs=("a",)))
    memory = all_applied(first)
    second = replace(first, releases={**first.releases, "a": a_release("a", {"start.sh": "2"})})

    assert verbs(build(second, memory, POLICY)) == ["refresh a", "refresh c"]
    assert verbs(build(second, memory, Policy(dependents=Dependents.IGNORE))) == ["refresh a"]

    both = replace(second, releases={**second.releases, "b": a_release("b", {"start.sh": "2"})})
    plan = build(both, memory, Policy(dependents=Dependents.IGNORE))
    assert by_id(plan)["refresh b"].waits == (StepId(service="a", operator=REFRESH),)


def test_a_refresh_still_owed_survives() -> None:
    desired = a_desired(a_service("a"), a_service("b", needs=("a",)), a_service("c", needs=("b",)))
    memory = all_applied(desired)
    memory["a"] = replace(memory["a"], version=7)

    plan = build(desired, memory, POLICY)

    assert verbs(plan) == ["refresh b", "refresh c"]
    assert [step.kind for step in plan.steps] == [Kind.DEPENDENT, Kind.DEPENDENT]
    assert by_id(plan)["refresh b"].reasons[0].chain == ("a",)
    assert by_id(plan)["refresh c"].reasons[0].chain == ("b", "a")


def test_a_prerequisite_that_is_only_in_memory_owes_nothing() -> None:
    desired = a_desired(a_service("b", needs=("a",)))
    memory = all_applied(desired)
    memory["a"] = an_applied(a_release("a"), version=9)

    plan = build(desired, memory, POLICY)

    assert plan.steps == ()
    assert plan.kept == ("a",)


def test_waits_pass_through_services_without_steps() -> None:
    ignore = Prerequisite(service="a", dependents=Dependents.IGNORE)
    first = a_desired(a_service("a"), a_service("m", needs=(ignore,)), a_service("z", needs=("m",)))
    second = replace(
        first,
        releases={name: a_release(name, {"start.sh": "2"}) for name in "az"} | {"m": first.releases["m"]},
    )

    plan = build(second, all_applied(first), POLICY)

    assert verbs(plan) == ["refresh a", "refresh z"]
    assert plan.steps[1].waits == (plan.steps[0].id,)


def test_errors_in_a_prerequisite_hold_what_stands_on_it_with_a_warning() -> None:
    services = (a_service("cache"), a_service("m", needs=("cache",)), a_service("portal", needs=("m",)))
    memory = all_applied(a_desired(*services))
    second = a_desired(*services, texts={"portal": "second"}, invalid=("cache",))

    plan = build(second, memory, POLICY)

    assert verbs(plan) == ["refresh portal"]
    assert plan.steps[0].held_by == ("cache",)
    (problem,) = plan.problems
    assert problem.severity is Severity.WARNING
    assert (
        str(problem) == "src/portal/deploy/service.yaml: 'portal' waits: its prerequisite 'cache' has errors"
    )


def test_a_service_that_is_gone_keeps_what_its_release_said_of_being_cut_off() -> None:
    memory = {
        "said": an_applied(a_release("said"), interrupted=OnInterruption.HOLD),
        "silent": an_applied(a_release("silent")),
    }

    plan = build(a_desired(), memory, Policy(removed=Removal.STOP))

    assert {step.id.service: step.spec.interrupted for step in plan.steps} == {
        "said": OnInterruption.HOLD,
        "silent": OnInterruption.RERUN,
    }


def test_an_invalid_service_is_never_removed() -> None:
    first = a_desired(a_service("a"))
    gone = replace(a_desired(), invalid=frozenset({"a"}))

    plan = build(gone, all_applied(first), Policy(removed=Removal.DELETE))

    assert plan.steps == ()
    assert plan.kept == ()


@pytest.mark.parametrize(
    ("removed", "has", "steps", "kept", "warned"),
    [
        pytest.param(Removal.KEEP, (STOP, DELETE), [], ("a",), [], id="keep"),
        pytest.param(Removal.STOP, (STOP, DELETE), ["stop a"], (), [], id="stop"),
        pytest.param(Removal.DELETE, (STOP, DELETE), ["delete a"], (), [], id="delete"),
        pytest.param(Removal.DELETE, (STOP,), ["stop a"], (), [], id="delete falls back to stop"),
        pytest.param(Removal.STOP, (DELETE,), [], ("a",), ["a"], id="no stop-script"),
        pytest.param(Removal.DELETE, (START,), [], ("a",), ["a"], id="neither script"),
    ],
)
def test_removal_policy(
    removed: Removal, has: tuple[Operator, ...], steps: list[str], kept: tuple[str, ...], warned: list[str]
) -> None:
    applied = an_applied(a_release("a"), touched="e" * 64, scripts=scripts(*has), env={"K": "v"}, timeout=7.0)

    plan = build(a_desired(), {"a": applied}, Policy(removed=removed))

    assert verbs(plan) == steps
    assert plan.kept == kept
    assert [problem.service for problem in plan.problems] == warned
    for step in plan.steps:
        assert (step.kind, step.digest, step.spec.env, step.spec.timeout) == (
            Kind.REMOVED,
            "e" * 64,
            {"K": "v"},
            7.0,
        )
        assert step.reasons[0].kind == "removed"


def test_removals_go_dependents_first_and_before_everything_else() -> None:
    memory = {
        name: an_applied(a_release(name), prerequisites=needs)
        for name, needs in {"a": {}, "m": {"a": 1}, "z": {"m": 1}}.items()
    }

    plan = build(a_desired(a_service("aa")), memory, Policy(removed=Removal.STOP))

    assert verbs(plan) == ["stop z", "stop m", "stop a", "start aa"]
    assert [step.waits for step in plan.steps] == [(), (plan.steps[0].id,), (plan.steps[1].id,), ()]


def test_removals_in_a_circle_do_not_wait_for_each_other() -> None:
    memory = {
        "a": an_applied(a_release("a"), prerequisites={"b": 1}),
        "b": an_applied(a_release("b"), prerequisites={"a": 1}),
    }

    plan = build(a_desired(), memory, Policy(removed=Removal.STOP))

    assert [(str(step.id), step.waits) for step in plan.steps] == [("stop a", ()), ("stop b", ())]


def test_a_circle_that_nobody_reported_holds_its_members_and_what_stands_on_them() -> None:
    desired = a_desired(
        a_service("a", needs=("b",)),
        a_service("b", needs=("a",)),
        a_service("c", needs=("b",)),
        a_service("self", needs=("self",)),
        a_service("free"),
    )

    plan = build(desired, {}, POLICY)

    assert verbs(plan) == ["start c", "start free"]
    assert by_id(plan)["start c"].held_by == ("a", "b")


def test_prerequisites_to_remember_are_those_that_exist() -> None:
    service = a_service("z", needs=("there", "broken", "remembered", "nowhere", "there"))
    desired = a_desired(service, a_service("there"), invalid=("broken",))

    plan = build(desired, {"remembered": an_applied(a_release("remembered"))}, POLICY)

    assert by_id(plan)["start z"].prerequisites == ("there", "broken", "remembered")


def test_a_chain_of_thousands_is_no_trouble() -> None:
    names = [f"s{number:05}" for number in range(3000)]
    services = [a_service(name, needs=names[at - 1 : at]) for at, name in enumerate(names)]
    first = a_desired(*services)
    second = replace(first, releases={**first.releases, names[0]: a_release(names[0], {"start.sh": "2"})})

    plan = build(second, all_applied(first), POLICY)

    assert len(plan.steps) == 3000
    assert plan.steps[0].weight == 3000
    assert plan.steps[-1].level == 2999
    assert plan.steps[-1].reasons[0].chain[-1] == names[0]
    assert len(plan.steps[-1].reasons[0].chain) == 50


# ── against brute force ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Case:
    """A tree, a memory and a policy."""

    desired: Desired
    memory: Mapping[str, Applied]
    policy: Policy


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small random worlds: every service in any state, edges only from later to earlier names."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 8)))]
    services, memory, invalid = [], {}, []
    for at, name in enumerate(names):
        edges = tuple(
            Prerequisite(service=other, dependents=draw(st.sampled_from([None, *Dependents])))
            for other in names[:at]
            if draw(st.integers(0, 2)) == 0
        )
        if draw(st.integers(0, 6)):
            has = (START, *draw(st.sets(st.sampled_from([STOP, REFRESH, DELETE]))))
            on_change = draw(st.sampled_from([None, *OnChange]))
            services.append(a_service(name, needs=edges, scripts=scripts(*has), on_change=on_change))
            if not draw(st.integers(0, 6)):
                invalid.append(name)
        if draw(st.integers(0, 4)):
            memory[name] = draw(applieds(name, names[:at]))
    policy = Policy(
        dependents=draw(st.sampled_from(list(Dependents))), removed=draw(st.sampled_from(list(Removal)))
    )
    return Case(a_desired(*services, invalid=invalid), memory, policy)


@st.composite
def applieds(draw: st.DrawFn, name: str, earlier: list[str]) -> Applied:
    release = a_release(name, {"start.sh": draw(st.sampled_from(["first", "first", "first", "old"]))})
    return an_applied(
        release,
        digest=draw(st.sampled_from([release.digest, release.digest, release.digest, ""])),
        touched=draw(st.sampled_from(["", "", "", "9" * 64])),
        version=draw(st.integers(1, 2)),
        prerequisites={other: draw(st.integers(0, 2)) for other in earlier if draw(st.booleans())},
        scripts=scripts(*draw(st.sets(st.sampled_from(list(Operator))))),
    )


def expected_kinds(case: Case) -> dict[str, Kind]:
    """Fixpoint by the words of the rules, with no care for speed."""
    desired, memory = case.desired, case.memory
    good = {name for name in desired.releases if name not in desired.invalid}
    kinds: dict[str, Kind] = {}
    for name in good:
        applied = memory.get(name)
        if applied is None or not applied.digest:
            kinds[name] = Kind.NEW
        elif applied.touched or applied.digest != desired.releases[name].digest:
            kinds[name] = Kind.CHANGED
    grown = True
    while grown:
        grown = False
        for name in sorted(good - kinds.keys()):
            if any(pulls(edge, name, kinds, case) for edge in desired.services[name].prerequisites):
                kinds[name] = Kind.DEPENDENT
                grown = True
    return kinds


def pulls(edge: Prerequisite, name: str, kinds: Mapping[str, Kind], case: Case) -> bool:
    if (edge.dependents or case.policy.dependents) is Dependents.IGNORE:
        return False
    if edge.service in kinds:
        return True
    source = case.memory.get(edge.service)
    current = edge.service in case.desired.releases and source is not None and source.digest
    return (
        bool(current)
        and source is not None
        and (source.version != case.memory[name].prerequisites.get(edge.service, 0))
    )


def ancestors(name: str, case: Case) -> set[str]:
    """All prerequisites at any distance that the tree has."""
    service = case.desired.services.get(name)
    direct = {edge.service for edge in service.prerequisites} if service else set()
    direct = {other for other in direct if other in case.desired.services or other in case.desired.invalid}
    return direct.union(*(ancestors(other, case) for other in direct))


def waits_closure(plan: Plan) -> dict[StepId, set[StepId]]:
    known: dict[StepId, set[StepId]] = {}
    for step in sorted(plan.steps, key=lambda step: step.level):
        known[step.id] = set(step.waits).union(*(known[other] for other in step.waits))
    return known


@settings(max_examples=50)
@given(cases())
def test_the_plan_has_exactly_the_changed_and_their_dependents(case: Case) -> None:
    plan = build(case.desired, case.memory, case.policy)

    tree = {step.id.service: step.kind for step in plan.steps if step.kind is not Kind.REMOVED}
    assert tree == expected_kinds(case)
    assert all(step.reasons for step in plan.steps)


@settings(max_examples=50)
@given(cases())
def test_every_step_waits_for_exactly_the_steps_of_its_prerequisites(case: Case) -> None:
    plan = build(case.desired, case.memory, case.policy)

    closure = waits_closure(plan)
    tree = [step for step in plan.steps if step.kind is not Kind.REMOVED]
    for step in tree:
        before = ancestors(step.id.service, case)
        own = {other.id for other in tree if other.id.service == step.id.service and other.level < step.level}
        assert closure[step.id] == own | {other.id for other in tree if other.id.service in before}
        assert set(step.held_by) == {name for name in before if name not in case.desired.releases}


@settings(max_examples=50)
@given(cases())
def test_removals_are_exactly_those_gone_and_wait_for_their_dependents(case: Case) -> None:
    plan = build(case.desired, case.memory, case.policy)

    gone = {
        name
        for name, applied in case.memory.items()
        if applied.archived and name not in case.desired.services and name not in case.desired.invalid
    }
    removals = {step.id.service: step for step in plan.steps if step.kind is Kind.REMOVED}
    assert removals.keys() | set(plan.kept) == gone
    assert removals.keys().isdisjoint(plan.kept)
    closure = waits_closure(plan)
    for name, step in removals.items():
        after = {other for other in removals if name in remembered(other, case)}
        assert {other.service for other in closure[step.id]} == after


def remembered(name: str, case: Case) -> set[str]:
    applied = case.memory.get(name)
    direct = set(applied.prerequisites) if applied else set()
    return direct.union(*(remembered(other, case) for other in direct))


@settings(max_examples=50)
@given(cases())
def test_levels_weights_and_order_are_as_documented(case: Case) -> None:
    plan = build(case.desired, case.memory, case.policy)

    steps = {step.id: step for step in plan.steps}
    assert len(steps) == len(plan.steps)
    for step in plan.steps:
        assert step.level == 1 + max((steps[other].level for other in step.waits), default=-1)
        after = [other.weight for other in plan.steps if step.id in other.waits]
        assert step.weight == 1 + max(after, default=0)
    rank = [
        (
            step.kind is not Kind.REMOVED,
            step.level,
            step.id.service,
            step.id.operator is not STOP,
        )
        for step in plan.steps
    ]
    assert rank == sorted(rank)


@settings(max_examples=50)
@given(cases(), st.randoms(use_true_random=False))
def test_the_same_input_gives_the_same_plan_however_its_mappings_are_ordered(
    case: Case, chance: random.Random
) -> None:
    plan = build(case.desired, case.memory, case.policy)

    desired = replace(
        case.desired,
        services=shuffled(case.desired.services, chance),
        releases=shuffled(case.desired.releases, chance),
    )
    memory = {
        name: replace(applied, prerequisites=shuffled(applied.prerequisites, chance))
        for name, applied in shuffled(case.memory, chance).items()
    }
    again = build(desired, memory, case.policy)
    assert repr(again) == repr(plan)
    assert again == plan


def shuffled(mapping: Mapping[str, Value], chance: random.Random) -> dict[str, Value]:
    items = list(mapping.items())
    chance.shuffle(items)
    return dict(items)


@settings(max_examples=50)
@given(cases())
def test_the_digest_changes_with_what_would_be_done_and_with_nothing_else(case: Case) -> None:
    plan = build(case.desired, case.memory, case.policy)
    elsewhere = replace(
        case.desired, snapshot=replace(case.desired.snapshot, config=case.desired.snapshot.src)
    )

    assert build(elsewhere, case.memory, case.policy).digest == plan.digest
    if plan.steps:
        name = plan.steps[-1].id.service
        without = {other: applied for other, applied in case.memory.items() if other != name}
        other = build(case.desired, without, case.policy)
        same = [(s.id, s.kind, s.digest, s.script, s.waits, s.held_by) for s in other.steps] == [
            (s.id, s.kind, s.digest, s.script, s.waits, s.held_by) for s in plan.steps
        ]
        assert (other.digest == plan.digest) is same


@settings(max_examples=50)
@given(cases())
def test_planning_again_after_everything_succeeded_finds_nothing(case: Case) -> None:
    desired = case.desired
    memory = {
        name: an_applied(
            release,
            version=5,
            prerequisites={
                edge.service: 5 * (edge.service in desired.releases)
                for edge in desired.services[name].prerequisites
            },
        )
        for name, release in desired.releases.items()
    }

    assert build(desired, memory, case.policy).steps == ()


def test_steps_know_what_their_release_asks_for_when_they_are_cut_off() -> None:
    own, silent = a_service("a", interrupted=OnInterruption.HOLD), a_service("b")

    plan = build(a_desired(own, silent), {}, Policy())
    strict = build(a_desired(own, silent), {}, Policy(interrupted=OnInterruption.HOLD))

    assert [step.spec.interrupted for step in plan.steps] == [OnInterruption.HOLD, OnInterruption.RERUN]
    assert [step.spec.interrupted for step in strict.steps] == [OnInterruption.HOLD, OnInterruption.HOLD]


def test_services_are_compared_by_name_not_by_declaration() -> None:
    service: Service = a_service("a", timeout=3.0)

    plan = build(a_desired(service), {}, POLICY)

    assert plan.steps[0].spec.timeout == 3.0
    assert plan.steps[0].spec.retries == POLICY.retries
