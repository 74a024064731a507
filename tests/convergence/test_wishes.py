"""What people wait for: answered when all of it has its outcome, given up when the plan in force has lost it."""

from collections.abc import Collection

from paiwatch.convergence.board import Board, Standing
from paiwatch.convergence.wishes import Wish, Wishes
from paiwatch.plan.applied import Memory
from paiwatch.plan.plan import Kind, Plan, Step
from paiwatch.plan.target import Target, make_target
from tests.builders import a_desired, a_service
from tests.convergence.test_machine import a_step


def a_plan(*steps: Step) -> Plan:
    return Plan(digest="d", config="c", src="s", steps=steps)


def a_wish(answers: list[bool], *steps: Step) -> Wish:
    """A wish for these steps; to go on with it, what is left is asked for again, and to name nobody is to ask for all."""

    def again(left: Collection[str], target: Target, memory: Memory) -> Plan:
        del target, memory
        return a_plan(*(step for step in steps if not left or step.id.service in left))

    pending = {step.id for step in steps}
    return Wish(again, lambda step: step.kind is Kind.ASKED, pending, answers.append)


DB, WEB = a_step("db", kind=Kind.ASKED), a_step("web", kind=Kind.ASKED)
TREE = make_target(a_desired(a_service("db"), a_service("web")), {})


def test_the_answer_comes_with_the_last_outcome_and_is_yes_if_all_succeeded() -> None:
    answers: list[bool] = []
    wishes, board = Wishes(), Board(a_plan(DB, WEB), 1)
    wishes.add(a_wish(answers, DB, WEB))

    board.standing[DB.id] = Standing.SUCCEEDED
    assert (wishes.settle(board), answers) == (False, [])
    board.standing[WEB.id] = Standing.SUCCEEDED
    assert (wishes.settle(board), answers) == (True, [True])
    assert wishes.rest(TREE, {}) is None


def test_one_failure_makes_it_a_no_whatever_comes_after() -> None:
    answers: list[bool] = []
    wishes, board = Wishes(), Board(a_plan(DB, WEB), 1)
    wishes.add(a_wish(answers, DB, WEB))

    board.standing[DB.id] = Standing.FAILED
    wishes.settle(board)
    board.standing[WEB.id] = Standing.SUCCEEDED
    wishes.settle(board)

    assert answers == [False]


def test_only_what_has_no_outcome_is_asked_for_again() -> None:
    wishes, board = Wishes(), Board(a_plan(DB, WEB), 1)
    wishes.add(a_wish([], DB, WEB))
    board.standing[DB.id] = Standing.SUCCEEDED
    wishes.settle(board)

    rest = wishes.rest(TREE, {})

    assert rest is not None
    assert [step.id for step in rest.steps] == [WEB.id]


def test_what_the_tree_and_the_record_have_lost_is_not_asked_for_and_then_given_up() -> None:
    answers: list[bool] = []
    wishes = Wishes()
    wishes.add(a_wish(answers, DB))

    rest = wishes.rest(make_target(a_desired(a_service("web")), {}), {})

    assert rest is not None
    assert rest.steps == ()
    assert wishes.settle(Board(rest, 2))
    assert answers == [False]


def test_a_step_of_the_same_name_that_the_trees_ask_for_is_not_waited_for() -> None:
    answers: list[bool] = []
    wishes = Wishes()
    wishes.add(a_wish(answers, DB))

    assert wishes.settle(Board(a_plan(a_step("db", kind=Kind.CHANGED)), 2))

    assert answers == [False]


def test_what_was_refused_is_asked_for_no_more() -> None:
    wishes = Wishes()
    wishes.add(a_wish([], DB))

    wishes.take_back()

    assert wishes.rest(TREE, {}) is None
