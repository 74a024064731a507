"""`paiwatch adopt`: a person says how services are, and nothing runs for it."""

from dataclasses import replace

from paiwatch.domain.run import Outcome
from paiwatch.engine import commands, effects
from paiwatch.engine.changes import Failure
from paiwatch.engine.events import Archived
from paiwatch.plan.applied import HeldBy, Hold, Pin, PinnedBy
from paiwatch.plan.plan import Kind
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.engine.bench import Bench
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import a_step

OLDER, NEWER = a_release("a", {"start.sh": "older"}), a_release("a", {"start.sh": "newer"})
TREE = a_desired(a_service("a"), releases=[NEWER])


def adopt(bench: Bench, *names: str) -> int:
    """The releases are archived at once."""
    request = bench.command(commands.Adopt(services=frozenset(names)))
    for effect in [each for each in bench.effects if isinstance(each, effects.Archive)]:
        bench.feed(Archived(asked=effect.asked, desired=effect.desired))
    return request


def rolled_back() -> Bench:
    """The older release of a runs in place of the newer one, which failed."""
    pin = Pin(instead_of=NEWER.digest, release=an_applied(OLDER), since=0.0, by=PinnedBy.POLICY, because="")
    failure = Failure(service="a", digest=NEWER.digest, attempts=2, quarantined=True)
    store = MemoryStore(
        applied={"a": replace(an_applied(OLDER), pin=pin)}, failures={("a", NEWER.digest): failure}
    )
    bench = Bench(store=store, desired=TREE, plans=True)
    assert bench.look() == ["close 1 True"]
    return bench


def test_what_is_adopted_counts_as_applied_and_nothing_runs() -> None:
    bench = Bench(desired=TREE)
    bench.look()
    bench.propose()
    bench.command(commands.Suspend(service="a"))
    bench = bench.another_life()
    bench.plans = True
    bench.look()

    request = adopt(bench, "a")

    assert bench.store.applied["a"].digest == NEWER.digest
    assert bench.answers[request] == {"services": ["a"], "forgotten": []}
    assert bench.running == {}


def test_what_is_adopted_is_not_rolled_back_any_more_and_its_failures_do_not_count() -> None:
    bench = rolled_back()

    adopt(bench, "a")

    assert bench.store.applied["a"].pin is None
    assert bench.store.applied["a"].digest == NEWER.digest
    assert bench.store.failures == {}
    assert bench.running == {}


def test_a_rollback_ends_with_the_next_look_at_a_tree_that_asks_for_something_else() -> None:
    bench = rolled_back()
    assert bench.look(replace(TREE)) == []

    assert bench.look(a_desired(a_service("a"), texts={"a": "newest"})) == ["end rollback of a", "begin a"]
    assert bench.store.applied["a"].pin is None


def test_the_release_that_adoption_leaves_can_be_gone_back_to() -> None:
    bench = Bench(store=MemoryStore(applied={"a": an_applied(OLDER)}), desired=TREE, prepares=False)
    bench.look()
    bench.propose()

    adopt(bench, "a")

    (former,) = bench.store.formers["a"]
    assert former.release.digest == OLDER.digest


def test_what_is_gone_from_the_tree_is_forgotten_with_what_holds_it() -> None:
    hold = Hold(service="a", by=HeldBy.STOPPED, reason="", since=0.0)
    bench = Bench(store=MemoryStore(applied={"a": an_applied(OLDER)}, holds={"a": hold}), plans=True)
    bench.look()

    request = adopt(bench, "a")

    assert bench.store.applied == {}
    assert bench.store.holds == {}
    assert bench.answers[request] == {"services": [], "forgotten": ["a"]}


def test_what_has_no_release_cannot_be_adopted() -> None:
    bench = Bench(desired=TREE, plans=True)
    bench.look()

    request = adopt(bench, "b")

    assert str(bench.answers[request]).startswith("no release to adopt for: b")


def test_a_tree_that_moved_on_while_releases_were_archived_has_them_archived_again() -> None:
    bench = Bench(desired=TREE, plans=True, prepares=False)
    bench.look()
    bench.command(commands.Adopt())
    (archive,) = [each for each in bench.effects if isinstance(each, effects.Archive)]
    bench.look(replace(TREE))

    bench.feed(Archived(asked=archive.asked, desired=archive.desired))

    assert bench.answers == {}
    (again,) = [each for each in bench.effects if isinstance(each, effects.Archive)]
    assert again.desired is bench.desired


def test_what_a_person_asked_for_rests_no_longer_for_what_adoption_forgives() -> None:
    bench = Bench(desired=TREE, store=MemoryStore())
    bench.look()
    bench.accept(a_step("a", kind=Kind.ASKED), a_step("z"))
    bench.end("a", Outcome.INTERRUPTED, at=1)
    assert bench.states["start a"] == "backing-off"

    adopt(bench, "a")

    assert bench.states["start a"] != "backing-off"
