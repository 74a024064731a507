"""The bus: everybody who wants to hear news hears it here, and nobody can hurt who tells it, nor each other.

`tell` is called in the middle of deciding: it never raises and never waits. Observers are functions, called at once; followers read at their own
pace from a queue with an end, and are told where they missed something.
"""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from types import TracebackType
from typing import Self

from paiwatch import logs
from paiwatch.news import Listener, Missed, News

#: News that may wait for one follower.
PATIENCE = 10_000

_LOG = logs.get_logger(__name__)


class Bus:
    """Tells news, in order, to observers first and then to followers. It belongs to the event loop's thread.

    The observers it is built with (the log, systemd's status line) stay for good: one piece of news that one of them cannot tell must not cost all later
    ones. Any other observer that raises is cut off. Both are logged; `faults` counts them by the observer's name.
    """

    def __init__(self, *built_in: Listener) -> None:
        self._built_in = built_in
        self._observers: dict[Listener, None] = {}
        self._followers: dict[Following, None] = {}
        self.faults: Counter[str] = Counter()

    def observe(self, hear: Listener) -> None:
        """Call this with each piece of news from now on, until it raises."""
        self._observers[hear] = None

    def follow(self, *, limit: int = PATIENCE) -> "Following":
        """A follower that hears what is told while it is entered; at most `limit` pieces of news wait for it."""
        return Following(self._followers, limit=limit)

    def tell(self, news: News) -> None:
        """Tell this to everybody who listens now."""
        for hear in self._built_in:
            self._call(hear, news)
        for hear in tuple(self._observers):
            if not self._call(hear, news):
                self._observers.pop(hear, None)
        for following in tuple(self._followers):
            following.put(news)

    def _call(self, hear: Listener, news: News) -> bool:
        """Whether it heard this."""
        try:
            hear(news)
        # What an observer finds cancelled is not the task that tells.
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 (not swallowed: logged, counted, cut off)
            self._blame(hear, news)
            return False
        return True

    def _blame(self, hear: Listener, news: News) -> None:
        name = getattr(hear, "__qualname__", type(hear).__qualname__)
        self.faults[name] += 1
        stays = hear in self._built_in
        with suppress(Exception):  # where the log itself fails nobody can be told
            _LOG.exception(logs.FOLLOWER_FAILED, follower=name, news=type(news).__name__, cut_off=not stays)


class Following:
    """One follower's place at the bus: `async with bus.follow() as following`, then `async for news in following`.

    Where more is told than may wait, one `Missed` stands in the place of all that did not fit. The iteration ends after `end` was called.
    """

    def __init__(self, followers: "dict[Following, None]", *, limit: int) -> None:
        self._followers = followers
        self._limit = limit
        self._waiting: deque[News | Missed] = deque()
        self._arrived = asyncio.Event()
        self._has_ended = False

    def put(self, news: News) -> None:
        """Let this wait for the follower, or count it as missed. Of no effect after the end."""
        if self._has_ended:
            return
        if len(self._waiting) < self._limit:
            self._waiting.append(news)
        elif self._waiting and isinstance(last := self._waiting[-1], Missed):
            self._waiting[-1] = Missed(count=last.count + 1)
        else:
            self._waiting.append(Missed(count=1))
        self._arrived.set()

    def end(self) -> None:
        """Hear nothing more; what waits is still delivered."""
        self._has_ended = True
        self._arrived.set()

    async def __aenter__(self) -> Self:
        self._followers[self] = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._followers.pop(self, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News | Missed:
        while not self._waiting:
            if self._has_ended:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()
