"""The inbox of the event loop: what happened, in its order, and who waits for what follows from it."""

import asyncio
from dataclasses import dataclass

from paiwatch.clock import Clock
from paiwatch.engine.events import Event, Ticked


@dataclass(frozen=True, slots=True)
class Item:
    """What waits to be handled. Who waits for `done` is told when it is, or when what was seen is planned."""

    event: Event | None = None
    done: asyncio.Future[None] | None = None


class Inbox:
    """Everybody may put something in; the event loop alone takes it out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._waiting: list[asyncio.Future[None]] = []  # for what was seen to be planned

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to handle."""
        return self._items.empty()

    def post(self, event: Event) -> None:
        """Have it handled in its turn."""
        self._items.put_nowait(Item(event))

    def post_and_wait(self, event: Event | None) -> asyncio.Future[None]:
        """The same, or only take a turn; what is given is done when everything that follows is planned."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._items.put_nowait(Item(event, done))
        return done

    async def take(self, *, until: float | None) -> Item:
        """The next one; at the steady time `until`, that this time has come."""
        if until is None:
            return await self._items.get()
        try:
            return await asyncio.wait_for(self._items.get(), max(0.0, until - self._clock.monotonic()))
        except TimeoutError:
            return Item(Ticked())

    def handled(self, item: Item) -> None:
        """Who waits for it waits for the next plan from now on."""
        if item.done is not None:
            self._waiting.append(item.done)

    def release(self) -> None:
        """Tell those who wait: it is planned."""
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if not done.done():
                done.set_result(None)

    def close(self) -> None:
        """Nobody takes anything out any more: nobody waits for ever."""
        while not self._items.empty():
            self.handled(self._items.get_nowait())
        self.release()
