"""The bus: who hears what, and what a listener that is slow or wrong may not do to the others."""

import asyncio
import logging

import pytest

from paiwatch.daemon.bus import Bus
from paiwatch.news import Listener, LookFailed, Missed, News


def news(number: int) -> LookFailed:
    return LookFailed(message=str(number))


def wrong(heard: list[News], fault: BaseException | None = None) -> Listener:
    """A listener that raises each time."""

    def listen(what: News) -> None:
        heard.append(what)
        raise fault or KeyError("a bug of the listener")

    return listen


@pytest.mark.parametrize(
    "fault", [KeyError("x"), asyncio.CancelledError(), RecursionError(), MemoryError()], ids=repr
)
def test_a_foreign_observer_that_raises_is_logged_and_cut_off(
    fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[News] = []
    good: list[News] = []
    bus = Bus()
    bus.observe(wrong(bad, fault))
    bus.observe(good.append)

    bus.tell(news(1))
    bus.tell(news(2))

    assert bad == [news(1)]
    assert good == [news(1), news(2)]
    assert sum(bus.faults.values()) == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "follower.failed" in caplog.text
    assert "'exc_info': True" in caplog.text


def test_an_observer_that_is_built_in_stays_and_each_fault_of_it_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad: list[News] = []
    good: list[News] = []
    bus = Bus(wrong(bad), good.append)

    bus.tell(news(1))
    bus.tell(news(2))

    assert bad == good == [news(1), news(2)]
    assert caplog.text.count("follower.failed") == 2


def test_one_that_is_asked_to_stop_the_program_is_heard() -> None:
    bus = Bus(wrong([], KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        bus.tell(news(1))


def test_an_observer_may_tell_news_and_bring_observers() -> None:
    bus, late, told = Bus(), list[News](), list[News]()

    def listen(what: News) -> None:
        told.append(what)
        if what == news(1):
            bus.observe(late.append)
            bus.tell(news(2))

    bus.observe(listen)
    bus.tell(news(1))

    assert told == [news(1), news(2)]
    assert late == [news(2)]


async def test_a_follower_hears_what_is_told_while_it_listens() -> None:
    bus = Bus()
    bus.tell(news(0))
    async with bus.follow() as following:
        bus.tell(news(1))
        bus.tell(news(2))
        following.end()
        bus.tell(news(3))

        assert [what async for what in following] == [news(1), news(2)]


async def test_a_follower_that_waits_is_woken_by_news_and_by_the_end() -> None:
    bus = Bus()
    heard: list[News | Missed] = []

    async def follow() -> None:
        async with bus.follow() as following:
            async for what in following:
                heard.append(what)
                if what == news(2):
                    asyncio.get_running_loop().call_soon(following.end)

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(follow())
        await asyncio.sleep(0)
        bus.tell(news(1))
        await asyncio.sleep(0)
        bus.tell(news(2))

    assert heard == [news(1), news(2)]


async def test_one_that_reads_too_slowly_is_told_where_it_missed_how_much() -> None:
    bus = Bus()
    async with bus.follow(limit=2) as following, bus.follow() as quick:
        for number in range(5):
            bus.tell(news(number))
        assert [await anext(following) for _ in range(2)] == [news(0), news(1)]
        bus.tell(news(5))
        bus.tell(news(6))
        bus.tell(news(7))
        following.end()
        quick.end()

        assert [what async for what in following] == [Missed(count=3), news(5), Missed(count=2)]
        assert [what async for what in quick] == [news(number) for number in range(8)]


async def test_one_that_left_is_forgotten() -> None:
    bus = Bus()
    with pytest.raises(LookupError):
        async with bus.follow() as following:
            raise LookupError
    bus.tell(news(1))
    following.end()

    assert [what async for what in following] == []
