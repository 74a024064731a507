"""The outage: what cannot be written now. Whoever must write waits here until it works, and people are told once.

A full disk is no reason to end, nor to go on without memory: nothing moves past a write that has not worked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from paiwatch.errors import DamagedError, StoreError
from paiwatch.news import Listener, StateFailed, StateRecovered

T = TypeVar("T")

_FIRST, _MOST = 0.1, 2.0  # seconds between tries; each costs one small write


def _always() -> bool:
    return True


class Outage:
    """Begins with the first write that fails, ends when nobody waits any more. `tries` counts what was tried again.

    One that is not `patient` raises what fails at once: for commands, whose caller can call again.
    """

    def __init__(self, tell: Listener, *, patient: bool) -> None:
        self.is_patient = patient
        self._tell = tell
        self._faults: dict[asyncio.Task[object] | None, str] = {}  # by who waits
        self._told: set[str] = set()
        self._given_up = asyncio.Event()
        self.tries = 0
        if not patient:
            self._given_up.set()

    @property
    def fault(self) -> str:
        """What cannot be written, why, and what to do; empty while all is well."""
        return "; ".join(dict.fromkeys(self._faults.values()))

    def holds_up(self, task: "asyncio.Task[object] | None") -> bool:
        """Whether this task waits here."""
        return task in self._faults

    def give_up(self) -> None:
        """Wait no more: whatever fails from now on, or at its next try, raises."""
        self._given_up.set()

    async def outlast(self, work: Callable[[], Awaitable[T]], *, worth_it: Callable[[], bool] = _always) -> T:
        """Do this until it works. Raises StoreError once nobody waits any more, or when it is not `worth_it`.

        What is damaged stays so: DamagedError is raised at once.
        """
        me, pause = asyncio.current_task(), _FIRST
        try:
            while True:
                try:
                    done = await work()
                except DamagedError:
                    raise
                except StoreError as fault:
                    if self._given_up.is_set() or not worth_it():
                        raise
                    self._begin(me, str(fault))
                    await self._rest(pause)
                    pause = min(2 * pause, _MOST)
                    self.tries += 1
                else:
                    self._recover(me)
                    return done
        finally:
            self._faults.pop(me, None)

    def _begin(self, who: asyncio.Task[object] | None, fault: str) -> None:
        self._faults[who] = fault
        if fault not in self._told:
            self._told.add(fault)
            self._tell(StateFailed(message=fault))

    def _recover(self, who: asyncio.Task[object] | None) -> None:
        if self._faults.pop(who, None) is not None and not self._faults:
            self._told.clear()
            self._tell(StateRecovered())

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._given_up.wait()
