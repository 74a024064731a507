"""What `paiwatch service …` plans."""

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.plan.asked import Request
from paiwatch.plan.plan import Kind, Plan
from paiwatch.plan.policy import Policy
from paiwatch.problem import Severity
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied, scripts
from tests.planning import asked

START, STOP, DELETE, REFRESH = Operator.START, Operator.STOP, Operator.DELETE, Operator.REFRESH
POLICY = Policy()
TREE = a_desired(a_service("a"), a_service("b", needs=("a",)), a_service("c", needs=("b",)), a_service("d"))


def verbs(plan: Plan) -> list[str]:
    return [str(step.id) for step in plan.steps]


def messages(plan: Plan) -> list[str]:
    return [problem.message for problem in plan.problems]


def test_start_takes_prerequisites_first_and_brings_up_those_never_started() -> None:
    plan = asked(Request(operator=START, names=("c",)), TREE, {}, POLICY)

    assert verbs(plan) == ["start a", "start b", "start c"]
    assert {step.kind for step in plan.steps} == {Kind.ASKED}
    assert plan.steps[1].waits == (plan.steps[0].id,)
    assert plan.steps[0].reasons[0].detail == "start of 'b' needs it, and it was never started"


def test_only_leaves_prerequisites_alone() -> None:
    assert verbs(asked(Request(operator=START, names=("c",), only=True), TREE, {}, POLICY)) == ["start c"]


def test_started_prerequisites_are_left_alone() -> None:
    memory = {name: applied for name, applied in all_applied(TREE).items() if name != "c"}

    assert verbs(asked(Request(operator=START, names=("c",)), TREE, memory, POLICY)) == ["start c"]


@pytest.mark.parametrize("operator", [STOP, DELETE])
def test_teardown_goes_dependents_first(operator: Operator) -> None:
    plan = asked(Request(operator=operator, skip=frozenset({"d"})), TREE, all_applied(TREE), POLICY)

    assert verbs(plan) == [f"{operator} c", f"{operator} b", f"{operator} a"]
    assert plan.steps[2].waits == (plan.steps[1].id,)


def test_order_holds_through_services_that_are_not_named() -> None:
    plan = asked(Request(operator=STOP, names=("a", "c")), TREE, all_applied(TREE), POLICY)

    assert verbs(plan) == ["stop c", "stop a"]
    assert plan.steps[1].waits == (plan.steps[0].id,)


def test_no_names_mean_all() -> None:
    gone = {"gone": an_applied(a_release("gone"))}

    assert verbs(asked(Request(operator=REFRESH), TREE, all_applied(TREE), POLICY)) == [
        "refresh a",
        "refresh d",
        "refresh b",
        "refresh c",
    ]
    assert "stop gone" in verbs(asked(Request(operator=STOP), TREE, gone, POLICY))


@pytest.mark.parametrize(
    "request_", [Request(operator=STOP, names=("aa", "b")), Request(operator=DELETE, skip=frozenset({"aa"}))]
)
def test_an_unknown_name_is_an_error_and_nothing_is_done(request_: Request) -> None:
    tree = a_desired(a_service("aaa"), a_service("b"))

    plan = asked(request_, tree, {}, POLICY)

    assert plan.steps == ()
    assert [str(problem) for problem in plan.problems] == [
        "service: there is no service 'aa'; did you mean 'aaa'?"
    ]
    assert plan.problems[0].severity is Severity.ERROR


def test_what_has_no_script_is_left_out_with_a_warning() -> None:
    tree = a_desired(a_service("a", scripts=scripts(START, STOP)), a_service("b"))
    memory = all_applied(tree)

    delete = asked(Request(operator=DELETE), tree, memory, POLICY)
    assert verbs(delete) == ["delete b"]
    assert messages(delete) == ["'a' is left out: it has no delete-script"]
    assert verbs(asked(Request(operator=REFRESH), tree, memory, POLICY)) == ["stop a", "refresh b", "start a"]


def test_refresh_of_what_was_never_started_is_left_out() -> None:
    plan = asked(Request(operator=REFRESH, names=("a",)), TREE, {}, POLICY)

    assert plan.steps == ()
    assert messages(plan) == ["'a' is left out: it was never started"]


def test_refresh_of_what_may_be_down_restarts_it() -> None:
    memory = {"a": an_applied(TREE.releases["a"], touched="7" * 64, touched_by=STOP)}

    assert verbs(asked(Request(operator=REFRESH, names=("a",)), TREE, memory, POLICY)) == [
        "stop a",
        "start a",
    ]


def test_services_with_errors_cannot_be_started_but_can_be_stopped_with_their_last_release() -> None:
    tree = a_desired(a_service("a"), a_service("b", needs=("a",)), invalid=("a",))
    memory = {"a": an_applied(a_release("a"))}

    assert messages(asked(Request(operator=START, names=("a",)), tree, memory, POLICY)) == [
        "'a' is left out: it has errors"
    ]
    stop = asked(Request(operator=STOP, names=("a",)), tree, memory, POLICY)
    assert [(str(step.id), step.digest) for step in stop.steps] == [("stop a", memory["a"].digest)]


def test_a_prerequisite_with_errors_holds_only_if_it_never_ran() -> None:
    tree = a_desired(a_service("a"), a_service("b", needs=("a",)), invalid=("a",))

    def held(memory_has_a: bool, only: bool) -> tuple[str, ...]:
        memory = {"a": an_applied(a_release("a"))} if memory_has_a else {}
        (step,) = asked(Request(operator=START, names=("b",), only=only), tree, memory, POLICY).steps
        return step.held_by

    assert held(memory_has_a=False, only=False) == ("a",)
    assert held(memory_has_a=True, only=False) == ()
    assert held(memory_has_a=False, only=True) == ()


def test_what_changed_since_is_stopped_with_the_release_that_runs() -> None:
    memory = {"a": an_applied(a_release("a", {"start.sh": "old"}), scripts={STOP: "old-stop.sh"})}

    (step,) = asked(Request(operator=STOP, names=("a",)), TREE, memory, POLICY).steps

    assert (step.digest, step.script) == (memory["a"].digest, "old-stop.sh")


def test_stop_of_what_never_ran_uses_the_tree() -> None:
    plan = asked(Request(operator=STOP, names=("a",)), TREE, {}, POLICY)

    assert plan.steps[0].digest == TREE.releases["a"].digest
    assert plan.releases.keys() == {"a"}


def test_circles_do_not_hang_anything() -> None:
    tree = a_desired(a_service("a", needs=("b",)), a_service("b", needs=("a",)), invalid=("a", "b"))
    memory = {name: an_applied(a_release(name), prerequisites={"a": 1, "b": 1}) for name in "ab"}

    assert verbs(asked(Request(operator=STOP), tree, memory, POLICY)) == ["stop a", "stop b"]
    assert verbs(asked(Request(operator=START), tree, memory, POLICY)) == []
