"""Pruning: what retention no longer keeps is forgotten, beside the event loop and never near a run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from paiwatch import disk
from paiwatch.errors import StoreError
from paiwatch.execution.runner import LocalExecutor
from paiwatch.execution.store_thread import StoreThread
from paiwatch.news import Listener, PruneFailed
from paiwatch.settings.sections import Retention

#: Begins a task under a name.
Begin = Callable[[Coroutine[Any, Any, None], str], None]


class Pruning:
    """One at a time; what is asked for while it goes on is done right after."""

    def __init__(
        self, keep: Retention, *, state: Path, store: StoreThread, executor: LocalExecutor, tell: Listener
    ) -> None:
        self._keep = keep
        self._state = state
        self._store = store
        self._executor = executor
        self._tell = tell
        self._is_under_way = self._once_more = False
        self._kept_off = 0

    def ask(self, begin: Begin) -> None:
        """Something is over."""
        self._once_more = True
        if not self._is_under_way:
            self._is_under_way = True
            begin(self._work(), "prune")

    @asynccontextmanager
    async def kept_off(self) -> AsyncIterator[None]:
        """While this is entered no archived release is removed: of some nobody knows yet."""
        self._kept_off += 1
        try:
            yield
        finally:
            self._kept_off -= 1

    async def _work(self) -> None:
        try:
            while self._once_more:
                self._once_more = False
                await self._prune()
        except StoreError as fault:
            self._tell(PruneFailed(message=str(fault)))
        finally:
            self._is_under_way = False

    async def _prune(self) -> None:
        keep = self._keep
        pruned = await self._store.do(
            lambda store: store.prune(
                runs=keep.runs, generations=keep.generations, releases=keep.releases, events=keep.events
            )
        )
        try:
            for log in pruned.logs:
                await asyncio.to_thread(log.unlink, missing_ok=True)
            if self._executor.is_idle and not self._kept_off:
                await self._executor.staging.prune(pruned.keep)
        except OSError as fault:
            raise StoreError(
                f"{fault.filename or self._state}: cannot be removed: {disk.explain(fault)}"
            ) from fault
