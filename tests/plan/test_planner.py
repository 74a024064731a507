"""A planner that remembers its last comparison plans as one that remembers nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Dependents, Operator, Prerequisite, Removal, Service
from paiwatch.plan.applied import Applied, Pin, PinnedBy
from paiwatch.plan.build import Planner
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.releases.release import Desired, Release
from tests.builders import ALL_SCRIPTS, a_desired, a_release, a_service, all_applied, an_applied, scripts
from tests.planning import build

_NAMES = tuple(f"s{number}" for number in range(4))
_POLICIES = st.builds(
    Policy, dependents=st.sampled_from(list(Dependents)), removed=st.sampled_from(list(Removal))
)


@dataclass(frozen=True)
class World:
    """One look, and the memory at that moment."""

    desired: Desired
    memory: Mapping[str, Applied]


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    """Edges lead to earlier names, now and then to any, so that there are rings too."""
    earlier = _NAMES[: _NAMES.index(name)] or ("nowhere",)
    edge = st.builds(
        Prerequisite,
        service=st.sampled_from(earlier if draw(st.integers(0, 5)) else (*_NAMES, "nowhere")),
        dependents=st.sampled_from([None, None, *Dependents]),
    )
    has = draw(st.sampled_from([ALL_SCRIPTS, ALL_SCRIPTS, scripts(Operator.START), scripts(Operator.STOP)]))
    return a_service(name, needs=draw(st.lists(edge, max_size=2)), scripts=has)


@dataclass
class Shop:
    """What the next look and the next plan will see."""

    services: dict[str, Service]
    releases: dict[str, Release]
    memory: dict[str, Applied]

    def world(self, invalid: frozenset[str]) -> World:
        """Objects that nobody replaced are the very same in the next world."""
        runs = {name: release for name, release in self.releases.items() if name in self.services}
        desired = replace(a_desired(), services=dict(self.services), releases=runs, invalid=invalid)
        return World(desired, dict(self.memory))


def a_pin(release: Release, older: Applied) -> Pin:
    return Pin(
        instead_of=release.digest, release=older, since=1.0, by=PinnedBy.PERSON, because="it lost requests"
    )


def edit(draw: st.DrawFn, shop: Shop, name: str) -> None:
    """One thing that happens to a service: in the tree, or in the record."""
    applied = shop.memory.get(name, Applied(service=name))
    kind = draw(
        st.sampled_from(
            ["commit", "commit", "declare", "run", "begin", "forget", "remove", "break", "pin", "unpin"]
        )
    )
    if kind == "commit":
        shop.releases[name] = a_release(name, {"start.sh": draw(st.sampled_from(["first", "second"]))})
    elif kind == "declare":
        shop.services[name] = draw(services(name))
    elif kind == "run" and name in shop.releases:
        seen = {other: each.version for other, each in shop.memory.items() if draw(st.booleans())}
        shop.memory[name] = an_applied(
            shop.releases[name], version=applied.version + 1, prerequisites=seen or applied.prerequisites
        )
    elif kind == "begin":
        shop.memory[name] = replace(applied, touched="9" * 64)
    elif kind == "pin" and name in shop.releases and name in shop.memory:
        older = an_applied(a_release(name, {"start.sh": "older"}))
        shop.memory[name] = replace(applied, pin=a_pin(shop.releases[name], older))
    elif kind == "unpin" and name in shop.memory:
        shop.memory[name] = replace(applied, pin=None)
    elif kind == "forget":
        shop.memory.pop(name, None)
    elif kind == "remove":
        shop.services.pop(name, None)
    elif kind == "break":
        shop.releases.pop(name, None)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[World]:
    """Worlds that share most of their objects, as those of a daemon do. In the first one everything is applied."""
    desired = a_desired(*(draw(services(name)) for name in _NAMES))
    shop = Shop(dict(desired.services), dict(desired.releases), all_applied(desired))
    worlds = [shop.world(frozenset())]
    for _ in range(draw(st.integers(1, 6))):
        for name in draw(st.sets(st.sampled_from(_NAMES), min_size=1, max_size=2)):
            edit(draw, shop, name)
        worlds.append(shop.world(draw(st.sampled_from([frozenset(), frozenset(), frozenset({_NAMES[1]})]))))
    return worlds


@settings(max_examples=150, deadline=None)
@given(histories(), _POLICIES)
def test_planning_again_equals_planning_for_the_first_time(history: Sequence[World], policy: Policy) -> None:
    planner = Planner(policy)

    for world in history:
        again = planner.plan(make_target(world.desired, world.memory), world.memory)
        first = build(world.desired, world.memory, policy)
        assert again == first
        assert repr(again) == repr(first)


def test_a_look_without_a_plan_between_two_others_changes_neither() -> None:
    desired = a_desired(a_service("a"), a_service("b", needs=("a",)))
    memory = all_applied(desired)
    planner = Planner(Policy())
    target = make_target(desired, memory)
    planner.plan(target, memory)

    touched = {**memory, "a": replace(memory["a"], touched="9" * 64)}
    planner.plan(target, touched)

    assert planner.plan(target, memory) == build(desired, memory, Policy())
    assert [step.id.service for step in planner.plan(target, touched).steps] == ["a", "b"]
