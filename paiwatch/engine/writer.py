"""The one thread that writes the record: what is awaited here is durable when it returns."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from paiwatch.engine.outage import Outage

T = TypeVar("T")


class Writer:
    """Runs blocking record work in order, off the event loop."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="record")

    async def do(self, work: Callable[[], T]) -> T:
        """Run `work` after everything asked for before it; its exceptions are raised here."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def insist(self, work: Callable[[], T]) -> T:
        """The same, for what the state machine has decided already: again and again, until it is written.

        Raises StoreError once the outage is given up: paiwatch is ending.
        """
        return await self.outage.outlast(lambda: self.do(work))

    def stop(self) -> None:
        """Finish what was asked for and end the thread."""
        self._thread.shutdown(wait=True)
