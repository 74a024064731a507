"""What only the store remembers is asked for before anything happens, and for exactly the service that it concerns."""

import pytest

from paiwatch.catalog.service import OnFailure, Retries
from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine.commands import Act
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.engine import handle
from paiwatch.engine.events import Commanded, Event, Moment, Past, RunEnded
from paiwatch.engine.state import State
from paiwatch.plan.policy import Policy
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.engine.bench import SOMEBODY, Bench, a_result
from tests.engine.memory_store import MemoryStore

OLDER, NEWER = a_release("a", {"start.sh": "older"}), a_release("a", {"start.sh": "newer"})
NOW = Moment(10.0, 10.0)
TRIED_ONCE = Retries(attempts=1, first=1.0, max=1.0)


def changed(*, on_failure: OnFailure = OnFailure.KEEP, archived: bool = True) -> Bench:
    """The older release of a is applied, the newer one runs, and b stands by."""
    bench = Bench(
        store=MemoryStore(applied={"a": an_applied(OLDER)}),
        desired=a_desired(a_service("a", retries=TRIED_ONCE), a_service("b"), releases=[NEWER]),
        policy=Policy(on_failure=on_failure),
        plans=True,
    )
    if archived:
        bench.archive.add(OLDER.digest)
    bench.look()
    return bench


def needs(state: State, event: Event) -> tuple[str, str, str]:
    """What is asked for about this event: the service, what it leaves, and what a person named."""
    with pytest.raises(PastNeeded) as needed:
        handle(state, event, NOW)
    return needed.value.service, needed.value.leaves, needed.value.to


def commanded(command: Act) -> Commanded:
    return Commanded(number=1, command=command, principal=SOMEBODY)


@pytest.mark.parametrize("to", ["", "7", "abcd"])
def test_a_rollback_by_a_person_asks_for_its_service_what_it_leaves_and_what_was_named(to: str) -> None:
    bench = changed()

    assert needs(bench.state, commanded(commands.Rollback(service="a", to=to))) == ("a", NEWER.digest, to)


def test_a_rollback_by_policy_asks_for_the_service_that_used_up_its_tries() -> None:
    bench = changed(on_failure=OnFailure.ROLLBACK)
    event = RunEnded(run=bench.running["a"].run, result=a_result(Outcome.FAILED))

    assert needs(bench.state, event) == ("a", NEWER.digest, "")


def test_nothing_has_happened_when_the_past_is_asked_for() -> None:
    bench = changed(on_failure=OnFailure.ROLLBACK)
    before = bench.state

    bench.end("a", Outcome.FAILED)

    assert len(bench.recalled) == 1
    assert before.failures == {}
    assert before.running.keys() == {"a", "b"}
    assert bench.words == ["quarantine a", "roll back a", "begin a"]


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [(OnFailure.KEEP, Outcome.FAILED), (OnFailure.ROLLBACK, Outcome.SUCCEEDED)],
    ids=["policy keeps", "it succeeded"],
)
def test_what_needs_no_rollback_asks_for_nothing(policy: OnFailure, outcome: Outcome) -> None:
    bench = changed(on_failure=policy)

    bench.end("a", outcome)
    bench.end("b", outcome)

    assert bench.recalled == []


def test_a_rollback_that_cannot_be_is_refused_without_a_question() -> None:
    bench = changed()

    for service, why in (("", "needs the name of a service"), ("c", "there is no service 'c'")):
        request = bench.command(commands.Rollback(service=service))
        assert why in str(bench.answers[request])
    assert bench.recalled == []


def test_the_past_of_another_service_does_not_do() -> None:
    bench = changed()
    event = commanded(commands.Rollback(service="a"))

    with pytest.raises(PastNeeded, match="a"):
        handle(bench.state, event, NOW, Past(service="b"))


@pytest.mark.parametrize("is_archived", [True, False], ids=["kept", "not kept"])
def test_only_what_is_still_archived_is_gone_back_to(is_archived: bool) -> None:
    bench = changed(archived=is_archived)

    request = bench.command(commands.Rollback(service="a"))

    if is_archived:
        assert bench.words == ["roll back a"]
        assert bench.state.applied["a"].pin is not None
    else:
        assert "there is no earlier good release" in str(bench.answers[request])
        assert bench.store.failures == {}


def test_a_rollback_outlives_the_success_of_what_it_leaves() -> None:
    bench = changed()
    bench.command(commands.Rollback(service="a"))
    pin = bench.store.applied["a"].pin
    assert pin is not None

    assert "begin a" in bench.end("a")

    assert bench.store.applied["a"].pin == pin
    assert bench.running["a"].step.digest == OLDER.digest


def test_a_rollback_that_came_while_a_plan_was_made_asks_when_it_is_taken_up() -> None:
    bench = changed()
    bench.plans = False
    bench.look()
    bench.command(commands.Rollback(service="a"))
    assert bench.recalled == []

    bench.propose()

    (needed,) = bench.recalled
    assert (needed.service, needed.leaves, needed.to) == ("a", NEWER.digest, "")
