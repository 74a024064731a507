"""Nudges: "look again", from any thread. A nudge carries why for people's eyes, never facts to act on."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: How the why of a poll ends: it tells of no news, only of time that has passed.
POLL = ": poll"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pending:
    """Nudges that came since the last wait: when the first came, and when all of them have been quiet long enough."""

    first: float
    due: float
    whys: frozenset[str]


class Nudges:
    """Coalesces nudges until somebody waits for them. `nudge` is safe from any thread and from signal callbacks.

    One task waits at a time. `clock` gives seconds and never goes back.
    """

    def __init__(self, *, longest: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: _Pending | None = None
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def nudge(self, why: str, *, settle: float = 0.0) -> None:
        """Ask for a look once nothing has nudged for `settle` seconds, but never later than `longest` after the first."""
        now = self._clock()
        with self._lock:
            old = self._pending or _Pending(first=now, due=now, whys=frozenset())
            due = min(max(old.due, now + settle), old.first + max(self._longest, settle))
            whys = old.whys if why in old.whys else old.whys | {why}
            is_news = self._pending is None
            self._pending = _Pending(first=old.first, due=due, whys=whys)
            waiter = self._waiter if is_news else None
        if waiter is not None:
            _wake(*waiter)

    async def wait(self) -> frozenset[str]:
        """Wait until a nudge came and has settled; gives the whys of all that came meanwhile and forgets them."""
        arrived = asyncio.Event()
        waiter = (asyncio.get_running_loop(), arrived)
        with self._lock:
            self._waiter = waiter
        try:
            while True:
                whys, remaining = self._take()
                if whys is not None:
                    return whys
                if remaining is None:
                    await arrived.wait()
                    arrived.clear()
                else:
                    await asyncio.sleep(remaining)
        finally:
            with self._lock:
                if self._waiter is waiter:
                    self._waiter = None

    def _take(self) -> tuple[frozenset[str] | None, float | None]:
        """The settled whys; or the seconds until they have settled; or neither when nobody nudged."""
        with self._lock:
            if self._pending is None:
                return None, None
            remaining = self._pending.due - self._clock()
            if remaining > 0:
                return None, remaining
            whys, self._pending = self._pending.whys, None
            return whys, None


def _wake(loop: asyncio.AbstractEventLoop, arrived: asyncio.Event) -> None:
    """Set the event from any thread; a loop that has just closed has nobody left to wake."""
    try:
        loop.call_soon_threadsafe(arrived.set)
    except RuntimeError:
        if not loop.is_closed():
            raise
