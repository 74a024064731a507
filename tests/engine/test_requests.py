"""What people wait for: answered when all of it has its outcome, given up when the plan in force has lost it."""

from dataclasses import replace

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine.events import LingeringEnded, RunEnded, Withdrawn
from paiwatch.news import CommandGiven
from paiwatch.plan.applied import HeldBy
from paiwatch.plan.plan import Kind
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service, a_snapshot, all_applied
from tests.engine.bench import Bench, a_result
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import REFRESH, START, STOP

TREE = a_desired(a_service("api"), a_service("db"), a_service("web"))


def at_rest(desired: Desired = TREE, *, parallel: int = 4) -> Bench:
    """All of this is applied, and every plan is made at once."""
    bench = Bench(
        store=MemoryStore(applied=all_applied(desired)), desired=desired, parallel=parallel, plans=True
    )
    assert bench.look() == ["close 1 True"]
    return bench


def ask(bench: Bench, *names: str, operator: Operator = REFRESH) -> int:
    return bench.command(commands.Service(operator=operator, names=names))


def asked_for(bench: Bench) -> list[str]:
    """Steps of the plan in force that a person asked for."""
    return [str(step.id) for step in bench.state.table.steps.values() if step.kind is Kind.ASKED]


def answer(bench: Bench, request: int) -> object:
    """Whether it succeeded."""
    reply = bench.answers[request]
    assert isinstance(reply, dict)
    return reply["succeeded"]


def test_the_answer_comes_with_the_last_outcome_and_is_yes_if_all_succeeded() -> None:
    bench = at_rest()
    request = ask(bench, "db", "web")

    assert bench.words == ["begin db", "begin web"]
    bench.end("db", at=1)
    assert bench.answers == {}
    bench.end("web", at=2)
    assert bench.answers == {request: {"steps": 2, "left_out": [], "succeeded": True}}
    assert bench.state.requests == ()


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMED_OUT])
def test_one_failure_makes_it_a_no_whatever_comes_after(outcome: Outcome) -> None:
    bench = at_rest()
    request = ask(bench, "db", "web")

    bench.end("db", outcome, at=1)  # a person's steps are tried once
    assert bench.answers == {}
    bench.end("web", at=2)

    assert answer(bench, request) is False


def test_only_what_has_no_outcome_is_asked_for_again() -> None:
    bench = at_rest(parallel=1)
    request = ask(bench, "db", "web")
    assert bench.end("db", at=1) == ["begin web"]

    tree = a_desired(*TREE.services.values(), texts={"api": "second"}, snapshot=a_snapshot(config="e" * 40))
    assert bench.look(tree, at=2) == []
    assert asked_for(bench) == ["refresh web"]
    bench.end("web", at=3)
    assert "begin api" in bench.words
    assert answer(bench, request) is True


def test_what_the_tree_and_the_record_have_lost_is_not_asked_for_and_then_given_up() -> None:
    bench = at_rest(a_desired(a_service("web")), parallel=1)
    both = a_desired(a_service("db"), a_service("web"), texts={"web": "second"})
    ask(bench, "web")
    bench.look(both)  # a new service, that never ran
    request = ask(bench, "db", operator=START)
    assert asked_for(bench) == ["start db"]

    bench.look(a_desired(a_service("web"), texts={"web": "second"}))

    assert asked_for(bench) == []
    assert answer(bench, request) is False


def test_a_step_of_the_same_name_that_the_trees_ask_for_is_not_waited_for() -> None:
    bench = at_rest(parallel=1)
    ask(bench, "api")
    older = ask(bench, "db")
    bench.look(a_desired(*TREE.services.values(), texts={"db": "second"}))
    newer = ask(bench, "web")  # only the newest request is asked for again

    assert "refresh db" in bench.states
    assert asked_for(bench) == ["refresh web"]
    assert answer(bench, older) is False
    assert newer not in bench.answers


def test_what_was_refused_is_asked_for_no_more() -> None:
    bench = at_rest(parallel=1)
    request = ask(bench, "db", "web")

    bench.feed(Withdrawn(number=request))  # the person was told already
    bench.look(a_desired(*TREE.services.values(), snapshot=a_snapshot(config="e" * 40)))

    assert asked_for(bench) == []
    bench.end("db", at=1)
    assert bench.answers == {}


# ── beside the trees ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_left_to_a_person_is_planned_when_they_have_their_answer() -> None:
    services = (a_service("db"), a_service("other"), a_service("web", needs=["db"]))
    bench = at_rest(a_desired(*services))
    ask(bench, "db")

    assert bench.look(a_desired(*services, texts={"other": "second", "web": "second"}), at=1) == [
        "begin other"
    ]
    assert bench.end("db", at=2)[-1] == "begin web"


def test_a_name_that_nobody_knows_is_refused_and_nothing_has_happened() -> None:
    bench = at_rest()
    before = bench.state

    request = ask(bench, "dbb")

    assert bench.answers[request] == "cannot refresh that"
    assert bench.state.generation == before.generation
    assert bench.state.holds == {}
    assert not bench.running
    assert not bench.is_planning


def test_what_cannot_be_read_yet_is_refused() -> None:
    bench = Bench()

    request = ask(bench, "db")

    assert "the tree has not been read yet" in str(bench.answers[request])
    assert bench.state.asked is None


def test_nobody_waits_with_a_person_for_processes_that_cannot_be_ended() -> None:
    bench = at_rest()
    ask(bench, "db")
    run = bench.running.pop("db").run
    bench.feed(RunEnded(run=run, result=a_result(lingering=frozenset({31}))), at=1)

    request = ask(bench, "db")
    assert str(bench.answers[request]).startswith(f"cannot refresh db: processes of run {run} (refresh)")
    bench.feed(LingeringEnded(runs=frozenset({run})), at=2)
    ask(bench, "db")
    assert bench.words == ["begin db"]


def test_what_is_down_is_left_out_of_a_refresh_and_refused_by_name() -> None:
    bench = at_rest(a_desired(a_service("db")))
    ask(bench, "db", operator=STOP)
    bench.end("db", at=1)
    assert bench.state.holds["db"].by is HeldBy.STOPPED

    by_name = ask(bench, "db")
    assert str(bench.answers[by_name]).startswith("db: stopped by a person; nothing to refresh")
    everything = ask(bench)
    assert answer(bench, everything) is True  # there was nothing to do
    assert not bench.running


def test_a_request_names_its_steps_and_what_it_leaves_out() -> None:
    only_start = a_service("db", scripts={START: "start.sh"})
    bench = at_rest(a_desired(only_start, a_service("web")))

    request = ask(bench, "db", "web", operator=STOP)
    bench.end("web", at=1)

    reply = bench.answers[request]
    assert isinstance(reply, dict)
    assert (reply["steps"], reply["succeeded"]) == (1, True)
    (left_out,) = reply["left_out"]
    assert "'db' is left out" in left_out


def test_an_accepted_rewrite_is_told_and_changes_nothing_else() -> None:
    bench = at_rest()
    before = bench.state

    request = bench.command(commands.RewriteAccepted(source="config", commit="c" * 40, reason="rebased"))

    assert bench.answers == {request: {}}
    (told,) = [each for each in bench.news if isinstance(each, CommandGiven)]
    assert (told.verb, told.services, told.reason) == ("accept-rewrite", (), "rebased")
    assert (told.source, told.commit) == ("config", "c" * 40)
    assert replace(bench.state, table=before.table) == replace(before, last_event=before.last_event + 1)
