"""Thousands of random histories: commits, failures, crashes, holds and retries at any moment; every promise, every time."""

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Dependents, OnFailure, Operator, Removal
from paiwatch.convergence.events import Draining
from paiwatch.convergence.progress import is_settled, progress
from paiwatch.plan import pins
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.plan.asked import Request
from paiwatch.plan.policy import Policy
from tests.convergence.world import RETRIES, World, a_random_service

EXAMPLES = int(os.environ.get("SIM_EXAMPLES", "300"))
NAMES = [f"s{number:02}" for number in range(12)]


def a_world(chance: random.Random) -> World:
    policy = Policy(
        removed=chance.choice(list(Removal)),
        dependents=chance.choice([Dependents.REFRESH, Dependents.REFRESH, Dependents.IGNORE]),
        retries=RETRIES,
        on_failure=chance.choice(list(OnFailure)),
    )
    world = World(chance, parallel=chance.randint(1, 5), policy=policy)
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
            world.look()
        case "crash":
            world.crash()
        case "torn":
            commit(world)
            world.look(carried_out=chance.randint(0, 3))
            world.crash()
        case "person":
            chance.choice((suspend_or_resume, undo, undo))(world)
        case "retry":
            world.retry(chance.sample(NAMES, chance.randint(0, 2)))
        case "ask":
            names = tuple(name for name in chance.sample(NAMES, 3) if name in world.tree.services)
            world.ask(
                Request(operator=chance.choice(list(Operator)), names=names, only=chance.random() < 0.3)
            )
        case "drain":
            if chance.random() < 0.3:
                world.drain()


def suspend_or_resume(world: World) -> None:
    name = world.chance.choice(NAMES)
    holds = dict(world.holds)
    if holds.pop(name, None) is None:
        holds[name] = Hold(service=name, by=HeldBy.SUSPENDED, reason="test", since=world.now)
    world.change_holds(holds)


def undo(world: World) -> None:
    world.roll_back(world.chance.choice(NAMES))


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
    world.look()
    world.change_holds({})
    world.retry()
    world.run_until_idle()
    world.check_converged()
    assert not world.excused()
    assert is_settled(world.machine), progress(world.machine)

    world.retry(NAMES)
    world.run_until_idle()
    world.check_converged()
    assert not pins.pinned(world.memory)
    world.promises.check_all_closed()


@settings(max_examples=EXAMPLES // 6, deadline=None)
@given(st.integers(0, 2**48))
def test_the_same_history_gives_the_same_intents(seed: int) -> None:
    def history() -> list[object]:
        chance = random.Random(seed)
        world = a_world(chance)
        seen: list[object] = []
        step = world.machine.step
        world.look()
        for _ in range(15):
            world.pass_time()
            seen.append((world.now, sorted(world.running), sorted(world.up.items())))
        seen.append(step(Draining(), world.now))
        return seen

    assert history() == history()
