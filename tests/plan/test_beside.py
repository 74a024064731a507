"""What a person asked for and what the trees ask for, in one plan: who waits for whom, and who does not."""

import random

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.service import Operator
from paiwatch.plan.asked import Request
from paiwatch.plan.beside import related
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service
from tests.planning import asked, beside, build

POLICY = Policy()


def a_tree(**needs: tuple[str, ...]) -> Desired:
    """Services with these prerequisites."""
    return a_desired(*(a_service(name, needs=others) for name, others in needs.items()))


def together(desired: Desired, *names: str, operator: Operator = Operator.START) -> Plan:
    """A first start of everything, while a person asks for these."""
    wished = asked(Request(operator=operator, names=names, only=True), desired, {}, POLICY)
    return beside(build(desired, {}, POLICY), wished, desired, {})


def steps(plan: Plan) -> dict[str, str]:
    return {step.id.service: str(step.kind) for step in plan.steps}


def test_strangers_go_on_and_relatives_are_left_to_the_person() -> None:
    desired = a_tree(base=(), middle=("base",), top=("middle",), alone=(), beside_top=("alone",))

    assert steps(together(desired, "middle")) == {"alone": "new", "beside_top": "new", "middle": "asked"}


def test_who_needs_a_relative_as_well_waits_too() -> None:
    desired = a_tree(base=(), asked_for=("base",), neighbour=("base",), alone=())

    assert steps(together(desired, "asked_for")) == {"alone": "new", "asked_for": "asked"}


def test_digest_names_the_whole() -> None:
    desired = a_tree(one=(), other=())
    whole = build(desired, {}, POLICY)

    assert together(desired, "one").digest not in {whole.digest, together(desired, "other").digest}


@given(st.integers(0, 2**32))
def test_nobody_waits_for_a_step_that_is_not_there_and_only_the_connected_are_left_out(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(chance.randint(1, 9))]
    desired = a_tree(
        **{
            name: tuple(chance.sample(names[:place], min(place, chance.randint(0, 2))))
            for place, name in enumerate(names)
        }
    )
    chosen = chance.sample(names, chance.randint(1, len(names)))

    plan = together(desired, *chosen)

    present = {step.id for step in plan.steps}
    assert all(set(step.waits) <= present for step in plan.steps)
    left_out = set(names) - steps(plan).keys()
    near = related(chosen, make_target(desired, {}), {})
    for name in left_out:
        needs = {edge.service for edge in desired.services[name].prerequisites}
        assert name in near or needs & left_out
    assert set(chosen) <= steps(plan).keys()
    assert near.isdisjoint(name for name, kind in steps(plan).items() if kind != "asked")
