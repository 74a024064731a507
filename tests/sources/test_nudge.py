import asyncio
import threading

import pytest

from paiwatch.sources.nudge import Nudges


async def wait(nudges: Nudges) -> frozenset[str]:
    return await asyncio.wait_for(nudges.wait(), 10)


async def test_a_nudge_that_came_before_the_wait_is_not_lost() -> None:
    nudges = Nudges()
    nudges.nudge("SIGHUP")

    assert await wait(nudges) == {"SIGHUP"}


async def test_nudges_from_many_threads_coalesce_and_none_is_lost() -> None:
    nudges = Nudges()

    def nudge_often(name: int) -> None:
        for turn in range(200):
            nudges.nudge(f"{name}-{turn}")

    threads = [threading.Thread(target=nudge_often, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    while len(seen) < 800:
        seen |= await wait(nudges)
    for thread in threads:
        thread.join()

    assert len(seen) == 800


async def test_a_thread_wakes_the_loop_that_waits() -> None:
    nudges = Nudges()
    waiting = asyncio.create_task(wait(nudges))
    await asyncio.sleep(0)

    await asyncio.to_thread(nudges.nudge, "push")

    assert await waiting == {"push"}


async def test_after_it_was_taken_a_nudge_is_forgotten() -> None:
    nudges = Nudges()
    nudges.nudge("once")
    await wait(nudges)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(nudges.wait(), 0.02)

    nudges.nudge("again")
    assert await wait(nudges) == {"again"}


async def test_files_settle_before_they_are_looked_at() -> None:
    now = [0.0]
    nudges = Nudges(longest=5, clock=lambda: now[0])
    nudges.nudge("file", settle=0.02)
    waiting = asyncio.create_task(nudges.wait())
    now[0] = 0.01
    nudges.nudge("file", settle=0.02)

    with pytest.raises(TimeoutError):  # the clock still says 0.01: nothing has settled
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)

    now[0] = 0.031
    assert await asyncio.wait_for(waiting, 10) == {"file"}


async def test_noise_that_never_ends_delays_no_longer_than_the_limit() -> None:
    now = [0.0]
    nudges = Nudges(longest=5, clock=lambda: now[0])
    for tick in range(51):
        now[0] = tick / 10
        nudges.nudge("noise", settle=0.5)

    assert await wait(nudges) == {"noise"}


def test_a_nudge_without_a_loop_or_after_it_closed_does_no_harm() -> None:
    nudges = Nudges()
    nudges.nudge("early")
    assert asyncio.run(nudges.wait()) == {"early"}

    nudges.nudge("late")
    assert asyncio.run(nudges.wait()) == {"late"}
