"""A plan is asked for, made elsewhere, and taken: what happens to it when the state moves on meanwhile, and to who comes meanwhile."""

from dataclasses import replace

from paiwatch.catalog.service import OnInterruption
from paiwatch.domain.principal import Principal
from paiwatch.domain.run import Identity, Outcome
from paiwatch.engine import commands, effects
from paiwatch.engine.events import Commanded, Proposed, RunStarted, TakenUp, Withdrawn
from paiwatch.news import CommandGiven
from paiwatch.plan.applied import HeldBy
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service, a_snapshot, all_applied
from tests.engine.bench import Bench
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import REFRESH, STOP, a_plan, a_step

TREE = a_desired(a_service("db"), a_service("web"))


def at_rest(desired: Desired = TREE) -> Bench:
    """All of this is applied; a test makes each plan."""
    bench = Bench(store=MemoryStore(applied=all_applied(desired)), desired=desired)
    bench.look()
    assert bench.propose() == ["close 1 True"]
    return bench


def take(bench: Bench, *, plan: str = "newer") -> Proposed:
    """What the daemon sends when its plan of one step is made from the state as it is now."""
    return Proposed(proposal=bench.proposal(a_plan(a_step("z"), digest=plan)))


# ── stale proposals ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_made_before_a_service_was_applied_is_dropped_and_asked_for_again() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.look()
    stale = take(bench)
    bench.end("a")

    assert bench.feed(stale) == []
    assert bench.effects == [effects.MakePlan()]
    assert bench.state.generation == 1
    assert bench.feed(take(bench)) == ["begin z"]


def test_a_plan_of_what_was_seen_before_is_dropped() -> None:
    bench = Bench()
    bench.look()
    stale = take(bench)
    bench.look()

    assert bench.feed(stale) == []
    assert bench.is_planning
    assert bench.state.generation == 0


def test_a_plan_is_taken_once() -> None:
    bench = Bench()
    bench.look()
    newer = take(bench)
    bench.feed(newer)

    assert bench.feed(newer) == []
    assert bench.effects == []
    assert bench.state.generation == 1


def test_what_planning_does_not_compare_makes_no_plan_stale() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.look()
    newer = take(bench)
    bench.tick(5)
    bench.feed(RunStarted(run=1, identity=Identity(pid=7, started_ticks=1, boot="b")))

    assert bench.feed(newer) == ["begin z"]


def test_a_plan_made_before_a_hold_came_is_dropped() -> None:
    bench = Bench()
    bench.accept(a_step("a", interrupted=OnInterruption.HOLD))
    bench.look()
    stale = take(bench)
    bench.end("a", Outcome.INTERRUPTED)

    assert bench.feed(stale) == []
    assert bench.is_planning


def test_a_plan_made_while_somebody_waited_for_what_has_failed_since_is_dropped() -> None:
    bench = at_rest()
    request = bench.command(commands.Service(operator=REFRESH, names=("db",)))
    bench.propose()
    bench.look()
    stale = take(bench)
    bench.end("db", Outcome.FAILED)
    assert request in bench.answers

    assert bench.feed(stale) == []
    assert bench.is_planning


def test_what_only_failed_makes_no_plan_stale() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.look()
    newer = take(bench)
    bench.end("a", Outcome.FAILED)

    assert bench.feed(newer) == ["dismiss a of 1: superseded", "close 1 False", "begin z"]


def test_a_busy_daemon_does_not_starve_a_plan_is_dropped_at_most_once_for_each_run_under_way() -> None:
    names = ["a", "b", "c", "d"]
    bench = Bench(parallel=len(names))
    bench.accept(*(a_step(name) for name in [*names, "e", "f"]))
    bench.look()

    for name in names:
        late = take(bench)
        assert bench.end(name) == []  # and nothing takes its place while a plan is being made
        assert bench.feed(late) == []
        assert bench.is_planning
    bench.feed(take(bench))

    assert set(bench.running) == {"z"}
    assert bench.state.generation == 2


# ── who comes while a plan is being made ────────────────────────────────────────────────────────────────────────────


def test_commands_that_come_while_a_plan_is_made_are_taken_up_in_order_and_answered_once() -> None:
    bench = at_rest()
    bench.look()
    first = bench.command(commands.Suspend(service="web", reason="first"))
    second = bench.command(commands.Resume(service="web"))
    third = bench.command(commands.Suspend(service="web", reason="third"))
    assert bench.answers == {}
    assert bench.state.holds == {}

    bench.propose()  # of the look: the first two are taken up, and the second needs a plan
    assert [*bench.answers] == [first]
    bench.propose()

    assert [*bench.answers] == [first, second, third]
    assert bench.store.holds["web"].reason == "third"
    assert bench.state.deferred == ()
    assert bench.state.asked is None


def test_a_newer_request_takes_the_place_of_what_an_older_one_has_not_begun() -> None:
    bench = at_rest()
    older = bench.command(commands.Service(operator=REFRESH, names=("db",)))
    newer = bench.command(commands.Service(operator=REFRESH, names=("web",)))

    assert bench.propose() == []  # the newer one is taken up before the release of db is archived
    assert bench.state.generation == 2
    assert bench.propose() == ["dismiss db of 2: superseded", "close 2 False"]
    assert bench.answers == {older: {"steps": 1, "left_out": [], "succeeded": False}}
    assert bench.propose() == ["begin web"]  # whoever has an answer leaves its services to the trees again
    bench.end("web")
    assert bench.answers[newer] == {"steps": 1, "left_out": [], "succeeded": True}


def test_a_request_taken_up_that_cannot_be_done_leaves_the_next_one_its_turn() -> None:
    bench = at_rest()
    bench.look()
    wrong = bench.command(commands.Suspend(service="wbe"))
    right = bench.command(commands.Suspend(service="web"))

    bench.propose()

    assert bench.answers == {wrong: "there is no service 'wbe'; did you mean 'web'?", right: {"remark": ""}}


def test_a_refused_request_leaves_those_who_wait_with_it_their_plan() -> None:
    bench = at_rest()
    wrong = bench.command(commands.Service(operator=REFRESH, names=("wbe",)))
    newer = a_desired(*TREE.services.values(), texts={"web": "second"}, snapshot=a_snapshot(config="e" * 40))
    bench.look(newer)

    bench.propose()
    assert [*bench.answers] == [wrong]
    assert bench.is_planning
    assert bench.propose() == ["begin web"]


def test_who_asked_is_told_for_good_with_what_it_began() -> None:
    bench = at_rest()
    bench.command(commands.Service(operator=STOP, names=("db",), reason="a move"))
    assert not any(isinstance(each, CommandGiven) for each in bench.news)

    bench.propose()

    (given,) = [each for each in bench.news if isinstance(each, CommandGiven)]
    assert (given.verb, given.operator, given.services, given.reason) == (
        "service",
        "stop",
        ("db",),
        "a move",
    )
    assert given.principal == Principal(uid=1000, user="ana", login="ana", door="a test")


# ── what could not be written ───────────────────────────────────────────────────────────────────────────────────────


def test_a_request_whose_plan_could_not_be_written_leaves_no_trace() -> None:
    bench = at_rest()
    before = bench.state
    request = bench.command(commands.Service(operator=STOP, names=("db",)))
    assert before.holds == bench.state.holds

    bench.feed(Withdrawn(number=request))  # instead of what came of its plan
    assert bench.is_planning  # for whoever else needs it
    assert bench.propose() == []

    same = replace(bench.state, version=before.version, table=before.table)
    assert same == before
    assert bench.answers == {}


def test_a_request_that_waited_and_could_not_be_written_leaves_the_next_one_its_turn() -> None:
    bench = at_rest()
    bench.look()
    lost = bench.command(commands.Suspend(service="db"))
    kept = bench.command(commands.Suspend(service="web"))
    bench.feed(Withdrawn(number=lost))

    bench.propose()

    assert [*bench.answers] == [kept]
    assert {name: hold.by for name, hold in bench.store.holds.items()} == {"web": HeldBy.SUSPENDED}


def test_one_that_is_withdrawn_takes_no_plan_from_the_others() -> None:
    bench = at_rest()
    retry = bench.command(commands.Retry())
    other = bench.command(commands.Service(operator=REFRESH, names=("db",)))

    bench.feed(Withdrawn(number=other))
    bench.propose()

    assert [*bench.answers] == [retry]
    assert bench.state.asked is None


def test_what_only_a_person_waits_for_is_written_for_them_and_everything_else_for_all() -> None:
    bench = at_rest()
    request = bench.command(commands.Suspend(service="db"))
    assert _asked_by(bench) == [request]
    service = bench.command(commands.Service(operator=REFRESH, names=("web",)))
    assert _asked_by(bench) == []  # nothing is written before the plan is there

    bench.prepares = False
    bench.propose()
    assert _asked_by(bench) == [service]
    bench.prepare("web")
    assert _asked_by(bench) == [0]


def _asked_by(bench: Bench) -> list[int]:
    return [effect.asked_by for effect in bench.effects if isinstance(effect, effects.Commit)]


def test_taking_up_what_came_later_is_an_event_of_its_own() -> None:
    bench = at_rest()
    bench.look()
    bench.command(commands.Suspend(service="db"))
    bench.command(commands.Suspend(service="web"))
    (first, second) = bench.state.deferred
    assert isinstance(first, Commanded)

    state, found = bench.handled(Proposed(proposal=bench.proposal()))
    assert effects.TakeUp() in found
    assert state.deferred == (first, second)
    state, found = bench.handled(TakenUp(), state=state)

    assert set(state.holds) == {"db"}
    assert state.deferred == (second,)
