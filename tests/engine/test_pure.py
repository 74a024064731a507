"""The engine changes nothing that it is given: whoever holds a state, a view or a test, holds it for good."""

import pickle
import random

import pytest

from paiwatch.engine.effects import Effect
from paiwatch.engine.events import Event
from paiwatch.engine.state import State
from tests.engine.test_simulation import a_world, disturb
from tests.engine.world import World


class Watched(World):
    """A world that looks at each state again when the engine is done with it."""

    def handled(self, event: Event) -> tuple[State, tuple[Effect, ...]]:
        state, before = self.state, pickle.dumps((self.state, event))
        found = super().handled(event)
        assert pickle.dumps((state, event)) == before, f"{type(event).__name__} changed the state it met"
        again = super().handled(event)
        assert pickle.dumps(again) == pickle.dumps(found) or repr(again) == repr(found), "the same again"
        return found


@pytest.mark.parametrize("seed", range(12))
def test_no_event_changes_the_state_that_it_meets(seed: int) -> None:
    chance = random.Random(seed)
    world = a_world(chance, Watched)
    world.look()
    for _ in range(60):
        if chance.random() < 0.4:
            disturb(world)
        else:
            world.pass_time()
