"""What people are told about a step, or about a service without one."""

from dataclasses import replace

from paiwatch.catalog.service import Dependents, Prerequisite
from paiwatch.plan.policy import Policy
from paiwatch.plan.why import explain
from paiwatch.problem import Problem
from tests.builders import a_desired, a_release, a_service, all_applied, an_applied, scripts
from tests.planning import build, why_not

POLICY = Policy()


def test_a_step_tells_what_it_runs_why_and_after_what() -> None:
    desired = a_desired(a_service("a"), a_service("b", needs=("a", "x")), a_service("x"), invalid=("x",))

    start = build(desired, {}, POLICY).steps[1]

    assert explain(start) == (
        f"start b (new), release {start.digest[:8]}: runs src/b/deploy/start.sh",
        "'b' is not running yet: no start of it has succeeded",
        "its prerequisite 'a' is new",
        "runs after start a",
        "cannot run yet: 'x' has errors",
    )


def test_a_service_in_the_plan_needs_no_excuse() -> None:
    desired = a_desired(a_service("a"))

    assert why_not("a", desired, {}, build(desired, {}, POLICY)) == ()


def test_up_to_date_and_not_following() -> None:
    edge = Prerequisite(service="a", dependents=Dependents.IGNORE)
    first = a_desired(a_service("a"), a_service("b", needs=(edge,)))
    memory = all_applied(first)
    memory["b"] = replace(memory["b"], config="1" * 40, src="2" * 40)
    second = replace(first, releases={**first.releases, "a": a_release("a", {"start.sh": "2"})})

    assert why_not("b", second, memory, build(second, memory, POLICY)) == (
        f"'b' is up to date: its release is still {memory['b'].digest[:8]}, applied from config 11111111 and src 22222222",
        "its prerequisite 'a' is in the plan, but 'b' does not follow it (dependents: ignore)",
    )


def test_of_a_tree_that_cannot_be_used_nothing_is_told_of_one_service() -> None:
    desired = replace(a_desired(a_service("a")), problems=(Problem(file="src", message="it is gone"),))
    memory = {"a": an_applied(a_release("a"))}

    (told,) = why_not("a", desired, memory, build(desired, memory, POLICY))

    assert told.endswith(" cannot be used, so the last good state stays")


def test_errors_kept_unknown_and_inert() -> None:
    problem = Problem(file="src/a/deploy/service.yaml", line=3, message="it is wrong", service="a")
    desired = replace(
        a_desired(a_service("a"), a_service("mute", scripts=scripts()), invalid=("a",)), problems=(problem,)
    )
    memory = {"a": an_applied(a_release("a")), "gone": an_applied(a_release("gone"))}
    plan = build(desired, memory, POLICY)

    assert why_not("a", desired, memory, plan) == (
        "'a' has errors, so nothing can be run for it",
        "src/a/deploy/service.yaml:3: it is wrong",
        f"its last good release {memory['a'].digest[:8]} stays as it is",
    )
    assert "gone from the tree and kept" in why_not("gone", desired, memory, plan)[0]
    assert (
        "'nobody' is not in the tree, and nothing of it is applied"
        in why_not("nobody", desired, memory, plan)[0]
    )
    assert "no start-script" in why_not("mute", desired, memory, plan)[0]
