"""paiwatch's lives, in this process: what a fault beside the work may not do to the work."""

import asyncio
from pathlib import Path

from paiwatch.daemon import life
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
