"""What a plan may do without an approval: against counting by hand."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.service import Operator, Removal
from paiwatch.documents.units import Limit
from paiwatch.plan import guard
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.plan import Kind, Plan, Step
from paiwatch.plan.policy import Guard, Policy
from paiwatch.settings import sections as settings
from tests.builders import a_desired, a_service, all_applied
from tests.planning import build
from tests.record.runs import a_step

NAMES = "abcdef"


def a_plan(*steps: Step) -> Plan:
    return Plan(digest="p" * 64, config="c", src="s", steps=steps)


def a_memory(*applied: str) -> Memory:
    return {name: Applied(service=name, digest="g" * 64) for name in applied}


def stops(*names: str) -> Plan:
    return a_plan(*(a_step(name, "g" * 64, Operator.STOP, kind=Kind.REMOVED) for name in names))


limits = (
    st.none()
    | st.integers(0, 6).map(Limit)
    | st.sampled_from([0, 25, 50, 100]).map(lambda p: Limit(percent=p))
)
works = st.dictionaries(
    st.sampled_from(NAMES),
    st.sampled_from(
        [
            (Operator.REFRESH,),
            (Operator.START,),
            (Operator.STOP,),
            (Operator.DELETE,),
            (Operator.STOP, Operator.START),
        ]
    ),
)


def is_beyond(count: int, running: int, applied: int, limit: Limit | None) -> bool:
    if limit is None:
        return False
    if limit.percent is None:
        return count > limit.number
    return running > 1 and Fraction(running, applied) > Fraction(limit.percent) / 100


@given(works, st.sets(st.sampled_from(NAMES)), limits, limits, st.booleans())
def test_a_plan_is_held_exactly_when_it_does_more_than_a_limit_allows(
    work: dict[str, tuple[Operator, ...]],
    applied: set[str],
    max_services: Limit | None,
    max_stops: Limit | None,
    asked: bool,
) -> None:
    kind = Kind.ASKED if asked else Kind.CHANGED
    steps = [
        a_step(name, "g" * 64, operator, kind=kind, last=operator is operators[-1])
        for name, operators in work.items()
        for operator in operators
    ]
    down = {name for name, operators in work.items() if operators[-1] in {Operator.STOP, Operator.DELETE}}

    held = guard.judge(
        a_plan(*steps), a_memory(*applied), Guard(max_services=max_services, max_stops=max_stops)
    )

    broken = [
        is_beyond(len(work), len(work.keys() & applied), len(applied), max_services),
        is_beyond(len(down), len(down & applied), len(applied), max_stops)
        or (
            set() < applied <= down and max_stops in {Limit(percent=0), Limit(percent=25), Limit(percent=50)}
        ),
    ]
    assert len(held.reasons if held else ()) == (0 if asked else sum(broken))
    if held is not None:
        assert (held.digest, held.services) == ("p" * 64, tuple(sorted(work)))


def test_the_sentences_say_how_many_of_what() -> None:
    held = guard.judge(
        stops("a", "b", "c"),
        a_memory("a", "b", "c", "d"),
        Guard(max_services=Limit(2), max_stops=Limit(percent=50)),
    )

    assert held is not None
    assert held.reasons == (
        "it touches 3 services, and guard.max_services is 2",
        "it takes down 3 of the 4 services that are applied, and guard.max_stops is 50%",
    )


@pytest.mark.parametrize(
    ("names", "applied", "is_held"),
    [
        pytest.param("a", "a", True, id="the only one"),
        pytest.param("ab", "ab", True, id="everything"),
        pytest.param("ab", "abcd", False, id="half"),
        pytest.param("abc", "abcd", True, id="more than half"),
        pytest.param("a", "ab", False, id="one of two"),
        pytest.param("ab", "", False, id="what never ran"),
    ],
)
def test_by_default_stops_of_more_than_half_are_held(names: str, applied: str, is_held: bool) -> None:
    limit = settings.Guard().max_stops

    assert (guard.judge(stops(*names), a_memory(*applied), Guard(max_stops=limit)) is not None) is is_held


def test_a_first_start_is_held_by_a_number_alone() -> None:
    plan = build(a_desired(*map(a_service, NAMES)), {}, Policy())

    assert guard.judge(plan, {}, Guard(max_services=Limit(percent=10))) is None
    assert guard.judge(plan, {}, Guard(max_services=Limit(5))) is not None


def test_a_tree_that_lost_its_services_is_held() -> None:
    before = a_desired(*map(a_service, NAMES))
    memory = all_applied(before)
    plan = build(a_desired(a_service("a")), memory, Policy(removed=Removal.DELETE))

    held = guard.judge(plan, memory, Guard(max_stops=Limit(percent=50)))

    assert held is not None
    assert held.services == tuple("bcdef")
