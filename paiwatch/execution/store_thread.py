"""The one thread that uses the store: what is awaited here is durable when it returns."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from paiwatch.errors import StoreError
from paiwatch.execution.outage import Outage
from paiwatch.record.store import Store

T = TypeVar("T")


class StoreThread:
    """Runs blocking work of the store in order, off the event loop. `open` comes first."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._store: Store | None = None

    async def open(self, build: Callable[[], Store]) -> None:
        """Open the store in its thread. Raises StoreError."""
        self._store = await self._apart(build)

    async def do(self, work: Callable[[Store], T]) -> T:
        """Do this after everything asked for before it; its exceptions are raised here."""
        store = self._store
        assert store is not None, "the store is not open"
        return await self._apart(lambda: work(store))

    async def insist(self, work: Callable[[Store], T]) -> T:
        """The same, for what the engine has decided already: again and again, until it is written.

        Raises StoreError once the outage is given up: paiwatch is ending.
        """
        return await self.outage.outlast(lambda: self.do(work))

    def call(self, work: Callable[[Store], T]) -> T:
        """The same as `do`, for another thread than the event loop's, which waits here: the store's own waits for nobody.

        Raises StoreError also once the store is closed.
        """
        store = self._store
        assert store is not None, "the store is not open"
        try:
            done = self._thread.submit(lambda: work(store))
        except RuntimeError as fault:
            raise StoreError("the record is closed: paiwatch is ending") from fault
        return done.result()

    async def close(self) -> None:
        """Finish what was asked for, close the store and end the thread."""
        if self._store is not None:
            await self._apart(self._store.close)
        self._thread.shutdown(wait=True)

    async def _apart(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
