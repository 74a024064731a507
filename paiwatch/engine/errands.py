"""Errands: the work of people's commands, done by the decider between two events. Nobody waits with them for a disk."""

import asyncio

from paiwatch.engine.inbox import Command
from paiwatch.engine.outage import Outage
from paiwatch.errors import StoreError

_PATIENCE = 1.0  # seconds a person waits for the disk


class Errands:
    """Carried out one by one by the task that calls `do`; awaited by any other."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._doer: asyncio.Task[object] | None = None
        self._current: asyncio.Future[object] | None = None

    def take_over(self) -> None:
        """The calling task does them from now on."""
        self._doer = asyncio.current_task()

    async def wait(self, errand: Command) -> object:
        """What it gives. Raises what it raised, and StoreError where the task that does them waits for the disk."""
        try:
            while not (await asyncio.wait({errand.done}, timeout=_PATIENCE))[0]:
                if self._outage.holds_up(self._doer):
                    self._refuse(errand)
        finally:
            errand.done.cancel()  # of no effect but where nobody waits any more
        return await errand.done

    async def do(self, errand: Command) -> None:
        """Do it, unless nobody waits for it any more."""
        if errand.done.done():
            return
        self._current = errand.done
        try:
            result = await errand.work()
        except Exception as fault:  # noqa: BLE001 (not swallowed: raised where the command was given)
            if not errand.done.done():
                errand.done.set_exception(fault)
        else:
            if not errand.done.done():
                errand.done.set_result(result)
        self._current = None

    def _refuse(self, errand: Command) -> None:
        """One that has begun is carried out all the same, as soon as that is possible."""
        has_begun = errand.done is self._current
        state = "begun, and goes on by itself as soon as that is over" if has_begun else "not done"
        errand.done.set_exception(StoreError(f"{state}: {self._outage.fault}"))
