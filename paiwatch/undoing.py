"""Undoing: `paiwatch rollback` runs an earlier good release of a service again, and tells each step as it goes."""

import asyncio
from collections.abc import AsyncIterator

from paiwatch.desk import Desk, Reply, Request
from paiwatch.errors import ConfigError
from paiwatch.management import until
from paiwatch.news import News
from paiwatch.report.tidings import told
from paiwatch.rollbacks import Turn


async def roll_back(desk: Desk, request: Request) -> AsyncIterator[Reply]:
    """Roll one service back. The last reply has "succeeded", null when it is written down and nothing of it runs now."""
    heard: asyncio.Queue[News | None] = asyncio.Queue()
    desk.listeners.add(heard.put_nowait)
    try:
        turn, outcome = await desk.decider.between_events(lambda: _begin(desk, request))
        if not isinstance(outcome, str):
            async for news in until(outcome, heard):
                if (reply := told(news)) is not None:
                    yield reply
        yield {
            "ok": True,
            "succeeded": None if isinstance(outcome, str) else outcome.result(),
            "service": turn.service,
            "release": turn.release,
            "instead_of": turn.failed,
            "followers": sorted(turn.pins.keys() - {turn.service}),
            "note": outcome if isinstance(outcome, str) else "",
        }
    finally:
        desk.listeners.discard(heard.put_nowait)


async def _begin(desk: Desk, request: Request) -> "tuple[Turn, asyncio.Future[bool] | str]":
    service, to, reason = (str(request.get(key) or "") for key in ("service", "to", "reason"))
    if not service:
        raise ConfigError("a rollback needs the name of a service")
    turn = await desk.decider.rollbacks.choose(service, to, reason, desk.desired)
    return turn, await desk.decider.roll_back(turn)
