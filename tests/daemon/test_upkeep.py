import asyncio

import pytest

from paiwatch.daemon.upkeep import until_worth_a_look
from paiwatch.sources.nudge import Nudges


async def polls_until_it_looks(failures: int, *, most: int = 20) -> int:
    """How many polls it takes, one after the other."""
    nudges = Nudges()
    waiting = asyncio.create_task(until_worth_a_look(nudges, failures=failures))
    for polls in range(1, most + 1):
        nudges.nudge("config: poll")
        for _ in range(10):
            await asyncio.sleep(0)
        if waiting.done():
            return polls
    waiting.cancel()
    raise AssertionError(f"not after {most} polls")


@pytest.mark.parametrize(("failures", "polls"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (2000, 8)])
async def test_the_more_looks_failed_the_more_polls_it_takes(failures: int, polls: int) -> None:
    assert await polls_until_it_looks(failures) == polls


@pytest.mark.parametrize("why", ["config: branch moved", "SIGHUP", "control: nudge"])
async def test_news_and_people_are_heard_at_once(why: str) -> None:
    nudges = Nudges()
    nudges.nudge("config: poll")
    nudges.nudge(why)

    async with asyncio.timeout(10):
        await until_worth_a_look(nudges, failures=9)


async def test_silence_is_no_reason_to_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paiwatch.daemon.upkeep._LOOK_AGAIN", 0.001)

    async with asyncio.timeout(10):
        await until_worth_a_look(Nudges(), failures=3)
