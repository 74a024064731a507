"""paiwatch's lives, in this process: what a fault beside the work may not do to the work."""

import asyncio
from pathlib import Path

import pytest

from paiwatch.daemon import life
from paiwatch.daemon.assembly import assemble
from paiwatch.daemon.bus import Bus
from paiwatch.errors import StoreError
from paiwatch.news import News
from paiwatch.scrub import Scrubber
from paiwatch.settings.file import load
from tests.cli.worlds import a_world


def test_a_listener_that_raises_costs_nothing_but_what_it_would_have_told(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    heard: list[News] = []

    def listen(news: News) -> None:
        heard.append(news)
        raise KeyError("a bug of the listener")

    done = asyncio.run(life.once(load(world.settings, {}), Scrubber(), listen))

    assert done.succeeded
    assert len(heard) == 1


async def test_a_command_that_comes_when_nobody_decides_any_more_is_refused(tmp_path: Path) -> None:
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    async with assemble(
        load(a_world(tmp_path).settings, {}),
        command="test",
        bus=Bus(),
        scrubber=Scrubber(),
        converges=False,
    ) as parts:
        parts.decider.drain()
        behind = asyncio.create_task(parts.decider.between_events(work))
        await asyncio.sleep(0)  # it waits in the inbox, behind the request to end
        await parts.decider.run()
        async with asyncio.timeout(10):
            for asked in (behind, parts.decider.between_events(work)):
                with pytest.raises(StoreError, match="nothing was done"):
                    await asked

    assert begun == []
