"""What the daemon does all its life besides deciding: look again when nudged, tell systemd how it stands.

Each function is one task of the daemon's task group, and ends by being cancelled.
"""

import asyncio
import os
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

from paiwatch import logs
from paiwatch.daemon import lookback, notify
from paiwatch.daemon.event_loop import EventLoop
from paiwatch.daemon.lookout import Lookout, tell_refusals
from paiwatch.engine.events import LingeringEnded
from paiwatch.errors import StalledError, StoreError, TransientError
from paiwatch.news import (
    CommitRefused,
    DaemonMoved,
    Listener,
    LookFailed,
    LookRecovered,
    News,
    Phase,
    RefusalEnded,
    StateFailed,
    StateRecovered,
)
from paiwatch.sources.nudge import POLL, Nudges
from paiwatch.sources.refused_commit import Refusal

#: Seconds between requests to systemd for more start or stop time.
EXTEND_EVERY = 10.0

_LOG = logs.get_logger(__name__)
_FOLLOWING = "following the trees"
_LOOK_AGAIN = (
    30.0  # seconds until a failed look is tried again, unless a nudge comes first; twice that after the next
)
_LOOK_BACK = 1.0  # seconds between looks at what nobody could end
_LONGEST_REST = 8  # times that, or polls that do not count, at most


async def keep_looking(
    lookout: Lookout, nudges: Nudges, loop: EventLoop, *, faults: MutableMapping[str, str], tell: Listener
) -> None:
    """Look, tell the event loop, wait for a nudge, for ever. A failed look is told once and tried again by itself, ever more rarely."""
    lookout.sources.start()
    failing, failures = "", 0
    refused: Mapping[str, Refusal] = {}
    while True:
        try:
            await loop.saw(await lookout.look())
        except (TransientError, StalledError) as fault:
            if str(fault) != failing:
                tell(LookFailed(message=str(fault)))
            failing = faults["sources"] = str(fault)
            failures += 1
        else:
            if failing:
                tell(LookRecovered())
            failing, failures = "", 0
            faults.pop("sources", None)
            earlier, refused = refused, lookout.observation.refusals
            tell_refusals(earlier, refused, tell)
            for name in earlier:
                faults.pop(name, None)
            faults.update({name: str(refusal) for name, refusal in refused.items()})
        await until_worth_a_look(nudges, failures=failures)


async def until_worth_a_look(nudges: Nudges, *, failures: int) -> None:
    """Wait for a nudge. After failed looks, the more of them the more polls do not count; news and people always do."""
    rests = min(1 << min(failures - 1, 10), _LONGEST_REST) if failures else 0
    polls = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_AGAIN * rests if failures else None):
            while all(why.endswith(POLL) for why in await _next(nudges)):
                polls += 1
                if polls >= rests:
                    return


async def _next(nudges: Nudges) -> frozenset[str]:
    """What asks for a look; told to those who want to know why paiwatch looks."""
    why = await nudges.wait()
    _LOG.debug(logs.NUDGED, why=sorted(why))
    return why


async def announce(loop: EventLoop, *, faults: MutableMapping[str, str], tell: Listener) -> None:
    """READY once the first plan is made; until then systemd is asked for patience."""
    planned = loop.planned
    while not planned.is_set():
        doing = loop.outage or faults.get("sources", "reading the trees")
        notify.send(notify.extend(3 * EXTEND_EVERY), notify.status(doing), environ=os.environ)
        with suppress(TimeoutError):
            async with asyncio.timeout(EXTEND_EVERY):
                await planned.wait()
    notify.send(notify.READY, notify.status(_FOLLOWING), environ=os.environ)
    tell(DaemonMoved(phase=Phase.READY))


async def keep_looking_back(loop: EventLoop) -> None:
    """Let services go on whose processes nobody could end, once those are gone. A round costs nothing while there are none."""
    while True:
        await asyncio.sleep(_LOOK_BACK)
        if loop.state.lingering and (gone := await lookback.find_gone(loop.state.lingering.values())):
            loop.post(LingeringEnded(runs=gone))


async def feed_watchdog(loop: EventLoop) -> None:
    """Tell systemd that the event loop still turns: each message has gone through its queue. A living loop alone proves nothing."""
    interval, tries = notify.watchdog_interval(os.environ, os.getpid()), 0
    while interval is not None:
        try:
            await loop.pulse()
        except StoreError:  # it waits for the disk, and lives as long as it tries again
            if tries == loop.tries:
                await asyncio.sleep(1)
                continue
        tries = loop.tries
        notify.send(notify.WATCHDOG, environ=os.environ)
        await asyncio.sleep(interval)


def show(news: News) -> None:
    """Tell systemd's status line what keeps the daemon from its work, and when that is over."""
    match news:
        case StateFailed(message=message) | LookFailed(message=message):
            notify.send(notify.status(message), environ=os.environ)
        case CommitRefused(refusal=refusal):
            notify.send(notify.status(str(refusal)), environ=os.environ)
        case StateRecovered() | LookRecovered() | RefusalEnded():
            notify.send(notify.status(_FOLLOWING), environ=os.environ)


async def ask_for_time(task: "asyncio.Task[None]") -> None:
    """While this task runs on, ask systemd to wait."""
    while not task.done():
        notify.send(notify.extend(3 * EXTEND_EVERY), environ=os.environ)
        await asyncio.wait({task}, timeout=EXTEND_EVERY)
