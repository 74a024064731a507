"""The real store over whole simulated histories: after every commit another life would begin from the very same state."""

import random
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.engine.changes import Change
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.events import Past
from paiwatch.engine.state import Rules, State
from paiwatch.plan.policy import Policy
from paiwatch.record.history import History
from paiwatch.record.store import Store
from tests.engine.memory_store import MemoryStore
from tests.engine.test_simulation import a_world, disturb

_RULES = Rules(policy=Policy(), parallel=1)
_KEPT = 5  # events
_REMEMBERED = [each.name for each in fields(State)]
_REMEMBERED = _REMEMBERED[1 : _REMEMBERED.index("last_event") + 1]  # the rest is of one life


class BothStores(MemoryStore):
    """The one in memory and the real one. They are told the same, and must know the same."""

    def __init__(self, real: Store) -> None:
        super().__init__()
        self.real = real

    def commit(self, committed: Iterable[Change]) -> None:
        """All of it, in order."""
        changes = tuple(committed)
        super().commit(changes)
        self.real.commit(changes)
        found, known = self.real.load(_RULES), self.load(_RULES, life="")
        for name in _REMEMBERED:
            assert rounded(getattr(found, name)) == rounded(getattr(known, name)), name

    def past(self, needed: PastNeeded, is_archived: Callable[[str], bool]) -> Past:
        """What only the store remembers of a service."""
        found = self.real.past(needed.service, leaves=needed.leaves, to=needed.to, is_archived=is_archived)
        assert rounded(found) == rounded(super().past(needed, is_archived))
        return found


def rounded(value: Any) -> Any:
    """With times as the file holds them: in whole milliseconds."""
    if isinstance(value, float):
        return round(value * 1000)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), [rounded(getattr(value, each.name)) for each in fields(value) if each.compare]
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [rounded(each) for each in value]
    return value


def event_numbers(state: Path) -> list[int]:
    with History.open(state) as past:
        return [event.number for event in past.event_page(since=0, limit=100_000).events]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**48))
def test_after_every_commit_the_file_knows_what_the_state_knows(seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as real:
        world = a_world(chance)
        world.store = store = BothStores(real)
        world.look()
        for _ in range(40):
            if chance.random() < 0.4:
                disturb(world)
            else:
                world.pass_time()

        assert event_numbers(Path(folder)) == store.events
        before = real.load(_RULES)
        real.prune(runs=1000, generations=1000, releases=1000, events=_KEPT)
        assert event_numbers(Path(folder)) == store.events[-_KEPT:]
        after = real.load(_RULES)
        assert all(getattr(after, name) == getattr(before, name) for name in _REMEMBERED)
