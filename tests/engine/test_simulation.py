"""Thousands of random histories: commits, failures, crashes, holds and retries at any moment; every promise, every time."""

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Dependents, OnFailure, Operator, Removal
from paiwatch.documents.units import Limit
from paiwatch.engine import commands
from paiwatch.plan import pins
from paiwatch.plan.applied import DOWN
from paiwatch.plan.policy import Guard, Policy
from tests.engine.tree import RETRIES, a_random_service
from tests.engine.world import World

EXAMPLES = int(os.environ.get("SIM_EXAMPLES", "300"))
NAMES = [f"s{number:02}" for number in range(12)]


def a_world(chance: random.Random, kind: type[World] = World) -> World:
    """With up to twelve services that nobody has started yet."""
    policy = Policy(
        removed=chance.choice(list(Removal)),
        dependents=chance.choice([Dependents.REFRESH, Dependents.REFRESH, Dependents.IGNORE]),
        retries=RETRIES,
        on_failure=chance.choice(list(OnFailure)),
        guard=Guard(max_services=chance.choice([None, None, Limit(chance.randint(1, 4))])),
    )
    world = kind(chance, parallel=chance.randint(1, 5), policy=policy)
    for at, name in enumerate(NAMES[: chance.randint(1, 12)]):
        world.tree.services[name] = a_random_service(chance, name, NAMES[:at])
        world.tree.texts[name] = "text 0"
    return world


def commit(world: World) -> None:
    """Somebody changes a few services: texts (also back to an older one), declarations, existence, errors."""
    chance, tree = world.chance, world.tree
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(NAMES)
        match chance.choice(("text", "text", "text", "declare", "remove", "break", "mend")):
            case "text":
                tree.texts[name] = f"text {chance.randint(0, 4)}"
            case "declare":
                tree.services[name] = a_random_service(chance, name, NAMES[: NAMES.index(name)])
                tree.texts.setdefault(name, "text 0")
            case "remove":
                tree.services.pop(name, None)
            case "break":
                tree.invalid.add(name)
            case "mend":
                tree.invalid.clear()
    tree.services = dict(sorted(tree.services.items()))
    tree.commits += 1


def disturb(world: World) -> None:
    """Something happens that nobody waited for."""
    chance = world.chance
    match chance.choice(
        (
            "commit",
            "commit",
            "commit",
            "unrelated",
            "crash",
            "torn",
            "person",
            "person",
            "retry",
            "ask",
            "drain",
        )
    ):
        case "commit":
            commit(world)
            world.look()
        case "unrelated":
            world.tree.commits += chance.randint(0, 1)
            world.look()
        case "crash":
            world.crash()
        case "torn":
            commit(world)
            world.die_over_a_look()
        case "person":
            chance.choice((suspend_or_resume, undo, undo, approve, adopt))(world)
        case "retry":
            world.retry(chance.sample(NAMES, chance.randint(0, 2)))
        case "ask":
            ask(world)
        case "drain":
            if chance.random() < 0.3:
                world.drain()


def ask(world: World) -> None:
    """Somebody runs an operator, over a few services or over all."""
    chance, is_down = world.chance, any(hold.by in DOWN for hold in world.state.holds.values())
    names = tuple(name for name in chance.sample(NAMES, 3) if name in world.tree.services)
    operator = chance.choice(list(Operator))
    if is_down and chance.random() < 0.3:
        operator, names = Operator.REFRESH, ()
    world.command(commands.Service(operator=operator, names=names, only=chance.random() < 0.3))


def suspend_or_resume(world: World) -> None:
    """Somebody suspends a service, or lets one go."""
    held = [*world.state.holds] if world.chance.random() < 0.5 else []
    name = world.chance.choice(held or NAMES)
    world.command(commands.Resume(service=name) if held else commands.Suspend(service=name, reason="a test"))


def approve(world: World) -> None:
    held = world.state.held_plan
    world.command(commands.Approve(digest=held.digest if held else "f" * 12))


def adopt(world: World) -> None:
    if world.chance.random() < 0.4:
        pinned = [*pins.pinned(world.state.applied)] if world.chance.random() < 0.5 else []
        names = world.chance.sample(pinned or NAMES, 1)
        world.command(commands.Adopt(services=frozenset(names)))


def undo(world: World) -> None:
    world.command(commands.Rollback(service=world.chance.choice(NAMES)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**48))
def test_every_promise_holds_in_every_history(seed: int) -> None:
    chance = random.Random(seed)
    world = a_world(chance)
    world.look()
    for _ in range(60):
        if chance.random() < 0.3:
            disturb(world)
        else:
            world.pass_time()

    world.calm = True
    world.look()
    world.run_until_idle()
    world.check_converged()

    world.tree.invalid.clear()
    world.tree.commits += 1
    world.look()
    for name in [*world.state.holds]:
        world.command(commands.Resume(service=name))
        world.run_until_idle()
        world.command(commands.Service(operator=Operator.START, names=(name,), only=True))
        world.run_until_idle()
    world.retry()
    world.run_until_idle()
    world.check_converged()

    world.retry({*world.tree.services, *world.state.applied})
    world.run_until_idle()
    world.check_converged()
    assert not world.excused() & world.tree.services.keys()
    assert world.state.is_settled
    assert not pins.pinned(world.state.applied)
    world.promises.check_all_closed()


@settings(max_examples=EXAMPLES // 6, deadline=None)
@given(st.integers(0, 2**48))
def test_the_same_history_gives_the_same_intents(seed: int) -> None:
    def history() -> list[object]:
        chance = random.Random(seed)
        world = a_world(chance)
        world.look()
        for _ in range(40):
            world.pass_time()
        return [world.state, world.now, sorted(world.running), sorted(world.up.items())]

    first, second = history(), history()
    assert [repr(each) for each in first[1:]] == [repr(each) for each in second[1:]]
    assert first[0].applied == second[0].applied  # type: ignore[attr-defined]
