"""A service that is rolled back: what is planned, told, and when it ends."""

from dataclasses import replace

from paiwatch.catalog.service import OnChange, Operator
from paiwatch.plan import pins
from paiwatch.plan.applied import Applied, Memory, Pin, PinnedBy
from paiwatch.plan.asked import Request
from paiwatch.plan.plan import Kind, Plan
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.problem import Problem
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied, scripts
from tests.planning import asked, build, why_not

POLICY = Policy()
OLD = a_release("web", {"start.sh": "old"})
BASE, WEB, TOP = a_service("base"), a_service("web", needs=("base",)), a_service("top", needs=("web",))
TREE = a_desired(BASE, WEB, TOP, texts={"web": "new"})


def a_pin(desired: Desired, archived: Applied, **fields: object) -> Pin:
    pin = Pin(
        instead_of=desired.releases[archived.service].digest,
        release=archived,
        since=1.0,
        by=PinnedBy.PERSON,
        because="it lost requests",
    )
    return replace(pin, **fields)  # type: ignore[arg-type]  # fields of Pin by name


def rolled_back(desired: Desired = TREE, **archived: object) -> dict[str, Applied]:
    """Everything is applied as desired; web is to go back to OLD."""
    memory = all_applied(desired)
    former = an_applied(OLD, **archived)
    return memory | {"web": replace(memory["web"], pin=a_pin(desired, former))}


def told(plan: Plan) -> list[str]:
    return [str(step.id) for step in plan.steps]


def test_the_archived_release_is_planned_in_place_of_the_trees_with_its_dependents() -> None:
    plan = build(TREE, rolled_back(), POLICY)

    assert told(plan) == ["refresh web", "refresh top"]
    web, top = plan.steps
    assert (web.kind, web.digest, web.instead_of) == (Kind.CHANGED, OLD.digest, TREE.releases["web"].digest)
    assert (top.kind, top.waits, top.instead_of) == (Kind.DEPENDENT, (web.id,), "")
    assert plan.releases["web"].digest == OLD.digest


def test_reasons_and_problems_say_what_runs_instead_of_what_and_why() -> None:
    plan = build(TREE, rolled_back(), POLICY)

    asked_for = TREE.releases["web"].digest[:8]
    swap = f"release {OLD.digest[:8]} runs instead of {asked_for}"
    detail = f"{swap}, which the tree asks for: it lost requests"
    assert plan.steps[0].reasons[0].kind == "rollback"
    assert plan.steps[0].reasons[0].detail == f"rolled back: {swap}: it lost requests"
    assert f"'web' changed: rolled back: {swap}: it lost requests" in plan.steps[1].reasons[0].detail
    (problem,) = plan.problems
    assert str(problem) == (
        f"src/web/deploy/service.yaml: 'web' is rolled back: {detail}; "
        "push a commit that changes it, or `paiwatch retry web`"
    )


def test_its_own_scripts_folder_and_environment_run_with_the_archived_release() -> None:
    memory = rolled_back(
        scripts=scripts(Operator.STOP, Operator.START), folder="old/web", env={"A": "1"}, timeout=7.0
    )

    stop, start, _ = build(TREE, memory, POLICY).steps

    assert (str(stop.id), str(start.id)) == ("stop web", "start web")
    assert (start.spec.folder, start.spec.env, start.spec.timeout) == ("old/web", {"A": "1"}, 7.0)


def test_on_change_of_the_tree_decides_how_it_goes_back() -> None:
    tree = a_desired(BASE, replace(WEB, on_change=OnChange.RESTART), TOP, texts={"web": "new"})

    assert told(build(tree, rolled_back(tree), POLICY)) == ["stop web", "start web", "refresh top"]


def test_nothing_is_planned_once_it_runs_and_why_says_so() -> None:
    memory = rolled_back()
    memory["web"] = an_applied(OLD, prerequisites={"base": 1}, pin=memory["web"].pin)

    plan = build(TREE, memory, POLICY)

    assert not plan.steps
    assert [problem.service for problem in plan.problems] == ["web"]
    (why,) = why_not("web", TREE, memory, plan)
    assert why.startswith(f"'web' is rolled back: release {OLD.digest[:8]} runs instead of")
    assert why.endswith("push a commit that changes it, or `paiwatch retry web`")


def test_a_commit_that_changes_its_release_ends_it() -> None:
    memory = rolled_back()
    newer = a_desired(BASE, WEB, TOP, texts={"web": "newer"})

    assert pins.void(TREE, memory) == {}
    assert pins.void(newer, memory) == {"web": "the tree asks for another release"}
    web, _ = build(newer, memory, POLICY).steps
    assert (web.digest, web.instead_of) == (newer.releases["web"].digest, "")


def test_a_commit_that_changes_something_else_does_not() -> None:
    other = a_desired(replace(BASE, timeout=9.0), WEB, TOP, texts={"web": "new", "base": "other"})

    plan = build(other, rolled_back(), POLICY)

    assert {step.id.service: step.digest for step in plan.steps}["web"] == OLD.digest


def test_it_lasts_while_the_tree_is_broken_and_ends_when_the_service_leaves() -> None:
    memory = rolled_back()

    assert pins.void(a_desired(BASE, WEB, TOP, invalid=("web",)), memory) == {}
    assert pins.void(a_desired(BASE, TOP), memory) == {"web": "it is gone from the tree"}


def test_what_has_errors_in_the_tree_goes_back_all_the_same_and_what_stands_on_it_goes_on() -> None:
    wrong = Problem(file="src/web/deploy/service.yaml", message="cannot be read", service="web")
    unread = replace(
        a_desired(BASE, TOP, texts={"top": "new"}), invalid=frozenset({"web"}), problems=(wrong,)
    )

    plan = build(unread, rolled_back(), POLICY)

    assert told(plan) == ["refresh web", "refresh top"]
    web, top = plan.steps
    assert (web.digest, web.spec.folder, web.prerequisites) == (OLD.digest, "src/web", ("base",))
    assert (top.waits, top.held_by) == ((web.id,), ())
    assert any("rolled back" in str(each) and "have errors" in str(each) for each in plan.problems)
    assert wrong in plan.problems


def test_what_has_errors_stands_on_what_it_last_ran_with_where_that_makes_no_circle() -> None:
    turned = replace(a_desired(a_service("base", needs=("web",)), TOP), invalid=frozenset({"web"}))

    plan = build(turned, rolled_back(), POLICY)

    assert {str(step.id): step.waits for step in plan.steps}["refresh web"] == ()
    assert not [step for step in plan.steps if step.held_by]


def test_what_followed_a_rollback_ends_with_it() -> None:
    memory: Memory = rolled_back()
    follower = an_applied(a_release("top", {"start.sh": "old"}))
    memory = {**memory, "top": replace(memory["top"], pin=a_pin(TREE, follower, leader="web"))}

    assert [step.digest for step in build(TREE, memory, POLICY).steps] == [OLD.digest, follower.digest]
    newer = a_desired(BASE, WEB, TOP, texts={"web": "newer"})
    assert pins.void(newer, memory) == {
        "web": "the tree asks for another release",
        "top": "the rollback of 'web', which it followed, has ended",
    }
    assert [step.instead_of for step in build(newer, memory, POLICY).steps] == ["", ""]


def test_what_a_person_asks_for_runs_the_archived_release_too() -> None:
    plan = asked(Request(operator=Operator.START, names=("web",)), TREE, rolled_back(), POLICY)

    assert [(str(step.id), step.digest) for step in plan.steps] == [("start web", OLD.digest)]


def test_without_a_pin_the_target_is_the_very_thing_that_the_tree_asks_for() -> None:
    target = make_target(TREE, all_applied(TREE))

    assert target.services is TREE.services
    assert target.releases is TREE.releases
    assert target.invalid is TREE.invalid


def test_the_target_still_knows_what_the_tree_asks_for() -> None:
    target = make_target(TREE, rolled_back())

    assert target.desired is TREE
    assert target.releases["web"].digest == OLD.digest
    assert target.releases["web"].instead_of == TREE.releases["web"].digest
    assert target.releases["top"] is TREE.releases["top"]
    assert (target.snapshot, target.problems) == (TREE.snapshot, TREE.problems)
