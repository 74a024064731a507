"""Plans that do too much: what is held, what an approval lets through, and what survives a restart."""

from dataclasses import replace

import pytest

from paiwatch.documents.units import Limit
from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Guard, Policy
from tests.engine.bench import Bench
from tests.engine.steps import REFRESH, a_plan, a_step


def of(letter: str, *names: str) -> Plan:
    """A plan that touches these services; its digest consists of this letter."""
    return a_plan(*(a_step(name, operator=REFRESH) for name in names), digest=letter * 64)


BIG, OTHER, SMALL = of("b", "x", "y", "z"), of("d", "x", "y", "w"), of("e", "x")


def guarded() -> Bench:
    """More than two services at once need an approval; the clock says 1000."""
    bench = Bench(policy=Policy(guard=Guard(max_services=Limit(2))))
    bench.now = 1000.0
    return bench


def waiting(bench: Bench) -> str:
    """The digest of the plan that waits for a person; "" when none does."""
    return bench.store.held_plan.digest if bench.store.held_plan is not None else ""


def approve(bench: Bench, prefix: str, plan: Plan) -> object:
    """A person approves, while the trees ask for this plan; gives the answer."""
    request = bench.command(commands.Approve(digest=prefix))
    if request not in bench.answers:
        bench.propose(plan)
    return bench.answers[request]


def test_a_plan_beyond_the_limit_waits_and_is_told_once() -> None:
    bench = guarded()

    assert bench.follow(BIG) == ["hold plan bbbb"]
    assert bench.follow(BIG, at=1001) == []
    held = bench.store.held_plan
    assert held is not None
    assert (held.digest, held.services, held.since, held.approved) == (
        "b" * 64,
        ("x", "y", "z"),
        1000.0,
        False,
    )
    assert held.reasons == ("it touches 3 services, and guard.max_services is 2",)
    assert bench.running == {}
    assert not bench.state.is_settled


def test_an_approval_lets_this_very_plan_through_until_it_is_done() -> None:
    bench = guarded()
    bench.follow(BIG)

    assert approve(bench, "bbbbbbbb", BIG) == {"digest": BIG.digest}
    assert bench.words == ["approve plan bbbb", "begin x", "begin y", "begin z"]
    assert waiting(bench) == ""
    assert bench.follow(BIG) == []  # it is in force
    assert waiting(bench) == ""
    for name in ("x", "y", "z"):
        bench.end(name)
    assert bench.words == ["close 1 True"]
    assert bench.store.approved == ""
    assert bench.follow(BIG) == []  # told once in this life
    assert waiting(bench)
    assert bench.running == {}


def test_another_plan_needs_its_own_approval_and_ends_the_first() -> None:
    bench = guarded()
    bench.follow(BIG)
    approve(bench, "b" * 64, BIG)

    assert bench.follow(OTHER) == ["hold plan dddd"]
    assert bench.store.approved == ""
    bench.follow(BIG)
    assert waiting(bench) == BIG.digest


def test_what_a_crash_left_of_an_approved_plan_goes_on() -> None:
    left = replace(of("f"), steps=BIG.steps)  # as many steps, another digest: others wait for them now
    first = guarded()
    approve_at_once(first)
    bench = first.another_life()

    assert bench.follow(left) == ["begin x", "begin y", "begin z"]
    assert bench.follow(left) == []
    for name in ("x", "y", "z"):
        bench.end(name)
    bench.follow(left)
    assert waiting(bench) == left.digest


def approve_at_once(bench: Bench) -> None:
    bench.look()
    bench.propose(SMALL)
    bench.look()
    bench.propose(BIG)
    approve(bench, "bbbbbbbb", BIG)


LEFT = replace(of("f"), steps=BIG.steps)


@pytest.mark.parametrize(
    "stranger",
    [
        of("f", "y", "z", "x2"),
        replace(LEFT, config="another commit"),
        replace(LEFT, steps=tuple(replace(step, digest="d2") for step in BIG.steps)),
    ],
    ids=["another service", "another commit", "another release"],
)
def test_what_a_crash_did_not_leave_needs_an_approval_and_ends_the_first(stranger: Plan) -> None:
    first = guarded()
    approve_at_once(first)
    bench = first.another_life()

    assert bench.follow(stranger) == ["hold plan ffff"]
    bench.follow(LEFT)
    assert bench.running == {}
    assert waiting(bench)


def test_what_needs_no_approval_passes_while_another_waits() -> None:
    bench = guarded()
    bench.follow(BIG)

    assert bench.follow(SMALL) == ["begin x"]
    assert waiting(bench) == ""


def test_an_approval_survives_a_restart() -> None:
    first = guarded()
    first.follow(BIG)
    approve(first, "bbbbbbbbb", BIG)
    bench = first.another_life()

    assert bench.store.approved == BIG.digest
    assert bench.follow(BIG) == ["begin x", "begin y", "begin z"]
    assert waiting(bench) == ""


def test_a_plan_that_waits_is_told_again_after_a_restart_with_its_old_time() -> None:
    first = guarded()
    first.follow(BIG)
    bench = first.another_life()

    assert bench.follow(BIG, at=2000) == ["hold plan bbbb"]
    assert bench.store.held_plan is not None
    assert bench.store.held_plan.since == 1000.0


@pytest.mark.parametrize(
    "prefix", ["", "bbbbbbb", "cccccccc", "b" * 65], ids=["none", "short", "other", "long"]
)
def test_only_the_digest_of_the_plan_that_waits_is_taken(prefix: str) -> None:
    bench = guarded()
    bench.follow(BIG)

    assert "is not the plan that waits: that is bbbbbbbbbbbb" in str(approve(bench, prefix, BIG))
    assert bench.words == []
    assert bench.store.approved == ""
    assert bench.running == {}


def test_there_is_nothing_to_approve_when_no_plan_waits() -> None:
    bench = guarded()
    bench.follow(SMALL)

    assert "no plan waits" in str(approve(bench, "eeeeeeee", SMALL))


def test_a_plan_that_changed_before_the_person_said_yes_is_not_approved() -> None:
    bench = guarded()
    bench.follow(BIG)

    assert "that is dddddddddddd" in str(approve(bench, "bbbbbbbb", OTHER))
    assert bench.words == ["hold plan dddd"]
    assert bench.running == {}


def test_what_was_accepted_before_goes_on_while_a_plan_waits() -> None:
    bench = guarded()
    bench.follow(a_plan(a_step("a"), a_step("b", after="a"), digest="small"))

    assert bench.follow(BIG) == ["hold plan bbbb"]
    assert bench.end("a") == ["begin b"]
    assert bench.end("b") == ["close 1 True"]
    assert bench.is_planning  # the trees still ask for more than may be done


def test_a_retry_ends_the_rest_of_what_was_accepted_before_though_a_plan_waits() -> None:
    bench = guarded()
    bench.follow(a_plan(a_step("a"), digest="small"))
    bench.end("a", Outcome.FAILED)
    assert bench.follow(BIG) == ["hold plan bbbb"]
    assert bench.running == {}

    bench.command(commands.Retry())

    assert bench.propose(BIG) == ["begin a"]
    assert bench.began("a").attempt == 1


def test_an_older_approval_is_no_door_for_what_a_retry_brings_up() -> None:
    bench = guarded()
    bench.follow(BIG)
    approve(bench, "bbbbbbbb", BIG)
    for name in ("x", "y", "z"):
        bench.end(name)

    bench.command(commands.Retry())
    bench.propose(BIG)

    assert bench.running == {}
    assert waiting(bench)
