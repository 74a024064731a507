"""The real store beside the stand-in of the simulation: both do the same with the same changes, after every commit of any history."""

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.engine.changes import Change
from paiwatch.engine.draft import PastNeeded
from paiwatch.engine.events import Past
from paiwatch.engine.state import Rules, State
from paiwatch.plan.applied import Applied, Pin
from paiwatch.record.history import History
from paiwatch.record.store import Store
from tests.engine.memory_store import MemoryStore
from tests.engine.test_simulation import a_world, disturb

#: What the store remembers of a state.
DURABLE = (
    "applied",
    "holds",
    "failures",
    "removing",
    "lingering",
    "unfinished",
    "held_plan",
    "approval",
    "retained",
    "generation",
    "snapshot",
    "last_run",
    "last_event",
)


def as_written(value: Any) -> Any:
    """A value as the file can hold it: times in whole milliseconds, mappings in any order.

    Of a pin it does not hold which generation left the release (that is of use only when the pin is made), and of that
    release nothing that is so for what is applied now alone.
    """
    if isinstance(value, Pin):
        bare = replace(value, left=0, release=_former(value.release))
        return {each.name: as_written(getattr(bare, each.name)) for each in fields(bare)}
    if isinstance(value, float):
        return round(value, 3)
    if is_dataclass(value):
        return type(value).__name__, {
            each.name: as_written(getattr(value, each.name)) for each in fields(value)
        }
    if isinstance(value, Mapping):
        return {key: as_written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(as_written(each) for each in value)
    return value


def durable(state: State) -> dict[str, Any]:
    """What another life would know."""
    return {name: as_written(getattr(state, name)) for name in DURABLE}


class Both(MemoryStore):
    """The stand-in, with a real store that is told and asked the same."""

    def __init__(self, real: Store) -> None:
        super().__init__()
        self.real = real
        self.commits = 0
        self._is_new = False

    def commit(self, committed: Iterable[Change]) -> None:
        """Tell both."""
        written = tuple(committed)
        super().commit(written)
        self.real.commit(written)
        self.commits += 1
        self._is_new = True

    def check_knows(self, state: State) -> None:
        """The stand-in knows what the state says of what lasts, and so does the real store."""
        super().check_knows(state)
        if self._is_new:
            self.load(state.rules, life="")
        self._is_new = False

    def load(self, rules: Rules, *, life: str) -> State:
        """From either."""
        expected = super().load(rules, life=life)
        assert durable(self.real.load(rules)) == durable(expected)
        return expected

    def past(self, needed: PastNeeded, is_archived: Callable[[str], bool]) -> Past:
        """From either; generations without a changed release are no news."""
        expected = super().past(needed, is_archived)
        found = self.real.past(needed.service, leaves=needed.leaves, to=needed.to, is_archived=is_archived)
        assert as_written(_told(found)) == as_written(_told(expected))
        return expected


def _told(past: Past) -> Past:
    changed = {generation: keys for generation, keys in past.changed.items() if keys}
    formers = {
        name: tuple(replace(each, release=_former(each.release)) for each in found)
        for name, found in past.formers.items()
        if found
    }
    return replace(past, changed=changed, formers=formers)


def _former(release: Applied) -> Applied:
    """A release as it is remembered once it is no longer the present one."""
    return replace(release, touched="", touched_by=None, prerequisites={}, pin=None)


def in_haste(store: Store) -> None:
    """No power is lost here, so nothing waits for the disk."""
    raw = store._connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA synchronous = OFF")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**48))
def test_after_every_commit_the_store_knows_what_the_state_says(seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as real:
        in_haste(real)
        world = a_world(chance)
        both = world.store = Both(real)
        world.look()
        for _ in range(60):
            if chance.random() < 0.3:
                disturb(world)
            else:
                world.pass_time()
        assert both.commits
        with History.open(Path(folder)) as history:
            assert [event.number for event in history.events(limit=10_000)] == both.events
            assert history.last_event() == world.state.last_event
