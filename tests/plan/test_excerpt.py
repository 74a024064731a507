"""The part of a plan that goes ahead by itself."""

from dataclasses import replace

from paiwatch.plan.excerpt import excerpt, once
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Policy
from tests.builders import a_desired, a_service
from tests.planning import build

SERVICES = (a_service("base"), a_service("web", needs=("base",)), a_service("top", needs=("web",)))


def a_plan(*invalid: str) -> Plan:
    return build(a_desired(*SERVICES, invalid=invalid), {}, Policy())


def test_it_has_its_own_name_releases_and_waits() -> None:
    plan = a_plan()

    part = excerpt(plan, lambda step: step.id.service != "base")

    web, top = part.steps
    assert (web.waits, top.waits) == ((), (web.id,))
    assert part.releases.keys() == {"web", "top"}
    assert part.digest != plan.digest
    assert excerpt(plan, lambda _: True) == plan


def test_what_goes_back_runs_beside_a_prerequisite_with_errors_and_nothing_else_does() -> None:
    plan = a_plan("base")
    back = replace(plan, steps=tuple(replace(step, instead_of="d" * 64) for step in plan.steps))

    assert [step.held_by for step in excerpt(plan, lambda _: True).steps] == [("base",), ("base",)]
    assert [step.held_by for step in excerpt(back, lambda _: True).steps] == [(), ()]


def test_once_leaves_one_attempt() -> None:
    assert {step.spec.retries.attempts for step in once(a_plan()).steps} == {1}
